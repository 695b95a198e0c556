//! What starts a run, and how many.

use std::sync::Arc;
use std::time::Duration;

use super::world::{World, place, slug, values};
use crate::domain::id::RunUid;
use crate::domain::sync::{RunState, SyncState, Trigger};
use crate::domain::{Code, Expected};
use crate::ports::fake::AttendedStore;
use crate::service::environments::{Environments, NewEnvironment};
use crate::service::folders::{Contents, Place};
use crate::service::syncs::Syncs;

const QUIET: Duration = Duration::from_secs(3);

/// Lets the folder of the sync import another one.
async fn import_shared(world: &World) {
    let (from, imports) = (place("prod", "/app"), [place("lib", "/shared")]);
    world.folders().set_imports(&world.ctx, &from, &imports, &Expected::Any).await.expect("imports");
}

async fn delete(world: &World, place: &Place, contents: Contents) {
    world.folders().delete(&world.ctx, place, contents, &Expected::Any).await.expect("a folder");
}

#[tokio::test]
async fn a_new_sync_waits_to_be_asked() {
    let world = World::new().await;
    world.set_many(1).await;
    let sync = world.sync(|_| ()).await;
    assert_eq!((sync.state, sync.wanted_generation, sync.applied_generation), (SyncState::Pending, 1, 0));
    assert_eq!(world.pass(QUIET).await, 0);
    assert!(world.vendor.values().is_empty());
}

#[tokio::test]
async fn ten_edits_are_one_run() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.run().await;
    let before = world.syncs.runs(&world.ctx, &slug("s")).await.expect("runs").len();
    for index in 0..10 {
        world.set("/app", "K000", &format!("edit {index}")).await;
        assert_eq!(world.pass(Duration::from_millis(100)).await, 0, "more may come");
    }
    assert_eq!(world.view().await.state, SyncState::Pending);
    assert_eq!(world.pass(QUIET).await, 1);
    let runs = world.syncs.runs(&world.ctx, &slug("s")).await.expect("runs");
    assert_eq!(runs.len(), before + 1);
    assert_eq!((runs[0].state, &runs[0].trigger), (RunState::Succeeded, &Trigger::Source));
    assert_eq!(world.vendor.value("K000").as_deref(), Some("edit 9"));
    let view = world.view().await;
    assert_eq!((view.wanted_generation, view.applied_generation), (12, 12));
}

#[tokio::test]
async fn a_manual_run_joins_the_one_that_is_pending() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    let first = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    let second = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    assert_eq!(first.uid, second.uid);
    assert_eq!(world.engine.run_due().await.expect("a store"), 1);
}

#[tokio::test]
async fn changes_reach_syncs_through_imports_references_and_from_below() {
    let world = World::new().await;
    world.set_in("lib", "/shared", "BASE", "base-1").await;
    world.set("/app", "OWN", "${lib.shared.BASE}/own").await;
    world.set("/app/deep/er", "LEAF", "leaf-1").await;
    import_shared(&world).await;
    world.sync(|spec| spec.source.recursive = true).await;
    world.run().await;
    let expected = values(&[("BASE", "base-1"), ("LEAF", "leaf-1"), ("OWN", "base-1/own")]);
    assert_eq!(world.vendor.values(), expected);

    world.set_in("lib", "/shared", "BASE", "base-2").await;
    world.set("/app/deep/er", "LEAF", "leaf-2").await;
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.pass(QUIET).await, 1);
    let expected = values(&[("BASE", "base-2"), ("LEAF", "leaf-2"), ("OWN", "base-2/own")]);
    assert_eq!(world.vendor.values(), expected);
}

#[tokio::test]
async fn a_deleted_import_reaches_the_syncs_of_the_folder_that_imported_it() {
    let world = World::new().await;
    world.set("/app", "OWN", "own").await;
    world.set_in("lib", "/shared", "BASE", "base").await;
    import_shared(&world).await;
    world.sync(|_| ()).await;
    world.run().await;
    assert_eq!(world.vendor.values(), values(&[("BASE", "base"), ("OWN", "own")]));
    delete(&world, &place("lib", "/shared"), Contents::Removed).await;
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.pass(QUIET).await, 1);
    assert_eq!(world.vendor.values(), values(&[("OWN", "own")]));
}

#[derive(Clone, Copy, Debug)]
enum Appears {
    Folder,
    Environment,
    Renamed,
    Again,
}

