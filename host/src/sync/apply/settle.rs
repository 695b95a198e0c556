//! From a plugin's answer to rows of the ledger and outcomes per key.

use super::work::Work;
use crate::domain::destination::{Application, Applied, Outcome};
use crate::domain::plugin::{CallFailure, Reported, ReportedKind};
use crate::domain::sync::{FailureClass, ItemOutcome, ItemResult, LedgerEntry, Owned, RunFailure};
use crate::sync::classify::{self, About};
use crate::sync::journal::Row;

/// A batch that was sent.
pub(super) struct Batch {
    pub(super) works: Vec<Work>,
    pub(super) generation: u64,
}

/// What became of a batch.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) rows: Vec<Row>,
    pub(super) finished: Vec<Finished>,
    /// Why no further batch is to be sent.
    pub(super) stop: Option<RunFailure>,
    /// Whether no further batch is to be sent before a wait.
    pub(super) pause: bool,
}

/// What became of one change.
pub(super) enum Finished {
    /// Certainly not carried out, and worth another try.
    Again(Work, RunFailure),
    /// Its last word in this run, and what was written.
    Over(ItemOutcome, Option<Written>),
}

/// A value that was put, to be read back.
#[derive(Clone)]
pub(in crate::sync) struct Written {
    pub(in crate::sync) key: String,
    pub(in crate::sync) absolute: String,
    pub(in crate::sync) owned: Owned,
}

impl Finished {
    /// What is to be told now.
    pub(super) const fn outcome(&self) -> Option<&ItemOutcome> {
        match self {
            Self::Again(..) => None,
            Self::Over(outcome, _) => Some(outcome),
        }
    }
}

impl Batch {
    pub(super) fn settle(self, called: Result<Application, CallFailure>) -> Settled {
        match called {
            Ok(application) => self.each(application.outcomes),
            Err(failure) => self.all(&failure),
        }
    }

    fn each(self, outcomes: Vec<Outcome>) -> Settled {
        let mut settled = Settled::default();
        // What a throttled or failing item left untried is tried again with it.
        let broke_off = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Failed(reported) => Some(classify::reported(reported, About::Item)),
            _ => None,
        });
        for (work, outcome) in self.works.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Applied(applied) => settled.done(work, ItemResult::Ok, applied, self.generation),
                Outcome::Unchanged(applied) => settled.done(work, ItemResult::Unchanged, applied, self.generation),
                Outcome::Failed(reported) => settled.failed(work, &reported),
                Outcome::Unknown(reported) => settled.unknown(&work, classify::unknown(&reported)),
                Outcome::NotAttempted => settled.untried(work, broke_off.clone()),
            }
        }
        settled
    }

    /// The call as a whole failed.
    fn all(self, failure: &CallFailure) -> Settled {
        let mut settled = Settled::default();
        let told = match failure {
            CallFailure::Reported(reported) => classify::reported(reported, About::Call),
            other => classify::call(other),
        };
        match told.class {
            FailureClass::Retry => settled.pause = true,
            _ => settled.stop = Some(told.clone()),
        }
        for work in self.works {
            if classify::may_have_been_applied(failure) {
                settled.unknown(&work, told.clone());
            } else {
                settled.rows.push(work.undone());
                settled.again_or_over(work, told.clone());
            }
        }
        settled
    }
}

impl Settled {
    fn done(&mut self, work: Work, result: ItemResult, applied: Applied, generation: u64) {
        let owned = work.owned(applied.version, applied.reference, generation);
        self.rows.push(work.row(LedgerEntry { owned: owned.clone(), intent: None }));
        let outcome = work.outcome(result, None);
        let written = owned.map(|owned| Written { key: work.key, absolute: work.absolute, owned });
        self.finished.push(Finished::Over(outcome, written));
    }

    fn failed(&mut self, work: Work, reported: &Reported) {
        let failure = classify::reported(reported, About::Item);
        if matches!(failure.class, FailureClass::Authentication | FailureClass::Configuration) {
            self.stop.get_or_insert(failure.clone());
        }
        self.rows.push(work.undone());
        if reported.kind == ReportedKind::Conflict {
            // The world moved: only another look tells what to do.
            self.finished.push(Finished::Over(work.outcome(ItemResult::Failed, Some(failure)), None));
        } else {
            self.again_or_over(work, failure);
        }
    }

    /// The intent stays in the ledger until a look settles it.
    fn unknown(&mut self, work: &Work, failure: RunFailure) {
        self.finished.push(Finished::Over(work.outcome(ItemResult::Unknown, Some(failure)), None));
    }

    fn untried(&mut self, work: Work, broke_off: Option<RunFailure>) {
        self.rows.push(work.undone());
        match broke_off {
            Some(failure) if failure.class == FailureClass::Retry => self.finished.push(Finished::Again(work, failure)),
            _ => self.finished.push(Finished::Over(work.outcome(ItemResult::NotAttempted, None), None)),
        }
    }

    fn again_or_over(&mut self, work: Work, failure: RunFailure) {
        self.finished.push(match failure.class {
            FailureClass::Retry => Finished::Again(work, failure),
            _ => Finished::Over(work.outcome(ItemResult::Failed, Some(failure)), None),
        });
    }
}

/// What became of a whole plan.
#[derive(Default)]
pub(in crate::sync) struct Tally {
    /// Items that were carried out.
    pub(in crate::sync) done: u64,
    /// Keys that the destination holds another value of, or no more.
    pub(in crate::sync) changed: Vec<String>,
    pub(in crate::sync) written: Vec<Written>,
    failed: u64,
    untried: u64,
    worst: Option<RunFailure>,
    /// Why no further batch was sent.
    pub(in crate::sync) halt: Option<RunFailure>,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: ItemOutcome, written: Option<Written>) {
        match outcome.result {
            ItemResult::Ok | ItemResult::Unchanged => {
                self.done += 1;
                if outcome.result == ItemResult::Ok {
                    self.changed.push(outcome.key);
                }
            }
            ItemResult::Failed | ItemResult::Unknown => self.failed += 1,
            ItemResult::NotAttempted => self.untried += 1,
            ItemResult::Left => {}
        }
        self.written.extend(written);
        if let Some(failure) = outcome.failure {
            self.fail(failure);
        }
    }

    /// Keeps the failure that calls for the most.
    pub(in crate::sync) fn fail(&mut self, failure: RunFailure) {
        if self.worst.as_ref().is_none_or(|worst| worst.class < failure.class) {
            self.worst = Some(failure);
        }
    }

    /// Whether every item was carried out.
    pub(super) const fn is_clean(&self) -> bool {
        self.failed == 0 && self.untried == 0 && self.worst.is_none() && self.halt.is_none()
    }

    /// The failure that decides how the run ends; untried items are never the first cause.
    pub(in crate::sync) fn worst(&self) -> Option<&RunFailure> {
        self.worst.iter().chain(&self.halt).max_by_key(|failure| failure.class)
    }
}
