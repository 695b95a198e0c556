//! How a native integration stands: what came of its last run, in the members that its clients read.

use crate::domain::Timestamp;
use crate::domain::sync::{LeftOut, Run, RunState};
use crate::service::context::TenantCtx;
use crate::service::syncs::SyncView;

/// What came of the last run; nothing before the first one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) last_used: Option<Timestamp>,
    pub(super) is_synced: Option<bool>,
    pub(super) message: Option<String>,
    pub(super) job_id: Option<String>,
}

impl Outcome {
    pub(super) fn of(ctx: &TenantCtx, view: &SyncView) -> Self {
        let Some(run) = &view.ended_run else { return Self::default() };
        Self {
            last_used: run.finished_at.or(run.started_at),
            is_synced: Some(run.state == RunState::Succeeded && !run.left_out.as_ref().is_some_and(LeftOut::is_loss)),
            message: Some(message(run, &format!("/v1/tenants/{}/syncs/{}/runs", ctx.slug(), view.record.spec.id))),
            job_id: Some(run.uid.to_string()),
        }
    }
}

fn message(run: &Run, runs: &str) -> String {
    let failure = run.failure.as_ref().map(|failure| failure.message.as_str());
    match (run.state, &run.plan_hash) {
        (RunState::Succeeded, _) => run.left_out.as_ref().map(|left_out| left_out.message.clone()).unwrap_or_default(),
        (RunState::Blocked, Some(hash)) => {
            let why = run.blocked.as_ref().map(|block| block.message.as_str()).or(failure).unwrap_or_default();
            format!("{why}. It waits for approval: POST {runs} with {{\"planHash\": \"{hash}\"}}")
        }
        (RunState::Pending, _) => format!("{}; it is tried again by itself", failure.unwrap_or("the run broke off")),
        (RunState::Cancelled, _) => "the run was cancelled".to_owned(),
        _ => failure.unwrap_or("the run failed").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{RunUid, SyncUid};
    use crate::domain::sync::{FailureClass, PlanHash, RunFailure, Trigger};

    fn run(state: RunState, failure: Option<&str>) -> Run {
        let failure = failure.map(|message| RunFailure {
            class: FailureClass::Retry,
            code: "unavailable".to_owned(),
            message: message.to_owned(),
            vendor_status: None,
            vendor_request_id: None,
            retry_after_ms: None,
        });
        let of = (RunUid::from_bytes([1; 16]), SyncUid::from_bytes([2; 16]));
        let run = Run::pending(of.0, of.1, Trigger::Definition, 1, Timestamp::from_unix_ms(0));
        Run { state, failure, plan_hash: Some(PlanHash::from_text("5f2b".to_owned())), ..run }
    }

    #[test]
    fn messages_say_what_to_do() {
        for (state, failure, expected) in [
            (RunState::Succeeded, None, ""),
            (RunState::Failed, Some("no such key"), "no such key"),
            (RunState::Partial, Some("A is too long"), "A is too long"),
            (RunState::Pending, Some("503"), "503; it is tried again by itself"),
            (RunState::Cancelled, None, "the run was cancelled"),
            (
                RunState::Blocked,
                Some("6 keys would be deleted"),
                "6 keys would be deleted. It waits for approval: POST /v1/r with {\"planHash\": \"5f2b\"}",
            ),
        ] {
            assert_eq!(message(&run(state, failure), "/v1/r"), expected);
        }
    }
}
