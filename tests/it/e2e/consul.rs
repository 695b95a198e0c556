//! The key-value store of a real Consul with access control on.

use keyferry_tests::program::{Host, assert_run};
use keyferry_tests::testbed::Consul;
use serde_json::{Value, json};

use super::{PROGRAM, count, secrets};

pub(super) const PLUGIN: &str = "consul-kv";

pub(super) fn auth(token: &str) -> Value {
    json!({"integrationAuthMetadataId": "acl-token", "level": "APPLICATION", "parameters": {"aclToken": token}})
}

pub(super) async fn assert_keys(
    consul: &Consul,
    path: &str,
    present: &[(String, String)],
    absent: &[(String, String)],
) {
    for (name, value) in present {
        assert_eq!(consul.get(&format!("{path}{name}")).await.as_ref(), Some(value), "{name}");
    }
    for (name, _) in absent {
        assert_eq!(consul.get(&format!("{path}{name}")).await, None, "{name}");
    }
}

#[tokio::test]
async fn keys_reach_consul_and_only_ours_are_deleted() {
    let consul = Consul::shared().await;
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let parameters = json!({"address": consul.endpoint, "datacenter": consul.datacenter});
    let path = "e2e/app/";
    let token = consul.token(&format!("key_prefix \"{path}\" {{ policy = \"write\" }}")).await;

    let wrong = client.verify(PLUGIN, &parameters, &auth("5c3a4f0e-0000-4000-8000-000000000000")).await;
    assert_eq!((&wrong["success"], &wrong["code"]), (&json!(false), &json!("credentials_rejected")), "{wrong:#}");

    let right = client.verify(PLUGIN, &parameters, &auth(&token)).await;
    assert_eq!(right["success"], json!(true), "{right:#}");

    let foreign = [("FOREIGN".to_owned(), "not ours".to_owned())];
    consul.put(&format!("{path}FOREIGN"), &foreign[0].1).await;
    let mut ours = secrets(0..150);
    client.set("/app", &ours).await;
    let config = client.connect(PLUGIN, &parameters, &auth(&token)).await;
    client.sync("app", (PLUGIN, Some(&config)), "/app", &json!({"path": path})).await;
    // One transaction holds 64 changes.
    assert_run(&client.run("app").await, "SUCCEEDED", 3);
    assert_keys(consul, path, &[&ours[..], &foreign].concat(), &[]).await;

    let again = client.run("app").await;
    assert_run(&again, "SUCCEEDED", 0);
    assert_eq!(count(&again, "unchanged"), 150);

    ours[3].1 = "changed".to_owned();
    client.set("/app", &ours[3..4]).await;
    assert_run(&client.run("app").await, "SUCCEEDED", 1);

    let gone = ours.split_off(145);
    client.unset("/app", &gone).await;
    assert_run(&client.run("app").await, "SUCCEEDED", 1);
    assert_keys(consul, path, &[&ours[..], &foreign].concat(), &gone).await;

    client.remove_with_secrets("app").await;
    assert_keys(consul, path, &foreign, &ours).await;
}

#[tokio::test]
async fn token_without_rights_writes_nothing_to_consul() {
    let consul = Consul::shared().await;
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let path = "e2e/denied/";
    let token = consul.token(&format!("key_prefix \"{path}\" {{ policy = \"read\" }}")).await;
    let config = client.connect(PLUGIN, &json!({"address": consul.endpoint}), &auth(&token)).await;
    client.set("/app", &secrets(0..3)).await;
    client.sync("app", (PLUGIN, Some(&config)), "/app", &json!({"path": path})).await;
    let run = client.run("app").await;
    assert_eq!((&run["state"], &run["error"]["class"]), (&json!("FAILED"), &json!("AUTHENTICATION")), "{run:#}");
    assert_keys(consul, path, &[], &secrets(0..3)).await;
}

/// What Consul takes as a value, as it comes.
const VALUE_BYTES_MAX: usize = 512 * 1024;

#[tokio::test]
async fn values_up_to_512_kib_reach_consul_and_a_longer_one_stops_the_run_before_its_first_write() {
    let consul = Consul::shared().await;
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let path = "e2e/large/";
    let token = consul.token(&format!("key_prefix \"{path}\" {{ policy = \"write\" }}")).await;
    let config = client.connect(PLUGIN, &json!({"address": consul.endpoint}), &auth(&token)).await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let half = |letter: &str| letter.repeat(VALUE_BYTES_MAX / 2);
    // The host keeps at most half as much in one secret; references make more of it.
    let all = [pair("HALF", &half("a")), pair("WHOLE", "${HALF}${HALF}"), pair("ABOVE", "${HALF}${HALF}.")];
    client.set("/app", &all).await;
    client.sync("app", (PLUGIN, Some(&config)), "/app", &json!({"path": path})).await;
    let refused = client.run("app").await;
    assert_run(&refused, "FAILED", 0);
    let error = &refused["error"];
    let detail = error["detail"].as_str().expect("a text");
    assert!(detail.contains("ABOVE") && detail.contains("524288") && !detail.contains("WHOLE"), "{error:#}");
    assert_keys(consul, path, &[], &all).await;

    client.unset("/app", &all[2..]).await;
    for letter in ["a", "b"] {
        client.set("/app", &[pair("HALF", &half(letter))]).await;
        // No transaction holds the whole value, so it is written by itself.
        assert_run(&client.run("app").await, "SUCCEEDED", 2);
        let found = [pair("HALF", &half(letter)), pair("WHOLE", &letter.repeat(VALUE_BYTES_MAX))];
        assert_keys(consul, path, &found, &all[2..]).await;
    }
    let again = client.run("app").await;
    assert_run(&again, "SUCCEEDED", 0);
    assert_eq!(count(&again, "unchanged"), 2);
}
