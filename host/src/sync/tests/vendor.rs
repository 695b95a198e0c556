//! A vendor behind a plugin, in memory: it keeps preconditions, counts writes, and fails as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use keyferry_contract::SyncReads;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::ground::Fuse;
use crate::domain::destination::{
    Account, Application, Applied, Change, ChoicePage, DestinationIdentity, Observation, ObservedEntry, ObservedValue,
    OpaqueContext, Outcome, Precondition, Scope,
};
use crate::domain::id::Digest;
use crate::domain::plugin::{CallFailure, Reported, ReportedKind};
use crate::ports::egress::OutboundRequest;
use crate::ports::plugin::{InspectFailure, Inspected, PluginCall, PluginRunner};

/// What the vendor keeps under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) value: String,
    pub(super) version: u64,
}

/// How the next `apply` calls go wrong, one after the other.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// The call as a whole: nothing was tried.
    Refused(Reported),
    /// The guest traps before it does anything.
    Trap,
    /// Carried out, and the answer got lost.
    Unanswered,
    /// The first so many changes are carried out, the next one is throttled, the rest is not tried.
    ThrottledAfter(usize),
    /// Says that all is done, and does nothing.
    Lie,
    /// Carried out and answered, after somebody else changed this key.
    Race(String, String),
}

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Kept>,
    /// What is kept in other namespaces.
    elsewhere: BTreeMap<String, BTreeMap<String, Kept>>,
    next_version: u64,
    namespace: String,
    reads: SyncReads,
    page_size: usize,
    complete: bool,
    versions: bool,
    fuse: Option<Arc<Fuse>>,
    gate: Option<Arc<Semaphore>>,
    troubles: VecDeque<Trouble>,
    observe_troubles: VecDeque<Reported>,
    invalid: Vec<String>,
    writes: Vec<String>,
    apply_calls: u32,
    finished: Vec<Vec<String>>,
    document_versions: Vec<Option<String>>,
}

/// The vendor, and the plugin that speaks to it.
#[derive(Clone)]
pub(super) struct Vendor(Arc<Mutex<State>>);

impl Vendor {
    pub(super) fn new(reads: SyncReads) -> Self {
        Self(Arc::new(Mutex::new(State {
            namespace: "test:place".to_owned(),
            reads,
            page_size: 3,
            complete: reads != SyncReads::Nothing,
            versions: true,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    pub(super) fn put(&self, key: &str, value: &str) {
        self.state().keep(key, value);
    }

    pub(super) fn remove(&self, key: &str) {
        self.state().keys.remove(key);
    }

    pub(super) fn values(&self) -> BTreeMap<String, String> {
        self.state().keys.iter().map(|(key, kept)| (key.clone(), kept.value.clone())).collect()
    }

    pub(super) fn value(&self, key: &str) -> Option<String> {
        self.state().keys.get(key).map(|kept| kept.value.clone())
    }

    /// Every key that was put or deleted since the last look, in order.
    pub(super) fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().writes)
    }

    pub(super) fn apply_calls(&self) -> u32 {
        self.state().apply_calls
    }

    pub(super) fn finished(&self) -> Vec<Vec<String>> {
        self.state().finished.clone()
    }

    pub(super) fn document_versions(&self) -> Vec<Option<String>> {
        self.state().document_versions.clone()
    }

    pub(super) fn trouble(&self, trouble: Trouble) {
        self.state().troubles.push_back(trouble);
    }

    pub(super) fn observe_trouble(&self, reported: Reported) {
        self.state().observe_troubles.push_back(reported);
    }

    /// Nothing more goes wrong.
    pub(super) fn recover(&self) {
        let mut state = self.state();
        state.troubles.clear();
        state.observe_troubles.clear();
    }

    pub(super) fn refuse(&self, key: &str) {
        self.state().invalid.push(key.to_owned());
    }

    pub(super) fn accept_all(&self) {
        self.state().invalid.clear();
    }

    /// From now on the plugin names this namespace, and leads to what is kept there.
    pub(super) fn move_to(&self, namespace: &str) {
        let state = &mut *self.state();
        let there = state.elsewhere.remove(namespace).unwrap_or_default();
        let here = std::mem::replace(&mut state.keys, there);
        state.elsewhere.insert(std::mem::replace(&mut state.namespace, namespace.to_owned()), here);
    }

    pub(super) fn hide_versions(&self) {
        self.state().versions = false;
    }

    pub(super) fn list_incompletely(&self) {
        self.state().complete = false;
    }

    pub(super) fn set_fuse(&self, fuse: Option<Arc<Fuse>>) {
        self.state().fuse = fuse;
    }

    /// Lets so many `apply` calls pass; further ones wait for the gate.
    pub(super) fn set_gate(&self, passes: usize) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(passes));
        self.state().gate = Some(Arc::clone(&gate));
        gate
    }

    async fn pass_gate(&self) {
        let gate = self.state().gate.clone();
        if let Some(gate) = gate {
            gate.acquire().await.expect("gates stay open").forget();
        }
    }

    async fn burn(&self) {
        let fuse = self.state().fuse.clone();
        if let Some(fuse) = fuse {
            fuse.step().await;
        }
    }
}

impl State {
    fn keep(&mut self, key: &str, value: &str) -> u64 {
        self.next_version += 1;
        let version = self.next_version;
        self.keys.insert(key.to_owned(), Kept { value: value.to_owned(), version });
        version
    }

