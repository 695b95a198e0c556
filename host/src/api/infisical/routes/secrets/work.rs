//! What the handlers of both versions do.

use super::input::{DeleteBody, Given, SecretBody, name_of_path};
use super::output::{ListOut, OneOut, SecretOut};
use super::query::{Kind, ListQuery, OneQuery};
use crate::api::etag::Tagged;
use crate::api::infisical::client::Client;
use crate::api::infisical::refusal::placed;
use crate::api::state::ApiState;
use crate::domain::id::SecretUid;
use crate::domain::name::SecretName;
use crate::domain::{Error, Expected, Result, Versioned};
use crate::service::context::TenantCtx;
use crate::service::secrets::gather::{Found, Known, Showing};
use crate::service::secrets::{BatchDelete, BatchSet, Edit, Presence, SecretChange, SecretRead, Written};

pub(super) async fn list(state: &ApiState, client: &Client, query: ListQuery) -> Result<Tagged<ListOut>> {
    let ctx = client.in_project(&query.project).await?;
    let gathered = state.services.secrets.gather(&ctx, &query.gathering).await?;
    let value = ListOut::new(ctx.tenant(), &gathered, query.gathering.showing.imports);
    Ok(Tagged::stored(Versioned { value, version: gathered.known.version }))
}

pub(super) async fn read(
    state: &ApiState,
    client: &Client,
    name: &SecretName,
    query: OneQuery,
) -> Result<Tagged<OneOut>> {
    let ctx = client.in_project(&query.project).await?;
    let OneQuery { place, kind, version, showing, .. } = query;
    let (found, known) = state.services.secrets.pick(&ctx, &place, name, showing, version).await?;
    let secret = match (&found.personal, kind) {
        (_, Kind::Shared) => shared(&ctx, &found, &known),
        (Some(personal), Kind::Personal) => {
            let is_shown = found.read.value.is_some();
            SecretOut::personal(ctx.tenant(), &found, personal, (&known, is_shown))
        }
        (None, Kind::Personal) => return Err(Error::not_found("personal override")),
    };
    Ok(Tagged::stored(Versioned { value: OneOut { secret }, version: known.version }))
}

pub(super) async fn read_by_id(
    state: &ApiState,
    client: &Client,
    uid: SecretUid,
    showing: Showing,
) -> Result<Tagged<OneOut>> {
    let ctx = client.holding(uid.as_bytes(), "secret").await?;
    let (found, known) = state.services.secrets.pick_by_uid(&ctx, uid, showing).await?;
    let value = OneOut { secret: shared(&ctx, &found, &known) };
    Ok(Tagged::stored(Versioned { value, version: known.version }))
}

/// A shared secret; an earlier version has the time at which it was written.
fn shared(ctx: &TenantCtx, found: &Found, known: &Known) -> SecretOut {
    let shown = SecretOut::shared(ctx.tenant(), found, known);
    let SecretRead { overview, version, .. } = &found.read;
    let earlier = overview.versions.iter().find(|kept| kept.number == *version && *version != overview.version());
    match earlier {
        Some(earlier) => shown.updated(earlier.created_at),
        None => shown,
    }
}

pub(super) async fn create(state: &ApiState, client: &Client, name: &str, body: SecretBody) -> Result<OneOut> {
    let name = name_of_path(name)?;
    write(state, client, name, body, Presence::Absent).await
}

pub(super) async fn update(state: &ApiState, client: &Client, name: SecretName, body: SecretBody) -> Result<OneOut> {
    write(state, client, name, body, Presence::Present).await
}

async fn write(
    state: &ApiState,
    client: &Client,
    name: SecretName,
    body: SecretBody,
    presence: Presence,
) -> Result<OneOut> {
    let SecretBody { project, place, kind, given } = body;
    let ctx = client.in_project(&project).await?;
    let change = complete(state, &ctx, given, presence).await?;
    if kind == Kind::Personal {
        let set = state.services.secrets.set_override(&ctx, &place, &name, &change, presence).await;
        let found = set.map_err(told)?;
        return personal_answer(state, &ctx, found).await;
    }
    let set = BatchSet { path: place.path, name, change, expected: Expected::Any };
    let edits = [Edit::Set { set, presence }];
    let written = state.services.secrets.edit(&ctx, &place.environment, &edits, true).await.map_err(told)?;
    answer(state, &ctx, &place.environment, written).await
}

/// What a service says of a value, in the words of this dialect.
pub(super) fn told(error: Error) -> Error {
    placed(error, |place| (place == "/value").then(|| "/secretValue".to_owned()))
}

/// The change with the tags that it names by their ids.
pub(super) async fn complete(
    state: &ApiState,
    ctx: &TenantCtx,
    given: Given,
    presence: Presence,
) -> Result<SecretChange> {
    let Given { mut change, tags } = given;
    if let Some(uids) = tags {
        change.tags = Some(state.services.tags.slugs(ctx, &uids).await?);
    }
    if presence == Presence::Absent {
        change.name = None;
    }
    Ok(change)
}

pub(super) async fn delete(state: &ApiState, client: &Client, name: SecretName, body: DeleteBody) -> Result<OneOut> {
    let DeleteBody { project, place, kind } = body;
    let ctx = client.in_project(&project).await?;
    if kind == Kind::Personal {
        let found = state.services.secrets.delete_override(&ctx, &place, &name).await?;
        return personal_answer(state, &ctx, found).await;
    }
    let edits = [Edit::Delete(BatchDelete { path: place.path, name })];
    let deleted = state.services.secrets.edit(&ctx, &place.environment, &edits, true).await?;
    answer(state, &ctx, &place.environment, deleted).await
}

async fn personal_answer(state: &ApiState, ctx: &TenantCtx, found: Found) -> Result<OneOut> {
    let found = [found];
    let known = state.services.secrets.known(ctx, &found).await?;
    let [found] = &found;
    let personal =
        found.personal.as_ref().ok_or_else(|| Error::internal("an override was written and is not there"))?;
    Ok(OneOut { secret: SecretOut::personal(ctx.tenant(), found, personal, (&known, true)) })
}

async fn answer(
    state: &ApiState,
    ctx: &TenantCtx,
    environment: &crate::domain::name::Slug,
    written: Vec<Written>,
) -> Result<OneOut> {
    let mut secrets = answers(state, ctx, environment, written).await?;
    let secret = secrets.pop().ok_or_else(|| Error::internal("a write of one secret wrote nothing"))?;
    Ok(OneOut { secret })
}

/// What was written, as it is shown.
pub(super) async fn answers(
    state: &ApiState,
    ctx: &TenantCtx,
    environment: &crate::domain::name::Slug,
    written: Vec<Written>,
) -> Result<Vec<SecretOut>> {
    let found: Vec<Found> = written
        .into_iter()
        .map(|Written { overview, path, value, .. }| {
            let version = overview.version();
            let read = SecretRead { overview, path, version, value };
            Found { environment: environment.clone(), read, personal: None }
        })
        .collect();
    let known = state.services.secrets.known(ctx, &found).await?;
    Ok(found.iter().map(|found| SecretOut::shared(ctx.tenant(), found, &known)).collect())
}
