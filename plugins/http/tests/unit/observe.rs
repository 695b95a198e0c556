//! Listing, page by page.

use keyferry_plugin_http::{Context, GenericHttp};
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Destination, Error, ErrorKind, Observation, Scope};
use serde_json::{Value, json};

use super::scene::*;

const LIST: &str = "https://crm.example.com/v1/variables";

fn observe(declaration: &Value, cursor: Option<&str>) -> Result<Observation<Context>, Error> {
    GenericHttp.observe(&connection(declaration.clone()), &target(json!({})), &Scope::All, cursor)
}

fn items(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"name": name, "value": format!("value of {name}"), "etag": "\"1\""})).collect()
}

fn keys<C>(observation: &Observation<C>) -> Vec<&str> {
    observation.entries.iter().map(|entry| entry.key.as_str()).collect()
}

#[test]
fn three_pages_are_walked_by_cursor() {
    let script = Script::new();
    let first = json!({"items": items(&["A", "B"]), "next": "c/1"});
    script.on(Expect::get(LIST).egress("api").no_body()).reply(Reply::json(200, first));
    script
        .on(Expect::get(format!("{LIST}?cursor=c%2F1")))
        .reply(Reply::json(200, json!({"items": items(&["C"]), "next": 2})));
    script.on(Expect::get(format!("{LIST}?cursor=2"))).reply(Reply::json(200, json!({"items": [], "next": null})));
    let observation = observe(&crm(), None).expect("listed");
    assert_eq!(summary(&observation.entries[0]), ("A", Some("value of A"), Some("\"1\"")));
    assert_eq!(keys(&observation), ["A", "B", "C"]);
    assert!(observation.complete && observation.next.is_none());
    assert_eq!(observation.context, Some(Context { has_entity_tags: true }));
}

#[test]
fn a_long_listing_goes_on_in_another_call() {
    let script = Script::new();
    for page in 0..20 {
        let url = if page == 0 { LIST.to_owned() } else { format!("{LIST}?cursor={page}") };
        let body = json!({"items": items(&[&format!("K{page}")]), "next": (page + 1).to_string()});
        script.on(Expect::get(url)).reply(Reply::json(200, body));
    }
    let observation = observe(&crm(), None).expect("listed");
    assert_eq!((observation.entries.len(), observation.next.as_deref()), (20, Some("20")));
    assert!(!observation.complete);

    script.on(Expect::get(format!("{LIST}?cursor=20"))).reply(Reply::json(200, json!({"items": items(&["Z"])})));
    let rest = observe(&crm(), Some("20")).expect("listed");
    assert_eq!((keys(&rest), rest.complete), (vec!["Z"], true));
}

#[test]
fn large_pages_end_a_call_early() {
    let script = Script::new();
    let large = "x".repeat(1_500_000);
    let page = |next: &str| json!({"items": [{"name": next, "value": large}], "next": next});
    script.on(Expect::get(LIST)).reply(Reply::json(200, page("1")));
    script.on(Expect::get(format!("{LIST}?cursor=1"))).reply(Reply::json(200, page("2")));
    assert_eq!(observe(&crm(), None).expect("listed").next.as_deref(), Some("2"));
}

#[test]
fn pages_are_counted_until_one_is_not_full() {
    let script = Script::new();
    let url = "{{baseUrl}}/v1/variables?page={{page}}&per_page=2";
    let mut declaration =
        crm_operation("list", json!({"url": url, "items": "", "paging": {"type": "page", "size": 2}}));
    declaration["list"].as_object_mut().expect("an object").remove("next");
    script.on(Expect::get(format!("{LIST}?page=1&per_page=2"))).reply(Reply::json(200, items(&["A", "B"])));
    script.on(Expect::get(format!("{LIST}?page=2&per_page=2"))).reply(Reply::json(200, items(&["C", "D"])));
    script.on(Expect::get(format!("{LIST}?page=3&per_page=2"))).reply(Reply::json(200, items(&["E"])));
    let observation = observe(&declaration, None).expect("listed");
    assert_eq!((keys(&observation).len(), observation.complete), (5, true));

    // Without a size only an empty page is the last one.
    declaration["list"]["paging"] = json!({"type": "page", "first": 0});
    script.on(Expect::get(format!("{LIST}?page=0&per_page=2"))).reply(Reply::json(200, items(&["A"])));
    script.on(Expect::get(format!("{LIST}?page=1&per_page=2"))).reply(Reply::json(200, json!([])));
    assert!(observe(&declaration, None).expect("listed").complete);

    let error = observe(&declaration, Some("no number")).expect_err("not a page");
    assert_eq!(error.kind(), ErrorKind::Other);
}

fn by_link() -> Value {
    let mut declaration = crm_operation(
        "list",
        json!({
            "url": "{{baseUrl}}/v1/variables", "items": "", "paging": {"type": "link"}, "headers": {"Accept": "application/json"}
        }),
    );
    declaration["list"].as_object_mut().expect("an object").remove("next");
    declaration
}

#[test]
fn links_are_followed_within_the_origin() {
    let script = Script::new();
    let linked = |names: &[&str], link: &str| Reply::json(200, items(names)).header("Link", link);
    let accepting = |url: String| Expect::get(url).header("Accept", "application/json");
    let absolute = "<https://CRM.example.com:443/v1/variables?page=2#x>; rel=\"next\"";
    script.on(accepting(LIST.into())).reply(linked(&["A"], absolute));
    script.on(accepting(format!("{LIST}?page=2"))).reply(linked(&["B"], "</v1/variables?page=3>; rel=next"));
    script.on(accepting(format!("{LIST}?page=3"))).reply(linked(&["C"], "</v1/variables>; rel=\"first\""));
    let observation = observe(&by_link(), None).expect("listed");
    assert_eq!((keys(&observation), observation.complete), (vec!["A", "B", "C"], true));
}

