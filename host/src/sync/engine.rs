//! The engine: finds syncs that are due, gives each a lease and a run, and keeps to its limits.
//!
//! It holds nothing that a restart would lose: what is due stands in the store, and a hint from the store wakes it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::breaker::Breakers;
use super::conclude::Conclusion;
use super::drift;
use super::halt::Halt;
use super::interrupt::Interrupt;
use super::journal::Journal;
use super::lease::{Acquired, Lease, acquire};
use super::plugins;
use super::preview::preview;
use super::rate::Rates;
use super::remove;
use super::rest::Rests;
use super::run::Driver;
use super::schedule::{self, Load, Waits};
use crate::domain::id::{ConnectionUid, SyncUid, TenantUid};
use crate::domain::sync::{Run, RunState};
use crate::domain::{Result, Timestamp};
use crate::ports::meter::{Meter, SyncLoad};
use crate::records::sync_state::{self, Due};
use crate::records::syncs::{Removal, SyncRecord};
use crate::service::context::Core;
use crate::service::destinations::Destinations;
use crate::service::syncs::{Planner, Preview};

/// How long markers gather before they are carried to the syncs.
const GATHER: Duration = Duration::from_millis(50);

/// How much the engine does at once.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Runs of all tenants together.
    pub runs_max: usize,
    pub runs_per_tenant_max: usize,
    pub runs_per_connection_max: usize,
    /// A run that takes longer is interrupted, and goes on behind the others.
    pub run_max: Duration,
    /// How often a sync is checked for drift that does not say so itself; zero: never.
    pub drift_check_interval: Duration,
    /// The engine looks for work so often even when nothing wakes it.
    pub idle_max: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            runs_max: 32,
            runs_per_tenant_max: 4,
            runs_per_connection_max: 2,
            run_max: Duration::from_secs(3_600),
            drift_check_interval: Duration::from_secs(24 * 3_600),
            idle_max: Duration::from_secs(30),
        }
    }
}

/// Runs syncs; cheap to clone.
#[derive(Clone)]
pub struct SyncEngine(Arc<Inner>);

pub(super) struct Inner {
    pub(super) core: Core,
    pub(super) destinations: Arc<dyn Destinations>,
    pub(super) options: EngineOptions,
    pub(super) meter: Arc<dyn Meter>,
    pub(super) rates: Rates,
    pub(super) breakers: Breakers,
    rests: Rests,
    pub(super) stopping: CancellationToken,
    boot_epoch: u64,
    running: Mutex<HashMap<SyncUid, (TenantUid, ConnectionUid)>>,
    ended: Notify,
}

/// A started engine.
pub struct EngineHandle {
    engine: SyncEngine,
    task: JoinHandle<()>,
}

impl EngineHandle {
    /// Lets runs end after the calls that are under way; what is left goes on with the next start. Waits for all of it.
    pub async fn stop(self) {
        self.engine.0.stopping.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(error = &error as &dyn std::error::Error, "the sync engine ended badly");
        }
        while !self.engine.running().is_empty() {
            self.engine.0.ended.notified().await;
        }
    }
}

