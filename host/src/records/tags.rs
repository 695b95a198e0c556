//! Tags of a tenant. A secret carries the slugs alone; what else is known of a tag stands here, once for both dialects.

use serde::{Deserialize, Serialize};

use super::transaction::{Transaction, View};
use super::{Key, Kind};
use crate::domain::id::{IdentityUid, TagUid, TenantUid};
use crate::domain::name::Tag;
use crate::domain::{Result, Timestamp};

/// A tag as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagRecord {
    pub uid: TagUid,
    pub slug: Tag,
    /// For people.
    pub name: String,
    /// Such as `#ff0000`; empty where none was ever given.
    pub color: String,
    pub created_by: IdentityUid,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(TagRecord, Tag);

impl TagRecord {
    /// A new tag, named as its slug.
    #[must_use]
    pub fn new(slug: Tag, created_by: IdentityUid, now: Timestamp) -> Self {
        let name = slug.to_string();
        let color = String::new();
        Self { uid: TagUid::generate(), slug, name, color, created_by, created_at: now, modified_at: now }
    }
}

/// The key of a tag.
#[must_use]
pub fn key(tenant: TenantUid, uid: TagUid) -> Key {
    Key::new(tenant, Kind::Tag).uid(uid.as_bytes())
}

fn by_slug(tenant: TenantUid, slug: &Tag) -> Key {
    Key::new(tenant, Kind::TagBySlug).text(slug.as_str())
}

/// The key that changes whenever a secret is given a tag; renaming and deleting the tag require its revision.
#[must_use]
pub fn members_key(tenant: TenantUid, uid: TagUid) -> Key {
    Key::new(tenant, Kind::Members).uid(uid.as_bytes())
}

fn uid_in(bytes: Option<Vec<u8>>) -> Option<TagUid> {
    bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(TagUid::from_bytes)
}

/// The tag with this slug, held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn find_for_update(tx: &mut Transaction, tenant: TenantUid, slug: &Tag) -> Result<Option<TagRecord>> {
    let Some(uid) = uid_in(tx.get_clear(&by_slug(tenant, slug)).await?) else { return Ok(None) };
    let found = tx.get::<TagRecord>(&key(tenant, uid)).await?;
    Ok(found.filter(|tag| tag.slug == *slug))
}

/// At most `limit` tags of a tenant, in the order of their slugs.
///
/// # Errors
/// As [`View::get`].
pub async fn list(view: &View, tenant: TenantUid, limit: usize) -> Result<Vec<TagRecord>> {
    let found = view.scan::<TagRecord>(&Key::new(tenant, Kind::Tag), None, limit).await?;
    let mut tags: Vec<TagRecord> = found.into_iter().map(|(_, tag)| tag).collect();
    tags.sort_by(|one, other| one.slug.cmp(&other.slug));
    Ok(tags)
}

/// How many tags a tenant has; none of them is opened.
///
/// # Errors
/// As [`View::keys`].
pub async fn count(view: &View, tenant: TenantUid) -> Result<usize> {
    Ok(view.keys(&Key::new(tenant, Kind::Tag)).await?.len())
}

/// Writes a new tag; its slug must have been found free with [`find_for_update`].
///
/// # Errors
/// As [`Transaction::put`].
pub async fn insert(tx: &mut Transaction, tenant: TenantUid, tag: &TagRecord) -> Result<()> {
    tx.put_clear(&by_slug(tenant, &tag.slug), tag.uid.as_bytes());
    tx.put(&key(tenant, tag.uid), tag).await
}

/// Notes that a secret is given this tag.
pub fn note_member(tx: &mut Transaction, tenant: TenantUid, tag: &TagRecord, secret: &[u8; 16]) {
    tx.put_clear(&members_key(tenant, tag.uid), secret);
}

/// Removes a tag, or its former self before it is written under another slug.
pub fn remove(tx: &mut Transaction, tenant: TenantUid, tag: &TagRecord) {
    tx.delete(&by_slug(tenant, &tag.slug));
    tx.delete(&key(tenant, tag.uid));
}
