//! Leases: at most one run of a sync at a time, and none that lost its lease can write.
//!
//! A lease is taken by raising the fence; every later write of the run holds the fence to its number. With one process per
//! store a restart voids all leases by the boot epoch.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::halt::Halt;
use crate::domain::Timestamp;
use crate::domain::id::{RunUid, SyncUid, TenantUid};
use crate::domain::sync::{Run, RunEvent, RunKind, RunState, RunStep, Trigger};
use crate::records::sync_state::{self, Due, Fence, Lease as LeaseRow, Wanted};
use crate::records::syncs::{self, SyncRecord};
use crate::records::{Records, Transaction, runs};
use crate::service::context::Core;
use crate::transact;

/// How long a lease holds without being renewed.
pub(super) const LEASE: Duration = Duration::from_secs(120);
/// How often it is renewed.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(20);
/// No request may end later than so long before the lease does.
const MARGIN: Duration = Duration::from_secs(5);

/// The right to work on one sync.
pub(super) struct Lease {
    pub(super) tenant: TenantUid,
    pub(super) sync: SyncUid,
    pub(super) fence: u64,
    boot_epoch: u64,
    /// Measured from before the store was asked.
    expires: Mutex<Instant>,
}

/// What came of asking for a lease.
pub(super) enum Acquired {
    Lease(Box<(Lease, SyncRecord, Run)>),
    /// Somebody works on it.
    Busy,
    /// There is nothing to do.
    Nothing,
}

/// Takes the lease of a due sync and begins its run, or goes on with the one that a crash left.
pub(super) async fn acquire(core: &Core, due: Due, boot_epoch: u64) -> Result<Acquired, Halt> {
    let Due { tenant, sync, .. } = due;
    let asked = Instant::now();
    let acquired = transact!(core.records, |tx| {
        let now = core.clock.now();
        let record = tx.get::<SyncRecord>(&syncs::key(tenant, sync)).await?.filter(SyncRecord::is_active);
        let mut wanted = Wanted::read_for_update(&mut tx, tenant, sync).await?;
        let mut fence = Fence::read_for_update(&mut tx, tenant, sync).await?;
        let held = LeaseRow::read_for_update(&mut tx, tenant, sync).await?;
        if held.fence == fence.number && held.boot_epoch == boot_epoch && held.expires_at > now {
            return Ok(Acquired::Busy);
        }
        let next = wanted.running.or_else(|| wanted.take_due(now));
        match (record, next) {
            (Some(record), Some(run)) => {
                fence.number += 1;
                fence.write(&mut tx, tenant, sync).await?;
                let row = LeaseRow { fence: fence.number, boot_epoch, expires_at: now.after(LEASE) };
                row.write(&mut tx, tenant, sync).await?;
                wanted.running = Some(run);
                wanted.write_due(&mut tx, tenant, sync).await?;
                let run = begin(&mut tx, (tenant, &record, run), wanted.generation, now).await?;
                let expires = Mutex::new(asked + LEASE);
                let lease = Lease { tenant, sync, fence: fence.number, boot_epoch, expires };
                Acquired::Lease(Box::new((lease, record, run)))
            }
            (Some(_), None) => {
                wanted.write_due(&mut tx, tenant, sync).await?;
                Acquired::Nothing
            }
            (None, _) => {
                sync_state::delete_due(&mut tx, tenant, sync);
                Acquired::Nothing
            }
        }
    });
    Ok(acquired)
}

async fn begin(
    tx: &mut Transaction,
    (tenant, record, uid): (TenantUid, &SyncRecord, RunUid),
    generation: u64,
    now: Timestamp,
) -> Result<Run, Halt> {
    let key = runs::key(tenant, record.uid, uid);
    let run = tx.get::<Run>(&key).await?;
    let mut run = run.unwrap_or_else(|| Run::pending(uid, record.uid, Trigger::Retry, generation, now));
    if record.removal.is_some() {
        // Whatever it was, it is about removal now.
        run.kind = RunKind::Sync;
    }
    run.state = RunState::Running;
    run.generation = generation;
    run.attempt += 1;
    run.started_at = run.started_at.or(Some(now));
    run.retry_at = None;
    run.failure = None;
    tx.put(&key, &run).await?;
    let step = RunStep { at: now, event: RunEvent::Started { attempt: run.attempt } };
    tx.append(&runs::log(tenant, uid), &step).await?;
    Ok(run)
}

impl Lease {
    /// Holds a transaction to the fence: it commits only while the lease is ours.
    pub(super) async fn hold(&self, tx: &mut Transaction) -> Result<(), Halt> {
        let fence = Fence::read_for_update(tx, self.tenant, self.sync).await?;
        if fence.number == self.fence { Ok(()) } else { Err(Halt::LeaseLost) }
    }

    /// When the last request of a call must have ended.
    pub(super) fn deadline(&self) -> Result<Instant, Halt> {
        let expires = *self.expires.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let deadline = expires.checked_sub(MARGIN).filter(|deadline| *deadline > Instant::now());
        deadline.ok_or(Halt::LeaseLost)
    }

    /// Renews the lease for as long as it is ours; ends when it is not.
    pub(super) async fn keep(&self, core: &Core) -> Halt {
        loop {
            core.clock.sleep(HEARTBEAT).await;
            match self.renew(core).await {
                Ok(()) => {}
                // The store may recover before the lease ends; until then calls get ever shorter deadlines.
                Err(Halt::Failed(failure)) if self.deadline().is_ok() => {
                    tracing::warn!(sync.uid = %self.sync, failure.code, "a lease could not be renewed");
                }
                Err(_) => return Halt::LeaseLost,
            }
        }
    }

    async fn renew(&self, core: &Core) -> Result<(), Halt> {
        let asked = Instant::now();
        transact!(core.records, |tx| {
            self.hold(&mut tx).await?;
            let expires_at = core.clock.now().after(LEASE);
            let row = LeaseRow { fence: self.fence, boot_epoch: self.boot_epoch, expires_at };
            row.write(&mut tx, self.tenant, self.sync).await?;
        });
        *self.expires.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = asked + LEASE;
        Ok(())
    }

    /// Gives the lease back, in the transaction that ends the run.
    pub(super) async fn release(&self, tx: &mut Transaction) -> Result<(), Halt> {
        let row = LeaseRow { fence: self.fence, boot_epoch: self.boot_epoch, expires_at: Timestamp::default() };
        Ok(row.write(tx, self.tenant, self.sync).await?)
    }

    /// Waits until somebody wants this run cancelled, or takes the sync away.
    pub(super) async fn interrupted(&self, records: &Records, run: RunUid) -> Halt {
        let mut changes = records.store().watch(sync_state::parts_prefix(self.tenant, self.sync).as_bytes());
        loop {
            changes.borrow_and_update();
            match self.interruption(records, run).await {
                Ok(None) => {}
                Ok(Some(halt)) => return halt,
                // The heartbeat deals with a store that fails.
                Err(_) => std::future::pending().await,
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn interruption(&self, records: &Records, run: RunUid) -> Result<Option<Halt>, Halt> {
        let view = records.view().await?;
        if Fence::read(&view, self.tenant, self.sync).await?.number != self.fence {
            return Ok(Some(Halt::LeaseLost));
        }
        let cancel = sync_state::Cancel::read(&view, self.tenant, self.sync).await?;
        Ok((cancel.run == Some(run)).then_some(Halt::Cancelled))
    }
}
