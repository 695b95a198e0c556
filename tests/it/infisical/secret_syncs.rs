//! Secret syncs: from a request to a destination, with a plugin in memory.

mod both;
mod first_run;
mod importable;
mod jobs;
mod recursive;

use std::sync::Arc;
use std::time::Duration;

use keyferry::sync::SyncEngine;
use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::fake_plugins;
use keyferry_tests::shelf::Shelf;
use serde_json::{Value, json};

const SYNCS: &str = "/api/v1/secret-syncs/shelf-store";
const NATIVE: &str = "/v1/tenants/acme/syncs";

/// The shelf under names of its own, with a region that each sync chooses.
fn shelf() -> Value {
    let mut metadata: Value = serde_json::from_slice(&Shelf::component()).expect("it is its metadata");
    let region = json!([{"name": "region", "typeName": "label", "required": true}]);
    metadata["configMetadata"]["parametersMetadata"] = region;
    metadata["destinationMetadata"].as_array_mut().expect("a list").push(json!({"name": "colour"}));
    metadata["infisical"] = json!({"app": "shelves", "appName": "Shelves",
        "methods": [{"name": "open", "auth": "none", "credentials": [
            {"field": "region", "scope": "CONNECTION", "parameter": "region", "defaultValue": "here"}]}],
        "destination": {"slug": "shelf-store", "name": "Shelf",
            "config": [{"field": "region", "scope": "CONNECTION", "parameter": "region"},
                {"field": "path", "scope": "DESTINATION", "parameter": "path"}],
            "options": [{"field": "paint", "scope": "DESTINATION", "parameter": "colour"}],
            "unsupportedOptions": ["asTags"]}});
    metadata
}

struct World {
    api: TestApi,
    shelf: Shelf,
    engine: SyncEngine,
    connection: String,
}

impl World {
    async fn new() -> Self {
        Self::of(&shelf()).await
    }

    /// A world whose shelf says this of itself.
    async fn of(metadata: &Value) -> Self {
        let on_shelf = Shelf::default();
        let api = TestApi::running(Arc::new(on_shelf.clone())).await;
        let engine = api.engine().await;
        api.tenant("acme").await;
        api.plugin(metadata).await;
        api.admin().post("/v1/tenants/acme/environments", &json!({"slug": "prod"})).await.expect(201);
        let request = json!({"name": "shelf", "method": "open", "credentials": {}, "projectId": "acme"});
        let made = api.admin().post("/api/v1/app-connections/shelves", &request).await.expect(200);
        let connection = made.text_at("/appConnection/id");
        Self { api, shelf: on_shelf, engine, connection }
    }

    async fn set(&self, name: &str, value: &str) {
        let path = format!("/v1/tenants/acme/environments/prod/secrets/app/{name}");
        self.api.admin().put(&path, &json!({"value": value})).await;
    }

    async fn unset(&self, name: &str) {
        self.api.admin().delete(&format!("/v1/tenants/acme/environments/prod/secrets/app/{name}")).await.expect(204);
    }

    fn sync(&self, name: &str) -> Value {
        json!({"name": name, "projectId": "acme", "connectionId": self.connection, "environment": "prod",
            "secretPath": "/app/", "description": "for tests", "isAutoSyncEnabled": true,
            "destinationConfig": {"region": "there", "path": format!("/{name}/")},
            "syncOptions": {"initialSyncBehavior": "overwrite-destination"}})
    }

    async fn create(&self, request: &Value) -> Value {
        self.api.admin().post(SYNCS, request).await.expect(200).json["secretSync"].clone()
    }

    async fn read(&self, sync: &Value) -> Value {
        self.api.admin().get(&path_of(sync)).await.expect(200).json["secretSync"].clone()
    }

    async fn job(&self, sync: &Value, job: &str) -> Answer {
        self.api.admin().post(&format!("{}/{job}", path_of(sync)), &json!({})).await
    }

