//! What a run writes down: ledger, claims, events, all held to the lease's fence.

use std::sync::Mutex;

use super::halt::Halt;
use super::lease::Lease;
use super::prepare::{Prepared, Steps};
use crate::domain::destination::DestinationIdentity;
use crate::domain::id::SyncUid;
use crate::domain::sync::{ItemOutcome, LedgerEntry, Plan, Run, RunEvent, RunKind, RunStep};
use crate::ports::meter::Meter;
use crate::records::sync_state::{self, Place};
use crate::records::{Transaction, claims, ledger, runs};
use crate::service::context::Core;
use crate::service::destinations::OpenDestination;
use crate::transact;

/// Rows of one transaction.
const ROWS_MAX: usize = 500;

/// A row of the ledger as it shall be.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) absolute: String,
    pub(super) entry: LedgerEntry,
}

/// Writes for one run.
pub(super) struct Journal<'a> {
    pub(super) core: &'a Core,
    pub(super) meter: &'a dyn Meter,
    pub(super) lease: &'a Lease,
    pub(super) run: crate::domain::id::RunUid,
    /// Steps that ride along with the next transaction.
    pub(super) steps: Mutex<Vec<RunStep>>,
}

impl Steps for Journal<'_> {
    fn step(&self, event: RunEvent) {
        let step = RunStep { at: self.core.clock.now(), event };
        self.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(step);
    }
}

impl Journal<'_> {
    /// Begins the part of the run that writes: plan, place and settled rows of the ledger.
    pub(super) async fn begin(&self, run: &Run, prepared: &Prepared, open: &OpenDestination) -> Result<(), Halt> {
        self.forget_abandoned(prepared).await?;
        let place = Place {
            identity: Some(prepared.identity.clone()),
            plugin_version: open.plugin_version.clone(),
            plugin_digest: Some(open.digest),
            restore_epoch: prepared.restore_epoch,
        };
        self.write_plan(run, prepared, Some(&place)).await?;
        let rows: Vec<Row> = prepared
            .plan
            .ledger
            .iter()
            .map(|(absolute, entry)| Row { absolute: absolute.clone(), entry: entry.clone() })
            .collect();
        for rows in rows.chunks(ROWS_MAX) {
            // Another sync may have claimed a key since the plan was made; then it is not adopted.
            self.rows(&prepared.identity, rows, &[]).await?;
        }
        Ok(())
    }

    /// Stores the plan with the run; with a place, the run goes on to carry it out.
    pub(super) async fn write_plan(&self, run: &Run, prepared: &Prepared, place: Option<&Place>) -> Result<(), Halt> {
        let (tenant, sync) = (self.lease.tenant, self.lease.sync);
        let steps = self.take_steps();
        transact!(self.core.records, |tx| {
            self.lease.hold(&mut tx).await?;
            self.append(&mut tx, &steps).await?;
            let stored = runs::plan_key(tenant, run.uid);
            // What was approved stays as it was: later attempts are held to it, and never to what was stored before.
            let was_approved_before = run.approval.as_ref().is_some_and(|given| given.plan_hash != prepared.plan.hash);
            if !was_approved_before || tx.get::<Plan>(&stored).await?.is_none() {
                tx.put(&stored, &prepared.plan).await?;
            }
            if let Some(place) = place {
                place.write(&mut tx, tenant, sync).await?;
            }
            // An approval waits for the run that it was given for.
            if run.kind == RunKind::Sync {
                tx.delete(&sync_state::approval_key(tenant, sync));
            }
            tx.put(&runs::key(tenant, sync, run.uid), run).await?;
        });
        Ok(())
    }

    /// Writes rows with their claims and tells outcomes, together. What comes back are the rows whose key another sync has
    /// claimed; they are not written.
    pub(super) async fn rows(
        &self,
        identity: &DestinationIdentity,
        rows: &[Row],
        outcomes: &[ItemOutcome],
    ) -> Result<Vec<(String, SyncUid)>, Halt> {
        let (tenant, sync) = (self.lease.tenant, self.lease.sync);
        if !outcomes.is_empty() {
            self.step(RunEvent::Items { outcomes: outcomes.to_vec() });
        }
        let steps = self.take_steps();
        if rows.is_empty() && steps.is_empty() {
            return Ok(Vec::new());
        }
        let refused = transact!(self.core.records, |tx| {
            self.lease.hold(&mut tx).await?;
            self.append(&mut tx, &steps).await?;
            let mut refused = Vec::new();
            for Row { absolute, entry } in rows {
                let place = (identity, absolute.as_str());
                if entry.is_empty() {
                    claims::release(&mut tx, tenant, sync, place).await?;
                } else if let Some(other) = claims::claim(&mut tx, tenant, sync, place).await? {
                    refused.push((absolute.clone(), other));
                    continue;
                }
                ledger::write(&mut tx, tenant, sync, absolute, entry).await?;
            }
            refused
        });
        for outcome in outcomes {
            self.meter.sync_key(outcome.action, outcome.result);
        }
        Ok(refused)
    }

    async fn forget_abandoned(&self, prepared: &Prepared) -> Result<(), Halt> {
        let Some((identity, names)) = &prepared.abandoned else { return Ok(()) };
        for names in names.chunks(ROWS_MAX) {
            let rows: Vec<Row> =
                names.iter().map(|name| Row { absolute: name.clone(), entry: LedgerEntry::default() }).collect();
            self.rows(identity, &rows, &[]).await?;
        }
        Ok(())
    }

    pub(super) fn take_steps(&self) -> Vec<RunStep> {
        std::mem::take(&mut *self.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(super) async fn append(&self, tx: &mut Transaction, steps: &[RunStep]) -> Result<(), Halt> {
        for step in steps {
            tx.append(&runs::log(self.lease.tenant, self.run), step).await?;
        }
        Ok(())
    }
}
