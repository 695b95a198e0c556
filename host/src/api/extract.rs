//! What handlers take from a request. Every rejection is a problem, and these are the only ways to a body.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::BodyExt as _;

use super::fields::{self, Read};
use super::middleware::{self, RequestId};
use super::problem::Problem;
use crate::domain::{Code, Error};

/// The greatest JSON body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;
/// How much of a too large body is read and dropped, so that the client sees the answer and not a broken connection.
const DRAIN_BYTES_MAX: usize = 8 << 20;
/// How long a JSON body may take to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body, read by its type.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Sync, T: Read> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request).await?;
        Ok(Self(fields::read_body(&bytes)?))
    }
}

/// The bytes of a JSON body, within its limits of size and time.
pub(crate) async fn json_bytes(request: Request) -> Result<Bytes, Error> {
    let has_json_type = is_json_request(&request);
    let bytes = body_bytes(request).await?;
    if !bytes.is_empty() && !has_json_type {
        return Err(Error::new(Code::UnsupportedMediaType, "the body must be sent as `application/json`"));
    }
    Ok(bytes)
}

/// The bytes of a body of any type, within its limits of size and time.
pub(crate) async fn body_bytes(request: Request) -> Result<Bytes, Error> {
    read_within(request, BODY_BYTES_MAX, BODY_TIMEOUT).await
}

/// Whether a request says that its body is JSON.
pub(crate) fn is_json_request(request: &Request) -> bool {
    request.headers().get(CONTENT_TYPE).is_some_and(|value| is_json(value.as_bytes()))
}

/// Whether a request says that its body is a form.
pub(crate) fn is_form_request(request: &Request) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    content_type
        .is_some_and(|value| essence(value.as_bytes()).eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
}

/// A media type without its parameters.
fn essence(content_type: &[u8]) -> &[u8] {
    content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = essence(content_type);
    essence.eq_ignore_ascii_case(b"application/json")
        || (essence.len() > 17
            && essence[..12].eq_ignore_ascii_case(b"application/")
            && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json"))
}

/// Reads a body of at most `bytes_max` that arrives within `timeout`.
///
/// # Errors
/// [`Code::BodyTooLarge`], [`Code::RequestTimeout`], [`Code::MalformedBody`] when the connection breaks.
pub(crate) async fn read_within(request: Request, bytes_max: usize, timeout: Duration) -> Result<Bytes, Error> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced == Some(0) {
        return Ok(Bytes::new());
    }
    tokio::time::timeout(timeout, collect(request.into_body(), announced, bytes_max)).await.unwrap_or_else(|_| {
        Err(Error::new(Code::RequestTimeout, format!("the body did not arrive within {} s", timeout.as_secs())))
    })
}

async fn collect(mut body: Body, announced: Option<usize>, bytes_max: usize) -> Result<Bytes, Error> {
    let mut kept = BytesMut::with_capacity(announced.unwrap_or(0).min(bytes_max));
    let mut seen = 0;
    let mut too_large = announced.is_some_and(|length| length > bytes_max);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::new(Code::MalformedBody, "the body ends early"))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        too_large |= seen > bytes_max;
        if !too_large {
            kept.extend_from_slice(&data);
        } else if seen > DRAIN_BYTES_MAX {
            break;
        }
    }
    if too_large {
        return Err(Error::new(Code::BodyTooLarge, format!("the body may have at most {bytes_max} bytes")));
    }
    Ok(kept.freeze())
}

/// From where a request comes, and its id: for what is asked without a credential.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: Option<IpAddr>,
    pub(crate) request_id: RequestId,
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let request_id = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
        Ok(Self { address: middleware::address(&parts.extensions), request_id })
    }
}

/// A query string, read by its type.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Sync, T: Read> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(fields::read_query(parts.uri.query().unwrap_or_default())?))
    }
}

/// The parameter of the path, beside the tenant's. What cannot be an id is the id of nothing: 404.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let all = RawPathParams::from_request_parts(parts, state).await.map_err(Error::internal)?;
        Ok(Self(parsed(Segments(&all).nth(0)?)?))
    }
}

/// Two parameters of the path, beside the tenant's.
#[derive(Debug)]
pub(crate) struct Paths<A, B>(pub(crate) A, pub(crate) B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Paths<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let all = RawPathParams::from_request_parts(parts, state).await.map_err(Error::internal)?;
        let segments = Segments(&all);
        Ok(Self(parsed(segments.nth(0)?)?, parsed(segments.nth(1)?)?))
    }
}

/// Three parameters of the path, beside the tenant's.
#[derive(Debug)]
pub(crate) struct Paths3<A, B, C>(pub(crate) A, pub(crate) B, pub(crate) C);

impl<S: Send + Sync, A: FromStr, B: FromStr, C: FromStr> FromRequestParts<S> for Paths3<A, B, C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let all = RawPathParams::from_request_parts(parts, state).await.map_err(Error::internal)?;
        let segments = Segments(&all);
        Ok(Self(parsed(segments.nth(0)?)?, parsed(segments.nth(1)?)?, parsed(segments.nth(2)?)?))
    }
}

/// Names and values of a path's parameters, decoded.
struct Segments<'p>(&'p RawPathParams);

impl<'p> Segments<'p> {
    /// The parameter at this place; the tenant's counts only where it is the only one.
    fn nth(&self, index: usize) -> Result<(&'p str, &'p str), Error> {
        let is_only = self.0.iter().count() == 1;
        let mut beside = self.0.iter().filter(|(name, _)| is_only || *name != "tenant");
        beside.nth(index).ok_or_else(|| Error::internal("the route has fewer parameters than its handler takes"))
    }
}

fn parsed<T: FromStr>((name, value): (&str, &str)) -> Result<T, Error> {
    value.parse().map_err(|_| Error::new(Code::NotFound, format!("there is no such {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_media_types_are_recognised() {
        for (text, expect) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("application/x-www-form-urlencoded", false),
            ("text/json", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            assert_eq!(is_json(text.as_bytes()), expect, "{text}");
        }
    }

    fn posted(body: Vec<u8>) -> Request {
        Request::post("/").body(Body::from(body)).expect("it is a request")
    }

    #[tokio::test]
    async fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
        let read = |length| read_within(posted(vec![b'x'; length]), 64, BODY_TIMEOUT);
        assert_eq!(read(64).await.expect("within the limit").len(), 64);
        assert_eq!(read(65).await.expect_err("beyond the limit").code(), Code::BodyTooLarge);
    }

    #[tokio::test]
    async fn an_announced_length_is_not_trusted() {
        let mut request = posted(vec![b'x'; 65]);
        request.headers_mut().insert(CONTENT_LENGTH, 10.into());
        let refused = read_within(request, 64, BODY_TIMEOUT).await.expect_err("it holds more than announced");
        assert_eq!(refused.code(), Code::BodyTooLarge);
    }

    #[tokio::test]
    async fn a_body_that_never_arrives_is_given_up() {
        let stalled = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let request = Request::post("/").body(Body::from_stream(stalled)).expect("it is a request");
        let refused = read_within(request, 64, Duration::from_millis(5)).await.expect_err("nothing arrives");
        assert_eq!(refused.code(), Code::RequestTimeout);
    }
}
