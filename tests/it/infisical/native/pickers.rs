//! Live options.

use keyferry_tests::api::TestApi;
use keyferry_tests::fake_plugins::FakePlugins;
use serde_json::{Value, json};

use super::{AUTH, metadata};

#[tokio::test]
async fn pickers_are_the_plugins_choices() {
    let plugins = FakePlugins::new();
    let api = TestApi::with_plugins(&plugins).await;
    api.plugin(&metadata()).await;
    api.tenant("acme").await;
    let credentials = json!({"workspaceId": "acme", "integration": "cloud-parameters", "accessId": "a",
        "accessToken": "b"});
    let made = api.admin().post(&format!("{AUTH}/access-token"), &credentials).await.expect(200);
    let auth = format!("{AUTH}/{}", made.text_at("/integrationAuth/id"));

    let keys = api.admin().get(&format!("{auth}/cloud/kms-keys?region=eu-west-1")).await.expect(200);
    let first = &keys.json["kmsKeys"][0];
    assert_eq!((&first["id"], &first["alias"]), (&json!("eu-west-1"), &json!("destination kmsKeyId {} -")));
    assert_eq!(plugins.last_view().settings["region"], "eu-west-1", "the plugin is asked about that region");
    let second = &keys.json["kmsKeys"][1]["alias"];
    assert_eq!(second, "destination kmsKeyId {} more", "further pages are fetched");

    let regions = api.admin().get(&format!("{auth}/cloud/regions")).await.expect(200);
    assert_eq!(regions.json["regions"][0], json!({"id": "eu-west-1", "name": "connection region {} -"}));
    for (path, list) in [("apps?teamId=1", "apps"), ("teams", "teams"), ("cloud/branches?appId=x", "branches")] {
        let answer = api.admin().get(&format!("{auth}/{path}")).await.expect(200);
        assert_eq!(answer.json, Value::Object([(list.to_owned(), json!([]))].into_iter().collect()), "{path}");
    }
    api.admin().get(&format!("{auth}/cloud/unheard-of")).await.infisical_error(404, "NotFound");
    api.admin().get(&format!("{AUTH}/no-uuid/cloud/regions")).await.infisical_error(404, "NotFound");
    let refused = api.admin().get(&format!("{auth}/cloud/kms-keys?region=nowhere")).await;
    assert_eq!(refused.infisical_error(422, "ValidationFailure").json["message"][0]["path"], json!(["region"]));
}
