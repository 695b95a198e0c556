//! The official clients of Infisical against the real program: what they ask for, in their own words, and what they make of the
//! answers.

use keyferry_tests::program::{Client, Host};
use keyferry_tests::testbed::infisical::{Given, Login, with_node, with_python};
use serde_json::{Value, json};

use super::PROGRAM;

const LINES: &str = "one\n\"two\" & 'é' {{x}} %41";
const HIDDEN: &str = "<hidden-by-infisical>";

/// A host with the tenant `acme`: a folder `/app` that imports `/shared`, which holds one secret.
async fn acme() -> (Host, Given) {
    let host = Host::serve(PROGRAM).await;
    let client = host.client();
    client.post("/v1/tenants", &json!({"id": "acme"})).await.expect(201);
    let dev = "/v1/tenants/acme/environments";
    client.post(dev, &json!({"slug": "dev"})).await.expect(201);
    for path in ["/shared", "/app"] {
        client.post(&format!("{dev}/dev/folders"), &json!({"path": path})).await.expect(201);
    }
    let shared = json!({"set": [{"path": "/shared", "name": "SHARED", "value": "for all"}]});
    client.post(&format!("{dev}/dev/secrets:batch"), &shared).await.expect(200);
    let imports = json!({"imports": [{"environment": "dev", "path": "/shared"}]});
    client.call(http::Method::PUT, &format!("{dev}/dev/imports?path=/app"), Some(&imports)).await.expect(200);
    let given = Given {
        site_url: client.url().to_owned(),
        project: client.get("/v1/tenants/acme").await.expect(200).text_at("/uid"),
        writer: login(client, "writer", "MANAGER").await,
        reader: login(client, "reader", "READER").await,
    };
    (host, given)
}

async fn login(client: &Client, name: &str, role: &str) -> Login {
    let identities = "/v1/tenants/acme/identities";
    let client_id = client.post(identities, &json!({"name": name, "role": role})).await.expect(201).text_at("/id");
    let secrets = format!("{identities}/{client_id}/clientSecrets");
    let client_secret = client.post(&secrets, &json!({"name": "one"})).await.expect(201).text_at("/clientSecret");
    Login { client_id, client_secret }
}

