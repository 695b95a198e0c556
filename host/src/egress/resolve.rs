//! Names to addresses.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;

/// Asked once per new connection, and only for hosts that an entry allows.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host`, each with `port`, in the order of preference.
    ///
    /// # Errors
    /// When the name does not exist or nobody could be asked.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}
