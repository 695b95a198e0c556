//! Triggers: all that makes a run wanted only raises a number. Ten edits are one run.

use std::time::Duration;

use crate::domain::access::Author;
use crate::domain::id::{ConnectionUid, RunUid, SyncUid, TenantUid};
use crate::domain::sync::{Run, RunKind, RunState, Trigger};
use crate::domain::{Code, Error, Result, Timestamp};
use crate::records::sync_state::{Drift, Pending, Wanted};
use crate::records::syncs::{self, SyncRecord};
use crate::records::{Transaction, runs};

/// A run begins so long after the last trigger ...
const DEBOUNCE: Duration = Duration::from_secs(2);
/// ... and at most so long after the first.
const DEBOUNCE_MAX: Duration = Duration::from_secs(30);
/// The most syncs that one connection's change triggers.
const SYNCS_MAX: usize = 10_000;

/// How soon a run shall begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// When no more triggers come.
    Debounced,
    /// As [`Pace::Debounced`], but what it waited for after a failure is over: something changed that may have mended it.
    Afresh,
    /// As soon as the engine gets to it, whatever it was waiting for.
    AtOnce,
}

/// Raises what is wanted of a sync, and gives the run that will bring it about. A sync that is paused, or that does not run
/// by itself, is only marked.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn raise(
    tx: &mut Transaction,
    tenant: TenantUid,
    record: &SyncRecord,
    (trigger, pace): (Trigger, Pace),
    now: Timestamp,
) -> Result<Option<RunUid>> {
    let mut wanted = Wanted::read_for_update(tx, tenant, record.uid).await?;
    wanted.generation += 1;
    let of = (tenant, record.uid);
    if pace == Pace::Afresh {
        end_waits(tx, of, &mut wanted, &trigger, now).await?;
    }
    let runs_by_itself = record.spec.options.auto_sync || pace == Pace::AtOnce;
    if !record.is_active() {
        wanted.write(tx, tenant, record.uid).await?;
        return Ok(None);
    }
    if !runs_by_itself {
        wanted.write_due(tx, tenant, record.uid).await?;
        return Ok(None);
    }
    let mut pending = match wanted.pending.take() {
        Some(pending) if pace == Pace::AtOnce => hasten(tx, of, pending, trigger).await?,
        Some(pending) => pending,
        None => begin_pending(tx, of, trigger, (wanted.generation, now)).await?,
    };
    pending.at_once |= pace == Pace::AtOnce;
    pending.is_afresh |= pace == Pace::Afresh;
    pending.due_at = due_at(&pending, now);
    let run = pending.run;
    wanted.pending = Some(pending);
    wanted.write_due(tx, tenant, record.uid).await?;
    Ok(Some(run))
}

async fn begin_pending(
    tx: &mut Transaction,
    (tenant, sync): (TenantUid, SyncUid),
    trigger: Trigger,
    (generation, now): (u64, Timestamp),
) -> Result<Pending> {
    let uid = RunUid::generate();
    let run = Run::pending(uid, sync, trigger, generation, now);
    debug_assert_eq!(run.state, RunState::Pending);
    tx.put(&runs::key(tenant, sync, uid), &run).await?;
    Ok(Pending { at_once: false, ..Pending::at_once(uid, now) })
}

/// A run of another kind, as it is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub kind: RunKind,
    pub trigger: Trigger,
    /// On whose behalf it writes secrets.
    pub author: Option<Author>,
}

/// Makes an import, a check or a removal wanted at once, and gives its run: the one that is wanted or under way already, where it is of
/// exactly this kind.
///
/// # Errors
/// `wrong_state` when the sync is paused, is being deleted, or has an import of another priority under way; as
/// [`Transaction::put`].
pub async fn ask(
    tx: &mut Transaction,
    tenant: TenantUid,
    record: &SyncRecord,
    Asked { kind, trigger, author }: Asked,
    now: Timestamp,
) -> Result<Run> {
    refuse_resting(record)?;
    let sync = record.uid;
    let mut wanted = Wanted::read_for_update(tx, tenant, sync).await?;
    if let Some(run) = under_way(tx, (tenant, sync), &wanted, kind).await? {
        if run.kind != kind {
            return Err(Error::new(Code::WrongState, "an import with the other priority is wanted or under way"));
        }
        if let Some(waiting) = slot(&mut wanted, kind) {
            // One that waits after a failure is tried now.
            *waiting = Pending::at_once(run.uid, now);
            wanted.write_due(tx, tenant, sync).await?;
        }
        return Ok(run);
    }
    let uid = RunUid::generate();
    let run = Run { kind, author, ..Run::pending(uid, sync, trigger, wanted.generation, now) };
    tx.put(&runs::key(tenant, sync, uid), &run).await?;
    *slot(&mut wanted, kind) = Some(Pending::at_once(uid, now));
    wanted.write_due(tx, tenant, sync).await?;
    Ok(run)
}

