//! A source that is renamed, and one that is gone while another folder has got its name.

use std::time::Duration;

use super::world::{World, place, slug, values};
use crate::domain::sync::{SyncSpec, SyncState};
use crate::domain::{Code, Error, Expected};
use crate::records::syncs;
use crate::service::folders::Contents;

const QUIET: Duration = Duration::from_secs(3);

async fn rename(world: &World, path: &str, name: &str) {
    let name = name.parse().expect("a name");
    world.folders().rename(&world.ctx, &place("prod", path), &name, &Expected::Any).await.expect("a folder");
}

/// A sync of `/app`, which was renamed to `/old` and deleted; another `/app` is there.
async fn replaced() -> World {
    let world = World::new().await;
    world.set_many(2).await;
    world.sync(|_| ()).await;
    world.run().await;
    rename(&world, "/app", "old").await;
    world.set("/app", "FOREIGN", "not for this destination").await;
    let old = place("prod", "/old");
    world.folders().delete(&world.ctx, &old, Contents::Removed, &Expected::Any).await.expect("a folder");
    world.pass(QUIET).await;
    assert_eq!(world.view().await.state, SyncState::Paused);
    world
}

fn assert_asks_for_a_source(refused: &Error) {
    assert_eq!(refused.code(), Code::InvalidRequest);
    let told: Vec<_> = refused.violations().iter().map(|one| (one.pointer.as_str(), one.code)).collect();
    assert_eq!(told, [("/source", "unknown_reference")]);
}

#[tokio::test]
async fn a_source_that_is_gone_is_not_taken_for_a_folder_that_has_got_its_name() {
    let world = replaced().await;
    let described = |spec: SyncSpec| SyncSpec { display_name: "other".to_owned(), ..spec };
    assert_asks_for_a_source(&world.try_change(&described).await.expect_err("it names no source"));
    assert_asks_for_a_source(&world.syncs.resume(&world.ctx, &slug("s")).await.expect_err("it names no source"));
    world.pass(QUIET).await;
    assert_eq!(world.vendor.values(), values(&[("K000", "v0"), ("K001", "v1")]), "nothing else is carried");

    let named = |mut spec: SyncSpec| {
        spec.source.path = "/app".parse().expect("a path");
        spec
    };
    let view = world.try_change_with(&named, true).await.expect("it says where to carry from");
    assert!(view.has_folder && view.record.pause.is_none());
    world.pass(QUIET).await;
    assert_eq!(world.vendor.value("FOREIGN").as_deref(), Some("not for this destination"));
}

#[tokio::test]
async fn the_last_name_of_a_source_is_kept_when_it_is_gone() {
    let world = World::new().await;
    world.set("/up/app", "A", "1").await;
    let sync = world.sync(|spec| spec.source.path = "/up/app".parse().expect("a path")).await;
    world.run().await;
    rename(&world, "/up", "down").await;
    world.pass(QUIET).await;
    let view = world.core.records.view().await.expect("a store");
    let stored = syncs::read(&view, world.ctx.tenant(), sync.record.uid).await.expect("a store").expect("a sync");
    assert_eq!((stored.spec.source.path.to_string().as_str(), stored.revision), ("/down/app", 1));
    let gone = place("prod", "/down/app");
    world.folders().delete(&world.ctx, &gone, Contents::Removed, &Expected::Any).await.expect("a folder");
    world.pass(QUIET).await;
    let view = world.view().await;
    assert_eq!((view.has_folder, view.record.spec.source.path.to_string().as_str()), (false, "/down/app"));
}
