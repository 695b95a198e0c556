//! When syncs are checked for drift, and what becomes of what a check finds.
//!
//! A check counts from the last look at the destination, by a check or by a run. What stands in the index is only when to ask
//! whether one is due: the answer follows from the settings as they are then.

use std::time::Duration;

use super::lease::Lease;
use crate::domain::id::{SyncUid, TenantUid};
use crate::domain::sync::{OnDrift, Run, RunKind, SyncState, Trigger};
use crate::domain::{Code, Result, Timestamp};
use crate::records::Transaction;
use crate::records::sync_state::{self, DRIFTED_KEYS_MAX, Drift, Due, Status};
use crate::records::syncs::{self, SyncRecord};
use crate::service::context::Core;
use crate::service::syncs::trigger::{self, Asked, Pace};
use crate::transact;

/// It is asked at least so often whether a check is due, so that other settings of the host take effect by then.
const LOOK_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A check that is late by more was kept by a standstill of the host.
const LATE: Duration = Duration::from_secs(5 * 60);
/// Checks that a standstill kept are spread over so long after it.
const CATCH_UP: Duration = Duration::from_secs(60 * 60);
/// Intervals are drawn out or cut short by up to this share.
const JITTER: f64 = 0.1;
/// Entries of the index that are read at once.
const PAGE: usize = 1_000;

/// How often a sync is checked; `None`: never. `host`: where the sync does not say; zero is never as well.
fn interval(record: &SyncRecord, host: Duration) -> Option<Duration> {
    let own = record.spec.options.drift_check_interval_seconds.map(Duration::from_secs);
    Some(own.unwrap_or(host)).filter(|interval| !interval.is_zero())
}

