//! The committed document is the one that the handlers make.

use std::collections::BTreeSet;
use std::path::Path;

use keyferry_tests::api::TestApi;
use keyferry_tests::fake_plugins::FakePlugins;
use keyferry_tests::served::Served;
use keyferry_tests::testbed::generated_client;
use serde_json::{Map, Value, json};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::from_str(&keyferry::api::openapi_json()).expect("the document is JSON")
}

fn operations(document: &Value) -> impl Iterator<Item = (String, String, &Value)> {
    let paths = document["paths"].as_object().expect("there are paths");
    paths.iter().flat_map(|(path, item)| {
        let methods = METHODS.into_iter().filter(|method| item.get(method).is_some());
        methods.map(move |method| (path.clone(), method.to_owned(), &item[method]))
    })
}

/// `UPDATE=1 cargo test openapi` writes the file.
#[test]
fn the_committed_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/openapi.json");
    let made = keyferry::api::openapi_json();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let committed: Value = serde_json::from_str(&committed).unwrap_or(Value::Null);
    assert!(committed == document(), "run `UPDATE=1 cargo test -p keyferry-tests openapi` and look at the difference");
}

#[test]
fn every_operation_is_described() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        assert!(id.contains('.'), "{method} {path} has no operation id of the form `resource.verb`: {id}");
        assert!(ids.insert(id.clone()), "{id} stands twice");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!((3..=120).contains(&summary.len()), "{id} has no one-line summary: {summary}");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{id} has no tag");
        assert!(operation["security"].is_array(), "{id} does not say who may call it");
        let responses = operation["responses"].as_object().expect("there are responses");
        assert!(responses.keys().any(|status| status.starts_with('2')), "{id} never succeeds");
        let failures: &[&str] = if path.starts_with("/api/") { &["4XX", "5XX"] } else { &["429", "500", "503"] };
        for status in failures {
            assert!(responses.contains_key(*status), "{id} does not tell of {status}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{id}: {parameter} is not described");
        }
    }
}

#[test]
fn path_parameters_are_all_documented_and_all_real() {
    let document = document();
    for (path, method, operation) in operations(&document) {
        let in_path: BTreeSet<&str> = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let described: BTreeSet<&str> =
            parameters.filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
        assert_eq!(in_path, described, "{method} {path}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(document: &Value, at: &Value) {
        match at {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').expect("references stay in the document");
                    assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
                }
                members.values().for_each(|member| walk(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            _ => {}
        }
    }
    walk(&document(), &document());
}

fn schemas(document: &Value) -> &Map<String, Value> {
    document["components"]["schemas"].as_object().expect("there are schemas")
}

/// The members of every schema: the schema's name, the member's and what is told of it.
fn all_members(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    schemas(document).iter().flat_map(|(schema, told)| {
        let members = told["properties"].as_object().into_iter().flatten();
        members.map(move |(name, member)| (schema.as_str(), name.as_str(), member))
    })
}

#[test]
fn every_member_tells_its_type() {
    fn tells(member: &Value) -> bool {
        let of_items = member.get("items").is_none_or(tells);
        of_items && ["type", "$ref", "oneOf", "anyOf", "allOf"].iter().any(|known| member.get(known).is_some())
    }
    let document = document();
    for (schema, name, member) in all_members(&document) {
        assert!(tells(member), "{schema}.{name}");
    }
}

/// Generators name an object without a name by its owner and its member.
#[test]
fn nothing_unnamed_takes_the_name_of_a_schema() {
    let document = document();
    for (schema, name, member) in all_members(&document) {
        let (first, rest) = name.split_at(1);
        let given = format!("{schema}{}{rest}", first.to_uppercase());
        assert!(member["type"] != "object" || !schemas(&document).contains_key(&given), "{schema}.{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_compiles_and_works() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let (url, token) = (served.url.clone(), served.api.administrator.clone());
    let walk = move || generated_client::in_typescript(&keyferry::api::openapi_json(), (&url, &token));
    let found = tokio::task::spawn_blocking(walk).await.expect("the walk ends");
    let wanted =
        json!({"tenant": "Generated", "version": 1, "names": ["/app/db/URL=postgres://"], "code": "not_found"});
    assert_eq!(found, wanted);
}

/// The members that the schema of a request body names.
fn members(document: &Value, operation: &Value) -> Vec<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let target = schema["$ref"].as_str().and_then(|target| document.pointer(target.strip_prefix('#')?));
    let properties = target.unwrap_or(schema)["properties"].as_object();
    properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
}

#[tokio::test]
async fn no_documented_member_is_unknown_to_its_reader() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let document = document();
    let mut seen = 0;
    for (path, method, operation) in operations(&document) {
        let members = members(&document, operation);
        let mut path = path.replace("{tenant}", "acme");
        while let (Some(start), Some(end)) = (path.find('{'), path.find('}')) {
            path.replace_range(start..=end, "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20");
        }
        let body = members.iter().map(|name| (name.clone(), Value::Null)).collect();
        let method = method.to_uppercase().parse().expect("it is a method");
        let answer = api.admin().call(method, &path, Some(&Value::Object(body))).await;
        let errors = answer.json["errors"].as_array().cloned().unwrap_or_default();
        let unknown: Vec<&Value> = errors.iter().filter(|error| error["code"] == "unknown_member").collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
        seen += members.len();
    }
    assert!(seen > 20, "request bodies have members");
}

#[tokio::test]
async fn the_document_and_its_reference_are_served() {
    let api = TestApi::start().await;
    let served = api.anonymous().get("/openapi.json").await.expect(200);
    assert_eq!(served.json, document());
    assert_eq!(served.json["openapi"], "3.1.0");
    let page = api.anonymous().get("/docs").await.expect(200);
    assert!(page.text.contains("/openapi.json"), "the page reads the document");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text.contains("src=") && !page.text.contains("https://"), "the page asks nobody else");
}
