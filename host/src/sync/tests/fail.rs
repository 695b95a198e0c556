//! Failures: what is tried again, what stops, and that nothing else suffers.

use std::time::Duration;

use keyferry_contract::SyncReads;

use super::vendor::{Trouble, reported};
use super::world::{World, slug, values};
use crate::domain::plugin::{Reported, ReportedKind};
use crate::domain::sync::{FailureClass, ItemResult, OnInvalid, OnUnresolvedReference, RunState, SyncState};

const LONG: Duration = Duration::from_secs(16 * 60);

#[tokio::test]
async fn a_vendor_that_cannot_be_reached_is_tried_again_by_the_same_run() {
    let world = World::new().await;
    world.set_many(3).await;
    world.sync(|_| ()).await;
    world.vendor.observe_trouble(reported(ReportedKind::Unavailable, Some(503)));
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Pending);
    assert_eq!(run.run.failure.as_ref().expect("a failure").vendor_status, Some(503));
    assert!(run.run.retry_at.is_some());
    world.pass(LONG).await;
    let run = world.run_view(&run.run).await;
    assert_eq!((run.run.state, run.run.attempt), (RunState::Succeeded, 2));
}

#[tokio::test]
async fn the_vendors_wish_to_wait_is_kept() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    let wish = Reported { retry_after_ms: Some(600_000), ..reported(ReportedKind::RateLimited, Some(429)) };
    world.vendor.observe_trouble(wish);
    let run = world.run().await;
    assert_eq!(world.pass(Duration::from_secs(590)).await, 0);
    assert_eq!(world.pass(Duration::from_secs(20)).await, 1);
    assert_eq!(world.run_view(&run.run).await.run.state, RunState::Succeeded);
}

#[tokio::test]
async fn tries_come_to_an_end_and_a_new_change_begins_anew() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    for _ in 0..20 {
        world.vendor.observe_trouble(reported(ReportedKind::Unavailable, None));
    }
    let run = world.run().await;
    for _ in 0..20 {
        world.pass(LONG).await;
    }
    let ended = world.run_view(&run.run).await.run;
    assert_eq!((ended.state, ended.attempt), (RunState::Failed, 12));
    assert_eq!(world.view().await.state, SyncState::Failed);
    for _ in 0..8 {
        world.pass(LONG).await;
    }
    world.set("/app", "K000", "changed").await;
    for _ in 0..10 {
        world.pass(LONG).await;
    }
    assert_eq!(world.vendor.value("K000").as_deref(), Some("changed"));
}

#[tokio::test]
async fn throttled_items_are_tried_again_within_the_run() {
    let world = World::new().await;
    world.set_many(6).await;
    world.sync(|_| ()).await;
    world.vendor.trouble(Trouble::ThrottledAfter(1));
    world.vendor.trouble(Trouble::ThrottledAfter(0));
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    let mut writes = world.vendor.take_writes();
    writes.sort();
    assert_eq!(writes.len(), 6, "each key was written once");
    writes.dedup();
    assert_eq!(writes.len(), 6);
}

#[tokio::test]
async fn an_unanswered_write_is_looked_up_and_not_repeated() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.vendor.trouble(Trouble::Unanswered);
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Pending);
    assert!(run.outcomes.iter().all(|outcome| outcome.result == ItemResult::Unknown));
    world.vendor.take_writes();
    world.pass(LONG).await;
    let run = world.run_view(&run.run).await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    assert!(world.vendor.take_writes().is_empty(), "both writes had arrived");
    let told: Vec<_> = run.outcomes.iter().map(|outcome| (outcome.result, outcome.failure.is_none())).collect();
    assert_eq!(told, [(ItemResult::Ok, true); 2], "and are told so");
    assert_eq!((run.run.counts.create, run.run.counts.unchanged), (2, 0));
    assert_eq!(world.vendor.finished().len(), 1, "what waits for changes hears of them");
    world.assert_settled(&values(&[("K000", "v0"), ("K001", "v1")])).await;
}

