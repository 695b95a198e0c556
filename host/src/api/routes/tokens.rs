//! Access tokens, and who one is here.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::auth::{Authenticated, Authorized, scopes};
use crate::api::extract::{Json, Peer};
use crate::api::fields::{Fields, Read, read};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::Secret;
use crate::domain::access::PrincipalSource;

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(exchange)).add(routes!(who_am_i))
}

/// A client's credentials.
#[derive(ToSchema)]
#[schema(as = TokenIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `ClientCredentials` reads")]
struct ClientCredentialsSchema {
    /// The identity's id.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    client_id: String,
    /// A client secret of the identity.
    #[schema(example = "kf_secret_...")]
    client_secret: String,
}

pub(crate) struct ClientCredentials {
    client_id: String,
    client_secret: Secret<String>,
}

impl Read for ClientCredentials {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let client_id = fields.required("clientId", read::text(200));
        let client_secret = fields.required("clientSecret", read::secret(200));
        Some(Self { client_id: client_id?, client_secret: client_secret? })
    }
}

/// An access token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TokenOut {
    /// Sent as `Authorization: Bearer`.
    access_token: String,
    /// How long it is good for, in seconds.
    #[schema(example = 2_592_000)]
    expires_in: u64,
    #[schema(example = "Bearer")]
    token_type: &'static str,
}

/// Exchange a client id and a client secret for an access token.
#[utoipa::path(post, path = "/v1/auth:token", operation_id = "tokens.create", tag = "access", security(()),
    request_body = ClientCredentialsSchema,
    responses((status = 200, description = "An access token", body = TokenOut)))]
async fn exchange(
    State(state): State<ApiState>,
    Peer { address, .. }: Peer,
    Json(credentials): Json<ClientCredentials>,
) -> Result<axum::Json<TokenOut>, Problem> {
    let issued = state.services.access.exchange(&credentials.client_id, &credentials.client_secret, address).await?;
    Ok(axum::Json(TokenOut {
        access_token: issued.token.expose().clone(),
        expires_in: issued.expires_in_s,
        token_type: "Bearer",
    }))
}

/// Who a credential belongs to, and what it may do in one tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WhoAmI {
    /// How the request was authenticated.
    #[schema(value_type = String, example = "ACCESS_TOKEN")]
    authentication_source: PrincipalSource,
    tenant_id: String,
    #[schema(example = "acme")]
    tenant: String,
    /// The identity's id.
    user_id: String,
    #[schema(example = "ci")]
    user_name: String,
    /// Identities are machines: always null.
    email: Option<String>,
    api_key_name: Option<String>,
    #[schema(example = json!(["secrets:read"]))]
    scopes: Vec<&'static str>,
    /// When the credential ends, in Unix milliseconds.
    expires_at: i64,
    /// The same for an API key; null for an access token.
    api_key_expires_at: Option<i64>,
}

/// Check one's own credential against a tenant.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/auth/health", operation_id = "tokens.check", tag = "access",
    params(("tenant" = String, Path, description = "The tenant's id")), security(("bearer" = [])),
    responses((status = 200, description = "The credential is good here", body = WhoAmI)))]
async fn who_am_i(
    Authenticated { caller, .. }: Authenticated,
    ctx: Authorized<scopes::Membership>,
) -> axum::Json<WhoAmI> {
    let expires_at = caller.expires_at().unix_ms();
    axum::Json(WhoAmI {
        authentication_source: ctx.principal().source,
        tenant_id: ctx.tenant().to_string(),
        tenant: ctx.slug().to_string(),
        user_id: ctx.principal().identity.to_string(),
        user_name: ctx.principal().name.clone(),
        email: None,
        api_key_name: caller.api_key_name().map(ToOwned::to_owned),
        scopes: ctx.scopes().iter().map(|scope| scope.text()).collect(),
        expires_at,
        api_key_expires_at: caller.api_key_name().map(|_| expires_at),
    })
}
