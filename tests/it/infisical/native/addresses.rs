//! Addresses that a client names: the server's configuration says which of them requests may go to.

use std::sync::Arc;

use keyferry::egress::{EgressPolicy, HyperEgress, Loopback};
use keyferry_tests::api::Answer;
use serde_json::{Value, json};

use super::{AUTH, INTEGRATION, SECRET, World, metadata};

/// Closed as long as nothing opens them, in every spelling.
const CLOSED: [&str; 12] = [
    "https://127.0.0.1",
    "https://localhost:8443",
    "https://vendor.localhost",
    "https://[::1]",
    "https://2130706433",
    "https://0x7f.1/",
    "https://10.0.0.8",
    "https://192.168.1.1/path",
    "https://[fd00::1]",
    "https://[::ffff:10.0.0.8]",
    "https://169.254.169.254",
    "http://parameters.example.com",
];

async fn world(policy: EgressPolicy) -> World {
    World::of(&metadata(), Arc::new(HyperEgress::new(policy))).await
}

/// That an address was refused, and that the answer says which member named it.
#[track_caller]
fn assert_refused(answer: Answer, address: &str) {
    let refused = answer.infisical_error(400, "BadRequest");
    let message = refused.json["message"].as_str().expect("a refusal is a sentence");
    assert!(message.starts_with("url: "), "{address}: {message}");
    assert!(!refused.text.contains(SECRET));
}

fn with_url(mut body: Value, address: &str) -> Value {
    body["url"] = json!(address);
    body
}

#[tokio::test]
async fn addresses_within_are_refused_wherever_they_are_named() {
    let world = world(EgressPolicy::default()).await;
    let auth = world.auth().await;
    let documented = world.documented().await;
    let integration = world.integration().await;
    let again = json!({"accessId": "AKIAOTHER", "accessToken": SECRET});
    for address in CLOSED {
        let made = world.post(&format!("{AUTH}/access-token"), &with_url(world.credentials(), address)).await;
        assert_refused(made, address);
        assert_refused(world.patch(&format!("{AUTH}/{auth}"), &with_url(again.clone(), address)).await, address);
        assert_refused(world.post(INTEGRATION, &with_url(documented.clone(), address)).await, address);
        let moved = world.patch(&format!("{INTEGRATION}/{integration}"), &json!({"url": address})).await;
        assert_refused(moved, address);
    }
    let shown = world.get(&format!("{AUTH}/{auth}")).await.expect(200);
    assert_eq!(shown.json["integrationAuth"]["url"], Value::Null);
    let all = world.get(&format!("/api/v1/workspace/{}/integrations", world.project)).await.expect(200);
    let all = all.json["integrations"].as_array().expect("a list");
    let urls: Vec<&Value> = all.iter().map(|one| &one["url"]).collect();
    assert_eq!(urls, [&Value::Null], "nothing was made or moved");
}

#[tokio::test]
async fn addresses_are_taken_that_the_server_opens() {
    let policy = EgressPolicy {
        private_networks: vec!["10.0.0.0/8".parse().expect("it is a network")],
        loopback: Loopback::Open,
        plain_http_hosts: vec!["parameters.example.com".parse().expect("it is a rule")],
        ..EgressPolicy::default()
    };
    let world = world(policy).await;
    for (address, is_open) in [
        ("https://127.0.0.1", true),
        ("https://localhost:8443", true),
        ("https://10.0.0.8", true),
        ("https://192.168.1.1", false),
        ("http://parameters.example.com", true),
        ("http://other.example.com", false),
        ("https://169.254.169.254", false),
        ("https://parameters.example.com", true),
    ] {
        let answer = world.post(&format!("{AUTH}/access-token"), &with_url(world.credentials(), address)).await;
        if is_open {
            assert_eq!(answer.expect(200).json["integrationAuth"]["url"], address);
        } else {
            assert_refused(answer, address);
        }
    }
}
