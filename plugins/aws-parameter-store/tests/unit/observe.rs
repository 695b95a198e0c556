//! What is found at the destination.

use keyferry_plugin_aws_parameter_store::ParameterStore;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Destination, ErrorKind, Observation, ObservedValue, Scope};
use serde_json::{Value, json};

use super::scene::*;

fn page(parameters: &[Value], next: Option<&str>) -> Reply {
    let mut body = json!({"Parameters": parameters});
    if let Some(next) = next {
        body["NextToken"] = next.into();
    }
    Reply::json(200, body)
}

fn keys(observation: &Observation) -> Vec<&str> {
    observation.entries.iter().map(|entry| entry.key.as_str()).collect()
}

fn describe(names: &[&str]) -> Expect {
    let filter = json!({"Key": "Name", "Option": "Equals", "Values": names});
    ssm("DescribeParameters", json!({"ParameterFilters": [filter], "MaxResults": 50}))
}

#[test]
fn an_empty_path_is_an_empty_listing_and_one_call() {
    let script = Script::new();
    script.on(by_path(None)).reply(page(&[], None));
    let observation = ParameterStore.observe(&connection(), &target(json!({})), &Scope::All, None).expect("listed");
    assert_eq!(keys(&observation), Vec::<&str>::new());
    assert!(observation.complete);
}

#[test]
fn values_are_read_decrypted_with_their_versions() {
    let script = Script::new();
    script.on(by_path(None)).reply(page(&[parameter("/app/A", "line 1\nline 2 ü", 7)], None));
    let observation = ParameterStore.observe(&connection(), &target(json!({})), &Scope::All, None).expect("listed");
    let entry = &observation.entries[0];
    assert_eq!(entry.value, ObservedValue::Readable("line 1\nline 2 ü".into()));
    assert_eq!(entry.version.as_deref(), Some("7"));
    assert_eq!(entry.attributes, Vec::new());
}

#[test]
fn several_pages_are_walked_in_one_call() {
    let script = Script::new();
    script.on(by_path(None)).reply(page(&[parameter("/app/A", "1", 1)], Some("t-2")));
    script.on(by_path(Some("t-2"))).reply(page(&[], Some("t-3")));
    script.on(by_path(Some("t-3"))).reply(page(&[parameter("/app/B", "2", 1)], None));
    let observation = ParameterStore.observe(&connection(), &target(json!({})), &Scope::All, None).expect("listed");
    assert_eq!(keys(&observation), ["A", "B"]);
    assert!(observation.complete);
}

#[test]
fn a_long_listing_stops_within_the_budget_and_goes_on_from_there() {
    let script = Script::new();
    for number in 0..40 {
        let token = (number > 0).then(|| format!("t-{number}"));
        let next = format!("t-{}", number + 1);
        script.on(by_path(token.as_deref())).reply(page(&[parameter(&format!("/app/K{number}"), "v", 1)], Some(&next)));
    }
    let target = target(json!({}));
    let first = ParameterStore.observe(&connection(), &target, &Scope::All, None).expect("listed");
    assert_eq!((first.entries.len(), first.next.as_deref(), first.complete), (40, Some("t-40"), false));

    script.on(by_path(Some("t-40"))).reply(page(&[], None));
    let last = ParameterStore.observe(&connection(), &target, &Scope::All, first.next.as_deref()).expect("listed");
    assert!(last.complete && last.next.is_none());
}

#[test]
fn what_stands_deeper_or_elsewhere_is_not_listed() {
    let script = Script::new();
    let found = [parameter("/app/deep/A", "v", 1), parameter("/other/B", "v", 1), parameter("/app/C", "v", 1)];
    script.on(by_path(None)).reply(page(&found, None));
    let observation = ParameterStore.observe(&connection(), &target(json!({})), &Scope::All, None).expect("listed");
    assert_eq!(keys(&observation), ["C"]);
}

