//! What is too much: texts that are too long, and requests that come too fast.

use std::time::Duration;

use keyferry::api::{ApiSettings, Rate};
use keyferry_tests::api::{Answer, Caller, TestApi};
use serde_json::{Value, json};

use super::project::Project;

const NOTE_CHARACTERS_MAX: usize = 1_024;

#[tokio::test]
async fn a_reminder_note_has_as_many_characters_as_fit_and_none_more() {
    for version in ["v3/secrets/raw", "v4/secrets"] {
        let project = Project::start().await;
        let path = format!("/api/{version}/A");
        let noted = |note: &str| project.body(&json!({"secretValue": "1", "secretReminderNote": note}));
        let [longest, too_long] = [0, 1].map(|more| "é".repeat(NOTE_CHARACTERS_MAX + more));
        let refused = project.owner().post(&path, &noted(&too_long)).await.infisical_error(422, "ValidationFailure");
        assert_eq!(refused.json["message"][0]["path"], json!(["secretReminderNote"]), "{version}: {}", refused.text);
        project.read("A", "").await.infisical_error(404, "NotFound");
        let made = project.owner().post(&path, &noted(&longest)).await.expect(200);
        assert_eq!(made.json["secret"]["secretReminderNote"], longest, "{version}");
        project.owner().patch(&path, &noted(&too_long)).await.infisical_error(422, "ValidationFailure");
        let batch = project.body(&json!({"secrets": [{"secretKey": "A", "secretReminderNote": too_long}]}));
        let batches = if version.starts_with("v3") { "/api/v3/secrets/batch/raw" } else { "/api/v4/secrets/batch" };
        let refused = project.owner().patch(batches, &batch).await.infisical_error(422, "ValidationFailure");
        assert_eq!(
            refused.json["message"][0]["path"],
            json!(["secrets", "0", "secretReminderNote"]),
            "{}",
            refused.text
        );
        assert_eq!(project.read("A", "").await.expect(200).json["secret"]["secretReminderNote"], longest);
    }
}

/// That an answer has the shape of one to who asks too fast, and says how long to wait as its header does.
#[track_caller]
fn assert_limited(answer: Answer) {
    let refused = answer.infisical_error(429, "RateLimitExceeded");
    assert_eq!(refused.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(refused.header("retry-after"), "1");
    let expected = json!({"reqId": refused.header("x-request-id"), "statusCode": 429, "error": "RateLimitExceeded",
        "message": "rate limit exceeded: try again in 1 seconds"});
    assert_eq!(refused.json, expected);
}

/// Spends what a caller has at once by a request that is answered with `status`, and is let in again after a second.
async fn exhaust(api: &TestApi, (caller, path): (Caller<'_>, &str), burst: u32, status: u16) {
    for _ in 0..burst {
        caller.get(path).await.expect(status);
    }
    assert_limited(caller.get(path).await);
    api.clock.advance(Duration::from_secs(1));
    caller.get(path).await.expect(status);
    assert_limited(caller.get(path).await);
}

#[tokio::test]
async fn an_address_that_asks_too_fast_is_told_how_long_to_wait() {
    let rate = Some(Rate { per_second: 1, burst: 3 });
    let api = TestApi::with(&ApiSettings { address_rate: rate, principal_rate: None }).await;
    let (one, other) = (api.anonymous().from_address("192.0.2.1"), api.anonymous().from_address("192.0.2.2"));
    exhaust(&api, (one.clone(), "/api/v1/workspace"), 3, 401).await;
    let login = json!({"clientId": "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20", "clientSecret": "x"});
    assert_limited(one.post("/api/v1/auth/universal-auth/login", &login).await);
    assert_limited(one.post("/api/v1/integration", &Value::Null).await);
    other.get("/api/v1/workspace").await.infisical_error(401, "UnauthorizedError");
}

#[tokio::test]
async fn a_client_that_asks_too_fast_is_told_how_long_to_wait() {
    let rate = Some(Rate { per_second: 1, burst: 5 });
    let api = TestApi::with(&ApiSettings { address_rate: None, principal_rate: rate }).await;
    api.tenant("acme").await;
    api.clock.advance(Duration::from_secs(5));
    exhaust(&api, (api.admin(), "/api/v1/projects"), 5, 200).await;
}
