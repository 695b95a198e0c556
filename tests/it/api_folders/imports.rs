//! What folders import.

use keyferry_tests::api::Answer;
use serde_json::{Value, json};

use crate::api_secrets::{Acme, assert_violations, each};

const PROD: &str = "/v1/tenants/acme/environments/prod";
const IMPORTS: &str = "/imports?path=/app";

/// Folders by environment and path, as a request has them.
fn imports(places: &[(&str, &str)]) -> Value {
    let import = |(environment, path): &(&str, &str)| json!({"environment": environment, "path": path});
    json!({"imports": places.iter().map(import).collect::<Vec<_>>()})
}

/// Two environments with a folder each that holds the secret `A`, and `/app`, which holds none.
async fn filled() -> Acme {
    let acme = Acme::start().await;
    acme.environment("lib").await;
    acme.post("/folders", &json!({"path": "/app"})).await.expect(201);
    acme.set("shared/A", "of shared").await;
    acme.set("shared/B", "of shared").await;
    let lib = "/v1/tenants/acme/environments/lib/secrets/net/A";
    acme.api.admin().put(lib, &json!({"value": "of lib"})).await.expect(201);
    acme
}

async fn values(acme: &Acme, path: &str) -> Vec<(String, String)> {
    let listed = acme.get(&format!("/secrets?path={path}&imports=true&view=value")).await.expect(200);
    each(&listed, "name").into_iter().zip(each(&listed, "value")).collect()
}

async fn assert_values(acme: &Acme, path: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(values(acme, path).await, expected, "{path}");
}

async fn read(acme: &Acme) -> Answer {
    acme.get(IMPORTS).await.expect(200)
}

#[tokio::test]
async fn imports_are_set_read_in_their_order_and_taken_away_as_a_whole() {
    let acme = filled().await;
    assert_eq!(read(&acme).await.json, imports(&[]));
    let both = imports(&[("prod", "/shared/"), ("lib", "/net")]);
    let set = acme.put(IMPORTS, &both).await.expect(200);
    assert_eq!(set.json, imports(&[("prod", "/shared"), ("lib", "/net")]));
    let shown = read(&acme).await;
    assert_eq!((&shown.json, shown.header("etag")), (&set.json, set.header("etag")));
    let turned = acme.put(IMPORTS, &imports(&[("lib", "/net"), ("prod", "/shared")])).await.expect(200);
    assert_ne!(turned.header("etag"), set.header("etag"));
    assert_eq!(read(&acme).await.json, turned.json);
    assert_eq!(acme.put(IMPORTS, &imports(&[])).await.expect(200).json, imports(&[]));
    assert_eq!(read(&acme).await.json, imports(&[]));
    assert_eq!(acme.audited("imports.update").await.len(), 3);
    assert_eq!(acme.get("/imports").await.expect(200).json, imports(&[]), "the root has imports of its own");
}

#[tokio::test]
async fn a_later_import_wins_over_an_earlier_one_and_own_secrets_over_all() {
    let acme = filled().await;
    let (shared, lib) = (("prod", "/shared"), ("lib", "/net"));
    for (order, winner) in [([shared, lib], "of lib"), ([lib, shared], "of shared")] {
        acme.put(IMPORTS, &imports(&order)).await.expect(200);
        assert_values(&acme, "/app", &[("A", winner), ("B", "of shared")]).await;
    }
    acme.set("app/A", "own").await;
    assert_values(&acme, "/app", &[("A", "own"), ("B", "of shared")]).await;
    let without = acme.get("/secrets?path=/app").await.expect(200);
    assert_eq!(each(&without, "name"), ["A"], "imports are shown on request only");
    acme.get("/secrets/app/B").await.problem(404, "not_found");

    acme.set("app/C", "${B}").await;
    let expanded = acme.get("/secrets/app/C?view=value&expand=true").await.expect(200);
    assert_eq!(expanded.json["value"], "of shared", "a reference sees what is imported");
}

#[tokio::test]
async fn a_list_with_imports_has_pages_too() {
    let acme = filled().await;
    acme.put(IMPORTS, &imports(&[("prod", "/shared")])).await.expect(200);
    acme.set("app/AA", "own").await;
    acme.set("app/db/Z", "own").await;
    let mut names = Vec::new();
    let mut token = String::new();
    for _ in 0..5 {
        let query = format!("path=/app&imports=true&recursive=true&pageSize=1&pageToken={token}");
        let page = acme.get(&format!("/secrets?{query}")).await.expect(200);
        names.extend(each(&page, "name"));
        token = page.text_at("/nextPageToken");
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["A", "AA", "B", "Z"]);
}

#[tokio::test]
async fn every_import_that_cannot_be_is_told_and_none_is_made() {
    let acme = filled().await;
    acme.put(IMPORTS, &imports(&[("lib", "/net")])).await.expect(200);
    let wrong = imports(&[
        ("none", "/shared"),
        ("prod", "/none"),
        ("prod", "/app"),
        ("prod", "/shared"),
        ("prod", "/shared/"),
        ("lib", "/shared"),
    ]);
    assert_violations(
        acme.put(IMPORTS, &wrong).await,
        &[
            ("/imports/0", "unknown_reference"),
            ("/imports/1", "unknown_reference"),
            ("/imports/2", "forbidden"),
            ("/imports/4", "duplicate"),
            ("/imports/5", "unknown_reference"),
        ],
    );
    let misshapen = json!({"imports": [{}, {"environment": "a b", "path": "shared"}, "hunter2",
        {"environment": "lib", "path": "/net", "enviroment": "hunter2"}], "import": []});
    let refused = acme.put(IMPORTS, &misshapen).await;
    assert!(refused.text.contains("is `environment` meant?"), "{}", refused.text);
    assert_violations(
        refused,
        &[
            ("/imports/0/environment", "required"),
            ("/imports/0/path", "required"),
            ("/imports/1/environment", "malformed"),
            ("/imports/1/path", "malformed"),
            ("/imports/2", "wrong_type"),
            ("/imports/3/enviroment", "unknown_member"),
            ("/import", "unknown_member"),
        ],
    );
    assert_violations(acme.put(IMPORTS, &json!({})).await, &[("/imports", "required")]);
    let too_many = vec![("prod", "/shared"); 51];
    assert_violations(acme.put(IMPORTS, &imports(&too_many)).await, &[("/imports", "too_long")]);
    assert_eq!(read(&acme).await.json, imports(&[("lib", "/net")]));
    acme.put("/imports?path=/none", &imports(&[])).await.problem(404, "not_found");
    acme.get("/imports?path=/none").await.problem(404, "not_found");
}