#[tokio::test]
async fn an_unanswered_write_to_a_write_only_vendor_is_repeated_with_the_same_value() {
    let world = World::with(SyncReads::Names).await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.vendor.trouble(Trouble::Unanswered);
    world.run().await;
    world.vendor.take_writes();
    world.pass(LONG).await;
    assert_eq!(world.vendor.take_writes(), ["K000", "K001"]);
    world.assert_settled(&values(&[("K000", "v0"), ("K001", "v1")])).await;
}

#[tokio::test]
async fn a_bad_item_is_told_the_others_go_on_and_nothing_loops() {
    let world = World::new().await;
    world.set_many(5).await;
    world.vendor.refuse("K002");
    world.sync(|_| ()).await;
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Partial);
    let failed: Vec<_> = run.outcomes.iter().filter(|outcome| outcome.result == ItemResult::Failed).collect();
    assert_eq!((failed.len(), failed[0].key.as_str()), (1, "K002"));
    let failure = failed[0].failure.as_ref().expect("a failure");
    assert_eq!((failure.class, failure.vendor_status), (FailureClass::Item, Some(400)));
    assert_eq!(world.vendor.values().len(), 4);
    assert_eq!(world.view().await.state, SyncState::Partial);
    assert_eq!(world.pass(LONG).await, 0);
}

#[tokio::test]
async fn rejected_credentials_stop_the_sync_and_are_probed_once_an_hour() {
    let world = World::new().await;
    world.set_many(5).await;
    world.sync(|_| ()).await;
    world.vendor.trouble(Trouble::Refused(reported(ReportedKind::Unauthenticated, Some(401))));
    world.destination.rules.lock().expect("no panic").concurrency = 1;
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Failed);
    assert_eq!(world.vendor.apply_calls(), 1, "no further batch was sent");
    assert_eq!(world.destination.rejected.lock().expect("no panic").len(), 1);
    assert_eq!(world.pass(Duration::from_secs(3_500)).await, 0);
    assert_eq!(world.pass(Duration::from_secs(200)).await, 1);
    assert_eq!(world.vendor.values().len(), 5, "the credentials are accepted again");
}

#[tokio::test]
async fn a_plugin_that_breaks_down_three_times_rests_until_somebody_asks() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    for _ in 0..3 {
        world.vendor.trouble(Trouble::Trap);
    }
    let run = world.run().await;
    world.pass(LONG).await;
    world.pass(LONG).await;
    let ended = world.run_view(&run.run).await.run;
    assert_eq!((ended.state, ended.attempt), (RunState::Failed, 3), "{:?}", ended.failure);
    assert_eq!(ended.failure.expect("a failure").code, "plugin_trapped");

    world.set("/app", "K000", "changed").await;
    world.pass(LONG).await;
    assert_eq!(world.vendor.apply_calls(), 3, "the digest is quarantined");
    assert_eq!(world.run().await.run.state, RunState::Succeeded, "somebody asked");
    world.set("/app", "K000", "changed again").await;
    world.pass(LONG).await;
    assert_eq!(world.vendor.value("K000").as_deref(), Some("changed again"), "and it works by itself again");
}

#[tokio::test]
async fn somebody_elses_write_in_between_is_not_overwritten_blindly() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.set("/app", "K000", "ours").await;
    world.vendor.trouble(Trouble::Race("K000".to_owned(), "theirs".to_owned()));
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Pending, "the precondition failed");
    assert_eq!(world.vendor.value("K000").as_deref(), Some("theirs"));
    world.pass(LONG).await;
    let run = world.run_view(&run.run).await;
    assert_eq!((run.run.state, run.run.counts.drift), (RunState::Succeeded, 1));
    assert_eq!(world.vendor.value("K000").as_deref(), Some("ours"));
}

