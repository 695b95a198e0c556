//! What describes how a credential is applied, for those who build integrations.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::auth::Authenticated;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::domain::Error;
use crate::service::auth_settings;

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(settings))
}

/// The settings of one auth type.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuthSettingsOut {
    /// Each with all members of a parameter.
    #[schema(value_type = Vec<Object>)]
    parameters_metadata: Vec<keyferry_contract::Parameter>,
}

/// Read, per auth type, which settings tell how its credential is applied.
#[utoipa::path(get, path = "/v1/authMetadata:settings", operation_id = "authMetadata.settings", tag = "integrations",
    security(("bearer" = [])),
    responses((status = 200, description = "Settings by auth type", body = BTreeMap<String, AuthSettingsOut>)))]
async fn settings(_: Authenticated) -> Result<axum::Json<BTreeMap<String, AuthSettingsOut>>, Problem> {
    let mut by_type = BTreeMap::new();
    for scheme in auth_settings::SCHEMES {
        let name = serde_json::to_value(scheme).map_err(Error::internal)?;
        let name = name.as_str().unwrap_or_default().to_owned();
        by_type.insert(name, AuthSettingsOut { parameters_metadata: auth_settings::settings(scheme) });
    }
    Ok(axum::Json(by_type))
}
