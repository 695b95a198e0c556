//! What requests say of a sync.

use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::fields::{At, Fields, Patch, Read, read};
use crate::domain::id::ConnectionUid;
use crate::domain::name::{Slug, Tag};
use crate::domain::sync::{
    Deletion, InitialSync, KeyCase, OnConflict, OnDrift, OnInvalid, OnUnresolvedReference, Selection, SyncOptions,
    SyncSpec,
};
use std::collections::BTreeMap;

const DISPLAY_NAME_MAX: usize = 100;
/// Globs, tags, members of metadata, explicit names.
const ENTRIES_MAX: usize = 1_000;
/// Characters of a glob, a key, a prefix, a template.
const TEXT_MAX: usize = 1_000;
/// Seconds between checks for drift, from five minutes to thirty days.
const DRIFT_CHECK_INTERVAL_S: std::ops::RangeInclusive<i64> = 300..=2_592_000;
const CONFIG_RULE: &str = "must be a config's id";
const PATH_RULE: &str = "must be an absolute folder path, like `/app/db`";

/// Members of an answer that may be sent back, and mean nothing.
const SHOWN_ONLY: [&str; 16] = [
    "uid",
    "state",
    "wantedGeneration",
    "attemptedGeneration",
    "appliedGeneration",
    "lastRun",
    "lastImport",
    "drift",
    "lastError",
    "retryAt",
    "verification",
    "waiting",
    "pausedBecause",
    "isBeingDeleted",
    "createdAt",
    "modifiedAt",
];

/// A sync to be made.
#[derive(ToSchema)]
#[schema(as = SyncIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `SyncSpec` reads")]
pub(super) struct NewSyncSchema {
    /// Letters, digits, `_` and `-`; 1 to 150 characters.
    #[schema(example = "app-to-ssm")]
    id: String,
    /// For people; the id when it is left out.
    #[schema(example = "App to SSM", max_length = 100)]
    display_name: Option<String>,
    #[schema(example = "aws-parameter-store")]
    integration: String,
    /// The config's id; the integration's own connection when it is left out.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    config: Option<String>,
    /// What the sync chooses of the parameters that its connection leaves to each sync.
    #[schema(value_type = Object, example = json!({"region": "eu-west-1"}))]
    parameters: Option<Value>,
    source: SourceSchema,
    /// The plugin's destination parameters.
    #[schema(value_type = Object, example = json!({"path": "/app/"}))]
    destination: Option<Value>,
    options: Option<OptionsSchema>,
}

/// What may change of a sync.
#[derive(ToSchema)]
#[schema(as = SyncPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `SyncPatch` reads")]
pub(super) struct SyncPatchSchema {
    #[schema(max_length = 100)]
    display_name: Option<String>,
    integration: Option<String>,
    /// `null` means the integration's own connection.
    config: Option<String>,
    #[schema(value_type = Object)]
    parameters: Option<Value>,
    source: Option<SourceSchema>,
    #[schema(value_type = Object)]
    destination: Option<Value>,
    options: Option<OptionsSchema>,
}

/// Which secrets are carried.
#[derive(ToSchema)]
#[schema(as = SyncSource, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Selection` reads")]
pub(super) struct SourceSchema {
    #[schema(example = "prod")]
    environment: String,
    /// The root when it is left out.
    #[schema(example = "/app")]
    path: Option<String>,
    /// Whether the folders below are carried as well.
    recursive: Option<bool>,
    /// Globs over names, of which one must match; every name when there are none.
    #[schema(example = json!(["*"]))]
    include: Option<Vec<String>>,
    /// Globs over names, of which none may match.
    exclude: Option<Vec<String>>,
    /// Tags that a secret must all have.
    tags: Option<Vec<String>>,
    /// Members that a secret's metadata must have.
    metadata: Option<BTreeMap<String, String>>,
}

