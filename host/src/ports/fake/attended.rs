//! A store that tells what is done with it, and lets something else happen in between.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::ports::kv::{Batch, CommitError, Item, KeyRange, KvStore, ReadError, Revision, Snapshot, Versioned};

/// What happens between the reads and the commit of a transaction.
type Interlude = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Counts {
    /// Rows read by their keys.
    single: AtomicUsize,
    /// Rows that scans found.
    scanned: AtomicUsize,
    commits: AtomicUsize,
    watches: AtomicUsize,
}

/// A store over another one that counts, and that lets something happen right before the next commit.
pub struct AttendedStore {
    beneath: Arc<dyn KvStore>,
    interlude: Mutex<Option<Interlude>>,
    counts: Arc<Counts>,
}

impl AttendedStore {
    pub fn over(beneath: Arc<dyn KvStore>) -> Arc<Self> {
        Arc::new(Self { beneath, interlude: Mutex::default(), counts: Arc::default() })
    }

    /// Right before the next commit, all of this happens.
    pub fn before_next_commit(&self, interlude: impl Future<Output = ()> + Send + 'static) {
        *self.interlude.lock().expect("no panic") = Some(Box::pin(interlude));
    }

    /// How many rows were read by their keys so far.
    pub fn single_reads(&self) -> usize {
        self.counts.single.load(Ordering::SeqCst)
    }

    /// How many rows were read so far, those that scans found included.
    pub fn reads(&self) -> usize {
        self.single_reads() + self.counts.scanned.load(Ordering::SeqCst)
    }

    /// How many batches were to be committed so far.
    pub fn commits(&self) -> usize {
        self.counts.commits.load(Ordering::SeqCst)
    }

    /// How often somebody asked to be told of commits.
    pub fn watches(&self) -> usize {
        self.counts.watches.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl KvStore for AttendedStore {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        let beneath = self.beneath.snapshot().await?;
        Ok(Box::new(AttendedSnapshot { beneath, counts: Arc::clone(&self.counts) }))
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        let interlude = self.interlude.lock().expect("no panic").take();
        if let Some(interlude) = interlude {
            interlude.await;
        }
        self.counts.commits.fetch_add(1, Ordering::SeqCst);
        self.beneath.commit(batch).await
    }

    fn watch(&self, prefix: &[u8]) -> watch::Receiver<u64> {
        self.counts.watches.fetch_add(1, Ordering::SeqCst);
        self.beneath.watch(prefix)
    }
}

struct AttendedSnapshot {
    beneath: Box<dyn Snapshot>,
    counts: Arc<Counts>,
}

#[async_trait]
impl Snapshot for AttendedSnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Versioned>, ReadError> {
        self.counts.single.fetch_add(1, Ordering::SeqCst);
        self.beneath.get(key).await
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<Item>, ReadError> {
        let found = self.beneath.scan(range, limit).await?;
        self.counts.scanned.fetch_add(found.len(), Ordering::SeqCst);
        Ok(found)
    }
}
