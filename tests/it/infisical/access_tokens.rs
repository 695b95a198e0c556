//! Access tokens that are renewed, revoked, counted, and good only from somewhere.

use std::time::Duration;

use keyferry_tests::api::{Answer, TestApi};
use serde_json::{Value, json};

use super::client::Client;

const NATIVE: &str = "/v1/tenants/acme/auth/health";
const DIALECT: &str = "/api/v1/auth/universal-auth/identities";

async fn acme() -> TestApi {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api
}

async fn renew(api: &TestApi, token: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/token/renew", &json!({"accessToken": token})).await
}

async fn revoke(api: &TestApi, token: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/token/revoke", &json!({"accessToken": token})).await
}

/// Whether a token is good, which is the same in both dialects.
async fn is_good(api: &TestApi, token: &str, client: &Client) -> bool {
    let native = api.bearer(token).get(NATIVE).await;
    let dialect = api.bearer(token).get(&format!("{DIALECT}/{}", client.id)).await;
    match (native.status.as_u16(), dialect.status.as_u16()) {
        (200, 200) => true,
        (401, 403) => {
            native.problem(401, "unauthenticated");
            dialect.infisical_error(403, "TokenError");
            false
        }
        other => panic!("the dialects differ: {other:?}"),
    }
}

fn bounds(ttl_s: u64, max_s: u64) -> Value {
    json!({"tokenTtlSeconds": ttl_s, "tokenMaxTtlSeconds": max_s})
}

#[tokio::test]
async fn renewals_end_with_the_greatest_lifetime_since_the_first_issue() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", bounds(100, 250)).await;
    let first = client.log_in(&api, None).await.expect(200);
    assert_eq!((&first.json["expiresIn"], &first.json["accessTokenMaxTTL"]), (&json!(100), &json!(250)));
    let mut token = first.text_at("/accessToken");
    for (after_s, expect_s) in [(90, 100), (90, 70), (60, 10)] {
        api.clock.advance(Duration::from_secs(after_s));
        let renewed = renew(&api, &token).await.expect(200);
        assert_eq!((&renewed.json["expiresIn"], &renewed.json["tokenType"]), (&json!(expect_s), &json!("Bearer")));
        token = renewed.text_at("/accessToken");
        assert!(is_good(&api, &token, &client).await, "after {after_s}");
    }
    // Now 240 s after the first issue; clocks may be 30 s apart, but that renews nothing.
    api.clock.advance(Duration::from_secs(15));
    renew(&api, &token).await.infisical_error(403, "TokenError");
    api.clock.advance(Duration::from_secs(30));
    assert!(!is_good(&api, &token, &client).await);
}

#[tokio::test]
async fn a_shorter_rule_holds_for_renewals_at_once_and_a_longer_one_for_new_sessions() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", bounds(100, 200)).await;
    let token = client.token(&api).await;
    let path = format!("/v1/tenants/acme/identities/{}", client.id);
    api.admin().patch(&path, &json!({"tokenMaxTtlSeconds": 100_000})).await.expect(200);
    api.clock.advance(Duration::from_secs(90));
    let renewed = renew(&api, &token).await.expect(200).text_at("/accessToken");
    api.clock.advance(Duration::from_secs(60));
    assert_eq!(renew(&api, &renewed).await.expect(200).json["expiresIn"], 50);
    api.admin().patch(&path, &json!({"tokenTtlSeconds": 60, "tokenMaxTtlSeconds": 140})).await.expect(200);
    renew(&api, &renewed).await.infisical_error(403, "TokenError");
}

#[tokio::test]
async fn a_revoked_token_is_refused_everywhere_with_all_of_its_session() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", bounds(100, 10_000)).await;
    let (first, other) = (client.token(&api).await, client.token(&api).await);
    let second = renew(&api, &first).await.expect(200).text_at("/accessToken");
    assert_ne!(first, second);
    let answer = revoke(&api, &second).await.expect(200);
    assert!(answer.json["message"].is_string());
    for token in [&first, &second] {
        assert!(!is_good(&api, token, &client).await);
        renew(&api, token).await.infisical_error(403, "TokenError");
        revoke(&api, token).await.infisical_error(403, "TokenError");
    }
    assert!(is_good(&api, &other, &client).await, "another session of the same identity goes on");
    let log = api.admin().get("/v1/tenants/acme/auditEvents").await.expect(200);
    assert!(log.text.contains("tokens.revoke") && !log.text.contains(&second));
}

