//! What runs write, and what they leave.

use keyferry_contract::SyncReads;

use super::vendor::Trouble;
use super::world::{World, values};
use crate::domain::sync::{Action, ItemResult, OnDrift, RunState, SyncState};

#[tokio::test]
async fn a_run_carries_what_is_selected_and_the_next_one_writes_nothing() {
    let world = World::new().await;
    world.set_many(7).await;
    let sync = world.sync(|_| ()).await;
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    assert_eq!((run.run.counts.create, run.outcomes.len()), (7, 7));
    assert_eq!(run.run.remote_calls.write, 7);
    assert_eq!(world.owned(&sync).await.len(), 7);
    assert_eq!(world.view().await.state, SyncState::InSync);

    world.vendor.take_writes();
    let run = world.run().await;
    assert_eq!((run.run.counts.unchanged, run.run.remote_calls.write), (7, 0));
    assert!(world.vendor.take_writes().is_empty() && run.outcomes.is_empty());
}

#[tokio::test]
async fn one_changed_secret_is_one_write() {
    for reads in [SyncReads::Values, SyncReads::Digests, SyncReads::Names, SyncReads::Nothing] {
        let world = World::with(reads).await;
        world.set_many(5).await;
        world.sync(|_| ()).await;
        world.run().await;
        world.vendor.take_writes();
        world.set("/app", "K003", "another value").await;
        let run = world.run().await;
        assert_eq!(run.run.state, RunState::Succeeded, "{reads:?} {:?}", run.run.failure);
        assert_eq!(world.vendor.take_writes(), ["K003"], "{reads:?}");
        assert_eq!(world.vendor.value("K003").as_deref(), Some("another value"));
    }
}

#[tokio::test]
async fn only_ours_are_deleted_and_foreign_keys_survive() {
    let world = World::new().await;
    world.vendor.put("FOREIGN", "theirs");
    world.set_many(4).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.unset("/app", "K000").await;
    world.unset("/app", "K001").await;
    world.vendor.put("K001", "changed by somebody");
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    let expected = values(&[("FOREIGN", "theirs"), ("K001", "changed by somebody"), ("K002", "v2"), ("K003", "v3")]);
    world.assert_settled(&expected).await;
}

#[tokio::test]
async fn equal_keys_are_adopted_without_a_write() {
    let world = World::new().await;
    world.vendor.put("K000", "v0");
    world.set_many(2).await;
    let sync = world.sync(|_| ()).await;
    let run = world.run().await;
    assert_eq!((run.run.counts.adopt, run.run.counts.create), (1, 1));
    assert_eq!(world.vendor.take_writes(), ["K001"]);
    assert_eq!(world.owned(&sync).await, ["/app/K000", "/app/K001"]);
}

#[tokio::test]
async fn deletes_wait_until_everything_before_them_succeeded() {
    let world = World::new().await;
    world.set_many(3).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.unset("/app", "K000").await;
    world.set("/app", "NEW", "value").await;
    world.vendor.refuse("NEW");
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Partial);
    let delete = run.outcomes.iter().find(|outcome| outcome.action == Action::Delete).expect("a planned delete");
    assert_eq!(delete.result, ItemResult::NotAttempted);
    assert!(world.vendor.value("K000").is_some());

    world.vendor.accept_all();
    assert_eq!(world.run().await.run.state, RunState::Succeeded);
    assert!(world.vendor.value("K000").is_none());
}

#[tokio::test]
async fn drift_is_repaired_or_only_reported() {
    for (on_drift, expected, state) in
        [(OnDrift::Repair, "v0", SyncState::InSync), (OnDrift::Report, "theirs", SyncState::Drifted)]
    {
        let world = World::new().await;
        world.set_many(2).await;
        world.sync(|spec| spec.options.on_drift = on_drift).await;
        world.run().await;
        world.vendor.put("K000", "theirs");
        let run = world.run().await;
        assert_eq!((run.run.state, run.run.counts.drift), (RunState::Succeeded, 1));
        assert_eq!(world.vendor.value("K000").as_deref(), Some(expected));
        assert_eq!(world.view().await.state, state);
    }
}