#[test]
fn a_failing_page_fails_the_listing_rather_than_shortening_it() {
    let script = Script::new();
    script.on(by_path(None)).reply(page(&[parameter("/app/A", "1", 1)], Some("t-2")));
    script.on(by_path(Some("t-2"))).reply(fault("ThrottlingException"));
    let error = ParameterStore.observe(&connection(), &target(json!({})), &Scope::All, None).expect_err("throttled");
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[test]
fn key_and_tier_are_asked_for_only_where_they_matter() {
    let script = Script::new();
    let found = [parameter("/app/A", "1", 1), parameter("/app/B", "2", 1)];
    script.on(by_path(None)).reply(page(&found, None));
    script.on(describe(&["/app/A", "/app/B"])).reply(Reply::json(
        200,
        json!({"Parameters": [
            {"Name": "/app/A", "KeyId": "arn:aws:kms:eu-west-1:111122223333:alias/own", "Tier": "Standard"},
            {"Name": "/app/B", "KeyId": "alias/aws/ssm", "Tier": "Advanced"}
        ]}),
    ));
    let target = target(json!({"kmsKeyId": "alias/own", "tier": "Advanced"}));
    let observation = ParameterStore.observe(&connection(), &target, &Scope::All, None).expect("listed");
    let attributes = |index: usize| observation.entries[index].attributes.clone();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(attributes(0), [pair("keyId", "alias/own"), pair("tier", "Standard")]);
    assert_eq!(attributes(1), [pair("keyId", "alias/aws/ssm"), pair("tier", "Advanced")]);
}

#[test]
fn descriptions_are_asked_for_fifty_at_a_time() {
    let script = Script::new();
    let names = (0..60).map(|number| format!("/app/K{number}")).collect::<Vec<_>>();
    for (index, chunk) in names.chunks(10).enumerate() {
        let token = (index > 0).then(|| format!("t-{index}"));
        let next = (index < 5).then(|| format!("t-{}", index + 1));
        let found = chunk.iter().map(|name| parameter(name, "v", 1)).collect::<Vec<_>>();
        script.on(by_path(token.as_deref())).reply(page(&found, next.as_deref()));
    }
    for chunk in names.chunks(50) {
        let found = chunk.iter().map(|name| json!({"Name": name, "Tier": "Standard"})).collect::<Vec<_>>();
        let chunk = chunk.iter().map(String::as_str).collect::<Vec<_>>();
        script.on(describe(&chunk)).reply(Reply::json(200, json!({"Parameters": found})));
    }
    let target = target(json!({"tier": "Standard"}));
    let observation = ParameterStore.observe(&connection(), &target, &Scope::All, None).expect("listed");
    assert!(observation.entries.iter().all(|entry| entry.attributes.len() == 1));
    assert_eq!(observation.entries.len(), 60);
}

#[test]
fn without_permission_to_describe_the_values_are_listed_all_the_same() {
    let script = Script::new();
    script.on(by_path(None)).reply(page(&[parameter("/app/A", "1", 1)], None));
    script.on(describe(&["/app/A"])).reply(fault("AccessDeniedException"));
    let target = target(json!({"kmsKeyId": "alias/own"}));
    let observation = ParameterStore.observe(&connection(), &target, &Scope::All, None).expect("listed");
    assert_eq!(keys(&observation), ["A"]);
    assert_eq!(observation.entries[0].attributes, Vec::new());
    assert_eq!(script.log().len(), 1);
}

#[test]
fn named_keys_are_read_in_tens_and_absence_is_proved() {
    let script = Script::new();
    let wanted = (0..12).map(|number| format!("K{number}")).collect::<Vec<_>>();
    let names = wanted.iter().map(|key| format!("/app/{key}")).collect::<Vec<_>>();
    script.on(ssm("GetParameters", json!({"Names": names[..10], "WithDecryption": true}))).reply(Reply::json(
        200,
        json!({"Parameters": [parameter("/app/K3", "v", 2)], "InvalidParameters": ["/app/K0"]}),
    ));
    script
        .on(ssm("GetParameters", json!({"Names": names[10..], "WithDecryption": true})))
        .reply(Reply::json(200, json!({"Parameters": [], "InvalidParameters": names[10..]})));
    let scope = Scope::Keys(wanted);
    let observation = ParameterStore.observe(&connection(), &target(json!({})), &scope, None).expect("read");
    assert_eq!(keys(&observation), ["K3"]);
    assert!(observation.complete);
}

#[test]
fn without_permission_to_read_by_name_the_path_is_listed() {
    let script = Script::new();
    script
        .on(ssm("GetParameters", json!({"Names": ["/app/A"], "WithDecryption": true})))
        .reply(fault("AccessDeniedException"));
    script.on(by_path(None)).reply(page(&[parameter("/app/A", "1", 1), parameter("/app/B", "2", 1)], None));
    let scope = Scope::Keys(vec!["A".into()]);
    let observation = ParameterStore.observe(&connection(), &target(json!({})), &scope, None).expect("listed");
    assert_eq!(keys(&observation), ["A"]);
}

#[test]
fn the_root_is_a_path_too() {
    let script = Script::new();
    let input = json!({"Path": "/", "Recursive": false, "WithDecryption": true, "MaxResults": 10});
    let found = [parameter("/A", "1", 1), parameter("bare", "2", 1)];
    script.on(ssm("GetParametersByPath", input)).reply(page(&found, None));
    let target = target(json!({"path": "/"}));
    let observation = ParameterStore.observe(&connection(), &target, &Scope::All, None).expect("listed");
    assert_eq!(keys(&observation), ["A"]);
}
