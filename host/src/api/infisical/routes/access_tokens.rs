//! Access tokens that their holder renews or gives up. The token stands in the body and is its own proof.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::universal_auth::TokenOut;
use crate::api::extract::Peer;
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::error::TokenRefused;
use crate::api::infisical::extract::Body;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::{Code, Error, Secret};

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(renew)).add(routes!(revoke))
}

/// More than any token has.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// An access token.
#[derive(ToSchema)]
#[schema(as = InfisicalHeldToken, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Held` reads")]
struct HeldSchema {
    #[schema(example = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9...")]
    access_token: String,
}

struct Held(Secret<String>);

impl Read for Held {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(fields.required("accessToken", read::secret(TOKEN_BYTES_MAX))?))
    }
}

/// A token that is not good is told as such; every other failure is what it is.
enum Refused {
    Token(TokenRefused),
    Problem(Problem),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error.code() {
            Code::Unauthenticated => Self::Token(TokenRefused),
            _ => Self::Problem(error.into()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Token(refused) => refused.into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// Renew an access token: one that follows it, up to the identity's greatest lifetime since the first was issued.
#[utoipa::path(post, path = "/api/v1/auth/token/renew", operation_id = "infisical.accessTokens.renew",
    tag = "Infisical: auth", security(()), request_body = HeldSchema,
    responses((status = 200, description = "A token that follows", body = TokenOut)))]
async fn renew(
    State(state): State<ApiState>,
    Peer { address, .. }: Peer,
    Body(Held(token)): Body<Held>,
) -> Result<axum::Json<TokenOut>, Refused> {
    Ok(axum::Json(state.services.access.renew(&token, address).await?.into()))
}

/// What was done.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalMessage)]
struct Message {
    #[schema(example = "the access token is revoked")]
    message: &'static str,
}

/// Revoke an access token, and all that were renewed from it or before it.
#[utoipa::path(post, path = "/api/v1/auth/token/revoke", operation_id = "infisical.accessTokens.revoke",
    tag = "Infisical: auth", security(()), request_body = HeldSchema,
    responses((status = 200, description = "It is refused from now on", body = Message)))]
async fn revoke(
    State(state): State<ApiState>,
    Peer { address, request_id }: Peer,
    Body(Held(token)): Body<Held>,
) -> Result<axum::Json<Message>, Refused> {
    state.services.access.revoke(&token, address, request_id.as_str()).await?;
    Ok(axum::Json(Message { message: "the access token is revoked" }))
}
