//! A credential that the vendor rejected: who waits for it, and what ends the wait.

use std::time::Duration;

use super::vendor::{Trouble, reported};
use super::world::{World, slug};
use crate::domain::plugin::ReportedKind;
use crate::domain::sync::{RunState, SyncState, Trigger};
use crate::service::syncs::WaitReason;

const QUIET: Duration = Duration::from_secs(3);

/// A sync whose credential was rejected just now.
async fn rejected() -> World {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.vendor.trouble(Trouble::Refused(reported(ReportedKind::Unauthenticated, Some(401))));
    assert_eq!(world.run().await.run.state, RunState::Failed);
    world
}

async fn waits_for(world: &World) -> Option<WaitReason> {
    world.view().await.waiting.map(|waiting| waiting.reason)
}

#[derive(Clone, Copy, Debug)]
enum Mended {
    Connection,
    Definition,
    Resumed,
}

#[tokio::test]
async fn what_may_have_mended_a_rejected_credential_ends_the_wait() {
    for (mended, trigger) in [
        (Mended::Connection, Trigger::Connection),
        (Mended::Definition, Trigger::Definition),
        (Mended::Resumed, Trigger::Definition),
    ] {
        let world = rejected().await;
        assert_eq!(waits_for(&world).await, Some(WaitReason::Credential), "{mended:?}");
        match mended {
            Mended::Connection => world.change_connection().await,
            Mended::Definition => world.change(|spec| spec.display_name = "other".to_owned()).await,
            Mended::Resumed => {
                world.syncs.pause(&world.ctx, &slug("s")).await.expect("a sync");
                world.syncs.resume(&world.ctx, &slug("s")).await.expect("a sync");
            }
        }
        assert_eq!(waits_for(&world).await, None, "{mended:?}");
        assert_eq!(world.pass(QUIET).await, 1, "{mended:?}");
        assert_eq!((world.view().await.state, world.vendor.values().len()), (SyncState::InSync, 2), "{mended:?}");
        let runs = world.syncs.runs(&world.ctx, &slug("s")).await.expect("runs");
        assert_eq!((&runs[0].trigger, runs[0].retry_at), (&trigger, None), "{mended:?}");
    }
}

#[tokio::test]
async fn a_mended_connection_ends_the_wait_of_a_sync_that_does_not_run_by_itself() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|spec| spec.options.auto_sync = false).await;
    world.vendor.trouble(Trouble::Refused(reported(ReportedKind::Unauthenticated, Some(401))));
    world.run().await;
    world.change_connection().await;
    assert_eq!(world.pass(QUIET).await, 1, "somebody asked for a run, and it was not done");
    assert_eq!(world.vendor.values().len(), 2);
}

#[tokio::test]
async fn changes_of_the_source_do_not_hammer_a_vendor_with_a_rejected_credential() {
    let world = rejected().await;
    for value in ["1", "2", "3"] {
        world.set("/app", "K000", value).await;
        assert_eq!(world.pass(QUIET).await, 0, "{value}");
    }
    assert_eq!(waits_for(&world).await, Some(WaitReason::Credential));
    world.change_connection().await;
    assert_eq!(world.pass(QUIET).await, 1);
    assert_eq!(world.vendor.value("K000").as_deref(), Some("3"), "what changed meanwhile is carried");
}

/// A run whose credential is rejected, while something happens.
async fn rejected_while(world: &World, happens: impl AsyncFnOnce()) {
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.vendor.trouble(Trouble::Refused(reported(ReportedKind::Unauthenticated, Some(401))));
    let gate = world.vendor.set_gate(0);
    world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    let engine = world.engine.clone();
    let running = tokio::spawn(async move { engine.run_due().await });
    while !world.view().await.is_busy {
        tokio::task::yield_now().await;
    }
    happens().await;
    assert_eq!(world.engine.run_due().await.expect("a store"), 0, "the run is under way");
    gate.add_permits(100);
    running.await.expect("no panic").expect("a store");
}

#[tokio::test]
async fn a_change_while_a_credential_is_rejected_waits_unless_it_may_mend_that() {
    let world = World::new().await;
    rejected_while(&world, async || world.set("/app", "K000", "changed").await).await;
    assert!(world.vendor.values().is_empty(), "the credential is the one that was rejected");
    assert_eq!(waits_for(&world).await, Some(WaitReason::Credential));

    let world = World::new().await;
    rejected_while(&world, async || world.change_connection().await).await;
    assert_eq!(world.vendor.values().len(), 2, "the connection is another");
}
