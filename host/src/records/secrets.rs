//! Secrets: an overview row and one row per version's value, so that listing opens no values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::transaction::{Transaction, View};
use super::{Key, Kind, Record, RecordError, folders, located, overrides};
use crate::domain::id::{FolderUid, IdentityUid, SecretUid, TenantUid};
use crate::domain::name::{SecretName, Tag};
use crate::domain::{Result, Secret, Timestamp};

/// The versions of a secret that are kept; older values are deleted with the write that exceeds it.
pub const VERSIONS_KEPT_MAX: usize = 50;

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretOverview {
    pub uid: SecretUid,
    pub folder: FolderUid,
    pub name: SecretName,
    pub comment: String,
    pub tags: Vec<Tag>,
    pub metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    pub hints: SecretHints,
    /// Kept versions, from old to new; never empty.
    pub versions: Vec<SecretVersion>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(SecretOverview, SecretOverview);

/// What people and clients note beside a secret; the host itself acts on the first alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretHints {
    /// Whether a value whose references were followed is given with its line feeds written as `\n`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_multiline_encoding: Option<bool>,
    /// At most 1,024 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder_note: Option<String>,
    /// In days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder_repeat_days: Option<u32>,
}

impl SecretOverview {
    /// The number of the present version; versions count from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.versions.last().map_or(0, |version| version.number)
    }
}

/// One version of a secret's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersion {
    pub number: u64,
    pub created_at: Timestamp,
    pub created_by: IdentityUid,
}

/// The value of one version.
#[derive(Debug)]
pub struct SecretValue(pub Secret<String>);

impl Record for SecretValue {
    const KIND: Kind = Kind::SecretValue;
    const PADDED: bool = true;

    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        Ok(Zeroizing::new(self.0.expose().as_bytes().to_vec()))
    }

    fn decode(version: u8, bytes: &[u8]) -> Result<Self, RecordError> {
        let text = (version == 1).then(|| std::str::from_utf8(bytes).ok()).flatten();
        text.map(|text| Self(Secret::from(text))).ok_or(RecordError::Encoding { kind: Self::KIND })
    }
}

fn overview_key(tenant: TenantUid, uid: SecretUid) -> Key {
    Key::new(tenant, Kind::SecretOverview).uid(uid.as_bytes())
}

fn value_key(tenant: TenantUid, uid: SecretUid, version: u64) -> Key {
    Key::new(tenant, Kind::SecretValue).uid(uid.as_bytes()).number(version)
}

fn by_name(tenant: TenantUid, folder: FolderUid, name: &SecretName) -> Key {
    Key::new(tenant, Kind::SecretByName).uid(folder.as_bytes()).text(name.as_str())
}

/// The secret with this uid.
///
/// # Errors
/// As [`View::get`].
pub async fn read(view: &View, tenant: TenantUid, uid: SecretUid) -> Result<Option<SecretOverview>> {
    view.get(&overview_key(tenant, uid)).await
}

/// As [`read`], held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn read_for_update(
    tx: &mut Transaction,
    tenant: TenantUid,
    uid: SecretUid,
) -> Result<Option<SecretOverview>> {
    tx.get(&overview_key(tenant, uid)).await
}

/// The secret of this name in a folder, held to the record's own place, since the index stands in clear.
///
/// # Errors
/// As [`View::get`].
pub async fn find(
    view: &View,
    tenant: TenantUid,
    folder: FolderUid,
    name: &SecretName,
) -> Result<Option<SecretOverview>> {
    let Some(uid) = uid_in(view.get_clear(&by_name(tenant, folder, name)).await?) else { return Ok(None) };
    let found = view.get::<SecretOverview>(&overview_key(tenant, uid)).await?;
    Ok(found.filter(|overview| overview.folder == folder && overview.name == *name))
}

/// As [`find`], held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn find_for_update(
    tx: &mut Transaction,
    tenant: TenantUid,
    folder: FolderUid,
    name: &SecretName,
) -> Result<Option<SecretOverview>> {
    let Some(uid) = uid_in(tx.get_clear(&by_name(tenant, folder, name)).await?) else { return Ok(None) };
    let found = tx.get::<SecretOverview>(&overview_key(tenant, uid)).await?;
    Ok(found.filter(|overview| overview.folder == folder && overview.name == *name))
}

fn uid_in(bytes: Option<Vec<u8>>) -> Option<SecretUid> {
    bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(SecretUid::from_bytes)
}

/// The value of a version.
///
/// # Errors
/// As [`View::get`].
pub async fn value(view: &View, tenant: TenantUid, uid: SecretUid, version: u64) -> Result<Option<Secret<String>>> {
    Ok(view.get::<SecretValue>(&value_key(tenant, uid, version)).await?.map(|value| value.0))
}

