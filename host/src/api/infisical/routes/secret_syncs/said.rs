//! What a secret sync says in the words of this dialect, and what that is to a sync.

use serde_json::{Map, Value};

use crate::domain::error::violation;
use crate::domain::integration::facade::{Facade, MappedDestination};
use crate::domain::sync::{Deletion, Form, InitialSync, OnConflict, OnInvalid, Presentation, SyncOptions, SyncSpec};
use crate::domain::{Code, Error, Result, Violation};

/// Characters of a display name.
const DISPLAY_NAME_MAX: usize = 100;

/// The members of `syncOptions` that every destination has.
const COMMON_OPTIONS: [&str; 4] = ["initialSyncBehavior", "keySchema", "disableSecretDeletion", "recursive"];

/// The words for what a first run does.
pub(super) const INITIAL: [(&str, InitialSync); 3] = [
    ("overwrite-destination", InitialSync::OverwriteDestination),
    ("import-prioritize-source", InitialSync::ImportPrioritizeSource),
    ("import-prioritize-destination", InitialSync::ImportPrioritizeDestination),
];

/// `syncOptions`, read; with all members as they were sent.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) initial: InitialSync,
    pub(super) key_schema: Option<String>,
    pub(super) disables_deletion: bool,
    pub(super) recursive: bool,
    pub(super) sent: Map<String, Value>,
}

/// What a secret sync shows of itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) config: Map<String, Value>,
    pub(super) options: Map<String, Value>,
}

