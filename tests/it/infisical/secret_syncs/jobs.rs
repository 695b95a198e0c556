//! A sync does one thing at a time.

use std::time::Duration;

use http::Method;
use keyferry_tests::api::Answer;
use keyferry_tests::program::eventually;
use serde_json::{Value, json};

use super::{World, message, pairs, path_of};

const LIMIT: Duration = Duration::from_secs(60);

/// What a sync can be told to do: what is added to its path, by which method, and which status tells of it.
fn jobs() -> [(Method, &'static str, &'static str); 4] {
    [
        (Method::POST, "/sync-secrets", "syncStatus"),
        (Method::POST, "/import-secrets?importBehavior=prioritize-source", "importStatus"),
        (Method::POST, "/remove-secrets", "removeStatus"),
        (Method::DELETE, "?removeSecrets=true", "removeStatus"),
    ]
}

async fn ask(world: &World, sync: &Value, (method, job): (&Method, &str)) -> Answer {
    let body = (method == Method::POST).then(|| json!({}));
    world.api.admin().call(method.clone(), &format!("{}{job}", path_of(sync)), body.as_ref()).await
}

async fn refuses_every_job(world: &World, sync: &Value) {
    for (method, job, _) in jobs() {
        let refused = ask(world, sync, (&method, job)).await.infisical_error(400, "BadRequest");
        assert!(message(&refused).contains("a job is already in progress"), "{job}: {}", refused.text);
    }
}

/// The statuses of a sync, in the order of `jobs`.
async fn statuses(world: &World, sync: &Value) -> [Value; 3] {
    let shown = world.read(sync).await;
    ["syncStatus", "importStatus", "removeStatus"].map(|status| shown[status].clone())
}

#[tokio::test]
async fn no_job_begins_beside_one_that_runs() {
    for (method, job, status) in jobs() {
        let world = World::new().await;
        world.set("A", "1").await;
        let made = world.create(&world.sync("app")).await;
        world.settle().await;
        world.shelf.cover();
        world.shelf.close();
        ask(&world, &made, (&method, job)).await.expect(200);
        let engine = world.engine.clone();
        let running = tokio::spawn(async move { engine.run_due().await });
        eventually("the job runs", LIMIT, async || (world.read(&made).await[status] == "running").then_some(())).await;
        let before = statuses(&world, &made).await;
        refuses_every_job(&world, &made).await;
        assert_eq!(statuses(&world, &made).await, before, "{job}: what was refused leaves no trace");
        world.shelf.uncover();
        world.shelf.open();
        running.await.expect("it does not panic").expect("the store works");
        assert_ended(&world, &made, (&method, job, status)).await;
    }
}

/// That the job did its work, and that the next one may begin.
async fn assert_ended(world: &World, sync: &Value, (method, job, status): (&Method, &str, &str)) {
    let removes = status == "removeStatus";
    assert_eq!(world.items(), if removes { Vec::new() } else { pairs(&[("A", "1")]) }, "{job}");
    if method == Method::DELETE {
        world.api.admin().get(&path_of(sync)).await.infisical_error(404, "NotFound");
        return;
    }
    assert_eq!(world.read(sync).await[status], "succeeded", "{job}");
    ask(world, sync, (&Method::POST, "/sync-secrets")).await.expect(200);
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "1")]), "{job}");
}

#[tokio::test]
async fn jobs_that_only_wait_are_joined() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.create(&world.sync("app")).await;
    let again = ask(&world, &made, (&Method::POST, "/sync-secrets")).await.expect(200);
    assert_eq!(again.json["secretSync"]["lastSyncJobId"], made["lastSyncJobId"], "{}", again.text);
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "1")]));
}

#[tokio::test]
async fn a_sync_that_is_deleted_alone_goes_while_its_job_runs() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.create(&world.sync("app")).await;
    world.shelf.close();
    let engine = world.engine.clone();
    let running = tokio::spawn(async move { engine.run_due().await });
    let is_running = async || (world.read(&made).await["syncStatus"] == "running").then_some(());
    eventually("the job runs", LIMIT, is_running).await;
    ask(&world, &made, (&Method::DELETE, "?removeSecrets=false")).await.expect(200);
    world.api.admin().get(&path_of(&made)).await.infisical_error(404, "NotFound");
    world.shelf.open();
    running.await.expect("it does not panic").expect("the store works");
}
