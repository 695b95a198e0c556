//! Whose the credentials are.

use keyferry_plugin_http::GenericHttp;
use keyferry_sdk::http::Failure;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Account, Destination, Error, ErrorKind, Integration};
use serde_json::{Value, json};

use super::scene::*;

const ME: &str = "https://crm.example.com/v1/me";

fn verify(declaration: Value) -> Result<Account, Error> {
    GenericHttp.verify(&connection(declaration))
}

#[test]
fn the_account_stands_where_the_declaration_says() {
    let script = Script::new();
    script.on(Expect::get(ME).egress("api").no_body()).reply(Reply::json(200, json!({"id": 17, "name": "Ada"})));
    assert_eq!(verify(crm()), Ok(Account::new("17").with_display_name("Ada")));
}

#[test]
fn without_pointers_the_account_is_the_origin_and_the_answer_need_not_be_json() {
    let script = Script::new();
    script.on(Expect::get(ME)).reply(Reply::text(204, ""));
    let declaration = crm_with(json!({"verify": {"url": "{{baseUrl}}/v1/me"}}));
    assert_eq!(verify(declaration), Ok(Account::new("https://crm.example.com")));
}

#[test]
fn statuses_become_kinds_and_the_answer_is_not_repeated() {
    for (status, kind) in [
        (401, ErrorKind::Unauthenticated),
        (403, ErrorKind::PermissionDenied),
        (429, ErrorKind::RateLimited),
        (302, ErrorKind::Other),
        (503, ErrorKind::Unavailable),
    ] {
        let script = Script::new();
        let reply = Reply::text(status, "top-secret").header("Retry-After", "9").header("X-Request-Id", "r-1");
        script.on(Expect::get(ME)).reply(reply);
        let error = verify(crm()).expect_err("no success");
        assert_eq!((error.kind(), error.http_status()), (kind, Some(status)));
        assert_eq!((error.retry_after_ms(), error.request_id()), (Some(9_000), Some("r-1")));
        assert!(!error.message().contains("top-secret"), "{error}");
    }
}

#[test]
fn an_answer_of_another_shape_is_an_error() {
    for reply in
        [Reply::json(200, json!({"name": "Ada"})), Reply::text(200, "<html>"), Reply::json(200, json!({"id": {}}))]
    {
        let script = Script::new();
        script.on(Expect::get(ME)).reply(reply);
        assert_eq!(verify(crm()).expect_err("no account").kind(), ErrorKind::Other);
    }
}

#[test]
fn a_failure_of_a_reading_post_leaves_nothing_open() {
    let script = Script::new();
    script.on(Expect::post(ME)).reply(Failure::OutcomeUnknown("timed out".into()));
    let error = verify(crm_operation("verify", json!({"method": "POST"}))).expect_err("no answer");
    assert_eq!((error.kind(), error.is_outcome_unknown()), (ErrorKind::Unavailable, false));
}

#[test]
fn what_is_missing_is_named() {
    let _script = Script::new();
    for (declaration, field) in [
        (json!({}), "pluginSettings"),
        (crm_with(json!({"verify": null})), "pluginSettings.verify"),
        (crm_with(json!({"verify": {"url": "{{baseUrl}}/{{tenant}}"}})), "pluginSettings.verify.url"),
    ] {
        let error = verify(declaration).expect_err(field);
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidSetting, Some(field)));
        assert!(error.message().contains(field), "{error}");
    }
}

#[test]
fn check_verifies_and_reads_one_page() {
    let script = Script::new();
    script.on(Expect::get(ME)).reply(Reply::json(200, json!({"id": "u-1"})));
    let page = json!({"items": [], "next": "more"});
    script.on(Expect::get("https://crm.example.com/v1/variables")).reply(Reply::json(200, page));
    let account = GenericHttp.check(&connection(crm()), &target(json!({})));
    assert_eq!(account.map(|account| account.id), Ok("u-1".to_owned()));
}

#[test]
fn check_finds_a_missing_destination() {
    let script = Script::new();
    script.on(Expect::get(ME)).reply(Reply::json(200, json!({"id": "u-1"})));
    script.on(Expect::get("https://crm.example.com/v1/variables")).reply(Reply::status(404));
    let error = GenericHttp.check(&connection(crm()), &target(json!({}))).expect_err("nothing there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn check_wants_to_know_how_to_write() {
    let _script = Script::new();
    let connection = connection(crm_with(json!({"put": null})));
    let error = GenericHttp.check(&connection, &target(json!({}))).expect_err("no put");
    assert_eq!(error.field(), Some("pluginSettings.put"));
}
