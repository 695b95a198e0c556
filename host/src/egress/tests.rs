//! The whole egress against real servers on loopback, and names that a scripted resolver answers.

mod credentials;
mod limits;
mod pooling;
mod reach;
mod roles;
mod secrecy;
mod server;
mod trust;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyferry_contract::{AuthMethod, AuthScheme, EgressEntry, Parameter};
use serde_json::json;

use super::*;
use crate::domain::Secret;
use crate::domain::id::{ConnectionUid, TenantUid};
use crate::ports::egress::{EgressAuth, EgressFailure, InboundResponse, OutboundRequest};
use server::Server;

/// The name that tests use for the server they started.
const NAME: &str = "vault.test";

/// Answers with the scripted addresses in turn, the last one for ever, and keeps what it was asked.
struct ScriptedResolver {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl ScriptedResolver {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect());
        Arc::new(Self { answers: Mutex::new(answers.collect()), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolve for ScriptedResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let addresses = answer.ok_or_else(|| io::Error::other("no such name"))?;
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}

/// Loopback is open, and plain http allowed to the names of these tests.
fn open_policy() -> EgressPolicy {
    let plain_http_hosts = ["*.test", "127.0.0.1"].map(|rule| rule.parse().unwrap()).to_vec();
    EgressPolicy { loopback: Loopback::Open, plain_http_hosts, ..EgressPolicy::default() }
}

fn egress(policy: EgressPolicy, resolver: &Arc<ScriptedResolver>) -> HyperEgress {
    HyperEgress::builder(policy).resolver(Arc::clone(resolver) as Arc<dyn Resolve>).build()
}

/// An egress for which `vault.test` is 127.0.0.1.
fn open_egress() -> HyperEgress {
    timed_egress(Timeouts::default())
}

/// The same with other limits of time.
fn timed_egress(timeouts: Timeouts) -> HyperEgress {
    let resolver = ScriptedResolver::new(&[&["127.0.0.1"]]);
    HyperEgress::builder(open_policy()).resolver(resolver).timeouts(timeouts).build()
}

fn entry(id: &str, host: &str, port: u16) -> EgressEntry {
    EgressEntry {
        id: id.to_owned(),
        host: host.to_owned(),
        methods: ["GET", "HEAD", "POST", "PUT", "DELETE"].map(str::to_owned).to_vec(),
        ports: vec![port],
        signing: None,
    }
}

/// A scope with one entry `api` for `vault.test` and no credential.
fn scope(port: u16) -> EgressScope {
    EgressScope {
        tenant: TenantUid::generate(),
        connection: Some(ConnectionUid::generate()),
        plugin: "test-plugin".to_owned(),
        entries: vec![entry("api", NAME, port)],
        settings: BTreeMap::new(),
        auth: EgressAuth::default(),
        ca_bundle: None,
        external_id: None,
        requests_max: 100,
    }
}

fn auth(scheme: AuthScheme, settings: serde_json::Value, credentials: &[(&str, &str)]) -> EgressAuth {
    let parameter = |(name, _): &(&str, &str)| Parameter {
        name: (*name).to_owned(),
        secret: !matches!(*name, "username" | "accessKeyId" | "roleArn"),
        ..Parameter::default()
    };
    let mut method = AuthMethod {
        scheme,
        parameters_metadata: credentials.iter().map(parameter).collect(),
        ..AuthMethod::default()
    };
    method.auth_settings.parameters = settings.as_object().unwrap().clone();
    let credentials = credentials.iter().map(|(name, value)| ((*name).to_owned(), Secret::from(*value))).collect();
    EgressAuth { method: Some(method), credentials }
}

fn bearer(token: &str) -> EgressAuth {
    auth(AuthScheme::BearerToken, json!({}), &[("token", token)])
}

fn request(method: &str, url: &str) -> OutboundRequest {
    OutboundRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        entry: "api".to_owned(),
        authenticate: true,
        timeout: None,
    }
}

async fn get(session: &Arc<dyn EgressSession>, server: &Server, path: &str) -> Result<InboundResponse, EgressFailure> {
    session.send(request("GET", &server.url(path))).await
}
