//! An integration type that is added by one request, on the plugin for HTTP APIs.

use std::collections::BTreeMap;

use keyferry_tests::crm::Crm;
use keyferry_tests::program::{Host, assert_run};
use serde_json::json;

use super::{PROGRAM, count, secrets};

pub(super) const PLUGIN: &str = "http";
pub(super) const INTEGRATION: &str = "custom_crm";

#[tokio::test]
async fn documented_integration_syncs_to_the_api_it_describes() {
    let crm = Crm::start("the right key").await;
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let made = client.post("/integrations", &crm.integration("the right key")).await.expect(201);
    assert_eq!((&made.json["type"], &made.json["hasAuth"]), (&json!("CUSTOM"), &json!(true)), "{}", made.text);

    let stored = client.post(&format!("/integrations/{INTEGRATION}:verifyConfig"), &json!({})).await.expect(200);
    assert_eq!(stored.json["success"], true, "{}", stored.text);
    assert_eq!(stored.json["account"]["id"], "crm-1");
    assert_eq!(stored.json["account"]["displayName"], "Ann's CRM");
    let wrong = json!({"integrationAuthMetadataId": "key", "level": "APPLICATION", "parameters": {"apiKey": "wrong"}});
    let rejected = client.verify(INTEGRATION, &json!({"baseUrl": crm.origin}), &wrong).await;
    assert_eq!(
        (&rejected["success"], &rejected["code"]),
        (&json!(false), &json!("credentials_rejected")),
        "{rejected:#}"
    );

    crm.insert("FOREIGN", "not ours");
    let mut ours = secrets(0..5);
    client.set("/app", &ours).await;
    client.sync("app", (INTEGRATION, None), "/app", &json!({})).await;
    assert_run(&client.run("app").await, "SUCCEEDED", 5);
    let expect = |ours: &[(String, String)]| -> BTreeMap<String, String> {
        let foreign = ("FOREIGN".to_owned(), "not ours".to_owned());
        ours.iter().cloned().chain([foreign]).collect()
    };
    assert_eq!(crm.variables(), expect(&ours));

    let _ = crm.take_requests();
    let again = client.run("app").await;
    assert_run(&again, "SUCCEEDED", 0);
    assert_eq!(count(&again, "unchanged"), 5);
    assert!(crm.take_requests().iter().all(|request| request.starts_with("GET ")));

    ours[2].1 = "changed".to_owned();
    client.set("/app", &ours[2..3]).await;
    let gone = ours.split_off(4);
    client.unset("/app", &gone).await;
    assert_run(&client.run("app").await, "SUCCEEDED", 2);
    assert_eq!(crm.variables(), expect(&ours));
    let writes: Vec<_> = crm.take_requests().into_iter().filter(|request| !request.starts_with("GET ")).collect();
    assert_eq!(writes, ["PUT /v1/variables/KEY_0002", "DELETE /v1/variables/KEY_0004"]);

    client.remove_with_secrets("app").await;
    assert_eq!(crm.variables(), expect(&[]));
    client.call(http::Method::DELETE, &format!("/integrations/{INTEGRATION}"), None).await.expect(204);
    client.get(&format!("/integrations/{INTEGRATION}")).await.expect(404);
}
