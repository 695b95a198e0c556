//! Syncs: what a tenant asked for, and the indexes from folders and connections to the syncs that they touch.

use serde::{Deserialize, Serialize};

use super::transaction::{Transaction, View};
use super::{Key, Kind, located};
use crate::domain::id::{ConnectionUid, EnvironmentUid, FolderUid, SyncUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::sync::SyncSpec;
use crate::domain::{Result, Timestamp, Versioned};

/// A sync as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncRecord {
    pub uid: SyncUid,
    pub spec: SyncSpec,
    /// The selected folder: it is followed through renames.
    pub folder: FolderUid,
    pub environment: EnvironmentUid,
    pub connection: ConnectionUid,
    /// Raised with every change of `spec`.
    pub revision: u64,
    pub pause: Option<Pause>,
    pub removal: Option<Removal>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(SyncRecord, Sync);

/// Why a sync does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Pause {
    /// Somebody paused it.
    Owner,
    /// The selected folder or environment is gone.
    SourceMissing,
}

/// How a sync goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Removal {
    /// The destination stays as it is. The id is free again at once.
    KeepSecrets,
    /// First, what is ours at the destination is deleted; only then the id is free.
    RemoveSecrets,
}

impl SyncRecord {
    /// Whether the engine may begin a run.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.pause.is_none() || self.removal.is_some()
    }

    /// Whether its id still leads to it: until its secrets are gone, where they shall go.
    fn is_found_by(&self, slug: &Slug) -> bool {
        self.spec.id == *slug && self.removal != Some(Removal::KeepSecrets)
    }
}

/// The key of a sync.
#[must_use]
pub fn key(tenant: TenantUid, uid: SyncUid) -> Key {
    Key::new(tenant, Kind::Sync).uid(uid.as_bytes())
}

fn by_slug(tenant: TenantUid, slug: &Slug) -> Key {
    Key::new(tenant, Kind::SyncBySlug).text(slug.as_str())
}

fn of_folder(tenant: TenantUid, folder: FolderUid) -> Key {
    Key::new(tenant, Kind::SyncOfFolder).uid(folder.as_bytes())
}

fn of_connection(tenant: TenantUid, connection: ConnectionUid) -> Key {
    Key::new(tenant, Kind::SyncOfConnection).uid(connection.as_bytes())
}

/// The sync with this uid.
///
/// # Errors
/// As [`View::get`].
pub async fn read(view: &View, tenant: TenantUid, uid: SyncUid) -> Result<Option<SyncRecord>> {
    view.get(&key(tenant, uid)).await
}

/// As [`read`], with its version.
///
/// # Errors
/// As [`View::get`].
pub async fn read_with_version(view: &View, tenant: TenantUid, uid: SyncUid) -> Result<Option<Versioned<SyncRecord>>> {
    view.get_with_version(&key(tenant, uid)).await
}

/// The sync behind a slug with its version, held to the record's own slug, since the index stands in clear.
///
/// # Errors
/// As [`View::get`].
pub async fn find(view: &View, tenant: TenantUid, slug: &Slug) -> Result<Option<Versioned<SyncRecord>>> {
    let Some(uid) = uid_in(view.get_clear(&by_slug(tenant, slug)).await?) else { return Ok(None) };
    let found = view.get_with_version::<SyncRecord>(&key(tenant, uid)).await?;
    Ok(found.filter(|found| found.value.is_found_by(slug)))
}

/// As [`find`], held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn find_for_update(
    tx: &mut Transaction,
    tenant: TenantUid,
    slug: &Slug,
) -> Result<Option<Versioned<SyncRecord>>> {
    let Some(uid) = uid_in(tx.get_clear(&by_slug(tenant, slug)).await?) else { return Ok(None) };
    let found = tx.get_with_version::<SyncRecord>(&key(tenant, uid)).await?;
    Ok(found.filter(|found| found.value.is_found_by(slug)))
}

/// At most `limit` syncs in the order of their slugs, after the slug `after` where given.
///
/// # Errors
/// As [`View::get`].
pub async fn list(
    view: &View,
    tenant: TenantUid,
    after: Option<&Slug>,
    limit: usize,
) -> Result<Vec<Versioned<SyncRecord>>> {
    let after = after.map(|slug| by_slug(tenant, slug));
    let index = Key::new(tenant, Kind::SyncBySlug);
    let mut found = Vec::new();
    for (_, uid) in view.scan_clear(&index, after.as_ref().map(Key::as_bytes), limit).await? {
        let Some(uid) = uid_in(Some(uid)) else { continue };
        let record = view.get_with_version::<SyncRecord>(&key(tenant, uid)).await?;
        found.extend(record.filter(|record| record.value.is_found_by(&record.value.spec.id)));
    }
    Ok(found)
}

