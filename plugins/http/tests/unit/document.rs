//! All items in one document.

use keyferry_plugin_http::{Context, GenericHttp};
use keyferry_sdk::http::Failure;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Application, Batch, Change, Destination, Error, ErrorKind, Outcome, Precondition, Scope};
use serde_json::{Value, json};

use super::scene::*;

const DOCUMENT: &str = "https://crm.example.com/v1/env";

fn declaration(members: Value) -> Value {
    let mut replace = json!({"url": "{{baseUrl}}/v1/env", "at": "/env"});
    replace.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    json!({"replace": replace, "sync": {"document": true}})
}

fn apply(declaration: Value, version: Option<&str>, changes: Vec<Change>) -> Result<Application, Error> {
    let batch: Batch<Context> = Batch { document_version: version.map(str::to_owned), ..Batch::new(changes) };
    GenericHttp.apply(&connection(declaration), &target(json!({})), batch)
}

fn found() -> Reply {
    let body = json!({"env": {"A": "old", "FOREIGN": "f", "NUMBER": 7}, "name": "web"});
    Reply::json(200, body).header("ETag", "\"1\"")
}

fn changes() -> Vec<Change> {
    vec![
        put("A", "new", Precondition::None),
        put("B", "b", Precondition::MustNotExist),
        delete("GONE", Precondition::None),
    ]
}

#[test]
fn the_document_is_observed_with_its_version() {
    let script = Script::new();
    script.on(Expect::get(DOCUMENT).egress("api").no_body()).reply(found());
    let connection = connection(declaration(json!({})));
    let observation = GenericHttp.observe(&connection, &target(json!({})), &Scope::All, None).expect("read");
    let expected = [("A", Some("old"), None), ("FOREIGN", Some("f"), None), ("NUMBER", Some("7"), None)];
    assert_eq!(observation.entries.iter().map(summary).collect::<Vec<_>>(), expected);
    assert_eq!((observation.document_version.as_deref(), observation.complete), (Some("\"1\""), true));
}

#[test]
fn what_is_not_ours_is_written_back_as_it_was() {
    let script = Script::new();
    script.on(Expect::get(DOCUMENT)).reply(found());
    let body = json!({"env": {"A": "new", "B": "b", "FOREIGN": "f", "NUMBER": 7}, "name": "web"});
    script
        .on(Expect::put(DOCUMENT).header("If-Match", "\"1\"").json(body))
        .reply(Reply::status(204).header("ETag", "\"2\""));
    let application = apply(declaration(json!({})), Some("\"1\""), changes()).expect("written");
    assert!(application.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))));
    assert_eq!((application.outcomes.len(), application.document_version.as_deref()), (3, Some("\"2\"")));
}

#[test]
fn what_is_written_may_have_another_shape_than_what_is_read() {
    let script = Script::new();
    script.on(Expect::get(DOCUMENT)).reply(found());
    let body = json!({"data": {"vars": {"FOREIGN": "f", "NUMBER": 7}}});
    script.on(Expect::post(DOCUMENT).json(body)).reply(Reply::status(200));
    let declaration = declaration(json!({"method": "POST", "into": "/data/vars"}));
    apply(declaration, None, vec![delete("A", Precondition::None)]).expect("written");
}

#[test]
fn a_document_that_is_not_there_is_empty_and_made() {
    let script = Script::new();
    script.on(Expect::get(DOCUMENT)).reply(Reply::status(404));
    let connection = connection(declaration(json!({})));
    let observation = GenericHttp.observe(&connection, &target(json!({})), &Scope::All, None).expect("read");
    assert!(observation.entries.is_empty() && observation.complete);

    script.on(Expect::get(DOCUMENT)).reply(Reply::status(404));
    let made = Expect::put(DOCUMENT).header("If-None-Match", "*").json(json!({"env": {"B": "b"}}));
    script.on(made).reply(Reply::status(201));
    apply(declaration(json!({})), None, vec![put("B", "b", Precondition::MustNotExist)]).expect("written");
}

#[test]
fn a_document_that_changed_meanwhile_is_left_alone() {
    for (version, changes) in [
        (Some("\"0\""), changes()),
        (None, vec![put("FOREIGN", "mine", Precondition::MustNotExist), put("B", "b", Precondition::MustNotExist)]),
    ] {
        let script = Script::new();
        script.on(Expect::get(DOCUMENT)).reply(found());
        let application = apply(declaration(json!({})), version, changes).expect("outcomes");
        for outcome in &application.outcomes {
            assert!(matches!(outcome, Outcome::Failed(error) if error.kind() == ErrorKind::Conflict), "{outcome:?}");
        }
    }
}

#[test]
fn a_failed_condition_is_a_conflict_of_every_change() {
    let script = Script::new();
    script.on(Expect::get(DOCUMENT)).reply(found());
    script.on(Expect::put(DOCUMENT)).reply(Reply::status(412));
    let application = apply(declaration(json!({})), Some("\"1\""), changes()).expect("outcomes");
    let is_conflict =
        |outcome: &Outcome| matches!(outcome, Outcome::Failed(error) if error.kind() == ErrorKind::Conflict);
    assert!(application.outcomes.iter().all(is_conflict));
    assert_eq!(application.document_version, None);
}

#[test]
fn a_lost_answer_leaves_all_outcomes_unknown_but_a_failed_read_none() {
    let script = Script::new();
    script.on(Expect::get(DOCUMENT)).reply(found());
    script.on(Expect::put(DOCUMENT)).reply(Failure::OutcomeUnknown("timed out".into()));
    let application = apply(declaration(json!({})), None, changes()).expect("outcomes");
    assert!(application.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unknown(_))));

    script.on(Expect::get(DOCUMENT)).reply(Failure::OutcomeUnknown("timed out".into()));
    let error = apply(declaration(json!({})), None, changes()).expect_err("nothing was tried");
    assert!(!error.is_outcome_unknown());
}

#[test]
fn a_document_of_another_shape_is_neither_empty_nor_overwritten() {
    for body in [json!({}), json!({"env": []}), json!([1]), json!("text")] {
        let script = Script::new();
        script.on(Expect::get(DOCUMENT)).reply(Reply::json(200, body));
        let error = apply(declaration(json!({})), None, changes()).expect_err("another document");
        assert_eq!(error.kind(), ErrorKind::Other);
    }
}

#[test]
fn numbers_that_would_change_are_not_written_back() {
    let script = Script::new();
    let body = r#"{"env": {"FOREIGN": 123456789012345678901234567890}}"#;
    script.on(Expect::get(DOCUMENT)).reply(Reply::text(200, body));
    let error = apply(declaration(json!({})), None, changes()).expect_err("not exact");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
