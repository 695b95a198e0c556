//! Tenants: for administrators of the host.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::auth::Administrator;
use crate::api::dto::{Created, Done};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path, Query};
use crate::api::fields::{Fields, Read, read};
use crate::api::page::{Page, Paging, PagingParams};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::Versioned;
use crate::domain::name::Slug;
use crate::service::tenants::{NewTenant, Tenant};

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(list, create)).add(routes!(read_one, update, delete))
}

/// Characters of a display name at most.
const DISPLAY_NAME_MAX: usize = 100;

/// A tenant to be made.
#[derive(ToSchema)]
#[schema(as = TenantIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewTenant` reads")]
pub(crate) struct NewTenantSchema {
    /// Stands in paths: letters, digits, `_` and `-`; 1 to 150 characters.
    #[schema(example = "acme")]
    id: String,
    /// For people; the id when it is left out.
    #[schema(example = "Acme", max_length = 100)]
    display_name: Option<String>,
}

impl Read for NewTenant {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let slug = fields.required("id", read::name::<Slug>);
        let display_name = fields.optional("displayName", read::filled_text(DISPLAY_NAME_MAX));
        Some(Self { slug: slug?, display_name: display_name? })
    }
}

/// What may change of a tenant.
#[derive(ToSchema)]
#[schema(as = TenantPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `TenantPatch` reads")]
pub(crate) struct TenantPatchSchema {
    /// Kept when it is left out.
    #[schema(example = "Acme Ltd", max_length = 100)]
    display_name: Option<String>,
}

pub(crate) struct TenantPatch {
    display_name: Option<String>,
}

impl Read for TenantPatch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let display_name = fields.optional("displayName", read::filled_text(DISPLAY_NAME_MAX));
        fields.ignore(&["id", "uid", "createdAt", "modifiedAt"]);
        Some(Self { display_name: display_name? })
    }
}

/// A tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tenant)]
struct TenantOut {
    #[schema(example = "acme")]
    id: String,
    /// Never used again, unlike the id.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    uid: String,
    #[schema(example = "Acme")]
    display_name: String,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
}

impl From<Tenant> for TenantOut {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.slug.to_string(),
            uid: tenant.uid.to_string(),
            display_name: tenant.display_name,
            created_at: tenant.created_at.unix_ms(),
            modified_at: tenant.modified_at.unix_ms(),
        }
    }
}

fn tagged(tenant: Versioned<Tenant>) -> Tagged<TenantOut> {
    Tagged::stored(tenant.map(TenantOut::from))
}

/// Create a tenant; the caller becomes its owner.
#[utoipa::path(post, path = "/v1/tenants", operation_id = "tenants.create", tag = "tenants",
    security(("bearer" = ["administrator"])), request_body = NewTenantSchema,
    responses((status = 201, description = "The tenant", body = TenantOut),
        (status = 409, description = "The id is taken")))]
async fn create(
    State(state): State<ApiState>,
    ctx: Administrator,
    Json(new): Json<NewTenant>,
) -> Result<Created<TenantOut>, Problem> {
    let tenant = state.services.tenants.create(&ctx, new).await?;
    Ok(Created { location: format!("/v1/tenants/{}", tenant.value.slug), resource: tagged(tenant) })
}

struct ListTenants {
    paging: Paging,
}

impl Read for ListTenants {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { paging: Paging::read(fields)? })
    }
}

/// List tenants.
#[utoipa::path(get, path = "/v1/tenants", operation_id = "tenants.list", tag = "tenants",
    security(("bearer" = ["administrator"])), params(PagingParams),
    responses((status = 200, description = "Tenants, in the order of their ids", body = Page<TenantOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Administrator,
    Query(ListTenants { paging }): Query<ListTenants>,
) -> Result<axum::Json<Page<TenantOut>>, Problem> {
    let cursors = state.services.host_cursors(&ctx).await?;
    let bound: &[&[u8]] = &[b"tenants"];
    let page = state.services.tenants.list(&ctx, paging.cursor(&cursors, bound)?.as_deref(), paging.size).await?;
    Ok(axum::Json(Page {
        items: page.items.into_iter().map(TenantOut::from).collect(),
        next_page_token: page.next.map(|cursor| cursors.seal(bound, &cursor)).unwrap_or_default(),
        total_count: None,
    }))
}

/// Read a tenant.
#[utoipa::path(get, path = "/v1/tenants/{tenant}", operation_id = "tenants.read", tag = "tenants",
    security(("bearer" = ["administrator"])), params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 200, description = "The tenant", body = TenantOut)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(tenant): Path<String>,
) -> Result<Tagged<TenantOut>, Problem> {
    Ok(tagged(state.services.tenants.read(&ctx, &tenant).await?))
}

/// Rename a tenant.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}", operation_id = "tenants.update", tag = "tenants",
    security(("bearer" = ["administrator"])), request_body = TenantPatchSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The tenant", body = TenantOut)))]
async fn update(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(tenant): Path<String>,
    IfMatch(expected): IfMatch,
    Json(patch): Json<TenantPatch>,
) -> Result<Tagged<TenantOut>, Problem> {
    Ok(tagged(state.services.tenants.update(&ctx, &tenant, patch.display_name, &expected).await?))
}

/// Destroy a tenant with everything in it. Its keys go first, so nothing of it can be read again.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", operation_id = "tenants.delete", tag = "tenants",
    security(("bearer" = ["administrator"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is gone")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(tenant): Path<String>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    state.services.tenants.delete(&ctx, &tenant, &expected).await?;
    Ok(Done)
}
