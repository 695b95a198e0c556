//! Keyferry plugin `http`: any HTTP API, by declaration.
//!
//! This file says what the plugin is; what it does stands in the modules named after it.

mod apply;
mod body;
mod caller;
pub mod config;
mod declaration;
mod document;
mod identify;
mod observe;
mod origin;
mod parameters;
mod pointer;
mod request;
mod template;
mod url;
mod verify;

use keyferry_sdk::http::Method;
use keyferry_sdk::{
    Account, Application, Auth, Batch, Connection, Description, Destination, Egress, Error, Identity, Integration,
    Observation, Scope, SyncReads, SyncRules,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::apply::Writer;
use crate::caller::Caller;
use crate::config::{Api, ApiKey, BearerToken, Login, Target};
use crate::declaration::Declaration;
use crate::document::Document;
use crate::observe::Listing;

/// The one egress entry: the origin that the connection names.
pub(crate) const EGRESS: &str = "api";

/// The schema of `pluginSettings`.
const CUSTOM_SETTINGS: &str = include_str!("../custom-settings.schema.json");

/// One request per item and the host's 60 s for a batch bear slow APIs with this.
const ITEMS_PER_BATCH: u32 = 20;

/// The plugin.
#[derive(Debug, Default)]
pub struct GenericHttp;

/// What `apply` needs to know of the listing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Whether the versions listed are entity tags, so that the API can be asked to write conditionally.
    pub has_entity_tags: bool,
}

impl Integration for GenericHttp {
    type Settings = Api;

    fn describe(&self) -> Description {
        let methods = [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete];
        let schema: Value = serde_json::from_str(CUSTOM_SETTINGS).expect("the schema in this crate is JSON");
        Description::new("http", env!("CARGO_PKG_VERSION"), "HTTP API")
            .description("Syncs to any HTTP API, told by templates how it verifies, lists, writes and deletes.")
            .icon("http")
            .tags(["custom", "http", "rest"])
            .auth(
                Auth::api_key::<ApiKey>("api-key", "API key", "X-Api-Key").description(
                    "A key in a header; an integration of its own names another header, or a query member.",
                ),
            )
            .auth(Auth::bearer_token::<BearerToken>("bearer", "Bearer token"))
            .auth(Auth::basic::<Login>("basic", "User and password"))
            .auth(Auth::none("none"))
            .egress(Egress::new(EGRESS, "{baseUrl}").methods(methods))
            .custom_settings(schema)
    }

    fn verify(&self, connection: &Connection<Api>) -> Result<Account, Error> {
        let declaration = Declaration::read(&connection.plugin_settings)?;
        verify::verify(&declaration, &Caller::of_connection(connection))
    }
}

impl Destination for GenericHttp {
    type Target = Target;
    type Context = Context;

    /// The widest that templates can say; `pluginSettings.sync` narrows it.
    fn rules(&self) -> SyncRules {
        SyncRules {
            reads: SyncReads::Values,
            deletes: true,
            batch_size: ITEMS_PER_BATCH,
            concurrency: 4,
            empty_values: true,
            ..SyncRules::default()
        }
    }

    fn check(&self, connection: &Connection<Api>, target: &Target) -> Result<Account, Error> {
        let (declaration, caller) = open(connection, target)?;
        declaration.writes()?;
        let account = match declaration.verify {
            Some(_) => verify::verify(&declaration, &caller)?,
            None => Account::new(caller.origin()),
        };
        match (&declaration.replace, &declaration.list) {
            (Some(replace), _) => drop(Document { replace, caller: &caller }.read()?),
            (None, Some(list)) => Listing { list, caller: &caller }.probe()?,
            (None, None) => {}
        }
        Ok(account)
    }

    fn identify(&self, connection: &Connection<Api>, target: &Target) -> Result<Identity, Error> {
        let (declaration, caller) = open(connection, target)?;
        Ok(Identity { namespace: identify::namespace(&declaration, &caller)?, prefix: String::new() })
    }

    fn observe(
        &self,
        connection: &Connection<Api>,
        target: &Target,
        scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation<Context>, Error> {
        let (declaration, caller) = open(connection, target)?;
        let mut observation = match (&declaration.replace, &declaration.list) {
            (Some(replace), _) => Document { replace, caller: &caller }.observe()?,
            (None, Some(list)) => Listing { list, caller: &caller }.observe(cursor)?,
            // Nothing can be seen, so nothing is proved absent.
            (None, None) => Observation { complete: false, ..Observation::complete(Vec::new()) },
        };
        if let Scope::Keys(keys) = scope {
            observation.entries.retain(|entry| keys.contains(&entry.key));
        }
        Ok(observation)
    }

    fn apply(
        &self,
        connection: &Connection<Api>,
        target: &Target,
        batch: Batch<Context>,
    ) -> Result<Application, Error> {
        let (declaration, caller) = open(connection, target)?;
        if let Some(replace) = &declaration.replace {
            return Document { replace, caller: &caller }.apply(&batch);
        }
        let put = declaration.put()?;
        let context = batch.context.clone().unwrap_or_default();
        Ok(Writer { declaration: &declaration, put, caller: &caller, context }.apply(&batch.changes))
    }
}

/// The declaration of a connection, and the parameters that its templates take, which it must know every one.
fn open(connection: &Connection<Api>, target: &Target) -> Result<(Declaration, Caller), Error> {
    let declaration = Declaration::read(&connection.plugin_settings)?;
    let caller = Caller::of_target(connection, target, &declaration.destination_names);
    declaration.check_names(&caller.parameters)?;
    Ok((declaration, caller))
}

keyferry_sdk::export!(GenericHttp);
