//! Runs, their events and the plans that they carried out or wait with.

use std::collections::HashMap;

use super::transaction::{Transaction, View};
use super::{Key, Kind};
use crate::domain::Result;
use crate::domain::id::{RunUid, SyncUid, TenantUid};
use crate::domain::sync::{ItemOutcome, Plan, Run, RunEvent, RunKind, RunStep};

crate::json_record!(Run, Run);
crate::json_record!(RunStep, RunEvent);
crate::json_record!(Plan, Plan);

/// The runs of a sync that are kept; older ones go when one ends.
pub const RUNS_KEPT_MAX: usize = 100;
/// The checks for drift among them: where they are frequent, they do not displace the others.
pub const CHECKS_KEPT_MAX: usize = 20;

const PAGE: usize = 1_000;

fn of_sync(tenant: TenantUid, sync: SyncUid) -> Key {
    Key::new(tenant, Kind::Run).uid(sync.as_bytes())
}

/// The key of a run.
#[must_use]
pub fn key(tenant: TenantUid, sync: SyncUid, run: RunUid) -> Key {
    of_sync(tenant, sync).uid(run.as_bytes())
}

/// The log of a run's events; watch it to follow a run.
#[must_use]
pub fn log(tenant: TenantUid, run: RunUid) -> Key {
    Key::new(tenant, Kind::RunEvent).uid(run.as_bytes())
}

/// The key of a run's plan.
#[must_use]
pub fn plan_key(tenant: TenantUid, run: RunUid) -> Key {
    Key::new(tenant, Kind::Plan).uid(run.as_bytes())
}

/// A run.
///
/// # Errors
/// As [`View::get`].
pub async fn read(view: &View, tenant: TenantUid, sync: SyncUid, run: RunUid) -> Result<Option<Run>> {
    view.get(&key(tenant, sync, run)).await
}

/// The runs of a sync that are kept, newest first.
///
/// # Errors
/// As [`View::get`].
pub async fn list(view: &View, tenant: TenantUid, sync: SyncUid) -> Result<Vec<Run>> {
    let found = view.scan::<Run>(&of_sync(tenant, sync), None, PAGE).await?;
    Ok(found.into_iter().rev().map(|(_, run)| run).collect())
}

/// The events of a run after a sequence number.
///
/// # Errors
/// As [`View::get`].
pub async fn events(
    view: &View,
    tenant: TenantUid,
    run: RunUid,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, RunStep)>> {
    let log = log(tenant, run);
    let after = (after > 0).then(|| log.clone().number(after));
    view.scan_appended(&log, after.as_ref().map(Key::as_bytes), limit).await
}

/// What became of each key, over all attempts: the last word on each, in the order in which they were first spoken of.
///
/// # Errors
/// As [`View::get`].
pub async fn outcomes(view: &View, tenant: TenantUid, run: RunUid) -> Result<Vec<ItemOutcome>> {
    let mut outcomes: Vec<ItemOutcome> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut after = 0;
    loop {
        let page = events(view, tenant, run, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(outcomes) };
        after = *last;
        let items = page.into_iter().filter_map(|(_, step)| match step.event {
            RunEvent::Items { outcomes } => Some(outcomes),
            _ => None,
        });
        for outcome in items.flatten() {
            match places.get(&outcome.key) {
                Some(place) => outcomes[*place] = outcome,
                None => {
                    places.insert(outcome.key.clone(), outcomes.len());
                    outcomes.push(outcome);
                }
            }
        }
    }
}

/// The plan that a run carried out, or ended blocked with.
///
/// # Errors
/// As [`View::get`].
pub async fn plan(view: &View, tenant: TenantUid, run: RunUid) -> Result<Option<Plan>> {
    view.get(&plan_key(tenant, run)).await
}

/// Removes the oldest runs beyond those that are kept, but none of `held`.
///
/// # Errors
/// As [`View::get`].
pub async fn prune(tx: &mut Transaction, tenant: TenantUid, sync: SyncUid, held: &[RunUid]) -> Result<()> {
    let found = tx.view().scan::<Run>(&of_sync(tenant, sync), None, PAGE).await?;
    let (mut runs, mut checks) = (0, 0);
    let newest_first = found.into_iter().rev();
    let excess = newest_first.filter(|(_, run)| {
        let (count, max) = match run.kind {
            RunKind::Check => (&mut checks, CHECKS_KEPT_MAX),
            RunKind::Sync | RunKind::Import { .. } | RunKind::Removal => (&mut runs, RUNS_KEPT_MAX),
        };
        *count += 1;
        *count > max && !held.contains(&run.uid)
    });
    remove(tx, tenant, excess.collect()).await?;
    Ok(())
}

/// Removes all runs of a sync, as many as one transaction bears. Tells whether more are left.
///
/// # Errors
/// As [`View::get`].
pub async fn remove_all(tx: &mut Transaction, tenant: TenantUid, sync: SyncUid) -> Result<bool> {
    let found = tx.view().scan::<Run>(&of_sync(tenant, sync), None, PAGE).await?;
    let is_page_full = found.len() == PAGE;
    Ok(remove(tx, tenant, found).await? || is_page_full)
}

/// Runs with long logs are removed over several transactions: tells whether some of these are left.
async fn remove(tx: &mut Transaction, tenant: TenantUid, runs: Vec<(Key, Run)>) -> Result<bool> {
    const EVENTS_MAX: usize = 5_000;
    let mut removed = 0;
    for (key, run) in runs {
        let log = log(tenant, run.uid);
        let events = tx.view().scan_appended::<RunStep>(&log, None, EVENTS_MAX).await?;
        removed += events.len();
        for (sequence, _) in &events {
            tx.delete(&log.clone().number(*sequence));
        }
        if events.len() < EVENTS_MAX {
            tx.delete(&plan_key(tenant, run.uid));
            tx.delete(&key);
        }
        if removed >= EVENTS_MAX {
            return Ok(true);
        }
    }
    Ok(false)
}