/// Names and values of a list of secrets, in the order of their names.
fn values(list: &Value) -> Vec<(String, String)> {
    let text = |secret: &Value, member: &str| secret[member].as_str().unwrap_or_default().to_owned();
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list:#}"));
    let mut values: Vec<_> =
        list.iter().map(|secret| (text(secret, "secretKey"), text(secret, "secretValue"))).collect();
    values.sort();
    values
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What a secret is, but for its times and ids.
#[track_caller]
fn assert_secret(secret: &Value, given: &Given, (name, value, version): (&str, &str, u64)) {
    for (member, expect) in [
        ("secretKey", json!(name)),
        ("secretValue", json!(value)),
        ("version", json!(version)),
        ("type", json!("shared")),
        ("workspace", json!(given.project)),
        ("environment", json!("dev")),
        ("secretPath", json!("/app")),
        ("secretValueHidden", json!(value == HIDDEN)),
    ] {
        assert_eq!(secret[member], expect, "{member} of {secret:#}");
    }
    assert_eq!(secret["id"], secret["_id"], "{secret:#}");
    for member in ["id", "createdAt", "updatedAt"] {
        assert!(secret[member].as_str().is_some_and(|text| text.len() > 20), "{member} of {secret:#}");
    }
}

/// That the client in Node.js says that a step failed with this status.
#[track_caller]
fn assert_node_error(results: &Value, step: &str, status: u16) {
    let error = results[step]["error"].as_str().unwrap_or_else(|| panic!("`{step}` did not fail: {:#}", results[step]));
    let told = if status == 422 { format!("status {status}") } else { format!("[StatusCode={status}]") };
    assert!(error.contains(&told), "{step}: {error}");
}

/// That the client in Python says that a step failed with this status and kind.
#[track_caller]
fn assert_python_error(results: &Value, step: &str, (status, kind): (u16, &str)) {
    let result = &results[step];
    assert_eq!((&result["status"], &result["response"]["error"]), (&json!(status), &json!(kind)), "{step}: {result:#}");
    assert_eq!(result["response"]["message"].is_array(), status == 422, "{step}: {result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_node_logs_in_and_works_on_secrets() {
    let (host, given) = acme().await;
    let results = with_node(&given);
    for (step, status) in [
        ("unauthenticated", 401),
        ("badPair", 401),
        ("badToken", 403),
        ("createdTwice", 400),
        ("emptyRequest", 422),
        ("absent", 404),
        ("otherProject", 404),
        ("oldName", 404),
        ("gone", 404),
        ("forbidden", 403),
    ] {
        assert_node_error(&results, step, status);
    }
    assert_eq!(results["renewed"], json!({"differs": true}));
    let environment = &results["environment"];
    assert_eq!((&environment["slug"], &environment["name"]), (&json!("qa"), &json!("Quality")), "{environment:#}");
    assert_eq!(environment["projectId"], json!(given.project));
    let folder = &results["folder"];
    assert_eq!((&folder["name"], &results["folders"][0]["id"]), (&json!("inner"), &folder["id"]));

    let created = &results["created"]["secret"];
    assert_secret(created, &given, ("HOST", "db.internal", 1));
    assert_eq!(created["secretComment"], "where it is");
    assert_secret(&results["expanded"], &given, ("URL", "postgres://db.internal/main", 1));
    assert_secret(&results["raw"], &given, ("URL", "postgres://${HOST}/main", 1));
    assert_secret(&results["read"], &given, ("LINES", LINES, 1));
    assert_secret(&results["hidden"], &given, ("HOST", HIDDEN, 1));
    assert_eq!(results["imported"]["secretValue"], "for all", "{:#}", results["imported"]);

    let own = pairs(&[("HOST", "db.internal"), ("LINES", LINES), ("URL", "postgres://db.internal/main")]);
    let all = [own.clone(), pairs(&[("SHARED", "for all")])].concat();
    assert_eq!(values(&results["listed"]["secrets"]), own);
    assert_eq!(values(&results["withImports"]["secrets"]), own);
    let import = &results["withImports"]["imports"][0];
    assert_eq!((&import["secretPath"], &import["environment"]), (&json!("/shared"), &json!("dev")));
    assert_eq!(values(&import["secrets"]), pairs(&[("SHARED", "for all")]));
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(values(&results["merged"]), sorted);
    let mut deep = [all, pairs(&[("DEEP", "below")])].concat();
    deep.sort();
    assert_eq!(values(&results["recursive"]["secrets"]), deep);
    let environment = json!({"URL": "postgres://db.internal/main", "SHARED": "for all"});
    assert_eq!(results["environmentOfProcess"], environment);

    assert_secret(&results["updated"]["secret"], &given, ("HOST", "db2.internal", 2));
    assert_secret(&results["followed"], &given, ("URL", "postgres://db2.internal/main", 1));
    assert_eq!(results["firstVersion"]["secretValue"], "db.internal");
    assert_eq!(results["renamed"]["secret"]["secretKey"], "TEXT");
    assert_eq!(results["newName"]["secretValue"], LINES);
    assert_eq!(results["newName"]["id"], results["read"]["id"], "a renamed secret is the same");
    assert_eq!(results["deleted"]["secret"]["secretKey"], "TEXT");
    assert_eq!(
        (&results["notRevealed"]["secretValue"], &results["notRevealed"]["secretValueHidden"]),
        (&json!(HIDDEN), &json!(true))
    );

    let native = "/v1/tenants/acme/environments/dev/secrets/app/HOST?view=value";
    assert!(host.client().get(native).await.expect(200).text.contains("db2.internal"), "both dialects see the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_python_logs_in_and_works_on_secrets_and_folders() {
    let (_host, given) = acme().await;
    let results = with_python(&given);
    for (step, status, kind) in [
        ("badPair", 401, "UnauthorizedError"),
        ("unauthenticated", 401, "UnauthorizedError"),
        ("badToken", 403, "TokenError"),
        ("folderGone", 404, "NotFound"),
        ("createdTwice", 400, "BadRequest"),
        ("absent", 404, "NotFound"),
        ("emptyRequest", 422, "ValidationFailure"),
        ("otherProject", 404, "NotFound"),
        ("oldName", 404, "NotFound"),
        ("gone", 404, "NotFound"),
        ("forbidden", 403, "PermissionDenied"),
    ] {
        assert_python_error(&results, step, (status, kind));
    }
    let folder = &results["folder"];
    assert_eq!((&folder["name"], &folder["path"]), (&json!("inner"), &json!("/app/inner")), "{folder:#}");
    assert_eq!((&results["folderById"]["id"], &results["folderById"]["path"]), (&folder["id"], &json!("/app/inner")));
    assert_eq!(results["folders"]["folders"][0]["id"], folder["id"]);
    let below = results["foldersBelow"]["folders"].as_array().expect("a list");
    let names: Vec<&str> = below.iter().filter_map(|folder| folder["name"].as_str()).collect();
    assert!(["app", "shared", "inner"].iter().all(|name| names.contains(name)), "{names:?}");
    assert_eq!(results["folderRenamed"]["name"], "outer");
    assert_eq!(results["folderDeleted"]["id"], folder["id"]);

    let created = &results["created"];
    assert_secret(created, &given, ("HOST", "db.internal", 1));
    assert_eq!(created["secretComment"], "where it is");
    assert_eq!(created["secretMetadata"], json!([{"key": "team", "value": "core", "isEncrypted": false}]));
    assert_secret(&results["expanded"], &given, ("URL", "postgres://db.internal/main", 1));
    assert_secret(&results["raw"], &given, ("URL", "postgres://${HOST}/main", 1));
    assert_secret(&results["read"], &given, ("LINES", LINES, 1));
    assert_eq!(results["imported"]["secretValue"], "for all");

    let own = pairs(&[("HOST", "db.internal"), ("LINES", LINES), ("URL", "postgres://db.internal/main")]);
    assert_eq!(values(&results["listed"]["secrets"]), own);
    assert_eq!(values(&results["withImports"]["secrets"]), own);
    assert_eq!(values(&results["withImports"]["imports"][0]["secrets"]), pairs(&[("SHARED", "for all")]));
    let mut deep = [own, pairs(&[("SHARED", "for all")])].concat();
    deep.sort();
    assert_eq!(values(&results["recursive"]["secrets"]), deep);

    assert_secret(&results["updated"], &given, ("HOST", "db2.internal", 2));
    assert_secret(&results["followed"], &given, ("URL", "postgres://db2.internal/main", 1));
    assert_eq!(results["firstVersion"]["secretValue"], "db.internal");
    assert_eq!((&results["renamed"]["secretKey"], &results["renamed"]["id"]), (&json!("TEXT"), &results["read"]["id"]));
    assert_eq!(results["deleted"]["secretKey"], "TEXT");
    assert_eq!(results["cachedFirst"]["secretValue"], "db2.internal");
    assert_eq!(results["cachedAgain"]["secretValue"], "db2.internal", "the client answers from its own cache");
}
