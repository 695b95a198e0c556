//! Every operation of the document refuses who may not call it: nobody, a stranger, and a member without the scope. The
//! operations of the Infisical dialect are asked for in [`infisical`].

mod infisical;

use http::Method;
use keyferry_tests::api::TestApi;
use serde_json::{Value, json};

/// Operations that anybody may call. This list may only shrink.
const PUBLIC: [&str; 9] = [
    "document.browse",
    "document.read",
    "health.live",
    "health.metrics",
    "health.ready",
    "infisical.accessTokens.renew",
    "infisical.accessTokens.revoke",
    "infisical.universalAuth.logIn",
    "tokens.create",
];

struct Operation {
    id: String,
    method: Method,
    path: String,
    has_body: bool,
    needs: Vec<String>,
    is_public: bool,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&keyferry::api::openapi_json()).expect("the document is JSON");
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("there are paths") {
        for (method, operation) in item.as_object().expect("a path has operations") {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let Some(id) = operation["operationId"].as_str() else { continue };
            let security = operation["security"].as_array().cloned().unwrap_or_default();
            let bearer = security.iter().find_map(|one| one.get("bearer"));
            let needs = bearer.and_then(Value::as_array).into_iter().flatten();
            all.push(Operation {
                id: id.to_owned(),
                method,
                path: path.clone(),
                has_body: operation.get("requestBody").is_some(),
                needs: needs.filter_map(|scope| scope.as_str().map(ToOwned::to_owned)).collect(),
                is_public: bearer.is_none(),
            });
        }
    }
    all
}

/// The path with something in place of each parameter: `tenant`, and ids that name nothing.
fn concrete(operation: &Operation, tenant: &str) -> String {
    let mut path = operation.path.replace("{tenant}", tenant);
    while let (Some(start), Some(end)) = (path.find('{'), path.find('}')) {
        path.replace_range(start..=end, "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20");
    }
    path
}

fn body(operation: &Operation) -> Option<Value> {
    operation.has_body.then(|| json!({}))
}

#[tokio::test]
async fn nobody_gets_a_401_everywhere_but_where_it_is_listed() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let mut public = Vec::new();
    for operation in operations() {
        if operation.is_public {
            public.push(operation.id);
            continue;
        }
        if operation.path.starts_with("/api/") {
            continue;
        }
        let path = concrete(&operation, "acme");
        for caller in [api.anonymous(), api.bearer("x.y.z"), api.api_key("kf_api_x")] {
            let answer = caller.call(operation.method.clone(), &path, body(&operation).as_ref()).await;
            let answer = answer.problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{}", operation.id);
        }
    }
    public.sort();
    assert_eq!(public, PUBLIC);
}

#[tokio::test]
async fn a_member_without_the_scope_is_told_which_one() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    for operation in operations().iter().filter(|operation| operation.path.contains("{tenant}")) {
        for scope in operation.needs.iter().filter(|scope| *scope != "administrator") {
            let all = keyferry::domain::access::Scope::ALL.iter().map(|scope| scope.text());
            let others: Vec<&str> = all.filter(|one| one != scope).collect();
            let name = format!("lacks {scope} for {}", operation.id);
            let (_, token) = api.member("acme", &name, &others.join(",")).await;
            let path = concrete(operation, "acme");
            let answer = api.bearer(&token).call(operation.method.clone(), &path, body(operation).as_ref()).await;
            let answer = answer.problem(403, "scope_missing");
            assert!(answer.text.contains(&format!("`{scope}`")), "{}: {}", operation.id, answer.text);
        }
    }
}

#[tokio::test]
async fn a_foreign_tenant_and_an_unknown_one_are_the_same_404() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api.tenant("other").await;
    let (_, token) = api.member("other", "stranger", "OWNER").await;
    for operation in operations().iter().filter(|operation| operation.path.contains("{tenant}")) {
        if operation.needs == ["administrator"] {
            continue;
        }
        let mut bodies = Vec::new();
        for tenant in ["acme", "unknown"] {
            let path = concrete(operation, tenant);
            let answer = api.bearer(&token).call(operation.method.clone(), &path, body(operation).as_ref()).await;
            let mut answer = answer.problem(404, "not_found");
            answer.json["instance"] = Value::Null;
            bodies.push(answer.json);
        }
        assert_eq!(bodies[0], bodies[1], "{}", operation.id);
    }
}

#[tokio::test]
async fn only_administrators_manage_the_host() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let (_, owner) = api.member("acme", "owner", "OWNER").await;
    let mut seen = 0;
    for operation in operations().iter().filter(|operation| operation.needs == ["administrator"]) {
        let path = concrete(operation, "acme");
        let answer = api.bearer(&owner).call(operation.method.clone(), &path, body(operation).as_ref()).await;
        let answer = answer.problem(403, "scope_missing");
        assert!(answer.text.contains("administrator"), "{}: {}", operation.id, answer.text);
        seen += 1;
    }
    assert!(seen >= 5, "the administrator's operations are in the document");
}
