//! Vendors that ask to slow down, are away for a moment, or whose answer is lost. No emulator does that by itself, so a proxy
//! before them does.

use http::Method;
use keyferry_tests::crm::{Crm, integration_at};
use keyferry_tests::fault_proxy::{Fault, FaultProxy};
use keyferry_tests::program::{Client, Host, assert_run};
use keyferry_tests::testbed::AwsBed;
use keyferry_tests::testbed::aws::{REGION, allow};
use serde_json::{Value, json};

use super::aws::{PLUGIN, auth, own_path};
use super::{PROGRAM, below, count, http_api, secrets};

pub(super) const PUT: &str = "AmazonSSM.PutParameter";
const LIST: &str = "AmazonSSM.GetParametersByPath";

/// A host whose sync `app` of so many secrets reaches an emulator of AWS through the proxy.
pub(super) struct Aws {
    pub(super) host: Host,
    pub(super) bed: &'static AwsBed,
    pub(super) proxy: FaultProxy,
    pub(super) path: String,
    ours: Vec<(String, String)>,
    credential: Value,
}

impl Aws {
    pub(super) async fn start(bed: &'static AwsBed, total: usize) -> Self {
        let proxy = FaultProxy::before(&bed.endpoint).await;
        let host = Host::dev(PROGRAM, &[PLUGIN]).await;
        let credential = auth(&bed.user(&allow(&["ssm:*", "sts:*", "kms:*"], &["*"])).await);
        let (path, ours) = (own_path(), secrets(0..total));
        let made = Self { host, bed, proxy, path, ours, credential };
        let config = made.client().connect(PLUGIN, &made.parameters(), &made.credential).await;
        made.client().set("/app", &made.ours).await;
        made.client().sync("app", (PLUGIN, Some(&config)), "/app", &json!({"path": made.path})).await;
        made
    }

    pub(super) fn client(&self) -> &Client {
        self.host.client()
    }

    fn parameters(&self) -> Value {
        json!({"region": REGION, "endpoint": self.proxy.origin})
    }

    /// Each secret is there, and was written once.
    pub(super) async fn assert_written_once(&self) {
        let found = self.bed.parameters(&self.path).await;
        let once = below(&self.path, &self.ours).into_iter().map(|(name, value)| (name, value, 1));
        assert_eq!(found, once.collect::<Vec<_>>());
        let again = self.client().run("app").await;
        assert_run(&again, "SUCCEEDED", 0);
        assert_eq!(count(&again, "unchanged"), self.ours.len() as u64);
    }
}

/// The events of a run that has ended, with their data.
async fn events(client: &Client, sync: &str, run: &Value) -> Vec<(String, Value)> {
    let run = run["id"].as_str().expect("a run has an id");
    let answer = client.call(Method::GET, &format!("/syncs/{sync}/runs/{run}/events"), None).await.expect(200);
    let part = |event: &str, prefix: &str| event.lines().find_map(|line| line.strip_prefix(prefix).map(str::to_owned));
    let parsed = answer.text.split("\n\n").filter_map(|event| {
        let data = serde_json::from_str(&part(event, "data: ")?).expect("data is JSON");
        Some((part(event, "event: ")?, data))
    });
    parsed.collect()
}

/// Why a run was put off, and until when, each time.
pub(super) async fn postponements(client: &Client, sync: &str, run: &Value) -> Vec<Value> {
    let events = events(client, sync, run).await;
    events.into_iter().filter(|(name, _)| name == "postponed").map(|(_, data)| data).collect()
}

