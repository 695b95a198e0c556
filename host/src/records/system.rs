//! What stands before any record can be sealed: the wrapped system keys.

use std::sync::Arc;

use super::key::{Key, Kind};
use super::row;
use crate::domain::{Code, Error, Result};
use crate::ports::kv::{Batch, CommitError, KvStore, Requirement};

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Code::Unavailable, "the store cannot be read").with_source(error)
}

/// The wrapped system keys; absent in a store that was never used.
///
/// # Errors
/// `unavailable` when the store fails, `record_unreadable` when the row is damaged.
pub async fn wrapped_keys(store: &Arc<dyn KvStore>) -> Result<Option<Vec<u8>>> {
    let key = Key::system(Kind::SystemKeys);
    let snapshot = store.snapshot().await.map_err(unreadable)?;
    match snapshot.get(key.as_bytes()).await.map_err(unreadable)? {
        None => Ok(None),
        Some(found) => Ok(Some(row::open_clear(key.kind(), &found.value)?.to_vec())),
    }
}

/// Stores the wrapped system keys of a new installation.
///
/// # Errors
/// `wrong_state` when there are keys already, `unavailable` when the store fails.
pub async fn insert_wrapped_keys(store: &Arc<dyn KvStore>, wrapped: &[u8]) -> Result<()> {
    let key = Key::system(Kind::SystemKeys).as_bytes().to_vec();
    let batch = Batch {
        require: vec![Requirement { key: key.clone(), revision: None }],
        put: vec![(key, row::clear_row(wrapped))],
        ..Batch::default()
    };
    match store.commit(batch).await {
        Ok(_) => Ok(()),
        Err(CommitError::Conflict) => Err(Error::new(Code::WrongState, "the store has system keys already")),
        Err(error) => Err(Error::new(Code::Unavailable, "the store cannot be written").with_source(error)),
    }
}
