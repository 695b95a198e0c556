//! Listing what is there.

use keyferry_plugin_consul_kv::ConsulKv;
use keyferry_sdk::http::Failure;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Destination, Error, ErrorKind, Observation, ObservedValue, Scope};
use serde_json::{Value, json};

use super::scene::*;

fn observe(scope: &Scope) -> Result<Observation, Error> {
    ConsulKv.observe(&connection(), &target("app/"), scope, None)
}

fn list() -> Expect {
    Expect::get(format!("{KV}/app/?recurse=true")).egress("api").no_body()
}

fn keys(observation: &Observation) -> Vec<&str> {
    observation.entries.iter().map(|entry| entry.key.as_str()).collect()
}

#[test]
fn values_and_indexes_are_read() {
    let script = Script::new();
    let mut empty = pair("app/EMPTY", "", 12);
    empty["Value"] = Value::Null;
    let pairs = json!([
        pair("app/", "", 9),
        pair("app/A", "line 1\nünïcode 🔑", 10),
        pair("app/deep/B c", "x", 11),
        empty,
        pair("app/BINARY", [0xff, 0x00], 13)
    ]);
    script.on(list()).reply(Reply::json(200, pairs));
    let observation = observe(&Scope::All).expect("listed");
    let readable = |text: &str| ObservedValue::Readable(text.to_owned());
    let found = observation.entries.iter().map(|entry| (entry.key.as_str(), &entry.value, entry.version.as_deref()));
    let expected = [
        ("A", &readable("line 1\nünïcode 🔑"), Some("10")),
        ("deep/B c", &readable("x"), Some("11")),
        ("EMPTY", &readable(""), Some("12")),
        ("BINARY", &ObservedValue::Hidden, Some("13")),
    ];
    assert!(found.eq(expected), "{:?}", keys(&observation));
    assert!(observation.complete && observation.next.is_none());
}

#[test]
fn nothing_under_a_readable_prefix_is_empty_and_complete() {
    let script = Script::new();
    script.on(list()).reply(Reply::status(404));
    script.on(Expect::get(format!("{KV}/app/"))).reply(Reply::status(404));
    assert_eq!(observe(&Scope::All), Ok(Observation::complete(Vec::new())));
}

#[test]
fn nothing_under_a_prefix_that_may_not_be_read_proves_nothing() {
    let script = Script::new();
    script.on(list()).reply(Reply::status(404));
    script.on(Expect::get(format!("{KV}/app/"))).reply(denied());
    assert_eq!(observe(&Scope::All).expect_err("denied").kind(), ErrorKind::PermissionDenied);
}

#[test]
fn named_keys_are_picked_from_the_listing() {
    let script = Script::new();
    script.on(list()).reply(Reply::json(200, json!([pair("app/A", "a", 1), pair("app/B", "b", 2)])));
    let observation = observe(&Scope::Keys(vec!["B".into(), "Z".into()])).expect("listed");
    assert_eq!((keys(&observation), observation.complete), (vec!["B"], true));
}

#[test]
fn special_characters_of_the_path_and_the_datacenter_reach_consul() {
    let script = Script::new();
    let url = "http://consul.example:8500/v1/kv/a%20b/%C3%BC%3F/?dc=dc2&recurse=true";
    script.on(Expect::get(url)).reply(Reply::json(200, json!([pair("a b/ü?/K", "v", 1)])));
    let connection = connection_to("http://consul.example:8500/", "DC2");
    let observation = ConsulKv.observe(&connection, &target("a b/ü?/"), &Scope::All, None).expect("listed");
    assert_eq!(keys(&observation), ["K"]);
}

#[test]
fn failures_are_told_by_kind_and_without_what_was_answered() {
    for (reply, kind) in [
        (Reply::text(403, "ACL not found"), ErrorKind::Unauthenticated),
        (denied(), ErrorKind::PermissionDenied),
        (Reply::text(500, "No cluster leader"), ErrorKind::Unavailable),
        (Reply::text(200, "top-secret"), ErrorKind::Other),
        (Reply::json(200, json!({"top-secret": 1})), ErrorKind::Other),
        (Failure::TooLarge.into(), ErrorKind::Unsupported),
        (Failure::OutcomeUnknown("timed out".into()).into(), ErrorKind::Unavailable),
    ] {
        let script = Script::new();
        script.on(list()).reply(reply);
        let error = observe(&Scope::All).expect_err("no listing");
        assert_eq!(error.kind(), kind);
        assert!(!error.message().contains("top-secret"), "{error}");
    }
}
