//! Many changes at once, all or none.

use serde_json::{Value, json};

use super::{Acme, PROD, assert_violations, each};

const BATCH: &str = "/secrets:batch";
const CHANGES_MAX: usize = 1_000;

fn sets(numbers: std::ops::Range<usize>) -> Value {
    numbers.map(|number| json!({"path": "/many", "name": format!("N{number}"), "value": "1"})).collect()
}

fn deletes(numbers: std::ops::Range<usize>) -> Value {
    numbers.map(|number| json!({"path": "/many", "name": format!("N{number}")})).collect()
}

#[tokio::test]
async fn a_batch_does_as_printed() {
    let acme = Acme::start().await;
    acme.set("app/B", "2").await;
    let body = json!({"set": [{"path": "/app", "name": "A", "value": "1"}], "delete": [{"path": "/app", "name": "B"}]});
    let done = acme.post(BATCH, &body).await.expect(200);
    let item = json!({"path": "/app", "name": "A", "version": 1, "effect": "CREATED"});
    assert_eq!(done.json, json!({"created": 1, "updated": 0, "unchanged": 0, "deleted": 1, "items": [item]}));
    assert_eq!(each(&acme.get("/secrets?path=/app").await.expect(200), "name"), ["A"]);
    assert_eq!(acme.value("app/A").await, "1");
}

#[tokio::test]
async fn what_became_of_each_is_told_in_order() {
    let acme = Acme::start().await;
    acme.set("app/B", "2").await;
    acme.set("C", "3").await;
    acme.set("D", "4").await;
    let whole = json!({"name": "E", "value": "5", "comment": "c", "tags": ["t"], "metadata": {"m": "n"}});
    let body = json!({"set": [whole, {"path": "/app/", "name": "B", "value": "two"}, {"path": "/", "name": "C", "value": "3"},
        {"name": "D", "comment": "only this"}, {"path": "/new/er", "name": "B", "value": ""}]});
    let done = acme.post(BATCH, &body).await.expect(200);
    let counts = ["created", "updated", "unchanged", "deleted"].map(|member| done.json[member].as_u64());
    assert_eq!(counts, [2, 2, 1, 0].map(Some));
    let item = |path: &str, name: &str, version: u64, effect: &str| json!({"path": path, "name": name, "version": version, "effect": effect});
    let expected = [
        item("/", "E", 1, "CREATED"),
        item("/app", "B", 2, "UPDATED"),
        item("/", "C", 1, "UNCHANGED"),
        item("/", "D", 1, "UPDATED"),
        item("/new/er", "B", 1, "CREATED"),
    ];
    assert_eq!(done.json["items"], Value::from(expected.to_vec()));
    let shown = acme.get("/secrets/E").await.expect(200);
    assert_eq!(
        (&shown.json["comment"], &shown.json["tags"], &shown.json["metadata"]),
        (&json!("c"), &json!(["t"]), &json!({"m": "n"}))
    );
    assert_eq!(acme.value("new/er/B").await, "");
}

#[tokio::test]
async fn one_bad_change_undoes_all_and_every_one_is_told() {
    let acme = Acme::start().await;
    acme.set("app/KEPT", "1").await;
    let body = json!({
        "set": [{"path": "/fresh", "name": "GOOD", "value": "1"}, {"path": "/fresh", "name": "NO_VALUE"},
            {"path": "/app", "name": "KEPT", "value": "2"}, {"name": "NONE_EITHER", "comment": "c"}],
        "delete": [{"path": "/app", "name": "KEPT_NOT"}, {"path": "/nowhere", "name": "A"}]});
    let bad = [
        ("/set/1/value", "required"),
        ("/set/3/value", "required"),
        ("/delete/0", "unknown_reference"),
        ("/delete/1", "unknown_reference"),
    ];
    assert_violations(acme.post(BATCH, &body).await, &bad);
    let listed = acme.get("/secrets?recursive=true").await.expect(200);
    assert_eq!(each(&listed, "name"), ["KEPT"]);
    assert_eq!(listed.json["items"][0]["version"], 1);
    assert_eq!(each(&acme.get("/folders").await.expect(200), "name"), ["app"]);
    assert_eq!(acme.audited("secrets.create").await.len(), 1);
}

#[tokio::test]
async fn the_shape_of_every_change_is_looked_at() {
    let acme = Acme::start().await;
    acme.set("app/B", "1").await;
    let body = json!({
        "set": [{"name": "A", "value": 7}, {"name": "B", "vaule": "hunter2"}, "hunter2", {"name": "C", "value": "x".repeat(262_145)},
            {"name": "D", "value": "1", "tags": ["a b", "ok", ""]}],
        "delete": [{"path": "/app"}, {"path": "/app", "name": "B", "value": "hunter2"}, {"path": "/app", "name": "B"}],
        "delte": []});
    let refused = acme.post(BATCH, &body).await;
    assert!(
        refused.text.contains("is `value` meant?") && refused.text.contains("is `delete` meant?"),
        "{}",
        refused.text
    );
    assert_violations(
        refused,
        &[
            ("/set/0/value", "wrong_type"),
            ("/set/1/vaule", "unknown_member"),
            ("/set/2", "wrong_type"),
            ("/set/3/value", "too_long"),
            ("/set/4/tags/0", "malformed"),
            ("/set/4/tags/2", "malformed"),
            ("/delete/0/name", "required"),
            ("/delete/1/value", "unknown_member"),
            ("/delte", "unknown_member"),
        ],
    );
    assert_eq!(acme.value("app/B").await, "1");
}

