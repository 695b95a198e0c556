//! Settings of universal auth, client secrets, and who is locked out.

use std::time::Duration;

use keyferry_tests::api::TestApi;
use serde_json::{Value, json};

use super::client::{Client, log_in};

const NATIVE: &str = "/v1/tenants/acme/identities";
const DIALECT: &str = "/api/v1/auth/universal-auth/identities";

async fn acme() -> TestApi {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api
}

/// An identity that takes no client secrets yet.
async fn bare(api: &TestApi) -> String {
    let body = json!({"name": "bare", "role": "OPERATOR", "takesClientSecrets": false});
    api.admin().post(NATIVE, &body).await.expect(201).text_at("/id")
}

fn anywhere() -> Value {
    json!([{"ipAddress": "0.0.0.0", "type": "ipv4", "prefix": 0}, {"ipAddress": "::", "type": "ipv6", "prefix": 0}])
}

#[tokio::test]
async fn settings_are_attached_changed_read_and_taken_away() {
    let api = acme().await;
    let id = bare(&api).await;
    let path = format!("{DIALECT}/{id}");
    api.admin().get(&path).await.infisical_error(404, "NotFound");
    api.admin().patch(&path, &json!({"accessTokenTTL": 60})).await.infisical_error(404, "NotFound");
    let made = api.admin().post(&path, &json!({})).await.expect(200).json["identityUniversalAuth"].clone();
    for (member, expect) in [
        ("clientId", json!(id)),
        ("identityId", json!(id)),
        ("accessTokenTTL", json!(2_592_000)),
        ("accessTokenMaxTTL", json!(2_592_000)),
        ("accessTokenNumUsesLimit", json!(0)),
        ("accessTokenPeriod", json!(0)),
        ("accessTokenTrustedIps", anywhere()),
        ("clientSecretTrustedIps", anywhere()),
        ("lockoutEnabled", json!(true)),
        ("lockoutThreshold", json!(3)),
        ("lockoutDurationSeconds", json!(300)),
        ("lockoutCounterResetSeconds", json!(30)),
    ] {
        assert_eq!(made[member], expect, "{member}");
    }
    api.admin().post(&path, &json!({})).await.infisical_error(400, "BadRequest");
    let change = json!({"accessTokenTTL": "120", "accessTokenTrustedIps": [{"ipAddress": "10.0.0.0/8"}, {"ipAddress": "::1"}],
        "lockoutThreshold": 9, "unknown": 1});
    let changed = api.admin().patch(&path, &change).await.expect(200).json["identityUniversalAuth"].clone();
    let expected =
        json!([{"ipAddress": "10.0.0.0", "type": "ipv4", "prefix": 8}, {"ipAddress": "::1", "type": "ipv6"}]);
    assert_eq!((&changed["accessTokenTTL"], &changed["accessTokenTrustedIps"]), (&json!(120), &expected));
    assert_eq!((&changed["lockoutThreshold"], &changed["accessTokenMaxTTL"]), (&json!(9), &json!(2_592_000)));
    assert_eq!(api.admin().get(&path).await.expect(200).json["identityUniversalAuth"], changed);
    assert_eq!(api.admin().delete(&path).await.expect(200).json["identityUniversalAuth"], changed);
    api.admin().get(&path).await.infisical_error(404, "NotFound");
    api.admin().delete(&path).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn both_dialects_show_and_change_the_same_settings() {
    let api = acme().await;
    let id = bare(&api).await;
    let (native, dialect) = (format!("{NATIVE}/{id}"), format!("{DIALECT}/{id}"));
    let body = json!({"accessTokenTTL": 60, "accessTokenMaxTTL": 600, "accessTokenNumUsesLimit": 5,
        "clientSecretTrustedIps": [{"ipAddress": "192.168.1.7"}], "lockoutEnabled": false});
    api.admin().post(&dialect, &body).await.expect(200);
    let shown = api.admin().get(&native).await.expect(200).json;
    for (member, expect) in [
        ("tokenTtlSeconds", json!(60)),
        ("tokenMaxTtlSeconds", json!(600)),
        ("tokenUsesMax", json!(5)),
        ("tokenNetworks", json!([])),
        ("clientSecretNetworks", json!(["192.168.1.7/32"])),
        ("takesClientSecrets", json!(true)),
        ("lockout", json!({"isEnabled": false, "threshold": 3, "durationSeconds": 300, "resetSeconds": 30})),
    ] {
        assert_eq!(shown[member], expect, "{member}");
    }
    let change = json!({"tokenNetworks": ["fd00::/8"], "lockout": {"isEnabled": true, "threshold": 7}});
    api.admin().patch(&native, &change).await.expect(200);
    let shown = api.admin().get(&dialect).await.expect(200).json["identityUniversalAuth"].clone();
    assert_eq!(shown["accessTokenTrustedIps"], json!([{"ipAddress": "fd00::", "type": "ipv6", "prefix": 8}]));
    assert_eq!((&shown["lockoutEnabled"], &shown["lockoutThreshold"]), (&json!(true), &json!(7)));
    api.admin().patch(&native, &json!({"takesClientSecrets": false})).await.expect(200);
    api.admin().get(&dialect).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn settings_out_of_range_are_refused_in_both_dialects() {
    let api = acme().await;
    let id = bare(&api).await;
    let path = format!("{DIALECT}/{id}");
    for (body, member) in [
        (json!({"accessTokenTTL": 59}), "accessTokenTTL"),
        (json!({"accessTokenTTL": 31_536_001}), "accessTokenTTL"),
        (json!({"accessTokenMaxTTL": 0}), "accessTokenMaxTTL"),
        (json!({"accessTokenNumUsesLimit": -1}), "accessTokenNumUsesLimit"),
        (json!({"accessTokenPeriod": 60}), "accessTokenPeriod"),
        (json!({"accessTokenTrustedIps": []}), "accessTokenTrustedIps"),
        (json!({"accessTokenTrustedIps": [{"ipAddress": "10.0.0.1/8"}]}), "accessTokenTrustedIps"),
        (json!({"clientSecretTrustedIps": [{"ipAddress": "nowhere"}]}), "clientSecretTrustedIps"),
        (json!({"clientSecretTrustedIps": [{}]}), "clientSecretTrustedIps"),
        (json!({"lockoutThreshold": 31}), "lockoutThreshold"),
        (json!({"lockoutDurationSeconds": 29}), "lockoutDurationSeconds"),
        (json!({"lockoutCounterResetSeconds": 4}), "lockoutCounterResetSeconds"),
    ] {
        let answer = api.admin().post(&path, &body).await.infisical_error(422, "ValidationFailure");
        assert_eq!(answer.json["message"][0]["path"][0], member, "{body}");
    }
    let longer = json!({"accessTokenTTL": 100, "accessTokenMaxTTL": 99});
    api.admin().post(&path, &longer).await.infisical_error(400, "BadRequest");
    let native = format!("{NATIVE}/{id}");
    for body in [
        json!({"tokenTtlSeconds": 100, "tokenMaxTtlSeconds": 99}),
        json!({"tokenNetworks": ["10.0.0.1/8"]}),
        json!({"tokenNetworks": ["10.0.0.1"]}),
        json!({"lockout": {"threshold": 0}}),
        json!({"tokenUsesMax": -1}),
    ] {
        api.admin().patch(&native, &body).await.problem(400, "invalid_request");
    }
    let body = json!({"name": "x", "tokenTtlSeconds": 100, "tokenMaxTtlSeconds": 99});
    api.admin().post(NATIVE, &body).await.problem(400, "invalid_request");
    let admitted = json!({"identityId": id, "tokenUsesMax": 1});
    api.admin().post(NATIVE, &admitted).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_client_secret_is_made_seen_listed_and_ended_in_both_dialects() {
    let api = acme().await;
    let id = bare(&api).await;
    let (native, dialect) = (format!("{NATIVE}/{id}/clientSecrets"), format!("{DIALECT}/{id}/client-secrets"));
    api.admin().post(&dialect, &json!({})).await.infisical_error(400, "BadRequest");
    api.admin().post(&native, &json!({"name": "x"})).await.problem(409, "wrong_state");
    api.admin().post(&format!("{DIALECT}/{id}"), &json!({})).await.expect(200);
    let body = json!({"description": "first", "ttl": 3_600, "numUsesLimit": 2});
    let made = api.admin().post(&dialect, &body).await.expect(200);
    let (secret, data) = (made.text_at("/clientSecret"), made.json["clientSecretData"].clone());
    let prefix = data["clientSecretPrefix"].as_str().expect("it has one");
    assert!(secret.starts_with(prefix) && secret.len() > prefix.len() + 40);
    for (member, expect) in [
        ("description", json!("first")),
        ("clientSecretTTL", json!(3_600)),
        ("clientSecretNumUses", json!(0)),
        ("clientSecretNumUsesLimit", json!(2)),
        ("isClientSecretRevoked", json!(false)),
        ("identityUAId", json!(id)),
    ] {
        assert_eq!(data[member], expect, "{member}");
    }
    let one = format!("{dialect}/{}", data["id"].as_str().expect("it has one"));
    assert_eq!(api.admin().get(&one).await.expect(200).json, json!({"clientSecretData": data}));
    let unnamed = api.admin().post(&dialect, &json!({})).await.expect(200).json["clientSecretData"].clone();
    assert_eq!((&unnamed["description"], &unnamed["clientSecretTTL"]), (&json!(""), &json!(31_536_000)));
    let list = api.admin().get(&dialect).await.expect(200);
    assert_eq!(list.json["clientSecretData"], json!([data, unnamed]));
    assert!(!list.text.contains(&secret));
    let shown = api.admin().get(&native).await.expect(200).json["items"][0].clone();
    assert_eq!((&shown["name"], &shown["usesMax"], &shown["id"]), (&json!("first"), &json!(2), &data["id"]));
    let revoked = api.admin().post(&format!("{one}/revoke"), &json!({})).await.expect(200).json;
    assert_eq!(revoked["clientSecretData"]["isClientSecretRevoked"], true);
    api.admin().get(&one).await.infisical_error(404, "NotFound");
    api.admin().post(&format!("{one}/revoke"), &json!({})).await.infisical_error(404, "NotFound");
    log_in(&api, (&id, &secret), None).await.infisical_error(401, "UnauthorizedError");
    for (body, member) in [
        (json!({"ttl": 31_536_001}), "ttl"),
        (json!({"numUsesLimit": -1}), "numUsesLimit"),
        (json!({"description": "x".repeat(101)}), "description"),
    ] {
        let answer = api.admin().post(&dialect, &body).await.infisical_error(422, "ValidationFailure");
        assert_eq!(answer.json["message"][0]["path"], json!([member]), "{body}");
    }
}

#[tokio::test]
async fn uses_of_a_client_secret_are_counted_where_they_are_limited() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", json!({})).await;
    let path = format!("{DIALECT}/{}/client-secrets", client.id);
    let made = api.admin().post(&path, &json!({"numUsesLimit": 2})).await.expect(200);
    let secret = made.text_at("/clientSecret");
    for _ in 0..2 {
        log_in(&api, (&client.id, &secret), None).await.expect(200);
    }
    log_in(&api, (&client.id, &secret), None).await.infisical_error(401, "UnauthorizedError");
    let native = json!({"clientId": client.id, "clientSecret": secret});
    api.anonymous().post("/v1/auth:token", &native).await.problem(401, "unauthenticated");
    let shown = api.admin().get(&format!("{path}/{}", made.text_at("/clientSecretData/id"))).await.expect(200).json;
    assert_eq!(shown["clientSecretData"]["clientSecretNumUses"], 2);
    client.log_in(&api, None).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_that_race_for_the_last_use_get_it_once() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", json!({})).await;
    let path = format!("{DIALECT}/{}/client-secrets", client.id);
    let secret = api.admin().post(&path, &json!({"numUsesLimit": 3})).await.expect(200).text_at("/clientSecret");
    let logins = (0..12).map(|_| {
        let (api, id, secret) = (api.clone(), client.id.clone(), secret.clone());
        tokio::spawn(async move { log_in(&api, (&id, &secret), None).await.status.as_u16() })
    });
    let logins: Vec<_> = logins.collect();
    let mut good = 0;
    for login in logins {
        good += u32::from(login.await.expect("it does not panic") == 200);
    }
    while log_in(&api, (&client.id, &secret), None).await.status == 200 {
        good += 1;
    }
    assert_eq!(good, 3);
}

#[tokio::test]
async fn taking_universal_auth_away_ends_secrets_and_tokens() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", json!({})).await;
    let token = client.token(&api).await;
    api.clock.advance(Duration::from_secs(2));
    let path = format!("{DIALECT}/{}", client.id);
    api.admin().delete(&path).await.expect(200);
    api.bearer(&token).get("/v1/tenants/acme/auth/health").await.problem(401, "unauthenticated");
    client.log_in(&api, None).await.infisical_error(401, "UnauthorizedError");
    api.admin().post(&path, &json!({})).await.expect(200);
    client.log_in(&api, None).await.infisical_error(401, "UnauthorizedError");
    assert_eq!(
        api.admin().get(&format!("{path}/client-secrets")).await.expect(200).json["clientSecretData"],
        json!([])
    );
}

#[tokio::test]
async fn client_secrets_are_taken_only_from_where_the_identity_says() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "OWNER", json!({"clientSecretNetworks": ["10.0.0.0/8"]})).await;
    client.log_in(&api, Some("10.9.9.9")).await.expect(200);
    for address in [Some("11.0.0.1"), Some("::1"), None] {
        client.log_in(&api, address).await.infisical_error(401, "UnauthorizedError");
    }
    // Wrong secrets from elsewhere lock nobody out.
    for _ in 0..10 {
        log_in(&api, (&client.id, "wrong"), Some("11.0.0.1")).await.infisical_error(401, "UnauthorizedError");
    }
    client.log_in(&api, Some("10.9.9.9")).await.expect(200);
}

