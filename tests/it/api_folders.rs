//! Folders over the API: made, listed, renamed and deleted by their paths.

mod imports;

use futures_util::future::join;
use keyferry_tests::faulty_store::Fault;
use serde_json::{Value, json};

use crate::api_secrets::{Acme, NOW, assert_violations, each};

const PROD: &str = "/v1/tenants/acme/environments/prod";

async fn made(acme: &Acme, path: &str) -> keyferry_tests::api::Answer {
    acme.post("/folders", &json!({ "path": path })).await.expect(201)
}

#[tokio::test]
async fn a_folder_is_made_with_those_above_it_and_listed() {
    let acme = Acme::start().await;
    let db = made(&acme, "/app/db").await;
    assert_eq!(db.header("location"), format!("{PROD}/folders?path=/app/db"));
    let shown = json!({"uid": db.text_at("/uid"), "name": "db", "createdAt": NOW, "modifiedAt": NOW});
    assert_eq!(db.json, shown);
    for path in ["/app/a", "/lib", "/App", "/app-2/"] {
        made(&acme, path).await;
    }
    for (query, expect) in [
        ("", vec!["App", "app", "app-2", "lib"]),
        ("?path=/", vec!["App", "app", "app-2", "lib"]),
        ("?path=/app", vec!["a", "db"]),
        ("?path=/app/db/", vec![]),
    ] {
        let listed = acme.get(&format!("/folders{query}")).await.expect(200);
        assert_eq!(each(&listed, "name"), expect, "{query}");
        assert_eq!((&listed.json["totalCount"], &listed.json["nextPageToken"]), (&json!(expect.len()), &json!("")));
    }
    assert_eq!(acme.get("/folders?path=/app").await.expect(200).json["items"][1], shown);
    assert_eq!(acme.audited("folders.create").await, ["/app/db", "/app/a", "/lib", "/App", "/app-2"]);
}

#[tokio::test]
async fn a_folder_that_is_there_stays_as_it_is() {
    let acme = Acme::start().await;
    let first = made(&acme, "/app").await;
    acme.set("app/A", "1").await;
    acme.wait();
    let again = made(&acme, "/app").await;
    assert_eq!((&again.json, again.header("etag")), (&first.json, first.header("etag")));
    assert_eq!(acme.value("app/A").await, "1");
    assert_eq!(made(&acme, "/").await.json["name"], Value::Null, "the root is always there");
    assert_eq!(each(&acme.get("/folders").await.expect(200), "name"), ["app"]);
}

#[tokio::test]
async fn concurrent_creations_make_one_folder() {
    let acme = Acme::start().await;
    let answers = futures_util::future::join_all((0..8).map(|_| made(&acme, "/app/db"))).await;
    let mut uids: Vec<String> = answers.iter().map(|answer| answer.text_at("/uid")).collect();
    uids.dedup();
    assert_eq!(uids.len(), 1);
    assert_eq!(acme.get("/folders?path=/app").await.expect(200).json["totalCount"], 1);
}

#[tokio::test]
async fn a_folder_path_holds_to_its_rules() {
    let acme = Acme::start().await;
    let (longest, deepest) = ("f".repeat(100), "/f".repeat(32));
    made(&acme, &format!("/{longest}")).await;
    made(&acme, &deepest).await;
    made(&acme, "/a.b_c-D9/..x/.env").await;
    let (longer, deeper) = (format!("f{longest}"), format!("{deepest}/f"));
    let long_path = format!("/{longer}");
    for path in [
        "",
        "app",
        "//a",
        "/a//b",
        "/a/../b",
        "/.",
        "/a b",
        "/a:b",
        "/ж",
        "/a%20b",
        "/a\n",
        long_path.as_str(),
        &deeper,
    ] {
        let refused = acme.post("/folders", &json!({ "path": path })).await;
        assert_violations(refused, &[("/path", "malformed")]);
    }
    for name in ["", ".", "..", "a/b", "a b", "a:b", "ж", "a\n", longer.as_str()] {
        let refused = acme.patch("/folders?path=/f", &json!({ "name": name })).await;
        assert_violations(refused, &[("/name", "malformed")]);
    }
    assert_violations(acme.post("/folders", &json!({})).await, &[("/path", "required")]);
    assert_violations(acme.post("/folders", &json!({"path": 7})).await, &[("/path", "wrong_type")]);
    let refused = acme.post("/folders", &json!({"Path": "hunter2"})).await;
    assert!(refused.text.contains("is `path` meant?"), "{}", refused.text);
    assert_violations(refused, &[("/path", "required"), ("/Path", "unknown_member")]);
    assert_violations(
        acme.get("/folders?path=app&paht=x").await,
        &[("?path", "malformed"), ("?paht", "unknown_member")],
    );
}