#[tokio::test]
async fn a_secret_stands_in_a_batch_once() {
    let acme = Acme::start().await;
    acme.set("app/A", "1").await;
    let same = |path: &str| json!({"path": path, "name": "A", "value": "2"});
    let body = json!({"set": [same("/app"), same("/"), same("/app/"), {"name": "a", "value": "1"}],
        "delete": [{"path": "/app", "name": "A"}, {"name": "a"}, {"name": "other"}]});
    let twice = ["/set/2", "/delete/0", "/delete/1"].map(|pointer| (pointer, "duplicate"));
    assert_violations(acme.post(BATCH, &body).await, &twice);
    assert_eq!(acme.value("app/A").await, "1");
}

#[tokio::test]
async fn a_batch_is_as_large_as_it_may_be_and_no_larger() {
    let acme = Acme::start().await;
    let done = acme.post(BATCH, &json!({"set": sets(0..CHANGES_MAX)})).await.expect(200);
    assert_eq!(
        (&done.json["created"], done.json["items"].as_array().map(Vec::len)),
        (&json!(CHANGES_MAX), Some(CHANGES_MAX))
    );
    let body = json!({"set": sets(500..1_001), "delete": deletes(0..500)});
    assert_violations(acme.post(BATCH, &body).await, &[("", "too_long")]);
    let body = json!({"set": sets(0..1_001), "delete": deletes(0..1_001)});
    assert_violations(acme.post(BATCH, &body).await, &[("/set", "too_long"), ("/delete", "too_long")]);
    let large: Value =
        (0..5).map(|number| json!({"name": format!("N{number}"), "value": "x".repeat(262_144)})).collect();
    acme.post(BATCH, &json!({ "set": large })).await.problem(413, "body_too_large");

    let done = acme.post(BATCH, &json!({"delete": deletes(0..CHANGES_MAX)})).await.expect(200);
    assert_eq!(done.json["deleted"], CHANGES_MAX);
    assert!(each(&acme.get("/secrets?recursive=true").await.expect(200), "name").is_empty());
}

#[tokio::test]
async fn a_batch_of_nothing_does_nothing_but_needs_its_environment() {
    let acme = Acme::start().await;
    for body in [json!({}), json!({"set": [], "delete": null})] {
        let done = acme.post(BATCH, &body).await.expect(200);
        assert_eq!(done.json, json!({"created": 0, "updated": 0, "unchanged": 0, "deleted": 0, "items": []}));
    }
    let elsewhere = "/v1/tenants/acme/environments/none/secrets:batch";
    for body in [json!({}), json!({"set": [{"name": "A", "value": "1"}]}), json!({"delete": [{"name": "A"}]})] {
        acme.api.admin().post(elsewhere, &body).await.problem(404, "not_found");
    }
    acme.put(BATCH, &json!({})).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn what_was_listed_can_be_set_elsewhere() {
    let acme = Acme::start().await;
    acme.environment("copy").await;
    let body = json!({"value": "1", "comment": "c", "tags": ["t"], "metadata": {"m": "n"}});
    acme.put("/secrets/app/db/A", &body).await.expect(201);
    acme.set("B", "2").await;
    let listed = acme.get("/secrets?recursive=true&view=value").await.expect(200);
    let copy = "/v1/tenants/acme/environments/copy/secrets";
    acme.api.admin().post(&format!("{copy}:batch"), &json!({"set": listed.json["items"]})).await.expect(200);
    let copied = acme.api.admin().get(&format!("{copy}?recursive=true&view=value")).await.expect(200);
    for member in ["path", "name", "value", "comment"] {
        assert_eq!(each(&copied, member), each(&listed, member), "{member}");
    }
    assert_ne!(each(&copied, "uid"), each(&listed, "uid"));
}

#[tokio::test]
async fn a_batch_that_is_sent_again_with_its_key_acts_once() {
    let acme = Acme::start().await;
    let path = format!("{PROD}{BATCH}");
    let caller = acme.api.admin().with("idempotency-key", "one");
    let missing = json!({"set": [{"name": "A", "value": "hunter2"}], "delete": [{"name": "B"}]});
    assert_violations(caller.post(&path, &missing).await, &[("/delete/0", "unknown_reference")]);
    let body = json!({"set": [{"name": "A", "value": "hunter2"}, {"name": "B", "value": "hunter2"}]});
    caller.post(&path, &body).await.expect(200);
    acme.set("A", "changed since").await;
    let again = caller.post(&path, &body).await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert!(!again.text.contains("hunter2"), "{}", again.text);
    assert_eq!(acme.value("A").await, "changed since");
    caller.post(&path, &missing).await.problem(422, "idempotency_mismatch");
    acme.delete("/secrets/B").await.expect(204);
    caller.post(&path, &body).await.expect(200);
    acme.get("/secrets/B").await.problem(404, "not_found");
}