#[tokio::test]
async fn wrong_secrets_lock_their_client_for_a_time_and_nobody_else() {
    let api = acme().await;
    let one = Client::new(&api, "one", "OWNER", json!({})).await;
    let other = Client::new(&api, "other", "OWNER", json!({})).await;
    // A secret of another client is as wrong as any.
    for wrong in ["wrong", "", other.secret.as_str()] {
        log_in(&api, (&one.id, wrong), None).await.infisical_error(401, "UnauthorizedError");
    }
    let mut locked = one.log_in(&api, None).await.infisical_error(401, "UnauthorizedError");
    let mut unknown = log_in(&api, ("0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20", "x"), None).await;
    locked.json["reqId"] = Value::Null;
    unknown.json["reqId"] = Value::Null;
    assert_eq!(locked.json, unknown.json, "nothing tells a locked client from one that does not exist");
    let native = json!({"clientId": one.id, "clientSecret": one.secret});
    api.anonymous().post("/v1/auth:token", &native).await.problem(401, "unauthenticated");
    other.log_in(&api, None).await.expect(200);
    api.clock.advance(Duration::from_secs(299));
    one.log_in(&api, None).await.infisical_error(401, "UnauthorizedError");
    api.clock.advance(Duration::from_secs(1));
    one.log_in(&api, None).await.expect(200);
}

