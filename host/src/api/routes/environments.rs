//! Environments of a tenant.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::auth::Authorized;
use crate::api::auth::scopes::{SecretsRead, SecretsWrite};
use crate::api::dto::{Created, Done};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path};
use crate::api::fields::{Fields, Read, read};
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::name::Slug;
use crate::domain::{Version, Versioned};
use crate::records::environments::Environment;
use crate::service::environments::{EnvironmentChange, NewEnvironment};

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(list, create)).add(routes!(read_one, update, delete))
}

/// Characters of a display name at most.
const DISPLAY_NAME_MAX: usize = 100;

/// An environment to be made.
#[derive(ToSchema)]
#[schema(as = EnvironmentIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewEnvironment` reads")]
pub(crate) struct NewEnvironmentSchema {
    /// Stands in paths: letters, digits, `_` and `-`; 1 to 150 characters.
    #[schema(example = "prod")]
    slug: String,
    /// For people; the slug when it is left out.
    #[schema(example = "Production", max_length = 100)]
    display_name: Option<String>,
}

impl Read for NewEnvironment {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let slug = fields.required("slug", read::name::<Slug>);
        let display_name = fields.optional("displayName", read::filled_text(DISPLAY_NAME_MAX));
        Some(Self { slug: slug?, display_name: display_name?, position: None })
    }
}

/// What may change of an environment.
#[derive(ToSchema)]
#[schema(as = EnvironmentPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `EnvironmentPatch` reads")]
pub(crate) struct EnvironmentPatchSchema {
    #[schema(example = "Production", max_length = 100)]
    display_name: String,
}

struct EnvironmentPatch {
    display_name: String,
}

impl Read for EnvironmentPatch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let display_name = fields.required("displayName", read::filled_text(DISPLAY_NAME_MAX));
        fields.ignore(&["slug", "uid", "createdAt", "modifiedAt"]);
        Some(Self { display_name: display_name? })
    }
}

/// An environment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Environment)]
struct EnvironmentOut {
    #[schema(example = "prod")]
    slug: String,
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d21")]
    uid: String,
    #[schema(example = "Production")]
    display_name: String,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
}

impl From<Environment> for EnvironmentOut {
    fn from(environment: Environment) -> Self {
        Self {
            slug: environment.slug.to_string(),
            uid: environment.uid.to_string(),
            display_name: environment.display_name,
            created_at: environment.created_at.unix_ms(),
            modified_at: environment.modified_at.unix_ms(),
        }
    }
}

fn tagged(environment: Environment) -> Tagged<EnvironmentOut> {
    Tagged::stored(Versioned { version: Version::of(&environment), value: environment.into() })
}

/// Create an environment with an empty root folder.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/environments", operation_id = "environments.create",
    tag = "environments", security(("bearer" = ["secrets:write"])), request_body = NewEnvironmentSchema,
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 201, description = "The environment", body = EnvironmentOut),
        (status = 409, description = "The slug is taken")))]
async fn create(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Json(new): Json<NewEnvironment>,
) -> Result<Created<EnvironmentOut>, Problem> {
    let made = state.services.environments.create(&ctx, &new).await?;
    let location = format!("/v1/tenants/{}/environments/{}", ctx.slug(), made.slug);
    Ok(Created { location, resource: tagged(made) })
}

/// List environments; all are on one page.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/environments", operation_id = "environments.list",
    tag = "environments", security(("bearer" = ["secrets:read"])),
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 200, description = "Environments, in the order of their slugs", body = Page<EnvironmentOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsRead>,
) -> Result<axum::Json<Page<EnvironmentOut>>, Problem> {
    let found = state.services.environments.list(&ctx).await?;
    Ok(axum::Json(Page {
        total_count: Some(found.len() as u64),
        items: found.into_iter().map(EnvironmentOut::from).collect(),
        next_page_token: String::new(),
    }))
}

/// Read an environment.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/environments/{environment}", operation_id = "environments.read",
    tag = "environments", security(("bearer" = ["secrets:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug")),
    responses((status = 200, description = "The environment", body = EnvironmentOut)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsRead>,
    Path(environment): Path<Slug>,
) -> Result<Tagged<EnvironmentOut>, Problem> {
    Ok(tagged(state.services.environments.read(&ctx, &environment).await?))
}

/// Rename an environment for people; its slug stays.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/environments/{environment}", operation_id = "environments.update",
    tag = "environments", security(("bearer" = ["secrets:write"])), request_body = EnvironmentPatchSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The environment", body = EnvironmentOut)))]
async fn update(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Path(environment): Path<Slug>,
    IfMatch(expected): IfMatch,
    Json(patch): Json<EnvironmentPatch>,
) -> Result<Tagged<EnvironmentOut>, Problem> {
    let environments = &state.services.environments;
    let change = EnvironmentChange { display_name: Some(patch.display_name), ..EnvironmentChange::default() };
    Ok(tagged(environments.update(&ctx, &environment, &change, &expected).await?))
}

/// Delete an environment that is empty.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/environments/{environment}", operation_id = "environments.delete",
    tag = "environments", security(("bearer" = ["secrets:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is gone"), (status = 409, description = "It is not empty")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Path(environment): Path<Slug>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    state.services.environments.delete(&ctx, &environment, &expected).await?;
    Ok(Done)
}
