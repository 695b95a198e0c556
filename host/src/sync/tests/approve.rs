//! What the guard stops, and how somebody lets it pass.

use std::time::Duration;

use super::vendor::{Trouble, reported};
use super::world::{World, values};
use crate::domain::plugin::ReportedKind;
use crate::domain::sync::{BlockReason, OnConflict, PlanHash, RunState, SyncState};
use crate::records::sync_state;

const LONG: Duration = Duration::from_secs(16 * 60);

/// Lets every write of the next run meet a 503: the run waits then, and goes on with [`LONG`].
fn refuse_writes(world: &World) {
    for _ in 0..5 {
        world.vendor.trouble(Trouble::Refused(reported(ReportedKind::Unavailable, Some(503))));
    }
}

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

#[tokio::test]
async fn an_approval_for_one_place_plugin_or_store_is_none_for_another() {
    for changed in ["nothing", "the place", "the plugin", "the store"] {
        let world = World::new().await;
        world.vendor.put("K000", "theirs");
        world.set_many(1).await;
        world.sync(|_| ()).await;
        let hash = world.run().await.run.plan_hash;
        refuse_writes(&world);
        let run = world.run_approved(hash).await.run;
        assert_eq!(run.state, RunState::Pending, "{:?}", run.failure);
        world.vendor.recover();
        match changed {
            "the place" => {
                world.vendor.move_to("test:other-place");
                world.vendor.put("K000", "theirs");
            }
            "the plugin" => "2.0.0".clone_into(&mut world.destination.version.lock().expect("no panic")),
            "the store" => {
                sync_state::raise_restore_epoch(&world.core.records).await.expect("a store");
            }
            _ => {}
        }
        world.pass(LONG).await;
        let ended = world.run_view(&run).await.run;
        let (state, value) =
            if changed == "nothing" { (RunState::Succeeded, "v0") } else { (RunState::Blocked, "theirs") };
        assert_eq!(ended.state, state, "{changed}: {:?}", ended.failure);
        assert_eq!(world.vendor.value("K000").as_deref(), Some(value), "{changed}");
    }
}

#[tokio::test]
async fn a_run_is_held_to_what_was_approved_and_not_to_what_it_planned_before() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    refuse_writes(&world);
    let run = world.run().await.run;
    assert_eq!(run.state, RunState::Pending, "{:?}", run.failure);
    world.vendor.recover();
    world.vendor.put("K000", "theirs");
    world.set("/app", "K000", "changed").await;
    let hash = world.plan().await.hash;
    refuse_writes(&world);
    let approved = world.run_approved(Some(hash)).await.run;
    assert_eq!((approved.uid, approved.state), (run.uid, RunState::Pending), "{:?}", approved.failure);
    world.vendor.recover();
    world.pass(LONG).await;
    let ended = world.run_view(&run).await.run;
    assert_eq!(ended.state, RunState::Succeeded, "{:?} {:?}", ended.blocked, ended.failure);
    assert_eq!(world.vendor.values(), values(&[("K000", "changed"), ("K001", "v1")]));
}

#[tokio::test]
async fn what_was_not_shown_as_somebody_elses_is_not_overwritten_by_an_approval() {
    let world = World::new().await;
    world.vendor.put("K000", "theirs");
    world.set_many(2).await;
    world.sync(|_| ()).await;
    let hash = world.run().await.run.plan_hash;
    refuse_writes(&world);
    let run = world.run_approved(hash).await.run;
    assert_eq!(run.state, RunState::Pending, "{:?}", run.failure);
    world.vendor.recover();
    world.vendor.put("K001", "theirs since");
    world.pass(LONG).await;
    let ended = world.run_view(&run).await.run;
    assert_eq!(ended.state, RunState::Blocked, "{:?}", ended.failure);
    assert_eq!(world.vendor.value("K001").as_deref(), Some("theirs since"));
}

#[tokio::test]
async fn what_is_ours_is_not_given_up_unasked_for_a_place_where_nothing_is_wanted() {
    let world = World::new().await;
    world.set_many(2).await;
    let sync = world.sync(|_| ()).await;
    world.run().await;
    world.unset("/app", "K000").await;
    world.unset("/app", "K001").await;
    world.vendor.move_to("test:other-place");
    let blocked = world.run().await;
    let reasons = blocked.run.blocked.expect("a block").reasons;
    assert_eq!(reasons, [BlockReason::DestinationChanged]);
    assert_eq!(world.owned(&sync).await.len(), 2);
    let run = world.run_approved(blocked.run.plan_hash).await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    assert!(world.owned(&sync).await.is_empty());
}
