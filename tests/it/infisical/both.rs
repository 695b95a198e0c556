//! One object, two dialects: what is made, changed or deleted in one of them is so in the other.

use http::Method;
use keyferry_tests::api::Answer;
use serde_json::{Value, json};

use super::project::Project;

const DEV: &str = "/v1/tenants/acme/environments/dev";

/// An object by the paths that show it, and what its deletion says in the Infisical dialect.
struct Twin {
    native: String,
    theirs: String,
    deletion: Value,
}

impl Twin {
    async fn native(&self, project: &Project, method: Method) -> Answer {
        project.owner().call(method, &self.native, None).await
    }

    async fn theirs(&self, project: &Project) -> Answer {
        project.owner().get(&self.theirs).await
    }

    /// Deletes it in the Infisical dialect, which is told where it is by the body.
    async fn delete(&self, project: &Project) {
        let path = self.theirs.split('?').next().expect("a path");
        project.delete(path, &self.deletion).await.expect(200);
    }
}

async fn secret(project: &Project) -> Twin {
    project.secret_at("/app", "A", "1").await;
    Twin {
        native: format!("{DEV}/secrets/app/A"),
        theirs: format!("/api/v3/secrets/raw/A?{}", project.query("&secretPath=/app")),
        deletion: json!({"secretPath": "/app"}),
    }
}

async fn folder(project: &Project) -> Twin {
    let made = project.owner().post(&format!("{DEV}/folders"), &json!({"path": "/app"})).await.expect(201);
    Twin {
        native: format!("{DEV}/folders?path=/app"),
        theirs: format!("/api/v1/folders/{}", made.text_at("/uid")),
        deletion: json!({"path": "/"}),
    }
}

async fn environment(project: &Project) -> Twin {
    let base = format!("/api/v1/workspace/{}/environments", project.id);
    let made = project.owner().post(&base, &json!({"name": "Quality", "slug": "qa"})).await.expect(200);
    Twin {
        native: "/v1/tenants/acme/environments/qa".to_owned(),
        theirs: format!("{base}/{}", made.text_at("/environment/id")),
        deletion: json!({}),
    }
}

async fn made(project: &Project, kind: &str) -> Twin {
    match kind {
        "secret" => secret(project).await,
        "folder" => folder(project).await,
        "environment" => environment(project).await,
        _ => panic!("nobody makes a {kind}"),
    }
}

#[tokio::test]
async fn what_is_deleted_in_one_is_gone_in_the_other() {
    for kind in ["secret", "folder", "environment"] {
        for deletes_natively in [true, false] {
            let project = Project::start().await;
            let twin = made(&project, kind).await;
            twin.native(&project, Method::GET).await.expect(200);
            twin.theirs(&project).await.expect(200);
            if deletes_natively {
                twin.native(&project, Method::DELETE).await.expect(204);
            } else {
                twin.delete(&project).await;
            }
            twin.native(&project, Method::GET).await.problem(404, "not_found");
            twin.theirs(&project).await.infisical_error(404, "NotFound");
        }
    }
}

#[tokio::test]
async fn a_secret_of_the_native_dialect_is_read_renamed_and_hidden_there() {
    let project = Project::start().await;
    let native = |name: &str| format!("{DEV}/secrets/app/{name}");
    let given = json!({"value": "1", "comment": "why", "tags": ["db"], "metadata": {"team": "core"}});
    let made = project.owner().put(&native("A"), &given).await.expect(201);
    let read = project.read("A", "&secretPath=/app").await.expect(200);
    let secret = &read.json["secret"];
    for (member, expected) in [
        ("id", json!(made.text_at("/uid"))),
        ("secretValue", json!("1")),
        ("secretComment", json!("why")),
        ("secretPath", json!("/app")),
        ("environment", json!("dev")),
        ("workspace", json!(project.id)),
        ("version", json!(1)),
    ] {
        assert_eq!(secret[member], expected, "{member}");
    }
    assert_eq!((&secret["tags"][0]["slug"], &secret["secretMetadata"][0]["key"]), (&json!("db"), &json!("team")));

    let change = project.body(&json!({"secretPath": "/app", "newSecretName": "B", "secretValue": "2"}));
    project.owner().patch("/api/v3/secrets/raw/A", &change).await.expect(200);
    project.owner().get(&native("A")).await.problem(404, "not_found");
    let renamed = project.owner().get(&format!("{}?view=value", native("B"))).await.expect(200);
    assert_eq!((renamed.text_at("/uid"), renamed.text_at("/value")), (made.text_at("/uid"), "2".to_owned()));
    assert_eq!((&renamed.json["tags"], &renamed.json["version"]), (&json!(["db"]), &json!(2)));
}

