//! What every request passes, whatever it asks for.

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Method, Request};
use keyferry::api::{ApiSettings, Rate};
use keyferry_tests::api::TestApi;
use keyferry_tests::faulty_store::Fault;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

#[tokio::test]
async fn probes_answer_without_a_credential() {
    let api = TestApi::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(api.anonymous().get(path).await.expect(200).json, json!({"status": "ok"}));
    }
}

#[tokio::test]
async fn a_host_that_cannot_read_its_store_lives_but_is_not_ready() {
    let api = TestApi::start().await;
    api.store.set(Fault::Reads);
    api.anonymous().get("/readyz").await.problem(503, "unavailable");
    api.anonymous().get("/healthz").await.expect(200);
    api.store.set(Fault::None);
    api.anonymous().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_not_to_be_kept_or_guessed_at() {
    let api = TestApi::start().await;
    for path in ["/healthz", "/nowhere", "/v1/tenants"] {
        let answer = api.anonymous().get(path).await;
        let id: uuid::Uuid = answer.header("x-request-id").parse().expect("it is a UUID");
        assert_eq!(id.get_version_num(), 7, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
}

#[tokio::test]
async fn a_clients_request_id_is_not_taken_over() {
    let api = TestApi::start().await;
    let answer = api.anonymous().with("x-request-id", "mine").get("/healthz").await;
    assert_ne!(answer.header("x-request-id"), "mine");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let api = TestApi::start().await;
    for path in ["/", "/v1", "/v2/tenants", "/v1/tenants/", "/v1/tenants/a:b", "/v1/auth:other", "/v1/auth/:token"] {
        api.admin().get(path).await.problem(
            if path == "/v1/auth/:token" { 405 } else { 404 },
            match path {
                "/v1/auth/:token" => "method_not_allowed",
                "/v1/tenants/a:b" => "not_found",
                _ => "route_not_found",
            },
        );
    }
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_told_with_those_that_are() {
    let api = TestApi::start().await;
    let answer = api.admin().delete("/v1/tenants").await.problem(405, "method_not_allowed");
    let allow = answer.header("allow");
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn paths_have_one_spelling() {
    let api = TestApi::start().await;
    for path in ["//v1/tenants", "/v1/./tenants", "/v1/%2e%2e/tenants", "/v1/tenants/a%2Fb", "/v1/tenants/a%00"] {
        api.admin().get(path).await.problem(400, "invalid_request");
    }
}

async fn posted(api: &TestApi, content_type: Option<&str>, body: impl Into<Body>) -> keyferry_tests::api::Answer {
    let mut request = Request::post("/v1/tenants").header("authorization", format!("Bearer {}", api.administrator));
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    api.send(request.body(body.into()).expect("it is a request")).await
}

#[tokio::test]
async fn unreadable_bodies_are_problems_that_repeat_nothing() {
    let api = TestApi::start().await;
    let json = Some("application/json");
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    for body in ["", "{", "hunter2", "{\"id\":hunter2}", "{\"a\":1,\"a\":\"hunter2\"}", deep.as_str()] {
        let answer = posted(&api, json, body.to_owned()).await.problem(400, "malformed_body");
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    }
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        posted(&api, content_type, r#"{"id":"a"}"#).await.problem(415, "unsupported_media_type");
    }
    let large = format!("{{\"id\":\"{}\"}}", "a".repeat(1 << 20));
    posted(&api, json, large).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn all_violations_are_listed_at_once() {
    let api = TestApi::start().await;
    let body = json!({"id": "no spaces please", "displayName": "x".repeat(101), "displayname": "hunter2"});
    let answer = api.admin().post("/v1/tenants", &body).await.problem(400, "invalid_request");
    let errors: Vec<(&str, &str)> = answer.json["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| (error["pointer"].as_str().expect("text"), error["code"].as_str().expect("text")))
        .collect();
    assert_eq!(
        errors,
        [("/id", "malformed"), ("/displayName", "too_long"), ("/displayname", "unknown_member")],
        "{}",
        answer.text
    );
    assert!(answer.text.contains("is `displayName` meant?"));
    assert!(!answer.text.contains("hunter2"));
}

#[tokio::test]
async fn who_may_not_call_learns_nothing_of_the_body() {
    let api = TestApi::start().await;
    api.anonymous().post("/v1/tenants", &json!({"nonsense": 1})).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn large_headers_are_refused() {
    let api = TestApi::start().await;
    let caller = api.admin().with("x-filler", &"x".repeat(17 << 10));
    caller.get("/v1/tenants").await.problem(431, "headers_too_large");
}

#[tokio::test]
async fn an_unchanged_resource_is_not_sent_again() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let read = api.admin().get("/v1/tenants/acme").await.expect(200);
    let again = api.admin().with("if-none-match", read.header("etag")).get("/v1/tenants/acme").await.expect(304);
    assert!(again.text.is_empty());
    assert_eq!(again.header("etag"), read.header("etag"));
}

#[tokio::test]
async fn requests_are_counted_by_documented_route() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api.admin().get("/v1/tenants/acme?pageToken=hunter2").await.expect(200);
    api.anonymous().get("/hunter2").await.expect(404);
    let metrics = api.anonymous().get("/metrics").await.expect(200);
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        r#"keyferry_http_requests_total{method="GET",route="/v1/tenants/{tenant}",status="200"} 1"#,
        r#"keyferry_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"keyferry_http_requests_total{method="POST",route="/v1/tenants",status="201"} 1"#,
    ] {
        assert!(metrics.text.lines().any(|shown| shown == line), "{line}\n{}", metrics.text);
    }
    assert!(!metrics.text.contains("hunter2") && !metrics.text.contains("acme"));
}

fn from(address: &str, path: &str) -> Request<Body> {
    let mut request = Request::get(path).body(Body::empty()).expect("it is a request");
    let address: SocketAddr = address.parse().expect("it is an address");
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

#[tokio::test]
async fn an_address_that_asks_too_much_waits_and_others_do_not() {
    let rate = Some(Rate { per_second: 1, burst: 3 });
    let api = TestApi::with(&ApiSettings { address_rate: rate, principal_rate: None }).await;
    for _ in 0..3 {
        api.send(from("192.0.2.1:1", "/v1/tenants")).await.problem(401, "unauthenticated");
    }
    let refused = api.send(from("192.0.2.1:2", "/v1/tenants")).await.problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "1");
    api.send(from("192.0.2.2:1", "/v1/tenants")).await.problem(401, "unauthenticated");
    api.send(from("192.0.2.1:1", "/healthz")).await.expect(200);
    api.clock.advance(Duration::from_secs(1));
    api.send(from("192.0.2.1:1", "/v1/tenants")).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_principal_that_asks_too_much_can_still_check_its_credential() {
    let rate = Some(Rate { per_second: 1, burst: 3 });
    let api = TestApi::with(&ApiSettings { address_rate: None, principal_rate: rate }).await;
    api.tenant("acme").await;
    api.admin().get("/v1/tenants").await.expect(200);
    api.admin().get("/v1/tenants").await.expect(200);
    let refused = api.admin().get("/v1/tenants").await.problem(429, "rate_limited");
    assert_eq!(refused.json["retry"], "later");
    for _ in 0..5 {
        api.admin().get("/v1/tenants/acme/auth/health").await.expect(200);
    }
}

#[tokio::test]
async fn lists_are_read_page_by_page_in_every_spelling() {
    let api = TestApi::start().await;
    for id in ["e", "c", "a", "d", "b"] {
        api.tenant(id).await;
    }
    for (size, token) in
        [("pageSize", "pageToken"), ("page_size", "page_token"), ("Paging.PageSize", "Paging.PageToken.Cursor")]
    {
        let mut ids = Vec::new();
        let mut next = String::new();
        loop {
            let page = api.admin().get(&format!("/v1/tenants?{size}=2&{token}={next}")).await.expect(200);
            let items = page.json["items"].as_array().expect("a list");
            assert!(items.len() <= 2);
            ids.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
            next = page.text_at("/nextPageToken");
            if next.is_empty() {
                break;
            }
        }
        assert_eq!(ids, ["a", "b", "c", "d", "e"], "{size}");
    }
}

#[tokio::test]
async fn page_parameters_out_of_bounds_are_refused() {
    let api = TestApi::start().await;
    for query in
        ["pageSize=0", "pageSize=501", "pageSize=x", "pageToken=a&pageToken=b", "Paging.PageToken.Skip=5", "order=x"]
    {
        api.admin().get(&format!("/v1/tenants?{query}")).await.problem(400, "invalid_request");
    }
    api.admin().get("/v1/tenants?Paging.PageToken.Skip=0").await.expect(200);
}

#[tokio::test]
async fn a_page_token_fits_one_list_of_one_tenant() {
    let api = TestApi::start().await;
    for tenant in ["a", "b"] {
        api.tenant(tenant).await;
        for name in ["one", "two"] {
            api.member(tenant, &format!("{name} of {tenant}"), "READER").await;
        }
    }
    let page = api.admin().get("/v1/tenants/a/identities?pageSize=1").await.expect(200);
    let token = page.text_at("/nextPageToken");
    api.admin().get(&format!("/v1/tenants/a/identities?pageSize=2&pageToken={token}")).await.expect(200);
    let mut changed = token.clone();
    changed.replace_range(0..1, if token.starts_with('A') { "B" } else { "A" });
    for path in [
        format!("/v1/tenants/b/identities?pageToken={token}"),
        format!("/v1/tenants/a/auditEvents?pageToken={token}"),
        format!("/v1/tenants/a/identities?pageToken={changed}"),
        "/v1/tenants/a/identities?pageToken=x".to_owned(),
    ] {
        api.admin().get(&path).await.problem(400, "invalid_page_token");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let api = TestApi::start().await;
    let answer = api.anonymous().call(Method::HEAD, "/healthz", None).await.expect(200);
    assert_eq!(answer.json, Value::Null);
}

#[tokio::test]
async fn an_operation_without_a_query_refuses_its_parameters() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let prod = "/v1/tenants/acme/environments/prod";
    api.admin().post("/v1/tenants/acme/environments", &json!({"slug": "prod"})).await.expect(201);
    api.admin().put(&format!("{prod}/secrets/A"), &json!({"value": "kept"})).await.expect(201);
    for (method, path, pointer) in [
        (Method::DELETE, format!("{prod}/secrets/A?version=1"), "?version"),
        (Method::DELETE, format!("{prod}?recursive=true"), "?recursive"),
        (Method::POST, format!("{prod}/secrets:batch?dry_run=1"), "?dryRun"),
        (Method::GET, prod.to_owned() + "?x=1", "?x"),
    ] {
        let body = (method == Method::POST).then(|| json!({}));
        let refused = api.admin().call(method, &path, body.as_ref()).await.problem(400, "invalid_request");
        let error = &refused.json["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!("unknown_member")), "{path}");
    }
    let read = api.admin().get(&format!("{prod}/secrets/A?view=value")).await.expect(200);
    assert_eq!(read.json["value"], "kept");
    api.anonymous().get("/healthz?x=1").await.expect(200);
    api.admin().get("/v1/nowhere?x=1").await.problem(404, "route_not_found");
}
