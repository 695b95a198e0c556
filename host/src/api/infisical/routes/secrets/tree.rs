//! What a secret's value refers to, and what refers to it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::dto::Revealed;
use crate::api::extract::Path;
use crate::api::fields::{Fields, Read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Params, project};
use crate::api::infisical::place;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::name::SecretName;
use crate::service::folders::Place;
use crate::service::secrets::tree::ReferenceNode;

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(references)).add(routes!(referrers))
}

struct Where {
    project: String,
    place: Place,
}

impl Read for Where {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let place = place::of_secrets(fields);
        Some(Self { project: project?, place: place? })
    }
}

/// A secret and those below it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalReferenceNode, no_recursion)]
struct NodeOut {
    /// The secret's name; `root` at the root.
    #[schema(example = "root")]
    key: String,
    /// As it is written; only in the tree of what a value refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Revealed>,
    environment: String,
    secret_path: String,
    children: Vec<NodeOut>,
}

impl NodeOut {
    fn root(node: ReferenceNode) -> Self {
        Self { key: "root".to_owned(), ..Self::from(node) }
    }
}

impl From<ReferenceNode> for NodeOut {
    fn from(node: ReferenceNode) -> Self {
        Self {
            key: node.name.to_string(),
            value: node.value.map(Revealed),
            environment: node.place.environment.to_string(),
            secret_path: node.place.path.to_string(),
            children: node.children.into_iter().map(Self::from).collect(),
        }
    }
}

/// What a value refers to.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalReferenceTree)]
struct TreeOut {
    tree: NodeOut,
    /// The value with its references followed.
    value: Revealed,
}

/// What refers to a secret.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalDependencyTree)]
struct DependencyOut {
    tree: NodeOut,
}

/// Read what a secret's value refers to.
#[utoipa::path(get, path = "/api/v4/secrets/{secretName}/secret-reference-tree",
    operation_id = "infisical.secrets.referenceTree", tag = "Infisical: secrets",
    security(("bearer" = ["secrets:reveal", "secrets:read"])),
    params(("secretName" = String, Path, description = "The secret's name"),
        ("projectId" = String, Query, description = "The project's id or slug"),
        ("environment" = String, Query, description = "The environment's slug"),
        ("secretPath" = Option<String>, Query, description = "The folder; by default the root")),
    responses((status = 200, description = "The tree", body = TreeOut)))]
async fn references(
    State(state): State<ApiState>,
    client: Client,
    Path(name): Path<SecretName>,
    Params(Where { project, place }): Params<Where>,
) -> Result<Json<TreeOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let (tree, value) = state.services.secrets.references(&ctx, &place, &name).await?;
    Ok(Json(TreeOut { tree: NodeOut::root(tree), value: Revealed(value) }))
}

/// Read which secrets refer to a secret.
#[utoipa::path(get, path = "/api/v4/secrets/{secretName}/reference-dependency-tree",
    operation_id = "infisical.secrets.dependencyTree", tag = "Infisical: secrets",
    security(("bearer" = ["secrets:read"])),
    params(("secretName" = String, Path, description = "The secret's name"),
        ("projectId" = String, Query, description = "The project's id or slug"),
        ("environment" = String, Query, description = "The environment's slug"),
        ("secretPath" = Option<String>, Query, description = "The folder; by default the root")),
    responses((status = 200, description = "The tree", body = DependencyOut)))]
async fn referrers(
    State(state): State<ApiState>,
    client: Client,
    Path(name): Path<SecretName>,
    Params(Where { project, place }): Params<Where>,
) -> Result<Json<DependencyOut>, Problem> {
    let ctx = client.in_project(&project).await?;
    let tree = state.services.secrets.referrers(&ctx, &place, &name).await?;
    Ok(Json(DependencyOut { tree: NodeOut::root(tree) }))
}