#[tokio::test]
async fn a_lock_is_ended_by_who_may_and_a_success_forgives() {
    let api = acme().await;
    let client = Client::new(&api, "ci", "READER", json!({"lockout": {"threshold": 2}})).await;
    let token = client.token(&api).await;
    let wrong = async || log_in(&api, (&client.id, "wrong"), None).await.infisical_error(401, "UnauthorizedError");
    wrong().await;
    client.log_in(&api, None).await.expect(200);
    wrong().await;
    client.log_in(&api, None).await.expect(200);
    wrong().await;
    wrong().await;
    client.log_in(&api, None).await.infisical_error(401, "UnauthorizedError");
    let path = format!("{DIALECT}/{}/clear-lockouts", client.id);
    api.bearer(&token).post(&path, &json!({})).await.infisical_error(403, "PermissionDenied");
    assert_eq!(api.admin().post(&path, &json!({})).await.expect(200).json, json!({"deleted": 1}));
    assert_eq!(api.admin().post(&path, &json!({})).await.expect(200).json, json!({"deleted": 0}));
    client.log_in(&api, None).await.expect(200);
}

#[tokio::test]
async fn nobody_reaches_identities_of_a_home_that_is_not_theirs() {
    let api = acme().await;
    api.tenant("other").await;
    let client = Client::new(&api, "ci", "OWNER", json!({})).await;
    let (guest, stranger) = api.member("other", "stranger", "OWNER").await;
    let path = format!("{DIALECT}/{}", client.id);
    let mut hidden = api.bearer(&stranger).get(&path).await.infisical_error(404, "NotFound");
    let mut absent = api.bearer(&stranger).get(&format!("{DIALECT}/0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")).await;
    hidden.json["reqId"] = Value::Null;
    absent.json["reqId"] = Value::Null;
    assert_eq!(hidden.json, absent.json);
    // A guest here is still ruled from its home alone.
    let admitted = json!({"identityId": guest, "role": "READER"});
    api.admin().post(NATIVE, &admitted).await.expect(201);
    let owner = client.token(&api).await;
    let theirs = format!("{DIALECT}/{guest}");
    api.bearer(&owner).patch(&theirs, &json!({"accessTokenTTL": 60})).await.infisical_error(404, "NotFound");
    api.bearer(&owner).post(&format!("{theirs}/client-secrets"), &json!({})).await.infisical_error(404, "NotFound");
}