    fn shown(&self, key: &str, kept: &Kept) -> ObservedEntry {
        ObservedEntry {
            key: key.to_owned(),
            value: match self.reads {
                SyncReads::Values => ObservedValue::Readable(kept.value.as_str().into()),
                SyncReads::Digests => ObservedValue::Digest(format!("digest-{}", kept.value.len())),
                SyncReads::Names | SyncReads::Nothing => ObservedValue::Hidden,
            },
            version: self.versions.then(|| kept.version.to_string()),
            reference: None,
            attributes: BTreeMap::new(),
        }
    }

    fn carry_out(&mut self, change: &Change) -> Outcome {
        let key = change.key().to_owned();
        if self.invalid.contains(&key) {
            return Outcome::Failed(reported(ReportedKind::InvalidItem, Some(400)));
        }
        let (Change::Put { precondition, .. } | Change::Delete { precondition, .. }) = change;
        let version = self.keys.get(&key).map(|kept| kept.version.to_string());
        let holds = match precondition {
            Precondition::None => true,
            Precondition::MustNotExist => version.is_none(),
            Precondition::Matches(wanted) => version.as_ref() == Some(wanted),
        };
        if !holds {
            return Outcome::Failed(reported(ReportedKind::Conflict, Some(412)));
        }
        self.writes.push(key.clone());
        let version = match change {
            Change::Put { value, .. } => Some(self.keep(&key, value.expose())),
            Change::Delete { .. } => {
                self.keys.remove(&key);
                None
            }
        };
        let version = version.filter(|_| self.versions).map(|version| version.to_string());
        Outcome::Applied(Applied { version, reference: None })
    }

    fn apply(&mut self, changes: &[Change]) -> Result<Vec<Outcome>, CallFailure> {
        self.apply_calls += 1;
        let done = |state: &mut Self| changes.iter().map(|change| state.carry_out(change)).collect::<Vec<_>>();
        match self.troubles.pop_front() {
            None => Ok(done(self)),
            Some(Trouble::Refused(reported)) => Err(CallFailure::Reported(reported)),
            Some(Trouble::Trap) => Err(CallFailure::Trapped { reason: "unreachable".to_owned() }),
            Some(Trouble::Unanswered) => {
                done(self);
                let unanswered = || Outcome::Unknown(reported(ReportedKind::Unavailable, None));
                Ok(changes.iter().map(|_| unanswered()).collect())
            }
            Some(Trouble::ThrottledAfter(count)) => {
                let throttled = || Outcome::Failed(reported(ReportedKind::RateLimited, Some(429)));
                let outcome = |(index, change): (usize, &Change)| match index.cmp(&count) {
                    std::cmp::Ordering::Less => self.carry_out(change),
                    std::cmp::Ordering::Equal => throttled(),
                    std::cmp::Ordering::Greater => Outcome::NotAttempted,
                };
                Ok(changes.iter().enumerate().map(outcome).collect())
            }
            Some(Trouble::Lie) => Ok(changes.iter().map(|_| Outcome::Applied(Applied::default())).collect()),
            Some(Trouble::Race(key, value)) => {
                self.keep(&key, &value);
                Ok(done(self))
            }
        }
    }
}

pub(super) fn reported(kind: ReportedKind, http_status: Option<u16>) -> Reported {
    Reported {
        kind,
        message: "the vendor says no".to_owned(),
        field: None,
        http_status,
        retry_after_ms: None,
        request_id: Some("vendor-request".to_owned()),
    }
}

async fn send(call: &PluginCall) {
    let request = OutboundRequest {
        method: "GET".to_owned(),
        url: "https://vendor.example".to_owned(),
        headers: Vec::new(),
        body: None,
        entry: "api".to_owned(),
        authenticate: true,
        timeout: None,
    };
    call.egress.send(request).await.expect("the way out is open");
}

#[async_trait]
impl PluginRunner for Vendor {
    async fn inspect(&self, _component: Vec<u8>) -> Result<Inspected, InspectFailure> {
        unreachable!("syncs install nothing")
    }

