//! Projects by id and slug.

use serde_json::{Value, json};

use super::project::Project;

#[tokio::test]
async fn a_project_is_found_by_id_and_by_slug() {
    let project = Project::start().await;
    let by_id = project.owner().get(&format!("/api/v1/workspace/{}", project.id)).await.expect(200);
    let found = &by_id.json["workspace"];
    assert_eq!((&found["id"], &found["_id"], &found["slug"]), (&json!(project.id), &json!(project.id), &json!("acme")));
    assert_eq!((&found["name"], &found["type"]), (&json!("acme"), &json!("secret-manager")));
    assert_eq!(found["environments"][0]["slug"], "dev");
    for (path, pointer) in [
        (format!("/api/v1/projects/{}", project.id), "/project"),
        ("/api/v1/workspace/acme".to_owned(), "/workspace"),
        ("/api/v1/projects/slug/acme".to_owned(), ""),
        ("/api/v1/workspace/slug/acme".to_owned(), ""),
        ("/api/v2/workspace/acme".to_owned(), ""),
    ] {
        let read = project.owner().get(&path).await.expect(200);
        assert_eq!(read.json.pointer(pointer), Some(found), "{path}");
    }
    for path in ["/api/v1/projects/slug/none", "/api/v1/workspace/none", "/api/v2/workspace/none"] {
        project.owner().get(path).await.infisical_error(404, "NotFound");
    }
}

#[tokio::test]
async fn a_caller_lists_its_own_projects() {
    let project = Project::start().await;
    project.api.tenant("other").await;
    let token = project.member("member", "READER").await;
    let slugs = |answer: &Value| -> Vec<String> {
        let projects = answer.as_array().expect("it is a list");
        projects.iter().map(|project| project["slug"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let member = project.api.bearer(&token);
    assert_eq!(slugs(&member.get("/api/v1/projects").await.expect(200).json["projects"]), ["acme"]);
    assert_eq!(slugs(&member.get("/api/v1/workspace").await.expect(200).json["workspaces"]), ["acme"]);
    assert_eq!(slugs(&project.owner().get("/api/v1/projects").await.expect(200).json["projects"]), ["acme", "other"]);
    member.get("/api/v1/workspace/other").await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn only_administrators_create_projects() {
    let project = Project::start().await;
    let token = project.member("owner", "OWNER").await;
    let new = json!({"projectName": "My Project!", "type": "secret-manager", "template": "default"});
    let refused = project.api.bearer(&token).post("/api/v2/workspace", &new).await;
    refused.infisical_error(403, "PermissionDenied");
    let made = project.owner().post("/api/v2/workspace", &new).await.expect(200);
    assert_eq!(made.json["project"]["name"], "My Project!");
    assert!(made.text_at("/project/slug").starts_with("my-project-"));
    let environments = made.json["project"]["environments"].as_array().expect("it is a list").clone();
    let slugs: Vec<&Value> = environments.iter().map(|environment| &environment["slug"]).collect();
    assert_eq!(slugs, ["dev", "staging", "prod"]);
    let bare = json!({"projectName": "Bare", "slug": "bare", "shouldCreateDefaultEnvs": false});
    let made = project.owner().post("/api/v2/workspace", &bare).await.expect(200);
    assert_eq!(made.json["project"]["environments"], json!([]));
    project.owner().post("/api/v2/workspace", &bare).await.infisical_error(400, "BadRequest");
    let kind = json!({"projectName": "x", "type": "kms"});
    project.owner().post("/api/v2/workspace", &kind).await.infisical_error(422, "ValidationFailure");
    project.owner().get("/v1/tenants/bare").await.expect(200);
}

#[tokio::test]
async fn service_tokens_are_refused_clearly() {
    let project = Project::start().await;
    let refused = project.owner().get("/api/v2/service-token").await.infisical_error(400, "BadRequest");
    assert!(refused.text_at("/message").contains("universal auth"));
}
