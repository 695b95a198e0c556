//! Which names and paths a secret may have, and how they stand in a URL.

use serde_json::json;

use super::{Acme, PROD, assert_violations, each};

fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_secret_is_found_where_its_location_says_whatever_its_name() {
    let acme = Acme::start().await;
    let (long, wide) = ("x".repeat(255), "ж".repeat(255));
    for name in [
        "A",
        "a",
        "a b",
        "ключ",
        "a:batch",
        ":batch",
        "50%25",
        "a?b=c&d",
        "#1",
        "...",
        "a+b",
        ".env",
        long.as_str(),
        wide.as_str(),
    ] {
        let path = format!("/secrets/app/{}", encoded(name));
        let made = acme.put(&path, &json!({"value": name})).await.expect(201);
        assert_eq!(made.json["name"], name);
        let read = acme.api.admin().get(made.header("location")).await.expect(200);
        assert_eq!(read.json, made.json, "{name}");
    }
    for name in ["A", "a", "a b", ":batch"] {
        let path = format!("/secrets/{}", encoded(name));
        let made = acme.put(&path, &json!({"value": name})).await.expect(201);
        assert_eq!(made.json["path"], "/");
        assert_eq!(acme.api.admin().get(made.header("location")).await.expect(200).json, made.json);
        acme.delete(&path).await.expect(204);
    }
    assert!(each(&acme.get("/secrets").await.expect(200), "name").is_empty());
}

#[tokio::test]
async fn what_cannot_be_a_name_names_nothing() {
    let acme = Acme::start().await;
    let (deep, deeper) = (vec!["f".repeat(100); 32].join("/"), vec!["f"; 33].join("/"));
    acme.set(&format!("{deep}/A"), "1").await.expect(201);
    let too_long = "x".repeat(256);
    let long_folder = format!("{}/A", "f".repeat(101));
    let deeper = format!("{deeper}/A");
    for path in [
        "%2Fa%2FA",
        "a%2F%2FA",
        "a%2F..%2FA",
        "a%2F",
        "%20a",
        "a%20",
        "app/",
        "a%20b/A",
        "%D0%B6/A",
        "a:b/A",
        too_long.as_str(),
        &long_folder,
        &deeper,
    ] {
        acme.put(&format!("/secrets/{path}"), &json!({"value": "1"})).await.problem(404, "not_found");
        acme.get(&format!("/secrets/{path}")).await.problem(404, "not_found");
        acme.delete(&format!("/secrets/{path}")).await.problem(404, "not_found");
    }
    for path in ["a/../b", "%2e%2E", "./A", "a//A", "b/a%2FA", "a%5CA", "a%00", "a%0A", "%ff"] {
        acme.put(&format!("/secrets/{path}"), &json!({"value": "1"})).await.problem(400, "invalid_request");
    }
    acme.put("/secrets/", &json!({"value": "1"})).await.problem(404, "route_not_found");
    let none = "/v1/tenants/acme/environments/none/secrets/A";
    acme.api.admin().put(none, &json!({"value": "1"})).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_path_that_is_encoded_whole_names_the_same_secret() {
    let acme = Acme::start().await;
    acme.set("app/db/URL", "1").await.expect(201);
    assert_eq!(acme.get("/secrets/app%2Fdb%2FURL").await.expect(200).json["path"], "/app/db");
    acme.put("/secrets/app%2Fdb%2FURL", &json!({"value": "2"})).await.expect(200);
    acme.delete("/secrets/app%2fdb%2fURL").await.expect(204);
    acme.get("/secrets/app/db/URL").await.problem(404, "not_found");
}

#[tokio::test]
async fn names_in_a_body_are_told_by_their_pointer() {
    let acme = Acme::start().await;
    let (name, deep) = ("x".repeat(256), "/f".repeat(33));
    let set = json!([
        {"name": "a/b", "value": "1"}, {"name": "", "value": "1"}, {"name": " a", "value": "1"}, {"name": "..", "value": "1"},
        {"name": "a\nb", "value": "1"}, {"name": name, "value": "1"}, {"name": 7, "value": "1"}, {"value": "1"},
        {"path": "app", "name": "A", "value": "1"}, {"path": "", "name": "A", "value": "1"},
        {"path": "/a//b", "name": "A", "value": "1"}, {"path": "/a/../b", "name": "A", "value": "1"},
        {"path": deep, "name": "A", "value": "1"},
    ]);
    let expected = [
        ("/set/0/name", "malformed"),
        ("/set/1/name", "malformed"),
        ("/set/2/name", "malformed"),
        ("/set/3/name", "malformed"),
        ("/set/4/name", "malformed"),
        ("/set/5/name", "malformed"),
        ("/set/6/name", "wrong_type"),
        ("/set/7/name", "required"),
        ("/set/8/path", "malformed"),
        ("/set/9/path", "malformed"),
        ("/set/10/path", "malformed"),
        ("/set/11/path", "malformed"),
        ("/set/12/path", "malformed"),
    ];
    assert_violations(acme.post("/secrets:batch", &json!({ "set": set })).await, &expected);
}

#[tokio::test]
async fn a_name_that_no_path_can_spell_is_reached_by_a_batch() {
    let acme = Acme::start().await;
    let batch = json!({"set": [{"name": "a\\b", "value": "hunter2"}]});
    acme.post("/secrets:batch", &batch).await.expect(200);
    acme.get("/secrets/a%5Cb").await.problem(400, "invalid_request");
    let listed = acme.api.admin().get(&format!("{PROD}/secrets?view=value")).await.expect(200);
    assert_eq!(
        (&listed.json["items"][0]["name"], &listed.json["items"][0]["value"]),
        (&json!("a\\b"), &json!("hunter2"))
    );
    acme.post("/secrets:batch", &json!({"delete": [{"name": "a\\b"}]})).await.expect(200);
    assert!(each(&acme.get("/secrets").await.expect(200), "name").is_empty());
}
