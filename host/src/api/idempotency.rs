//! `Idempotency-Key` on POST: the middleware reads key and body, authorisation begins the claim, and a request that has
//! acted before is answered with its status and ids, never with values.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::extract::{BODY_BYTES_MAX, BODY_TIMEOUT, is_json_request, read_within};
use super::problem::Problem;
use super::state::ApiState;
use crate::domain::access::Principal;
use crate::domain::error::violation;
use crate::domain::id::TenantUid;
use crate::domain::{Error, Result, Violation};
use crate::service::idempotency::{Answer, Beginning, Claim, Request as Named, in_flight};

/// The header of the key.
pub(crate) const HEADER: &str = "idempotency-key";
/// Tells that nothing was done this time.
const REPLAYED_HEADER: &str = "idempotency-replayed";
const KEY_BYTES_MAX: usize = 255;

/// Requests with a key that this process works on.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashSet<Vec<u8>>>);

/// What a request with a key has of it, in the request's extensions and in the middleware.
#[derive(Clone)]
pub(crate) struct Keyed(Arc<KeyedRequest>);

struct KeyedRequest {
    key: String,
    route: String,
    digest: [u8; 32],
    state: ApiState,
    claim: Mutex<Option<Arc<Claim>>>,
}

impl Drop for KeyedRequest {
    fn drop(&mut self) {
        let claim = self.claim.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(claim) = claim {
            self.state.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).remove(claim.row().as_bytes());
        }
    }
}

/// Reads the key and the body of a POST that has one, and puts the body back.
///
/// # Errors
/// As reading any JSON body, and `invalid_request` for a key that is none.
pub(crate) async fn keyed(state: &ApiState, request: Request) -> Result<(Request, Option<Keyed>)> {
    let key = request.headers().get(HEADER);
    let route = request.extensions().get::<MatchedPath>();
    let (Some(key), Some(route), &Method::POST) = (key, route, request.method()) else { return Ok((request, None)) };
    // Uploads are named by their digest already, and are not held in memory for this.
    if !is_json_request(&request) {
        return Ok((request, None));
    }
    let key = key.to_str().ok().map(|key| key.trim().trim_matches('"')).filter(|key| is_key(key));
    let key = key.ok_or_else(malformed)?.to_owned();
    let route = route.as_str().to_owned();
    let mut digest = Sha256::new_with_prefix(request.uri().path());
    let (parts, body) = request.into_parts();
    let bytes = read_within(Request::from_parts(parts.clone(), body), BODY_BYTES_MAX, BODY_TIMEOUT).await?;
    digest.update([0]);
    digest.update(&bytes);
    let digest = digest.finalize().into();
    let keyed = Keyed(Arc::new(KeyedRequest { key, route, digest, state: state.clone(), claim: Mutex::default() }));
    let mut request = Request::from_parts(parts, Body::from(bytes));
    request.extensions_mut().insert(keyed.clone());
    Ok((request, Some(keyed)))
}

fn is_key(key: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn malformed() -> Error {
    let detail = format!("must be 1 to {KEY_BYTES_MAX} visible ASCII characters");
    Error::invalid(vec![Violation::new("Idempotency-Key", violation::MALFORMED, detail)])
}

impl Keyed {
    /// Begins the request for a principal that was authorised.
    ///
    /// # Errors
    /// [`Turned`]: it has acted already, acts now, or the key was used for another.
    pub(crate) async fn begin(&self, tenant: TenantUid, principal: &Principal) -> Result<Arc<Claim>, Turned> {
        let KeyedRequest { key, route, digest, state, .. } = &*self.0;
        let claim = match state.services.idempotency.begin(tenant, principal, Named { route, key, digest }).await? {
            Beginning::Answered(answer) => return Err(Turned::Answered(answer)),
            Beginning::Claimed(claim) => claim,
        };
        let mut working = state.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !working.insert(claim.row().as_bytes().to_vec()) {
            return Err(in_flight().into());
        }
        *self.0.claim.lock().unwrap_or_else(PoisonError::into_inner) = Some(claim.clone());
        Ok(claim)
    }

    /// Remembers what was answered.
    pub(crate) async fn settle(&self, response: Response) -> Response {
        let claim = self.0.claim.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(claim), true) = (claim, response.status().is_success()) else { return response };
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let status = response.status().as_u16();
        if let Err(error) = self.0.state.services.idempotency.settle(&claim, status, location).await {
            tracing::warn!(error.code = %error.code(), "the answer to an idempotent request is not remembered");
        }
        response
    }
}

/// A request that does not reach its handler.
#[derive(Debug)]
pub(crate) enum Turned {
    Refused(Problem),
    Answered(Answer),
}

impl From<Problem> for Turned {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<Error> for Turned {
    fn from(error: Error) -> Self {
        Self::Refused(error.into())
    }
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(problem) => problem.into_response(),
            Self::Answered(answer) => answered(answer),
        }
    }
}

fn answered(answer: Answer) -> Response {
    let status = answer.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let last = answer.location.as_deref().and_then(|location| location.rsplit('/').next()).map(ToOwned::to_owned);
    let body = json!({"id": last.unwrap_or(answer.resource)});
    let mut response = match status {
        StatusCode::NO_CONTENT => status.into_response(),
        status => (status, axum::Json(body)).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(REPLAYED_HEADER), HeaderValue::from_static("true"));
    if let Some(location) = answer.location.and_then(|location| HeaderValue::try_from(location).ok()) {
        headers.insert(LOCATION, location);
    }
    response
}
