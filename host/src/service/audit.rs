//! Audit events: who did what to which resource. They ride the transaction of the change they tell of.

use serde::{Deserialize, Serialize};

use super::context::{Core, HostCtx, TenantCtx};
use crate::domain::access::{Author, Principal, PrincipalSource, Scope};
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

/// Reads the log of a tenant.
#[derive(Clone)]
pub struct AuditLog {
    core: Core,
}

/// One page of events, oldest first.
#[derive(Debug)]
pub struct AuditPage {
    /// Each with its number in the log.
    pub items: Vec<(u64, AuditEvent)>,
    /// After which number the next page begins; none at the end.
    pub next: Option<u64>,
}

impl AuditLog {
    pub(in crate::service) const fn new(core: Core) -> Self {
        Self { core }
    }

    /// At most `limit` events that follow the number `after`.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn list(&self, ctx: &TenantCtx, after: Option<u64>, limit: usize) -> Result<AuditPage> {
        ctx.require(Scope::AuditRead)?;
        let view = self.core.records.view().await?;
        let prefix = log(ctx.tenant());
        let after = after.map(|number| prefix.clone().number(number));
        let mut items = view.scan_appended(&prefix, after.as_ref().map(Key::as_bytes), limit + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(number, _)| *number);
        Ok(AuditPage { items, next })
    }
}

/// The log of one tenant; with [`TenantUid::SYSTEM`] that of the host.
#[must_use]
pub fn log(tenant: TenantUid) -> Key {
    Key::new(tenant, Kind::Audit)
}

/// Records that `ctx`'s principal did `action` to `resource`, in the transaction of the change; a request with an
/// idempotency key is remembered along with it.
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
    let resource = resource.into();
    if let Some(claim) = ctx.claim() {
        claim.record(tx, at, &resource).await?;
    }
    append(tx, ctx.tenant(), event(ctx.principal(), ctx.request_id(), at, action, resource)).await
}

/// As [`record`], of what the host does on somebody's behalf after the request is over.
///
/// # Errors
/// As [`Transaction::append`].
pub async fn record_by(
    tx: &mut Transaction,
    (tenant, author): (TenantUid, &Author),
    at: Timestamp,
    action: &'static str,
    resource: String,
) -> Result<()> {
    let Author { identity, name, source, request_id } = author.clone();
    let event =
        AuditEvent { at, actor: identity, actor_name: name, source, action: action.to_owned(), resource, request_id };
    append(tx, tenant, event).await
}

/// As [`record`], of a change to the host itself.
///
/// # Errors
/// As [`Transaction::append`].
pub async fn record_host(
    tx: &mut Transaction,
    ctx: &HostCtx,
    at: Timestamp,
    action: &'static str,
    resource: impl Into<String>,
) -> Result<()> {
    let resource = resource.into();
    if let Some(claim) = ctx.claim() {
        claim.record(tx, at, &resource).await?;
    }
    append(tx, TenantUid::SYSTEM, event(ctx.principal(), ctx.request_id(), at, action, resource)).await
}

/// Appends an event to a log.
pub(in crate::service) async fn append(tx: &mut Transaction, tenant: TenantUid, event: AuditEvent) -> Result<()> {
    tx.append(&log(tenant), &event).await
}

/// The event that `principal` did `action`.
pub(in crate::service) fn event(
    principal: &Principal,
    request_id: &str,
    at: Timestamp,
    action: &str,
    resource: String,
) -> AuditEvent {
    AuditEvent {
        at,
        actor: principal.identity,
        actor_name: principal.name.clone(),
        source: principal.source,
        action: action.to_owned(),
        resource,
        request_id: request_id.to_owned(),
    }
}
