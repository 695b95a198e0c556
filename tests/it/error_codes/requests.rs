//! What is wrong with a request by itself, and with who sends it.

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use keyferry::api::{ApiSettings, Rate};
use keyferry_tests::api::TestApi;
use serde_json::json;

use super::Told;

const TENANTS: &str = "/v1/tenants";

async fn posted(media_type: &str, body: Body) -> Told {
    let api = TestApi::start().await;
    let request = Request::post(TENANTS).header("authorization", format!("Bearer {}", api.administrator));
    let request = request.header("content-type", media_type).body(body).expect("it is a request");
    Told::Problem(api.send(request).await)
}

pub(super) async fn invalid() -> Told {
    posted("application/json", Body::from(r#"{"id": "no spaces please"}"#)).await
}

pub(super) async fn malformed() -> Told {
    posted("application/json", Body::from("{")).await
}

pub(super) async fn form() -> Told {
    posted("application/x-www-form-urlencoded", Body::from("id=acme")).await
}

pub(super) async fn large_body() -> Told {
    posted("application/json", Body::from(vec![b' '; (1 << 20) + 1])).await
}

/// Takes as long as the host has patience with a body: 10 s.
pub(super) async fn body_that_never_comes() -> Told {
    let stalled = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    posted("application/json", Body::from_stream(stalled)).await
}

pub(super) async fn large_headers() -> Told {
    let api = TestApi::start().await;
    Told::Problem(api.admin().with("x-filler", &"x".repeat(17 << 10)).get(TENANTS).await)
}

pub(super) async fn page_token() -> Told {
    let api = TestApi::start().await;
    Told::Problem(api.admin().get("/v1/tenants?pageToken=x").await)
}

pub(super) async fn nowhere() -> Told {
    let api = TestApi::start().await;
    Told::Problem(api.admin().get("/v2/tenants").await)
}

pub(super) async fn wrong_method() -> Told {
    let api = TestApi::start().await;
    Told::Problem(api.admin().delete(TENANTS).await)
}

pub(super) async fn anonymous() -> Told {
    let api = TestApi::start().await;
    Told::Problem(api.anonymous().get(TENANTS).await)
}

pub(super) async fn reader_that_writes() -> Told {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let (_, token) = api.member("acme", "reader", "READER").await;
    Told::Problem(api.bearer(&token).post("/v1/tenants/acme/environments", &json!({"slug": "prod"})).await)
}

pub(super) async fn too_many() -> Told {
    let rate = Some(Rate { per_second: 1, burst: 1 });
    let api = TestApi::with(&ApiSettings { address_rate: None, principal_rate: rate }).await;
    api.admin().get(TENANTS).await.expect(200);
    Told::Problem(api.admin().get(TENANTS).await)
}

pub(super) async fn key_used_twice() -> Told {
    let api = TestApi::start().await;
    let caller = api.admin().with("idempotency-key", "one");
    caller.post(TENANTS, &json!({"id": "one"})).await.expect(201);
    Told::Problem(caller.post(TENANTS, &json!({"id": "other"})).await)
}
