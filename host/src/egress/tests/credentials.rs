//! Each auth scheme, as the server sees it.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use keyferry_contract::Signing;
use sha2::{Digest, Sha256};

use super::server::{Received, Server, answer, ok};
use super::*;

/// Sends `GET /path?a=b` with and without authentication, and returns what arrived.
async fn sent_with(auth: EgressAuth) -> (Received, Received) {
    let server = Server::start(|_| ok("")).await;
    let session = open_egress().open(EgressScope { auth, ..scope(server.port()) }, None);
    get(&session, &server, "/path?a=b").await.unwrap();
    let plain = OutboundRequest { authenticate: false, ..request("GET", &server.url("/path?a=b")) };
    session.send(plain).await.unwrap();
    assert_eq!(session.observed().authenticated_successes, 1);
    let received = server.received();
    (received[0].clone(), received[1].clone())
}

#[tokio::test]
async fn an_api_key_goes_into_its_header() {
    let settings = json!({"header": "X-Vault-Token", "prefix": "Token "});
    let (with, without) = sent_with(auth(AuthScheme::ApiKey, settings, &[("key", "api-key-value")])).await;
    assert_eq!(with.header("x-vault-token"), "Token api-key-value");
    assert!(without.all("x-vault-token").is_empty());
}

#[tokio::test]
async fn an_api_key_goes_into_its_query_parameter() {
    let (with, without) =
        sent_with(auth(AuthScheme::ApiKey, json!({"query": "key"}), &[("key", "api key+value")])).await;
    assert_eq!(with.line, "GET /path?a=b&key=api+key%2Bvalue HTTP/1.1");
    assert_eq!(without.line, "GET /path?a=b HTTP/1.1");
}

#[tokio::test]
async fn a_bearer_token_goes_into_authorization() {
    let (with, without) = sent_with(bearer("token-value")).await;
    assert_eq!(with.header("authorization"), "Bearer token-value");
    assert!(without.all("authorization").is_empty());
    let (with, _) =
        sent_with(auth(AuthScheme::BearerToken, json!({"scheme": "SSWS"}), &[("token", "token-value")])).await;
    assert_eq!(with.header("authorization"), "SSWS token-value");
}

