//! Watches every plugin call for breakdowns: five of one component in ten minutes mark it as degraded, for all to see.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::domain::destination::{
    Account, Application, Change, ChoicePage, DestinationIdentity, Observation, OpaqueContext, Scope,
};
use crate::domain::id::Digest;
use crate::domain::plugin::CallFailure;
use crate::domain::{Result, Timestamp};
use crate::ports::clock::Clock;
use crate::ports::plugin::{InspectFailure, Inspected, PluginCall, PluginRunner};
use crate::records::Records;
use crate::records::plugins as rows;
use crate::transact;

/// How many breakdowns mark a component.
const BREAKDOWNS_MAX: usize = 5;
/// Within what time.
const WINDOW: Duration = Duration::from_secs(600);

/// A runner that counts breakdowns of the one beneath.
pub struct WatchedRunner {
    inner: Arc<dyn PluginRunner>,
    records: Records,
    clock: Arc<dyn Clock>,
    recent: Mutex<HashMap<Digest, VecDeque<Timestamp>>>,
}

impl WatchedRunner {
    /// Watches the calls of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn PluginRunner>, records: Records, clock: Arc<dyn Clock>) -> Self {
        Self { inner, records, clock, recent: Mutex::default() }
    }

    async fn noted<T>(&self, plugin: &str, digest: Digest, outcome: Result<T, CallFailure>) -> Result<T, CallFailure> {
        let broke_down = matches!(&outcome, Err(CallFailure::Trapped { .. } | CallFailure::TimedOut { .. }));
        if broke_down
            && self.is_one_too_many(digest)
            && let Err(error) = self.mark(plugin, digest).await
        {
            tracing::error!(plugin.name = plugin, %digest, error = %error.code(), "a degraded plugin could not be marked");
        }
        outcome
    }

    fn is_one_too_many(&self, digest: Digest) -> bool {
        let now = self.clock.now();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let times = recent.entry(digest).or_default();
        times.retain(|time| now.since(*time) < WINDOW);
        times.push_back(now);
        if times.len() < BREAKDOWNS_MAX {
            return false;
        }
        times.clear();
        true
    }

    async fn mark(&self, plugin: &str, digest: Digest) -> Result<()> {
        let Ok(id) = plugin.parse() else { return Ok(()) };
        let now = self.clock.now();
        transact!(self.records, |tx| {
            let Some(mut record) = tx.get::<rows::PluginRecord>(&rows::key(&id)).await? else { return Ok(()) };
            for entry in record.versions.iter_mut().filter(|entry| entry.digest == digest && entry.kept) {
                entry.degraded_since.get_or_insert(now);
            }
            tx.put(&rows::key(&id), &record).await?;
        });
        tracing::warn!(plugin.name = plugin, %digest, "the plugin broke down five times in ten minutes");
        Ok(())
    }
}

#[async_trait]
impl PluginRunner for WatchedRunner {
    async fn inspect(&self, component: Vec<u8>) -> Result<Inspected, InspectFailure> {
        self.inner.inspect(component).await
    }

    async fn load(&self, digest: Digest, component: Vec<u8>) -> Result<(), InspectFailure> {
        self.inner.load(digest, component).await
    }

    fn unload(&self, digest: Digest) {
        self.inner.unload(digest);
    }

    async fn verify(&self, call: PluginCall) -> Result<Account, CallFailure> {
        let (plugin, digest) = (call.plugin.clone(), call.digest);
        self.noted(&plugin, digest, self.inner.verify(call).await).await
    }

    async fn choices(
        &self,
        call: PluginCall,
        scope: &str,
        parameter: &str,
        known: &Map<String, Value>,
        cursor: Option<&str>,
    ) -> Result<ChoicePage, CallFailure> {
        let (plugin, digest) = (call.plugin.clone(), call.digest);
        self.noted(&plugin, digest, self.inner.choices(call, scope, parameter, known, cursor).await).await
    }

    async fn check(&self, call: PluginCall, destination: &Map<String, Value>) -> Result<Account, CallFailure> {
        let (plugin, digest) = (call.plugin.clone(), call.digest);
        self.noted(&plugin, digest, self.inner.check(call, destination).await).await
    }

    async fn identify(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
    ) -> Result<DestinationIdentity, CallFailure> {
        let (plugin, digest) = (call.plugin.clone(), call.digest);
        self.noted(&plugin, digest, self.inner.identify(call, destination).await).await
    }

    async fn observe(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation, CallFailure> {
        let (plugin, digest) = (call.plugin.clone(), call.digest);
        self.noted(&plugin, digest, self.inner.observe(call, destination, scope, cursor).await).await
    }

    async fn apply(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        changes: &[Change],
        document_version: Option<&str>,
        context: Option<&OpaqueContext>,
    ) -> Result<Application, CallFailure> {
        let (plugin, digest) = (call.plugin.clone(), call.digest);
        let outcome = self.inner.apply(call, destination, changes, document_version, context).await;
        self.noted(&plugin, digest, outcome).await
    }

    async fn finish(
        &self,
        call: PluginCall,
        destination: &Map<String, Value>,
        changed: &[String],
        context: Option<&OpaqueContext>,
    ) -> Result<(), CallFailure> {
        let (plugin, digest) = (call.plugin.clone(), call.digest);
        self.noted(&plugin, digest, self.inner.finish(call, destination, changed, context).await).await
    }
}
