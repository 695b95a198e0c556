//! One run of one sync, from its lease to its end.

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;

use super::apply::{Application, Tally};
use super::arrived;
use super::backoff;
use super::breaker;
use super::caller::Caller;
use super::engine::Inner;
use super::halt::Halt;
use super::import::{Wish, initial};
use super::interrupt::{Interrupt, Why};
use super::journal::Journal;
use super::lease::Lease;
use super::prepare::{Imports, OwnershipHasher, Preparation, Prepared};
use super::remove::still_ours;
use super::verify::Verification;
use crate::domain::sync::{
    Action, Approval, FailureClass, ItemOutcome, ItemResult, Plan, PlanCounts, PlanItem, Priority, Run, RunFailure,
    RunKind, Trigger,
};
use crate::domain::{Code, Result as ServiceResult};
use crate::records::sync_state::{self, Quarantine};
use crate::records::syncs::{Removal, SyncRecord};
use crate::records::{ledger, runs};
use crate::service::destinations::{OpenDestination, Target};

/// What a run came to.
#[derive(Default)]
pub(super) struct Report {
    pub(super) tally: Tally,
    /// Keys of ours that somebody changed, and that are left so.
    pub(super) drifted: Vec<String>,
}

/// What earlier attempts of a run have done.
struct Earlier {
    outcomes: Vec<ItemOutcome>,
    /// Those of them whose answers were lost, and that turned out to be carried out.
    arrived: Vec<ItemOutcome>,
}

/// A run under way.
pub(super) struct Driver<'a> {
    pub(super) inner: &'a Inner,
    pub(super) lease: &'a Lease,
    pub(super) record: &'a SyncRecord,
    pub(super) journal: &'a Journal<'a>,
    pub(super) interrupt: &'a Interrupt,
}

