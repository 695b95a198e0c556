//! The OpenAPI document: what is common to all operations, filled in once.
//!
//! A handler documents what is its own. Here come the errors that follow from its shape (a body can be too large, a path
//! parameter can name nothing), the security schemes, and the Problem schema of every failing response.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa::{PartialSchema as _, ToSchema as _};

use super::infisical;
use super::problem::{self, ProblemDocument, ViolationDocument};
use crate::domain::Code;
use crate::domain::access::Scope;

/// The requirement of routes that need an administrator of the host; no tenant's role includes it.
pub(crate) const ADMINISTRATOR: &str = "administrator";

const DESCRIPTION: &str = "Keyferry stores secrets and carries them to their destinations with sandboxed plugins. \
    Every failing answer is a Problem (RFC 9457); branch on its `code`. Timestamps are Unix milliseconds. \
    Lists are read to their end by sending `nextPageToken` back as `pageToken` until it is empty.";

/// The whole document of these operations.
pub(crate) fn complete(operations: OpenApi) -> Value {
    let mut document = serde_json::to_value(operations).expect("a document is plain data");
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({
        "title": "Keyferry",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["servers"] = json!([{"url": "/"}]);
    let paths = std::mem::take(members(&mut document["paths"]));
    document["paths"] =
        paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), completed(&path, item))).collect();
    add_components(members(&mut document["components"]));
    document
}

/// The document as it is committed.
pub(crate) fn to_json(document: &Value) -> String {
    format!("{document:#}\n")
}

fn members(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was just made an object")
}

fn completed(path: &str, mut item: Value) -> Value {
    let add_errors = if infisical::is_spoken_at(path) { add_infisical_errors } else { add_errors };
    for (method, operation) in members(&mut item) {
        if operation.is_object() && operation.get("operationId").is_some() {
            accept_api_keys(operation);
            add_errors(method, operation);
        }
    }
    item
}

/// What a token may do an API key may do too, but for administering the host.
fn accept_api_keys(operation: &mut Value) {
    let Some(security) = operation["security"].as_array_mut() else { return };
    let scopes = security.iter().find_map(|requirement| requirement.get("bearer")).cloned();
    if let Some(scopes) = scopes.filter(|scopes| *scopes != json!([ADMINISTRATOR])) {
        security.push(json!({"apiKey": scopes}));
    }
}

fn add_errors(method: &str, operation: &mut Value) {
    let has_body = operation.get("requestBody").is_some();
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let has = |place: &str| parameters.iter().any(|parameter| parameter["in"] == place);
    let is_secured = operation["security"].as_array().is_some_and(|all| all.iter().any(|r| r != &json!({})));
    let of_header = parameters.iter().any(|parameter| parameter["name"] == "If-Match");
    let implied = [
        (400, has_body || has("query")),
        (401, is_secured || method == "post" && has_body),
        (403, is_secured),
        (404, has("path")),
        (408, has_body),
        (412, of_header),
        (413, has_body),
        (415, has_body),
        (429, true),
        (500, true),
        (503, true),
    ];
    let responses = members(&mut operation["responses"]);
    for (status, _) in implied.into_iter().filter(|(_, implied)| *implied) {
        responses.entry(status.to_string()).or_insert_with(|| json!({}));
    }
    for (status, response) in responses {
        let failing = status.starts_with('4') || status.starts_with('5');
        if failing && response.get("content").is_none() {
            *response = json!({"$ref": format!("#/components/responses/{}", response_name(status))});
        }
    }
}

/// Every failure of the Infisical dialect has one shape, whatever its status.
fn add_infisical_errors(_: &str, operation: &mut Value) {
    let responses = members(&mut operation["responses"]);
    for status in ["4XX", "5XX"] {
        responses.insert(status.to_owned(), json!({"$ref": "#/components/responses/InfisicalError"}));
    }
}

/// `NotFound` for 404, and so on.
fn response_name(status: &str) -> String {
    let reason = StatusCode::from_bytes(status.as_bytes()).ok().and_then(|status| status.canonical_reason());
    reason.unwrap_or("Failure").replace([' ', '-'], "")
}

fn add_components(components: &mut Map<String, Value>) {
    components.insert("responses".to_owned(), problem_responses());
    components.insert(
        "securitySchemes".to_owned(),
        json!({
            "bearer": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": format!("An access token from `POST /v1/auth:token`. Scopes: {}.", scope_list()),
            },
            "apiKey": {
                "type": "apiKey", "in": "header", "name": "X-API-KEY",
                "description": "A key of one tenant, made under `/v1/tenants/{tenant}/apiKeys`.",
            },
        }),
    );
    let schemas = members(components.entry("schemas").or_insert_with(|| json!({})));
    let mut add = |name: String, schema| {
        schemas.insert(name, serde_json::to_value(schema).expect("a schema is plain data"));
    };
    add(ProblemDocument::name().into_owned(), ProblemDocument::schema());
    add(ViolationDocument::name().into_owned(), ViolationDocument::schema());
    for (name, schema) in infisical::error::schemas() {
        add(name, schema);
    }
}

fn scope_list() -> String {
    Scope::ALL.iter().map(|scope| format!("`{}`", scope.text())).collect::<Vec<_>>().join(", ")
}

/// One response per status, with the codes it can carry.
fn problem_responses() -> Value {
    let mut codes: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL {
        codes.entry(problem::status(*code).as_u16()).or_default().push(*code);
    }
    let responses = codes.into_iter().map(|(status, codes)| {
        let lines: Vec<String> = codes.iter().map(|code| format!("- `{code}`: {}", code.title())).collect();
        let mut response = json!({
            "description": lines.join("\n"),
            "content": {problem::MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": example(codes[0], status),
            }},
            "headers": {"X-Request-Id": {
                "description": "The request's id, as in `instance`", "schema": {"type": "string", "format": "uuid"},
            }},
        });
        if matches!(status, 429 | 503) {
            response["headers"]["Retry-After"] =
                json!({"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}});
        }
        (response_name(&status.to_string()), response)
    });
    responses.chain([("InfisicalError".to_owned(), infisical_error())]).collect()
}

fn infisical_error() -> Value {
    json!({
        "description": "400 for what is refused, 401 without a credential, 403 for a bad token or a missing scope, 404, 422 with a \
            list of issues for a request of the wrong shape, 429 and 5xx",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/InfisicalError"}}},
    })
}

fn example(code: Code, status: u16) -> Value {
    let retry = if code.retry() == crate::domain::error::Retry::Later { "later" } else { "never" };
    json!({
        "type": format!("urn:keyferry:problem:{code}"),
        "title": code.title(),
        "status": status,
        "detail": code.title(),
        "instance": "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20",
        "code": code.text(),
        "retry": retry,
        "errors": [],
    })
}
