//! Plugins, as the rest of the host knows them: nothing of WebAssembly.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::egress::EgressSession;
use crate::domain::Secret;
use crate::domain::destination::{
    Account, Application, Change, ChoicePage, DestinationIdentity, Observation, OpaqueContext, Scope,
};
use crate::domain::id::Digest;
use crate::domain::plugin::{CallFailure, Limits};

/// One call of a plugin: which component, with what, through which way out.
#[derive(Clone)]
pub struct PluginCall {
    pub digest: Digest,
    /// For attribution in logs and metrics.
    pub plugin: String,
    pub limits: Limits,
    pub connection: ConnectionView,
    pub egress: Arc<dyn EgressSession>,
    /// Values that are scrubbed from everything the plugin says.
    pub secrets: Vec<Secret<String>>,
}

/// What a plugin may know of the connection it works for.
#[derive(Clone, Debug, Default)]
pub struct ConnectionView {
    /// Already checked and filled with defaults.
    pub settings: Map<String, Value>,
    pub plugin_settings: Map<String, Value>,
    pub auth_method: String,
    /// Only for `CUSTOM` auth methods with the `plaintext` grant.
    pub plaintext_credentials: Option<std::collections::BTreeMap<String, Secret<String>>>,
}

/// A component that compiled, instantiated and described itself.
#[derive(Clone, Debug)]
pub struct Inspected {
    pub digest: Digest,
    pub component_bytes: u64,
    /// The JSON text that `describe` returned.
    pub metadata: String,
    /// Whether `destination` is exported.
    pub has_destination: bool,
    /// Full names of everything imported.
    pub imports: Vec<String>,
}

/// Why a component cannot be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectFailure {
    /// It is no component, or imports or exports what the contract does not know; the text tells what and why.
    #[error("{0}")]
    Rejected(String),
    /// It is larger than allowed.
    #[error("the component has {bytes} bytes; at most {max} are allowed")]
    TooLarge { bytes: u64, max: u64 },
    /// Compilation was stopped at its limit of time or memory.
    #[error("the component could not be compiled within {0}")]
    CompileLimit(String),
    /// `describe` failed.
    #[error("`describe` failed")]
    Describe(#[source] CallFailure),
    /// The host's own fault.
    #[error("the host failed to inspect the component")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Runs plugins. Every call is a fresh instance, dropped afterwards.
#[async_trait]
pub trait PluginRunner: Send + Sync + 'static {
    /// Checks, compiles (in a limited child process), instantiates and describes a component.
    ///
    /// # Errors
    /// [`InspectFailure`].
    async fn inspect(&self, component: Vec<u8>) -> Result<Inspected, InspectFailure>;

    /// Makes a component ready for calls: from the compiled-code cache, else compiled anew.
    ///
    /// # Errors
    /// [`InspectFailure`].
    async fn load(&self, digest: Digest, component: Vec<u8>) -> Result<(), InspectFailure>;

    /// Forgets a component; calls in flight finish.
    fn unload(&self, digest: Digest);

    /// Checks the credentials with the cheapest authenticated call there is.
    ///
    /// # Errors
    /// [`CallFailure`].
    async fn verify(&self, call: PluginCall) -> Result<Account, CallFailure>;

    /// Live options for a dynamic parameter; `scope` is `connection` or `destination`.
    ///
    /// # Errors
    /// [`CallFailure`].
    async fn choices(
        &self,
        call: PluginCall,
        scope: &str,
        parameter: &str,
        known: &Map<String, Value>,
        cursor: Option<&str>,
    ) -> Result<ChoicePage, CallFailure>;

    /// Whether the connection has what the destination needs, without writing.
    ///
    /// # Errors
    /// [`CallFailure`].
    async fn check(&self, call: PluginCall, destination: &Map<String, Value>) -> Result<Account, CallFailure>;

    /// The canonical name of the place written to.
    ///
    /// # Errors
    /// [`CallFailure`].
    async fn identify(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
    ) -> Result<DestinationIdentity, CallFailure>;

    /// Lists what is there.
    ///
    /// # Errors
    /// [`CallFailure`].
    async fn observe(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation, CallFailure>;

    /// Carries out at most one declared batch; as many outcomes as changes, in order.
    ///
    /// # Errors
    /// [`CallFailure`]; [`CallFailure::Reported`] means that nothing was tried.
    async fn apply(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        changes: &[Change],
        document_version: Option<&str>,
        context: Option<&OpaqueContext>,
    ) -> Result<Application, CallFailure>;

    /// Called once after a run that changed something.
    ///
    /// # Errors
    /// [`CallFailure`].
    async fn finish(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        changed: &[String],
        context: Option<&OpaqueContext>,
    ) -> Result<(), CallFailure>;
}
