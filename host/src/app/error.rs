//! Why the host does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::crypto::{KeyringError, RootKeyError};
use crate::domain::Error;
use crate::domain::error::Class;
use crate::domain::plugin::CallFailure;
use crate::ports::kv::CommitError;
use crate::ports::plugin::InspectFailure;
use crate::store::OpenError;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("the folder `{}` cannot be made or written to", .path.display())]
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
    Inspect(#[source] InspectFailure),
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

impl StartError {
    /// What kind of failure it is: whether the configuration or a file has to be mended, or another start may succeed.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::DataDirectory { .. } | Self::RootKey(_) | Self::Egress { .. } => Class::Invalid,
            Self::Keyring(KeyringError::WrongRootKey | KeyringError::OtherRootProvider { .. }) => Class::Invalid,
            Self::Inspect(InspectFailure::Describe(CallFailure::Busy)) => Class::Unavailable,
            Self::Inspect(InspectFailure::Internal(_) | InspectFailure::Describe(CallFailure::Internal(_)))
            | Self::Runtime(_) => Class::Internal,
            Self::Inspect(_) => Class::Invalid,
            Self::Services(error) | Self::ReadStore(error) => error.code().class(),
            Self::Store(_) | Self::Keyring(_) | Self::Listen { .. } | Self::Close(_) => Class::Unavailable,
        }
    }

    /// What to do about it, where one thing is likely.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Store(OpenError::Locked { .. }) => {
                Some("one host at a time works on a data directory; stop the other, or name another with `--data-dir`")
            }
            Self::Keyring(KeyringError::WrongRootKey) => Some(
                "`crypto.root_key_file` or `crypto.root_key_variable` names the key; restore the one that the first start made",
            ),
            Self::Listen { .. } => Some("`--listen` names another address; port 0 takes a free one"),
            _ => None,
        }
    }
}
