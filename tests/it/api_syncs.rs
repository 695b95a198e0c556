//! Syncs over the API: from a request to a destination, with a plugin in memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use keyferry::sync::SyncEngine;
use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::fake_plugins::{self, FakePlugins, RIGHT};
use keyferry_tests::shelf::Shelf;
use serde_json::{Value, json};

const SYNCS: &str = "/v1/tenants/acme/syncs";

/// A host with an engine, and a connection to a shelf.
pub(crate) struct World {
    pub(crate) api: TestApi,
    pub(crate) shelf: Shelf,
    engine: SyncEngine,
    pub(crate) config: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let shelf = Shelf::default();
        let api = TestApi::running(Arc::new(shelf.clone())).await;
        let engine = api.engine().await;
        api.tenant("acme").await;
        install(&api).await;
        let configs = "/v1/tenants/acme/integrations/shelf/configs";
        let auth = json!({"integrationAuthMetadataId": "none", "level": "APPLICATION", "parameters": {}});
        let body = json!({"displayName": "shelf", "parameters": {}, "auth": auth});
        let config = api.admin().post(configs, &body).await.expect(201).text_at("/id");
        api.admin().post(&format!("{configs}/{config}:publish"), &json!({})).await;
        api.admin().post("/v1/tenants/acme/environments", &json!({"slug": "prod"})).await.expect(201);
        Self { api, shelf, engine, config }
    }

    pub(crate) async fn set(&self, name: &str, value: &str) {
        let path = format!("/v1/tenants/acme/environments/prod/secrets/app/{name}");
        self.api.admin().put(&path, &json!({"value": value})).await;
    }

    pub(crate) fn sync(&self) -> Value {
        json!({"id": "app-to-shelf", "integration": "shelf", "config": self.config,
            "source": {"environment": "prod", "path": "/app"}, "destination": {"path": "/app/"}})
    }

    async fn get(&self, path: &str) -> Answer {
        self.api.admin().get(&format!("{SYNCS}{path}")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.api.admin().post(&format!("{SYNCS}{path}"), body).await
    }

    pub(crate) async fn run(&self, body: &Value) -> Answer {
        let id = self.post("/app-to-shelf/runs", body).await.expect(202).text_at("/id");
        self.engine.run_due().await.expect("the store works");
        self.get(&format!("/app-to-shelf/runs/{id}")).await.expect(200)
    }
}

async fn install(api: &TestApi) {
    let request = |path: &str, media_type: &str, body: Vec<u8>| {
        let token = format!("Bearer {}", api.administrator);
        let request = Request::post(path).header("authorization", token).header("content-type", media_type);
        request.body(Body::from(body)).expect("it is a request")
    };
    api.send(request("/v1/plugins", "application/wasm", Shelf::component())).await.expect(201);
    let grants = json!({"grants": {"egress": []}}).to_string().into_bytes();
    api.send(request("/v1/plugins/shelf:activate", "application/json", grants)).await.expect(200);
}

#[tokio::test]
async fn what_is_lacking_is_told_before_the_first_run() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.shelf.lack("shelf:Put");
    let made = world.post("", &world.sync()).await.expect(201);
    let lacking = json!(["shelf:Put"]);
    assert_eq!(
        (&made.json["state"], &made.json["verification"]["missingPermissions"]),
        (&json!("UNVERIFIED"), &lacking)
    );
    assert_eq!(world.get("/app-to-shelf").await.expect(200).json["verification"], made.json["verification"]);
    world.shelf.lack("shelf:Delete");
    let path = format!("{SYNCS}/app-to-shelf");
    let renamed = world.api.admin().patch(&path, &json!({"displayName": "other"})).await.expect(200);
    assert_eq!(renamed.json["verification"]["missingPermissions"], lacking, "it leads where it led");
    let moved = world.api.admin().patch(&path, &json!({"destination": {"path": "/moved/"}})).await.expect(200);
    assert_eq!(moved.json["verification"]["missingPermissions"], json!(["shelf:Delete"]));
    assert_eq!(world.run(&json!({})).await.json["state"], "SUCCEEDED");
    let run = world.get("/app-to-shelf").await.expect(200);
    assert_eq!((&run.json["state"], &run.json["verification"]), (&json!("IN_SYNC"), &Value::Null));
}

