//! What is written, and what becomes of it.

use keyferry_plugin_aws_parameter_store::ParameterStore;
use keyferry_plugin_aws_parameter_store::config::Target;
use keyferry_sdk::http::Failure;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Batch, Change, Destination, ErrorKind, Outcome, Precondition};
use serde_json::{Value, json};

use super::scene::*;

fn apply(target: &Target, changes: Vec<Change>) -> Vec<Outcome> {
    ParameterStore.apply(&connection(), target, Batch::new(changes)).expect("a batch has outcomes").outcomes
}

fn put_call(key: &str, members: Value) -> Expect {
    let mut input = json!({"Name": format!("/app/{key}"), "Value": "v", "Type": "SecureString"});
    input.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    ssm("PutParameter", input)
}

fn written(version: u64) -> Reply {
    Reply::json(200, json!({"Version": version, "Tier": "Standard"}))
}

fn list_tags(key: &str) -> Expect {
    ssm("ListTagsForResource", json!({"ResourceType": "Parameter", "ResourceId": format!("/app/{key}")}))
}

fn kind(outcome: &Outcome) -> ErrorKind {
    match outcome {
        Outcome::Failed(error) | Outcome::Unknown(error) => error.kind(),
        other => panic!("expected an error, found {other:?}"),
    }
}

fn version(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Applied(applied) => applied.version.as_deref(),
        other => panic!("expected a write, found {other:?}"),
    }
}

#[test]
fn a_new_parameter_never_overwrites_one() {
    let script = Script::new();
    script.on(put_call("A", json!({"Overwrite": false}))).reply(written(1));
    script.on(put_call("B", json!({"Overwrite": false}))).reply(fault("ParameterAlreadyExists"));
    let outcomes = apply(&target(json!({})), vec![create("A"), create("B")]);
    assert_eq!(version(&outcomes[0]), Some("1"));
    assert_eq!(kind(&outcomes[1]), ErrorKind::Conflict);
}

#[test]
fn an_existing_parameter_is_overwritten() {
    let script = Script::new();
    script.on(put_call("A", json!({"Overwrite": true}))).reply(written(8));
    let outcomes = apply(&target(json!({})), vec![update("A")]);
    assert_eq!(version(&outcomes[0]), Some("8"));
}

#[test]
fn key_tier_and_tags_come_with_creation() {
    let script = Script::new();
    let members = json!({
        "Overwrite": false, "KeyId": "alias/own", "Tier": "Intelligent-Tiering",
        "Tags": [{"Key": "env", "Value": "prod"}, {"Key": "team", "Value": "web"}]
    });
    script.on(put_call("A", members)).reply(written(1));
    let target = target(json!({
        "kmsKeyId": "alias/own", "tier": "Intelligent-Tiering", "tags": {"team": "web", "env": "prod"}
    }));
    assert_eq!(version(&apply(&target, vec![create("A")])[0]), Some("1"));
}

#[test]
fn tags_of_an_existing_parameter_are_changed_by_difference_and_apart_from_its_value() {
    let script = Script::new();
    script.on(list_tags("A")).reply(Reply::json(
        200,
        json!({"TagList": [{"Key": "env", "Value": "prod"}, {"Key": "old", "Value": "x"}, {"Key": "aws:a", "Value": "y"}]}),
    ));
    let resource = |members: Value| {
        let mut input = json!({"ResourceType": "Parameter", "ResourceId": "/app/A"});
        input.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        input
    };
    script.on(ssm("RemoveTagsFromResource", resource(json!({"TagKeys": ["old"]})))).reply(Reply::json(200, json!({})));
    script
        .on(ssm("AddTagsToResource", resource(json!({"Tags": [{"Key": "team", "Value": "web"}]}))))
        .reply(Reply::json(200, json!({})));
    script.on(put_call("A", json!({"Overwrite": true}))).reply(written(2));
    let target = target(json!({"tags": {"team": "web", "env": "prod"}}));
    assert_eq!(version(&apply(&target, vec![update("A")])[0]), Some("2"));
}

#[test]
fn other_tags_stay_where_they_are_to_be_kept() {
    for (wanted, added) in [(json!([]), None), (json!({"team": "web"}), Some(json!([{"Key": "team", "Value": "web"}])))]
    {
        let script = Script::new();
        script.on(list_tags("A")).reply(Reply::json(200, json!({"TagList": [{"Key": "old", "Value": "x"}]})));
        if let Some(added) = added {
            let input = json!({"ResourceType": "Parameter", "ResourceId": "/app/A", "Tags": added});
            script.on(ssm("AddTagsToResource", input)).reply(Reply::json(200, json!({})));
        }
        script.on(put_call("A", json!({"Overwrite": true}))).reply(written(2));
        let target = target(json!({"tags": wanted, "otherTags": "Keep"}));
        assert_eq!(version(&apply(&target, vec![update("A")])[0]), Some("2"));
    }
}

