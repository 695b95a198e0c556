//! What requests about integrations are read into.

use serde_json::Value;
use utoipa::ToSchema;

use crate::api::fields::{At, Fields, Read, read};
use crate::api::page::Paging;
use crate::api::routes::connection::{AuthInSchema, given};
use crate::domain::error::violation;
use crate::domain::integration::parse_config_metadata;
use crate::domain::name::{Slug, Tag};
use crate::domain::pointer::Pointer;
use crate::service::integrations::{ConfigTest, IntegrationChange, IntegrationFilter, IntegrationKind, NewIntegration};

/// Characters of a display name at most.
const DISPLAY_NAME_MAX: usize = 100;
/// Characters of a description at most.
const DESCRIPTION_MAX: usize = 500;
const TAGS_MAX: usize = 32;
/// Members of responses that may be sent back.
const READ_ONLY: [&str; 7] =
    ["type", "isInternal", "createdAt", "modifiedAt", "hasAuth", "authMethodId", "lastVerification"];

/// An integration to be made. Nothing is required.
#[derive(ToSchema)]
#[schema(as = IntegrationIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewIntegration` reads")]
pub(super) struct IntegrationInSchema {
    /// Letters, digits, `_` and `-`; 1 to 150 characters, unique in the tenant. Made by the host when left out.
    #[schema(example = "custom_crm")]
    id: Option<String>,
    /// The id when left out.
    #[schema(example = "CRM", max_length = 100)]
    display_name: Option<String>,
    #[schema(max_length = 500)]
    description: Option<String>,
    /// What a connection asks: `parametersMetadata` and `authMetadata`.
    #[schema(value_type = Option<Object>)]
    config_metadata: Option<Value>,
    /// The plugin that executes it; `http` when left out. Without `configMetadata` the plugin's own is taken.
    #[schema(example = "http")]
    plugin: Option<String>,
    /// What the plugin does, by the schema that it declares.
    #[schema(value_type = Option<Object>)]
    plugin_settings: Option<Value>,
    tags: Option<Vec<String>>,
    /// Settings of the integration's own connection.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
    /// The credential of the integration's own connection.
    auth: Option<AuthInSchema>,
}

impl Read for NewIntegration {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.optional("id", read::name::<Slug>);
        let display_name = fields.optional("displayName", read::text(DISPLAY_NAME_MAX));
        let description = fields.optional("description", read::text(DESCRIPTION_MAX));
        let config_metadata = fields.optional("configMetadata", config_metadata);
        let plugin = fields.optional("plugin", read::name::<Slug>);
        let plugin_settings = fields.optional("pluginSettings", read::members);
        let tags = fields.or("tags", Vec::new(), read::list(TAGS_MAX, read::name::<Tag>));
        let parameters = fields.optional("parameters", given);
        let auth = fields.optional("auth", read::object);
        fields.ignore(&READ_ONLY);
        Some(Self {
            id: id?,
            display_name: display_name?.filter(|name| !name.is_empty()),
            description: description?,
            config_metadata: config_metadata?,
            plugin: plugin?,
            plugin_settings: plugin_settings?,
            tags: tags?,
            parameters: parameters?,
            auth: auth?,
        })
    }
}

/// Metadata is checked here already, so that its violations stand beside those of the other members.
fn config_metadata(at: &At<'_>, value: Value) -> Option<Value> {
    match parse_config_metadata(value.clone(), &Pointer::root().member("configMetadata")) {
        Ok(_) => Some(value),
        Err(violations) => {
            at.complain(violations);
            None
        }
    }
}

/// What changes of an integration.
#[derive(ToSchema)]
#[schema(as = IntegrationPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `IntegrationChange` reads")]
pub(super) struct IntegrationPatchSchema {
    #[schema(example = "CRM", max_length = 100)]
    display_name: Option<String>,
    /// Null clears it.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Replaces the present one whole; stored credentials stay with parameters of the same name.
    #[schema(value_type = Option<Object>)]
    config_metadata: Option<Value>,
    plugin: Option<String>,
    /// Null clears them.
    #[schema(value_type = Option<Object>)]
    plugin_settings: Option<Value>,
    /// Null clears them.
    tags: Option<Vec<String>>,
    /// Settings of the integration's own connection. Null clears them.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
    /// Without `parameters` the stored credential is kept; null removes it.
    auth: Option<AuthInSchema>,
}

impl Read for IntegrationChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let display_name = fields.optional("displayName", read::filled_text(DISPLAY_NAME_MAX));
        let description = fields.patch("description", read::text(DESCRIPTION_MAX));
        let config_metadata = fields.optional("configMetadata", config_metadata);
        let plugin = fields.optional("plugin", read::name::<Slug>);
        let plugin_settings = fields.patch("pluginSettings", read::members);
        let tags = fields.patch("tags", read::list(TAGS_MAX, read::name::<Tag>));
        let parameters = fields.patch("parameters", given);
        let auth = fields.patch("auth", read::object);
        fields.ignore(&["id"]);
        fields.ignore(&READ_ONLY);
        Some(Self {
            display_name: display_name?,
            description: description?,
            config_metadata: config_metadata?,
            plugin: plugin?,
            plugin_settings: plugin_settings?,
            tags: tags?,
            parameters: parameters?,
            auth: auth?,
        })
    }
}

/// Credentials to be tested; without any member those that are stored.
#[derive(ToSchema)]
#[schema(as = VerifyConfigIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `ConfigTest` reads")]
pub(super) struct ConfigTestSchema {
    /// The id of an auth method of the integration.
    #[schema(example = "key", max_length = 150)]
    auth_metadata_id: Option<String>,
    auth_config: Option<AuthInSchema>,
    /// Settings of the connection; those stored, else the defaults, when left out.
    #[schema(value_type = Option<Object>)]
    config_parameters: Option<Value>,
}

impl Read for ConfigTest {
    const BODY_OPTIONAL: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let method = fields.optional("authMetadataId", read::filled_text(150));
        let auth = fields.optional("authConfig", read::object);
        let parameters = fields.optional("configParameters", given);
        Some(Self { method: method?, auth: auth?, parameters: parameters? })
    }
}

/// The query of a list of integrations.
pub(super) struct ListIntegrations {
    pub(super) filter: IntegrationFilter,
    pub(super) paging: Paging,
}

impl Read for ListIntegrations {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const KINDS: &[(&str, Option<IntegrationKind>)] = &[
            ("UNSPECIFIED", None),
            ("SYSTEM", Some(IntegrationKind::System)),
            ("CUSTOM", Some(IntegrationKind::Custom)),
        ];
        let query = fields.optional("query", read::text(DESCRIPTION_MAX));
        let search = fields.optional("search", read::text(DESCRIPTION_MAX));
        let kinds = fields.or("types", Vec::new(), read::list(10, read::choice(KINDS)));
        let tags = fields.or("tags", Vec::new(), read::list(TAGS_MAX, read::text(64)));
        let has_configs = fields.or("hasConfigs", false, read::boolean);
        for absent in ["hasTriggers", "hasChannels"] {
            if fields.or(absent, false, read::boolean) == Some(true) {
                fields.refuse::<()>(absent, violation::NOT_SUPPORTED, "integrations have none here");
            }
        }
        let paging = Paging::read(fields);
        Some(Self {
            filter: IntegrationFilter {
                query: query?.or(search?).filter(|query| !query.is_empty()),
                kinds: kinds?.into_iter().flatten().collect(),
                tags: tags?,
                has_configs: has_configs?,
            },
            paging: paging?,
        })
    }
}