    /// Ends everything that is due, and what becomes due by waiting.
    async fn settle(&self) {
        self.engine.run_due().await.expect("the store works");
        self.api.clock.advance(Duration::from_secs(3));
        self.engine.run_due().await.expect("the store works");
    }

    /// What stands in the folder that syncs are made of.
    async fn source(&self) -> Vec<(String, String)> {
        let path = "/api/v3/secrets/raw?workspaceId=acme&environment=prod&secretPath=/app";
        let listed = self.api.admin().get(path).await.expect(200);
        super::project::pairs(&listed.json["secrets"])
    }

    fn items(&self) -> Vec<(String, String)> {
        self.shelf.items().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn path_of(sync: &Value) -> String {
    format!("{SYNCS}/{}", sync["id"].as_str().expect("it has an id"))
}

fn pairs(items: &[(&str, &str)]) -> Vec<(String, String)> {
    items.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn message(answer: &Answer) -> &str {
    answer.json["message"].as_str().expect("a refusal is a sentence")
}

#[tokio::test]
async fn a_sync_is_shown_as_it_was_sent_and_runs_at_once() {
    let world = World::new().await;
    world.set("A", "1").await;
    let mut request = world.sync("app");
    request["syncOptions"] = json!({"initialSyncBehavior": "overwrite-destination", "keySchema": "APP_{{secretKey}}",
        "disableSecretDeletion": false, "paint": "red", "surprise": 1});
    let made = world.create(&request).await;
    assert_eq!((&made["syncStatus"], &made["lastSyncedAt"]), (&json!("pending"), &Value::Null));
    let mut shown = made.clone();
    let project = world.api.admin().get("/v1/tenants/acme").await.expect(200).text_at("/uid");
    for member in ["id", "folderId", "createdAt", "updatedAt", "lastSyncJobId", "environment", "folder"] {
        assert!(!shown[member].is_null(), "{member}");
        shown.as_object_mut().expect("an object").remove(member);
    }
    let expected = json!({"name": "app", "description": "for tests", "destination": "shelf-store",
        "destinationConfig": {"region": "there", "path": "/app/"}, "isAutoSyncEnabled": true, "version": 1,
        "projectId": project, "connectionId": world.connection,
        "syncOptions": {"initialSyncBehavior": "overwrite-destination", "keySchema": "APP_{{secretKey}}",
            "disableSecretDeletion": false, "paint": "red"},
        "syncStatus": "pending", "lastSyncMessage": null, "lastSyncedAt": null,
        "importStatus": null, "lastImportJobId": null, "lastImportMessage": null, "lastImportedAt": null,
        "removeStatus": null, "lastRemoveJobId": null, "lastRemoveMessage": null, "lastRemovedAt": null,
        "connection": {"app": "shelves", "name": "shelf", "id": world.connection}});
    assert_eq!(shown, expected);
    assert_eq!((&made["environment"]["slug"], &made["environment"]["name"]), (&json!("prod"), &json!("prod")));
    assert_eq!(made["folder"], json!({"id": made["folderId"], "path": "/app"}));

    world.settle().await;
    assert_eq!(world.items(), pairs(&[("APP_A", "1")]));
    let synced = world.read(&made).await;
    assert_eq!((&synced["syncStatus"], &synced["lastSyncMessage"]), (&json!("succeeded"), &Value::Null));
    assert_eq!(synced["lastSyncJobId"], made["lastSyncJobId"]);
    assert!(synced["lastSyncedAt"].is_string());

    world.set("A", "2").await;
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("APP_A", "2")]));
}

