//! Versions of a secret's value.

use serde_json::{Value, json};

use super::{Acme, NOW, PROD, assert_violations};

/// How many versions are kept.
const KEPT: u64 = 50;

#[tokio::test]
async fn every_value_is_a_version_that_can_be_read_again() {
    let acme = Acme::start().await;
    let owner = acme.set("app/A", "one").await.text_at("/versions/0/createdBy");
    let (operator, token) = acme.api.member("acme", "operator", "OPERATOR").await;
    acme.wait();
    let path = format!("{PROD}/secrets/app/A");
    acme.api.bearer(&token).put(&path, &json!({"value": "two"})).await.expect(200);
    acme.set("app/A", "three").await;
    acme.put("/secrets/app/A", &json!({"comment": "no version of its own"})).await.expect(200);

    let read = acme.get("/secrets/app/A").await.expect(200);
    assert_eq!(read.json["version"], 3);
    let version = |number: u64, at: i64, by: &str| json!({"version": number, "createdAt": at, "createdBy": by});
    let expected = [version(1, NOW, &owner), version(2, NOW + 1_000, &operator), version(3, NOW + 1_000, &owner)];
    assert_eq!(read.json["versions"], Value::from(expected.to_vec()));
    for (number, value) in [(1, "one"), (2, "two"), (3, "three")] {
        let earlier = acme.get(&format!("/secrets/app/A?view=value&version={number}")).await.expect(200);
        assert_eq!((&earlier.json["value"], &earlier.json["version"]), (&json!(value), &json!(number)));
        let hidden = acme.get(&format!("/secrets/app/A?version={number}")).await.expect(200);
        assert_eq!((hidden.json.get("value"), &hidden.json["version"]), (None, &json!(number)));
    }
}

#[tokio::test]
async fn going_back_to_an_earlier_value_is_another_version() {
    let acme = Acme::start().await;
    for value in ["one", "two", "one"] {
        acme.set("A", value).await;
    }
    assert_eq!(acme.get("/secrets/A").await.expect(200).json["version"], 3);
    assert_eq!(acme.value("A").await, "one");
}

#[tokio::test]
async fn a_version_that_is_none_is_refused_and_one_that_is_not_there_is_not_found() {
    let acme = Acme::start().await;
    acme.set("A", "1").await;
    acme.set("A", "2").await;
    for (version, code) in [
        ("0", "out_of_range"),
        ("-1", "out_of_range"),
        ("one", "wrong_type"),
        ("", "wrong_type"),
        ("1.0", "wrong_type"),
    ] {
        let refused = acme.get(&format!("/secrets/A?version={version}")).await;
        assert_violations(refused, &[("?version", code)]);
    }
    for version in ["3", "9223372036854775807"] {
        acme.get(&format!("/secrets/A?version={version}")).await.problem(404, "not_found");
        acme.get(&format!("/secrets/A?version={version}&view=value")).await.problem(404, "not_found");
    }
    // The secrets of a list have no version in common.
    assert_violations(acme.get("/secrets?version=1").await, &[("?version", "unknown_member")]);
}

#[tokio::test]
async fn references_are_followed_in_the_present_version_only() {
    let acme = Acme::start().await;
    acme.set("A", "${B}").await;
    acme.set("A", "now ${B}").await;
    acme.set("B", "b").await;
    let expanded = |version: u64| format!("/secrets/A?view=value&expand=true&version={version}");
    assert_eq!(acme.get(&expanded(2)).await.expect(200).json["value"], "now b");
    assert_violations(acme.get(&expanded(1)).await, &[("?expand", "not_supported")]);
    assert_eq!(acme.get("/secrets/A?view=value&version=1").await.expect(200).json["value"], "${B}");
}

#[tokio::test]
async fn the_oldest_versions_go_and_what_is_answered_is_what_is_kept() {
    let acme = Acme::start().await;
    for number in 1..=KEPT + 1 {
        acme.set("A", &format!("value {number}")).await;
    }
    let written = acme.set("A", "last").await;
    let read = acme.get("/secrets/A").await.expect(200);
    assert_eq!((&written.json, written.header("etag")), (&read.json, read.header("etag")));
    let numbers: Vec<u64> =
        read.json["versions"].as_array().expect("a list").iter().filter_map(|kept| kept["version"].as_u64()).collect();
    assert_eq!(numbers, (3..=KEPT + 2).collect::<Vec<_>>());
    acme.get("/secrets/A?version=2&view=value").await.problem(404, "not_found");
    assert_eq!(acme.get("/secrets/A?version=3&view=value").await.expect(200).json["value"], "value 3");

    let held = acme.api.admin().with("if-match", written.header("etag"));
    held.put(&format!("{PROD}/secrets/A"), &json!({"value": "what was shown can be changed"})).await.expect(200);
}
