//! Environments of a project.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::extract::{Path, Paths};
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::Body;
use crate::api::infisical::time;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::{EnvironmentUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::{Error, Expected, Result};
use crate::records::environments::Environment;
use crate::service::context::TenantCtx;
use crate::service::environments::{ENVIRONMENTS_MAX, EnvironmentChange, NewEnvironment};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(create_work))
        .add(routes!(read_work, update_work, delete_work))
        .add(routes!(create_proj))
        .add(routes!(read_proj, update_proj, delete_proj))
        .add(routes!(read_by_slug))
        .add(routes!(read_by_id))
}

/// Characters of a name at most.
const NAME_MAX: usize = 100;

/// An environment to be made, or what changes of one.
#[derive(ToSchema)]
#[schema(as = InfisicalEnvironmentIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewBody` and `ChangeBody` read")]
struct EnvironmentSchema {
    /// For people. Needed for a new environment.
    #[schema(example = "Production", max_length = 100)]
    name: Option<String>,
    /// Letters, digits, `_` and `-`. Needed for a new environment.
    #[schema(example = "prod")]
    slug: Option<String>,
    /// Its place among the others, from 1; the last where it is left out.
    #[schema(example = 1)]
    position: Option<u32>,
}

struct NewBody(NewEnvironment);

impl Read for NewBody {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.aliases("name", &["environmentName"]);
        fields.aliases("slug", &["environmentSlug"]);
        let name = fields.required("name", read::filled_text(NAME_MAX));
        let slug = fields.required("slug", read::name::<Slug>);
        let position = position(fields);
        Some(Self(NewEnvironment { slug: slug?, display_name: Some(name?), position: position? }))
    }
}

struct ChangeBody(EnvironmentChange);

impl Read for ChangeBody {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let display_name = fields.optional("name", read::filled_text(NAME_MAX));
        let slug = fields.optional("slug", read::name::<Slug>);
        let position = position(fields);
        Some(Self(EnvironmentChange { slug: slug?, display_name: display_name?, position: position? }))
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer option tells whether a complaint was made, as in `Fields::optional`"
)]
fn position(fields: &mut Fields<'_>) -> Option<Option<u32>> {
    let last = i64::try_from(ENVIRONMENTS_MAX).unwrap_or(i64::MAX);
    let position = fields.optional("position", read::integer(1..=last))?;
    Some(position.and_then(|position| u32::try_from(position).ok()))
}

/// An environment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalEnvironment)]
struct EnvironmentOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d21")]
    id: String,
    #[schema(example = "Production")]
    name: String,
    #[schema(example = "prod")]
    slug: String,
    #[schema(example = 1)]
    position: u32,
    project_id: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    updated_at: String,
}

impl EnvironmentOut {
    fn new(project: TenantUid, environment: &Environment) -> Self {
        Self {
            id: environment.uid.to_string(),
            name: environment.display_name.clone(),
            slug: environment.slug.to_string(),
            position: environment.position,
            project_id: project.to_string(),
            created_at: time::text(environment.created_at),
            updated_at: time::text(environment.modified_at),
        }
    }
}

/// An environment.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalEnvironmentAnswer)]
struct OneOut {
    environment: EnvironmentOut,
}

/// An environment that was changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalEnvironmentChanged)]
struct ChangedOut {
    #[schema(example = "Successfully created environment")]
    message: &'static str,
    /// The project's id, as `projectId`.
    workspace: String,
    project_id: String,
    environment: EnvironmentOut,
}

impl ChangedOut {
    fn new(message: &'static str, project: TenantUid, environment: &Environment) -> Self {
        Self {
            message,
            workspace: project.to_string(),
            project_id: project.to_string(),
            environment: EnvironmentOut::new(project, environment),
        }
    }
}

async fn create(state: &ApiState, client: &Client, project: &str, new: &NewEnvironment) -> Result<ChangedOut> {
    let ctx = client.in_project(project).await?;
    let made = state.services.environments.create(&ctx, new).await?;
    Ok(ChangedOut::new("Successfully created environment", ctx.tenant(), &made))
}