#[tokio::test]
async fn terraform_applies_twice_without_a_difference() {
    let world = World::new().await;
    world.set("A", "1").await;
    let mut request = world.sync("app");
    request["syncOptions"] = json!({"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": true,
        "keySchema": "{{environment}}_{{secretKey}}"});
    let made = world.create(&request).await;
    world.settle().await;
    // What the provider keeps of a resource, and compares with what it reads.
    let kept = |sync: &Value| {
        json!({"name": sync["name"], "description": sync["description"], "id": sync["id"],
            "connection_id": sync["connection"]["id"], "environment": sync["environment"]["slug"],
            "secret_path": sync["folder"]["path"], "sync_options": sync["syncOptions"],
            "destination_config": sync["destinationConfig"], "auto_sync": sync["isAutoSyncEnabled"]})
    };
    let read = world.read(&made).await;
    assert_eq!(kept(&read), kept(&made));
    assert_eq!(read["syncOptions"], request["syncOptions"]);
    assert_eq!(read["destinationConfig"], request["destinationConfig"]);
    let mut update = request.clone();
    update.as_object_mut().expect("an object").remove("projectId");
    let updated = world.api.admin().patch(&path_of(&made), &update).await.expect(200).json["secretSync"].clone();
    assert_eq!(kept(&updated), kept(&made));
    world.settle().await;
    assert_eq!(kept(&world.read(&made).await), kept(&made));
    assert_eq!(world.items(), pairs(&[("prod_A", "1")]));
}