#[tokio::test]
async fn a_renamed_folder_keeps_all_that_is_in_it() {
    let acme = Acme::start().await;
    let folder = made(&acme, "/app").await;
    acme.set("app/A", "1").await;
    acme.set("app/db/B", "2").await;
    acme.wait();
    let renamed = acme.patch("/folders?path=/app", &json!({"name": "web"})).await.expect(200);
    let shown = json!({"uid": folder.json["uid"], "name": "web", "createdAt": NOW, "modifiedAt": NOW + 1_000});
    assert_eq!(renamed.json, shown);
    assert_ne!(renamed.header("etag"), folder.header("etag"));
    acme.get("/folders?path=/app").await.problem(404, "not_found");
    acme.get("/secrets/app/A").await.problem(404, "not_found");
    assert_eq!((acme.value("web/A").await, acme.value("web/db/B").await), ("1".to_owned(), "2".to_owned()));
    let listed = acme.get("/secrets?recursive=true").await.expect(200);
    assert_eq!(each(&listed, "path"), ["/web", "/web/db"]);
    assert_eq!(acme.audited("folders.update").await, ["/app"]);

    let back = acme.patch("/folders?path=/web", &renamed.json).await.expect(200);
    assert_eq!((&back.json, back.header("etag")), (&shown, renamed.header("etag")), "what was read can be sent back");
}

#[tokio::test]
async fn a_name_is_taken_once_in_a_folder() {
    let acme = Acme::start().await;
    for path in ["/app", "/web", "/lib/app"] {
        made(&acme, path).await;
    }
    acme.patch("/folders?path=/app", &json!({"name": "web"})).await.problem(409, "already_exists");
    acme.patch("/folders?path=/app", &json!({"name": "Web"})).await.expect(200);
    acme.patch("/folders?path=/lib/app", &json!({"name": "web"})).await.expect(200);
    acme.patch("/folders?path=/web", &json!({"name": "app"})).await.expect(200);
    assert_eq!(each(&acme.get("/folders").await.expect(200), "name"), ["Web", "app", "lib"]);
    for (path, status, code) in [
        ("?path=/none", 404, "not_found"),
        ("?path=/lib/none", 404, "not_found"),
        ("?path=/", 409, "wrong_state"),
        ("", 409, "wrong_state"),
    ] {
        acme.patch(&format!("/folders{path}"), &json!({"name": "x"})).await.problem(status, code);
        acme.delete(&format!("/folders{path}")).await.problem(status, code);
    }
    assert_violations(acme.patch("/folders?path=/app", &json!({})).await, &[("/name", "required")]);
    let moved = acme.patch("/folders?path=/app", &json!({"path": "/lib/app"})).await;
    assert_violations(moved, &[("/name", "required"), ("/path", "unknown_member")]);
}

#[tokio::test]
async fn references_go_by_the_path_and_are_broken_by_a_new_name() {
    let acme = Acme::start().await;
    acme.set("lib/HOST", "db.local").await;
    acme.set("A", "${prod.lib.HOST}").await;
    let expanded = "/secrets/A?view=value&expand=true";
    assert_eq!(acme.get(expanded).await.expect(200).json["value"], "db.local");
    acme.patch("/folders?path=/lib", &json!({"name": "shared"})).await.expect(200);
    acme.get(expanded).await.problem(400, "reference_unresolved");
    acme.patch("/folders?path=/shared", &json!({"name": "lib"})).await.expect(200);
    assert_eq!(acme.get(expanded).await.expect(200).json["value"], "db.local");
    acme.delete("/secrets/lib/HOST").await.expect(204);
    acme.delete("/folders?path=/lib").await.expect(204);
    acme.get(expanded).await.problem(400, "reference_unresolved");
    assert_eq!(acme.value("A").await, "${prod.lib.HOST}");
}

#[tokio::test]
async fn only_an_empty_folder_is_deleted() {
    let acme = Acme::start().await;
    acme.set("app/db/A", "1").await;
    for path in ["/app", "/app/db"] {
        let refused = acme.delete(&format!("/folders?path={path}")).await.problem(409, "in_use");
        assert!(refused.text.contains(&format!("`{path}`")), "{}", refused.text);
    }
    assert_violations(acme.delete("/folders?path=/app&recursive=true").await, &[("?recursive", "unknown_member")]);
    acme.delete("/secrets/app/db/A").await.expect(204);
    acme.delete("/folders?path=/app").await.problem(409, "in_use");
    acme.delete("/folders?path=/app/db").await.expect(204);
    acme.delete("/folders?path=/app").await.expect(204);
    acme.delete("/folders?path=/app").await.problem(404, "not_found");
    acme.get("/secrets?path=/app").await.problem(404, "not_found");
    assert_eq!(acme.audited("folders.delete").await, ["/app/db", "/app"]);
}