#[tokio::test]
async fn a_folder_has_one_name() {
    let project = Project::start().await;
    let twin = folder(&project).await;
    project.owner().patch(&twin.native, &json!({"name": "web"})).await.expect(200);
    assert_eq!(twin.theirs(&project).await.expect(200).text_at("/folder/path"), "/web");
    project.owner().patch(&twin.theirs, &project.body(&json!({"name": "site", "path": "/"}))).await.expect(200);
    let listed = project.owner().get(&format!("{DEV}/folders")).await.expect(200);
    assert_eq!(listed.text_at("/items/0/name"), "site");
}

#[tokio::test]
async fn an_environment_has_one_name_and_one_slug() {
    let project = Project::start().await;
    let twin = environment(&project).await;
    project.owner().patch(&twin.native, &json!({"displayName": "Tests"})).await.expect(200);
    let shown = twin.theirs(&project).await.expect(200);
    assert_eq!((shown.text_at("/environment/name"), shown.text_at("/environment/slug")), ("Tests".into(), "qa".into()));
    project.owner().patch(&twin.theirs, &json!({"slug": "tests"})).await.expect(200);
    twin.native(&project, Method::GET).await.problem(404, "not_found");
    let moved = project.owner().get("/v1/tenants/acme/environments/tests").await.expect(200);
    assert_eq!(moved.text_at("/displayName"), "Tests");
}

#[tokio::test]
async fn an_import_that_is_taken_away_in_one_is_gone_in_the_other() {
    let project = Project::start().await;
    for name in ["a", "b"] {
        project.owner().post("/api/v1/folders", &project.body(&json!({"name": name}))).await.expect(200);
    }
    let native = format!("{DEV}/imports");
    let only = |path: &str| json!({"imports": [{"environment": "dev", "path": path}]});
    let ids = async || {
        let listed = project.owner().get(&format!("/api/v1/secret-imports?{}", project.query(""))).await.expect(200);
        let listed = listed.json["secretImports"].as_array().expect("a list").clone();
        listed.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    for path in ["/a", "/b"] {
        let import = project.body(&json!({"import": {"environment": "dev", "path": path}}));
        project.owner().post("/api/v1/secret-imports", &import).await.expect(200);
    }
    let [a, b] = ids().await.try_into().expect("both are there");
    project.owner().put(&native, &only("/b")).await.expect(200);
    project.owner().get(&format!("/api/v1/secret-imports/{a}")).await.infisical_error(404, "NotFound");
    assert_eq!(ids().await, std::slice::from_ref(&b));
    project.delete(&format!("/api/v1/secret-imports/{b}"), &json!({"path": "/"})).await.expect(200);
    assert_eq!(project.owner().get(&native).await.expect(200).json["imports"], json!([]));
}

#[tokio::test]
async fn a_tag_is_one_on_every_secret() {
    let project = Project::start().await;
    let native = format!("{DEV}/secrets/A");
    let tags = format!("/api/v1/projects/{}/tags", project.id);
    let tags_of = async || project.owner().get(&native).await.expect(200).json["tags"].clone();
    project.owner().put(&native, &json!({"value": "1", "tags": ["keep", "old"]})).await.expect(201);
    let old = project.owner().get(&format!("{tags}/slug/old")).await.expect(200).text_at("/tag/id");
    project.owner().patch(&format!("{tags}/{old}"), &json!({"slug": "new"})).await.expect(200);
    assert_eq!(tags_of().await, json!(["keep", "new"]));
    project.owner().delete(&format!("{tags}/{old}")).await.expect(200);
    assert_eq!(tags_of().await, json!(["keep"]));
    // What no secret carries any more is still a tag.
    project.owner().delete(&native).await.expect(204);
    project.owner().get(&format!("{tags}/slug/keep")).await.expect(200);
}
