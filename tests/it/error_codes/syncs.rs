//! Syncs: their definition, their plans and their runs.

use serde_json::json;

use super::Told;
use crate::api_syncs::World;

/// A host with one secret, and the sync that wants it on the shelf.
async fn with_sync(value: &str) -> World {
    let world = World::new().await;
    world.set("A", value).await;
    world.post("", &world.sync()).await.expect(201);
    world
}

pub(super) async fn import_of_a_whole_tree() -> Told {
    let world = World::new().await;
    world.set("A", "1").await;
    let mut sync = world.sync();
    sync["options"] = json!({"onConflict": "IMPORT"});
    sync["source"]["recursive"] = json!(true);
    Told::Problem(world.post("", &sync).await)
}

pub(super) async fn reference_to_nothing() -> Told {
    Told::Problem(with_sync("${NOTHING}").await.post("/app-to-shelf:plan", &json!({})).await)
}

pub(super) async fn config_in_use() -> Told {
    let world = with_sync("1").await;
    let config = format!("/v1/tenants/acme/integrations/shelf/configs/{}", world.config);
    Told::Problem(world.api.admin().delete(&config).await)
}

pub(super) async fn run_of_a_paused_one() -> Told {
    let world = with_sync("1").await;
    world.post("/app-to-shelf:pause", &json!({})).await.expect(200);
    Told::Problem(world.post("/app-to-shelf/runs", &json!({})).await)
}

pub(super) async fn two_at_one_place() -> Told {
    let world = with_sync("1").await;
    world.run(&json!({})).await;
    let mut other = world.sync();
    other["id"] = json!("other");
    world.post("", &other).await.expect(201);
    Told::Problem(world.post("/other:plan", &json!({})).await)
}

pub(super) async fn approved_otherwise() -> Told {
    Told::Run(with_sync("1").await.run(&json!({"planHash": "0000"})).await)
}

pub(super) async fn foreign_key() -> Told {
    let world = with_sync("ours").await;
    world.shelf.put("A", "theirs");
    Told::Run(world.run(&json!({})).await)
}
