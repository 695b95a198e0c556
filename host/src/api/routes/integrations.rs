//! Integrations: SYSTEM ones from plugins, CUSTOM ones of the tenant's own.

mod input;
mod output;

use axum::extract::State;
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::api::auth::{Authorized, scopes};
use crate::api::dto::{Created, Done};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path, Query};
use crate::api::page::{Page, PagingParams};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::routes::connection::{ChoicesInSchema, ChoicesOut, VerificationOut};
use crate::api::state::ApiState;
use crate::domain::Error;
use crate::domain::name::Slug;
use crate::service::connections::ChoiceQuery;
use crate::service::integrations::{ConfigTest, IntegrationChange, IntegrationView, NewIntegration};
use input::{ConfigTestSchema, IntegrationInSchema, IntegrationPatchSchema, ListIntegrations};
use output::IntegrationOut;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list, create))
        .add(routes!(read_one, replace, update, delete))
        .add(routes!(verify_config))
        .add(routes!(choices))
}

fn tagged(shown: IntegrationView) -> Tagged<IntegrationOut> {
    match shown.version {
        Some(version) => Tagged::stored(crate::domain::Versioned { value: shown.into(), version }),
        None => Tagged::by_content(shown.into()),
    }
}

/// Create a CUSTOM integration. Credentials are sealed at rest and never returned.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/integrations", operation_id = "integrations.create",
    tag = "integrations", security(("bearer" = ["integrations:write"])), request_body = IntegrationInSchema,
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 201, description = "The integration", body = IntegrationOut),
        (status = 409, description = "The id is taken")))]
async fn create(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Json(new): Json<NewIntegration>,
) -> Result<Created<IntegrationOut>, Problem> {
    let made = state.services.integrations.create(&ctx, new).await?;
    let location = format!("/v1/tenants/{}/integrations/{}", ctx.slug(), made.id);
    Ok(Created { location, resource: tagged(made) })
}

/// What a list of integrations can be narrowed by.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by `ListIntegrations`; here for the document alone")]
struct FilterParams {
    /// Found anywhere in id, display name or description, in any case. `search` is the same.
    #[param(required = false)]
    query: String,
    /// `SYSTEM`, `CUSTOM`; repeatable.
    #[param(required = false)]
    types: Vec<String>,
    /// Tags that an integration has all of; repeatable.
    #[param(required = false)]
    tags: Vec<String>,
    /// Only integrations with a config. `has_configs` is the same.
    #[param(required = false)]
    has_configs: bool,
}

/// List the integrations of a tenant.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/integrations", operation_id = "integrations.list",
    tag = "integrations", security(("bearer" = ["integrations:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"), FilterParams, PagingParams),
    responses((status = 200, description = "Integrations, in the order of their ids", body = Page<IntegrationOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsRead>,
    Query(asked): Query<ListIntegrations>,
) -> Result<axum::Json<Page<IntegrationOut>>, Problem> {
    let cursors = state.services.cursors(&ctx).await?;
    let tenant = ctx.tenant();
    let narrowed = format!("{:?}", asked.filter);
    let bound: &[&[u8]] = &[b"integrations", tenant.as_bytes(), narrowed.as_bytes()];
    let after = asked.paging.cursor(&cursors, bound)?;
    let after: Option<Slug> = match after {
        Some(bytes) => Some(String::from_utf8(bytes).map_err(Error::internal)?.parse().map_err(Error::internal)?),
        None => None,
    };
    let page = state.services.integrations.list(&ctx, &asked.filter, after.as_ref(), asked.paging.size).await?;
    Ok(axum::Json(Page {
        items: page.items.into_iter().map(IntegrationOut::from).collect(),
        next_page_token: page.next.map(|last| cursors.seal(bound, last.as_str().as_bytes())).unwrap_or_default(),
        total_count: Some(page.total_count),
    }))
}

/// Read an integration: its metadata, its non-secret settings, and whether a credential is stored.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/integrations/{integration}", operation_id = "integrations.read",
    tag = "integrations", security(("bearer" = ["integrations:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id")),
    responses((status = 200, description = "The integration", body = IntegrationOut)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsRead>,
    Path(integration): Path<Slug>,
) -> Result<Tagged<IntegrationOut>, Problem> {
    Ok(tagged(state.services.integrations.read(&ctx, &integration).await?))
}

/// Change a CUSTOM integration. Members left out are kept, credentials too; null clears what can be cleared.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/integrations/{integration}", operation_id = "integrations.replace",
    tag = "integrations", security(("bearer" = ["integrations:write"])), request_body = IntegrationPatchSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The integration", body = IntegrationOut)))]
async fn replace(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Path(integration): Path<Slug>,
    IfMatch(expected): IfMatch,
    Json(change): Json<IntegrationChange>,
) -> Result<Tagged<IntegrationOut>, Problem> {
    Ok(tagged(state.services.integrations.update(&ctx, &integration, change, &expected).await?))
}

/// Change a CUSTOM integration: the same as PUT.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/integrations/{integration}", operation_id = "integrations.update",
    tag = "integrations", security(("bearer" = ["integrations:write"])), request_body = IntegrationPatchSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The integration", body = IntegrationOut)))]
async fn update(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Path(integration): Path<Slug>,
    IfMatch(expected): IfMatch,
    Json(change): Json<IntegrationChange>,
) -> Result<Tagged<IntegrationOut>, Problem> {
    Ok(tagged(state.services.integrations.update(&ctx, &integration, change, &expected).await?))
}

/// Delete a CUSTOM integration that has no configs and no syncs.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/integrations/{integration}", operation_id = "integrations.delete",
    tag = "integrations", security(("bearer" = ["integrations:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is gone"), (status = 409, description = "It is still in use")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Path(integration): Path<Slug>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    state.services.integrations.delete(&ctx, &integration, &expected).await?;
    Ok(Done)
}

/// Test credentials: those sent, without storing them, or without a body those of the integration's own connection.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/integrations/{integration}:verifyConfig",
    operation_id = "integrations.verifyConfig", tag = "integrations",
    security(("bearer" = ["integrations:write"])), request_body(content = Option<ConfigTestSchema>),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id")),
    responses((status = 200, description = "How the test ended", body = VerificationOut),
        (status = 502, description = "The plugin or the vendor failed"),
        (status = 504, description = "The plugin or the vendor did not answer in time")))]
async fn verify_config(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Path(integration): Path<Slug>,
    Json(test): Json<ConfigTest>,
) -> Result<axum::Json<VerificationOut>, Problem> {
    let verification = state.services.integrations.verify_config(&ctx, &integration, test).await?;
    Ok(axum::Json(verification.into()))
}

/// Ask for live options of a dynamic parameter, with the integration's own connection where there is one.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/integrations/{integration}:choices",
    operation_id = "integrations.choices", tag = "integrations", security(("bearer" = ["integrations:write"])),
    request_body = ChoicesInSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id")),
    responses((status = 200, description = "Options", body = ChoicesOut),
        (status = 502, description = "The plugin or the vendor failed"),
        (status = 504, description = "The plugin or the vendor did not answer in time")))]
async fn choices(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Path(integration): Path<Slug>,
    Json(query): Json<ChoiceQuery>,
) -> Result<axum::Json<ChoicesOut>, Problem> {
    let page = state.services.connections.integration_choices(&ctx, &integration, &query).await?;
    Ok(axum::Json(page.into()))
}
