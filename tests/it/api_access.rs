//! Credentials: who gets in, as whom, for how long, and with what.

use std::time::Duration;

use http::{Method, StatusCode};
use keyferry_tests::api::TestApi;
use serde_json::{Value, json};

const HEALTH: &str = "/v1/tenants/acme/auth/health";
const IDENTITIES: &str = "/v1/tenants/acme/identities";
const API_KEYS: &str = "/v1/tenants/acme/apiKeys";
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn acme() -> TestApi {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api
}

/// Makes a client secret; answers its id and text.
async fn client_secret(api: &TestApi, identity: &str) -> (String, String) {
    let path = format!("{IDENTITIES}/{identity}/clientSecrets");
    let made = api.admin().post(&path, &json!({"name": "one"})).await.expect(201);
    (made.text_at("/id"), made.text_at("/clientSecret"))
}

async fn api_key(api: &TestApi, body: &Value) -> (String, String) {
    let made = api.admin().post(API_KEYS, body).await.expect(201);
    (made.text_at("/id"), made.text_at("/key"))
}

#[tokio::test]
async fn the_first_start_makes_one_administrator_and_one_token() {
    let api = TestApi::start().await;
    assert!(api.services.identities.bootstrap_administrator().await.expect("the store works").is_none());
    api.admin().get("/v1/tenants").await.expect(200);
    let again = api.services.identities.administrator_token().await.expect("there is an administrator");
    api.bearer(again.token.expose()).get("/v1/tenants").await.expect(200);
    let view = api.services.core.records.view().await.expect("the store works");
    let log = keyferry::service::audit::log(keyferry::domain::id::TenantUid::SYSTEM);
    let events: Vec<(u64, keyferry::service::audit::AuditEvent)> =
        view.scan_appended(&log, None, 10).await.expect("the store works");
    let told: Vec<(&str, &str)> =
        events.iter().map(|(_, event)| (event.action.as_str(), event.actor_name.as_str())).collect();
    assert_eq!(told, [("identities.bootstrap", "administrator"), ("tokens.issue", "administrator")]);
}