#[tokio::test]
async fn throttled_writes_are_all_made_and_none_of_them_twice() {
    const THROTTLED: usize = 6;
    for bed in AwsBed::both().await {
        let aws = Aws::start(bed, 30).await;
        aws.proxy.fail(PUT, THROTTLED, Fault::AwsThrottling);
        let run = aws.client().run("app").await;
        assert_eq!(aws.proxy.count(PUT), (THROTTLED, 30), "{run:#}");
        assert_run(&run, "SUCCEEDED", (30 + THROTTLED) as u64);
        assert_eq!(count(&run, "create"), 30);
        let outcomes = run["outcomes"].as_array().expect("a list");
        assert_eq!(outcomes.len(), 30);
        assert!(outcomes.iter().all(|outcome| outcome["result"] == "OK"), "{run:#}");
        let metrics = aws.client().metrics().await.text;
        for line in [
            format!("keyferry_sync_throttles_total {THROTTLED}"),
            format!(r#"keyferry_sync_requests_total{{kind="write"}} {}"#, 30 + THROTTLED),
            r#"keyferry_sync_keys_total{action="CREATE",result="OK"} 30"#.to_owned(),
        ] {
            assert!(metrics.lines().any(|shown| shown == line), "{line}\n{metrics}");
        }
        aws.assert_written_once().await;
    }
}

#[tokio::test]
async fn vendor_that_is_away_for_a_moment_is_tried_again() {
    for bed in AwsBed::both().await {
        let aws = Aws::start(bed, 12).await;
        aws.proxy.fail(PUT, 2, Fault::Unavailable);
        aws.proxy.fail(PUT, 1, Fault::TooManyRequests(None));
        let run = aws.client().run("app").await;
        assert_run(&run, "SUCCEEDED", 15);
        assert_eq!(aws.proxy.count(PUT), (3, 12));
        aws.assert_written_once().await;
    }
}

#[tokio::test]
async fn answer_that_is_lost_is_looked_up_and_the_write_not_repeated() {
    for bed in AwsBed::both().await {
        let aws = Aws::start(bed, 5).await;
        aws.proxy.fail(PUT, 1, Fault::AnswerLost);
        let run = aws.client().run("app").await;
        assert_run(&run, "SUCCEEDED", 5);
        assert_eq!(aws.proxy.count(PUT), (1, 4), "the one without an answer is not sent again");
        assert_eq!(count(&run, "create"), 5, "{run:#}");
        let outcomes = run["outcomes"].as_array().expect("a list");
        assert!(outcomes.iter().all(|outcome| outcome["result"] == "OK"), "{run:#}");
        let put_off = postponements(aws.client(), "app", &run).await;
        assert_eq!(put_off.len(), 1, "{put_off:?}");
        assert_eq!(put_off[0]["error"]["class"], "UNKNOWN_OUTCOME", "{put_off:?}");
        aws.assert_written_once().await;
    }
}

#[tokio::test]
async fn throttled_look_puts_the_run_off_and_says_why() {
    for bed in AwsBed::both().await {
        let aws = Aws::start(bed, 3).await;
        aws.proxy.fail(LIST, 2, Fault::AwsThrottling);
        let run = aws.client().run("app").await;
        assert_run(&run, "SUCCEEDED", 3);
        let put_off = postponements(aws.client(), "app", &run).await;
        assert_eq!(put_off.len(), 2, "{put_off:?}");
        let metrics = aws.client().metrics().await.text;
        assert!(metrics.contains("keyferry_sync_retries_total{class=\"RETRY\"} 2\n"), "{metrics}");
        for postponed in put_off {
            let error = &postponed["error"];
            assert_eq!((&error["class"], &error["code"]), (&json!("RETRY"), &json!("plugin_unavailable")), "{error:#}");
            assert_eq!(error["vendorStatus"], 400);
            assert!(error["detail"].as_str().is_some_and(|detail| detail.contains("slow down")), "{error:#}");
        }
        aws.assert_written_once().await;
    }
}

#[tokio::test]
async fn throttled_test_of_credentials_is_no_rejection() {
    for bed in AwsBed::both().await {
        let aws = Aws::start(bed, 1).await;
        aws.proxy.fail("Action=GetCallerIdentity", 1, Fault::AwsThrottling);
        let throttled = aws.client().verify(PLUGIN, &aws.parameters(), &aws.credential).await;
        assert_eq!((&throttled["success"], &throttled["code"]), (&json!(false), &json!("plugin_unavailable")));
        let answered = aws.client().verify(PLUGIN, &aws.parameters(), &aws.credential).await;
        assert_eq!(answered["success"], true, "{answered:#}");
    }
}

#[tokio::test]
async fn wait_that_the_vendor_names_is_kept() {
    let crm = Crm::start("the right key").await;
    let proxy = FaultProxy::before(&crm.origin).await;
    let host = Host::dev(PROGRAM, &[http_api::PLUGIN]).await;
    let client = host.client();
    client.post("/integrations", &integration_at(&proxy.origin, "the right key")).await.expect(201);
    let ours = secrets(0..5);
    client.set("/app", &ours).await;
    client.sync("app", (http_api::INTEGRATION, None), "/app", &json!({})).await;

    proxy.fail("GET /v1/variables?", 1, Fault::TooManyRequests(Some(1)));
    proxy.fail("PUT /v1/variables/", 1, Fault::TooManyRequests(Some(1)));
    let run = client.run("app").await;
    assert_run(&run, "SUCCEEDED", 6);
    assert_eq!(proxy.count("PUT /v1/variables/"), (1, 5));
    assert_eq!(crm.variables(), ours.into_iter().collect());
    let put_off = postponements(client, "app", &run).await;
    assert_eq!(put_off.len(), 1, "the throttled write was tried again by the same attempt: {put_off:?}");
    assert_eq!(put_off[0]["error"]["vendorStatus"], 429);
    let ms = |member: &str| put_off[0][member].as_i64().expect("a time");
    assert!(ms("retryAt") - ms("at") >= 1_000, "{put_off:?}");
}