    async fn load(&self, _digest: Digest, _component: Vec<u8>) -> Result<(), InspectFailure> {
        Ok(())
    }

    fn unload(&self, _digest: Digest) {}

    async fn verify(&self, _call: PluginCall) -> Result<Account, CallFailure> {
        Ok(Account::default())
    }

    async fn choices(
        &self,
        _call: PluginCall,
        _scope: &str,
        _parameter: &str,
        _known: &Map<String, Value>,
        _cursor: Option<&str>,
    ) -> Result<ChoicePage, CallFailure> {
        Ok(ChoicePage::default())
    }

    async fn check(&self, _call: PluginCall, _destination: &Map<String, Value>) -> Result<Account, CallFailure> {
        Ok(Account::default())
    }

    async fn identify(
        &self,
        _call: PluginCall,
        destination: &Map<String, Value>,
    ) -> Result<DestinationIdentity, CallFailure> {
        let prefix = destination.get("path").and_then(Value::as_str).unwrap_or("/app/").to_owned();
        Ok(DestinationIdentity { namespace: self.state().namespace.clone(), prefix })
    }

    async fn observe(
        &self,
        call: PluginCall,
        _destination: &Map<String, Value>,
        scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation, CallFailure> {
        send(&call).await;
        let mut state = self.state();
        if let Some(reported) = state.observe_troubles.pop_front() {
            return Err(CallFailure::Reported(reported));
        }
        if state.reads == SyncReads::Nothing {
            return Ok(page(Vec::new(), None, false));
        }
        if let Scope::Keys(keys) = scope {
            let found = keys.iter().filter_map(|key| state.keys.get(key).map(|kept| state.shown(key, kept)));
            return Ok(page(found.collect(), None, true));
        }
        let from = cursor.map_or(0, |cursor| cursor.parse::<usize>().expect("our own cursor"));
        let until = from + state.page_size;
        let listed = state.keys.iter().skip(from).take(state.page_size);
        let entries = listed.map(|(key, kept)| state.shown(key, kept)).collect();
        let next = (until < state.keys.len() && state.complete).then(|| until.to_string());
        Ok(page(entries, next, state.complete))
    }

    async fn apply(
        &self,
        call: PluginCall,
        _destination: &Map<String, Value>,
        changes: &[Change],
        document_version: Option<&str>,
        context: Option<&OpaqueContext>,
    ) -> Result<Application, CallFailure> {
        assert_eq!(context.map(|context| context.0.as_str()), Some("context"));
        self.burn().await;
        self.pass_gate().await;
        for _ in changes {
            send(&call).await;
        }
        self.state().document_versions.push(document_version.map(str::to_owned));
        let outcomes = self.state().apply(changes);
        self.burn().await;
        Ok(Application { outcomes: outcomes?, document_version: None })
    }

    async fn finish(
        &self,
        _call: PluginCall,
        _destination: &Map<String, Value>,
        changed: &[String],
        _context: Option<&OpaqueContext>,
    ) -> Result<(), CallFailure> {
        self.state().finished.push(changed.to_vec());
        Ok(())
    }
}

fn page(entries: Vec<ObservedEntry>, next: Option<String>, complete: bool) -> Observation {
    Observation {
        entries,
        next,
        complete,
        document_version: Some("document-1".to_owned()),
        context: Some(OpaqueContext("context".to_owned())),
    }
}