#[tokio::test]
async fn who_am_i_tells_who_and_what() {
    let api = acme().await;
    let (id, token) = api.member("acme", "ci", "READER").await;
    let health = api.bearer(&token).get(HEALTH).await.expect(200).json;
    assert_eq!(health["authenticationSource"], "ACCESS_TOKEN");
    assert_eq!((&health["tenant"], &health["userId"], &health["userName"]), (&json!("acme"), &json!(id), &json!("ci")));
    assert_eq!(health["scopes"], json!(["integrations:read", "secrets:read", "syncs:read"]));
    assert_eq!(health["apiKeyName"], Value::Null);
    api.anonymous().get(HEALTH).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_ends_after_its_time() {
    let api = acme().await;
    let body = json!({"name": "short", "role": "READER", "tokenTtlSeconds": 60});
    let id = api.admin().post(IDENTITIES, &body).await.expect(201).text_at("/id");
    let (_, secret) = client_secret(&api, &id).await;
    let body = json!({"clientId": id, "clientSecret": secret});
    let issued = api.anonymous().post("/v1/auth:token", &body).await.expect(200).json;
    assert_eq!((&issued["expiresIn"], &issued["tokenType"]), (&json!(60), &json!("Bearer")));
    let token = issued["accessToken"].as_str().expect("a token");
    api.clock.advance(Duration::from_secs(80));
    api.bearer(token).get(HEALTH).await.expect(200);
    api.clock.advance(Duration::from_secs(20));
    api.bearer(token).get(HEALTH).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn every_bad_pair_is_the_same_401() {
    let api = acme().await;
    let (one, _) = api.member("acme", "one", "READER").await;
    let (two, _) = api.member("acme", "two", "READER").await;
    let (_, secret) = client_secret(&api, &one).await;
    let (_, key) = api_key(&api, &json!({"name": "k"})).await;
    let wrong_end = format!("{}{}", &secret[..secret.len() - 1], if secret.ends_with('0') { '1' } else { '0' });
    let mut bodies = Vec::new();
    for (client_id, client_secret) in [
        (two.as_str(), secret.as_str()),
        (one.as_str(), wrong_end.as_str()),
        (one.as_str(), key.as_str()),
        (one.as_str(), ""),
        ("", secret.as_str()),
        ("0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20", secret.as_str()),
    ] {
        let body = json!({"clientId": client_id, "clientSecret": client_secret});
        let mut answer = api.anonymous().post("/v1/auth:token", &body).await.problem(401, "unauthenticated");
        answer.json["instance"] = Value::Null;
        bodies.push(answer.json);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn every_bad_credential_is_the_same_401() {
    let api = acme().await;
    let (_, token) = api.member("acme", "ci", "READER").await;
    let (_, key) = api_key(&api, &json!({"name": "k"})).await;
    let tampered = format!("{}x", token);
    let callers = [
        api.bearer(&tampered),
        api.bearer(""),
        api.bearer(&key),
        api.api_key(&token),
        api.api_key(&key[..key.len() - 1]),
        api.anonymous().with("authorization", &format!("Basic {token}")),
        api.anonymous().with("authorization", &token),
        api.bearer(&token).with("authorization", &format!("Bearer {token}")),
        api.bearer(&token).with("x-api-key", &key),
    ];
    for caller in callers {
        let answer = caller.get(HEALTH).await.problem(401, "unauthenticated");
        assert_eq!(answer.json["detail"], "There is no valid credential with the request");
    }
}

#[tokio::test]
async fn a_client_secret_is_shown_once_and_ends() {
    let api = acme().await;
    let (id, _) = api.member("acme", "ci", "READER").await;
    let (secret_id, secret) = client_secret(&api, &id).await;
    let list = api.admin().get(&format!("{IDENTITIES}/{id}/clientSecrets")).await.expect(200);
    assert!(!list.text.contains(&secret), "the secret is not in the list");
    assert_eq!(list.json["items"][1]["id"], json!(secret_id));
    assert_eq!(list.json["items"][1]["clientSecret"], Value::Null);
    api.exchange(&id, &secret).await;
    api.admin().delete(&format!("{IDENTITIES}/{id}/clientSecrets/{secret_id}")).await.expect(204);
    let body = json!({"clientId": id, "clientSecret": secret});
    api.anonymous().post("/v1/auth:token", &body).await.problem(401, "unauthenticated");
    let (_, secret) = client_secret(&api, &id).await;
    api.clock.advance(90 * DAY);
    let body = json!({"clientId": id, "clientSecret": secret});
    api.anonymous().post("/v1/auth:token", &body).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn disabling_revoking_and_deleting_take_effect_at_once() {
    let api = acme().await;
    let (id, token) = api.member("acme", "ci", "READER").await;
    let (_, secret) = client_secret(&api, &id).await;
    let path = format!("{IDENTITIES}/{id}");
    api.admin().patch(&path, &json!({"isDisabled": true})).await.expect(200);
    api.bearer(&token).get(HEALTH).await.problem(401, "unauthenticated");
    let body = json!({"clientId": id, "clientSecret": secret});
    api.anonymous().post("/v1/auth:token", &body).await.problem(401, "unauthenticated");
    api.admin().patch(&path, &json!({"isDisabled": false})).await.expect(200);
    api.bearer(&token).get(HEALTH).await.expect(200);
    api.clock.advance(Duration::from_secs(2));
    api.admin().call(Method::POST, &format!("{path}:revokeTokens"), None).await.expect(204);
    api.bearer(&token).get(HEALTH).await.problem(401, "unauthenticated");
    api.clock.advance(Duration::from_secs(1));
    let fresh = api.exchange(&id, &secret).await;
    api.bearer(&fresh).get(HEALTH).await.expect(200);
    api.admin().delete(&path).await.expect(204);
    api.bearer(&fresh).get(HEALTH).await.problem(401, "unauthenticated");
    api.admin().get(&path).await.problem(404, "not_found");
    api.member("acme", "ci", "READER").await;
}

#[tokio::test]
async fn an_api_key_opens_its_tenant_with_its_scopes() {
    let api = acme().await;
    api.tenant("other").await;
    let body = json!({"name": "deploy", "scopes": ["identities:read"], "ttlDays": 1});
    let (id, key) = api_key(&api, &body).await;
    let health = api.api_key(&key).get(HEALTH).await.expect(200).json;
    assert_eq!((&health["authenticationSource"], &health["apiKeyName"]), (&json!("API_KEY"), &json!("deploy")));
    assert_eq!(health["scopes"], json!(["identities:read"]));
    assert_eq!(health["apiKeyExpiresAt"], health["expiresAt"]);
    api.api_key(&key).get(IDENTITIES).await.expect(200);
    api.api_key(&key).post(API_KEYS, &json!({"name": "x"})).await.problem(403, "scope_missing");
    api.api_key(&key).get("/v1/tenants/other/auth/health").await.problem(404, "not_found");
    // The maker administers the host; the key does not.
    api.api_key(&key).get("/v1/tenants").await.problem(403, "scope_missing");
    api.admin().delete(&format!("{API_KEYS}/{id}")).await.expect(204);
    api.api_key(&key).get(HEALTH).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_api_key_is_shown_once_and_expires() {
    let api = acme().await;
    let (id, key) = api_key(&api, &json!({"name": "k"})).await;
    for path in [API_KEYS.to_owned(), format!("{API_KEYS}/{id}")] {
        let answer = api.admin().get(&path).await.expect(200);
        let secret_part = key.split('_').nth(3).expect("the secret part");
        assert!(!answer.text.contains(secret_part), "{path}");
    }
    api.clock.advance(90 * DAY - Duration::from_secs(1));
    let token = api.services.identities.administrator_token().await.expect("there is an administrator").token;
    api.api_key(&key).get(HEALTH).await.expect(200);
    api.clock.advance(Duration::from_secs(1));
    api.api_key(&key).get(HEALTH).await.problem(401, "unauthenticated");
    for days in [0, 366] {
        let body = json!({"name": "k", "ttlDays": days});
        api.bearer(token.expose()).post(API_KEYS, &body).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_key_never_does_more_than_its_maker_may_now() {
    let api = acme().await;
    let (id, token) = api.member("acme", "maker", "OWNER").await;
    let made = api.bearer(&token).post(API_KEYS, &json!({"name": "k"})).await.expect(201);
    assert!(!made.json["scopes"].to_string().contains("secrets:reveal"), "seeing values is never implied");
    let key = made.text_at("/key");
    api.api_key(&key).get(IDENTITIES).await.expect(200);
    api.admin().patch(&format!("{IDENTITIES}/{id}"), &json!({"role": "READER"})).await.expect(200);
    api.api_key(&key).get(IDENTITIES).await.problem(403, "scope_missing");
    api.admin().delete(&format!("{IDENTITIES}/{id}")).await.expect(204);
    api.api_key(&key).get(HEALTH).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn nobody_grants_or_takes_away_what_they_do_not_have() {
    let api = acme().await;
    let (_, token) = api.member("acme", "clerk", "identities:read,identities:write,secrets:read").await;
    let clerk = api.bearer(&token);
    clerk.post(IDENTITIES, &json!({"name": "a", "scopes": ["secrets:read"]})).await.expect(201);
    for body in [
        json!({"name": "b", "role": "OWNER"}),
        json!({"name": "b", "scopes": ["secrets:reveal"]}),
        json!({"name": "b", "role": "READER"}),
    ] {
        clerk.post(IDENTITIES, &body).await.problem(403, "scope_missing");
    }
    clerk.post(API_KEYS, &json!({"name": "k", "scopes": ["syncs:run"]})).await.problem(403, "scope_missing");
    let (owner, _) = api.member("acme", "owner", "OWNER").await;
    let path = format!("{IDENTITIES}/{owner}");
    clerk.patch(&path, &json!({"role": null})).await.problem(403, "scope_missing");
    clerk.delete(&path).await.problem(403, "scope_missing");
    clerk.call(Method::POST, &format!("{path}:revokeTokens"), None).await.problem(403, "scope_missing");
    clerk.post(&format!("{path}/clientSecrets"), &json!({"name": "mine"})).await.problem(403, "scope_missing");
}

#[tokio::test]
async fn an_administrator_sees_tenants_of_others_but_not_their_values() {
    let api = acme().await;
    let scopes = |answer: Value| answer["scopes"].to_string();
    assert!(scopes(api.admin().get(HEALTH).await.expect(200).json).contains("secrets:reveal"), "it made this tenant");
    let id = api.admin().get(HEALTH).await.expect(200).text_at("/userId");
    api.admin().delete(&format!("{IDENTITIES}/{id}")).await.expect(204);
    let left = scopes(api.admin().get(HEALTH).await.expect(200).json);
    assert!(left.contains("secrets:write") && !left.contains("secrets:reveal"), "{left}");
}

#[tokio::test]
async fn an_identity_of_one_tenant_can_be_a_member_of_another() {
    let api = acme().await;
    api.tenant("other").await;
    let (id, token) = api.member("acme", "ci", "READER").await;
    let theirs = "/v1/tenants/other/auth/health";
    api.bearer(&token).get(theirs).await.problem(404, "not_found");
    let body = json!({"identityId": id, "role": "AUDITOR"});
    let admitted = api.admin().post("/v1/tenants/other/identities", &body).await.expect(201);
    assert_eq!((&admitted.json["isHome"], &admitted.json["role"]), (&json!(false), &json!("AUDITOR")));
    api.admin().post("/v1/tenants/other/identities", &body).await.problem(409, "already_exists");
    api.bearer(&token).get(theirs).await.expect(200);
    let path = format!("/v1/tenants/other/identities/{id}");
    api.admin().patch(&path, &json!({"isDisabled": true})).await.problem(409, "wrong_state");
    api.admin().post(&format!("{path}/clientSecrets"), &json!({"name": "x"})).await.problem(409, "wrong_state");
    api.admin().delete(&path).await.expect(204);
    api.bearer(&token).get(theirs).await.problem(404, "not_found");
    api.bearer(&token).get(HEALTH).await.expect(200);
}

#[tokio::test]
async fn identities_are_validated() {
    let api = acme().await;
    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({"name": ""}), "/name"),
        (json!({"name": "a", "identityId": "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20"}), "/name"),
        (json!({"name": "a", "role": "KING"}), "/role"),
        (json!({"name": "a", "scopes": ["secrets:read", "secrets:eat"]}), "/scopes/1"),
        (json!({"name": "a", "tokenTtlSeconds": 1}), "/tokenTtlSeconds"),
    ] {
        let answer = api.admin().post(IDENTITIES, &body).await.problem(400, "invalid_request");
        assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{body}");
    }
    api.member("acme", "Name", "READER").await;
    api.admin().post(IDENTITIES, &json!({"name": "nAME"})).await.problem(409, "already_exists");
    for path in [format!("{IDENTITIES}/x"), format!("{API_KEYS}/x"), format!("{IDENTITIES}/x/clientSecrets")] {
        api.admin().get(&path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn what_is_done_is_in_the_audit_log_without_a_secret() {
    let api = acme().await;
    let (id, _) = api.member("acme", "ci", "READER").await;
    let (_, secret) = client_secret(&api, &id).await;
    let log = api.admin().get("/v1/tenants/acme/auditEvents").await.expect(200);
    let actions: Vec<&str> =
        log.json["items"].as_array().expect("a list").iter().map(|e| e["action"].as_str().expect("text")).collect();
    assert_eq!(actions, ["identities.create", "clientSecrets.create", "clientSecrets.create"]);
    assert_eq!(log.json["items"][0]["resource"], json!(id));
    assert_eq!(log.json["items"][0]["actorName"], "administrator");
    assert!(!log.text.contains(&secret));
    let (_, auditor) = api.member("acme", "auditor", "AUDITOR").await;
    api.bearer(&auditor).get("/v1/tenants/acme/auditEvents").await.expect(200);
    let (_, reader) = api.member("acme", "reader", "READER").await;
    api.bearer(&reader).get("/v1/tenants/acme/auditEvents").await.problem(403, "scope_missing");
}

#[tokio::test]
async fn settings_of_auth_types_are_told_to_whoever_is_known() {
    let api = acme().await;
    api.anonymous().get("/v1/authMetadata:settings").await.problem(401, "unauthenticated");
    let (_, token) = api.member("acme", "ci", "READER").await;
    let settings = api.bearer(&token).get("/v1/authMetadata:settings").await.expect(200).json;
    for scheme in ["UNSPECIFIED", "NONE", "API_KEY", "BEARER_TOKEN", "BASIC_AUTH", "O_AUTH2", "AWS_SIGV4", "CUSTOM"] {
        assert!(settings[scheme]["parametersMetadata"].is_array(), "{scheme}");
    }
    assert_eq!(settings["API_KEY"]["parametersMetadata"][0]["name"], "header");
}

#[tokio::test]
async fn no_stored_row_holds_a_key_or_a_token_in_clear() {
    use keyferry::ports::kv::{KeyRange, KvStore as _};
    let api = acme().await;
    let (id, _) = api.member("acme", "ci", "READER").await;
    let (_, secret) = client_secret(&api, &id).await;
    let (_, key) = api_key(&api, &json!({"name": "k"})).await;
    let snapshot = api.store.snapshot().await.expect("the store works");
    let rows = snapshot.scan(KeyRange { start: Vec::new(), end: None }, usize::MAX).await.expect("the store works");
    let parts: Vec<&str> =
        [&secret, &key].iter().map(|text| text.split('_').nth(3).expect("the secret part")).collect();
    for row in rows {
        for part in &parts {
            let holds = |bytes: &[u8]| bytes.windows(part.len()).any(|window| window == part.as_bytes());
            assert!(!holds(&row.key) && !holds(&row.value), "{:02x?}", row.key);
        }
    }
    assert_eq!(api.anonymous().get("/healthz").await.status, StatusCode::OK);
}
