//! A host whose address space does not hold the pool of instances: it says so, and runs plugins on demand within the same limits.

use std::sync::OnceLock;

use futures_util::future::join_all;
use keyferry::domain::plugin::CallFailure;
use keyferry::ports::plugin::{InspectFailure, PluginCall, PluginRunner as _};
use keyferry::runtime::{WasmRunner, WasmRunnerOptions};
use keyferry_tests::guests::{self, ScriptedEgress, component, runner_options};

use crate::captured_log::CapturedLog;

/// The pool sets two memories of four gigabytes apart for each call: no machine has so many addresses.
const CALLS_BEYOND_ANY_ADDRESS_SPACE: u32 = 1 << 24;

const WARNING: &str = "plugin instances are allocated on demand";

fn without_pool() -> WasmRunner {
    let options = WasmRunnerOptions { max_concurrent_calls: CALLS_BEYOND_ANY_ADDRESS_SPACE, ..runner_options() };
    WasmRunner::start(options).unwrap()
}

/// The runner without a pool that these tests share.
fn runner() -> &'static WasmRunner {
    static RUNNER: OnceLock<WasmRunner> = OnceLock::new();
    RUNNER.get_or_init(without_pool)
}

async fn verify(guest: &str) -> Result<String, CallFailure> {
    let call = guests::call_on(runner(), guest).await;
    let call = PluginCall { egress: ScriptedEgress::answering(200, "someone"), ..call };
    runner().verify(call).await.map(|account| account.id)
}

/// How the first instance of a guest fails.
async fn describe_failure(guest: &str) -> CallFailure {
    match runner().inspect(component(guest)).await {
        Err(InspectFailure::Describe(failure)) => failure,
        other => panic!("`{guest}` described itself: {other:?}"),
    }
}

#[tokio::test]
async fn pool_that_cannot_be_reserved_is_told_once() {
    let log = CapturedLog::start();
    let pooled = WasmRunner::start(WasmRunnerOptions { max_concurrent_calls: 1, ..runner_options() }).unwrap();
    assert_eq!(log.lines(WARNING), Vec::<String>::new());
    let on_demand = without_pool();
    for runner in [&pooled, &on_demand] {
        let call = guests::call_on(runner, "well_behaved").await;
        let call = PluginCall { egress: ScriptedEgress::answering(200, "someone"), ..call };
        assert_eq!(runner.verify(call.clone()).await.unwrap().id, "someone");
        assert_eq!(runner.verify(call).await.unwrap().id, "someone");
    }
    let lines = log.lines(WARNING);
    assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].contains("error="), "{lines:?}");
}

#[tokio::test]
async fn calls_without_a_pool_run_together_and_share_nothing() {
    let calls = join_all((0..16).map(|_| verify("remembers_across_calls"))).await;
    for id in calls {
        assert_eq!(id.unwrap(), "calls=1 found=0");
    }
}

#[tokio::test]
async fn limits_of_a_call_hold_without_a_pool() {
    for (failure, what) in [
        (verify("allocates_4gib").await.unwrap_err(), "memory"),
        (verify("floods_host_calls").await.unwrap_err(), "host calls"),
        (describe_failure("declares_big_memory").await, "memory"),
        (describe_failure("declares_giant_table").await, "table elements"),
    ] {
        assert!(
            matches!(&failure, CallFailure::LimitExceeded { what: found } if *found == what),
            "{what}: {failure:?}"
        );
    }
    for (failure, expected) in [
        (verify("recurses_forever").await.unwrap_err(), "call stack exhausted"),
        (describe_failure("declares_many_instances").await, "resource limit exceeded"),
    ] {
        let is_trap = matches!(&failure, CallFailure::Trapped { reason } if reason.contains(expected));
        assert!(is_trap, "{expected}: {failure:?}");
    }
    let spinning = verify("loops_forever").await.unwrap_err();
    assert!(matches!(spinning, CallFailure::TimedOut { clock: "processor", .. }), "{spinning:?}");
    assert_eq!(verify("tries_big_allocations").await.unwrap(), "refused");
}
