//! Keyferry plugin `consul-kv`: secrets under one prefix of Consul's key-value store.
//!
//! This file says what the plugin is; what it does stands in the modules named after it.

mod apply;
mod check;
mod client;
pub mod config;
mod model;
mod observe;

use keyferry_sdk::http::Method;
use keyferry_sdk::{
    Account, Application, Auth, Batch, Connection, Description, Destination, Egress, Error, Identity, Integration,
    Legacy, Observation, Scope, SyncReads, SyncRules,
};

use crate::apply::{OPERATIONS_PER_TRANSACTION, VALUE_BYTES_MAX, Writer};
use crate::client::{Client, EGRESS};
use crate::config::{AclToken, Cluster, Target};

/// The plugin.
#[derive(Debug, Default)]
pub struct ConsulKv;

impl Integration for ConsulKv {
    type Settings = Cluster;

    fn describe(&self) -> Description {
        Description::new("consul-kv", env!("CARGO_PKG_VERSION"), "Consul KV")
            .description("Writes secrets as keys under a prefix of Consul's key-value store.")
            .docs_url("https://developer.hashicorp.com/consul/docs/dynamic-app-config/kv")
            .icon("consul")
            .tags(["consul", "config", "hashicorp"])
            .auth(
                Auth::api_key::<AclToken>("acl-token", "ACL token", "X-Consul-Token")
                    .description("A token that may read and write the keys under the prefix."),
            )
            .legacy(Legacy::auth("accessToken", "acl-token", "aclToken"))
            .legacy(Legacy::connection("url", "address"))
            .legacy(Legacy::destination("path", "path"))
            .legacy(Legacy::label("app"))
            .egress(Egress::new(EGRESS, "{address}").methods([Method::Get, Method::Put]))
    }

    fn verify(&self, connection: &Connection<Cluster>) -> Result<Account, Error> {
        check::account(Client::new(&connection.settings))
    }
}

impl Destination for ConsulKv {
    type Target = Target;
    type Context = ();

    fn rules(&self) -> SyncRules {
        SyncRules {
            reads: SyncReads::Values,
            deletes: true,
            batch_size: OPERATIONS_PER_TRANSACTION as u32,
            concurrency: 2,
            value_bytes_max: Some(VALUE_BYTES_MAX as u32),
            empty_values: true,
            ..SyncRules::default()
        }
    }

    fn check(&self, connection: &Connection<Cluster>, target: &Target) -> Result<Account, Error> {
        target.validate()?;
        check::check(Client::new(&connection.settings), target)
    }

    fn identify(&self, connection: &Connection<Cluster>, target: &Target) -> Result<Identity, Error> {
        target.validate()?;
        let cluster = &connection.settings;
        let datacenter = check::datacenter(Client::new(cluster))?;
        Ok(Identity { namespace: format!("consul:{datacenter}@{}", cluster.origin()), prefix: target.path.clone() })
    }

    fn observe(
        &self,
        connection: &Connection<Cluster>,
        target: &Target,
        scope: &Scope,
        _cursor: Option<&str>,
    ) -> Result<Observation, Error> {
        target.validate()?;
        observe::observe(Client::new(&connection.settings), target, scope)
    }

    fn apply(&self, connection: &Connection<Cluster>, target: &Target, batch: Batch) -> Result<Application, Error> {
        target.validate()?;
        let writer = Writer { client: Client::new(&connection.settings), target };
        Ok(Application::new(writer.apply(&batch.changes)))
    }
}

keyferry_sdk::export!(ConsulKv);
