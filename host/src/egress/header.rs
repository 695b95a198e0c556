//! The headers that a guest may set.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::ports::egress::EgressFailure;

const HEADERS_MAX: usize = 64;

/// Names and values together.
const BYTES_MAX: usize = 16 * 1024;

/// They frame the message, route it, or carry a credential: the host's business alone. Proxy headers are told by prefix.
const FORBIDDEN: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads the guest's `headers`, none of which may be forbidden, one of `owned` (the credential's) or malformed.
///
/// `accept-encoding` is left out: the host decodes, so the host says what it can.
pub(super) fn accept(
    headers: &[(String, String)],
    owned: &[HeaderName],
    places_credential: bool,
) -> Result<HeaderMap, EgressFailure> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > BYTES_MAX {
        return Err(denied(format!("more than {HEADERS_MAX} headers or {BYTES_MAX} bytes of them")));
    }
    let mut accepted = HeaderMap::with_capacity(headers.len() + 8);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| denied("a header name is not a token of RFC 9110".to_owned()))?;
        let is_placed = places_credential && name == http::header::AUTHORIZATION;
        if owned.contains(&name) || (is_forbidden(name.as_str()) && !is_placed) {
            return Err(denied(format!("the header `{}` is set by the host alone", forbidden_name(&name, owned))));
        }
        let value = accept_value(value)?;
        if name != http::header::ACCEPT_ENCODING {
            accepted.append(name, value);
        }
    }
    Ok(accepted)
}

fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.contains(&name) || name.starts_with("proxy-")
}

/// What is said of a refused header: its name where it is one of ours, since a guest could put anything behind `proxy-`.
fn forbidden_name<'a>(name: &'a HeaderName, owned: &[HeaderName]) -> &'a str {
    if owned.contains(name) || FORBIDDEN.contains(&name.as_str()) { name.as_str() } else { "proxy-*" }
}

/// Visible ASCII, space and tab (RFC 9110 5.5 without its obsolete part).
fn accept_value(value: &str) -> Result<HeaderValue, EgressFailure> {
    let is_plain = value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    HeaderValue::from_str(value)
        .ok()
        .filter(|_| is_plain)
        .ok_or_else(|| denied("a header value holds control or non-ASCII characters".to_owned()))
}

fn denied(reason: String) -> EgressFailure {
    EgressFailure::Denied(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(headers: &[(&str, &str)]) -> Result<HeaderMap, EgressFailure> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        accept(&headers, &[HeaderName::from_static("x-api-key")], false)
    }

    #[test]
    fn headers_that_frame_route_or_authenticate_are_refused() {
        for name in [
            "Authorization",
            "Connection",
            "Content-Length",
            "COOKIE",
            "Expect",
            "Host",
            "HTTP2-Settings",
            "Keep-Alive",
            "Proxy-Authorization",
            "Proxy-Connection",
            "proxy-anything",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "X-Api-Key",
        ] {
            assert!(matches!(accepts(&[(name, "x")]), Err(EgressFailure::Denied(_))), "{name}");
        }
    }

    #[test]
    fn malformed_headers_are_refused() {
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:", "x"),
            ("a\r\nhost", "x"),
            (" transfer-encoding", "chunked"),
            ("transfer-encoding ", "chunked"),
            ("naïve", "x"),
            ("x-a", "b\r\nhost: evil"),
            ("x-a", "b\nc"),
            ("x-a", "b\rc"),
            ("x-a", "b\0c"),
            ("x-a", "b\u{7f}"),
            ("x-a", "é"),
        ] {
            assert!(matches!(accepts(&[(name, value)]), Err(EgressFailure::Denied(_))), "{name:?} {value:?}");
        }
    }

    #[test]
    fn too_many_or_too_large_headers_are_refused() {
        assert!(accepts(&[("x-a", "b"); 64]).is_ok());
        assert!(accepts(&[("x-a", "b"); 65]).is_err());
        let value = "v".repeat(BYTES_MAX - 3);
        assert!(accepts(&[("x-a", &value)]).is_ok());
        assert!(accepts(&[("x-ab", &value)]).is_err());
    }

    #[test]
    fn ordinary_headers_pass_and_the_encoding_is_the_hosts() {
        let headers = accepts(&[("X-Amz-Target", "AmazonSSM.GetParameter"), ("Accept-Encoding", "br")]).unwrap();
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-amz-target"], "AmazonSSM.GetParameter");
    }

    #[test]
    fn refusals_repeat_nothing_that_the_guest_wrote() {
        for (name, value) in [("proxy-hunter2", "x"), ("hunter2 x", "x"), ("x-a", "hunter2\n")] {
            let failure = accepts(&[(name, value)]).unwrap_err();
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
        }
    }

    #[test]
    fn a_plugin_that_places_its_own_credential_may_authorize() {
        let headers = [("authorization".to_owned(), "Bearer x".to_owned())];
        assert!(accept(&headers, &[], true).is_ok());
        assert!(accept(&headers, &[], false).is_err());
    }
}
