//! Removing a sync with everything that is remembered of it.

use super::halt::{Halt, failure};
use super::lease::Lease;
use crate::domain::Code;
use crate::domain::sync::{FailureClass, RunFailure};
use crate::records::sync_state::{self, Drift, Place};
use crate::records::syncs::SyncRecord;
use crate::records::{claims, ledger, runs, syncs};
use crate::service::context::Core;
use crate::transact;

/// Rows of one transaction.
const ROWS_MAX: usize = 500;

/// Removes ledger, claims, runs and at last the sync itself, each step held to the lease. A crash in the middle leaves a
/// sync that is still on its way out.
pub(super) async fn purge(core: &Core, lease: &Lease, record: &SyncRecord) -> Result<(), Halt> {
    let (tenant, sync) = (lease.tenant, lease.sync);
    loop {
        let left = transact!(core.records, |tx| {
            lease.hold(&mut tx).await?;
            let identity = Place::read(tx.view(), tenant, sync).await?.identity;
            let names = ledger::names(tx.view(), tenant, sync, ROWS_MAX).await?;
            for name in &names {
                ledger::write(&mut tx, tenant, sync, name, &crate::domain::sync::LedgerEntry::default()).await?;
                if let Some(identity) = &identity {
                    claims::release(&mut tx, tenant, sync, (identity, name)).await?;
                }
            }
            names.len() == ROWS_MAX
        });
        if !left {
            break;
        }
    }
    while transact!(core.records, |tx| {
        lease.hold(&mut tx).await?;
        runs::remove_all(&mut tx, tenant, sync).await?
    }) {}
    transact!(core.records, |tx| {
        lease.hold(&mut tx).await?;
        syncs::remove(&mut tx, tenant, record).await?;
        Drift::read_for_update(&mut tx, tenant, sync).await?.look_at(&mut tx, tenant, sync, None);
        sync_state::remove(&mut tx, tenant, sync);
        sync_state::delete_due(&mut tx, tenant, sync);
    });
    Ok(())
}

/// What keeps a sync whose secrets shall go: keys that are still ours.
pub(super) async fn still_ours(core: &Core, lease: &Lease) -> Result<Option<RunFailure>, Halt> {
    let view = core.records.view().await?;
    let names = ledger::names(&view, lease.tenant, lease.sync, 1).await?;
    Ok((!names.is_empty()).then(|| {
        let message = "keys of this sync are still at the destination, and could not be deleted";
        failure(FailureClass::Configuration, Code::InUse, message)
    }))
}
