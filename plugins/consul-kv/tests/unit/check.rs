//! Whose the token is, what it may read, and which datacenter answers.

use keyferry_plugin_consul_kv::ConsulKv;
use keyferry_sdk::http::Failure;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Account, Destination, Error, ErrorKind, Identity, Integration};
use serde_json::json;

use super::scene::*;

const DATACENTERS: &str = "https://consul.example/v1/catalog/datacenters";

fn check() -> Result<Account, Error> {
    ConsulKv.check(&connection(), &target("app/"))
}

fn names() -> Expect {
    Expect::get(format!("{KV}/app/?keys=true&separator=%2F")).egress("api")
}

#[test]
fn the_token_tells_who_it_is_and_its_secret_is_not_read() {
    let script = Script::new();
    script.on(Expect::get(SELF).egress("api").no_body()).reply(token());
    let account = ConsulKv.verify(&connection()).expect("a good token");
    assert_eq!(account, Account::new("6a1253d2-1785-24fd-91c2-f8e78c745511").with_display_name("sync"));
}

#[test]
fn an_unknown_token_is_told_from_one_that_lacks_permission() {
    for (reply, kind) in [
        (Reply::text(403, "ACL not found"), ErrorKind::Unauthenticated),
        (denied(), ErrorKind::PermissionDenied),
        (Reply::status(401), ErrorKind::Unauthenticated),
        (Reply::text(500, "No cluster leader"), ErrorKind::Unavailable),
        (Reply::status(429), ErrorKind::RateLimited),
        (Failure::NotSent("refused".into()).into(), ErrorKind::Unavailable),
    ] {
        let script = Script::new();
        script.on(Expect::get(SELF)).reply(reply);
        let error = ConsulKv.verify(&connection()).expect_err("no success");
        assert_eq!(error.kind(), kind);
        assert!(!error.message().contains("6a12"), "{error}");
    }
}

#[test]
fn without_access_control_there_is_nobody_to_be() {
    let script = Script::new();
    script.on(Expect::get(SELF)).reply(Reply::text(401, "ACL support disabled"));
    assert_eq!(ConsulKv.verify(&connection()).expect("nothing to refuse").id, "anonymous");
}

#[test]
fn check_lists_names_alone_and_asks_for_the_prefix() {
    for reply in [Reply::json(200, json!(["app/A"])), Reply::status(404)] {
        let script = Script::new();
        script.on(Expect::get(SELF)).reply(token());
        script.on(names()).reply(reply);
        script.on(Expect::get(format!("{KV}/app/"))).reply(Reply::status(404));
        assert!(check().expect("fine").missing_permissions.is_empty());
    }
}

#[test]
fn check_tells_the_permission_that_is_lacking() {
    let lacking = ["key_prefix \"app/\" { policy = \"read\" }"];
    let script = Script::new();
    script.on(Expect::get(SELF)).reply(token());
    script.on(names()).reply(denied());
    assert_eq!(check().expect("told").missing_permissions, lacking);

    // A listing leaves out what may not be read, so an empty one is no proof.
    script.on(Expect::get(SELF)).reply(token());
    script.on(names()).reply(Reply::status(404));
    script.on(Expect::get(format!("{KV}/app/"))).reply(denied());
    assert_eq!(check().expect("told").missing_permissions, lacking);
}

#[test]
fn check_fails_when_consul_does() {
    let script = Script::new();
    script.on(Expect::get(SELF)).reply(token());
    script.on(names()).reply(Reply::status(500));
    assert_eq!(check().expect_err("no leader").kind(), ErrorKind::Unavailable);
}

#[test]
fn the_place_is_datacenter_and_address() {
    let script = Script::new();
    script.on(Expect::get(DATACENTERS)).reply(Reply::json(200, json!(["dc1"])));
    let identity = ConsulKv.identify(&connection(), &target("app/prod/")).expect("one datacenter");
    let expected = Identity { namespace: "consul:dc1@https://consul.example".into(), prefix: "app/prod/".into() };
    assert_eq!(identity, expected);
    // However it is spelled and without asking.
    let named = connection_to("HTTPS://Consul.example:443/", "DC1");
    assert_eq!(ConsulKv.identify(&named, &target("app/prod/")), Ok(expected));
}

#[test]
fn of_several_datacenters_one_has_to_be_named() {
    let script = Script::new();
    script.on(Expect::get(DATACENTERS)).reply(Reply::json(200, json!(["dc1", "dc2"])));
    let error = ConsulKv.identify(&connection(), &target("app/")).expect_err("which one");
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidSetting, Some("datacenter")));

    script.on(Expect::get(DATACENTERS)).reply(Reply::json(200, json!([])));
    assert_eq!(ConsulKv.identify(&connection(), &target("app/")).expect_err("none").kind(), ErrorKind::Other);
    script.on(Expect::get(DATACENTERS)).reply(Reply::status(500));
    assert_eq!(ConsulKv.identify(&connection(), &target("app/")).expect_err("down").kind(), ErrorKind::Unavailable);
}

#[test]
fn a_path_that_leads_elsewhere_is_refused_unsent() {
    let _script = Script::new();
    for path in ["", "/app/", "app", "../", "a/../"] {
        let error = ConsulKv.check(&connection(), &target(path)).expect_err(path);
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidSetting, Some("path")));
    }
}
