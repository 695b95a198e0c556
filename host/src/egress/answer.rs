//! Reads an answer within its limits of size and time.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::Response;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout_at;

use super::draft::Window;
use super::pattern::Host;
use crate::ports::egress::{EgressFailure, InboundResponse};

/// The body, before and after decoding.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// They speak of the connection, not of the answer; and the host keeps no cookies.
const DROPPED: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads `response` to its end.
pub(super) async fn read(
    response: Response<Incoming>,
    host: &Host,
    window: &Window,
) -> Result<InboundResponse, EgressFailure> {
    let (head, body) = response.into_parts();
    if head.status.is_informational() {
        return Err(unknown(host, "answered with an interim status"));
    }
    let body = collect(body, host, window).await?;
    let body = decode(body, &head.headers, host)?;
    Ok(InboundResponse { status: head.status.as_u16(), headers: pass_on(&head.headers), body })
}

async fn collect(mut body: Incoming, host: &Host, window: &Window) -> Result<Vec<u8>, EgressFailure> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(EgressFailure::TooLarge);
    }
    let mut collected = Vec::new();
    loop {
        let frame = match timeout_at(window.ends, body.frame()).await {
            Ok(None) => return Ok(collected),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(unknown(host, "broke off its answer")),
            Err(_) => return Err(unknown(host, "did not end its answer in time")),
        };
        // Trailers are left out.
        let Ok(data) = frame.into_data() else { continue };
        if collected.len() + data.len() > BODY_BYTES_MAX {
            return Err(EgressFailure::TooLarge);
        }
        collected.extend_from_slice(&data);
    }
}

/// Undoes a `Content-Encoding` that was not asked for, no further than the limit.
fn decode(body: Vec<u8>, headers: &HeaderMap, host: &Host) -> Result<Vec<u8>, EgressFailure> {
    let encodings: Vec<_> = headers.get_all(CONTENT_ENCODING).iter().collect();
    let encoding = match encodings.as_slice() {
        [] => return Ok(body),
        [encoding] => encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase(),
        _ => return Err(unknown(host, "answered in more than one encoding")),
    };
    if body.is_empty() {
        return Ok(body);
    }
    match encoding.as_str() {
        "identity" => Ok(body),
        "gzip" | "x-gzip" => inflate(MultiGzDecoder::new(body.as_slice()), host),
        "deflate" if is_zlib(&body) => inflate(ZlibDecoder::new(body.as_slice()), host),
        "deflate" => inflate(DeflateDecoder::new(body.as_slice()), host),
        _ => Err(unknown(host, "answered in an encoding that was not asked for")),
    }
}

/// Servers send `deflate` with and without the wrapping that RFC 9110 8.4.1.2 asks for; RFC 1950 tells them apart.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

fn inflate(decoder: impl Read, host: &Host) -> Result<Vec<u8>, EgressFailure> {
    let mut decoded = Vec::new();
    let read = decoder.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut decoded);
    read.map_err(|_| unknown(host, "answered with a broken encoding"))?;
    if decoded.len() > BODY_BYTES_MAX { Err(EgressFailure::TooLarge) } else { Ok(decoded) }
}

fn pass_on(headers: &HeaderMap) -> Vec<(String, String)> {
    let is_kept = |name: &str| !DROPPED.contains(&name) && name != CONTENT_ENCODING;
    headers
        .iter()
        .filter(|(name, _)| is_kept(name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// The request was carried to the server, and what it did is not known.
fn unknown(host: &Host, what: &str) -> EgressFailure {
    EgressFailure::OutcomeUnknown(format!("{host} {what}"))
}
