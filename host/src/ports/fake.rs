//! Stand-ins for what is outside, for tests that are about something else.

mod attended;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::egress::{
    Egress, EgressFailure, EgressObserved, EgressScope, EgressSession, InboundResponse, OutboundRequest,
};
use super::plugin::{InspectFailure, Inspected, PluginCall, PluginRunner};
use crate::domain::destination::{
    Account, Application, Change, ChoicePage, DestinationIdentity, Observation, OpaqueContext, Scope,
};
use crate::domain::id::Digest;
use crate::domain::plugin::CallFailure;

pub use attended::AttendedStore;

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