#[tokio::test]
async fn as_many_folders_are_imported_as_may_be() {
    let acme = filled().await;
    let paths: Vec<String> = (0..50).map(|number| format!("/many/f{number}")).collect();
    let secrets: Vec<Value> =
        paths.iter().map(|path| json!({"path": path, "name": path.replace('/', "-"), "value": "1"})).collect();
    acme.post("/secrets:batch", &json!({ "set": secrets })).await.expect(200);
    let places: Vec<(&str, &str)> = paths.iter().map(|path| ("prod", path.as_str())).collect();
    acme.put(IMPORTS, &imports(&places)).await.expect(200);
    assert_eq!(read(&acme).await.json, imports(&places));
    assert_eq!(values(&acme, "/app").await.len(), 50);
}

#[tokio::test]
async fn folders_may_import_each_other_in_a_circle() {
    let acme = filled().await;
    acme.set("app/C", "of app").await;
    acme.put(IMPORTS, &imports(&[("prod", "/shared")])).await.expect(200);
    acme.put("/imports?path=/shared", &imports(&[("prod", "/app")])).await.expect(200);
    for path in ["/app", "/shared"] {
        assert_values(&acme, path, &[("A", "of shared"), ("B", "of shared"), ("C", "of app")]).await;
    }
}

#[tokio::test]
async fn imports_lead_through_so_many_others_and_no_further() {
    let acme = Acme::start().await;
    for number in 0..=11 {
        acme.set(&format!("f{number}/N{number}"), "1").await;
    }
    for number in 0..11 {
        let next = format!("/f{}", number + 1);
        acme.put(&format!("/imports?path=/f{number}"), &imports(&[("prod", &next)])).await.expect(200);
    }
    assert_eq!(values(&acme, "/f0").await.len(), 11, "the folder itself and ten beyond it");
    assert_eq!(values(&acme, "/f1").await.len(), 11);
}

#[tokio::test]
async fn an_import_follows_its_folder_to_another_name_and_ends_with_it() {
    let acme = filled().await;
    acme.put(IMPORTS, &imports(&[("prod", "/shared"), ("lib", "/net")])).await.expect(200);
    let before = read(&acme).await;
    acme.patch("/folders?path=/shared", &json!({"name": "common"})).await.expect(200);
    let after = acme.api.admin().with("if-none-match", before.header("etag")).get(&format!("{PROD}{IMPORTS}")).await;
    assert_eq!(after.expect(200).json, imports(&[("prod", "/common"), ("lib", "/net")]));
    assert_values(&acme, "/app", &[("A", "of lib"), ("B", "of shared")]).await;

    for name in ["A", "B"] {
        acme.delete(&format!("/secrets/common/{name}")).await.expect(204);
    }
    acme.delete("/folders?path=/common").await.expect(204);
    assert_eq!(read(&acme).await.json, imports(&[("lib", "/net")]));
    assert_values(&acme, "/app", &[("A", "of lib")]).await;
    acme.set("common/NEW", "another folder of the same name").await;
    assert_eq!(read(&acme).await.json, imports(&[("lib", "/net")]));
    let shown = read(&acme).await;
    acme.put(IMPORTS, &shown.json).await.expect(200);
}

#[tokio::test]
async fn what_a_folder_imports_does_not_keep_it() {
    let acme = filled().await;
    acme.put(IMPORTS, &imports(&[("prod", "/shared")])).await.expect(200);
    acme.delete("/folders?path=/app").await.expect(204);
    acme.post("/folders", &json!({"path": "/app"})).await.expect(201);
    assert_eq!(read(&acme).await.json, imports(&[]));
}

#[tokio::test]
async fn a_change_is_meant_for_the_imports_that_the_caller_saw() {
    let acme = filled().await;
    let path = format!("{PROD}{IMPORTS}");
    let holding = |tag: &str| acme.api.admin().with("if-match", tag);
    let none = read(&acme).await.header("etag").to_owned();
    let set = holding(&none).put(&path, &imports(&[("lib", "/net")])).await.expect(200).header("etag").to_owned();
    holding(&none).put(&path, &imports(&[("prod", "/shared")])).await.problem(412, "precondition_failed");
    assert_violations(holding("x").put(&path, &imports(&[])).await, &[("If-Match", "malformed")]);
    assert_eq!(read(&acme).await.json, imports(&[("lib", "/net")]));
    acme.api.admin().with("if-none-match", &set).get(&path).await.expect(304);
    holding(&set).put(&path, &imports(&[])).await.expect(200);
}

#[tokio::test]
async fn whoever_may_only_read_imports_nothing() {
    let acme = filled().await;
    let token = acme.token("READER").await;
    let path = format!("{PROD}{IMPORTS}");
    acme.api.bearer(&token).get(&path).await.expect(200);
    acme.api.bearer(&token).put(&path, &imports(&[])).await.problem(403, "scope_missing");
}
