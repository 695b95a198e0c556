//! CUSTOM integrations, by uid and by slug.

use keyferry_contract::ConfigMetadata;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::transaction::{Transaction, View};
use super::{Key, Kind};
use crate::domain::id::{ConnectionUid, IntegrationUid, TenantUid};
use crate::domain::name::{Slug, Tag};
use crate::domain::{Result, Timestamp, Versioned};

/// An integration that a tenant made. Its metadata can hold secrets (defaults, auth settings): it is never shown as it is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationRecord {
    pub uid: IntegrationUid,
    pub slug: Slug,
    pub display_name: String,
    pub description: Option<String>,
    pub config_metadata: ConfigMetadata,
    /// The plugin that executes it.
    pub plugin: Slug,
    pub plugin_settings: Option<Map<String, Value>>,
    pub tags: Vec<Tag>,
    /// The connection of its own `parameters` and `auth`.
    pub default_connection: Option<ConnectionUid>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(IntegrationRecord, Integration);

/// The key of an integration.
#[must_use]
pub fn key(tenant: TenantUid, uid: IntegrationUid) -> Key {
    Key::new(tenant, Kind::Integration).uid(uid.as_bytes())
}

fn by_slug(tenant: TenantUid, slug: &Slug) -> Key {
    Key::new(tenant, Kind::IntegrationBySlug).text(slug.as_str())
}

/// The key that changes whenever a connection is made for the integration; deleting the integration requires its revision.
#[must_use]
pub fn members_key(tenant: TenantUid, uid: IntegrationUid) -> Key {
    Key::new(tenant, Kind::Members).uid(uid.as_bytes())
}

/// The integration behind a slug, held to the record's own slug, since the index stands in clear.
///
/// # Errors
/// As [`View::get`].
pub async fn find(view: &View, tenant: TenantUid, slug: &Slug) -> Result<Option<Versioned<IntegrationRecord>>> {
    let Some(uid) = uid_in(view.get_clear(&by_slug(tenant, slug)).await?) else { return Ok(None) };
    let found = view.get_with_version::<IntegrationRecord>(&key(tenant, uid)).await?;
    Ok(found.filter(|found| found.value.slug == *slug))
}

/// As [`find`], held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn find_for_update(
    tx: &mut Transaction,
    tenant: TenantUid,
    slug: &Slug,
) -> Result<Option<Versioned<IntegrationRecord>>> {
    let Some(uid) = uid_in(tx.get_clear(&by_slug(tenant, slug)).await?) else { return Ok(None) };
    let found = tx.get_with_version::<IntegrationRecord>(&key(tenant, uid)).await?;
    Ok(found.filter(|found| found.value.slug == *slug))
}

fn uid_in(bytes: Option<Vec<u8>>) -> Option<IntegrationUid> {
    bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(IntegrationUid::from_bytes)
}

/// At most `limit` integrations in the order of their slugs, after the slug `after` where given.
///
/// # Errors
/// As [`View::get`].
pub async fn list(
    view: &View,
    tenant: TenantUid,
    after: Option<&Slug>,
    limit: usize,
) -> Result<Vec<IntegrationRecord>> {
    let after = after.map(|slug| by_slug(tenant, slug));
    let index = Key::new(tenant, Kind::IntegrationBySlug);
    let mut found = Vec::new();
    for (_, uid) in view.scan_clear(&index, after.as_ref().map(Key::as_bytes), limit).await? {
        if let Some(uid) = uid_in(Some(uid)) {
            found.extend(view.get::<IntegrationRecord>(&key(tenant, uid)).await?);
        }
    }
    Ok(found)
}

/// How many integrations there are, counted to `max`.
///
/// # Errors
/// As [`View::get`].
pub async fn count(view: &View, tenant: TenantUid, max: usize) -> Result<usize> {
    Ok(view.scan_clear(&Key::new(tenant, Kind::IntegrationBySlug), None, max).await?.len())
}

/// Whether a slug is taken; held until commit.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn is_taken(tx: &mut Transaction, tenant: TenantUid, slug: &Slug) -> Result<bool> {
    Ok(tx.get_clear(&by_slug(tenant, slug)).await?.is_some())
}

/// Puts the slug of a new integration into the index.
pub fn index(tx: &mut Transaction, tenant: TenantUid, record: &IntegrationRecord) {
    tx.put_clear(&by_slug(tenant, &record.slug), record.uid.as_bytes());
}

/// Removes an integration that no connection is made for; fails to commit when one is made meanwhile.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn remove(tx: &mut Transaction, tenant: TenantUid, record: &IntegrationRecord) -> Result<()> {
    let members = members_key(tenant, record.uid);
    tx.get_clear(&members).await?;
    tx.delete(&members);
    tx.delete(&by_slug(tenant, &record.slug));
    tx.delete(&key(tenant, record.uid));
    Ok(())
}
