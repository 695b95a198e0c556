//! Listing: references, imports, folders below, filters, and answers that have not changed.

use serde_json::{Value, json};

use super::project::{Project, owned, pairs};

#[tokio::test]
async fn references_are_followed_and_what_leads_nowhere_stays() {
    let project = Project::start().await;
    let owner = project.owner();
    owner.post("/v1/tenants/acme/environments", &json!({"slug": "prod"})).await.expect(201);
    let prod = json!({"projectId": project.id, "environment": "prod", "secretValue": "p"});
    owner.post("/api/v4/secrets/P", &prod).await.expect(200);
    project.secret_at("/app/db", "DEEP", "d-${dev.BASE}").await;
    project.secret("BASE", "b").await;
    let values = [
        ("LOCAL", "<${BASE}>", "<b>"),
        ("ABSOLUTE", "${dev.app.db.DEEP}", "d-b"),
        ("OTHER", "${prod.P}", "p"),
        ("MISSING", "x${NOTHING}y${prod.NOTHING}z", "x${NOTHING}y${prod.NOTHING}z"),
        ("FOREIGN", "${@other-project.dev.A}", "${@other-project.dev.A}"),
        ("ITSELF", "${ITSELF}", "${ITSELF}"),
        ("PLAIN", "$5 {x}", "$5 {x}"),
    ];
    for (name, value, expect) in values {
        project.secret(name, value).await;
        let raw = project.read(name, "").await.expect(200);
        assert_eq!(raw.json["secret"]["secretValue"], value, "v3 leaves references by default");
        let expanded = project.read(name, "&expandSecretReferences=true").await.expect(200);
        assert_eq!(expanded.json["secret"]["secretValue"], expect, "{name}");
        let v4 = owner.get(&format!("/api/v4/secrets/{name}?{}", project.query(""))).await.expect(200);
        assert_eq!(v4.json["secret"]["secretValue"], expect, "v4 follows by default: {name}");
    }
}

#[tokio::test]
async fn a_chain_of_more_than_ten_references_stays() {
    let project = Project::start().await;
    project.secret("R0", "end").await;
    for step in 1..=12 {
        project.secret(&format!("R{step}"), &format!("${{R{}}}", step - 1)).await;
    }
    let value = async |name: &str| {
        project.read(name, "&expandSecretReferences=true").await.expect(200).text_at("/secret/secretValue")
    };
    assert_eq!(value("R9").await, "end");
    assert!(value("R12").await.starts_with("${R"));
}

#[tokio::test]
async fn a_chain_that_is_cut_short_cuts_no_other() {
    let project = Project::start().await;
    project.secret("S13", "end").await;
    for step in (1..=12).rev() {
        project.secret(&format!("S{step:02}"), &format!("${{S{:02}}}", step + 1)).await;
    }
    let listed = project.list("&expandSecretReferences=true").await;
    let values: Vec<String> = pairs(&listed.json["secrets"]).into_iter().map(|(_, value)| value).collect();
    assert!(values[0].starts_with("${S"), "the first leads through too many others");
    assert!(values[4..].iter().all(|value| value == "end"), "{values:?}");
}

