//! Whose the credentials are, and which place a target names.

use keyferry_plugin_aws_parameter_store::ParameterStore;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{ChoiceScope, Connection, Destination, ErrorKind, Integration, Question};
use serde_json::{Map, Value, json};

use super::scene::*;

#[test]
fn verify_asks_sts_whose_the_credentials_are() {
    let script = Script::new();
    script.on(caller_identity()).reply(Reply::text(200, CALLER_IDENTITY));
    let account = ParameterStore.verify(&connection()).expect("AWS knows them");
    assert_eq!(account.id, "111122223333");
    assert_eq!(account.display_name.as_deref(), Some("arn:aws:iam::111122223333:user/keyferry"));
    assert!(account.details.contains(&("userId".to_owned(), "AIDAEXAMPLE".to_owned())));
}

#[test]
fn an_unknown_key_is_told_as_such() {
    let script = Script::new();
    script.on(caller_identity()).reply(Reply::text(403, include_str!("../fixtures/unknown-key.xml")));
    let error = ParameterStore.verify(&connection()).expect_err("AWS does not know it");
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Unauthenticated, Some(403)));
}

#[test]
fn an_answer_without_an_account_is_no_verification() {
    for body in ["", "<html>welcome</html>", "<Account></Account>"] {
        let script = Script::new();
        script.on(caller_identity()).reply(Reply::text(200, body));
        assert!(ParameterStore.verify(&connection()).is_err(), "{body}");
    }
}

#[test]
fn one_endpoint_serves_every_service() {
    let script = Script::new();
    script.on(Expect::post("http://127.0.0.1:5000/").egress("sts-custom")).reply(Reply::text(200, CALLER_IDENTITY));
    assert!(ParameterStore.verify(&connection_to("http://127.0.0.1:5000")).is_ok());
}

#[test]
fn places_are_named_by_account_and_region_and_prefixed_by_the_path() {
    let script = Script::new();
    script.on(caller_identity()).reply(Reply::text(200, CALLER_IDENTITY));
    let identity = ParameterStore.identify(&connection(), &target(json!({}))).expect("identified");
    assert_eq!((identity.namespace.as_str(), identity.prefix.as_str()), ("aws:ssm:111122223333:eu-west-1", "/app/"));
}

#[test]
fn a_custom_endpoint_is_another_place() {
    let script = Script::new();
    script.on(Expect::post("http://127.0.0.1:5000/")).reply(Reply::text(200, CALLER_IDENTITY));
    let connection = connection_to("http://127.0.0.1:5000");
    let identity = ParameterStore.identify(&connection, &target(json!({}))).expect("identified");
    assert_eq!(identity.namespace, "aws:ssm:111122223333:eu-west-1@127.0.0.1:5000");
}

fn question(scope: ChoiceScope, parameter: &str, cursor: Option<&str>) -> Question {
    let settings = json!({"region": "eu-west-1"}).as_object().expect("an object").clone();
    Question {
        connection: Connection::new(settings),
        scope,
        parameter: parameter.into(),
        known: Map::<String, Value>::new(),
        cursor: cursor.map(str::to_owned),
    }
}

#[test]
fn regions_are_known_without_a_call() {
    let page = ParameterStore.choices(&question(ChoiceScope::Connection, "region", None)).expect("a list");
    assert!(page.items.iter().any(|choice| choice.value == "eu-west-1" && choice.label == "Europe (Ireland)"));
    assert_eq!(page.next, None);
}

#[test]
fn keys_are_the_aliases_that_can_be_used() {
    let script = Script::new();
    script.on(kms("ListAliases", json!({"Limit": 100}))).reply(Reply::json(
        200,
        json!({
            "Aliases": [
                {"AliasName": "alias/aws/s3", "TargetKeyId": "k-0"},
                {"AliasName": "alias/own", "TargetKeyId": "k-1"},
                {"AliasName": "alias/dangling"}
            ],
            "NextMarker": "m-2", "Truncated": true
        }),
    ));
    script
        .on(kms("ListAliases", json!({"Limit": 100, "Marker": "m-2"})))
        .reply(Reply::json(200, json!({"Aliases": [{"AliasName": "alias/more", "TargetKeyId": "k-2"}]})));

    let values = |page: &keyferry_sdk::ChoicePage| page.items.iter().map(|c| c.value.clone()).collect::<Vec<_>>();
    let first = ParameterStore.choices(&question(ChoiceScope::Destination, "kmsKeyId", None)).expect("a page");
    assert_eq!(values(&first), ["alias/aws/ssm", "alias/own"]);
    let second = ParameterStore.choices(&question(ChoiceScope::Destination, "kmsKeyId", first.next.as_deref()));
    assert_eq!(values(&second.expect("a page")), ["alias/more"]);
}

#[test]
fn other_parameters_have_no_live_options() {
    let error = ParameterStore.choices(&question(ChoiceScope::Destination, "path", None)).expect_err("none");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
