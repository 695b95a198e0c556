//! What is counted. The layers report here; what becomes of it is the business of telemetry.

use std::time::Duration;

use crate::domain::plugin::Operation;
use crate::domain::sync::{Action, FailureClass, ItemResult, RunState};

/// Counts and times what the host does. No method waits, fails, or takes anything that could hold a secret.
pub trait Meter: Send + Sync + 'static {
    /// A request was answered; `route` is the documented path, never the requested one.
    fn http_request(&self, method: &'static str, route: &str, status: u16, took: Duration);

    /// A call of a plugin ended; `outcome` is `ok` or an error code.
    fn plugin_call(&self, plugin: &str, operation: Operation, outcome: &'static str, took: Duration);

    /// A request of a plugin left the host, or was refused; `outcome` is `ok` or a short reason.
    fn egress_request(&self, plugin: &str, outcome: &'static str, took: Duration);

    /// A run of a sync ended in this state, so long after it was first begun, waits included.
    fn sync_run(&self, state: RunState, took: Duration);

    /// A run broke off and is tried again later.
    fn sync_retry(&self, why: FailureClass);

    /// So many requests left the host for syncs: to look at destinations, or to change them.
    fn sync_requests(&self, kind: RequestKind, count: u64);

    /// This became of one key.
    fn sync_key(&self, action: Action, result: ItemResult);

    /// A vendor asked to slow down.
    fn sync_throttled(&self);

    /// How much there is to do; replaces what was told before.
    fn sync_load(&self, load: SyncLoad);

    /// Everything counted so far, in the text format of OpenMetrics 1.0.
    fn exposition(&self) -> String;
}

/// What a request of a sync is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    Read,
    Write,
}

impl RequestKind {
    /// The name in metrics.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What the sync engine has before it, over all tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncLoad {
    /// Syncs of which a run is wanted and has not begun, waits included.
    pub pending: usize,
    /// Runs under way.
    pub running: usize,
    /// Connections that are left alone because their vendor does not answer.
    pub resting: usize,
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn http_request(&self, _: &'static str, _: &str, _: u16, _: Duration) {}
    fn plugin_call(&self, _: &str, _: Operation, _: &'static str, _: Duration) {}
    fn egress_request(&self, _: &str, _: &'static str, _: Duration) {}
    fn sync_run(&self, _: RunState, _: Duration) {}
    fn sync_retry(&self, _: FailureClass) {}
    fn sync_requests(&self, _: RequestKind, _: u64) {}
    fn sync_key(&self, _: Action, _: ItemResult) {}
    fn sync_throttled(&self) {}
    fn sync_load(&self, _: SyncLoad) {}
    fn exposition(&self) -> String {
        "# EOF\n".to_owned()
    }
}
