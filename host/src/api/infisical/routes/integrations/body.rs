//! What requests say of a native integration.

use keyferry_contract::LegacyScope;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::fields::{At, Fields, Read, read};
use crate::api::infisical::native::TEXT_MAX;
use crate::domain::integration::legacy::{LegacyMap, member};
use crate::domain::name::{FolderPath, Slug};
use crate::domain::settings::to_text;
use crate::domain::sync::{Deletion, InitialSync, OnConflict, OnInvalid, Selection, SyncOptions, SyncSpec};

/// The generic members, whose meaning the plugin declares.
pub(super) const MEMBERS: [&str; 11] = [
    "app",
    "appId",
    "targetEnvironment",
    "targetEnvironmentId",
    "targetService",
    "targetServiceId",
    "owner",
    "url",
    "path",
    "region",
    "scope",
];
/// Characters of a display name.
const DISPLAY_NAME_MAX: usize = 100;
const PATH_RULE: &str = "must be an absolute folder path, like `/app/db`";

/// Words for what a first run does, and what they mean here.
pub(super) const INITIAL: [(&str, InitialSync); 3] = [
    ("overwrite-target", InitialSync::OverwriteDestination),
    ("prefer-source", InitialSync::ImportPrioritizeSource),
    ("prefer-target", InitialSync::ImportPrioritizeDestination),
];

/// A native integration to be made.
#[derive(ToSchema)]
#[schema(as = InfisicalIntegrationIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewIntegration` reads")]
pub(super) struct NewIntegrationSchema {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d21")]
    integration_auth_id: String,
    /// Whether it runs.
    #[schema(default = true)]
    is_active: Option<bool>,
    /// The environment's slug.
    #[schema(example = "dev")]
    source_environment: String,
    /// The folder; the root when it is left out.
    #[schema(example = "/", default = "/")]
    secret_path: Option<String>,
    /// For AWS Parameter Store a name for people.
    #[schema(example = "my app")]
    app: Option<String>,
    app_id: Option<String>,
    target_environment: Option<String>,
    target_environment_id: Option<String>,
    target_service: Option<String>,
    target_service_id: Option<String>,
    owner: Option<String>,
    url: Option<String>,
    /// For AWS Parameter Store the path that parameters stand under; `/` when it is left out.
    #[schema(example = "/app/")]
    path: Option<String>,
    #[schema(example = "us-east-1")]
    region: Option<String>,
    scope: Option<String>,
    /// `secretPrefix`, `secretSuffix`, `initialSyncBehavior`, `shouldDisableDelete`, and what the plugin declares, such as
    /// `kmsKeyId` and `secretAWSTag`.
    #[schema(value_type = Option<Object>, example = json!({}))]
    metadata: Option<Value>,
}

/// What changes of a native integration; what is left out stays, and `metadata` is merged over what is stored.
#[derive(ToSchema)]
#[schema(as = InfisicalIntegrationPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `IntegrationChange` reads")]
pub(super) struct IntegrationPatchSchema {
    is_active: Option<bool>,
    /// The environment's slug.
    environment: Option<String>,
    secret_path: Option<String>,
    app: Option<String>,
    app_id: Option<String>,
    target_environment: Option<String>,
    target_environment_id: Option<String>,
    target_service: Option<String>,
    target_service_id: Option<String>,
    owner: Option<String>,
    url: Option<String>,
    path: Option<String>,
    region: Option<String>,
    scope: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// A native integration to be made.
pub(super) struct NewIntegration {
    pub(super) auth: String,
    pub(super) is_active: bool,
    pub(super) source: Selection,
    pub(super) said: Said,
}

impl Read for NewIntegration {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let auth = fields.required("integrationAuthId", read::filled_text(TEXT_MAX));
        let is_active = fields.or("isActive", true, read::boolean);
        let environment = fields.required("sourceEnvironment", read::name::<Slug>);
        let path = fields.or("secretPath", FolderPath::default(), folder);
        let said = Said::read(fields);
        let (environment, path) = (environment?, path?);
        let source = Selection {
            environment,
            path,
            recursive: false,
            include: Vec::new(),
            exclude: Vec::new(),
            tags: Vec::new(),
            metadata: std::collections::BTreeMap::new(),
        };
        Some(Self { auth: auth?, is_active: is_active?, source, said: said? })
    }
}

