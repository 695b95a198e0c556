//! `ETag` and `If-Match`: a change meant for what the caller saw, not for what someone else made of it since.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::problem::Problem;
use crate::domain::error::violation;
use crate::domain::{Error, Expected, Version, Versioned, Violation};

/// A JSON answer with the `ETag` of its resource.
#[derive(Debug)]
pub(crate) struct Tagged<T> {
    tag: Version,
    body: T,
}

impl<T: Serialize> Tagged<T> {
    /// The answer for a stored resource.
    pub(crate) fn stored(resource: Versioned<T>) -> Self {
        Self { tag: resource.version, body: resource.value }
    }

    /// The answer for a resource that is put together on reading: its tag is a hash of what it shows.
    pub(crate) fn by_content(body: T) -> Self {
        let shown = serde_json::to_vec(&body).unwrap_or_default();
        let mut tag = [0; 16];
        tag.copy_from_slice(&Sha256::digest(&shown)[..16]);
        Self { tag: Version::from_bytes(tag), body }
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.body).into_response();
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.tag)) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// The versions that a change is meant for, from `If-Match`, or that it is meant for none, from `If-None-Match: *`.
#[derive(Debug)]
pub(crate) struct IfMatch(pub(crate) Expected);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.headers.get_all(IF_NONE_MATCH).iter().any(|header| header.as_bytes().trim_ascii() == b"*") {
            return Ok(Self(Expected::Absent));
        }
        let mut tags = Vec::new();
        for header in parts.headers.get_all(IF_MATCH) {
            let text = header.to_str().map_err(|_| malformed())?;
            if text.trim() == "*" {
                return Ok(Self(Expected::Any));
            }
            tags.append(&mut entity_tags(text).ok_or_else(malformed)?);
        }
        let expected = if parts.headers.contains_key(IF_MATCH) { Expected::OneOf(tags) } else { Expected::Any };
        Ok(Self(expected))
    }
}

fn malformed() -> Error {
    Error::invalid(vec![Violation::new("If-Match", violation::MALFORMED, "must be `*` or quoted entity tags")])
}

/// The strong tags of a list; weak ones never match strongly (RFC 9110 section 8.8.3.2) and are left out.
fn entity_tags(list: &str) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    for tag in list.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        let (weak, quoted) = tag.strip_prefix("W/").map_or((false, tag), |quoted| (true, quoted));
        let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
        if !weak {
            tags.push(inner.to_owned());
        }
    }
    Some(tags)
}

/// Whether the caller has the present state already (`If-None-Match`, RFC 9110 section 13.1.2).
pub(crate) fn is_unchanged(request: &HeaderMap, response: &Response) -> bool {
    let Some(tag) = response.headers().get(ETAG) else { return false };
    response.status() == StatusCode::OK
        && request.get_all(IF_NONE_MATCH).iter().any(|header| {
            let listed = header.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            let mut bare = listed.map(|listed| listed.strip_prefix(b"W/").unwrap_or(listed));
            bare.any(|listed| listed == b"*" || listed == tag.as_bytes())
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    async fn expected(header: Option<&str>) -> Result<Expected, Problem> {
        read(header.map(|header| (IF_MATCH, header))).await
    }

    async fn read(header: Option<(HeaderName, &str)>) -> Result<Expected, Problem> {
        let mut request = http::Request::get("/");
        if let Some((name, header)) = header {
            request = request.header(name, header);
        }
        let (mut parts, ()) = request.body(()).expect("it is a request").into_parts();
        Ok(IfMatch::from_request_parts(&mut parts, &()).await?.0)
    }

    #[tokio::test]
    async fn if_match_is_read_by_the_rules() {
        for (header, expect) in [
            (None, Expected::Any),
            (Some("*"), Expected::Any),
            (Some("\"a\""), Expected::OneOf(vec!["a".into()])),
            (Some("\"a\", \"b\""), Expected::OneOf(vec!["a".into(), "b".into()])),
            (Some("W/\"a\""), Expected::OneOf(vec![])),
        ] {
            assert_eq!(expected(header).await.expect("it is well formed"), expect, "{header:?}");
        }
        for header in ["a", "\"a", "'a'"] {
            assert!(expected(Some(header)).await.is_err(), "{header}");
        }
        for (header, expect) in [("*", Expected::Absent), (" * ", Expected::Absent), ("\"a\"", Expected::Any)] {
            assert_eq!(read(Some((IF_NONE_MATCH, header))).await.expect("it is well formed"), expect, "{header}");
        }
    }

    #[test]
    fn an_unchanged_resource_is_recognised() {
        let response = Tagged::by_content(serde_json::json!({"a": 1})).into_response();
        let tag = response.headers()[ETAG].clone();
        let mut headers = HeaderMap::new();
        assert!(!is_unchanged(&headers, &response));
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("\"x\""));
        assert!(!is_unchanged(&headers, &response));
        headers.append(IF_NONE_MATCH, tag);
        assert!(is_unchanged(&headers, &response));
    }

    #[test]
    fn another_content_has_another_tag() {
        let tag = |n: i32| Tagged::by_content(n).into_response().headers()[ETAG].clone();
        assert_eq!(tag(1), tag(1));
        assert_ne!(tag(1), tag(2));
    }
}
