//! Keyferry plugin `{{name}}`: writes variables through a JSON API.
//!
//! The API below is an example; replace paths and shapes with your vendor's, and keep the tests in step.

use keyferry_sdk::http::{Method, Request};
use keyferry_sdk::page::{Page, walk};
use keyferry_sdk::{
    Account, Application, Applied, Auth, Batch, Change, Connection, Description, Destination, Egress, Entry, Error,
    Identity, Integration, Observation, Scope, Settings, SyncReads, SyncRules,
};
use serde::{Deserialize, Serialize};

/// The only egress entry: every request names it.
const API: &str = "api";

/// A call has a budget of 100 requests; a listing leaves most of it unused.
const PAGES_PER_CALL_MAX: usize = 20;

/// What a connection asks.
#[derive(Settings)]
pub struct Server {
    /// Scheme, host and port of the API.
    #[setting(display_name = "Base URL", origin)]
    pub base_url: String,
}

/// What a person enters to authenticate. The host applies it; the plugin never sees it.
#[derive(Settings)]
pub struct Token {
    #[setting(display_name = "API token", secret)]
    pub api_token: String,
}

/// What one sync asks.
#[derive(Settings)]
pub struct Project {
    /// The project whose variables are written.
    #[setting(pattern = "[A-Za-z0-9_-]+")]
    pub project: String,
}

/// The plugin. A fresh one serves every call, so it holds nothing.
#[derive(Default)]
pub struct Plugin;

#[derive(Deserialize)]
struct Me {
    id: String,
}

#[derive(Deserialize)]
struct VariablePage {
    variables: Vec<Variable>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
    version: u64,
}

#[derive(Serialize)]
struct NewValue<'a> {
    value: &'a str,
}

#[derive(Deserialize)]
struct Written {
    version: u64,
}

impl Integration for Plugin {
    type Settings = Server;

    fn describe(&self) -> Description {
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), "{{name}}")
            .description("Variables of a project.")
            .auth(Auth::bearer_token::<Token>("token", "API token"))
            .egress(Egress::new(API, "{baseUrl}").methods([Method::Get, Method::Put, Method::Delete]))
    }

    fn verify(&self, connection: &Connection<Server>) -> Result<Account, Error> {
        let url = format!("{}/v1/me", connection.settings.base_url);
        let me: Me = Request::get(API, url).send()?.success()?.json()?;
        Ok(Account::new(me.id))
    }
}

impl Destination for Plugin {
    type Target = Project;
    type Context = ();

    fn rules(&self) -> SyncRules {
        SyncRules {
            reads: SyncReads::Values,
            deletes: true,
            batch_size: 20,
            concurrency: 2,
            requests_per_second: Some(10.0),
            name_pattern: Some("[A-Za-z_][A-Za-z0-9_]*".to_owned()),
            ..SyncRules::default()
        }
    }

    fn check(&self, connection: &Connection<Server>, target: &Project) -> Result<Account, Error> {
        Request::get(API, variables_url(connection, target)).send()?.success()?;
        self.verify(connection)
    }

    fn identify(&self, connection: &Connection<Server>, target: &Project) -> Result<Identity, Error> {
        let namespace = format!("{{name}}:{}:{}", connection.settings.base_url, target.project);
        Ok(Identity { namespace, prefix: String::new() })
    }

    fn observe(
        &self,
        connection: &Connection<Server>,
        target: &Project,
        _scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation, Error> {
        let entries = walk(cursor, PAGES_PER_CALL_MAX, |cursor| {
            let mut request = Request::get(API, variables_url(connection, target));
            if let Some(cursor) = cursor {
                request = request.query("cursor", cursor);
            }
            let page: VariablePage = request.send()?.success()?.json()?;
            Ok(Page { items: page.variables.into_iter().map(entry).collect(), next: page.next })
        })?;
        Ok(Observation::page(entries))
    }

    fn apply(&self, connection: &Connection<Server>, target: &Project, batch: Batch) -> Result<Application, Error> {
        Ok(Application::each(&batch.changes, |change| {
            let url = format!("{}/{}", variables_url(connection, target), Request::encode_segment(change.key()));
            match change {
                Change::Put(put) => {
                    let request = Request::put(API, url).json(&NewValue { value: &put.value })?;
                    let written: Written = request.send()?.success()?.json()?;
                    Ok(Applied::with_version(written.version.to_string()))
                }
                Change::Delete(_) => {
                    let response = Request::delete(API, url).send()?;
                    // What is gone already counts as deleted.
                    if response.status() != 404 {
                        response.success()?;
                    }
                    Ok(Applied::default())
                }
            }
        }))
    }
}

fn variables_url(connection: &Connection<Server>, target: &Project) -> String {
    format!("{}/v1/projects/{}/variables", connection.settings.base_url, Request::encode_segment(&target.project))
}

fn entry(variable: Variable) -> Entry {
    Entry::readable(variable.name, variable.value).with_version(variable.version.to_string())
}

keyferry_sdk::export!(Plugin);