#[tokio::test]
async fn destination_that_cannot_be_asked_is_told_with_the_cause() {
    let api = TestApi::with_plugins(&FakePlugins::new()).await;
    api.tenant("acme").await;
    api.plugin(&fake_plugins::parameter_store()).await;
    api.admin().post("/v1/tenants/acme/environments", &json!({"slug": "prod"})).await.expect(201);
    let configs = "/v1/tenants/acme/integrations/aws-parameter-store/configs";
    let credential = json!({"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": RIGHT});
    let config = json!({"parameters": {"region": "eu-west-1"}, "auth": {"integrationAuthMetadataId": "access-key",
        "level": "APPLICATION", "parameters": credential}});
    let config = api.admin().post(configs, &config).await.expect(201).text_at("/id");
    api.admin().post(&format!("{configs}/{config}:publish"), &json!({})).await.expect(200);
    let sync = json!({"id": "app", "integration": "aws-parameter-store", "config": config,
        "source": {"environment": "prod", "path": "/"}, "destination": {"path": "/app/"}});
    let made = api.admin().post(SYNCS, &sync).await.expect(201);
    assert_eq!(
        (&made.json["state"], &made.json["verification"]["error"]["code"]),
        (&json!("UNVERIFIED"), &json!("plugin_contract_broken"))
    );
    assert!(!made.text.contains(RIGHT));
}

#[tokio::test]
async fn a_sync_is_made_planned_run_and_kept_up() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.set("B", "2").await;
    world.engine.run_due().await.expect("the store works");
    let made = world.post("", &world.sync()).await.expect(201);
    assert_eq!(made.header("location"), "/v1/tenants/acme/syncs/app-to-shelf");
    assert_eq!((made.json["state"].as_str(), made.json["appliedGeneration"].as_u64()), (Some("PENDING"), Some(0)));

    let plan = world.post("/app-to-shelf:plan", &json!({})).await.expect(200);
    assert_eq!(plan.json["counts"]["create"], 2);
    assert_eq!(plan.json["changes"][0]["key"], "A");
    assert_eq!((plan.json["changes"][0]["action"].as_str(), &plan.json["blocked"]), (Some("CREATE"), &Value::Null));
    assert!(world.shelf.items().is_empty());

    let run = world.run(&json!({"planHash": plan.text_at("/planHash")})).await;
    assert_eq!(run.json["state"], "SUCCEEDED", "{}", run.text);
    assert_eq!((&run.json["outcomes"][1]["key"], &run.json["outcomes"][1]["result"]), (&json!("B"), &json!("OK")));
    assert_eq!(*world.shelf.items(), [("A", "1"), ("B", "2")].map(|(key, value)| (key.into(), value.into())).into());

    world.set("A", "3").await;
    world.engine.run_due().await.expect("the store works");
    world.api.clock.advance(Duration::from_secs(3));
    assert_eq!(world.engine.run_due().await.expect("the store works"), 1);
    assert_eq!(world.shelf.items()["A"], "3");
    let sync = world.get("/app-to-shelf").await.expect(200);
    assert_eq!((&sync.json["state"], &sync.json["lastRun"]["counts"]["update"]), (&json!("IN_SYNC"), &json!(1)));
    assert_eq!(sync.json["wantedGeneration"], sync.json["appliedGeneration"]);
    assert_eq!(world.get("/app-to-shelf/runs").await.expect(200).json["totalCount"], 2);
}

#[tokio::test]
async fn a_stopped_plan_is_shown_and_approved() {
    let world = World::new().await;
    world.set("A", "ours").await;
    world.shelf.put("A", "theirs");
    world.post("", &world.sync()).await.expect(201);
    let run = world.run(&json!({})).await;
    assert_eq!(run.json["state"], "BLOCKED", "{}", run.text);
    assert_eq!(run.json["blocked"]["reasons"], json!([{"kind": "FOREIGN_OVERWRITE", "keys": 1}]));
    assert_eq!(run.json["changes"][0]["action"], "CONFLICT");
    assert_eq!(run.json["error"]["code"], "plan_blocked");

    let approval = json!({"planHash": run.text_at("/planHash")});
    let (_, operator) = world.api.member("acme", "operator", "operator").await;
    let refused = world.api.bearer(&operator).post(&format!("{SYNCS}/app-to-shelf/runs"), &approval).await;
    refused.problem(403, "scope_missing");
    let run = world.run(&approval).await;
    assert_eq!(run.json["state"], "SUCCEEDED", "{}", run.text);
    assert_eq!(world.shelf.items()["A"], "ours");

    let wrong = world.run(&json!({"planHash": "0000"})).await;
    assert_eq!(wrong.json["state"], "SUCCEEDED", "nothing is left to be done, whatever was approved");
    world.set("A", "changed").await;
    let wrong = world.run(&json!({"planHash": "0000"})).await;
    assert_eq!((&wrong.json["state"], &wrong.json["error"]["code"]), (&json!("FAILED"), &json!("plan_changed")));
}

