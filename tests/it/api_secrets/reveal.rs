//! Who sees values, and what is left of having seen them.

use keyferry_tests::faulty_store::Fault;
use serde_json::{Value, json};

use super::{Acme, PROD, assert_violations};

#[tokio::test]
async fn values_stay_hidden_unless_they_are_asked_for() {
    let acme = Acme::start().await;
    acme.set("app/A", "hunter2").await;
    for path in ["/secrets/app/A", "/secrets/app/A?view=overview", "/secrets?path=/app", "/secrets?recursive=true"] {
        let shown = acme.get(path).await.expect(200);
        assert!(shown.text.contains("\"A\"") && !shown.text.contains("hunter2"), "{path}: {}", shown.text);
        assert!(!shown.text.contains("\"value\""), "{path}: {}", shown.text);
    }
    for path in ["/secrets/app/A?view=value", "/secrets/app/A?View=VALUE", "/secrets?path=/app&view=value"] {
        let shown = acme.get(path).await.expect(200);
        assert!(shown.text.contains(r#""value":"hunter2""#), "{path}: {}", shown.text);
        assert_eq!(shown.header("cache-control"), "no-store");
    }
    for path in ["/secrets/app/A?view=values", "/secrets?view=values"] {
        let refused = acme.get(path).await;
        assert!(refused.text.contains("is `value` meant?"), "{}", refused.text);
        assert_violations(refused, &[("?view", "not_an_option")]);
    }
}

#[tokio::test]
async fn a_value_needs_a_scope_of_its_own() {
    let acme = Acme::start().await;
    acme.set("app/A", "hunter2").await;
    for (role, may) in [("READER", false), ("OPERATOR", false), ("MANAGER", true), ("OWNER", true)] {
        let token = acme.token(role).await;
        for path in ["/secrets/app/A", "/secrets?path=/app", "/secrets/app/NONE"] {
            let caller = acme.api.bearer(&token);
            let join = if path.contains('?') { '&' } else { '?' };
            let answer = caller.get(&format!("{PROD}{path}{join}view=value")).await;
            if may {
                assert_eq!(answer.text.contains("hunter2"), !path.contains("NONE"), "{role}: {}", answer.text);
            } else {
                let refused = answer.problem(403, "scope_missing");
                assert!(refused.text.contains("`secrets:reveal`") && !refused.text.contains("hunter2"));
            }
        }
        acme.api.bearer(&token).get(&format!("{PROD}/secrets/app/A")).await.expect(200);
    }
    // A scope to reveal is none to read.
    let token = acme.token("secrets:reveal").await;
    let refused = acme.api.bearer(&token).get(&format!("{PROD}/secrets/app/A?view=value")).await;
    assert!(refused.problem(403, "scope_missing").text.contains("`secrets:read`"));
}

#[tokio::test]
async fn a_reveal_is_audited_without_the_value_and_a_refusal_is_not() {
    let acme = Acme::start().await;
    let uid = acme.set("app/A", "hunter2").await.text_at("/uid");
    let (reader, manager) = (acme.token("READER").await, acme.token("MANAGER").await);
    let path = format!("{PROD}/secrets/app/A");
    acme.api.bearer(&reader).get(&path).await.expect(200);
    acme.api.bearer(&reader).get(&format!("{path}?view=value")).await.problem(403, "scope_missing");
    acme.get("/secrets/app/NONE?view=value").await.problem(404, "not_found");
    acme.get("/secrets/app/A?view=value&version=2").await.problem(404, "not_found");
    assert!(acme.audited("secrets.reveal").await.is_empty());

    let revealed = acme.api.bearer(&manager).get(&format!("{path}?view=value")).await.expect(200);
    acme.get("/secrets?path=/app&view=value").await.expect(200);
    acme.get("/secrets?recursive=true&view=value&pageSize=1").await.expect(200);
    assert_eq!(acme.audited("secrets.reveal").await, [uid.as_str(), "prod:/app", "prod:/"]);
    let events = acme.api.admin().get("/v1/tenants/acme/auditEvents?pageSize=500").await.expect(200);
    assert!(!events.text.contains("hunter2"));
    let items = events.json["items"].as_array().expect("a list");
    let event = items.iter().find(|event| event["action"] == "secrets.reveal").expect("it was audited");
    assert_eq!((&event["actorName"], &event["source"]), (&json!("MANAGER"), &json!("ACCESS_TOKEN")));
    assert_eq!(event["requestId"], revealed.header("x-request-id"));
}

#[tokio::test]
async fn no_value_leaves_that_could_not_be_audited() {
    let acme = Acme::start().await;
    acme.set("app/A", "hunter2").await;
    acme.api.store.set(Fault::Conflicts);
    for path in ["/secrets/app/A?view=value", "/secrets?path=/app&view=value"] {
        let refused = acme.get(path).await.problem(503, "contention");
        assert!(!refused.text.contains("hunter2"), "{}", refused.text);
    }
    acme.get("/secrets/app/A").await.expect(200);
}

#[tokio::test]
async fn there_is_nothing_to_expand_without_values() {
    let acme = Acme::start().await;
    acme.set("app/A", "hunter2").await;
    for path in ["/secrets/app/A", "/secrets?path=/app"] {
        let join = if path.contains('?') { '&' } else { '?' };
        for view in ["", "view=overview&"] {
            let refused = acme.get(&format!("{path}{join}{view}expand=true")).await;
            assert_violations(refused, &[("?expand", "forbidden")]);
        }
        acme.get(&format!("{path}{join}expand=false")).await.expect(200);
        acme.get(&format!("{path}{join}expand=true&view=value")).await.expect(200);
        let refused = acme.get(&format!("{path}{join}expand=maybe&view=value")).await;
        assert_violations(refused, &[("?expand", "wrong_type")]);
    }
}

#[tokio::test]
async fn whoever_writes_is_not_shown_what_was_there() {
    let acme = Acme::start().await;
    acme.set("app/A", "hunter2").await;
    let operator = acme.token("OPERATOR").await;
    let caller = acme.api.bearer(&operator);
    let path = format!("{PROD}/secrets/app/A");
    let batch = json!({"set": [{"path": "/app", "name": "A", "comment": "again"}]});
    for answer in [
        caller.put(&path, &json!({"comment": "c"})).await.expect(200),
        caller.put(&path, &json!({"value": "hunter2"})).await.expect(200),
        caller.post(&format!("{PROD}/secrets:batch"), &batch).await.expect(200),
    ] {
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
        assert_eq!(answer.json.get("value"), None::<&Value>);
    }
}
