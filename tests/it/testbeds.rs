//! The test beds refuse what the real thing refuses; a bed that lets everything through proves nothing of a plugin.

use keyferry_tests::testbed::aws::{Emulator, allow};
use keyferry_tests::testbed::{AwsBed, AwsCredentials, AwsRequest, Consul};
use serde_json::{Value, json};

fn get(name: &str) -> AwsRequest {
    AwsRequest::ssm("GetParameter", &json!({"Name": name, "WithDecryption": true}))
}

fn put(name: &str, value: &str) -> AwsRequest {
    AwsRequest::ssm("PutParameter", &json!({"Name": name, "Value": value, "Type": "SecureString"}))
}

#[tokio::test]
async fn right_credentials_read_what_they_wrote() {
    for bed in AwsBed::both().await {
        let user = bed.user(&allow(&["ssm:*"], &["*"])).await;
        let written = bed.call(&user, &put("/right/key", "value")).await;
        assert_eq!(written.status, 200, "{:?}: {}", bed.emulator, written.body);
        let read = bed.call(&user, &get("/right/key")).await;
        assert_eq!(read.json()["Parameter"]["Value"], "value", "{:?}", bed.emulator);
        assert_eq!(bed.parameters("/right").await, [("/right/key".to_owned(), "value".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn wrong_secret_is_refused() {
    for bed in AwsBed::both().await {
        let user = bed.user(&allow(&["ssm:*"], &["*"])).await;
        let reply = bed.call(&user.with_wrong_secret(), &get("/any")).await;
        let (status, code) = match bed.emulator {
            Emulator::Ministack => (400, "InvalidSignatureException"),
            Emulator::Moto => (403, "SignatureDoesNotMatch"),
        };
        assert!(reply.status == status && reply.body.contains(code), "{:?}: {reply:?}", bed.emulator);
    }
}

#[tokio::test]
async fn unknown_key_is_refused() {
    for bed in AwsBed::both().await {
        let reply = bed.call(&AwsCredentials::unknown(), &get("/any")).await;
        let is_refused = reply.body.contains("UnrecognizedClient") || reply.body.contains("InvalidClientTokenId");
        assert!(is_refused && [400, 403].contains(&reply.status), "{:?}: {reply:?}", bed.emulator);
    }
}

#[tokio::test]
async fn insufficient_credentials_are_refused_with_what_is_lacking() {
    for bed in AwsBed::both().await {
        let reader = bed.user(&allow(&["ssm:GetParameter"], &["*"])).await;
        let reply = bed.call(&reader, &put("/lacking/key", "value")).await;
        let is_named = reply.body.contains("AccessDenied") && reply.body.contains("ssm:PutParameter");
        assert!(is_named, "{:?}: {reply:?}", bed.emulator);
        assert_eq!(bed.parameters("/lacking").await, []);
    }
}

#[tokio::test]
async fn role_is_taken_on_with_its_external_id() {
    let bed = AwsBed::ministack().await;
    let arn = bed.role(&allow(&["ssm:*"], &["*"]), "shared-word").await;
    let user = bed.user(&allow(&["sts:AssumeRole"], &["*"])).await;
    let assume = |word: &'static str| {
        let parameters = [("RoleArn", arn.as_str()), ("RoleSessionName", "test"), ("ExternalId", word)];
        AwsRequest::query("sts", "AssumeRole", &parameters)
    };
    let refused = bed.call(&user, &assume("another-word")).await;
    assert!(refused.status == 403 && refused.body.contains("AccessDenied"), "{refused:?}");
    let taken = bed.call(&user, &assume("shared-word")).await;
    assert!(taken.status == 200 && taken.body.contains("<SessionToken>"), "{}", taken.status);
}

#[tokio::test]
async fn consul_gives_a_token_what_its_rules_say_and_no_more() {
    let consul = Consul::shared().await;
    let token = consul.token("key_prefix \"granted/\" { policy = \"write\" }").await;
    let put = async |token: &str, key: &str| {
        let request = reqwest::Client::new().put(format!("{}/v1/kv/{key}", consul.endpoint)).body("value");
        let reply = request.header("x-consul-token", token).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    assert_eq!(put(&token, "granted/key").await, (200, "true".to_owned()));
    assert_eq!(consul.get("granted/key").await.as_deref(), Some("value"));
    let (status, text) = put(&token, "foreign/key").await;
    assert!(status == 403 && text.contains("Permission denied"), "{status} {text}");
    let (status, text) = put("5c3a4f0e-0000-4000-8000-000000000000", "granted/key").await;
    assert!(status == 403 && text.contains("ACL not found"), "{status} {text}");
    assert_eq!(consul.get("foreign/key").await, None);
}

#[tokio::test]
async fn consul_compares_before_it_sets() {
    let consul = Consul::shared().await;
    consul.put("compared/key", "one").await;
    let url = format!("{}/v1/kv/compared/key?cas=1", consul.endpoint);
    let request = reqwest::Client::new().put(url).header("x-consul-token", consul.management_token()).body("two");
    let reply: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!((reply, consul.get("compared/key").await.as_deref()), (json!(false), Some("one")));
}

#[tokio::test]
async fn consul_takes_values_of_512_kib_and_no_longer_ones() {
    let consul = Consul::shared().await;
    let url = format!("{}/v1/kv/large/key", consul.endpoint);
    for (bytes, status) in [(512 * 1024, 200), (512 * 1024 + 1, 413)] {
        let request = reqwest::Client::new().put(&url).header("x-consul-token", consul.management_token());
        assert_eq!(request.body("x".repeat(bytes)).send().await.unwrap().status(), status, "{bytes}");
    }
    assert_eq!(consul.get("large/key").await.map(|value| value.len()), Some(512 * 1024));
}

#[tokio::test]
async fn server_ends_with_its_handle() {
    let bed = AwsBed::start_moto().await;
    let endpoint = bed.endpoint.clone();
    drop(bed);
    let error = reqwest::get(&endpoint).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
}
