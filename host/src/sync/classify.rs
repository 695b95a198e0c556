//! What a failure calls for: from the causes that the plugin port keeps apart to the classes that the engine acts on.

use crate::domain::error::Code;
use crate::domain::plugin::{CallFailure, Reported, ReportedKind};
use crate::domain::sync::{FailureClass, RunFailure};

/// What a reported failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The whole call.
    Call,
    /// One item of a batch.
    Item,
}

/// The failure of a whole call.
#[must_use]
pub fn call(failure: &CallFailure) -> RunFailure {
    let (class, code) = match failure {
        CallFailure::Reported(reported) => return self::reported(reported, About::Call),
        CallFailure::Trapped { .. } => (FailureClass::Plugin, Code::PluginTrapped),
        CallFailure::TimedOut { .. } => (FailureClass::Plugin, Code::PluginTimedOut),
        CallFailure::LimitExceeded { .. } => (FailureClass::Plugin, Code::PluginLimitExceeded),
        CallFailure::ContractBroken { .. } => (FailureClass::Plugin, Code::PluginContractBroken),
        CallFailure::Denied { .. } => (FailureClass::Configuration, Code::EgressDenied),
        CallFailure::Busy => (FailureClass::Retry, Code::Busy),
        CallFailure::Internal(_) => (FailureClass::Ours, Code::Internal),
    };
    RunFailure {
        class,
        code: code.text().to_owned(),
        message: failure.to_string(),
        vendor_status: None,
        vendor_request_id: None,
        retry_after_ms: None,
    }
}

/// A failure that the plugin reported.
#[must_use]
pub fn reported(reported: &Reported, about: About) -> RunFailure {
    let (class, code) = class_of(reported, about);
    RunFailure {
        class,
        code: code.text().to_owned(),
        message: reported.message.clone(),
        vendor_status: reported.http_status,
        vendor_request_id: reported.request_id.clone(),
        retry_after_ms: reported.retry_after_ms.map(u64::from),
    }
}

/// A change that was sent and never answered.
#[must_use]
pub fn unknown(reported: &Reported) -> RunFailure {
    RunFailure { class: FailureClass::UnknownOutcome, ..self::reported(reported, About::Item) }
}

/// Whether the changes of a failed `apply` may have been carried out all the same.
#[must_use]
pub const fn may_have_been_applied(failure: &CallFailure) -> bool {
    !matches!(failure, CallFailure::Reported(_) | CallFailure::Busy)
}

fn class_of(reported: &Reported, about: About) -> (FailureClass, Code) {
    match reported.kind {
        ReportedKind::Unauthenticated => (FailureClass::Authentication, Code::CredentialsRejected),
        ReportedKind::PermissionDenied => (FailureClass::Authentication, Code::PermissionDenied),
        ReportedKind::RateLimited | ReportedKind::Unavailable => (FailureClass::Retry, Code::PluginUnavailable),
        // The world moved between the look and the write: the next run looks again.
        ReportedKind::Conflict => (FailureClass::Retry, Code::PluginFailed),
        ReportedKind::NotFound | ReportedKind::InvalidSetting | ReportedKind::Unsupported => {
            (FailureClass::Configuration, Code::PluginFailed)
        }
        ReportedKind::InvalidItem => (permanent(about), Code::PluginFailed),
        ReportedKind::Other => by_status(reported.http_status, about),
    }
}

fn by_status(status: Option<u16>, about: About) -> (FailureClass, Code) {
    match status {
        Some(401) => (FailureClass::Authentication, Code::CredentialsRejected),
        Some(403) => (FailureClass::Authentication, Code::PermissionDenied),
        Some(408 | 425 | 429 | 500..) => (FailureClass::Retry, Code::PluginUnavailable),
        Some(_) => (permanent(about), Code::PluginFailed),
        None if about == About::Item => (FailureClass::Item, Code::PluginFailed),
        None => (FailureClass::Retry, Code::PluginFailed),
    }
}

