//! Live options, under the paths and in the shapes that clients expect.

use axum::extract::State;
use http::Uri;
use keyferry_contract::{InfisicalChoices, LegacyScope};
use serde_json::{Map, Value};
use utoipa_axum::routes;

use super::{NO_SUCH, found};
use crate::api::extract::Paths3;
use crate::api::infisical::client::Client;
use crate::api::infisical::refusal::placed;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::ConnectionUid;
use crate::domain::{Error, Result};
use crate::service::connections::{ChoiceQuery, ChoiceScope};
use crate::service::context::TenantCtx;
use crate::service::integrations::AppFacade;

/// Pages of options that one answer is put together from.
const PAGES_MAX: usize = 20;

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(choices))
}

/// Live options for a member of a sync, such as `kms-keys`.
#[utoipa::path(get, path = "/api/v1/app-connections/{app}/{connectionId}/{choices}",
    operation_id = "infisical.appConnections.choices",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:write", "integrations:read"])),
    params(("app" = String, Path, description = "The app, such as `aws`"),
        ("connectionId" = String, Path, description = "The connection's UUID"),
        ("choices" = String, Path, description = "What the plugin declares, such as `kms-keys`"),
        ("region" = Option<String>, Query, description = "As the plugin declares for these options")),
    responses((status = 200, description = "A list under the member that the plugin declares, such as `kmsKeys`",
        body = Object, example = json!({"kmsKeys": [{"id": "alias/app", "alias": "alias/app"}]}))))]
async fn choices(
    State(state): State<ApiState>,
    client: Client,
    Paths3(app, uid, path): Paths3<String, ConnectionUid, String>,
    uri: Uri,
) -> Result<axum::Json<Value>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let app = found(&state, &ctx, (&app, uid)).await?.app;
    let declared = app.facade.names().choices.iter().find(|choices| choices.path == path);
    let declared = declared.ok_or_else(|| Error::not_found("list of options"))?;
    let query = app.facade.query(declared, &members(&uri));
    let items = ask(&state, &ctx, (&app, uid, declared), query).await;
    let items = items.map_err(|error| {
        placed(error, |place| {
            let parameter = place.strip_prefix("/parameters/")?;
            let field = declared.query.iter().find(|field| field.parameter == parameter)?;
            Some(format!("?{}", field.field))
        })
    })?;
    Ok(axum::Json(Value::Object(Map::from_iter([(declared.list.clone(), Value::Array(items))]))))
}

fn members(uri: &Uri) -> Map<String, Value> {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.map(|(name, value)| (name.into_owned(), Value::String(value.trim().to_owned()))).collect()
}

async fn ask(
    state: &ApiState,
    ctx: &TenantCtx,
    (app, uid, declared): (&AppFacade, ConnectionUid, &InfisicalChoices),
    mapped: crate::domain::integration::facade::MappedDestination,
) -> Result<Vec<Value>> {
    let is_of_connection = declared.scope == LegacyScope::Connection;
    let mut query = ChoiceQuery {
        scope: if is_of_connection { ChoiceScope::Connection } else { ChoiceScope::Destination },
        parameter: declared.parameter.clone(),
        known: if is_of_connection { mapped.parameters.clone() } else { mapped.destination },
        chosen: mapped.parameters,
        cursor: None,
    };
    let mut items = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = state.services.connections.choices(ctx, &app.integration, uid, &query).await?;
        items.extend(page.choices.into_iter().map(|choice| {
            let members =
                [(declared.value.clone(), choice.value.into()), (declared.label.clone(), choice.label.into())];
            Value::Object(Map::from_iter(members))
        }));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    Ok(items)
}
