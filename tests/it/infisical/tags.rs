//! Tags of a project.

use serde_json::{Value, json};

use super::project::Project;

/// Where tags stand, and what their answers are called.
fn families(project: &Project) -> [(String, &'static str, &'static str); 2] {
    [
        (format!("/api/v1/workspace/{}/tags", project.id), "workspaceTag", "workspaceTags"),
        (format!("/api/v1/projects/{}/tags", project.id), "tag", "tags"),
    ]
}

#[tokio::test]
async fn a_tag_is_made_read_changed_and_deleted() {
    let project = Project::start().await;
    let owner = project.owner();
    for (base, one, many) in families(&project) {
        let new = json!({"slug": "db", "name": "Database", "color": "#ff0000"});
        let made = owner.post(&base, &new).await.expect(200);
        let tag = &made.json[one];
        let expect = json!({
            "id": tag["id"], "slug": "db", "name": "Database", "color": "#ff0000", "projectId": project.id,
            "createdBy": tag["createdBy"], "createdByActorType": "identity", "createdAt": tag["createdAt"],
            "updatedAt": tag["updatedAt"],
        });
        assert_eq!(*tag, expect);
        owner.post(&base, &new).await.infisical_error(400, "BadRequest");
        let path = format!("{base}/{}", made.text_at(&format!("/{one}/id")));
        assert_eq!(owner.get(&path).await.expect(200).json[one], expect);
        assert_eq!(owner.get(&format!("{base}/slug/db")).await.expect(200).json[one], expect);
        assert_eq!(owner.get(&base).await.expect(200).json[many], json!([expect]));
        let changed = owner.patch(&path, &json!({"color": "#00ff00"})).await.expect(200);
        assert_eq!((&changed.json[one]["color"], &changed.json[one]["name"]), (&json!("#00ff00"), &json!("Database")));
        owner.delete(&path).await.expect(200);
        owner.get(&path).await.infisical_error(404, "NotFound");
        owner.get(&format!("{base}/slug/db")).await.infisical_error(404, "NotFound");
        owner.post(&base, &json!({"slug": "a b"})).await.infisical_error(422, "ValidationFailure");
    }
}

async fn tags_of(project: &Project, name: &str) -> Vec<Value> {
    let read = project.read(name, "").await.expect(200);
    let tags = read.json["secret"]["tags"].as_array().expect("it is a list").clone();
    tags.iter().map(|tag| tag["slug"].clone()).collect()
}

#[tokio::test]
async fn plain_tags_of_the_native_dialect_are_the_same_things() {
    let project = Project::start().await;
    let [_, (base, ..)] = families(&project);
    let native = "/v1/tenants/acme/environments/dev/secrets/A";
    project.owner().put(native, &json!({"value": "1", "tags": ["db", "core"]})).await.expect(201);
    let listed = project.owner().get(&base).await.expect(200);
    assert_eq!((listed.text_at("/tags/0/slug"), listed.text_at("/tags/1/slug")), ("core".into(), "db".into()));
    let id = listed.text_at("/tags/1/id");
    let body = project.body(&json!({"secretValue": "2", "tagIds": [id]}));
    project.owner().post("/api/v3/secrets/raw/B", &body).await.expect(200);
    let read = project.owner().get("/v1/tenants/acme/environments/dev/secrets/B").await.expect(200);
    assert_eq!(read.json["tags"], json!(["db"]));
    project.owner().patch("/api/v3/secrets/raw/B", &project.body(&json!({"tagIds": []}))).await.expect(200);
    assert!(tags_of(&project, "B").await.is_empty());
}

#[tokio::test]
async fn a_renamed_tag_is_renamed_on_every_secret_and_a_deleted_one_is_taken_away() {
    let project = Project::start().await;
    let [_, (base, ..)] = families(&project);
    for name in ["A", "B"] {
        let native = format!("/v1/tenants/acme/environments/dev/secrets/{name}");
        project.owner().put(&native, &json!({"value": "1", "tags": ["keep", "old"]})).await.expect(201);
    }
    let old = project.owner().get(&format!("{base}/slug/old")).await.expect(200).text_at("/tag/id");
    let path = format!("{base}/{old}");
    project.owner().patch(&path, &json!({"slug": "keep"})).await.infisical_error(400, "BadRequest");
    let renamed = project.owner().patch(&path, &json!({"slug": "new"})).await.expect(200);
    assert_eq!(renamed.json["tag"]["id"], json!(old));
    assert_eq!(tags_of(&project, "A").await, ["keep", "new"]);
    project.owner().delete(&path).await.expect(200);
    assert_eq!(tags_of(&project, "B").await, ["keep"]);
    assert_eq!(project.read("B", "").await.expect(200).json["secret"]["version"], 1);
}

#[tokio::test]
async fn only_who_may_write_makes_tags() {
    let project = Project::start().await;
    let token = project.member("reader", "secrets:read").await;
    for (base, ..) in families(&project) {
        let reader = project.api.bearer(&token);
        reader.get(&base).await.expect(200);
        reader.post(&base, &json!({"slug": "x"})).await.infisical_error(403, "PermissionDenied");
    }
}