#[test]
fn a_link_to_another_origin_is_not_followed() {
    for target in
        ["https://evil.example/", "//evil.example/", "http://crm.example.com/", "https://crm.example.com@evil.example/"]
    {
        let script = Script::new();
        let reply = Reply::json(200, items(&["A"])).header("Link", &format!("<{target}>; rel=\"next\""));
        script.on(Expect::get(LIST)).reply(reply);
        assert_eq!(observe(&by_link(), None).expect_err(target).kind(), ErrorKind::Other);
        assert!(observe(&by_link(), Some(target)).is_err(), "{target}");
    }
}

#[test]
fn a_listing_in_circles_is_refused() {
    let script = Script::new();
    let page = json!({"items": items(&["A"]), "next": "same"});
    script.on(Expect::get(LIST)).reply(Reply::json(200, page.clone()));
    script.on(Expect::get(format!("{LIST}?cursor=same"))).reply(Reply::json(200, page));
    assert_eq!(observe(&crm(), None).expect_err("a circle").kind(), ErrorKind::Unavailable);
}

#[test]
fn an_api_that_ignores_page_numbers_is_refused() {
    let script = Script::new();
    let list = json!({"url": "{{baseUrl}}/v1/variables?page={{page}}", "items": "", "key": "/name", "paging": {"type": "page"}});
    for page in 1..3 {
        script.on(Expect::get(format!("{LIST}?page={page}"))).reply(Reply::json(200, items(&["A"])));
    }
    let error = observe(&crm_with(json!({"list": list})), None).expect_err("the same page");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn without_a_value_pointer_only_names_are_known() {
    let script = Script::new();
    let list = json!({"url": "{{baseUrl}}/v1/variables", "items": "/names", "key": ""});
    script.on(Expect::get(LIST)).reply(Reply::json(200, json!({"names": ["A", "B"]})));
    let observation = observe(&crm_with(json!({"list": list})), None).expect("listed");
    assert_eq!(observation.entries.iter().map(summary).collect::<Vec<_>>(), [("A", None, None), ("B", None, None)]);
    assert_eq!(observation.context, Some(Context { has_entity_tags: false }));
}

#[test]
fn items_may_be_members_of_an_object() {
    let script = Script::new();
    let list = json!({"url": "{{baseUrl}}/v1/variables", "items": "/config", "value": ""});
    script
        .on(Expect::get(LIST))
        .reply(Reply::json(200, json!({"config": {"A": "x", "B": 7, "C": null, "D": {"a": 1}}})));
    let observation = observe(&crm_with(json!({"list": list})), None).expect("listed");
    let expected = [("A", Some("x"), None), ("B", Some("7"), None), ("C", None, None), ("D", None, None)];
    assert_eq!(observation.entries.iter().map(summary).collect::<Vec<_>>(), expected);
}

#[test]
fn references_and_empty_values_are_kept() {
    let script = Script::new();
    let body = json!({"items": [{"name": "A", "value": "", "id": 42}], "next": ""});
    script.on(Expect::get(LIST)).reply(Reply::json(200, body));
    let observation = observe(&crm_operation("list", json!({"reference": "/id"})), None).expect("listed");
    assert_eq!(summary(&observation.entries[0]), ("A", Some(""), None));
    assert_eq!(observation.entries[0].reference.as_deref(), Some("42"));
}

#[test]
fn named_keys_are_picked_from_the_listing() {
    let script = Script::new();
    script.on(Expect::get(LIST)).reply(Reply::json(200, json!({"items": items(&["A", "B", "C"])})));
    let scope = Scope::Keys(vec!["B".into(), "Z".into()]);
    let observation = GenericHttp.observe(&connection(crm()), &target(json!({})), &scope, None).expect("listed");
    assert_eq!((keys(&observation), observation.complete), (vec!["B"], true));
}

#[test]
fn without_a_list_nothing_is_known_and_nothing_proved_absent() {
    let _script = Script::new();
    let observation = observe(&crm_with(json!({"list": null})), None).expect("nothing to ask");
    assert_eq!((observation.entries.len(), observation.complete, observation.next), (0, false, None));
}

#[test]
fn an_empty_list_is_written_in_two_ways() {
    for body in [json!({"items": []}), json!({"items": null})] {
        let script = Script::new();
        script.on(Expect::get(LIST)).reply(Reply::json(200, body));
        assert!(observe(&crm(), None).expect("listed").complete);
    }
}

#[test]
fn what_is_no_list_is_never_taken_for_an_empty_one() {
    for reply in [
        Reply::json(200, json!({})),
        Reply::json(200, json!({"items": {"name": "A"}})),
        Reply::json(200, json!({"items": [{"value": "top-secret"}]})),
        Reply::text(200, "<html>top-secret</html>"),
        Reply::status(404),
        Reply::status(500),
    ] {
        let script = Script::new();
        script.on(Expect::get(LIST)).reply(reply);
        let error = observe(&crm(), None).expect_err("no list");
        assert!(!error.message().contains("top-secret"), "{error}");
    }
}

#[test]
fn a_failing_page_fails_the_listing() {
    let script = Script::new();
    script.on(Expect::get(LIST)).reply(Reply::json(200, json!({"items": items(&["A"]), "next": "2"})));
    script.on(Expect::get(format!("{LIST}?cursor=2"))).reply(Reply::status(429).header("Retry-After", "3"));
    let error = observe(&crm(), None).expect_err("half a listing is none");
    assert_eq!((error.kind(), error.retry_after_ms()), (ErrorKind::RateLimited, Some(3_000)));
}
