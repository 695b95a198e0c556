//! Checks for drift: what they tell, what follows, and when they come.

use std::time::Duration;

use keyferry_contract::SyncReads;

use super::vendor::reported;
use super::world::{World, slug, values};
use crate::domain::plugin::ReportedKind;
use crate::domain::sync::{OnDrift, Run, RunKind, RunState, SyncState, Trigger};

const HOUR: Duration = Duration::from_secs(3_600);

async fn check(world: &World) -> Run {
    let run = world.syncs.check_drift(&world.ctx, &slug("s")).await.expect("a check");
    world.engine.run_due().await.expect("a store");
    world.run_view(&run).await.run
}

async fn checks(world: &World) -> Vec<Run> {
    let runs = world.syncs.runs(&world.ctx, &slug("s")).await.expect("runs");
    runs.into_iter().filter(|run| run.kind == RunKind::Check).collect()
}

/// Lets hours pass as a host sees them that is up all the time; how much ran meanwhile.
async fn hours(world: &World, count: u32) -> usize {
    let mut ran = 0;
    for _ in 0..count * 15 {
        ran += world.pass(HOUR / 15).await;
    }
    ran
}

/// Lets time pass until something runs; how many hours that took.
async fn hours_until_one_runs(world: &World) -> f64 {
    for step in 1..100 * 15 {
        if world.pass(HOUR / 15).await > 0 {
            return f64::from(step) / 15.0;
        }
    }
    panic!("nothing ran for a hundred hours");
}

async fn settled(on_drift: OnDrift, reads: SyncReads) -> World {
    let world = World::with(reads).await;
    world.set_many(3).await;
    world.sync(|spec| spec.options.on_drift = on_drift).await;
    world.run().await;
    world.vendor.take_writes();
    world
}

#[tokio::test]
async fn a_check_tells_of_drift_by_name_and_writes_nothing() {
    // Vendors that show no values are told by their versions.
    for reads in [SyncReads::Values, SyncReads::Names] {
        let world = settled(OnDrift::Report, reads).await;
        assert_eq!(check(&world).await.counts.drift, 0);
        assert_eq!(world.view().await.state, SyncState::InSync);
        world.vendor.put("K001", "theirs");
        world.vendor.remove("K002");
        let run = check(&world).await;
        assert_eq!((run.state, run.counts.drift), (RunState::Succeeded, 2), "{reads:?}");
        let view = world.view().await;
        assert_eq!(view.state, SyncState::Drifted);
        assert_eq!((view.drift.count, view.drift.keys), (2, vec!["K001".to_owned(), "K002".to_owned()]));
        assert_eq!(view.drift.checked_at, run.finished_at);
        assert_eq!(view.drift.check.map(|check| check.uid), Some(run.uid));
        assert!(view.last_run.is_some_and(|last| last.kind == RunKind::Sync), "a check is no run of the sync");
        assert_eq!(world.pass(HOUR).await, 0);
        assert!(world.vendor.take_writes().is_empty(), "{reads:?}");
    }
}

#[tokio::test]
async fn drift_that_is_gone_is_no_longer_told() {
    let world = settled(OnDrift::Report, SyncReads::Values).await;
    world.vendor.put("K001", "theirs");
    check(&world).await;
    assert_eq!(world.view().await.state, SyncState::Drifted);
    world.vendor.put("K001", "v1");
    check(&world).await;
    let view = world.view().await;
    assert_eq!((view.state, view.drift.count, view.drift.keys), (SyncState::InSync, 0, vec![]));
}

#[tokio::test]
async fn drift_that_is_to_be_repaired_is_followed_by_a_run() {
    let world = settled(OnDrift::Repair, SyncReads::Values).await;
    world.vendor.put("K001", "theirs");
    check(&world).await;
    assert_eq!(world.view().await.state, SyncState::Pending);
    assert_eq!(world.pass(Duration::from_secs(3)).await, 1);
    let view = world.view().await;
    assert_eq!((view.state, view.drift.count), (SyncState::InSync, 0));
    assert_eq!(view.last_run.expect("a run").trigger, Trigger::Manual { by: "tester".to_owned() });
    world.assert_settled(&values(&[("K000", "v0"), ("K001", "v1"), ("K002", "v2")])).await;
}

#[tokio::test]
async fn a_sync_that_does_not_run_by_itself_only_tells() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|spec| spec.options.auto_sync = false).await;
    world.run().await;
    world.vendor.put("K000", "theirs");
    check(&world).await;
    assert_eq!(world.view().await.state, SyncState::Drifted);
    assert_eq!(world.pass(HOUR).await, 0);
    assert_eq!(world.vendor.value("K000").as_deref(), Some("theirs"));
}

#[tokio::test]
async fn checks_come_once_a_day_over_restarts() {
    let mut world = settled(OnDrift::Report, SyncReads::Values).await;
    let mut intervals = Vec::new();
    for _ in 0..5 {
        assert_eq!(hours(&world, 11).await, 0);
        world.restart().await;
        intervals.push(11.0 + hours_until_one_runs(&world).await);
    }
    let (least, most) =
        intervals.iter().fold((f64::MAX, 0.0_f64), |(least, most), one| (least.min(*one), most.max(*one)));
    assert!(least > 21.5 && most < 26.6, "a tenth early or late at the most: {intervals:?}");
    assert!(most - least < 0.2, "and always the same: {intervals:?}");
    let checks = checks(&world).await;
    assert_eq!(checks.len(), 5);
    assert!(checks.iter().all(|check| check.trigger == Trigger::Schedule && check.state == RunState::Succeeded));
    world.vendor.put("K000", "theirs");
    hours_until_one_runs(&world).await;
    assert_eq!(world.view().await.state, SyncState::Drifted);
}

