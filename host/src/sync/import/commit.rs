//! The transaction of an import: secrets, their audit, what is told of each key, and that it was done.

use super::decide::ImportPlan;
use super::{Importing, Wish};
use crate::domain::access::Author;
use crate::domain::sync::{Action, Imported, ItemOutcome, ItemResult, Priority, Run, RunEvent, RunKind, RunStep};
use crate::domain::{Secret, Timestamp, reference};
use crate::records::sync_state::Import;
use crate::records::{Transaction, runs};
use crate::service::{audit, secrets};
use crate::sync::caller::Caller;
use crate::sync::halt::Halt;
use crate::sync::prepare::Steps;
use crate::sync::run::{Driver, Report};
use crate::transact;

/// Who writes what a first run, or a run that meets foreign keys, brings in.
const ENGINE: &str = "sync engine";

impl Driver<'_> {
    /// A run that only imports.
    pub(in crate::sync) async fn import_all(
        &self,
        run: &mut Run,
        caller: &Caller<'_>,
        prioritize: Priority,
    ) -> Result<Report, Halt> {
        // Done, and broken off before its end was written down.
        if run.imported.is_none() {
            self.import(run, caller, Wish { prioritize, only: None }).await?;
        }
        Ok(Report::default())
    }

    /// Brings in what is wished for. It is done when this returns, even if nothing was to be done.
    pub(in crate::sync) async fn import(&self, run: &mut Run, caller: &Caller<'_>, wish: Wish) -> Result<(), Halt> {
        let core = &self.inner.core;
        let importing = Importing { tenant: self.lease.tenant, record: self.record, caller, wish };
        let seen = importing.look(&core.records.view().await?).await?;
        self.journal.step(RunEvent::Observed { entries: seen.entries() });
        self.interrupt.check()?;
        let steps = self.journal.take_steps();
        let now = core.clock.now();
        *run = transact!(core.records, |tx| {
            self.lease.hold(&mut tx).await?;
            let planned = importing.plan(tx.view(), &seen).await?;
            let after = imported(run, &planned, importing.wish.prioritize, now);
            self.write_secrets(&mut tx, &after, &planned, now).await?;
            self.journal.append(&mut tx, &steps).await?;
            self.journal.append(&mut tx, &told(&after, &planned, now)).await?;
            self.write_state(&mut tx, &after, &planned, importing.wish.only.is_none()).await?;
            after
        });
        Ok(())
    }

    async fn write_secrets(
        &self,
        tx: &mut Transaction,
        run: &Run,
        planned: &ImportPlan,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let author = run.author.clone().unwrap_or_else(|| Author::host(ENGINE, run.uid.to_string()));
        let by = (self.lease.tenant, &author);
        if run.kind == RunKind::Sync {
            audit::record_by(tx, by, now, "syncs.import", self.record.uid.to_string()).await?;
        }
        // What is text at the destination is no reference here.
        let escaped = |value: &Secret<String>| Secret::new(reference::escaped(value.expose()));
        let values: Vec<_> = planned.writes.iter().map(|(name, value)| (name.clone(), escaped(value))).collect();
        Ok(secrets::set_all(tx, by, self.record.folder, &values, now).await?)
    }

    async fn write_state(
        &self,
        tx: &mut Transaction,
        run: &Run,
        planned: &ImportPlan,
        is_whole: bool,
    ) -> Result<(), Halt> {
        let (tenant, sync) = (self.lease.tenant, self.lease.sync);
        tx.put(&runs::key(tenant, sync, run.uid), run).await?;
        let state = Import::read_for_update(tx, tenant, sync).await?;
        let is_initial_done = state.is_initial_done || (is_whole && run.kind == RunKind::Sync);
        Import { run: Some(run.uid), is_initial_done }.write(tx, tenant, sync).await?;
        if run.kind != RunKind::Sync {
            tx.put(&runs::plan_key(tenant, run.uid), &planned.plan).await?;
        }
        Ok(())
    }
}

/// The run once the values are in.
fn imported(run: &Run, planned: &ImportPlan, prioritize: Priority, now: Timestamp) -> Run {
    let counts = planned.plan.counts;
    // A first run may import again what then turns out to be in its way.
    let before = run.imported.map_or((0, 0), |imported| (imported.secrets, imported.left));
    let (secrets, left) = (before.0 + counts.import, before.1.max(counts.skip));
    let mut after = Run { imported: Some(Imported { at: now, prioritize, secrets, left }), ..run.clone() };
    if run.kind != RunKind::Sync {
        after.counts = counts;
        after.plan_hash = Some(planned.plan.hash.clone());
    }
    after
}

fn told(run: &Run, planned: &ImportPlan, now: Timestamp) -> Vec<RunStep> {
    let plan = &planned.plan;
    let outcomes: Vec<ItemOutcome> = plan
        .items
        .iter()
        .map(|item| {
            let result = if item.action == Action::Import { ItemResult::Ok } else { ItemResult::Left };
            let (key, reason) = (item.key.clone(), Some(item.reason));
            ItemOutcome { key, action: item.action, result, reason, failure: None }
        })
        .collect();
    let planned = RunEvent::Planned { plan_hash: plan.hash.clone(), counts: plan.counts };
    let imported = RunEvent::Imported { secrets: plan.counts.import, left: plan.counts.skip };
    let events = [
        (run.kind != RunKind::Sync).then_some(planned),
        Some(imported),
        (!outcomes.is_empty()).then_some(RunEvent::Items { outcomes }),
    ];
    events.into_iter().flatten().map(|event| RunStep { at: now, event }).collect()
}