#[tokio::test]
async fn a_reference_to_what_is_not_there_yet_is_followed_once_it_is() {
    for (appears, reference) in [
        (Appears::Folder, "${prod.later.deep.Z}"),
        (Appears::Environment, "${soon.Z}"),
        (Appears::Renamed, "${prod.later.deep.Z}"),
        (Appears::Again, "${prod.later.deep.Z}"),
    ] {
        let world = World::new().await;
        match appears {
            Appears::Renamed => world.set("/now/deep", "Z", "0").await,
            Appears::Again => world.set("/later/deep", "Z", "0").await,
            Appears::Folder | Appears::Environment => {}
        }
        world.set("/app", "R", reference).await;
        if matches!(appears, Appears::Again) {
            delete(&world, &place("prod", "/later"), Contents::Removed).await;
        }
        world.sync(|_| ()).await;
        assert_eq!(world.run().await.run.state, RunState::Failed, "{appears:?}");
        match appears {
            Appears::Folder | Appears::Again => world.set("/later/deep", "Z", "1").await,
            Appears::Environment => {
                let new = NewEnvironment { slug: slug("soon"), display_name: None, position: None };
                Environments::new(world.core.clone()).create(&world.ctx, &new).await.expect("an environment");
                world.set_in("soon", "/", "Z", "1").await;
            }
            Appears::Renamed => {
                let (now, later) = (place("prod", "/now"), "later".parse().expect("a name"));
                world.folders().rename(&world.ctx, &now, &later, &Expected::Any).await.expect("a folder");
            }
        }
        assert_eq!(world.pass(QUIET).await, 1, "{appears:?}");
        let expected = if matches!(appears, Appears::Renamed) { "0" } else { "1" };
        assert_eq!(world.vendor.value("R").as_deref(), Some(expected), "{appears:?}");
    }
}

#[tokio::test]
async fn what_lies_elsewhere_or_below_a_plain_selection_starts_nothing() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.set("/app/below", "X", "1").await;
    world.set("/elsewhere", "X", "1").await;
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.pass(QUIET).await, 0);
}

#[tokio::test]
async fn a_sync_that_does_not_run_by_itself_remembers_that_it_is_behind() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|spec| spec.options.auto_sync = false).await;
    world.run().await;
    world.set("/app", "K000", "changed").await;
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.pass(QUIET).await, 0);
    let view = world.view().await;
    assert_eq!((view.wanted_generation, view.applied_generation), (3, 2));
}

#[tokio::test]
async fn a_paused_sync_rests_and_catches_up() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.run().await;
    assert_eq!(world.syncs.pause(&world.ctx, &slug("s")).await.expect("a sync").state, SyncState::Paused);
    world.set("/app", "K000", "changed").await;
    world.engine.run_due().await.expect("a store");
    assert_eq!(world.pass(QUIET).await, 0);
    let refused = world.syncs.run(&world.ctx, &slug("s"), None).await.expect_err("it is paused");
    assert_eq!(refused.code(), Code::WrongState);
    world.syncs.resume(&world.ctx, &slug("s")).await.expect("a sync");
    assert_eq!(world.pass(QUIET).await, 1);
    assert_eq!(world.vendor.value("K000").as_deref(), Some("changed"));
}

#[tokio::test]
async fn a_vanished_source_pauses_the_sync_and_empties_nothing() {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.run().await;
    world.unset("/app", "K000").await;
    world.unset("/app", "K001").await;
    delete(&world, &place("prod", "/app"), Contents::Refused).await;
    world.engine.run_due().await.expect("a store");
    world.pass(QUIET).await;
    assert_eq!(world.view().await.state, SyncState::Paused);
    assert_eq!(world.vendor.values().len(), 2);
    assert_eq!(world.pass(Duration::from_secs(3_600)).await, 0);
}

#[tokio::test]
async fn a_renamed_source_is_followed() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    world.run().await;
    let name = "application".parse().expect("a name");
    world.folders().rename(&world.ctx, &place("prod", "/app"), &name, &Expected::Any).await.expect("a folder");
    world.engine.run_due().await.expect("a store");
    world.pass(QUIET).await;
    let view = world.view().await;
    assert_eq!((view.state, view.record.spec.source.path.to_string()), (SyncState::InSync, "/application".to_owned()));
    assert_eq!(world.vendor.values().len(), 1);
}

#[tokio::test]
async fn the_engine_wakes_by_itself() {
    let world = World::new().await;
    world.set_many(3).await;
    world.sync(|_| ()).await;
    let handle = world.engine.start();
    let run = world.syncs.run(&world.ctx, &slug("s"), None).await.expect("a run");
    let mut after = 0;
    loop {
        let sync = slug("s");
        let followed = world.syncs.follow_run(&world.ctx, &sync, run.uid, after);
        let (steps, is_over) = followed.await.expect("a run");
        after = steps.last().map_or(after, |(sequence, _)| *sequence);
        if is_over {
            break;
        }
    }
    handle.stop().await;
    assert_eq!(world.run_view(&run).await.run.state, RunState::Succeeded);
    assert_eq!(world.vendor.values().len(), 3);
}

#[tokio::test]
async fn a_run_that_is_none_is_not_followed() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    let attended = AttendedStore::over(Arc::clone(&world.store));
    let syncs = Syncs::new(world.core_over(Arc::clone(&attended) as _), Arc::clone(&world.destination) as _);
    let followed = syncs.follow_run(&world.ctx, &slug("s"), RunUid::generate(), 0).await;
    assert_eq!(followed.expect_err("no such run").code(), Code::NotFound);
    assert_eq!(attended.watches(), 0);
}
