//! Secrets of an environment, by folder path and name.

mod body;

use std::str::FromStr;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use utoipa_axum::routes;

use crate::api::auth::Authorized;
use crate::api::auth::scopes::{SecretsRead, SecretsWrite};
use crate::api::dto::{Created, Done};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path, Paths, Query};
use crate::api::page::{Page, PagingParams};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::name::{FolderPath, InvalidName, SecretName, Slug};
use crate::domain::{Version, Versioned};
use crate::service::folders::Place;
use crate::service::secrets::{Effect, Listing, Position, ReadOptions, SecretChange, SecretRead};
use body::{Batch, BatchOut, BatchSchema, ListSecrets, OneSecret, SecretChangeSchema, SecretDetail, SecretOut};

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(list)).add(routes!(batch)).add(routes!(read_one, set, delete))
}

/// What of a name is encoded in a path: all but the unreserved characters (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The rest of a path: folders and name.
struct SecretPath {
    path: FolderPath,
    name: SecretName,
}

impl FromStr for SecretPath {
    type Err = InvalidName;

    fn from_str(rest: &str) -> Result<Self, InvalidName> {
        let (folder, name) = rest.rsplit_once('/').unwrap_or(("", rest));
        if folder.ends_with('/') {
            return Err(InvalidName("no folder of a path has an empty name"));
        }
        Ok(Self { path: format!("/{folder}").parse()?, name: name.parse()? })
    }
}

fn tagged(read: &SecretRead) -> Tagged<SecretDetail> {
    Tagged::stored(Versioned { version: Version::of(&read.overview), value: SecretDetail::from(read) })
}

/// List secrets: names, without values unless asked for.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/environments/{environment}/secrets", operation_id = "secrets.list",
    tag = "secrets", security(("bearer" = ["secrets:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("path" = Option<String>, Query, description = "The folder; by default the root", example = "/app"),
        ("recursive" = Option<bool>, Query, description = "Also the folders below"),
        ("imports" = Option<bool>, Query, description = "Also what the folders import"),
        ("view" = Option<String>, Query, description = "`value` gives values too; needs `secrets:reveal`, is audited"),
        ("expand" = Option<bool>, Query, description = "Follow references in the values"), PagingParams),
    responses((status = 200, description = "Secrets, by path and name", body = Page<SecretOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsRead>,
    Path(environment): Path<Slug>,
    Query(query): Query<ListSecrets>,
) -> Result<axum::Json<Page<SecretOut>>, Problem> {
    let cursors = state.services.cursors(&ctx).await?;
    let bound = query.bound(&environment);
    let bound: Vec<&[u8]> = bound.iter().map(Vec::as_slice).collect();
    let after = query.paging.cursor(&cursors, &bound)?;
    let after = after.and_then(|cursor| serde_json::from_slice::<Position>(&cursor).ok());
    let listing = Listing {
        place: Place { environment, path: query.path },
        recursive: query.recursive,
        imports: query.imports,
        options: ReadOptions { values: query.values, expand: query.expand, version: None },
        count: query.paging.count,
        after,
        limit: query.paging.size,
    };
    let page = state.services.secrets.list(&ctx, &listing).await?;
    let next = page.next.and_then(|next| serde_json::to_vec(&next).ok());
    Ok(axum::Json(Page {
        items: page.secrets.iter().map(SecretOut::from).collect(),
        next_page_token: next.map(|cursor| cursors.seal(&bound, &cursor)).unwrap_or_default(),
        total_count: page.total,
    }))
}

/// Set and delete many secrets, all or none; missing folders are made.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/environments/{environment}/secrets:batch",
    operation_id = "secrets.batch", tag = "secrets", security(("bearer" = ["secrets:write"])),
    request_body = BatchSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug")),
    responses((status = 200, description = "What became of each", body = BatchOut)))]
async fn batch(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Path(environment): Path<Slug>,
    Json(Batch { sets, deletes }): Json<Batch>,
) -> Result<axum::Json<BatchOut>, Problem> {
    let written = state.services.secrets.batch(&ctx, &environment, &sets, &deletes).await?;
    Ok(axum::Json(BatchOut::new(&written, deletes.len())))
}

/// Read a secret: without its value unless asked for.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/environments/{environment}/secrets/{*secret}",
    operation_id = "secrets.read", tag = "secrets", security(("bearer" = ["secrets:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("secret" = String, Path, description = "Folder path and name; its slashes may be encoded", example = "app/db/DATABASE_URL"),
        ("view" = Option<String>, Query, description = "`value` gives the value too; needs `secrets:reveal`, is audited"),
        ("version" = Option<i64>, Query, description = "An earlier version"),
        ("expand" = Option<bool>, Query, description = "Follow references in the value")),
    responses((status = 200, description = "The secret", body = SecretDetail)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsRead>,
    Paths(environment, secret): Paths<Slug, SecretPath>,
    Query(OneSecret(options)): Query<OneSecret>,
) -> Result<Response, Problem> {
    let place = Place { environment, path: secret.path };
    let read = state.services.secrets.read(&ctx, &place, &secret.name, options).await?;
    if options.expand {
        // The value changes with what it refers to, of which the secret's own tag tells nothing.
        return Ok(axum::Json(SecretDetail::from(&read)).into_response());
    }
    Ok(tagged(&read).into_response())
}

/// Set a secret; missing folders are made, and what is left out stays as it is.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/environments/{environment}/secrets/{*secret}",
    operation_id = "secrets.set", tag = "secrets", security(("bearer" = ["secrets:write"])),
    request_body = SecretChangeSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("secret" = String, Path, description = "Folder path and name; its slashes may be encoded", example = "app/db/DATABASE_URL"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only where there is no such secret yet")),
    responses((status = 201, description = "It was made", body = SecretDetail),
        (status = 200, description = "It was changed, or was so already", body = SecretDetail)))]
async fn set(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Paths(environment, secret): Paths<Slug, SecretPath>,
    IfMatch(expected): IfMatch,
    Json(change): Json<SecretChange>,
) -> Result<Response, Problem> {
    let place = Place { environment, path: secret.path };
    let written = state.services.secrets.set(&ctx, &place, &secret.name, change, &expected).await?;
    let version = written.overview.version();
    let read = SecretRead { overview: written.overview, path: written.path, version, value: None };
    let resource = tagged(&read);
    if written.effect != Effect::Created {
        return Ok((StatusCode::OK, resource).into_response());
    }
    let folder = place.path.to_string();
    let folder = folder.trim_end_matches('/');
    let name = utf8_percent_encode(secret.name.as_str(), RESERVED);
    let location = format!("/v1/tenants/{}/environments/{}/secrets{folder}/{name}", ctx.slug(), place.environment);
    Ok(Created { location, resource }.into_response())
}

/// Delete a secret with all its versions.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/environments/{environment}/secrets/{*secret}",
    operation_id = "secrets.delete", tag = "secrets", security(("bearer" = ["secrets:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("secret" = String, Path, description = "Folder path and name; its slashes may be encoded", example = "app/db/DATABASE_URL"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is gone")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Paths(environment, secret): Paths<Slug, SecretPath>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    let place = Place { environment, path: secret.path };
    state.services.secrets.delete(&ctx, &place, &secret.name, &expected).await?;
    Ok(Done)
}
