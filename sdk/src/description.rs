//! Builders of the metadata document. The host validates it whole at installation; a builder only saves typing.

use keyferry_contract::{
    AuthLevel, AuthMethod, AuthScheme, AuthSettings, EgressEntry, Infisical, LegacyField, LegacyScope, Metadata,
    Parameter, Signing,
};
use serde_json::{Map, Value};

use crate::{Destination, Integration, Settings};

/// What a plugin says of itself. Its parameters and sync rules are added by the SDK from the types and
/// [`Destination::rules`].
#[derive(Clone, Debug)]
pub struct Description {
    metadata: Metadata,
}

impl Description {
    /// The plugin's id, its version (`env!("CARGO_PKG_VERSION")`) and the name that people read.
    pub fn new(id: impl Into<String>, version: impl Into<String>, display_name: impl Into<String>) -> Self {
        Self {
            metadata: Metadata {
                id: id.into(),
                version: version.into(),
                display_name: display_name.into(),
                description: String::new(),
                docs_url: None,
                icon: None,
                tags: Vec::new(),
                config_metadata: Default::default(),
                destination_metadata: Vec::new(),
                sync: None,
                egress: Vec::new(),
                legacy_fields: Vec::new(),
                legacy_names: Vec::new(),
                infisical: None,
                custom_settings_metadata: None,
            },
        }
    }

    /// One or two sentences, at most 500 characters.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.metadata.description = description.into();
        self
    }

    /// Where the vendor's or the plugin's documentation is.
    pub fn docs_url(mut self, docs_url: impl Into<String>) -> Self {
        self.metadata.docs_url = Some(docs_url.into());
        self
    }

    /// The name of an icon.
    pub fn icon(mut self, icon: impl Into<String>) -> Self {
        self.metadata.icon = Some(icon.into());
        self
    }

    /// Words to find the integration by.
    pub fn tags<const N: usize>(mut self, tags: [&str; N]) -> Self {
        self.metadata.tags.extend(tags.map(str::to_owned));
        self
    }

    /// A way to authenticate.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.metadata.config_metadata.auth_metadata.push(auth.method);
        self
    }

    /// A place that requests go to.
    pub fn egress(mut self, egress: Egress) -> Self {
        self.metadata.egress.push(egress.entry);
        self
    }

    /// Where a generic member of the Infisical dialect goes.
    pub fn legacy(mut self, legacy: Legacy) -> Self {
        self.metadata.legacy_fields.push(legacy.field);
        self
    }

    /// Another name that the Infisical dialect has for the integration; the first one is shown there.
    pub fn legacy_name(mut self, name: impl Into<String>) -> Self {
        self.metadata.legacy_names.push(name.into());
        self
    }

    /// What app connections and secret syncs of the Infisical dialect call the integration. Without it they have its own names.
    pub fn infisical(mut self, names: Infisical) -> Self {
        self.metadata.infisical = Some(names);
        self
    }

    /// The plugin executes CUSTOM integrations, whose `pluginSettings` satisfy this JSON Schema (draft 2020-12).
    pub fn custom_settings(mut self, schema: Value) -> Self {
        self.metadata.custom_settings_metadata = Some(schema);
        self
    }
}

/// The whole metadata document of a plugin that only describes and verifies.
pub fn verifier_metadata<P: Integration>(plugin: &P) -> Metadata {
    let mut metadata = plugin.describe().metadata;
    metadata.config_metadata.parameters_metadata = P::Settings::parameters();
    metadata
}

/// The whole metadata document of a plugin that can be synced to.
pub fn plugin_metadata<P: Destination>(plugin: &P) -> Metadata {
    let mut metadata = verifier_metadata(plugin);
    metadata.destination_metadata = P::Target::parameters();
    metadata.sync = Some(plugin.rules());
    metadata
}

/// A way to authenticate: what a person enters, and what the host does with it at the edge.
#[derive(Clone, Debug)]
pub struct Auth {
    method: AuthMethod,
}

impl Auth {
    /// A method of any scheme, tested by [`Integration::verify`].
    pub fn new(id: impl Into<String>, display_name: impl Into<String>, scheme: AuthScheme) -> Self {
        Self {
            method: AuthMethod {
                id: id.into(),
                display_name: Some(display_name.into()),
                scheme,
                sensitivity: "UNSPECIFIED".to_owned(),
                config_test_supported: true,
                supported_levels: vec![AuthLevel::Application],
                auth_settings: AuthSettings { parameters: Map::new() },
                ..AuthMethod::default()
            },
        }
    }

    /// No authentication.
    pub fn none(id: impl Into<String>) -> Self {
        Self::new(id, "None", AuthScheme::None)
    }

    /// A token in `Authorization: Bearer`. `C` is a struct with one secret field.
    pub fn bearer_token<C: Settings>(id: impl Into<String>, display_name: impl Into<String>) -> Self {
        Self::new(id, display_name, AuthScheme::BearerToken).credentials::<C>()
    }