#[tokio::test]
async fn a_removed_key_is_created_again() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.vendor.remove("K001");
    let run = world.run().await;
    assert_eq!((run.run.counts.create, run.run.counts.drift), (1, 1));
    world.assert_settled(&values(&[("K000", "v0"), ("K001", "v1")])).await;
}

#[tokio::test]
async fn a_vendor_that_claims_to_have_written_is_not_believed() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.vendor.trouble(Trouble::Lie);
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Pending, "the read-back found nothing");
    world.pass(std::time::Duration::from_secs(60)).await;
    assert_eq!(world.run_view(&run.run).await.run.state, RunState::Succeeded);
    assert_eq!(world.vendor.value("K000").as_deref(), Some("v0"));
}

#[tokio::test]
async fn versions_that_only_a_listing_tells_are_learnt() {
    let world = World::with(SyncReads::Names).await;
    world.set_many(2).await;
    world.sync(|spec| spec.options.verify = Some(false)).await;
    world.vendor.put("OTHER", "shows that there are versions");
    world.run().await;
    world.vendor.take_writes();
    world.vendor.put("K000", "theirs");
    let run = world.run().await;
    assert_eq!(run.run.counts.drift, 1, "the version is not the one of our write");
    assert_eq!(world.vendor.take_writes(), ["K000"]);
}

#[tokio::test]
async fn a_write_only_vendor_without_versions_costs_no_call_for_unchanged_keys() {
    let world = World::with(SyncReads::Names).await;
    world.vendor.hide_versions();
    world.set_many(6).await;
    world.sync(|_| ()).await;
    world.run().await;
    let calls = world.vendor.apply_calls();
    world.run().await;
    assert_eq!(world.vendor.apply_calls(), calls);
    world.unset("/app", "K000").await;
    assert_eq!(world.run().await.run.counts.delete, 1);
}

#[tokio::test]
async fn keys_that_an_incomplete_listing_leaves_out_are_asked_for() {
    let world = World::new().await;
    world.vendor.list_incompletely();
    for index in 0..5 {
        world.vendor.put(&format!("K{index:03}"), "theirs");
    }
    world.set_many(6).await;
    world.sync(|_| ()).await;
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Blocked, "keys beyond the listing are there as well");
    assert_eq!((run.run.counts.conflict, run.run.counts.create), (5, 1));
}

#[tokio::test]
async fn a_document_is_written_in_one_call_with_the_version_that_was_seen() {
    let world = World::new().await;
    world.destination.rules.lock().expect("no panic").document = true;
    world.set_many(5).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.unset("/app", "K000").await;
    world.set("/app", "K001", "another").await;
    world.run().await;
    assert_eq!(world.vendor.apply_calls(), 2, "puts and deletes go together");
    assert_eq!(world.vendor.document_versions(), [Some("document-1".to_owned()), Some("document-1".to_owned())]);
}

#[tokio::test]
async fn the_last_word_comes_once_and_only_after_changes() {
    let world = World::new().await;
    world.set_many(3).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.run().await;
    assert_eq!(world.vendor.finished(), [["K000", "K001", "K002"]]);
}

#[tokio::test]
async fn a_preview_writes_nothing_anywhere() {
    let world = World::new().await;
    world.set_many(3).await;
    let sync = world.sync(|_| ()).await;
    let plan = world.plan().await;
    assert_eq!(plan.counts.create, 3);
    assert!(world.vendor.values().is_empty() && world.owned(&sync).await.is_empty());
    assert_eq!(plan.hash, world.plan().await.hash, "nothing changed");
    assert_eq!(world.run().await.run.plan_hash, Some(plan.hash), "the run does what was shown");
}

#[tokio::test]
async fn nothing_that_is_kept_of_a_run_holds_a_value() {
    let world = World::new().await;
    let canary = "canary-2f9c1d7e";
    world.vendor.put("THEIRS", canary);
    world.set("/app", "OURS", canary).await;
    world.set("/app", "THEIRS", "another value of ours").await;
    world.sync(|_| ()).await;
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Blocked);
    let view = world.core.records.view().await.expect("a store");
    let events = crate::records::runs::events(&view, world.ctx.tenant(), run.run.uid, 0, 100).await.expect("events");
    let told = format!("{run:?} {events:?} {:?}", world.view().await);
    assert!(!told.contains(canary) && !told.contains("another value of ours"), "{told}");
    assert!(told.contains("OURS"));
}
