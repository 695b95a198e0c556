//! Personal overrides: for the one who set them alone.

use http::Method;
use serde_json::json;

use super::project::{Project, owned, pairs};

#[tokio::test]
async fn an_override_is_seen_by_its_owner_alone() {
    let project = Project::start().await;
    project.secret("A", "shared").await;
    let (one, other) = (project.member("one", "OWNER").await, project.member("other", "OWNER").await);
    let (one, other) = (project.api.bearer(&one), project.api.bearer(&other));
    let path = "/api/v3/secrets/raw/A";
    let body = |value: &str| project.body(&json!({"type": "personal", "secretValue": value}));
    one.patch(path, &body("x")).await.infisical_error(404, "NotFound");
    let made = one.post(path, &body("mine")).await.expect(200);
    assert_eq!((made.text_at("/secret/type"), made.text_at("/secret/secretValue")), ("personal".into(), "mine".into()));
    one.post(path, &body("again")).await.infisical_error(400, "BadRequest");
    let changed = one.patch(path, &body("mine2")).await.expect(200);
    assert_eq!(changed.json["secret"]["version"], 2);
    let read = format!("{path}?{}", project.query("&type=personal"));
    assert_eq!(one.get(&read).await.expect(200).text_at("/secret/secretValue"), "mine2");
    other.get(&read).await.infisical_error(404, "NotFound");
    let shared = format!("{path}?{}", project.query(""));
    assert_eq!(one.get(&shared).await.expect(200).text_at("/secret/secretValue"), "shared");
    let list = format!("/api/v4/secrets?{}", project.query("&includePersonalOverrides=true"));
    let mine = one.get(&list).await.expect(200);
    assert_eq!(pairs(&mine.json["secrets"]), owned(&[("A", "shared"), ("A", "mine2")]));
    assert_eq!(mine.json["secrets"][1]["type"], "personal");
    assert_eq!(pairs(&other.get(&list).await.expect(200).json["secrets"]), owned(&[("A", "shared")]));
    let without = format!("/api/v3/secrets/raw?{}", project.query(""));
    assert_eq!(pairs(&one.get(&without).await.expect(200).json["secrets"]), owned(&[("A", "shared")]));
}

#[tokio::test]
async fn no_sync_and_no_reference_sees_an_override() {
    let project = Project::start().await;
    project.secret("A", "shared").await;
    project.secret("B", "<${A}>").await;
    let body = project.body(&json!({"type": "personal", "secretValue": "mine"}));
    project.owner().post("/api/v3/secrets/raw/A", &body).await.expect(200);
    let native = "/v1/tenants/acme/environments/dev/secrets?view=value&expand=true";
    let listed = project.owner().get(native).await.expect(200);
    assert!(listed.text.contains("<shared>") && !listed.text.contains("mine"), "{}", listed.text);
    let expanded = project.read("B", "&expandSecretReferences=true").await.expect(200);
    assert_eq!(expanded.json["secret"]["secretValue"], "<shared>");
}

#[tokio::test]
async fn an_override_goes_alone_or_with_its_secret() {
    let project = Project::start().await;
    let path = "/api/v3/secrets/raw/A";
    let personal = project.body(&json!({"type": "personal", "secretValue": "mine"}));
    project.owner().post(path, &personal).await.infisical_error(404, "NotFound");
    project.secret("A", "shared").await;
    project.owner().post(path, &personal).await.expect(200);
    let deleted = project.delete(path, &json!({"type": "personal"})).await.expect(200);
    assert_eq!(deleted.json["secret"]["secretValue"], "mine");
    assert_eq!(project.read("A", "").await.expect(200).text_at("/secret/secretValue"), "shared");
    project.owner().post(path, &personal).await.expect(200);
    project.delete(path, &json!({})).await.expect(200);
    project.secret("A", "new").await;
    project.read("A", "&type=personal").await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn an_override_is_hidden_where_values_are() {
    let project = Project::start().await;
    project.secret("A", "shared").await;
    let token = project.member("writer", "secrets:read,secrets:write").await;
    let writer = project.api.bearer(&token);
    let body = project.body(&json!({"type": "personal", "secretValue": "${A}"}));
    writer.post("/api/v3/secrets/raw/A", &body).await.expect(200);
    let path = format!("/api/v4/secrets/A?{}", project.query("&type=personal"));
    let read = writer.call(Method::GET, &path, None).await.expect(200);
    assert_eq!(read.json["secret"]["secretValueHidden"], true);
    assert_eq!(read.json["secret"]["secretValue"], "<hidden-by-infisical>");
}
