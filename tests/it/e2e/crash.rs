//! The program killed by the system, in the middle of a run.

use std::time::Duration;

use keyferry_tests::program::eventually;
use keyferry_tests::testbed::AwsBed;
use serde_json::json;

use super::throttle::{Aws, PUT};

const KEYS: usize = 200;
const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn run_that_was_killed_is_completed_by_the_next_start() {
    for bed in AwsBed::both().await {
        kill_in_mid_run(bed).await;
    }
}

async fn kill_in_mid_run(bed: &'static AwsBed) {
    let mut aws = Aws::start(bed, KEYS).await;
    aws.client().start("app", &json!({})).await;
    let is_begun = async || (aws.proxy.count(PUT).1 >= KEYS / 10).then_some(());
    eventually("the run has written", LIMIT, is_begun).await;
    aws.host.kill();
    let written = aws.bed.parameters(&aws.path).await.len();
    assert!((1..KEYS).contains(&written), "{:?}: {written} of {KEYS} are written: not in the middle", bed.emulator);

    aws.host.start().await;
    let sync = eventually("the sync is completed", LIMIT, async || {
        let sync = aws.client().get("/syncs/app").await.expect(200).json;
        (sync["state"] == "IN_SYNC").then_some(sync)
    })
    .await;
    assert_eq!(sync["appliedGeneration"], sync["wantedGeneration"], "{sync:#}");
    aws.assert_written_once().await;
}
