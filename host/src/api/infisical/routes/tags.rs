//! Tags of a project. `workspace` and `projects` differ in the names of what they answer alone.

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
use crate::domain::id::{TagUid, TenantUid};
use crate::domain::name::Tag;
use crate::domain::{Error, Result};
use crate::records::tags::TagRecord;
use crate::service::tags::{COLOR_CHARS_MAX, NAME_CHARS_MAX, NewTag, TagChange};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list_work, create_work))
        .add(routes!(read_work, update_work, delete_work))
        .add(routes!(read_by_slug_work))
        .add(routes!(list_proj, create_proj))
        .add(routes!(read_proj, update_proj, delete_proj))
        .add(routes!(read_by_slug_proj))
}

/// A tag to be made, or what changes of one.
#[derive(ToSchema)]
#[schema(as = InfisicalTagIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewBody` and `ChangeBody` read")]
struct TagSchema {
    /// Needed for a new tag.
    #[schema(example = "database")]
    slug: Option<String>,
    /// For people; the slug where a new tag has none.
    #[schema(example = "Database", max_length = 100)]
    name: Option<String>,
    #[schema(example = "#ff0000", max_length = 50)]
    color: Option<String>,
}

struct NewBody(NewTag);

impl Read for NewBody {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.aliases("slug", &["tagSlug"]);
        let slug = fields.required("slug", read::name::<Tag>);
        let name = fields.optional("name", read::filled_text(NAME_CHARS_MAX));
        let color = fields.optional("color", read::text(COLOR_CHARS_MAX));
        Some(Self(NewTag { slug: slug?, name: name?, color: color? }))
    }
}

struct ChangeBody(TagChange);

impl Read for ChangeBody {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let slug = fields.optional("slug", read::name::<Tag>);
        let name = fields.optional("name", read::filled_text(NAME_CHARS_MAX));
        let color = fields.optional("color", read::text(COLOR_CHARS_MAX));
        Some(Self(TagChange { slug: slug?, name: name?, color: color? }))
    }
}

/// A tag.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalTag)]
struct TagOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d25")]
    id: String,
    #[schema(example = "database")]
    slug: String,
    #[schema(example = "Database")]
    name: String,
    #[schema(example = "#ff0000")]
    color: String,
    project_id: String,
    /// The identity that made it.
    created_by: String,
    #[schema(example = "identity")]
    created_by_actor_type: &'static str,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    updated_at: String,
}

impl TagOut {
    fn new(project: TenantUid, tag: &TagRecord) -> Self {
        Self {
            id: tag.uid.to_string(),
            slug: tag.slug.to_string(),
            name: tag.name.clone(),
            color: tag.color.clone(),
            project_id: project.to_string(),
            created_by: tag.created_by.to_string(),
            created_by_actor_type: "identity",
            created_at: time::text(tag.created_at),
            updated_at: time::text(tag.modified_at),
        }
    }
}

/// A tag.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalTagAnswer)]
struct TagAnswer {
    tag: TagOut,
}

/// Tags.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalTagsAnswer)]
struct TagsAnswer {
    tags: Vec<TagOut>,
}

/// A tag.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalWorkspaceTagAnswer)]
struct WorkspaceTagOut {
    workspace_tag: TagOut,
}

/// Tags.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalWorkspaceTagsAnswer)]
struct WorkspaceTagsOut {
    workspace_tags: Vec<TagOut>,
}

async fn list(state: &ApiState, client: &Client, project: &str) -> Result<Vec<TagOut>> {
    let ctx = client.in_project(project).await?;
    let found = state.services.tags.list(&ctx).await?;
    Ok(found.iter().map(|tag| TagOut::new(ctx.tenant(), tag)).collect())
}

async fn read_by_slug(state: &ApiState, client: &Client, project: &str, slug: &Tag) -> Result<TagOut> {
    let ctx = client.in_project(project).await?;
    let found = state.services.tags.list(&ctx).await?;
    let found = found.iter().find(|tag| tag.slug == *slug).ok_or_else(|| Error::not_found("tag"))?;
    Ok(TagOut::new(ctx.tenant(), found))
}

