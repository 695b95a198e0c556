//! Redirects: answers like any other, which a guest follows at its own risk.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use keyferry_tests::guests;
use keyferry_tests::witness::Witness;

use super::ground::{ATTACKER, Ground, TOKEN, VENDOR, answer, assert_denied};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

/// A vendor that sends whoever asks for `/` elsewhere.
async fn redirecting(status: u16, location: &str) -> Witness {
    let location = location.to_owned();
    Witness::start(move |path| match path {
        "/" => redirect(status, &location),
        _ => answer(200, ""),
    })
    .await
}

fn redirect(status: u16, location: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("location", location)]).into_response()
}

#[tokio::test]
async fn redirects_lead_to_no_place_that_is_not_declared() {
    let attacker = Witness::start(|_| answer(200, "stolen")).await;
    let call = guests::call("follows_redirects").await;
    let places = [
        attacker.url(ATTACKER, "/stolen"),
        attacker.url("127.0.0.1", "/stolen"),
        attacker.url(VENDOR, "/stolen"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ];
    for (status, place) in STATUSES.into_iter().flat_map(|status| places.iter().map(move |place| (status, place))) {
        let vendor = redirecting(status, place).await;
        let ground = Ground::of(&vendor);
        let failure = ground.verify(&call, &vendor.url(VENDOR, "/")).await.unwrap_err();
        assert_denied(&failure, "declared", place);
        // The host handed the redirect over, and the credential went to the vendor alone.
        let requests = vendor.requests();
        let [request] = requests.as_slice() else { panic!("{status} {place}: {requests:?}") };
        assert!(request.line == "GET /" && request.headers.contains(TOKEN), "{status} {place}: {request:?}");
        assert_eq!((ground.asked(), ground.session.observed().sent), (vec![VENDOR.to_owned()], 1), "{status} {place}");
    }
    assert_eq!(attacker.connections(), 0);
}

#[tokio::test]
async fn redirect_within_the_vendor_is_followed_by_the_guest_alone() {
    let call = guests::call("follows_redirects").await;
    for status in STATUSES {
        let vendor = Witness::start(move |path| match path.strip_prefix("/from/") {
            // The guest knows no relative addresses: the port is in its path.
            Some(port) => redirect(status, &format!("http://{VENDOR}:{port}/to")),
            None => answer(200, ""),
        })
        .await;
        let ground = Ground::of(&vendor);
        let first = vendor.url(VENDOR, &format!("/from/{}", vendor.address.port()));
        assert_eq!(ground.verify(&call, &first).await.unwrap().id, "200", "{status}");
        let lines: Vec<String> = vendor.requests().into_iter().map(|request| request.line).collect();
        assert!(lines.len() == 2 && lines[1] == "GET /to", "{status}: {lines:?}");
        assert_eq!(ground.session.observed().sent, 2, "{status}");
    }
}
