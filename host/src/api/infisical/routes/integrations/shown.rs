//! How a sync is shown as a native integration: what was sent as it was sent, as long as the sync still says so; else what it
//! says now.

use keyferry_contract::LegacyScope;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::body::{INITIAL, MEMBERS, as_display_name, deletion_of, initial_of};
use super::outcome::Outcome;
use crate::api::infisical::environment::EnvironmentShort;
use crate::api::infisical::time;
use crate::domain::integration::legacy::{as_member, member};
use crate::domain::settings::to_text;
use crate::domain::sync::{Deletion, Form, SyncSpec};
use crate::records::connections::ConnectionRecord;
use crate::service::context::TenantCtx;
use crate::service::integrations::LegacyIntegration;
use crate::service::syncs::SyncView;

/// A native integration.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalIntegration)]
pub(super) struct IntegrationOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d23")]
    id: String,
    is_active: bool,
    url: Option<String>,
    #[schema(example = "my app")]
    app: Option<String>,
    app_id: Option<String>,
    target_environment: Option<String>,
    target_environment_id: Option<String>,
    target_service: Option<String>,
    target_service_id: Option<String>,
    owner: Option<String>,
    #[schema(example = "/app/")]
    path: Option<String>,
    #[schema(example = "us-east-1")]
    region: Option<String>,
    scope: Option<String>,
    #[schema(example = "aws-parameter-store")]
    integration: String,
    #[schema(value_type = Object)]
    metadata: Value,
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d21")]
    integration_auth_id: String,
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d22")]
    env_id: String,
    #[schema(example = "/")]
    secret_path: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    updated_at: String,
    /// When the last run ended; null before the first one.
    last_used: Option<String>,
    /// Whether the last run carried everything out; null before the first one.
    is_synced: Option<bool>,
    /// Why it did not; empty where it did.
    sync_message: Option<String>,
    last_sync_job_id: Option<String>,
    environment: EnvironmentShort,
}

/// One native integration.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalIntegrationEnvelope)]
pub(super) struct IntegrationEnvelope {
    pub(super) integration: IntegrationOut,
}

/// Native integrations of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalIntegrations)]
pub(super) struct IntegrationsEnvelope {
    pub(super) integrations: Vec<IntegrationOut>,
}

/// A sync with what it takes to show it in the dialect.
pub(super) struct Shown<'a> {
    pub(super) view: &'a SyncView,
    pub(super) integration: &'a LegacyIntegration,
    /// `None`: the integration's own, which the dialect does not show.
    pub(super) connection: Option<&'a ConnectionRecord>,
}

