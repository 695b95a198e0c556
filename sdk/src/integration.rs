//! What every plugin is: a description, a check of credentials, and live options.

use std::fmt;

use serde_json::{Map, Value};

use crate::{Description, Error, Settings};

/// What a plugin does for a connection. Implemented by a struct that is [`Default`]; a fresh one serves every call.
pub trait Integration {
    /// What a connection asks. Use `()` when it asks nothing.
    type Settings: Settings;

    /// The plugin's metadata, without the parameters of [`Settings`](Self::Settings), which the SDK adds.
    ///
    /// Pure and deterministic: it is called once, at installation, where no request can be sent.
    fn describe(&self) -> Description;

    /// Checks the credentials with the cheapest authenticated call there is, and tells whose they are.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`](crate::ErrorKind::Unauthenticated) when the vendor rejects them.
    fn verify(&self, connection: &Connection<Self::Settings>) -> Result<Account, Error>;

    /// Live options for a parameter declared `dynamic`. Called while the connection may still lack settings, so it gets the
    /// raw ones.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), unless overridden.
    fn choices(&self, question: &Question) -> Result<ChoicePage, Error> {
        Err(Error::unsupported(format!("`{}` has no live options", question.parameter)))
    }
}

/// What a plugin knows of the connection it works for.
#[derive(Clone)]
pub struct Connection<S> {
    /// The connection's settings.
    pub settings: S,
    /// The id of the auth method that the connection uses.
    pub auth_method: String,
    /// The `pluginSettings` of a CUSTOM integration; empty for all others.
    pub plugin_settings: Map<String, Value>,
    pub(crate) credentials: Map<String, Value>,
}

impl<S> Connection<S> {
    /// A connection for tests: settings, and nothing else.
    pub fn new(settings: S) -> Self {
        Self { settings, auth_method: String::new(), plugin_settings: Map::new(), credentials: Map::new() }
    }

    /// The same connection with another auth method.
    pub fn with_auth_method(mut self, auth_method: impl Into<String>) -> Self {
        self.auth_method = auth_method.into();
        self
    }

    /// The same connection with the `pluginSettings` of a CUSTOM integration.
    pub fn with_plugin_settings(mut self, plugin_settings: Map<String, Value>) -> Self {
        self.plugin_settings = plugin_settings;
        self
    }

    /// The same connection with credentials in plain.
    pub fn with_credentials(mut self, credentials: Map<String, Value>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The credentials in plain. They are there only if the auth method's scheme is `CUSTOM` and the administrator granted
    /// `plaintext`; with every other scheme the host applies them, and the plugin never sees them.
    ///
    /// # Errors
    /// As [`Settings::from_object`].
    pub fn credentials<C: Settings>(&self) -> Result<C, Error> {
        C::from_object(&self.credentials)
    }
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("auth_method", &self.auth_method).finish_non_exhaustive()
    }
}

/// Which live options are asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// The connection as far as it is filled in. Read typed settings with [`Question::settings`].
    pub connection: Connection<Map<String, Value>>,
    /// Which settings the parameter belongs to.
    pub scope: ChoiceScope,
    /// The parameter's wire name.
    pub parameter: String,
    /// The settings of that scope entered so far.
    pub known: Map<String, Value>,
    /// Where the page begins, as an earlier answer told.
    pub cursor: Option<String>,
}

impl Question {
    /// The connection with typed settings, for a parameter that can only be answered by asking the vendor.
    ///
    /// # Errors
    /// As [`Settings::from_object`], while the connection is not complete.
    pub fn settings<S: Settings>(&self) -> Result<Connection<S>, Error> {
        let Connection { settings, auth_method, plugin_settings, credentials } = self.connection.clone();
        Ok(Connection { settings: S::from_object(&settings)?, auth_method, plugin_settings, credentials })
    }
}

/// Which settings a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceScope {
    /// Those of the connection.
    Connection,
    /// Those of one sync's destination.
    Destination,
}

/// Who the credentials turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The vendor's id of the account.
    pub id: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// More, as names and values to be shown.
    pub details: Vec<(String, String)>,
    /// When the credentials end by themselves, in Unix seconds.
    pub expires_at: Option<u32>,
    /// Permissions that would be needed and are lacking, in the vendor's words.
    pub missing_permissions: Vec<String>,
}

impl Account {
    /// An account of that id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Adds what people call it.
    pub fn with_display_name(mut self, display_name: impl Into<String>) -> Self {
        self.display_name = Some(display_name.into());
        self
    }

    /// Adds a detail to be shown.
    pub fn with_detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.push((name.into(), value.into()));
        self
    }
}

/// One live option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is stored.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// More, for people.
    pub description: Option<String>,
}

impl Choice {
    /// An option.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), description: None }
    }
}

/// A page of live options.
pub type ChoicePage = crate::page::Page<Choice>;
