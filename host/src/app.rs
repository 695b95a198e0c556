//! The composition root: configuration -> adapters -> services -> API and engine, and the way back down.

mod adapters;
mod error;
mod first_start;
mod upkeep;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{self, ApiSettings, Rate};
use crate::config::Config;
use crate::crypto::Keyring;
use crate::domain::Secret;
use crate::ports::meter::Meter;
use crate::ports::plugin::{Inspected, PluginRunner};
use crate::service::Services;
use crate::store::{OpenError, RedbStore};
use crate::sync::{EngineHandle, EngineOptions, SyncEngine};
use crate::telemetry::Metrics;

use adapters::Absent;

pub use adapters::{Program, RootKeyOrigin};
pub use error::StartError;
pub use first_start::{check_first_start, is_first_start};

/// A host that serves.
pub struct App {
    pub services: Services,
    /// Where the API listens, with the port that was chosen where the configuration said 0.
    pub address: SocketAddr,
    /// The administrator's token; only at the first start of an installation.
    pub administrator_token: Option<Secret<String>>,
    /// Where the root key came from.
    pub root_key: RootKeyOrigin,
    store: Arc<RedbStore>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    engine: EngineHandle,
    upkeep: JoinHandle<()>,
}

/// Everything but the network: what `check` and `serve` share.
pub struct Ground {
    pub services: Services,
    pub root_key: RootKeyOrigin,
    store: Arc<RedbStore>,
    meter: Arc<dyn Meter>,
}

impl Ground {
    /// Opens the store with the root key, and puts the services on it. `listener` is closed to plugins.
    ///
    /// # Errors
    /// [`StartError`], naming the step that failed.
    pub async fn open(config: &Config, program: &Program, listener: Option<SocketAddr>) -> Result<Self, StartError> {
        Self::on(adapters::store(config, Absent::Make).await?, config, program, listener).await
    }

    /// Opens what earlier starts made, and makes neither store nor root key; none before the first start.
    ///
    /// # Errors
    /// As [`Ground::open`].
    pub async fn find(config: &Config, program: &Program) -> Result<Option<Self>, StartError> {
        if is_first_start(config) {
            return Ok(None);
        }
        match adapters::store(config, Absent::Refuse).await {
            Err(StartError::Store(OpenError::Missing { .. })) => Ok(None),
            opened => Self::on(opened?, config, program, None).await.map(Some),
        }
    }

    async fn on(
        (store, root_key, keyring): (Arc<RedbStore>, RootKeyOrigin, Keyring),
        config: &Config,
        program: &Program,
        listener: Option<SocketAddr>,
    ) -> Result<Self, StartError> {
        let meter: Arc<dyn Meter> = Arc::new(Metrics::new());
        let core = adapters::core(config, (store.clone(), keyring), program, (meter.clone(), listener)).await?;
        let services = Services::open(core, program.policy).await.map_err(StartError::Services)?;
        Ok(Self { services, root_key, store, meter })
    }

    /// Makes every active plugin ready; those that fail are logged, and their calls fail with the reason.
    ///
    /// # Errors
    /// [`StartError::Services`] when the store fails.
    pub async fn load_plugins(&self) -> Result<(), StartError> {
        for (plugin, error) in self.services.plugins.load_active().await.map_err(StartError::Services)? {
            tracing::error!(plugin.id = %plugin, error = %error, "the plugin could not be loaded");
        }
        Ok(())
    }

    /// Closes the store in good order.
    ///
    /// # Errors
    /// [`StartError::Close`].
    pub async fn close(self) -> Result<(), StartError> {
        self.store.close().await.map_err(StartError::Close)
    }
}

impl App {
    /// Starts the host: it serves when this returns.
    ///
    /// # Errors
    /// [`StartError`], naming the step that failed.
    pub async fn start(config: &Config, program: &Program) -> Result<Self, StartError> {
        let (listener, address) = listen(config).await?;
        let ground = Ground::open(config, program, Some(address)).await?;
        ground.load_plugins().await?;
        let Ground { services, root_key, store, meter } = ground;
        let bootstrapped = services.identities.bootstrap_administrator().await.map_err(StartError::Services)?;
        let engine = engine(config, &services, meter.clone()).await?;
        let router = api::router(services.clone(), meter, &settings(config));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(api::serve(listener, router, stopped, config.server.shutdown_timeout));
        let upkeep = upkeep::begin(services.clone(), store.clone());
        Ok(Self {
            services,
            address,
            administrator_token: bootstrapped.map(|(_, token)| token.token),
            root_key,
            store,
            stop,
            server,
            engine: engine.start(),
            upkeep,
        })
    }

    /// Stops in order: no new requests, requests in flight end, the engine stops, the store closes.
    ///
    /// # Errors
    /// [`StartError::Close`] when the store cannot be closed in good order; nothing acknowledged is lost even so.
    pub async fn stop(self) -> Result<(), StartError> {
        self.upkeep.abort();
        self.stop.send_replace(true);
        if self.server.await.is_err() {
            tracing::error!("the server task failed while stopping");
        }
        self.engine.stop().await;
        self.store.close().await.map_err(StartError::Close)
    }
}

/// Whether the host could listen where it is to.
///
/// # Errors
/// [`StartError::Listen`].
pub async fn check_address(config: &Config) -> Result<(), StartError> {
    listen(config).await.map(drop)
}

async fn listen(config: &Config) -> Result<(TcpListener, SocketAddr), StartError> {
    let address = config.server.listen;
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let chosen = listener.local_addr().map_err(failed)?;
    Ok((listener, chosen))
}

/// The engine of syncs, which the services plan with.
async fn engine(config: &Config, services: &Services, meter: Arc<dyn Meter>) -> Result<SyncEngine, StartError> {
    let options = EngineOptions {
        runs_max: config.sync.runs_max,
        drift_check_interval: config.sync.drift_check_interval,
        ..EngineOptions::default()
    };
    let destinations = Arc::new(services.connections.clone());
    let engine = SyncEngine::open(services.core.clone(), destinations, meter, options).await;
    let engine = engine.map_err(StartError::Services)?;
    services.syncs.plan_with(Arc::new(engine.clone()));
    Ok(engine)
}

/// Checks, compiles and describes a component, without installing it.
///
/// # Errors
/// `component_rejected` with the reason, and what else keeps it from being installed.
pub async fn inspect(component: Vec<u8>, program: &Program) -> Result<Inspected, StartError> {
    let runner = adapters::bare_runner(program)?;
    runner.inspect(component).await.map_err(StartError::Inspect)
}

/// The OpenAPI document of this build.
#[must_use]
pub fn openapi_json() -> String {
    api::openapi_json()
}

/// Compiles one component from standard input to standard output, within the limits it sets itself.
#[must_use]
pub fn compile_worker() -> ExitCode {
    crate::runtime::compile_worker_main()
}

fn settings(config: &Config) -> ApiSettings {
    let rate = |per_second, burst| (per_second > 0).then_some(Rate { per_second, burst });
    let server = &config.server;
    ApiSettings {
        address_rate: rate(server.requests_per_second.saturating_mul(2), server.requests_burst.saturating_mul(2)),
        principal_rate: rate(server.requests_per_second, server.requests_burst),
    }
}
