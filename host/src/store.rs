//! Adapters of the store port. One contract suite (`store/contract.rs`) holds them to the same behaviour.

#[cfg(test)]
mod contract;
pub mod memory;
pub mod redb;
mod watchers;

pub use self::memory::MemoryStore;
pub use self::redb::{IntegrityCheck, OpenError, RedbOptions, RedbStore, ScrubReport};

use crate::ports::kv::{Append, Batch, KEY_BYTES_MAX, VALUE_BYTES_MAX};

/// A key or a value that is longer than a store takes.
#[derive(Debug, thiserror::Error)]
#[error("a batch has a {what} of {bytes} bytes; at most {max} are stored")]
struct TooLong {
    what: &'static str,
    bytes: usize,
    max: usize,
}

/// Refuses a batch that could not be stored, before any of it is applied.
fn refuse_too_long(batch: &Batch) -> Result<(), TooLong> {
    let keys = batch.put.iter().map(|(key, _)| key.len()).chain(batch.append.iter().map(|a| a.prefix.len() + 8));
    let values = batch.put.iter().map(|(_, value)| value).chain(batch.append.iter().map(|append| &append.value));
    let longest = |what, bytes: Option<usize>, max| match bytes {
        Some(bytes) if bytes > max => Err(TooLong { what, bytes, max }),
        _ => Ok(()),
    };
    longest("key", keys.max(), KEY_BYTES_MAX)?;
    longest("value", values.map(Vec::len).max(), VALUE_BYTES_MAX)
}

/// Whether a batch changes anything when its requirements hold.
fn is_writing(batch: &Batch) -> bool {
    !(batch.put.is_empty() && batch.delete.is_empty() && batch.append.is_empty())
}

/// The key that an append gets.
fn append_key(append: &Append, sequence: u64) -> Vec<u8> {
    [&append.prefix[..], &sequence.to_be_bytes()].concat()
}
