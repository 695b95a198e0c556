//! Native integrations: `integration-auth` and `integration`.

mod addresses;
mod auth;
mod both;
mod change;
mod create;
mod first_run;
mod pickers;
mod removal;
mod terraform;

use std::sync::Arc;

use keyferry::ports::egress::Egress;
use keyferry::ports::fake::NoNetwork;
use keyferry::sync::SyncEngine;
use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::shelf::Shelf;
use serde_json::{Value, json};

use super::project::pairs;

const AUTH: &str = "/api/v1/integration-auth";
const INTEGRATION: &str = "/api/v1/integration";
const SECRET: &str = "not-to-be-seen-again";

/// A plugin whose destination is a shelf and that asks what one of AWS would.
fn metadata() -> Value {
    let field =
        |field: &str, scope: &str, parameter: &str| json!({"field": field, "scope": scope, "parameter": parameter});
    let auth = |field: &str, method: &str, parameter: &str| json!({"field": field, "scope": "AUTH", "method": method, "parameter": parameter});
    let keys = json!([{"name": "accessKeyId", "required": true},
        {"name": "secretAccessKey", "secret": true, "required": true}]);
    let role = json!([{"name": "accessKeyId", "required": true},
        {"name": "secretAccessKey", "secret": true, "required": true}, {"name": "roleArn", "required": true}]);
    json!({
        "id": "cloud-parameters", "version": "1.0.0", "displayName": "Cloud Parameters", "icon": "cloud",
        "docsUrl": "https://docs.example.com/parameters",
        "configMetadata": {
            "parametersMetadata": [
                {"name": "region", "typeName": "label", "required": true, "dynamic": true,
                 "pattern": "[a-z]{2}(-[a-z]+)+-[0-9]{1,2}"},
                {"name": "endpoint", "typeName": "origin"}],
            "authMetadata": [
                {"id": "access-key", "type": "AWS_SIGV4", "configTestSupported": true, "parametersMetadata": keys},
                {"id": "assume-role", "type": "AWS_SIGV4", "configTestSupported": true, "parametersMetadata": role}]},
        "destinationMetadata": [
            {"name": "path", "required": true, "pattern": "/([A-Za-z0-9_.-]+/)*"},
            {"name": "kmsKeyId", "dynamic": true},
            {"name": "tags", "type": "Json"}],
        "sync": {"reads": "VALUES", "deletes": true, "batchSize": 10, "concurrency": 2, "valueBytesMax": 100},
        "egress": [{"id": "api", "host": "api.{region}.example.com", "methods": ["POST"],
                    "signing": {"service": "parameters", "region": "{region}"}},
                   {"id": "other", "host": "{endpoint}", "methods": ["POST"],
                    "signing": {"service": "parameters", "region": "{region}"}}],
        "legacyNames": ["cloud-parameter"],
        "legacyFields": [
            auth("accessId", "access-key", "accessKeyId"), auth("accessToken", "access-key", "secretAccessKey"),
            auth("accessId", "assume-role", "accessKeyId"), auth("accessToken", "assume-role", "secretAccessKey"),
            auth("awsAssumeIamRoleArn", "assume-role", "roleArn"),
            field("region", "CONNECTION", "region"), field("url", "CONNECTION", "endpoint"),
            {"field": "path", "scope": "DESTINATION", "parameter": "path", "normalise": "surroundWithSlashes",
             "defaultValue": "/"},
            field("metadata.kmsKeyId", "DESTINATION", "kmsKeyId"),
            field("metadata.secretAWSTag", "DESTINATION", "tags"),
            {"field": "app", "scope": "LABEL", "parameter": ""}]})
}

/// A host with that plugin, a project with secrets, and the engine.
struct World {
    api: TestApi,
    shelf: Shelf,
    engine: SyncEngine,
    project: String,
}

impl World {
    async fn new() -> Self {
        Self::of(&metadata(), Arc::new(NoNetwork)).await
    }

    /// A world whose plugin says this of itself, with this network.
    async fn of(metadata: &Value, egress: Arc<dyn Egress>) -> Self {
        let shelf = Shelf::default();
        let api = TestApi::behind(Arc::new(shelf.clone()), egress).await;
        let engine = api.engine().await;
        api.plugin(metadata).await;
        let made = api.admin().post("/v1/tenants", &json!({"id": "acme"})).await.expect(201);
        let project = made.text_at("/uid");
        let environment = json!({"slug": "dev", "displayName": "Development"});
        api.admin().post("/v1/tenants/acme/environments", &environment).await.expect(201);
        let world = Self { api, shelf, engine, project };
        world.set("A", "1").await;
        world.set("B", "2").await;
        world.run().await;
        world
    }

    async fn set(&self, name: &str, value: &str) {
        let path = format!("/v1/tenants/acme/environments/dev/secrets/app/{name}");
        self.api.admin().put(&path, &json!({"value": value})).await;
    }

    /// What stands in the folder that integrations are made of.
    async fn source(&self) -> Vec<(String, String)> {
        let path = "/api/v3/secrets/raw?workspaceId=acme&environment=dev&secretPath=/app";
        pairs(&self.get(path).await.expect(200).json["secrets"])
    }

    /// What stands at the destination.
    fn items(&self) -> Vec<(String, String)> {
        self.shelf.items().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Lets the engine do all there is to do now.
    async fn run(&self) {
        self.engine.run_due().await.expect("the store works");
    }

    /// Lets pass what edits wait for, and runs.
    async fn settle(&self) {
        self.run().await;
        self.api.clock.advance(std::time::Duration::from_secs(31));
        self.run().await;
    }

    async fn get(&self, path: &str) -> Answer {
        self.api.admin().get(path).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.api.admin().post(path, body).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.api.admin().patch(path, body).await
    }

    fn credentials(&self) -> Value {
        json!({"workspaceId": self.project, "integration": "cloud-parameters", "accessId": "AKIAEXAMPLE",
            "accessToken": SECRET})
    }

    /// An integration auth; answers its id.
    async fn auth(&self) -> String {
        let made = self.post(&format!("{AUTH}/access-token"), &self.credentials()).await.expect(200);
        made.text_at("/integrationAuth/id")
    }

    /// The five members that the documentation calls required.
    async fn documented(&self) -> Value {
        json!({"integrationAuthId": self.auth().await, "app": "my app", "region": "us-east-1",
            "sourceEnvironment": "dev", "secretPath": "/app"})
    }

    /// An integration that has not run; answers its id.
    async fn integration(&self) -> String {
        self.post(INTEGRATION, &self.documented().await).await.expect(200).text_at("/integration/id")
    }

    async fn read(&self, id: &str) -> Value {
        self.get(&format!("{INTEGRATION}/{id}")).await.expect(200).json["integration"].clone()
    }

    /// The same integration as the native dialect has it.
    async fn native(&self, id: &str) -> Value {
        let all = self.get("/v1/tenants/acme/syncs").await.expect(200).json;
        let found = all["items"].as_array().into_iter().flatten().find(|sync| sync["uid"] == id);
        found.unwrap_or_else(|| panic!("no sync {id} in {all:#}")).clone()
    }
}
