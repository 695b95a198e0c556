//! Syncs: what is carried where, how a plan is written down, what is remembered of each key, and what a run tells.
//!
//! Nothing in here holds a secret value, except [`DesiredItem`] and [`DesiredSecret`], which are never stored.

mod definition;
mod desired;
mod ledger;
pub mod mapping;
mod plan;
mod presentation;
mod run;
mod selection;
mod verification;

pub use definition::{
    Deletion, InitialSync, KeyCase, OnConflict, OnDrift, OnInvalid, OnUnresolvedReference, Priority, Selection,
    SyncOptions, SyncSpec,
};
pub use desired::{DesiredItem, DesiredSecret};
pub use ledger::{Intent, IntentOperation, LedgerEntry, Owned};
pub use plan::{
    Action, Approval, Block, BlockReason, Plan, PlanBasis, PlanCounts, PlanHash, PlanItem, PlannedWrite, Reason,
};
pub use presentation::{Form, Presentation};
pub use run::{
    FailureClass, Imported, ItemOutcome, ItemResult, LeftOut, RemoteCalls, Run, RunEvent, RunFailure, RunKind,
    RunState, RunStep, SyncState, Trigger,
};
pub use selection::Selector;
pub use verification::{Verification, VerificationFailure};

use super::Violation;

/// Everything wrong with a sync that can be told without a store and without its plugin.
#[must_use]
pub fn violations(spec: &SyncSpec) -> Vec<Violation> {
    let mut violations = Selector::new(&spec.source).err().unwrap_or_default();
    violations.extend(mapping::violations(&spec.options));
    violations
}
