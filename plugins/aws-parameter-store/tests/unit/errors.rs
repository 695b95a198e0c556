//! What AWS's errors become, and what of them is told.

use keyferry_plugin_aws_parameter_store::ParameterStore;
use keyferry_sdk::scripted::{Reply, Script};
use keyferry_sdk::{Batch, Destination, Error, ErrorKind, Outcome, Scope};
use serde_json::json;

use super::scene::*;

fn listing_error(reply: Reply) -> Error {
    let script = Script::new();
    script.on(by_path(None)).reply(reply);
    ParameterStore.observe(&connection(), &target(json!({})), &Scope::All, None).expect_err("AWS refuses")
}

fn writing_error(reply: Reply) -> Error {
    let script = Script::new();
    let input = json!({"Name": "/app/A", "Value": "v", "Type": "SecureString", "Overwrite": false});
    script.on(ssm("PutParameter", input)).reply(reply);
    let application = ParameterStore.apply(&connection(), &target(json!({})), Batch::new(vec![create("A")]));
    match application.expect("a batch has outcomes").outcomes.remove(0) {
        Outcome::Failed(error) | Outcome::Unknown(error) => error,
        other => panic!("expected an error, found {other:?}"),
    }
}

#[test]
fn codes_become_what_the_host_acts_on() {
    let cases = [
        ("UnrecognizedClientException", ErrorKind::Unauthenticated),
        ("com.amazon.coral.service#InvalidSignatureException", ErrorKind::Unauthenticated),
        ("ExpiredTokenException", ErrorKind::Unauthenticated),
        ("MissingAuthenticationTokenException", ErrorKind::Unauthenticated),
        ("AccessDeniedException", ErrorKind::PermissionDenied),
        ("ThrottlingException", ErrorKind::RateLimited),
        ("TooManyUpdates", ErrorKind::RateLimited),
        ("InternalServerError", ErrorKind::Unavailable),
        ("InvalidNextToken", ErrorKind::Unavailable),
        ("InvalidKeyId", ErrorKind::InvalidSetting),
        ("ParameterLimitExceeded", ErrorKind::InvalidItem),
        ("UnknownOperationException", ErrorKind::Unsupported),
        ("SomethingNewException", ErrorKind::InvalidItem),
    ];
    for (code, kind) in cases {
        assert_eq!(listing_error(fault(code)).kind(), kind, "{code}");
    }
}

#[test]
fn errors_carry_status_and_request_id() {
    let error = listing_error(fault("AccessDeniedException"));
    assert_eq!((error.http_status(), error.request_id()), (Some(400), Some("request-1")));
}

#[test]
fn throttling_says_when_to_come_back() {
    assert_eq!(listing_error(fault("ThrottlingException")).retry_after_ms(), Some(1_000));
    let hinted = fault("ThrottlingException").header("Retry-After", "9");
    assert_eq!(listing_error(hinted).retry_after_ms(), Some(9_000));
    let bare = Reply::status(429).header("Retry-After", "4");
    let error = listing_error(bare);
    assert_eq!((error.kind(), error.retry_after_ms()), (ErrorKind::RateLimited, Some(4_000)));
}

#[test]
fn a_denied_action_is_named_with_its_resource() {
    let error = writing_error(Reply::text(400, include_str!("../fixtures/access-denied.json")));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.message().contains("ssm:PutParameter"), "{error}");
}

#[test]
fn a_value_that_aws_repeats_is_not_passed_on() {
    let error = writing_error(Reply::text(400, include_str!("../fixtures/validation.json")));
    assert_eq!(error.kind(), ErrorKind::InvalidItem);
    assert!(!error.message().contains("top-secret"), "{error}");
    assert!(error.message().contains("ValidationException"), "{error}");
}

#[test]
fn errors_in_a_header_and_in_xml_are_read_too() {
    let header = Reply::text(400, "").header("x-amzn-ErrorType", "ParameterAlreadyExists:http://internal/");
    assert_eq!(writing_error(header).kind(), ErrorKind::Conflict);
    let xml = Reply::text(403, include_str!("../fixtures/emulator-denied.xml"));
    assert_eq!(listing_error(xml).kind(), ErrorKind::Unauthenticated);
}

#[test]
fn an_odd_code_is_not_repeated() {
    let error = listing_error(Reply::json(400, json!({"__type": "top secret <value>"})));
    assert!(!error.message().contains("secret"), "{error}");
}

#[test]
fn a_vague_answer_to_a_write_leaves_its_outcome_unknown() {
    assert!(writing_error(Reply::json(500, json!({"__type": "InternalServerError"}))).is_outcome_unknown());
    assert!(!writing_error(Reply::status(503)).is_outcome_unknown());
}

#[test]
fn an_answer_that_is_no_json_is_an_error_without_its_content() {
    let error = listing_error(Reply::text(200, "<html>top-secret</html>"));
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(!error.message().contains("top-secret"), "{error}");
}