/// Where a run of this kind waits.
pub fn slot(wanted: &mut Wanted, kind: RunKind) -> &mut Option<Pending> {
    match kind {
        RunKind::Sync => &mut wanted.pending,
        RunKind::Import { .. } => &mut wanted.import,
        RunKind::Check => &mut wanted.check,
        RunKind::Removal => &mut wanted.removal,
    }
}

/// Lets the engine ask anew when the next check is due: the sync's interval may be another, or it rested.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn look_again(tx: &mut Transaction, tenant: TenantUid, sync: SyncUid, now: Timestamp) -> Result<()> {
    let mut drift = Drift::read_for_update(tx, tenant, sync).await?;
    if drift.since.is_none() {
        return Ok(());
    }
    drift.look_at(tx, tenant, sync, Some(now));
    drift.write(tx, tenant, sync).await
}

fn refuse_resting(record: &SyncRecord) -> Result<()> {
    match (record.removal, record.pause) {
        (Some(_), _) => Err(Error::new(Code::WrongState, "the sync is being deleted")),
        (None, Some(_)) => Err(Error::new(Code::WrongState, "the sync is paused")),
        (None, None) => Ok(()),
    }
}

/// The run of this sort that waits or has begun.
async fn under_way(
    tx: &mut Transaction,
    (tenant, sync): (TenantUid, SyncUid),
    wanted: &Wanted,
    kind: RunKind,
) -> Result<Option<Run>> {
    let waiting = slot(&mut wanted.clone(), kind).as_ref().map(|pending| pending.run);
    for uid in waiting.into_iter().chain(wanted.running) {
        let run = tx.get::<Run>(&runs::key(tenant, sync, uid)).await?;
        let of_this_sort = |run: &Run| std::mem::discriminant(&run.kind) == std::mem::discriminant(&kind);
        if let Some(run) = run.filter(of_this_sort) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// Somebody asks for a run that is pending already: from now on it is theirs, and waits no longer.
async fn hasten(
    tx: &mut Transaction,
    (tenant, sync): (TenantUid, SyncUid),
    pending: Pending,
    trigger: Trigger,
) -> Result<Pending> {
    let key = runs::key(tenant, sync, pending.run);
    if let Some(run) = tx.get::<Run>(&key).await? {
        tx.put(&key, &Run { trigger, retry_at: None, ..run }).await?;
    }
    Ok(Pending { not_before: None, is_rejected: false, ..pending })
}

/// Lets every run of a sync that waits after a failure go on: what it failed by may be mended.
async fn end_waits(
    tx: &mut Transaction,
    (tenant, sync): (TenantUid, SyncUid),
    wanted: &mut Wanted,
    trigger: &Trigger,
    now: Timestamp,
) -> Result<()> {
    let slots = [&mut wanted.pending, &mut wanted.import, &mut wanted.removal, &mut wanted.check];
    for pending in slots.into_iter().flatten().filter(|pending| pending.not_before.is_some()) {
        let key = runs::key(tenant, sync, pending.run);
        if let Some(run) = tx.get::<Run>(&key).await? {
            // Who asked for a run keeps it; one that only probes is the change's.
            let trigger = if run.trigger == Trigger::Retry { trigger.clone() } else { run.trigger.clone() };
            tx.put(&key, &Run { trigger, retry_at: None, ..run }).await?;
        }
        *pending = pending.clone().afresh(now);
    }
    Ok(())
}

fn due_at(pending: &Pending, now: Timestamp) -> Timestamp {
    if pending.at_once {
        return now;
    }
    let quiet = now.after(DEBOUNCE).min(pending.since.after(DEBOUNCE_MAX)).max(now);
    pending.not_before.map_or(quiet, |not_before| quiet.max(not_before))
}

/// Raises what is wanted of every sync that uses a connection: its settings or its credential changed. None of them waits any
/// longer because of what failed before.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn connection_changed(
    tx: &mut Transaction,
    tenant: TenantUid,
    connection: ConnectionUid,
    now: Timestamp,
) -> Result<()> {
    for uid in syncs::using(tx.view(), tenant, connection, SYNCS_MAX).await? {
        if let Some(record) = syncs::read(tx.view(), tenant, uid).await? {
            raise(tx, tenant, &record, (Trigger::Connection, Pace::Afresh), now).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(s * 1_000)
    }

    fn pending() -> Pending {
        Pending { at_once: false, ..Pending::at_once(RunUid::generate(), at(0)) }
    }

    #[test]
    fn a_run_waits_for_quiet_and_not_for_ever() {
        for (now, due) in [(0, 2), (10, 12), (28, 30), (29, 30), (40, 40)] {
            assert_eq!(due_at(&pending(), at(now)), at(due), "at {now} s");
        }
    }

    #[test]
    fn an_edit_does_not_cut_a_wait_after_a_failure_short() {
        let failed = Pending { not_before: Some(at(900)), ..pending() };
        assert_eq!(due_at(&failed, at(10)), at(900));
    }

    #[test]
    fn an_edit_does_not_put_off_what_somebody_waits_for() {
        let asked = Pending { at_once: true, ..pending() };
        assert_eq!(due_at(&asked, at(10)), at(10));
    }
}