/// How a sync behaves; every member has the safe default.
#[derive(ToSchema)]
#[schema(as = SyncOptions, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `OptionsPatch` reads")]
pub(super) struct OptionsSchema {
    /// Whether a change of the source starts a run by itself.
    #[schema(default = true)]
    auto_sync: Option<bool>,
    /// `OWNED` or `NEVER`.
    #[schema(default = "OWNED")]
    deletion: Option<String>,
    /// `STOP`, `OVERWRITE` or `IMPORT`; the last needs `secrets:write`, and a destination whose values can be read.
    #[schema(default = "STOP")]
    on_conflict: Option<String>,
    /// `REPAIR` or `REPORT`.
    #[schema(default = "REPAIR")]
    on_drift: Option<String>,
    /// How often the destination is looked at for changes that somebody else made: 300 to 2,592,000 seconds, or 0 for
    /// never; as the host is configured when it is left out. A tenth more or less spreads the load.
    #[schema(example = 86_400)]
    drift_check_interval_seconds: Option<u64>,
    /// `FAIL` or `LITERAL`.
    #[schema(default = "FAIL")]
    on_unresolved_reference: Option<String>,
    /// `FAIL` or `SKIP`.
    #[schema(default = "FAIL")]
    on_invalid: Option<String>,
    /// `OVERWRITE_DESTINATION`, `IMPORT_PRIORITIZE_SOURCE` or `IMPORT_PRIORITIZE_DESTINATION`: what the first run does
    /// with keys that are there already. Those that import need `secrets:write`, and values that can be read.
    initial_sync_behavior: Option<String>,
    /// Whether written values are read back; on the first run only when it is left out.
    verify: Option<bool>,
    /// Knows `{{secretKey}}` and `{{environment}}`.
    #[schema(default = "{{secretKey}}")]
    key_template: Option<String>,
    key_prefix: Option<String>,
    key_suffix: Option<String>,
    /// `KEEP`, `UPPER` or `LOWER`.
    #[schema(default = "KEEP")]
    key_case: Option<String>,
    /// Secret name to key; what stands here passes template, prefix, suffix and case by.
    key_names: Option<BTreeMap<String, String>>,
}

impl Read for SyncSpec {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", read::name::<Slug>);
        let display_name = fields.optional("displayName", read::filled_text(DISPLAY_NAME_MAX));
        let integration = fields.required("integration", read::name::<Slug>);
        let config = fields.optional("config", read::parsed::<ConnectionUid>(CONFIG_RULE));
        let parameters = fields.or("parameters", Map::new(), read::members);
        let source = fields.required("source", read::object::<Selection>);
        let destination = fields.or("destination", Map::new(), read::members);
        let options = fields.optional("options", read::object::<OptionsPatch>);
        fields.ignore(&SHOWN_ONLY);
        let id = id?;
        Some(Self {
            display_name: display_name?.unwrap_or_else(|| id.to_string()),
            id,
            integration: integration?,
            config: config?,
            parameters: parameters?,
            source: source?,
            destination: destination?,
            presentation: None,
            options: options?.map(|options| options.apply(SyncOptions::default())).unwrap_or_default(),
        })
    }
}

impl Read for Selection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let environment = fields.required("environment", read::name::<Slug>);
        let path = fields.optional("path", read::parsed(PATH_RULE));
        let recursive = fields.or("recursive", false, read::boolean);
        let globs = || read::list(ENTRIES_MAX, read::filled_text(TEXT_MAX));
        let include = fields.or("include", Vec::new(), globs());
        let exclude = fields.or("exclude", Vec::new(), globs());
        let tags = fields.or("tags", Vec::new(), read::list(ENTRIES_MAX, read::name::<Tag>));
        let metadata = fields.or("metadata", BTreeMap::new(), read::map(ENTRIES_MAX, read::text(TEXT_MAX)));
        Some(Self {
            environment: environment?,
            path: path?.unwrap_or_default(),
            recursive: recursive?,
            include: include?,
            exclude: exclude?,
            tags: tags?,
            metadata: metadata?,
        })
    }
}

/// What a change says of a sync.
pub(super) struct SyncPatch {
    display_name: Option<String>,
    integration: Option<Slug>,
    config: Patch<ConnectionUid>,
    parameters: Option<Map<String, Value>>,
    source: Option<Selection>,
    destination: Option<Map<String, Value>>,
    options: Option<OptionsPatch>,
}

impl Read for SyncPatch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let display_name = fields.optional("displayName", read::filled_text(DISPLAY_NAME_MAX));
        let integration = fields.optional("integration", read::name::<Slug>);
        let config = fields.patch("config", read::parsed::<ConnectionUid>(CONFIG_RULE));
        let parameters = fields.optional("parameters", read::members);
        let source = fields.optional("source", read::object::<Selection>);
        let destination = fields.optional("destination", read::members);
        let options = fields.optional("options", read::object::<OptionsPatch>);
        fields.ignore(&SHOWN_ONLY);
        fields.ignore(&["id"]);
        Some(Self {
            display_name: display_name?,
            integration: integration?,
            config: config?,
            parameters: parameters?,
            source: source?,
            destination: destination?,
            options: options?,
        })
    }
}