/// List tags (`workspace`).
#[utoipa::path(get, path = "/api/v1/workspace/{project}/tags", operation_id = "infisical.workspaceTags.list", tag = "Infisical: tags",
    security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug")),
    responses((status = 200, description = "Tags in the order of their slugs", body = WorkspaceTagsOut)))]
async fn list_work(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
) -> Result<Json<WorkspaceTagsOut>, Problem> {
    Ok(Json(WorkspaceTagsOut { workspace_tags: list(&state, &client, &project).await? }))
}

/// Create a tag (`workspace`).
#[utoipa::path(post, path = "/api/v1/workspace/{project}/tags", operation_id = "infisical.workspaceTags.create", tag = "Infisical: tags",
    security(("bearer" = ["secrets:write"])), request_body = TagSchema,
    params(("project" = String, Path, description = "The project's id or slug")),
    responses((status = 200, description = "The tag", body = WorkspaceTagOut)))]
async fn create_work(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
    Body(NewBody(new)): Body<NewBody>,
) -> Result<Json<WorkspaceTagOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let made = state.services.tags.create(&ctx, &new).await?;
    Ok(Json(WorkspaceTagOut { workspace_tag: TagOut::new(ctx.tenant(), &made) }))
}

/// Read a tag by its id (`workspace`).
#[utoipa::path(get, path = "/api/v1/workspace/{project}/tags/{tag}", operation_id = "infisical.workspaceTags.read", tag = "Infisical: tags",
    security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("tag" = String, Path, description = "The tag's id")),
    responses((status = 200, description = "The tag", body = WorkspaceTagOut)))]
async fn read_work(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, tag): Paths<String, TagUid>,
) -> Result<Json<WorkspaceTagOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let found = state.services.tags.read(&ctx, tag).await?;
    Ok(Json(WorkspaceTagOut { workspace_tag: TagOut::new(ctx.tenant(), &found) }))
}

/// Read a tag by its slug (`workspace`).
#[utoipa::path(get, path = "/api/v1/workspace/{project}/tags/slug/{slug}", operation_id = "infisical.workspaceTags.readBySlug",
    tag = "Infisical: tags", security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("slug" = String, Path, description = "The tag's slug")),
    responses((status = 200, description = "The tag", body = WorkspaceTagOut)))]
async fn read_by_slug_work(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, slug): Paths<String, Tag>,
) -> Result<Json<WorkspaceTagOut>, Problem> {
    Ok(Json(WorkspaceTagOut { workspace_tag: read_by_slug(&state, &client, &project, &slug).await? }))
}

/// Change a tag, and with its slug every secret that carries it (`workspace`).
#[utoipa::path(patch, path = "/api/v1/workspace/{project}/tags/{tag}", operation_id = "infisical.workspaceTags.update", tag = "Infisical: tags",
    security(("bearer" = ["secrets:write"])), request_body = TagSchema,
    params(("project" = String, Path, description = "The project's id or slug"),
        ("tag" = String, Path, description = "The tag's id")),
    responses((status = 200, description = "The tag", body = WorkspaceTagOut)))]
async fn update_work(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, tag): Paths<String, TagUid>,
    Body(ChangeBody(change)): Body<ChangeBody>,
) -> Result<Json<WorkspaceTagOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let updated = state.services.tags.update(&ctx, tag, &change).await?;
    Ok(Json(WorkspaceTagOut { workspace_tag: TagOut::new(ctx.tenant(), &updated) }))
}

/// Delete a tag, and take it from every secret that carries it (`workspace`).
#[utoipa::path(delete, path = "/api/v1/workspace/{project}/tags/{tag}", operation_id = "infisical.workspaceTags.delete", tag = "Infisical: tags",
    security(("bearer" = ["secrets:write"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("tag" = String, Path, description = "The tag's id")),
    responses((status = 200, description = "The tag as it was", body = WorkspaceTagOut)))]
async fn delete_work(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, tag): Paths<String, TagUid>,
) -> Result<Json<WorkspaceTagOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let deleted = state.services.tags.delete(&ctx, tag).await?;
    Ok(Json(WorkspaceTagOut { workspace_tag: TagOut::new(ctx.tenant(), &deleted) }))
}

