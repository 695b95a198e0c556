//! Integrations as the Infisical dialect has them: by other names, with generic members in place of settings.

use keyferry_contract::{AuthScheme, ConfigMetadata};

use super::resolve::{ResolvedIntegration, resolve};
use super::{Code, Error, Integrations, Result, Scope, Slug, TenantCtx, View};
use crate::domain::integration::legacy::LegacyMap;
use crate::service::plugins::catalogue::ActivePlugin;

/// An integration to the dialect.
#[derive(Clone, Debug)]
pub struct LegacyIntegration {
    pub id: Slug,
    /// What the dialect calls it.
    pub name: String,
    pub display_name: String,
    pub map: LegacyMap,
}

/// An integration that connections can be made of in the dialect.
#[derive(Clone, Debug)]
pub struct LegacyOption {
    pub slug: String,
    pub display_name: String,
    pub icon: Option<String>,
    pub docs_url: Option<String>,
    /// The schemes of its auth methods.
    pub schemes: Vec<AuthScheme>,
}

impl Integrations {
    /// The integration of this id, else the one that the dialect calls so.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn legacy(&self, ctx: &TenantCtx, name: &str) -> Result<LegacyIntegration> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let unknown = || Error::not_found("integration");
        let by_id = match name.parse::<Slug>() {
            Ok(id) => resolve(&view, &self.catalogue, ctx.tenant(), &id).await,
            Err(_) => Err(unknown()),
        };
        match by_id {
            Err(error) if error.code() == Code::NotFound => {
                let id = self.called(&view, name).await?.ok_or_else(unknown)?;
                Ok(legacy(resolve(&view, &self.catalogue, ctx.tenant(), &id).await?))
            }
            found => found.map(legacy),
        }
    }

    /// The integration of what is stored already: by its own names where nothing executes it now.
    ///
    /// # Errors
    /// `scope_missing`, `record_unreadable`.
    pub async fn legacy_of(&self, ctx: &TenantCtx, id: &Slug) -> Result<LegacyIntegration> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        match resolve(&view, &self.catalogue, ctx.tenant(), id).await {
            Ok(found) => Ok(legacy(found)),
            Err(error) if error.code() == Code::NotFound => Ok(LegacyIntegration {
                id: id.clone(),
                name: id.to_string(),
                display_name: id.to_string(),
                map: LegacyMap::new(&[], ConfigMetadata::default(), Vec::new()),
            }),
            Err(error) => Err(error),
        }
    }

    /// The plugin that the dialect calls so.
    async fn called(&self, view: &View, name: &str) -> Result<Option<Slug>> {
        let plugins = self.catalogue.all_active(view).await?;
        let called = plugins.into_iter().find(|plugin| plugin.metadata.legacy_names.iter().any(|known| known == name));
        Ok(called.map(|plugin| plugin.id))
    }

    /// The plugins that connections can be made of in the dialect, in the order of their ids.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn legacy_options(&self) -> Result<Vec<LegacyOption>> {
        let view = self.core.records.view().await?;
        Ok(self.catalogue.all_active(&view).await?.iter().filter_map(option).collect())
    }
}

fn legacy(integration: ResolvedIntegration) -> LegacyIntegration {
    let behaviour = integration.behaviour();
    let destination = behaviour.map(|behaviour| behaviour.destination_metadata).unwrap_or_default();
    let plugin = integration.plugin.as_ref();
    let fields = plugin.map(|plugin| plugin.metadata.legacy_fields.as_slice()).unwrap_or_default();
    let system = plugin.filter(|_| integration.custom.is_none());
    let custom_name = integration.custom.as_ref().map(|custom| custom.value.display_name.clone());
    LegacyIntegration {
        name: system.map_or_else(|| integration.id.to_string(), slug_of),
        display_name: custom_name
            .or_else(|| plugin.map(|plugin| plugin.metadata.display_name.clone()))
            .unwrap_or_else(|| integration.id.to_string()),
        map: LegacyMap::new(fields, integration.metadata, destination),
        id: integration.id,
    }
}

fn slug_of(plugin: &ActivePlugin) -> String {
    plugin.metadata.legacy_names.first().cloned().unwrap_or_else(|| plugin.id.to_string())
}

fn option(plugin: &ActivePlugin) -> Option<LegacyOption> {
    let metadata = &plugin.metadata;
    let map = LegacyMap::new(&metadata.legacy_fields, metadata.config_metadata.clone(), Vec::new());
    (map.is_offered() && metadata.sync.is_some()).then(|| LegacyOption {
        slug: slug_of(plugin),
        display_name: metadata.display_name.clone(),
        icon: metadata.icon.clone(),
        docs_url: metadata.docs_url.clone(),
        schemes: metadata.config_metadata.auth_metadata.iter().map(|method| method.scheme).collect(),
    })
}
