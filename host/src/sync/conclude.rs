//! The end of a run: one transaction that says how it went and what comes next.

use std::time::Duration;

use super::backoff;
use super::drift;
use super::engine::Inner;
use super::halt::{Halt, failure};
use super::journal::Journal;
use super::lease::Lease;
use super::run::Report;
use crate::domain::id::RunUid;
use crate::domain::sync::{
    FailureClass, ItemResult, Run, RunEvent, RunFailure, RunKind, RunState, RunStep, SyncState, Trigger,
};
use crate::domain::{Code, Timestamp};
use crate::records::sync_state::{self, Applied, Attempted, Cancel, Import, Pending, Removed, Status, Wanted};
use crate::records::syncs::{Pause, SyncRecord};
use crate::records::{Transaction, runs, syncs};
use crate::service::syncs::trigger::slot;
use crate::transact;

/// How a run ends.
struct Ending {
    state: RunState,
    sync_state: SyncState,
    failure: Option<RunFailure>,
    /// Everything that was wanted is carried out.
    is_applied: bool,
    /// Keys that somebody else changed and that are left so; `None` when the destination was not seen to the end.
    drifted: Option<Vec<String>>,
    next: Next,
    pause: Option<Pause>,
}

/// What comes after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing, until something new is wanted.
    Rest,
    /// The same run goes on after this wait.
    GoOn(Duration),
    /// Another run probes after this wait.
    Probe(Duration),
}

/// Ends a run.
pub(super) struct Conclusion<'a> {
    pub(super) inner: &'a Inner,
    pub(super) lease: &'a Lease,
    pub(super) journal: &'a Journal<'a>,
}

