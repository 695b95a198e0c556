//! Many secrets at once, and moving them.

use http::Method;
use serde_json::{Value, json};

use super::project::{Project, owned, pairs};

const BATCHES: [&str; 2] = ["/api/v3/secrets/batch/raw", "/api/v4/secrets/batch"];

fn items(pairs: &[(&str, &str)]) -> Value {
    let item = |(name, value): &(&str, &str)| json!({"secretKey": name, "secretValue": value});
    json!({"secrets": pairs.iter().map(item).collect::<Vec<_>>()})
}

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    for path in BATCHES {
        let project = Project::start().await;
        let owner = project.owner();
        let made = owner.post(path, &project.body(&items(&[("B", "2"), ("A", "1")]))).await.expect(200);
        assert_eq!(pairs(&made.json["secrets"]), owned(&[("B", "2"), ("A", "1")]), "{path}");
        owner.post(path, &project.body(&items(&[("C", "3"), ("A", "x")]))).await.infisical_error(400, "BadRequest");
        owner.patch(path, &project.body(&items(&[("A", "x"), ("C", "3")]))).await.infisical_error(404, "NotFound");
        let missing = json!({"secrets": [{"secretKey": "A"}, {"secretKey": "C"}]});
        project.delete(path, &missing).await.infisical_error(404, "NotFound");
        assert_eq!(pairs(&project.list("").await.json["secrets"]), owned(&[("A", "1"), ("B", "2")]), "{path}");
        owner.patch(path, &project.body(&items(&[("A", "9")]))).await.expect(200);
        project.delete(path, &json!({"secrets": [{"secretKey": "B"}]})).await.expect(200);
        assert_eq!(pairs(&project.list("").await.json["secrets"]), owned(&[("A", "9")]), "{path}");
        owner.post(path, &project.body(&json!({"secrets": []}))).await.infisical_error(422, "ValidationFailure");
        let empty = json!({"secrets": [{"secretKey": "X"}]});
        owner.post(path, &project.body(&empty)).await.infisical_error(422, "ValidationFailure");
    }
}

#[tokio::test]
async fn the_mode_says_what_happens_to_what_is_missing() {
    let project = Project::start().await;
    project.secret("A", "1").await;
    let update = |mode: &str, pairs: &[(&str, &str)]| {
        let mut body = project.body(&items(pairs));
        body["mode"] = json!(mode);
        body
    };
    let path = "/api/v4/secrets/batch";
    let owner = project.owner();
    let both = [("A", "2"), ("B", "2")];
    owner.patch(path, &update("failOnNotFound", &both)).await.infisical_error(404, "NotFound");
    let ignored = owner.patch(path, &update("ignore", &both)).await.expect(200);
    assert_eq!(pairs(&ignored.json["secrets"]), owned(&[("A", "2")]));
    let upserted = owner.patch(path, &update("upsert", &[("A", "3"), ("B", "3")])).await.expect(200);
    assert_eq!(pairs(&upserted.json["secrets"]), owned(&[("A", "3"), ("B", "3")]));
    owner.patch(path, &update("other", &both)).await.infisical_error(422, "ValidationFailure");
}

#[tokio::test]
async fn what_a_batch_may_make_has_the_name_and_value_of_a_new_secret() {
    let project = Project::start().await;
    let mut body = project.body(&items(&[("GOOD", "1"), ("bad key", "2"), ("a:b", "3")]));
    body["mode"] = json!("upsert");
    let refused = project.owner().patch("/api/v4/secrets/batch", &body).await;
    let refused = refused.infisical_error(422, "ValidationFailure");
    let places = refused.json["message"].as_array().unwrap().iter().map(|fault| fault["path"].clone());
    assert_eq!(places.collect::<Vec<_>>(), [1, 2].map(|index| json!(["secrets", index.to_string(), "secretKey"])));
    body["secrets"] = json!([{"secretKey": "NEW"}]);
    let refused = project.owner().patch("/api/v4/secrets/batch", &body).await;
    assert_eq!(refused.infisical_error(422, "ValidationFailure").json["message"][0]["path"], json!(["secretValue"]));
    assert_eq!(project.list("").await.json["secrets"], json!([]));
}

