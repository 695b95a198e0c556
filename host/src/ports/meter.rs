//! What is counted. The layers report here; what becomes of it is the business of telemetry.

use std::time::Duration;

use crate::domain::plugin::Operation;

/// Counts and times what the host does. No method waits, fails, or takes anything that could hold a secret.
pub trait Meter: Send + Sync + 'static {
    /// A request was answered; `route` is the documented path, never the requested one.
    fn http_request(&self, method: &'static str, route: &str, status: u16, took: Duration);

    /// A call of a plugin ended; `outcome` is `ok` or an error code.
    fn plugin_call(&self, plugin: &str, operation: Operation, outcome: &'static str, took: Duration);

    /// A request of a plugin left the host, or was refused; `outcome` is `ok` or a short reason.
    fn egress_request(&self, plugin: &str, outcome: &'static str, took: Duration);

    /// A run of a sync ended in this state.
    fn sync_run(&self, state: &'static str, took: Duration);

    /// Everything counted so far, in the text format of OpenMetrics 1.0.
    fn exposition(&self) -> String;
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn http_request(&self, _: &'static str, _: &str, _: u16, _: Duration) {}
    fn plugin_call(&self, _: &str, _: Operation, _: &'static str, _: Duration) {}
    fn egress_request(&self, _: &str, _: &'static str, _: Duration) {}
    fn sync_run(&self, _: &'static str, _: Duration) {}
    fn exposition(&self) -> String {
        "# EOF\n".to_owned()
    }
}
