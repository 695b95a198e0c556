//! Syncs: what is carried where, how a plan is written down, what is remembered of each key, and what a run tells.
//!
//! Nothing in here holds a secret value, except [`DesiredItem`] and [`DesiredSecret`], which are never stored.

mod definition;
mod desired;
mod ledger;
mod plan;
mod run;

pub use definition::{
    Deletion, InitialSync, KeyCase, OnConflict, OnDrift, OnInvalid, OnUnresolvedReference, Selection, SyncOptions,
    SyncSpec,
};
pub use desired::{DesiredItem, DesiredSecret};
pub use ledger::{Intent, IntentOperation, LedgerEntry, Owned};
pub use plan::{Action, Approval, Block, BlockReason, Plan, PlanCounts, PlanHash, PlanItem, PlannedWrite, Reason};
pub use run::{
    FailureClass, ItemOutcome, ItemResult, RemoteCalls, Run, RunEvent, RunFailure, RunState, RunStep, SyncState,
    Trigger,
};
