//! What one call holds while it runs, and the imports of the contract that answer from it. Dropped with the store.

use std::sync::Arc;
use std::time::Duration;

use keyferry_contract::vocabulary::feature;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::keyferry::integration::{host_info, http, log, types};
use super::error::LimitHit;
use super::limits::{self, Meter, SpaceLimiter};
use super::voice::Voice;
use super::wasi::{self, World};
use crate::ports::egress::{EgressFailure, EgressSession, InboundResponse, OutboundRequest};

/// The state of one store.
pub(crate) struct CallState {
    pub(crate) space: SpaceLimiter,
    pub(crate) meter: Meter,
    pub(crate) voice: Arc<Voice>,
    /// The most recent request's refusal, if it was refused: what a guest's error afterwards is put down to.
    pub(crate) refusal: Option<Refusal>,
    /// `None` while describing: every request is refused.
    egress: Option<Arc<dyn EgressSession>>,
    stderr: MemoryOutputPipe,
    wasi: WasiCtx,
    table: ResourceTable,
}

/// Why the host did not carry out a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By the egress rules.
    Denied(String),
    /// For want of a credential: it could not be applied.
    Unauthenticated(String),
    /// A limit of the call is reached.
    Spent(LimitHit),
}

impl CallState {
    pub(crate) fn new(
        meter: Meter,
        memory_bytes: u64,
        voice: Arc<Voice>,
        egress: Option<Arc<dyn EgressSession>>,
    ) -> Self {
        let world = if egress.is_some() { World::Live } else { World::Frozen };
        let (wasi, stderr) = wasi::context(world);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::HANDLES_MAX);
        Self { space: SpaceLimiter::new(memory_bytes), meter, voice, refusal: None, egress, stderr, wasi, table }
    }

    /// Hands the guest's stderr, where runtimes write why they panic, to the log, within the budget of lines.
    pub(crate) fn flush_stderr(&mut self) {
        let text = self.stderr.contents();
        for line in String::from_utf8_lossy(&text).lines().filter(|line| !line.trim().is_empty()) {
            if self.egress.is_some() && self.meter.log_line() {
                self.voice.log("debug", line);
            }
        }
    }

    /// Counts a request against every budget; the error is the refusal.
    fn admit(&mut self, bytes: u64) -> Result<Arc<dyn EgressSession>, Refusal> {
        let Some(session) = self.egress.clone() else {
            return Err(Refusal::Denied("requests are refused while a plugin describes itself".to_owned()));
        };
        self.meter.request().and_then(|()| self.meter.transfer(bytes)).map_err(Refusal::Spent)?;
        Ok(session)
    }

    fn refuse(&mut self, refusal: Refusal) -> http::Failure {
        let failure = match &refusal {
            Refusal::Denied(reason) => http::Failure::Denied(reason.clone()),
            Refusal::Unauthenticated(reason) => {
                http::Failure::Other(format!("authentication could not be applied: {reason}"))
            }
            Refusal::Spent(_) => http::Failure::Budget,
        };
        self.refusal = Some(refusal);
        failure
    }

    /// Hands a response over, unless it would exceed what may cross the boundary.
    fn deliver(&mut self, response: InboundResponse) -> Result<http::Response, http::Failure> {
        let headers: u64 = response.headers.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum();
        if let Err(hit) = self.meter.transfer(headers.saturating_add(response.body.len() as u64)) {
            return Err(self.refuse(Refusal::Spent(hit)));
        }
        let headers = response.headers.into_iter().map(|(name, value)| http::Header { name, value }).collect();
        Ok(http::Response { status: response.status, headers, body: response.body })
    }

    fn failure(&mut self, failure: EgressFailure) -> http::Failure {
        match failure {
            EgressFailure::Denied(reason) => self.refuse(Refusal::Denied(reason)),
            EgressFailure::Budget => self.refuse(Refusal::Spent(LimitHit("requests or time of the egress session"))),
            EgressFailure::NotSent(reason) => http::Failure::NotSent(reason),
            EgressFailure::OutcomeUnknown(reason) => http::Failure::OutcomeUnknown(reason),
            EgressFailure::TooLarge => http::Failure::TooLarge,
            EgressFailure::Authentication(reason) => self.refuse(Refusal::Unauthenticated(reason)),
        }
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl types::Host for CallState {}

impl http::Host for CallState {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::Failure>> {
        let bytes = request_bytes(&request);
        self.meter.host_call(bytes)?;
        self.refusal = None;
        let session = match self.admit(bytes) {
            Ok(session) => session,
            Err(refusal) => return Ok(Err(self.refuse(refusal))),
        };
        let start = self.meter.now();
        let answer = session.send(outbound(request)).await;
        self.meter.waited_since(start);
        Ok(match answer {
            Ok(response) => self.deliver(response),
            Err(failure) => Err(self.failure(failure)),
        })
    }
}

impl log::Host for CallState {
    fn emit(&mut self, level: String, message: String) -> wasmtime::Result<()> {
        let bytes = (level.len() + message.len()) as u64;
        self.meter.host_call(bytes)?;
        // Refused while describing; a line beyond the budget of bytes is dropped like one beyond that of lines.
        let affordable = self.egress.is_some() && self.meter.transfer(bytes).is_ok();
        if self.meter.log_line() && affordable {
            self.voice.log(&level, &message);
        }
        Ok(())
    }
}

impl host_info::Host for CallState {
    fn features(&mut self) -> wasmtime::Result<Vec<String>> {
        self.meter.host_call(0)?;
        Ok(vec![feature::FINISH.to_owned()])
    }
}

fn request_bytes(request: &http::Request) -> u64 {
    let headers: usize = request.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    let body = request.body.as_ref().map_or(0, Vec::len);
    (request.method.len() + request.url.len() + request.egress.len() + headers + body) as u64
}

fn outbound(request: http::Request) -> OutboundRequest {
    OutboundRequest {
        method: request.method,
        url: request.url,
        headers: request.headers.into_iter().map(|header| (header.name, header.value)).collect(),
        body: request.body,
        entry: request.egress,
        authenticate: request.authenticate,
        timeout: request.timeout_ms.map(|timeout_ms| Duration::from_millis(timeout_ms.into())),
    }
}
