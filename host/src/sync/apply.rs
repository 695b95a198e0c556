//! Carrying out a plan: batch by batch, over as many lanes as the plugin bears, each batch between its intent and its
//! outcome in the ledger. Deletes come last, and only when everything before them succeeded.

mod settle;
mod work;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;

use self::settle::{Batch, Finished, Settled};
pub(super) use self::settle::{Tally, Written};
use self::work::Work;
use super::backoff;
use super::caller::Caller;
use super::halt::{Halt, failure};
use super::journal::Journal;
use super::prepare::Prepared;
use crate::domain::Code;
use crate::domain::sync::{FailureClass, ItemOutcome, ItemResult, RunFailure};

/// How often, within one run, items are tried again that were certainly not carried out.
const ROUNDS_MAX: u32 = 5;
/// A longer wait ends the run; it is resumed afterwards.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Carries out one plan.
pub(super) struct Application<'a> {
    pub(super) caller: &'a Caller<'a>,
    pub(super) journal: &'a Journal<'a>,
    pub(super) prepared: &'a Prepared,
    pub(super) generation: u64,
}

/// Batches that wait, and why no further one is taken.
struct Queue {
    batches: Mutex<VecDeque<Vec<Work>>>,
    /// The run is not to go on.
    stop: Mutex<Option<RunFailure>>,
    /// The vendor cannot be reached now: the round ends, and the next one follows after a wait.
    pause: AtomicBool,
}

