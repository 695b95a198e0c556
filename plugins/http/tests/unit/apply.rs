//! What is written, and what becomes of it.

use keyferry_plugin_http::{Context, GenericHttp};
use keyferry_sdk::http::{Failure, Method};
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Applied, Batch, Change, Destination, ErrorKind, Outcome, Precondition};
use serde_json::{Value, json};

use super::scene::*;

const ITEM: &str = "https://crm.example.com/v1/variables/A";

fn apply_with(context: Option<Context>, declaration: Value, changes: Vec<Change>) -> Vec<Outcome> {
    let batch = Batch { context, ..Batch::new(changes) };
    GenericHttp.apply(&connection(declaration), &target(json!({})), batch).expect("a batch has outcomes").outcomes
}

fn apply(declaration: Value, changes: Vec<Change>) -> Vec<Outcome> {
    apply_with(None, declaration, changes)
}

fn tagged() -> Option<Context> {
    Some(Context { has_entity_tags: true })
}

fn kind(outcome: &Outcome) -> ErrorKind {
    match outcome {
        Outcome::Failed(error) | Outcome::Unknown(error) => error.kind(),
        other => panic!("expected an error, found {other:?}"),
    }
}

#[test]
fn the_documented_example_writes_and_deletes() {
    let script = Script::new();
    let request = Expect::put("https://crm.example.com/v1/variables/A%20%2F%3F").egress("api");
    let request = request.header("Content-Type", "application/json").json(json!({"value": "line 1\n\"ü\""}));
    script.on(request).reply(Reply::status(204));
    script.on(Expect::delete(ITEM).egress("api").no_body()).reply(Reply::status(204));
    let changes = vec![put("A /?", "line 1\n\"ü\"", Precondition::None), delete("A", Precondition::None)];
    let done = Outcome::Applied(Applied::default());
    assert_eq!(apply(crm(), changes), [done.clone(), done]);
    assert!(script.requests().iter().all(|request| request.header_value("If-Match").is_none()));
}

#[test]
fn an_absent_item_counts_as_deleted() {
    for status in [404, 410] {
        let script = Script::new();
        script.on(Expect::delete(ITEM)).reply(Reply::status(status));
        assert!(matches!(apply(crm(), vec![delete("A", Precondition::None)])[..], [Outcome::Applied(_)]));
    }
}

#[test]
fn entity_tags_make_writes_conditional() {
    let script = Script::new();
    script.on(Expect::put(ITEM).header("If-Match", "\"1\"")).reply(Reply::status(204).header("ETag", "\"2\""));
    script.on(Expect::put(ITEM).header("If-None-Match", "*")).reply(Reply::status(412));
    script.on(Expect::delete(ITEM).header("If-Match", "\"2\"")).reply(Reply::status(412));
    let changes =
        vec![put("A", "v", matches("\"1\"")), put("A", "v", Precondition::MustNotExist), delete("A", matches("\"2\""))];
    let outcomes = apply_with(tagged(), crm(), changes);
    assert_eq!(outcomes[0], Outcome::Applied(Applied::with_version("\"2\"")));
    assert_eq!([kind(&outcomes[1]), kind(&outcomes[2])], [ErrorKind::Conflict, ErrorKind::Conflict]);
}

#[test]
fn other_versions_make_no_conditional_requests() {
    for (context, precondition) in [
        (tagged(), matches("7")),
        (tagged(), matches("W/\"7\"")),
        (None, matches("2026-01-01")),
        (None, Precondition::MustNotExist),
        (Some(Context::default()), Precondition::MustNotExist),
    ] {
        let script = Script::new();
        script.on(Expect::put(ITEM)).reply(Reply::status(200));
        apply_with(context, crm(), vec![put("A", "v", precondition)]);
        let request = &script.requests()[0];
        assert_eq!((request.header_value("If-Match"), request.header_value("If-None-Match")), (None, None));
    }
}

#[test]
fn a_collection_is_never_asked_not_to_exist() {
    let script = Script::new();
    let declaration = crm_operation("put", json!({"method": "POST", "url": "{{baseUrl}}/v1/variables"}));
    script.on(Expect::post("https://crm.example.com/v1/variables")).reply(Reply::status(201));
    apply_with(tagged(), declaration, vec![put("A", "v", Precondition::MustNotExist)]);
    assert_eq!(script.requests()[0].header_value("If-None-Match"), None);
}

