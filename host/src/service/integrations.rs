//! Integrations as a tenant sees them: SYSTEM ones straight from plugins, and CUSTOM ones of its own.

mod facade;
mod legacy;
pub mod resolve;
mod view;
mod write;

use super::connections::{Connections, Entered, Verification};
use super::context::{Core, TenantCtx};
use super::plugins::catalogue::Catalogue;
use crate::domain::access::Scope;
use crate::domain::error::violation;
use crate::domain::name::{Slug, Tag};
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::Given;
use crate::domain::{Code, Error, Patch, Result};
use crate::records::connections::{self as connection_rows, ConnectionRecord};
use crate::records::{View, credentials, integrations as rows};
use crate::service::connections::settle::{Form, Standing, settle};
use resolve::{ResolvedIntegration, resolve};

pub use super::connections::GivenAuth;
pub use facade::AppFacade;
pub use legacy::{LegacyIntegration, LegacyOption};
pub use view::{IntegrationFilter, IntegrationKind, IntegrationPage, IntegrationView};
pub use write::{IntegrationChange, NewIntegration};

/// Integrations of a tenant.
#[derive(Clone)]
pub struct Integrations {
    core: Core,
    catalogue: Catalogue,
    connections: Connections,
}

/// What `:verifyConfig` is asked to test. Without any member: the integration's stored default connection.
#[derive(Clone, Debug, Default)]
pub struct ConfigTest {
    pub method: Option<String>,
    pub auth: Option<GivenAuth>,
    pub parameters: Option<Given>,
}

impl Integrations {
    pub(in crate::service) const fn new(core: Core, catalogue: Catalogue, connections: Connections) -> Self {
        Self { core, catalogue, connections }
    }

    /// One integration, with nothing secret in it.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read(&self, ctx: &TenantCtx, id: &Slug) -> Result<IntegrationView> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let integration = resolve(&view, &self.catalogue, ctx.tenant(), id).await?;
        self.shown(&view, ctx, &integration).await
    }

    /// Tests credentials. A rejected credential is a result, not an error; nothing that was sent is stored.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `invalid_request` with every violation, `config_test_unsupported`, `plugin_inactive`,
    /// `plugin_settings_missing`, `credential_rebind_refused`; how the plugin's call failed, where that says nothing of the
    /// credentials.
    pub async fn verify_config(&self, ctx: &TenantCtx, id: &Slug, test: ConfigTest) -> Result<Verification> {
        ctx.require(Scope::IntegrationsWrite)?;
        let view = self.core.records.view().await?;
        let integration = resolve(&view, &self.catalogue, ctx.tenant(), id).await?;
        let default = self.default_connection(&view, ctx, &integration).await?;
        if test.method.is_none() && test.auth.is_none() && test.parameters.is_none() {
            let nothing = || {
                let detail = "the integration stores no default connection: send `authMetadataId` and `authConfig`";
                Error::new(Code::ConfigTestUnsupported, detail)
            };
            let default = default.ok_or_else(nothing)?;
            return self.connections.verify_stored(ctx, &view, &integration, &default).await;
        }
        let entered = entered_test(test)?;
        let credential = match &default {
            Some(default) => Connections::credential(&view, ctx.tenant(), default.uid, &default.draft).await?,
            None => None,
        };
        let standing =
            Standing { state: default.as_ref().map(|default| &default.draft), credential: credential.as_ref() };
        let settled = settle(&integration, entered, standing, &Form::of_test())?;
        if settled.state.parameters.is_none() {
            return Err(missing_parameters(&integration));
        }
        self.connections.verify_settled(ctx, &integration, settled).await
    }

    async fn default_connection(
        &self,
        view: &View,
        ctx: &TenantCtx,
        integration: &ResolvedIntegration,
    ) -> Result<Option<ConnectionRecord>> {
        let uid = integration.custom.as_ref().and_then(|custom| custom.value.default_connection);
        match uid {
            Some(uid) => Ok(connection_rows::read(view, ctx.tenant(), uid).await?.map(|found| found.value)),
            None => Ok(None),
        }
    }
}

/// The two places that name the auth method must agree; either is enough.
fn entered_test(test: ConfigTest) -> Result<Entered> {
    let root = Pointer::root();
    let mut violations = Violations::default();
    let inner = test.auth.as_ref().and_then(|auth| auth.method.clone()).filter(|method| !method.is_empty());
    if let (Some(outer), Some(inner)) = (&test.method, &inner)
        && outer != inner
    {
        let detail = "must be the same as `authMetadataId`";
        let place = root.member("authConfig").member("integrationAuthMetadataId");
        violations.add(&place, violation::FORBIDDEN, detail);
    }
    let method = test.method.or(inner);
    if method.is_none() {
        let detail = "is required: the id of an auth method of the integration";
        violations.add(&root.member("authMetadataId"), violation::REQUIRED, detail);
    }
    violations.into_result(()).map_err(Error::invalid)?;
    let auth = test.auth.unwrap_or_default();
    // What is tested is what was sent: a stored credential takes part only where a mask stands for it.
    let parameters = Some(auth.parameters.unwrap_or_default());
    Ok(Entered {
        parameters: Patch::initial(test.parameters),
        auth: Patch::Set(GivenAuth { method, level: auth.level, parameters }),
        ca_bundle: Patch::Keep,
        open_parameters: None,
    })
}

fn missing_parameters(integration: &ResolvedIntegration) -> Error {
    let surroundings = crate::domain::settings::Surroundings::at(Pointer::root().member("configParameters"));
    let parameters = &integration.metadata.parameters_metadata;
    let found = crate::domain::settings::validate(parameters, Given::default(), &surroundings);
    Error::invalid(found.err().unwrap_or_default())
}
