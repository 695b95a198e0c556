//! Projects: tenants under another name.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::extract::Path;
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::environment::EnvironmentShort;
use crate::api::infisical::extract::Body;
use crate::api::infisical::time;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::access::Scope;
use crate::domain::name::Slug;
use crate::domain::{Code, Error, Result};
use crate::records::environments::Environment;
use crate::service::context::TenantCtx;
use crate::service::environments::NewEnvironment;
use crate::service::tenants::{NewTenant, Tenant};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list_workspaces))
        .add(routes!(list_projects))
        .add(routes!(read_workspace))
        .add(routes!(read_project))
        .add(routes!(read_project_by_slug))
        .add(routes!(read_workspace_by_slug))
        .add(routes!(read_workspace_v2))
        .add(routes!(create))
        .add(routes!(service_token))
}

/// Characters of a name at most.
const NAME_MAX: usize = 100;
/// What a new project has, as its creators expect.
const ENVIRONMENTS: [(&str, &str); 3] = [("dev", "Development"), ("staging", "Staging"), ("prod", "Production")];

/// A project.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalProject)]
struct ProjectOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    id: String,
    /// The same as `id`.
    #[serde(rename = "_id")]
    legacy_id: String,
    #[schema(example = "Acme")]
    name: String,
    #[schema(example = "acme")]
    slug: String,
    description: Option<String>,
    /// Always `secret-manager`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The project's own id: the host has no organisations.
    org_id: String,
    /// Always 3.
    version: u32,
    /// Always false: names stay as they are given.
    auto_capitalization: bool,
    has_delete_protection: bool,
    /// Versions of a secret that are kept.
    pit_version_limit: usize,
    environments: Vec<EnvironmentShort>,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    updated_at: String,
}

impl ProjectOut {
    fn new(tenant: &Tenant, environments: &[Environment]) -> Self {
        Self {
            id: tenant.uid.to_string(),
            legacy_id: tenant.uid.to_string(),
            name: tenant.display_name.clone(),
            slug: tenant.slug.to_string(),
            description: None,
            kind: "secret-manager",
            org_id: tenant.uid.to_string(),
            version: 3,
            auto_capitalization: false,
            has_delete_protection: false,
            pit_version_limit: crate::records::secrets::VERSIONS_KEPT_MAX,
            environments: environments.iter().map(EnvironmentShort::from).collect(),
            created_at: time::text(tenant.created_at),
            updated_at: time::text(tenant.modified_at),
        }
    }
}

/// A project.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalProjectAnswer)]
struct ProjectAnswer {
    project: ProjectOut,
}

/// Projects.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalProjectsAnswer)]
struct ProjectsAnswer {
    projects: Vec<ProjectOut>,
}

/// A project.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalWorkspaceAnswer)]
struct WorkspaceAnswer {
    workspace: ProjectOut,
}

/// Projects.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalWorkspacesAnswer)]
struct WorkspacesAnswer {
    workspaces: Vec<ProjectOut>,
}

/// A project to be made.
#[derive(ToSchema)]
#[schema(as = InfisicalProjectIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewProject` reads")]
struct NewProjectSchema {
    #[schema(example = "Acme", max_length = 100)]
    project_name: String,
    /// Made of the name where it is left out.
    #[schema(example = "acme")]
    slug: Option<String>,
    /// Only `secret-manager`.
    #[schema(example = "secret-manager")]
    r#type: Option<String>,
    /// Whether it has `dev`, `staging` and `prod` from the start, by default true.
    should_create_default_envs: Option<bool>,
}

struct NewProject {
    name: String,
    slug: Option<Slug>,
    with_environments: bool,
}

/// The kinds of project that the host knows.
const TYPES: &[(&str, ())] = &[("secret-manager", ())];

impl Read for NewProject {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.aliases("projectName", &["name", "workspaceName"]);
        let name = fields.required("projectName", read::filled_text(NAME_MAX));
        let slug = fields.optional("slug", read::name::<Slug>);
        let kind = fields.or("type", (), read::choice(TYPES));
        let with_environments = fields.or("shouldCreateDefaultEnvs", true, read::boolean);
        kind?;
        Some(Self { name: name?, slug: slug?, with_environments: with_environments? })
    }
}

/// A slug of the letters and digits of a name, with what keeps it apart from others.
fn slug_of(name: &str) -> Result<Slug> {
    let words: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let suffix: String = std::iter::repeat_with(fastrand::lowercase).take(4).collect();
    [words.join("-"), suffix].join("-").trim_matches('-').parse().map_err(Error::internal)
}

async fn shown(state: &ApiState, ctx: &TenantCtx) -> Result<ProjectOut> {
    let tenant = state.services.tenants.describe(ctx).await?;
    let mut environments = Vec::new();
    if ctx.scopes().contains(&Scope::SecretsRead) {
        environments = state.services.environments.list(ctx).await?;
        environments.sort_by_key(|environment| (environment.position, environment.created_at));
    }
    Ok(ProjectOut::new(&tenant, &environments))
}

async fn all(state: &ApiState, client: &Client) -> Result<Vec<ProjectOut>> {
    let mut projects = Vec::new();
    for ctx in state.services.access.authorise_all(client.caller(), client.request_id()).await? {
        projects.push(shown(state, &ctx).await?);
    }
    Ok(projects)
}