#[test]
fn headers_of_the_template_prevail_and_empty_ones_are_left_out() {
    let script = Script::new();
    let declaration =
        crm_operation("put", json!({"headers": {"If-Match": "{{version}}", "X-Reference": "{{reference}}"}}));
    script.on(Expect::put(ITEM).header("If-Match", "\"1\"")).reply(Reply::status(200));
    apply(declaration, vec![put("A", "v", matches("\"1\""))]);
    let request = &script.requests()[0];
    assert_eq!(request.header_value("X-Reference"), None);
    assert_eq!(format!("{request:?}").matches("If-Match").count(), 1);
}

#[test]
fn bodies_are_json_form_or_text() {
    let script = Script::new();
    let put_with = |member: &str, body: Value| {
        crm_with(json!({"put": {"method": "PATCH", "url": "{{baseUrl}}/v1/all", member: body}}))
    };
    let all = || Expect::patch("https://crm.example.com/v1/all");
    script.on(all().json(json!({"A": "x&\"y"}))).reply(Reply::status(200));
    apply(put_with("json", json!({"{{key}}": "{{value}}"})), vec![put("A", "x&\"y", Precondition::None)]);
    let form = all().header("Content-Type", "application/x-www-form-urlencoded").text("name=A&v=x%26%22y");
    script.on(form).reply(Reply::status(200));
    apply(put_with("form", json!({"name": "{{key}}", "v": "{{value}}"})), vec![put("A", "x&\"y", Precondition::None)]);
    script.on(all().header("Content-Type", "text/plain; charset=utf-8").text("x&\"y")).reply(Reply::status(200));
    apply(put_with("body", json!("{{value}}")), vec![put("A", "x&\"y", Precondition::None)]);
}

#[test]
fn what_is_not_there_yet_is_created_where_the_api_tells_these_apart() {
    let script = Script::new();
    let declaration = crm_with(json!({
        "create": {
            "url": "{{baseUrl}}/v1/variables", "json": {"name": "{{key}}", "value": "{{value}}"},
            "reference": "/id", "version": "/rev"
        },
        "put": {"url": "{{baseUrl}}/v1/variables/{{reference}}", "json": {"value": "{{value}}"}, "version": "/rev"}
    }));
    let create = || Expect::post("https://crm.example.com/v1/variables").json(json!({"name": "A", "value": "v"}));
    script.on(create()).reply(Reply::json(201, json!({"id": 42, "rev": 1})));
    script.on(create()).reply(Reply::text(201, "created"));
    script.on(Expect::put("https://crm.example.com/v1/variables/42")).reply(Reply::json(200, json!({"rev": 2})));
    let changes = vec![
        put("A", "v", Precondition::MustNotExist),
        put("A", "v", Precondition::None),
        put_to(Some("42"), "A", "v", matches("1")),
    ];
    let applied = |version: Option<&str>, reference: Option<&str>| {
        Outcome::Applied(Applied { version: version.map(str::to_owned), reference: reference.map(str::to_owned) })
    };
    let expected = [applied(Some("1"), Some("42")), applied(None, None), applied(Some("2"), Some("42"))];
    assert_eq!(apply(declaration, changes), expected);
}

#[test]
fn a_key_that_would_lead_elsewhere_is_refused_and_the_others_go_on() {
    let script = Script::new();
    script.on(Expect::delete(ITEM)).reply(Reply::status(204));
    let changes = vec![
        delete("..", Precondition::None),
        put(".", "v", Precondition::None),
        put("", "v", Precondition::None),
        delete("A", Precondition::None),
    ];
    let outcomes = apply(crm(), changes);
    for outcome in &outcomes[..3] {
        assert_eq!(kind(outcome), ErrorKind::InvalidItem);
    }
    assert!(matches!(outcomes[3], Outcome::Applied(_)));
}

