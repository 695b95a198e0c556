//! Which tenant holds a record, by the record's uid alone: the routes of the Infisical dialect name no tenant.
//!
//! The entries stand in clear in the system range. What one says is a hint: the caller is authorised for the tenant that it
//! names, and the record is then read in that tenant's own range.

use super::transaction::{Transaction, View};
use super::{Key, Kind};
use crate::domain::Result;
use crate::domain::id::TenantUid;

/// Where the entry of a record stands.
#[must_use]
pub fn key(uid: &[u8; 16]) -> Key {
    Key::system(Kind::Located).uid(uid)
}

/// Notes which tenant a new record belongs to.
pub fn note(tx: &mut Transaction, tenant: TenantUid, uid: &[u8; 16]) {
    tx.put_clear(&key(uid), tenant.as_bytes());
}

/// Forgets a record that is deleted.
pub fn forget(tx: &mut Transaction, uid: &[u8; 16]) {
    tx.delete(&key(uid));
}

/// The key of the entry that belongs to the row at `row`, when rows of its kind have one.
pub(super) fn entry_of(row: &[u8]) -> Option<Vec<u8>> {
    const KINDS: [u8; 4] = [Kind::Folder as u8, Kind::SecretOverview as u8, Kind::Connection as u8, Kind::Sync as u8];
    let (tenant_and_kind, uid) = row.split_at_checked(size_of::<[u8; 17]>())?;
    let is_located = tenant_and_kind.last().is_some_and(|kind| KINDS.contains(kind));
    is_located.then_some(())?;
    Some(key(uid.try_into().ok()?).as_bytes().to_vec())
}

/// The tenant that holds a record.
///
/// # Errors
/// `unavailable` when the store fails.
pub async fn tenant_of(view: &View, uid: &[u8; 16]) -> Result<Option<TenantUid>> {
    let found = view.get_clear(&key(uid)).await?;
    Ok(found.and_then(|bytes| bytes.try_into().ok()).map(TenantUid::from_bytes))
}