#[tokio::test]
async fn destinations_are_offered_by_what_plugins_declare() {
    let world = World::new().await;
    world.api.plugin(&fake_plugins::http()).await;
    let options = world.api.admin().get("/api/v1/secret-syncs/options?projectId=acme").await.expect(200);
    let of_shelf =
        json!({"name": "Shelf", "destination": "shelf-store", "connection": "shelves", "canImportSecrets": true});
    let all = options.json["secretSyncOptions"].as_array().expect("a list");
    assert!(all.contains(&of_shelf), "{}", options.text);
    world.api.admin().get("/api/v1/secret-syncs/gcp?projectId=acme").await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn syncs_are_listed_and_found_by_name() {
    let world = World::new().await;
    world.set("A", "1").await;
    let (one, two) = (world.create(&world.sync("one")).await, world.create(&world.sync("two")).await);
    world.settle().await;
    let (one, two) = (world.read(&one).await, world.read(&two).await);
    for path in ["/api/v1/secret-syncs", SYNCS] {
        let listed = world.api.admin().get(&format!("{path}?projectId=acme")).await.expect(200);
        assert_eq!(listed.json, json!({"secretSyncs": [one, two]}), "{path}");
    }
    let found = world.api.admin().get(&format!("{SYNCS}/sync-name/two?projectId=acme")).await.expect(200);
    assert_eq!(found.json["secretSync"], two);
    world.api.admin().get(&format!("{SYNCS}/sync-name/three?projectId=acme")).await.infisical_error(404, "NotFound");
    world.api.admin().get("/api/v1/secret-syncs").await.infisical_error(422, "ValidationFailure");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_as_clients_expect() {
    let world = World::new().await;
    world.set("A", "1").await;
    let refused = |member: &'static str, value: Value| {
        let mut request = world.sync("app");
        *request.pointer_mut(member).expect("it is there") = value;
        let api = world.api.clone();
        async move { api.admin().post(SYNCS, &request).await }
    };
    let missing = refused("/secretPath", json!("/nowhere")).await.infisical_error(400, "BadRequest");
    assert!(message(&missing).contains("there is no such folder"), "{}", missing.text);
    refused("/environment", json!("nowhere")).await.infisical_error(400, "BadRequest");
    let nobody = json!("0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20");
    refused("/connectionId", nobody).await.infisical_error(404, "NotFound");
    for (member, value, at) in [
        ("/name", json!("two words"), json!(["name"])),
        ("/destinationConfig", json!({"region": "there"}), json!(["destinationConfig", "path"])),
        ("/destinationConfig", json!({"region": "a.b", "path": "/"}), json!(["destinationConfig", "region"])),
        ("/destinationConfig", json!({"path": "/"}), json!(["destinationConfig", "region"])),
        ("/syncOptions", json!({}), json!(["syncOptions", "initialSyncBehavior"])),
        ("/syncOptions/initialSyncBehavior", json!("destroy"), json!(["syncOptions", "initialSyncBehavior"])),
    ] {
        let answer = refused(member, value).await.infisical_error(422, "ValidationFailure");
        assert_eq!(answer.json["message"][0]["path"], at, "{}", answer.text);
    }
    let tags = json!({"initialSyncBehavior": "overwrite-destination", "asTags": true});
    let unsupported = refused("/syncOptions", tags).await.infisical_error(400, "BadRequest");
    assert!(message(&unsupported).contains("syncOptions.asTags"));
    let recursive = json!({"initialSyncBehavior": "import-prioritize-source", "recursive": true});
    refused("/syncOptions", recursive).await.infisical_error(400, "BadRequest");

    let made = world.create(&world.sync("app")).await;
    let taken = refused("/destinationConfig/path", json!("/b/")).await.infisical_error(400, "BadRequest");
    assert!(message(&taken).contains("`app` exists"));
    let mut twin = world.sync("app");
    twin["name"] = json!("twin");
    let twin = world.api.admin().post(SYNCS, &twin).await.infisical_error(400, "BadRequest");
    assert!(message(&twin).contains("`app` carries the same folder"), "{}", twin.text);
    let elsewhere = path_of(&made).replace("/shelf-store/", "/elsewhere/");
    world.api.admin().get(&elsewhere).await.infisical_error(400, "BadRequest");
    let connection = format!("/api/v1/app-connections/shelves/{}", world.connection);
    let used = world.api.admin().delete(&connection).await.infisical_error(400, "BadRequest");
    assert!(message(&used).contains("a sync uses"));
}

#[tokio::test]
async fn a_connection_of_another_app_does_not_fit() {
    let world = World::new().await;
    world.set("A", "1").await;
    let mut other = shelf();
    other["id"] = json!("drawer");
    other["infisical"]["app"] = json!("drawers");
    other["infisical"]["destination"]["slug"] = json!("drawer");
    world.api.plugin(&other).await;
    let request = json!({"name": "drawer", "method": "open", "credentials": {}, "projectId": "acme"});
    let made = world.api.admin().post("/api/v1/app-connections/drawers", &request).await.expect(200);
    let mut sync = world.sync("app");
    sync["connectionId"] = json!(made.text_at("/appConnection/id"));
    let refused = world.api.admin().post(SYNCS, &sync).await.infisical_error(400, "BadRequest");
    assert!(message(&refused).contains("`drawers`"), "{}", refused.text);
}

#[tokio::test]
async fn options_and_config_replace_what_stood_there_whole() {
    let world = World::new().await;
    world.set("A", "1").await;
    let mut request = world.sync("app");
    request["syncOptions"]["paint"] = json!("red");
    let made = world.create(&request).await;
    world.settle().await;
    let options = json!({"initialSyncBehavior": "overwrite-destination", "keySchema": "B_{{secretKey}}"});
    let patch = json!({"syncOptions": options, "name": "renamed", "description": null});
    let changed = world.api.admin().patch(&path_of(&made), &patch).await.expect(200).json["secretSync"].clone();
    assert_eq!((&changed["syncOptions"], &changed["destinationConfig"]), (&options, &request["destinationConfig"]));
    assert_eq!((&changed["name"], &changed["description"]), (&json!("renamed"), &Value::Null));
    assert_eq!((&changed["syncStatus"], &changed["version"]), (&json!("pending"), &json!(2)));
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("B_A", "1")]), "the key of the earlier schema was ours");

    let patch = json!({"isAutoSyncEnabled": false});
    let changed = world.api.admin().patch(&path_of(&made), &patch).await.expect(200).json["secretSync"].clone();
    assert_eq!((&changed["syncStatus"], &changed["syncOptions"]), (&json!("succeeded"), &options));
    world.set("A", "2").await;
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("B_A", "1")]), "it does not run by itself");
    assert_eq!(world.job(&made, "sync-secrets").await.expect(200).json["secretSync"]["syncStatus"], "pending");
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("B_A", "2")]));
}

