//! A store in memory that fails as it is told, and in which something else happens when it is told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;

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

type Interlude = Pin<Box<dyn Future<Output = ()> + Send>>;

/// See the module.
pub struct FaultyStore {
    beneath: MemoryStore,
    fault: watch::Sender<Fault>,
    waiting: Notify,
    /// How many snapshots come before it, and what happens then.
    interlude: Mutex<Option<(usize, Interlude)>>,
}

impl Default for FaultyStore {
    fn default() -> Self {
        let (fault, interlude) = (watch::Sender::new(Fault::None), Mutex::new(None));
        Self { beneath: MemoryStore::new(), fault, waiting: Notify::new(), interlude }
    }
}

impl FaultyStore {
    /// From now on this is wrong.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// After so many snapshots, and right before the next one, all of this happens.
    pub fn after_snapshots(&self, count: usize, interlude: impl Future<Output = ()> + Send + 'static) {
        *self.interlude.lock().expect("no test panics while it holds this") = Some((count, Box::pin(interlude)));
    }

    /// Forgets what has not happened yet; whether there was anything.
    pub fn forget_interlude(&self) -> bool {
        self.interlude.lock().expect("no test panics while it holds this").take().is_some()
    }

    fn due_interlude(&self) -> Option<Interlude> {
        let mut interlude = self.interlude.lock().expect("no test panics while it holds this");
        match interlude.as_mut() {
            Some((0, _)) => interlude.take().map(|(_, interlude)| interlude),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
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
        if let Some(interlude) = self.due_interlude() {
            interlude.await;
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
