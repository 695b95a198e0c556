//! Environments of a tenant, by uid and by slug.

use serde::{Deserialize, Serialize};

use super::transaction::{Transaction, View};
use super::{Key, Kind, located};
use crate::domain::id::{EnvironmentUid, FolderUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::{Result, Timestamp};

/// An environment: a tree of folders under one root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    pub uid: EnvironmentUid,
    pub slug: Slug,
    pub display_name: String,
    pub root: FolderUid,
    /// Its place among the others where people look at them, from 1; 0 where none was ever given.
    #[serde(default)]
    pub position: u32,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(Environment, Environment);

/// The key of an environment.
#[must_use]
pub fn key(tenant: TenantUid, uid: EnvironmentUid) -> Key {
    Key::new(tenant, Kind::Environment).uid(uid.as_bytes())
}

fn by_slug(tenant: TenantUid, slug: &Slug) -> Key {
    Key::new(tenant, Kind::EnvironmentBySlug).text(slug.as_str())
}

/// The uid behind a slug, held to the record's own slug, since the index stands in clear.
///
/// # Errors
/// As [`View::get`].
pub async fn find(view: &View, tenant: TenantUid, slug: &Slug) -> Result<Option<Environment>> {
    let Some(uid) = uid_at(view, &by_slug(tenant, slug)).await? else { return Ok(None) };
    let found = view.get::<Environment>(&key(tenant, uid)).await?;
    Ok(found.filter(|environment| environment.slug == *slug))
}

/// As [`find`], held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn find_for_update(tx: &mut Transaction, tenant: TenantUid, slug: &Slug) -> Result<Option<Environment>> {
    let uid = tx.get_clear(&by_slug(tenant, slug)).await?.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let Some(uid) = uid.map(EnvironmentUid::from_bytes) else { return Ok(None) };
    let found = tx.get::<Environment>(&key(tenant, uid)).await?;
    Ok(found.filter(|environment| environment.slug == *slug))
}

/// As [`find`], by uid.
///
/// # Errors
/// As [`View::get`].
pub async fn read(view: &View, tenant: TenantUid, uid: EnvironmentUid) -> Result<Option<Environment>> {
    view.get(&key(tenant, uid)).await
}

async fn uid_at(view: &View, index: &Key) -> Result<Option<EnvironmentUid>> {
    let bytes = view.get_clear(index).await?;
    Ok(bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(EnvironmentUid::from_bytes))
}

/// All environments, in the order of their slugs.
///
/// # Errors
/// As [`View::get`].
pub async fn list(view: &View, tenant: TenantUid, limit: usize) -> Result<Vec<Environment>> {
    let mut found: Vec<Environment> = view
        .scan(&Key::new(tenant, Kind::Environment), None, limit)
        .await?
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    found.sort_by(|left: &Environment, right| left.slug.cmp(&right.slug));
    Ok(found)
}

/// Writes a new environment; `false` when the slug is taken.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn insert(tx: &mut Transaction, tenant: TenantUid, environment: &Environment) -> Result<bool> {
    let index = by_slug(tenant, &environment.slug);
    if tx.get_clear(&index).await?.is_some() {
        return Ok(false);
    }
    tx.put_clear(&index, environment.uid.as_bytes());
    located::note(tx, tenant, environment.uid.as_bytes());
    tx.put(&key(tenant, environment.uid), environment).await?;
    Ok(true)
}

/// Moves the index entry of an environment to another slug; `false` when it is taken.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn move_index(
    tx: &mut Transaction,
    tenant: TenantUid,
    environment: &Environment,
    slug: &Slug,
) -> Result<bool> {
    let index = by_slug(tenant, slug);
    if tx.get_clear(&index).await?.is_some() {
        return Ok(false);
    }
    tx.delete(&by_slug(tenant, &environment.slug));
    tx.put_clear(&index, environment.uid.as_bytes());
    Ok(true)
}

/// Removes an environment.
pub fn remove(tx: &mut Transaction, tenant: TenantUid, environment: &Environment) {
    tx.delete(&by_slug(tenant, &environment.slug));
    tx.delete(&key(tenant, environment.uid));
    located::forget(tx, environment.uid.as_bytes());
}
