//! Imports: what comes in, what is left, and that nothing comes back.

use std::time::Duration;

use keyferry_contract::SyncReads;

use super::ground::Fuse;
use super::vendor::reported;
use super::world::{World, slug, values};
use crate::domain::Code;
use crate::domain::plugin::ReportedKind;
use crate::domain::sync::{
    Action, InitialSync, ItemResult, OnConflict, Priority, Reason, RunKind, RunState, SyncState, Trigger,
};
use crate::records::syncs::Removal;
use crate::service::syncs::RunView;

async fn import(world: &World, prioritize: Priority) -> RunView {
    let run = world.syncs.import(&world.ctx, &slug("s"), prioritize).await.expect("an import");
    assert_eq!((run.state, run.kind), (RunState::Pending, RunKind::Import { prioritize }));
    world.engine.run_due().await.expect("a store");
    world.run_view(&run).await
}

/// Keys that were left, each with its reason.
fn left(run: &RunView) -> Vec<(&str, Reason)> {
    let left = run.outcomes.iter().filter(|outcome| outcome.result == ItemResult::Left);
    left.map(|outcome| (outcome.key.as_str(), outcome.reason.expect("a reason"))).collect()
}

/// That the run which follows writes nothing to the destination.
async fn assert_no_ping_pong(world: &World) {
    world.vendor.take_writes();
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.pass(Duration::from_secs(60)).await, 1, "the changed folder starts one run");
    assert_eq!(world.view().await.state, SyncState::InSync, "{:?}", world.view().await.last_run);
    assert!(world.vendor.take_writes().is_empty());
    assert_eq!(world.pass(Duration::from_secs(60)).await, 0, "and no further one");
}

#[tokio::test]
async fn the_source_wins_or_the_destination_does_and_the_next_run_writes_accordingly() {
    for (prioritize, expected, left_expected) in
        [(Priority::Source, "ours", vec![("BOTH", Reason::SourcePreferred)]), (Priority::Destination, "theirs", vec![])]
    {
        let world = World::new().await;
        world.set("/app", "BOTH", "ours").await;
        world.set("/app", "EQUAL", "same").await;
        for (key, value) in [("BOTH", "theirs"), ("EQUAL", "same"), ("NEW", "new")] {
            world.vendor.put(key, value);
        }
        world.sync(|spec| spec.options.on_conflict = OnConflict::Overwrite).await;
        let run = import(&world, prioritize).await;
        assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
        assert_eq!(left(&run), left_expected);
        assert_eq!(world.secret("BOTH").await.as_deref(), Some(expected));
        assert_eq!(world.secret("NEW").await.as_deref(), Some("new"));
        assert!(world.vendor.take_writes().is_empty(), "an import writes nothing there");
        let shown = world.view().await.last_import.expect("an import");
        assert_eq!((shown.run, shown.state, shown.message), (run.run.uid, RunState::Succeeded, None));
        assert_eq!(shown.left, left_expected.len() as u64);
        assert_eq!(world.run().await.run.state, RunState::Succeeded);
        assert_eq!(world.vendor.value("BOTH").as_deref(), Some(expected));
        world.assert_settled(&values(&[("BOTH", expected), ("EQUAL", "same"), ("NEW", "new")])).await;
    }
}

#[tokio::test]
async fn what_was_imported_does_not_travel_back() {
    let world = World::new().await;
    world.set("/app", "OURS", "ours").await;
    world.sync(|_| ()).await;
    world.run().await;
    world.vendor.put("OURS", "changed by somebody");
    for (key, value) in [("NEW", "new"), ("REFERENCE", "${OURS} and $${OURS}"), ("MONEY", "costs $5 ${")] {
        world.vendor.put(key, value);
    }
    let before = world.vendor.values();
    let run = import(&world, Priority::Destination).await;
    assert_eq!((run.run.counts.import, left(&run)), (4, vec![]));
    assert_no_ping_pong(&world).await;
    assert_eq!(world.vendor.values(), before, "text that looks like a reference stays what it is");
    assert_eq!(world.secret("REFERENCE").await.as_deref(), Some("$${OURS} and $$${OURS}"));
}

