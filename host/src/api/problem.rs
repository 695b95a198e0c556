//! The only constructor of failing responses: `application/problem+json` (RFC 9457).
//!
//! A handler fails with a [`Problem`]; the outermost middleware writes the body, because only it knows the request's id.
//! Titles are fixed, details are public by construction of `domain::Error`, and nothing of the request is repeated.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::error::{Class, Retry};
use crate::domain::{Code, Error};

/// The media type of every failing response.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// How long to wait where nothing better is known.
const RETRY_AFTER_DEFAULT_S: u64 = 1;

/// A failure on its way out of a handler.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Arc<Error>);

impl Problem {
    pub(crate) fn error(&self) -> &Error {
        &self.0
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Error::new(code, code.title()).into()
    }
}

impl IntoResponse for Problem {
    /// A response without a body, which carries the failure for [`render`].
    fn into_response(self) -> Response {
        let mut response = status(self.0.code()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The failure that a response stands for; none when it is no failure.
///
/// What failed without a [`Problem`] (the framework's own answers) is named by its status.
pub(crate) fn of(response: &Response) -> Option<Problem> {
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    let code = match response.status() {
        status if !status.is_client_error() && !status.is_server_error() => return None,
        StatusCode::NOT_FOUND => Code::RouteNotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        StatusCode::REQUEST_TIMEOUT => Code::RequestTimeout,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        status if status.is_client_error() => Code::InvalidRequest,
        _ => Code::Internal,
    };
    Some(code.into())
}

/// Writes the failing response; headers that were set already (`Allow`) stay.
pub(crate) fn render(mut response: Response, problem: &Problem, request_id: &str) -> Response {
    let error = problem.error();
    let status = status(error.code());
    let document = ProblemDocument::new(error, status, request_id);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.remove(http::header::CONTENT_LENGTH);
    if let Some(wait_s) = retry_after_s(error) {
        headers.insert(RETRY_AFTER, wait_s.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let bytes = serde_json::to_vec(&document).expect("a problem is text and numbers");
    *response.body_mut() = Body::from(bytes);
    response
}

/// How long the caller is asked to wait, in seconds.
pub(crate) fn retry_after_s(error: &Error) -> Option<u64> {
    let wait = error.retry_after().map(|wait| wait.as_millis().div_ceil(1000));
    match error.code().class() {
        Class::RateLimited | Class::Unavailable => {
            Some(wait.map_or(RETRY_AFTER_DEFAULT_S, |s| u64::try_from(s).unwrap_or(u64::MAX).max(1)))
        }
        _ => wait.map(|s| u64::try_from(s).unwrap_or(u64::MAX)),
    }
}

/// The status of a code: that of its class, but for the few that HTTP names more exactly.
pub(crate) fn status(code: Code) -> StatusCode {
    match code {
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        code => class_status(code.class()),
    }
}

const fn class_status(class: Class) -> StatusCode {
    match class {
        Class::Invalid => StatusCode::BAD_REQUEST,
        Class::Unauthenticated => StatusCode::UNAUTHORIZED,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Conflict | Class::Refused => StatusCode::CONFLICT,
        Class::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Class::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Class::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Class::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Class::Upstream => StatusCode::BAD_GATEWAY,
        Class::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Every failing response (RFC 9457). All members are always present.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'e> {
    /// Names the kind of problem; `code` is its last part.
    #[serde(rename = "type")]
    #[schema(example = "urn:keyferry:problem:not_found")]
    kind: String,
    /// What the code means, the same for every occurrence.
    #[schema(example = "There is no such thing")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What is wrong this time.
    #[schema(example = "there is no such sync")]
    detail: &'e str,
    /// The request's id, as in `X-Request-Id` and in the host's log.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    instance: &'e str,
    /// A stable word to branch on.
    #[schema(example = "not_found")]
    code: &'static str,
    /// Whether the same request may succeed later: `never` or `later`.
    #[schema(example = "never")]
    retry: &'static str,
    /// Everything wrong with the request.
    errors: Vec<ViolationDocument<'e>>,
}

/// One thing wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Violation)]
pub(crate) struct ViolationDocument<'e> {
    /// A JSON Pointer (RFC 6901) into the body, or `?name` for a query parameter.
    #[schema(example = "/displayName")]
    pointer: &'e str,
    /// A stable word to branch on.
    #[schema(example = "too_long")]
    code: &'static str,
    /// What is wrong and how to mend it.
    #[schema(example = "must have at most 100 characters")]
    detail: &'e str,
}

impl<'e> ProblemDocument<'e> {
    fn new(error: &'e Error, status: StatusCode, instance: &'e str) -> Self {
        let code = error.code();
        let errors = error.violations().iter().map(|violation| ViolationDocument {
            pointer: &violation.pointer,
            code: violation.code,
            detail: &violation.detail,
        });
        Self {
            kind: format!("urn:keyferry:problem:{code}"),
            title: code.title(),
            status: status.as_u16(),
            detail: error.detail(),
            instance,
            code: code.text(),
            retry: match code.retry() {
                Retry::Never => "never",
                Retry::Later => "later",
            },
            errors: errors.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Violation;
    use http_body_util::BodyExt as _;

    async fn rendered(error: Error) -> (Response, serde_json::Value) {
        let response = Problem::from(error).into_response();
        let problem = of(&response).expect("it fails");
        let mut response = render(response, &problem, "id-1");
        let body = std::mem::take(response.body_mut()).collect().await.expect("it is in memory").to_bytes();
        (response, serde_json::from_slice(&body).expect("it is JSON"))
    }

    #[tokio::test]
    async fn every_code_has_all_members_and_its_status() {
        for code in Code::ALL {
            let (response, body) = rendered(Error::new(*code, "what happened")).await;
            assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE, "{code}");
            assert_eq!(body["type"], format!("urn:keyferry:problem:{code}"));
            assert_eq!(body["title"], code.title());
            assert_eq!(body["status"], response.status().as_u16());
            assert_eq!(body["detail"], "what happened");
            assert_eq!(body["instance"], "id-1");
            assert_eq!(body["code"], code.text());
            assert_eq!(body["errors"], serde_json::json!([]));
            let waits = matches!(response.status().as_u16(), 429 | 503);
            assert_eq!(response.headers().contains_key(RETRY_AFTER), waits, "{code}");
        }
    }

    #[tokio::test]
    async fn violations_are_listed() {
        let (response, body) = rendered(Error::invalid(vec![
            Violation::new("/a", "required", "is required"),
            Violation::new("?b", "malformed", "is malformed"),
        ]))
        .await;
        assert_eq!(response.status(), 400);
        assert_eq!(body["errors"][0], serde_json::json!({"pointer":"/a","code":"required","detail":"is required"}));
        assert_eq!(body["errors"][1]["pointer"], "?b");
    }

    #[tokio::test]
    async fn waiting_times_are_whole_seconds_and_never_too_short() {
        let error = Error::new(Code::RateLimited, "slow down").with_retry_after(std::time::Duration::from_millis(1001));
        assert_eq!(rendered(error).await.0.headers()[RETRY_AFTER], "2");
    }

    #[tokio::test]
    async fn the_cause_stays_in_the_log() {
        let (_, body) = rendered(Error::internal(std::io::Error::other("hunter2"))).await;
        assert!(!body.to_string().contains("hunter2"));
    }
}
