//! Calls of a well-behaved plugin: what goes in, what comes out, and what the host does around it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyferry::domain::Secret;
use keyferry::domain::destination::{Applied, Change, ObservedValue, OpaqueContext, Outcome, Precondition, Scope};
use keyferry::domain::plugin::{CallFailure, Limits, Operation, ReportedKind};
use keyferry::ports::egress::{EgressFailure, EgressObserved, EgressSession, InboundResponse, OutboundRequest};
use keyferry::ports::plugin::{InspectFailure, PluginCall, PluginRunner as _};
use keyferry::runtime::{CallReport, WasmRunner, WasmRunnerOptions};
use keyferry_tests::guests::{self, ScriptedEgress, component, digest, runner, runner_options, settings};
use tokio::sync::Notify;

use crate::captured_log::CapturedLog;

async fn call() -> PluginCall {
    PluginCall { egress: ScriptedEgress::answering(200, "someone"), ..guests::call("well_behaved").await }
}

/// A runner of its own with the well-behaved guest loaded, and a call for it.
async fn own_runner(options: WasmRunnerOptions) -> (Arc<WasmRunner>, PluginCall) {
    let runner = Arc::new(WasmRunner::start(options).unwrap());
    let component = component("well_behaved");
    runner.load(digest(&component), component).await.unwrap();
    (runner, call().await)
}

/// An egress that says when it was asked, and never answers.
#[derive(Default)]
struct NeverAnswering {
    asked: Notify,
}

#[async_trait]
impl EgressSession for NeverAnswering {
    async fn send(&self, _: OutboundRequest) -> Result<InboundResponse, EgressFailure> {
        self.asked.notify_one();
        std::future::pending().await
    }

    fn observed(&self) -> EgressObserved {
        EgressObserved::default()
    }
}

#[tokio::test]
async fn inspecting_tells_what_a_component_is() {
    let inspected = runner().inspect(component("well_behaved")).await.unwrap();
    assert_eq!(inspected.metadata, r#"{"id":"test-guest","version":"1.0.0"}"#);
    assert_eq!(inspected.digest, digest(&component("well_behaved")));
    assert_eq!(inspected.component_bytes, component("well_behaved").len() as u64);
    assert!(inspected.has_destination);
    assert!(inspected.imports.contains(&"keyferry:integration/http@1.0.0".to_owned()), "{:?}", inspected.imports);
    assert!(!inspected.imports.iter().any(|import| import.contains("sockets")), "{:?}", inspected.imports);
}

#[tokio::test]
async fn a_guest_sees_its_connection_and_nothing_else() {
    let egress = ScriptedEgress::answering(200, "someone");
    let mut call = PluginCall { egress: egress.clone(), ..call().await };
    call.connection.settings = settings([("url", "https://own.example/me")]);
    call.connection.auth_method = "BEARER".to_owned();
    let account = runner().verify(call).await.unwrap();
    assert_eq!(account.id, "someone");
    let details: Vec<(&str, &str)> =
        account.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        details,
        [
            ("settings", r#"{"url":"https://own.example/me"}"#),
            ("method", "BEARER"),
            ("credentials", "{}"),
            ("features", "finish"),
            ("environment", "0"),
        ]
    );
    let requests = egress.requests.lock().unwrap();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "https://own.example/me"));
    assert_eq!((request.entry.as_str(), request.authenticate, request.timeout), ("api", true, None));
}

