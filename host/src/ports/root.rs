//! The root of the key hierarchy: the one key that is not in the store.

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::domain::id::DeploymentUid;

/// What a wrapped key is for. A provider binds it to the wrapped bytes and refuses them under another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapContext {
    pub deployment: DeploymentUid,
    /// Of the key that is wrapped.
    pub key_id: [u8; 16],
    /// Of the key that is wrapped.
    pub key_version: u32,
}

impl WrapContext {
    /// The kind of every key that a root wraps, as it stands in contexts.
    pub const KIND: &'static str = "system-kek";
}

/// Why the root could not wrap or unwrap. Never carries key bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// Another root key, another context, or damage.
    #[error("the root key does not open what it is asked to open")]
    Refused,
    /// The provider cannot be reached or failed by itself.
    #[error("the root key provider is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps the root key, and wraps the system's keys with it. Asked at start-up and at rotation only, never for a request.
#[async_trait]
pub trait RootProvider: Send + Sync + 'static {
    /// Which key of which provider this is, stored beside every wrap: pinned, never discovered.
    fn id(&self) -> &str;

    /// Eight bytes that tell a wrong root key from damage before anything is unwrapped; zeros where the provider
    /// checks that by itself.
    fn key_check_value(&self, deployment: DeploymentUid) -> [u8; 8];

    /// Wraps a key.
    ///
    /// # Errors
    /// [`RootError::Unavailable`].
    async fn wrap(&self, key: &[u8; 32], context: &WrapContext) -> Result<Vec<u8>, RootError>;

    /// Opens a wrapped key.
    ///
    /// # Errors
    /// [`RootError::Refused`] for bytes that were not wrapped by this root in this context; [`RootError::Unavailable`].
    async fn unwrap(&self, wrapped: &[u8], context: &WrapContext) -> Result<Zeroizing<[u8; 32]>, RootError>;
}
