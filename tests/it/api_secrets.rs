//! Secrets over the API: made, changed and deleted one by one.

mod batch;
mod limits;
mod listing;
mod names;
mod references;
mod reveal;
mod versions;

use std::time::Duration;

use keyferry_tests::api::{Answer, TestApi};
use serde_json::{Value, json};

/// What the clock shows while nobody turns it.
pub(crate) const NOW: i64 = 1_800_000_000_000;
const PROD: &str = "/v1/tenants/acme/environments/prod";

/// A tenant with the environment `prod`, whose owner is the administrator.
pub(crate) struct Acme {
    pub(crate) api: TestApi,
}

impl Acme {
    pub(crate) async fn start() -> Self {
        let api = TestApi::start().await;
        api.tenant("acme").await;
        let acme = Self { api };
        acme.environment("prod").await;
        acme
    }

    pub(crate) async fn environment(&self, slug: &str) -> Answer {
        let environments = "/v1/tenants/acme/environments";
        self.api.admin().post(environments, &json!({ "slug": slug })).await.expect(201)
    }

    /// GET of what is in `prod`.
    pub(crate) async fn get(&self, rest: &str) -> Answer {
        self.api.admin().get(&format!("{PROD}{rest}")).await
    }

    pub(crate) async fn put(&self, rest: &str, body: &Value) -> Answer {
        self.api.admin().put(&format!("{PROD}{rest}"), body).await
    }

    pub(crate) async fn post(&self, rest: &str, body: &Value) -> Answer {
        self.api.admin().post(&format!("{PROD}{rest}"), body).await
    }

    pub(crate) async fn patch(&self, rest: &str, body: &Value) -> Answer {
        self.api.admin().patch(&format!("{PROD}{rest}"), body).await
    }

    pub(crate) async fn delete(&self, rest: &str) -> Answer {
        self.api.admin().delete(&format!("{PROD}{rest}")).await
    }

    /// Sets the value of a secret, by folder path and name.
    pub(crate) async fn set(&self, secret: &str, value: &str) -> Answer {
        let answer = self.put(&format!("/secrets/{secret}"), &json!({ "value": value })).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        answer
    }

    /// The value of a secret.
    pub(crate) async fn value(&self, secret: &str) -> String {
        self.get(&format!("/secrets/{secret}?view=value")).await.expect(200).text_at("/value")
    }

    /// A token of a new identity with this role or these scopes.
    pub(crate) async fn token(&self, role_or_scopes: &str) -> String {
        self.api.member("acme", role_or_scopes, role_or_scopes).await.1
    }

    /// To what somebody did this, from old to new.
    pub(crate) async fn audited(&self, action: &str) -> Vec<String> {
        let events = self.api.admin().get("/v1/tenants/acme/auditEvents?pageSize=500").await.expect(200);
        let events = events.json["items"].as_array().expect("a list").clone();
        let of_action = events.iter().filter(|event| event["action"] == action);
        of_action.map(|event| event["resource"].as_str().expect("text").to_owned()).collect()
    }

    pub(crate) fn wait(&self) {
        self.api.clock.advance(Duration::from_secs(1));
    }
}

/// The texts under this name in the items of a list.
pub(crate) fn each(answer: &Answer, member: &str) -> Vec<String> {
    let items = answer.json["items"].as_array().expect("a list");
    items.iter().map(|item| item[member].as_str().unwrap_or("-").to_owned()).collect()
}

/// Holds an answer to be a refusal of just this: pointers and codes, in the order in which they are told.
#[track_caller]
pub(crate) fn assert_violations(answer: Answer, expected: &[(&str, &str)]) {
    let answer = answer.problem(400, "invalid_request");
    let errors = answer.json["errors"].as_array().expect("a list");
    let told: Vec<(&str, &str)> = errors
        .iter()
        .map(|error| (error["pointer"].as_str().expect("text"), error["code"].as_str().expect("text")))
        .collect();
    assert_eq!(told, expected, "{}", answer.text);
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
}

const SECRET: &str = "/secrets/app/db/DATABASE_URL";

fn database_url() -> Value {
    json!({"value": "postgres://...", "comment": "", "tags": ["db"], "metadata": {}})
}

#[tokio::test]
async fn a_secret_is_made_as_printed_and_read_without_its_value() {
    let acme = Acme::start().await;
    let made = acme.put(SECRET, &database_url()).await.expect(201);
    assert_eq!(made.header("location"), format!("{PROD}{SECRET}"));
    let (uid, author) = (made.text_at("/uid"), made.text_at("/versions/0/createdBy"));
    let shown = json!({"uid": uid, "path": "/app/db", "name": "DATABASE_URL", "comment": "", "tags": ["db"],
        "metadata": {}, "version": 1, "createdAt": NOW, "modifiedAt": NOW,
        "versions": [{"version": 1, "createdAt": NOW, "createdBy": author}]});
    assert_eq!(made.json, shown);
    let read = acme.get(SECRET).await.expect(200);
    assert_eq!((&read.json, read.header("etag")), (&shown, made.header("etag")));
    let folders = acme.get("/folders?path=/app").await.expect(200);
    assert_eq!(each(&folders, "name"), ["db"], "missing folders are made");
    assert_eq!(acme.audited("secrets.create").await, [uid]);
}