#[tokio::test]
async fn what_is_no_good_token_is_neither_renewed_nor_revoked() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", bounds(100, 10_000)).await;
    let token = client.token(&api).await;
    let key = api.admin().post("/v1/tenants/acme/apiKeys", &json!({"name": "k"})).await.expect(201).text_at("/key");
    for bad in ["", "x.y.z", &format!("{token}x"), &key, &client.secret] {
        renew(&api, bad).await.infisical_error(403, "TokenError");
        revoke(&api, bad).await.infisical_error(403, "TokenError");
    }
    let nothing = api.anonymous().post("/api/v1/auth/token/renew", &json!({})).await;
    assert_eq!(nothing.infisical_error(422, "ValidationFailure").json["message"][0]["path"], json!(["accessToken"]));
    api.clock.advance(Duration::from_secs(130));
    renew(&api, &token).await.infisical_error(403, "TokenError");
    let fresh = client.token(&api).await;
    let identity = format!("/v1/tenants/acme/identities/{}", client.id);
    api.admin().patch(&identity, &json!({"isDisabled": true})).await.expect(200);
    renew(&api, &fresh).await.infisical_error(403, "TokenError");
}

#[tokio::test]
async fn uses_of_a_session_are_counted_once_a_request_and_survive_a_renewal() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", json!({"tokenUsesMax": 3})).await;
    let token = client.token(&api).await;
    // The check of one's own credential asks twice who calls, and is one request.
    api.bearer(&token).get(NATIVE).await.expect(200);
    api.bearer(&token).get(&format!("{DIALECT}/{}", client.id)).await.expect(200);
    let renewed = renew(&api, &token).await.expect(200).text_at("/accessToken");
    api.bearer(&renewed).get(NATIVE).await.expect(200);
    assert!(!is_good(&api, &renewed, &client).await && !is_good(&api, &token, &client).await);
    renew(&api, &renewed).await.infisical_error(403, "TokenError");
    assert!(is_good(&api, &client.token(&api).await, &client).await, "each login begins anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_race_for_the_last_use_get_it_once() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", json!({"tokenUsesMax": 5})).await;
    let token = client.token(&api).await;
    let calls = (0..20).map(|_| {
        let (api, token) = (api.clone(), token.clone());
        tokio::spawn(async move { api.bearer(&token).get(NATIVE).await.status.as_u16() })
    });
    let calls: Vec<_> = calls.collect();
    let mut good = 0;
    for call in calls {
        match call.await.expect("it does not panic") {
            200 => good += 1,
            // Too many at once: nothing was used.
            401 | 503 => {}
            other => panic!("{other}"),
        }
    }
    while api.bearer(&token).get(NATIVE).await.status == 200 {
        good += 1;
    }
    assert_eq!(good, 5);
}

#[tokio::test]
async fn tokens_and_keys_are_good_only_from_where_the_identity_says() {
    let api = acme().await;
    let networks = json!({"tokenNetworks": ["10.0.0.0/8", "fd00::/8"]});
    let client = Client::new(&api, "ci", "OWNER", networks).await;
    let token = client.token(&api).await;
    let inside = api.bearer(&token).from_address("10.1.2.3");
    let key = inside.post("/v1/tenants/acme/apiKeys", &json!({"name": "k"})).await.expect(201).text_at("/key");
    for (address, expect) in
        [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("fd00::7", 200), ("11.0.0.1", 401), ("::1", 401)]
    {
        let caller = api.bearer(&token).from_address(address);
        assert_eq!(caller.get(NATIVE).await.status.as_u16(), expect, "{address}");
        assert_eq!(api.api_key(&key).from_address(address).get(NATIVE).await.status.as_u16(), expect, "{address}");
        let body = json!({"accessToken": token});
        let renewed = api.anonymous().from_address(address).post("/api/v1/auth/token/renew", &body).await;
        assert_eq!(renewed.status.as_u16(), if expect == 200 { 200 } else { 403 }, "{address}");
    }
    // A header is what anybody can write.
    let claimed = api.bearer(&token).from_address("11.0.0.1").with("x-forwarded-for", "10.1.2.3");
    claimed.get(NATIVE).await.problem(401, "unauthenticated");
    api.bearer(&token).get(NATIVE).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn sessions_that_are_over_are_forgotten_and_no_earlier() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", bounds(3_600, 7_200)).await;
    let first = client.token(&api).await;
    revoke(&api, &first).await.expect(200);
    api.clock.advance(Duration::from_secs(7_200));
    assert_eq!(api.services.access.sweep().await.expect("the store works"), 0);
    api.clock.advance(Duration::from_secs(3_601));
    assert_eq!(api.services.access.sweep().await.expect("the store works"), 1);
    assert_eq!(api.services.access.sweep().await.expect("the store works"), 0);
    assert!(!is_good(&api, &first, &client).await, "it has expired by itself");
}
