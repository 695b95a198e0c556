//! What an integration id means in a tenant: a CUSTOM integration of its own, else an active plugin.

use keyferry_contract::{AuthMethod, ConfigMetadata, EgressEntry};

use crate::domain::id::TenantUid;
use crate::domain::integration::{CustomBehaviour, check_custom};
use crate::domain::name::Slug;
use crate::domain::{Code, Error, Result, Versioned};
use crate::records::View;
use crate::records::integrations::{self as rows, IntegrationRecord};
use crate::service::plugins::catalogue::{ActivePlugin, Catalogue};

/// An integration with what executes it.
#[derive(Clone)]
pub struct ResolvedIntegration {
    pub id: Slug,
    /// `None`: SYSTEM.
    pub custom: Option<Versioned<IntegrationRecord>>,
    /// With its secrets: not to be shown.
    pub metadata: ConfigMetadata,
    pub plugin_id: Slug,
    /// `None`: not installed, not activated, or disabled.
    pub plugin: Option<ActivePlugin>,
}

impl ResolvedIntegration {
    /// An auth method of the integration.
    #[must_use]
    pub fn method(&self, id: &str) -> Option<&AuthMethod> {
        self.metadata.auth_metadata.iter().find(|method| method.id == id)
    }

    /// The egress that is declared and granted; `None` while there is no plugin to declare it.
    #[must_use]
    pub fn entries(&self) -> Option<Vec<EgressEntry>> {
        self.plugin.as_ref().map(ActivePlugin::open_entries)
    }

    /// The plugin that calls go to.
    ///
    /// # Errors
    /// `plugin_inactive`.
    pub fn active(&self) -> Result<&ActivePlugin> {
        let inactive = || {
            let detail = format!("the plugin `{}` is not installed, not activated, or disabled", self.plugin_id);
            Error::new(Code::PluginInactive, detail)
        };
        self.plugin.as_ref().ok_or_else(inactive)
    }

    /// How the integration behaves when it is called.
    ///
    /// # Errors
    /// `plugin_inactive`, `plugin_settings_missing`; `invalid_request` when the plugin has since become another than the
    /// settings were written for.
    pub fn behaviour(&self) -> Result<CustomBehaviour> {
        let plugin = self.active()?;
        let Some(custom) = &self.custom else {
            return Ok(CustomBehaviour {
                plugin_settings: serde_json::Map::new(),
                destination_metadata: plugin.metadata.destination_metadata.clone(),
                sync: plugin.metadata.sync.clone(),
            });
        };
        let Some(settings) = &custom.value.plugin_settings else {
            let detail = format!("`pluginSettings` is missing: it tells the plugin `{}` what to do", self.plugin_id);
            return Err(Error::new(Code::PluginSettingsMissing, detail));
        };
        check_custom(&self.metadata, &plugin.metadata, settings).map_err(Error::invalid)
    }
}

/// Finds an integration. A CUSTOM one stays what it is when a plugin of the same id is installed later.
///
/// # Errors
/// `not_found`, `unavailable` when the store fails, `record_unreadable`.
pub async fn resolve(view: &View, catalogue: &Catalogue, tenant: TenantUid, id: &Slug) -> Result<ResolvedIntegration> {
    if let Some(custom) = rows::find(view, tenant, id).await? {
        return Ok(ResolvedIntegration {
            id: id.clone(),
            metadata: custom.value.config_metadata.clone(),
            plugin_id: custom.value.plugin.clone(),
            plugin: catalogue.active(view, &custom.value.plugin).await?,
            custom: Some(custom),
        });
    }
    let plugin = catalogue.active(view, id).await?.ok_or_else(|| Error::not_found("integration"))?;
    Ok(ResolvedIntegration {
        id: id.clone(),
        custom: None,
        metadata: plugin.metadata.config_metadata.clone(),
        plugin_id: id.clone(),
        plugin: Some(plugin),
    })
}
