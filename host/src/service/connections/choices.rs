//! Live options of dynamic parameters, asked of the plugin with whatever the connection has so far.

use keyferry_contract::Parameter;
use keyferry_contract::vocabulary::choice_scope;
use serde_json::{Map, Value};

use super::open::Parts;
use super::settle::Secrets;
use super::target::with_chosen;
use super::{Connections, OpenConnection};
use crate::domain::destination::ChoicePage;
use crate::domain::error::violation;
use crate::domain::id::ConnectionUid;
use crate::domain::name::Slug;
use crate::domain::plugin::Operation;
use crate::domain::settings::{self, Given, Surroundings};
use crate::domain::{Error, Result, Violation, suggestion};
use crate::records::connections::ConnectionState;
use crate::service::context::TenantCtx;
use crate::service::failure::call_error;
use crate::service::integrations::resolve::{ResolvedIntegration, resolve};

/// Which settings a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceScope {
    Connection,
    Destination,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct ChoiceQuery {
    pub scope: ChoiceScope,
    pub parameter: String,
    /// Settings of this scope entered so far; not yet complete, so not yet held to be.
    pub known: Map<String, Value>,
    /// What a sync would choose of the parameters that the connection leaves open, where it is to be taken into account.
    pub chosen: Map<String, Value>,
    pub cursor: Option<String>,
}

impl Connections {
    /// Options for a parameter, with the integration's default connection where there is one, else without credentials.
    ///
    /// # Errors
    /// `not_found`, `invalid_request` for a parameter that is not dynamic; how the plugin's call failed.
    pub async fn integration_choices(&self, ctx: &TenantCtx, id: &Slug, query: &ChoiceQuery) -> Result<ChoicePage> {
        ctx.require(crate::domain::access::Scope::IntegrationsWrite)?;
        let view = self.core.records.view().await?;
        let integration = resolve(&view, &self.catalogue, ctx.tenant(), id).await?;
        let default = integration.custom.as_ref().and_then(|custom| custom.value.default_connection);
        let opened = match default {
            Some(uid) => {
                let connection = self.find(&view, ctx.tenant(), id, uid, true).await?.value;
                Self::open_state(&view, ctx.tenant(), &integration, (&connection, &connection.draft)).await?
            }
            None => {
                let state = ConnectionState {
                    parameters: Some(early_settings(&integration, query)),
                    ..ConnectionState::default()
                };
                let parts =
                    Parts { tenant: ctx.tenant(), connection: None, state: &state, secrets: Secrets::default() };
                super::open::open(&integration, parts)?
            }
        };
        self.ask(ctx, &integration, &opened, query).await
    }

    /// Options for a parameter, with the draft of a connection.
    ///
    /// # Errors
    /// As [`Connections::integration_choices`].
    pub async fn choices(
        &self,
        ctx: &TenantCtx,
        id: &Slug,
        uid: ConnectionUid,
        query: &ChoiceQuery,
    ) -> Result<ChoicePage> {
        ctx.require(crate::domain::access::Scope::IntegrationsWrite)?;
        let view = self.core.records.view().await?;
        let integration = resolve(&view, &self.catalogue, ctx.tenant(), id).await?;
        let connection = self.find(&view, ctx.tenant(), id, uid, false).await?.value;
        let state = match query.chosen.is_empty() {
            true => connection.draft.clone(),
            false => with_chosen(&integration, connection.draft.clone(), &query.chosen)?,
        };
        let opened = Self::open_state(&view, ctx.tenant(), &integration, (&connection, &state)).await?;
        self.ask(ctx, &integration, &opened, query).await
    }

    async fn ask(
        &self,
        ctx: &TenantCtx,
        integration: &ResolvedIntegration,
        opened: &OpenConnection,
        query: &ChoiceQuery,
    ) -> Result<ChoicePage> {
        let (scope, parameters) = match query.scope {
            ChoiceScope::Connection => (choice_scope::CONNECTION, &integration.metadata.parameters_metadata),
            ChoiceScope::Destination => (choice_scope::DESTINATION, &opened.behaviour.destination_metadata),
        };
        require_dynamic(parameters, &query.parameter)?;
        if let Some(connection) = opened.connection {
            self.audit_use(ctx, "configs.choices", &connection.to_string()).await?;
        }
        self.catalogue.load(opened.plugin.digest).await?;
        let session = self.core.egress.open(opened.egress.clone(), Some(opened.deadline(Operation::Choices)));
        let call = opened.call(session);
        let cursor = query.cursor.as_deref();
        self.core.runner.choices(call, scope, &query.parameter, &query.known, cursor).await.map_err(call_error)
    }
}

/// What is known of a connection that does not exist yet: settings that are well-formed already, and defaults.
fn early_settings(integration: &ResolvedIntegration, query: &ChoiceQuery) -> Map<String, Value> {
    let parameters = integration.metadata.parameters_metadata.iter().filter(|parameter| !parameter.secret);
    let relaxed = parameters.map(|parameter| Parameter { required: false, rules: Vec::new(), ..parameter.clone() });
    let mut early = Map::new();
    for parameter in relaxed {
        let known = query.known.get(&parameter.name).filter(|_| query.scope == ChoiceScope::Connection);
        let known = known.map(|value| (parameter.name.clone(), value.clone()));
        let checked = settings::validate(&[parameter], Given::from(Map::from_iter(known)), &Surroundings::default());
        early.extend(checked.map(|checked| checked.values).unwrap_or_default());
    }
    early
}

fn require_dynamic(parameters: &[Parameter], name: &str) -> Result<()> {
    let problem = match parameters.iter().find(|parameter| parameter.name == name) {
        Some(parameter) if parameter.dynamic => return Ok(()),
        Some(_) => Violation::new("/parameter", violation::NOT_SUPPORTED, "has no live options: it is not `dynamic`"),
        None => {
            let hint = suggestion::hint(name, parameters.iter().map(|parameter| parameter.name.as_str()));
            Violation::new("/parameter", violation::UNKNOWN_REFERENCE, format!("is no parameter of this scope{hint}"))
        }
    };
    Err(Error::invalid(vec![problem]))
}
