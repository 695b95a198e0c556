//! Making, changing and deleting CUSTOM integrations, with the default connection that each may have.

use std::collections::BTreeSet;

use keyferry_contract::ConfigMetadata;
use serde_json::{Map, Value};

use super::{
    Code, Entered, Error, Form, Given, GivenAuth, Integrations, Patch, Pointer, ResolvedIntegration, Result, Scope,
    Slug, Standing, Tag, TenantCtx, Violations, connection_rows, credentials, resolve, rows, settle, violation,
};
use crate::domain::id::{ConnectionUid, IntegrationUid};
use crate::domain::integration::{check_custom, keep_secrets, parse_config_metadata};
use crate::domain::{Expected, Timestamp};
use crate::records::Transaction;
use crate::records::connections::{ConnectionRecord, ConnectionState};
use crate::records::integrations::IntegrationRecord;
use crate::records::plugins as plugin_rows;
use crate::service::audit;
use crate::service::connections::Connections;
use crate::service::connections::settle::Settled;
use crate::service::connections::write::apply_settled;
use crate::service::integrations::IntegrationView;
use crate::service::integrations::view::INTEGRATIONS_MAX;
use crate::service::plugins::catalogue::ActivePlugin;
use crate::service::syncs::trigger::connection_changed;
use crate::transact;

/// The plugin that executes CUSTOM integrations which name none.
const DEFAULT_PLUGIN: &str = "http";

/// An integration to be made.
#[derive(Clone, Debug, Default)]
pub struct NewIntegration {
    /// Made by the host where left out.
    pub id: Option<Slug>,
    pub display_name: Option<String>,
    pub description: Option<String>,
    /// Unchecked.
    pub config_metadata: Option<Value>,
    pub plugin: Option<Slug>,
    pub plugin_settings: Option<Map<String, Value>>,
    pub tags: Vec<Tag>,
    pub parameters: Option<Given>,
    pub auth: Option<GivenAuth>,
}

/// What changes of an integration. Metadata, plugin and display name can be replaced but not cleared.
#[derive(Clone, Debug, Default)]
pub struct IntegrationChange {
    pub display_name: Option<String>,
    pub description: Patch<String>,
    /// Unchecked.
    pub config_metadata: Option<Value>,
    pub plugin: Option<Slug>,
    pub plugin_settings: Patch<Map<String, Value>>,
    pub tags: Patch<Vec<Tag>>,
    pub parameters: Patch<Given>,
    pub auth: Patch<GivenAuth>,
}

impl Integrations {
    /// Makes a CUSTOM integration.
    ///
    /// # Errors
    /// `scope_missing`, `already_exists`, `invalid_request` with every violation.
    pub async fn create(&self, ctx: &TenantCtx, new: NewIntegration) -> Result<IntegrationView> {
        ctx.require(Scope::IntegrationsWrite)?;
        let now = self.core.clock.now();
        let uid = IntegrationUid::generate();
        let slug = match new.id {
            Some(id) => id,
            None => format!("custom_{}", uid.uuid().simple()).parse().map_err(Error::internal)?,
        };
        let blank = IntegrationRecord {
            uid,
            display_name: slug.to_string(),
            slug,
            description: None,
            config_metadata: ConfigMetadata::default(),
            plugin: DEFAULT_PLUGIN.parse().map_err(Error::internal)?,
            plugin_settings: None,
            tags: Vec::new(),
            default_connection: None,
            created_at: now,
            modified_at: now,
        };
        let change = IntegrationChange {
            display_name: new.display_name,
            description: Patch::initial(new.description),
            config_metadata: new.config_metadata,
            plugin: new.plugin,
            plugin_settings: Patch::initial(new.plugin_settings),
            tags: Patch::Set(new.tags),
            parameters: Patch::initial(new.parameters),
            auth: Patch::initial(new.auth),
        };
        let view = self.core.records.view().await?;
        let prepared = self.prepare(&view, &blank, change, Current { is_new: true, ..Current::default() }).await?;
        let mut record = prepared.record;
        transact!(self.core.records, |tx| {
            if plugin_rows::is_installed(&mut tx, &record.slug).await? {
                return Err(Error::new(Code::AlreadyExists, "a plugin has this id"));
            }
            if rows::is_taken(&mut tx, ctx.tenant(), &record.slug).await? {
                return Err(Error::new(Code::AlreadyExists, "an integration with this id exists"));
            }
            if rows::count(tx.view(), ctx.tenant(), INTEGRATIONS_MAX).await? >= INTEGRATIONS_MAX {
                return Err(Error::new(Code::WrongState, "the tenant has too many integrations"));
            }
            rows::index(&mut tx, ctx.tenant(), &record);
            self.write_default(&mut tx, ctx, &mut record, None, &prepared.settled, now).await?;
            tx.put(&rows::key(ctx.tenant(), uid), &record).await?;
            audit::record(&mut tx, ctx, now, "integrations.create", record.slug.as_str()).await?;
        });
        self.read_again(ctx, &record.slug).await
    }

