//! Syncs that carry the folders below as well.

use serde_json::{Value, json};

use super::{World, pairs, path_of};

/// A sync of three folders, one within the other, that has run.
async fn synced(world: &World) -> Value {
    world.set("A", "1").await;
    world.set("db/B", "2").await;
    world.set("db/replica/C", "3").await;
    let elsewhere = "/v1/tenants/acme/environments/prod/secrets/application/D";
    world.api.admin().put(elsewhere, &json!({"value": "of another folder"})).await.expect(201);
    let mut request = world.sync("app");
    request["syncOptions"]["recursive"] = json!(true);
    let made = world.create(&request).await;
    world.settle().await;
    made
}

#[tokio::test]
async fn folders_below_come_along_without_their_paths() {
    let world = World::new().await;
    let made = synced(&world).await;
    assert_eq!(world.items(), pairs(&[("A", "1"), ("B", "2"), ("C", "3")]));
    world.set("db/replica/C", "4").await;
    world.set("cache/E", "5").await;
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "1"), ("B", "2"), ("C", "4"), ("E", "5")]));

    let options = json!({"initialSyncBehavior": "overwrite-destination", "keySchema": "X_{{secretKey}}"});
    world.api.admin().patch(&path_of(&made), &json!({"syncOptions": options})).await.expect(200);
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("X_A", "1")]), "what is not said is not recursive");
}

#[tokio::test]
async fn one_name_in_two_folders_fails_the_run_and_both_are_named() {
    let world = World::new().await;
    let made = synced(&world).await;
    let before = world.items();
    world.set("db/replica/A", "another").await;
    world.set("db/B", "changed").await;
    world.settle().await;
    let failed = world.read(&made).await;
    assert_eq!(failed["syncStatus"], "failed", "{failed:#}");
    let told = failed["lastSyncMessage"].as_str().expect("it says why");
    assert!(told.contains("/app/A, /app/db/replica/A"), "{told}");
    assert!(!told.contains("another"), "a value is not told: {told}");
    assert_eq!(world.items(), before, "nothing is written");

    world.unset("db/replica/A").await;
    world.settle().await;
    assert_eq!(world.read(&made).await["syncStatus"], "succeeded");
    assert_eq!(world.items(), pairs(&[("A", "1"), ("B", "changed"), ("C", "3")]));
}
