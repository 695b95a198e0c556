//! Folders, v1 and v2.

use http::Method;
use serde_json::{Value, json};

use super::project::Project;

const VERSIONS: [&str; 2] = ["/api/v1/folders", "/api/v2/folders"];

fn names(answer: &Value) -> Vec<String> {
    let folders = answer["folders"].as_array().expect("it is a list");
    folders.iter().map(|folder| folder["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_folder_is_made_read_renamed_and_deleted() {
    for base in VERSIONS {
        let project = Project::start().await;
        let owner = project.owner();
        let made = owner.post(base, &project.body(&json!({"name": "app", "path": "/"}))).await.expect(200);
        let folder = &made.json["folder"];
        let expect = json!({
            "id": folder["id"], "name": "app", "path": "/app", "envId": folder["envId"], "parentId": folder["parentId"],
            "version": 1, "isReserved": false, "description": null, "createdAt": folder["createdAt"],
            "updatedAt": folder["updatedAt"],
        });
        assert_eq!(*folder, expect, "{base}");
        owner.post(base, &project.body(&json!({"name": "db", "directory": "app"}))).await.expect(200);
        let listed = owner.get(&format!("{base}?{}", project.query(""))).await.expect(200);
        assert_eq!(listed.json["folders"], json!([expect]));
        for place in ["&path=%2Fapp", "&directory=/app/"] {
            let listed = owner.get(&format!("{base}?{}", project.query(place))).await.expect(200);
            assert_eq!(names(&listed.json), ["db"], "{place}");
        }
        let all = owner.get(&format!("{base}?{}", project.query("&recursive=true"))).await.expect(200);
        assert_eq!(names(&all.json), ["app", "db"]);
        assert_eq!(all.json["folders"][1]["relativePath"], "app/db");
        let one = format!("{base}/{}", made.text_at("/folder/id"));
        let read = owner.get(&one).await.expect(200);
        assert_eq!(
            (&read.json["folder"]["path"], &read.json["folder"]["projectId"]),
            (&json!("/app"), &json!(project.id))
        );
        assert_eq!(read.json["folder"]["environment"]["envSlug"], "dev");
        let renamed = owner.patch(&one, &project.body(&json!({"name": "web"}))).await.expect(200);
        assert_eq!(renamed.json["folder"]["path"], "/web");
        let by_name = owner.patch(&format!("{base}/web"), &project.body(&json!({"name": "app2"}))).await.expect(200);
        assert_eq!(by_name.text_at("/folder/id"), made.text_at("/folder/id"));
        project.delete(&format!("{base}/app2"), &json!({"forceDelete": true})).await.expect(200);
        owner.get(&one).await.infisical_error(404, "NotFound");
    }
}

#[tokio::test]
async fn what_is_in_a_deleted_folder_goes_by_the_version() {
    for (base, goes) in [(VERSIONS[0], true), (VERSIONS[1], false)] {
        let project = Project::start().await;
        let id = project.secret_at("/app/db", "A", "1").await.text_at("/secret/id");
        project.delete(&format!("{base}/app"), &json!({"forceDelete": false})).await.infisical_error(400, "BadRequest");
        let deleted = project.delete(&format!("{base}/app"), &json!({"path": "/"})).await;
        if goes {
            assert_eq!(deleted.expect(200).json["folder"]["name"], "app");
        } else {
            deleted.infisical_error(400, "BadRequest");
            project.delete(&format!("{base}/app"), &json!({"forceDelete": "true"})).await.expect(200);
        }
        project.owner().get(&format!("/api/v3/secrets/raw/id/{id}")).await.infisical_error(404, "NotFound");
        let listed = project.owner().get(&format!("{base}?{}", project.query(""))).await.expect(200);
        assert_eq!(listed.json["folders"], json!([]));
        project.secret_at("/app/db", "A", "again").await;
    }
}

#[tokio::test]
async fn folders_are_renamed_together_or_not_at_all() {
    let project = Project::start().await;
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        let made = project.owner().post(VERSIONS[0], &project.body(&json!({"name": name}))).await.expect(200);
        ids.push(made.text_at("/folder/id"));
    }
    let renames = |first: &str, second: &str| {
        json!({"projectSlug": "acme", "folders": [
            {"id": ids[0], "name": first, "environment": "dev", "path": "/"},
            {"id": ids[1], "name": second, "environment": "dev", "path": "/"},
        ]})
    };
    let batch = "/api/v1/folders/batch";
    project.owner().patch(batch, &renames("x", "x")).await.infisical_error(400, "BadRequest");
    let list = format!("/api/v1/folders?{}", project.query(""));
    assert_eq!(names(&project.owner().get(&list).await.expect(200).json), ["a", "b"]);
    let renamed = project.owner().patch(batch, &renames("c", "d")).await.expect(200);
    assert_eq!(names(&renamed.json), ["c", "d"]);
    project
        .owner()
        .patch(batch, &json!({"projectSlug": "acme", "folders": []}))
        .await
        .infisical_error(422, "ValidationFailure");
}

/// Clients of typed languages send every name that they know, the unset ones empty or null.
#[tokio::test]
async fn a_path_counts_under_the_name_that_has_one() {
    let project = Project::start().await;
    for name in ["outer", "inner"] {
        let parent = if name == "outer" { json!("/") } else { json!("/outer") };
        let body = project.body(&json!({"name": name, "path": null, "directory": parent}));
        project.owner().post("/api/v1/folders", &body).await.expect(200);
    }
    let query = format!("projectId=&workspaceId={}&environment=dev&path=&directory=/outer", project.id);
    let listed = project.owner().get(&format!("/api/v1/folders?{query}")).await.expect(200);
    assert_eq!(listed.json["folders"][0]["name"], "inner", "{}", listed.text);
}

#[tokio::test]
async fn a_folder_is_read_by_its_path() {
    let project = Project::start().await;
    project.secret_at("/app/db", "A", "1").await;
    for (path, expect) in [("%2Fapp%2Fdb", "/app/db"), ("app%2fdb", "/app/db"), ("app", "/app"), ("%2F", "/")] {
        let read = project.owner().get(&format!("/api/v1/folders/{}/dev/{path}", project.id)).await.expect(200);
        assert_eq!(read.json["folder"]["path"], expect, "{path}");
    }
    for path in ["none", "app%2f..%2fapp"] {
        let read = project.owner().get(&format!("/api/v1/folders/{}/dev/{path}", project.id)).await;
        read.infisical_error(404, "NotFound");
    }
}

#[tokio::test]
async fn both_dialects_see_the_same_folders() {
    let project = Project::start().await;
    let native = "/v1/tenants/acme/environments/dev/folders";
    let made = project.owner().post(native, &json!({"path": "/app"})).await.expect(201);
    let read = project.owner().get(&format!("/api/v1/folders/{}", made.text_at("/uid"))).await.expect(200);
    assert_eq!(read.json["folder"]["name"], "app");
    project.owner().post(VERSIONS[1], &project.body(&json!({"name": "web"}))).await.expect(200);
    let listed = project.owner().get(native).await.expect(200);
    assert_eq!(listed.json["items"][1]["name"], "web");
}

#[tokio::test]
async fn strangers_and_readers_change_nothing() {
    let project = Project::start().await;
    let made = project.owner().post(VERSIONS[0], &project.body(&json!({"name": "app"}))).await.expect(200);
    let one = format!("/api/v1/folders/{}", made.text_at("/folder/id"));
    let token = project.member("reader", "secrets:read").await;
    let reader = project.api.bearer(&token);
    reader.get(&one).await.expect(200);
    let body = project.body(&json!({"name": "x"}));
    reader.patch(&one, &body).await.infisical_error(403, "PermissionDenied");
    reader.call(Method::DELETE, &one, Some(&body)).await.infisical_error(403, "PermissionDenied");
    project.api.tenant("other").await;
    let (_, stranger) = project.api.member("other", "stranger", "OWNER").await;
    project.api.bearer(&stranger).get(&one).await.infisical_error(404, "NotFound");
    let root = json!({"name": "x", "path": "/"});
    project.owner().patch("/api/v1/folders/a%20b", &project.body(&root)).await.infisical_error(404, "NotFound");
}
