//! A destination in memory behind a plugin that needs no WebAssembly: its component is its metadata.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use keyferry::domain::Timestamp;
use keyferry::domain::destination::{
    Account, Application, Applied, Change, ChoicePage, DestinationIdentity, Observation, ObservedEntry, ObservedValue,
    OpaqueContext, Outcome, Scope,
};
use keyferry::domain::id::Digest;
use keyferry::domain::plugin::{CallFailure, Reported, ReportedKind};
use keyferry::ports::clock::Clock;
use keyferry::ports::plugin::{InspectFailure, Inspected, PluginCall, PluginRunner};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::outside::TestClock;

/// A key that the shelf does not take.
pub const REFUSED: &str = "REFUSED";

/// Lets through while it is open; who comes while it is not waits.
#[derive(Clone)]
struct Door(Arc<watch::Sender<bool>>);

impl Default for Door {
    fn default() -> Self {
        Self(Arc::new(watch::channel(true).0))
    }
}

impl Door {
    fn set(&self, is_open: bool) {
        self.0.send_replace(is_open);
    }

    async fn pass(&self) {
        self.0.subscribe().wait_for(|is_open| *is_open).await.expect("the shelf outlives its calls");
    }
}

/// What stands on the shelf.
#[derive(Clone, Default)]
pub struct Shelf {
    items: Arc<Mutex<BTreeMap<String, String>>>,
    changes: Door,
    looks: Door,
    hides: Arc<AtomicBool>,
    lacking: Arc<Mutex<Vec<String>>>,
}

impl Shelf {
    /// Lets no change be carried out from now on: whoever asks for one waits.
    pub fn close(&self) {
        self.changes.set(false);
    }

    /// Lets changes be carried out again.
    pub fn open(&self) {
        self.changes.set(true);
    }

    /// Lets nobody look at it from now on: whoever wants to waits.
    pub fn cover(&self) {
        self.looks.set(false);
    }

    /// Lets everybody look at it again.
    pub fn uncover(&self) {
        self.looks.set(true);
    }

    /// Tells no value from now on, as a vendor does who only takes them. Its metadata has to say so as well.
    pub fn hide_values(&self) {
        self.hides.store(true, Ordering::Relaxed);
    }

    /// Says from now on that the caller lacks this permission.
    pub fn lack(&self, permission: &str) {
        *self.lacking.lock().unwrap_or_else(PoisonError::into_inner) = vec![permission.to_owned()];
    }

    /// The component to install.
    #[must_use]
    pub fn component() -> Vec<u8> {
        let metadata = json!({
            "id": "shelf",
            "version": "1.0.0",
            "displayName": "Shelf",
            "configMetadata": {
                "parametersMetadata": [],
                "authMetadata": [{"id": "none", "displayName": "None", "type": "NONE"}],
            },
            "destinationMetadata": [{"name": "path", "displayName": "Path", "required": true}],
            "sync": {"reads": "VALUES", "deletes": true, "batchSize": 10, "concurrency": 2},
        });
        metadata.to_string().into_bytes()
    }

    /// Puts something there, as somebody else would.
    pub fn put(&self, key: &str, value: &str) {
        self.items().insert(key.to_owned(), value.to_owned());
    }

    /// What is there.
    pub fn items(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self, value: &str) -> ObservedValue {
        if self.hides.load(Ordering::Relaxed) { ObservedValue::Hidden } else { ObservedValue::Readable(value.into()) }
    }

    fn carry_out(&self, change: &Change) -> Outcome {
        match change {
            Change::Put { key, .. } if key == REFUSED => return Outcome::Failed(refusal()),
            Change::Put { key, value, .. } => self.put(key, value.expose()),
            Change::Delete { key, .. } => {
                self.items().remove(key);
            }
        }
        Outcome::Applied(Applied::default())
    }
}

fn refusal() -> Reported {
    Reported {
        kind: ReportedKind::InvalidItem,
        message: "the shelf takes no such key".to_owned(),
        field: None,
        http_status: Some(422),
        retry_after_ms: None,
        request_id: None,
    }
}

#[async_trait]
impl PluginRunner for Shelf {
    async fn inspect(&self, component: Vec<u8>) -> Result<Inspected, InspectFailure> {
        Ok(Inspected {
            digest: Digest::from_bytes(Sha256::digest(&component).into()),
            component_bytes: component.len() as u64,
            metadata: String::from_utf8(component).expect("it is its metadata"),
            has_destination: true,
            imports: Vec::new(),
        })
    }

    async fn load(&self, _: Digest, _: Vec<u8>) -> Result<(), InspectFailure> {
        Ok(())
    }

    fn unload(&self, _: Digest) {}

    async fn verify(&self, _: PluginCall) -> Result<Account, CallFailure> {
        Ok(Account::default())
    }

    async fn choices(
        &self,
        _: PluginCall,
        _: &str,
        _: &str,
        _: &Map<String, Value>,
        _: Option<&str>,
    ) -> Result<ChoicePage, CallFailure> {
        Ok(ChoicePage::default())
    }

    async fn check(&self, _: PluginCall, _: &Map<String, Value>) -> Result<Account, CallFailure> {
        let missing_permissions = self.lacking.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Account { missing_permissions, ..Account::default() })
    }

    async fn identify(
        &self,
        _: PluginCall,
        destination: &Map<String, Value>,
    ) -> Result<DestinationIdentity, CallFailure> {
        let prefix = destination["path"].as_str().expect("it is required").to_owned();
        Ok(DestinationIdentity { namespace: "shelf:one".to_owned(), prefix })
    }

    async fn observe(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        scope: &Scope,
        _: Option<&str>,
    ) -> Result<Observation, CallFailure> {
        self.looks.pass().await;
        let items = self.items();
        let asked = items.iter().filter(|(key, _)| match scope {
            Scope::All => true,
            Scope::Keys(keys) => keys.contains(key),
        });
        let entries = asked.map(|(key, value)| ObservedEntry {
            key: key.clone(),
            value: self.shown(value),
            version: None,
            reference: None,
            attributes: BTreeMap::new(),
        });
        let entries = entries.collect();
        Ok(Observation { entries, next: None, complete: true, document_version: None, context: None })
    }

    async fn apply(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        changes: &[Change],
        _: Option<&str>,
        _: Option<&OpaqueContext>,
    ) -> Result<Application, CallFailure> {
        self.changes.pass().await;
        let outcomes = changes.iter().map(|change| self.carry_out(change)).collect();
        Ok(Application { outcomes, document_version: None })
    }

    async fn finish(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        _: &[String],
        _: Option<&OpaqueContext>,
    ) -> Result<(), CallFailure> {
        Ok(())
    }
}

/// Shows the time of a clock that is turned by hand, and waits as long as it says.
pub struct WaitingClock(pub Arc<TestClock>);

#[async_trait]
impl Clock for WaitingClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