async fn update(
    state: &ApiState,
    client: &Client,
    (project, environment): (&str, &str),
    change: &EnvironmentChange,
) -> Result<ChangedOut> {
    let ctx = client.in_project(project).await?;
    let found = named(state, &ctx, environment).await?;
    let updated = state.services.environments.update(&ctx, &found.slug, change, &Expected::Any).await?;
    Ok(ChangedOut::new("Successfully updated environment", ctx.tenant(), &updated))
}

async fn delete(state: &ApiState, client: &Client, (project, environment): (&str, &str)) -> Result<ChangedOut> {
    let ctx = client.in_project(project).await?;
    let found = named(state, &ctx, environment).await?;
    state.services.environments.delete(&ctx, &found.slug, &Expected::Any).await?;
    Ok(ChangedOut::new("Successfully deleted environment", ctx.tenant(), &found))
}

/// The environment with this id, or with this slug.
async fn named(state: &ApiState, ctx: &TenantCtx, id_or_slug: &str) -> Result<Environment> {
    if let Ok(uid) = id_or_slug.parse::<EnvironmentUid>() {
        return state.services.environments.find(ctx, uid).await;
    }
    let slug: Slug = id_or_slug.parse().map_err(|_| Error::not_found("environment"))?;
    state.services.environments.read(ctx, &slug).await
}

/// Read an environment by its slug.
#[utoipa::path(get, path = "/api/v1/projects/{project}/environments/slug/{slug}",
    operation_id = "infisical.environments.readBySlug", tag = "Infisical: environments",
    security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("slug" = String, Path, description = "The environment's slug")),
    responses((status = 200, description = "The environment", body = OneOut)))]
async fn read_by_slug(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, slug): Paths<String, Slug>,
) -> Result<Json<OneOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let found = state.services.environments.read(&ctx, &slug).await?;
    Ok(Json(OneOut { environment: EnvironmentOut::new(ctx.tenant(), &found) }))
}

/// Read an environment by its id alone.
#[utoipa::path(get, path = "/api/v1/workspace/environments/{environment}",
    operation_id = "infisical.environments.readById", tag = "Infisical: environments",
    security(("bearer" = ["secrets:read"])),
    params(("environment" = String, Path, description = "The environment's id")),
    responses((status = 200, description = "The environment", body = OneOut)))]
async fn read_by_id(
    State(state): State<ApiState>,
    client: Client,
    Path(environment): Path<EnvironmentUid>,
) -> Result<Json<OneOut>, Problem> {
    let ctx = client.holding(environment.as_bytes(), "environment").await?;
    let found = state.services.environments.find(&ctx, environment).await?;
    Ok(Json(OneOut { environment: EnvironmentOut::new(ctx.tenant(), &found) }))
}

/// Create an environment with an empty root folder (`workspace`).
#[utoipa::path(post, path = "/api/v1/workspace/{project}/environments", operation_id = "infisical.workspaceEnvironments.create",
    tag = "Infisical: environments", security(("bearer" = ["secrets:write"])), request_body = EnvironmentSchema,
    params(("project" = String, Path, description = "The project's id or slug")),
    responses((status = 200, description = "The environment", body = ChangedOut)))]
async fn create_work(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
    Body(body): Body<NewBody>,
) -> Result<Json<ChangedOut>, Problem> {
    Ok(Json(create(&state, &client, &project, &body.0).await?))
}

/// Read an environment (`workspace`).
#[utoipa::path(get, path = "/api/v1/workspace/{project}/environments/{environment}", operation_id = "infisical.workspaceEnvironments.read",
    tag = "Infisical: environments", security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("environment" = String, Path, description = "The environment's id")),
    responses((status = 200, description = "The environment", body = OneOut)))]
async fn read_work(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, environment): Paths<String, String>,
) -> Result<Json<OneOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let found = named(&state, &ctx, &environment).await?;
    Ok(Json(OneOut { environment: EnvironmentOut::new(ctx.tenant(), &found) }))
}

