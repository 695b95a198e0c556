//! Complaints are complete, placed, and never echo a value.

use serde_json::json;

use super::*;
use crate::domain::Secret;
use crate::domain::name::Slug;

#[derive(Debug)]
struct Sample {
    id: Slug,
    title: Option<String>,
    size: i64,
    note: Patch<String>,
    tags: Vec<String>,
    inner: Option<Inner>,
}

#[derive(Debug)]
struct Inner {
    password: Secret<String>,
}

impl Read for Sample {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", read::name);
        let title = fields.optional("displayName", read::text(5));
        let size = fields.or("size", 7, read::integer(1..=9));
        let note = fields.patch("note", read::text(5));
        let tags = fields.or("tags", Vec::new(), read::list(2, read::filled_text(3)));
        let inner = fields.optional("inner", read::object);
        fields.ignore(&["createdAt"]);
        Some(Self { id: id?, title: title?, size: size?, note: note?, tags: tags?, inner: inner? })
    }
}

impl Read for Inner {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let password = fields.required("password", read::secret(8));
        Some(Self { password: password? })
    }
}

fn violations(body: &Value) -> Vec<(String, &'static str)> {
    let error = read_body::<Sample>(body.to_string().as_bytes()).expect_err("the body is not valid");
    error.violations().iter().map(|v| (v.pointer.clone(), v.code)).collect()
}

#[test]
fn a_valid_body_becomes_the_input() {
    let body = json!({"id": "a", "displayName": "x", "size": 2, "note": null, "tags": ["t"], "createdAt": 1,
                      "inner": {"password": "p"}});
    let sample: Sample = read_body(body.to_string().as_bytes()).expect("it is valid");
    assert_eq!((sample.id.as_str(), sample.title.as_deref(), sample.size), ("a", Some("x"), 2));
    assert_eq!((sample.note, sample.tags), (Patch::Clear, vec!["t".to_owned()]));
    assert_eq!(sample.inner.expect("it was sent").password.expose(), "p");
}

