//! The store in one file, over redb: one writer thread that commits in groups, and readers on snapshots.
//!
//! redb verifies no checksum on ordinary reads, so every row carries one of its own (`row`): damage is an error, and
//! never a wrong value. Tables and rows are described in `docs/store-format.md`.

mod open;
mod row;
mod scrub;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use async_trait::async_trait;
use redb::{ReadOnlyTable, TableDefinition};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::open::{IntegrityCheck, OpenError, RedbOptions};
pub use self::scrub::ScrubReport;
use self::writer::Command;
use super::refuse_too_long;
use super::watchers::Watchers;
use crate::ports::kv::{Batch, CommitError, Item, KeyRange, KvStore, ReadError, Revision, Snapshot, Versioned};

/// Key -> row.
const ITEMS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("items");
/// Prefix of appended rows -> the last sequence given out under it.
const SEQUENCES: TableDefinition<'static, &[u8], u64> = TableDefinition::new("sequences");
/// Name -> number: what the store knows of itself.
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

/// Batches that may wait for the writer; beyond that, callers wait for a place.
const WAITING_BATCHES_MAX: usize = 4096;

/// The longest scan that runs where it is called. Point reads and short scans are not worth a trip to the blocking pool:
/// among 100,000 rows a cached read took 6 us in place and 85 us through the pool (two busy cores, development build),
/// and the pool's queue would put every read behind the slowest. Longer scans make the trip, because they would keep
/// other tasks of the same thread from running.
const INLINE_ROWS_MAX: usize = 128;

/// What went wrong below the port. Texts never carry keys or values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    #[error("the database failed")]
    Database(#[source] redb::Error),
    #[error("a row is damaged: its checksum does not match")]
    DamagedRow,
    #[error("the database failed an internal check: the file is damaged")]
    Panicked,
    #[error("the store is closed")]
    Closed,
    #[error("the tables have format {found}")]
    UnknownFormat { found: u64 },
    #[error("the writer's thread could not be started")]
    Thread(#[source] std::io::Error),
    #[error("an earlier commit failed; nothing is written until the store is opened again")]
    NeedsReopen,
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// Runs what reads a file that may be damaged: redb may panic on such a file, and a panic is an error here.
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Failure::Panicked))
}

/// A store in one file.
pub struct RedbStore {
    shared: Arc<Shared>,
    /// `None` only while being dropped.
    commands: Option<mpsc::Sender<Command>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    boot_epoch: u64,
    path: PathBuf,
}

/// What the writer and the readers share.
struct Shared {
    /// The newest committed view. The writer publishes it once per commit, so that taking a snapshot is a lock and a
    /// reference count instead of a transaction and a table lookup; `None` when the store is closed or unreadable.
    view: RwLock<Option<Arc<View>>>,
    watchers: Watchers,
}

impl Shared {
    fn view(&self) -> Option<Arc<View>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, view: Option<View>) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view.map(Arc::new);
    }
}

/// The items as of one commit; holds its read transaction.
struct View {
    items: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl View {
    fn get(&self, key: &[u8]) -> Result<Option<Versioned>, Failure> {
        let Some(stored) = self.items.get_owned(key)? else { return Ok(None) };
        let (revision, value) = row::decode(key, stored.value()).ok_or(Failure::DamagedRow)?;
        Ok(Some(Versioned { value: value.to_vec(), revision }))
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Item>, Failure> {
        let start = range.start.as_slice();
        let found = match &range.end {
            Some(end) if end.as_slice() <= start => return Ok(Vec::new()),
            Some(end) => self.items.range_owned(start..end.as_slice())?,
            None => self.items.range_owned(start..)?,
        };
        found
            .take(limit)
            .map(|entry| {
                let (key, stored) = entry?;
                let key = key.value().to_vec();
                let (revision, value) = row::decode(&key, stored.value()).ok_or(Failure::DamagedRow)?;
                Ok(Item { value: value.to_vec(), key, revision })
            })
            .collect()
    }
}

impl RedbStore {
    /// Opens the store in the file at `path`, or makes it there. Blocks: it reads the whole file when its integrity is
    /// checked.
    ///
    /// # Errors
    /// [`OpenError`], which names the file.
    pub fn open(path: &Path, options: RedbOptions) -> Result<Self, OpenError> {
        open::open(path, options)
    }

    /// How often this store was opened: raised by one, durably, at each opening. No two processes that held the file
    /// have the same.
    #[must_use]
    pub fn boot_epoch(&self) -> u64 {
        self.boot_epoch
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what waits, marks the file as shut down cleanly and releases it. Reads and commits fail afterwards. A
    /// store that is dropped does the same, without telling of errors.
    ///
    /// # Errors
    /// [`CommitError::Failed`] when the file could not be closed cleanly; the next opening checks it.
    pub async fn close(&self) -> Result<(), CommitError> {
        let (reply, closed) = oneshot::channel();
        self.submit(Command::Close(reply)).await?;
        closed.await.unwrap_or_else(|_| Err(failed(Failure::Closed)))
    }

    async fn submit(&self, command: Command) -> Result<(), CommitError> {
        let commands = self.commands.as_ref().ok_or_else(|| failed(Failure::Closed))?;
        commands.send(command).await.map_err(|_| failed(Failure::Closed))
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.commands = None;
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!(path = %self.path.display(), "the store's writer ended with a panic");
        }
    }
}

fn failed(failure: Failure) -> CommitError {
    CommitError::Failed(Box::new(failure))
}

fn unreadable(failure: Failure) -> ReadError {
    ReadError(Box::new(failure))
}

#[async_trait]
impl KvStore for RedbStore {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        let view = self.shared.view().ok_or_else(|| unreadable(Failure::Closed))?;
        Ok(Box::new(RedbSnapshot(view)))
    }

    /// A caller that stops waiting does not take its batch back.
    async fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        refuse_too_long(&batch).map_err(|error| CommitError::Failed(Box::new(error)))?;
        let (reply, answer) = oneshot::channel();
        self.submit(Command::Commit(batch, reply)).await?;
        answer.await.unwrap_or_else(|_| Err(failed(Failure::Closed)))
    }

    fn watch(&self, prefix: &[u8]) -> watch::Receiver<u64> {
        self.shared.watchers.watch(prefix)
    }
}

struct RedbSnapshot(Arc<View>);

#[async_trait]
impl Snapshot for RedbSnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Versioned>, ReadError> {
        guarded(|| self.0.get(key)).map_err(unreadable)
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<Item>, ReadError> {
        if limit <= INLINE_ROWS_MAX {
            return guarded(|| self.0.scan(&range, limit)).map_err(unreadable);
        }
        let view = Arc::clone(&self.0);
        let scan = tokio::task::spawn_blocking(move || guarded(|| view.scan(&range, limit)));
        scan.await.map_err(|error| ReadError(Box::new(error)))?.map_err(unreadable)
    }
}

#[cfg(test)]
mod tests;
