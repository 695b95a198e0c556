//! The sandbox: plugins as WebAssembly components under wasmtime. Nothing outside this module names wasmtime.
//!
//! Every call gets a fresh instance with its own limits, reaches the network only through [`ports::egress`](crate::ports::egress),
//! and is dropped afterwards. What a guest may do is the list in `linker`; what it may use is counted in `limits`; why it
//! failed is told in `error`.

mod artifact;
mod bindings;
mod cache;
mod call;
mod compile;
mod convert;
mod engine;
mod error;
mod inspect;
mod limits;
mod linker;
mod options;
mod report;
mod scrub;
mod state;
mod voice;
mod wasi;
mod weight;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use wasmtime::Store;
use wasmtime::component::Instance;

pub use self::cache::CacheError;
pub use self::compile::CompileError;
pub use self::compile::worker::compile_worker_main;
pub use self::engine::EngineError;
pub use self::error::RunnerError;
pub use self::options::{CodeCacheOptions, CompileLimits, CompileWorker, WasmRunnerOptions};
pub use self::report::{CallObserver, CallReport, Usage, outcome_word};

use self::cache::CodeCache;
use self::call::{Caller, Task, Work};
use self::compile::Compiler;
use self::convert::{GuestChanges, GuestConnection};
use self::engine::PluginEngine;
use self::inspect::Inspector;
use self::linker::Linked;
use self::state::CallState;
use self::voice::Voice;
use self::weight::Weight;
use crate::domain::destination::{
    Account, Application, Change, ChoicePage, DestinationIdentity, Observation, OpaqueContext, Scope,
};
use crate::domain::id::Digest;
use crate::domain::plugin::{CallFailure, Operation};
use crate::ports::plugin::{InspectFailure, Inspected, PluginCall, PluginRunner};

/// Runs plugins under wasmtime.
pub struct WasmRunner {
    inspector: Inspector,
    caller: Caller,
    loaded: RwLock<HashMap<Digest, Arc<Linked>>>,
}

/// Why there is no runner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The cache of compiled code.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl WasmRunner {
    /// Starts the engine and its clock, and opens the cache. Calls need a tokio runtime with time enabled.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(options: WasmRunnerOptions) -> Result<Self, StartError> {
        let engine = PluginEngine::start(options.max_concurrent_calls)?;
        let linker = Arc::new(linker::linker(&engine.engine).map_err(EngineError::Link)?);
        let cache = options.cache.map(|cache| CodeCache::open(cache, &engine.engine)).transpose()?.map(Arc::new);
        let compiler = Compiler::new(options.worker, options.compile);
        let slots = Arc::new(Semaphore::new(options.max_concurrent_calls.max(1) as usize));
        let caller = Caller { engine, slots, queue_wait: options.queue_wait, observer: options.observer };
        Ok(Self { inspector: Inspector { linker, compiler, cache }, caller, loaded: RwLock::default() })
    }

    /// A table that a panic left behind is still whole: every change to it is one insertion or removal.
    fn linked(&self, digest: &Digest) -> Result<Arc<Linked>, CallFailure> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.get(digest).cloned().ok_or_else(|| RunnerError::NotLoaded.into())
    }

    async fn run<R, T>(
        &self,
        operation: Operation,
        call: PluginCall,
        invoke: impl for<'a> FnOnce(&'a mut Store<CallState>, &'a Instance, &'a Linked, GuestConnection) -> Work<'a, R>
        + Send
        + 'static,
        convert: impl FnOnce(&Voice, R) -> Result<T, CallFailure> + Send + 'static,
    ) -> Result<T, CallFailure>
    where
        R: Weight + Send + 'static,
        T: Send + 'static,
    {
        let linked = self.linked(&call.digest)?;
        let connection = GuestConnection::new(&call.connection);
        let task = Task {
            linked,
            digest: call.digest,
            plugin: call.plugin,
            operation,
            limits: call.limits,
            egress: Some(call.egress),
            secrets: call.secrets,
        };
        self.caller.run(task, move |store, instance, linked| invoke(store, instance, linked, connection), convert).await
    }
}

#[async_trait]
impl PluginRunner for WasmRunner {
    async fn inspect(&self, component: Vec<u8>) -> Result<Inspected, InspectFailure> {
        self.inspector.inspect(&self.caller, component).await
    }

