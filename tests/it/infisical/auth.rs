//! Logging in, and how failures read.

use axum::body::Body;
use http::Request;
use keyferry_tests::api::TestApi;
use serde_json::json;

use super::client::Client;

#[tokio::test]
async fn a_client_logs_in_with_and_without_a_trailing_slash() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let identity = json!({"name": "ci", "role": "READER"});
    let identity = api.admin().post("/v1/tenants/acme/identities", &identity).await.expect(201).text_at("/id");
    let path = format!("/v1/tenants/acme/identities/{identity}/clientSecrets");
    let secret = api.admin().post(&path, &json!({"name": "first"})).await.expect(201).text_at("/clientSecret");
    for path in ["/api/v1/auth/universal-auth/login", "/api/v1/auth/universal-auth/login/"] {
        let login = json!({"clientId": identity, "clientSecret": secret, "organizationSlug": "ignored"});
        let answer = api.anonymous().post(path, &login).await.expect(200);
        assert_eq!(answer.json["tokenType"], "Bearer");
        assert_eq!(answer.json["expiresIn"], 30 * 24 * 3600);
        let token = answer.text_at("/accessToken");
        api.bearer(&token).get("/v1/tenants/acme/environments").await.expect(200);
    }
}

/// As the documentation of Infisical shows it with `curl --data-urlencode`, and as actions of CI systems send it.
#[tokio::test]
async fn a_client_logs_in_with_a_form() {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let client = Client::new(&api, "ci", "READER", json!({})).await;
    let send = async |media_type: &str, body: String| {
        let request = Request::post("/api/v1/auth/universal-auth/login").header("content-type", media_type);
        api.send(request.body(Body::from(body)).unwrap()).await
    };
    let form = format!("clientId={}&clientSecret={}", client.id, client.secret);
    for media_type in ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8"] {
        let token = send(media_type, form.clone()).await.expect(200).text_at("/accessToken");
        api.bearer(&token).get("/v1/tenants/acme/environments").await.expect(200);
    }
    let half = send("application/x-www-form-urlencoded", "clientId=a".into()).await;
    let half = half.infisical_error(422, "ValidationFailure");
    assert_eq!(half.json["message"][0]["path"], json!(["clientSecret"]));
    send("text/plain", form).await.infisical_error(415, "UnsupportedMediaType");
}

#[tokio::test]
async fn failures_have_the_dialects_shape() {
    let api = TestApi::start().await;
    let login = "/api/v1/auth/universal-auth/login";
    let pair = json!({"clientId": "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20", "clientSecret": "wrong"});
    api.anonymous().post(login, &pair).await.infisical_error(401, "UnauthorizedError");
    let answer = api.anonymous().post(login, &json!({"clientId": 7})).await.infisical_error(422, "ValidationFailure");
    assert_eq!(answer.json["message"][0]["path"], json!(["clientId"]));
    assert_eq!(answer.json["message"][1]["path"], json!(["clientSecret"]));
    api.anonymous().get("/api/v1/nothing").await.infisical_error(404, "NotFound");
}
