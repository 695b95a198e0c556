//! Calls of one destination's plugin: paced, with a deadline inside the lease, and counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::classify::{self, About};
use super::halt::Halt;
use super::interrupt::Interrupt;
use super::lease::Lease;
use super::rate::Rates;
use crate::domain::Code;
use crate::domain::destination::{
    Application, Change, DestinationIdentity, Observation, OpaqueContext, Outcome, Scope,
};
use crate::domain::id::{ConnectionUid, TenantUid};
use crate::domain::plugin::{CallFailure, Reported, ReportedKind};
use crate::domain::sync::{FailureClass, RemoteCalls};
use crate::ports::egress::EgressSession;
use crate::ports::meter::{Meter, RequestKind};
use crate::ports::plugin::PluginCall;
use crate::service::context::Core;
use crate::service::destinations::OpenDestination;

/// The time of one call outside a run.
const PATIENCE: Duration = Duration::from_secs(30);

/// Calls the plugin of one opened destination.
pub(super) struct Caller<'a> {
    pub(super) core: &'a Core,
    pub(super) rates: &'a Rates,
    pub(super) meter: &'a dyn Meter,
    pub(super) tenant: TenantUid,
    pub(super) open: &'a OpenDestination,
    /// `None` while only a plan is made.
    pub(super) lease: Option<&'a Lease>,
    pub(super) interrupt: &'a Interrupt,
    pub(super) reads: AtomicU64,
    pub(super) writes: AtomicU64,
}

impl Caller<'_> {
    pub(super) async fn identify(&self) -> Result<DestinationIdentity, Halt> {
        let session = self.session(1).await?;
        let called = self.core.runner.identify(self.call(&session), &self.open.destination).await;
        self.settle(&session, 1, RequestKind::Read);
        let identity = called.map_err(|failure| self.failed(&failure))?;
        let texts = [&identity.namespace, &identity.prefix];
        if identity.namespace.is_empty() || texts.iter().any(|text| text.chars().any(char::is_control)) {
            return Err(broken("`identify` returned an empty name or control characters"));
        }
        Ok(identity)
    }

    pub(super) async fn observe(&self, scope: &Scope, cursor: Option<&str>) -> Result<Observation, Halt> {
        let session = self.session(1).await?;
        let called = self.core.runner.observe(self.call(&session), &self.open.destination, scope, cursor).await;
        self.settle(&session, 1, RequestKind::Read);
        called.map_err(|failure| self.failed(&failure))
    }

    /// Waits until so many requests may be sent: before the deadline of the call begins to run.
    pub(super) async fn pace(&self, requests: u32) -> Result<(), Halt> {
        self.interrupt.check()?;
        while let Err(wait) = self.try_pace(requests) {
            self.interrupt.or(self.core.clock.sleep(wait)).await?;
        }
        Ok(())
    }

    /// As [`Caller::pace`], without waiting; else for how long it would.
    pub(super) fn try_pace(&self, requests: u32) -> Result<(), Duration> {
        let hint = self.open.rules.requests_per_second;
        self.rates.take(self.account(), hint, requests, self.core.clock.now())
    }

    /// One batch, for which [`Caller::pace`] was awaited.
    pub(super) async fn apply(
        &self,
        changes: &[Change],
        document_version: Option<&str>,
        context: Option<&OpaqueContext>,
    ) -> Result<Result<Application, CallFailure>, Halt> {
        let session = self.open_session()?;
        let call = self.call(&session);
        let called = self.core.runner.apply(call, &self.open.destination, changes, document_version, context).await;
        self.settle(&session, u32::try_from(changes.len()).unwrap_or(u32::MAX), RequestKind::Write);
        if let Ok(application) = &called {
            for outcome in &application.outcomes {
                if let Outcome::Failed(reported) | Outcome::Unknown(reported) = outcome {
                    self.heed(reported);
                }
            }
            if application.outcomes.len() != changes.len() {
                let reason = "`apply` returned another number of outcomes than changes".to_owned();
                return Ok(Err(CallFailure::ContractBroken { reason }));
            }
        }
        if let Err(CallFailure::Reported(reported)) = &called {
            self.heed(reported);
        }
        Ok(called)
    }

    pub(super) async fn finish(&self, changed: &[String], context: Option<&OpaqueContext>) -> Result<(), Halt> {
        let session = self.session(1).await?;
        let called = self.core.runner.finish(self.call(&session), &self.open.destination, changed, context).await;
        self.settle(&session, 1, RequestKind::Write);
        match called {
            Err(CallFailure::Reported(Reported { kind: ReportedKind::Unsupported, .. })) | Ok(()) => Ok(()),
            Err(failure) => Err(self.failed(&failure)),
        }
    }

    pub(super) fn remote_calls(&self) -> RemoteCalls {
        RemoteCalls { read: self.reads.load(Ordering::Relaxed), write: self.writes.load(Ordering::Relaxed) }
    }

    /// The class of a failed call, and what the vendor asked for with it.
    pub(super) fn failed(&self, failure: &CallFailure) -> Halt {
        if let CallFailure::Reported(reported) = failure {
            self.heed(reported);
            return Halt::Failed(classify::reported(reported, About::Call));
        }
        Halt::Failed(classify::call(failure))
    }

    fn heed(&self, reported: &Reported) {
        if reported.kind == ReportedKind::RateLimited || reported.http_status == Some(429) {
            let retry_after = reported.retry_after_ms.map(|ms| Duration::from_millis(u64::from(ms)));
            self.rates.throttled(self.account(), retry_after, self.core.clock.now());
            self.meter.sync_throttled();
        }
    }

    fn account(&self) -> (TenantUid, ConnectionUid) {
        (self.tenant, self.open.connection)
    }

    async fn session(&self, requests: u32) -> Result<std::sync::Arc<dyn EgressSession>, Halt> {
        self.pace(requests).await?;
        self.open_session()
    }

    fn open_session(&self) -> Result<std::sync::Arc<dyn EgressSession>, Halt> {
        let deadline = match self.lease {
            Some(lease) => lease.deadline()?,
            None => Instant::now() + PATIENCE,
        };
        Ok(self.core.egress.open(self.open.egress.clone(), Some(deadline)))
    }

    fn call(&self, session: &std::sync::Arc<dyn EgressSession>) -> PluginCall {
        self.open.call(std::sync::Arc::clone(session))
    }

    /// Counts what was really sent, and pays for what went beyond the tokens that were taken.
    fn settle(&self, session: &std::sync::Arc<dyn EgressSession>, taken: u32, kind: RequestKind) {
        let observed = session.observed();
        let counter = match kind {
            RequestKind::Read => &self.reads,
            RequestKind::Write => &self.writes,
        };
        counter.fetch_add(u64::from(observed.sent), Ordering::Relaxed);
        self.meter.sync_requests(kind, u64::from(observed.sent));
        self.rates.charge(self.account(), observed.sent.saturating_sub(taken));
    }
}

pub(super) fn broken(reason: &str) -> Halt {
    Halt::failed(FailureClass::Plugin, Code::PluginContractBroken, format!("the plugin broke the contract: {reason}"))
}
