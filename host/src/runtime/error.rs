//! From wasmtime's one error to the five causes that stay apart: reported, trap, deadline, limit, denied.

use keyferry_contract::WIT_VERSION;
use rustix::io::Errno;
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use super::limits::SpaceLimiter;
use crate::domain::plugin::{CallFailure, Limits, Operation};

/// Raised by the epoch callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the processor time of the call is spent")]
pub(crate) struct CpuSpent;

/// Raised by a host call beyond a limit; names the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit of {0} is reached")]
pub(crate) struct LimitHit(pub(crate) &'static str);

/// Raised when an export turns out to have another type than the contract's.
#[derive(Debug, thiserror::Error)]
#[error("an export has another type than in the contract")]
pub(crate) struct ExportMismatch(#[source] pub(crate) wasmtime::Error);

/// Raised when the system has neither memory nor addresses for another instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no memory for another instance")]
struct NoRoom;

/// The failure of an instantiation. A guest cannot bring about that the system refuses memory: its limits are looked at first.
pub(crate) fn not_instantiated(error: wasmtime::Error) -> wasmtime::Error {
    if error.downcast_ref() != Some(&Errno::NOMEM) {
        return error;
    }
    tracing::warn!(error = %error, "no memory for a plugin instance; the call is refused as if all slots were taken");
    NoRoom.into()
}

/// The host's own faults.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// No component with this digest is loaded.
    #[error("the component is not loaded")]
    NotLoaded,
    /// The plugin cannot be synced to; the caller should have known.
    #[error("the component exports no destination")]
    NoDestination,
    /// A host function panicked; the process lives on.
    #[error("the task of the call ended abnormally")]
    Panicked(#[source] tokio::task::JoinError),
}

impl From<RunnerError> for CallFailure {
    fn from(error: RunnerError) -> Self {
        Self::Internal(Box::new(error))
    }
}

/// What is asked of a failed call, to tell its cause.
pub(crate) struct Circumstances<'a> {
    pub(crate) operation: Operation,
    pub(crate) limits: &'a Limits,
    pub(crate) space: &'a SpaceLimiter,
}

impl Circumstances<'_> {
    /// The failure of a call whose wall time ran out.
    pub(crate) fn out_of_wall_time(&self) -> CallFailure {
        CallFailure::TimedOut { operation: self.operation, clock: "wall", limit: self.limits.wall(self.operation) }
    }

    /// The cause of an error out of wasmtime.
    pub(crate) fn cause(&self, error: &wasmtime::Error) -> CallFailure {
        if error.is::<CpuSpent>() {
            let limit = self.limits.cpu(self.operation);
            return CallFailure::TimedOut { operation: self.operation, clock: "processor", limit };
        }
        if let Some(ExportMismatch(source)) = error.downcast_ref() {
            let reason = format!("an export has another type than version {WIT_VERSION} says: {}", source.root_cause());
            return CallFailure::ContractBroken { reason };
        }
        if error.is::<RunnerError>() {
            return RunnerError::NoDestination.into();
        }
        if let Some(what) = self.limit_hit(error) {
            return CallFailure::LimitExceeded { what };
        }
        if error.is::<PoolConcurrencyLimitError>() || error.is::<NoRoom>() {
            return CallFailure::Busy;
        }
        CallFailure::Trapped { reason: trap_reason(error) }
    }

    fn limit_hit(&self, error: &wasmtime::Error) -> Option<&'static str> {
        if let Some(hit) = error.downcast_ref::<LimitHit>() {
            return Some(hit.0);
        }
        if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
            return Some("handles");
        }
        // wasmtime keeps these types to itself; a test holds the wording.
        let text = error.root_cause().to_string();
        if text.contains("fuel allocated for hostcalls") {
            return Some("bytes handed over at once");
        }
        if text.contains("handle limit exceeded") {
            return Some("handles");
        }
        self.space.refused()
    }
}

/// wasmtime's word for a trap; never the guest's.
fn trap_reason(error: &wasmtime::Error) -> String {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trap.to_string();
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return format!("the guest exited with status {}", exit.0);
    }
    // What is left are breaches of the component ABI: their texts name types and offsets.
    let mut reason = error.root_cause().to_string();
    let end = reason.floor_char_boundary(200);
    reason.truncate(end);
    reason
}
