//! What happens to a component before it may run: format, size, compilation, imports, and a first instance that describes itself.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Linker;

use super::artifact::TrustedArtifact;
use super::cache::CodeCache;
use super::call::{Caller, Task};
use super::compile::Compiler;
use super::linker::{self, LinkFailure, Linked};
use super::state::CallState;
use crate::domain::id::Digest;
use crate::domain::plugin::{CallFailure, Limits, Operation};
use crate::ports::plugin::{InspectFailure, Inspected};

/// The preamble of a component: the magic number, then version 13 of layer 1.
const COMPONENT_PREAMBLE: [u8; 8] = [0x00, b'a', b's', b'm', 0x0d, 0x00, 0x01, 0x00];
/// The preamble of a core module, the commonest mistake.
const MODULE_PREAMBLE: [u8; 8] = [0x00, b'a', b's', b'm', 0x01, 0x00, 0x00, 0x00];
/// `describe` runs before any grant is given; interpreters need this much to start.
const DESCRIBE_MEMORY_BYTES: u64 = 256 << 20;

/// Makes components callable.
pub(crate) struct Inspector {
    pub(crate) linker: Arc<Linker<CallState>>,
    pub(crate) compiler: Compiler,
    pub(crate) cache: Option<Arc<CodeCache>>,
}

impl Inspector {
    /// Checks, compiles and links a component. Type errors against the contract may still come up at its first instance.
    pub(crate) async fn prepare(&self, digest: Digest, component: Arc<[u8]>) -> Result<Linked, InspectFailure> {
        check_format(&component)?;
        let artifact = match self.cached(digest).await {
            Some(artifact) => artifact,
            None => self.compiled(digest, component).await?,
        };
        let linker = Arc::clone(&self.linker);
        blocking(move || {
            let component = artifact.load(linker.engine()).map_err(|error| unfit(&error))?;
            linker::link(&linker, &component).map_err(|failure| rejected(&failure))
        })
        .await?
    }

    async fn cached(&self, digest: Digest) -> Option<TrustedArtifact> {
        let cache = Arc::clone(self.cache.as_ref()?);
        blocking(move || cache.read(&digest)).await.ok().flatten()
    }

    async fn compiled(&self, digest: Digest, component: Arc<[u8]>) -> Result<TrustedArtifact, InspectFailure> {
        let artifact = self.compiler.compile(self.linker.engine(), component).await?;
        let Some(cache) = self.cache.clone() else { return Ok(artifact) };
        blocking(move || {
            cache.write(&digest, &artifact);
            artifact
        })
        .await
    }

    /// Inspects a component from scratch.
    pub(crate) async fn inspect(&self, caller: &Caller, component: Vec<u8>) -> Result<Inspected, InspectFailure> {
        let component: Arc<[u8]> = component.into();
        let (digest, component_bytes) = (digest(Arc::clone(&component)).await?, component.len() as u64);
        let linked = Arc::new(self.prepare(digest, component).await?);
        let metadata = describe_twice(caller, digest, &linked).await?;
        let (has_destination, imports) = (linked.destination.is_some(), linked.imports.clone());
        Ok(Inspected { digest, component_bytes, metadata, has_destination, imports })
    }
}

/// The name of a component.
pub(crate) async fn digest(component: Arc<[u8]>) -> Result<Digest, InspectFailure> {
    blocking(move || Digest::from_bytes(Sha256::digest(&component).into())).await
}

/// Work on tens of megabytes, away from the threads that serve.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, InspectFailure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| InspectFailure::Internal(Box::new(error)))
}

fn check_format(component: &[u8]) -> Result<(), InspectFailure> {
    let (bytes, max) = (component.len() as u64, Limits::COMPONENT_BYTES_MAX as u64);
    if bytes > max {
        return Err(InspectFailure::TooLarge { bytes, max });
    }
    if component.starts_with(&COMPONENT_PREAMBLE) {
        return Ok(());
    }
    // Machine code from outside would run outside the sandbox.
    let reason = if Engine::detect_precompiled(component).is_some() {
        "it is precompiled machine code; only WebAssembly components can be installed"
    } else if component.starts_with(&MODULE_PREAMBLE) {
        "it is a core WebAssembly module, not a component; build it for the target wasm32-wasip2"
    } else {
        "it is no WebAssembly component"
    };
    Err(InspectFailure::Rejected(reason.to_owned()))
}

/// Twice, in stores of their own: what differs is not metadata but state.
async fn describe_twice(caller: &Caller, digest: Digest, linked: &Arc<Linked>) -> Result<String, InspectFailure> {
    let first = describe(caller, digest, Arc::clone(linked)).await?;
    let second = describe(caller, digest, Arc::clone(linked)).await?;
    let broken = |reason: &str| InspectFailure::Describe(CallFailure::ContractBroken { reason: reason.to_owned() });
    if first != second {
        return Err(broken("`describe` must return the same document every time"));
    }
    if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&first).is_err() {
        return Err(broken("`describe` must return one JSON object"));
    }
    Ok(first)
}

async fn describe(caller: &Caller, digest: Digest, linked: Arc<Linked>) -> Result<String, InspectFailure> {
    let limits = Limits { memory_bytes: DESCRIBE_MEMORY_BYTES, ..Limits::default() };
    let plugin = String::from("(being installed)");
    let task =
        Task { linked, digest, plugin, operation: Operation::Describe, limits, egress: None, secrets: Vec::new() };
    caller
        .run(
            task,
            |store, instance, linked| {
                Box::pin(async move {
                    // Types are compared in full only here, so the exports that are not called now are loaded too.
                    if linked.destination.is_some() {
                        linked.destination(store, instance)?;
                    }
                    Ok(Ok(linked.integration(store, instance)?.call_describe(store).await?))
                })
            },
            |_, metadata| Ok(metadata),
        )
        .await
        .map_err(InspectFailure::Describe)
}

fn rejected(failure: &LinkFailure) -> InspectFailure {
    InspectFailure::Rejected(failure.to_string())
}

/// The pool refuses what its slots cannot hold: more memories, tables or instances than any call may have.
fn unfit(error: &wasmtime::Error) -> InspectFailure {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    InspectFailure::Rejected(format!("it asks for more than any call may have: {}", chain.join(": ")))
}
