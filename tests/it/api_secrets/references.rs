//! References in values.

use serde_json::json;

use super::{Acme, PROD};

async fn expanded(acme: &Acme, secret: &str) -> keyferry_tests::api::Answer {
    acme.get(&format!("/secrets/{secret}?view=value&expand=true")).await
}

#[tokio::test]
async fn references_are_followed_only_when_that_is_asked_for() {
    let acme = Acme::start().await;
    acme.environment("lib").await;
    acme.api.admin().put("/v1/tenants/acme/environments/lib/secrets/net/HOST", &json!({"value": "db.local"})).await;
    acme.set("app/USER", "app").await;
    for (value, expect) in [
        ("plain", "plain"),
        ("${USER}", "app"),
        ("postgres://${USER}@${lib.net.HOST}/${prod.app.USER}", "postgres://app@db.local/app"),
        ("$${USER} costs $5", "${USER} costs $5"),
        ("${USER", "${USER"),
        ("${} ${a b.c} ${USER:-nobody}", "${} ${a b.c} ${USER:-nobody}"),
    ] {
        acme.set("app/A", value).await;
        assert_eq!(acme.value("app/A").await, value);
        assert_eq!(expanded(&acme, "app/A").await.expect(200).json["value"], expect, "{value}");
        let listed = acme.get("/secrets?path=/app&view=value&expand=true").await.expect(200);
        assert_eq!(listed.json["items"][0]["value"], expect, "{value}");
    }
}

#[tokio::test]
async fn a_reference_that_leads_nowhere_fails_and_names_its_secret_alone() {
    let acme = Acme::start().await;
    acme.set("app/SOUND", "hunter2").await;
    for value in ["${NONE}", "${none.app.A}", "${prod.none.A}", "${BROKEN}", "x${SOUND}y${NONE}"] {
        acme.set("app/BROKEN", value).await;
        for answer in [
            expanded(&acme, "app/BROKEN").await,
            acme.get("/secrets?path=/app&view=value&expand=true").await,
            acme.get("/secrets?recursive=true&view=value&expand=true").await,
        ] {
            let refused = answer.problem(400, "reference_unresolved");
            assert!(refused.text.contains("`BROKEN`") && !refused.text.contains("hunter2"), "{}", refused.text);
        }
        assert_eq!(acme.value("app/BROKEN").await, value);
    }
    assert_eq!(expanded(&acme, "app/SOUND").await.expect(200).json["value"], "hunter2");
}

#[tokio::test]
async fn references_lead_through_so_many_others_and_no_further() {
    let acme = Acme::start().await;
    for number in 0..10 {
        acme.set(&format!("N{number}"), &format!("${{N{}}}", number + 1)).await;
    }
    acme.set("N10", "end").await;
    assert_eq!(expanded(&acme, "N1").await.expect(200).json["value"], "end");
    expanded(&acme, "N0").await.problem(400, "reference_unresolved");
}

#[tokio::test]
async fn an_expanded_value_is_sent_again_when_what_it_refers_to_has_changed() {
    let acme = Acme::start().await;
    let tag = acme.set("A", "${B}").await.header("etag").to_owned();
    acme.set("B", "old").await;
    assert_eq!(expanded(&acme, "A").await.expect(200).headers.get("etag"), None, "no tag of its own would tell");
    let knowing = acme.api.admin().with("if-none-match", &tag);
    knowing.get(&format!("{PROD}/secrets/A?view=value")).await.expect(304);
    acme.set("B", "new").await;
    let path = format!("{PROD}/secrets/A?view=value&expand=true");
    assert_eq!(knowing.get(&path).await.expect(200).json["value"], "new");
}