#[tokio::test]
async fn a_reference_that_leads_nowhere_stops_the_run_before_its_first_write() {
    let world = World::new().await;
    world.set_many(3).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.set("/app", "K001", "${NOWHERE}").await;
    world.set("/app", "K002", "changed").await;
    world.vendor.take_writes();
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Failed);
    let failure = run.run.failure.expect("a failure");
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::Configuration, "reference_unresolved"));
    assert!(failure.message.contains("K001"), "{}", failure.message);
    assert!(world.vendor.take_writes().is_empty());
    assert_eq!(world.vendor.values().len(), 3, "a key that cannot be resolved is not deleted");
}

#[tokio::test]
async fn a_reference_may_be_passed_on_as_text() {
    let world = World::new().await;
    world.set("/app", "A", "${NOWHERE}").await;
    world.sync(|spec| spec.options.on_unresolved_reference = OnUnresolvedReference::Literal).await;
    world.run().await;
    assert_eq!(world.vendor.value("A").as_deref(), Some("${NOWHERE}"));
}

#[tokio::test]
async fn text_that_only_looks_like_a_reference_is_synced_as_it_stands() {
    let world = World::new().await;
    let texts = [("A", "${HOME:-/root}"), ("B", "ref: ${{ github.ref }}"), ("C", "${}"), ("D", "${HOME:-x}/y")];
    for (name, value) in texts {
        world.set("/app", name, value).await;
    }
    world.set("/app", "E", "${HOME:-${D}} $${D}").await;
    world.sync(|_| ()).await;
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    let mut expected = values(&texts);
    expected.insert("E".to_owned(), "${HOME:-${HOME:-x}/y} ${D}".to_owned());
    assert_eq!(world.vendor.values(), expected);
}

#[tokio::test]
async fn a_reference_into_nothing_or_another_project_stops_the_run() {
    for value in ["${NOWHERE}", "${prod.app.NOWHERE}", "${nowhere.KEY}", "${@other.prod.KEY}", "${@KEY}"] {
        let world = World::new().await;
        world.set("/app", "A", value).await;
        world.sync(|_| ()).await;
        let failure = world.run().await.run.failure.expect(value);
        assert_eq!(failure.code, "reference_unresolved", "{value}");
        assert!(world.vendor.values().is_empty());
    }
}

#[tokio::test]
async fn references_in_a_circle_are_cut_alike_whichever_is_read_first() {
    let world = World::new().await;
    for (name, value) in [("A", "a${B}"), ("B", "b${C}"), ("C", "c${A}"), ("D", "d${B}"), ("E", "e${E}")] {
        world.set("/app", name, value).await;
    }
    world.sync(|spec| spec.options.on_unresolved_reference = OnUnresolvedReference::Literal).await;
    world.run().await;
    let expected = [("A", "abc${A}"), ("B", "bca${B}"), ("C", "cab${C}"), ("D", "dbca${B}"), ("E", "e${E}")];
    assert_eq!(world.vendor.values(), values(&expected));
}

#[tokio::test]
async fn references_in_a_row_reach_equally_far_in_whichever_order_they_are_read() {
    let world = World::new().await;
    // One row is read from its beginning, the other from its end.
    for index in 0..12 {
        world.set("/app", &format!("A{index:02}"), &format!("{index},${{A{:02}}}", index + 1)).await;
        world.set("/app", &format!("B{:02}", 12 - index), &format!("{index},${{B{:02}}}", 11 - index)).await;
    }
    world.set("/app", "A12", "end").await;
    world.set("/app", "B00", "end").await;
    world.sync(|spec| spec.options.on_unresolved_reference = OnUnresolvedReference::Literal).await;
    world.run().await;
    for (index, expected) in [(0, "0,1,2,3,4,5,6,7,8,9,${A10}"), (3, "3,4,5,6,7,8,9,10,11,end"), (12, "end")] {
        let key = (format!("A{index:02}"), format!("B{:02}", 12 - index));
        assert_eq!(world.vendor.value(&key.0).as_deref(), Some(expected));
        assert_eq!(world.vendor.value(&key.1), Some(expected.replace("A10", "B02")));
    }
}

