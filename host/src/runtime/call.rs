//! One call: a slot, a fresh store, the deadlines, the guest, and the cause when it fails.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use wasmtime::component::Instance;
use wasmtime::{Store, UpdateDeadline};

use super::bindings::keyferry::integration::types;
use super::convert;
use super::engine::PluginEngine;
use super::error::{Circumstances, RunnerError, not_instantiated};
use super::limits::{self, Meter};
use super::linker::Linked;
use super::report::{CallObserver, CallReport, Usage, outcome_word};
use super::scrub::Scrubber;
use super::state::{CallState, Refusal};
use super::voice::Voice;
use super::weight::Weight;
use crate::domain::Secret;
use crate::domain::id::Digest;
use crate::domain::plugin::{CallFailure, Limits, Operation, Reported, ReportedKind};
use crate::ports::egress::EgressSession;

/// What a guest function returns: wasmtime's failure, the plugin's own error, or the result.
pub(crate) type Answer<R> = wasmtime::Result<Result<R, types::Error>>;
/// The guest at work.
pub(crate) type Work<'a, R> = Pin<Box<dyn Future<Output = Answer<R>> + Send + 'a>>;

/// One call to make.
pub(crate) struct Task {
    pub(crate) linked: Arc<Linked>,
    pub(crate) digest: Digest,
    pub(crate) plugin: String,
    pub(crate) operation: Operation,
    pub(crate) limits: Limits,
    /// `None` only for describe: requests and logs refuse, the clock stands, randomness has a fixed seed.
    pub(crate) egress: Option<Arc<dyn EgressSession>>,
    pub(crate) secrets: Vec<Secret<String>>,
}

/// Makes calls, so many at a time.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) engine: PluginEngine,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) queue_wait: Duration,
    pub(crate) observer: Option<Arc<dyn CallObserver>>,
}

impl Caller {
    /// Runs `invoke` in a fresh instance and `convert` on what it returns. The guest runs in a task of its own: a panic in a
    /// host function ends this call and nothing else, and dropping the returned future stops the guest.
    pub(crate) async fn run<R, T>(
        &self,
        task: Task,
        invoke: impl for<'a> FnOnce(&'a mut Store<CallState>, &'a Instance, &'a Linked) -> Work<'a, R> + Send + 'static,
        convert: impl FnOnce(&Voice, R) -> Result<T, CallFailure> + Send + 'static,
    ) -> Result<T, CallFailure>
    where
        R: Weight + Send + 'static,
        T: Send + 'static,
    {
        let permit = self.slot().await?;
        let caller = self.clone();
        let guest = async move { caller.run_in_slot(permit, task, invoke, convert).await };
        match AbortOnDrop(tokio::spawn(guest.in_current_span())).await {
            Ok(result) => result,
            Err(error) => Err(RunnerError::Panicked(error).into()),
        }
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, CallFailure> {
        let slot = Arc::clone(&self.slots).acquire_owned();
        match tokio::time::timeout(self.queue_wait, slot).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(CallFailure::Busy),
        }
    }

    async fn run_in_slot<R, T>(
        &self,
        permit: OwnedSemaphorePermit,
        task: Task,
        invoke: impl for<'a> FnOnce(&'a mut Store<CallState>, &'a Instance, &'a Linked) -> Work<'a, R> + Send + 'static,
        convert: impl FnOnce(&Voice, R) -> Result<T, CallFailure> + Send + 'static,
    ) -> Result<T, CallFailure>
    where
        R: Weight,
    {
        let start = Instant::now();
        let Task { linked, digest, plugin, operation, limits, egress, secrets } = task;
        let voice = Arc::new(Voice::new(digest, plugin, operation, Scrubber::new(secrets)));
        let mut store = self.store(&limits, operation, &voice, egress);
        let in_time = tokio::time::timeout(limits.wall(operation), async {
            let instance = linked.pre.instantiate_async(&mut store).await.map_err(not_instantiated)?;
            invoke(&mut store, &instance, &linked).await
        })
        .await;
        // After a trap or a deadline the instance is never entered again: only the state is looked at.
        let mut state = store.into_data();
        state.flush_stderr();
        let circumstances = Circumstances { operation, limits: &limits, space: &state.space };
        let result = match in_time {
            Err(_) => Err(circumstances.out_of_wall_time()),
            Ok(Err(error)) => Err(circumstances.cause(&error)),
            Ok(Ok(answer)) if answer.bytes() > limits.result_bytes(operation) => {
                Err(CallFailure::LimitExceeded { what: "bytes of the result" })
            }
            Ok(Ok(Err(error))) => Err(put_down(&voice, state.refusal.take(), &error)),
            Ok(Ok(Ok(value))) => convert(&voice, value),
        };
        drop(permit);
        self.report(&voice, &state, start.elapsed(), result.as_ref().err());
        result
    }

    fn store(
        &self,
        limits: &Limits,
        operation: Operation,
        voice: &Arc<Voice>,
        egress: Option<Arc<dyn EgressSession>>,
    ) -> Store<CallState> {
        let meter = Meter::new(*limits, operation, Arc::clone(&self.engine.ticks));
        let state = CallState::new(meter, limits.memory_bytes, Arc::clone(voice), egress);
        let mut store = Store::new(&self.engine.engine, state);
        store.limiter(|state| &mut state.space);
        // Holds for lifting results too, where every item also costs the size of its record on the host's side; what a host
        // call really hands over is measured by the meter.
        let result_fuel = limits.result_bytes(operation).saturating_mul(2);
        store.set_hostcall_fuel(result_fuel.max(usize::try_from(limits.host_call_bytes).unwrap_or(usize::MAX)));
        store.set_max_component_handles(limits::HANDLES_MAX);
        store.epoch_deadline_callback(|mut store| {
            store.data_mut().meter.tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        // Before instantiation: start functions are guest code too.
        store.set_epoch_deadline(1);
        store
    }

    fn report(&self, voice: &Voice, state: &CallState, wall: Duration, failure: Option<&CallFailure>) {
        let usage = Usage { wall, memory_peak_bytes: state.space.peak_bytes(), ..state.meter.usage() };
        let outcome = outcome_word(failure);
        tracing::debug!(
            plugin.name = %voice.plugin,
            plugin.digest = %voice.digest,
            plugin.operation = voice.operation.text(),
            outcome,
            wall_ms = usage.wall.as_millis(),
            cpu_ms = usage.cpu.as_millis(),
            memory_peak_bytes = usage.memory_peak_bytes,
            requests = usage.requests,
            log_lines_dropped = usage.log_lines_dropped,
            "plugin call finished"
        );
        if let Some(observer) = &self.observer {
            let (digest, plugin, operation) = (voice.digest, voice.plugin.clone(), voice.operation);
            observer.call_finished(&CallReport { digest, plugin, operation, outcome, usage });
        }
    }
}

/// A guest that fails after the host refused its latest request failed because of that.
fn put_down(voice: &Voice, refusal: Option<Refusal>, error: &types::Error) -> CallFailure {
    match refusal {
        Some(Refusal::Denied(reason)) => CallFailure::Denied { reason: voice.text(&reason) },
        Some(Refusal::Unauthenticated(_)) => {
            CallFailure::Reported(Reported { kind: ReportedKind::Unauthenticated, ..convert::reported(voice, error) })
        }
        Some(Refusal::Spent(hit)) => CallFailure::LimitExceeded { what: hit.0 },
        None => CallFailure::Reported(convert::reported(voice, error)),
    }
}

/// A task that ends with whoever awaits it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
