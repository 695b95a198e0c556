//! The plugin against scripted HTTP, natively.

use {{crate_name}}::{Plugin, Project, Server};
use keyferry_sdk::http::Failure;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{
    Batch, Change, Connection, Delete, Destination, ErrorKind, Integration, Outcome, Precondition, Put, Scope,
    plugin_metadata,
};
use serde_json::json;

const VARIABLES: &str = "https://api.example.com/v1/projects/web/variables";

fn connection() -> Connection<Server> {
    Connection::new(Server { base_url: "https://api.example.com".into() })
}

fn target() -> Project {
    Project { project: "web".into() }
}

fn put(key: &str) -> Change {
    Change::Put(Put {
        key: key.into(),
        value: "a value".into(),
        reference: None,
        attributes: Vec::new(),
        precondition: Precondition::None,
    })
}

fn delete(key: &str) -> Change {
    Change::Delete(Delete { key: key.into(), reference: None, precondition: Precondition::None })
}

#[test]
fn metadata_names_the_plugin_and_its_settings() {
    let metadata = plugin_metadata(&Plugin);
    assert_eq!(metadata.id, "{{name}}");
    assert_eq!(metadata.config_metadata.parameters_metadata[0].name, "baseUrl");
    assert!(metadata.config_metadata.auth_metadata[0].parameters_metadata[0].secret);
}

#[test]
fn verify_tells_whose_credentials_they_are() {
    let script = Script::new();
    script.on(Expect::get("https://api.example.com/v1/me").egress("api")).reply(Reply::json(200, json!({"id": "u-1"})));
    assert_eq!(Plugin.verify(&connection()).expect("the vendor knows them").id, "u-1");
}

#[test]
fn rejected_credentials_are_told_as_such() {
    let script = Script::new();
    script.on(Expect::get("https://api.example.com/v1/me")).reply(Reply::status(401));
    let error = Plugin.verify(&connection()).expect_err("the vendor rejects them");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}

#[test]
fn every_page_is_listed() {
    let script = Script::new();
    script
        .on(Expect::get(VARIABLES))
        .reply(Reply::json(200, json!({"variables": [{"name": "A", "value": "1", "version": 1}], "next": "p2"})));
    script
        .on(Expect::get(format!("{VARIABLES}?cursor=p2")))
        .reply(Reply::json(200, json!({"variables": [{"name": "B", "value": "2", "version": 4}], "next": null})));

    let observation = Plugin.observe(&connection(), &target(), &Scope::All, None).expect("two pages");
    assert_eq!(observation.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert!(observation.complete);
}

#[test]
fn one_bad_item_does_not_hold_up_the_others() {
    let script = Script::new();
    script.on(Expect::put(format!("{VARIABLES}/A"))).reply(Reply::status(422));
    script.on(Expect::put(format!("{VARIABLES}/B"))).reply(Reply::json(200, json!({"version": 5})));

    let batch = Batch::new(vec![put("A"), put("B")]);
    let outcomes = Plugin.apply(&connection(), &target(), batch).expect("a batch has outcomes").outcomes;
    assert!(matches!(&outcomes[0], Outcome::Failed(error) if error.kind() == ErrorKind::InvalidItem));
    assert!(matches!(&outcomes[1], Outcome::Applied(applied) if applied.version.as_deref() == Some("5")));
}

#[test]
fn a_lost_answer_leaves_the_outcome_unknown_and_the_rest_untried() {
    let script = Script::new();
    script.on(Expect::put(format!("{VARIABLES}/A"))).reply(Failure::OutcomeUnknown("timed out".into()));

    let batch = Batch::new(vec![put("A"), put("B")]);
    let outcomes = Plugin.apply(&connection(), &target(), batch).expect("a batch has outcomes").outcomes;
    assert!(matches!(outcomes[..], [Outcome::Unknown(_), Outcome::NotAttempted]));
}

#[test]
fn what_is_gone_already_counts_as_deleted() {
    let script = Script::new();
    script.on(Expect::delete(format!("{VARIABLES}/A"))).reply(Reply::status(404));
    let batch = Batch::new(vec![delete("A")]);
    let outcomes = Plugin.apply(&connection(), &target(), batch).expect("a batch has outcomes").outcomes;
    assert!(matches!(outcomes[..], [Outcome::Applied(_)]));
}
