//! What the guard stops, and how somebody lets it pass.

use std::time::Duration;

use super::world::{World, values};
use crate::domain::sync::{BlockReason, OnConflict, PlanHash, RunState, SyncState};
use crate::records::sync_state;

#[tokio::test]
async fn a_first_run_stops_before_foreign_keys_and_an_approval_of_that_plan_lets_it_pass() {
    let world = World::new().await;
    world.vendor.put("K000", "theirs");
    world.set_many(2).await;
    world.sync(|_| ()).await;
    let blocked = world.run().await;
    assert_eq!(blocked.run.state, RunState::Blocked);
    let reasons = blocked.run.blocked.expect("a block").reasons;
    assert_eq!(reasons, [BlockReason::ForeignOverwrite { keys: 1 }]);
    assert!(world.vendor.take_writes().is_empty(), "not even the key that nothing stands against");
    assert_eq!(world.view().await.state, SyncState::Blocked);
    assert_eq!(blocked.plan.expect("a stored plan").counts.conflict, 1);

    let run = world.run_approved(blocked.run.plan_hash).await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    assert_eq!(run.run.approval.expect("an approval").approver, "tester");
    world.assert_settled(&values(&[("K000", "v0"), ("K001", "v1")])).await;
}

#[tokio::test]
async fn an_approval_of_another_plan_writes_nothing() {
    let world = World::new().await;
    world.vendor.put("K000", "theirs");
    world.set_many(1).await;
    world.sync(|_| ()).await;
    let blocked = world.run().await;
    world.vendor.put("K000", "theirs, changed since");
    for hash in [blocked.run.plan_hash.expect("a plan"), PlanHash::from_text("made up".to_owned())] {
        let run = world.run_approved(Some(hash)).await;
        assert_eq!(run.run.state, RunState::Failed);
        assert_eq!(run.run.failure.expect("a failure").code, "plan_changed");
    }
    assert!(world.vendor.take_writes().is_empty());
    let again = world.run().await;
    assert_eq!(again.run.state, RunState::Blocked, "an approval is used up by one run");
}

#[tokio::test]
async fn an_approval_holds_for_fifteen_minutes() {
    let world = World::new().await;
    world.vendor.put("K000", "theirs");
    world.set_many(1).await;
    world.sync(|_| ()).await;
    let hash = world.run().await.run.plan_hash;
    let run = world.syncs.run(&world.ctx, &super::world::slug("s"), hash).await.expect("a run");
    world.clock.turn(Duration::from_secs(15 * 60 + 1));
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.run_view(&run).await.run.state, RunState::Failed);
    assert!(world.vendor.take_writes().is_empty());
}

#[tokio::test]
async fn a_policy_is_a_standing_approval() {
    let world = World::new().await;
    world.vendor.put("K000", "theirs");
    world.set_many(1).await;
    world.sync(|spec| spec.options.on_conflict = OnConflict::Overwrite).await;
    assert_eq!(world.run().await.run.state, RunState::Succeeded);
    assert_eq!(world.vendor.value("K000").as_deref(), Some("v0"));
}

#[tokio::test]
async fn a_mass_delete_stops_and_asks() {
    let world = World::new().await;
    world.set_many(8).await;
    world.sync(|_| ()).await;
    world.run().await;
    for index in 0..6 {
        world.unset("/app", &format!("K{index:03}")).await;
    }
    let blocked = world.run().await;
    assert_eq!(blocked.run.state, RunState::Blocked);
    assert_eq!(world.vendor.values().len(), 8);
    let run = world.run_approved(blocked.run.plan_hash).await;
    assert_eq!(run.run.state, RunState::Succeeded);
    world.assert_settled(&values(&[("K006", "v6"), ("K007", "v7")])).await;
}

#[tokio::test]
async fn an_empty_source_does_not_empty_the_destination() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.unset("/app", "K000").await;
    world.unset("/app", "K001").await;
    let run = world.run().await;
    let reasons = run.run.blocked.expect("a block").reasons;
    assert_eq!(reasons, [BlockReason::SourceEmpty { owned: 2 }]);
    assert_eq!(world.vendor.values().len(), 2);
}

#[tokio::test]
async fn another_place_is_a_first_run_there_and_the_old_one_stays() {
    let world = World::new().await;
    world.set_many(2).await;
    let sync = world.sync(|_| ()).await;
    world.run().await;
    world.vendor.move_to("test:other-place");
    world.vendor.put("K000", "theirs");
    let blocked = world.run().await;
    let reasons = blocked.run.blocked.expect("a block").reasons;
    assert_eq!(reasons, [BlockReason::ForeignOverwrite { keys: 1 }, BlockReason::DestinationChanged]);
    assert_eq!(world.vendor.value("K000").as_deref(), Some("theirs"));
    let run = world.run_approved(blocked.run.plan_hash).await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    assert_eq!(world.owned(&sync).await.len(), 2);
    world.assert_settled(&values(&[("K000", "v0"), ("K001", "v1")])).await;
}

#[tokio::test]
async fn a_new_major_version_and_a_restored_store_ask_before_they_write() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.run().await;
    *world.destination.version.lock().expect("no panic") = "2.0.0".to_owned();
    sync_state::raise_restore_epoch(&world.core.records).await.expect("a store");
    world.set("/app", "K000", "changed").await;
    let blocked = world.run().await;
    let reasons = blocked.run.blocked.expect("a block").reasons;
    assert_eq!(reasons, [BlockReason::PluginMajorChanged { from: 1, to: 2 }, BlockReason::StoreRestored]);
    assert_eq!(world.run_approved(blocked.run.plan_hash).await.run.state, RunState::Succeeded);
    world.set("/app", "K000", "changed again").await;
    assert_eq!(world.run().await.run.state, RunState::Succeeded, "asked once");
}
