//! Assuming a role, against a server that plays STS.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use keyferry_contract::Signing;

use super::credentials::{Signed, signature};
use super::server::{Reply, Server, answer, ok};
use super::*;
use crate::domain::Timestamp;
use crate::ports::clock::Clock;

/// 2026-11-22T00:00:00Z
const START_MS: i64 = 1_795_305_600_000;

struct HandClock(AtomicI64);

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _: Duration) {}
}

/// An hour of keys, a new one with each answer.
fn keys(number: usize) -> Reply {
    let body = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{number}</AccessKeyId>\
        <SecretAccessKey>assumed-secret-{number}</SecretAccessKey><SessionToken>assumed-token-{number}</SessionToken>\
        <Expiration>2026-11-22T01:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    answer("200 OK\r\ncontent-type: text/xml", body.as_bytes())
}

async fn sts() -> Server {
    let number = AtomicUsize::new(0);
    Server::start(move |_| keys(number.fetch_add(1, Ordering::SeqCst))).await
}

fn role_scope(api: &Server, sts: &Server) -> EgressScope {
    let settings = json!({"assumeRole": true, "exchangeEntry": "sts"});
    let credentials = [
        ("accessKeyId", "AKIDEXAMPLE"),
        ("secretAccessKey", "own-secret-access-key"),
        ("roleArn", "arn:aws:iam::123456789012:role/sync"),
    ];
    let mut scope = scope(api.port());
    scope.auth = auth(AuthScheme::AwsSigv4, settings, &credentials);
    scope.external_id = Some("kf-tenant-external-id".to_owned());
    scope.settings.insert("stsEndpoint".to_owned(), format!("http://127.0.0.1:{}", sts.port()));
    scope.entries.push(entry("sts", "{stsEndpoint}", 443));
    for (entry, service) in scope.entries.iter_mut().zip(["ssm", "sts"]) {
        entry.signing = Some(Signing { service: service.to_owned(), region: "eu-west-1".to_owned() });
    }
    scope
}

fn clocked_egress(clock: &Arc<HandClock>) -> HyperEgress {
    let resolver = ScriptedResolver::new(&[&["127.0.0.1"]]);
    HyperEgress::builder(open_policy()).resolver(resolver).clock(Arc::clone(clock) as Arc<dyn Clock>).build()
}

fn clock() -> Arc<HandClock> {
    Arc::new(HandClock(AtomicI64::new(START_MS)))
}

#[tokio::test]
async fn requests_are_signed_with_the_roles_keys() {
    let (api, sts) = (Server::start(|_| ok("{}")).await, sts().await);
    let scope = role_scope(&api, &sts);
    let connection = scope.connection.unwrap().uuid().simple().to_string();
    let session = clocked_egress(&clock()).open(scope, None);
    get(&session, &api, "/").await.unwrap();

    let exchange = sts.only();
    assert_eq!(exchange.line, "POST / HTTP/1.1");
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&exchange.body).into_owned().collect();
    assert_eq!(form["Action"], "AssumeRole");
    assert_eq!(form["RoleArn"], "arn:aws:iam::123456789012:role/sync");
    assert_eq!(form["ExternalId"], "kf-tenant-external-id");
    assert_eq!(form["RoleSessionName"], format!("keyferry-{connection}"));
    let signed = Signed::of(&exchange);
    assert_eq!(signed.scope[0], "AKIDEXAMPLE");
    assert_eq!(signed.scope[3], "sts");
    assert_eq!(signed.signature, signature(&exchange, &signed, "own-secret-access-key"));

    let received = api.only();
    assert_eq!(received.header("x-amz-security-token"), "assumed-token-0");
    let signed = Signed::of(&received);
    assert_eq!((signed.scope[0].as_str(), signed.scope[3].as_str()), ("ASIA0", "ssm"));
    assert_eq!(signed.signature, signature(&received, &signed, "assumed-secret-0"));
    assert_eq!(session.observed().authenticated_successes, 1);
}

