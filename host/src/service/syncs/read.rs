//! Reading syncs and their runs.

use super::source::follow_source;
use super::{DriftView, ImportView, Preview, RunView, SyncView, Syncs, WaitReason, Waiting};
use crate::domain::access::Scope;
use crate::domain::id::{RunUid, SyncUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::sync::{Run, RunKind, RunState, RunStep, SyncState};
use crate::domain::{Error, Result, Versioned};
use crate::records::sync_state::{Applied, Attempted, Drift, Import, Removed, Status, Wanted};
use crate::records::syncs::{self, Removal, SyncRecord};
use crate::records::{View, environments, runs};
use crate::service::context::TenantCtx;

/// Characters that an id takes from a name, so that there is room to tell it from another.
const NAMED_CHARS_MAX: usize = 140;
/// Steps of a run that are read at once.
const PAGE_MAX: usize = 500;

impl Syncs {
    /// One sync.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read(&self, ctx: &TenantCtx, slug: &Slug) -> Result<SyncView> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let found = found(&view, ctx.tenant(), slug).await?;
        self.viewed(&view, ctx.tenant(), found).await
    }

    /// The id of the sync with this uid.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn id_of(&self, ctx: &TenantCtx, uid: SyncUid) -> Result<Slug> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let record = syncs::read(&view, ctx.tenant(), uid).await?;
        let record = record.filter(|record| record.removal != Some(Removal::KeepSecrets));
        record.map(|record| record.spec.id).ok_or_else(|| Error::not_found("sync"))
    }

    /// An id that no sync has, as near to a name for people as ids allow.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn free_id(&self, ctx: &TenantCtx, name: &str) -> Result<Slug> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let wanted = Slug::near(name, NAMED_CHARS_MAX);
        if let Some(wanted) = wanted.clone()
            && syncs::find(&view, ctx.tenant(), &wanted).await?.is_none()
        {
            return Ok(wanted);
        }
        let base = wanted.map_or_else(|| "sync".to_owned(), String::from);
        let id = format!("{base}-{:08x}", fastrand::u32(..));
        id.parse().map_err(Error::internal)
    }

    /// At most `limit` syncs in the order of their ids, after the id `after` where given.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn list(&self, ctx: &TenantCtx, after: Option<&Slug>, limit: usize) -> Result<Vec<SyncView>> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let mut listed = Vec::new();
        for found in syncs::list(&view, ctx.tenant(), after, limit).await? {
            listed.push(self.viewed(&view, ctx.tenant(), found).await?);
        }
        Ok(listed)
    }

    /// What a run would do now.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, and whatever would stop the run before its first write.
    pub async fn plan(&self, ctx: &TenantCtx, slug: &Slug) -> Result<Preview> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let record = found(&view, ctx.tenant(), slug).await?.value;
        self.planner()?.preview(ctx.tenant(), record.uid).await
    }

    /// The runs that are kept, newest first.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn runs(&self, ctx: &TenantCtx, slug: &Slug) -> Result<Vec<Run>> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let record = found(&view, ctx.tenant(), slug).await?.value;
        runs::list(&view, ctx.tenant(), record.uid).await
    }

    /// One run with what became of each key.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read_run(&self, ctx: &TenantCtx, slug: &Slug, run: RunUid) -> Result<RunView> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let record = found(&view, ctx.tenant(), slug).await?.value;
        let run = runs::read(&view, ctx.tenant(), record.uid, run).await?.ok_or_else(|| Error::not_found("run"))?;
        let outcomes = runs::outcomes(&view, ctx.tenant(), run.uid).await?;
        let plan = runs::plan(&view, ctx.tenant(), run.uid).await?;
        Ok(RunView { run, outcomes, plan })
    }

    /// Steps of a run after a sequence number, and whether the run is over. Waits for the next step where there is none yet.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn follow_run(
        &self,
        ctx: &TenantCtx,
        slug: &Slug,
        run: RunUid,
        after: u64,
    ) -> Result<(Vec<(u64, RunStep)>, bool)> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let record = found(&view, ctx.tenant(), slug).await?.value;
        // Nothing is watched on behalf of who asks for runs that are none.
        runs::read(&view, ctx.tenant(), record.uid, run).await?.ok_or_else(|| Error::not_found("run"))?;
        drop(view);
        let mut changes = self.core.records.store().watch(runs::log(ctx.tenant(), run).as_bytes());
        loop {
            changes.borrow_and_update();
            let view = self.core.records.view().await?;
            let found = runs::read(&view, ctx.tenant(), record.uid, run).await?;
            let is_over = found.ok_or_else(|| Error::not_found("run"))?.state.is_final();
            let steps = runs::events(&view, ctx.tenant(), run, after, PAGE_MAX).await?;
            if !steps.is_empty() || is_over {
                return Ok((steps, is_over));
            }
            if changes.changed().await.is_err() {
                return Ok((steps, is_over));
            }
        }
    }

    /// The sync with how it stands.
    pub(super) async fn viewed(
        &self,
        view: &View,
        tenant: TenantUid,
        Versioned { value: mut record, version }: Versioned<SyncRecord>,
    ) -> Result<SyncView> {
        let uid = record.uid;
        let (wanted, status) = (Wanted::read(view, tenant, uid).await?, Status::read(view, tenant, uid).await?);
        let running = run_of(view, tenant, uid, wanted.running).await?.filter(|run| run.kind == RunKind::Sync);
        let is_running = running.is_some();
        let last_run = match running {
            Some(run) => Some(run),
            None => run_of(view, tenant, uid, status.last_run).await?,
        };
        let ended_run = run_of(view, tenant, uid, status.last_run).await?;
        let mut source = record.spec.source.clone();
        let has_folder = follow_source(view, tenant, &record, &mut source).await?;
        record.spec.source = source;
        Ok(SyncView {
            state: state(&record, (&wanted, is_running), &status),
            verification: status.verification,
            wanted_generation: wanted.generation,
            attempted_generation: Attempted::read(view, tenant, uid).await?.generation,
            applied_generation: Applied::read(view, tenant, uid).await?.generation,
            applied_at: Applied::read(view, tenant, uid).await?.at,
            is_busy: wanted.running.is_some(),
            pending_run: wanted.pending.as_ref().map(|pending| pending.run),
            waiting: self.waiting(tenant, &record, &wanted),
            retry_at: wanted.pending.and_then(|pending| pending.not_before),
            last_import: last_import(view, tenant, uid).await?,
            drift: drift(view, tenant, uid).await?,
            last_removal: run_of(view, tenant, uid, Removed::read(view, tenant, uid).await?.run).await?,
            last_run,
            ended_run,
            has_folder,
            environment: environments::read(view, tenant, record.environment).await?,
            record,
            version,
        })
    }

    /// What the pending run waits for: whichever lasts longer.
    fn waiting(&self, tenant: TenantUid, record: &SyncRecord, wanted: &Wanted) -> Option<Waiting> {
        let pending = wanted.pending.as_ref().filter(|_| wanted.running.is_none() && record.is_active())?;
        let reason = if pending.is_rejected { WaitReason::Credential } else { WaitReason::Retry };
        let retry = pending.not_before.map(|until| Waiting { reason, until });
        let rest = self.planner.get().and_then(|planner| planner.rests_until(tenant, record.connection));
        let vendor = rest.map(|until| Waiting { reason: WaitReason::Vendor, until });
        let now = self.core.clock.now();
        retry.into_iter().chain(vendor).filter(|waiting| waiting.until > now).max_by_key(|waiting| waiting.until)
    }
}

