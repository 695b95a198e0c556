//! Transactions that a real Consul rolls back: because somebody else wrote meanwhile, or because one key may not be written.

use std::time::Duration;

use http::Method;
use keyferry_tests::fault_proxy::FaultProxy;
use keyferry_tests::program::{Client, Host, assert_run, eventually};
use keyferry_tests::testbed::Consul;
use serde_json::{Value, json};

use super::consul::{PLUGIN, assert_keys, auth};
use super::throttle::postponements;
use super::{PROGRAM, count, secrets};

/// Each key of these tests stands in one batch.
const KEYS: usize = 10;
/// The one at fault.
const ODD: usize = 3;
const TRANSACTION: &str = "PUT /v1/txn";
const LIMIT: Duration = Duration::from_secs(60);

/// A host whose syncs reach Consul through the proxy, with a token for everything below `e2e/`.
struct Ground {
    host: Host,
    consul: &'static Consul,
    proxy: FaultProxy,
    config: String,
}

impl Ground {
    async fn start() -> Self {
        let consul = Consul::shared().await;
        let proxy = FaultProxy::before(&consul.endpoint).await;
        let host = Host::dev(PROGRAM, &[PLUGIN]).await;
        let token = consul.token("key_prefix \"e2e/\" { policy = \"write\" }").await;
        let config = host.client().connect(PLUGIN, &json!({"address": proxy.origin}), &auth(&token)).await;
        Self { host, consul, proxy, config }
    }

    fn client(&self) -> &Client {
        self.host.client()
    }

    /// A sync of the folder of the same name that treats drift like this; answers where it writes to.
    async fn sync(&self, id: &str, on_drift: &str) -> String {
        let path = format!("e2e/{id}/");
        let body = json!({"id": id, "integration": PLUGIN, "config": self.config, "destination": {"path": path},
            "source": {"environment": "dev", "path": format!("/{id}")},
            "options": {"autoSync": false, "onDrift": on_drift}});
        self.client().post("/syncs", &body).await.expect(201);
        path
    }

    /// Right before the next transaction, somebody writes this key.
    fn write_in_between(&self, key: String) {
        let consul = self.consul;
        self.proxy.precede(TRANSACTION, async move { consul.put(&key, "theirs").await });
    }
}

/// The same names with other values.
fn changed(secrets: &[(String, String)]) -> Vec<(String, String)> {
    secrets.iter().map(|(name, value)| (name.clone(), format!("{value} changed"))).collect()
}

fn without_odd(secrets: &[(String, String)]) -> Vec<(String, String)> {
    [&secrets[..ODD], &secrets[ODD + 1..]].concat()
}

/// What a run tells of one key.
fn outcome<'a>(run: &'a Value, key: &str) -> &'a Value {
    let outcomes = run["outcomes"].as_array().expect("a list");
    outcomes.iter().find(|outcome| outcome["key"] == key).unwrap_or_else(|| panic!("nothing of `{key}`: {run:#}"))
}

/// The run was put off once, because this key had changed, and only it.
async fn assert_conflict_was_told(client: &Client, sync: &str, run: &Value, name: &str) {
    let put_off = postponements(client, sync, run).await;
    assert_eq!(put_off.len(), 1, "{put_off:?}");
    let error = &put_off[0]["error"];
    assert_eq!((&error["class"], &error["vendorStatus"]), (&json!("RETRY"), &json!(409)), "{error:#}");
    assert_eq!(error["detail"], format!("`{name}` has changed since it was observed"), "{error:#}");
}