#[tokio::test]
async fn a_role_is_assumed_again_shortly_before_its_end() {
    let (api, sts, clock) = (Server::start(|_| ok("{}")).await, sts().await, clock());
    let (egress, scope) = (clocked_egress(&clock), role_scope(&api, &sts));
    for (minutes, exchanges) in [(0, 1), (54, 1), (55, 2)] {
        clock.0.store(START_MS + minutes * 60_000, Ordering::SeqCst);
        get(&egress.open(scope.clone(), None), &api, "/").await.unwrap();
        assert_eq!(sts.received().len(), exchanges, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn requests_at_once_share_one_exchange() {
    let (api, sts) = (Server::start(|_| ok("{}")).await, sts().await);
    let session = clocked_egress(&clock()).open(role_scope(&api, &sts), None);
    let (first, second, third) =
        tokio::join!(get(&session, &api, "/"), get(&session, &api, "/"), get(&session, &api, "/"));
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(sts.received().len(), 1);
}

#[tokio::test]
async fn a_role_is_kept_for_its_tenant_connection_and_credential_alone() {
    let (api, sts) = (Server::start(|_| ok("{}")).await, sts().await);
    let egress = clocked_egress(&clock());
    let first = role_scope(&api, &sts);
    let other_tenant = EgressScope { tenant: TenantUid::generate(), ..first.clone() };
    let other_connection = EgressScope { connection: Some(ConnectionUid::generate()), ..first.clone() };
    let other_external_id = EgressScope { external_id: Some("kf-other".to_owned()), ..first.clone() };
    let tested = EgressScope { connection: None, ..first.clone() };
    let mut other_role = first.clone();
    other_role.auth.credentials.insert("roleArn".to_owned(), "arn:aws:iam::123456789012:role/other".into());
    let scopes = [first, other_tenant, other_connection, other_external_id, other_role, tested.clone(), tested];
    for (index, scope) in scopes.into_iter().enumerate() {
        get(&egress.open(scope, None), &api, "/").await.unwrap();
        assert_eq!(sts.received().len(), index + 1);
    }
}

#[tokio::test]
async fn a_refused_exchange_sends_nothing() {
    let api = Server::start(|_| ok("{}")).await;
    let refusal = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>arn:aws:iam::1:role/x</Message></Error>";
    let sts = Server::start(move |_| answer("403 Forbidden", refusal.as_bytes())).await;
    let session = clocked_egress(&clock()).open(role_scope(&api, &sts), None);
    let failure = get(&session, &api, "/").await.unwrap_err();
    let EgressFailure::Authentication(reason) = &failure else { panic!("{failure:?}") };
    assert!(reason.contains("AccessDenied") && !reason.contains("arn:"), "{reason}");
    assert_eq!(api.connections(), 0);
}

#[tokio::test]
async fn an_exchange_that_breaks_was_not_the_request() {
    let api = Server::start(|_| ok("{}")).await;
    let sts = Server::start(|_| Reply::Last(Vec::new())).await;
    let session = clocked_egress(&clock()).open(role_scope(&api, &sts), None);
    let result = get(&session, &api, "/").await;
    assert!(matches!(result, Err(EgressFailure::NotSent(_))), "{result:?}");
    assert_eq!(api.connections(), 0);
}

#[tokio::test]
async fn an_exchange_needs_an_external_id_and_a_granted_entry() {
    let (api, sts) = (Server::start(|_| ok("{}")).await, sts().await);
    let complete = role_scope(&api, &sts);
    let without_id = EgressScope { external_id: None, ..complete.clone() };
    let mut without_signing = complete.clone();
    without_signing.entries[1].signing = None;
    for scope in [without_id, without_signing] {
        let result = get(&clocked_egress(&clock()).open(scope, None), &api, "/").await;
        assert!(matches!(result, Err(EgressFailure::Authentication(_))), "{result:?}");
    }
    let mut without_entry = complete.clone();
    without_entry.entries.truncate(1);
    let mut without_post = complete.clone();
    without_post.entries[1].methods = vec!["GET".to_owned()];
    let mut to_metadata = complete;
    to_metadata.settings.insert("stsEndpoint".to_owned(), "https://169.254.169.254".to_owned());
    for scope in [without_entry, without_post, to_metadata] {
        let result = get(&clocked_egress(&clock()).open(scope, None), &api, "/").await;
        assert!(matches!(result, Err(EgressFailure::Denied(_))), "{result:?}");
    }
    assert_eq!((api.connections(), sts.connections()), (0, 0));
}

#[tokio::test]
async fn an_answer_that_repeats_the_roles_keys_comes_masked() {
    let (api, sts) = (Server::start(|_| ok("you sent assumed-token-0")).await, sts().await);
    let session = clocked_egress(&clock()).open(role_scope(&api, &sts), None);
    let shown = get(&session, &api, "/").await.expect("an answer");
    assert_eq!(shown.body, b"you sent ***************");
}
