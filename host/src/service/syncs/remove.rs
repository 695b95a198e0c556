//! Deleting syncs. Here it is only said; the engine does it.

use std::time::Duration;

use super::define::for_update;
use super::run::cancel_pending;
use super::trigger::{self, Asked, Pace};
use super::{SyncView, Syncs};
use crate::domain::access::Scope;
use crate::domain::id::{ConnectionUid, SyncUid};
use crate::domain::name::Slug;
use crate::domain::sync::{Run, RunKind, SyncState, Trigger};
use crate::domain::{Error, Expected, Result};
use crate::records::sync_state::{self, Fence, Place, Removed, Wanted};
use crate::records::syncs::{self, Removal, SyncRecord};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::transact;

impl Syncs {
    /// Deletes a sync. The destination stays as it is; with [`Removal::RemoveSecrets`] what is ours there, and still as we
    /// left it, is deleted first, and the sync goes only when that succeeded.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`.
    pub async fn delete(&self, ctx: &TenantCtx, slug: &Slug, removal: Removal, expected: &Expected) -> Result<()> {
        ctx.require(Scope::SyncsWrite)?;
        let now = self.core.clock.now();
        let by = ctx.principal().name.clone();
        transact!(self.core.records, |tx| {
            let before = for_update(&mut tx, ctx, slug, expected).await?;
            let wrote = Place::read_for_update(&mut tx, ctx.tenant(), before.uid).await?.identity.is_some();
            // Where nothing was ever written there is nothing to delete, and nobody to ask.
            let removal = if wrote { removal } else { Removal::KeepSecrets };
            let after = SyncRecord { removal: Some(removal), modified_at: now, ..before.clone() };
            if removal == Removal::KeepSecrets {
                syncs::free_slug(&mut tx, ctx.tenant(), &before).await?;
            }
            syncs::update(&mut tx, ctx.tenant(), &before, &after).await?;
            // Whatever run is under way can write nothing more.
            let fence = Fence::read_for_update(&mut tx, ctx.tenant(), after.uid).await?;
            Fence { number: fence.number + 1 }.write(&mut tx, ctx.tenant(), after.uid).await?;
            let mut wanted = Wanted::read_for_update(&mut tx, ctx.tenant(), after.uid).await?;
            for aside in [wanted.import.take(), wanted.removal.take(), wanted.check.take()].into_iter().flatten() {
                cancel_pending(&mut tx, ctx.tenant(), (after.uid, aside.run), now).await?;
            }
            wanted.write(&mut tx, ctx.tenant(), after.uid).await?;
            let cause = (Trigger::Manual { by: by.clone() }, Pace::AtOnce);
            trigger::raise(&mut tx, ctx.tenant(), &after, cause, now)
                .await?
                .ok_or_else(|| Error::internal("a sync on its way out is active"))?;
            audit::record(&mut tx, ctx, now, "syncs.delete", after.uid.to_string()).await?;
        });
        Ok(())
    }

    /// Makes the removal of what the sync wrote wanted now: what is ours at the destination, and still as we left it, is
    /// deleted. The sync stays, and its next run writes everything again. What comes back is the run that does it, of kind
    /// [`RunKind::Removal`]; it joins one that is wanted or under way.
    ///
    /// # Errors
    /// `scope_missing` without `syncs:run` and `syncs:write`; `not_found`; `wrong_state` when the sync is paused or is being
    /// deleted.
    pub async fn remove_secrets(&self, ctx: &TenantCtx, slug: &Slug) -> Result<Run> {
        ctx.require(Scope::SyncsRun)?;
        ctx.require(Scope::SyncsWrite)?;
        let now = self.core.clock.now();
        let run = transact!(self.core.records, |tx| {
            let record = for_update(&mut tx, ctx, slug, &Expected::Any).await?;
            let trigger = Trigger::Manual { by: ctx.principal().name.clone() };
            let asked = Asked { kind: RunKind::Removal, trigger, author: None };
            let run = trigger::ask(&mut tx, ctx.tenant(), &record, asked, now).await?;
            Removed { run: Some(run.uid) }.write(&mut tx, ctx.tenant(), record.uid).await?;
            audit::record(&mut tx, ctx, now, "syncs.removeSecrets", record.uid.to_string()).await?;
            run
        });
        Ok(run)
    }

    /// Deletes every sync that uses a connection; their destinations stay as they are.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn delete_using(&self, ctx: &TenantCtx, connection: ConnectionUid) -> Result<()> {
        ctx.require(Scope::SyncsWrite)?;
        let view = self.core.records.view().await?;
        for uid in syncs::using(&view, ctx.tenant(), connection, usize::MAX).await? {
            let Some(record) = syncs::read(&view, ctx.tenant(), uid).await? else { continue };
            if record.removal != Some(Removal::KeepSecrets) {
                self.delete(ctx, &record.spec.id, Removal::KeepSecrets, &Expected::Any).await?;
            }
        }
        Ok(())
    }

    /// Waits for a sync whose secrets are being removed: `None` as soon as it is gone, else how it stands when its removal has
    /// stopped, or when `patience` is over.
    ///
    /// # Errors
    /// `scope_missing`, `unavailable` when the store fails.
    pub async fn removed(&self, ctx: &TenantCtx, uid: SyncUid, patience: Duration) -> Result<Option<SyncView>> {
        ctx.require(Scope::SyncsRead)?;
        let mut changes = self.core.records.store().watch(sync_state::parts_prefix(ctx.tenant(), uid).as_bytes());
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            changes.borrow_and_update();
            let view = self.core.records.view().await?;
            let Some(found) = syncs::read_with_version(&view, ctx.tenant(), uid).await? else { return Ok(None) };
            let shown = self.viewed(&view, ctx.tenant(), found).await?;
            let is_under_way =
                matches!(shown.state, SyncState::Pending | SyncState::Running) && shown.retry_at.is_none();
            if !is_under_way || !matches!(tokio::time::timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
                return Ok(Some(shown));
            }
        }
    }
}
