//! The store: an ordered key-value store with optimistic, conditional batches.
//!
//! A batch is atomic, and durable when `commit` returns. If any requirement fails nothing is written; the caller reads
//! again and retries. Revisions are compared for equality only and are never used twice.

use async_trait::async_trait;
use tokio::sync::watch;

/// What a value was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A stored value and its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    pub value: Vec<u8>,
    pub revision: Revision,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub revision: Revision,
}

/// Keys from `start`, inclusive, to `end`, exclusive; without `end` to the last key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    pub start: Vec<u8>,
    pub end: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Self { start: prefix.to_vec(), end: Some(end) };
            }
        }
        Self { start: prefix.to_vec(), end: None }
    }

    /// The part of this range that follows `key`.
    #[must_use]
    pub fn after(mut self, key: &[u8]) -> Self {
        let mut next = key.to_vec();
        next.push(0);
        self.start = self.start.max(next);
        self
    }
}

/// What must hold of a key for a batch to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub key: Vec<u8>,
    /// `None`: the key is absent.
    pub revision: Option<Revision>,
}

/// A blind append: the store assigns the next sequence number under the prefix, as eight big-endian bytes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    pub prefix: Vec<u8>,
    pub value: Vec<u8>,
}

/// Changes that happen together or not at all: deletions first, then puts, then appends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub require: Vec<Requirement>,
    pub put: Vec<(Vec<u8>, Vec<u8>)>,
    pub delete: Vec<Vec<u8>>,
    pub append: Vec<Append>,
}

/// The longest key. Keys hold a few identities and names, never what a user may make long.
pub const KEY_BYTES_MAX: usize = 4 * 1024;
/// The longest value; the longest there are belong to components of plugins.
pub const VALUE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Why a batch was not written, or is not known to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A requirement did not hold; nothing was written.
    #[error("a required revision has changed")]
    Conflict,
    /// The store failed; the batch may not be durable.
    #[error("the store failed to commit")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
#[error("the store failed to read")]
pub struct ReadError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A store of keys and values.
#[async_trait]
pub trait KvStore: Send + Sync + 'static {
    /// One consistent view of everything committed so far.
    ///
    /// # Errors
    /// [`ReadError`] when the store cannot be read.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError>;

    /// Writes a batch; the revision is that of every key it wrote.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when a requirement does not hold, [`CommitError::Failed`] when the store fails.
    async fn commit(&self, batch: Batch) -> Result<Revision, CommitError>;

    /// Sees a new number after every commit that wrote under `prefix`: a hint, which may come late or for nothing.
    fn watch(&self, prefix: &[u8]) -> watch::Receiver<u64>;
}

/// A consistent view of a store. While it is held, nothing that it shows can be reused by the store: hold it for a request
/// or a page of work, never for as long as a task lives.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// The value of `key`.
    ///
    /// # Errors
    /// [`ReadError`] when the store cannot be read.
    async fn get(&self, key: &[u8]) -> Result<Option<Versioned>, ReadError>;

    /// At most `limit` items of `range`, in the order of their keys.
    ///
    /// # Errors
    /// [`ReadError`] when the store cannot be read.
    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<Item>, ReadError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_ends_before_the_next_prefix() {
        for (prefix, end) in
            [(&[1u8, 2][..], Some(vec![1u8, 3])), (&[1, 255], Some(vec![2])), (&[255, 255], None), (&[], None)]
        {
            assert_eq!(KeyRange::prefix(prefix).end, end);
        }
    }
}