#[test]
fn left_out_members_take_their_defaults() {
    let sample: Sample = read_body(br#"{"id":"a","displayName":null}"#).expect("it is valid");
    assert_eq!((sample.title, sample.size, sample.note), (None, 7, Patch::Keep));
    assert!(sample.tags.is_empty() && sample.inner.is_none());
}

#[test]
fn all_violations_come_at_once_with_their_places() {
    let body = json!({"id": "a b", "displayName": "123456", "size": 10, "note": 4, "tags": ["", "1234"],
                      "inner": {"password": 5, "passwort": 1}, "displayname": 1});
    assert_eq!(
        violations(&body),
        [
            ("/id".into(), violation::MALFORMED),
            ("/displayName".into(), violation::TOO_LONG),
            ("/size".into(), violation::OUT_OF_RANGE),
            ("/note".into(), violation::WRONG_TYPE),
            ("/tags/0".into(), violation::TOO_SHORT),
            ("/tags/1".into(), violation::TOO_LONG),
            ("/inner/password".into(), violation::WRONG_TYPE),
            ("/inner/passwort".into(), violation::UNKNOWN_MEMBER),
            ("/displayname".into(), violation::UNKNOWN_MEMBER),
        ]
    );
}

#[test]
fn an_unknown_member_is_named_with_what_was_probably_meant() {
    let error = read_body::<Sample>(br#"{"id":"a","dispalyName":"x","zzz":1}"#).expect_err("unknown members");
    let details: Vec<&str> = error.violations().iter().map(|v| v.detail.as_str()).collect();
    assert_eq!(details, ["is not known here; is `displayName` meant?", "is not known here"]);
}

#[test]
fn a_missing_and_a_null_required_member_are_the_same_complaint() {
    for body in [json!({}), json!({"id": null})] {
        assert_eq!(violations(&body), [("/id".into(), violation::REQUIRED)]);
    }
}

#[test]
fn no_complaint_echoes_a_value() {
    let body = json!({"id": "hunter2 ", "displayName": "hunter2", "size": "hunter2", "note": ["hunter2"],
                      "tags": "hunter2", "inner": {"password": "hunter2-hunter2"}});
    let error = read_body::<Sample>(body.to_string().as_bytes()).expect_err("nothing in it is valid");
    assert_eq!(error.violations().len(), 6);
    assert!(!format!("{error:?} {:?}", error.violations()).contains("hunter2"));
}

#[test]
fn the_number_of_complaints_is_bounded() {
    let members: Map<String, Value> = (0..5_000).map(|n| (format!("unknown{n}"), Value::Null)).collect();
    assert_eq!(violations(&Value::Object(members)).len(), VIOLATIONS_MAX);
}

#[test]
fn what_is_no_object_is_told_at_the_root() {
    assert_eq!(violations(&json!([1])), [(String::new(), violation::WRONG_TYPE)]);
}

#[test]
fn pointers_escape_names() {
    assert_eq!(violations(&json!({"id": "a", "x/y~z": 1})), [("/x~1y~0z".to_owned(), violation::UNKNOWN_MEMBER)]);
}

#[derive(Debug)]
struct Search {
    page_size: i64,
    page_token: Option<String>,
    has_configs: bool,
    types: Vec<String>,
}

impl Read for Search {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let page_size = fields.or("pageSize", 50, read::integer(1..=500));
        let page_token = fields.optional("pageToken", read::text(100));
        let has_configs = fields.or("hasConfigs", false, read::boolean);
        let types = fields.or("types", Vec::new(), read::list(9, read::text(9)));
        Some(Self { page_size: page_size?, page_token: page_token?, has_configs: has_configs?, types: types? })
    }
}

#[test]
fn every_documented_spelling_of_a_query_parameter_is_the_same() {
    for query in [
        "pageSize=3&pageToken=x&hasConfigs=true&types=A&types=B",
        "page_size=3&page_token=x&has_configs=1&types=A&types=B",
        "PageSize=3&PageToken=x&HasConfigs=true&Types=A&Types=B",
        "Paging.PageSize=3&Paging.PageToken.Cursor=x&has_configs=&types=A&types=B",
    ] {
        let search: Search = read_query(query).expect(query);
        assert_eq!((search.page_size, search.page_token.as_deref()), (3, Some("x")), "{query}");
        assert!(search.has_configs, "{query}");
        assert_eq!(search.types, ["A", "B"], "{query}");
    }
}

#[test]
fn query_complaints_name_the_parameter() {
    let error = read_query::<Search>("pageSize=1000&hasConfigs=maybe&pagesize=3").expect_err("three faults");
    let pointers: Vec<&str> = error.violations().iter().map(|v| v.pointer.as_str()).collect();
    assert_eq!(pointers, ["?pageSize", "?hasConfigs", "?pagesize"]);
}

#[test]
fn a_reader_tells_the_members_it_knows() {
    assert_eq!(known_members::<Inner>(), ["password"]);
}

#[derive(Debug)]
struct Named(Option<String>, bool);

impl Read for Named {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.aliases("path", &["directory", "folder"]);
        Some(Self(fields.optional("path", read::text(9))?, fields.or("includeImports", false, read::boolean)?))
    }
}

#[test]
fn a_name_that_says_nothing_hides_no_other_name() {
    for (body, expect) in [
        (json!({"path": "/a", "directory": "/b"}), Some("/a")),
        (json!({"path": null, "directory": "/b"}), Some("/b")),
        (json!({"path": "", "directory": null, "folder": "/c"}), Some("/c")),
        (json!({"directory": "", "folder": " "}), Some("")),
        (json!({"path": null}), None),
    ] {
        let named: Named = read_body_leniently(body.to_string().as_bytes()).expect("it is valid");
        assert_eq!(named.0.as_deref(), expect, "{body}");
    }
}

#[test]
fn a_lenient_query_says_nothing_with_what_is_empty_and_one_thing_under_two_names() {
    for (query, expect) in [
        ("path=&directory=/b", Some("/b")),
        ("path=&directory=", None),
        ("path=/a&path=/a&include_imports=false&includeImports=false", Some("/a")),
    ] {
        let named: Named = read_query_leniently(query).expect(query);
        assert_eq!((named.0.as_deref(), named.1), (expect, false), "{query}");
    }
    assert!(read_query_leniently::<Named>("path=/a&path=/b").is_err(), "two things are one too many");
    assert!(read_query_leniently::<Named>("include_imports=true&includeImports=true").expect("one thing").1);
    let form: Named = read_form_leniently(b"folder=%2Fa+b&includeImports=true").expect("it is a form");
    assert_eq!((form.0.as_deref(), form.1), (Some("/a b"), true));
}
