//! Moving secrets to another folder.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, project};
use crate::api::infisical::place;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::SecretUid;
use crate::domain::name::{FolderPath, Slug};
use crate::service::folders::Place;
use crate::service::secrets::BATCH_MAX;

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(relocate))
}

/// Which secrets move, and where.
#[derive(ToSchema)]
#[schema(as = InfisicalSecretMove, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Move` reads")]
struct MoveSchema {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    project_id: String,
    #[schema(example = "dev")]
    source_environment: String,
    #[schema(example = "/app")]
    source_secret_path: Option<String>,
    #[schema(example = "prod")]
    destination_environment: String,
    #[schema(example = "/app")]
    destination_secret_path: Option<String>,
    secret_ids: Vec<String>,
    /// Whether secrets of the same name there are replaced, by default false.
    should_overwrite: Option<bool>,
}

struct Move {
    project: String,
    from: Place,
    to: Place,
    uids: Vec<SecretUid>,
    overwrite: bool,
}

impl Read for Move {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let from = end(fields, "sourceEnvironment", "sourceSecretPath");
        let to = end(fields, "destinationEnvironment", "destinationSecretPath");
        let uid = read::parsed::<SecretUid>("must be the id of a secret");
        let uids = fields.required("secretIds", read::list(BATCH_MAX, uid));
        let overwrite = fields.or("shouldOverwrite", false, read::boolean);
        Some(Self { project: project?, from: from?, to: to?, uids: uids?, overwrite: overwrite? })
    }
}

fn end(fields: &mut Fields<'_>, environment: &'static str, path: &'static str) -> Option<Place> {
    let environment = fields.required(environment, read::name::<Slug>);
    let path = fields.or(path, FolderPath::root(), place::path);
    Some(Place { environment: environment?, path: path? })
}

/// What moving changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretMoved)]
struct MovedOut {
    is_source_updated: bool,
    is_destination_updated: bool,
}

/// Move secrets to another folder, all or none; they keep their ids and versions.
#[utoipa::path(post, path = "/api/v4/secrets/move", operation_id = "infisical.secrets.move",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = MoveSchema,
    responses((status = 200, description = "What that changed", body = MovedOut)))]
async fn relocate(
    State(state): State<ApiState>,
    client: Client,
    Body(given): Body<Move>,
) -> Result<Json<MovedOut>, Problem> {
    let ctx = client.in_project(&given.project).await?;
    state.services.secrets.relocate(&ctx, (&given.from, &given.to), &given.uids, given.overwrite).await?;
    let changed = given.from != given.to && !given.uids.is_empty();
    Ok(Json(MovedOut { is_source_updated: changed, is_destination_updated: changed }))
}
