//! What the host tells of itself: log lines and counters. Neither ever holds a value, a body or a query.

use std::io::IsTerminal as _;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::domain::plugin::Operation;
use crate::domain::sync::{Action, FailureClass, ItemResult, RunState};
use crate::ports::meter::{Meter, RequestKind, SyncLoad};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: one line, coloured on a terminal.
    #[default]
    Text,
    /// For machines: one JSON object per line.
    Json,
}

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    #[error("the log filter in `telemetry.log` cannot be read")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    #[error("logging has begun already")]
    Begun(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Whether [`begin_logging`] would take this filter.
///
/// # Errors
/// [`TelemetryError::Filter`].
pub fn check_filter(filter: &str) -> Result<(), TelemetryError> {
    EnvFilter::try_new(filter).map(drop).map_err(TelemetryError::Filter)
}

/// Begins logging to stderr, by a filter such as `info,keyferry::sync=debug`, and keeps panic messages out of it: they
/// may quote what the code was handling.
///
/// # Errors
/// [`TelemetryError`].
pub fn begin_logging(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(filter).map_err(TelemetryError::Filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Begun)?;
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.location = location, "panicked");
    }));
    Ok(())
}

/// The counters of this process.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, Buckets>,
    plugin_calls: Family<PluginCallLabels, Counter>,
    plugin_seconds: Family<PluginLabels, Histogram, Buckets>,
    egress_requests: Family<EgressLabels, Counter>,
    egress_seconds: Family<EgressPluginLabels, Histogram, Buckets>,
    syncs: SyncMetrics,
}