impl SyncPatch {
    /// Whether it says where to carry from.
    pub(super) const fn names_source(&self) -> bool {
        self.source.is_some()
    }

    /// The sync after the change.
    pub(super) fn apply(&self, spec: SyncSpec) -> SyncSpec {
        let options = match &self.options {
            Some(options) => options.clone().apply(spec.options),
            None => spec.options,
        };
        SyncSpec {
            id: spec.id,
            display_name: self.display_name.clone().unwrap_or(spec.display_name),
            integration: self.integration.clone().unwrap_or(spec.integration),
            config: self.config.clone().apply(spec.config),
            parameters: self.parameters.clone().unwrap_or(spec.parameters),
            source: self.source.clone().unwrap_or(spec.source),
            destination: self.destination.clone().unwrap_or(spec.destination),
            options,
            presentation: spec.presentation,
        }
    }
}

/// Options as they are given; what is left out stays.
#[derive(Clone)]
struct OptionsPatch {
    auto_sync: Option<bool>,
    deletion: Option<Deletion>,
    on_conflict: Option<OnConflict>,
    on_drift: Option<OnDrift>,
    drift_check_interval_seconds: Patch<u64>,
    on_unresolved_reference: Option<OnUnresolvedReference>,
    on_invalid: Option<OnInvalid>,
    initial_sync_behavior: Patch<InitialSync>,
    verify: Patch<bool>,
    key_template: Option<String>,
    key_prefix: Option<String>,
    key_suffix: Option<String>,
    key_case: Option<KeyCase>,
    key_names: Option<BTreeMap<String, String>>,
}

impl Read for OptionsPatch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let auto_sync = fields.optional("autoSync", read::boolean);
        let deletion = [("OWNED", Deletion::Owned), ("NEVER", Deletion::Never)];
        let deletion = fields.optional("deletion", words(deletion));
        let on_conflict =
            [("STOP", OnConflict::Stop), ("OVERWRITE", OnConflict::Overwrite), ("IMPORT", OnConflict::Import)];
        let on_conflict = fields.optional("onConflict", words(on_conflict));
        let on_drift = fields.optional("onDrift", words([("REPAIR", OnDrift::Repair), ("REPORT", OnDrift::Report)]));
        let drift_check_interval_seconds = fields.patch("driftCheckIntervalSeconds", drift_check_interval);
        let unresolved = [("FAIL", OnUnresolvedReference::Fail), ("LITERAL", OnUnresolvedReference::Literal)];
        let on_unresolved_reference = fields.optional("onUnresolvedReference", words(unresolved));
        let on_invalid = fields.optional("onInvalid", words([("FAIL", OnInvalid::Fail), ("SKIP", OnInvalid::Skip)]));
        let initial = [
            ("OVERWRITE_DESTINATION", InitialSync::OverwriteDestination),
            ("IMPORT_PRIORITIZE_SOURCE", InitialSync::ImportPrioritizeSource),
            ("IMPORT_PRIORITIZE_DESTINATION", InitialSync::ImportPrioritizeDestination),
        ];
        let initial_sync_behavior = fields.patch("initialSyncBehavior", words(initial));
        let verify = fields.patch("verify", read::boolean);
        let key_template = fields.optional("keyTemplate", read::filled_text(TEXT_MAX));
        let key_prefix = fields.optional("keyPrefix", read::text(TEXT_MAX));
        let key_suffix = fields.optional("keySuffix", read::text(TEXT_MAX));
        let key_case = [("KEEP", KeyCase::Keep), ("UPPER", KeyCase::Upper), ("LOWER", KeyCase::Lower)];
        let key_case = fields.optional("keyCase", words(key_case));
        let key_names = fields.optional("keyNames", read::map(ENTRIES_MAX, read::text(TEXT_MAX)));
        Some(Self {
            auto_sync: auto_sync?,
            deletion: deletion?,
            on_conflict: on_conflict?,
            on_drift: on_drift?,
            drift_check_interval_seconds: drift_check_interval_seconds?,
            on_unresolved_reference: on_unresolved_reference?,
            on_invalid: on_invalid?,
            initial_sync_behavior: initial_sync_behavior?,
            verify: verify?,
            key_template: key_template?,
            key_prefix: key_prefix?,
            key_suffix: key_suffix?,
            key_case: key_case?,
            key_names: key_names?,
        })
    }
}