#[tokio::test]
async fn user_and_password_go_into_authorization() {
    let credentials = [("username", "Aladdin"), ("password", "open sesame")];
    let (with, without) = sent_with(auth(AuthScheme::BasicAuth, json!({}), &credentials)).await;
    // RFC 7617 2.
    assert_eq!(with.header("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert!(without.all("authorization").is_empty());
    let named = json!({"usernameParameter": "apiKey", "passwordParameter": "none"});
    let (with, _) = sent_with(auth(AuthScheme::BasicAuth, named, &[("apiKey", "key-as-user")])).await;
    assert_eq!(with.header("authorization"), "Basic a2V5LWFzLXVzZXI6");
}

#[tokio::test]
async fn schemes_that_apply_nothing_send_no_credential() {
    for scheme in [AuthScheme::None, AuthScheme::Custom] {
        let (with, _) = sent_with(auth(scheme, json!({}), &[("token", "token-value")])).await;
        assert!(!format!("{with:?}").contains("token-value"), "{scheme:?}");
    }
}

#[tokio::test]
async fn an_incomplete_credential_is_not_applied() {
    let header = json!({"header": "x-key"});
    let cases = [
        auth(AuthScheme::ApiKey, json!({}), &[("key", "value")]),
        auth(AuthScheme::ApiKey, json!({"header": "x-key", "query": "key"}), &[("key", "value")]),
        auth(AuthScheme::ApiKey, json!({"header": "no header"}), &[("key", "value")]),
        auth(AuthScheme::ApiKey, header.clone(), &[]),
        auth(AuthScheme::ApiKey, header, &[("key", "")]),
        auth(AuthScheme::BearerToken, json!({}), &[("token", "with\nbreak")]),
        auth(AuthScheme::BasicAuth, json!({}), &[("username", "user"), ("password", "")]),
        auth(AuthScheme::BasicAuth, json!({}), &[("username", "us:er"), ("password", "x")]),
        auth(AuthScheme::AwsSigv4, json!({}), &[("accessKeyId", "AKIDEXAMPLE")]),
        auth(AuthScheme::AwsSigv4, json!({}), &[("accessKeyId", "AKIDEXAMPLE"), ("secretAccessKey", "x")]),
        auth(AuthScheme::OAuth2, json!({}), &[("token", "value")]),
        auth(AuthScheme::Unspecified, json!({}), &[("token", "value")]),
    ];
    let server = Server::start(|_| ok("")).await;
    for auth in cases {
        let shown = format!("{auth:?}");
        let session = open_egress().open(EgressScope { auth, ..scope(server.port()) }, None);
        let result = get(&session, &server, "/").await;
        assert!(matches!(result, Err(EgressFailure::Authentication(_))), "{shown}: {result:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_the_credential_owns_the_guest_may_not_set() {
    let server = Server::start(|_| ok("")).await;
    let header = auth(AuthScheme::ApiKey, json!({"header": "x-key"}), &[("key", "value")]);
    let query = auth(AuthScheme::ApiKey, json!({"query": "key"}), &[("key", "value")]);
    let aws = auth(AuthScheme::AwsSigv4, json!({}), &[("accessKeyId", "A"), ("secretAccessKey", "x")]);
    for (auth, name, path) in [
        (header, "X-Key", "/"),
        (query.clone(), "x-other", "/?key=mine"),
        (query, "x-other", "/?a=b&%6bey=mine"),
        (aws.clone(), "x-amz-date", "/"),
        (aws.clone(), "x-amz-security-token", "/"),
        (aws, "x-amz-content-sha256", "/"),
    ] {
        let session = open_egress().open(EgressScope { auth, ..scope(server.port()) }, None);
        for authenticate in [true, false] {
            let headers = vec![(name.to_owned(), "x".to_owned())];
            let request = OutboundRequest { headers, authenticate, ..request("GET", &server.url(path)) };
            assert!(matches!(session.send(request).await, Err(EgressFailure::Denied(_))), "{name} {path}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_plugin_with_a_plaintext_grant_authorizes_by_itself() {
    let server = Server::start(|_| ok("")).await;
    let auth = auth(AuthScheme::Custom, json!({}), &[("token", "token-value")]);
    let session = open_egress().open(EgressScope { auth, ..scope(server.port()) }, None);
    let headers = vec![("authorization".to_owned(), "Bearer exchanged".to_owned())];
    let request = OutboundRequest { headers, ..request("GET", &server.url("/")) };
    session.send(request).await.unwrap();
    assert_eq!(server.only().header("authorization"), "Bearer exchanged");
}

#[tokio::test]
async fn a_credential_in_the_url_is_denied() {
    let server = Server::start(|_| ok("")).await;
    let session = open_egress().open(EgressScope { auth: bearer("t0ken/val+ue"), ..scope(server.port()) }, None);
    for path in ["/t0ken/val+ue", "/?q=t0ken%2Fval%2Bue", "/%74%30ken%2fval%2bue", "/?q=%2574%2530ken/val%252Bue"] {
        let result = get(&session, &server, path).await;
        assert!(matches!(result, Err(EgressFailure::Denied(_))), "{path}: {result:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_repeats_the_credential_comes_masked() {
    let head_echo = "401 Unauthorized\r\nx-echo: Bearer token-value-long";
    let base64_echo = "401 Unauthorized\r\nx-echo: dG9rZW4tdmFsdWUtbG9uZw";
    let body_echo = "{\"authorization\":\"Bearer token-value-long\"}";
    for (head, body) in [(head_echo, ""), (base64_echo, ""), ("401 Unauthorized", body_echo)] {
        let server = Server::start(move |_| answer(head, body.as_bytes())).await;
        let auth = bearer("token-value-long");
        let session = open_egress().open(EgressScope { auth, ..scope(server.port()) }, None);
        for method in ["GET", "POST"] {
            let shown = session.send(request(method, &server.url("/"))).await.expect("an answer");
            let text = format!("{:?} {}", shown.headers, String::from_utf8_lossy(&shown.body));
            assert_eq!(shown.status, 401);
            assert!(!text.contains("token-value-long") && !text.contains("dG9rZW4tdmFsdWUtbG9uZw"), "{text}");
            assert!(text.contains("****"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_user_name_in_an_answer_is_no_secret() {
    let server = Server::start(|_| ok("{\"login\":\"octocat-the-user\"}")).await;
    let auth = auth(AuthScheme::BasicAuth, json!({}), &[("username", "octocat-the-user"), ("password", "passw0rd")]);
    let session = open_egress().open(EgressScope { auth, ..scope(server.port()) }, None);
    assert!(get(&session, &server, "/").await.is_ok());
}

#[tokio::test]
async fn requests_are_signed_for_what_the_entry_says() {
    let server = Server::start(|_| ok("{}")).await;
    let keys = [("accessKeyId", "AKIDEXAMPLE"), ("secretAccessKey", "secret-access-key"), ("sessionToken", "session")];
    let mut scope = EgressScope { auth: auth(AuthScheme::AwsSigv4, json!({}), &keys), ..scope(server.port()) };
    scope.entries[0].signing = Some(Signing { service: "ssm".to_owned(), region: "{region}".to_owned() });
    scope.settings.insert("region".to_owned(), "eu-central-1".to_owned());
    let session = open_egress().open(scope, None);
    let mut request = request("POST", &server.url("/a%20path/x?b=2&a=1%2F1&a=0"));
    request.headers = vec![
        ("X-Amz-Target".to_owned(), "AmazonSSM.PutParameter".to_owned()),
        ("Content-Type".to_owned(), "application/x-amz-json-1.1".to_owned()),
    ];
    request.body = Some(b"{\"Name\":\"x\"}".to_vec());
    session.send(request).await.unwrap();

    let received = server.only();
    assert_eq!(received.header("x-amz-security-token"), "session");
    let signed = Signed::of(&received);
    assert_eq!(signed.scope[0], "AKIDEXAMPLE");
    assert_eq!(signed.scope[2..], ["eu-central-1", "ssm", "aws4_request"]);
    let expected = ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"];
    assert_eq!(signed.headers, expected.map(str::to_owned).into());
    assert_eq!(signed.signature, signature(&received, &signed, "secret-access-key"));
    assert_ne!(signed.signature, signature(&received, &signed, "another-key"));
}

/// What an `Authorization` header of Signature Version 4 says.
pub(super) struct Signed {
    pub(super) scope: Vec<String>,
    pub(super) headers: BTreeSet<String>,
    pub(super) signature: String,
}

impl Signed {
    pub(super) fn of(received: &Received) -> Self {
        let parts = received.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
        let part = |name: &str| parts.split(", ").find_map(|part| part.strip_prefix(name)).unwrap();
        Self {
            scope: part("Credential=").split('/').map(str::to_owned).collect(),
            headers: part("SignedHeaders=").split(';').map(str::to_owned).collect(),
            signature: part("Signature=").to_owned(),
        }
    }
}

/// The signature that AWS would expect, worked out from what arrived and from its documentation alone.
pub(super) fn signature(received: &Received, signed: &Signed, secret: &str) -> String {
    let mut line = received.line.split(' ');
    let (method, uri) = (line.next().unwrap(), line.next().unwrap());
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut query: Vec<_> = query.split('&').collect();
    query.sort_unstable();
    let headers: String = signed.headers.iter().map(|name| format!("{name}:{}\n", received.header(name))).collect();
    let names = signed.headers.iter().cloned().collect::<Vec<_>>().join(";");
    let hash = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes));
    let canonical = format!(
        "{method}\n{}\n{}\n{headers}\n{names}\n{}",
        path.replace('%', "%25"),
        query.join("&"),
        hash(&received.body)
    );
    let scope = signed.scope[1..].join("/");
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", received.header("x-amz-date"), hash(canonical.as_bytes()));
    let first = format!("AWS4{secret}").into_bytes();
    let key = signed.scope[1..].iter().fold(first, |key, part| hmac(&key, part));
    HEXLOWER.encode(&hmac(&key, &text))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