impl Application<'_> {
    /// Puts, then deletes. What comes back tells of every item.
    pub(super) async fn run(&self) -> Result<Tally, Halt> {
        let mut tally = Tally::default();
        let (puts, deletes) = work::of_plan(self.prepared);
        if self.caller.open.rules.document {
            self.carry_out([puts, deletes].concat(), &mut tally).await?;
            return Ok(tally);
        }
        self.carry_out(puts, &mut tally).await?;
        if tally.is_clean() {
            self.carry_out(deletes, &mut tally).await?;
        } else {
            self.leave(deletes, &mut tally).await?;
        }
        Ok(tally)
    }

    /// Round after round, until nothing is left that is worth another try in this run.
    async fn carry_out(&self, mut works: Vec<Work>, tally: &mut Tally) -> Result<(), Halt> {
        for round in 1.. {
            let (again, left) = self.round(works, tally).await?;
            let wait = again.iter().filter_map(|(_, failure)| failure.retry_after_ms).max().map(Duration::from_millis);
            let wait = backoff::wait(round, wait, fastrand::f64()).filter(|wait| *wait <= WAIT_MAX);
            let interrupted = self.caller.interrupt.check().is_err();
            match wait {
                Some(wait) if !again.is_empty() && round < ROUNDS_MAX && !interrupted && tally.halt.is_none() => {
                    if self.caller.interrupt.or(self.caller.core.clock.sleep(wait)).await.is_ok() {
                        works = again.into_iter().map(|(work, _)| work).chain(left).collect();
                        continue;
                    }
                    self.give_up(again, left, tally).await?;
                }
                _ => self.give_up(again, left, tally).await?,
            }
            break;
        }
        Ok(())
    }

    /// Sends every batch once; what is worth another try, and what was not tried.
    async fn round(&self, works: Vec<Work>, tally: &mut Tally) -> Result<(Vec<(Work, RunFailure)>, Vec<Work>), Halt> {
        let rules = &self.caller.open.rules;
        let batch_size = if rules.document { works.len().max(1) } else { rules.batch_size.max(1) as usize };
        let mut batches = VecDeque::with_capacity(works.len() / batch_size + 1);
        let mut works = works.into_iter().peekable();
        while works.peek().is_some() {
            batches.push_back(works.by_ref().take(batch_size).collect());
        }
        let lanes = if rules.document { 1 } else { (rules.concurrency.max(1) as usize).min(batches.len()) };
        let queue = Queue { batches: Mutex::new(batches), stop: Mutex::new(None), pause: AtomicBool::new(false) };
        let finished = try_join_all((0..lanes).map(|_| self.lane(&queue))).await?;
        let left = lock(&queue.batches).drain(..).flatten().collect();
        tally.halt = tally.halt.take().or(lock(&queue.stop).take());
        let mut again = Vec::new();
        for finished in finished.into_iter().flatten() {
            match finished {
                Finished::Again(work, failure) => again.push((work, failure)),
                Finished::Over(outcome, written) => tally.add(outcome, written),
            }
        }
        Ok((again, left))
    }

    /// Takes batches until there is none. The outcome of one batch and the intent of the next are one transaction.
    async fn lane(&self, queue: &Queue) -> Result<Vec<Finished>, Halt> {
        let mut finished = Vec::new();
        let mut settled = Settled::default();
        loop {
            let Some(mut batch) = self.next(queue) else {
                self.write(settled, &mut finished, &[]).await?;
                return Ok(finished);
            };
            let requests = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            if self.caller.try_pace(requests).is_err() {
                self.write(std::mem::take(&mut settled), &mut finished, &[]).await?;
                if self.caller.pace(requests).await.is_err() {
                    lock(&queue.batches).push_front(batch);
                    return Ok(finished);
                }
            }
            let refused = self.write(std::mem::take(&mut settled), &mut finished, &batch).await?;
            batch.retain(|work| !refused.contains(&work.absolute));
            if batch.is_empty() {
                continue;
            }
            let changes: Vec<_> = batch.iter().map(Work::change).collect();
            let (version, context) = (self.prepared.document_version.as_deref(), self.prepared.context.as_ref());
            let called = self.caller.apply(&changes, version, context).await?;
            settled = Batch { works: batch, generation: self.generation }.settle(called);
            if let Some(stop) = settled.stop.take() {
                lock(&queue.stop).get_or_insert(stop);
            }
            queue.pause.fetch_or(settled.pause, Ordering::Relaxed);
        }
    }

    fn next(&self, queue: &Queue) -> Option<Vec<Work>> {
        if queue.pause.load(Ordering::Relaxed) || lock(&queue.stop).is_some() || self.caller.interrupt.check().is_err()
        {
            return None;
        }
        lock(&queue.batches).pop_front()
    }

    /// Writes what became of one batch and what is intended with the next; the keys of the next that another sync has.
    async fn write(&self, settled: Settled, finished: &mut Vec<Finished>, next: &[Work]) -> Result<Vec<String>, Halt> {
        let mut rows = settled.rows;
        rows.extend(next.iter().map(|work| work.intent(self.journal.lease.fence, self.generation)));
        let outcomes: Vec<ItemOutcome> = settled.finished.iter().filter_map(Finished::outcome).cloned().collect();
        let refused = self.journal.rows(&self.prepared.identity, &rows, &outcomes).await?;
        finished.extend(settled.finished);
        let mut names = Vec::with_capacity(refused.len());
        for (absolute, _) in refused {
            if let Some(work) = next.iter().find(|work| work.absolute == absolute) {
                let claimed = "another sync writes this key";
                let failure = failure(FailureClass::Configuration, Code::DestinationClaimed, claimed);
                finished.push(Finished::Over(work.outcome(ItemResult::Failed, Some(failure)), None));
            }
            names.push(absolute);
        }
        Ok(names)
    }

    async fn give_up(&self, again: Vec<(Work, RunFailure)>, left: Vec<Work>, tally: &mut Tally) -> Result<(), Halt> {
        let failed: Vec<ItemOutcome> =
            again.into_iter().map(|(work, failure)| work.outcome(ItemResult::Failed, Some(failure))).collect();
        self.journal.rows(&self.prepared.identity, &[], &failed).await?;
        for outcome in failed {
            tally.add(outcome, None);
        }
        self.leave(left, tally).await
    }

    /// Tells of items that were not tried.
    async fn leave(&self, works: Vec<Work>, tally: &mut Tally) -> Result<(), Halt> {
        let left: Vec<ItemOutcome> = works.iter().map(|work| work.outcome(ItemResult::NotAttempted, None)).collect();
        self.journal.rows(&self.prepared.identity, &[], &left).await?;
        for outcome in left {
            tally.add(outcome, None);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
