//! A tenant in a store that is watched.

use std::sync::Arc;

use crate::crypto::{Keyring, LocalRoot};
use crate::domain::access::{Principal, PrincipalSource};
use crate::domain::id::{IdentityUid, SecretUid};
use crate::domain::{Expected, Result};
use crate::ports::clock::SystemClock;
use crate::ports::fake::{AttendedStore, NoNetwork, NoPlugins};
use crate::ports::kv::KvStore;
use crate::records::{Key, Kind, Records};
use crate::service::Services;
use crate::service::context::{Core, HostCtx, TenantCtx};
use crate::service::environments::NewEnvironment;
use crate::service::folders::Place;
use crate::service::plugins::PluginPolicy;
use crate::service::secrets::gather::{Gathering, Showing};
use crate::service::secrets::{BatchSet, ReadOptions, SecretChange};
use crate::service::tenants::NewTenant;
use crate::store::MemoryStore;

/// The tenant `acme` with the environment `prod`.
pub(super) struct House {
    pub(super) store: Arc<AttendedStore>,
    pub(super) services: Services,
    pub(super) host: HostCtx,
    pub(super) ctx: TenantCtx,
}

impl House {
    pub(super) async fn new() -> Self {
        let root = LocalRoot::from_text(&"00112233445566778899aabbccddeeff".repeat(2).into()).expect("a root key");
        let (keyring, _) = Keyring::create(&root).await.expect("a keyring");
        let store = AttendedStore::over(Arc::new(MemoryStore::new()));
        let records = Records::new(Arc::clone(&store) as Arc<dyn KvStore>, Arc::new(keyring));
        let clock = Arc::new(SystemClock);
        let core = Core { records, clock, runner: Arc::new(NoPlugins), egress: Arc::new(NoNetwork) };
        let services = Services::open(core, PluginPolicy::default()).await.expect("a new installation");
        let host = HostCtx::authorised(administrator(), "request".to_owned());
        let ctx = tenant(&services, &host, "acme").await;
        let new = NewEnvironment { slug: "prod".parse().expect("a slug"), display_name: None, position: None };
        services.environments.create(&ctx, &new).await.expect("an environment");
        Self { store, services, host, ctx }
    }

    pub(super) async fn folder(&self, path: &str) {
        self.services.folders.create(&self.ctx, &place(path)).await.expect("a folder");
    }

    pub(super) async fn set(&self, path: &str, name: &str, value: &str) -> SecretUid {
        set(&self.services, &self.ctx, path, name, value).await
    }

    /// All of these in one batch.
    pub(super) async fn set_all(&self, sets: &[BatchSet]) -> Result<()> {
        let environment = place("/").environment;
        self.services.secrets.batch(&self.ctx, &environment, sets, &[]).await.map(|_| ())
    }

    /// The value of a secret, references and all.
    pub(super) async fn value(&self, path: &str, name: &str) -> Option<String> {
        let options = ReadOptions { values: true, ..ReadOptions::default() };
        let (place, name) = (place(path), name.parse().expect("a name"));
        let read = self.services.secrets.read(&self.ctx, &place, &name, options);
        read.await.ok().and_then(|read| read.value).map(|value| value.expose().clone())
    }

    /// How many rows of a kind the tenant has.
    pub(super) async fn rows(&self, kind: Kind) -> usize {
        let view = self.services.core.records.view().await.expect("a store");
        view.keys(&Key::new(self.ctx.tenant(), kind)).await.expect("a store").len()
    }
}

fn administrator() -> Principal {
    let (identity, source) = (IdentityUid::from_bytes([1; 16]), PrincipalSource::Host);
    Principal { identity, name: "tester".to_owned(), source, is_administrator: true }
}

/// A new tenant, and what its owner may do.
pub(super) async fn tenant(services: &Services, host: &HostCtx, id: &str) -> TenantCtx {
    let new = NewTenant { slug: id.parse().expect("a slug"), display_name: None };
    let made = services.tenants.create(host, new).await.expect("a tenant").value;
    TenantCtx::for_test(made.uid, made.slug)
}

pub(super) async fn set(services: &Services, ctx: &TenantCtx, path: &str, name: &str, value: &str) -> SecretUid {
    let (place, name) = (place(path), name.parse().expect("a name"));
    let written = services.secrets.set(ctx, &place, &name, change(value), &Expected::Any).await;
    written.expect("a secret").overview.uid
}

pub(super) fn change(value: &str) -> SecretChange {
    SecretChange { value: Some(value.into()), ..SecretChange::default() }
}

/// A secret of a batch.
pub(super) fn batched(path: &str, name: &str, change: SecretChange) -> BatchSet {
    let name = name.parse().expect("a name");
    BatchSet { path: place(path).path, name, change, expected: Expected::Any }
}

/// All secrets of a folder with their values.
pub(super) fn gathering(path: &str, expand: bool) -> Gathering {
    let showing = Showing { values: true, expand, ..Showing::default() };
    Gathering { place: place(path), recursive: true, showing, tags: Vec::new(), metadata: Vec::new() }
}

pub(super) fn place(path: &str) -> Place {
    Place { environment: "prod".parse().expect("a slug"), path: path.parse().expect("a path") }
}
