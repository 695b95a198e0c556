//! What the host tells of itself: log lines and counters. Neither ever holds a value, a body or a query.

use std::io::IsTerminal as _;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::EnvFilter;

use crate::domain::plugin::Operation;
use crate::ports::meter::Meter;

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
    #[error("the log filter cannot be read")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    #[error("logging has begun already")]
    Begun(#[source] Box<dyn std::error::Error + Send + Sync>),
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
    sync_runs: Family<RunLabels, Counter>,
    sync_seconds: Family<RunLabels, Histogram, Buckets>,
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
    state: &'static str,
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
            sync_runs: Family::default(),
            sync_seconds: Family::new_with_constructor(RUN_BUCKETS),
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
        registry.register("sync_runs", "Runs of syncs that ended", self.sync_runs.clone());
        registry.register_with_unit("sync_run_duration", "Time of a run", seconds(), self.sync_seconds.clone());
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

    fn sync_run(&self, state: &'static str, took: Duration) {
        self.sync_runs.get_or_create(&RunLabels { state }).inc();
        self.sync_seconds.get_or_create(&RunLabels { state }).observe(took.as_secs_f64());
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
        metrics.sync_run("SUCCEEDED", took);
        let text = metrics.exposition();
        for line in [
            r#"keyferry_http_requests_total{method="GET",route="/v1/tenants/{tenant}",status="200"} 2"#,
            r#"keyferry_http_request_duration_seconds_count{method="GET",route="/v1/tenants/{tenant}"} 2"#,
            r#"keyferry_plugin_calls_total{plugin="http",operation="verify",outcome="ok"} 1"#,
            r#"keyferry_egress_requests_total{plugin="http",outcome="denied"} 1"#,
            r#"keyferry_sync_runs_total{state="SUCCEEDED"} 1"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }
}