#[tokio::test]
async fn the_events_of_a_run_are_told_in_order_and_end() {
    let world = World::new().await;
    world.set("A", "hidden-value").await;
    world.post("", &world.sync()).await.expect(201);
    let run = world.run(&json!({})).await.text_at("/id");
    let events = world.get(&format!("/app-to-shelf/runs/{run}/events")).await.expect(200);
    assert_eq!(events.header("content-type"), "text/event-stream");
    let names: Vec<&str> = events.text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["started", "resolved", "observed", "planned", "items", "verified", "finished"]);
    assert!(!events.text.contains("hidden-value"));

    let path = format!("{SYNCS}/app-to-shelf/runs/{run}/events");
    let rest = world.api.admin().with("last-event-id", "6").get(&path).await.expect(200);
    assert!(rest.text.contains("event: finished") && !rest.text.contains("event: items"), "{}", rest.text);
}

#[tokio::test]
async fn values_are_imported_as_one_run_and_read_only_with_the_scope_for_that() {
    let world = World::new().await;
    world.set("BOTH", "ours").await;
    for (key, value) in [("BOTH", "theirs"), ("NEW", "hidden-value"), ("A/B", "hidden-value")] {
        world.shelf.put(key, value);
    }
    world.post("", &world.sync()).await.expect(201);
    let (_, operator) = world.api.member("acme", "operator", "operator").await;
    let import = format!("{SYNCS}/app-to-shelf:import");
    let body = json!({"prioritize": "SOURCE"});
    let accepted = world.api.bearer(&operator).post(&import, &body).await.expect(202);
    assert_eq!((&accepted.json["kind"], &accepted.json["state"]), (&json!("IMPORT"), &json!("PENDING")));
    world.post("/app-to-shelf:import", &json!({"prioritize": "DESTINATION"})).await.problem(409, "wrong_state");
    world.engine.run_due().await.expect("the store works");

    let run = world.get(&format!("/app-to-shelf/runs/{}", accepted.text_at("/id"))).await.expect(200);
    assert_eq!(run.json["state"], "SUCCEEDED", "{}", run.text);
    assert_eq!((&run.json["imported"]["secrets"], &run.json["imported"]["left"]), (&json!(1), &json!(2)));
    let outcomes = run.json["outcomes"].as_array().expect("outcomes");
    let told: Vec<_> = outcomes.iter().map(|one| (one["key"].as_str(), one["reasonCode"].as_str())).collect();
    let expected = [("A/B", "NAME_INVALID"), ("BOTH", "SOURCE_PREFERRED"), ("NEW", "MISSING_AT_SOURCE")];
    assert_eq!(told, expected.map(|(key, reason)| (Some(key), Some(reason))));
    assert!(!run.text.contains("hidden-value"));
    let events = world.get(&format!("/app-to-shelf/runs/{}/events", accepted.text_at("/id"))).await.expect(200);
    assert!(events.text.contains("event: imported") && !events.text.contains("hidden-value"), "{}", events.text);
    let shown = world.get("/app-to-shelf").await.expect(200);
    assert_eq!(shown.json["lastImport"]["run"], accepted.json["id"]);
    assert_eq!((&shown.json["lastImport"]["state"], &shown.json["lastRun"]), (&json!("SUCCEEDED"), &Value::Null));
    assert!(!shown.text.contains("hidden-value"));

    // Whoever imports need not be one who may read.
    let secret = "/v1/tenants/acme/environments/prod/secrets/app/NEW?view=value";
    world.api.bearer(&operator).get(secret).await.problem(403, "scope_missing");
    let (_, manager) = world.api.member("acme", "manager", "manager").await;
    assert_eq!(world.api.bearer(&manager).get(secret).await.expect(200).json["value"], "hidden-value");
    let audit = world.api.admin().get("/v1/tenants/acme/auditEvents?pageSize=100").await.expect(200);
    let created = audit.json["items"]
        .as_array()
        .expect("events")
        .iter()
        .filter(|event| event["action"] == "secrets.create" && event["actorName"] == "operator");
    assert_eq!(created.count(), 1, "the import is told of whoever asked for it: {}", audit.text);
    assert!(audit.text.contains("syncs.import"));
}

