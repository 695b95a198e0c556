//! The host dies at every step of a run, and the next start completes it: nothing lost, nothing doubled.

use std::collections::BTreeMap;

use keyferry_contract::SyncReads;

use super::ground::Fuse;
use super::world::{World, slug};
use crate::domain::sync::RunState;

/// A world in which creates, updates, deletes and a foreign key meet.
async fn world(reads: SyncReads) -> (World, BTreeMap<String, String>) {
    let world = World::with(reads).await;
    world.vendor.put("FOREIGN", "theirs");
    world.set_many(6).await;
    world.sync(|_| ()).await;
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    world.unset("/app", "K000").await;
    world.set("/app", "K001", "updated").await;
    world.set("/app", "K002", "updated").await;
    world.set("/app", "NEW1", "created").await;
    world.set("/app", "NEW2", "created").await;
    world.vendor.take_writes();
    let mut expected = world.vendor.values();
    expected.remove("K000");
    for (key, value) in [("K001", "updated"), ("K002", "updated"), ("NEW1", "created"), ("NEW2", "created")] {
        expected.insert(key.to_owned(), value.to_owned());
    }
    (world, expected)
}

async fn die_at_every_step(reads: SyncReads, rewrites_allowed: bool) {
    for steps in 0.. {
        let (mut world, expected) = world(reads).await;
        let run = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
        let died = world.run_until_death(&Fuse::new(steps)).await;
        let before = world.vendor.take_writes();
        world.restart().await;
        world.engine.run_due().await.expect("a store");
        let after = world.vendor.take_writes();

        let ended = world.run_view(&run).await.run;
        assert_eq!(ended.state, RunState::Succeeded, "after {steps} steps: {:?}", ended.failure);
        assert_eq!(world.vendor.values(), expected, "after {steps} steps");
        assert!(!before.iter().chain(&after).any(|key| key == "FOREIGN"), "after {steps} steps");
        if !rewrites_allowed {
            let mut all: Vec<_> = before.iter().chain(&after).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), before.len() + after.len(), "after {steps} steps a key was written twice");
        }
        world.assert_settled(&expected).await;
        if !died {
            assert!(steps > 20, "a run has more steps than {steps}");
            return;
        }
    }
}

#[tokio::test]
async fn a_readable_vendor_sees_every_write_exactly_once() {
    die_at_every_step(SyncReads::Values, false).await;
}

#[tokio::test]
async fn a_write_only_vendor_may_see_an_identical_write_twice_and_never_a_wrong_one() {
    die_at_every_step(SyncReads::Names, true).await;
}

#[tokio::test]
async fn a_vendor_that_tells_nothing_ends_up_right_as_well() {
    die_at_every_step(SyncReads::Nothing, true).await;
}

#[tokio::test]
async fn an_approved_run_goes_on_after_a_crash_without_another_approval() {
    for steps in 0.. {
        let mut world = World::new().await;
        for index in 0..4 {
            world.vendor.put(&format!("K{index:03}"), "theirs");
        }
        world.set_many(4).await;
        world.sync(|_| ()).await;
        let hash = world.run().await.run.plan_hash;
        let run = world.syncs.run(&world.ctx, &slug("s"), hash).await.expect("a run");
        let died = world.run_until_death(&Fuse::new(steps)).await;
        world.restart().await;
        world.engine.run_due().await.expect("a store");
        let ended = world.run_view(&run).await.run;
        assert_eq!(ended.state, RunState::Succeeded, "after {steps} steps: {:?} {:?}", ended.blocked, ended.failure);
        assert!(world.vendor.values().values().all(|value| value != "theirs"));
        if !died {
            return;
        }
    }
}
