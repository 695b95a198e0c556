//! Cancelling, stopping, losing the lease.

use std::time::Duration;

use super::ground::Fuse;
use super::world::{World, slug, values};
use crate::domain::Code;
use crate::domain::sync::{RunState, SyncState};
use crate::records::sync_state::Fence;
use crate::transact;

/// Begins a run and waits until its first batch is at the vendor.
async fn hold_at_the_vendor(world: &World, steps: i64) -> (std::sync::Arc<Fuse>, crate::domain::sync::Run) {
    let fuse = Fuse::new(steps);
    world.vendor.set_fuse(Some(std::sync::Arc::clone(&fuse)));
    let run = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    let engine = world.engine.clone();
    tokio::spawn(async move { engine.run_due().await });
    fuse.burnt().await;
    (fuse, run)
}

async fn first_batch(world: &World) {
    while world.vendor.apply_calls() == 0 {
        tokio::task::yield_now().await;
    }
}

/// Every task has its turn, on a runtime of one thread.
async fn let_everybody_notice() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_pending_run_is_cancelled_before_it_begins() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    let run = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    world.syncs.cancel(&world.ctx, &slug("s")).await.expect("a pending run");
    assert_eq!(world.pass(Duration::from_secs(60)).await, 0);
    assert_eq!(world.run_view(&run).await.run.state, RunState::Cancelled);
    assert!(world.vendor.values().is_empty());
    let refused = world.syncs.cancel(&world.ctx, &slug("s")).await.expect_err("nothing is left");
    assert_eq!(refused.code(), Code::WrongState);
}

#[tokio::test]
async fn a_run_whose_lease_was_taken_writes_nothing_down_any_more() {
    let world = World::new().await;
    world.set_many(4).await;
    let sync = world.sync(|_| ()).await;
    let (_, run) = hold_at_the_vendor(&world, 0).await;
    let (tenant, uid) = (world.ctx.tenant(), sync.record.uid);
    let taken: crate::domain::Result<()> = async {
        transact!(world.core.records, |tx| {
            let fence = Fence::read_for_update(&mut tx, tenant, uid).await?;
            Fence { number: fence.number + 1 }.write(&mut tx, tenant, uid).await?;
        });
        Ok(())
    }
    .await;
    taken.expect("a store");
    world.vendor.set_fuse(None);
    let mut world = world;
    world.restart().await;
    world.engine.run_due().await.expect("a store");
    let run = world.run_view(&run).await;
    assert_eq!((run.run.state, run.run.attempt), (RunState::Succeeded, 2), "the next holder went on with it");
    world.assert_settled(&values(&[("K000", "v0"), ("K001", "v1"), ("K002", "v2"), ("K003", "v3")])).await;
}

#[tokio::test]
async fn a_cancelled_run_ends_after_the_calls_under_way() {
    let world = World::new().await;
    world.set_many(40).await;
    world.destination.rules.lock().expect("no panic").concurrency = 1;
    world.sync(|_| ()).await;
    let gate = world.vendor.set_gate(1);
    let run = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    let engine = world.engine.clone();
    let running = tokio::spawn(async move { engine.run_due().await });
    first_batch(&world).await;
    world.syncs.cancel(&world.ctx, &slug("s")).await.expect("a running run");
    let_everybody_notice().await;
    gate.add_permits(100);
    running.await.expect("no panic").expect("a store");
    let run = world.run_view(&run).await;
    assert_eq!(run.run.state, RunState::Cancelled);
    let written = world.vendor.values().len();
    assert!((1..40).contains(&written), "{written} were written");
    assert_eq!(world.pass(Duration::from_secs(600)).await, 0, "nothing goes on by itself");
    assert_eq!(world.run().await.run.state, RunState::Succeeded);
    assert_eq!(world.vendor.values().len(), 40);
}

#[tokio::test]
async fn a_stopped_host_goes_on_where_it_was() {
    let mut world = World::new().await;
    world.set_many(40).await;
    world.destination.rules.lock().expect("no panic").concurrency = 1;
    world.sync(|_| ()).await;
    let gate = world.vendor.set_gate(1);
    let handle = world.engine.start();
    let run = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    first_batch(&world).await;
    let stopping = tokio::spawn(handle.stop());
    let_everybody_notice().await;
    gate.add_permits(100);
    stopping.await.expect("no panic");
    let stopped = world.run_view(&run).await;
    assert_eq!(stopped.run.state, RunState::Pending);
    assert_eq!(world.view().await.state, SyncState::Pending);
    let written = world.vendor.take_writes();
    assert!((1..40).contains(&written.len()), "{} were written", written.len());

    world.restart().await;
    world.engine.run_due().await.expect("a store");
    let ended = world.run_view(&run).await;
    assert_eq!(ended.run.state, RunState::Succeeded);
    assert_eq!(world.vendor.take_writes().len(), 40 - written.len(), "nothing is written twice");
    assert_eq!((ended.run.counts.create, ended.run.counts.unchanged), (40, 0), "the counts are those of the whole run");
    assert_eq!(ended.outcomes.len(), 40);
}