/// What the sync engine does; labels come from closed sets, never from tenants.
struct SyncMetrics {
    runs: Family<RunLabels, Counter>,
    run_seconds: Family<RunLabels, Histogram, Buckets>,
    retries: Family<RetryLabels, Counter>,
    requests: Family<RequestKindLabels, Counter>,
    keys: Family<KeyLabels, Counter>,
    throttles: Counter,
    pending: Gauge,
    running: Gauge,
    resting: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginCallLabels {
    plugin: String,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabels {
    plugin: String,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EgressLabels {
    plugin: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EgressPluginLabels {
    plugin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RetryLabels {
    class: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestKindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    action: String,
    result: String,
}

/// The word that stands for a value on the wire.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "UNKNOWN".to_owned(),
    }
}

/// Upper bounds of a histogram, in seconds.
#[derive(Clone, Copy)]
struct Buckets(&'static [f64]);

/// From a cached read to a slow verification.
const REQUEST_BUCKETS: Buckets = Buckets(&[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0]);
/// From a pure function to the wall limit of a call.
const CALL_BUCKETS: Buckets = Buckets(&[0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0]);
/// From a run without changes to a whole vendor account.
const RUN_BUCKETS: Buckets = Buckets(&[0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counters that stand at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("keyferry"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(REQUEST_BUCKETS),
            plugin_calls: Family::default(),
            plugin_seconds: Family::new_with_constructor(CALL_BUCKETS),
            egress_requests: Family::default(),
            egress_seconds: Family::new_with_constructor(CALL_BUCKETS),
            syncs: SyncMetrics::new(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let seconds = || Unit::Seconds;
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time to answer a request",
            seconds(),
            self.request_seconds.clone(),
        );
        registry.register("plugin_calls", "Calls of plugins", self.plugin_calls.clone());
        registry.register_with_unit(
            "plugin_call_duration",
            "Time of a plugin call",
            seconds(),
            self.plugin_seconds.clone(),
        );
        registry.register("egress_requests", "Requests of plugins to the outside", self.egress_requests.clone());
        registry.register_with_unit(
            "egress_request_duration",
            "Time of a request to the outside",
            seconds(),
            self.egress_seconds.clone(),
        );
        self.syncs.register(registry);
    }
}

impl SyncMetrics {
    fn new() -> Self {
        Self {
            runs: Family::default(),
            run_seconds: Family::new_with_constructor(RUN_BUCKETS),
            retries: Family::default(),
            requests: Family::default(),
            keys: Family::default(),
            throttles: Counter::default(),
            pending: Gauge::default(),
            running: Gauge::default(),
            resting: Gauge::default(),
        }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("sync_runs", "Runs of syncs that ended", self.runs.clone());
        let help = "Time of a run from its first attempt to its end";
        registry.register_with_unit("sync_run_duration", help, Unit::Seconds, self.run_seconds.clone());
        registry.register("sync_retries", "Runs that broke off and are tried again", self.retries.clone());
        registry.register("sync_requests", "Requests to destinations of syncs", self.requests.clone());
        registry.register("sync_keys", "What became of keys in runs of syncs", self.keys.clone());
        registry.register("sync_throttles", "Answers of vendors that ask to slow down", self.throttles.clone());
        registry.register("syncs_pending", "Syncs whose run has not begun", self.pending.clone());
        registry.register("syncs_running", "Syncs that are running", self.running.clone());
        let help = "Connections that are left alone because their vendor does not answer";
        registry.register("sync_connections_resting", help, self.resting.clone());
    }
}

impl Meter for Metrics {
    fn http_request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { method, route: route.to_owned(), status }).inc();
        let labels = RouteLabels { method, route: route.to_owned() };
        self.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    fn plugin_call(&self, plugin: &str, operation: Operation, outcome: &'static str, took: Duration) {
        let (plugin, operation) = (plugin.to_owned(), operation.text());
        self.plugin_seconds
            .get_or_create(&PluginLabels { plugin: plugin.clone(), operation })
            .observe(took.as_secs_f64());
        self.plugin_calls.get_or_create(&PluginCallLabels { plugin, operation, outcome }).inc();
    }

    fn egress_request(&self, plugin: &str, outcome: &'static str, took: Duration) {
        let plugin = plugin.to_owned();
        self.egress_seconds.get_or_create(&EgressPluginLabels { plugin: plugin.clone() }).observe(took.as_secs_f64());
        self.egress_requests.get_or_create(&EgressLabels { plugin, outcome }).inc();
    }

    fn sync_run(&self, state: RunState, took: Duration) {
        let labels = RunLabels { state: word(&state) };
        self.syncs.runs.get_or_create(&labels).inc();
        self.syncs.run_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    fn sync_retry(&self, why: FailureClass) {
        self.syncs.retries.get_or_create(&RetryLabels { class: word(&why) }).inc();
    }

    fn sync_requests(&self, kind: RequestKind, count: u64) {
        self.syncs.requests.get_or_create(&RequestKindLabels { kind: kind.text() }).inc_by(count);
    }

    fn sync_key(&self, action: Action, result: ItemResult) {
        self.syncs.keys.get_or_create(&KeyLabels { action: word(&action), result: word(&result) }).inc();
    }

    fn sync_throttled(&self) {
        self.syncs.throttles.inc();
    }

    fn sync_load(&self, load: SyncLoad) {
        let gauges = [&self.syncs.pending, &self.syncs.running, &self.syncs.resting];
        for (gauge, value) in gauges.into_iter().zip([load.pending, load.running, load.resting]) {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    fn exposition(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reported_is_exposed() {
        let metrics = Metrics::new();
        let took = Duration::from_millis(3);
        metrics.http_request("GET", "/v1/tenants/{tenant}", 200, took);
        metrics.http_request("GET", "/v1/tenants/{tenant}", 200, took);
        metrics.plugin_call("http", Operation::Verify, "ok", took);
        metrics.egress_request("http", "denied", took);
        metrics.sync_run(RunState::Succeeded, took);
        metrics.sync_retry(FailureClass::UnknownOutcome);
        metrics.sync_requests(RequestKind::Write, 3);
        metrics.sync_requests(RequestKind::Write, 4);
        metrics.sync_key(Action::Create, ItemResult::NotAttempted);
        metrics.sync_throttled();
        metrics.sync_load(SyncLoad { pending: 5, running: 2, resting: 1 });
        metrics.sync_load(SyncLoad { pending: 4, ..SyncLoad::default() });
        let text = metrics.exposition();
        for line in [
            r#"keyferry_http_requests_total{method="GET",route="/v1/tenants/{tenant}",status="200"} 2"#,
            r#"keyferry_http_request_duration_seconds_count{method="GET",route="/v1/tenants/{tenant}"} 2"#,
            r#"keyferry_plugin_calls_total{plugin="http",operation="verify",outcome="ok"} 1"#,
            r#"keyferry_egress_requests_total{plugin="http",outcome="denied"} 1"#,
            r#"keyferry_sync_runs_total{state="SUCCEEDED"} 1"#,
            r#"keyferry_sync_run_duration_seconds_count{state="SUCCEEDED"} 1"#,
            r#"keyferry_sync_retries_total{class="UNKNOWN_OUTCOME"} 1"#,
            r#"keyferry_sync_requests_total{kind="write"} 7"#,
            r#"keyferry_sync_keys_total{action="CREATE",result="NOT_ATTEMPTED"} 1"#,
            "keyferry_sync_throttles_total 1",
            "keyferry_syncs_pending 4",
            "keyferry_syncs_running 0",
            "keyferry_sync_connections_resting 0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }
}
