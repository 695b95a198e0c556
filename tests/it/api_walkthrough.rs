//! The shapes that scripts rely on, one request after another: from a new tenant to values at a destination. Members may be
//! added to an answer; those that stand here are never taken away.

use std::sync::Arc;

use keyferry::sync::SyncEngine;
use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::fake_plugins::parameter_store;
use keyferry_tests::shelf::Shelf;
use serde_json::{Value, json};

const ACME: &str = "/v1/tenants/acme";

/// Holds an answer to have at least these members, and lists to be as long.
#[track_caller]
fn assert_holds(answer: &Answer, expected: &Value) {
    fn holds(found: &Value, expected: &Value) -> bool {
        match (found, expected) {
            (Value::Object(found), Value::Object(expected)) => {
                expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| holds(found, value)))
            }
            (Value::Array(found), Value::Array(expected)) => {
                found.len() == expected.len() && found.iter().zip(expected).all(|(found, value)| holds(found, value))
            }
            (found, expected) => found == expected,
        }
    }
    assert!(holds(&answer.json, expected), "{expected} is not in {}", answer.text);
}

/// A host whose parameter store is a shelf in memory.
struct Host {
    api: TestApi,
    shelf: Shelf,
    engine: SyncEngine,
}

impl Host {
    async fn start() -> Self {
        let shelf = Shelf::default();
        let api = TestApi::running(Arc::new(shelf.clone())).await;
        let engine = api.engine().await;
        api.plugin(&parameter_store()).await;
        Self { api, shelf, engine }
    }

    async fn get(&self, rest: &str) -> Answer {
        self.api.admin().get(&format!("{ACME}{rest}")).await.expect(200)
    }

    async fn post(&self, rest: &str, body: &Value, status: u16) -> Answer {
        self.api.admin().post(&format!("{ACME}{rest}"), body).await.expect(status)
    }

    async fn put(&self, rest: &str, body: &Value, status: u16) -> Answer {
        self.api.admin().put(&format!("{ACME}{rest}"), body).await.expect(status)
    }

    /// A tenant with an environment and the secrets `/app/A`, `/app/DATABASE_URL` and `/app/db/DATABASE_URL`.
    async fn fill(&self) {
        let tenant =
            self.api.admin().post("/v1/tenants", &json!({"id": "acme", "displayName": "Acme"})).await.expect(201);
        assert_holds(&tenant, &json!({"id": "acme", "displayName": "Acme"}));
        let prod = self.post("/environments", &json!({"slug": "prod", "displayName": "Production"}), 201).await;
        assert_holds(&prod, &json!({"slug": "prod", "displayName": "Production"}));
        let url = json!({"value": "postgres://...", "comment": "", "tags": ["db"], "metadata": {}});
        let path = "/environments/prod/secrets/app/db/DATABASE_URL";
        for status in [201, 200] {
            let set = self.put(path, &url, status).await;
            let shown =
                json!({"path": "/app/db", "name": "DATABASE_URL", "comment": "", "tags": ["db"], "metadata": {}});
            assert_holds(&set, &shown);
            assert!(!set.text.contains("postgres"), "{}", set.text);
        }
        self.put("/environments/prod/secrets/app/DATABASE_URL", &url, 201).await;
        self.put("/environments/prod/secrets/app/B", &json!({"value": "2"}), 201).await;
        let batch =
            json!({"set": [{"path": "/app", "name": "A", "value": "1"}], "delete": [{"path": "/app", "name": "B"}]});
        let done = self.post("/environments/prod/secrets:batch", &batch, 200).await;
        assert_holds(&done, &json!({"created": 1, "updated": 0, "unchanged": 0, "deleted": 1}));
    }

    /// A published config; answers its id.
    async fn connect(&self) -> String {
        let configs = "/integrations/aws-parameter-store/configs";
        let body = json!({"displayName": "staging account", "parameters": {"region": "us-east-1", "endpoint": "http://127.0.0.1:5000"},
            "auth": {"integrationAuthMetadataId": "access-key", "level": "APPLICATION",
                "parameters": {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "hunter2"}}});
        let config = self.post(configs, &body, 201).await;
        assert!(!config.text.contains("hunter2"), "{}", config.text);
        let id = config.text_at("/id");
        let revision = self.post(&format!("{configs}/{id}:publish"), &json!({"note": "first"}), 200).await;
        assert_holds(&revision, &json!({"note": "first", "version": 1}));
        id
    }
}

