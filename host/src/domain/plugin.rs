//! Plugins: limits, grants, and how a call can fail.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One of the six things a plugin is called for; limits hang on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Describe,
    Verify,
    Choices,
    Check,
    Identify,
    Observe,
    Apply,
    Finish,
}

impl Operation {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Verify => "verify",
            Self::Choices => "choices",
            Self::Check => "check",
            Self::Identify => "identify",
            Self::Observe => "observe",
            Self::Apply => "apply",
            Self::Finish => "finish",
        }
    }
}

/// What one call may use. The administrator may grant more; the defaults are those of the plugin contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Linear memory, over all memories of the call. At most [`Limits::MEMORY_BYTES_CEILING`].
    pub memory_bytes: u64,
    /// Multiplies the CPU and wall times of [`Limits::cpu`] and [`Limits::wall`]; JavaScript and Python need more.
    pub time_factor: u32,
    /// HTTP requests in one call.
    pub requests: u32,
    /// Bytes that the guest may hand over in one host call.
    pub host_call_bytes: u64,
    /// Bytes that may cross the boundary in one call, both ways.
    pub transfer_bytes: u64,
    /// Host calls of any kind in one call.
    pub host_calls: u32,
    /// Log lines kept of one call; further ones are counted and dropped.
    pub log_lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            time_factor: 1,
            requests: 100,
            host_call_bytes: 4 << 20,
            transfer_bytes: 32 << 20,
            host_calls: 10_000,
            log_lines: 64,
        }
    }
}

impl Limits {
    /// The pool's maximum of linear memory.
    pub const MEMORY_BYTES_CEILING: u64 = 512 << 20;
    /// The greatest component, in bytes.
    pub const COMPONENT_BYTES_MAX: usize = 32 << 20;
    /// The greatest `context` that observe may leave for apply, in bytes.
    pub const CONTEXT_BYTES_MAX: usize = 64 << 10;

    /// Processor time of one call, counted while guest code runs.
    #[must_use]
    pub fn cpu(&self, operation: Operation) -> Duration {
        let base = match operation {
            Operation::Describe => Duration::from_millis(100),
            Operation::Observe | Operation::Apply | Operation::Finish => Duration::from_secs(2),
            Operation::Verify | Operation::Choices | Operation::Check | Operation::Identify => {
                Duration::from_millis(500)
            }
        };
        base * self.time_factor.max(1)
    }

    /// Wall time of one call, instantiation and waiting included.
    #[must_use]
    pub fn wall(&self, operation: Operation) -> Duration {
        let base = match operation {
            Operation::Describe => Duration::from_secs(1),
            Operation::Observe | Operation::Apply | Operation::Finish => Duration::from_secs(60),
            Operation::Verify | Operation::Choices | Operation::Check | Operation::Identify => Duration::from_secs(15),
        };
        base * self.time_factor.max(1)
    }

    /// The greatest result of one call, in bytes.
    #[must_use]
    pub const fn result_bytes(&self, operation: Operation) -> usize {
        match operation {
            Operation::Observe => 8 << 20,
            _ => 1 << 20,
        }
    }
}

/// What the administrator lets one version of a plugin do, beyond what it declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grants {
    /// Ids of the egress entries that are open. An entry that is not named here is closed.
    pub egress: Vec<String>,
    /// Whether credentials of `CUSTOM` auth methods reach the plugin in plain.
    pub plaintext: bool,
    /// What one call may use.
    pub limits: Limits,
}

/// The kind of failure that a plugin reported, from the contract's vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportedKind {
    Unauthenticated,
    PermissionDenied,
    NotFound,
    InvalidSetting,
    InvalidItem,
    Conflict,
    RateLimited,
    Unavailable,
    Unsupported,
    Other,
}

impl ReportedKind {
    /// The kind of this word; unknown words are [`ReportedKind::Other`].
    #[must_use]
    pub fn from_vocabulary(word: &str) -> Self {
        use keyferry_contract::vocabulary::error_kind as kind;
        match word {
            kind::UNAUTHENTICATED => Self::Unauthenticated,
            kind::PERMISSION_DENIED => Self::PermissionDenied,
            kind::NOT_FOUND => Self::NotFound,
            kind::INVALID_SETTING => Self::InvalidSetting,
            kind::INVALID_ITEM => Self::InvalidItem,
            kind::CONFLICT => Self::Conflict,
            kind::RATE_LIMITED => Self::RateLimited,
            kind::UNAVAILABLE => Self::Unavailable,
            kind::UNSUPPORTED => Self::Unsupported,
            _ => Self::Other,
        }
    }
}

/// A plugin's own typed error: its text is capped, stripped of control characters and scrubbed of the call's secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    pub kind: ReportedKind,
    pub message: String,
    pub field: Option<String>,
    pub http_status: Option<u16>,
    pub retry_after_ms: Option<u32>,
    pub request_id: Option<String>,
}

/// Why a call gave no answer: five causes that stay apart to the very edge, and two that are the host's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallFailure {
    /// The plugin's own error.
    #[error("the plugin reported: {}", .0.message)]
    Reported(Reported),
    /// The guest trapped. `reason` is wasmtime's word for it, without guest data.
    #[error("the plugin trapped: {reason}")]
    Trapped { reason: String },
    /// CPU or wall time ran out.
    #[error("the plugin exceeded {limit:?} of {clock} time in `{}`", .operation.text())]
    TimedOut { operation: Operation, clock: &'static str, limit: Duration },
    /// Memory, requests, bytes, host calls, handles or the size of the result.
    #[error("the plugin exceeded its limit of {what}")]
    LimitExceeded { what: &'static str },
    /// A request was refused, and the guest made its failure the call's.
    #[error("egress refused: {reason}")]
    Denied { reason: String },
    /// The answer breaks the contract: outcomes that do not match changes, metadata that is none.
    #[error("the plugin broke the contract: {reason}")]
    ContractBroken { reason: String },
    /// All slots for plugin calls are taken, or the system has no memory for one more.
    #[error("the host has no room for another plugin call now")]
    Busy,
    /// The host's own fault.
    #[error("the host failed to make the call")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}
