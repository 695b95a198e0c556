//! What is written, and what becomes of it.

use keyferry_plugin_consul_kv::ConsulKv;
use keyferry_sdk::http::Failure;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Applied, Batch, Change, Destination, ErrorKind, Outcome, Precondition};
use serde_json::{Value, json};

use super::scene::*;

fn apply(changes: Vec<Change>) -> Vec<Outcome> {
    ConsulKv.apply(&connection(), &target("app/"), Batch::new(changes)).expect("a batch has outcomes").outcomes
}

fn txn(operations: &[Value]) -> Expect {
    let operations = operations.iter().map(|operation| json!({"KV": operation})).collect::<Vec<_>>();
    Expect::put(TXN).egress("api").header("Content-Type", "application/json").json(json!(operations))
}

/// What Consul answers: the keys written, with their new indexes.
fn committed(written: &[(&str, u64)]) -> Reply {
    let result =
        |(name, index): &(&str, u64)| json!({"KV": {"Key": name, "Flags": 0, "CreateIndex": 1, "ModifyIndex": index}});
    Reply::json(200, json!({"Results": written.iter().map(result).collect::<Vec<_>>(), "Errors": null}))
}

fn rolled_back(errors: Value) -> Reply {
    Reply::json(409, json!({"Results": null, "Errors": errors}))
}

fn kind(outcome: &Outcome) -> ErrorKind {
    match outcome {
        Outcome::Failed(error) | Outcome::Unknown(error) => error.kind(),
        other => panic!("expected an error, found {other:?}"),
    }
}

#[test]
fn a_batch_is_one_transaction_that_compares_indexes() {
    let script = Script::new();
    let operations = [
        json!({"Verb": "cas", "Key": "app/NEW", "Value": base64("n"), "Index": 0}),
        json!({"Verb": "cas", "Key": "app/KNOWN", "Value": base64(""), "Index": 7}),
        json!({"Verb": "set", "Key": "app/any \"ü\"/x", "Value": base64("line 1\nü"), }),
        json!({"Verb": "delete-cas", "Key": "app/OLD", "Index": 5}),
        json!({"Verb": "delete", "Key": "app/GONE"}),
    ];
    let reply = committed(&[("app/NEW", 20), ("app/KNOWN", 20), ("app/any \"ü\"/x", 20)]);
    script.on(txn(&operations)).reply(reply);
    let outcomes = apply(vec![
        put("NEW", "n", Precondition::MustNotExist),
        put("KNOWN", "", matches("7")),
        put("any \"ü\"/x", "line 1\nü", Precondition::None),
        delete("OLD", matches("5")),
        delete("GONE", Precondition::None),
    ]);
    let written = Outcome::Applied(Applied::with_version("20"));
    let gone = Outcome::Applied(Applied::default());
    assert_eq!(outcomes, [written.clone(), written.clone(), written, gone.clone(), gone]);
}

#[test]
fn a_rolled_back_transaction_tells_what_was_at_fault_and_the_rest_was_not_attempted() {
    let script = Script::new();
    let stale = json!([{"OpIndex": 1, "What": "failed to set key \"app/B\", index is stale"}]);
    script.on(Expect::put(TXN)).reply(rolled_back(stale));
    let changes = ["A", "B", "C"].map(|key| put(key, "v", Precondition::MustNotExist)).to_vec();
    let outcomes = apply(changes);
    assert_eq!((&outcomes[0], &outcomes[2]), (&Outcome::NotAttempted, &Outcome::NotAttempted));
    let Outcome::Failed(error) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Conflict, Some(409)));
    assert!(error.message().contains("app/B"), "{error}");
}

#[test]
fn faults_are_told_by_kind_and_never_in_consuls_words() {
    for (what, expected) in [
        ("failed to delete key \"app/A\", index is stale", ErrorKind::Conflict),
        ("Permission denied: token with AccessorID '6a12' lacks permission", ErrorKind::PermissionDenied),
        ("ACL not found", ErrorKind::Unauthenticated),
        ("unknown KV verb \"6a12\"", ErrorKind::InvalidItem),
    ] {
        let script = Script::new();
        script.on(Expect::put(TXN)).reply(rolled_back(json!([{"OpIndex": 0, "What": what}])));
        let outcomes = apply(vec![put("A", "v", Precondition::None)]);
        assert_eq!(kind(&outcomes[0]), expected);
        assert!(!format!("{outcomes:?}").contains("6a12"));
    }
}

#[test]
fn several_faults_of_one_transaction_are_all_told() {
    let script = Script::new();
    let errors = json!([{"OpIndex": 0, "What": "Permission denied"}, {"OpIndex": 2, "What": "Permission denied"}]);
    script.on(Expect::put(TXN)).reply(rolled_back(errors));
    let outcomes = apply(["A", "B", "C"].map(|key| put(key, "v", Precondition::None)).to_vec());
    assert_eq!([kind(&outcomes[0]), kind(&outcomes[2])], [ErrorKind::PermissionDenied; 2]);
    assert_eq!(outcomes[1], Outcome::NotAttempted);
}

#[test]
fn a_rollback_without_a_fault_fails_every_change() {
    for errors in [json!(null), json!([]), json!([{"OpIndex": 9, "What": "index is stale"}])] {
        let script = Script::new();
        script.on(Expect::put(TXN)).reply(rolled_back(errors));
        assert_eq!(kind(&apply(vec![put("A", "v", Precondition::None)])[0]), ErrorKind::Conflict);
    }
}