/// The sync behind a slug.
pub(super) async fn found(view: &View, tenant: TenantUid, slug: &Slug) -> Result<Versioned<SyncRecord>> {
    syncs::find(view, tenant, slug).await?.ok_or_else(|| Error::not_found("sync"))
}

async fn run_of(view: &View, tenant: TenantUid, sync: SyncUid, run: Option<RunUid>) -> Result<Option<Run>> {
    match run {
        Some(run) => runs::read(view, tenant, sync, run).await,
        None => Ok(None),
    }
}

async fn last_import(view: &View, tenant: TenantUid, sync: SyncUid) -> Result<Option<ImportView>> {
    let last = Import::read(view, tenant, sync).await?.run;
    let Some(run) = run_of(view, tenant, sync, last).await? else { return Ok(None) };
    let (prioritize, is_own) = match run.kind {
        RunKind::Import { prioritize } => (Some(prioritize), true),
        RunKind::Sync | RunKind::Check | RunKind::Removal => (run.imported.map(|imported| imported.prioritize), false),
    };
    // What became of a first run after its import is told of the run, not of the import.
    let is_done = run.imported.is_some() && !is_own;
    let ended = run.finished_at.or(run.started_at).unwrap_or(run.created_at);
    Ok(prioritize.map(|prioritize| ImportView {
        run: run.uid,
        prioritize,
        state: if is_done { RunState::Succeeded } else { run.state },
        message: run.failure.filter(|_| !is_done).map(|failure| failure.message),
        at: run.imported.map_or(ended, |imported| imported.at),
        secrets: run.imported.map_or(0, |imported| imported.secrets),
        left: run.imported.map_or(0, |imported| imported.left),
    }))
}

async fn drift(view: &View, tenant: TenantUid, sync: SyncUid) -> Result<DriftView> {
    let Drift { checked_at, count, keys, check, .. } = Drift::read(view, tenant, sync).await?;
    Ok(DriftView { checked_at, count, keys, check: run_of(view, tenant, sync, check).await? })
}

fn state(record: &SyncRecord, (wanted, is_running): (&Wanted, bool), status: &Status) -> SyncState {
    if record.pause.is_some() {
        SyncState::Paused
    } else if is_running {
        SyncState::Running
    } else if wanted.pending.is_some() {
        SyncState::Pending
    } else {
        status.state
    }
}
