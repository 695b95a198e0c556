//! Many secrets at once.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::input::{Given, NAME_RULE, key, made_name, own_path};
use super::output::ManyOut;
use super::query::{KINDS, Kind};
use super::work;
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, project};
use crate::api::infisical::place;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::error::violation;
use crate::domain::name::{FolderPath, SecretName};
use crate::domain::{Expected, Result};
use crate::service::folders::Place;
use crate::service::secrets::{BATCH_MAX, BatchDelete, BatchSet, Edit, Presence};

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(create_v3, update_v3, delete_v3)).add(routes!(create_v4, update_v4, delete_v4))
}

/// Many secrets of one folder.
#[derive(ToSchema)]
#[schema(as = InfisicalSecretBatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Creation`, `Update` and `Deletion` read")]
struct BatchSchema {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    project_id: String,
    #[schema(example = "prod")]
    environment: String,
    #[schema(example = "/app")]
    secret_path: Option<String>,
    /// On PATCH, what happens to a secret that is not there: `failOnNotFound`, which is the default, `upsert` or `ignore`.
    mode: Option<String>,
    /// 1 to 1,000; on PATCH each may name a `secretPath` of its own.
    #[schema(value_type = Vec<Object>, example = json!([{"secretKey": "A", "secretValue": "1"}]))]
    secrets: Vec<serde_json::Value>,
}

/// Secrets that are set.
struct Batch {
    project: String,
    place: Place,
    presence: Presence,
    items: Vec<Item>,
}

struct Item {
    path: Option<FolderPath>,
    name: SecretName,
    given: Given,
}

/// Secrets that are made.
struct Creation(Batch);

impl Read for Creation {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let place = place::of_secrets(fields);
        let items = items(fields, read::object::<NewItem>);
        let items = items?.into_iter().map(|NewItem(item)| item).collect();
        Some(Self(Batch { project: project?, place: place?, presence: Presence::Absent, items }))
    }
}

struct NewItem(Item);

impl Read for NewItem {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = key(fields, true);
        let given = Given::read(fields);
        if given.as_ref().is_some_and(|given| given.change.value.is_none()) {
            return fields.refuse("secretValue", violation::REQUIRED, "is required");
        }
        Some(Self(Item { path: None, name: name?, given: given? }))
    }
}

/// Secrets that are changed.
struct Update(Batch);

/// What happens to a secret that is to be changed and is not there.
const MODES: &[(&str, Presence)] =
    &[("failOnNotFound", Presence::Present), ("upsert", Presence::Any), ("ignore", Presence::OnlyIfPresent)];

impl Read for Update {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let place = place::of_secrets(fields);
        let presence = fields.or("mode", Presence::Present, read::choice(MODES));
        let items = items(fields, read::object::<Item>);
        if let (Some(Presence::Any), Some(items)) = (presence, &items) {
            refuse_unmakeable(fields, items)?;
        }
        Some(Self(Batch { project: project?, place: place?, presence: presence?, items: items? }))
    }
}

impl Read for Item {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = key(fields, false);
        let path = own_path(fields);
        let given = Given::read(fields);
        Some(Self { path: path?, name: name?, given: given? })
    }
}

/// Secrets that are deleted.
struct Deletion {
    project: String,
    place: Place,
    items: Vec<SecretName>,
}

impl Read for Deletion {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let place = place::of_secrets(fields);
        let items = items(fields, read::object::<DeletedItem>);
        let items = items?.into_iter().map(|DeletedItem(name)| name).collect();
        Some(Self { project: project?, place: place?, items })
    }
}

struct DeletedItem(SecretName);

impl Read for DeletedItem {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = key(fields, false);
        let kind = fields.or("type", Kind::Shared, read::choice(KINDS));
        if kind == Some(Kind::Personal) {
            return fields.refuse("type", violation::NOT_SUPPORTED, "personal overrides are deleted one by one");
        }
        kind?;
        Some(Self(name?))
    }
}

/// What may be made has a name that a new secret may have.
fn refuse_unmakeable(fields: &Fields<'_>, items: &[Item]) -> Option<()> {
    let mut is_good = Some(());
    for (index, _) in items.iter().enumerate().filter(|(_, item)| made_name(item.name.as_str()).is_none()) {
        let place = fields.place("secrets").below(&index.to_string()).below("secretKey");
        is_good = place.refuse(violation::MALFORMED, NAME_RULE);
    }
    is_good
}