    /// A key in a header of its own. `C` is a struct with one secret field.
    pub fn api_key<C: Settings>(
        id: impl Into<String>,
        display_name: impl Into<String>,
        header: impl Into<String>,
    ) -> Self {
        let auth = Self::new(id, display_name, AuthScheme::ApiKey).credentials::<C>();
        auth.setting("header", header.into())
    }

    /// User and password (RFC 7617). `C` has the fields `username` and `password`.
    pub fn basic<C: Settings>(id: impl Into<String>, display_name: impl Into<String>) -> Self {
        Self::new(id, display_name, AuthScheme::BasicAuth).credentials::<C>()
    }

    /// AWS Signature Version 4. `C` has `accessKeyId`, `secretAccessKey` and, where wanted, `sessionToken`.
    pub fn aws_sigv4<C: Settings>(id: impl Into<String>, display_name: impl Into<String>) -> Self {
        Self::new(id, display_name, AuthScheme::AwsSigv4).credentials::<C>()
    }

    /// What a person enters.
    pub fn credentials<C: Settings>(mut self) -> Self {
        self.method.parameters_metadata = C::parameters();
        self
    }

    /// More for people to read, at most 500 characters.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.method.description = Some(description.into());
        self
    }

    /// A setting of the scheme; which ones there are stands with [`AuthScheme`].
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.method.auth_settings.parameters.insert(name.into(), value.into());
        self
    }

    /// [`Integration::verify`] cannot test this method.
    pub fn untested(mut self) -> Self {
        self.method.config_test_supported = false;
        self
    }
}

/// A place that requests go to.
#[derive(Clone, Debug)]
pub struct Egress {
    entry: EgressEntry,
}

impl Egress {
    /// An entry of that id for a host pattern: literal, with `{label}` settings in it, or nothing but one `{origin}` setting.
    /// GET is allowed until methods are named.
    pub fn new(id: impl Into<String>, host: impl Into<String>) -> Self {
        let methods = vec!["GET".to_owned()];
        Self { entry: EgressEntry { id: id.into(), host: host.into(), methods, ..EgressEntry::default() } }
    }

    /// The methods allowed, in place of GET.
    pub fn methods<const N: usize>(mut self, methods: [crate::http::Method; N]) -> Self {
        self.entry.methods = methods.iter().map(|method| method.as_str().to_owned()).collect();
        self
    }

    /// The ports allowed, in place of 443.
    pub fn ports<const N: usize>(mut self, ports: [u16; N]) -> Self {
        self.entry.ports = ports.to_vec();
        self
    }

    /// What requests through this entry are signed for: an AWS service, and a region or `{label}` setting.
    pub fn signed(mut self, service: impl Into<String>, region: impl Into<String>) -> Self {
        self.entry.signing = Some(Signing { service: service.into(), region: region.into() });
        self
    }
}

/// Where a generic member of the Infisical dialect goes.
#[derive(Clone, Debug)]
pub struct Legacy {
    field: LegacyField,
}

impl Legacy {
    fn new(field: &str, scope: LegacyScope, parameter: &str) -> Self {
        let (field, parameter) = (field.to_owned(), parameter.to_owned());
        Self { field: LegacyField { field, scope, parameter, method: None, normalise: None, default_value: None } }
    }

    /// Into a parameter of the connection.
    pub fn connection(field: &str, parameter: &str) -> Self {
        Self::new(field, LegacyScope::Connection, parameter)
    }

    /// Into a parameter of an auth method.
    pub fn auth(field: &str, method: &str, parameter: &str) -> Self {
        let mut legacy = Self::new(field, LegacyScope::Auth, parameter);
        legacy.field.method = Some(method.to_owned());
        legacy
    }

    /// Into a parameter of the auth method that a way to connect stands for; in [`infisical`](Description::infisical) only.
    pub fn credential(field: &str, parameter: &str) -> Self {
        Self::new(field, LegacyScope::Auth, parameter)
    }

    /// Into a parameter of the destination.
    pub fn destination(field: &str, parameter: &str) -> Self {
        Self::new(field, LegacyScope::Destination, parameter)
    }

    /// A display name, with no effect.
    pub fn label(field: &str) -> Self {
        Self::new(field, LegacyScope::Label, "")
    }

    /// The value is made to begin and end with a slash.
    pub fn surround_with_slashes(mut self) -> Self {
        self.field.normalise = Some("surroundWithSlashes".to_owned());
        self
    }

    /// The value when the member is absent.
    pub fn default_value(mut self, value: impl Into<String>) -> Self {
        self.field.default_value = Some(value.into());
        self
    }
}

/// The parameter of that wire name, for tests.
pub fn parameter<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a Parameter> {
    parameters.iter().find(|parameter| parameter.name == name)
}

impl From<Legacy> for LegacyField {
    fn from(legacy: Legacy) -> Self {
        legacy.field
    }
}