impl Driver<'_> {
    /// Carries the run to its end, its interruption, or the loss of its lease.
    pub(super) async fn drive(&self, run: &mut Run) -> Result<Report, Halt> {
        let core = &self.inner.core;
        let uid = run.uid;
        let attempt = self.attempt(run);
        let lost = self.lease.keep(core);
        let interrupted = self.lease.interrupted(&core.records, uid);
        let too_long = core.clock.sleep(self.inner.options.run_max);
        let (mut asked, mut over) = (false, false);
        tokio::pin!(attempt, lost, interrupted, too_long);
        loop {
            tokio::select! {
                biased;
                halt = &mut lost => return Err(halt),
                outcome = &mut attempt => return outcome,
                halt = &mut interrupted, if !asked => match halt {
                    Halt::Cancelled => {
                        asked = true;
                        self.interrupt.raise(Why::Cancelled);
                    }
                    other => return Err(other),
                },
                () = &mut too_long, if !over => {
                    over = true;
                    self.interrupt.raise(Why::Stopping);
                }
                () = self.inner.stopping.cancelled(), if !over => {
                    over = true;
                    self.interrupt.raise(Why::Stopping);
                }
            }
        }
    }

    async fn attempt(&self, run: &mut Run) -> Result<Report, Halt> {
        if self.record.removal == Some(Removal::KeepSecrets) || self.owns_nothing_and_removes(run).await? {
            return Ok(Report::default());
        }
        let target = Target::of(&self.record.spec);
        let open = self.inner.destinations.open(self.lease.tenant, target).await?;
        run.plugin_digest = Some(open.digest);
        self.refuse_quarantined(run, &open).await?;
        let caller = Caller {
            core: &self.inner.core,
            rates: &self.inner.rates,
            meter: &*self.inner.meter,
            tenant: self.lease.tenant,
            open: &open,
            lease: Some(self.lease),
            interrupt: self.interrupt,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        };
        let outcome = match run.kind {
            RunKind::Sync => self.synchronise(run, &caller).await,
            RunKind::Import { prioritize } => self.import_all(run, &caller, prioritize).await,
            RunKind::Check => self.check(run, &caller).await,
            RunKind::Removal => self.remove(run, &caller).await,
        };
        let calls = caller.remote_calls();
        run.remote_calls.read += calls.read;
        run.remote_calls.write += calls.write;
        let failure = match &outcome {
            Ok(report) => report.tally.worst(),
            Err(Halt::Failed(failure)) => Some(failure),
            Err(_) => return outcome,
        };
        let has_done = matches!(&outcome, Ok(report) if report.tally.done > 0);
        let was_answered = has_done || (calls.read + calls.write > 0 && !failure.is_some_and(breaker::is_the_vendors));
        self.note_vendor(&open, was_answered, failure);
        self.note_breakdown(&open, failure).await?;
        if let Some(failure) = failure.filter(|failure| failure.class == FailureClass::Authentication) {
            self.inner.destinations.rejected(self.lease.tenant, open.connection, failure).await?;
        }
        outcome
    }

    async fn synchronise(&self, run: &mut Run, caller: &Caller<'_>) -> Result<Report, Halt> {
        let initial = initial(&self.inner.core.records.view().await?, self.lease.tenant, self.record).await?;
        if let Some(prioritize) = initial {
            self.import(run, caller, Wish { prioritize, only: None }).await?;
        }
        let (mut prepared, mut earlier) = self.prepare(run, caller, Imports::default()).await?;
        self.approve(run, &prepared).await?;
        let foreign = keys(&prepared.plan, |item| item.action == Action::Import);
        if !foreign.is_empty() {
            // An approval is of this plan; what follows the import is a part of it.
            self.journal.write_plan(run, &prepared, None).await?;
            let only = Some(foreign.into_iter().collect());
            self.import(run, caller, Wish { prioritize: Priority::Destination, only }).await?;
            let imports = Imports { are_done: true, ..Imports::default() };
            (prepared, earlier) = self.prepare(run, caller, imports).await?;
            self.approve(run, &prepared).await?;
        }
        self.interrupt.check()?;
        self.carry_out(run, caller, &prepared, &earlier).await
    }

    /// Deletes what is ours and still as we left it.
    async fn remove(&self, run: &mut Run, caller: &Caller<'_>) -> Result<Report, Halt> {
        let (prepared, earlier) = self.prepare(run, caller, Imports::default()).await?;
        self.refuse_blocked_removal(run, &prepared).await?;
        self.interrupt.check()?;
        let mut report = self.carry_out(run, caller, &prepared, &earlier).await?;
        if report.tally.worst().is_none()
            && let Some(failure) = still_ours(&self.inner.core, self.lease).await?
        {
            report.tally.fail(failure);
        }
        Ok(report)
    }

    /// Looks for drift; nothing is written but what was found.
    async fn check(&self, run: &mut Run, caller: &Caller<'_>) -> Result<Report, Halt> {
        let (prepared, _) = self.prepare(run, caller, Imports::default()).await?;
        self.journal.write_plan(run, &prepared, None).await?;
        let drifted = prepared.plan.items.iter().filter(|item| item.drift);
        Ok(Report { tally: Tally::default(), drifted: drifted.map(|item| item.key.clone()).collect() })
    }

    /// What is to be done, and what earlier attempts of this run have done.
    async fn prepare(&self, run: &mut Run, caller: &Caller<'_>, imports: Imports) -> Result<(Prepared, Earlier), Halt> {
        let view = self.inner.core.records.view().await?;
        let preparation = Preparation {
            tenant: self.lease.tenant,
            record: self.record,
            generation: run.generation,
            view: &view,
            caller,
            steps: self.journal,
            imports,
            removes: self.removes(run),
        };
        let prepared = preparation.run().await?;
        let mut outcomes = runs::outcomes(&view, self.lease.tenant, run.uid).await?;
        let arrived = arrived::find(&mut outcomes, &prepared);
        run.counts = counts(&prepared.plan, &outcomes);
        run.left_out.clone_from(&prepared.left_out);
        run.plan_hash = Some(prepared.plan.hash.clone());
        Ok((prepared, Earlier { outcomes, arrived }))
    }

    /// Lets a plan pass that nothing stands against, or that somebody approved; else the run ends with it.
    async fn approve(&self, run: &mut Run, prepared: &Prepared) -> Result<(), Halt> {
        let (tenant, plan) = (self.lease.tenant, &prepared.plan);
        self.refuse_blocked_removal(run, prepared).await?;
        let view = self.inner.core.records.view().await?;
        let given = view.get::<Approval>(&sync_state::approval_key(tenant, self.lease.sync)).await?;
        if let Some(approval) = given {
            let now = self.inner.core.clock.now();
            if approval.covers(&plan.hash, now) {
                run.approval = Some(approval);
                return Ok(());
            }
            if plan.items.iter().any(|item| item.action.is_change()) {
                self.journal.write_plan(run, prepared, None).await?;
                let message = "the plan is not the one that was approved, or the approval is older than 15 minutes";
                return Err(Halt::failed(FailureClass::Configuration, Code::PlanChanged, message));
            }
        }
        let Some(block) = prepared.block.clone() else { return Ok(()) };
        let stored = runs::plan(&view, tenant, run.uid).await?;
        let is_left_of =
            |(approval, stored): (&Approval, Plan)| approval.plan_hash == stored.hash && plan.is_part_of(&stored);
        if run.approval.as_ref().zip(stored).is_some_and(is_left_of) {
            return Ok(());
        }
        run.approval = None;
        run.blocked = Some(block.clone());
        self.journal.write_plan(run, prepared, None).await?;
        Err(Halt::Blocked(Box::new((plan.clone(), block))))
    }

    /// What stands against a removal is not approved, but mended.
    async fn refuse_blocked_removal(&self, run: &mut Run, prepared: &Prepared) -> Result<(), Halt> {
        let Some(block) = prepared.block.clone().filter(|_| self.removes(run)) else { return Ok(()) };
        run.blocked = Some(block.clone());
        self.journal.write_plan(run, prepared, None).await?;
        Err(Halt::failed(FailureClass::Configuration, Code::PlanBlocked, block.message))
    }

    async fn carry_out(
        &self,
        run: &mut Run,
        caller: &Caller<'_>,
        prepared: &Prepared,
        Earlier { outcomes: earlier, arrived }: &Earlier,
    ) -> Result<Report, Halt> {
        run.blocked = None;
        self.journal.begin(run, prepared, caller.open).await?;
        self.journal.rows(&prepared.identity, &[], arrived).await?;
        let generation = run.generation;
        let application = Application { caller, journal: self.journal, prepared, generation };
        let mut tally = application.run().await?;
        self.tell_left(prepared, earlier).await?;
        // Where more than single items failed, further calls would only meet the same trouble.
        if tally.worst().is_none_or(|failure| failure.class == FailureClass::Item) {
            self.verify(caller, prepared, &mut tally).await?;
        }
        self.finish(caller, prepared, (&mut tally, earlier)).await?;
        self.interrupt.check()?;
        Ok(Report { tally, drifted: keys(&prepared.plan, |item| item.action == Action::Drift) })
    }

    /// Tells of keys that are left as they are, as planned.
    async fn tell_left(&self, prepared: &Prepared, earlier: &[ItemOutcome]) -> Result<(), Halt> {
        let imported = imported_keys(earlier);
        // That a key was imported says more than that it is ours by now.
        let is_told = |item: &&PlanItem| item.action == Action::Adopt && imported.contains(item.key.as_str());
        let items = prepared.plan.items.iter().filter(|item| !item.action.is_write() && !is_told(item));
        let outcomes: Vec<ItemOutcome> = items
            .map(|item| {
                let result = if item.action.is_change() { ItemResult::Ok } else { ItemResult::Left };
                ItemOutcome { key: item.key.clone(), action: item.action, result, reason: None, failure: None }
            })
            .collect();
        self.journal.rows(&prepared.identity, &[], &outcomes).await?;
        Ok(())
    }

    async fn verify(&self, caller: &Caller<'_>, prepared: &Prepared, tally: &mut Tally) -> Result<(), Halt> {
        let wanted = self.record.spec.options.verifies(prepared.is_first_run);
        let version_unknown = tally.written.iter().any(|written| written.owned.version.is_none());
        let needs_version = version_unknown && prepared.shows_versions;
        if !(wanted || needs_version) {
            return Ok(());
        }
        let hasher = OwnershipHasher(self.inner.core.records.sealer(self.lease.tenant).await?);
        let verification =
            Verification { caller, journal: self.journal, identity: &prepared.identity, hasher: &hasher };
        if let Some(failure) = verification.run(&tally.written).await? {
            tally.fail(failure);
        }
        Ok(())
    }

    /// The plugin's last word, once, when this run has changed something, in whichever attempt.
    async fn finish(
        &self,
        caller: &Caller<'_>,
        prepared: &Prepared,
        (tally, earlier): (&mut Tally, &[ItemOutcome]),
    ) -> Result<(), Halt> {
        if tally.worst().is_some_and(|failure| failure.class != FailureClass::Item) {
            return Ok(());
        }
        let before = earlier.iter().filter(|outcome| outcome.action.is_write() && outcome.result == ItemResult::Ok);
        let mut changed: Vec<String> = before.map(|outcome| outcome.key.clone()).collect();
        changed.extend(tally.changed.iter().cloned());
        changed.sort();
        changed.dedup();
        if changed.is_empty() {
            return Ok(());
        }
        match caller.finish(&changed, prepared.context.as_ref()).await {
            Err(Halt::Failed(failure)) => {
                tally.fail(failure);
                Ok(())
            }
            other => other,
        }
    }

    /// Tells the breaker of the connection whether its vendor does its part.
    fn note_vendor(&self, open: &OpenDestination, was_answered: bool, failure: Option<&RunFailure>) {
        let of = (self.lease.tenant, open.connection);
        let breakers = &self.inner.breakers;
        if was_answered {
            if breakers.reached(of) {
                tracing::info!(connection.uid = %open.connection, "the vendor answers again: its syncs go on");
            }
        } else if let Some(failure) = failure.filter(|failure| breaker::is_the_vendors(failure)) {
            let retry_after = failure.retry_after_ms.map(std::time::Duration::from_millis);
            if let Some(until) = breakers.failed(of, self.lease.sync, retry_after, self.inner.core.clock.now()) {
                tracing::warn!(
                    connection.uid = %open.connection,
                    until_ms = until.unix_ms(),
                    "the vendor failed several times in a row: the connection's syncs wait"
                );
            }
        }
    }

    /// Whether what is ours shall go: with the sync, or without it.
    fn removes(&self, run: &Run) -> bool {
        self.record.removal.is_some() || run.kind == RunKind::Removal
    }

    /// Where there is nothing of ours, none of it needs to be removed, and no vendor is asked.
    async fn owns_nothing_and_removes(&self, run: &Run) -> Result<bool, Halt> {
        if !self.removes(run) {
            return Ok(false);
        }
        let view = self.inner.core.records.view().await?;
        Ok(ledger::names(&view, self.lease.tenant, self.lease.sync, 1).await?.is_empty())
    }

    /// A digest that broke down three times in a row runs again only when somebody asks for it.
    async fn refuse_quarantined(&self, run: &Run, open: &OpenDestination) -> Result<(), Halt> {
        if matches!(run.trigger, Trigger::Manual { .. }) {
            return Ok(());
        }
        let view = self.inner.core.records.view().await?;
        let key = sync_state::quarantine_key(self.lease.tenant, open.digest);
        let known = view.get::<Quarantine>(&key).await?.unwrap_or_default();
        if known.breakdowns < backoff::PLUGIN_ATTEMPTS_MAX {
            return Ok(());
        }
        let message =
            "this version of the plugin broke down repeatedly; start a run by hand, or activate another version";
        Err(Halt::failed(FailureClass::Configuration, Code::PluginInactive, message))
    }

    async fn note_breakdown(&self, open: &OpenDestination, failure: Option<&RunFailure>) -> ServiceResult<()> {
        let broke_down = failure.is_some_and(|failure| failure.class == FailureClass::Plugin);
        if failure.is_some() && !broke_down {
            return Ok(());
        }
        let key = sync_state::quarantine_key(self.lease.tenant, open.digest);
        crate::transact!(self.inner.core.records, |tx| {
            match (tx.get::<Quarantine>(&key).await?, broke_down) {
                (None, false) => {}
                (Some(_), false) => tx.delete(&key),
                (known, true) => {
                    let breakdowns = known.unwrap_or_default().breakdowns.saturating_add(1);
                    tx.put(&key, &Quarantine { breakdowns }).await?;
                }
            }
        });
        Ok(())
    }
}