/// Writes a new sync with its indexes; `false` when the slug is taken.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn insert(tx: &mut Transaction, tenant: TenantUid, record: &SyncRecord) -> Result<bool> {
    let index = by_slug(tenant, &record.spec.id);
    if tx.get_clear(&index).await?.is_some() {
        return Ok(false);
    }
    tx.put_clear(&index, record.uid.as_bytes());
    put_indexes(tx, tenant, record);
    located::note(tx, tenant, record.uid.as_bytes());
    tx.put(&key(tenant, record.uid), record).await?;
    Ok(true)
}

/// Writes a changed sync; its slug does not change.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn update(tx: &mut Transaction, tenant: TenantUid, before: &SyncRecord, after: &SyncRecord) -> Result<()> {
    delete_indexes(tx, tenant, before);
    put_indexes(tx, tenant, after);
    tx.put(&key(tenant, after.uid), after).await
}

/// Frees the slug of a sync that is on its way out, unless another one has it by now.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn free_slug(tx: &mut Transaction, tenant: TenantUid, record: &SyncRecord) -> Result<()> {
    let index = by_slug(tenant, &record.spec.id);
    if uid_in(tx.get_clear(&index).await?) == Some(record.uid) {
        tx.delete(&index);
    }
    Ok(())
}

/// Removes a sync with its indexes.
///
/// # Errors
/// As [`free_slug`].
pub async fn remove(tx: &mut Transaction, tenant: TenantUid, record: &SyncRecord) -> Result<()> {
    free_slug(tx, tenant, record).await?;
    delete_indexes(tx, tenant, record);
    tx.delete(&key(tenant, record.uid));
    located::forget(tx, record.uid.as_bytes());
    Ok(())
}

fn put_indexes(tx: &mut Transaction, tenant: TenantUid, record: &SyncRecord) {
    tx.put_clear(&of_folder(tenant, record.folder).uid(record.uid.as_bytes()), &[]);
    tx.put_clear(&of_connection(tenant, record.connection).uid(record.uid.as_bytes()), &[]);
}

fn delete_indexes(tx: &mut Transaction, tenant: TenantUid, record: &SyncRecord) {
    tx.delete(&of_folder(tenant, record.folder).uid(record.uid.as_bytes()));
    tx.delete(&of_connection(tenant, record.connection).uid(record.uid.as_bytes()));
}

/// The syncs whose selection begins at a folder.
///
/// # Errors
/// As [`View::get`].
pub async fn selecting(view: &View, tenant: TenantUid, folder: FolderUid, limit: usize) -> Result<Vec<SyncUid>> {
    trailing_uids(view, &of_folder(tenant, folder), limit).await
}

/// The syncs that use a connection, those on their way out included.
///
/// # Errors
/// As [`View::get`].
pub async fn using(view: &View, tenant: TenantUid, connection: ConnectionUid, limit: usize) -> Result<Vec<SyncUid>> {
    trailing_uids(view, &of_connection(tenant, connection), limit).await
}

/// At most `limit` syncs of a tenant in the order of their connections, after an entry where given; none of them is opened.
///
/// # Errors
/// As [`View::get_clear`].
pub async fn entries(view: &View, tenant: TenantUid, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, SyncUid)>> {
    let index = Key::new(tenant, Kind::SyncOfConnection);
    let found = view.scan_clear(&index, after.map(Key::as_bytes), limit).await?;
    let uid = |key: &Key| key.components().last_chunk::<16>().copied().map(SyncUid::from_bytes);
    Ok(found.into_iter().filter_map(|(key, _)| uid(&key).map(|uid| (key, uid))).collect())
}

async fn trailing_uids(view: &View, prefix: &Key, limit: usize) -> Result<Vec<SyncUid>> {
    let found = view.scan_clear(prefix, None, limit).await?;
    let uids = found.into_iter().filter_map(|(key, _)| key.components().last_chunk::<16>().copied());
    Ok(uids.map(SyncUid::from_bytes).collect())
}

fn uid_in(bytes: Option<Vec<u8>>) -> Option<SyncUid> {
    bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(SyncUid::from_bytes)
}
