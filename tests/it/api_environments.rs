//! Environments over the API.

use keyferry_tests::api::{Answer, TestApi};
use serde_json::json;

use crate::api_secrets::{NOW, assert_violations, each};

const ENVIRONMENTS: &str = "/v1/tenants/acme/environments";
const PROD: &str = "/v1/tenants/acme/environments/prod";

async fn acme() -> TestApi {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    api
}

async fn made(api: &TestApi, slug: &str) -> Answer {
    api.admin().post(ENVIRONMENTS, &json!({ "slug": slug })).await.expect(201)
}

#[tokio::test]
async fn an_environment_is_made_as_printed_and_read() {
    let api = acme().await;
    let body = json!({"slug": "prod", "displayName": "Production"});
    let prod = api.admin().post(ENVIRONMENTS, &body).await.expect(201);
    assert_eq!(prod.header("location"), PROD);
    let shown = json!({"slug": "prod", "uid": prod.text_at("/uid"), "displayName": "Production", "createdAt": NOW,
        "modifiedAt": NOW});
    assert_eq!(prod.json, shown);
    let read = api.admin().get(PROD).await.expect(200);
    assert_eq!((&read.json, read.header("etag")), (&shown, prod.header("etag")));
    api.admin().with("if-none-match", read.header("etag")).get(PROD).await.expect(304);
    let secrets = api.admin().get(&format!("{PROD}/secrets?recursive=true")).await.expect(200);
    assert_eq!(secrets.json["items"], json!([]), "it has an empty root");
}

#[tokio::test]
async fn environments_are_listed_on_one_page_in_the_order_of_their_slugs() {
    let api = acme().await;
    assert_eq!(api.admin().get(ENVIRONMENTS).await.expect(200).json["totalCount"], 0);
    for slug in ["prod", "dev", "Prod", "dev-2"] {
        assert_eq!(made(&api, slug).await.json["displayName"], slug, "the slug stands in for a name");
    }
    let listed = api.admin().get(ENVIRONMENTS).await.expect(200);
    assert_eq!(each(&listed, "slug"), ["Prod", "dev", "dev-2", "prod"]);
    assert_eq!((&listed.json["totalCount"], &listed.json["nextPageToken"]), (&json!(4), &json!("")));
    assert_eq!(listed.json["items"][3], api.admin().get(PROD).await.expect(200).json);
}

