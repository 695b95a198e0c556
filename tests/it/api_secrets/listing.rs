//! Lists of secrets: which, in what order, and page by page.

use serde_json::{Value, json};

use super::{Acme, NOW, PROD, assert_violations, each};

/// Paths and names, as one text each.
fn places(items: &Value) -> Vec<String> {
    let place = |item: &Value| {
        let path = item["path"].as_str().expect("text").trim_end_matches('/');
        format!("{path}/{}", item["name"].as_str().expect("text"))
    };
    items.as_array().expect("a list").iter().map(place).collect()
}

const ALL: [&str; 8] = ["/A", "/Z", "/app/A", "/app/B", "/app/a", "/app/db/A", "/app-2/A", "/lib/A"];

async fn filled() -> Acme {
    let acme = Acme::start().await;
    for secret in ["lib/A", "app/a", "Z", "app-2/A", "app/B", "A", "app/db/A", "app/A"] {
        acme.set(secret, &format!("value of {secret}")).await;
    }
    acme
}

#[tokio::test]
async fn a_list_is_as_printed() {
    let acme = Acme::start().await;
    let body = json!({"value": "1", "comment": "c", "tags": ["db"], "metadata": {"a": "b"}});
    let uid = acme.put("/secrets/app/A", &body).await.expect(201).text_at("/uid");
    let mut item = json!({"uid": uid, "path": "/app", "name": "A", "comment": "c", "tags": ["db"], "metadata": {"a": "b"},
        "version": 1, "createdAt": NOW, "modifiedAt": NOW});
    let listed = acme.get("/secrets?path=/app&recursive=true").await.expect(200);
    assert_eq!(listed.json, json!({"items": [item], "nextPageToken": "", "totalCount": null}));
    item["value"] = json!("1");
    for view in ["view=value", "view=value&expand=true"] {
        let listed = acme.get(&format!("/secrets?path=/app&recursive=true&{view}")).await.expect(200);
        assert_eq!(listed.json["items"], json!([item]), "{view}");
    }
}