#[tokio::test]
async fn a_followed_value_is_on_one_line_where_its_owner_wants_that() {
    let project = Project::start().await;
    project.secret("LINES", "a\nb").await;
    let body = project.body(&json!({"secretValue": "${LINES}", "skipMultilineEncoding": true}));
    project.owner().post("/api/v3/secrets/raw/ONE", &body).await.expect(200);
    project.secret("MANY", "${LINES}").await;
    for (name, expect) in [("ONE", r#""a\nb""#), ("MANY", "a\nb"), ("LINES", "a\nb")] {
        let read = project.read(name, "&expandSecretReferences=true").await.expect(200);
        assert_eq!(read.json["secret"]["secretValue"], expect, "{name}");
    }
}

/// `/low` and `/high` are imported by the root, `/nested` by `/low`.
async fn with_imports() -> Project {
    let project = Project::start().await;
    project.secret("OWN", "own").await;
    project.secret_at("/low", "OWN", "low").await;
    project.secret_at("/low", "X", "low").await;
    project.secret_at("/low", "ONLY", "low").await;
    project.secret_at("/high", "X", "high").await;
    project.secret_at("/nested", "X", "nested").await;
    project.secret_at("/nested", "DEEP", "nested").await;
    let import =
        |at: &str, path: &str| project.body(&json!({"path": at, "import": {"environment": "dev", "path": path}}));
    for (at, path) in [("/low", "/nested"), ("/", "/low"), ("/", "/high")] {
        project.owner().post("/api/v1/secret-imports", &import(at, path)).await.expect(200);
    }
    project
}

/// As clients do it: from the last import to the first, and only what is not there yet.
fn merged(answer: &Value) -> Vec<(String, String)> {
    let mut merged = pairs(&answer["secrets"]);
    for import in answer["imports"].as_array().expect("there are imports").iter().rev() {
        for (name, value) in pairs(&import["secrets"]) {
            if !merged.iter().any(|(known, _)| *known == name) {
                merged.push((name, value));
            }
        }
    }
    merged.sort();
    merged
}

#[tokio::test]
async fn imports_are_apart_and_merge_to_what_the_host_resolves() {
    let project = with_imports().await;
    let plain = project.list("").await;
    assert!(plain.json.get("imports").is_none());
    let listed = project.list("&include_imports=true").await;
    assert_eq!(pairs(&listed.json["secrets"]), owned(&[("OWN", "own")]));
    let import = &listed.json["imports"][2];
    assert_eq!((&import["secretPath"], &import["environment"]), (&json!("/high"), &json!("dev")));
    assert!(import["folderId"].is_string() && import["secrets"][0]["_id"].is_string());
    let expect = owned(&[("DEEP", "nested"), ("ONLY", "low"), ("OWN", "own"), ("X", "high")]);
    assert_eq!(merged(&listed.json), expect);
    let v4 = project.owner().get(&format!("/api/v4/secrets?{}", project.query(""))).await.expect(200);
    assert_eq!(merged(&v4.json), expect, "v4 includes imports by default");
    let native = "/v1/tenants/acme/environments/dev/secrets?imports=true&view=value";
    let native = project.owner().get(native).await.expect(200);
    let items = native.json["items"].as_array().expect("it is a list");
    let resolved: Vec<(String, String)> = items
        .iter()
        .map(|item| {
            (item["name"].as_str().unwrap_or_default().into(), item["value"].as_str().unwrap_or_default().into())
        })
        .collect();
    assert_eq!(resolved, expect, "the native dialect agrees");
}

#[tokio::test]
async fn one_secret_is_found_in_imports_only_where_that_is_asked_for() {
    let project = with_imports().await;
    project.read("X", "").await.infisical_error(404, "NotFound");
    for rest in ["&include_imports=true", "&includeImports=true"] {
        let read = project.read("X", rest).await.expect(200);
        assert_eq!(
            (read.text_at("/secret/secretValue"), read.text_at("/secret/secretPath")),
            ("high".into(), "/high".into())
        );
    }
}

#[tokio::test]
async fn folders_below_are_listed_where_that_is_asked_for() {
    let project = Project::start().await;
    project.secret("TOP", "1").await;
    project.secret_at("/a/b", "LOW", "2").await;
    let listed = project.list("&recursive=true").await;
    assert_eq!(pairs(&listed.json["secrets"]), owned(&[("TOP", "1"), ("LOW", "2")]));
    assert_eq!(listed.json["secrets"][1]["secretPath"], "/a/b");
    let below = project.list("&recursive=true&secretPath=/a").await;
    assert_eq!(pairs(&below.json["secrets"]), owned(&[("LOW", "2")]));
}

#[tokio::test]
async fn lists_are_filtered_by_tags_and_metadata() {
    let project = Project::start().await;
    for (name, tags, tier) in [("A", json!(["x"]), "1"), ("B", json!(["y"]), "1"), ("C", json!([]), "2")] {
        let path = format!("/v1/tenants/acme/environments/dev/secrets/{name}");
        let body = json!({"value": "v", "tags": tags, "metadata": {"tier": tier, "team": "core"}});
        project.owner().put(&path, &body).await.expect(201);
    }
    for (rest, expect) in [
        ("&tagSlugs=x", vec!["A"]),
        ("&tagSlugs=x,y", vec!["A", "B"]),
        ("&tagSlugs=none", vec![]),
        ("&metadataFilter=key=tier,value=1", vec!["A", "B"]),
        ("&metadataFilter=key=tier,value=1%7Ckey=team,value=core", vec!["A", "B"]),
        ("&metadataFilter=key=tier,value=1%7Ckey=team,value=other", vec![]),
        ("&tagSlugs=x&metadataFilter=key=tier,value=2", vec![]),
    ] {
        let listed = project.list(rest).await;
        let names: Vec<String> = pairs(&listed.json["secrets"]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expect, "{rest}");
    }
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let project = with_imports().await;
    let path = format!("/api/v4/secrets?{}", project.query(""));
    let tag = async || project.owner().get(&path).await.expect(200).header("etag").to_owned();
    let first = tag().await;
    let again = project.owner().with("if-none-match", &first).get(&path).await.expect(304);
    assert_eq!((again.text.as_str(), again.header("etag")), ("", first.as_str()));
    let mut seen = vec![first];
    let mut changed = async |what: &str| {
        let now = tag().await;
        assert!(!seen.contains(&now), "the tag is another one after {what}");
        seen.push(now);
    };
    let change = |value: &str, path: &str| project.body(&json!({"secretValue": value, "secretPath": path}));
    project.owner().patch("/api/v3/secrets/raw/OWN", &change("${dev.far.FAR}", "/")).await.expect(200);
    changed("a change of a value").await;
    project.secret_at("/far", "FAR", "1").await;
    changed("a reference led somewhere").await;
    project.owner().patch("/api/v3/secrets/raw/FAR", &change("2", "/far")).await.expect(200);
    changed("a change of what is referred to").await;
    project.owner().patch("/api/v3/secrets/raw/X", &change("3", "/high")).await.expect(200);
    changed("a change of what is imported").await;
    let personal = project.body(&json!({"type": "personal", "secretValue": "mine"}));
    project.owner().post("/api/v3/secrets/raw/OWN", &personal).await.expect(200);
    changed("an override").await;
    project.delete("/api/v3/secrets/raw/OWN", &json!({})).await.expect(200);
    changed("a deletion").await;
}

#[tokio::test]
async fn trees_show_references_both_ways() {
    let project = Project::start().await;
    project.secret_at("/app", "LEAF", "leaf").await;
    project.secret("MIDDLE", "${dev.app.LEAF}-${GONE}").await;
    project.secret("TOP", "${MIDDLE}!").await;
    let path = |name: &str, tree: &str, rest: &str| format!("/api/v4/secrets/{name}/{tree}?{}", project.query(rest));
    let down = project.owner().get(&path("TOP", "secret-reference-tree", "")).await.expect(200);
    assert_eq!(down.json["value"], "leaf-${GONE}!");
    let middle = &down.json["tree"]["children"][0];
    assert_eq!((&down.json["tree"]["key"], &middle["key"]), (&json!("root"), &json!("MIDDLE")));
    let leaf = &middle["children"][0];
    assert_eq!((&leaf["key"], &leaf["secretPath"], &leaf["value"]), (&json!("LEAF"), &json!("/app"), &json!("leaf")));
    assert_eq!(middle["children"][1], json!({"key": "GONE", "environment": "dev", "secretPath": "/", "children": []}));
    let up = project.owner().get(&path("LEAF", "reference-dependency-tree", "&secretPath=/app")).await.expect(200);
    assert_eq!(up.json["tree"]["children"][0]["key"], "MIDDLE");
    assert_eq!(up.json["tree"]["children"][0]["children"][0]["key"], "TOP");
    assert!(!up.text.contains("leaf"), "this tree has no values");
    let token = project.member("reader", "secrets:read").await;
    let reader = project.api.bearer(&token);
    reader.get(&path("TOP", "secret-reference-tree", "")).await.infisical_error(403, "PermissionDenied");
    reader.get(&path("LEAF", "reference-dependency-tree", "&secretPath=/app")).await.expect(200);
}
