//! The documented native integration with Parameter Store, by a client of Infisical's API, against two emulators of AWS.

use std::time::Duration;

use http::Method;
use keyferry_tests::program::{Client, Host, eventually};
use keyferry_tests::testbed::aws::{Emulator, REGION, allow};
use keyferry_tests::testbed::{AwsBed, curl};
use serde_json::{Value, json};

use super::aws::{PLUGIN, own_path};
use super::{PROGRAM, below, secrets};

const LIMIT: Duration = Duration::from_secs(150);

/// The request of the documentation, letter for letter.
const DOCUMENTED: &str = include_str!("../../testbeds/infisical/create-integration.sh");

async fn call(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Value {
    client.attempt(method, path, body).await.expect("the host answers").expect(200).json
}

/// An integration as soon as a run other than `before` has ended.
async fn ran(client: &Client, id: &str, before: &Value) -> Value {
    let path = format!("/api/v1/integration/{id}");
    eventually("a run has ended", LIMIT, async || {
        let shown = call(client, Method::GET, &path, None).await["integration"].clone();
        (shown["lastSyncJobId"] != *before).then_some(shown)
    })
    .await
}

async fn values(bed: &AwsBed, path: &str) -> Vec<(String, String)> {
    bed.parameters(path).await.into_iter().map(|(name, value, _)| (name, value)).collect()
}

/// The documented command line, with values in places that the documentation leaves open.
fn documented(client: &Client, values: &[(&str, &str)]) -> String {
    let line = DOCUMENTED.replace("https://us.infisical.com", client.url()).replace("<token>", client.token());
    values.iter().fold(line, |line, (member, value)| {
        let open = format!("\"{member}\": \"<string>\"");
        assert!(line.contains(&open), "{member} is not left open");
        line.replace(&open, &format!("\"{member}\": \"{value}\""))
    })
}

/// What the documentation leaves open and a destination needs.
fn values_of<'v>(bed: &'v AwsBed, auth: &'v str, path: &'v str) -> [(&'static str, &'v str); 5] {
    [
        ("integrationAuthId", auth),
        ("sourceEnvironment", "dev"),
        ("region", REGION),
        ("path", path),
        ("url", &bed.endpoint),
    ]
}

/// What a command line sends.
fn data_of(line: &str) -> Value {
    let (_, data) = line.split_once("--data '").expect("it sends data");
    serde_json::from_str(data.trim_end().trim_end_matches('\'')).expect("it is JSON")
}

/// The integration that the real `curl` makes by the documented command line, and what it sent.
fn made_by_curl(client: &Client, values: &[(&str, &str)]) -> (Value, Value) {
    let line = documented(client, values);
    let printed = curl::pasted(&line);
    let answer: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
    assert!(answer["integration"].is_object(), "{printed}");
    (data_of(&line), answer["integration"].clone())
}

/// Whether the answer has the members of the documented one, each of its type, and those that were sent as they were sent.
fn assert_documented(sent: &Value, shown: &Value) {
    let texts = ["id", "integration", "integrationAuthId", "envId", "createdAt", "updatedAt", "secretPath"];
    let echoed = [
        "url",
        "app",
        "appId",
        "targetEnvironment",
        "targetEnvironmentId",
        "targetService",
        "targetServiceId",
        "owner",
        "path",
        "region",
        "scope",
        "metadata",
        "isActive",
        "integrationAuthId",
        "secretPath",
    ];
    for name in texts {
        assert!(shown[name].is_string(), "{name}: {shown:#}");
    }
    for name in echoed {
        assert_eq!(shown[name], sent[name], "{name}");
    }
    for name in ["slug", "name", "id"] {
        assert!(shown["environment"][name].is_string(), "{name}: {shown:#}");
    }
    let known = texts.into_iter().chain(echoed).collect::<std::collections::BTreeSet<_>>().len();
    let status = ["lastUsed", "isSynced", "syncMessage", "lastSyncJobId", "environment"];
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(known + status.len()), "{shown:#}");
}

#[tokio::test]
async fn the_documented_integration_lives_and_goes_on_both_emulators() {
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let project = client.get("/v1/tenants/dev").await.expect(200).text_at("/uid");
    let ours = secrets(0..3);
    client.set("/", &ours).await;
    for bed in AwsBed::both().await {
        life_of_an_integration(client, bed, &project, &ours).await;
    }
}