fn keys(plan: &Plan, which: impl Fn(&PlanItem) -> bool) -> Vec<String> {
    plan.items.iter().filter(|item| which(item)).map(|item| item.key.clone()).collect()
}

/// Keys that this run has brought into the source.
fn imported_keys(earlier: &[ItemOutcome]) -> HashSet<&str> {
    let imported = |outcome: &&ItemOutcome| outcome.action == Action::Import && outcome.result == ItemResult::Ok;
    earlier.iter().filter(imported).map(|outcome| outcome.key.as_str()).collect()
}

/// The counts of the whole run: what this attempt plans, and what earlier ones carried out.
fn counts(plan: &Plan, earlier: &[ItemOutcome]) -> PlanCounts {
    let mut counts = plan.counts;
    let imported = imported_keys(earlier);
    for item in plan.items.iter().filter(|item| item.action == Action::Adopt && imported.contains(item.key.as_str())) {
        counts.adopt = counts.adopt.saturating_sub(1);
        counts.add(Action::Import, item.drift);
    }
    let planned: HashSet<&str> = plan.items.iter().map(|item| item.key.as_str()).collect();
    let carried_out = |outcome: &&ItemOutcome| matches!(outcome.result, ItemResult::Ok | ItemResult::Unchanged);
    for outcome in earlier.iter().filter(carried_out).filter(|outcome| !planned.contains(outcome.key.as_str())) {
        counts.add(outcome.action, false);
        if matches!(outcome.action, Action::Create | Action::Update | Action::Conflict | Action::Adopt | Action::Import)
        {
            counts.unchanged = counts.unchanged.saturating_sub(1);
        }
    }
    counts
}
