//! Integrations as apps and destinations of the Infisical dialect.

use keyferry_contract::SyncReads;

use super::resolve::{ResolvedIntegration, resolve};
use super::view::INTEGRATIONS_MAX;
use super::{Code, Error, Integrations, Result, Scope, Slug, TenantCtx, View, rows};
use crate::domain::integration::facade::Facade;

/// An integration with its names in the dialect.
#[derive(Clone, Debug)]
pub struct AppFacade {
    pub integration: Slug,
    pub facade: Facade,
    /// Whether values can be brought in from its destinations.
    pub can_import: bool,
}

impl Integrations {
    /// All integrations: plugins in the order of their ids, then the tenant's own.
    ///
    /// # Errors
    /// `scope_missing`, `unavailable` when the store fails.
    pub async fn facades(&self, ctx: &TenantCtx) -> Result<Vec<AppFacade>> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let mut found = self.plugin_facades(&view, ctx).await?;
        for custom in rows::list(&view, ctx.tenant(), None, INTEGRATIONS_MAX).await? {
            let known = found.iter().any(|known| known.integration == custom.slug);
            if !known {
                found.push(facade(&resolve(&view, &self.catalogue, ctx.tenant(), &custom.slug).await?));
            }
        }
        Ok(found)
    }

    /// The integration that an app's connections are of. Where several plugins share the app, the first one by its id, unless
    /// `integration` names another of them.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn app(&self, ctx: &TenantCtx, app: &str, integration: Option<&Slug>) -> Result<AppFacade> {
        let is_meant = |found: &AppFacade| {
            found.facade.names().app == app && integration.is_none_or(|wanted| found.integration == *wanted)
        };
        self.first(ctx, app, is_meant).await?.ok_or_else(|| Error::not_found("app"))
    }

    /// The integration that a destination's syncs lead to.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn destination(&self, ctx: &TenantCtx, destination: &str) -> Result<AppFacade> {
        let slug = |found: &AppFacade| found.facade.names().destination.as_ref().is_some_and(|d| d.slug == destination);
        self.first(ctx, destination, slug).await?.ok_or_else(|| Error::not_found("destination"))
    }

    /// The names of one integration. One that is gone has its id for all of them.
    ///
    /// # Errors
    /// `scope_missing`, `unavailable` when the store fails.
    pub async fn facade_of(&self, ctx: &TenantCtx, integration: &Slug) -> Result<AppFacade> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        match resolve(&view, &self.catalogue, ctx.tenant(), integration).await {
            Ok(resolved) => Ok(facade(&resolved)),
            Err(error) if error.code() == Code::NotFound => Ok(AppFacade {
                integration: integration.clone(),
                facade: Facade::own_names(
                    integration.as_str(),
                    integration.as_str(),
                    Default::default(),
                    Some(Vec::new()),
                ),
                can_import: false,
            }),
            Err(error) => Err(error),
        }
    }

    /// The first one that is meant: of the plugins, else the tenant's own of that id.
    async fn first(
        &self,
        ctx: &TenantCtx,
        id: &str,
        is_meant: impl Fn(&AppFacade) -> bool,
    ) -> Result<Option<AppFacade>> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        if let Some(found) = self.plugin_facades(&view, ctx).await?.into_iter().find(&is_meant) {
            return Ok(Some(found));
        }
        let Ok(id) = id.parse::<Slug>() else { return Ok(None) };
        match resolve(&view, &self.catalogue, ctx.tenant(), &id).await {
            Ok(resolved) => Ok(Some(facade(&resolved)).filter(is_meant)),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Plugins by their ids. A tenant's own integration of the same id stands in front of one.
    async fn plugin_facades(&self, view: &View, ctx: &TenantCtx) -> Result<Vec<AppFacade>> {
        let mut found = Vec::new();
        for plugin in self.catalogue.all_active(view).await? {
            found.push(facade(&resolve(view, &self.catalogue, ctx.tenant(), &plugin.id).await?));
        }
        Ok(found)
    }
}

fn facade(integration: &ResolvedIntegration) -> AppFacade {
    let behaviour = integration.behaviour().ok();
    let can_import = behaviour.as_ref().and_then(|behaviour| behaviour.sync.as_ref());
    let can_import = can_import.is_some_and(|rules| rules.reads == SyncReads::Values);
    let config = integration.metadata.clone();
    let system = integration.plugin.as_ref().filter(|_| integration.custom.is_none());
    let declared = system.and_then(|plugin| plugin.metadata.infisical.clone());
    let facade = match declared {
        Some(names) => Facade::declared(names, config, behaviour.map(|b| b.destination_metadata).unwrap_or_default()),
        None => {
            let custom = integration.custom.as_ref().map(|custom| custom.value.display_name.as_str());
            let name = custom.or(system.map(|plugin| plugin.metadata.display_name.as_str()));
            let destination = behaviour.filter(|behaviour| behaviour.sync.is_some());
            let destination = destination.map(|behaviour| behaviour.destination_metadata);
            Facade::own_names(integration.id.as_str(), name.unwrap_or(integration.id.as_str()), config, destination)
        }
    };
    AppFacade { integration: integration.id.clone(), facade, can_import }
}