impl SyncEngine {
    /// An engine over this ground, which does nothing by itself. Leases of an earlier life of the host are void from now on.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn open(
        core: Core,
        destinations: Arc<dyn Destinations>,
        meter: Arc<dyn Meter>,
        options: EngineOptions,
    ) -> Result<Self> {
        let boot_epoch = sync_state::raise_boot_epoch(&core.records).await?;
        Ok(Self(Arc::new(Inner {
            core,
            destinations,
            meter,
            options,
            rates: Rates::default(),
            breakers: Breakers::default(),
            rests: Rests::default(),
            stopping: CancellationToken::new(),
            boot_epoch,
            running: Mutex::new(HashMap::new()),
            ended: Notify::new(),
        })))
    }

    /// Works until it is stopped.
    #[must_use]
    pub fn start(&self) -> EngineHandle {
        let engine = self.clone();
        let task = tokio::spawn(async move { engine.work().await });
        EngineHandle { engine: self.clone(), task }
    }

    /// Carries markers to the syncs that they touch, and ends every run that is due now, and every run that becomes due by
    /// that. Returns how many runs ended.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn run_due(&self) -> Result<usize> {
        let mut ended = 0;
        loop {
            let round = self.begin_due().await?.0;
            if round.is_empty() {
                return Ok(ended);
            }
            for run in round {
                if let Err(error) = run.await {
                    tracing::error!(error = &error as &dyn std::error::Error, "a run of a sync ended badly");
                }
                ended += 1;
            }
        }
    }

    async fn work(&self) {
        let store = self.0.core.records.store();
        let mut dirty = store.watch(sync_state::dirty_prefix().as_bytes());
        let mut plugins = store.watch(sync_state::plugin_markers().as_bytes());
        let mut due = store.watch(sync_state::due_prefix().as_bytes());
        while !self.0.stopping.is_cancelled() {
            dirty.borrow_and_update();
            plugins.borrow_and_update();
            due.borrow_and_update();
            let wait = match self.begin_due().await {
                Ok((_, next)) => next.unwrap_or(self.0.options.idle_max).min(self.0.options.idle_max),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the sync engine cannot read its work");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = self.0.stopping.cancelled() => {}
                () = self.0.ended.notified() => {}
                () = self.0.core.clock.sleep(wait) => {}
                Ok(()) = dirty.changed() => {
                    // More changes follow most changes; one look serves them all.
                    self.0.core.clock.sleep(GATHER).await;
                }
                Ok(()) = plugins.changed() => {}
                Ok(()) = due.changed() => {}
            }
        }
    }

    /// Begins what is due as far as the limits let it; also tells how long until something else is.
    async fn begin_due(&self) -> Result<(Vec<JoinHandle<()>>, Option<Duration>)> {
        schedule::fan_out(&self.0.core).await?;
        plugins::fan_out(&self.0.core).await?;
        let check = drift::begin_due(&self.0.core, self.0.options.drift_check_interval, self.0.boot_epoch).await?;
        let now = self.0.core.clock.now();
        self.0.rates.forget_idle(now);
        self.0.breakers.forget_idle(now);
        self.0.rests.forget_idle(now);
        let mut load = Load::new(self.0.options, &self.running());
        let waits = Waits { breakers: &self.0.breakers, rests: &self.0.rests };
        let chosen = schedule::choose(&self.0.core.records.view().await?, &mut load, waits, now).await?;
        let (running, resting) = (self.running().len() + chosen.begin.len(), self.0.breakers.open());
        self.0.meter.sync_load(SyncLoad { pending: chosen.pending, running, resting });
        let mut begun = Vec::with_capacity(chosen.begin.len());
        for (due, connection) in chosen.begin {
            self.running().insert(due.sync, (due.tenant, connection));
            let engine = self.clone();
            begun.push(tokio::spawn(async move {
                let _slot = Slot { inner: Arc::clone(&engine.0), sync: due.sync, of: (due.tenant, connection) };
                engine.run_one(due).await;
            }));
        }
        Ok((begun, chosen.next.into_iter().chain(check).min()))
    }

    async fn run_one(&self, due: Due) {
        if self.goes_on(due).await {
            self.0.rests.went_on(due.sync);
        } else {
            self.0.rests.failed(due.sync, self.0.core.clock.now());
        }
    }

    /// Runs a due sync; `false` when it is as due as before, for a reason that passes by itself.
    async fn goes_on(&self, due: Due) -> bool {
        match acquire(&self.0.core, due, self.0.boot_epoch).await {
            Ok(Acquired::Lease(begun)) => {
                let (lease, record, run) = *begun;
                let uid = run.uid;
                let Err(halt) = self.run_leased(&lease, &record, run).await else { return true };
                tracing::warn!(sync.uid = %due.sync, run.uid = %uid, ?halt, "a run ended without its last word");
                // Who took the lease away has other plans with the sync, and waits for them.
                matches!(halt, Halt::LeaseLost)
            }
            Ok(Acquired::Nothing) => true,
            Ok(Acquired::Busy) => false,
            Err(halt) => {
                tracing::warn!(sync.uid = %due.sync, ?halt, "a sync could not be leased");
                false
            }
        }
    }

    async fn run_leased(&self, lease: &Lease, record: &SyncRecord, mut run: Run) -> Result<(), Halt> {
        let inner = &*self.0;
        let journal = Journal { core: &inner.core, meter: &*inner.meter, lease, run: run.uid, steps: Mutex::default() };
        let interrupt = Interrupt::default();
        let driver = Driver { inner, lease, record, journal: &journal, interrupt: &interrupt };
        let mut outcome = driver.drive(&mut run).await;
        if let (Some(removal), Ok(report)) = (record.removal, &mut outcome)
            && report.tally.worst().is_none()
        {
            let left = match removal {
                Removal::KeepSecrets => None,
                Removal::RemoveSecrets => remove::still_ours(&inner.core, lease).await?,
            };
            match left {
                None => {
                    remove::purge(&inner.core, lease, record).await?;
                    let begun = run.started_at.unwrap_or(run.created_at);
                    inner.meter.sync_run(RunState::Succeeded, inner.core.clock.now().since(begun));
                    return Ok(());
                }
                Some(failure) => report.tally.fail(failure),
            }
        }
        let conclusion = Conclusion { inner, lease, journal: &journal };
        conclusion.write(run, outcome).await
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<SyncUid, (TenantUid, ConnectionUid)>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one run among those at once; given back however the run ends.
struct Slot {
    inner: Arc<Inner>,
    sync: SyncUid,
    of: (TenantUid, ConnectionUid),
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.sync);
        self.inner.breakers.ended(self.of, self.sync);
        self.inner.ended.notify_one();
    }
}

#[async_trait]
impl Planner for SyncEngine {
    async fn preview(&self, tenant: TenantUid, sync: SyncUid) -> Result<Preview> {
        preview(&self.0, tenant, sync).await
    }

    fn rests_until(&self, tenant: TenantUid, connection: ConnectionUid) -> Option<Timestamp> {
        self.0.breakers.rests_until((tenant, connection))
    }
}