    /// Changes a CUSTOM integration. Credentials that are not sent again stay.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` (SYSTEM ones too), `precondition_failed`, `invalid_request` with every violation,
    /// `credential_rebind_refused`.
    pub async fn update(
        &self,
        ctx: &TenantCtx,
        id: &Slug,
        change: IntegrationChange,
        expected: &Expected,
    ) -> Result<IntegrationView> {
        ctx.require(Scope::IntegrationsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let present = rows::find_for_update(&mut tx, ctx.tenant(), id).await?;
            let present = present.ok_or_else(|| Error::not_found("integration"))?;
            expected.check(present.version)?;
            let connection = match present.value.default_connection {
                Some(uid) => {
                    connection_rows::read_for_update(&mut tx, ctx.tenant(), uid).await?.map(|found| found.value)
                }
                None => None,
            };
            let credential = match &connection {
                Some(found) => Connections::credential(tx.view(), ctx.tenant(), found.uid, &found.draft).await?,
                None => None,
            };
            let current = Current { is_new: false, connection: connection.as_ref(), credential: credential.as_ref() };
            let prepared = self.prepare(tx.view(), &present.value, change.clone(), current).await?;
            let mut record = IntegrationRecord { modified_at: now, ..prepared.record };
            self.write_default(&mut tx, ctx, &mut record, connection, &prepared.settled, now).await?;
            tx.put(&rows::key(ctx.tenant(), record.uid), &record).await?;
            if let Some(connection) = record.default_connection {
                connection_changed(&mut tx, ctx.tenant(), connection, now).await?;
            }
            audit::record(&mut tx, ctx, now, "integrations.update", id.as_str()).await?;
        });
        self.read_again(ctx, id).await
    }

    /// Deletes a CUSTOM integration that has no configs and no syncs.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` (SYSTEM ones too), `precondition_failed`, `in_use`.
    pub async fn delete(&self, ctx: &TenantCtx, id: &Slug, expected: &Expected) -> Result<()> {
        ctx.require(Scope::IntegrationsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let present = rows::find_for_update(&mut tx, ctx.tenant(), id).await?;
            let present = present.ok_or_else(|| Error::not_found("integration"))?;
            expected.check(present.version)?;
            if connection_rows::has_any(tx.view(), ctx.tenant(), id).await? {
                return Err(Error::new(Code::InUse, "the integration has configs; delete them first"));
            }
            if let Some(uid) = present.value.default_connection {
                if connection_rows::is_used(tx.view(), ctx.tenant(), uid).await? {
                    return Err(Error::new(
                        Code::InUse,
                        "a sync uses the integration's own connection; delete it first",
                    ));
                }
                if let Some(connection) = connection_rows::read_for_update(&mut tx, ctx.tenant(), uid).await? {
                    connection_rows::remove(&mut tx, ctx.tenant(), &connection.value).await?;
                }
            }
            rows::remove(&mut tx, ctx.tenant(), &present.value).await?;
            audit::record(&mut tx, ctx, now, "integrations.delete", id.as_str()).await?;
        });
        Ok(())
    }

    /// The state right after a write, whatever the caller may read.
    async fn read_again(&self, ctx: &TenantCtx, id: &Slug) -> Result<IntegrationView> {
        let view = self.core.records.view().await?;
        let integration = resolve(&view, &self.catalogue, ctx.tenant(), id).await?;
        self.shown(&view, ctx, &integration).await
    }

    /// Everything that can be wrong with a change is found here, before anything is written.
    async fn prepare(
        &self,
        view: &crate::records::View,
        present: &IntegrationRecord,
        change: IntegrationChange,
        current: Current<'_>,
    ) -> Result<Prepared> {
        let mut violations = Violations::default();
        let plugin_id = change.plugin.as_ref().unwrap_or(&present.plugin).clone();
        let plugin = self.catalogue.active(view, &plugin_id).await?;
        let names_plugin = change.plugin.as_ref().is_some_and(|plugin| current.is_new || *plugin != present.plugin);
        let copies = names_plugin && change.config_metadata.is_none() && is_blank(&present.config_metadata);
        let mut metadata = match change.config_metadata {
            Some(value) => {
                let place = Pointer::root().member("configMetadata");
                violations.keep(parse_config_metadata(value, &place)).unwrap_or_default()
            }
            None if copies => plugin.as_ref().map(|p| p.metadata.config_metadata.clone()).unwrap_or_default(),
            None => present.config_metadata.clone(),
        };
        keep_secrets(&mut metadata, &present.config_metadata);
        let record = IntegrationRecord {
            display_name: change.display_name.unwrap_or_else(|| present.display_name.clone()),
            description: change.description.apply(present.description.clone()),
            plugin_settings: change.plugin_settings.apply(present.plugin_settings.clone()),
            tags: change.tags.apply(Some(present.tags.clone())).unwrap_or_default(),
            plugin: plugin_id,
            config_metadata: metadata,
            ..present.clone()
        };
        if violations.is_empty() {
            check_plugin(&record, plugin.as_ref(), names_plugin, &mut violations);
        }
        let integration = ResolvedIntegration {
            id: record.slug.clone(),
            metadata: record.config_metadata.clone(),
            plugin_id: record.plugin.clone(),
            plugin,
            custom: None,
        };
        let usable = violations.is_empty();
        let settled = settle_default(&integration, change.parameters, change.auth, current);
        match settled {
            // Violations of a connection against metadata that is itself wrong would only confuse.
            Err(error) if usable && error.code() != Code::InvalidRequest => return Err(error),
            Err(error) if usable => violations.extend(error.violations().iter().cloned()),
            Ok(settled) if usable => return Ok(Prepared { record, settled }),
            _ => {}
        }
        Err(Error::invalid(violations.into_vec()))
    }

    async fn write_default(
        &self,
        tx: &mut Transaction,
        ctx: &TenantCtx,
        record: &mut IntegrationRecord,
        connection: Option<ConnectionRecord>,
        settled: &Option<Settled>,
        now: Timestamp,
    ) -> Result<()> {
        let Some(settled) = settled else { return Ok(()) };
        let mut connection = connection.unwrap_or_else(|| ConnectionRecord {
            uid: ConnectionUid::generate(),
            integration: record.slug.clone(),
            is_default: true,
            display_name: None,
            description: None,
            presentation: Map::new(),
            unsettled_by: None,
            draft: ConnectionState::default(),
            published: None,
            latest_revision: 0,
            held_credentials: BTreeSet::new(),
            created_by: ctx.principal().identity,
            created_at: now,
            modified_at: now,
        });
        record.default_connection = Some(connection.uid);
        apply_settled(tx, ctx.tenant(), &mut connection, settled, now).await?;
        tx.put(&connection_rows::key(ctx.tenant(), connection.uid), &connection).await
    }
}

