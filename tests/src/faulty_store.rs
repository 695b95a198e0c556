//! A store in memory that fails as it is told.

use async_trait::async_trait;
use keyferry::ports::kv::{Batch, CommitError, KeyRange, KvStore, ReadError, Revision, Snapshot};
use keyferry::store::MemoryStore;
use tokio::sync::{Notify, watch};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Nothing can be read.
    Reads,
    /// Every commit loses against another one.
    Conflicts,
    /// Commits wait until this is over.
    Waits,
}

/// See the module.
pub struct FaultyStore {
    beneath: MemoryStore,
    fault: watch::Sender<Fault>,
    waiting: Notify,
}

impl Default for FaultyStore {
    fn default() -> Self {
        Self { beneath: MemoryStore::new(), fault: watch::Sender::new(Fault::None), waiting: Notify::new() }
    }
}

impl FaultyStore {
    /// From now on this is wrong.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Waits until a commit waits.
    pub async fn is_waited_for(&self) {
        self.waiting.notified().await;
    }

    /// Flips the last bit of every value whose key begins with `prefix`.
    pub async fn damage(&self, prefix: &[u8]) {
        let snapshot = self.beneath.snapshot().await.expect("memory can be read");
        let rows = snapshot.scan(KeyRange::prefix(prefix), usize::MAX).await.expect("memory can be read");
        let damaged = rows.into_iter().map(|mut row| {
            if let Some(last) = row.value.last_mut() {
                *last ^= 1;
            }
            (row.key, row.value)
        });
        let batch = Batch { put: damaged.collect(), ..Batch::default() };
        self.beneath.commit(batch).await.expect("memory can be written");
    }
}

#[async_trait]
impl KvStore for FaultyStore {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        if *self.fault.borrow() == Fault::Reads {
            return Err(ReadError("the disk is gone".into()));
        }
        self.beneath.snapshot().await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        let fault = *self.fault.borrow();
        match fault {
            Fault::None | Fault::Reads => {}
            Fault::Conflicts => return Err(CommitError::Conflict),
            Fault::Waits => {
                self.waiting.notify_one();
                let mut fault = self.fault.subscribe();
                fault.wait_for(|fault| *fault != Fault::Waits).await.expect("the sender is ours");
            }
        }
        self.beneath.commit(batch).await
    }

    fn watch(&self, prefix: &[u8]) -> watch::Receiver<u64> {
        self.beneath.watch(prefix)
    }
}
