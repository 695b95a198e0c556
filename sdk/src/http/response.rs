//! What the vendor answered, and how it becomes a typed error.

use std::fmt;

use serde::de::DeserializeOwned;

use super::{Header, Method, date};
use crate::{Error, ErrorKind};

/// The names under which vendors send the id that their support asks for.
const REQUEST_ID_HEADERS: [&str; 8] = [
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-request-id",
    "request-id",
    "x-ms-request-id",
    "x-github-request-id",
    "x-correlation-id",
    "cf-ray",
];

/// The host waits at most an hour for a vendor, so a longer hint tells nothing more; also keeps the sum from overflowing.
const RETRY_AFTER_SECONDS_MAX: u64 = 24 * 60 * 60;

/// An answer, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<Header>,
    body: Vec<u8>,
    method: Method,
}

impl Response {
    pub(crate) fn new(status: u16, headers: Vec<Header>, body: Vec<u8>) -> Self {
        Self { status, headers, body, method: Method::Get }
    }

    pub(crate) fn answering(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The value of the first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
    }

    /// Every header, in the order of the answer.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The body as it came.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body, decoded from JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Other`] if the body is not JSON of that shape. The text names the place, never the content.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            self.annotate(Error::other(format!("the answer is not the JSON that was expected ({place})")))
        })
    }

    /// The answer itself when its status is 2xx, else [`error`](Self::error).
    ///
    /// # Errors
    /// The error that the status stands for.
    pub fn success(self) -> Result<Self, Error> {
        if self.is_success() { Ok(self) } else { Err(self.error()) }
    }

    /// The error that the status stands for, with `Retry-After` and the vendor's request id; the body is not looked at.
    ///
    /// A request that may change something and is answered with 408, 500, 502 or 504 may have been carried out all the
    /// same; the error says so.
    pub fn error(&self) -> Error {
        let error = self.annotate(Error::new(
            ErrorKind::from_status(self.status),
            format!("the vendor answered with status {}", self.status),
        ));
        let is_vague = matches!(self.status, 408 | 500 | 502 | 504);
        if is_vague && !self.method.is_safe() { error.with_unknown_outcome() } else { error }
    }

    /// Adds what the answer tells beside its body: status, `Retry-After` and request id.
    pub fn annotate(&self, mut error: Error) -> Error {
        error = error.with_http_status(self.status);
        if let Some(retry_after_ms) = self.retry_after_ms() {
            error = error.with_retry_after_ms(retry_after_ms);
        }
        match self.request_id() {
            Some(request_id) => error.with_request_id(request_id),
            None => error,
        }
    }

    /// `Retry-After` in milliseconds, in both forms of RFC 9110, 10.2.3; a date is taken relative to the answer's own `Date`.
    pub fn retry_after_ms(&self) -> Option<u32> {
        let value = self.header("retry-after")?.trim();
        let seconds = match value.parse::<u64>() {
            Ok(seconds) => seconds,
            Err(_) => {
                let until = date::parse_unix_seconds(value)?;
                let now = date::parse_unix_seconds(self.header("date")?)?;
                until.saturating_sub(now)
            }
        };
        u32::try_from(seconds.min(RETRY_AFTER_SECONDS_MAX) * 1000).ok()
    }

    /// The vendor's request id, under whichever of the usual names.
    pub fn request_id(&self) -> Option<&str> {
        REQUEST_ID_HEADERS.iter().find_map(|name| self.header(name))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let header = |(name, value): &(&str, &str)| Header { name: (*name).to_owned(), value: (*value).to_owned() };
        Response::new(status, headers.iter().map(header).collect(), body.as_bytes().to_vec())
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let date = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
        type Headers<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Headers<'_>, Option<u32>); 7] = [
            (&[("retry-after", "7")], Some(7_000)),
            (&[("Retry-After", " 0 ")], Some(0)),
            (&[("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT"), date], Some(30_000)),
            (&[("Retry-After", "Sun, 06 Nov 1994 08:00:00 GMT"), date], Some(0)),
            (&[("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT")], None),
            (&[("Retry-After", "soon"), date], None),
            (&[("Retry-After", "99999999999999")], Some(86_400_000)),
        ];
        for (headers, expected) in cases {
            assert_eq!(response(429, headers, "").retry_after_ms(), expected, "{headers:?}");
        }
    }

    #[test]
    fn an_error_carries_status_hint_and_request_id() {
        let error = response(429, &[("Retry-After", "2"), ("x-amzn-RequestId", "r-1")], "secret body").error();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.http_status(), Some(429));
        assert_eq!(error.retry_after_ms(), Some(2_000));
        assert_eq!(error.request_id(), Some("r-1"));
        assert!(!error.message().contains("secret"));
    }

    #[test]
    fn a_vague_answer_to_a_write_leaves_its_outcome_unknown() {
        assert!(response(504, &[], "").answering(Method::Put).error().is_outcome_unknown());
        assert!(!response(504, &[], "").answering(Method::Get).error().is_outcome_unknown());
        assert!(!response(503, &[], "").answering(Method::Put).error().is_outcome_unknown());
    }

    #[test]
    fn a_json_error_names_the_place_and_not_the_content() {
        let error = response(200, &[], r#"{"a": "top-secret"}"#).json::<Vec<u8>>().expect_err("an object is no list");
        assert!(!error.message().contains("top-secret"), "{error}");
        assert!(error.message().contains("line 1"), "{error}");
    }

    #[test]
    fn redirects_and_client_errors_are_no_success() {
        for status in [199, 301, 400, 404, 500] {
            assert!(response(status, &[], "").success().is_err(), "status {status}");
        }
        assert!(response(204, &[], "").success().is_ok());
    }
}
