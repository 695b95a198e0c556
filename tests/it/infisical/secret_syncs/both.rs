//! A secret sync and the sync of the native dialect that it is.

use serde_json::{Value, json};

use super::{NATIVE, World, path_of};

async fn native(world: &World) -> Value {
    world.api.admin().get(&format!("{NATIVE}/app")).await.expect(200).json
}

#[tokio::test]
async fn a_run_of_one_dialect_is_told_in_the_other() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.create(&world.sync("app")).await;
    world.settle().await;
    assert_eq!(native(&world).await["lastRun"]["id"], world.read(&made).await["lastSyncJobId"]);
    let run = world.api.admin().post(&format!("{NATIVE}/app/runs"), &json!({})).await.expect(202).text_at("/id");
    let waiting = world.read(&made).await;
    assert_eq!((&waiting["syncStatus"], &waiting["lastSyncJobId"]), (&json!("pending"), &json!(run)));
    world.settle().await;
    assert_eq!(world.read(&made).await["syncStatus"], "succeeded");
}

#[tokio::test]
async fn whether_it_runs_by_itself_is_one_setting() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.create(&world.sync("app")).await;
    world.settle().await;
    world.api.admin().patch(&path_of(&made), &json!({"isAutoSyncEnabled": false})).await.expect(200);
    assert_eq!(native(&world).await["options"]["autoSync"], false);
    let change = json!({"options": {"autoSync": true}});
    world.api.admin().patch(&format!("{NATIVE}/app"), &change).await.expect(200);
    assert_eq!(world.read(&made).await["isAutoSyncEnabled"], true);
}

#[tokio::test]
async fn a_sync_that_goes_here_is_gone_natively() {
    for removes in [false, true] {
        let world = World::new().await;
        world.set("A", "1").await;
        let made = world.create(&world.sync("app")).await;
        world.settle().await;
        native(&world).await;
        let path = format!("{}?removeSecrets={removes}", path_of(&made));
        world.api.admin().delete(&path).await.expect(200);
        world.settle().await;
        world.api.admin().get(&format!("{NATIVE}/app")).await.problem(404, "not_found");
        assert_eq!(world.items().is_empty(), removes);
    }
}
