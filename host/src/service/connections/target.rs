//! A connection as a sync uses it: as it is published, with the settings of one destination.

use async_trait::async_trait;
use keyferry_contract::{Parameter, SyncRules};
use serde_json::{Map, Value};

use super::{Connections, belongs, require_complete};
use crate::domain::error::violation;
use crate::domain::id::{ConnectionUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::{self, Given, Surroundings};
use crate::domain::sync::RunFailure;
use crate::domain::{Code, Error, Result, Violation};
use crate::records::connections::{self as rows, ConnectionRecord, ConnectionState, VerificationRecord};
use crate::records::{Transaction, View};
use crate::service::destinations::{Destinations, OpenDestination, Target};
use crate::service::integrations::resolve::{ResolvedIntegration, resolve};

#[async_trait]
impl Destinations for Connections {
    async fn attach(&self, tx: &mut Transaction, tenant: TenantUid, target: Target<'_>) -> Result<ConnectionUid> {
        let integration = self.target_integration(tx.view(), tenant, target.integration).await?;
        let uid = target_connection(&integration, target.config)?;
        let connection = rows::claim(tx, tenant, uid).await?;
        let connection = connection.filter(|found| belongs(found, target.integration, target.config.is_none()));
        let connection = connection.ok_or_else(unknown_config)?;
        let state = self.used_state(tx.view(), tenant, &integration, &connection).await?;
        let state = with_chosen(&integration, state, target.parameters)?;
        check_destination(&integration, &state, target.destination)?;
        Ok(uid)
    }

    async fn open(&self, tenant: TenantUid, target: Target<'_>) -> Result<OpenDestination> {
        let view = self.core.records.view().await?;
        let integration = self.target_integration(&view, tenant, target.integration).await?;
        let uid = target_connection(&integration, target.config)?;
        let connection = rows::read(&view, tenant, uid).await?.map(|found| found.value);
        let connection = connection.filter(|found| belongs(found, target.integration, target.config.is_none()));
        let connection = connection.ok_or_else(unknown_config)?;
        let state = self.used_state(&view, tenant, &integration, &connection).await?;
        let state = with_chosen(&integration, state, target.parameters)?;
        let (rules, destination) = check_destination(&integration, &state, target.destination)?;
        let opened = Self::open_state(&view, tenant, &integration, (&connection, &state)).await?;
        self.catalogue.load(opened.plugin.digest).await?;
        Ok(OpenDestination {
            connection: uid,
            revision: opened.revision,
            plugin: opened.plugin.id.to_string(),
            plugin_version: opened.plugin.version.to_string(),
            digest: opened.plugin.digest,
            limits: opened.limits,
            view: opened.view,
            egress: opened.egress,
            secrets: opened.secrets,
            rules,
            destination,
        })
    }

    async fn rejected(&self, tenant: TenantUid, uid: ConnectionUid, failure: &RunFailure) -> Result<()> {
        let view = self.core.records.view().await?;
        let Some(connection) = rows::read(&view, tenant, uid).await? else { return Ok(()) };
        let Ok(integration) = resolve(&view, &self.catalogue, tenant, &connection.value.integration).await else {
            return Ok(());
        };
        let Some(plugin) = &integration.plugin else { return Ok(()) };
        let record = VerificationRecord {
            succeeded: false,
            account: None,
            error: Some(failure.message.clone()),
            digest: plugin.digest,
            at: self.core.clock.now(),
        };
        self.store_verification(tenant, &connection.value, &record).await
    }
}

impl Connections {
    async fn target_integration(&self, view: &View, tenant: TenantUid, id: &Slug) -> Result<ResolvedIntegration> {
        resolve(view, &self.catalogue, tenant, id).await.map_err(|error| match error.code() {
            Code::NotFound => {
                let detail = "names no integration of this tenant";
                Error::invalid(vec![Violation::new("/integration", violation::UNKNOWN_REFERENCE, detail)])
            }
            _ => error,
        })
    }

    /// What syncs use of a connection: the published revision; of a default connection what it says now.
    async fn used_state(
        &self,
        view: &View,
        tenant: TenantUid,
        integration: &ResolvedIntegration,
        connection: &ConnectionRecord,
    ) -> Result<ConnectionState> {
        if connection.is_default {
            require_complete(integration, &connection.draft)?;
            return Ok(connection.draft.clone());
        }
        let Some(published) = connection.published else {
            let detail = "is a draft; publish it first";
            return Err(Error::invalid(vec![Violation::new("/config", violation::UNKNOWN_REFERENCE, detail)]));
        };
        let revision = rows::revision(view, tenant, connection.uid, published.number).await?;
        let missing = || Error::new(Code::RecordUnreadable, "the published revision of a config is missing");
        revision.filter(|revision| revision.uid == published.uid).map(|revision| revision.state).ok_or_else(missing)
    }
}

fn unknown_config() -> Error {
    let detail = "names no config of this integration";
    Error::invalid(vec![Violation::new("/config", violation::UNKNOWN_REFERENCE, detail)])
}

fn target_connection(integration: &ResolvedIntegration, config: Option<ConnectionUid>) -> Result<ConnectionUid> {
    let default = integration.custom.as_ref().and_then(|custom| custom.value.default_connection);
    config.or(default).ok_or_else(|| {
        let detail = "is required: the integration has no connection of its own";
        Error::invalid(vec![Violation::new("/config", violation::REQUIRED, detail)])
    })
}

/// The connection as one sync uses it: with what it chooses of the parameters that are left open. The others it may repeat.
pub(super) fn with_chosen(
    integration: &ResolvedIntegration,
    state: ConnectionState,
    chosen: &Map<String, Value>,
) -> Result<ConnectionState> {
    let place = Pointer::root().member("parameters");
    let mut violations = Violations::default();
    let settled = state.parameters.clone().unwrap_or_default();
    let (open, rest): (Vec<_>, Vec<_>) = chosen.iter().partition(|(name, _)| state.open_parameters.contains(*name));
    for (name, _) in rest.into_iter().filter(|(name, value)| settled.get(*name) != Some(value)) {
        let detail = "is not left to the sync: leave it out, or say what the connection says";
        violations.add(&place.member(name), violation::FORBIDDEN, detail);
    }
    let metadata = integration.metadata.parameters_metadata.iter();
    let metadata: Vec<Parameter> =
        metadata.filter(|parameter| state.open_parameters.contains(&parameter.name)).cloned().collect();
    let standing = settled.iter().filter(|(name, _)| state.open_parameters.contains(*name));
    let given: Map<String, Value> = standing.chain(open).map(|(name, value)| (name.clone(), value.clone())).collect();
    let surroundings = Surroundings { pointer: place, wider: state.parameters.as_ref(), ..Surroundings::default() };
    let checked = violations.keep(settings::validate(&metadata, Given::from(given), &surroundings));
    let checked = violations.into_result(checked).map_err(Error::invalid)?;
    let mut parameters = settled;
    parameters.extend(checked.map(|checked| checked.values).unwrap_or_default());
    Ok(ConnectionState { parameters: Some(parameters), ..state })
}

fn check_destination(
    integration: &ResolvedIntegration,
    state: &ConnectionState,
    destination: &Map<String, Value>,
) -> Result<(SyncRules, Map<String, Value>)> {
    let behaviour = integration.behaviour()?;
    let Some(rules) = behaviour.sync else {
        let detail = format!("the plugin `{}` is no destination of syncs", integration.plugin_id);
        return Err(Error::new(Code::NotSupported, detail));
    };
    let surroundings = Surroundings {
        pointer: Pointer::root().member("destination"),
        wider: state.parameters.as_ref(),
        ..Surroundings::default()
    };
    let given = Given::from(destination.clone());
    let checked = settings::validate(&behaviour.destination_metadata, given, &surroundings);
    checked.map(|checked| (rules, checked.values)).map_err(Error::invalid)
}