impl Shown<'_> {
    pub(super) fn as_integration(&self, ctx: &TenantCtx) -> IntegrationOut {
        let record = &self.view.record;
        let outcome = Outcome::of(ctx, self.view);
        let text = |name: &str| self.member(name).map(|value| to_text(&value));
        IntegrationOut {
            id: record.uid.to_string(),
            is_active: record.pause.is_none(),
            url: text("url"),
            app: text("app"),
            app_id: text("appId"),
            target_environment: text("targetEnvironment"),
            target_environment_id: text("targetEnvironmentId"),
            target_service: text("targetService"),
            target_service_id: text("targetServiceId"),
            owner: text("owner"),
            path: text("path"),
            region: text("region"),
            scope: text("scope"),
            integration: self.integration_name(),
            metadata: Value::Object(self.metadata()),
            integration_auth_id: record.connection.to_string(),
            env_id: record.environment.to_string(),
            secret_path: record.spec.source.path.to_string(),
            created_at: time::text(record.created_at),
            updated_at: time::text(record.modified_at),
            last_used: outcome.last_used.map(time::text),
            is_synced: outcome.is_synced,
            sync_message: outcome.message,
            last_sync_job_id: outcome.job_id,
            environment: self.environment(),
        }
    }

    fn environment(&self) -> EnvironmentShort {
        let slug = self.view.record.spec.source.environment.to_string();
        let name = self.view.environment.as_ref().map(|environment| environment.display_name.clone());
        EnvironmentShort {
            name: name.unwrap_or_else(|| slug.clone()),
            slug,
            id: self.view.record.environment.to_string(),
        }
    }

    /// As it was sent with the credentials.
    fn integration_name(&self) -> String {
        let sent = self.connection.and_then(|connection| member(&connection.presentation, "integration"));
        sent.map_or_else(|| self.integration.name.clone(), to_text)
    }

    fn spec(&self) -> &SyncSpec {
        &self.view.record.spec
    }

    /// What was sent to make and change it; `None`: it was made in other words.
    fn sent(&self) -> Option<&Map<String, Value>> {
        let presentation = self.spec().presentation.as_ref();
        presentation.filter(|presentation| presentation.form == Form::Integration).map(|sent| &sent.members)
    }

    /// One member, `metadata.x` for one of the metadata.
    fn member(&self, name: &str) -> Option<Value> {
        let map = &self.integration.map;
        let sent = self.sent().and_then(|sent| named(sent, name)).filter(|value| !value.is_null());
        for scope in [LegacyScope::Connection, LegacyScope::Destination] {
            if let Some(parameter) = map.parameter_of(scope, name) {
                return self.setting(scope, (name, &parameter.name), sent);
            }
        }
        if map.label() == Some(name) { self.label(sent) } else { sent.cloned() }
    }

    /// A member that goes to a parameter. One that was made in other words may leave it to its connection.
    fn setting(&self, scope: LegacyScope, (name, parameter): (&str, &str), sent: Option<&Value>) -> Option<Value> {
        let spec = self.spec();
        let settings = if scope == LegacyScope::Destination { &spec.destination } else { &spec.parameters };
        let own = settings.get(parameter);
        if self.sent().is_some() && sent.is_none() && own.is_none() {
            return None;
        }
        let settled = self.connection.filter(|_| scope == LegacyScope::Connection);
        let settled = settled.and_then(|connection| connection.draft.parameters.as_ref()?.get(parameter));
        let present = own.or(settled);
        let meant = self.integration.map.setting_of(scope, name, sent);
        let holds = self.sent().is_some() && meant.as_ref() == present;
        if holds { sent.cloned() } else { present.map(as_member) }
    }

    /// All members as they are shown, to be changed by what is sent.
    pub(super) fn members(&self) -> Map<String, Value> {
        let members = MEMBERS.into_iter().filter_map(|name| Some((name.to_owned(), self.member(name)?)));
        members.chain([("metadata".to_owned(), Value::Object(self.metadata()))]).collect()
    }

    fn label(&self, sent: Option<&Value>) -> Option<Value> {
        let display_name = self.spec().display_name.as_str();
        match sent.and_then(Value::as_str) {
            Some(sent) if as_display_name(sent) == display_name => Some(Value::from(sent)),
            None if self.sent().is_some() => None,
            _ => Some(Value::from(display_name)),
        }
    }

    fn metadata(&self) -> Map<String, Value> {
        let sent = self.sent().and_then(|sent| sent.get("metadata")).and_then(Value::as_object);
        let mut metadata = sent.cloned().unwrap_or_default();
        metadata.retain(|_, value| !value.is_null());
        for name in self.integration.map.metadata_members() {
            match self.member(&format!("metadata.{name}")) {
                Some(value) => metadata.insert(name.to_owned(), value),
                None => metadata.remove(name),
            };
        }
        self.show_options(&mut metadata);
        metadata
    }

    /// Puts in what the host itself acts on, where it is no longer what was sent.
    fn show_options(&self, metadata: &mut Map<String, Value>) {
        let options = &self.spec().options;
        for (name, present) in [("secretPrefix", &options.key_prefix), ("secretSuffix", &options.key_suffix)] {
            if metadata.get(name).and_then(Value::as_str).unwrap_or_default() != present {
                metadata.insert(name.to_owned(), Value::from(present.as_str()));
            }
        }
        let sent = deletion_of(metadata.get("shouldDisableDelete"), metadata.get("shouldEnableDelete"));
        if sent != options.deletion {
            metadata.remove("shouldEnableDelete");
            metadata.insert("shouldDisableDelete".to_owned(), Value::Bool(options.deletion == Deletion::Never));
        }
        let initial = metadata.get("initialSyncBehavior");
        if let Some(present) = options.initial_sync_behavior.filter(|present| initial_of(initial) != *present) {
            let word = INITIAL.iter().find(|(_, meant)| *meant == present).map_or("", |(word, _)| word);
            metadata.insert("initialSyncBehavior".to_owned(), Value::from(word));
        }
    }
}

/// As it was sent, the empty text included.
fn named<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    match name.strip_prefix("metadata.") {
        Some(name) => members.get("metadata").and_then(|metadata| metadata.get(name)),
        None => members.get(name),
    }
}