    async fn load(&self, digest: Digest, component: Vec<u8>) -> Result<(), InspectFailure> {
        let component: Arc<[u8]> = component.into();
        if inspect::digest(Arc::clone(&component)).await? != digest {
            return Err(InspectFailure::Rejected("its content does not match its digest".to_owned()));
        }
        let linked = Arc::new(self.inspector.prepare(digest, component).await?);
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).insert(digest, linked);
        Ok(())
    }

    fn unload(&self, digest: Digest) {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).remove(&digest);
    }

    async fn verify(&self, call: PluginCall) -> Result<Account, CallFailure> {
        self.run(
            Operation::Verify,
            call,
            |store, instance, linked, connection| {
                Box::pin(async move { linked.integration(store, instance)?.call_verify(store, &connection.0).await })
            },
            |voice, account| Ok(convert::account(voice, account)),
        )
        .await
    }

    async fn choices(
        &self,
        call: PluginCall,
        scope: &str,
        parameter: &str,
        known: &Map<String, Value>,
        cursor: Option<&str>,
    ) -> Result<ChoicePage, CallFailure> {
        let (scope, parameter) = (scope.to_owned(), parameter.to_owned());
        let (known, cursor) = (convert::settings(known), cursor.map(str::to_owned));
        self.run(
            Operation::Choices,
            call,
            move |store, instance, linked, connection| {
                Box::pin(async move {
                    let guest = linked.integration(store, instance)?;
                    guest.call_choices(store, &connection.0, &scope, &parameter, &known, cursor.as_deref()).await
                })
            },
            |voice, page| Ok(convert::choice_page(voice, page)),
        )
        .await
    }

    async fn check(&self, call: PluginCall, destination: &Map<String, Value>) -> Result<Account, CallFailure> {
        let destination = convert::settings(destination);
        self.run(
            Operation::Check,
            call,
            move |store, instance, linked, connection| {
                Box::pin(async move {
                    linked.destination(store, instance)?.call_check(store, &connection.0, &destination).await
                })
            },
            |voice, account| Ok(convert::account(voice, account)),
        )
        .await
    }

    async fn identify(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
    ) -> Result<DestinationIdentity, CallFailure> {
        let destination = convert::settings(destination);
        self.run(
            Operation::Identify,
            call,
            move |store, instance, linked, connection| {
                Box::pin(async move {
                    linked.destination(store, instance)?.call_identify(store, &connection.0, &destination).await
                })
            },
            |_, identity| convert::identity(identity),
        )
        .await
    }

    async fn observe(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation, CallFailure> {
        let destination = convert::settings(destination);
        let (scope, cursor) = (convert::guest_scope(scope), cursor.map(str::to_owned));
        self.run(
            Operation::Observe,
            call,
            move |store, instance, linked, connection| {
                Box::pin(async move {
                    let guest = linked.destination(store, instance)?;
                    guest.call_observe(store, &connection.0, &destination, &scope, cursor.as_deref()).await
                })
            },
            |_, observation| convert::observation(observation),
        )
        .await
    }

    async fn apply(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        changes: &[Change],
        document_version: Option<&str>,
        context: Option<&OpaqueContext>,
    ) -> Result<Application, CallFailure> {
        let (destination, count) = (convert::settings(destination), changes.len());
        let (changes, version) = (GuestChanges::new(changes), document_version.map(str::to_owned));
        let context = context.cloned();
        self.run(
            Operation::Apply,
            call,
            move |store, instance, linked, connection| {
                Box::pin(async move {
                    let guest = linked.destination(store, instance)?;
                    let context = context.as_ref().map(|context| context.0.as_str());
                    guest.call_apply(store, &connection.0, &destination, &changes.0, version.as_deref(), context).await
                })
            },
            move |voice, application| convert::application(voice, application, count),
        )
        .await
    }

    async fn finish(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        changed: &[String],
        context: Option<&OpaqueContext>,
    ) -> Result<(), CallFailure> {
        let (destination, changed) = (convert::settings(destination), changed.to_vec());
        let context = context.cloned();
        self.run(
            Operation::Finish,
            call,
            move |store, instance, linked, connection| {
                Box::pin(async move {
                    let guest = linked.destination(store, instance)?;
                    let context = context.as_ref().map(|context| context.0.as_str());
                    guest.call_finish(store, &connection.0, &destination, &changed, context).await
                })
            },
            |_, ()| Ok(()),
        )
        .await
    }
}