#[tokio::test]
async fn what_does_not_fit_is_told_and_the_rest_comes_in() {
    let world = World::new().await;
    world.destination.rules.lock().expect("no panic").reserved_names = vec!["APP_CI*".to_owned()];
    world.set("/app", "twin", "1").await;
    world.set("/app", "TWIN", "1").await;
    world.set("/app", "HIDDEN_OURS", "ours").await;
    let large = "x".repeat((256 << 10) + 1);
    for (key, value) in [
        ("APP_GOOD", "good"),
        ("APP_EMPTY", ""),
        ("APP_LARGE", large.as_str()),
        ("APP_A/B", "a slash"),
        ("APP_CI_X", "reserved"),
        ("APP_TWIN", "2"),
        ("APP_HIDDEN_OURS", "theirs"),
        ("APP_HIDDEN_THEIRS", "theirs"),
        ("OTHER", "without the prefix"),
        ("APP_lower", "in the wrong case"),
    ] {
        world.vendor.put(key, value);
    }
    world
        .sync(|spec| {
            spec.options.key_prefix = "app_".to_owned();
            spec.options.key_case = crate::domain::sync::KeyCase::Upper;
            spec.source.exclude = vec!["HIDDEN_*".to_owned()];
        })
        .await;
    let run = import(&world, Priority::Destination).await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    let expected = [
        ("APP_A/B", Reason::NameInvalid),
        ("APP_CI_X", Reason::Invalid),
        ("APP_EMPTY", Reason::ValueEmpty),
        ("APP_HIDDEN_OURS", Reason::NotSelected),
        ("APP_HIDDEN_THEIRS", Reason::NotSelected),
        ("APP_LARGE", Reason::ValueTooLong),
        ("APP_TWIN", Reason::KeyAmbiguous),
        ("APP_lower", Reason::KeyNotMapped),
        ("OTHER", Reason::KeyNotMapped),
    ];
    assert_eq!(left(&run), expected);
    assert_eq!((run.run.counts.import, run.run.counts.skip), (1, 9));
    assert_eq!(world.secret("GOOD").await.as_deref(), Some("good"));
    assert_eq!(world.secret("HIDDEN_OURS").await.as_deref(), Some("ours"));
    let plan = run.plan.expect("the plan is kept");
    assert_eq!(plan.items.len(), 10);
}