/// What changes of a native integration.
pub(super) struct IntegrationChange {
    pub(super) is_active: Option<bool>,
    environment: Option<Slug>,
    path: Option<FolderPath>,
    pub(super) said: Said,
}

impl Read for IntegrationChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.aliases("environment", &["sourceEnvironment"]);
        let is_active = fields.optional("isActive", read::boolean);
        let environment = fields.optional("environment", read::name::<Slug>);
        let path = fields.optional("secretPath", folder);
        let said = Said::read(fields);
        Some(Self { is_active: is_active?, environment: environment?, path: path?, said: said? })
    }
}

impl IntegrationChange {
    /// Whether it says where to carry from.
    pub(super) const fn names_source(&self) -> bool {
        self.environment.is_some() || self.path.is_some()
    }

    /// What the integration says after the change; `members` are then all that was said of it.
    pub(super) fn applied(&self, map: &LegacyMap, mut spec: SyncSpec, members: &Map<String, Value>) -> SyncSpec {
        spec.source.environment = self.environment.clone().unwrap_or(spec.source.environment);
        spec.source.path = self.path.clone().unwrap_or(spec.source.path);
        let mut spec = self.said.applied(map, spec, false);
        // Two members say it, and one of them may stand there from before.
        if deletion(&self.said.0).is_some() {
            spec.options.deletion = deletion(members).unwrap_or(spec.options.deletion);
        }
        spec
    }
}

/// A folder, whose path may end with a slash; empty is the root.
fn folder(at: &At<'_>, value: Value) -> Option<FolderPath> {
    let text = read::text(TEXT_MAX)(at, value)?;
    let path = text.trim_end_matches('/');
    let path = if path.is_empty() { "/" } else { path };
    read::parsed(PATH_RULE)(at, Value::from(path))
}

/// The generic members and the metadata, as they were sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(pub(super) Map<String, Value>);

impl Read for Said {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut members = Map::new();
        let mut is_good = true;
        for name in MEMBERS {
            let text = match fields.take(name) {
                None => continue,
                Some(Value::Null) => Some(Value::Null),
                Some(value) => read::text(TEXT_MAX)(&fields.place(name), value).map(Value::String),
            };
            is_good &= text.is_some();
            members.extend(text.map(|text| (name.to_owned(), text)));
        }
        let at = fields.place("metadata");
        let metadata = fields.optional("metadata", read::members)?;
        if let Some(metadata) = metadata {
            is_good &= is_good_metadata(&at, &metadata);
            members.insert("metadata".to_owned(), Value::Object(metadata));
        }
        is_good.then_some(Self(members))
    }
}

/// Members of the metadata that the host itself acts on are of their type; others are the plugin's, or nobody's.
fn is_good_metadata(at: &At<'_>, metadata: &Map<String, Value>) -> bool {
    let said = |name: &str| metadata.get(name).filter(|value| !value.is_null()).cloned();
    let texts = ["secretPrefix", "secretSuffix"]
        .map(|name| said(name).is_none_or(|value| read::text(TEXT_MAX)(&at.below(name), value).is_some()));
    let switches = ["shouldDisableDelete", "shouldEnableDelete"]
        .map(|name| said(name).is_none_or(|value| read::boolean(&at.below(name), value).is_some()));
    let initial = said("initialSyncBehavior").filter(|value| value.as_str() != Some(""));
    let initial = initial.is_none_or(|value| read::one_of(&INITIAL, &at.below("initialSyncBehavior"), value).is_some());
    texts.into_iter().chain(switches).all(|is_good| is_good) && initial
}

