//! Headers that belong to the host.

use keyferry::domain::plugin::CallFailure;
use keyferry::egress::Outcome;
use keyferry::ports::plugin::PluginRunner as _;
use keyferry_tests::guests::{self, runner, settings};
use keyferry_tests::witness::Witness;

use super::ground::{Ground, VENDOR, answer, assert_denied};

/// The guest tries line breaks in name and value, `Host`, `Transfer-Encoding`, `Content-Length`, `Authorization`,
/// `Proxy-Authorization` and `Connection`, each in a request of its own.
#[tokio::test]
async fn smuggled_headers_are_denied_one_and_all() {
    let vendor = Witness::start(|_| answer(200, "")).await;
    let (ground, call) = (Ground::of(&vendor), guests::call("smuggles_headers").await);
    let failure = ground.verify(&call, &vendor.url(VENDOR, "/")).await.unwrap_err();
    assert_denied(&failure, "the header `connection` is set by the host alone", "the last of them");
    assert!(!failure.to_string().contains("stolen"), "{failure}");
    assert_eq!(ground.outcomes(), [Outcome::Denied; 8]);

    let aimed = ground.aim(&call, &vendor.url(VENDOR, "/"));
    let failure = runner().check(aimed, &settings([])).await.unwrap_err();
    assert!(matches!(failure, CallFailure::LimitExceeded { what: "bytes handed over at once" }), "{failure:?}");
    assert_eq!(ground.outcomes().len(), 8, "a million headers never get to the egress");
    assert_eq!((ground.asked(), ground.session.observed().sent), (Vec::new(), 0));
    assert_eq!(vendor.connections(), 0);

    let plain = guests::call("requests_denied_host").await;
    assert_eq!(ground.verify(&plain, &vendor.url(VENDOR, "/")).await.unwrap().id, "200");
}