/// With all that an item may say.
#[tokio::test]
async fn a_batch_is_as_large_as_it_is_documented_to_be() {
    let project = Project::start().await;
    let item = |number: usize| {
        json!({"secretKey": format!("K{number}"), "secretValue": "v", "secretComment": "c", "skipMultilineEncoding": true,
            "secretReminderNote": null, "secretReminderRepeatDays": null, "secretMetadata": [{"key": "k", "value": "v"}]})
    };
    let body = json!({"secrets": (0..1_000).map(item).collect::<Vec<_>>()});
    let made = project.owner().post(BATCHES[1], &project.body(&body)).await.expect(200);
    assert_eq!(made.json["secrets"].as_array().unwrap().len(), 1_000);
}

#[tokio::test]
async fn a_batch_renames_in_order_and_reaches_several_folders() {
    let project = Project::start().await;
    project.secret("A", "1").await;
    project.secret("B", "2").await;
    project.secret_at("/app", "C", "3").await;
    let body = project.body(&json!({"secrets": [
        {"secretKey": "B", "newSecretName": "OLD_B"},
        {"secretKey": "A", "newSecretName": "B"},
        {"secretKey": "C", "secretPath": "/app", "secretValue": "4"},
    ]}));
    let changed = project.owner().patch("/api/v4/secrets/batch", &body).await.expect(200);
    assert_eq!(pairs(&changed.json["secrets"]), owned(&[("OLD_B", "2"), ("B", "1"), ("C", "4")]));
    let all = project.list("&recursive=true").await;
    assert_eq!(pairs(&all.json["secrets"]), owned(&[("B", "1"), ("OLD_B", "2"), ("C", "4")]));
}

#[tokio::test]
async fn secrets_move_with_their_versions() {
    let project = Project::start().await;
    let id = project.secret("A", "1").await.text_at("/secret/id");
    project.owner().patch("/api/v3/secrets/raw/A", &project.body(&json!({"secretValue": "2"}))).await.expect(200);
    project.secret_at("/to", "A", "there").await;
    let mut body = json!({
        "projectId": project.id, "sourceEnvironment": "dev", "sourceSecretPath": "/", "destinationEnvironment": "dev",
        "destinationSecretPath": "/to", "secretIds": [id],
    });
    let path = "/api/v4/secrets/move";
    project.owner().post(path, &body).await.infisical_error(400, "BadRequest");
    body["shouldOverwrite"] = json!(true);
    let moved = project.owner().post(path, &body).await.expect(200);
    assert_eq!(moved.json, json!({"isSourceUpdated": true, "isDestinationUpdated": true}));
    assert_eq!(project.list("").await.json["secrets"], json!([]));
    let there = project.list("&secretPath=/to").await;
    assert_eq!(pairs(&there.json["secrets"]), owned(&[("A", "2")]));
    assert_eq!((&there.json["secrets"][0]["id"], &there.json["secrets"][0]["version"]), (&json!(id), &json!(2)));
    project.owner().post(path, &body).await.infisical_error(404, "NotFound");
    let native = "/v1/tenants/acme/environments/dev/secrets/to/A?view=value&version=1";
    assert_eq!(project.owner().get(native).await.expect(200).text_at("/value"), "1");
}

#[tokio::test]
async fn a_batch_deletes_in_the_query_of_nobody_else() {
    let project = Project::start().await;
    project.secret("A", "1").await;
    let token = project.member("reader", "READER").await;
    let body = project.body(&json!({"secrets": [{"secretKey": "A"}]}));
    for path in BATCHES {
        let refused = project.api.bearer(&token).call(Method::DELETE, path, Some(&body)).await;
        refused.infisical_error(403, "PermissionDenied");
    }
    project.read("A", "").await.expect(200);
}