#[tokio::test]
async fn only_what_the_sync_wrote_is_ever_deleted() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.set("B", "2").await;
    world.shelf.put("FOREIGN", "theirs");
    world.shelf.put("A", "overwritten");
    let made = world.create(&world.sync("app")).await;
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "1"), ("B", "2"), ("FOREIGN", "theirs")]));
    world.unset("B").await;
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "1"), ("FOREIGN", "theirs")]));

    let options = json!({"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": true});
    world.api.admin().patch(&path_of(&made), &json!({"syncOptions": options})).await.expect(200);
    world.set("C", "3").await;
    world.settle().await;
    world.unset("C").await;
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "1"), ("C", "3"), ("FOREIGN", "theirs")]));
}

#[tokio::test]
async fn a_plan_that_waits_for_approval_is_failed_and_says_how() {
    let world = World::new().await;
    for index in 0..8 {
        world.set(&format!("K{index}"), "1").await;
    }
    let made = world.create(&world.sync("app")).await;
    world.settle().await;
    for index in 0..7 {
        world.unset(&format!("K{index}")).await;
    }
    world.settle().await;
    let blocked = world.read(&made).await;
    assert_eq!(blocked["syncStatus"], "failed", "{blocked:#}");
    let told = blocked["lastSyncMessage"].as_str().expect("it says why");
    assert!(told.contains("POST /v1/tenants/acme/syncs/app/runs"), "{told}");
    assert_eq!(world.items().len(), 8);
    let hash = told.split('"').rev().nth(1).expect("it names the plan");
    world.api.admin().post(&format!("{NATIVE}/app/runs"), &json!({"planHash": hash})).await.expect(202);
    world.settle().await;
    assert_eq!((world.items().len(), &world.read(&made).await["syncStatus"]), (1, &json!("succeeded")));
}

#[tokio::test]
async fn secrets_are_removed_and_the_sync_stays() {
    let world = World::new().await;
    world.set("A", "1").await;
    world.shelf.put("FOREIGN", "theirs");
    let made = world.create(&world.sync("app")).await;
    world.settle().await;
    let waiting = world.job(&made, "remove-secrets").await.expect(200).json["secretSync"].clone();
    assert_eq!((&waiting["removeStatus"], &waiting["syncStatus"]), (&json!("pending"), &json!("succeeded")));
    world.settle().await;
    let removed = world.read(&made).await;
    assert_eq!(removed["removeStatus"], "succeeded", "{removed:#}");
    assert_eq!(removed["lastRemoveJobId"], waiting["lastRemoveJobId"]);
    assert!(removed["lastRemovedAt"].is_string() && removed["lastRemoveMessage"].is_null());
    assert_eq!(world.items(), pairs(&[("FOREIGN", "theirs")]));

    world.job(&made, "sync-secrets").await.expect(200);
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "1"), ("FOREIGN", "theirs")]));
    // What somebody changed meanwhile is theirs by now.
    world.shelf.put("A", "changed");
    world.job(&made, "remove-secrets").await.expect(200);
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "changed"), ("FOREIGN", "theirs")]));
}