/// List tags (`projects`).
#[utoipa::path(get, path = "/api/v1/projects/{project}/tags", operation_id = "infisical.projectTags.list", tag = "Infisical: tags",
    security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug")),
    responses((status = 200, description = "Tags in the order of their slugs", body = TagsAnswer)))]
async fn list_proj(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
) -> Result<Json<TagsAnswer>, Problem> {
    Ok(Json(TagsAnswer { tags: list(&state, &client, &project).await? }))
}

/// Create a tag (`projects`).
#[utoipa::path(post, path = "/api/v1/projects/{project}/tags", operation_id = "infisical.projectTags.create", tag = "Infisical: tags",
    security(("bearer" = ["secrets:write"])), request_body = TagSchema,
    params(("project" = String, Path, description = "The project's id or slug")),
    responses((status = 200, description = "The tag", body = TagAnswer)))]
async fn create_proj(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
    Body(NewBody(new)): Body<NewBody>,
) -> Result<Json<TagAnswer>, Problem> {
    let ctx = client.in_project(&project).await?;
    let made = state.services.tags.create(&ctx, &new).await?;
    Ok(Json(TagAnswer { tag: TagOut::new(ctx.tenant(), &made) }))
}

/// Read a tag by its id (`projects`).
#[utoipa::path(get, path = "/api/v1/projects/{project}/tags/{tag}", operation_id = "infisical.projectTags.read", tag = "Infisical: tags",
    security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("tag" = String, Path, description = "The tag's id")),
    responses((status = 200, description = "The tag", body = TagAnswer)))]
async fn read_proj(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, tag): Paths<String, TagUid>,
) -> Result<Json<TagAnswer>, Problem> {
    let ctx = client.in_project(&project).await?;
    let found = state.services.tags.read(&ctx, tag).await?;
    Ok(Json(TagAnswer { tag: TagOut::new(ctx.tenant(), &found) }))
}

/// Read a tag by its slug (`projects`).
#[utoipa::path(get, path = "/api/v1/projects/{project}/tags/slug/{slug}", operation_id = "infisical.projectTags.readBySlug",
    tag = "Infisical: tags", security(("bearer" = ["secrets:read"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("slug" = String, Path, description = "The tag's slug")),
    responses((status = 200, description = "The tag", body = TagAnswer)))]
async fn read_by_slug_proj(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, slug): Paths<String, Tag>,
) -> Result<Json<TagAnswer>, Problem> {
    Ok(Json(TagAnswer { tag: read_by_slug(&state, &client, &project, &slug).await? }))
}

/// Change a tag, and with its slug every secret that carries it (`projects`).
#[utoipa::path(patch, path = "/api/v1/projects/{project}/tags/{tag}", operation_id = "infisical.projectTags.update", tag = "Infisical: tags",
    security(("bearer" = ["secrets:write"])), request_body = TagSchema,
    params(("project" = String, Path, description = "The project's id or slug"),
        ("tag" = String, Path, description = "The tag's id")),
    responses((status = 200, description = "The tag", body = TagAnswer)))]
async fn update_proj(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, tag): Paths<String, TagUid>,
    Body(ChangeBody(change)): Body<ChangeBody>,
) -> Result<Json<TagAnswer>, Problem> {
    let ctx = client.in_project(&project).await?;
    let updated = state.services.tags.update(&ctx, tag, &change).await?;
    Ok(Json(TagAnswer { tag: TagOut::new(ctx.tenant(), &updated) }))
}

/// Delete a tag, and take it from every secret that carries it (`projects`).
#[utoipa::path(delete, path = "/api/v1/projects/{project}/tags/{tag}", operation_id = "infisical.projectTags.delete", tag = "Infisical: tags",
    security(("bearer" = ["secrets:write"])),
    params(("project" = String, Path, description = "The project's id or slug"),
        ("tag" = String, Path, description = "The tag's id")),
    responses((status = 200, description = "The tag as it was", body = TagAnswer)))]
async fn delete_proj(
    State(state): State<ApiState>,
    client: Client,
    Paths(project, tag): Paths<String, TagUid>,
) -> Result<Json<TagAnswer>, Problem> {
    let ctx = client.in_project(&project).await?;
    let deleted = state.services.tags.delete(&ctx, tag).await?;
    Ok(Json(TagAnswer { tag: TagOut::new(ctx.tenant(), &deleted) }))
}