#[tokio::test]
async fn references_do_not_make_a_value_grow_without_bound() {
    let world = World::new().await;
    world.set("/app", "A", &"x".repeat(256 << 10)).await;
    world.set("/app", "B", &"${A}".repeat(1_000)).await;
    world.set("/app", "C", &"${B}".repeat(1_000)).await;
    world.sync(|_| ()).await;
    let run = world.run().await;
    let failure = run.run.failure.expect("a failure");
    assert_eq!(failure.code, "invalid_request");
    assert!(failure.message.contains("`B`"), "{}", failure.message);
    assert!(world.vendor.values().is_empty());
}

#[tokio::test]
async fn rules_are_held_before_the_first_write_and_all_offenders_are_told() {
    let world = World::new().await;
    world.set_many(2).await;
    world.set("/app", "bad-one", "x").await;
    world.set("/app", "bad-two", "x").await;
    world.destination.rules.lock().expect("no panic").name_pattern = Some("[A-Z0-9]+".to_owned());
    world.sync(|_| ()).await;
    let run = world.run().await;
    let failure = run.run.failure.expect("a failure");
    assert!(failure.message.contains("bad-one") && failure.message.contains("bad-two"), "{}", failure.message);
    assert!(world.vendor.values().is_empty());
}

#[tokio::test]
async fn skipped_keys_are_neither_written_nor_deleted() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|spec| spec.options.on_invalid = OnInvalid::Skip).await;
    world.run().await;
    world.destination.rules.lock().expect("no panic").value_bytes_max = Some(4);
    world.set("/app", "K000", "too long now").await;
    let run = world.run().await;
    assert_eq!((run.run.state, run.run.counts.skip), (RunState::Succeeded, 1));
    let left_out = run.run.left_out.expect("what was left out is told");
    assert_eq!((left_out.keys, left_out.empty, left_out.is_loss()), (1, 0, true));
    assert_eq!(left_out.message, "1 key is left out: `K000`: the value is longer than the 4 bytes that are allowed");
    assert_eq!(world.vendor.values(), values(&[("K000", "v0"), ("K001", "v1")]));
}

#[tokio::test]
async fn two_syncs_do_not_write_one_key() {
    let world = World::new().await;
    world.set_many(2).await;
    world.set("/other", "K001", "another").await;
    world.set("/other", "FREE", "another").await;
    world.sync(|_| ()).await;
    world.sync_named("t", |spec| spec.source.path = "/other".parse().expect("a path")).await;
    world.run().await;
    world.vendor.take_writes();
    let run = world.syncs.run(&world.ctx, &slug("t"), None).await.expect("a run");
    world.engine.run_due().await.expect("a store");
    let run = world.syncs.read_run(&world.ctx, &slug("t"), run.uid).await.expect("a run").run;
    let failure = run.failure.expect("a failure");
    assert_eq!(failure.code, "destination_claimed");
    assert!(failure.message.contains("`s`") && failure.message.contains("K001"), "{}", failure.message);
    assert!(world.vendor.take_writes().is_empty(), "the check fails closed");
}

#[tokio::test]
async fn a_listing_ends_the_run_before_it_fills_the_memory() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    for number in 0..16 {
        world.vendor.put(&format!("FOREIGN{number:02}"), &"x".repeat((4 << 20) - 64));
    }
    let run = world.run().await.run;
    assert_eq!(run.failure, None, "so much is still borne");
    world.vendor.put("FOREIGN99", &"x".repeat(1 << 20));
    let run = world.run().await.run;
    let failure = run.failure.expect("a failure");
    assert_eq!(failure.code, "plugin_contract_broken");
    assert!(failure.message.contains("64 MiB"), "{}", failure.message);
}
