//! Checks for drift. Here they are only asked for; the engine does them.

use super::Syncs;
use super::define::for_update;
use super::trigger::{self, Asked};
use crate::domain::access::Scope;
use crate::domain::name::Slug;
use crate::domain::sync::{Run, RunKind, Trigger};
use crate::domain::{Expected, Result};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::transact;

impl Syncs {
    /// Makes a check wanted now: the destination is looked at, and keys of ours that somebody else changed are told; where
    /// the sync repairs drift, a run follows. What comes back is the run that does it, of kind [`RunKind::Check`]; it joins
    /// one that is wanted or under way.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `wrong_state` when the sync is paused or is being deleted.
    pub async fn check_drift(&self, ctx: &TenantCtx, slug: &Slug) -> Result<Run> {
        ctx.require(Scope::SyncsRun)?;
        let now = self.core.clock.now();
        let run = transact!(self.core.records, |tx| {
            let record = for_update(&mut tx, ctx, slug, &Expected::Any).await?;
            let trigger = Trigger::Manual { by: ctx.principal().name.clone() };
            let asked = Asked { kind: RunKind::Check, trigger, author: None };
            let run = trigger::ask(&mut tx, ctx.tenant(), &record, asked, now).await?;
            audit::record(&mut tx, ctx, now, "syncs.check", record.uid.to_string()).await?;
            run
        });
        Ok(run)
    }
}