#[tokio::test]
async fn an_import_needs_both_scopes_and_so_does_a_sync_that_imports_by_itself() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.post("", &world.sync()).await.expect(201);
    for (name, scopes, missing) in
        [("runs", "syncs:run,syncs:write", "secrets:write"), ("writes", "secrets:write", "syncs:run")]
    {
        let (_, token) = world.api.member("acme", name, scopes).await;
        let import = format!("{SYNCS}/app-to-shelf:import");
        let refused = world.api.bearer(&token).post(&import, &json!({})).await.problem(403, "scope_missing");
        assert!(refused.text.contains(&format!("`{missing}`")), "{}", refused.text);
    }
    let (_, token) = world.api.member("acme", "defines", "syncs:write,syncs:read").await;
    for options in [json!({"initialSyncBehavior": "IMPORT_PRIORITIZE_SOURCE"}), json!({"onConflict": "IMPORT"})] {
        let change = json!({ "options": options });
        let refused = world.api.bearer(&token).patch(&format!("{SYNCS}/app-to-shelf"), &change).await;
        assert!(refused.problem(403, "scope_missing").text.contains("`secrets:write`"));
    }
    world.post("/app-to-shelf:import", &json!({"prioritize": "NEITHER"})).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_first_run_imports_where_the_sync_says_so() {
    let world = World::new().await;
    world.set("BOTH", "ours").await;
    world.shelf.put("BOTH", "theirs");
    world.shelf.put("NEW", "theirs");
    let mut sync = world.sync();
    sync["options"] = json!({"initialSyncBehavior": "IMPORT_PRIORITIZE_DESTINATION"});
    world.post("", &sync).await.expect(201);
    let plan = world.post("/app-to-shelf:plan", &json!({})).await.expect(200);
    assert_eq!((&plan.json["counts"]["import"], &plan.json["blocked"]), (&json!(2), &Value::Null));
    let run = world.run(&json!({"planHash": plan.text_at("/planHash")})).await;
    assert_eq!(run.json["state"], "SUCCEEDED", "{}", run.text);
    assert_eq!((&run.json["kind"], &run.json["imported"]["secrets"]), (&json!("SYNC"), &json!(2)));
    assert_eq!(run.json["remoteCalls"]["write"], 0);
    assert_eq!(world.shelf.items()["BOTH"], "theirs");
}

#[tokio::test]
async fn drift_is_checked_for_told_and_repaired() {
    let world = World::new().await;
    world.set("A", "1").await;
    let mut sync = world.sync();
    sync["options"] = json!({"onDrift": "REPORT", "driftCheckIntervalSeconds": 3600});
    world.post("", &sync).await.expect(201);
    world.run(&json!({})).await;
    world.shelf.put("A", "theirs");
    let accepted = world.post("/app-to-shelf:check", &json!({})).await.expect(202);
    assert_eq!(accepted.json["kind"], "CHECK");
    world.engine.run_due().await.expect("the store works");
    let shown = world.get("/app-to-shelf").await.expect(200);
    assert_eq!((&shown.json["state"], &shown.json["drift"]["keys"]), (&json!("DRIFTED"), &json!(["A"])));
    assert_eq!(shown.json["drift"]["lastCheck"]["id"], accepted.json["id"]);
    assert_eq!(shown.json["options"]["driftCheckIntervalSeconds"], 3600);
    // What was read can be sent back.
    let path = format!("{SYNCS}/app-to-shelf");
    world.api.admin().patch(&path, &shown.json).await.expect(200);

    world.api.admin().patch(&path, &json!({"options": {"onDrift": "REPAIR"}})).await.expect(200);
    world.post("/app-to-shelf:check", &json!({})).await.expect(202);
    for _ in 0..2 {
        world.engine.run_due().await.expect("the store works");
        world.api.clock.advance(Duration::from_secs(3));
    }
    world.engine.run_due().await.expect("the store works");
    assert_eq!(world.shelf.items()["A"], "1");
    assert_eq!(world.get("/app-to-shelf").await.expect(200).json["drift"]["count"], 0);
}