#[tokio::test]
async fn a_slug_is_taken_once_in_a_tenant() {
    let api = acme().await;
    let first = made(&api, "prod").await;
    let again = json!({"slug": "prod", "displayName": "Another"});
    api.admin().post(ENVIRONMENTS, &again).await.problem(409, "already_exists");
    assert_eq!(api.admin().get(PROD).await.expect(200).json, first.json);
    api.tenant("other").await;
    let theirs = api.admin().post("/v1/tenants/other/environments", &again).await.expect(201);
    assert_ne!(theirs.json["uid"], first.json["uid"]);
    let attempts =
        (0..8).map(|_| async { api.admin().post(ENVIRONMENTS, &json!({"slug": "dev"})).await.status.as_u16() });
    let mut statuses = futures_util::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn what_an_environment_may_be_called_has_bounds() {
    let api = acme().await;
    let whole = json!({"slug": "s".repeat(150), "displayName": "ж".repeat(100)});
    let longest = api.admin().post(ENVIRONMENTS, &whole).await.expect(201);
    api.admin().get(longest.header("location")).await.expect(200);
    for (body, pointer, code) in [
        (json!({"slug": "s".repeat(151)}), "/slug", "malformed"),
        (json!({"slug": ""}), "/slug", "malformed"),
        (json!({"slug": "a b"}), "/slug", "malformed"),
        (json!({"slug": "a.b"}), "/slug", "malformed"),
        (json!({"slug": "a/b"}), "/slug", "malformed"),
        (json!({"slug": "ж"}), "/slug", "malformed"),
        (json!({"slug": 7}), "/slug", "wrong_type"),
        (json!({"slug": null}), "/slug", "required"),
        (json!({"displayName": "no slug"}), "/slug", "required"),
        (json!({"slug": "a", "displayName": ""}), "/displayName", "too_short"),
        (json!({"slug": "a", "displayName": "x".repeat(101)}), "/displayName", "too_long"),
        (json!({"slug": "a", "displayname": "hunter2"}), "/displayname", "unknown_member"),
        (json!({"slug": "a", "position": 1}), "/position", "unknown_member"),
    ] {
        assert_violations(api.admin().post(ENVIRONMENTS, &body).await, &[(pointer, code)]);
    }
    let refused = api.admin().post(ENVIRONMENTS, &json!({"Slug": "hunter2", "displayName": 1})).await;
    assert!(refused.text.contains("is `slug` meant?"), "{}", refused.text);
    let wrong = [("/slug", "required"), ("/displayName", "wrong_type"), ("/Slug", "unknown_member")];
    assert_violations(refused, &wrong);
    for slug in ["none", "a.b", "a%20b", "PROD"] {
        api.admin().get(&format!("{ENVIRONMENTS}/{slug}")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn an_environment_is_renamed_for_people_and_keeps_its_slug() {
    let api = acme().await;
    let first = made(&api, "prod").await;
    api.clock.advance(std::time::Duration::from_secs(1));
    let renamed = api.admin().patch(PROD, &json!({"displayName": "Production"})).await.expect(200);
    assert_eq!((&renamed.json["displayName"], &renamed.json["slug"]), (&json!("Production"), &json!("prod")));
    assert_eq!((&renamed.json["createdAt"], &renamed.json["modifiedAt"]), (&json!(NOW), &json!(NOW + 1_000)));
    assert_eq!(renamed.json["uid"], first.json["uid"]);
    let read = api.admin().get(PROD).await.expect(200);
    assert_eq!((&read.json, read.header("etag")), (&renamed.json, renamed.header("etag")));
    let back = api.admin().patch(PROD, &read.json).await.expect(200);
    assert_eq!(back.json, read.json, "what was read can be sent back");

    assert_violations(api.admin().patch(PROD, &json!({})).await, &[("/displayName", "required")]);
    assert_violations(api.admin().patch(PROD, &json!({"displayName": ""})).await, &[("/displayName", "too_short")]);
    let unknown = json!({"displayName": "x", "displayNmae": "hunter2"});
    assert_violations(api.admin().patch(PROD, &unknown).await, &[("/displayNmae", "unknown_member")]);
    let none = format!("{ENVIRONMENTS}/none");
    api.admin().patch(&none, &json!({"displayName": "x"})).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_change_is_meant_for_what_the_caller_saw() {
    let api = acme().await;
    let first = made(&api, "prod").await.header("etag").to_owned();
    let holding = |tag: &str| api.admin().with("if-match", tag);
    let name = |name: &str| json!({ "displayName": name });
    let second = holding(&first).patch(PROD, &name("two")).await.expect(200).header("etag").to_owned();
    holding(&first).patch(PROD, &name("three")).await.problem(412, "precondition_failed");
    holding(&first).delete(PROD).await.problem(412, "precondition_failed");
    assert_eq!(api.admin().get(PROD).await.expect(200).json["displayName"], "two");
    holding(&second).delete(PROD).await.expect(204);
    holding(&second).delete(PROD).await.problem(404, "not_found");
}

#[tokio::test]
async fn only_an_empty_environment_is_deleted() {
    let api = acme().await;
    let first = made(&api, "prod").await;
    let secret = format!("{PROD}/secrets/A");
    api.admin().put(&secret, &json!({"value": "1"})).await.expect(201);
    api.admin().delete(PROD).await.problem(409, "in_use");
    api.admin().post(&format!("{PROD}/folders"), &json!({"path": "/app"})).await.expect(201);
    api.admin().delete(&secret).await.expect(204);
    api.admin().delete(PROD).await.problem(409, "in_use");
    api.admin().delete(&format!("{PROD}/folders?path=/app")).await.expect(204);
    api.admin().delete(PROD).await.expect(204);
    for path in [PROD.to_owned(), format!("{PROD}/secrets"), format!("{PROD}/folders"), format!("{PROD}/imports")] {
        api.admin().get(&path).await.problem(404, "not_found");
    }
    api.admin().put(&secret, &json!({"value": "1"})).await.problem(404, "not_found");
    assert_ne!(made(&api, "prod").await.json["uid"], first.json["uid"]);
}

#[tokio::test]
async fn what_leads_into_a_deleted_environment_leads_nowhere() {
    let api = acme().await;
    made(&api, "prod").await;
    let lib = made(&api, "lib").await.header("location").to_owned();
    api.admin().put(&format!("{lib}/secrets/HOST"), &json!({"value": "db.local"})).await.expect(201);
    api.admin().put(&format!("{PROD}/secrets/A"), &json!({"value": "${lib.HOST}"})).await.expect(201);
    let imports = json!({"imports": [{"environment": "lib", "path": "/"}]});
    api.admin().put(&format!("{PROD}/imports"), &imports).await.expect(200);
    let expanded = format!("{PROD}/secrets/A?view=value&expand=true");
    assert_eq!(api.admin().get(&expanded).await.expect(200).json["value"], "db.local");
    let all = format!("{PROD}/secrets?imports=true");
    assert_eq!(each(&api.admin().get(&all).await.expect(200), "name"), ["A", "HOST"]);

    api.admin().delete(&format!("{lib}/secrets/HOST")).await.expect(204);
    api.admin().delete(&lib).await.expect(204);
    assert_eq!(api.admin().get(&format!("{PROD}/imports")).await.expect(200).json, json!({"imports": []}));
    assert_eq!(each(&api.admin().get(&all).await.expect(200), "name"), ["A"]);
    api.admin().get(&expanded).await.problem(400, "reference_unresolved");
}

#[tokio::test]
async fn a_creation_that_is_sent_again_with_its_key_is_no_conflict() {
    let api = acme().await;
    let caller = api.admin().with("idempotency-key", "one");
    let body = json!({"slug": "prod", "displayName": "Production"});
    caller.post(ENVIRONMENTS, &body).await.expect(201);
    let again = caller.post(ENVIRONMENTS, &body).await.expect(201);
    assert_eq!((again.header("idempotency-replayed"), again.header("location")), ("true", PROD));
    assert_eq!(again.json, json!({"id": "prod"}));
    caller.post(ENVIRONMENTS, &json!({"slug": "dev"})).await.problem(422, "idempotency_mismatch");
    assert_eq!(api.admin().get(ENVIRONMENTS).await.expect(200).json["totalCount"], 1);
}

#[tokio::test]
async fn whoever_may_only_read_changes_nothing_and_a_stranger_sees_nothing() {
    let api = acme().await;
    made(&api, "prod").await;
    api.tenant("other").await;
    let (_, stranger) = api.member("other", "stranger", "OWNER").await;
    let (_, reader) = api.member("acme", "reader", "READER").await;
    for path in [ENVIRONMENTS, PROD] {
        api.bearer(&reader).get(path).await.expect(200);
        api.bearer(&stranger).get(path).await.problem(404, "not_found");
    }
    api.bearer(&reader).post(ENVIRONMENTS, &json!({"slug": "x"})).await.problem(403, "scope_missing");
    api.bearer(&reader).patch(PROD, &json!({"displayName": "x"})).await.problem(403, "scope_missing");
    api.bearer(&reader).delete(PROD).await.problem(403, "scope_missing");
    assert_eq!(api.admin().get(PROD).await.expect(200).json["displayName"], "prod");
}
