//! The ledger: what a sync wrote, key by key.

use std::collections::BTreeMap;

use super::transaction::{Transaction, View};
use super::{Key, Kind};
use crate::domain::Result;
use crate::domain::id::{SyncUid, TenantUid};
use crate::domain::sync::LedgerEntry;

crate::json_record!(LedgerEntry, Ledger);

const PAGE: usize = 1_000;

fn prefix(tenant: TenantUid, sync: SyncUid) -> Key {
    Key::new(tenant, Kind::Ledger).uid(sync.as_bytes())
}

fn key(tenant: TenantUid, sync: SyncUid, absolute: &str) -> Key {
    prefix(tenant, sync).text(absolute)
}

/// All rows of a sync, by absolute name.
///
/// # Errors
/// As [`View::get`].
pub async fn read_all(view: &View, tenant: TenantUid, sync: SyncUid) -> Result<BTreeMap<String, LedgerEntry>> {
    let prefix = prefix(tenant, sync);
    let mut rows = BTreeMap::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = view.scan::<LedgerEntry>(&prefix, after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(rows) };
        after = Some(last.as_bytes().to_vec());
        rows.extend(page.into_iter().filter_map(|(key, entry)| Some((absolute_in(&key)?, entry))));
    }
}

/// At most `limit` absolute names of a sync.
///
/// # Errors
/// As [`View::get`].
pub async fn names(view: &View, tenant: TenantUid, sync: SyncUid, limit: usize) -> Result<Vec<String>> {
    let page = view.scan::<LedgerEntry>(&prefix(tenant, sync), None, limit).await?;
    Ok(page.into_iter().filter_map(|(key, _)| absolute_in(&key)).collect())
}

/// Writes a row; an empty one is removed.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn write(
    tx: &mut Transaction,
    tenant: TenantUid,
    sync: SyncUid,
    absolute: &str,
    entry: &LedgerEntry,
) -> Result<()> {
    let key = key(tenant, sync, absolute);
    if entry.is_empty() {
        tx.delete(&key);
        return Ok(());
    }
    tx.put(&key, entry).await
}

/// The name after the sync's uid, without the zero byte that ends it.
fn absolute_in(key: &Key) -> Option<String> {
    let name = key.components().get(16..)?.strip_suffix(&[0])?;
    String::from_utf8(name.to_vec()).ok()
}