const fn permanent(about: About) -> FailureClass {
    match about {
        About::Call => FailureClass::Configuration,
        About::Item => FailureClass::Item,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::plugin::Operation;

    fn report(kind: ReportedKind, http_status: Option<u16>) -> Reported {
        Reported {
            kind,
            message: "told".to_owned(),
            field: None,
            http_status,
            retry_after_ms: Some(1_500),
            request_id: Some("r-1".to_owned()),
        }
    }

    #[test]
    fn every_cause_of_a_call_has_its_class() {
        let trapped = CallFailure::Trapped { reason: "unreachable".to_owned() };
        let timed_out =
            CallFailure::TimedOut { operation: Operation::Apply, clock: "wall", limit: Duration::from_secs(1) };
        for (failure, class) in [
            (CallFailure::Reported(report(ReportedKind::Unauthenticated, Some(401))), FailureClass::Authentication),
            (trapped, FailureClass::Plugin),
            (timed_out, FailureClass::Plugin),
            (CallFailure::LimitExceeded { what: "memory" }, FailureClass::Plugin),
            (CallFailure::ContractBroken { reason: "outcomes".to_owned() }, FailureClass::Plugin),
            (CallFailure::Denied { reason: "host".to_owned() }, FailureClass::Configuration),
            (CallFailure::Busy, FailureClass::Retry),
            (CallFailure::Internal("disk".into()), FailureClass::Ours),
        ] {
            assert_eq!(call(&failure).class, class, "{failure}");
        }
    }

    #[test]
    fn a_hidden_cause_is_not_told() {
        let failure = call(&CallFailure::Internal("private path".into()));
        assert!(!failure.message.contains("private path"));
    }

    #[test]
    fn what_a_plugin_reports_has_its_class() {
        use FailureClass::{Authentication, Configuration, Item, Retry};
        for (kind, status, about_call, about_item) in [
            (ReportedKind::Unauthenticated, None, Authentication, Authentication),
            (ReportedKind::PermissionDenied, None, Authentication, Authentication),
            (ReportedKind::NotFound, Some(404), Configuration, Configuration),
            (ReportedKind::InvalidSetting, Some(400), Configuration, Configuration),
            (ReportedKind::InvalidItem, Some(400), Configuration, Item),
            (ReportedKind::Conflict, Some(412), Retry, Retry),
            (ReportedKind::RateLimited, Some(429), Retry, Retry),
            (ReportedKind::Unavailable, Some(503), Retry, Retry),
            (ReportedKind::Unsupported, None, Configuration, Configuration),
            (ReportedKind::Other, Some(401), Authentication, Authentication),
            (ReportedKind::Other, Some(403), Authentication, Authentication),
            (ReportedKind::Other, Some(408), Retry, Retry),
            (ReportedKind::Other, Some(425), Retry, Retry),
            (ReportedKind::Other, Some(500), Retry, Retry),
            (ReportedKind::Other, Some(422), Configuration, Item),
            (ReportedKind::Other, None, Retry, Item),
        ] {
            let report = report(kind, status);
            assert_eq!(reported(&report, About::Call).class, about_call, "{kind:?} {status:?}");
            assert_eq!(reported(&report, About::Item).class, about_item, "{kind:?} {status:?}");
        }
    }

    #[test]
    fn the_vendors_words_are_kept_for_its_support() {
        let failure = unknown(&report(ReportedKind::Unavailable, Some(504)));
        assert_eq!(failure.class, FailureClass::UnknownOutcome);
        assert_eq!((failure.vendor_status, failure.retry_after_ms), (Some(504), Some(1_500)));
        assert_eq!(failure.vendor_request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn only_a_report_and_a_full_house_prove_that_nothing_was_sent() {
        assert!(!may_have_been_applied(&CallFailure::Busy));
        assert!(!may_have_been_applied(&CallFailure::Reported(report(ReportedKind::Other, None))));
        assert!(may_have_been_applied(&CallFailure::Trapped { reason: String::new() }));
        assert!(may_have_been_applied(&CallFailure::Internal("gone".into())));
    }
}