#[tokio::test]
async fn keys_of_another_sync_and_secrets_that_the_source_gave_up_stay_out() {
    let world = World::new().await;
    world.set_in("lib", "/shared", "THEIRS", "of the other sync").await;
    world.set_many(2).await;
    world
        .sync_named("other", |spec| {
            spec.source = serde_json::from_str(r#"{"environment":"lib","path":"/shared"}"#).expect("a selection");
        })
        .await;
    world.syncs.run(&world.ctx, &slug("other"), None).await.expect("a run");
    world.sync(|spec| spec.options.auto_sync = false).await;
    world.run().await;
    world.unset("/app", "K000").await;
    let run = import(&world, Priority::Source).await;
    assert_eq!(left(&run), [("K000", Reason::NoLongerWanted), ("THEIRS", Reason::ClaimedByAnother)]);
    let run = import(&world, Priority::Destination).await;
    assert_eq!(left(&run), [("THEIRS", Reason::ClaimedByAnother)]);
    assert_eq!(world.secret("K000").await.as_deref(), Some("v0"), "this is how a lost secret comes back");
}

#[tokio::test]
async fn a_destination_that_cannot_be_read_and_a_source_of_many_folders_are_refused() {
    for (reads, recursive) in [(SyncReads::Names, false), (SyncReads::Digests, false), (SyncReads::Values, true)] {
        let world = World::with(reads).await;
        world.set_many(1).await;
        world.sync(|spec| spec.source.recursive = recursive).await;
        let refused =
            world.syncs.import(&world.ctx, &slug("s"), Priority::Source).await.expect_err("cannot be imported");
        assert_eq!(refused.code(), Code::ImportUnsupported, "{reads:?}");
        assert!(world.view().await.last_import.is_none());
        let spec = world.spec_of("t", |spec| {
            spec.source.recursive = recursive;
            spec.options.initial_sync_behavior = Some(InitialSync::ImportPrioritizeSource);
        });
        let refused = world.syncs.create(&world.ctx, spec).await.expect_err("cannot be imported");
        assert_eq!(refused.code(), Code::ImportUnsupported, "{reads:?}");
    }
}

#[tokio::test]
async fn an_import_is_everything_or_nothing_wherever_the_host_dies() {
    for steps in 0.. {
        let mut world = World::new().await;
        world.set("/app", "BOTH", "ours").await;
        for (key, value) in [("BOTH", "theirs"), ("NEW1", "1"), ("NEW2", "2")] {
            world.vendor.put(key, value);
        }
        world.sync(|_| ()).await;
        let run = world.syncs.import(&world.ctx, &slug("s"), Priority::Destination).await.expect("an import");
        let died = world.run_until_death(&Fuse::new(steps)).await;
        world.restart().await;
        let come = [world.secret("NEW1").await.is_some(), world.secret("NEW2").await.is_some()];
        let both = world.secret("BOTH").await;
        assert_eq!(come, [both.as_deref() == Some("theirs"); 2], "after {steps} steps");
        if come[0] {
            // What somebody writes after the import is not imported over.
            world.set("/app", "BOTH", "edited").await;
        }
        world.engine.run_due().await.expect("a store");
        let ended = world.run_view(&run).await;
        assert_eq!((ended.run.state, ended.run.counts.import), (RunState::Succeeded, 3), "after {steps} steps");
        let expected = if come[0] { "edited" } else { "theirs" };
        assert_eq!(world.secret("BOTH").await.as_deref(), Some(expected), "after {steps} steps");
        if !died {
            assert!(steps > 4, "an import has more steps than {steps}");
            return;
        }
    }
}

#[tokio::test]
async fn an_import_is_tried_again_joined_refused_and_cancelled() {
    let world = World::new().await;
    world.set_many(1).await;
    world.vendor.put("NEW", "new");
    world.sync(|_| ()).await;
    world.vendor.observe_trouble(reported(ReportedKind::Unavailable, Some(503)));
    let waiting = import(&world, Priority::Source).await.run;
    assert_eq!(waiting.state, RunState::Pending, "the vendor was away");
    let shown = world.view().await;
    assert_eq!(shown.last_import.as_ref().map(|import| import.state), Some(RunState::Pending));
    assert!(shown.last_import.and_then(|import| import.message).is_some());
    let joined = world.syncs.import(&world.ctx, &slug("s"), Priority::Source).await.expect("the same");
    assert_eq!(joined.uid, waiting.uid);
    let refused = world.syncs.import(&world.ctx, &slug("s"), Priority::Destination).await.expect_err("another one");
    assert_eq!(refused.code(), Code::WrongState);
    world.syncs.cancel(&world.ctx, &slug("s")).await.expect("an import to cancel");
    assert_eq!(world.pass(Duration::from_secs(3_600)).await, 0);
    assert_eq!(world.run_view(&waiting).await.run.state, RunState::Cancelled);
    assert_eq!(world.secret("NEW").await, None);
    assert_eq!(import(&world, Priority::Destination).await.run.counts.import, 1);

    world.syncs.pause(&world.ctx, &slug("s")).await.expect("a sync");
    let refused = world.syncs.import(&world.ctx, &slug("s"), Priority::Source).await.expect_err("it is paused");
    assert_eq!(refused.code(), Code::WrongState);
}

#[tokio::test]
async fn an_import_that_is_asked_for_comes_before_the_run_and_a_deletion_ends_it() {
    let world = World::new().await;
    world.set_many(1).await;
    world.vendor.put("NEW", "new");
    world.sync(|_| ()).await;
    let run = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    let import = world.syncs.import(&world.ctx, &slug("s"), Priority::Source).await.expect("an import");
    world.engine.run_due().await.expect("a store");
    let (run, import) = (world.run_view(&run).await.run, world.run_view(&import).await.run);
    assert!(import.finished_at <= run.started_at);
    assert_eq!((run.counts.adopt, run.counts.create), (1, 1), "the run carries what came in");

    world.vendor.put("LATER", "later");
    world.syncs.import(&world.ctx, &slug("s"), Priority::Source).await.expect("an import");
    world.delete(Removal::KeepSecrets).await;
    assert_eq!(world.syncs.read(&world.ctx, &slug("s")).await.expect_err("it is gone").code(), Code::NotFound);
    assert_eq!(world.secret("LATER").await, None);
}

#[tokio::test]
async fn a_first_run_imports_plans_and_applies_and_shows_that_before() {
    for (behaviour, prioritize, both, writes) in [
        (InitialSync::ImportPrioritizeSource, Priority::Source, "ours", vec!["BOTH", "OURS"]),
        (InitialSync::ImportPrioritizeDestination, Priority::Destination, "theirs", vec!["OURS"]),
    ] {
        let world = World::new().await;
        for (name, value) in [("BOTH", "ours"), ("OURS", "ours")] {
            world.set("/app", name, value).await;
        }
        for (key, value) in [("BOTH", "theirs"), ("THEIRS", "theirs"), ("EMPTY", "")] {
            world.vendor.put(key, value);
        }
        world.sync(|spec| spec.options.initial_sync_behavior = Some(behaviour)).await;
        let preview = world.syncs.plan(&world.ctx, &slug("s")).await.expect("a plan");
        assert!(preview.blocked.is_none(), "{:?}", preview.blocked);
        assert!(preview.plan.items.iter().any(|item| item.key == "THEIRS" && item.action == Action::Import));
        assert_eq!(world.secret("THEIRS").await, None, "a plan writes nothing");

        let run = world.run_approved(Some(preview.plan.hash.clone())).await;
        assert_eq!(run.run.state, RunState::Succeeded, "{:?} {:?}", run.run.failure, run.run.blocked);
        assert_eq!(run.run.plan_hash, Some(preview.plan.hash), "the run does what was shown");
        let imported = run.run.imported.expect("an import");
        assert_eq!((imported.prioritize, run.run.counts.import), (prioritize, imported.secrets));
        assert_eq!(world.secret("BOTH").await.as_deref(), Some(both));
        assert_eq!(world.secret("THEIRS").await.as_deref(), Some("theirs"));
        let mut written = world.vendor.take_writes();
        written.sort();
        assert_eq!(written, writes, "nothing that came in is written back");
        assert_eq!(world.vendor.value("EMPTY").as_deref(), Some(""), "and nothing is deleted");
        let shown = world.view().await.last_import.expect("an import");
        assert_eq!((shown.run, shown.state), (run.run.uid, RunState::Succeeded));
        assert_no_ping_pong(&world).await;

        world.vendor.put("THEIRS", "theirs, changed");
        world.vendor.put("LATER", "later");
        assert_eq!(world.run().await.run.imported, None, "only the first run imports");
        assert_eq!(world.secret("LATER").await, None);
        assert_eq!(world.vendor.value("THEIRS").as_deref(), Some("theirs"));
    }
}

#[tokio::test]
async fn a_first_run_that_fails_later_does_not_import_again() {
    let world = World::new().await;
    world.set("/app", "BOTH", "ours").await;
    world.vendor.put("BOTH", "theirs");
    world.vendor.refuse("BAD");
    world.set("/app", "BAD", "refused").await;
    world.sync(|spec| spec.options.initial_sync_behavior = Some(InitialSync::ImportPrioritizeDestination)).await;
    assert_eq!(world.run().await.run.state, RunState::Partial);
    assert_eq!(world.secret("BOTH").await.as_deref(), Some("theirs"));
    world.set("/app", "BOTH", "edited").await;
    world.vendor.accept_all();
    assert_eq!(world.run().await.run.state, RunState::Succeeded);
    assert_eq!(world.vendor.value("BOTH").as_deref(), Some("edited"));
}

#[tokio::test]
async fn foreign_values_come_in_wherever_the_policy_says_so() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|spec| spec.options.on_conflict = OnConflict::Import).await;
    world.run().await;
    world.vendor.put("LATER", "theirs");
    world.vendor.put("FOREIGN", "not wanted, so left alone");
    world.set("/app", "LATER", "ours").await;
    let run = world.run().await;
    assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
    assert_eq!((run.run.counts.import, run.run.counts.adopt), (1, 0));
    assert_eq!(world.secret("LATER").await.as_deref(), Some("theirs"));
    assert_eq!(world.secret("FOREIGN").await, None);
    assert_eq!(run.run.trigger, Trigger::Manual { by: "tester".to_owned() });

    world.vendor.put("EMPTY", "");
    world.set("/app", "EMPTY", "ours").await;
    assert_eq!(world.run().await.run.state, RunState::Blocked, "what cannot come in is still a conflict");
}

#[tokio::test]
async fn nothing_that_an_import_tells_holds_a_value() {
    let world = World::new().await;
    let canary = "canary-77e1b2";
    world.set("/app", "BOTH", "another value of ours").await;
    world.vendor.put("BOTH", canary);
    world.vendor.put("A/B", canary);
    world.sync(|_| ()).await;
    let run = import(&world, Priority::Destination).await;
    let view = world.core.records.view().await.expect("a store");
    let events = crate::records::runs::events(&view, world.ctx.tenant(), run.run.uid, 0, 100).await.expect("events");
    let told = format!("{run:?} {events:?} {:?}", world.view().await);
    assert!(told.contains("BOTH") && !told.contains(canary) && !told.contains("another value of ours"), "{told}");
}
