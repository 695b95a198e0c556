//! Answers that are too much, never end, or say what the guest must not know.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, StreamExt as _};
use keyferry::domain::plugin::CallFailure;
use keyferry::egress::Timeouts;
use keyferry::ports::plugin::PluginRunner as _;
use keyferry_tests::guests::{self, runner, settings};
use keyferry_tests::witness::Witness;

use super::ground::{Ground, TOKEN, VENDOR, answer, open_policy, scope};

/// What the egress hands over at most.
const BODY_BYTES_MAX: usize = 8 << 20;

fn endless() -> Body {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&ZEROS))))
}

fn with_header(name: &'static str, value: &str, body: impl Into<Body>) -> Response {
    Response::builder().header(name, value).body(body.into()).unwrap()
}

fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; BODY_BYTES_MAX + 1]).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_cut_off() {
    let compressed = Bytes::from(bomb());
    assert!(compressed.len() < BODY_BYTES_MAX / 100);
    let vendor = Witness::start(move |path| match path {
        "/endless" => answer(200, endless()),
        "/announced" => with_header("content-length", &(BODY_BYTES_MAX + 1).to_string(), endless()),
        "/swollen" => with_header("content-encoding", "gzip", compressed.clone()),
        "/slightly" => answer(200, vec![0; BODY_BYTES_MAX + 1]),
        _ => answer(200, vec![0; BODY_BYTES_MAX]),
    })
    .await;
    let (ground, call) = (Ground::of(&vendor), guests::call("fetches_endless_bodies").await);
    for path in ["/endless", "/announced", "/swollen", "/slightly"] {
        let failure = ground.verify(&call, &vendor.url(VENDOR, path)).await.unwrap_err();
        let is_cut = matches!(&failure, CallFailure::Reported(error) if error.message == "too large");
        assert!(is_cut, "{path}: {failure:?}");
    }
    let whole = vendor.url(VENDOR, "/whole");
    assert_eq!(ground.verify(&call, &whole).await.unwrap().id, BODY_BYTES_MAX.to_string());

    let failure = runner().check(ground.aim(&call, &whole), &settings([])).await.unwrap_err();
    assert!(matches!(failure, CallFailure::LimitExceeded { what: "transferred bytes" }), "{failure:?}");
    let count = vendor.requests().iter().filter(|request| request.line == "GET /whole").count();
    assert_eq!(count, 1 + 4);
}

#[tokio::test]
async fn body_that_never_ends_is_given_up() {
    let vendor = Witness::start(|_| {
        let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"x")) });
        answer(200, Body::from_stream(first.chain(stream::pending())))
    })
    .await;
    let timeouts = Timeouts { total: Duration::from_millis(300), ..Timeouts::default() };
    let scope = scope(VENDOR, vendor.address.port());
    let ground = Ground::timed(open_policy(), scope, Ipv4Addr::LOCALHOST.into(), timeouts);
    let call = guests::call("fetches_endless_bodies").await;
    let failure = ground.verify(&call, &vendor.url(VENDOR, "/")).await.unwrap_err();
    let CallFailure::Reported(error) = &failure else { panic!("{failure:?}") };
    assert!(error.message.starts_with("outcome unknown: ") && error.message.ends_with("in time"), "{error:?}");
}

#[tokio::test]
async fn credential_that_the_vendor_repeats_is_masked() {
    let encoded = data_encoding::BASE64.encode(TOKEN.as_bytes());
    let (inner, body) = (encoded[..encoded.len() - 4].to_owned(), format!("you sent {TOKEN}, or {encoded}"));
    let vendor = Witness::start(move |_| answer(200, body.clone())).await;
    let (ground, call) = (Ground::of(&vendor), guests::call("well_behaved").await);
    let account = ground.verify(&call, &vendor.url(VENDOR, "/")).await.unwrap();
    assert!(account.id.starts_with(&format!("you sent {}, or ***", "*".repeat(TOKEN.len()))), "{account:?}");
    let seen = format!("{account:?}");
    assert!(!seen.contains(TOKEN) && !seen.contains(&inner), "{seen}");
    assert!(vendor.requests()[0].headers.contains(&format!("Bearer {TOKEN}")));
}