/// List the caller's projects (`workspace`).
#[utoipa::path(get, path = "/api/v1/workspace", operation_id = "infisical.workspaces.list",
    tag = "Infisical: projects", security(("bearer" = [])),
    responses((status = 200, description = "Projects in the order of their slugs", body = WorkspacesAnswer)))]
async fn list_workspaces(State(state): State<ApiState>, client: Client) -> Result<Json<WorkspacesAnswer>, Problem> {
    Ok(Json(WorkspacesAnswer { workspaces: all(&state, &client).await? }))
}

/// List the caller's projects.
#[utoipa::path(get, path = "/api/v1/projects", operation_id = "infisical.projects.list",
    tag = "Infisical: projects", security(("bearer" = [])),
    responses((status = 200, description = "Projects in the order of their slugs", body = ProjectsAnswer)))]
async fn list_projects(State(state): State<ApiState>, client: Client) -> Result<Json<ProjectsAnswer>, Problem> {
    Ok(Json(ProjectsAnswer { projects: all(&state, &client).await? }))
}

/// Read a project (`workspace`).
#[utoipa::path(get, path = "/api/v1/workspace/{project}", operation_id = "infisical.workspaces.read",
    tag = "Infisical: projects", security(("bearer" = [])),
    params(("project" = String, Path, description = "The project's id or slug")),
    responses((status = 200, description = "The project", body = WorkspaceAnswer)))]
async fn read_workspace(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
) -> Result<Json<WorkspaceAnswer>, Problem> {
    let ctx = client.in_project(&project).await?;
    Ok(Json(WorkspaceAnswer { workspace: shown(&state, &ctx).await? }))
}

/// Read a project.
#[utoipa::path(get, path = "/api/v1/projects/{project}", operation_id = "infisical.projects.read",
    tag = "Infisical: projects", security(("bearer" = [])),
    params(("project" = String, Path, description = "The project's id or slug")),
    responses((status = 200, description = "The project", body = ProjectAnswer)))]
async fn read_project(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
) -> Result<Json<ProjectAnswer>, Problem> {
    let ctx = client.in_project(&project).await?;
    Ok(Json(ProjectAnswer { project: shown(&state, &ctx).await? }))
}

/// Read a project by its slug.
#[utoipa::path(get, path = "/api/v1/projects/slug/{slug}", operation_id = "infisical.projects.readBySlug",
    tag = "Infisical: projects", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The project's slug")),
    responses((status = 200, description = "The project", body = ProjectOut)))]
async fn read_project_by_slug(
    State(state): State<ApiState>,
    client: Client,
    Path(slug): Path<String>,
) -> Result<Json<ProjectOut>, Problem> {
    let ctx = client.in_project(&slug).await?;
    Ok(Json(shown(&state, &ctx).await?))
}

/// Read a project by its slug (`workspace`).
#[utoipa::path(get, path = "/api/v1/workspace/slug/{slug}", operation_id = "infisical.workspaces.readBySlug",
    tag = "Infisical: projects", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The project's slug")),
    responses((status = 200, description = "The project", body = ProjectOut)))]
async fn read_workspace_by_slug(
    State(state): State<ApiState>,
    client: Client,
    Path(slug): Path<String>,
) -> Result<Json<ProjectOut>, Problem> {
    let ctx = client.in_project(&slug).await?;
    Ok(Json(shown(&state, &ctx).await?))
}

/// Read a project by its slug (`workspace`, v2).
#[utoipa::path(get, path = "/api/v2/workspace/{project}", operation_id = "infisical.workspacesV2.read",
    tag = "Infisical: projects", security(("bearer" = [])),
    params(("project" = String, Path, description = "The project's slug or id")),
    responses((status = 200, description = "The project", body = ProjectOut)))]
async fn read_workspace_v2(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
) -> Result<Json<ProjectOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    Ok(Json(shown(&state, &ctx).await?))
}

/// Create a project; for administrators of the host.
#[utoipa::path(post, path = "/api/v2/workspace", operation_id = "infisical.workspacesV2.create",
    tag = "Infisical: projects", security(("bearer" = [])), request_body = NewProjectSchema,
    responses((status = 200, description = "The project", body = ProjectAnswer)))]
async fn create(
    State(state): State<ApiState>,
    client: Client,
    Body(new): Body<NewProject>,
) -> Result<Json<ProjectAnswer>, Problem> {
    let host = state.services.access.authorise_host(client.caller(), client.request_id())?;
    let slug = new.slug.map_or_else(|| slug_of(&new.name), Ok)?;
    let tenant = NewTenant { slug, display_name: Some(new.name) };
    let made = state.services.tenants.create(&host, tenant).await?.value;
    let ctx = client.in_project(made.slug.as_str()).await?;
    if new.with_environments {
        for (slug, name) in ENVIRONMENTS {
            let slug = slug.parse().map_err(Error::internal)?;
            let new = NewEnvironment { slug, display_name: Some(name.to_owned()), position: None };
            state.services.environments.create(&ctx, &new).await?;
        }
    }
    Ok(Json(ProjectAnswer { project: shown(&state, &ctx).await? }))
}

/// Refused: the host has no service tokens, which only older clients look into.
#[utoipa::path(get, path = "/api/v2/service-token", operation_id = "infisical.serviceTokens.read",
    tag = "Infisical: projects", security(("bearer" = [])),
    responses((status = 200, description = "Never")))]
async fn service_token(_: Client) -> Problem {
    let detail = "service tokens are not supported; log in as a machine identity with universal auth";
    Problem::from(Error::new(Code::NotSupported, detail))
}
