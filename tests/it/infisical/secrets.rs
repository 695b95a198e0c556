//! Secrets one by one: the exact object, values as they are kept, renaming, and who sees what.

use http::Method;
use serde_json::{Value, json};

use super::project::{Project, owned, pairs};

const HIDDEN: &str = "<hidden-by-infisical>";

#[tokio::test]
async fn a_secret_has_every_member_that_clients_demand() {
    let project = Project::start().await;
    let tag = json!({"slug": "db", "color": "#ff0000"});
    let tag = project.owner().post(&format!("/api/v1/projects/{}/tags", project.id), &tag).await.expect(200);
    let body = project.body(&json!({
        "secretValue": "v", "secretComment": " why ", "tagIds": [tag.text_at("/tag/id")],
        "secretMetadata": [{"key": "team", "value": "core"}], "skipMultilineEncoding": "true",
        "secretReminderNote": "rotate", "secretReminderRepeatDays": 30, "type": "shared", "unknown": {"a": 1},
    }));
    let made = project.owner().post("/api/v3/secrets/raw/DB_URL", &body).await.expect(200);
    let secret = &made.json["secret"];
    let id = made.text_at("/secret/id");
    let tag = json!([{"id": tag.text_at("/tag/id"), "slug": "db", "name": "db", "color": "#ff0000"}]);
    let expect = json!({
        "id": id, "_id": id, "workspace": project.id, "environment": "dev", "version": 1, "type": "shared",
        "secretKey": "DB_URL", "secretValue": "v", "secretComment": "why", "secretReminderNote": "rotate",
        "secretReminderRepeatDays": 30, "skipMultilineEncoding": true, "secretValueHidden": false, "secretPath": "/",
        "secretMetadata": [{"key": "team", "value": "core", "isEncrypted": false}], "tags": tag,
        "createdAt": secret["createdAt"], "updatedAt": secret["updatedAt"], "isRotatedSecret": false,
        "rotationId": null,
    });
    assert_eq!(*secret, expect);
    assert_eq!(made.text_at("/secret/createdAt").len(), "2026-11-22T03:04:05.678Z".len());
    for path in [
        format!("/api/v3/secrets/raw/DB_URL?{}", project.query("")),
        format!("/api/v3/secrets/raw/id/{id}"),
        format!("/api/v4/secrets/DB_URL?{}", project.query("")),
        format!("/api/v4/secrets/id/{id}"),
    ] {
        assert_eq!(project.owner().get(&path).await.expect(200).json["secret"], expect, "{path}");
    }
}

