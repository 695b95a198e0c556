//! Deleting syncs, with and without what they wrote.

use std::sync::Arc;

use super::vendor::{Trouble, reported};
use super::world::{World, slug, values};
use crate::domain::destination::DestinationIdentity;
use crate::domain::plugin::ReportedKind;
use crate::domain::sync::{BlockReason, Run, RunState, SyncState};
use crate::domain::{Code, Expected, Result};
use crate::ports::fake::AttendedStore;
use crate::records::sync_state::Place;
use crate::records::syncs::{self, Removal};
use crate::service::syncs::Syncs;
use crate::transact;

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

/// A sync that wrote two keys, and whose settings lead elsewhere by now.
async fn moved() -> World {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.vendor.move_to("test:other-place");
    world.vendor.put("K000", "theirs");
    world
}

async fn assert_nothing_was_given_up(world: &World, run: &Run) {
    let failure = run.failure.as_ref().expect("a failure");
    assert_eq!((run.state, failure.code.as_str()), (RunState::Failed, "plan_blocked"), "{failure:?}");
    assert!(failure.message.contains("`test:place` under `/app/`"), "{}", failure.message);
    assert_eq!(run.blocked.as_ref().expect("a block").reasons, [BlockReason::DestinationChanged]);
    assert_eq!(world.vendor.values(), values(&[("K000", "theirs")]));
    assert_eq!(world.owned(&world.view().await).await, ["/app/K000", "/app/K001"]);
}

#[tokio::test]
async fn keys_that_stand_elsewhere_are_not_taken_for_removed() {
    let world = moved().await;
    world.delete(Removal::RemoveSecrets).await;
    let run = world.view().await.last_run.expect("a run");
    assert_nothing_was_given_up(&world, &run).await;
    let approved = world.run_approved(run.plan_hash).await.run;
    assert_nothing_was_given_up(&world, &approved).await;

    // Set back, the removal goes on.
    world.vendor.move_to("test:place");
    world.change(|_| ()).await;
    world.engine.run_due().await.expect("a store");
    assert!(world.vendor.values().is_empty());
    assert_eq!(world.syncs.read(&world.ctx, &slug("s")).await.expect_err("it is gone").code(), Code::NotFound);
}

#[tokio::test]
async fn keys_that_stand_elsewhere_can_be_left() {
    let world = moved().await;
    world.delete(Removal::RemoveSecrets).await;
    world.delete(Removal::KeepSecrets).await;
    assert_eq!(world.syncs.read(&world.ctx, &slug("s")).await.expect_err("it is gone").code(), Code::NotFound);
    world.vendor.move_to("test:place");
    assert_eq!(world.vendor.values().len(), 2);
}

#[tokio::test]
async fn a_removal_that_leaves_the_sync_takes_no_keys_elsewhere_for_removed() {
    let world = moved().await;
    for _ in 0..2 {
        let wanted = world.syncs.remove_secrets(&world.ctx, &slug("s")).await.expect("a run");
        world.engine.run_due().await.expect("a store");
        assert_nothing_was_given_up(&world, &world.run_view(&wanted).await.run).await;
    }
    world.vendor.move_to("test:place");
    world.syncs.remove_secrets(&world.ctx, &slug("s")).await.expect("a run");
    world.engine.run_due().await.expect("a store");
    assert!(world.vendor.values().is_empty());
}

#[tokio::test]
async fn a_sync_changes_only_while_its_removal_rests() {
    let world = moved().await;
    world.syncs.delete(&world.ctx, &slug("s"), Removal::RemoveSecrets, &Expected::Any).await.expect("a sync");
    let change = |spec| spec;
    let refused = world.try_change(&change).await;
    assert_eq!(refused.expect_err("the removal is wanted").code(), Code::WrongState);
    world.engine.run_due().await.expect("a store");
    world.try_change(&change).await.expect("the removal has stopped");
    let refused = world.syncs.pause(&world.ctx, &slug("s")).await;
    assert_eq!(refused.expect_err("a removal does not pause").code(), Code::WrongState);
}

#[tokio::test]
async fn a_first_write_right_before_the_deletion_is_not_overlooked() {
    let world = World::new().await;
    world.set_many(1).await;
    let sync = world.sync(|_| ()).await.record.uid;
    let (records, tenant) = (world.core.records.clone(), world.ctx.tenant());
    let attended = AttendedStore::over(Arc::clone(&world.store));
    attended.before_next_commit(async move {
        let identity = DestinationIdentity { namespace: "test:place".to_owned(), prefix: "/app/".to_owned() };
        let place = Place { identity: Some(identity), ..Place::default() };
        let wrote: Result<()> = async {
            transact!(records, |tx| place.write(&mut tx, tenant, sync).await?);
            Ok(())
        }
        .await;
        wrote.expect("a store");
    });
    let syncs = Syncs::new(world.core_over(Arc::clone(&attended) as _), Arc::clone(&world.destination) as _);
    syncs.delete(&world.ctx, &slug("s"), Removal::RemoveSecrets, &Expected::Any).await.expect("a sync");
    let view = world.core.records.view().await.expect("a store");
    let record = syncs::read(&view, tenant, sync).await.expect("a store").expect("a sync on its way out");
    assert_eq!(record.removal, Some(Removal::RemoveSecrets));
}
