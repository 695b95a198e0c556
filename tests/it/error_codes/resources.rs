//! How a request stands to what is there.

use keyferry_tests::api::TestApi;
use serde_json::json;

use super::Told;

const ENVIRONMENTS: &str = "/v1/tenants/acme/environments";

async fn acme() -> TestApi {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api
}

pub(super) async fn absent() -> Told {
    Told::Problem(acme().await.admin().get("/v1/tenants/other").await)
}

pub(super) async fn made_twice() -> Told {
    let api = acme().await;
    api.admin().post(ENVIRONMENTS, &json!({"slug": "prod"})).await.expect(201);
    Told::Problem(api.admin().post(ENVIRONMENTS, &json!({"slug": "prod"})).await)
}

pub(super) async fn stale() -> Told {
    let api = acme().await;
    let caller = api.admin().with("if-match", "\"00\"");
    Told::Problem(caller.patch("/v1/tenants/acme", &json!({"displayName": "New"})).await)
}
