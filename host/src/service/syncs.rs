//! Syncs: define, read, pause, run, follow. What a run does is the engine's; here is only what is wanted of it.

mod check;
mod define;
mod drift;
mod duplicates;
mod import;
mod read;
mod remove;
mod run;
pub mod source;
pub mod trigger;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde::Serialize;

pub use self::define::{Activity, SyncChange};
pub use self::import::require_importable;
use super::context::Core;
use super::destinations::Destinations;
use crate::domain::id::{ConnectionUid, RunUid, SyncUid, TenantUid};
use crate::domain::sync::{Block, ItemOutcome, Plan, Priority, Run, RunState, SyncState, Verification};
use crate::domain::{Code, Error, Result, Timestamp, Version};
use crate::records::environments::Environment;
use crate::records::syncs::SyncRecord;

/// Makes plans without carrying them out; the engine does.
#[async_trait]
pub trait Planner: Send + Sync + 'static {
    /// What a run of the sync would do now. Nothing is written, here or there.
    ///
    /// # Errors
    /// Whatever would stop the run before its first write.
    async fn preview(&self, tenant: TenantUid, sync: SyncUid) -> Result<Preview>;

    /// Until when nothing is begun on a connection, because its vendor failed several times in a row; `None` where that is
    /// not so.
    fn rests_until(&self, tenant: TenantUid, connection: ConnectionUid) -> Option<Timestamp>;
}

/// A plan, and what stands against it.
#[derive(Clone, Debug)]
pub struct Preview {
    pub plan: Plan,
    pub blocked: Option<Block>,
}

/// A sync with how it stands.
#[derive(Clone, Debug)]
pub struct SyncView {
    /// With the path of its source as it is now.
    pub record: SyncRecord,
    /// The source's; `None`: it is gone.
    pub environment: Option<Environment>,
    pub version: Version,
    pub state: SyncState,
    /// What the vendor said of the destination since the last run; before the first one, when the sync was made.
    pub verification: Option<Verification>,
    pub wanted_generation: u64,
    pub attempted_generation: u64,
    pub applied_generation: u64,
    /// The last run that made the destination match, or is about to.
    pub last_run: Option<Run>,
    /// The last run that came to an end, or broke off and is tried again.
    pub ended_run: Option<Run>,
    /// The run that waits to make the destination match.
    pub pending_run: Option<RunUid>,
    /// When a run last made the destination match whole.
    pub applied_at: Option<Timestamp>,
    /// Whether a run of whatever kind is under way.
    pub is_busy: bool,
    /// The last run that was asked to delete what the sync wrote.
    pub last_removal: Option<Run>,
    /// Whether the source's folder is there.
    pub has_folder: bool,
    /// When a failed run is tried again.
    pub retry_at: Option<Timestamp>,
    /// What the pending run waits for; `None` when it waits for nothing but its turn.
    pub waiting: Option<Waiting>,
    /// The last import, asked for by itself or done by the first run.
    pub last_import: Option<ImportView>,
    /// What the last look at the destination told of changes that somebody else made there.
    pub drift: DriftView,
}

/// Why a pending run does not begin yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub reason: WaitReason,
    pub until: Timestamp,
}

/// What a pending run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitReason {
    /// The wait after its own failure.
    Retry,
    /// A credential that the vendor accepts: it rejected the one that it has.
    Credential,
    /// The connection's vendor, which failed several times in a row; one run will try for all.
    Vendor,
}

impl WaitReason {
    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Retry => "the last attempt failed; it is tried again",
            Self::Credential => {
                "the vendor rejected the credential; it is tried again when the connection changes, and once an hour"
            }
            Self::Vendor => "the vendor failed several times in a row; it is left alone, then one sync tries for all",
        }
    }
}

/// How an import stands.
#[derive(Clone, Debug)]
pub struct ImportView {
    pub run: RunUid,
    /// Whose values win.
    pub prioritize: Priority,
    pub state: RunState,
    /// Why it failed, or what keeps it; there is never a value in it.
    pub message: Option<String>,
    /// When the values came in; else when it ended, began or was asked for.
    pub at: Timestamp,
    /// New secrets and new versions.
    pub secrets: u64,
    /// Keys that were left, each told with its reason in the run.
    pub left: u64,
}

/// What is known of drift.
#[derive(Clone, Debug, Default)]
pub struct DriftView {
    /// When the destination was last looked at, by a run or a check.
    pub checked_at: Option<Timestamp>,
    /// How many keys somebody else changed, and are left so.
    pub count: u64,
    /// The first of them.
    pub keys: Vec<String>,
    /// The last check that ended.
    pub check: Option<Run>,
}

/// A run with what became of each key.
#[derive(Clone, Debug)]
pub struct RunView {
    pub run: Run,
    pub outcomes: Vec<ItemOutcome>,
    /// The plan that it carried out, or that waits for approval.
    pub plan: Option<Plan>,
}

/// Syncs of a tenant.
#[derive(Clone)]
pub struct Syncs {
    core: Core,
    destinations: Arc<dyn Destinations>,
    planner: Arc<OnceLock<Arc<dyn Planner>>>,
}

impl Syncs {
    /// The service over this ground. Until the engine is made known, it makes no plans.
    #[must_use]
    pub fn new(core: Core, destinations: Arc<dyn Destinations>) -> Self {
        Self { core, destinations, planner: Arc::new(OnceLock::new()) }
    }

    /// Makes known who makes plans; only the first one counts.
    pub fn plan_with(&self, planner: Arc<dyn Planner>) {
        if self.planner.set(planner).is_err() {
            tracing::warn!("syncs have a planner already");
        }
    }

    fn planner(&self) -> Result<&Arc<dyn Planner>> {
        self.planner.get().ok_or_else(|| Error::new(Code::Unavailable, "the sync engine is not running"))
    }
}