#[tokio::test]
async fn key_that_somebody_changes_in_between_is_told_and_treated_as_drift() {
    let ground = Ground::start().await;
    let client = ground.client();
    for (on_drift, state, result) in [("REPAIR", "IN_SYNC", "OK"), ("REPORT", "DRIFTED", "LEFT")] {
        let id = format!("raced-{}", on_drift.to_lowercase());
        let before = secrets(0..KEYS);
        client.set(&format!("/{id}"), &before).await;
        let path = ground.sync(&id, on_drift).await;
        assert_run(&client.run(&id).await, "SUCCEEDED", 1);

        let ours = changed(&before);
        client.set(&format!("/{id}"), &ours).await;
        let odd = format!("{path}{}", ours[ODD].0);
        ground.write_in_between(odd.clone());
        let run = client.run(&id).await;
        assert_conflict_was_told(client, &id, &run, &odd).await;
        let is_repaired = on_drift == "REPAIR";
        // The one that is rolled back, the one with the others, and the one that repairs.
        assert_run(&run, "SUCCEEDED", 2 + u64::from(is_repaired));
        assert_eq!(count(&run, "drift"), 1, "{run:#}");
        assert_eq!(outcome(&run, &ours[ODD].0)["result"], result, "{run:#}");
        assert!(without_odd(&ours).iter().all(|(key, _)| outcome(&run, key)["result"] == "OK"), "{run:#}");
        let mut found = ours.clone();
        if !is_repaired {
            found[ODD].1 = "theirs".to_owned();
        }
        assert_keys(ground.consul, &path, &found, &[]).await;
        assert_eq!(client.get(&format!("/syncs/{id}")).await.expect(200).json["state"], state);
    }
}

#[tokio::test]
async fn key_that_appears_in_between_needs_approval_and_the_others_arrive() {
    let ground = Ground::start().await;
    let client = ground.client();
    let ours = secrets(0..KEYS);
    client.set("/appeared", &ours).await;
    let path = ground.sync("appeared", "REPAIR").await;
    let odd = format!("{path}{}", ours[ODD].0);
    ground.write_in_between(odd.clone());
    let run = client.run("appeared").await;
    assert_conflict_was_told(client, "appeared", &run, &odd).await;
    assert_run(&run, "BLOCKED", 2);
    assert_eq!(run["blocked"]["reasons"][0]["kind"], "FOREIGN_OVERWRITE", "{run:#}");
    let mut found = ours.clone();
    found[ODD].1 = "theirs".to_owned();
    assert_keys(ground.consul, &path, &found, &[]).await;

    let approved = client.approve("appeared", run["planHash"].as_str().expect("a blocked run has a plan")).await;
    assert_run(&approved, "SUCCEEDED", 1);
    assert_keys(ground.consul, &path, &ours, &[]).await;
}

#[tokio::test]
async fn key_that_may_not_be_written_holds_up_its_batch_until_it_may() {
    let ground = Ground::start().await;
    let (client, consul, path) = (ground.client(), ground.consul, "e2e/denied-in-part/");
    let ours = secrets(0..KEYS);
    let odd = format!("{path}{}", ours[ODD].0);
    let all = format!("key_prefix \"{path}\" {{ policy = \"write\" }}");
    let token = consul.token(&format!("{all} key \"{odd}\" {{ policy = \"read\" }}")).await;
    let config = client.connect(PLUGIN, &json!({"address": consul.endpoint}), &auth(&token)).await;
    client.set("/app", &ours).await;
    client.sync("app", (PLUGIN, Some(&config)), "/app", &json!({"path": path})).await;
    let run = client.run("app").await;
    assert_run(&run, "FAILED", 1);
    let error = &run["error"];
    assert_eq!((&error["class"], &error["code"]), (&json!("AUTHENTICATION"), &json!("permission_denied")), "{run:#}");
    assert!(error["detail"].as_str().is_some_and(|detail| detail.contains(&odd)), "{error:#}");
    assert_eq!(outcome(&run, &ours[ODD].0)["result"], "FAILED", "{run:#}");
    assert!(without_odd(&ours).iter().all(|(key, _)| outcome(&run, key)["result"] == "NOT_ATTEMPTED"), "{run:#}");
    assert_keys(consul, path, &[], &ours).await;

    let granted = consul.token(&all).await;
    let place = format!("/integrations/{PLUGIN}/configs/{config}");
    client.call(Method::PATCH, &place, Some(&json!({"auth": auth(&granted)}))).await.expect(200);
    client.post(&format!("{place}:publish"), &json!({"note": "may write"})).await.expect(200);
    // Nobody has to ask for another run.
    let is_synced = async || (client.get("/syncs/app").await.expect(200).json["state"] == "IN_SYNC").then_some(());
    eventually("the sync has gone on", LIMIT, is_synced).await;
    assert_keys(consul, path, &ours, &[]).await;
}
