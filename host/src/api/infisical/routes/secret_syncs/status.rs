//! How runs read in this dialect: one word for each kind of job.

use crate::domain::Timestamp;
use crate::domain::id::RunUid;
use crate::domain::name::Slug;
use crate::domain::sync::{LeftOut, Run, RunState};
use crate::service::syncs::SyncView;

/// How the last job of a kind stands.
pub(super) struct Job {
    pub(super) run: RunUid,
    /// `pending`, `running`, `succeeded` or `failed`.
    pub(super) word: &'static str,
    pub(super) message: Option<String>,
    /// When it succeeded.
    pub(super) done_at: Option<Timestamp>,
}

/// A run that left keys out is no success to clients that have no other word for it.
fn word_of(run: &Run) -> &'static str {
    if run.left_out.as_ref().is_some_and(LeftOut::is_loss) && run.state == RunState::Succeeded {
        return word(RunState::Partial);
    }
    word(run.state)
}

const fn word(state: RunState) -> &'static str {
    match state {
        RunState::Pending => "pending",
        RunState::Running => "running",
        RunState::Succeeded => "succeeded",
        RunState::Blocked | RunState::Partial | RunState::Failed | RunState::Cancelled => "failed",
    }
}

/// Runs that make the destination match.
pub(super) fn of_sync(view: &SyncView, tenant: &Slug) -> Option<Job> {
    if view.record.removal.is_some() {
        // Its runs only remove by now.
        return None;
    }
    of_run(view, tenant)
}

fn of_run(view: &SyncView, tenant: &Slug) -> Option<Job> {
    match (view.pending_run, &view.last_run) {
        (_, Some(run)) if run.state == RunState::Running => Some(job(run, view, tenant)),
        (Some(pending), _) => Some(Job { run: pending, word: "pending", message: None, done_at: None }),
        (None, run) => run.as_ref().map(|run| job(run, view, tenant)),
    }
}

fn job(run: &Run, view: &SyncView, tenant: &Slug) -> Job {
    let message = run.failure.as_ref().map(|failure| failure.message.clone());
    let message = message.or_else(|| run.left_out.as_ref().map(|left_out| left_out.message.clone()));
    let message = match run.state {
        RunState::Blocked => Some(blocked(message, run, view, tenant)),
        RunState::Cancelled => Some("the run was cancelled".to_owned()),
        _ => message,
    };
    let done_at = run.finished_at.filter(|_| run.state == RunState::Succeeded);
    Job { run: run.uid, word: word_of(run), message, done_at }
}

/// A plan that waits for approval, which this dialect does not know: the message says how to give it.
fn blocked(message: Option<String>, run: &Run, view: &SyncView, tenant: &Slug) -> String {
    let message = message.unwrap_or_else(|| "the plan needs approval".to_owned());
    let hash = run.plan_hash.as_ref().map(ToString::to_string).unwrap_or_default();
    let id = &view.record.spec.id;
    format!("{message}; approve it with POST /v1/tenants/{tenant}/syncs/{id}/runs {{\"planHash\": \"{hash}\"}}")
}

/// Imports, asked for by themselves or done by the first run.
pub(super) fn of_import(view: &SyncView) -> Option<Job> {
    view.last_import.as_ref().map(|import| Job {
        run: import.run,
        word: word(import.state),
        message: import.message.clone(),
        done_at: (import.state == RunState::Succeeded).then_some(import.at),
    })
}

/// Removals of what the sync wrote: of those that leave the sync the last one; else the one that it goes with.
pub(super) fn of_removal(view: &SyncView, tenant: &Slug) -> Option<Job> {
    if view.record.removal.is_none() {
        return view.last_removal.as_ref().map(|run| job(run, view, tenant));
    }
    of_run(view, tenant)
}