impl Said {
    /// What the sync says: as it was sent while that still holds, else in the members that it would have.
    pub(super) fn by(spec: &SyncSpec, facade: &Facade) -> Self {
        let sent = spec.presentation.as_ref().filter(|presentation| presentation.form == Form::SecretSync);
        let member = |name: &str| sent.and_then(|sent| sent.members.get(name));
        let object = |name: &str| member(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let text = |name: &str| member(name).and_then(Value::as_str).map(str::to_owned);
        let (config, options) = if sent.is_some_and(|sent| sent.holds_for(spec)) {
            (object("destinationConfig"), object("syncOptions"))
        } else {
            derived(spec, facade)
        };
        Self {
            name: text("name").unwrap_or_else(|| spec.id.to_string()),
            description: text("description"),
            config,
            options,
        }
    }

    /// Notes in the sync that it was said so.
    pub(super) fn note(self, spec: SyncSpec) -> SyncSpec {
        let mut members = Map::from_iter([
            ("name".to_owned(), Value::String(self.name)),
            ("destinationConfig".to_owned(), Value::Object(self.config)),
            ("syncOptions".to_owned(), Value::Object(self.options)),
        ]);
        members.extend(self.description.map(|description| ("description".to_owned(), Value::String(description))));
        let presentation = Presentation::of(Form::SecretSync, members, &spec);
        SyncSpec { presentation: Some(presentation), ..spec }
    }
}

fn derived(spec: &SyncSpec, facade: &Facade) -> (Map<String, Value>, Map<String, Value>) {
    let said = MappedDestination { parameters: spec.parameters.clone(), destination: spec.destination.clone() };
    let (config, mut options) = facade.shown_destination(&said);
    let initial = spec.options.initial_sync_behavior.unwrap_or(InitialSync::OverwriteDestination);
    let word = INITIAL.iter().find(|(_, meant)| *meant == initial).map_or("overwrite-destination", |(word, _)| *word);
    options.insert("initialSyncBehavior".to_owned(), word.into());
    let SyncOptions { key_prefix, key_template, key_suffix, .. } = &spec.options;
    let schema = format!("{key_prefix}{key_template}{key_suffix}");
    if schema != "{{secretKey}}" {
        options.insert("keySchema".to_owned(), schema.into());
    }
    if spec.options.deletion == Deletion::Never {
        options.insert("disableSecretDeletion".to_owned(), true.into());
    }
    if spec.source.recursive {
        options.insert("recursive".to_owned(), true.into());
    }
    (config, options)
}

/// The members of `syncOptions` that mean something here.
fn known_options(facade: &Facade, sent: &Map<String, Value>) -> Map<String, Value> {
    let common = COMMON_OPTIONS.iter().filter_map(|name| Some(((*name).to_owned(), sent.get(*name)?.clone())));
    common.chain(facade.known_options(sent)).collect()
}

/// Changes a sync to what `destinationConfig` and `syncOptions` say; each replaces what stood there whole, and one that is not
/// given stays. Settings that have no member in this dialect stay in any case.
pub(super) fn change(
    spec: SyncSpec,
    facade: &Facade,
    (config, options): (Option<&Map<String, Value>>, Option<&Options>),
) -> SyncSpec {
    let mut said = Said::by(&spec, facade);
    let mut spec = spec;
    if let Some(config) = config {
        said.config = facade.known_config(config);
    }
    if let Some(options) = options {
        said.options = known_options(facade, &options.sent);
        spec.source.recursive = options.recursive;
        spec.options = meant(spec.options, options);
    }
    if config.is_some() || options.is_some() {
        facade.settle(&said.config, &said.options, (&mut spec.parameters, &mut spec.destination));
    }
    said.note(spec)
}

/// What the options are to a sync. Overwriting is what clients of this dialect expect, on the first run and later, and so is
/// that values which the destination does not take are left out; that what somebody else wrote is deleted is never done.
fn meant(before: SyncOptions, options: &Options) -> SyncOptions {
    SyncOptions {
        deletion: if options.disables_deletion { Deletion::Never } else { Deletion::Owned },
        on_conflict: OnConflict::Overwrite,
        on_invalid: OnInvalid::Skip,
        initial_sync_behavior: Some(options.initial),
        key_template: options.key_schema.clone().unwrap_or_else(|| "{{secretKey}}".to_owned()),
        key_prefix: String::new(),
        key_suffix: String::new(),
        ..before
    }
}

/// Refuses options that do not go together, or that the destination does not have.
///
/// # Errors
/// `not_supported`.
pub(super) fn check(facade: &Facade, can_import: bool, options: &Options) -> Result<()> {
    let refused = |detail: String| Err(Error::new(Code::NotSupported, detail));
    if let Some(name) = facade.unsupported_option(&options.sent) {
        return refused(format!("syncOptions.{name} is not offered for this destination"));
    }
    if options.initial == InitialSync::OverwriteDestination {
        return Ok(());
    }
    if !can_import {
        return refused(
            "the values of this destination cannot be read: initialSyncBehavior must be overwrite-destination".into(),
        );
    }
    if options.recursive {
        return refused("a recursive sync cannot import: initialSyncBehavior must be overwrite-destination".into());
    }
    Ok(())
}

/// Refuses a `destinationConfig` that leaves to the connection what each destination says for itself.
///
/// # Errors
/// `invalid_request`.
pub(super) fn require_config(facade: &Facade, config: &Map<String, Value>) -> Result<()> {
    let Some(name) = facade.missing_config(config) else { return Ok(()) };
    let pointer = format!("/destinationConfig/{name}");
    Err(Error::invalid(vec![Violation::new(pointer, violation::REQUIRED, "is required")]))
}

/// The name, as far as a display name has room for it.
pub(super) fn display_name(name: &str) -> String {
    name.chars().take(DISPLAY_NAME_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyferry_contract::{Infisical, Parameter};
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn facade() -> Facade {
        let names: Infisical = serde_json::from_value(json!({"app": "aws", "appName": "AWS", "methods": [],
            "destination": {"slug": "ssm", "name": "SSM",
                "config": [{"field": "path", "scope": "DESTINATION", "parameter": "path"}],
                "options": [{"field": "keyId", "scope": "DESTINATION", "parameter": "kms"}]}}))
        .expect("names");
        let parameters: Vec<Parameter> =
            serde_json::from_value(json!([{"name": "path"}, {"name": "kms"}, {"name": "tier"}])).expect("parameters");
        Facade::declared(names, Default::default(), parameters)
    }

    fn spec() -> SyncSpec {
        serde_json::from_value(json!({"id": "app", "displayName": "app", "integration": "ssm", "config": null,
            "source": {"environment": "prod"}, "destination": {"path": "/old/", "tier": "Advanced"}}))
        .expect("all else has defaults")
    }

    fn options(sent: Value) -> Options {
        Options {
            initial: InitialSync::OverwriteDestination,
            key_schema: Some("APP_{{secretKey}}".to_owned()),
            disables_deletion: true,
            recursive: false,
            sent: object(sent),
        }
    }

    #[test]
    fn what_is_sent_is_meant_and_comes_back_as_it_was() {
        let sent = json!({"initialSyncBehavior": "overwrite-destination", "keySchema": "APP_{{secretKey}}",
            "disableSecretDeletion": true, "keyId": "alias/app"});
        let mut noisy = sent.clone();
        noisy["surprise"] = json!(1);
        let config = object(json!({"path": "/app/"}));
        let changed = change(spec(), &facade(), (Some(&config), Some(&options(noisy))));
        let expected = json!({"path": "/app/", "kms": "alias/app", "tier": "Advanced"});
        assert_eq!(Value::Object(changed.destination.clone()), expected);
        assert_eq!((changed.options.deletion, changed.options.on_conflict), (Deletion::Never, OnConflict::Overwrite));
        let said = Said::by(&changed, &facade());
        assert_eq!((Value::Object(said.config), Value::Object(said.options)), (json!({"path": "/app/"}), sent));
    }

    #[test]
    fn a_change_in_other_words_is_told_in_these() {
        let config = object(json!({"path": "/app/"}));
        let sent = json!({"initialSyncBehavior": "overwrite-destination", "keySchema": "APP_{{secretKey}}"});
        let mut changed = change(spec(), &facade(), (Some(&config), Some(&options(sent))));
        changed.destination.insert("path".to_owned(), json!("/new/"));
        changed.options.deletion = Deletion::Owned;
        let said = Said::by(&changed, &facade());
        assert_eq!(Value::Object(said.config), json!({"path": "/new/"}));
        let expected = json!({"initialSyncBehavior": "overwrite-destination", "keySchema": "APP_{{secretKey}}"});
        assert_eq!(Value::Object(said.options), expected);
    }

    #[test]
    fn what_is_not_given_stays() {
        let sent = json!({"initialSyncBehavior": "overwrite-destination", "keyId": "alias/app"});
        let config = object(json!({"path": "/app/"}));
        let made = change(spec(), &facade(), (Some(&config), Some(&options(sent))));
        let other = object(json!({"path": "/other/"}));
        let changed = change(made.clone(), &facade(), (Some(&other), None));
        assert_eq!(changed.destination["kms"], "alias/app");
        assert_eq!(changed.options, made.options);
        let without_key = options(json!({"initialSyncBehavior": "overwrite-destination"}));
        let changed = change(made, &facade(), (None, Some(&without_key)));
        assert_eq!((changed.destination.get("kms"), &changed.destination["path"]), (None, &json!("/app/")));
    }

    #[test]
    fn a_sync_of_the_other_dialect_is_told_in_these_words() {
        let mut native = spec();
        native.source.recursive = true;
        native.options.key_prefix = "A_".to_owned();
        let said = Said::by(&native, &facade());
        assert_eq!((said.name.as_str(), said.description), ("app", None));
        assert_eq!(Value::Object(said.config), json!({"path": "/old/"}));
        let expected =
            json!({"initialSyncBehavior": "overwrite-destination", "keySchema": "A_{{secretKey}}", "recursive": true});
        assert_eq!(Value::Object(said.options), expected);
    }

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        let importing =
            |recursive| Options { initial: InitialSync::ImportPrioritizeSource, recursive, ..options(json!({})) };
        assert!(check(&facade(), true, &importing(false)).is_ok());
        assert!(check(&facade(), true, &importing(true)).is_err());
        assert!(check(&facade(), false, &importing(false)).is_err());
        assert!(check(&facade(), false, &options(json!({}))).is_ok());
    }
}
