//! Tenants: the system range maps slug -> uid -> tenant; everything below a tenant lies in the tenant's own range.

use serde::{Deserialize, Serialize};

use super::key::{Key, Kind};
use crate::domain::Timestamp;
use crate::domain::id::TenantUid;
use crate::domain::name::Slug;

/// A tenant, stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantRecord {
    pub uid: TenantUid,
    pub slug: Slug,
    pub display_name: String,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
    /// Set when deletion has begun: from then on nobody may know of it.
    #[serde(default)]
    pub deleting_since: Option<Timestamp>,
}

crate::json_record!(TenantRecord, Tenant);

/// Where a tenant stands.
#[must_use]
pub fn tenant(uid: TenantUid) -> Key {
    Key::system(Kind::Tenant).uid(uid.as_bytes())
}

/// The index entry of a slug; its payload is the tenant's uid.
#[must_use]
pub fn by_slug(slug: &Slug) -> Key {
    Key::system(Kind::TenantBySlug).text(slug.as_str())
}
