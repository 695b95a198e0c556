//! Deleting syncs, with and without what they wrote.

use super::vendor::{Trouble, reported};
use super::world::{World, slug, values};
use crate::domain::Code;
use crate::domain::plugin::ReportedKind;
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
