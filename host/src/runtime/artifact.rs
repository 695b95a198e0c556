//! Machine code that may be loaded, and the only place where it is.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Machine code that this host made. Loading it runs it outside the sandbox, so it is made in two places only: from the output
/// of the host's own compile worker, and by the cache from bytes that it authenticated in memory.
pub(crate) struct TrustedArtifact(Vec<u8>);

impl TrustedArtifact {
    /// Vouches for these bytes: they came from the host's own compiler, or carry a valid MAC of this host.
    pub(crate) fn vouched_for(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Loads the code.
    #[expect(unsafe_code, reason = "wasmtime cannot know where the code comes from; the type does")]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are the output of `Engine::precompile_component` of a compatible engine, as `vouched_for` demands,
        // and no one else can reach them: they are owned by this value, never mapped from a file.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