impl Conclusion<'_> {
    /// Writes the end down. A run that lost its lease has no say any more.
    pub(super) async fn write(&self, mut run: Run, outcome: Result<Report, Halt>) -> Result<(), Halt> {
        let made_progress = matches!(&outcome, Ok(report) if report.tally.done > 0);
        let has_done = made_progress || self.has_done(&run).await?;
        let ending = match outcome {
            Err(Halt::LeaseLost) => return Err(Halt::LeaseLost),
            Ok(report) => ending_of(&run, &report, has_done),
            Err(halt) => ending_of_halt(&run, halt, has_done),
        };
        let now = self.inner.core.clock.now();
        run.failure = ending.failure.clone();
        run.state = ending.state;
        match ending.next {
            Next::GoOn(wait) => {
                run.retry_at = Some(now.after(wait));
                // Waits grow only while nothing gets done.
                run.attempt = if made_progress { 0 } else { run.attempt };
            }
            Next::Rest | Next::Probe(_) => run.finished_at = Some(now),
        }
        let step = match (&ending.next, &ending.failure) {
            (Next::GoOn(wait), Some(failure)) => {
                RunEvent::Postponed { failure: failure.clone(), until: now.after(*wait) }
            }
            _ => RunEvent::Finished { state: ending.state },
        };
        let mut steps = self.journal.take_steps();
        steps.push(RunStep { at: now, event: step });
        self.commit(&run, &ending, &steps, now).await?;
        log(&run);
        self.count(&run);
        Ok(())
    }

    fn count(&self, run: &Run) {
        match (run.finished_at, &run.failure) {
            (Some(end), _) => {
                let took = end.since(run.started_at.unwrap_or(run.created_at));
                self.inner.meter.sync_run(run.state, took);
            }
            (None, Some(failure)) => self.inner.meter.sync_retry(failure.class),
            (None, None) => {}
        }
    }

    /// Whether an earlier attempt of this run carried something out.
    async fn has_done(&self, run: &Run) -> Result<bool, Halt> {
        let view = self.inner.core.records.view().await?;
        let outcomes = runs::outcomes(&view, self.lease.tenant, run.uid).await?;
        Ok(outcomes.iter().any(|outcome| outcome.action.is_write() && outcome.result == ItemResult::Ok))
    }

    async fn commit(&self, run: &Run, ending: &Ending, steps: &[RunStep], now: Timestamp) -> Result<(), Halt> {
        let (tenant, sync) = (self.lease.tenant, self.lease.sync);
        transact!(self.inner.core.records, |tx| {
            self.lease.hold(&mut tx).await?;
            self.lease.release(&mut tx).await?;
            self.journal.append(&mut tx, steps).await?;
            tx.put(&runs::key(tenant, sync, run.uid), run).await?;
            let mut wanted = Wanted::read_for_update(&mut tx, tenant, sync).await?;
            wanted.running = None;
            self.plan_next(&mut tx, (&mut wanted, run), ending, now).await?;
            if run.kind == RunKind::Removal && ending.is_applied {
                // What was wanted of the destination is not there any more.
                wanted.generation += 1;
                let status = Status::read_for_update(&mut tx, tenant, sync).await?;
                Status { state: SyncState::Pending, at: now, ..status }.write(&mut tx, tenant, sync).await?;
            }
            wanted.write_due(&mut tx, tenant, sync).await?;
            tx.delete(&Cancel::key(tenant, sync));
            if run.kind == RunKind::Sync {
                let status = Status { state: ending.sync_state, last_run: Some(run.uid), at: now, verification: None };
                status.write(&mut tx, tenant, sync).await?;
                if ending.is_applied {
                    Applied { generation: run.generation, at: Some(now) }.write(&mut tx, tenant, sync).await?;
                }
            }
            if let Some(pause) = ending.pause {
                self.pause(&mut tx, pause, now).await?;
            } else if ending.state.is_final() {
                let host = self.inner.options.drift_check_interval;
                drift::settle(&mut tx, self.lease, (run, ending.drifted.as_deref()), host, now).await?;
            }
        });
        self.prune().await
    }

    /// Pruning needs no lease; it only must not touch a sync that is gone meanwhile.
    async fn prune(&self) -> Result<(), Halt> {
        let (tenant, sync) = (self.lease.tenant, self.lease.sync);
        transact!(self.inner.core.records, |tx| {
            if tx.get::<SyncRecord>(&syncs::key(tenant, sync)).await?.is_some() {
                let shown = [
                    Status::read(tx.view(), tenant, sync).await?.last_run,
                    Import::read(tx.view(), tenant, sync).await?.run,
                    Removed::read(tx.view(), tenant, sync).await?.run,
                ];
                let held: Vec<RunUid> = shown.into_iter().flatten().collect();
                runs::prune(&mut tx, tenant, sync, &held).await?;
            }
        });
        Ok(())
    }

    async fn plan_next(
        &self,
        tx: &mut Transaction,
        (wanted, run): (&mut Wanted, &Run),
        ending: &Ending,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let (tenant, sync) = (self.lease.tenant, self.lease.sync);
        match ending.next {
            Next::GoOn(wait) => {
                // What was wanted meanwhile is brought about by the same run; its own row would never be run.
                let waiting = waiting(run.uid, now, wait);
                if let Some(other) = slot(wanted, run.kind).replace(waiting.clone()) {
                    if other.is_afresh {
                        // What this attempt failed by may have been mended while it was under way.
                        *slot(wanted, run.kind) = Some(waiting.afresh(now));
                        tx.put(&runs::key(tenant, sync, run.uid), &Run { retry_at: None, ..run.clone() }).await?;
                    }
                    self.join(tx, other.run, now).await?;
                }
            }
            Next::Rest | Next::Probe(_) if run.kind == RunKind::Sync => {
                Attempted { generation: run.generation }.write(tx, tenant, sync).await?;
                match (wanted.pending.take(), ending.next) {
                    (Some(pending), Next::Probe(wait)) if !(pending.at_once || pending.is_afresh) => {
                        // What changed meanwhile is carried with a credential that was rejected just now.
                        let key = runs::key(tenant, sync, pending.run);
                        if let Some(run) = tx.get::<Run>(&key).await? {
                            tx.put(&key, &Run { retry_at: Some(now.after(wait)), ..run }).await?;
                        }
                        wanted.pending = Some(probing(pending.run, now, wait));
                    }
                    (Some(pending), _) => wanted.pending = Some(Pending { due_at: now, ..pending }),
                    (None, Next::Probe(wait)) => {
                        let uid = RunUid::generate();
                        let mut probe = Run::pending(uid, sync, Trigger::Retry, wanted.generation, now);
                        probe.retry_at = Some(now.after(wait));
                        tx.put(&runs::key(tenant, sync, uid), &probe).await?;
                        wanted.pending = Some(probing(uid, now, wait));
                    }
                    (None, _) => {}
                }
            }
            Next::Rest | Next::Probe(_) => {}
        }
        Ok(())
    }

    /// Ends a run that never began because an earlier one does its work.
    async fn join(&self, tx: &mut Transaction, uid: RunUid, now: Timestamp) -> Result<(), Halt> {
        let (tenant, sync) = (self.lease.tenant, self.lease.sync);
        let key = runs::key(tenant, sync, uid);
        let Some(run) = tx.get::<Run>(&key).await? else { return Ok(()) };
        tx.put(&key, &Run { state: RunState::Cancelled, finished_at: Some(now), ..run }).await?;
        let step = RunStep { at: now, event: RunEvent::Finished { state: RunState::Cancelled } };
        Ok(tx.append(&runs::log(tenant, uid), &step).await?)
    }

    async fn pause(&self, tx: &mut Transaction, pause: Pause, now: Timestamp) -> Result<(), Halt> {
        let (tenant, sync) = (self.lease.tenant, self.lease.sync);
        let Some(before) = tx.get::<SyncRecord>(&syncs::key(tenant, sync)).await? else { return Ok(()) };
        let after = SyncRecord { pause: before.pause.or(Some(pause)), modified_at: now, ..before.clone() };
        sync_state::delete_due(tx, tenant, sync);
        Ok(syncs::update(tx, tenant, &before, &after).await?)
    }
}