#[tokio::test]
async fn a_change_is_meant_for_the_folder_that_the_caller_saw() {
    let acme = Acme::start().await;
    let first = made(&acme, "/app").await.header("etag").to_owned();
    let path = |name: &str| format!("{PROD}/folders?path=/{name}");
    let holding = |tag: &str| acme.api.admin().with("if-match", tag);
    acme.wait();
    let second = holding(&first).patch(&path("app"), &json!({"name": "web"})).await.expect(200);
    let second = second.header("etag").to_owned();
    holding(&first).patch(&path("web"), &json!({"name": "app"})).await.problem(412, "precondition_failed");
    holding(&first).delete(&path("web")).await.problem(412, "precondition_failed");
    assert_violations(holding("web").delete(&path("web")).await, &[("If-Match", "malformed")]);
    assert_eq!(each(&acme.get("/folders").await.expect(200), "name"), ["web"]);
    holding(&second).delete(&path("web")).await.expect(204);
    assert_ne!(made(&acme, "/web").await.header("etag"), second, "a folder of the same name is another");
}

/// Sends both so that each has looked before the other has acted.
async fn at_once<A, B>(acme: &Acme, one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let store = &acme.api.store;
    store.set(Fault::Waits);
    let release = async {
        store.is_waited_for().await;
        store.set(Fault::None);
    };
    let other = async {
        store.is_waited_for().await;
        join(other, release).await.0
    };
    join(one, other).await
}

#[tokio::test]
async fn a_folder_that_is_renamed_and_deleted_at_once_is_whole_or_gone() {
    for first_renames in [true, false] {
        let acme = Acme::start().await;
        made(&acme, "/app").await;
        let body = json!({"name": "web"});
        let (rename, delete) = (acme.patch("/folders?path=/app", &body), acme.delete("/folders?path=/app"));
        let (renamed, deleted) = if first_renames {
            at_once(&acme, rename, delete).await
        } else {
            let (deleted, renamed) = at_once(&acme, delete, rename).await;
            (renamed, deleted)
        };
        let statuses = (renamed.status.as_u16(), deleted.status.as_u16());
        assert!(matches!(statuses, (200, 404) | (404, 204)), "{statuses:?}");
        acme.set("web/A", "1").await.expect(201);
        assert_eq!(acme.value("web/A").await, "1");
        assert_eq!(each(&acme.get("/folders").await.expect(200), "name"), ["web"]);
    }
}

#[tokio::test]
async fn what_is_put_into_a_folder_that_is_deleted_at_once_is_not_lost() {
    let acme = Acme::start().await;
    made(&acme, "/app").await;
    let (put, deleted) = at_once(&acme, acme.set("app/A", "1"), acme.delete("/folders?path=/app")).await;
    put.expect(201);
    assert!(matches!(deleted.status.as_u16(), 204 | 409), "{}", deleted.text);
    assert_eq!(acme.value("app/A").await, "1");
}

#[tokio::test]
async fn a_creation_that_is_sent_again_with_its_key_acts_once() {
    let acme = Acme::start().await;
    let path = format!("{PROD}/folders");
    let caller = acme.api.admin().with("idempotency-key", "one");
    let first = caller.post(&path, &json!({"path": "/app/db"})).await.expect(201);
    acme.delete("/folders?path=/app/db").await.expect(204);
    let again = caller.post(&path, &json!({"path": "/app/db"})).await.expect(201);
    assert_eq!((again.header("idempotency-replayed"), again.header("location")), ("true", first.header("location")));
    assert_eq!(acme.get("/folders?path=/app").await.expect(200).json["totalCount"], 0);
    caller.post(&path, &json!({"path": "/other"})).await.problem(422, "idempotency_mismatch");
}

#[tokio::test]
async fn whoever_may_only_read_changes_nothing() {
    let acme = Acme::start().await;
    made(&acme, "/app").await;
    let token = acme.token("READER").await;
    let reader = acme.api.bearer(&token);
    let path = format!("{PROD}/folders?path=/app");
    reader.get(&path).await.expect(200);
    reader.post(&format!("{PROD}/folders"), &json!({"path": "/x"})).await.problem(403, "scope_missing");
    reader.patch(&path, &json!({"name": "x"})).await.problem(403, "scope_missing");
    reader.delete(&path).await.problem(403, "scope_missing");
    let elsewhere = "/v1/tenants/acme/environments/none/folders";
    acme.api.admin().get(elsewhere).await.problem(404, "not_found");
    acme.api.admin().post(elsewhere, &json!({"path": "/x"})).await.problem(404, "not_found");
}
