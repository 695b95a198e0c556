//! Why a run ends before its end.

use crate::domain::sync::{Block, FailureClass, Plan, RunFailure};
use crate::domain::{Code, Error};

/// What keeps a run from going on.
#[derive(Debug)]
pub(super) enum Halt {
    /// Something failed.
    Failed(RunFailure),
    /// The guard stopped the plan.
    Blocked(Box<(Plan, Block)>),
    /// The selected folder is gone.
    SourceMissing,
    /// Somebody asked for it.
    Cancelled,
    /// The host is stopping, or the run used up its time: it goes on later.
    Stopping,
    /// Somebody else holds the sync, or it is gone: nothing more may be written.
    LeaseLost,
}

impl Halt {
    /// A failure with a code of the registry. `message` holds no value.
    pub(super) fn failed(class: FailureClass, code: Code, message: impl Into<String>) -> Self {
        Self::Failed(failure(class, code, message))
    }
}

pub(super) fn failure(class: FailureClass, code: Code, message: impl Into<String>) -> RunFailure {
    RunFailure {
        class,
        code: code.text().to_owned(),
        message: message.into(),
        vendor_status: None,
        vendor_request_id: None,
        retry_after_ms: None,
    }
}

/// What the host itself could not do: try again what can get better, stop at everything else.
impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        let class = match error.code() {
            Code::Unavailable | Code::Contention | Code::Busy => FailureClass::Retry,
            Code::RecordUnreadable | Code::KeyUnavailable | Code::Internal => FailureClass::Ours,
            _ => FailureClass::Configuration,
        };
        tracing::debug!(error = &error as &dyn std::error::Error, "a run of a sync stops");
        Self::failed(class, error.code(), error.detail())
    }
}
