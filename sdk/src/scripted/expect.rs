//! What a request must look like.

use std::fmt;

use serde_json::Value;

use crate::http::{Method, Request};

#[derive(Clone, Debug)]
enum Body {
    Empty,
    Json(Value),
    Text(String),
}

/// What a request must look like. Method and URL are always compared, the rest only when named here.
#[derive(Clone, Debug)]
#[must_use = "an expectation does nothing until `Script::on` takes it"]
pub struct Expect {
    method: Method,
    url: String,
    egress: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<Body>,
    authenticate: Option<bool>,
}

impl Expect {
    /// A request of any method.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), egress: None, headers: Vec::new(), body: None, authenticate: None }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// A PUT request.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new(Method::Put, url)
    }

    /// A PATCH request.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new(Method::Patch, url)
    }

    /// A DELETE request.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new(Method::Delete, url)
    }

    /// Through this egress entry.
    pub fn egress(mut self, egress: impl Into<String>) -> Self {
        self.egress = Some(egress.into());
        self
    }

    /// With this header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this JSON body, compared as JSON.
    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(Body::Json(body));
        self
    }

    /// With this body, compared as text.
    pub fn text(mut self, body: impl Into<String>) -> Self {
        self.body = Some(Body::Text(body.into()));
        self
    }

    /// Without a body.
    pub fn no_body(mut self) -> Self {
        self.body = Some(Body::Empty);
        self
    }

    /// Without the connection's authentication.
    pub fn unauthenticated(mut self) -> Self {
        self.authenticate = Some(false);
        self
    }

    /// The first thing in which a request differs.
    pub(super) fn difference(&self, request: &Request) -> Option<&'static str> {
        if self.method != request.method() {
            return Some("the method differs");
        }
        if self.url != request.url() {
            return Some("the URL differs");
        }
        if self.egress.as_deref().is_some_and(|egress| egress != request.egress()) {
            return Some("the egress entry differs");
        }
        if self.headers.iter().any(|(name, value)| request.header_value(name) != Some(value)) {
            return Some("a header differs");
        }
        if self.authenticate.is_some_and(|authenticate| authenticate != request.is_authenticated()) {
            return Some("authentication differs");
        }
        let is_same = match &self.body {
            None => true,
            Some(Body::Empty) => request.body_bytes().is_none_or(<[u8]>::is_empty),
            Some(Body::Text(text)) => request.body_bytes() == Some(text.as_bytes()),
            Some(Body::Json(json)) => {
                request.body_bytes().and_then(|body| serde_json::from_slice::<Value>(body).ok()).as_ref() == Some(json)
            }
        };
        (!is_same).then_some("the body differs")
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "  {} {}", self.method.as_str(), self.url)?;
        if let Some(egress) = &self.egress {
            write!(formatter, " via {egress}")?;
        }
        for (name, value) in &self.headers {
            write!(formatter, "\n  {name}: {value}")?;
        }
        match &self.body {
            None => Ok(()),
            Some(Body::Empty) => formatter.write_str("\n  (no body)"),
            Some(Body::Json(body)) => write!(formatter, "\n  {body}"),
            Some(Body::Text(body)) => write!(formatter, "\n  {body}"),
        }
    }
}

/// A request in the same form as an expectation.
pub(super) fn describe(request: &Request) -> String {
    let mut text = format!("  {} {} via {}", request.method().as_str(), request.url(), request.egress());
    for header in &request.headers {
        text.push_str(&format!("\n  {}: {}", header.name, header.value));
    }
    if let Some(body) = request.body_bytes() {
        text.push_str(&format!("\n  {}", String::from_utf8_lossy(body)));
    }
    text
}
