//! The requests of Terraform's provider for its integration resources, in their recorded shapes: applied twice, nothing
//! differs.

use super::{AUTH, INTEGRATION, SECRET, World};
use serde_json::{Value, json};

/// What the provider remembers of an integration and compares with its plan.
fn state(integration: &Value) -> Value {
    let metadata = &integration["metadata"];
    json!({
        "integrationAuthId": integration["integrationAuthId"], "environment": integration["environment"]["slug"],
        "secretPath": integration["secretPath"], "region": integration["region"], "path": integration["path"],
        "app": integration["app"], "shouldDisableDelete": metadata["shouldDisableDelete"],
        "secretAWSTag": metadata["secretAWSTag"], "secretPrefix": metadata["secretPrefix"],
    })
}

#[tokio::test]
async fn applying_twice_changes_nothing() {
    let world = World::new().await;
    let project = &world.project;
    let credentials = json!({"accessId": "AKIAEXAMPLE", "accessToken": SECRET, "workspaceId": project,
        "integration": "cloud-parameters"});
    let auth = world.post(&format!("{AUTH}/access-token"), &credentials).await.expect(200);
    let auth = auth.text_at("/integrationAuth/id");
    let metadata = json!({"shouldDisableDelete": true, "secretAWSTag": [{"key": "team", "value": "web"}]});
    let create = json!({"integrationAuthId": auth, "secretPath": "/app", "sourceEnvironment": "dev",
        "path": "/example/secrets", "region": "us-east-2", "metadata": metadata});
    let created = world.post(INTEGRATION, &create).await.expect(200).json["integration"].clone();
    let id = created["id"].as_str().expect("an id").to_owned();
    world.run().await;

    let refreshed = world.read(&id).await;
    let planned = json!({
        "integrationAuthId": auth, "environment": "dev", "secretPath": "/app", "region": "us-east-2",
        "path": "/example/secrets", "app": null, "shouldDisableDelete": true,
        "secretAWSTag": [{"key": "team", "value": "web"}], "secretPrefix": null,
    });
    assert_eq!(state(&created), planned);
    assert_eq!(state(&refreshed), planned, "a refresh shows no difference");

    // An apply that is forced: the credentials, then the integration.
    let again = json!({"accessId": "AKIAEXAMPLE", "accessToken": SECRET, "integration": "cloud-parameters",
        "integrationAuthId": auth});
    world.patch(&format!("{AUTH}/{auth}"), &again).await.expect(200);
    let update = json!({"ID": id, "secretPath": "/app", "environment": "dev", "isActive": true, "region": "us-east-2",
        "path": "/example/secrets", "metadata": metadata});
    let updated = world.patch(&format!("{INTEGRATION}/{id}"), &update).await.expect(200).json["integration"].clone();
    assert_eq!(state(&updated), planned);
    world.settle().await;
    assert_eq!(state(&world.read(&id).await), planned);
    assert_eq!(world.shelf.items().len(), 2);

    // The provider deletes an integration through its credentials, and takes 404 for gone.
    world.api.admin().delete(&format!("{AUTH}/{auth}")).await.expect(200);
    world.get(&format!("{INTEGRATION}/{id}")).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn a_planned_change_arrives_and_is_read_back() {
    let world = World::new().await;
    let create = world.documented().await;
    let id = world.post(INTEGRATION, &create).await.expect(200).text_at("/integration/id");
    let metadata = json!({"shouldDisableDelete": false, "secretAWSTag": []});
    let update = json!({"secretPath": "/app", "environment": "dev", "isActive": true, "region": "eu-central-1",
        "path": "/other", "metadata": metadata});
    world.patch(&format!("{INTEGRATION}/{id}"), &update).await.expect(200);
    let shown = world.read(&id).await;
    assert_eq!((&shown["region"], &shown["path"]), (&json!("eu-central-1"), &json!("/other")));
    assert_eq!(shown["metadata"], metadata);
    assert_eq!(world.native(&id).await["destination"], json!({"path": "/other/", "tags": []}));
}