#[test]
fn tags_that_are_right_already_cost_no_write() {
    let script = Script::new();
    script.on(list_tags("A")).reply(Reply::json(200, json!({"TagList": [{"Key": "env", "Value": "prod"}]})));
    script.on(put_call("A", json!({"Overwrite": true}))).reply(written(2));
    assert_eq!(version(&apply(&target(json!({"tags": {"env": "prod"}})), vec![update("A")])[0]), Some("2"));
}

#[test]
fn without_wanted_tags_none_are_looked_at() {
    let script = Script::new();
    script.on(put_call("A", json!({"Overwrite": true}))).reply(written(2));
    apply(&target(json!({})), vec![update("A")]);
}

#[test]
fn a_value_is_not_written_when_its_tags_cannot_be() {
    let script = Script::new();
    script.on(list_tags("A")).reply(fault("AccessDeniedException"));
    let outcomes = apply(&target(json!({"tags": {"env": "prod"}})), vec![update("A")]);
    assert!(matches!(&outcomes[0], Outcome::Failed(error) if error.kind() == ErrorKind::PermissionDenied));
}

#[test]
fn a_parameter_that_vanished_is_written_first_and_tagged_then() {
    let script = Script::new();
    script.on(list_tags("A")).reply(fault("InvalidResourceId"));
    script.on(put_call("A", json!({"Overwrite": true}))).reply(written(1));
    script
        .on(ssm(
            "AddTagsToResource",
            json!({"ResourceType": "Parameter", "ResourceId": "/app/A", "Tags": [{"Key": "env", "Value": "prod"}]}),
        ))
        .reply(fault("AccessDeniedException"));
    let outcomes = apply(&target(json!({"tags": {"env": "prod"}})), vec![update("A")]);
    assert!(matches!(&outcomes[0], Outcome::Unknown(error) if error.kind() == ErrorKind::PermissionDenied));
}

#[test]
fn an_existing_parameter_is_never_asked_to_step_down_to_standard() {
    let script = Script::new();
    script.on(put_call("A", json!({"Overwrite": true}))).reply(written(2));
    script.on(put_call("B", json!({"Overwrite": false, "Tier": "Standard"}))).reply(written(1));
    apply(&target(json!({"tier": "Standard"})), vec![update("A"), create("B")]);
}

#[test]
fn what_ssm_would_refuse_is_refused_without_a_call() {
    let _script = Script::new();
    let long = "x".repeat(4_097);
    let put_value = |value: &str| put("A", value, Precondition::None);
    let standard = target(json!({"tier": "Standard"}));
    let outcomes = apply(&standard, vec![put_value(""), put_value(&long)]);
    assert_eq!(outcomes.iter().map(kind).collect::<Vec<_>>(), [ErrorKind::InvalidItem; 2]);

    let longer = "x".repeat(8_193);
    assert_eq!(kind(&apply(&target(json!({})), vec![put_value(&longer)])[0]), ErrorKind::InvalidItem);

    let root = target(json!({"path": "/"}));
    let outcomes = apply(&root, vec![create("AWS_REGION"), create("ssm.x")]);
    assert_eq!(outcomes.iter().map(kind).collect::<Vec<_>>(), [ErrorKind::InvalidItem; 2]);

    let deep = target(json!({"path": format!("/{}/", "p".repeat(998))}));
    assert_eq!(kind(&apply(&deep, vec![create(&"k".repeat(20))])[0]), ErrorKind::InvalidItem);
}

#[test]
fn below_the_root_no_name_is_reserved() {
    let script = Script::new();
    script.on(put_call("AWS_REGION", json!({"Overwrite": false}))).reply(written(1));
    assert_eq!(version(&apply(&target(json!({})), vec![create("AWS_REGION")])[0]), Some("1"));
}

#[test]
fn values_of_every_kind_arrive_as_they_are() {
    for value in ["line 1\r\nline 2\n", "ü 漢 🔑", "\"quoted\" \\ {{x}}", " "] {
        let script = Script::new();
        script.on(put_call("A", json!({"Value": value, "Overwrite": true}))).reply(written(1));
        apply(&target(json!({})), vec![put("A", value, Precondition::None)]);
    }
}

#[test]
fn one_bad_item_does_not_hold_up_the_others() {
    let script = Script::new();
    script.on(put_call("A", json!({"Overwrite": false}))).reply(fault("ParameterMaxVersionLimitExceeded"));
    script.on(put_call("B", json!({"Overwrite": false}))).reply(fault("HierarchyTypeMismatchException"));
    script.on(put_call("C", json!({"Overwrite": false}))).reply(written(1));
    let outcomes = apply(&target(json!({})), vec![create("A"), create("B"), create("C")]);
    assert_eq!((kind(&outcomes[0]), kind(&outcomes[1])), (ErrorKind::InvalidItem, ErrorKind::Conflict));
    assert_eq!(version(&outcomes[2]), Some("1"));
}

