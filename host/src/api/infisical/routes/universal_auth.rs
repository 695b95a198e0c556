//! Universal auth: a client id and a client secret for an access token.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::extract::Body;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::Secret;
use crate::service::access::AccessToken;

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(log_in))
}

/// A client's credentials.
#[derive(ToSchema)]
#[schema(as = InfisicalLogin, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Login` reads")]
struct LoginSchema {
    /// The identity's id.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    client_id: String,
    /// A client secret of the identity.
    #[schema(example = "kf_secret_...")]
    client_secret: String,
}

struct Login {
    client_id: String,
    client_secret: Secret<String>,
}

impl Read for Login {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let client_id = fields.required("clientId", read::text(200));
        let client_secret = fields.required("clientSecret", read::secret(200));
        Some(Self { client_id: client_id?, client_secret: client_secret? })
    }
}

/// An access token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalAccessToken)]
struct TokenOut {
    /// Sent as `Authorization: Bearer`.
    access_token: String,
    /// How long it is good for, in seconds.
    #[schema(example = 2_592_000)]
    expires_in: u64,
    /// How long it can be good for at most, by renewals, in seconds.
    #[serde(rename = "accessTokenMaxTTL")]
    #[schema(example = 2_592_000)]
    access_token_max_ttl: u64,
    #[schema(example = "Bearer")]
    token_type: &'static str,
}

impl From<AccessToken> for TokenOut {
    fn from(issued: AccessToken) -> Self {
        Self {
            access_token: issued.token.expose().clone(),
            expires_in: issued.expires_in_s,
            access_token_max_ttl: issued.expires_in_s,
            token_type: "Bearer",
        }
    }
}

/// Log in as a machine identity.
#[utoipa::path(post, path = "/api/v1/auth/universal-auth/login", operation_id = "infisical.universalAuth.logIn",
    tag = "Infisical: auth", security(()), request_body = LoginSchema,
    responses((status = 200, description = "An access token", body = TokenOut)))]
async fn log_in(State(state): State<ApiState>, Body(login): Body<Login>) -> Result<axum::Json<TokenOut>, Problem> {
    let issued = state.services.access.exchange(&login.client_id, &login.client_secret).await?;
    Ok(axum::Json(issued.into()))
}