/// Lets everything happen that is wanted.
async fn settle(world: &World) {
    for _ in 0..3 {
        world.engine.run_due().await.expect("the store works");
        world.api.clock.advance(Duration::from_secs(3));
    }
}

#[tokio::test]
async fn what_changed_while_a_plugin_was_disabled_arrives_once_it_is_active_again() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.post("", &world.sync()).await.expect(201);
    world.run(&json!({})).await;
    let mut waiting = world.sync();
    waiting["id"] = json!("waiting");
    waiting["destination"]["path"] = json!("/waiting/");
    settle(&world).await;
    world.post("", &waiting).await.expect(201);

    world.api.admin().post("/v1/plugins/shelf:disable", &json!({})).await.expect(200);
    world.set("A", "2").await;
    settle(&world).await;
    assert_eq!(world.get("/app-to-shelf").await.expect(200).json["state"], "FAILED");
    world.api.admin().post("/v1/plugins/shelf:activate", &json!({})).await.expect(200);
    settle(&world).await;
    assert_eq!(world.shelf.items()["A"], "2");
    assert_eq!(world.get("/app-to-shelf").await.expect(200).json["state"], "IN_SYNC");
}

#[tokio::test]
async fn grants_let_syncs_go_on_that_failed_and_no_others() {
    let world = World::new().await;
    world.set("A", "${NOWHERE}").await;
    world.post("", &world.sync()).await.expect(201);
    world.run(&json!({})).await;
    let mut waiting = world.sync();
    waiting["id"] = json!("waiting");
    settle(&world).await;
    world.post("", &waiting).await.expect(201);
    let wanted = async |path: &str| world.get(path).await.expect(200).json["wantedGeneration"].clone();
    let (failed, unrun) = (wanted("/app-to-shelf").await, wanted("/waiting").await);
    world.api.admin().put("/v1/plugins/shelf/grants", &json!({"egress": []})).await.expect(200);
    settle(&world).await;
    assert_eq!(wanted("/app-to-shelf").await, failed.as_u64().expect("a number") + 1);
    assert_eq!(wanted("/waiting").await, unrun, "nobody has asked for its first run");
}

#[tokio::test]
async fn everything_wrong_with_a_sync_is_told_at_once() {
    let world = World::new().await;
    let mut sync = world.sync();
    sync["options"] = json!({"keyTemplate": "{{environment}}"});
    sync["source"] = json!({"environment": "nowhere", "include": ["[a"]});
    let refused = world.post("", &sync).await.problem(400, "invalid_request");
    let errors = refused.json["errors"].as_array().expect("there are errors");
    let pointers: Vec<&str> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/source/include/0", "/options/keyTemplate", "/source/environment"]);

    let wrong = json!({"id": "wrong", "integration": "nope", "source": {"environment": "prod", "path": "/nowhere"},
        "destination": {}});
    let wrong_too = json!({"id": "wrong", "integration": "shelf", "config": world.config,
        "source": {"environment": "prod", "path": "/nowhere"}, "destination": {"path": "/x/", "zz": 1}});
    for (sync, expected) in
        [(wrong, ["/source/path", "/integration"]), (wrong_too, ["/source/path", "/destination/zz"])]
    {
        let refused = world.post("", &sync).await.problem(400, "invalid_request");
        let errors = refused.json["errors"].as_array().expect("there are errors").clone();
        let pointers: Vec<&str> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
        assert_eq!(pointers, expected);
    }

    let mut sync = world.sync();
    sync["destination"] = json!({});
    world.set("A", "1").await;
    let refused = world.post("", &sync).await.problem(400, "invalid_request");
    assert_eq!(refused.json["errors"][0]["pointer"], "/destination/path");

    let mut sync = world.sync();
    sync["options"] = json!({"onConflict": "IMPORT"});
    sync["source"]["recursive"] = json!(true);
    world.post("", &sync).await.problem(400, "import_unsupported");

    let mut sync = world.sync();
    sync["options"] = json!({"driftCheckIntervalSeconds": 299});
    let refused = world.post("", &sync).await.problem(400, "invalid_request");
    assert_eq!(refused.json["errors"][0]["pointer"], "/options/driftCheckIntervalSeconds");
}