fn app_to_ssm(config: &str) -> Value {
    json!({"id": "app-to-ssm", "displayName": "App to SSM", "integration": "aws-parameter-store", "config": config,
        "source": {"environment": "prod", "path": "/app", "recursive": false, "include": ["*"], "exclude": []},
        "destination": {"path": "/app/"},
        "options": {"autoSync": true, "deletion": "OWNED", "onConflict": "STOP", "onDrift": "REPAIR",
            "keyTemplate": "{{secretKey}}", "verify": true}})
}

#[tokio::test]
async fn secrets_are_listed_and_read_as_printed() {
    let host = Host::start().await;
    host.fill().await;
    let prod = "/environments/prod/secrets";
    let (a, url) =
        (json!({"path": "/app", "name": "A", "version": 1}), json!({"path": "/app", "name": "DATABASE_URL"}));
    let below = json!({"path": "/app/db", "name": "DATABASE_URL"});
    let listed = host.get(&format!("{prod}?path=/app&recursive=true")).await;
    assert_holds(&listed, &json!({"items": [a, url, below], "nextPageToken": ""}));
    let revealed = host.get(&format!("{prod}?path=/app&recursive=true&view=value&expand=true")).await;
    assert_holds(
        &revealed,
        &json!({"items": [{"value": "1"}, {"value": "postgres://..."}, {"value": "postgres://..."}]}),
    );
    assert_holds(&host.get(&format!("{prod}/app/A")).await, &a);
    host.put(&format!("{prod}/app/A"), &json!({"value": "2"}), 200).await;
    assert_holds(&host.get(&format!("{prod}/app/A?view=value")).await, &json!({"value": "2", "version": 2}));
    assert_holds(&host.get(&format!("{prod}/app/A?view=value&version=1")).await, &json!({"value": "1", "version": 1}));
}

#[tokio::test]
async fn a_sync_is_planned_run_and_read_as_printed() {
    let host = Host::start().await;
    host.fill().await;
    let config = host.connect().await;
    host.engine.run_due().await.expect("the store works");
    let made = host.post("/syncs", &app_to_ssm(&config), 201).await;
    assert_holds(&made, &app_to_ssm(&config));

    let plan = host.post("/syncs/app-to-ssm:plan", &json!({}), 200).await;
    let counts = json!({"create": 2, "update": 0, "delete": 0, "adopt": 0, "unchanged": 0, "conflict": 0, "drift": 0});
    let creations = json!([{"key": "A", "action": "CREATE"}, {"key": "DATABASE_URL", "action": "CREATE"}]);
    assert_holds(&plan, &json!({"counts": counts, "changes": creations, "blocked": null}));
    assert!(!plan.text_at("/changes/0/reason").is_empty());

    let accepted = host.post("/syncs/app-to-ssm/runs", &json!({"planHash": plan.text_at("/planHash")}), 202).await;
    assert_holds(&accepted, &json!({"state": "PENDING"}));
    host.engine.run_due().await.expect("the store works");
    let run = host.get(&format!("/syncs/app-to-ssm/runs/{}", accepted.text_at("/id"))).await;
    let outcomes = ["A", "DATABASE_URL"].map(|key| json!({"key": key, "action": "CREATE", "result": "OK"}));
    assert_holds(&run, &json!({"state": "SUCCEEDED", "counts": counts, "outcomes": outcomes}));
    assert!(run.json["remoteCalls"]["read"].is_u64() && run.json["remoteCalls"]["write"].is_u64(), "{}", run.text);

    let sync = host.get("/syncs/app-to-ssm").await;
    assert_holds(&sync, &json!({"state": "IN_SYNC", "lastRun": {"id": accepted.json["id"], "state": "SUCCEEDED"}}));
    assert_eq!(sync.json["wantedGeneration"], sync.json["appliedGeneration"]);
    assert_eq!(host.shelf.items().keys().collect::<Vec<_>>(), ["A", "DATABASE_URL"]);
}
