//! What a secret may hold, and what is just too much.

use serde_json::{Map, Value, json};

use super::{Acme, assert_violations};

const VALUE_BYTES_MAX: usize = 262_144;

fn tags(count: usize) -> Value {
    (0..count).map(|number| Value::from(format!("tag-{number}"))).collect()
}

fn metadata(count: usize) -> Value {
    Value::Object((0..count).map(|number| (format!("member-{number}"), json!(""))).collect::<Map<_, _>>())
}

#[tokio::test]
async fn the_greatest_of_everything_is_kept_whole() {
    let acme = Acme::start().await;
    for (name, body) in [
        ("BYTES", json!({"value": "x".repeat(VALUE_BYTES_MAX)})),
        ("WIDE", json!({"value": "ж".repeat(VALUE_BYTES_MAX / 2)})),
        ("EMPTY", json!({"value": ""})),
        ("ODD", json!({"value": " a\u{0}\n\t\"\\${} 🦀 "})),
    ] {
        acme.put(&format!("/secrets/{name}"), &body).await.expect(201);
        assert!(acme.value(name).await == body["value"].as_str().expect("text"), "{name}");
    }
    for change in [
        json!({"comment": "ж".repeat(2_000)}),
        json!({"tags": tags(50)}),
        json!({"tags": ["t".repeat(64)]}),
        json!({"metadata": metadata(50)}),
        json!({"metadata": {"n".repeat(100): "ж".repeat(2_000)}}),
    ] {
        let changed = acme.put("/secrets/EMPTY", &change).await.expect(200);
        for (member, value) in change.as_object().expect("an object") {
            assert_eq!(changed.json[member], *value);
        }
    }
}

#[tokio::test]
async fn one_more_is_refused_where_it_stands() {
    let acme = Acme::start().await;
    acme.set("A", "1").await;
    for (change, pointer, code) in [
        (json!({"value": "x".repeat(VALUE_BYTES_MAX + 1)}), "/value", "too_long"),
        (json!({"value": "ж".repeat(VALUE_BYTES_MAX / 2) + "x"}), "/value", "too_long"),
        (json!({"comment": "ж".repeat(2_001)}), "/comment", "too_long"),
        (json!({"tags": tags(51)}), "/tags", "too_long"),
        (json!({"tags": ["db", "t".repeat(65)]}), "/tags/1", "malformed"),
        (json!({"tags": ["", "db"]}), "/tags/0", "malformed"),
        (json!({"tags": ["a b"]}), "/tags/0", "malformed"),
        (json!({"metadata": metadata(51)}), "/metadata", "too_long"),
        (json!({"metadata": {"n".repeat(101): ""}}), "/metadata", "too_long"),
        (json!({"metadata": {"a/b": "x".repeat(2_001)}}), "/metadata/a~1b", "too_long"),
        (json!({"metadata": {"a": null}}), "/metadata/a", "wrong_type"),
    ] {
        assert_violations(acme.put("/secrets/A", &change).await, &[(pointer, code)]);
    }
    let shown = acme.get("/secrets/A").await.expect(200);
    assert_eq!((&shown.json["version"], &shown.json["tags"]), (&json!(1), &json!([])));
}

#[tokio::test]
async fn everything_of_the_wrong_type_is_told_at_once() {
    let acme = Acme::start().await;
    let body = json!({"value": 7, "comment": ["hunter2"], "tags": "hunter2", "metadata": "hunter2"});
    let wrong = ["/value", "/comment", "/tags", "/metadata"].map(|pointer| (pointer, "wrong_type"));
    assert_violations(acme.put("/secrets/A", &body).await, &wrong);
    assert_violations(acme.put("/secrets/A", &json!(["hunter2"])).await, &[("", "wrong_type")]);
    acme.put("/secrets/A", &json!({"value": "x".repeat(1 << 20)})).await.problem(413, "body_too_large");
}
