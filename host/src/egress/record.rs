//! Who sent what where, and how it went: attribution without headers, paths or bodies.

use std::time::Duration;

use crate::domain::id::ConnectionUid;
use crate::ports::egress::EgressFailure;

/// One request, answered or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// The plugin's id.
    pub plugin: String,
    /// Absent while credentials are only being tested.
    pub connection: Option<ConnectionUid>,
    /// Absent when the request was refused: a guest could put anything into a host of its choice.
    pub host: Option<String>,
    /// Absent with the host.
    pub method: Option<String>,
    /// Absent without an answer.
    pub status: Option<u16>,
    pub outcome: Outcome,
    pub duration: Duration,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    Answered,
    Denied,
    NotSent,
    OutcomeUnknown,
    TooLarge,
    Budget,
    Authentication,
}

impl Outcome {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Denied => "denied",
            Self::NotSent => "not_sent",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::TooLarge => "too_large",
            Self::Budget => "budget",
            Self::Authentication => "authentication",
        }
    }
}

impl From<&EgressFailure> for Outcome {
    fn from(failure: &EgressFailure) -> Self {
        match failure {
            EgressFailure::Denied(_) => Self::Denied,
            EgressFailure::NotSent(_) => Self::NotSent,
            EgressFailure::OutcomeUnknown(_) => Self::OutcomeUnknown,
            EgressFailure::TooLarge => Self::TooLarge,
            EgressFailure::Budget => Self::Budget,
            EgressFailure::Authentication(_) => Self::Authentication,
        }
    }
}

/// Told of every request, for metrics. Called on the request's own task: it must not block.
pub trait RequestObserver: Send + Sync + 'static {
    /// A request ended.
    fn request_ended(&self, record: &RequestRecord);
}

/// Writes the record to the log.
pub(super) fn log(record: &RequestRecord) {
    tracing::info!(
        plugin = record.plugin,
        connection.id = record.connection.map(tracing::field::display),
        host = record.host,
        method = record.method,
        status = record.status,
        outcome = record.outcome.as_str(),
        duration_ms = u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
        "egress request ended"
    );
}
