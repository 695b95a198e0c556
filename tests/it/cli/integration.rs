//! Integration types: listed, described, made by declaration, and credentials tested against them.

use keyferry_tests::fake_plugins::{FakePlugins, LIMITED, RIGHT, http, parameter_store};
use keyferry_tests::served::Served;
use keyferry_tests::shell::Shell;

use super::PROGRAM;

const CRM: &str = r#"{"id": "crm", "displayName": "CRM", "plugin": "http",
 "configMetadata": {
   "parametersMetadata": [{"name": "baseUrl", "typeName": "origin", "required": true}],
   "authMetadata": [{"id": "key", "type": "API_KEY", "configTestSupported": true,
     "authSettings": {"parameters": {"header": "X-Api-Key"}},
     "parametersMetadata": [{"name": "apiKey", "secret": true, "required": true}]}]},
 "pluginSettings": {
   "verify": {"method": "GET", "url": "{{baseUrl}}/v1/me"},
   "list": {"method": "GET", "url": "{{baseUrl}}/v1/variables", "items": "/items", "key": "/name", "value": "/value"},
   "put": {"method": "PUT", "url": "{{baseUrl}}/v1/variables/{{key}}", "json": {"value": "{{value}}"}}}}"#;

async fn shell() -> (Served, Shell) {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    for plugin in [http(), parameter_store()] {
        served.api.plugin(&plugin).await;
    }
    let shell = Shell::at(PROGRAM, &served);
    (served, shell)
}

#[tokio::test]
async fn integrations_are_listed_and_described() {
    let (_served, mut shell) = shell().await;
    for line in [
        "keyferry integration list",
        "keyferry integration get aws-parameter-store",
        "keyferry integration get aws-parameter-stor",
        "keyferry integration get http --json",
        "keyferry integration list --json | grep -c '\"id\"'",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("integrations", shell.transcript());
}

#[tokio::test]
async fn integration_is_declared_and_deleted() {
    let (_served, mut shell) = shell().await;
    shell.write("crm.json", CRM);
    shell.write("wrong.json", &CRM.replace("\"header\"", "\"haeder\"").replace("\"GET\"", "\"FETCH\""));
    shell.write("half.json", &CRM[..CRM.len() / 2]);
    for line in [
        "keyferry integration create crm.json",
        "keyferry integration create - < crm.json",
        "keyferry integration create wrong.json",
        "keyferry integration create half.json",
        "echo '[]' | keyferry integration create -",
        "keyferry integration create absent.json",
        "keyferry integration list",
        "keyferry integration delete crm --json",
        "keyferry integration delete crm",
        "keyferry integration delete http",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("declared", shell.transcript());
}

#[tokio::test]
async fn credentials_are_tested_without_being_stored() {
    let (_served, mut shell) = shell().await;
    shell.write("right", &format!("{RIGHT}\n"));
    shell.write("limited", LIMITED);
    let verify =
        "keyferry integration verify aws-parameter-store --auth access-key -p region=eu-west-1 -c accessKeyId=AKIA";
    for (rest, code) in [
        ("-c secretAccessKey=@right", 0),
        ("-c secretAccessKey=- < right", 0),
        ("-c secretAccessKey=@right --json", 0),
        ("-c secretAccessKey=wrong", 3),
        ("-c secretAccessKey=wrong --json", 3),
        ("-c secretAccessKey=@limited", 3),
        ("-c secretAccessKey=@absent", 2),
        ("-c secretAccesKey=@right", 2),
    ] {
        shell.run(&format!("{verify} {rest}")).await.expect(code);
    }
    shell.run("keyferry integration verify absent --auth key -c k=v").await.expect(4);
    shell.run("keyferry integration verify aws-parameter-store").await.expect(2);
    let stored = format!(
        r#"{{"parameters": {{"baseUrl": "https://crm.example"}}, "auth": {{"integrationAuthMetadataId": "key",
           "level": "APPLICATION", "parameters": {{"apiKey": "{RIGHT}"}}}}, {}"#,
        CRM.trim_start_matches('{')
    );
    shell.write("stored.json", &stored);
    shell.run("keyferry integration create stored.json").await.expect(0);
    shell.run("keyferry integration verify crm").await.expect(0);
    let transcript = shell.transcript();
    assert!(!transcript.contains(RIGHT), "{transcript}");
    insta::assert_snapshot!("verify", transcript);
}
