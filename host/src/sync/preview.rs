//! A plan without a run: the same preparation, without a lease, and nothing is written.

use std::sync::atomic::AtomicU64;

use super::caller::Caller;
use super::engine::Inner;
use super::halt::Halt;
use super::import::{ImportPlan, Importing, Wish, initial};
use super::interrupt::Interrupt;
use super::prepare::{Imports, Preparation, Steps};
use crate::domain::id::{SyncUid, TenantUid};
use crate::domain::sync::{RunEvent, RunFailure};
use crate::domain::{Code, Error, Result};
use crate::records::View;
use crate::records::sync_state::Wanted;
use crate::records::syncs::{self, SyncRecord};
use crate::service::destinations::Target;
use crate::service::syncs::Preview;

/// Nobody follows a preview.
struct Unfollowed;

impl Steps for Unfollowed {
    fn step(&self, _event: RunEvent) {}
}

/// What a run would do now.
pub(super) async fn preview(inner: &Inner, tenant: TenantUid, sync: SyncUid) -> Result<Preview> {
    let view = inner.core.records.view().await?;
    let record = syncs::read(&view, tenant, sync).await?.ok_or_else(|| Error::not_found("sync"))?;
    let generation = Wanted::read(&view, tenant, sync).await?.generation;
    let open = inner.destinations.open(tenant, Target::of(&record.spec)).await?;
    let caller = Caller {
        core: &inner.core,
        rates: &inner.rates,
        meter: &*inner.meter,
        tenant,
        open: &open,
        lease: None,
        interrupt: &Interrupt::default(),
        reads: AtomicU64::new(0),
        writes: AtomicU64::new(0),
    };
    planned(tenant, &record, generation, &view, &caller).await.map_err(refused)
}

async fn planned(
    tenant: TenantUid,
    record: &SyncRecord,
    generation: u64,
    view: &View,
    caller: &Caller<'_>,
) -> std::result::Result<Preview, Halt> {
    let import = foreseen(tenant, record, view, caller).await?;
    let foreseen = import.as_ref().map(|import| import.desired(record)).unwrap_or_default();
    let imports = Imports { foreseen, ..Imports::default() };
    let removes = record.removal.is_some();
    let preparation = Preparation { tenant, record, generation, view, caller, steps: &Unfollowed, imports, removes };
    let mut prepared = preparation.run().await?;
    if let Some(import) = import {
        import.show_in(&mut prepared.plan);
    }
    Ok(Preview { plan: prepared.plan, blocked: prepared.block })
}

/// What the first run would import before it plans.
async fn foreseen(
    tenant: TenantUid,
    record: &SyncRecord,
    view: &View,
    caller: &Caller<'_>,
) -> std::result::Result<Option<ImportPlan>, Halt> {
    let Some(prioritize) = initial(view, tenant, record).await? else { return Ok(None) };
    let importing = Importing { tenant, record, caller, wish: Wish { prioritize, only: None } };
    let seen = importing.look(view).await?;
    importing.plan(view, &seen).await.map(Some)
}

fn refused(halt: Halt) -> Error {
    match halt {
        Halt::Failed(failure) => told(&failure),
        Halt::SourceMissing => Error::new(Code::WrongState, "the selected folder or environment is gone"),
        Halt::Blocked(_) | Halt::Cancelled | Halt::Stopping | Halt::LeaseLost => {
            Error::new(Code::Unavailable, "the plan could not be made now")
        }
    }
}

/// A failure of a run as the error of a request.
fn told(failure: &RunFailure) -> Error {
    let code = Code::ALL.iter().copied().find(|code| code.text() == failure.code).unwrap_or(Code::Internal);
    let error = Error::new(code, failure.message.clone());
    match failure.retry_after_ms {
        Some(ms) => error.with_retry_after(std::time::Duration::from_millis(ms)),
        None => error,
    }
}
