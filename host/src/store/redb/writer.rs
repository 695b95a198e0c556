//! The one thread that writes.
//!
//! It takes every batch that waits, applies those whose requirements hold to one transaction, commits once, and then
//! answers them all: durable writes per second grow with the number of callers instead of being bound to one sync each.
//! It never waits for more batches to come, so a single caller pays for nobody.

use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, Table, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::{Failure, ITEMS, META, SEQUENCES, Shared, View, failed, guarded, row};
use crate::ports::kv::{Append, Batch, CommitError, Requirement, Revision};
use crate::store::{append_key, is_writing};

/// One transaction takes at most so many batches, so that the first of them is not kept waiting by the last.
const GROUP_BATCHES_MAX: usize = 1024;
/// And stops taking more once it has so many bytes: pages of a transaction stay in memory until it is committed.
const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Revisions are set aside in blocks, so that a commit need not store the last one it gave. After a restart the rest of
/// a block is skipped.
pub(super) const REVISION_BLOCK: u64 = 1 << 32;

/// Names in the `meta` table.
pub(super) mod meta {
    /// The format of the tables.
    pub(in super::super) const FORMAT: &str = "format";
    /// How often the file was opened.
    pub(in super::super) const BOOT_EPOCH: &str = "boot-epoch";
    /// No revision from here on was ever given.
    pub(in super::super) const REVISION_CEILING: &str = "revision-ceiling";
    /// Stands there while the file is closed after a clean shutdown.
    pub(in super::super) const CLEAN_SHUTDOWN: &str = "clean-shutdown";
}

/// What the writer is asked for.
pub(super) enum Command {
    Commit(Batch, oneshot::Sender<Result<Revision, CommitError>>),
    Close(oneshot::Sender<Result<(), CommitError>>),
}

/// What becomes of one batch once its group is durable.
enum Verdict {
    Applied(Revision),
    Conflict,
    /// A row that it requires cannot be read; the others of the group are not concerned.
    DamagedRow,
}

struct Waiting {
    batch: Batch,
    reply: oneshot::Sender<Result<Revision, CommitError>>,
}

/// The writer's state.
pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) shared: Arc<Shared>,
    /// The last revision given.
    pub(super) revision: u64,
    /// As stored.
    pub(super) revision_ceiling: u64,
    /// Set by the first failed commit: what is on disk is unknown until the file is opened again.
    pub(super) has_failed: bool,
}

impl Writer {
    /// Serves until the store is closed or dropped.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let closing = loop {
            let Some(first) = commands.blocking_recv() else { break None };
            let (group, closing) = take_group(first, &mut commands);
            self.serve(group);
            if closing.is_some() {
                break closing;
            }
        };
        let outcome = self.close();
        match closing {
            Some(reply) => drop(reply.send(outcome.map_err(failed))),
            None => {
                if let Err(error) = outcome {
                    tracing::error!(error = &error as &dyn std::error::Error, "the store could not be closed cleanly");
                }
            }
        }
    }

    fn serve(&mut self, group: Vec<Waiting>) {
        if group.is_empty() {
            return;
        }
        if self.has_failed {
            return refuse(group, || Failure::NeedsReopen);
        }
        match guarded(|| self.write(&group)) {
            Ok(verdicts) => self.answer(group, verdicts),
            Err(failure) => {
                self.has_failed = true;
                tracing::error!(error = &failure as &dyn std::error::Error, "a commit failed; the store takes no more");
                let mut failure = Some(failure);
                refuse(group, || failure.take().unwrap_or(Failure::NeedsReopen));
            }
        }
    }

    /// Applies a group to one transaction and commits it.
    fn write(&mut self, group: &[Waiting]) -> Result<Vec<Verdict>, Failure> {
        let transaction = durable(&self.database)?;
        let first_revision = self.revision;
        let mut verdicts = Vec::with_capacity(group.len());
        {
            let mut tables = Tables::open(&transaction)?;
            for waiting in group {
                let verdict = tables.apply(&waiting.batch, Revision(self.revision + 1), Revision(self.revision))?;
                if matches!(verdict, Verdict::Applied(revision) if revision.0 > self.revision) {
                    self.revision += 1;
                }
                verdicts.push(verdict);
            }
        }
        if self.revision == first_revision {
            transaction.abort()?;
            return Ok(verdicts);
        }
        let ceiling = raised_ceiling(&transaction, self.revision, self.revision_ceiling)?;
        transaction.commit()?;
        self.revision_ceiling = ceiling;
        Ok(verdicts)
    }

    /// Makes the group visible, then tells its callers, so that whoever has an answer also sees what was written.
    fn answer(&mut self, group: Vec<Waiting>, verdicts: Vec<Verdict>) {
        match guarded(|| View::newest(&self.database)) {
            Ok(view) => self.shared.publish(Some(view)),
            Err(failure) => {
                // The group is durable and is acknowledged; but an old view must not pass for the newest.
                self.has_failed = true;
                self.shared.publish(None);
                tracing::error!(error = &failure as &dyn std::error::Error, "the store cannot be read any more");
            }
        }
        let applied = group.iter().zip(&verdicts).filter(|(_, verdict)| matches!(verdict, Verdict::Applied(_)));
        self.shared.watchers.notify(applied.map(|(waiting, _)| &waiting.batch));
        for (waiting, verdict) in group.into_iter().zip(verdicts) {
            // Nobody may be waiting any more: a cancelled caller does not undo its batch.
            drop(waiting.reply.send(match verdict {
                Verdict::Applied(revision) => Ok(revision),
                Verdict::Conflict => Err(CommitError::Conflict),
                Verdict::DamagedRow => Err(failed(Failure::DamagedRow)),
            }));
        }
    }

    /// Marks the file as cleanly shut down and closes it.
    fn close(self) -> Result<(), Failure> {
        self.shared.publish(None);
        if self.has_failed {
            // Without the mark the next opening checks the file.
            drop(self.database);
            return Err(Failure::NeedsReopen);
        }
        guarded(|| {
            let transaction = durable(&self.database)?;
            transaction.open_table(META)?.insert(meta::CLEAN_SHUTDOWN, 1)?;
            transaction.commit()?;
            self.database.close()?;
            Ok(())
        })
    }
}

