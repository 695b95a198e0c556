//! The whole way from the wire's types through a plugin and back, natively.

use serde_json::json;

use super::*;
use crate::bindings::plugin::exports::keyferry::integration::destination::Guest as _;
use crate::bindings::plugin::exports::keyferry::integration::integration::Guest as _;
use crate::{
    Account, Application, Applied, AuthScheme, Change, ChoicePage, Description, Egress, Entry, Identity, Observation,
    Scope, Settings, SyncReads, SyncRules,
};

#[derive(Settings)]
struct Server {
    #[setting(label, dynamic)]
    region: String,
}

#[derive(Settings)]
struct Folder {
    path: String,
}

#[derive(Default)]
struct Shelf;

impl Integration for Shelf {
    type Settings = Server;

    fn describe(&self) -> Description {
        Description::new("shelf", "1.2.3", "Shelf")
            .auth(crate::Auth::new("none", "None", AuthScheme::None))
            .egress(Egress::new("api", "{region}.example.com"))
    }

    fn verify(&self, connection: &Connection<Server>) -> Result<Account, Error> {
        Ok(Account::new(&connection.settings.region).with_detail("method", &connection.auth_method))
    }

    fn choices(&self, question: &Question) -> Result<ChoicePage, Error> {
        let known = question.known.len().to_string();
        Ok(ChoicePage { items: vec![crate::Choice::new("a", known)], next: question.cursor.clone() })
    }
}

impl Destination for Shelf {
    type Target = Folder;
    type Context = Vec<u8>;

    fn rules(&self) -> SyncRules {
        SyncRules { reads: SyncReads::Values, batch_size: 2, ..SyncRules::default() }
    }

    fn check(&self, _: &Connection<Server>, target: &Folder) -> Result<Account, Error> {
        Err(Error::not_found(&target.path).with_http_status(404))
    }

    fn identify(&self, connection: &Connection<Server>, target: &Folder) -> Result<Identity, Error> {
        Ok(Identity { namespace: connection.settings.region.clone(), prefix: target.path.clone() })
    }

