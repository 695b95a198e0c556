//! Environments of a project.

use serde_json::{Value, json};

use super::project::Project;

async fn slugs(project: &Project) -> Vec<(String, u64)> {
    let answer = project.owner().get(&format!("/api/v1/workspace/{}", project.id)).await.expect(200);
    let environments = answer.json["workspace"]["environments"].as_array().expect("it is a list").clone();
    let mut found = Vec::new();
    for environment in environments {
        let id = environment["id"].as_str().expect("it is an id");
        let one = project.owner().get(&format!("/api/v1/workspace/environments/{id}")).await.expect(200);
        found
            .push((one.text_at("/environment/slug"), one.json["environment"]["position"].as_u64().unwrap_or_default()));
    }
    found
}

#[tokio::test]
async fn an_environment_is_made_changed_and_deleted() {
    for family in ["workspace", "projects"] {
        let project = Project::start().await;
        let base = format!("/api/v1/{family}/{}/environments", project.id);
        let new = json!({"name": "Quality", "slug": "qa", "unknown": 1});
        let made = project.owner().post(&base, &new).await.expect(200);
        let environment = &made.json["environment"];
        assert_eq!((&made.json["workspace"], &made.json["projectId"]), (&json!(project.id), &json!(project.id)));
        assert!(made.json["message"].is_string());
        let expect = json!({
            "id": environment["id"], "name": "Quality", "slug": "qa", "position": 2, "projectId": project.id,
            "createdAt": environment["createdAt"], "updatedAt": environment["updatedAt"],
        });
        assert_eq!(*environment, expect, "{family}");
        project.owner().post(&base, &new).await.infisical_error(400, "BadRequest");
        let one = format!("{base}/{}", made.text_at("/environment/id"));
        assert_eq!(project.owner().get(&one).await.expect(200).json["environment"], expect);
        let changed = project.owner().patch(&one, &json!({"name": "QA", "slug": "qa2"})).await.expect(200);
        assert_eq!(changed.json["environment"]["name"], "QA");
        let by_slug = format!("/api/v1/projects/{}/environments/slug/qa2", project.id);
        assert_eq!(project.owner().get(&by_slug).await.expect(200).json["environment"]["id"], expect["id"]);
        project.owner().delete(&one).await.expect(200);
        project.owner().delete(&one).await.infisical_error(404, "NotFound");
        assert_eq!(slugs(&project).await, [("dev".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn positions_close_up() {
    let project = Project::start().await;
    let base = format!("/api/v1/workspace/{}/environments", project.id);
    let mut ids = Vec::new();
    for slug in ["b", "c"] {
        let made = project.owner().post(&base, &json!({"name": slug, "slug": slug})).await.expect(200);
        ids.push(made.text_at("/environment/id"));
    }
    let first = json!({"name": "a", "slug": "a", "position": 1});
    project.owner().post(&base, &first).await.expect(200);
    let order = |slugs: [&str; 4]| {
        slugs.iter().zip(1..).map(|(slug, position)| ((*slug).to_owned(), position)).collect::<Vec<(String, u64)>>()
    };
    assert_eq!(slugs(&project).await, order(["a", "dev", "b", "c"]));
    project.owner().patch(&format!("{base}/{}", ids[1]), &json!({"position": 2})).await.expect(200);
    assert_eq!(slugs(&project).await, order(["a", "c", "dev", "b"]));
    project.owner().patch(&format!("{base}/{}", ids[1]), &json!({"position": 900})).await.expect(200);
    assert_eq!(slugs(&project).await, order(["a", "dev", "b", "c"]));
}

#[tokio::test]
async fn both_dialects_see_the_same_environments() {
    let project = Project::start().await;
    let native = project.owner().get("/v1/tenants/acme/environments/dev").await.expect(200);
    let one = format!("/api/v1/projects/{}/environments/{}", project.id, native.text_at("/uid"));
    let changed = project.owner().patch(&one, &json!({"name": "Development"})).await.expect(200);
    assert_eq!(changed.text_at("/environment/slug"), "dev");
    let native = project.owner().get("/v1/tenants/acme/environments/dev").await.expect(200);
    assert_eq!(native.text_at("/displayName"), "Development");
    let base = format!("/api/v1/workspace/{}/environments", project.id);
    project.owner().post(&base, &json!({"name": "Prod", "slug": "prod"})).await.expect(200);
    let listed = project.owner().get("/v1/tenants/acme/environments").await.expect(200);
    let slugs: Vec<&Value> =
        listed.json["items"].as_array().expect("a list").iter().map(|item| &item["slug"]).collect();
    assert_eq!(slugs, ["dev", "prod"]);
}

#[tokio::test]
async fn a_new_slug_is_taken_everywhere_and_a_full_environment_stays() {
    let project = Project::start().await;
    project.secret("A", "1").await;
    let native = project.owner().get("/v1/tenants/acme/environments/dev").await.expect(200);
    let one = format!("/api/v1/workspace/{}/environments/{}", project.id, native.text_at("/uid"));
    project.owner().delete(&one).await.infisical_error(400, "BadRequest");
    project.owner().patch(&one, &json!({"slug": "development"})).await.expect(200);
    let query = |slug: &str| format!("/api/v3/secrets/raw/A?workspaceId={}&environment={slug}", project.id);
    project.owner().get(&query("dev")).await.infisical_error(404, "NotFound");
    let read = project.owner().get(&query("development")).await.expect(200);
    assert_eq!(read.json["secret"]["environment"], "development");
    let other = json!({"name": "x", "slug": "x"});
    let base = format!("/api/v1/workspace/{}/environments", project.id);
    let other = project.owner().post(&base, &other).await.expect(200).text_at("/environment/id");
    let taken = project.owner().patch(&format!("{base}/{other}"), &json!({"slug": "development"})).await;
    taken.infisical_error(400, "BadRequest");
}

#[tokio::test]
async fn only_who_may_write_changes_environments() {
    let project = Project::start().await;
    let token = project.member("reader", "secrets:read").await;
    let base = format!("/api/v1/workspace/{}/environments", project.id);
    let refused = project.api.bearer(&token).post(&base, &json!({"name": "x", "slug": "x"})).await;
    refused.infisical_error(403, "PermissionDenied");
    let wrong = project.owner().post(&base, &json!({"name": "", "slug": "a b", "position": 0})).await;
    let wrong = wrong.infisical_error(422, "ValidationFailure");
    assert_eq!(wrong.json["message"].as_array().map(Vec::len), Some(3), "{}", wrong.text);
}
