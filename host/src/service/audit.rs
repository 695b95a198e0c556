//! Audit events: who did what to which resource. They ride the transaction of the change they tell of.

use serde::{Deserialize, Serialize};

use super::context::TenantCtx;
use crate::domain::access::PrincipalSource;
use crate::domain::id::{IdentityUid, TenantUid};
use crate::domain::{Result, Timestamp};
use crate::records::{Key, Kind, Transaction};

/// One event. Every field is of a closed type or a name; a secret cannot be put into one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    pub at: Timestamp,
    pub actor: IdentityUid,
    pub actor_name: String,
    pub source: PrincipalSource,
    /// Resource and verb: `secrets.update`, `syncs.approve`.
    pub action: String,
    /// The resource's uid or path; never a value.
    pub resource: String,
    pub request_id: String,
}

crate::json_record!(AuditEvent, Audit);

/// The log of one tenant; with [`TenantUid::SYSTEM`] that of the host.
#[must_use]
pub fn log(tenant: TenantUid) -> Key {
    Key::new(tenant, Kind::Audit)
}

/// Records that `ctx`'s principal did `action` to `resource`, in the transaction of the change.
///
/// # Errors
/// As [`Transaction::append`].
pub async fn record(
    tx: &mut Transaction,
    ctx: &TenantCtx,
    at: Timestamp,
    action: &'static str,
    resource: impl Into<String>,
) -> Result<()> {
    let event = AuditEvent {
        at,
        actor: ctx.principal().identity,
        actor_name: ctx.principal().name.clone(),
        source: ctx.principal().source,
        action: action.to_owned(),
        resource: resource.into(),
        request_id: ctx.request_id().to_owned(),
    };
    tx.append(&log(ctx.tenant()), &event).await
}