impl OptionsPatch {
    fn apply(self, options: SyncOptions) -> SyncOptions {
        SyncOptions {
            auto_sync: self.auto_sync.unwrap_or(options.auto_sync),
            deletion: self.deletion.unwrap_or(options.deletion),
            on_conflict: self.on_conflict.unwrap_or(options.on_conflict),
            on_drift: self.on_drift.unwrap_or(options.on_drift),
            drift_check_interval_seconds: self.drift_check_interval_seconds.apply(options.drift_check_interval_seconds),
            on_unresolved_reference: self.on_unresolved_reference.unwrap_or(options.on_unresolved_reference),
            on_invalid: self.on_invalid.unwrap_or(options.on_invalid),
            initial_sync_behavior: self.initial_sync_behavior.apply(options.initial_sync_behavior),
            verify: self.verify.apply(options.verify),
            key_template: self.key_template.unwrap_or(options.key_template),
            key_prefix: self.key_prefix.unwrap_or(options.key_prefix),
            key_suffix: self.key_suffix.unwrap_or(options.key_suffix),
            key_case: self.key_case.unwrap_or(options.key_case),
            key_names: self.key_names.unwrap_or(options.key_names),
        }
    }
}

fn drift_check_interval(at: &At<'_>, value: Value) -> Option<u64> {
    if value.as_u64() == Some(0) {
        return Some(0);
    }
    let seconds = read::integer(DRIFT_CHECK_INTERVAL_S)(at, value)?;
    u64::try_from(seconds).ok()
}

/// One of a few words, in any case; `UNSPECIFIED` is none of them.
fn words<T: Copy, const N: usize>(options: [(&'static str, T); N]) -> impl Fn(&At<'_>, Value) -> Option<T> {
    move |at, value| read::one_of(&options, at, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fields::read_body;

    const DOCUMENTED: &str = r#"{"id":"app-to-ssm","displayName":"App to SSM","integration":"aws-parameter-store",
        "config":"0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20",
        "source":{"environment":"prod","path":"/app","recursive":false,"include":["*"],"exclude":[]},
        "destination":{"path":"/app/"},
        "options":{"autoSync":true,"deletion":"OWNED","onConflict":"STOP","onDrift":"REPAIR",
            "keyTemplate":"{{secretKey}}","verify":true}}"#;

    #[test]
    fn the_documented_request_is_read() {
        let spec = read_body::<SyncSpec>(DOCUMENTED.as_bytes()).expect("the documented example");
        assert_eq!(spec.options, SyncOptions { verify: Some(true), ..SyncOptions::default() });
        assert_eq!((spec.source.path.to_string().as_str(), spec.config.is_some()), ("/app", true));
    }

    #[test]
    fn only_the_needed_must_be_said() {
        let spec = read_body::<SyncSpec>(br#"{"id":"s","integration":"i","source":{"environment":"prod"}}"#);
        let spec = spec.expect("all else has a default");
        assert_eq!((spec.display_name.as_str(), spec.options), ("s", SyncOptions::default()));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let body = br#"{"id":"a b","source":{"path":"app"},"options":{"onDrft":"REPAIR","deletion":"ALL"}}"#;
        let error = read_body::<SyncSpec>(body).expect_err("much is wrong");
        let pointers: Vec<_> = error.violations().iter().map(|violation| violation.pointer.as_str()).collect();
        let expected =
            ["/id", "/integration", "/source/environment", "/source/path", "/options/deletion", "/options/onDrft"];
        assert_eq!(pointers, expected);
    }

    #[test]
    fn a_patch_keeps_what_it_does_not_name() {
        let spec = read_body::<SyncSpec>(DOCUMENTED.as_bytes()).expect("the documented example");
        let body = br#"{"config":null,"options":{"onConflict":"overwrite","verify":null}}"#;
        let patched = read_body::<SyncPatch>(body).expect("a patch").apply(spec.clone());
        let options = SyncOptions { on_conflict: OnConflict::Overwrite, verify: None, ..spec.options.clone() };
        assert_eq!(patched, SyncSpec { config: None, options, ..spec });
    }
}
