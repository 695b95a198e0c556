//! A request and its builder.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{Failure, Response};
use crate::{Error, transport};

/// What RFC 3986 calls unreserved stays as it is; all else is percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The methods that an egress entry can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads headers.
    Head,
    /// Does what the vendor says it does.
    Post,
    /// Replaces.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// The method as it stands in the request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether the method by its definition changes nothing (RFC 9110, 9.2.1).
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// One header, as given.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Compared without regard to case.
    pub name: String,
    /// May be sensitive: `Debug` leaves it out.
    pub value: String,
}

impl fmt::Debug for Header {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ({} bytes)", self.name, self.value.len())
    }
}

/// A request to be sent through the host.
///
/// ```
/// use keyferry_sdk::http::Request;
///
/// let request = Request::get("api", "https://api.example.com/v1/variables").query("page", "2");
/// assert_eq!(request.url(), "https://api.example.com/v1/variables?page=2");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) egress: String,
    pub(crate) authenticate: bool,
    pub(crate) timeout_ms: Option<u32>,
}

impl Request {
    /// A request of any method, belonging to the egress entry of that id. Set path segments with [`encode_segment`](Self::encode_segment).
    pub fn new(method: Method, egress: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            egress: egress.into(),
            authenticate: true,
            timeout_ms: None,
        }
    }

    /// A GET request.
    pub fn get(egress: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(Method::Get, egress, url)
    }

    /// A POST request.
    pub fn post(egress: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(Method::Post, egress, url)
    }

    /// A PUT request.
    pub fn put(egress: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(Method::Put, egress, url)
    }

    /// A PATCH request.
    pub fn patch(egress: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(Method::Patch, egress, url)
    }

    /// A DELETE request.
    pub fn delete(egress: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(Method::Delete, egress, url)
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Adds a query member, percent-encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&Self::encode_segment(name));
        self.url.push('=');
        self.url.push_str(&Self::encode_segment(value));
        self
    }

    /// Sets a body and its media type, unless a `Content-Type` was set before.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        if !self.headers.iter().any(|header| header.name.eq_ignore_ascii_case("content-type")) {
            self = self.header("Content-Type", content_type);
        }
        self.body = Some(body.into());
        self
    }

    /// Sets a JSON body; `Content-Type` is `application/json` unless set before.
    ///
    /// # Errors
    /// [`ErrorKind::Other`](crate::ErrorKind::Other) if the value cannot be written as JSON.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        // The serializer's own message may quote the value.
        let body = serde_json::to_vec(value).map_err(|_| Error::other("the request body cannot be written as JSON"))?;
        Ok(self.body("application/json", body))
    }

    /// Sets a body of form fields (`application/x-www-form-urlencoded`).
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pair =
            |(name, value): &(&str, &str)| format!("{}={}", Self::encode_segment(name), Self::encode_segment(value));
        let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sends the request without the connection's authentication.
    pub fn unauthenticated(mut self) -> Self {
        self.authenticate = false;
        self
    }

    /// Narrows the time to the answer, in milliseconds. The host's own limit stays.
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The URL as it stands, query included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of the egress entry.
    pub fn egress(&self) -> &str {
        &self.egress
    }

    /// Whether the host applies the connection's authentication.
    pub fn is_authenticated(&self) -> bool {
        self.authenticate
    }

    /// The value of the first header of this name, in any case.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
    }

    /// The body.
    pub fn body_bytes(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// Percent-encodes one path segment or query member; a slash in it is encoded too.
    pub fn encode_segment(segment: &str) -> String {
        utf8_percent_encode(segment, RESERVED).to_string()
    }

    /// Sends the request and gives whatever the vendor answered, good or bad; see [`Response::success`].
    ///
    /// # Errors
    /// [`Failure`] if no answer came.
    pub fn send(self) -> Result<Response, Failure> {
        transport::send(self)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.url.split('?').next().unwrap_or_default();
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("url", &path)
            .field("egress", &self.egress)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_members_are_encoded_and_appended() {
        let request = Request::get("api", "https://h/p?a=1").query("name", "x y/&=ü");
        assert_eq!(request.url(), "https://h/p?a=1&name=x%20y%2F%26%3D%C3%BC");
    }

    #[test]
    fn a_content_type_that_was_set_before_stays() {
        let request = Request::post("api", "https://h/")
            .header("content-type", "application/x-amz-json-1.1")
            .json(&serde_json::json!({}))
            .expect("an empty object is JSON");
        assert_eq!(request.header_value("Content-Type"), Some("application/x-amz-json-1.1"));
        assert_eq!(request.body_bytes(), Some(b"{}".as_slice()));
    }

    #[test]
    fn form_fields_are_encoded() {
        let request = Request::post("sts", "https://h/").form(&[("Action", "GetCallerIdentity"), ("a b", "c&d")]);
        assert_eq!(request.body_bytes(), Some(b"Action=GetCallerIdentity&a%20b=c%26d".as_slice()));
    }

    #[test]
    fn debug_shows_neither_body_nor_header_values_nor_query() {
        let request = Request::put("api", "https://h/p")
            .query("token", "hidden-query")
            .header("X-Token", "hidden-header")
            .body("text/plain", "hidden-body");
        let shown = format!("{request:?}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
