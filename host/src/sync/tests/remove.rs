//! Deleting syncs, with and without what they wrote.

use super::vendor::{Trouble, reported};
use super::world::{World, slug, values};
use crate::domain::Code;
use crate::domain::plugin::ReportedKind;
use crate::domain::sync::{RunState, SyncState};
use crate::records::syncs::Removal;

#[tokio::test]
async fn a_deleted_sync_leaves_the_destination_and_nothing_of_itself() {
    let world = World::new().await;
    world.set_many(3).await;
    let sync = world.sync(|_| ()).await;
    world.run().await;
    world.delete(Removal::KeepSecrets).await;
    assert_eq!(world.vendor.values().len(), 3);
    assert_eq!(world.syncs.read(&world.ctx, &slug("s")).await.expect_err("it is gone").code(), Code::NotFound);
    assert!(world.owned(&sync).await.is_empty());

    // Its id and its claims are free again.
    world.sync(|_| ()).await;
    let run = world.run().await;
    assert_eq!(run.run.counts.adopt, 3, "{:?}", run.run.failure);
}

#[tokio::test]
async fn a_deleted_sync_can_take_exactly_its_own_keys_with_it() {
    let world = World::new().await;
    world.vendor.put("FOREIGN", "theirs");
    world.set_many(8).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.vendor.put("K003", "changed by somebody");
    world.delete(Removal::RemoveSecrets).await;
    assert_eq!(world.vendor.values(), values(&[("FOREIGN", "theirs"), ("K003", "changed by somebody")]));
    assert_eq!(world.syncs.read(&world.ctx, &slug("s")).await.expect_err("it is gone").code(), Code::NotFound);
}

#[tokio::test]
async fn a_sync_stays_until_its_keys_are_gone() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.vendor.trouble(Trouble::Refused(reported(ReportedKind::NotFound, Some(404))));
    world.delete(Removal::RemoveSecrets).await;
    assert!(world.syncs.read(&world.ctx, &slug("s")).await.is_ok(), "its keys are still there");
    assert_eq!(world.vendor.values().len(), 2);
    world.delete(Removal::RemoveSecrets).await;
    assert!(world.vendor.values().is_empty());
    assert!(world.syncs.read(&world.ctx, &slug("s")).await.is_err());
}

#[tokio::test]
async fn a_sync_that_never_ran_needs_no_vendor_to_go() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.vendor.observe_trouble(reported(ReportedKind::Unavailable, None));
    world.delete(Removal::RemoveSecrets).await;
    assert!(world.syncs.read(&world.ctx, &slug("s")).await.is_err());
}

#[tokio::test]
async fn keys_can_go_while_the_sync_stays() {
    let world = World::new().await;
    world.vendor.put("FOREIGN", "theirs");
    world.set_many(8).await;
    let sync = world.sync(|_| ()).await;
    world.run().await;
    let wanted = world.syncs.remove_secrets(&world.ctx, &slug("s")).await.expect("a run");
    let joined = world.syncs.remove_secrets(&world.ctx, &slug("s")).await.expect("a run");
    assert_eq!(joined.uid, wanted.uid, "one removal is enough");
    world.engine.run_due().await.expect("a store");
    let run = world.run_view(&wanted).await.run;
    assert_eq!((run.state, run.counts.delete), (RunState::Succeeded, 8), "{:?}", run.failure);
    assert_eq!(world.vendor.values(), values(&[("FOREIGN", "theirs")]));
    assert!(world.owned(&sync).await.is_empty());
    let view = world.view().await;
    assert_eq!((view.state, view.last_removal.map(|run| run.uid)), (SyncState::Pending, Some(wanted.uid)));
    assert!(view.wanted_generation > view.applied_generation, "the destination is not as wanted");
    assert_eq!(view.last_run.map(|run| run.state), Some(RunState::Succeeded), "that of the sync");

    let again = world.run().await.run;
    assert_eq!((again.state, again.counts.create), (RunState::Succeeded, 8), "{:?}", again.failure);
}

#[tokio::test]
async fn a_removal_that_fails_is_told_and_the_sync_goes_on() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.vendor.trouble(Trouble::Refused(reported(ReportedKind::NotFound, Some(404))));
    let wanted = world.syncs.remove_secrets(&world.ctx, &slug("s")).await.expect("a run");
    world.engine.run_due().await.expect("a store");
    let run = world.run_view(&wanted).await.run;
    assert!(run.state.is_final() && run.state != RunState::Succeeded, "{:?}", run.state);
    assert!(run.failure.is_some());
    assert_eq!(world.vendor.values().len(), 2);
    world.syncs.remove_secrets(&world.ctx, &slug("s")).await.expect("a run");
    world.engine.run_due().await.expect("a store");
    assert!(world.vendor.values().is_empty());
}

#[tokio::test]
async fn what_was_never_written_needs_no_vendor_to_be_removed() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.vendor.observe_trouble(reported(ReportedKind::Unavailable, None));
    let wanted = world.syncs.remove_secrets(&world.ctx, &slug("s")).await.expect("a run");
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.run_view(&wanted).await.run.state, RunState::Succeeded);
}