async fn life_of_an_integration(client: &Client, bed: &AwsBed, project: &str, ours: &[(String, String)]) {
    let path = own_path();
    let foreign = (format!("{path}FOREIGN"), "not ours".to_owned());
    bed.put_parameter(&foreign.0, &foreign.1).await;
    let user = bed.user(&allow(&["ssm:*", "sts:*", "kms:*"], &["*"])).await;
    // The address may be said with the credentials, or with the first integration.
    let address = (bed.emulator == Emulator::Moto).then_some(&bed.endpoint);
    let credentials = json!({"workspaceId": project, "integration": PLUGIN, "accessId": user.access_key_id,
        "accessToken": user.secret_access_key, "url": address});
    let auth = call(client, Method::POST, "/api/v1/integration-auth/access-token", Some(&credentials)).await;
    assert!(!auth.to_string().contains(&user.secret_access_key));
    let auth = auth["integrationAuth"]["id"].as_str().expect("an id");
    let (sent, made) = made_by_curl(client, &values_of(bed, auth, &path));
    assert_documented(&sent, &made);
    assert_eq!((&made["isSynced"], &made["lastUsed"]), (&Value::Null, &Value::Null));
    let id = made["id"].as_str().expect("an id");
    let one = format!("/api/v1/integration/{id}");

    let shown = ran(client, id, &Value::Null).await;
    assert_eq!((&shown["isSynced"], &shown["syncMessage"]), (&json!(true), &json!("")), "{shown:#}");
    assert_documented(&sent, &shown);
    let with_foreign = |ours: &[(String, String)]| {
        let mut all = below(&path, ours);
        all.push(foreign.clone());
        all.sort();
        all
    };
    assert_eq!(values(bed, &path).await, with_foreign(ours));

    let change = json!({"isActive": true, "secretPath": "/", "metadata": {"secretSuffix": "_X"}});
    call(client, Method::PATCH, &one, Some(&change)).await;
    let shown = ran(client, id, &shown["lastSyncJobId"]).await;
    assert_eq!(shown["isSynced"], true, "{shown:#}");
    let renamed: Vec<_> = ours.iter().map(|(name, value)| (format!("{name}_X"), value.clone())).collect();
    assert_eq!(values(bed, &path).await, with_foreign(&renamed));

    bed.put_parameter(&format!("{path}{}", renamed[0].0), "changed by somebody").await;
    call(client, Method::POST, &format!("{one}/sync"), Some(&json!({}))).await;
    ran(client, id, &shown["lastSyncJobId"]).await;
    assert_eq!(values(bed, &path).await, with_foreign(&renamed));

    call(client, Method::DELETE, &format!("{one}?shouldDeleteIntegrationSecrets=false"), None).await;
    assert_eq!(values(bed, &path).await, with_foreign(&renamed), "the destination is left alone");

    taken_over(client, &sent).await;
    assert_eq!(values(bed, &path).await, std::slice::from_ref(&foreign));
    let all = call(client, Method::GET, &format!("/api/v1/workspace/{project}/integrations"), None).await;
    assert_eq!(all["integrations"], json!([]));
}

/// Another integration takes over what is there and equal, and takes it along when it goes.
async fn taken_over(client: &Client, sent: &Value) {
    let mut again = sent.clone();
    again["metadata"] = json!({"secretSuffix": "_X"});
    let made = call(client, Method::POST, "/api/v1/integration", Some(&again)).await["integration"].clone();
    let one = format!("/api/v1/integration/{}", made["id"].as_str().expect("an id"));
    // The one before may still be on its way out, with its claim to these names.
    eventually("the names are taken over", LIMIT, async || {
        let shown = call(client, Method::GET, &one, None).await["integration"].clone();
        if shown["isSynced"] == false {
            call(client, Method::POST, &format!("{one}/sync"), Some(&json!({}))).await;
        }
        (shown["isSynced"] == true).then_some(())
    })
    .await;
    call(client, Method::DELETE, &format!("{one}?shouldDeleteIntegrationSecrets=true"), None).await;
}
