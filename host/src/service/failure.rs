//! How a failed plugin call reads to whoever asked for it.

use std::time::Duration;

use crate::domain::plugin::{CallFailure, Reported, ReportedKind};
use crate::domain::{Code, Error};
use crate::ports::plugin::InspectFailure;

/// The error that a failed call is to a caller. The five causes stay apart.
#[must_use]
pub fn call_error(failure: CallFailure) -> Error {
    let detail = failure.to_string();
    match failure {
        CallFailure::Reported(reported) => reported_error(&reported),
        CallFailure::Trapped { .. } => Error::new(Code::PluginTrapped, detail),
        CallFailure::TimedOut { .. } => Error::new(Code::PluginTimedOut, detail),
        CallFailure::LimitExceeded { .. } => Error::new(Code::PluginLimitExceeded, detail),
        CallFailure::Denied { .. } => Error::new(Code::EgressDenied, detail),
        CallFailure::ContractBroken { .. } => Error::new(Code::PluginContractBroken, detail),
        CallFailure::Busy => Error::new(Code::Busy, detail),
        CallFailure::Internal(source) => Error::internal(source),
    }
}

fn reported_error(reported: &Reported) -> Error {
    let error = Error::new(reported_code(reported.kind), reported.message.clone());
    match reported.retry_after_ms {
        Some(wait) => error.with_retry_after(Duration::from_millis(u64::from(wait))),
        None => error,
    }
}

/// The code of what a plugin reports.
#[must_use]
pub const fn reported_code(kind: ReportedKind) -> Code {
    match kind {
        ReportedKind::Unauthenticated => Code::CredentialsRejected,
        ReportedKind::PermissionDenied => Code::PermissionDenied,
        ReportedKind::RateLimited | ReportedKind::Unavailable => Code::PluginUnavailable,
        _ => Code::PluginFailed,
    }
}

/// The error that a component which cannot be installed is to whoever uploads it.
#[must_use]
pub fn inspect_error(failure: InspectFailure) -> Error {
    match failure {
        InspectFailure::Rejected(reason) => Error::new(Code::ComponentRejected, reason),
        InspectFailure::TooLarge { .. } => Error::new(Code::ComponentTooLarge, failure.to_string()),
        InspectFailure::CompileLimit(_) => Error::new(Code::ComponentRejected, failure.to_string()),
        // It did not get to describe itself: that says nothing of the component.
        InspectFailure::Describe(cause @ (CallFailure::Busy | CallFailure::Internal(_))) => call_error(cause),
        InspectFailure::Describe(cause) => {
            Error::new(Code::ComponentRejected, format!("`describe` failed: {cause}")).with_source(cause)
        }
        InspectFailure::Internal(source) => Error::internal(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_is_rejected_only_for_what_it_did() {
        for (cause, expected) in [
            (CallFailure::Busy, Code::Busy),
            (CallFailure::Internal("private path".into()), Code::Internal),
            (CallFailure::Trapped { reason: "unreachable".to_owned() }, Code::ComponentRejected),
            (CallFailure::LimitExceeded { what: "memory" }, Code::ComponentRejected),
        ] {
            assert_eq!(inspect_error(InspectFailure::Describe(cause)).code(), expected);
        }
    }
}
