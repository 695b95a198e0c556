//! Asking for runs, approving plans, cancelling.

use super::define::for_update;
use super::{SyncView, Syncs, trigger};
use crate::domain::access::Scope;
use crate::domain::id::{RunUid, SyncUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::sync::{Approval, PlanHash, Run, RunEvent, RunState, RunStep, SyncState, Trigger};
use crate::domain::{Code, Error, Expected, Result, Timestamp};
use crate::records::sync_state::{self, Attempted, Cancel, Status, Wanted};
use crate::records::{Transaction, runs};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::transact;

impl Syncs {
    /// Makes a run wanted now; with a plan's hash also approves exactly that plan, for fifteen minutes. What comes back is
    /// the run that will bring it about, which may have been wanted before.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `wrong_state` for a paused sync.
    pub async fn run(&self, ctx: &TenantCtx, slug: &Slug, approved: Option<PlanHash>) -> Result<Run> {
        ctx.require(Scope::SyncsRun)?;
        if approved.is_some() {
            ctx.require(Scope::SyncsApprove)?;
        }
        let now = self.core.clock.now();
        let run = transact!(self.core.records, |tx| {
            let record = for_update(&mut tx, ctx, slug, &Expected::Any).await?;
            let cause = (Trigger::Manual { by: ctx.principal().name.clone() }, trigger::Pace::AtOnce);
            let run = trigger::raise(&mut tx, ctx.tenant(), &record, cause, now).await?;
            let Some(run) = run else { return Err(Error::new(Code::WrongState, "the sync is paused")) };
            let action = if approved.is_some() { "syncs.approve" } else { "syncs.run" };
            if let Some(plan_hash) = approved.clone() {
                let approval = Approval { plan_hash, approver: ctx.principal().name.clone(), approved_at: now };
                tx.put(&sync_state::approval_key(ctx.tenant(), record.uid), &approval).await?;
            }
            audit::record(&mut tx, ctx, now, action, record.uid.to_string()).await?;
            let key = runs::key(ctx.tenant(), record.uid, run);
            tx.get::<Run>(&key).await?.ok_or_else(|| Error::internal("a wanted run has no row"))?
        });
        Ok(run)
    }

    /// Ends the run that is wanted or has begun. One that has begun ends after the calls that are under way.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `wrong_state` when there is none.
    pub async fn cancel(&self, ctx: &TenantCtx, slug: &Slug) -> Result<SyncView> {
        ctx.require(Scope::SyncsRun)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let record = for_update(&mut tx, ctx, slug, &Expected::Any).await?;
            let mut wanted = Wanted::read_for_update(&mut tx, ctx.tenant(), record.uid).await?;
            let pending = wanted.pending.take();
            let aside = [wanted.import.take(), wanted.removal.take(), wanted.check.take()];
            if pending.is_none() && wanted.running.is_none() && aside.iter().all(Option::is_none) {
                return Err(Error::new(Code::WrongState, "no run is wanted or under way"));
            }
            if let Some(run) = wanted.running {
                Cancel { run: Some(run) }.write(&mut tx, ctx.tenant(), record.uid).await?;
            }
            if let Some(pending) = pending {
                let generation = wanted.generation;
                Attempted { generation }.write(&mut tx, ctx.tenant(), record.uid).await?;
                cancel_pending(&mut tx, ctx.tenant(), (record.uid, pending.run), now).await?;
                note_cancelled(&mut tx, ctx.tenant(), (record.uid, pending.run), now).await?;
            }
            for pending in aside.into_iter().flatten() {
                cancel_pending(&mut tx, ctx.tenant(), (record.uid, pending.run), now).await?;
            }
            wanted.write_due(&mut tx, ctx.tenant(), record.uid).await?;
            audit::record(&mut tx, ctx, now, "syncs.cancel", record.uid.to_string()).await?;
        });
        self.reread(ctx, slug).await
    }
}

/// Ends a run that never began.
pub(super) async fn cancel_pending(
    tx: &mut Transaction,
    tenant: TenantUid,
    (sync, uid): (SyncUid, RunUid),
    now: Timestamp,
) -> Result<()> {
    let key = runs::key(tenant, sync, uid);
    let Some(run) = tx.get::<Run>(&key).await? else { return Ok(()) };
    let run = Run { state: RunState::Cancelled, finished_at: Some(now), retry_at: None, ..run };
    tx.put(&key, &run).await?;
    let step = RunStep { at: now, event: RunEvent::Finished { state: RunState::Cancelled } };
    tx.append(&runs::log(tenant, uid), &step).await
}

async fn note_cancelled(
    tx: &mut Transaction,
    tenant: TenantUid,
    (sync, uid): (SyncUid, RunUid),
    now: Timestamp,
) -> Result<()> {
    let status = Status::read_for_update(tx, tenant, sync).await?;
    let state = if status.last_run.is_some() { status.state } else { SyncState::Pending };
    Status { state, last_run: Some(uid), at: now, verification: None }.write(tx, tenant, sync).await
}
