//! A request with an idempotency key acts once, however often it is sent.

use std::time::Duration;

use keyferry_tests::api::TestApi;
use serde_json::{Value, json};

const IDENTITIES: &str = "/v1/tenants/acme/identities";
const KEYS: &str = "/v1/tenants/acme/apiKeys";

async fn acme() -> TestApi {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api
}

async fn count(api: &TestApi, path: &str) -> usize {
    api.admin().get(path).await.expect(200).json["items"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_repeated_request_is_answered_with_status_and_id_but_no_value() {
    let api = acme().await;
    let caller = api.admin().with("idempotency-key", "one");
    let first = caller.post(KEYS, &json!({"name": "k"})).await.expect(201);
    let again = caller.post(KEYS, &json!({"name": "k"})).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.json, json!({"id": first.text_at("/id")}));
    assert_eq!(count(&api, KEYS).await, 1);
}

#[tokio::test]
async fn a_repeated_creation_is_no_conflict() {
    let api = acme().await;
    let caller = api.admin().with("idempotency-key", "\"tenant-2\"");
    let body = json!({"id": "second"});
    caller.post("/v1/tenants", &body).await.expect(201);
    assert_eq!(caller.post("/v1/tenants", &body).await.expect(201).json, json!({"id": "second"}));
    api.admin().post("/v1/tenants", &body).await.problem(409, "already_exists");
}

#[tokio::test]
async fn a_key_is_good_for_one_request_only() {
    let api = acme().await;
    let caller = api.admin().with("idempotency-key", "one");
    caller.post(KEYS, &json!({"name": "k"})).await.expect(201);
    caller.post(KEYS, &json!({"name": "other"})).await.problem(422, "idempotency_mismatch");
    // Another route, another tenant and another caller have keys of their own.
    caller.post(IDENTITIES, &json!({"name": "k"})).await.expect(201);
    api.tenant("other").await;
    caller.post("/v1/tenants/other/apiKeys", &json!({"name": "k"})).await.expect(201);
    let (_, owner) = api.member("acme", "owner", "OWNER").await;
    api.bearer(&owner).with("idempotency-key", "one").post(KEYS, &json!({"name": "k"})).await.expect(201);
    assert_eq!(count(&api, KEYS).await, 2);
}

#[tokio::test]
async fn one_route_with_two_resources_is_two_requests() {
    let api = acme().await;
    let (one, _) = api.member("acme", "one", "READER").await;
    let (two, _) = api.member("acme", "two", "READER").await;
    let caller = api.admin().with("idempotency-key", "same");
    let path = |id: &str| format!("{IDENTITIES}/{id}/clientSecrets");
    caller.post(&path(&one), &json!({"name": "k"})).await.expect(201);
    caller.post(&path(&two), &json!({"name": "k"})).await.problem(422, "idempotency_mismatch");
}

#[tokio::test]
async fn concurrent_requests_with_one_key_act_once() {
    let api = acme().await;
    let attempts = (0..8).map(|_| async {
        let answer = api.admin().with("idempotency-key", "one").post(KEYS, &json!({"name": "k"})).await;
        (answer.status.as_u16(), answer.json["code"].clone())
    });
    let answers = futures_util::future::join_all(attempts).await;
    assert!(answers.contains(&(201, Value::Null)));
    for (status, code) in answers {
        assert!(status == 201 || (status == 409 && code == "idempotency_in_flight"), "{status} {code}");
    }
    assert_eq!(count(&api, KEYS).await, 1);
}

#[tokio::test]
async fn a_request_that_changed_nothing_can_be_mended() {
    let api = acme().await;
    let caller = api.admin().with("idempotency-key", "one");
    caller.post(KEYS, &json!({"name": "k", "ttlDays": 0})).await.problem(400, "invalid_request");
    caller.post(KEYS, &json!({"name": "k"})).await.expect(201);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let api = acme().await;
    let caller = api.admin().with("idempotency-key", "one");
    caller.post(KEYS, &json!({"name": "k"})).await.expect(201);
    api.clock.advance(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(api.services.idempotency.sweep().await.expect("the store works"), 1);
    caller.post(KEYS, &json!({"name": "k"})).await.expect(201);
    assert_eq!(count(&api, KEYS).await, 2);
}

#[tokio::test]
async fn a_malformed_key_is_refused() {
    let api = acme().await;
    for key in ["", "a b", &"x".repeat(256)] {
        let caller = api.admin().with("idempotency-key", key);
        caller.post(KEYS, &json!({"name": "k"})).await.problem(400, "invalid_request");
    }
}