#[tokio::test]
async fn plaintext_credentials_reach_only_a_guest_that_was_granted_them() {
    let mut call = call().await;
    call.connection.plaintext_credentials = Some([("token".to_owned(), Secret::from("t\"o\"k"))].into());
    let account = runner().verify(call).await.unwrap();
    assert!(account.details.contains(&("credentials".to_owned(), r#"{"token":"t\"o\"k"}"#.to_owned())), "{account:?}");
}

#[tokio::test]
async fn a_typed_error_arrives_as_reported() {
    let call = PluginCall { egress: ScriptedEgress::answering(401, ""), ..call().await };
    let failure = runner().verify(call).await.unwrap_err();
    let CallFailure::Reported(error) = failure else { panic!("{failure:?}") };
    assert_eq!((error.kind, error.http_status), (ReportedKind::Unauthenticated, Some(401)));
}

#[tokio::test]
async fn choices_carry_parameter_and_cursor() {
    let page = runner().choices(call().await, "connection", "region", &settings([]), Some("1")).await.unwrap();
    assert_eq!((page.choices[0].value.as_str(), page.choices[0].label.as_str()), ("region", "1"));
    assert_eq!(page.next.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_destination_is_checked_and_identified() {
    let destination = settings([("path", "/app/")]);
    let account = runner().check(call().await, &destination).await.unwrap();
    assert_eq!(account.id, r#"{"path":"/app/"}"#);
    let identity = runner().identify(call().await, &destination).await.unwrap();
    assert_eq!((identity.namespace.as_str(), identity.prefix.as_str()), ("test:place", "/app/"));
}

#[tokio::test]
async fn an_observation_comes_back_whole() {
    let scope = Scope::Keys(vec!["a".to_owned()]);
    let observation = runner().observe(call().await, &settings([]), &scope, Some("next")).await.unwrap();
    let [entry] = observation.entries.as_slice() else { panic!("{observation:?}") };
    assert!(matches!(&entry.value, ObservedValue::Readable(value) if value.expose() == "value of a"));
    assert_eq!((entry.key.as_str(), entry.version.as_deref()), ("a", Some("1")));
    assert_eq!(entry.attributes.get("tier").map(String::as_str), Some("standard"));
    assert!(observation.complete);
    assert_eq!(observation.next.as_deref(), Some("next"));
    assert_eq!(observation.context, Some(OpaqueContext("context".to_owned())));
    let all = runner().observe(call().await, &settings([]), &Scope::All, None).await.unwrap();
    assert_eq!(all.entries.len(), 2);
}

#[tokio::test]
async fn each_change_has_its_outcome_in_order() {
    let put = |value: &str| Change::Put {
        key: "key".to_owned(),
        value: Secret::from(value),
        reference: None,
        attributes: Default::default(),
        precondition: Precondition::MustNotExist,
    };
    let delete = Change::Delete { key: "gone".to_owned(), reference: None, precondition: Precondition::None };
    let changes = [put("v"), delete, put("")];
    let context = OpaqueContext("c".to_owned());
    let application = runner().apply(call().await, &settings([]), &changes, Some("7"), Some(&context)).await.unwrap();
    assert_eq!(application.document_version.as_deref(), Some("7"));
    let applied = Applied { version: Some("v".to_owned()), reference: Some("c".to_owned()) };
    assert_eq!(application.outcomes[0], Outcome::Applied(applied));
    assert_eq!(
        application.outcomes[1],
        Outcome::Unchanged(Applied { version: None, reference: Some("gone".to_owned()) })
    );
    assert!(matches!(&application.outcomes[2], Outcome::Failed(error) if error.kind == ReportedKind::InvalidItem));
}

#[tokio::test]
async fn finish_is_told_what_changed() {
    runner().finish(call().await, &settings([]), &["a".to_owned()], None).await.unwrap();
    let failure = runner().finish(call().await, &settings([]), &[], None).await.unwrap_err();
    assert!(matches!(failure, CallFailure::Reported(_)), "{failure:?}");
}

#[tokio::test]
async fn a_component_that_was_unloaded_cannot_be_called() {
    let (runner, call) = own_runner(runner_options()).await;
    runner.verify(call.clone()).await.unwrap();
    runner.unload(call.digest);
    let failure = runner.verify(call).await.unwrap_err();
    assert!(matches!(failure, CallFailure::Internal(_)), "{failure:?}");
}

#[tokio::test]
async fn a_component_is_loaded_only_under_its_own_digest() {
    let other = digest(b"something else");
    let failure = runner().load(other, component("well_behaved")).await.unwrap_err();
    assert!(matches!(failure, InspectFailure::Rejected(_)), "{failure:?}");
}

#[tokio::test]
async fn a_verifier_without_destination_cannot_be_synced_to() {
    let inspected = runner().inspect(verifier()).await.unwrap();
    assert!(!inspected.has_destination);
    runner().load(inspected.digest, verifier()).await.unwrap();
    let call = PluginCall { digest: inspected.digest, ..call().await };
    let failure = runner().check(call, &settings([])).await.unwrap_err();
    assert!(matches!(failure, CallFailure::Internal(_)), "{failure:?}");
}

/// A component of the world `verifier`: an invalid text of a guest, made valid.
fn verifier() -> Vec<u8> {
    let text = include_str!("../guests/wat/returns_invalid_utf8.wat");
    let text = text.replace(r"\04\00\00\00\ff\fe\ed\a0", r"\02\00\00\00{}");
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn a_call_that_finds_no_slot_fails_as_busy() {
    let queue_wait = Duration::from_millis(1);
    let options = WasmRunnerOptions { max_concurrent_calls: 1, queue_wait, ..runner_options() };
    let (runner, call) = own_runner(options).await;
    let egress = Arc::new(NeverAnswering::default());
    let holding = PluginCall { egress: egress.clone(), ..call.clone() };
    let holder = tokio::spawn({
        let runner = Arc::clone(&runner);
        async move { runner.verify(holding).await }
    });
    egress.asked.notified().await;
    let failure = runner.verify(call).await.unwrap_err();
    assert!(matches!(failure, CallFailure::Busy), "{failure:?}");
    holder.abort();
}

#[tokio::test]
async fn a_dropped_call_stops_the_guest_and_gives_its_slot_back() {
    let (runner, call) = own_runner(WasmRunnerOptions { max_concurrent_calls: 1, ..runner_options() }).await;
    for _ in 0..3 {
        let egress = Arc::new(NeverAnswering::default());
        let waiting = PluginCall { egress: egress.clone(), ..call.clone() };
        tokio::select! {
            result = runner.verify(waiting) => panic!("{result:?}"),
            () = egress.asked.notified() => {}
        }
    }
    assert_eq!(runner.verify(call).await.unwrap().id, "someone");
}

#[tokio::test]
async fn a_panic_in_the_host_ends_one_call_and_nothing_else() {
    let panicking = ScriptedEgress::new(|_| panic!("a bug of the host"));
    let failure = runner().verify(PluginCall { egress: panicking, ..call().await }).await.unwrap_err();
    assert!(matches!(failure, CallFailure::Internal(_)), "{failure:?}");
    assert_eq!(runner().verify(call().await).await.unwrap().id, "someone");
}

#[tokio::test]
async fn the_observer_hears_of_every_call() {
    let reports: Arc<Mutex<Vec<CallReport>>> = Arc::default();
    let heard = Arc::clone(&reports);
    let observer = Arc::new(move |report: &CallReport| heard.lock().unwrap().push(report.clone()));
    let (runner, call) = own_runner(WasmRunnerOptions { observer: Some(observer), ..runner_options() }).await;
    runner.verify(call.clone()).await.unwrap();
    let denied = PluginCall { egress: ScriptedEgress::refusing(), ..call };
    runner.verify(denied).await.unwrap_err();
    let reports = reports.lock().unwrap();
    let [good, bad] = reports.as_slice() else { panic!("{reports:?}") };
    assert_eq!((good.operation, good.outcome, good.plugin.as_str()), (Operation::Verify, "ok", "well_behaved"));
    assert_eq!((good.usage.requests, good.usage.log_lines), (1, 1));
    assert!(good.usage.memory_peak_bytes >= 64 << 10 && good.usage.host_calls >= 3, "{good:?}");
    assert_eq!((bad.outcome, bad.usage.requests), ("denied", 1));
}

#[tokio::test]
async fn a_line_of_the_log_names_plugin_and_operation() {
    let log = CapturedLog::start();
    runner().verify(call().await).await.unwrap();
    let lines = log.lines("said=\"verified\"");
    let [line] = lines.as_slice() else { panic!("{}", log.text()) };
    assert!(line.contains("INFO") && line.contains("plugin=\"well_behaved\" operation=\"verify\""), "{line}");
}

#[tokio::test]
async fn a_greater_grant_lets_a_call_have_more_memory() {
    let mut call = guests::call("allocates_4gib").await;
    let mut peaks = Vec::new();
    for memory_bytes in [16 << 20, 48 << 20] {
        let reports: Arc<Mutex<Vec<CallReport>>> = Arc::default();
        let heard = Arc::clone(&reports);
        let observer = Arc::new(move |report: &CallReport| heard.lock().unwrap().push(report.clone()));
        let runner = WasmRunner::start(WasmRunnerOptions { observer: Some(observer), ..runner_options() }).unwrap();
        runner.load(call.digest, component("allocates_4gib")).await.unwrap();
        call.limits = Limits { memory_bytes, ..Limits::default() };
        let failure = runner.verify(call.clone()).await.unwrap_err();
        assert!(matches!(failure, CallFailure::LimitExceeded { what: "memory" }), "{failure:?}");
        peaks.push(reports.lock().unwrap()[0].usage.memory_peak_bytes);
    }
    assert!(peaks[0] <= 16 << 20 && peaks[1] <= 48 << 20 && peaks[1] > peaks[0], "{peaks:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_guest_does_not_stop_others() {
    let spinning = tokio::spawn({
        let call = guests::call("loops_forever").await;
        async move { runner().verify(call).await }
    });
    for _ in 0..20 {
        assert_eq!(runner().verify(call().await).await.unwrap().id, "someone");
    }
    let failure = spinning.await.unwrap().unwrap_err();
    assert!(matches!(failure, CallFailure::TimedOut { clock: "processor", .. }), "{failure:?}");
}