#[tokio::test]
async fn a_secret_is_created_once_and_changed_only_where_it_is() {
    let project = Project::start().await;
    let path = "/api/v3/secrets/raw/A";
    let body = project.body(&json!({"secretValue": "1"}));
    project.owner().patch(path, &body).await.infisical_error(404, "NotFound");
    project.owner().post(path, &body).await.expect(200);
    project.owner().post(path, &body).await.infisical_error(400, "BadRequest");
    let changed = project.owner().patch(path, &project.body(&json!({"secretComment": "c"}))).await.expect(200);
    assert_eq!(changed.json["secret"]["version"], 1, "a comment is no version");
    assert_eq!(changed.json["secret"]["secretValue"], "1");
    let changed = project.owner().patch(path, &project.body(&json!({"secretValue": "2"}))).await.expect(200);
    assert_eq!((&changed.json["secret"]["version"], &changed.json["secret"]["secretValue"]), (&json!(2), &json!("2")));
    assert_eq!(project.read("A", "&version=1").await.expect(200).json["secret"]["secretValue"], "1");
    project.read("A", "&version=9").await.infisical_error(404, "NotFound");
    let deleted = project.delete(path, &json!({})).await.expect(200);
    assert_eq!(deleted.json["secret"]["secretValue"], "2");
    project.delete(path, &json!({})).await.infisical_error(404, "NotFound");
    project.read("A", "").await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn values_are_normalised_as_they_come_in() {
    let project = Project::start().await;
    for (index, (given, expect)) in
        [("", ""), ("  x ", "x"), ("x\n", "x\n"), ("x\n\n\n", "x\n"), ("a\n  b", "a\n  b"), ("\n", "\n")]
            .iter()
            .enumerate()
    {
        let made = project.secret(&format!("V{index}"), given).await;
        assert_eq!(made.json["secret"]["secretValue"], *expect, "{given:?}");
        let read = project.read(&format!("V{index}"), "").await.expect(200);
        assert_eq!(read.json["secret"]["secretValue"], *expect, "{given:?}");
    }
}

#[tokio::test]
async fn a_rename_keeps_the_secret_and_moves_its_name() {
    let project = Project::start().await;
    let id = project.secret("OLD", "1").await.text_at("/secret/id");
    project.owner().patch("/api/v3/secrets/raw/OLD", &project.body(&json!({"secretValue": "2"}))).await.expect(200);
    project.secret("TAKEN", "t").await;
    let rename = |name: &str| project.body(&json!({"newSecretName": name}));
    let path = "/api/v3/secrets/raw/OLD";
    project.owner().patch(path, &rename("TAKEN")).await.infisical_error(400, "BadRequest");
    project.owner().patch(path, &rename("a:b")).await.infisical_error(422, "ValidationFailure");
    let renamed = project.owner().patch(path, &rename("NEW")).await.expect(200);
    assert_eq!(renamed.text_at("/secret/id"), id);
    assert_eq!(renamed.json["secret"]["version"], 2);
    project.read("OLD", "").await.infisical_error(404, "NotFound");
    assert_eq!(project.read("NEW", "&version=1").await.expect(200).json["secret"]["secretValue"], "1");
    let made = project.secret("OLD", "again").await;
    assert_ne!(made.text_at("/secret/id"), id, "the former name is free");
    let all = project.list("").await;
    assert_eq!(pairs(&all.json["secrets"]), owned(&[("NEW", "2"), ("OLD", "again"), ("TAKEN", "t")]));
}

#[tokio::test]
async fn who_may_not_see_values_sees_them_hidden() {
    let project = Project::start().await;
    let id = project.secret("A", "hunter2").await.text_at("/secret/id");
    let token = project.member("reader", "secrets:read").await;
    let reader = project.api.bearer(&token);
    for path in [
        format!("/api/v3/secrets/raw?{}", project.query("")),
        format!("/api/v3/secrets/raw/A?{}", project.query("&viewSecretValue=true&expandSecretReferences=true")),
        format!("/api/v3/secrets/raw/id/{id}"),
        format!("/api/v4/secrets?{}", project.query("")),
    ] {
        let answer = reader.get(&path).await.expect(200);
        assert!(answer.text.contains(HIDDEN) && !answer.text.contains("hunter2"), "{path}: {}", answer.text);
        assert!(answer.text.contains(r#""secretValueHidden":true"#), "{path}");
    }
    let asked = project.read("A", "&viewSecretValue=false").await.expect(200);
    assert_eq!(asked.json["secret"]["secretValue"], HIDDEN);
    assert_eq!(asked.json["secret"]["secretValueHidden"], true);
    let body = project.body(&json!({"secretValue": "x"}));
    let refused = reader.patch("/api/v3/secrets/raw/A", &body).await.infisical_error(403, "PermissionDenied");
    assert_eq!(refused.json["details"], json!([]));
}

#[tokio::test]
async fn writing_shows_no_value_to_who_may_not_see_it() {
    let project = Project::start().await;
    project.secret("A", "hunter2").await;
    let token = project.member("writer", "secrets:read,secrets:write").await;
    let writer = project.api.bearer(&token);
    let path = "/api/v3/secrets/raw/A";
    let changed = writer.patch(path, &project.body(&json!({"secretComment": "c"}))).await.expect(200);
    let deleted = writer.call(Method::DELETE, path, Some(&project.body(&json!({})))).await.expect(200);
    for answer in [changed, deleted] {
        assert_eq!(answer.json["secret"]["secretValue"], HIDDEN);
        assert!(!answer.text.contains("hunter2"));
    }
}

#[tokio::test]
async fn showing_a_stored_value_is_audited() {
    let project = Project::start().await;
    project.secret("A", "1").await;
    let reveals = async || {
        let events = project.owner().get("/v1/tenants/acme/auditEvents?pageSize=500").await.expect(200);
        let events = events.json["items"].as_array().expect("it is a list").clone();
        events.iter().filter(|event| event["action"] == "secrets.reveal").count()
    };
    assert_eq!(reveals().await, 0, "a value that was just sent is not revealed");
    project.read("A", "&viewSecretValue=false").await.expect(200);
    assert_eq!(reveals().await, 0);
    project.read("A", "").await.expect(200);
    project.list("").await;
    project.owner().patch("/api/v3/secrets/raw/A", &project.body(&json!({"secretComment": "c"}))).await.expect(200);
    project.delete("/api/v3/secrets/raw/A", &json!({})).await.expect(200);
    assert_eq!(reveals().await, 4);
}

#[tokio::test]
async fn aliases_and_booleans_as_text_are_understood_everywhere() {
    let project = Project::start().await;
    for member in ["workspaceId", "projectId"] {
        let body = json!({member: project.id, "environment": " dev ", "secretPath": "", "secretValue": "1"});
        project.owner().post(&format!("/api/v3/secrets/raw/{member}"), &body).await.expect(200);
    }
    for member in ["projectSlug", "workspaceSlug"] {
        let body = json!({member: "acme", "environment": "dev", "secretValue": "1"});
        project.owner().post(&format!("/api/v4/secrets/{member}/"), &body).await.expect(200);
    }
    for query in ["workspaceSlug=acme", "projectSlug=acme", "projectId=acme"] {
        let path = format!("/api/v3/secrets/raw/?{query}&environment=dev&secretPath=%2F&recursive=false&secretName=x");
        let answer = project.owner().get(&path).await.expect(200);
        assert_eq!(answer.json["secrets"].as_array().map(Vec::len), Some(4), "{query}");
    }
}

#[tokio::test]
async fn a_body_with_get_is_ignored() {
    let project = Project::start().await;
    project.secret("A", "1").await;
    let path = format!("/api/v4/secrets?{}", project.query(""));
    let answer =
        project.owner().call(Method::GET, &path, Some(&json!({"environment": "prod", "x": 1}))).await.expect(200);
    assert_eq!(pairs(&answer.json["secrets"]), owned(&[("A", "1")]));
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_right_status() {
    let project = Project::start().await;
    let owner = project.owner();
    let none = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20";
    let write =
        |path: &str| json!({"workspaceId": project.id, "environment": "dev", "secretPath": path, "secretValue": "1"});
    owner.post("/api/v3/secrets/raw/A", &write("/missing")).await.infisical_error(404, "NotFound");
    owner.post("/api/v3/secrets/raw/A%20B", &write("/")).await.infisical_error(422, "ValidationFailure");
    owner.post("/api/v3/secrets/raw/A", &json!({"environment": "dev"})).await.infisical_error(422, "ValidationFailure");
    owner.post("/api/v3/secrets/raw/A", &project.body(&json!({}))).await.infisical_error(422, "ValidationFailure");
    let unknown = json!({"workspaceId": none, "environment": "dev", "secretValue": "1"});
    owner.post("/api/v3/secrets/raw/A", &unknown).await.infisical_error(404, "NotFound");
    owner.get(&format!("/api/v3/secrets/raw/id/{none}")).await.infisical_error(404, "NotFound");
    let no_tag = project.body(&json!({"secretValue": "1", "tagIds": [none]}));
    owner.post("/api/v3/secrets/raw/A", &no_tag).await.infisical_error(404, "NotFound");
    project.api.tenant("other").await;
    let (_, stranger) = project.api.member("other", "stranger", "OWNER").await;
    let id = project.secret("A", "1").await.text_at("/secret/id");
    let stranger = project.api.bearer(&stranger);
    stranger.get(&format!("/api/v3/secrets/raw/id/{id}")).await.infisical_error(404, "NotFound");
    stranger.get(&format!("/api/v3/secrets/raw?{}", project.query(""))).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn both_dialects_see_the_same_secrets() {
    let project = Project::start().await;
    let id = project.secret_at("/app", "A", "1").await.text_at("/secret/id");
    let native = "/v1/tenants/acme/environments/dev/secrets/app/A?view=value";
    let read = project.owner().get(native).await.expect(200);
    assert_eq!((read.text_at("/uid"), read.text_at("/value")), (id.clone(), "1".to_owned()));
    let change = json!({"value": "2", "comment": "c", "tags": ["db"], "metadata": {"team": "core"}});
    project.owner().put("/v1/tenants/acme/environments/dev/secrets/app/A", &change).await.expect(200);
    let read = project.owner().get(&format!("/api/v3/secrets/raw/id/{id}")).await.expect(200);
    let secret: &Value = &read.json["secret"];
    assert_eq!((&secret["secretValue"], &secret["version"]), (&json!("2"), &json!(2)));
    assert_eq!((&secret["secretComment"], &secret["tags"][0]["slug"]), (&json!("c"), &json!("db")));
    assert_eq!(secret["secretMetadata"][0]["value"], "core");
}