#[tokio::test]
async fn a_folder_is_listed_alone_or_with_all_below_it() {
    let acme = filled().await;
    for (query, expect) in [
        ("", vec!["/A", "/Z"]),
        ("?path=/", vec!["/A", "/Z"]),
        ("?recursive=true", ALL.to_vec()),
        ("?path=/app", vec!["/app/A", "/app/B", "/app/a"]),
        ("?path=/app/&recursive=false", vec!["/app/A", "/app/B", "/app/a"]),
        ("?path=/app&recursive=True", vec!["/app/A", "/app/B", "/app/a", "/app/db/A"]),
        ("?path=/app/db&recursive", vec!["/app/db/A"]),
    ] {
        let listed = acme.get(&format!("/secrets{query}")).await.expect(200);
        assert_eq!(places(&listed.json["items"]), expect, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let acme = filled().await;
    for size in [1, 2, 3, 8, 9] {
        let mut found = Vec::new();
        let mut token = String::new();
        for _ in 0..=ALL.len() {
            let path = format!("/secrets?recursive=true&view=value&pageSize={size}&pageToken={token}");
            let page = acme.get(&path).await.expect(200);
            assert!(
                page.json["items"].as_array().is_some_and(|items| (1..=size).contains(&items.len())),
                "{}",
                page.text
            );
            found.extend(places(&page.json["items"]));
            token = page.text_at("/nextPageToken");
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found, ALL, "{size}");
    }
}

#[tokio::test]
async fn a_page_goes_on_although_what_it_ended_with_is_gone() {
    let acme = filled().await;
    let page = acme.get("/secrets?recursive=true&pageSize=4").await.expect(200);
    assert_eq!(places(&page.json["items"]), ALL[..4]);
    acme.delete("/secrets/app/B").await.expect(204);
    acme.delete("/secrets/app/a").await.expect(204);
    acme.set("app/AA", "before").await;
    acme.set("app/C", "after").await;
    let token = page.text_at("/nextPageToken");
    let rest = acme.get(&format!("/secrets?recursive=true&pageToken={token}")).await.expect(200);
    assert_eq!(places(&rest.json["items"]), ["/app/C", "/app/db/A", "/app-2/A", "/lib/A"]);
}

#[tokio::test]
async fn a_page_token_fits_what_it_was_made_for() {
    let acme = filled().await;
    acme.environment("dev").await;
    let page = acme.get("/secrets?path=/app&recursive=true&pageSize=1").await.expect(200);
    let token = page.text_at("/nextPageToken");
    acme.get(&format!("/secrets?path=/app/&recursive=true&pageSize=5&view=value&pageToken={token}")).await.expect(200);
    for query in ["path=/app", "path=/&recursive=true", "path=/app&recursive=true&imports=true"] {
        let refused = acme.get(&format!("/secrets?{query}&pageToken={token}")).await;
        refused.problem(400, "invalid_page_token");
    }
    let elsewhere = format!("/v1/tenants/acme/environments/dev/secrets?recursive=true&pageToken={token}");
    acme.api.admin().get(&elsewhere).await.problem(400, "invalid_page_token");
}

#[tokio::test]
async fn a_page_may_end_in_the_deepest_folder() {
    let acme = Acme::start().await;
    let deep = vec!["f".repeat(100); 32].join("/");
    for name in ["A", "B"] {
        let name = name.repeat(255);
        acme.set(&format!("{deep}/{name}"), "1").await.expect(201);
    }
    let page = acme.get("/secrets?recursive=true&pageSize=1").await.expect(200);
    let token = page.text_at("/nextPageToken");
    let rest = acme.get(&format!("/secrets?recursive=true&pageSize=1&pageToken={token}")).await.expect(200);
    assert_eq!(each(&rest, "name"), ["B".repeat(255)]);
}

#[tokio::test]
async fn all_are_counted_on_request() {
    let acme = filled().await;
    for (query, count) in [
        ("path=/app", 3),
        ("recursive=true", 8),
        ("path=/app&recursive=true&pageSize=1", 4),
        ("path=/lib&imports=true", 1),
    ] {
        let listed = acme.get(&format!("/secrets?{query}&count=true")).await.expect(200);
        assert_eq!(listed.json["totalCount"], count, "{query}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_told_at_once() {
    let acme = Acme::start().await;
    let query = "path=app&recursive=perhaps&imports=7&view=all&expand=x&pageSize=501&page_token=&recursiv=1";
    let refused = acme.get(&format!("/secrets?{query}")).await;
    assert!(refused.text.contains("is `recursive` meant?"), "{}", refused.text);
    assert_violations(
        refused,
        &[
            ("?path", "malformed"),
            ("?recursive", "wrong_type"),
            ("?imports", "wrong_type"),
            ("?view", "not_an_option"),
            ("?expand", "wrong_type"),
            ("?pageSize", "out_of_range"),
            ("?recursiv", "unknown_member"),
        ],
    );
    assert_violations(acme.get("/secrets?pageSize=0").await, &[("?pageSize", "out_of_range")]);
    assert_violations(acme.get("/secrets?path=/a&path=/b").await, &[("?path", "wrong_type")]);
}

#[tokio::test]
async fn a_place_that_is_not_there_is_not_found() {
    let acme = filled().await;
    acme.get("/secrets?path=/none").await.problem(404, "not_found");
    acme.get("/secrets?path=/app/db/none&recursive=true").await.problem(404, "not_found");
    acme.api.admin().get("/v1/tenants/acme/environments/none/secrets").await.problem(404, "not_found");
    acme.api.admin().get("/v1/tenants/acme/environments/a.b/secrets").await.problem(404, "not_found");
    let empty = acme.api.admin().get(&format!("{PROD}/secrets?path=/lib&pageSize=500")).await.expect(200);
    assert_eq!(places(&empty.json["items"]), ["/lib/A"]);
}
