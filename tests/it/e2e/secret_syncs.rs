//! Parameter Store through the Infisical dialect: an app connection and a secret sync, as its clients make them.

use std::time::Duration;

use http::Method;
use keyferry_tests::api::Answer;
use keyferry_tests::program::{Client, Host, eventually};
use keyferry_tests::testbed::aws::{REGION, allow};
use keyferry_tests::testbed::{AwsBed, AwsCredentials};
use serde_json::{Value, json};

use super::aws::{PLUGIN, own_path};
use super::{PROGRAM, below, secrets};

/// No job of these tests takes longer, even on a machine that has much else to do.
const JOB_LIMIT: Duration = Duration::from_secs(150);
const SYNCS: &str = "/api/v1/secret-syncs/aws-parameter-store";

async fn call(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Answer {
    client.attempt(method, path, body).await.expect("the host answers")
}

fn connection(bed: &AwsBed, credentials: &AwsCredentials) -> Value {
    json!({"name": "aws", "method": "access-key", "projectId": "dev", "credentials": {
        "accessKeyId": credentials.access_key_id, "secretAccessKey": credentials.secret_access_key,
        "endpoint": bed.endpoint}})
}

/// The sync, when its job of that kind is over.
async fn ended(client: &Client, path: &str, status: &str) -> Value {
    eventually(path, JOB_LIMIT, async || {
        let sync = call(client, Method::GET, path, None).await.expect(200).json["secretSync"].clone();
        let is_under_way = ["pending", "running"].contains(&sync[status].as_str()?);
        (!is_under_way).then_some(sync)
    })
    .await
}

async fn found(bed: &AwsBed, path: &str) -> Vec<(String, String)> {
    bed.parameters(path).await.into_iter().map(|(name, value, _)| (name, value)).collect()
}

#[tokio::test]
async fn a_secret_sync_reaches_parameter_store_and_takes_back_what_it_wrote() {
    let bed = AwsBed::ministack().await;
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let user = bed.user(&allow(&["ssm:*", "sts:*", "kms:*"], &["*"])).await;
    let connections = "/api/v1/app-connections/aws";
    let wrong = connection(bed, &user.with_wrong_secret());
    let refused = call(client, Method::POST, connections, Some(&wrong)).await.infisical_error(400, "BadRequest");
    assert!(refused.text.contains("unable to validate connection: "), "{}", refused.text);
    let made = call(client, Method::POST, connections, Some(&connection(bed, &user))).await.expect(200);
    let credentials = json!({"accessKeyId": user.access_key_id, "endpoint": bed.endpoint});
    assert_eq!(made.json["appConnection"]["credentials"], credentials);
    let connection = made.text_at("/appConnection/id");

    let path = own_path();
    let foreign = (format!("{path}FOREIGN"), "not ours".to_owned());
    bed.put_parameter(&foreign.0, &foreign.1).await;
    let ours = secrets(0..12);
    client.set("/app", &ours).await;
    let request = json!({"name": "app", "projectId": "dev", "connectionId": connection, "environment": "dev",
        "secretPath": "/app", "destinationConfig": {"region": REGION, "path": path},
        "syncOptions": {"initialSyncBehavior": "overwrite-destination", "keySchema": "APP_{{secretKey}}",
            "tags": [{"key": "team", "value": "web"}]}});
    let made = call(client, Method::POST, SYNCS, Some(&request)).await.expect(200);
    assert_eq!(made.json["secretSync"]["syncOptions"], request["syncOptions"]);
    let sync = format!("{SYNCS}/{}", made.text_at("/secretSync/id"));
    let synced = ended(client, &sync, "syncStatus").await;
    assert_eq!(synced["syncStatus"], "succeeded", "{synced:#}");
    let mut expected = below(&format!("{path}APP_"), &ours);
    expected.push(foreign.clone());
    expected.sort();
    assert_eq!(found(bed, &path).await, expected);

    let check =
        json!({"projectId": "dev", "connectionId": connection, "destinationConfig": {"region": REGION, "path": path}});
    let check = call(client, Method::POST, &format!("{SYNCS}/check-destination"), Some(&check)).await.expect(200);
    assert_eq!(check.json["hasDuplicate"], true);

    call(client, Method::POST, &format!("{sync}/remove-secrets"), Some(&json!({}))).await.expect(200);
    let removed = ended(client, &sync, "removeStatus").await;
    assert_eq!(removed["removeStatus"], "succeeded", "{removed:#}");
    assert_eq!(found(bed, &path).await, std::slice::from_ref(&foreign));

    call(client, Method::POST, &format!("{sync}/sync-secrets"), None).await.expect(200);
    let again = ended(client, &sync, "syncStatus").await;
    assert_eq!(again["syncStatus"], "succeeded", "{again:#}");
    assert_eq!(found(bed, &path).await, expected);

    call(client, Method::DELETE, &format!("{sync}?removeSecrets=true"), None).await.expect(200);
    eventually("the sync is gone", JOB_LIMIT, async || {
        (call(client, Method::GET, &sync, None).await.status == 404).then_some(())
    })
    .await;
    assert_eq!(found(bed, &path).await, [foreign]);
}