/// What is stored of the integration and its default connection.
#[derive(Clone, Copy, Default)]
struct Current<'a> {
    /// Whether the integration is only being made.
    is_new: bool,
    connection: Option<&'a ConnectionRecord>,
    credential: Option<&'a credentials::CredentialRecord>,
}

/// A change that may be written.
struct Prepared {
    record: IntegrationRecord,
    /// `None`: there is no default connection.
    settled: Option<Settled>,
}

fn is_blank(metadata: &ConfigMetadata) -> bool {
    metadata.parameters_metadata.is_empty() && metadata.auth_metadata.is_empty()
}

/// Without `pluginSettings` nothing is executed, so nothing has to fit; a plugin that is named must be there all the same.
fn check_plugin(
    record: &IntegrationRecord,
    plugin: Option<&ActivePlugin>,
    names_plugin: bool,
    violations: &mut Violations,
) {
    let place = Pointer::root().member("plugin");
    match (plugin, &record.plugin_settings) {
        (None, None) if !names_plugin => {}
        (None, _) => {
            let detail = format!("there is no active plugin `{}`", record.plugin);
            violations.add(&place, violation::UNKNOWN_REFERENCE, detail);
        }
        (Some(plugin), _) if names_plugin && !plugin.metadata.executes_custom() => {
            let detail = format!("the plugin `{}` executes no CUSTOM integrations", record.plugin);
            violations.add(&place, violation::NOT_SUPPORTED, detail);
        }
        (Some(plugin), Some(settings)) => {
            violations.keep(check_custom(&record.config_metadata, &plugin.metadata, settings));
        }
        (Some(_), None) => {}
    }
}

