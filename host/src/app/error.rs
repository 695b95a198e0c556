//! Why the host does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::crypto::{KeyringError, RootKeyError};
use crate::domain::Error;
use crate::ports::kv::CommitError;
use crate::store::OpenError;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("the data directory `{}` cannot be made", .path.display())]
    DataDirectory {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the store cannot be opened")]
    Store(#[source] OpenError),
    #[error("the store cannot be read")]
    ReadStore(#[source] Error),
    #[error("the root key cannot be used")]
    RootKey(#[source] RootKeyError),
    #[error("the keys in the store cannot be opened")]
    Keyring(#[source] KeyringError),
    #[error("`egress.{key}` holds an entry that is none: {detail}")]
    Egress { key: &'static str, detail: String },
    #[error("the plugin runtime cannot start")]
    Runtime(#[source] crate::runtime::StartError),
    #[error("the component cannot be installed")]
    Inspect(#[source] crate::ports::plugin::InspectFailure),
    #[error("the services cannot start")]
    Services(#[source] Error),
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the store could not be closed in good order; the next start checks it")]
    Close(#[source] CommitError),
}
