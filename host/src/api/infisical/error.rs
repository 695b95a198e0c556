//! How a failure reads in this dialect: `{reqId, statusCode, message, error}`, and for a request of the wrong shape a list
//! of issues in place of the message.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use crate::api::problem::{self, Problem};
use crate::domain::error::Class;
use crate::domain::{Code, Error, Violation};

/// A token that is malformed, expired, revoked or not ours. Clients of this dialect tell it from a missing one by 403.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenRefused;

impl IntoResponse for TokenRefused {
    fn into_response(self) -> Response {
        let mut response = Problem::from(Code::Unauthenticated).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Every failing response of this dialect.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalError)]
pub(crate) struct ErrorDocument<'e> {
    /// The request's id, as in `X-Request-Id` and in the host's log.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    req_id: &'e str,
    #[schema(example = 404)]
    status_code: u16,
    message: Message<'e>,
    /// The kind of failure.
    #[schema(example = "NotFound")]
    error: &'static str,
    /// The rules that refused, with 403 `PermissionDenied`; always empty here: the message names the scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    details: Option<[(); 0]>,
}

/// A sentence, or with status 422 a list of issues.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Message<'e> {
    Sentence(String),
    Issues(Vec<Issue<'e>>),
}

/// One thing wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InfisicalIssue)]
struct Issue<'e> {
    /// A stable word to branch on.
    #[schema(example = "required")]
    code: &'static str,
    /// The members that lead to it.
    #[schema(example = json!(["secretPath"]))]
    path: Vec<&'e str>,
    /// What is wrong and how to mend it.
    message: &'e str,
}

impl<'e> Issue<'e> {
    fn new(violation: &'e Violation) -> Self {
        let pointer = violation.pointer.trim_start_matches(['?', '/']);
        let path = pointer.split('/').filter(|segment| !segment.is_empty()).collect();
        Self { code: violation.code, path, message: &violation.detail }
    }
}

impl<'e> ErrorDocument<'e> {
    fn new(error: &'e Error, is_token_refused: bool, req_id: &'e str) -> Self {
        let (status, name) = if is_token_refused { (StatusCode::FORBIDDEN, "TokenError") } else { kind(error) };
        let message = if status == StatusCode::UNPROCESSABLE_ENTITY {
            Message::Issues(error.violations().iter().map(Issue::new).collect())
        } else {
            Message::Sentence(sentence(error, is_token_refused))
        };
        let details = (name == "PermissionDenied").then_some([]);
        Self { req_id, status_code: status.as_u16(), message, error: name, details }
    }
}

fn sentence(error: &Error, is_token_refused: bool) -> String {
    match error.code().class() {
        _ if is_token_refused => "the token is expired, malformed or not of this host".to_owned(),
        Class::RateLimited => {
            let wait_s = error.retry_after().map_or(1, |wait| wait.as_millis().div_ceil(1000).max(1));
            format!("rate limit exceeded: try again in {wait_s} seconds")
        }
        Class::Internal => format!("something went wrong: {}", error.detail()),
        _ => error.detail().to_owned(),
    }
}

/// The status and the name of a failure. Conflicts and refusals of a plugin or of policy are all 400 in this dialect.
fn kind(error: &Error) -> (StatusCode, &'static str) {
    match error.code().class() {
        Class::Invalid if !error.violations().is_empty() => (StatusCode::UNPROCESSABLE_ENTITY, "ValidationFailure"),
        Class::Invalid
        | Class::Conflict
        | Class::PreconditionFailed
        | Class::Unprocessable
        | Class::Upstream
        | Class::Refused => (StatusCode::BAD_REQUEST, "BadRequest"),
        Class::Unauthenticated => (StatusCode::UNAUTHORIZED, "UnauthorizedError"),
        Class::Forbidden => (StatusCode::FORBIDDEN, "PermissionDenied"),
        Class::NotFound => (StatusCode::NOT_FOUND, "NotFound"),
        Class::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge"),
        Class::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType"),
        Class::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded"),
        Class::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "GatewayTimeoutError"),
        Class::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        Class::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
    }
}

/// The schemas of a failing response, by name.
pub(crate) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(ErrorDocument::name().into_owned(), ErrorDocument::schema())];
    ErrorDocument::schemas(&mut schemas);
    schemas
}

/// Writes the failing response.
pub(crate) fn render(mut response: Response, problem: &Problem, request_id: &str) -> Response {
    let error = problem.error();
    let is_token_refused = response.extensions().get::<TokenRefused>().is_some();
    let document = ErrorDocument::new(error, is_token_refused, request_id);
    *response.status_mut() = StatusCode::from_u16(document.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.remove(CONTENT_LENGTH);
    if let Some(wait_s) = problem::retry_after_s(error) {
        headers.insert(RETRY_AFTER, wait_s.into());
    }
    let bytes = serde_json::to_vec(&document).expect("an error is text and numbers");
    *response.body_mut() = Body::from(bytes);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    async fn rendered(response: Response) -> (Response, Value) {
        let problem = problem::of(&response).expect("it fails");
        let mut response = render(response, &problem, "id-1");
        let body = std::mem::take(response.body_mut()).collect().await.expect("it is in memory").to_bytes();
        (response, serde_json::from_slice(&body).expect("it is JSON"))
    }

    #[tokio::test]
    async fn every_code_has_the_dialects_shape() {
        for code in Code::ALL {
            let (response, body) = rendered(Problem::from(Error::new(*code, "what happened")).into_response()).await;
            assert_eq!(body["statusCode"], response.status().as_u16(), "{code}");
            assert_eq!(body["reqId"], "id-1");
            assert!(body["message"].is_string() && body["error"].is_string(), "{code}");
            assert_eq!(body.get("details").is_some(), body["error"] == "PermissionDenied", "{code}");
        }
    }

    #[tokio::test]
    async fn a_request_of_the_wrong_shape_is_422_with_issues() {
        let violations = vec![Violation::new("/metadata/a", "required", "is required"), Violation::new("?b", "x", "y")];
        let (response, body) = rendered(Problem::from(Error::invalid(violations)).into_response()).await;
        assert_eq!(response.status(), 422);
        assert_eq!(body["error"], "ValidationFailure");
        assert_eq!(body["message"][0], json!({"code":"required","path":["metadata","a"],"message":"is required"}));
        assert_eq!(body["message"][1]["path"], json!(["b"]));
    }

    #[tokio::test]
    async fn a_bad_token_is_403_and_a_missing_one_401() {
        let (response, body) = rendered(TokenRefused.into_response()).await;
        assert_eq!((response.status().as_u16(), &body["error"]), (403, &json!("TokenError")));
        let (response, _) = rendered(Problem::from(Code::Unauthenticated).into_response()).await;
        assert_eq!(response.status(), 401);
    }
}
