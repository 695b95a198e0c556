//! Secrets of V3.

use axum::Json;
use axum::extract::State;
use utoipa_axum::routes;

use super::input::{DeleteBody, DeleteBodySchema, SecretBody, SecretBodySchema};
use super::output::{ListOut, OneOut};
use super::query::{ByIdQuery, ListParams, ListV3, OneParams, OneV3};
use super::work;
use crate::api::etag::Tagged;
use crate::api::extract::Path;
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, Params};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::SecretUid;
use crate::domain::name::SecretName;

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(list)).add(routes!(read_by_id)).add(routes!(read, create, update, delete))
}

/// List secrets (v3).
#[utoipa::path(get, path = "/api/v3/secrets/raw", operation_id = "infisical.secretsV3.list", tag = "Infisical: secrets",
    security(("bearer" = ["secrets:read"])), params(ListParams),
    responses((status = 200, description = "Secrets in the order of their names; with an `ETag`", body = ListOut)))]
async fn list(
    State(state): State<ApiState>,
    client: Client,
    Params(ListV3(query)): Params<ListV3>,
) -> Result<Tagged<ListOut>, Problem> {
    Ok(work::list(&state, &client, query).await?)
}

/// Read a secret by its id (v3).
#[utoipa::path(get, path = "/api/v3/secrets/raw/id/{secretId}", operation_id = "infisical.secretsV3.readById",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:read"])),
    params(("secretId" = String, Path, description = "The secret's id"),
        ("viewSecretValue" = Option<bool>, Query, description = "Whether the value is shown, by default true"),
        ("expandSecretReferences" = Option<bool>, Query, description = "Whether references are followed")),
    responses((status = 200, description = "The secret; with an `ETag`", body = OneOut)))]
async fn read_by_id(
    State(state): State<ApiState>,
    client: Client,
    Path(secret): Path<SecretUid>,
    Params(ByIdQuery(showing)): Params<ByIdQuery>,
) -> Result<Tagged<OneOut>, Problem> {
    Ok(work::read_by_id(&state, &client, secret, showing).await?)
}

/// Read a secret by its name (v3).
#[utoipa::path(get, path = "/api/v3/secrets/raw/{secretName}", operation_id = "infisical.secretsV3.read",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:read"])),
    params(("secretName" = String, Path, description = "The secret's name"), OneParams),
    responses((status = 200, description = "The secret; with an `ETag`", body = OneOut)))]
async fn read(
    State(state): State<ApiState>,
    client: Client,
    Path(name): Path<SecretName>,
    Params(OneV3(query)): Params<OneV3>,
) -> Result<Tagged<OneOut>, Problem> {
    Ok(work::read(&state, &client, &name, query).await?)
}

/// Create a secret in a folder that is there (v3).
#[utoipa::path(post, path = "/api/v3/secrets/raw/{secretName}", operation_id = "infisical.secretsV3.create",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = SecretBodySchema,
    params(("secretName" = String, Path, description = "The secret's name, without `:`, `/` and white space")),
    responses((status = 200, description = "The secret", body = OneOut)))]
async fn create(
    State(state): State<ApiState>,
    client: Client,
    Path(name): Path<String>,
    Body(body): Body<SecretBody>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(work::create(&state, &client, &name, body).await?))
}

/// Change or rename a secret; what is left out stays as it is (v3).
#[utoipa::path(patch, path = "/api/v3/secrets/raw/{secretName}", operation_id = "infisical.secretsV3.update",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = SecretBodySchema,
    params(("secretName" = String, Path, description = "The secret's name")),
    responses((status = 200, description = "The secret", body = OneOut)))]
async fn update(
    State(state): State<ApiState>,
    client: Client,
    Path(name): Path<SecretName>,
    Body(body): Body<SecretBody>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(work::update(&state, &client, name, body).await?))
}

/// Delete a secret with all its versions (v3).
#[utoipa::path(delete, path = "/api/v3/secrets/raw/{secretName}", operation_id = "infisical.secretsV3.delete",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = DeleteBodySchema,
    params(("secretName" = String, Path, description = "The secret's name")),
    responses((status = 200, description = "The secret as it was", body = OneOut)))]
async fn delete(
    State(state): State<ApiState>,
    client: Client,
    Path(name): Path<SecretName>,
    Body(body): Body<DeleteBody>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(work::delete(&state, &client, name, body).await?))
}
