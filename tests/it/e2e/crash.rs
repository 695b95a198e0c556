//! The program killed by the system, in the middle of a run.

use std::time::Duration;

use keyferry_tests::program::{Host, eventually};
use keyferry_tests::testbed::AwsBed;
use keyferry_tests::testbed::aws::allow;
use serde_json::json;

use super::aws::{PLUGIN, auth, own_path, parameters};
use super::{PROGRAM, below, secrets};

const KEYS: usize = 200;
const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn run_that_was_killed_is_completed_by_the_next_start() {
    for bed in AwsBed::both().await {
        kill_in_mid_run(bed).await;
    }
}

async fn kill_in_mid_run(bed: &AwsBed) {
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
    assert!(
        (KEYS / 10..KEYS).contains(&written),
        "{:?}: {written} of {KEYS} are written: not in the middle",
        bed.emulator
    );

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