/// A run that begins after this wait.
fn waiting(run: RunUid, now: Timestamp, wait: Duration) -> Pending {
    let begin = now.after(wait);
    Pending { at_once: false, not_before: Some(begin), due_at: begin, ..Pending::at_once(run, now) }
}

/// A run that tries after this wait whether the vendor accepts the credential again.
fn probing(run: RunUid, now: Timestamp, wait: Duration) -> Pending {
    Pending { is_rejected: true, ..waiting(run, now, wait) }
}

fn ending_of(run: &Run, report: &Report, has_done: bool) -> Ending {
    match report.tally.worst() {
        None => Ending {
            state: RunState::Succeeded,
            sync_state: if report.drifted.is_empty() { SyncState::InSync } else { SyncState::Drifted },
            failure: None,
            is_applied: true,
            drifted: matches!(run.kind, RunKind::Sync | RunKind::Check).then(|| report.drifted.clone()),
            next: Next::Rest,
            pause: None,
        },
        Some(failure) => ending_of_failure(run, failure.clone(), has_done),
    }
}

fn ending_of_halt(run: &Run, halt: Halt, has_done: bool) -> Ending {
    let plain = |state, sync_state, failure| Ending {
        state,
        sync_state,
        failure,
        is_applied: false,
        drifted: None,
        next: Next::Rest,
        pause: None,
    };
    match halt {
        Halt::Failed(failure) => ending_of_failure(run, failure, has_done),
        Halt::Blocked(blocked) => {
            let told = failure(FailureClass::Configuration, Code::PlanBlocked, blocked.1.message.clone());
            plain(RunState::Blocked, SyncState::Blocked, Some(told))
        }
        Halt::SourceMissing => {
            let message = "the selected folder or environment is gone; the sync is paused";
            let told = failure(FailureClass::Configuration, Code::NotFound, message);
            Ending { pause: Some(Pause::SourceMissing), ..plain(RunState::Failed, SyncState::Paused, Some(told)) }
        }
        Halt::Cancelled => plain(RunState::Cancelled, SyncState::Pending, None),
        Halt::Stopping | Halt::LeaseLost => {
            let told = failure(FailureClass::Retry, Code::Unavailable, "the run was interrupted and goes on");
            let paused = plain(RunState::Pending, SyncState::Pending, Some(told));
            Ending { next: Next::GoOn(Duration::ZERO), ..paused }
        }
    }
}

fn ending_of_failure(run: &Run, failure: RunFailure, has_done: bool) -> Ending {
    let next = next(run, &failure);
    let (state, sync_state) = match (next, failure.class) {
        (Next::GoOn(_), _) => (RunState::Pending, SyncState::Pending),
        // The others went on: the run is partial even where nothing else was to be done.
        (_, FailureClass::Item) => (RunState::Partial, SyncState::Partial),
        _ if has_done => (RunState::Partial, SyncState::Partial),
        _ => (RunState::Failed, SyncState::Failed),
    };
    Ending { state, sync_state, failure: Some(failure), is_applied: false, drifted: None, next, pause: None }
}

fn next(run: &Run, failure: &RunFailure) -> Next {
    let retry_after = failure.retry_after_ms.map(Duration::from_millis);
    let wait = || backoff::wait(run.attempt, retry_after, fastrand::f64());
    match failure.class {
        FailureClass::Retry | FailureClass::UnknownOutcome => wait().map_or(Next::Rest, Next::GoOn),
        FailureClass::Plugin if run.attempt < backoff::PLUGIN_ATTEMPTS_MAX => wait().map_or(Next::Rest, Next::GoOn),
        FailureClass::Authentication if run.kind == RunKind::Sync => Next::Probe(backoff::AUTHENTICATION_PROBE),
        _ => Next::Rest,
    }
}

fn log(run: &Run) {
    tracing::info!(
        sync.uid = %run.sync,
        run.uid = %run.uid,
        run.state = ?run.state,
        run.kind = ?run.kind,
        run.attempt = run.attempt,
        run.code = run.failure.as_ref().map(|failure| failure.code.as_str()),
        calls.read = run.remote_calls.read,
        calls.write = run.remote_calls.write,
        "a run of a sync ended"
    );
}
