//! Imports of folders, one by one.

use serde_json::{Value, json};

use super::project::Project;

const BASE: &str = "/api/v1/secret-imports";

async fn with_folders() -> Project {
    let project = Project::start().await;
    for name in ["a", "b", "c"] {
        project.owner().post("/api/v1/folders", &project.body(&json!({"name": name}))).await.expect(200);
    }
    project
}

async fn import(project: &Project, path: &str) -> String {
    let body = project.body(&json!({"import": {"environment": "dev", "path": path}}));
    project.owner().post(BASE, &body).await.expect(200).text_at("/secretImport/id")
}

async fn paths(project: &Project) -> Vec<(String, u64)> {
    let listed = project.owner().get(&format!("{BASE}?{}", project.query("&path=/"))).await.expect(200);
    let imports = listed.json["secretImports"].as_array().expect("it is a list").clone();
    let shown = |import: &Value| {
        (import["importPath"].as_str().unwrap_or_default().to_owned(), import["position"].as_u64().unwrap_or_default())
    };
    imports.iter().map(shown).collect()
}

fn order(paths: &[&str]) -> Vec<(String, u64)> {
    paths.iter().zip(1..).map(|(path, position)| ((*path).to_owned(), position)).collect()
}

#[tokio::test]
async fn an_import_is_made_read_moved_and_deleted() {
    let project = with_folders().await;
    let ids = [import(&project, "/a").await, import(&project, "/b/").await, import(&project, "c").await];
    assert_eq!(paths(&project).await, order(&["/a", "/b", "/c"]));
    let one = format!("{BASE}/{}", ids[0]);
    let read = project.owner().get(&one).await.expect(200);
    let found = &read.json["secretImport"];
    let expect = json!({
        "id": ids[0], "version": 1, "importPath": "/a", "position": 1, "folderId": found["folderId"],
        "importEnv": {"id": found["importEnv"]["id"], "name": "dev", "slug": "dev"}, "isReplication": false,
        "isReplicationSuccess": null, "replicationStatus": null, "lastReplicated": null, "isReserved": false,
        "createdAt": found["createdAt"], "updatedAt": found["updatedAt"], "projectId": project.id,
        "environment": found["importEnv"], "secretPath": "/",
    });
    assert_eq!(*found, expect);
    let moved = project.body(&json!({"import": {"position": 3}}));
    let moved = project.owner().patch(&one, &moved).await.expect(200);
    assert_eq!(
        (&moved.json["secretImport"]["id"], &moved.json["secretImport"]["position"]),
        (&json!(ids[0]), &json!(3))
    );
    assert_eq!(paths(&project).await, order(&["/b", "/c", "/a"]));
    let deleted = project.delete(&format!("{BASE}/{}", ids[2]), &json!({"path": "/"})).await.expect(200);
    assert_eq!(deleted.json["secretImport"]["importPath"], "/c");
    assert_eq!(paths(&project).await, order(&["/b", "/a"]));
    project.delete(&format!("{BASE}/{}", ids[2]), &json!({})).await.infisical_error(404, "NotFound");
    project.owner().get(&format!("{BASE}/{}", ids[2])).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn an_import_can_lead_elsewhere() {
    let project = with_folders().await;
    let id = import(&project, "/a").await;
    import(&project, "/b").await;
    let one = format!("{BASE}/{id}");
    let to = |path: &str| project.body(&json!({"import": {"path": path}}));
    project.owner().patch(&one, &to("/b")).await.infisical_error(400, "BadRequest");
    project.owner().patch(&one, &to("/")).await.infisical_error(400, "BadRequest");
    project.owner().patch(&one, &to("/none")).await.infisical_error(404, "NotFound");
    project.owner().patch(&one, &to("/c")).await.expect(200);
    assert_eq!(paths(&project).await, order(&["/c", "/b"]));
    assert_eq!(project.owner().get(&one).await.expect(200).json["secretImport"]["importPath"], "/c");
    project
        .owner()
        .post(BASE, &project.body(&json!({"import": {"environment": "dev", "path": "/a"}})))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused() {
    let project = with_folders().await;
    import(&project, "/a").await;
    for (import, status, kind) in [
        (json!({"environment": "dev", "path": "/a"}), 400, "BadRequest"),
        (json!({"environment": "dev", "path": "/"}), 400, "BadRequest"),
        (json!({"environment": "dev", "path": "/none"}), 404, "NotFound"),
        (json!({"environment": "none", "path": "/a"}), 404, "NotFound"),
        (json!({"path": "/a"}), 422, "ValidationFailure"),
    ] {
        let body = project.body(&json!({"import": import}));
        project.owner().post(BASE, &body).await.infisical_error(status, kind);
    }
    let replica = json!({"import": {"environment": "dev", "path": "/b"}, "isReplication": true});
    project.owner().post(BASE, &project.body(&replica)).await.infisical_error(400, "BadRequest");
    let elsewhere = project.body(&json!({"path": "/b", "import": {"position": 1}}));
    let id = import(&project, "/c").await;
    project.owner().patch(&format!("{BASE}/{id}"), &elsewhere).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn both_dialects_see_the_same_imports() {
    let project = with_folders().await;
    let native = "/v1/tenants/acme/environments/dev/imports";
    let places = |paths: &[&str]| json!({"imports": paths.iter().map(|path| json!({"environment": "dev", "path": path})).collect::<Vec<_>>()});
    project.owner().put(native, &places(&["/a", "/b"])).await.expect(200);
    let listed = project.owner().get(&format!("{BASE}?{}", project.query(""))).await.expect(200);
    let id = listed.text_at("/secretImports/1/id");
    project.owner().put(native, &places(&["/c", "/b"])).await.expect(200);
    assert_eq!(paths(&project).await, order(&["/c", "/b"]));
    let read = project.owner().get(&format!("{BASE}/{id}")).await.expect(200);
    assert_eq!(read.json["secretImport"]["position"], 2, "an import that stays keeps its id");
    import(&project, "/a").await;
    assert_eq!(project.owner().get(native).await.expect(200).json, places(&["/c", "/b", "/a"]));
}

#[tokio::test]
async fn a_deleted_folder_takes_its_imports_with_it() {
    let project = with_folders().await;
    let gone = import(&project, "/a").await;
    import(&project, "/b").await;
    project.delete("/api/v1/folders/a", &json!({})).await.expect(200);
    let listed = project.owner().get(&format!("{BASE}?{}", project.query(""))).await.expect(200);
    assert_eq!(listed.json["secretImports"].as_array().map(Vec::len), Some(1));
    project.owner().get(&format!("{BASE}/{gone}")).await.infisical_error(404, "NotFound");
    let all = project.list("&include_imports=true").await;
    assert_eq!(all.json["imports"].as_array().map(Vec::len), Some(1));
}