fn items<T>(
    fields: &mut Fields<'_>,
    reader: impl Fn(&crate::api::fields::At<'_>, serde_json::Value) -> Option<T>,
) -> Option<Vec<T>> {
    let items = fields.required("secrets", read::list(BATCH_MAX, reader))?;
    if items.is_empty() {
        return fields.refuse("secrets", violation::TOO_SHORT, "must name at least one secret");
    }
    Some(items)
}

async fn set(state: &ApiState, client: &Client, batch: Batch) -> Result<ManyOut> {
    let Batch { project, place, presence, items } = batch;
    let ctx = client.in_project(&project).await?;
    let mut edits = Vec::with_capacity(items.len());
    for Item { path, name, given } in items {
        let change = work::complete(state, &ctx, given, presence).await?;
        let path = path.unwrap_or_else(|| place.path.clone());
        edits.push(Edit::Set { set: BatchSet { path, name, change, expected: Expected::Any }, presence });
    }
    let written = state.services.secrets.edit(&ctx, &place.environment, &edits, true).await.map_err(work::told)?;
    Ok(ManyOut { secrets: work::answers(state, &ctx, &place.environment, written).await? })
}

async fn delete(state: &ApiState, client: &Client, batch: Deletion) -> Result<ManyOut> {
    let Deletion { project, place, items } = batch;
    let ctx = client.in_project(&project).await?;
    let edits: Vec<Edit> =
        items.into_iter().map(|name| Edit::Delete(BatchDelete { path: place.path.clone(), name })).collect();
    let deleted = state.services.secrets.edit(&ctx, &place.environment, &edits, true).await?;
    Ok(ManyOut { secrets: work::answers(state, &ctx, &place.environment, deleted).await? })
}

/// Create many secrets of a folder, all or none (v3).
#[utoipa::path(post, path = "/api/v3/secrets/batch/raw", operation_id = "infisical.secretBatchesV3.create",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = BatchSchema,
    responses((status = 200, description = "The secrets", body = ManyOut)))]
async fn create_v3(
    State(state): State<ApiState>,
    client: Client,
    Body(Creation(batch)): Body<Creation>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(set(&state, &client, batch).await?))
}

/// Change many secrets, all or none (v3).
#[utoipa::path(patch, path = "/api/v3/secrets/batch/raw", operation_id = "infisical.secretBatchesV3.update",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = BatchSchema,
    responses((status = 200, description = "The secrets", body = ManyOut)))]
async fn update_v3(
    State(state): State<ApiState>,
    client: Client,
    Body(Update(batch)): Body<Update>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(set(&state, &client, batch).await?))
}

/// Delete many secrets of a folder, all or none (v3).
#[utoipa::path(delete, path = "/api/v3/secrets/batch/raw", operation_id = "infisical.secretBatchesV3.delete",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = BatchSchema,
    responses((status = 200, description = "The secrets as they were", body = ManyOut)))]
async fn delete_v3(
    State(state): State<ApiState>,
    client: Client,
    Body(batch): Body<Deletion>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(delete(&state, &client, batch).await?))
}

/// Create many secrets of a folder, all or none (v4).
#[utoipa::path(post, path = "/api/v4/secrets/batch", operation_id = "infisical.secretBatchesV4.create",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = BatchSchema,
    responses((status = 200, description = "The secrets", body = ManyOut)))]
async fn create_v4(
    State(state): State<ApiState>,
    client: Client,
    Body(Creation(batch)): Body<Creation>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(set(&state, &client, batch).await?))
}

/// Change many secrets, all or none (v4).
#[utoipa::path(patch, path = "/api/v4/secrets/batch", operation_id = "infisical.secretBatchesV4.update",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = BatchSchema,
    responses((status = 200, description = "The secrets", body = ManyOut)))]
async fn update_v4(
    State(state): State<ApiState>,
    client: Client,
    Body(Update(batch)): Body<Update>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(set(&state, &client, batch).await?))
}

/// Delete many secrets of a folder, all or none (v4).
#[utoipa::path(delete, path = "/api/v4/secrets/batch", operation_id = "infisical.secretBatchesV4.delete",
    tag = "Infisical: secrets", security(("bearer" = ["secrets:write"])), request_body = BatchSchema,
    responses((status = 200, description = "The secrets as they were", body = ManyOut)))]
async fn delete_v4(
    State(state): State<ApiState>,
    client: Client,
    Body(batch): Body<Deletion>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(delete(&state, &client, batch).await?))
}