#[tokio::test]
async fn a_value_that_is_replaced_is_200_and_one_that_stays_changes_nothing() {
    let acme = Acme::start().await;
    let made = acme.put(SECRET, &database_url()).await.expect(201);
    acme.wait();
    let same = acme.put(SECRET, &database_url()).await.expect(200);
    assert_eq!((&same.json, same.header("etag")), (&made.json, made.header("etag")));
    let replaced = acme.put(SECRET, &json!({"value": "postgres://other"})).await.expect(200);
    assert_eq!((&replaced.json["version"], &replaced.json["uid"]), (&json!(2), &made.json["uid"]));
    assert_eq!((&replaced.json["createdAt"], &replaced.json["modifiedAt"]), (&json!(NOW), &json!(NOW + 1_000)));
    assert_ne!(replaced.header("etag"), made.header("etag"));
    for answer in [&made, &same, &replaced] {
        assert!(answer.json.get("value").is_none() && !answer.text.contains("postgres"), "{}", answer.text);
        assert_eq!(answer.headers.contains_key("location"), answer.status == 201);
    }
    assert_eq!(acme.value("app/db/DATABASE_URL").await, "postgres://other");
    assert_eq!(acme.audited("secrets.update").await.len(), 1, "what changed nothing is not told of");
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_clears() {
    let acme = Acme::start().await;
    let whole =
        json!({"value": "1", "comment": "who asks", "tags": ["a", "b:c/d.e-f_g"], "metadata": {"team": "core"}});
    let made = acme.put("/secrets/A", &whole).await.expect(201);
    for (change, member, expected) in [
        (json!({}), "comment", json!("who asks")),
        (json!({"comment": "why"}), "comment", json!("why")),
        (json!({"tags": ["z", "a"]}), "tags", json!(["z", "a"])),
        (json!({"metadata": {"": "x", "a/b": ""}}), "metadata", json!({"": "x", "a/b": ""})),
        (json!({"value": null}), "version", json!(1)),
        (json!({"comment": null}), "comment", json!("")),
        (json!({"tags": null}), "tags", json!([])),
        (json!({"metadata": null}), "metadata", json!({})),
    ] {
        let before = acme.get("/secrets/A").await.expect(200);
        let after = acme.put("/secrets/A", &change).await.expect(200);
        assert_eq!(after.json[member], expected, "{change}");
        let (mut rest, mut kept) = (after.json, before.json);
        for json in [&mut rest, &mut kept] {
            json[member] = Value::Null;
        }
        assert_eq!(rest, kept, "{change}");
    }
    assert_eq!(acme.value("A").await, "1");
    assert_eq!(acme.get("/secrets/A").await.expect(200).json["versions"], made.json["versions"]);
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let acme = Acme::start().await;
    acme.put(SECRET, &database_url()).await.expect(201);
    let read = acme.get(&format!("{SECRET}?view=value")).await.expect(200);
    let back = acme.put(SECRET, &read.json).await.expect(200);
    assert_eq!((&back.json["version"], back.header("etag")), (&json!(1), read.header("etag")));
}

#[tokio::test]
async fn a_new_secret_needs_a_value_and_leaves_no_folder_without_one() {
    let acme = Acme::start().await;
    for body in [json!({}), json!({"comment": "c"}), json!({"value": null})] {
        assert_violations(acme.put("/secrets/new/A", &body).await, &[("/value", "required")]);
    }
    assert_eq!(acme.get("/folders").await.expect(200).json["totalCount"], 0);
    acme.get("/secrets/new/A").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_change_is_meant_for_what_the_caller_saw() {
    let acme = Acme::start().await;
    let path = format!("{PROD}/secrets/A");
    let value = |value: &str| json!({ "value": value });
    let first = acme.set("A", "1").await.header("etag").to_owned();
    let holding = |tag: &str| acme.api.admin().with("if-match", tag);
    let second = holding(&first).put(&path, &value("2")).await.expect(200).header("etag").to_owned();
    holding(&first).put(&path, &value("3")).await.problem(412, "precondition_failed");
    holding(&first).delete(&path).await.problem(412, "precondition_failed");
    holding(&format!("W/{second}")).put(&path, &value("3")).await.problem(412, "precondition_failed");
    holding("*").put(&path, &value("4")).await.expect(200);
    assert_violations(holding("2").put(&path, &value("5")).await, &[("If-Match", "malformed")]);
    holding(&first).put(&format!("{PROD}/secrets/new/B"), &value("1")).await.problem(412, "precondition_failed");
    acme.get("/folders?path=/new").await.problem(404, "not_found");
    assert_eq!(acme.value("A").await, "4");

    let third = acme.get("/secrets/A").await.expect(200).header("etag").to_owned();
    holding(&format!("{first}, {third}")).delete(&path).await.expect(204);
    acme.get("/secrets/A").await.problem(404, "not_found");
    acme.delete("/secrets/A").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_secret_that_is_unchanged_is_not_sent_again() {
    let acme = Acme::start().await;
    let tag = acme.set("A", "1").await.header("etag").to_owned();
    let path = format!("{PROD}/secrets/A");
    let knowing = acme.api.admin().with("if-none-match", &tag);
    for view in ["", "?view=value"] {
        assert!(knowing.get(&format!("{path}{view}")).await.expect(304).text.is_empty());
    }
    acme.set("A", "2").await;
    assert_eq!(knowing.get(&path).await.expect(200).json["version"], 2);
}

#[tokio::test]
async fn a_secret_that_must_not_be_there_yet_is_not_replaced() {
    let acme = Acme::start().await;
    let path = format!("{PROD}/secrets/A");
    let only_new = acme.api.admin().with("if-none-match", "*");
    only_new.put(&path, &json!({"value": "1"})).await.expect(201);
    only_new.put(&path, &json!({"value": "2"})).await.problem(412, "precondition_failed");
    assert_eq!(acme.value("A").await, "1");
}

#[tokio::test]
async fn unknown_members_are_refused_with_what_was_probably_meant() {
    let acme = Acme::start().await;
    let body = json!({"Value": "hunter2", "coment": "hunter2", "value": "hunter2", "zzz": "hunter2"});
    let refused = acme.put("/secrets/A", &body).await;
    for meant in ["`value`", "`comment`"] {
        assert!(refused.text.contains(&format!("is {meant} meant?")), "{}", refused.text);
    }
    assert_violations(
        refused,
        &[("/Value", "unknown_member"), ("/coment", "unknown_member"), ("/zzz", "unknown_member")],
    );
    let refused = acme.get("/secrets/A?veiw=value").await;
    assert!(refused.text.contains("is `view` meant?"), "{}", refused.text);
    assert_violations(refused, &[("?veiw", "unknown_member")]);
}

#[tokio::test]
async fn a_deleted_secret_takes_its_versions_along() {
    let acme = Acme::start().await;
    let first = acme.set("app/A", "1").await;
    acme.set("app/A", "2").await;
    acme.delete("/secrets/app/A").await.expect(204);
    acme.get("/secrets/app/A").await.problem(404, "not_found");
    assert_eq!(acme.audited("secrets.delete").await, [first.text_at("/uid")]);
    let again = acme.set("app/A", "3").await.expect(201);
    assert_ne!(again.json["uid"], first.json["uid"]);
    assert_eq!(again.json["version"], 1);
    acme.get("/secrets/app/A?version=2").await.problem(404, "not_found");
}

#[tokio::test]
async fn concurrent_writers_make_one_secret_with_all_their_versions() {
    let acme = Acme::start().await;
    let writes = (0..8).map(|number| {
        let acme = &acme;
        async move { acme.set("app/A", &number.to_string()).await.status.as_u16() }
    });
    let mut statuses = futures_util::future::join_all(writes).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
    assert_eq!(acme.get("/secrets/app/A").await.expect(200).json["versions"].as_array().map(Vec::len), Some(8));
    assert_eq!(acme.get("/secrets?recursive=true").await.expect(200).json["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn whoever_may_only_read_changes_nothing_and_a_stranger_sees_nothing() {
    let acme = Acme::start().await;
    acme.set("A", "1").await;
    acme.api.tenant("other").await;
    let (_, stranger) = acme.api.member("other", "stranger", "OWNER").await;
    let reader = acme.token("READER").await;
    let path = format!("{PROD}/secrets/A");
    acme.api.bearer(&reader).get(&path).await.expect(200);
    acme.api.bearer(&reader).put(&path, &json!({"value": "2"})).await.problem(403, "scope_missing");
    acme.api.bearer(&reader).delete(&path).await.problem(403, "scope_missing");
    acme.api.bearer(&stranger).get(&path).await.problem(404, "not_found");
    acme.api.bearer(&stranger).put(&path, &json!({"value": "2"})).await.problem(404, "not_found");
    assert_eq!(acme.value("A").await, "1");
}
