//! A request that was admitted, on its way to being sent.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::HeaderMap;
use tokio::time::Instant;
use url::Url;

use super::Timeouts;
use super::pattern::Target;
use crate::ports::egress::EgressFailure;

/// Long enough for any vendor's API.
const URL_BYTES_MAX: usize = 8 * 1024;

/// A request with what the host knows of it. It may hold a credential, so there is no `Debug`.
pub(super) struct Draft {
    pub(super) target: Target,
    pub(super) method: Method,
    /// Its path and query are sent; scheme, host and port are those of `target`.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Draft {
    /// Path and query, as they stand in the request line.
    pub(super) fn path_and_query(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }
}

/// Reads a URL as a guest wrote it, once. What parsers are known to differ about is refused before it is parsed.
pub(super) fn parse_url(text: &str) -> Result<Url, &'static str> {
    if text.len() > URL_BYTES_MAX {
        return Err("the URL is longer than 8 KiB");
    }
    if text.contains(|c: char| c.is_ascii_control() || matches!(c, ' ' | '\\')) {
        return Err("the URL holds a space, a control character or a backslash");
    }
    let (scheme, rest) = text.split_once("://").ok_or("the URL is not absolute")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err("the URL's scheme is neither https nor http");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err("the URL has no host");
    }
    if authority.contains(['@', '%']) {
        return Err("the URL has user information or an encoded host");
    }
    let url = Url::parse(text).map_err(|_| "the URL is malformed")?;
    if url.fragment().is_some() {
        return Err("the URL has a fragment");
    }
    Ok(url)
}

/// The points in time that bound one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The answer's headers are there by then.
    pub(super) headers_by: Instant,
    /// The answer's body is complete by then.
    pub(super) ends: Instant,
    deadline: Option<Instant>,
}

impl Window {
    /// Opens now, for as long as the host, the guest and the session's deadline all allow.
    pub(super) fn open(timeouts: &Timeouts, wanted: Option<Duration>, deadline: Option<Instant>) -> Self {
        let now = Instant::now();
        let ends = now + wanted.map_or(timeouts.total, |wanted| wanted.min(timeouts.total));
        let ends = deadline.map_or(ends, |deadline| deadline.min(ends));
        Self { headers_by: ends.min(now + timeouts.headers), ends, deadline }
    }

    /// The same end, with the whole time to the headers again.
    pub(super) fn after_exchange(self, timeouts: &Timeouts) -> Self {
        Self { headers_by: self.ends.min(Instant::now() + timeouts.headers), ..self }
    }

    /// The failure of running out of time before anything was sent: the session's fault, or `reason`.
    pub(super) fn unsent(&self, reason: String) -> EgressFailure {
        if self.is_past_deadline() { EgressFailure::Budget } else { EgressFailure::NotSent(reason) }
    }

    /// Whether the session may send nothing any more.
    pub(super) fn is_past_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_parsers_differ_about_are_refused() {
        for text in [
            "",
            "api.example.com",
            "//api.example.com/",
            "https:api.example.com",
            "https:/api.example.com",
            "https:///api.example.com/",
            "https://",
            "https:\\\\api.example.com",
            "https://api.example.com\\@evil.example/",
            "https://user@api.example.com/",
            "https://user:pass@api.example.com/",
            "https://@api.example.com/",
            "https://api.example.com%2eevil.example/",
            "https://api.example.com/#fragment",
            "https://api.example.com/#",
            "https://api.exa\tmple.com/",
            "https://api.example.com/\r\nhost: evil.example",
            " https://api.example.com/",
            "ftp://api.example.com/",
            "file:///etc/passwd",
            "gopher://api.example.com/",
            "https://api.example.com:99999/",
            "https://exa mple.com/",
            "https://[::1/",
            &format!("https://api.example.com/{}", "a".repeat(URL_BYTES_MAX)),
        ] {
            assert!(parse_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ordinary_urls_are_read_with_dots_resolved() {
        let url = parse_url("HTTPS://API.example.com:8443/a/../b/%2e%2e/c?q=a%20b").unwrap();
        assert_eq!(url.as_str(), "https://api.example.com:8443/c?q=a%20b");
    }
}