/// As [`value`], of the version that is the present one in this transaction.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn present_value(
    tx: &mut Transaction,
    tenant: TenantUid,
    overview: &SecretOverview,
) -> Result<Option<Secret<String>>> {
    let value = tx.get::<SecretValue>(&value_key(tenant, overview.uid, overview.version())).await?;
    Ok(value.map(|value| value.0))
}

/// At most `limit` secrets of a tenant in the order of their uids, after the uid `after` where given.
///
/// # Errors
/// As [`View::get`].
pub async fn all(
    view: &View,
    tenant: TenantUid,
    after: Option<SecretUid>,
    limit: usize,
) -> Result<Vec<SecretOverview>> {
    let after = after.map(|uid| overview_key(tenant, uid));
    let prefix = Key::new(tenant, Kind::SecretOverview);
    let found = view.scan::<SecretOverview>(&prefix, after.as_ref().map(Key::as_bytes), limit).await?;
    Ok(found.into_iter().map(|(_, overview)| overview).collect())
}

/// At most `limit` secrets of a folder, in the order of their names, after the name `after` where given.
///
/// # Errors
/// As [`View::get`].
pub async fn list(
    view: &View,
    tenant: TenantUid,
    folder: FolderUid,
    after: Option<&SecretName>,
    limit: usize,
) -> Result<Vec<SecretOverview>> {
    let prefix = Key::new(tenant, Kind::SecretByName).uid(folder.as_bytes());
    let after = after.map(|name| by_name(tenant, folder, name));
    let mut found = Vec::new();
    for (_, uid) in view.scan_clear(&prefix, after.as_ref().map(Key::as_bytes), limit).await? {
        let Some(uid) = uid_in(Some(uid)) else { continue };
        if let Some(overview) = view.get::<SecretOverview>(&overview_key(tenant, uid)).await?
            && overview.folder == folder
        {
            found.push(overview);
        }
    }
    Ok(found)
}

/// How many secrets a folder has.
///
/// # Errors
/// `unavailable` when the store fails.
pub async fn count(view: &View, tenant: TenantUid, folder: FolderUid) -> Result<usize> {
    let prefix = Key::new(tenant, Kind::SecretByName).uid(folder.as_bytes());
    Ok(view.keys(&prefix).await?.len())
}

/// Writes a new secret with its first value. The name must have been looked up with [`find_for_update`].
///
/// # Errors
/// As [`Transaction::put`].
pub async fn insert(
    tx: &mut Transaction,
    tenant: TenantUid,
    overview: &SecretOverview,
    value: &Secret<String>,
) -> Result<()> {
    tx.put_clear(&by_name(tenant, overview.folder, &overview.name), overview.uid.as_bytes());
    tx.put_clear(&folders::members_key(tenant, overview.folder), overview.uid.as_bytes());
    located::note(tx, tenant, overview.uid.as_bytes());
    write(tx, tenant, overview, Some(value)).await.map(|_| ())
}

/// Writes an overview and, where given, the value of its newest version; versions beyond the kept ones go. Answers the
/// overview as it is kept.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn write(
    tx: &mut Transaction,
    tenant: TenantUid,
    overview: &SecretOverview,
    value: Option<&Secret<String>>,
) -> Result<SecretOverview> {
    let mut kept = overview.clone();
    let excess = kept.versions.len().saturating_sub(VERSIONS_KEPT_MAX);
    for version in kept.versions.drain(..excess) {
        tx.delete(&value_key(tenant, kept.uid, version.number));
    }
    if let Some(value) = value {
        tx.put(&value_key(tenant, kept.uid, kept.version()), &SecretValue(value.clone())).await?;
    }
    tx.put(&overview_key(tenant, kept.uid), &kept).await?;
    Ok(kept)
}

/// Moves the index entry of a secret to another name, or to another folder; the new place must have been found free with
/// [`find_for_update`].
pub fn move_index(
    tx: &mut Transaction,
    tenant: TenantUid,
    overview: &SecretOverview,
    (folder, name): (FolderUid, &SecretName),
) {
    tx.delete(&by_name(tenant, overview.folder, &overview.name));
    tx.put_clear(&by_name(tenant, folder, name), overview.uid.as_bytes());
    tx.put_clear(&folders::members_key(tenant, folder), overview.uid.as_bytes());
}

/// Removes a secret with all its versions and what identities hold in place of its value.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn remove(tx: &mut Transaction, tenant: TenantUid, overview: &SecretOverview) -> Result<()> {
    overrides::remove_all(tx, tenant, overview.uid).await?;
    tx.delete(&by_name(tenant, overview.folder, &overview.name));
    for version in &overview.versions {
        tx.delete(&value_key(tenant, overview.uid, version.number));
    }
    tx.delete(&overview_key(tenant, overview.uid));
    located::forget(tx, overview.uid.as_bytes());
    Ok(())
}
