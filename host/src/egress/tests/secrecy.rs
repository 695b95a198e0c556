//! What logs, failures and records tell, and what they never do.

use std::io::Write;

use tracing_subscriber::fmt::MakeWriter;

use super::server::{Server, answer, ok};
use super::*;

const SECRET: &str = "s3cret-canary-value";

/// Everything that is logged, by whatever library, at every level.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Keeps the records that an observer is told.
#[derive(Default)]
struct Records(Mutex<Vec<RequestRecord>>);

impl RequestObserver for Records {
    fn request_ended(&self, record: &RequestRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

fn auths() -> Vec<EgressAuth> {
    let aws = [("accessKeyId", "AKIDEXAMPLE"), ("secretAccessKey", SECRET), ("sessionToken", SECRET)];
    vec![
        auth(AuthScheme::ApiKey, json!({"header": "x-key"}), &[("key", SECRET)]),
        auth(AuthScheme::ApiKey, json!({"query": "key"}), &[("key", SECRET)]),
        bearer(SECRET),
        auth(AuthScheme::BasicAuth, json!({}), &[("username", "user"), ("password", SECRET)]),
        auth(AuthScheme::AwsSigv4, json!({}), &aws),
    ]
}

#[tokio::test]
async fn no_secret_reaches_logs_failures_or_records() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(captured.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let records = Arc::new(Records::default());
    let mut shown = String::new();
    for auth in auths() {
        let good = Server::start(|_| ok("guest-body-canary")).await;
        let echoing = Server::start(|received| answer("200 OK", format!("{received:?}{SECRET}").as_bytes())).await;
        for server in [&good, &echoing] {
            let resolver = ScriptedResolver::new(&[&["127.0.0.1"]]);
            let observer = Arc::clone(&records) as Arc<dyn RequestObserver>;
            let egress = HyperEgress::builder(open_policy()).resolver(resolver).observer(observer).build();
            let mut scope = EgressScope { auth: auth.clone(), ..scope(server.port()) };
            let signing = keyferry_contract::Signing { service: "ssm".to_owned(), region: "eu-west-1".to_owned() };
            scope.entries[0].signing = Some(signing);
            shown.push_str(&format!("{scope:?}"));
            let session = egress.open(scope, None);
            for path in ["/path-canary".to_owned(), format!("/{SECRET}")] {
                let mut request = request("POST", &server.url(&path));
                request.headers = vec![("x-guest".to_owned(), "guest-header-canary".to_owned())];
                request.body = Some(b"guest-body-canary".to_vec());
                if let Err(failure) = session.send(request).await {
                    shown.push_str(&format!("{failure} {failure:?}\n"));
                }
            }
        }
    }
    let records = records.0.lock().unwrap();
    assert_eq!(records.len(), 20);
    shown.push_str(&format!("{records:?}"));
    let base64 = "czNjcmV0LWNhbmFyeS12YWx1Z";
    let log = captured.text();
    assert!(log.contains("egress request ended"), "{log}");
    for canary in [SECRET, base64] {
        assert!(!log.contains(canary), "{log}");
        assert!(!shown.contains(canary), "{shown}");
    }
    let own_log: String = log.lines().filter(|line| line.contains("keyferry::egress")).collect();
    for canary in ["path-canary", "guest-header-canary", "guest-body-canary"] {
        assert!(!own_log.contains(canary), "{own_log}");
    }
}

#[tokio::test]
async fn every_request_is_attributed() {
    let server = Server::start(|_| answer("404 Not Found", b"")).await;
    let records = Arc::new(Records::default());
    let resolver = ScriptedResolver::new(&[&["127.0.0.1"]]);
    let observer = Arc::clone(&records) as Arc<dyn RequestObserver>;
    let egress = HyperEgress::builder(open_policy()).resolver(resolver).observer(observer).build();
    let scope = scope(server.port());
    let session = egress.open(scope.clone(), None);
    get(&session, &server, "/").await.unwrap();
    session.send(request("GET", "https://attacker.example/")).await.unwrap_err();

    let records = records.0.lock().unwrap();
    let answered = &records[0];
    assert_eq!((answered.plugin.as_str(), answered.connection), ("test-plugin", scope.connection));
    assert_eq!((answered.host.as_deref(), answered.method.as_deref()), (Some("vault.test"), Some("GET")));
    assert_eq!((answered.status, answered.outcome), (Some(404), Outcome::Answered));
    let denied = &records[1];
    assert_eq!((denied.host.as_deref(), denied.status, denied.outcome), (None, None, Outcome::Denied));
}
