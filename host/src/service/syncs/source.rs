//! Where a sync carries from: the folder is followed through renames, and never taken for another one that has its name.

use crate::domain::error::violation;
use crate::domain::id::TenantUid;
use crate::domain::sync::{Selection, SyncSpec};
use crate::domain::{Error, Result, Violation};
use crate::records::syncs::{self, SyncRecord};
use crate::records::{Transaction, View, environments, folders};

/// Gives the source its present name. Tells whether it is there.
pub(super) async fn follow_source(
    view: &View,
    tenant: TenantUid,
    record: &SyncRecord,
    source: &mut Selection,
) -> Result<bool> {
    let Some(environment) = environments::read(view, tenant, record.environment).await? else { return Ok(false) };
    if folders::read(view, tenant, record.folder).await?.is_none() {
        return Ok(false);
    }
    let (_, path) = folders::path_of(view, tenant, record.folder).await?;
    source.environment = environment.slug;
    source.path = path;
    Ok(true)
}

/// Keeps the present name of the source in the definition, so that its last one is told once it is gone.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn note_name(tx: &mut Transaction, tenant: TenantUid, record: SyncRecord) -> Result<SyncRecord> {
    let mut source = record.spec.source.clone();
    if !follow_source(tx.view(), tenant, &record, &mut source).await? || source == record.spec.source {
        return Ok(record);
    }
    let key = syncs::key(tenant, record.uid);
    let Some(held) = tx.get::<SyncRecord>(&key).await? else { return Ok(record) };
    let named = SyncRecord { spec: SyncSpec { source, ..held.spec }, ..held };
    tx.put(&key, &named).await?;
    Ok(named)
}

/// The refusal of what would let a sync go on whose folder is gone, without saying from where.
pub(super) fn gone() -> Error {
    let detail = "the folder that it carried is gone; name the folder to carry from now on";
    Error::invalid(vec![Violation::new("/source", violation::UNKNOWN_REFERENCE, detail)])
}
