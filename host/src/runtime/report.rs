//! What is told of every finished call: for metrics, and as one tracing event.

use std::time::Duration;

use crate::domain::id::Digest;
use crate::domain::plugin::{CallFailure, Operation};

/// Hears of every finished call, failed ones included. Called on the task of the call: must not block.
pub trait CallObserver: Send + Sync + 'static {
    /// One call is over.
    fn call_finished(&self, report: &CallReport);
}

impl<F: Fn(&CallReport) + Send + Sync + 'static> CallObserver for F {
    fn call_finished(&self, report: &CallReport) {
        self(report);
    }
}

/// What one call used and how it ended.
#[derive(Clone, Debug)]
pub struct CallReport {
    pub digest: Digest,
    pub plugin: String,
    pub operation: Operation,
    /// A word of fixed vocabulary, see [`outcome_word`].
    pub outcome: &'static str,
    pub usage: Usage,
}

/// What one call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From the granted slot to the converted answer, waiting included.
    pub wall: Duration,
    /// Time in guest code, to the granularity of the epoch.
    pub cpu: Duration,
    /// The most linear memory held, over all memories.
    pub memory_peak_bytes: u64,
    pub host_calls: u32,
    /// Requests handed to the egress, refused ones included.
    pub requests: u32,
    /// Bytes that crossed the boundary in host calls, both ways.
    pub transfer_bytes: u64,
    pub log_lines: u32,
    pub log_lines_dropped: u32,
}

/// The word for an ending, in metrics and logs.
#[must_use]
pub const fn outcome_word(failure: Option<&CallFailure>) -> &'static str {
    match failure {
        None => "ok",
        Some(CallFailure::Reported(_)) => "reported",
        Some(CallFailure::Trapped { .. }) => "trapped",
        Some(CallFailure::TimedOut { .. }) => "timed_out",
        Some(CallFailure::LimitExceeded { .. }) => "limit_exceeded",
        Some(CallFailure::Denied { .. }) => "denied",
        Some(CallFailure::ContractBroken { .. }) => "contract_broken",
        Some(CallFailure::Busy) => "busy",
        Some(CallFailure::Internal(_)) => "internal",
    }
}
