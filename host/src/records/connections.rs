//! Connections: a draft, its immutable published revisions, and its last verification. Credentials are records of their own.

use std::collections::BTreeSet;

use keyferry_contract::AuthLevel;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::syncs::{self, Removal};
use super::transaction::{Transaction, View};
use super::{Key, Kind, located};
use crate::domain::destination::Account;
use crate::domain::id::{ConnectionUid, CredentialUid, Digest, IdentityUid, RevisionUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::{Result, Timestamp, Versioned};

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionRecord {
    pub uid: ConnectionUid,
    /// The integration's slug: SYSTEM integrations have nothing else.
    pub integration: Slug,
    /// Whether it is the integration's own: not listed, never published, used as it stands.
    pub is_default: bool,
    pub display_name: Option<String>,
    /// For people, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Members that a dialect sent and no setting holds as they were sent, kept to be shown so.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub presentation: Map<String, Value>,
    /// Who entered the credential without saying where it leads, as long as no sync was made with it: until then, they may
    /// still say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettled_by: Option<IdentityUid>,
    pub draft: ConnectionState,
    /// The revision that syncs use.
    pub published: Option<PublishedRevision>,
    /// The number of the latest revision, whether published now or not.
    pub latest_revision: u64,
    /// Credentials that a revision holds, and that therefore outlive their draft.
    pub held_credentials: BTreeSet<CredentialUid>,
    pub created_by: IdentityUid,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(ConnectionRecord, Connection);

impl ConnectionRecord {
    /// The name for people; a connection without one has its uid.
    #[must_use]
    pub fn name(&self) -> String {
        self.display_name.clone().unwrap_or_else(|| self.uid.to_string())
    }
}

/// A revision and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedRevision {
    pub uid: RevisionUid,
    pub number: u64,
}

/// What a connection says, secrets left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionState {
    /// `None`: none were entered yet.
    pub parameters: Option<Map<String, Value>>,
    /// Names of parameters that each sync chooses for itself; what stands in `parameters` holds where it does not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub open_parameters: BTreeSet<String>,
    /// Names of secret parameters that the credential holds.
    pub secret_parameters: BTreeSet<String>,
    pub auth: Option<AuthState>,
    /// The keys of the auth map's entries.
    pub auth_map: Option<Vec<Map<String, Value>>>,
    pub ca_bundle: Option<String>,
    pub sandbox_mode: Option<String>,
    /// With every secret left out.
    pub sandbox_variant: Option<Value>,
    pub credential: Option<CredentialUid>,
}

/// How a connection authenticates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthState {
    pub method: String,
    pub level: AuthLevel,
    pub granted_scopes: Vec<String>,
}

/// A published revision: what a connection said at some moment. Never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRecord {
    pub uid: RevisionUid,
    pub connection: ConnectionUid,
    pub number: u64,
    pub state: ConnectionState,
    pub note: Option<String>,
    pub created_by: IdentityUid,
    pub created_at: Timestamp,
}

crate::json_record!(RevisionRecord, ConnectionRevision);

/// How the last verification of a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationRecord {
    pub succeeded: bool,
    pub account: Option<Account>,
    /// In the plugin's words: capped, and scrubbed of secrets.
    pub error: Option<String>,
    pub digest: Digest,
    pub at: Timestamp,
}

crate::json_record!(VerificationRecord, Verification);

/// The key of a connection.
#[must_use]
pub fn key(tenant: TenantUid, uid: ConnectionUid) -> Key {
    Key::new(tenant, Kind::Connection).uid(uid.as_bytes())
}

fn of_integration(tenant: TenantUid, integration: &Slug) -> Key {
    Key::new(tenant, Kind::ConnectionOfIntegration).text(integration.as_str())
}

fn revision_key(tenant: TenantUid, uid: ConnectionUid, number: u64) -> Key {
    Key::new(tenant, Kind::ConnectionRevision).uid(uid.as_bytes()).number(number)
}

fn verification_key(tenant: TenantUid, uid: ConnectionUid) -> Key {
    Key::new(tenant, Kind::Verification).uid(uid.as_bytes())
}

/// The key that a sync puts when it begins to use the connection; deleting the connection requires its revision.
#[must_use]
pub fn members_key(tenant: TenantUid, uid: ConnectionUid) -> Key {
    Key::new(tenant, Kind::Members).uid(uid.as_bytes())
}

/// The connection with this uid and its version.
///
/// # Errors
/// As [`View::get`].
pub async fn read(view: &View, tenant: TenantUid, uid: ConnectionUid) -> Result<Option<Versioned<ConnectionRecord>>> {
    view.get_with_version(&key(tenant, uid)).await
}

/// As [`read`], held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn read_for_update(
    tx: &mut Transaction,
    tenant: TenantUid,
    uid: ConnectionUid,
) -> Result<Option<Versioned<ConnectionRecord>>> {
    tx.get_with_version(&key(tenant, uid)).await
}

/// Ties a sync to a connection in one transaction: the connection must still be there at commit, and cannot be deleted by
/// whoever did not see the sync. `None` when there is no such connection.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn claim(tx: &mut Transaction, tenant: TenantUid, uid: ConnectionUid) -> Result<Option<ConnectionRecord>> {
    let found = tx.get::<ConnectionRecord>(&key(tenant, uid)).await?;
    if found.is_some() {
        tx.put_clear(&members_key(tenant, uid), uid.as_bytes());
    }
    Ok(found)
}

