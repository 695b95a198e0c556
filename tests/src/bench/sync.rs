//! Runs of a sync through the whole engine (plan, guard, plugin in its sandbox, ledger) to an HTTP API on loopback,
//! beside a loop in Rust that sends the same requests, as many at a time, and remembers nothing.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::measure::{Round, Subject, compared, in_turns};
use super::processor::{Meter, Whose};
use super::report::Figure;
use super::{Row, Size};
use crate::crm::Crm;
use crate::program::Host;

const API_KEY: &str = "key";
const INTEGRATION: &str = "bench_crm";
const SYNC: &str = "bench";
const PAGE: usize = 100;
/// As many batches as the plugin lets the engine send at a time.
const LANES: usize = 4;
const THREAD_NAME: &str = "bare-sync";

pub(super) async fn run(host: &Host, size: &Size) -> Vec<Figure> {
    let crm = Crm::with_pages(API_KEY, PAGE).await;
    let client = host.client();
    let mut integration = crm.integration(API_KEY);
    integration["id"] = json!(INTEGRATION);
    client.post("/integrations", &integration).await.expect(201);
    change(host, size.keys, 0).await;
    client.sync(SYNC, (INTEGRATION, None), "/sync", &json!({})).await;
    let scene = Scene { host, crm, bare: BareSync::start(), sent: RefCell::default(), size };
    let mut figures = Vec::new();
    for (what, changed) in [("all", size.keys), ("none", 0), ("one", 1)] {
        figures.extend(scene.beside(what, changed).await);
    }
    scene.bare.runtime.shutdown_background();
    figures
}

/// Gives the first secrets another value.
async fn change(host: &Host, keys: usize, version: usize) {
    let secrets: Vec<_> = (0..keys).map(|key| (format!("KEY_{key:04}"), format!("value {version} of {key}"))).collect();
    for batch in secrets.chunks(1_000) {
        host.client().set("/sync", batch).await;
    }
}

struct Scene<'a> {
    host: &'a Host,
    crm: Crm,
    bare: BareSync,
    /// What the latest run sent.
    sent: RefCell<Vec<String>>,
    size: &'a Size,
}

impl Scene<'_> {
    async fn beside(&self, what: &str, changed: usize) -> Vec<Figure> {
        let mut version = 0;
        let ours = async || {
            version += 1;
            change(self.host, changed, version).await;
            self.run(changed).await
        };
        let bare = async || {
            let sent = self.sent.borrow().clone();
            self.bare.send(&self.crm.origin, sent).await
        };
        let pairs = in_turns(self.size.rounds, ours, bare).await;
        let what = format!("sync {} keys, {what} changed ({} requests)", self.size.keys, self.sent.borrow().len());
        let beside = "a loop, the same requests";
        compared(&Subject { row: Row::Sync, what, beside }, &pairs)
    }

    /// One run, from its start to its end as the host tells them.
    async fn run(&self, changed: usize) -> Round {
        let _ = self.crm.take_requests();
        let meter = Meter::start(Whose::Process(self.host.process_id()));
        let run = self.host.client().run(SYNC).await;
        let processor = meter.spent();
        assert_eq!(run["state"], "SUCCEEDED", "{run:#}");
        let sent = self.crm.take_requests();
        let writes = sent.iter().filter(|request| request.starts_with("PUT ")).count();
        assert_eq!(writes, changed, "{run:#}");
        *self.sent.borrow_mut() = sent;
        let at = |member: &str| run[member].as_u64().expect("a run that ended tells when");
        Round { count: 1, wall: Duration::from_millis(at("finishedAt") - at("startedAt")), processor }
    }
}

/// A client on threads of its own.
struct BareSync {
    runtime: Runtime,
    http: reqwest::Client,
}

impl BareSync {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name(THREAD_NAME).enable_all().build();
        Self { runtime: runtime.expect("a runtime starts"), http: reqwest::Client::new() }
    }

    /// Sends requests: reads one after the other, writes in lanes.
    async fn send(&self, origin: &str, requests: Vec<String>) -> Round {
        let meter = Meter::start(Whose::OwnThreads(THREAD_NAME));
        let (http, origin) = (self.http.clone(), origin.to_owned());
        let start = Instant::now();
        let work = self.runtime.spawn(async move {
            for alike in requests.chunk_by(|one, other| is_read(one) == is_read(other)) {
                let lanes = if is_read(&alike[0]) { 1 } else { LANES };
                let lane = async |first: usize| {
                    for request in alike.iter().skip(first).step_by(lanes) {
                        send(&http, &origin, request).await;
                    }
                };
                futures_util::future::join_all((0..lanes).map(lane)).await;
            }
        });
        work.await.expect("no request fails");
        Round { count: 1, wall: start.elapsed(), processor: meter.spent() }
    }
}

fn is_read(request: &str) -> bool {
    request.starts_with("GET ")
}

async fn send(http: &reqwest::Client, origin: &str, request: &str) {
    let (_, path) = request.split_once(' ').expect("method and path");
    let url = format!("{origin}{path}");
    let request = if is_read(request) { http.get(url) } else { http.put(url).json(&json!({"value": "a value"})) };
    let response = request.header("x-api-key", API_KEY).send().await.expect("the vendor answers");
    assert!(response.status().is_success(), "{}", response.status());
    let body = response.bytes().await.expect("the answer is whole");
    if !body.is_empty() {
        let _: Value = serde_json::from_slice(&body).expect("the answer is JSON");
    }
}