#[tokio::test]
async fn a_sync_goes_with_or_without_what_it_wrote() {
    let world = World::new().await;
    world.set("A", "1").await;
    let (keeps, removes) = (world.create(&world.sync("keeps")).await, world.create(&world.sync("removes")).await);
    world.settle().await;
    let gone = world.api.admin().delete(&path_of(&keeps)).await.expect(200);
    assert_eq!(gone.json["secretSync"]["id"], keeps["id"]);
    world.api.admin().get(&path_of(&keeps)).await.infisical_error(404, "NotFound");
    world.settle().await;
    assert_eq!(world.items(), pairs(&[("A", "1")]));

    let path = format!("{}?removeSecrets=true", path_of(&removes));
    let going = world.api.admin().delete(&path).await.expect(200);
    assert_eq!(going.json["secretSync"]["removeStatus"], "pending", "{}", going.text);
    world.settle().await;
    assert!(world.items().is_empty());
    world.api.admin().get(&path_of(&removes)).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn values_come_in_by_the_chosen_priority() {
    let world = World::new().await;
    for (behaviour, expected) in [("prioritize-source", "ours"), ("prioritize-destination", "theirs")] {
        let name = behaviour.to_owned();
        world.set("A", "ours").await;
        let mut request = world.sync(&name);
        request["isAutoSyncEnabled"] = json!(false);
        let made = world.create(&request).await;
        assert_eq!(made["syncStatus"], Value::Null, "nothing has run");
        world.shelf.items().clear();
        world.shelf.put("A", "theirs");
        world.shelf.put("NEW", "brought in");
        world.job(&made, "import-secrets").await.infisical_error(422, "ValidationFailure");
        let waiting = world.job(&made, &format!("import-secrets?importBehavior={behaviour}")).await.expect(200);
        assert_eq!(waiting.json["secretSync"]["importStatus"], "pending", "{}", waiting.text);
        world.settle().await;
        let imported = world.read(&made).await;
        assert_eq!(imported["importStatus"], "succeeded", "{imported:#}");
        assert!(imported["lastImportedAt"].is_string() && imported["lastImportJobId"].is_string());
        for (secret, value) in [("A", expected), ("NEW", "brought in")] {
            let (_, reveals) = world.api.member("acme", &format!("{behaviour} {secret}"), "MANAGER").await;
            let path = format!("/v1/tenants/acme/environments/prod/secrets/app/{secret}?view=value");
            assert_eq!(world.api.bearer(&reveals).get(&path).await.expect(200).json["value"], value, "{behaviour}");
        }
    }
}

#[tokio::test]
async fn a_first_run_imports_where_that_was_chosen() {
    let world = World::new().await;
    world.set("A", "ours").await;
    world.shelf.put("A", "theirs");
    world.shelf.put("NEW", "brought in");
    let mut request = world.sync("app");
    request["syncOptions"]["initialSyncBehavior"] = json!("import-prioritize-destination");
    let made = world.create(&request).await;
    world.settle().await;
    let synced = world.read(&made).await;
    assert_eq!(
        (&synced["syncStatus"], &synced["importStatus"]),
        (&json!("succeeded"), &json!("succeeded")),
        "{synced:#}"
    );
    assert_eq!(world.items(), pairs(&[("A", "theirs"), ("NEW", "brought in")]));
}

#[tokio::test]
async fn duplicates_are_found_by_what_syncs_say_and_by_where_they_wrote() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.create(&world.sync("app")).await;
    let project = made["projectId"].clone();
    let check = |config: Value, more: Value| {
        let mut request = json!({"projectId": "acme", "destinationConfig": config});
        request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let api = world.api.clone();
        async move { api.admin().post(&format!("{SYNCS}/check-destination"), &request).await.expect(200).json }
    };
    let (here, there) = (json!({"region": "there", "path": "/app/"}), json!({"region": "other", "path": "/app/"}));
    let duplicate = json!({"hasDuplicate": true, "duplicateProjectId": project});
    assert_eq!(check(here.clone(), json!({})).await, duplicate);
    assert_eq!(check(here.clone(), json!({"excludeSyncId": made["id"]})).await, json!({"hasDuplicate": false}));
    let with_connection = json!({"connectionId": world.connection});
    assert_eq!(
        check(there.clone(), with_connection.clone()).await,
        json!({"hasDuplicate": false}),
        "nothing is written yet"
    );
    world.settle().await;
    // The shelf is the same in every region: the plugin says so, and the sync has written there.
    assert_eq!(check(there.clone(), with_connection).await, duplicate);
    let broken = json!({"connectionId": "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20"});
    assert_eq!(check(there, broken).await, json!({"hasDuplicate": false}), "what cannot be told is none");
}