/// Where a sync stands among all, in `0.0..1.0`: always the same for one sync.
fn place_among_all(sync: SyncUid) -> f64 {
    let [.., a, b, c, d] = *sync.as_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

/// When a check is due that counts from `since`.
fn due(sync: SyncUid, interval: Duration, since: Timestamp) -> Timestamp {
    since.after(interval.mul_f64(1.0 - JITTER + 2.0 * JITTER * place_among_all(sync)))
}

/// When to ask whether a check is due.
fn next_look(record: &SyncRecord, host: Duration, (since, now): (Timestamp, Timestamp)) -> Timestamp {
    let latest = now.after(LOOK_MAX);
    interval(record, host).map_or(latest, |interval| due(record.uid, interval, since).min(latest))
}

/// When it is asked, and under which settings of the host.
#[derive(Clone, Copy)]
struct Moment {
    /// The interval of syncs that give none.
    host: Duration,
    boot_epoch: u64,
    now: Timestamp,
}

/// Begins every check that is due by now. Tells how long until the next one is asked about.
pub(super) async fn begin_due(core: &Core, host: Duration, boot_epoch: u64) -> Result<Option<Duration>> {
    loop {
        let now = core.clock.now();
        let looks = sync_state::checks(&core.records.view().await?, PAGE).await?;
        for look in &looks {
            if look.at > now {
                return Ok(Some(look.at.since(now)));
            }
            match ask(core, *look, Moment { host, boot_epoch, now }).await {
                // The tenant is gone: so are its syncs.
                Err(error) if error.code() == Code::NotFound => drop_look(core, *look).await?,
                Err(error) if matches!(error.code(), Code::Unavailable | Code::Contention) => return Err(error),
                Err(error) => {
                    tracing::error!(error.code = %error.code(), sync.uid = %look.sync, "a sync cannot be checked for drift");
                    drop_look(core, *look).await?;
                }
                Ok(()) => {}
            }
        }
        if looks.len() < PAGE {
            return Ok(None);
        }
    }
}

async fn drop_look(core: &Core, look: Due) -> Result<()> {
    transact!(core.records, |tx| sync_state::delete_check(&mut tx, look));
    Ok(())
}

/// Asks whether a check of one sync is due, and makes it wanted if so.
async fn ask(core: &Core, look: Due, moment: Moment) -> Result<()> {
    let Due { tenant, sync, .. } = look;
    transact!(core.records, |tx| {
        let mut drift = Drift::read_for_update(&mut tx, tenant, sync).await?;
        if drift.look_at != Some(look.at) {
            sync_state::delete_check(&mut tx, look);
        } else {
            let record = tx.get::<SyncRecord>(&syncs::key(tenant, sync)).await?.filter(is_checked);
            let at = match (&record, drift.since) {
                (Some(record), Some(since)) => {
                    Some(decide(&mut tx, (tenant, record), &mut drift, since, moment).await?)
                }
                _ => None,
            };
            drift.look_at(&mut tx, tenant, sync, at);
            drift.write(&mut tx, tenant, sync).await?;
        }
    });
    Ok(())
}

/// Whether it is checked at all now; one that rests is looked at again when it wakes.
fn is_checked(record: &SyncRecord) -> bool {
    record.removal.is_none() && record.pause.is_none()
}

/// When to ask about this sync again; makes a check wanted when it is time.
async fn decide(
    tx: &mut Transaction,
    (tenant, record): (TenantUid, &SyncRecord),
    drift: &mut Drift,
    since: Timestamp,
    Moment { host, boot_epoch, now }: Moment,
) -> Result<Timestamp> {
    let Some(interval) = interval(record, host) else { return Ok(now.after(LOOK_MAX)) };
    let due = due(record.uid, interval, since);
    if due > now {
        return Ok(due.min(now.after(LOOK_MAX)));
    }
    if now.since(due) > LATE && drift.put_off_in != boot_epoch {
        drift.put_off_in = boot_epoch;
        return Ok(now.after(CATCH_UP.min(interval).mul_f64(place_among_all(record.uid))));
    }
    let asked = Asked { kind: RunKind::Check, trigger: Trigger::Schedule, author: None };
    trigger::ask(tx, tenant, record, asked, now).await?;
    // The end of the check sets another time.
    Ok(now.after(interval.min(LOOK_MAX)))
}

/// Notes what the end of a run tells of drift: `drifted` are keys that somebody else changed and that are left so, where the
/// destination was seen to the end. A check that found some is followed by a run, where the sync repairs drift.
pub(super) async fn settle(
    tx: &mut Transaction,
    lease: &Lease,
    (run, drifted): (&Run, Option<&[String]>),
    host: Duration,
    now: Timestamp,
) -> Result<()> {
    let (tenant, sync) = (lease.tenant, lease.sync);
    let is_check = run.kind == RunKind::Check;
    if drifted.is_none() && !is_check {
        return Ok(());
    }
    let Some(record) = tx.get::<SyncRecord>(&syncs::key(tenant, sync)).await? else { return Ok(()) };
    let mut drift = Drift::read_for_update(tx, tenant, sync).await?;
    if let Some(keys) = drifted {
        drift.checked_at = Some(now);
        drift.count = keys.len() as u64;
        drift.keys = keys.iter().take(DRIFTED_KEYS_MAX).cloned().collect();
    }
    if is_check {
        drift.check = Some(run.uid);
    }
    // Before its first run there is nothing of a sync that could drift.
    if !is_check || drift.since.is_some() {
        drift.since = Some(now);
        let at = is_checked(&record).then(|| next_look(&record, host, (now, now)));
        drift.look_at(tx, tenant, sync, at);
    }
    drift.write(tx, tenant, sync).await?;
    match drifted {
        Some(keys) if is_check => follow_up(tx, (tenant, &record), (run, !keys.is_empty()), now).await,
        _ => Ok(()),
    }
}

async fn follow_up(
    tx: &mut Transaction,
    (tenant, record): (TenantUid, &SyncRecord),
    (check, found): (&Run, bool),
    now: Timestamp,
) -> Result<()> {
    let is_repaired = found && record.spec.options.on_drift == OnDrift::Repair && {
        let cause = (check.trigger.clone(), Pace::Debounced);
        trigger::raise(tx, tenant, record, cause, now).await?.is_some()
    };
    let before = Status::read_for_update(tx, tenant, record.uid).await?;
    let state = match before.state {
        SyncState::InSync if found && !is_repaired => SyncState::Drifted,
        SyncState::Drifted if !found => SyncState::InSync,
        other => other,
    };
    Status { state, ..before }.write(tx, tenant, record.uid).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn uid(last: u32) -> SyncUid {
        let mut bytes = [7; 16];
        bytes[12..].copy_from_slice(&last.to_be_bytes());
        SyncUid::from_bytes(bytes)
    }

    #[test]
    fn checks_keep_their_place_within_a_tenth_of_the_interval() {
        let since = Timestamp::from_unix_ms(1_700_000_000_000);
        for (last, of_day) in [(0, 0.9), (1 << 31, 1.0), (u32::MAX, 1.1)] {
            let wait = due(uid(last), DAY, since).since(since);
            assert!((wait.as_secs_f64() / DAY.as_secs_f64() - of_day).abs() < 1e-6, "{last}: {wait:?}");
        }
    }

    #[test]
    fn syncs_that_were_made_together_are_not_checked_together() {
        let since = Timestamp::from_unix_ms(0);
        let mut dues: Vec<_> = (0..1_000).map(|_| due(SyncUid::generate(), DAY, since).unix_ms()).collect();
        dues.sort_unstable();
        let in_any_hour =
            dues.iter().map(|from| dues.iter().filter(|at| (*from..from + 3_600_000).contains(at)).count());
        assert!(in_any_hour.max().is_some_and(|most| most < 350), "a fifth of a day has nearly five hours");
    }
}
