//! How integrations are shown and listed.

use keyferry_contract::ConfigMetadata;
use serde_json::{Map, Value};

use super::{Integrations, Result, Scope, Slug, TenantCtx, View, connection_rows, rows};
use crate::domain::integration::redacted;
use crate::domain::{Timestamp, Version};
use crate::records::connections::{AuthState, VerificationRecord};
use crate::service::integrations::resolve::ResolvedIntegration;

/// The CUSTOM integrations that one tenant can have.
pub(super) const INTEGRATIONS_MAX: usize = 10_000;

/// Where an integration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationKind {
    System,
    Custom,
}

impl IntegrationKind {
    /// The word on the wire.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::System => "SYSTEM",
            Self::Custom => "CUSTOM",
        }
    }
}

/// An integration with nothing secret in it.
#[derive(Clone, Debug)]
pub struct IntegrationView {
    pub id: Slug,
    pub kind: IntegrationKind,
    pub display_name: String,
    pub description: Option<String>,
    pub config_metadata: ConfigMetadata,
    pub tags: Vec<String>,
    pub plugin: Slug,
    pub plugin_settings: Option<Map<String, Value>>,
    /// The default connection's.
    pub parameters: Map<String, Value>,
    pub auth: Option<AuthState>,
    pub verification: Option<VerificationRecord>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
    /// Of the stored record; a SYSTEM integration has none.
    pub version: Option<Version>,
}

/// Which integrations a listing gives.
#[derive(Clone, Debug, Default)]
pub struct IntegrationFilter {
    /// Found anywhere in id, display name or description, in any case.
    pub query: Option<String>,
    /// Empty: all.
    pub kinds: Vec<IntegrationKind>,
    /// Every one of these.
    pub tags: Vec<String>,
    /// Only those that have a connection listed under `configs`.
    pub has_configs: bool,
}

/// One page of integrations, in the order of their ids.
#[derive(Debug)]
pub struct IntegrationPage {
    pub items: Vec<IntegrationView>,
    /// After which the next page begins; none at the end.
    pub next: Option<Slug>,
    pub total_count: u64,
}

impl IntegrationFilter {
    fn admits(&self, shown: &IntegrationView) -> bool {
        let found = |text: &str, query: &str| text.to_lowercase().contains(query);
        let query = self.query.as_deref().map(str::to_lowercase);
        let matches_query = query.is_none_or(|query| {
            found(shown.id.as_str(), &query)
                || found(&shown.display_name, &query)
                || shown.description.as_deref().is_some_and(|text| found(text, &query))
        });
        matches_query
            && (self.kinds.is_empty() || self.kinds.contains(&shown.kind))
            && self.tags.iter().all(|tag| shown.tags.contains(tag))
    }
}

impl Integrations {
    /// A page of the integrations that a filter admits.
    ///
    /// # Errors
    /// `scope_missing`, `unavailable` when the store fails.
    pub async fn list(
        &self,
        ctx: &TenantCtx,
        filter: &IntegrationFilter,
        after: Option<&Slug>,
        limit: usize,
    ) -> Result<IntegrationPage> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let mut admitted = Vec::new();
        for integration in self.all(&view, ctx).await? {
            let outline = outline(&integration);
            if filter.admits(&outline)
                && (!filter.has_configs || connection_rows::has_any(&view, ctx.tenant(), &integration.id).await?)
            {
                admitted.push(integration);
            }
        }
        let total_count = admitted.len() as u64;
        let mut rest = admitted.into_iter().filter(|found| after.is_none_or(|after| found.id > *after));
        let mut items = Vec::new();
        for integration in rest.by_ref().take(limit) {
            items.push(self.shown(&view, ctx, &integration).await?);
        }
        let next = rest.next().and_then(|_| items.last().map(|last| last.id.clone()));
        Ok(IntegrationPage { items, next, total_count })
    }

    /// Every integration of the tenant, in the order of their ids.
    async fn all(&self, view: &View, ctx: &TenantCtx) -> Result<Vec<ResolvedIntegration>> {
        let mut all = Vec::new();
        for record in rows::list(view, ctx.tenant(), None, INTEGRATIONS_MAX).await? {
            // Who executes it is not shown beyond its id, so it is not looked up for every row of a list.
            all.push(ResolvedIntegration {
                id: record.slug.clone(),
                metadata: record.config_metadata.clone(),
                plugin_id: record.plugin.clone(),
                plugin: None,
                custom: Some(crate::domain::Versioned { value: record, version: Version::from_bytes([0; 16]) }),
            });
        }
        for plugin in self.catalogue.all_active(view).await? {
            if !all.iter().any(|known| known.id == plugin.id) {
                all.push(ResolvedIntegration {
                    id: plugin.id.clone(),
                    custom: None,
                    metadata: plugin.metadata.config_metadata.clone(),
                    plugin_id: plugin.id.clone(),
                    plugin: Some(plugin),
                });
            }
        }
        all.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(all)
    }

    pub(super) async fn shown(
        &self,
        view: &View,
        ctx: &TenantCtx,
        integration: &ResolvedIntegration,
    ) -> Result<IntegrationView> {
        let mut shown = outline(integration);
        let default = integration.custom.as_ref().and_then(|custom| custom.value.default_connection);
        let Some(uid) = default else { return Ok(shown) };
        if let Some(connection) = connection_rows::read(view, ctx.tenant(), uid).await? {
            shown.parameters = connection.value.draft.parameters.unwrap_or_default();
            shown.auth = connection.value.draft.auth;
            shown.verification = connection_rows::verification(view, ctx.tenant(), uid).await?;
        }
        Ok(shown)
    }
}

/// The integration without its default connection.
fn outline(integration: &ResolvedIntegration) -> IntegrationView {
    let common = IntegrationView {
        id: integration.id.clone(),
        kind: IntegrationKind::Custom,
        display_name: String::new(),
        description: None,
        config_metadata: redacted(&integration.metadata),
        tags: Vec::new(),
        plugin: integration.plugin_id.clone(),
        plugin_settings: None,
        parameters: Map::new(),
        auth: None,
        verification: None,
        created_at: Timestamp::default(),
        modified_at: Timestamp::default(),
        version: None,
    };
    match (&integration.custom, &integration.plugin) {
        (Some(custom), _) => IntegrationView {
            display_name: custom.value.display_name.clone(),
            description: custom.value.description.clone(),
            tags: custom.value.tags.iter().map(ToString::to_string).collect(),
            plugin_settings: custom.value.plugin_settings.clone(),
            created_at: custom.value.created_at,
            modified_at: custom.value.modified_at,
            version: Some(custom.version),
            ..common
        },
        (None, Some(plugin)) => IntegrationView {
            kind: IntegrationKind::System,
            display_name: plugin.metadata.display_name.clone(),
            description: Some(plugin.metadata.description.clone()),
            tags: plugin.metadata.tags.clone(),
            created_at: plugin.installed_at,
            modified_at: plugin.modified_at,
            ..common
        },
        (None, None) => common,
    }
}