#[tokio::test]
async fn two_syncs_cannot_write_one_key() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.post("", &world.sync()).await.expect(201);
    world.run(&json!({})).await;
    let mut other = world.sync();
    other["id"] = json!("other");
    world.post("", &other).await.expect(201);
    let refused = world.post("/other:plan", &json!({})).await.problem(409, "destination_claimed");
    assert!(refused.text_at("/detail").contains("`app-to-shelf`"));
    world.post("", &world.sync()).await.problem(409, "already_exists");
}

#[tokio::test]
async fn a_sync_is_changed_paused_and_deleted() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.post("", &world.sync()).await.expect(201);
    let path = format!("{SYNCS}/app-to-shelf");
    let admin = world.api.admin();
    let stale = admin.clone().with("if-match", "\"00\"").patch(&path, &json!({"displayName": "New"})).await;
    stale.problem(412, "precondition_failed");
    let tag = made.header("etag").to_owned();
    let change = json!({"displayName": "New", "options": {"verify": true}});
    let changed = admin.clone().with("if-match", &tag).patch(&path, &change).await.expect(200);
    assert_eq!((&changed.json["displayName"], &changed.json["options"]["verify"]), (&json!("New"), &json!(true)));
    assert_eq!(changed.json["options"]["onConflict"], "STOP", "what is left out stays");
    // What was read can be sent back.
    admin.patch(&path, &changed.json).await.expect(200);

    world.post("/app-to-shelf:pause", &json!({})).await.expect(200);
    world.post("/app-to-shelf/runs", &json!({})).await.problem(409, "wrong_state");
    let resumed = world.post("/app-to-shelf:resume", &json!({})).await.expect(200);
    assert_eq!(resumed.json["pausedBecause"], Value::Null);
    world.post("/app-to-shelf:cancel", &json!({})).await.expect(200);
    world.run(&json!({})).await;

    admin.delete(&format!("{path}?removeSecrets=true")).await.expect(204);
    world.engine.run_due().await.expect("the store works");
    assert!(world.shelf.items().is_empty());
    world.get("/app-to-shelf").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_config_that_a_sync_uses_stays_and_its_publication_runs_the_sync() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.post("", &world.sync()).await.expect(201);
    world.run(&json!({})).await;
    let config = format!("/v1/tenants/acme/integrations/shelf/configs/{}", world.config);
    world.api.admin().delete(&config).await.problem(409, "in_use");
    world.api.admin().post(&format!("{config}:publish"), &json!({})).await;
    assert_eq!(world.get("/app-to-shelf").await.json["state"], "PENDING");
    world.api.clock.advance(Duration::from_secs(3));
    assert_eq!(world.engine.run_due().await.expect("the store works"), 1);
}

#[tokio::test]
async fn lists_have_pages() {
    let world = World::new().await;
    world.set("A", "1").await;
    for id in ["a", "b", "c"] {
        let mut sync = world.sync();
        sync["id"] = json!(id);
        world.post("", &sync).await.expect(201);
    }
    let first = world.get("?pageSize=2").await.expect(200);
    let token = first.text_at("/nextPageToken");
    assert_eq!(first.json["items"].as_array().map(Vec::len), Some(2));
    let second = world.get(&format!("?pageSize=2&pageToken={token}")).await.expect(200);
    assert_eq!((&second.json["items"][0]["id"], &second.json["nextPageToken"]), (&json!("c"), &json!("")));
}

#[tokio::test]
async fn runs_and_what_they_did_are_counted_without_naming_anybody() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.set("B", "2").await;
    world.post("", &world.sync()).await.expect(201);
    world.run(&json!({})).await;
    world.run(&json!({})).await;
    world.set("A", "changed").await;
    world.shelf.put("A", "theirs");
    world.run(&json!({"planHash": "0000"})).await;
    world.engine.run_due().await.expect("the store works");

    let metrics = world.api.anonymous().get("/metrics").await.expect(200).text;
    for line in [
        r#"keyferry_sync_runs_total{state="SUCCEEDED"} 2"#,
        r#"keyferry_sync_runs_total{state="FAILED"} 1"#,
        r#"keyferry_sync_run_duration_seconds_count{state="SUCCEEDED"} 2"#,
        r#"keyferry_sync_keys_total{action="CREATE",result="OK"} 2"#,
        "keyferry_syncs_pending 0",
        "keyferry_syncs_running 0",
        "keyferry_sync_throttles_total 0",
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "{line}\n{metrics}");
    }
    for name in ["acme", "app-to-shelf", "prod", world.config.as_str()] {
        assert!(!metrics.contains(name), "{name}\n{metrics}");
    }
}
