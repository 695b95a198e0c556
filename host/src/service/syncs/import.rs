//! Importing from destinations. Here it is only asked for; the engine does it.

use keyferry_contract::SyncReads;

use super::Syncs;
use super::define::for_update;
use super::read::found;
use super::trigger::{self, Asked};
use crate::domain::access::Scope;
use crate::domain::id::TenantUid;
use crate::domain::name::Slug;
use crate::domain::sync::{Priority, Run, RunKind, SyncSpec, Trigger};
use crate::domain::{Code, Error, Expected, Result};
use crate::records::sync_state::Import;
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::service::destinations::Target;
use crate::transact;

impl Syncs {
    /// Makes an import wanted now: values of the destination become new secrets, or new versions, of the selected folder, all
    /// at once or not at all. Nothing is written to the destination. What comes back is the run that does it, of kind
    /// [`RunKind::Import`]; it joins one with the same priority that is wanted or under way. How the last import went
    /// stands in [`SyncView::last_import`](super::SyncView::last_import).
    ///
    /// # Errors
    /// `scope_missing` without `syncs:run` and `secrets:write`; `not_found`; `import_unsupported` when the destination's
    /// values cannot be read, or the sync selects folders below; `wrong_state` when the sync is paused, is being deleted, or
    /// has an import with the other priority under way; whatever keeps the destination from being opened.
    pub async fn import(&self, ctx: &TenantCtx, slug: &Slug, prioritize: Priority) -> Result<Run> {
        ctx.require(Scope::SyncsRun)?;
        ctx.require(Scope::SecretsWrite)?;
        let spec = found(&self.core.records.view().await?, ctx.tenant(), slug).await?.value.spec;
        self.require_importable(ctx.tenant(), &spec).await?;
        let now = self.core.clock.now();
        let run = transact!(self.core.records, |tx| {
            let record = for_update(&mut tx, ctx, slug, &Expected::Any).await?;
            let by = ctx.principal().name.clone();
            let kind = RunKind::Import { prioritize };
            let asked = Asked { kind, trigger: Trigger::Manual { by }, author: Some(ctx.author()) };
            let run = trigger::ask(&mut tx, ctx.tenant(), &record, asked, now).await?;
            let state = Import::read_for_update(&mut tx, ctx.tenant(), record.uid).await?;
            Import { run: Some(run.uid), ..state }.write(&mut tx, ctx.tenant(), record.uid).await?;
            audit::record(&mut tx, ctx, now, "syncs.import", record.uid.to_string()).await?;
            run
        });
        Ok(run)
    }

    /// Only what can be read can be brought in, and only into one folder.
    async fn require_importable(&self, tenant: TenantUid, spec: &SyncSpec) -> Result<()> {
        let open = self.destinations.open(tenant, Target::of(spec)).await?;
        require_importable(open.rules.reads, spec)
    }
}

/// Whether values of this destination can be brought into the source of this sync.
///
/// # Errors
/// `import_unsupported`, saying why not.
pub fn require_importable(reads: SyncReads, spec: &SyncSpec) -> Result<()> {
    let refused = |detail: &str| Err(Error::new(Code::ImportUnsupported, detail));
    if reads != SyncReads::Values {
        return refused("the values of this destination cannot be read");
    }
    if spec.source.recursive {
        return refused("a sync that selects the folders below cannot import: no key tells its folder");
    }
    Ok(())
}
