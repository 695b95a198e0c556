//! The audit log of a tenant.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::auth::{Authorized, scopes};
use crate::api::extract::Query;
use crate::api::fields::{Fields, Read};
use crate::api::page::{Page, Paging, PagingParams};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::access::PrincipalSource;
use crate::service::audit::AuditEvent;

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(list))
}

/// Somebody did something.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEvent)]
struct AuditEventOut {
    /// The event's place in the log; gaps do not occur.
    #[schema(example = 1)]
    sequence: u64,
    #[schema(example = 1_760_000_000_000_i64)]
    at: i64,
    /// Resource and verb.
    #[schema(example = "secrets.update")]
    action: String,
    /// The resource's id or path; never a value.
    #[schema(example = "/app/DATABASE_URL")]
    resource: String,
    /// The identity that did it.
    actor_id: String,
    #[schema(example = "ci")]
    actor_name: String,
    /// How it was authenticated: `ACCESS_TOKEN`, `API_KEY` or `HOST`.
    #[schema(value_type = String, example = "ACCESS_TOKEN")]
    source: PrincipalSource,
    /// As in `X-Request-Id`; empty for what the host does by itself.
    request_id: String,
}

impl From<(u64, AuditEvent)> for AuditEventOut {
    fn from((sequence, event): (u64, AuditEvent)) -> Self {
        Self {
            sequence,
            at: event.at.unix_ms(),
            action: event.action,
            resource: event.resource,
            actor_id: event.actor.to_string(),
            actor_name: event.actor_name,
            source: event.source,
            request_id: event.request_id,
        }
    }
}

struct ListQuery {
    paging: Paging,
}

impl Read for ListQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { paging: Paging::read(fields)? })
    }
}

/// List audit events.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/auditEvents", operation_id = "auditEvents.list", tag = "audit",
    security(("bearer" = ["audit:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"), PagingParams),
    responses((status = 200, description = "Events, oldest first", body = Page<AuditEventOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::AuditRead>,
    Query(ListQuery { paging }): Query<ListQuery>,
) -> Result<axum::Json<Page<AuditEventOut>>, Problem> {
    let cursors = state.services.cursors(&ctx).await?;
    let bound: &[&[u8]] = &[b"auditEvents"];
    let after = paging.cursor(&cursors, bound)?.and_then(|cursor| cursor.try_into().ok()).map(u64::from_be_bytes);
    let page = state.services.audit.list(&ctx, after, paging.size).await?;
    Ok(axum::Json(Page {
        items: page.items.into_iter().map(AuditEventOut::from).collect(),
        next_page_token: page.next.map(|last| cursors.seal(bound, &last.to_be_bytes())).unwrap_or_default(),
        total_count: None,
    }))
}