/// At most `limit` connections of an integration in the order of their making, after the connection `after` where given;
/// its default one is not among them.
///
/// # Errors
/// As [`View::get`].
pub async fn list(
    view: &View,
    tenant: TenantUid,
    integration: &Slug,
    after: Option<ConnectionUid>,
    limit: usize,
) -> Result<Vec<Versioned<ConnectionRecord>>> {
    let index = of_integration(tenant, integration);
    let after = after.map(|uid| index.clone().uid(uid.as_bytes()));
    let mut found = Vec::new();
    for (entry, _) in view.scan_clear(&index, after.as_ref().map(Key::as_bytes), limit).await? {
        let Some(uid) = entry.as_bytes().last_chunk::<16>() else { continue };
        let connection = read(view, tenant, ConnectionUid::from_bytes(*uid)).await?;
        found.extend(connection.filter(|connection| connection.value.integration == *integration));
    }
    Ok(found)
}

/// All connections of a tenant, in the order of their making.
///
/// # Errors
/// As [`View::get`].
pub async fn all(view: &View, tenant: TenantUid) -> Result<Vec<ConnectionRecord>> {
    const PAGE: usize = 1_000;
    let prefix = Key::new(tenant, Kind::Connection);
    let mut found = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = view.scan::<ConnectionRecord>(&prefix, after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = Some(last.as_bytes().to_vec());
        found.extend(page.into_iter().map(|(_, record)| record));
    }
}

/// Whether an integration has a connection beside its default one.
///
/// # Errors
/// As [`View::get`].
pub async fn has_any(view: &View, tenant: TenantUid, integration: &Slug) -> Result<bool> {
    Ok(!view.scan_clear(&of_integration(tenant, integration), None, 1).await?.is_empty())
}

/// Puts a new connection into the list of its integration; a default one is in none.
pub fn index(tx: &mut Transaction, tenant: TenantUid, record: &ConnectionRecord) {
    located::note(tx, tenant, record.uid.as_bytes());
    if !record.is_default {
        tx.put_clear(&of_integration(tenant, &record.integration).uid(record.uid.as_bytes()), &[]);
    }
}

/// Whether a sync uses the connection. One that is on its way out and leaves its destination alone needs it no more.
///
/// # Errors
/// As [`View::get`].
pub async fn is_used(view: &View, tenant: TenantUid, uid: ConnectionUid) -> Result<bool> {
    for sync in syncs::using(view, tenant, uid, usize::MAX).await? {
        let record = syncs::read(view, tenant, sync).await?;
        if record.is_some_and(|record| record.removal != Some(Removal::KeepSecrets)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes a connection that no sync uses with its revisions, verification and credentials; fails to commit when a sync
/// begins to use it meanwhile.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn remove(tx: &mut Transaction, tenant: TenantUid, record: &ConnectionRecord) -> Result<()> {
    let members = members_key(tenant, record.uid);
    tx.get_clear(&members).await?;
    tx.delete(&members);
    for number in 1..=record.latest_revision {
        tx.delete(&revision_key(tenant, record.uid, number));
    }
    for credential in record.held_credentials.iter().chain(&record.draft.credential) {
        super::credentials::remove(tx, tenant, *credential);
    }
    tx.delete(&verification_key(tenant, record.uid));
    tx.delete(&of_integration(tenant, &record.integration).uid(record.uid.as_bytes()));
    tx.delete(&key(tenant, record.uid));
    located::forget(tx, record.uid.as_bytes());
    Ok(())
}

/// A revision.
///
/// # Errors
/// As [`View::get`].
pub async fn revision(
    view: &View,
    tenant: TenantUid,
    connection: ConnectionUid,
    number: u64,
) -> Result<Option<RevisionRecord>> {
    view.get(&revision_key(tenant, connection, number)).await
}

/// The revision of a connection with this uid; the newest are looked at first.
///
/// # Errors
/// As [`View::get`].
pub async fn find_revision(
    view: &View,
    tenant: TenantUid,
    connection: &ConnectionRecord,
    uid: RevisionUid,
) -> Result<Option<RevisionRecord>> {
    for number in (1..=connection.latest_revision).rev() {
        let found = revision(view, tenant, connection.uid, number).await?;
        if let Some(found) = found.filter(|found| found.uid == uid) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Writes a new revision.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn insert_revision(tx: &mut Transaction, tenant: TenantUid, record: &RevisionRecord) -> Result<()> {
    tx.put(&revision_key(tenant, record.connection, record.number), record).await
}

/// How the last verification ended.
///
/// # Errors
/// As [`View::get`].
pub async fn verification(view: &View, tenant: TenantUid, uid: ConnectionUid) -> Result<Option<VerificationRecord>> {
    view.get(&verification_key(tenant, uid)).await
}

/// Writes how a verification ended.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn write_verification(
    tx: &mut Transaction,
    tenant: TenantUid,
    uid: ConnectionUid,
    record: &VerificationRecord,
) -> Result<()> {
    tx.put(&verification_key(tenant, uid), record).await
}

/// Forgets the last verification: what it told of is no longer so.
pub fn forget_verification(tx: &mut Transaction, tenant: TenantUid, uid: ConnectionUid) {
    tx.delete(&verification_key(tenant, uid));
}
