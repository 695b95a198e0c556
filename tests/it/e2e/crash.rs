//! The program killed by the system, in the middle of what it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use keyferry_tests::program::{Client, Host, eventually};
use keyferry_tests::testbed::AwsBed;
use keyferry_tests::testbed::aws::allow;
use serde_json::{Value, json};

use super::aws::{PLUGIN, auth, own_path, parameters};
use super::{PROGRAM, below, secrets};

const KEYS: usize = 200;
const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn run_that_was_killed_is_completed_by_the_next_start() {
    let bed = AwsBed::ministack().await;
    let mut host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let path = own_path();
    let user = bed.user(&allow(&["ssm:*", "sts:*", "kms:*"], &["*"])).await;
    let ours = secrets(0..KEYS);
    let client = host.client();
    let config = client.connect(PLUGIN, &parameters(bed), &auth(&user)).await;
    client.set("/app", &ours).await;
    client.sync("app", (PLUGIN, Some(&config)), "/app", &json!({"path": path})).await;
    client.start("app", &json!({})).await;
    eventually("the run has written", LIMIT, async || (bed.parameters(&path).await.len() >= KEYS / 10).then_some(()))
        .await;
    host.kill();
    let written = bed.parameters(&path).await.len();
    assert!((KEYS / 10..KEYS).contains(&written), "{written} of {KEYS} are written: not in the middle");

    host.start().await;
    let client = host.client();
    let sync = eventually("the sync is completed", LIMIT, async || {
        let sync = client.get("/syncs/app").await.expect(200).json;
        (sync["state"] == "IN_SYNC").then_some(sync)
    })
    .await;
    assert_eq!(sync["appliedGeneration"], sync["wantedGeneration"], "{sync:#}");
    let found = bed.parameters(&path).await;
    let values: Vec<_> = found.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect();
    assert_eq!(values, below(&path, &ours), "nothing is lost");
    let twice: Vec<_> = found.iter().filter(|(_, _, version)| *version != 1).collect();
    assert!(twice.is_empty(), "written twice: {twice:?}");
    let again = client.run("app").await;
    assert_eq!((again["state"].as_str(), again["remoteCalls"]["write"].as_u64()), (Some("SUCCEEDED"), Some(0)));
}

const WRITERS: usize = 8;
/// How often the host is killed under load, unless the environment says otherwise.
const CYCLES: usize = 20;
const CYCLES_VARIABLE: &str = "KEYFERRY_CRASH_CYCLES";

/// One who writes new secrets, and remembers what was acknowledged.
async fn write(client: Client, writer: usize, cycle: usize, acknowledged: Arc<AtomicUsize>) -> Vec<(String, String)> {
    let mut done = Vec::new();
    for n in 0.. {
        let (name, value) = (format!("C{cycle}_W{writer}_N{n}"), format!("value {cycle}.{writer}.{n}"));
        let path = format!("/v1/tenants/dev/environments/load/secrets/writer-{writer}/{name}");
        let answer = client.attempt(Method::PUT, &path, Some(&json!({"value": value}))).await;
        let Ok(answer) = answer else { break };
        answer.expect(201);
        done.push((format!("/writer-{writer}/{name}"), value));
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    done
}

/// Every secret of the environment with its value.
async fn stored(client: &Client) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("/environments/load/secrets?recursive=true&view=value&pageSize=100&pageToken={token}");
        let page = client.get(&path).await.expect(200).json;
        let text = |item: &Value, member: &str| item[member].as_str().expect("a text").to_owned();
        let items = page["items"].as_array().expect("a list").iter();
        found.extend(items.map(|item| (format!("{}/{}", text(item, "path"), text(item, "name")), text(item, "value"))));
        token = text(&page, "nextPageToken");
        if token.is_empty() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_outlive_kills_under_load() {
    let cycles = std::env::var(CYCLES_VARIABLE).map_or(CYCLES, |count| count.parse().expect("a number"));
    let mut host = Host::serve(PROGRAM).await;
    host.client().post("/v1/tenants", &json!({"id": "dev"})).await.expect(201);
    host.client().post("/environments", &json!({"slug": "load"})).await.expect(201);
    let mut acknowledged = Vec::new();
    for cycle in 0..cycles {
        let count = Arc::new(AtomicUsize::new(0));
        let client = host.client();
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| tokio::spawn(write(client.clone(), writer, cycle, count.clone()))).collect();
        eventually("writes are acknowledged", LIMIT, async || {
            (count.load(Ordering::Relaxed) >= WRITERS * 3).then_some(())
        })
        .await;
        host.kill();
        for writer in writers {
            acknowledged.extend(writer.await.expect("no writer panics"));
        }
        host.start().await;
    }
    let found: std::collections::HashMap<_, _> = stored(host.client()).await.into_iter().collect();
    let lost: Vec<_> = acknowledged.iter().filter(|(name, value)| found.get(name) != Some(value)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged writes are lost: {lost:?}", lost.len(), acknowledged.len());
    let most = acknowledged.len() + cycles * WRITERS;
    assert!(found.len() <= most, "{} are stored, and at most {most} were sent", found.len());
}