impl Said {
    fn metadata(&self, name: &str) -> Option<&Value> {
        self.0.get("metadata").and_then(|metadata| metadata.get(name))
    }

    /// What stood so far with this said over it: null takes a member away, and metadata is merged.
    pub(super) fn over(&self, mut all: Map<String, Value>) -> Map<String, Value> {
        for (name, value) in &self.0 {
            match (all.get_mut(name), value) {
                (Some(Value::Object(before)), Value::Object(said)) => before.extend(said.clone()),
                _ => drop(all.insert(name.clone(), value.clone())),
            }
        }
        all
    }

    /// The address that is named, where one is.
    pub(super) fn address(&self) -> Option<&str> {
        member(&self.0, "url").and_then(Value::as_str)
    }

    /// The name for people.
    pub(super) fn display_name(&self, map: &LegacyMap) -> Option<String> {
        member(&self.0, map.label()?).map(|label| as_display_name(&to_text(label)))
    }

    /// What a sync says once this was said of it. Where these are all members, what is left out has its default.
    pub(super) fn applied(&self, map: &LegacyMap, mut spec: SyncSpec, are_all: bool) -> SyncSpec {
        map.settle(LegacyScope::Connection, &self.0, are_all, &mut spec.parameters);
        map.settle(LegacyScope::Destination, &self.0, are_all, &mut spec.destination);
        spec.display_name = self.display_name(map).unwrap_or(spec.display_name);
        spec.options = self.options(spec.options);
        spec
    }

    fn options(&self, mut options: SyncOptions) -> SyncOptions {
        if let Some(prefix) = self.metadata("secretPrefix") {
            options.key_prefix = text(prefix);
        }
        if let Some(suffix) = self.metadata("secretSuffix") {
            options.key_suffix = text(suffix);
        }
        if let Some(initial) = self.metadata("initialSyncBehavior") {
            options.initial_sync_behavior = Some(initial_of(Some(initial)));
        }
        options.deletion = deletion(&self.0).unwrap_or(options.deletion);
        options
    }
}

/// What members say of deletion, if anything.
fn deletion(members: &Map<String, Value>) -> Option<Deletion> {
    let said = |name: &str| members.get("metadata").and_then(|metadata| metadata.get(name));
    let (disabled, enabled) = (said("shouldDisableDelete"), said("shouldEnableDelete"));
    disabled.or(enabled)?;
    Some(deletion_of(disabled, enabled))
}

/// As much of a name as a sync can have.
pub(super) fn as_display_name(name: &str) -> String {
    name.chars().take(DISPLAY_NAME_MAX).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn is(value: Option<&Value>, wanted: bool) -> bool {
    value.is_some_and(|value| {
        value.as_bool() == Some(wanted) || value.as_str() == Some(if wanted { "true" } else { "false" })
    })
}

/// Whether keys that are no longer wanted are deleted, by the two members that can say so.
pub(super) fn deletion_of(disabled: Option<&Value>, enabled: Option<&Value>) -> Deletion {
    if is(disabled, true) || is(enabled, false) { Deletion::Never } else { Deletion::Owned }
}

/// What a first run does; nothing said: the destination is overwritten.
pub(super) fn initial_of(value: Option<&Value>) -> InitialSync {
    let word = value.and_then(Value::as_str).unwrap_or_default();
    let known = INITIAL.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    known.map_or(InitialSync::OverwriteDestination, |(_, meant)| *meant)
}

/// The options of a native integration of which nothing is said: as its clients know them, the destination is overwritten.
/// What this sync did not write is never deleted all the same, and values that the destination does not take are left out.
pub(super) fn usual_options() -> SyncOptions {
    SyncOptions {
        on_conflict: OnConflict::Overwrite,
        on_invalid: OnInvalid::Skip,
        initial_sync_behavior: Some(InitialSync::OverwriteDestination),
        ..SyncOptions::default()
    }
}
