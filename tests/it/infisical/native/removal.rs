//! Deleting integrations, with what they wrote and without.

use super::{INTEGRATION, World};

#[tokio::test]
async fn a_destination_stays_as_it_is() {
    let world = World::new().await;
    let id = world.integration().await;
    world.run().await;
    let gone = world.api.admin().delete(&format!("{INTEGRATION}/{id}?shouldDeleteIntegrationSecrets=false")).await;
    assert_eq!(gone.expect(200).json["integration"]["id"], id);
    world.get(&format!("{INTEGRATION}/{id}")).await.infisical_error(404, "NotFound");
    world.settle().await;
    assert_eq!(world.shelf.items().len(), 2);
}

#[tokio::test]
async fn exactly_what_it_wrote_goes_with_it_before_the_answer() {
    let world = World::new().await;
    world.shelf.put("FOREIGN", "theirs");
    let id = world.integration().await;
    world.run().await;
    world.shelf.put("B", "changed by somebody");
    let path = format!("{INTEGRATION}/{id}?shouldDeleteIntegrationSecrets=true");
    let admin = world.api.admin();
    let deletion = admin.delete(&path);
    let engine = async {
        // The deletion is wanted first; then the engine carries it out while the request waits.
        while world.engine.run_due().await.expect("the store works") == 0 {
            tokio::task::yield_now().await;
        }
    };
    let (gone, ()) = tokio::join!(deletion, engine);
    assert_eq!(gone.expect(200).json["integration"]["id"], id);
    world.get(&format!("{INTEGRATION}/{id}")).await.infisical_error(404, "NotFound");
    assert_eq!(world.shelf.items().keys().collect::<Vec<_>>(), ["B", "FOREIGN"], "what is not ours any more stays");
}

#[tokio::test]
async fn one_that_never_ran_goes_at_once() {
    let world = World::new().await;
    world.shelf.put("A", "theirs");
    let id = world.integration().await;
    let admin = world.api.admin();
    let path = format!("{INTEGRATION}/{id}?shouldDeleteIntegrationSecrets=true");
    let engine = async {
        while world.engine.run_due().await.expect("the store works") == 0 {
            tokio::task::yield_now().await;
        }
    };
    let (gone, ()) = tokio::join!(admin.delete(&path), engine);
    gone.expect(200);
    assert_eq!(world.shelf.items()["A"], "theirs");
}