#[tokio::test]
async fn a_run_counts_as_a_look_and_puts_the_next_check_off() {
    let world = settled(OnDrift::Report, SyncReads::Values).await;
    for index in 0..4 {
        assert_eq!(hours(&world, 20).await, 0);
        world.set("/app", "K000", &format!("edit {index}")).await;
        assert_eq!(world.pass(HOUR).await, 1);
    }
    assert!(checks(&world).await.is_empty());
}

#[tokio::test]
async fn a_long_standstill_is_followed_by_one_check_within_an_hour_and_not_at_once() {
    let mut world = settled(OnDrift::Report, SyncReads::Values).await;
    world.clock.turn(24 * HOUR * 10);
    world.restart().await;
    assert_eq!(world.engine.run_due().await.expect("a store"), 0, "whoever comes back does not run into a crowd");
    let mut ran = 0;
    for _ in 0..60 {
        ran += world.pass(Duration::from_secs(61)).await;
    }
    assert_eq!(ran, 1);
    assert_eq!(hours(&world, 20).await, 0, "what was missed is not made up for");
}

#[tokio::test]
async fn a_sync_sets_its_own_interval_or_none_and_a_change_takes_effect_at_once() {
    let world = settled(OnDrift::Report, SyncReads::Values).await;
    world.change(|spec| spec.options.drift_check_interval_seconds = Some(7_200)).await;
    world.pass(Duration::from_secs(3)).await;
    let ran = hours(&world, 24).await;
    assert!((10..=13).contains(&ran), "{ran}");
    assert_eq!(checks(&world).await.len(), ran);
    world.change(|spec| spec.options.drift_check_interval_seconds = Some(0)).await;
    world.pass(Duration::from_secs(3)).await;
    assert_eq!(hours(&world, 72).await, 0);
}

#[tokio::test]
async fn a_paused_sync_is_not_checked_and_a_deleted_one_leaves_no_trace_in_the_schedule() {
    let world = settled(OnDrift::Report, SyncReads::Values).await;
    world.syncs.pause(&world.ctx, &slug("s")).await.expect("a sync");
    assert_eq!(hours(&world, 48).await, 0);
    world.syncs.resume(&world.ctx, &slug("s")).await.expect("a sync");
    world.pass(Duration::from_secs(3)).await;
    assert_eq!(world.view().await.last_run.expect("a run").trigger, Trigger::Definition, "what it missed is a run");
    assert_eq!(hours(&world, 27).await, 1);
    world.delete(crate::records::syncs::Removal::KeepSecrets).await;
    let view = world.core.records.view().await.expect("a store");
    assert!(crate::records::sync_state::checks(&view, 10).await.expect("a store").is_empty());
}

#[tokio::test]
async fn a_check_that_fails_is_tried_again_and_changes_nothing_of_how_the_sync_stands() {
    let world = settled(OnDrift::Report, SyncReads::Values).await;
    world.vendor.observe_trouble(reported(ReportedKind::Unavailable, Some(503)));
    let waiting = check(&world).await;
    assert_eq!(waiting.state, RunState::Pending);
    assert_eq!(world.view().await.state, SyncState::InSync);
    world.pass(HOUR).await;
    assert_eq!(world.run_view(&waiting).await.run.state, RunState::Succeeded);

    world.vendor.observe_trouble(reported(ReportedKind::Unauthenticated, Some(401)));
    let refused = check(&world).await;
    assert_eq!(refused.state, RunState::Failed);
    assert_eq!(world.view().await.state, SyncState::InSync, "it is as it was when it was last seen");
    assert_eq!(world.destination.rejected.lock().expect("no panic").len(), 1, "but the connection is told of");
    assert_eq!(hours(&world, 20).await, 0);
}

#[tokio::test]
async fn a_check_under_way_uses_no_approval_up() {
    let world = World::new().await;
    world.set_many(1).await;
    world.vendor.put("K000", "theirs");
    world.sync(|_| ()).await;
    let blocked = world.run().await.run;
    assert_eq!(blocked.state, RunState::Blocked);
    world.destination.rules.lock().expect("no panic").requests_per_second = Some(0.05);
    let check = world.syncs.check_drift(&world.ctx, &slug("s")).await.expect("a check");
    let engine = world.engine.clone();
    let working = tokio::spawn(async move { engine.run_due().await });
    while world.run_view(&check).await.run.state == RunState::Pending {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.run_view(&check).await.run.state, RunState::Running, "it waits for its turn at the vendor");
    let run = world.syncs.run(&world.ctx, &slug("s"), blocked.plan_hash).await.expect("a run");
    while !working.is_finished() {
        world.clock.turn(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(world.run_view(&check).await.run.state, RunState::Succeeded);
    let run = world.run_view(&run).await.run;
    assert_eq!(run.state, RunState::Succeeded, "{:?} {:?}", run.blocked, run.failure);
}

#[tokio::test]
async fn frequent_checks_do_not_displace_runs() {
    let world = settled(OnDrift::Report, SyncReads::Values).await;
    for _ in 0..30 {
        check(&world).await;
    }
    assert_eq!(checks(&world).await.len(), crate::records::runs::CHECKS_KEPT_MAX);
    assert!(world.view().await.last_run.is_some());
}
