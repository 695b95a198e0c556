//! Who calls, and in which project: routes of this dialect name it in the query, in the body, or not at all.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::error::TokenRefused;
use crate::api::auth::{API_KEY_HEADER, Authenticated};
use crate::api::middleware::RequestId;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::{Code, Result};
use crate::service::access::Caller;
use crate::service::context::TenantCtx;

/// Somebody whose credential is good, and the way from there to what it may do.
pub(crate) struct Client {
    caller: Caller,
    request_id: RequestId,
    state: ApiState,
}

impl Client {
    /// Who calls.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The request's id.
    pub(crate) fn request_id(&self) -> &str {
        self.request_id.as_str()
    }

    /// The caller in the project with this UUID or slug.
    ///
    /// # Errors
    /// `not_found`, the same for a project that does not exist and for one that the caller has no part in.
    pub(crate) async fn in_project(&self, project: &str) -> Result<TenantCtx> {
        let found = self.state.services.access.authorise_project(&self.caller, project, self.request_id()).await;
        found.inspect(note)
    }

    /// The caller in the project that holds the record with this uid; `what` names the kind of record in a refusal.
    ///
    /// # Errors
    /// `not_found`, the same for a record that does not exist and for one of a project that the caller has no part in.
    pub(crate) async fn holding(&self, uid: &[u8; 16], what: &'static str) -> Result<TenantCtx> {
        let found = self.state.services.access.authorise_holder(&self.caller, uid, what, self.request_id()).await;
        found.inspect(note)
    }

    /// The caller in the named project, else in its home: where things go that are made without naming one.
    ///
    /// # Errors
    /// `not_found`; `invalid_request` where none is named and there is no home.
    pub(crate) async fn in_project_or_home(&self, project: Option<&str>) -> Result<TenantCtx> {
        match project {
            Some(project) => self.in_project(project).await,
            None => self.state.services.access.authorise_home(&self.caller, self.request_id()).await.inspect(note),
        }
    }
}

fn note(ctx: &TenantCtx) {
    tracing::Span::current().record("tenant.id", ctx.slug().as_str());
}

/// Why a request has no client.
#[derive(Debug)]
pub(crate) enum NoClient {
    /// Nothing was presented, or the host fails.
    Problem(Problem),
    /// What was presented is not good.
    Token(TokenRefused),
}

impl IntoResponse for NoClient {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Token(refused) => refused.into_response(),
        }
    }
}

impl FromRequestParts<ApiState> for Client {
    type Rejection = NoClient;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, NoClient> {
        let presents = parts.headers.contains_key(AUTHORIZATION) || parts.headers.contains_key(API_KEY_HEADER);
        match Authenticated::from_request_parts(parts, state).await {
            Ok(Authenticated { caller, request_id }) => Ok(Self { caller, request_id, state: state.clone() }),
            Err(problem) if presents && problem.error().code() == Code::Unauthenticated => {
                Err(NoClient::Token(TokenRefused))
            }
            Err(problem) => Err(NoClient::Problem(problem)),
        }
    }
}
