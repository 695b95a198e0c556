//! A vendor that is down: the syncs of its connection wait, say for what, and one of them tries for all.

use std::time::Duration;

use super::vendor::reported;
use super::world::{World, slug, values};
use crate::domain::plugin::ReportedKind;
use crate::domain::sync::{RunState, SyncState};
use crate::service::syncs::{SyncView, WaitReason};
use crate::sync::breaker::FAILURES_MAX;

const LONG: Duration = Duration::from_secs(16 * 60);
const SHORT: Duration = Duration::from_secs(3);

/// Two syncs on one connection: `s`, which has settled, and `other`, which has too and runs by itself.
async fn two() -> World {
    let world = World::new().await;
    world.set("/app", "A", "1").await;
    world.set("/other", "B", "1").await;
    world.sync(|_| ()).await;
    world.sync_named("other", |spec| spec.source.path = "/other".parse().expect("a path")).await;
    world.run().await;
    world.syncs.run(&world.ctx, &slug("other"), None).await.expect("a run");
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.vendor.values(), values(&[("A", "1"), ("B", "1")]));
    world
}

fn fail(world: &World, times: u32) {
    for _ in 0..times {
        world.vendor.observe_trouble(reported(ReportedKind::Unavailable, Some(503)));
    }
}

async fn other(world: &World) -> SyncView {
    world.syncs.read(&world.ctx, &slug("other")).await.expect("a sync")
}

#[tokio::test]
async fn a_changed_connection_is_tried_although_its_vendor_is_left_alone() {
    let world = opened().await;
    world.change_connection().await;
    assert!(world.pass(SHORT).await > 0, "the settings may have named another vendor");
    assert_eq!(world.vendor.value("A").as_deref(), Some("2"));
}

/// The vendor goes down while `s` runs, until the breaker opens.
async fn opened() -> World {
    let world = two().await;
    fail(&world, 2 * FAILURES_MAX);
    world.set("/app", "A", "2").await;
    for _ in 0..FAILURES_MAX {
        assert_eq!(world.run().await.run.state, RunState::Pending);
        if world.view().await.waiting.is_some_and(|waiting| waiting.reason == WaitReason::Vendor) {
            world.vendor.recover();
            return world;
        }
    }
    panic!("{FAILURES_MAX} failures in a row have not opened the breaker");
}

#[tokio::test]
async fn other_syncs_of_the_connection_wait_and_say_for_what_and_until_when() {
    let world = opened().await;
    world.set("/other", "B", "2").await;
    assert_eq!(world.pass(SHORT).await, 0, "nothing begins");
    let view = other(&world).await;
    let waiting = view.waiting.expect("it waits");
    assert_eq!((view.state, waiting.reason), (SyncState::Pending, WaitReason::Vendor));
    assert_eq!(view.retry_at, None, "it did not fail itself");
    assert_eq!(Some(waiting.until), world.view().await.waiting.map(|waiting| waiting.until));

    assert_eq!(world.pass(Duration::from_secs(60)).await, 2, "one tries, and the other follows");
    assert_eq!(world.vendor.values(), values(&[("A", "2"), ("B", "2")]));
    assert_eq!((other(&world).await.waiting, world.view().await.waiting), (None, None));
}

#[tokio::test]
async fn only_one_tries_and_its_failure_makes_all_wait_longer() {
    let world = opened().await;
    let before = world.view().await.waiting.expect("it waits").until;
    world.set("/other", "B", "2").await;
    fail(&world, 1);
    assert_eq!(world.pass(Duration::from_secs(60)).await, 1, "one is enough to see that the vendor is down");
    for view in [world.view().await, other(&world).await] {
        let waiting = view.waiting.expect("it waits");
        assert_eq!(waiting.reason, WaitReason::Vendor);
        assert!(waiting.until > before);
    }
    assert_eq!(world.pass(LONG).await, 2);
    assert_eq!(world.vendor.values(), values(&[("A", "2"), ("B", "2")]));
}

#[tokio::test]
async fn who_asks_by_hand_is_the_one_that_tries() {
    let world = opened().await;
    world.set("/other", "B", "2").await;
    let run = world.syncs.run(&world.ctx, &slug("other"), None).await.expect("a run");
    world.engine.run_due().await.expect("a store");
    let runs = world.syncs.runs(&world.ctx, &slug("other")).await.expect("runs");
    let run = runs.iter().find(|found| found.uid == run.uid).expect("the run");
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.failure);
    assert_eq!(other(&world).await.waiting, None, "the breaker is closed");
}

#[tokio::test]
async fn failures_of_the_host_and_of_the_settings_open_nothing() {
    let world = two().await;
    world.set("/app", "A", "${NOWHERE}").await;
    for _ in 0..=FAILURES_MAX {
        assert_eq!(world.run().await.run.state, RunState::Failed);
    }
    world.set("/other", "B", "2").await;
    assert_eq!(world.pass(SHORT).await, 1);
    assert_eq!(world.vendor.value("B").as_deref(), Some("2"));
}