#[test]
fn a_header_cannot_be_broken_by_a_value() {
    let _script = Script::new();
    let declaration = crm_operation("put", json!({"headers": {"X-Value": "{{value}}"}}));
    let outcomes = apply(declaration, vec![put("A", "top\r\nX-Evil: secret", Precondition::None)]);
    let Outcome::Failed(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(error.kind(), ErrorKind::InvalidItem);
    assert!(!error.message().contains("secret"), "{error}");
}

#[test]
fn a_missing_reference_is_told_before_the_collection_is_met() {
    let _script = Script::new();
    let declaration = crm_operation("delete", json!({"url": "{{baseUrl}}/v1/variables/{{reference}}"}));
    assert_eq!(kind(&apply(declaration, vec![delete("A", Precondition::None)])[0]), ErrorKind::InvalidItem);
}

#[test]
fn each_item_has_its_own_outcome() {
    for (status, expected, is_unknown) in [
        (400, ErrorKind::InvalidItem, false),
        (409, ErrorKind::Conflict, false),
        (413, ErrorKind::InvalidItem, false),
        (422, ErrorKind::InvalidItem, false),
        (403, ErrorKind::PermissionDenied, false),
        (301, ErrorKind::Other, false),
    ] {
        let script = Script::new();
        script.on(Expect::put(ITEM)).reply(Reply::text(status, "top-secret"));
        script.on(Expect::put(ITEM)).reply(Reply::status(200));
        let outcomes =
            apply(crm(), vec![put("A", "top-secret", Precondition::None), put("A", "v", Precondition::None)]);
        assert_eq!(kind(&outcomes[0]), expected, "status {status}");
        assert_eq!(matches!(outcomes[0], Outcome::Unknown(_)), is_unknown);
        assert!(!format!("{outcomes:?}").contains("top-secret"));
        assert!(matches!(outcomes[1], Outcome::Applied(_)));
    }
}

#[test]
fn after_a_fault_of_the_whole_the_rest_is_not_attempted() {
    for (status, expected) in
        [(401, ErrorKind::Unauthenticated), (429, ErrorKind::RateLimited), (503, ErrorKind::Unavailable)]
    {
        let script = Script::new();
        script.on(Expect::put(ITEM)).reply(Reply::status(status));
        let outcomes = apply(crm(), vec![put("A", "v", Precondition::None), delete("A", Precondition::None)]);
        assert_eq!(kind(&outcomes[0]), expected);
        assert_eq!(outcomes[1], Outcome::NotAttempted);
    }
}

#[test]
fn a_lost_answer_leaves_the_outcome_unknown() {
    let script = Script::new();
    script.on(Expect::put(ITEM)).reply(Failure::OutcomeUnknown("timed out".into()));
    assert!(matches!(apply(crm(), vec![put("A", "v", Precondition::None)])[..], [Outcome::Unknown(_)]));
    script.on(Expect::put(ITEM)).reply(Reply::status(504));
    assert!(matches!(apply(crm(), vec![put("A", "v", Precondition::None)])[..], [Outcome::Unknown(_)]));
    script.on(Expect::put(ITEM)).reply(Failure::NotSent("refused".into()));
    assert!(matches!(apply(crm(), vec![put("A", "v", Precondition::None)])[..], [Outcome::Failed(_)]));
}

#[test]
fn without_delete_deleting_is_unsupported() {
    let _script = Script::new();
    let outcomes = apply(crm_with(json!({"delete": null})), vec![delete("A", Precondition::None)]);
    let Outcome::Failed(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("pluginSettings.delete")));
}

#[test]
fn without_put_nothing_is_tried() {
    let _script = Script::new();
    let batch = Batch::new(vec![put("A", "v", Precondition::None)]);
    let connection = connection(crm_with(json!({"put": null})));
    let error = GenericHttp.apply(&connection, &target(json!({})), batch).expect_err("no put");
    assert_eq!(error.field(), Some("pluginSettings.put"));
}

#[test]
fn every_declared_method_is_sent() {
    for method in [Method::Put, Method::Post, Method::Patch] {
        let script = Script::new();
        script.on(Expect::new(method, ITEM)).reply(Reply::status(200));
        let declaration = crm_operation("put", json!({"method": method.as_str()}));
        assert!(matches!(apply(declaration, vec![put("A", "v", Precondition::None)])[..], [Outcome::Applied(_)]));
    }
}
