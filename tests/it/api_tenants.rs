//! Tenants, as administrators of the host manage them.

use keyferry::ports::kv::{KeyRange, KvStore as _};
use keyferry_tests::api::TestApi;
use serde_json::json;

#[tokio::test]
async fn a_tenant_is_made_read_renamed_and_destroyed() {
    let api = TestApi::start().await;
    let made = api.admin().post("/v1/tenants", &json!({"id": "acme", "displayName": "Acme"})).await.expect(201);
    assert_eq!(made.header("location"), "/v1/tenants/acme");
    assert_eq!(made.json["displayName"], "Acme");
    assert_eq!(made.json["createdAt"], made.json["modifiedAt"]);
    let read = api.admin().get("/v1/tenants/acme").await.expect(200);
    assert_eq!(read.json, made.json);
    assert_eq!(read.header("etag"), made.header("etag"));
    let renamed = api.admin().patch("/v1/tenants/acme", &json!({"displayName": "Acme Ltd"})).await.expect(200);
    assert_eq!(renamed.json["displayName"], "Acme Ltd");
    assert_ne!(renamed.header("etag"), made.header("etag"));
    assert_eq!(api.admin().get("/v1/tenants/acme").await.expect(200).json, renamed.json);
    api.admin().delete("/v1/tenants/acme").await.expect(204);
    api.admin().get("/v1/tenants/acme").await.problem(404, "not_found");
    api.admin().delete("/v1/tenants/acme").await.problem(404, "not_found");
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let read = api.admin().get("/v1/tenants/acme").await.expect(200);
    api.admin().patch("/v1/tenants/acme", &read.json).await.expect(200);
}

#[tokio::test]
async fn an_id_is_given_once() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api.admin().post("/v1/tenants", &json!({"id": "acme"})).await.problem(409, "already_exists");
    api.tenant("Acme").await;
    api.admin().post("/v1/tenants", &json!({"id": "system"})).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn concurrent_creations_of_one_id_make_one_tenant() {
    let api = TestApi::start().await;
    let attempts =
        (0..8).map(|_| async { api.admin().post("/v1/tenants", &json!({"id": "acme"})).await.status.as_u16() });
    let mut statuses = futures_util::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_change_meant_for_another_version_is_refused() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let first = api.admin().get("/v1/tenants/acme").await.expect(200).header("etag").to_owned();
    let change = |name: &str| json!({"displayName": name});
    api.admin().with("if-match", &first).patch("/v1/tenants/acme", &change("two")).await.expect(200);
    api.admin()
        .with("if-match", &first)
        .patch("/v1/tenants/acme", &change("three"))
        .await
        .problem(412, "precondition_failed");
    api.admin().with("if-match", &first).delete("/v1/tenants/acme").await.problem(412, "precondition_failed");
    api.admin().with("if-match", "*").patch("/v1/tenants/acme", &change("four")).await.expect(200);
    assert_eq!(api.admin().get("/v1/tenants/acme").await.expect(200).json["displayName"], "four");
}

#[tokio::test]
async fn an_id_used_again_is_another_tenant() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let old = api.admin().get("/v1/tenants/acme").await.expect(200);
    let (_, token) = api.member("acme", "ci", "OWNER").await;
    api.admin().delete("/v1/tenants/acme").await.expect(204);
    api.tenant("acme").await;
    let new = api.admin().get("/v1/tenants/acme").await.expect(200);
    assert_ne!(new.json["uid"], old.json["uid"]);
    assert_ne!(new.header("etag"), old.header("etag"));
    api.bearer(&token).get("/v1/tenants/acme/identities").await.problem(401, "unauthenticated");
    api.member("acme", "ci", "OWNER").await;
}

#[tokio::test]
async fn nothing_of_a_destroyed_tenant_stays_in_the_store() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let (id, _) = api.member("acme", "ci", "OWNER").await;
    api.admin().post("/v1/tenants/acme/apiKeys", &json!({"name": "k"})).await.expect(201);
    api.admin().post("/v1/tenants/acme/environments", &json!({"slug": "prod"})).await.expect(201);
    let uid: uuid::Uuid = api.admin().get("/v1/tenants/acme").await.expect(200).text_at("/uid").parse().expect("a uid");
    let identity: uuid::Uuid = id.parse().expect("a uid");
    api.admin().delete("/v1/tenants/acme").await.expect(204);
    let snapshot = api.store.snapshot().await.expect("the store works");
    let rows = snapshot.scan(KeyRange { start: Vec::new(), end: None }, usize::MAX).await.expect("the store works");
    for row in rows {
        let mentions = |uid: &uuid::Uuid| row.key.windows(16).any(|window| window == uid.as_bytes());
        assert!(!mentions(&uid) && !mentions(&identity), "{:02x?}", row.key);
    }
}

#[tokio::test]
async fn what_is_done_to_tenants_is_audited_with_the_host() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let view = api.services.core.records.view().await.expect("the store works");
    let log = keyferry::service::audit::log(keyferry::domain::id::TenantUid::SYSTEM);
    let events: Vec<(u64, keyferry::service::audit::AuditEvent)> =
        view.scan_appended(&log, None, 10).await.expect("the store works");
    let actions: Vec<&str> = events.iter().map(|(_, event)| event.action.as_str()).collect();
    assert_eq!(actions, ["identities.bootstrap", "tenants.create"]);
}