/// Takes what waits behind `first`, up to the limits of a group, and stops at a wish to close.
fn take_group(
    first: Command,
    commands: &mut mpsc::Receiver<Command>,
) -> (Vec<Waiting>, Option<oneshot::Sender<Result<(), CommitError>>>) {
    let mut group = Vec::new();
    let mut group_bytes = 0;
    let mut next = Some(first);
    while let Some(command) = next {
        match command {
            Command::Close(reply) => return (group, Some(reply)),
            Command::Commit(batch, reply) => {
                group_bytes += payload_bytes(&batch);
                group.push(Waiting { batch, reply });
            }
        }
        let is_full = group.len() >= GROUP_BATCHES_MAX || group_bytes >= GROUP_BYTES_MAX;
        next = if is_full { None } else { commands.try_recv().ok() };
    }
    (group, None)
}

fn payload_bytes(batch: &Batch) -> usize {
    let put: usize = batch.put.iter().map(|(key, value)| key.len() + value.len()).sum();
    let append: usize = batch.append.iter().map(|append| append.prefix.len() + append.value.len()).sum();
    put + append
}

fn refuse(group: Vec<Waiting>, mut failure: impl FnMut() -> Failure) {
    for waiting in group {
        drop(waiting.reply.send(Err(failed(failure()))));
    }
}

/// A transaction whose commit survives a crash at any point: two phases, so that the file's primary state is always
/// whole, and quick repair, so that opening after a crash need not walk the file to find free pages.
pub(super) fn durable(database: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Stores a higher ceiling when the block of revisions is used up, in the transaction that uses it up.
fn raised_ceiling(transaction: &WriteTransaction, revision: u64, ceiling: u64) -> Result<u64, Failure> {
    if revision < ceiling {
        return Ok(ceiling);
    }
    let raised = revision + REVISION_BLOCK;
    transaction.open_table(META)?.insert(meta::REVISION_CEILING, raised)?;
    Ok(raised)
}

impl View {
    /// Everything committed so far.
    pub(super) fn newest(database: &Database) -> Result<Self, Failure> {
        Ok(Self { items: database.begin_read()?.open_table(ITEMS)? })
    }
}

/// The tables of one open transaction.
struct Tables<'t> {
    transaction: &'t WriteTransaction,
    items: Table<'t, &'static [u8], &'static [u8]>,
    /// Opened by the first append: most groups have none.
    sequences: Option<Table<'t, &'static [u8], u64>>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, Failure> {
        Ok(Self { transaction, items: transaction.open_table(ITEMS)?, sequences: None })
    }

    /// Applies a batch whole, or leaves everything as it was. An error leaves the transaction unfit to be committed.
    fn apply(&mut self, batch: &Batch, next: Revision, last: Revision) -> Result<Verdict, Failure> {
        for requirement in &batch.require {
            match self.holds(requirement) {
                Ok(true) => {}
                Ok(false) => return Ok(Verdict::Conflict),
                Err(Failure::DamagedRow) => return Ok(Verdict::DamagedRow),
                Err(failure) => return Err(failure),
            }
        }
        if !is_writing(batch) {
            return Ok(Verdict::Applied(last));
        }
        for key in &batch.delete {
            self.items.remove(key.as_slice())?;
        }
        for (key, value) in &batch.put {
            self.put(key, next, value)?;
        }
        for append in &batch.append {
            let sequence = self.next_sequence(append)?;
            self.put(&append_key(append, sequence), next, &append.value)?;
        }
        Ok(Verdict::Applied(next))
    }

    fn holds(&self, requirement: &Requirement) -> Result<bool, Failure> {
        let Some(stored) = self.items.get(requirement.key.as_slice())? else {
            return Ok(requirement.revision.is_none());
        };
        let (revision, _) = row::decode(&requirement.key, stored.value()).ok_or(Failure::DamagedRow)?;
        Ok(requirement.revision == Some(revision))
    }

    fn put(&mut self, key: &[u8], revision: Revision, value: &[u8]) -> Result<(), Failure> {
        let mut row = self.items.insert_reserve(key, row::HEAD_BYTES + value.len())?;
        row::encode(key, revision, value, row.as_mut());
        Ok(())
    }

    /// The number after the last one ever given under this prefix: counted apart from the rows, so that deleting the
    /// newest row does not give its number out again.
    fn next_sequence(&mut self, append: &Append) -> Result<u64, Failure> {
        let sequences = match &mut self.sequences {
            Some(sequences) => sequences,
            unopened => unopened.insert(self.transaction.open_table(SEQUENCES)?),
        };
        let last = sequences.get(append.prefix.as_slice())?.map_or(0, |last| last.value());
        sequences.insert(append.prefix.as_slice(), last + 1)?;
        Ok(last + 1)
    }
}