/// The default connection after the change; `None` when there is none before and after.
fn settle_default(
    integration: &ResolvedIntegration,
    parameters: Patch<Given>,
    auth: Patch<GivenAuth>,
    current: Current<'_>,
) -> Result<Option<Settled>> {
    // An integration without a connection shows `{}` and null, which must be taken back.
    let says_nothing = match &parameters {
        Patch::Set(given) => given.is_empty(),
        Patch::Keep | Patch::Clear => true,
    };
    if current.connection.is_none() && says_nothing && matches!(auth, Patch::Keep | Patch::Clear) {
        return Ok(None);
    }
    let trimmed = current.connection.map(|connection| trimmed(integration, connection));
    let standing = Standing { state: trimmed.as_ref(), credential: current.credential };
    let parameters = match (parameters, &trimmed) {
        // Metadata may have changed around parameters that stay: they are held to it anew.
        (Patch::Keep, Some(state)) => state.parameters.clone().map_or(Patch::Keep, |values| Patch::Set(values.into())),
        (parameters, _) => parameters,
    };
    let auth = match (auth, trimmed.as_ref().and_then(|state| state.auth.as_ref())) {
        (Patch::Keep, Some(state)) => Patch::Set(GivenAuth {
            method: Some(state.method.clone()),
            level: Some(state.level),
            parameters: Some(Given::default()),
        }),
        (Patch::Set(given), _) if given.parameters.is_none() => {
            Patch::Set(GivenAuth { parameters: Some(Given::default()), ..given })
        }
        (auth, _) => auth,
    };
    let entered = Entered { parameters, auth, ca_bundle: Patch::Keep, open_parameters: None };
    settle(integration, entered, standing, &Form::of_integration()).map(Some)
}

/// The stored state without what the metadata no longer knows.
fn trimmed(integration: &ResolvedIntegration, connection: &ConnectionRecord) -> ConnectionState {
    let known = &integration.metadata.parameters_metadata;
    let mut state = connection.draft.clone();
    if let Some(parameters) = &mut state.parameters {
        parameters.retain(|name, _| known.iter().any(|parameter| parameter.name == *name && !parameter.secret));
    }
    state.auth = state.auth.filter(|auth| integration.method(&auth.method).is_some());
    state
}