#[test]
fn what_the_next_item_would_meet_too_ends_the_batch() {
    for (code, expected) in [
        ("ThrottlingException", ErrorKind::RateLimited),
        ("ExpiredTokenException", ErrorKind::Unauthenticated),
        ("InvalidKeyId", ErrorKind::InvalidSetting),
    ] {
        let script = Script::new();
        script.on(put_call("A", json!({"Overwrite": false}))).reply(fault(code));
        let outcomes = apply(&target(json!({})), vec![create("A"), create("B"), delete("C", Precondition::None)]);
        assert_eq!(kind(&outcomes[0]), expected, "{code}");
        assert_eq!(outcomes[1..], [Outcome::NotAttempted, Outcome::NotAttempted], "{code}");
    }
}

#[test]
fn a_lost_answer_leaves_the_outcome_unknown() {
    let script = Script::new();
    script.on(put_call("A", json!({"Overwrite": true}))).reply(Failure::OutcomeUnknown("timed out".into()));
    let outcomes = apply(&target(json!({})), vec![update("A"), update("B")]);
    assert!(matches!(outcomes[..], [Outcome::Unknown(_), Outcome::NotAttempted]));
}

#[test]
fn a_request_that_never_left_has_certainly_failed() {
    let script = Script::new();
    script.on(put_call("A", json!({"Overwrite": true}))).reply(Failure::NotSent("refused".into()));
    let outcomes = apply(&target(json!({})), vec![update("A"), update("B")]);
    assert!(matches!(outcomes[..], [Outcome::Failed(_), Outcome::NotAttempted]));
}

#[test]
fn deletions_go_in_one_call_after_the_puts() {
    let script = Script::new();
    script.on(put_call("B", json!({"Overwrite": false}))).reply(written(1));
    script
        .on(ssm("DeleteParameters", json!({"Names": ["/app/A", "/app/C"]})))
        .reply(Reply::json(200, json!({"DeletedParameters": ["/app/C"], "InvalidParameters": ["/app/A"]})));
    let changes = vec![delete("A", Precondition::None), create("B"), delete("C", Precondition::None)];
    let outcomes = apply(&target(json!({})), changes);
    assert!(matches!(outcomes[..], [Outcome::Unchanged(_), Outcome::Applied(_), Outcome::Applied(_)]));
}

#[test]
fn more_than_ten_deletions_take_more_calls() {
    let script = Script::new();
    let keys = (0..12).map(|number| format!("K{number}")).collect::<Vec<_>>();
    let names = keys.iter().map(|key| format!("/app/{key}")).collect::<Vec<_>>();
    for chunk in names.chunks(10) {
        script
            .on(ssm("DeleteParameters", json!({"Names": chunk})))
            .reply(Reply::json(200, json!({"DeletedParameters": chunk, "InvalidParameters": []})));
    }
    let changes = keys.iter().map(|key| delete(key, Precondition::None)).collect();
    assert!(apply(&target(json!({})), changes).iter().all(|outcome| matches!(outcome, Outcome::Applied(_))));
}

#[test]
fn what_changed_since_it_was_observed_is_not_deleted() {
    let script = Script::new();
    script
        .on(ssm("GetParameters", json!({"Names": ["/app/A", "/app/B"], "WithDecryption": false})))
        .reply(Reply::json(200, json!({"Parameters": [parameter("/app/A", "?", 2), parameter("/app/B", "?", 1)]})));
    script
        .on(ssm("DeleteParameters", json!({"Names": ["/app/B"]})))
        .reply(Reply::json(200, json!({"DeletedParameters": ["/app/B"], "InvalidParameters": []})));
    let observed = || Precondition::Matches("1".into());
    let outcomes = apply(&target(json!({})), vec![delete("A", observed()), delete("B", observed())]);
    assert_eq!(kind(&outcomes[0]), ErrorKind::Conflict);
    assert!(matches!(outcomes[1], Outcome::Applied(_)));
}

#[test]
fn nothing_is_deleted_when_the_versions_cannot_be_had() {
    let script = Script::new();
    script
        .on(ssm("GetParameters", json!({"Names": ["/app/A"], "WithDecryption": false})))
        .reply(Reply::json(500, json!({"__type": "InternalServerError"})));
    let outcomes = apply(&target(json!({})), vec![delete("A", Precondition::Matches("1".into()))]);
    assert!(matches!(&outcomes[0], Outcome::Failed(error) if error.kind() == ErrorKind::Unavailable));
}

#[test]
fn a_deletion_that_aws_does_not_account_for_is_unknown() {
    let script = Script::new();
    script.on(ssm("DeleteParameters", json!({"Names": ["/app/A"]}))).reply(Reply::json(200, json!({})));
    let outcomes = apply(&target(json!({})), vec![delete("A", Precondition::None)]);
    assert!(matches!(outcomes[0], Outcome::Unknown(_)));
}

#[test]
fn nothing_to_do_is_no_call() {
    let _script = Script::new();
    assert_eq!(apply(&target(json!({})), Vec::new()), Vec::new());
}