#[test]
fn large_batches_are_parted_by_the_size_of_their_transactions() {
    let script = Script::new();
    let large = "x".repeat(200 * 1024);
    let operation = |key: &str| json!({"Verb": "set", "Key": format!("app/{key}"), "Value": base64(&large)});
    script.on(txn(&[operation("A")])).reply(committed(&[("app/A", 1)]));
    script.on(txn(&[operation("B"), json!({"Verb": "delete", "Key": "app/C"})])).reply(committed(&[("app/B", 2)]));
    let outcomes = apply(vec![
        put("A", &large, Precondition::None),
        put("B", &large, Precondition::None),
        delete("C", Precondition::None),
    ]);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))), "{outcomes:?}");
    assert!(script.requests().iter().all(|request| request.body_bytes().is_some_and(|body| body.len() <= 512 * 1024)));
}

#[test]
fn a_transaction_has_at_most_64_operations() {
    let script = Script::new();
    let keys = (0..65).map(|number| format!("K{number}")).collect::<Vec<_>>();
    script.on(Expect::put(TXN)).reply(committed(&[]));
    script.on(txn(&[json!({"Verb": "delete", "Key": "app/K64"})])).reply(committed(&[]));
    let outcomes = apply(keys.iter().map(|key| delete(key, Precondition::None)).collect());
    assert_eq!(outcomes.len(), 65);
    let first: Value = serde_json::from_slice(script.requests()[0].body_bytes().expect("a body")).expect("JSON");
    assert_eq!(first.as_array().map(Vec::len), Some(64));
}

#[test]
fn a_value_that_no_transaction_holds_is_written_by_itself() {
    let script = Script::new();
    let large = "x".repeat(512 * 1024);
    script.on(txn(&[json!({"Verb": "delete", "Key": "app/BEFORE"})])).reply(committed(&[]));
    let request = Expect::put(format!("{KV}/app/L%20%C3%BC?cas=0")).text(large.as_str());
    script.on(request).reply(Reply::text(200, "true\n"));
    script.on(Expect::put(format!("{KV}/app/M?cas=4"))).reply(Reply::text(200, "false"));
    script.on(Expect::put(format!("{KV}/app/N"))).reply(Reply::text(200, "?"));
    let outcomes = apply(vec![
        delete("BEFORE", Precondition::None),
        put("L ü", &large, Precondition::MustNotExist),
        put("M", &large, matches("4")),
        put("N", &large, Precondition::None),
        put("../N", &large, Precondition::None),
    ]);
    assert!(outcomes[..2].iter().all(|outcome| matches!(outcome, Outcome::Applied(_))), "{outcomes:?}");
    assert_eq!(kind(&outcomes[2]), ErrorKind::Conflict);
    assert!(matches!(outcomes[3], Outcome::Unknown(_)));
    assert_eq!(kind(&outcomes[4]), ErrorKind::InvalidItem);
}

#[test]
fn what_consul_would_refuse_is_refused_unsent_and_the_others_go_on() {
    let script = Script::new();
    script.on(txn(&[json!({"Verb": "delete", "Key": "app/C"})])).reply(committed(&[]));
    let outcomes = apply(vec![
        put("A", &"top-secret".repeat(60_000), Precondition::None),
        put("B", "v", matches("no index")),
        delete("C", Precondition::None),
    ]);
    assert_eq!([kind(&outcomes[0]), kind(&outcomes[1])], [ErrorKind::InvalidItem, ErrorKind::Conflict]);
    assert!(!format!("{outcomes:?}").contains("top-secret"));
    assert!(matches!(outcomes[2], Outcome::Applied(_)));
}

#[test]
fn a_transaction_that_is_refused_as_a_whole_fails_every_change() {
    for (reply, expected) in [
        (denied(), ErrorKind::PermissionDenied),
        (Reply::text(403, "ACL not found"), ErrorKind::Unauthenticated),
        (Reply::status(413), ErrorKind::InvalidItem),
        (Reply::status(429), ErrorKind::RateLimited),
        (Failure::NotSent("refused".into()).into(), ErrorKind::Unavailable),
    ] {
        let script = Script::new();
        script.on(Expect::put(TXN)).reply(reply);
        let outcomes = apply(vec![put("A", "v", Precondition::None), delete("B", Precondition::None)]);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Failed(_)) && kind(outcome) == expected));
    }
}

#[test]
fn after_a_fault_of_the_whole_the_next_transaction_is_not_attempted() {
    let script = Script::new();
    let large = "x".repeat(300 * 1024);
    script.on(Expect::put(TXN)).reply(Reply::status(429));
    let outcomes = apply(vec![put("A", &large, Precondition::None), put("B", &large, Precondition::None)]);
    assert_eq!((kind(&outcomes[0]), &outcomes[1]), (ErrorKind::RateLimited, &Outcome::NotAttempted));
}

#[test]
fn a_lost_answer_leaves_every_outcome_unknown() {
    for reply in [Failure::OutcomeUnknown("timed out".into()).into(), Reply::text(500, "rpc error")] {
        let script = Script::new();
        script.on(Expect::put(TXN)).reply(reply);
        let outcomes = apply(vec![put("A", "v", Precondition::None), delete("B", Precondition::None)]);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unknown(_))), "{outcomes:?}");
    }
}

#[test]
fn a_committed_answer_that_cannot_be_read_only_tells_no_versions() {
    let script = Script::new();
    script.on(Expect::put(TXN)).reply(Reply::text(200, "?"));
    assert_eq!(apply(vec![put("A", "v", Precondition::None)]), [Outcome::Applied(Applied::default())]);
}

#[test]
fn the_datacenter_reaches_the_transaction() {
    let script = Script::new();
    script.on(Expect::put(format!("{TXN}?dc=dc2"))).reply(committed(&[]));
    let connection = connection_to("https://consul.example", "dc2");
    let batch = Batch::new(vec![delete("A", Precondition::None)]);
    ConsulKv.apply(&connection, &target("app/"), batch).expect("outcomes");
}