    fn observe(
        &self,
        _: &Connection<Server>,
        _: &Folder,
        scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation<Vec<u8>>, Error> {
        let keys = if let Scope::Keys(keys) = scope { keys.clone() } else { vec!["all".into()] };
        let entries = keys.into_iter().map(|key| Entry::readable(key, "v").with_version("1")).collect();
        let observation = Observation::complete(entries).with_context(vec![7]);
        Ok(Observation { next: cursor.map(str::to_owned), ..observation })
    }

    fn apply(&self, _: &Connection<Server>, _: &Folder, batch: Batch<Vec<u8>>) -> Result<Application, Error> {
        assert_eq!(batch.context, Some(vec![7]));
        Ok(Application::each(&batch.changes, |change| match change {
            Change::Put(_) => Ok(Applied::with_version("2")),
            Change::Delete(_) => Err(Error::conflict("changed").with_unknown_outcome()),
        }))
    }
}

type Subject = Exported<Shelf>;

fn wire_connection(settings: &str) -> WireConnection {
    WireConnection {
        settings: settings.into(),
        plugin_settings: "{}".into(),
        auth_method: "none".into(),
        credentials: "{}".into(),
    }
}

fn good() -> WireConnection {
    wire_connection(r#"{"region": "eu"}"#)
}

#[test]
fn the_document_holds_parameters_rules_and_egress() {
    let document: Value = serde_json::from_str(&<Subject as wire::Guest>::describe()).expect("describe gives JSON");
    assert_eq!(document["id"], "shelf");
    assert_eq!(document["configMetadata"]["parametersMetadata"][0]["name"], "region");
    assert_eq!(document["configMetadata"]["authMetadata"][0]["type"], "NONE");
    assert_eq!(document["destinationMetadata"][0]["name"], "path");
    assert_eq!(document["sync"]["batchSize"], 2);
    assert_eq!(document["egress"][0]["methods"], json!(["GET"]));
}

#[test]
fn a_verifier_says_nothing_of_syncs() {
    let text = <ExportedVerifier<Shelf> as wire::Guest>::describe();
    let document: Value = serde_json::from_str(&text).expect("describe gives JSON");
    assert_eq!(document.get("sync"), None);
    assert_eq!(document["destinationMetadata"], json!([]));
}

#[test]
fn describing_twice_gives_the_same_bytes() {
    assert_eq!(<Subject as wire::Guest>::describe(), <Subject as wire::Guest>::describe());
}

#[test]
fn a_wrong_setting_is_told_before_the_plugin_is_asked() {
    let error = Subject::verify(wire_connection("{}")).expect_err("the region is required");
    assert_eq!((error.kind.as_str(), error.field.as_deref()), ("invalid-setting", Some("region")));
}

#[test]
fn settings_that_are_no_json_are_an_error_and_no_panic() {
    assert_eq!(Subject::verify(wire_connection("nonsense")).expect_err("no JSON").kind, "other");
    assert_eq!(Subject::check(good(), "[]".into()).expect_err("no object").kind, "other");
}

#[test]
fn errors_keep_their_members() {
    let error = Subject::check(good(), r#"{"path": "/a/"}"#.into()).expect_err("never found");
    assert_eq!((error.kind.as_str(), error.message.as_str(), error.http_status), ("not-found", "/a/", Some(404)));
}

#[test]
fn verify_choices_and_identify_answer() {
    let account = Subject::verify(good()).expect("verifies");
    assert_eq!((account.id.as_str(), &account.details[0]), ("eu", &("method".to_owned(), "none".to_owned())));

    let known = r#"{"region": "x"}"#.to_owned();
    let page = Subject::choices(good(), "connection".into(), "region".into(), known, Some("c".into()));
    let page = page.expect("answers");
    assert_eq!((page.choices[0].label.as_str(), page.next.as_deref()), ("1", Some("c")));
    let unknown = Subject::choices(good(), "elsewhere".into(), "region".into(), "{}".into(), None);
    assert_eq!(unknown.expect_err("no such scope").kind, "unsupported");

    let identity = Subject::identify(good(), r#"{"path": "/a/"}"#.into()).expect("identifies");
    assert_eq!(identity, ("eu".to_owned(), "/a/".to_owned()));
}

#[test]
fn options_can_be_asked_before_the_connection_is_complete() {
    let page = Subject::choices(wire_connection("{}"), "connection".into(), "region".into(), "{}".into(), None);
    assert!(page.is_ok());
}

#[test]
fn what_observe_learns_reaches_apply() {
    let target = r#"{"path": "/a/"}"#;
    let scope = wire_destination::Scope::Keys(vec!["k".into()]);
    let observation = Subject::observe(good(), target.into(), scope, None).expect("observes");
    assert_eq!(observation.entries[0].key, "k");
    assert_eq!(observation.context.as_deref(), Some("[7]"));

    let put = wire_destination::Put {
        key: "k".into(),
        value: "v".into(),
        reference: None,
        attributes: Vec::new(),
        precondition: wire_destination::Precondition::MustNotExist,
    };
    let delete = wire_destination::Delete {
        key: "d".into(),
        reference: None,
        precondition: wire_destination::Precondition::Matches("1".into()),
    };
    let changes = vec![wire_destination::Change::Put(put), wire_destination::Change::Delete(delete)];
    let application = Subject::apply(good(), target.into(), changes, None, observation.context).expect("applies");
    assert!(
        matches!(&application.outcomes[0], wire_destination::Outcome::Applied(item) if item.version.as_deref() == Some("2"))
    );
    assert!(matches!(&application.outcomes[1], wire_destination::Outcome::Unknown(error) if error.kind == "conflict"));
}

#[test]
fn a_foreign_context_is_refused() {
    let error = Subject::apply(good(), r#"{"path": "/"}"#.into(), Vec::new(), None, Some("{}".into()));
    assert_eq!(error.expect_err("a list of numbers is expected").kind, "other");
}

#[test]
fn finish_does_nothing_by_default() {
    assert!(Subject::finish(good(), r#"{"path": "/"}"#.into(), vec!["k".into()], None).is_ok());
}

#[test]
fn a_panic_line_is_bounded() {
    let line = panic_line("src/lib.rs:1:2", &"x".repeat(5_000));
    assert!(line.starts_with("the plugin panicked at src/lib.rs:1:2: xxx"));
    assert!(line.len() < 300);
}