#[tokio::test]
async fn both_dialects_see_one_sync() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.create(&world.sync("app")).await;
    let native = world.api.admin().get(&format!("{NATIVE}/app")).await.expect(200);
    assert_eq!((&native.json["uid"], &native.json["parameters"]), (&made["id"], &json!({"region": "there"})));
    assert_eq!(
        (&native.json["options"]["onConflict"], &native.json["options"]["deletion"]),
        (&json!("OVERWRITE"), &json!("OWNED"))
    );

    let change = json!({"destination": {"path": "/elsewhere/"}, "options": {"deletion": "NEVER", "keyPrefix": "N_"}});
    world.api.admin().patch(&format!("{NATIVE}/app"), &change).await.expect(200);
    let read = world.read(&made).await;
    assert_eq!(read["destinationConfig"], json!({"region": "there", "path": "/elsewhere/"}));
    let expected = json!({"initialSyncBehavior": "overwrite-destination", "keySchema": "N_{{secretKey}}",
        "disableSecretDeletion": true});
    assert_eq!((&read["syncOptions"], &read["name"]), (&expected, &json!("app")));

    let sync = json!({"id": "native", "integration": "shelf", "config": world.connection, "parameters": {"region": "far"},
        "source": {"environment": "prod", "path": "/app", "recursive": true}, "destination": {"path": "/native/"}});
    let uid = world.api.admin().post(NATIVE, &sync).await.expect(201).text_at("/uid");
    let shown = world.read(&json!({"id": uid})).await;
    assert_eq!((&shown["name"], &shown["description"]), (&json!("native"), &Value::Null));
    assert_eq!(shown["destinationConfig"], json!({"region": "far", "path": "/native/"}));
    assert_eq!(shown["syncOptions"], json!({"initialSyncBehavior": "overwrite-destination", "recursive": true}));

    world.api.admin().delete(&format!("{NATIVE}/native")).await.expect(204);
    world.api.admin().get(&format!("{SYNCS}/{uid}")).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn a_source_that_is_gone_is_null_and_the_sync_says_so() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.create(&world.sync("app")).await;
    world.settle().await;
    world.unset("A").await;
    let folder = "/v1/tenants/acme/environments/prod/folders?path=/app";
    world.api.admin().delete(folder).await.expect(204);
    world.job(&made, "sync-secrets").await.expect(200);
    world.settle().await;
    let gone = world.read(&made).await;
    assert_eq!((&gone["folder"], &gone["folderId"]), (&Value::Null, &Value::Null));
    assert_eq!((&gone["syncStatus"], &gone["environment"]["slug"]), (&json!("failed"), &json!("prod")), "{gone:#}");
    assert!(gone["lastSyncMessage"].as_str().expect("it says why").contains("folder"));
    assert_eq!(world.items(), pairs(&[("A", "1")]), "nothing is deleted for that");
}

#[tokio::test]
async fn scopes_hold_here_as_well() {
    let world = World::new().await;
    world.set("A", "1").await;
    let made = world.create(&world.sync("app")).await;
    let (_, reader) = world.api.member("acme", "reader", "READER").await;
    world.api.bearer(&reader).get(&path_of(&made)).await.expect(200);
    for job in ["sync-secrets", "remove-secrets", "import-secrets?importBehavior=prioritize-source"] {
        let path = format!("{}/{job}", path_of(&made));
        world.api.bearer(&reader).post(&path, &json!({})).await.infisical_error(403, "PermissionDenied");
    }
    world.api.bearer(&reader).post(SYNCS, &world.sync("other")).await.infisical_error(403, "PermissionDenied");
    world.api.tenant("other").await;
    let (_, stranger) = world.api.member("other", "stranger", "OWNER").await;
    world.api.bearer(&stranger).get(&path_of(&made)).await.infisical_error(404, "NotFound");
    let listed = world.api.bearer(&stranger).get("/api/v1/secret-syncs?projectId=acme").await;
    listed.infisical_error(404, "NotFound");
}