/// Change an environment (`workspace`).
#[utoipa::path(patch, path = "/api/v1/workspace/{project}/environments/{environment}", operation_id = "infisical.workspaceEnvironments.update",
    tag = "Infisical: environments", security(("bearer" = ["secrets:write", "secrets:read"])), request_body = EnvironmentSchema,
    params(("project" = String, Path, description = "The project's id or slug"),
        ("environment" = String, Path, description = "The environment's id")),
    responses((status = 200, description = "The environment", body = ChangedOut)))]
async fn update_work(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, environment): Paths<String, String>,
    Body(body): Body<ChangeBody>,
) -> Result<Json<ChangedOut>, Problem> {
    Ok(Json(update(&state, &client, (&project, &environment), &body.0).await?))
}

/// Delete an environment that is empty (`workspace`).
#[utoipa::path(delete, path = "/api/v1/workspace/{project}/environments/{environment}", operation_id = "infisical.workspaceEnvironments.delete",
    tag = "Infisical: environments", security(("bearer" = ["secrets:write", "secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("environment" = String, Path, description = "The environment's id")),
    responses((status = 200, description = "The environment as it was", body = ChangedOut)))]
async fn delete_work(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, environment): Paths<String, String>,
) -> Result<Json<ChangedOut>, Problem> {
    Ok(Json(delete(&state, &client, (&project, &environment)).await?))
}

/// Create an environment with an empty root folder (`projects`).
#[utoipa::path(post, path = "/api/v1/projects/{project}/environments", operation_id = "infisical.projectEnvironments.create",
    tag = "Infisical: environments", security(("bearer" = ["secrets:write"])), request_body = EnvironmentSchema,
    params(("project" = String, Path, description = "The project's id or slug")),
    responses((status = 200, description = "The environment", body = ChangedOut)))]
async fn create_proj(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
    Body(body): Body<NewBody>,
) -> Result<Json<ChangedOut>, Problem> {
    Ok(Json(create(&state, &client, &project, &body.0).await?))
}

/// Read an environment (`projects`).
#[utoipa::path(get, path = "/api/v1/projects/{project}/environments/{environment}", operation_id = "infisical.projectEnvironments.read",
    tag = "Infisical: environments", security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("environment" = String, Path, description = "The environment's id")),
    responses((status = 200, description = "The environment", body = OneOut)))]
async fn read_proj(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, environment): Paths<String, String>,
) -> Result<Json<OneOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let found = named(&state, &ctx, &environment).await?;
    Ok(Json(OneOut { environment: EnvironmentOut::new(ctx.tenant(), &found) }))
}

/// Change an environment (`projects`).
#[utoipa::path(patch, path = "/api/v1/projects/{project}/environments/{environment}", operation_id = "infisical.projectEnvironments.update",
    tag = "Infisical: environments", security(("bearer" = ["secrets:write", "secrets:read"])), request_body = EnvironmentSchema,
    params(("project" = String, Path, description = "The project's id or slug"),
        ("environment" = String, Path, description = "The environment's id")),
    responses((status = 200, description = "The environment", body = ChangedOut)))]
async fn update_proj(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, environment): Paths<String, String>,
    Body(body): Body<ChangeBody>,
) -> Result<Json<ChangedOut>, Problem> {
    Ok(Json(update(&state, &client, (&project, &environment), &body.0).await?))
}

/// Delete an environment that is empty (`projects`).
#[utoipa::path(delete, path = "/api/v1/projects/{project}/environments/{environment}", operation_id = "infisical.projectEnvironments.delete",
    tag = "Infisical: environments", security(("bearer" = ["secrets:write", "secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("environment" = String, Path, description = "The environment's id")),
    responses((status = 200, description = "The environment as it was", body = ChangedOut)))]
async fn delete_proj(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, environment): Paths<String, String>,
) -> Result<Json<ChangedOut>, Problem> {
    Ok(Json(delete(&state, &client, (&project, &environment)).await?))
}
