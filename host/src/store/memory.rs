//! A store in memory, for tests: the semantics of the others, and nothing kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use super::watchers::Watchers;
use super::{append_key, is_writing, refuse_too_long};
use crate::ports::kv::{
    Batch, CommitError, Item, KeyRange, KvStore, ReadError, Requirement, Revision, Snapshot, Versioned,
};

type Items = BTreeMap<Vec<u8>, Versioned>;

/// Keeps everything in memory. A commit copies all of it while a snapshot is held: made for tests, not for size.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    watchers: Watchers,
}

#[derive(Default)]
struct State {
    items: Arc<Items>,
    sequences: BTreeMap<Vec<u8>, u64>,
    revision: u64,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn holds(&self, requirement: &Requirement) -> bool {
        self.items.get(&requirement.key).map(|found| found.revision) == requirement.revision
    }

    fn apply(&mut self, batch: &Batch) -> Revision {
        self.revision += 1;
        let revision = Revision(self.revision);
        let items = Arc::make_mut(&mut self.items);
        for key in &batch.delete {
            items.remove(key);
        }
        for (key, value) in &batch.put {
            items.insert(key.clone(), Versioned { value: value.clone(), revision });
        }
        for append in &batch.append {
            let sequence = self.sequences.entry(append.prefix.clone()).or_default();
            *sequence += 1;
            items.insert(append_key(append, *sequence), Versioned { value: append.value.clone(), revision });
        }
        revision
    }
}

#[async_trait]
impl KvStore for MemoryStore {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        Ok(Box::new(MemorySnapshot(Arc::clone(&self.lock().items))))
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        refuse_too_long(&batch).map_err(|error| CommitError::Failed(Box::new(error)))?;
        let revision = {
            let mut state = self.lock();
            if !batch.require.iter().all(|requirement| state.holds(requirement)) {
                return Err(CommitError::Conflict);
            }
            if !is_writing(&batch) {
                return Ok(Revision(state.revision));
            }
            state.apply(&batch)
        };
        self.watchers.notify([&batch].into_iter());
        Ok(revision)
    }

    fn watch(&self, prefix: &[u8]) -> watch::Receiver<u64> {
        self.watchers.watch(prefix)
    }
}

struct MemorySnapshot(Arc<Items>);

#[async_trait]
impl Snapshot for MemorySnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Versioned>, ReadError> {
        Ok(self.0.get(key).cloned())
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<Item>, ReadError> {
        let from_start = self.0.range(range.start..);
        let within = from_start.take_while(|(key, _)| range.end.as_ref().is_none_or(|end| *key < end));
        let items = within.take(limit).map(|(key, found)| Item {
            key: key.clone(),
            value: found.value.clone(),
            revision: found.revision,
        });
        Ok(items.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{Fixture, contract_suite};

    fn fixture() -> Fixture {
        Fixture::new(MemoryStore::new())
    }

    contract_suite!(fixture);
}
