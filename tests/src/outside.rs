//! What the host finds outside of itself, for tests that are about neither: a clock to turn, and plugins and a network that
//! are not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use keyferry::domain::Timestamp;
use keyferry::domain::destination::{
    Account, Application, Change, ChoicePage, DestinationIdentity, Observation, OpaqueContext, Scope,
};
use keyferry::domain::id::Digest;
use keyferry::domain::plugin::CallFailure;
use keyferry::ports::clock::Clock;
use keyferry::ports::egress::{
    Egress, EgressFailure, EgressObserved, EgressScope, EgressSession, InboundResponse, OutboundRequest,
};
use keyferry::ports::plugin::{InspectFailure, Inspected, PluginCall, PluginRunner};
use serde_json::{Map, Value};

/// A clock that stands still until it is turned.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that shows some day in 2027.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000)))
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).expect("a test does not wait for ages");
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
        tokio::task::yield_now().await;
    }
}

/// Has no plugins: every call is refused.
#[derive(Clone, Copy, Debug)]
pub struct NoPlugins;

fn absent() -> CallFailure {
    CallFailure::ContractBroken { reason: "there are no plugins in this test".to_owned() }
}

#[async_trait]
impl PluginRunner for NoPlugins {
    async fn inspect(&self, _: Vec<u8>) -> Result<Inspected, InspectFailure> {
        Err(InspectFailure::Rejected("there are no plugins in this test".to_owned()))
    }

    async fn load(&self, _: Digest, _: Vec<u8>) -> Result<(), InspectFailure> {
        Err(InspectFailure::Rejected("there are no plugins in this test".to_owned()))
    }

    fn unload(&self, _: Digest) {}

    async fn verify(&self, _: PluginCall) -> Result<Account, CallFailure> {
        Err(absent())
    }

    async fn choices(
        &self,
        _: PluginCall,
        _: &str,
        _: &str,
        _: &Map<String, Value>,
        _: Option<&str>,
    ) -> Result<ChoicePage, CallFailure> {
        Err(absent())
    }

    async fn check(&self, _: PluginCall, _: &Map<String, Value>) -> Result<Account, CallFailure> {
        Err(absent())
    }

    async fn identify(&self, _: PluginCall, _: &Map<String, Value>) -> Result<DestinationIdentity, CallFailure> {
        Err(absent())
    }

    async fn observe(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        _: &Scope,
        _: Option<&str>,
    ) -> Result<Observation, CallFailure> {
        Err(absent())
    }

    async fn apply(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        _: &[Change],
        _: Option<&str>,
        _: Option<&OpaqueContext>,
    ) -> Result<Application, CallFailure> {
        Err(absent())
    }

    async fn finish(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        _: &[String],
        _: Option<&OpaqueContext>,
    ) -> Result<(), CallFailure> {
        Err(absent())
    }
}

/// Has no network: every request is denied.
#[derive(Clone, Copy, Debug)]
pub struct NoNetwork;

impl Egress for NoNetwork {
    fn open(&self, _: EgressScope, _: Option<Instant>) -> Arc<dyn EgressSession> {
        Arc::new(Self)
    }
}

#[async_trait]
impl EgressSession for NoNetwork {
    async fn send(&self, _: OutboundRequest) -> Result<InboundResponse, EgressFailure> {
        Err(EgressFailure::Denied("there is no network in this test".to_owned()))
    }

    fn observed(&self) -> EgressObserved {
        EgressObserved::default()
    }
}
