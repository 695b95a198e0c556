//! Every guest of `tests/guests`, and what becomes of it. A guest without a test of its name fails the build.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keyferry::domain::Secret;
use keyferry::domain::destination::{Change, Outcome, Precondition, Scope};
use keyferry::domain::plugin::{CallFailure, Limits, Operation, ReportedKind};
use keyferry::ports::egress::{EgressFailure, InboundResponse};
use keyferry::ports::plugin::{InspectFailure, Inspected, PluginCall, PluginRunner as _};
use keyferry_tests::guests::{self, ScriptedEgress, component, runner, settings};

use crate::captured_log::CapturedLog;

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

macro_rules! assert_has_test {
    ($guest:ident) => {
        #[expect(unused_imports, reason = "only the existence of the test matters")]
        use self::$guest as _;
    };
}
for_each_guest!(assert_has_test);

const SECRET: &str = "correct horse battery staple";

async fn inspect(guest: &str) -> Result<Inspected, InspectFailure> {
    runner().inspect(component(guest)).await
}

/// The text with which a guest is refused at installation.
async fn refusal(guest: &str) -> String {
    match inspect(guest).await {
        Err(InspectFailure::Rejected(reason)) => reason,
        other => panic!("`{guest}` was not rejected: {other:?}"),
    }
}

/// How the description of a guest fails at installation.
async fn describe_failure(guest: &str) -> CallFailure {
    match inspect(guest).await {
        Err(InspectFailure::Describe(failure)) => failure,
        other => panic!("`{guest}` described itself: {other:?}"),
    }
}

fn put(value: &str) -> Change {
    Change::Put {
        key: "key".to_owned(),
        value: Secret::from(value),
        reference: None,
        attributes: Default::default(),
        precondition: Precondition::None,
    }
}

fn with_secret(call: PluginCall) -> PluginCall {
    let mut call = PluginCall { secrets: vec![Secret::from(SECRET)], ..call };
    call.connection.plaintext_credentials = Some([("token".to_owned(), Secret::from(SECRET))].into());
    call
}

#[track_caller]
fn assert_limit(failure: &CallFailure, expected: &str) {
    assert!(matches!(failure, CallFailure::LimitExceeded { what } if *what == expected), "{failure:?}");
}

#[track_caller]
fn assert_trap(failure: &CallFailure, expected: &str) {
    assert!(matches!(failure, CallFailure::Trapped { reason } if reason.contains(expected)), "{failure:?}");
}

#[track_caller]
fn assert_timeout(failure: &CallFailure, expected: Operation, expected_clock: &str) {
    assert!(
        matches!(failure, CallFailure::TimedOut { operation, clock, .. } if *operation == expected && *clock == expected_clock),
        "{failure:?}"
    );
}

// Rows 1 and 2: time.

#[tokio::test]
async fn loops_forever() {
    let failure = runner().verify(guests::call("loops_forever").await).await.unwrap_err();
    assert_timeout(&failure, Operation::Verify, "processor");
}

#[tokio::test]
async fn fills_memory_forever() {
    let failure = runner().verify(guests::call("fills_memory_forever").await).await.unwrap_err();
    assert_timeout(&failure, Operation::Verify, "processor");
}

#[tokio::test]
async fn copies_tables_forever() {
    assert_timeout(&describe_failure("copies_tables_forever").await, Operation::Describe, "processor");
}

/// Row 8.
#[tokio::test]
async fn loops_at_start() {
    assert_timeout(&describe_failure("loops_at_start").await, Operation::Describe, "processor");
}

/// Its `describe` sleeps, because that has the shortest limit of wall time.
#[tokio::test]
async fn sleeps_forever() {
    assert_timeout(&describe_failure("sleeps_forever").await, Operation::Describe, "wall");
}

// Rows 3 to 5: space.

#[tokio::test]
async fn allocates_4gib() {
    let failure = runner().verify(guests::call("allocates_4gib").await).await.unwrap_err();
    assert_limit(&failure, "memory");
}

#[tokio::test]
async fn tries_big_allocations() {
    let call = guests::call("tries_big_allocations").await;
    assert_eq!(runner().verify(call).await.unwrap().id, "refused");
}

#[tokio::test]
async fn declares_big_memory() {
    assert_limit(&describe_failure("declares_big_memory").await, "memory");
}

#[tokio::test]
async fn declares_giant_table() {
    let reason = refusal("declares_giant_table").await;
    assert!(reason.contains("more than any call may have") && reason.contains("table"), "{reason}");
}

#[tokio::test]
async fn declares_many_instances() {
    let reason = refusal("declares_many_instances").await;
    assert!(reason.contains("more than any call may have"), "{reason}");
}

#[tokio::test]
async fn recurses_forever() {
    let failure = runner().verify(guests::call("recurses_forever").await).await.unwrap_err();
    assert_trap(&failure, "call stack exhausted");
}

// Row 6: the boundary.

#[tokio::test]
async fn floods_host_calls() {
    let failure = runner().verify(guests::call("floods_host_calls").await).await.unwrap_err();
    assert_limit(&failure, "host calls");
}

#[tokio::test]
async fn floods_the_log() {
    let log = CapturedLog::start();
    runner().verify(guests::call("floods_the_log").await).await.unwrap();
    let lines = log.lines("plugin=\"floods_the_log\"");
    assert_eq!(lines.len(), Limits::default().log_lines as usize);
    assert!(lines.iter().all(|line| line.len() < 3000), "a line was not cut");
    assert!(lines[1].contains("first ERROR keyferry: forged line [31m"), "{}", lines[1]);
    assert!(lines[2].contains("INFO") && lines[2].contains("line 0"), "{}", lines[2]);
}

#[tokio::test]
async fn hands_over_too_much() {
    let call = guests::call("hands_over_too_much").await;
    assert_limit(&runner().verify(call.clone()).await.unwrap_err(), "bytes handed over at once");
    let egress = ScriptedEgress::answering(200, "");
    let call = PluginCall { egress: egress.clone(), ..call };
    let failure = runner().check(call, &settings([])).await.unwrap_err();
    assert_limit(&failure, "bytes handed over at once");
    assert_eq!(egress.urls(), Vec::<String>::new());
}

#[tokio::test]
async fn returns_huge_results() {
    let call = guests::call("returns_huge_results").await;
    let none = settings([]);
    let too_big = "bytes of the result";
    assert_limit(&runner().verify(call.clone()).await.unwrap_err(), too_big);
    let choices = runner().choices(call.clone(), "connection", "", &none, None).await;
    assert_limit(&choices.unwrap_err(), "bytes handed over at once");
    assert_limit(&runner().finish(call.clone(), &none, &[], None).await.unwrap_err(), too_big);
    assert_limit(&runner().observe(call, &none, &Scope::All, None).await.unwrap_err(), "bytes of context");
}

#[tokio::test]
async fn returns_too_few_outcomes() {
    let call = guests::call("returns_too_few_outcomes").await;
    let none = settings([]);
    let failure = runner().apply(call.clone(), &none, &[put("a"), put("b")], None, None).await.unwrap_err();
    assert_eq!(failure.to_string(), "the plugin broke the contract: `apply` returned 1 outcomes for 2 changes");
    let failure = runner().identify(call, &none).await.unwrap_err();
    assert!(matches!(failure, CallFailure::ContractBroken { .. }), "{failure:?}");
}

#[tokio::test]
async fn spends_every_request() {
    let egress = ScriptedEgress::answering(200, "again");
    let limits = Limits { requests: 3, ..Limits::default() };
    let call = PluginCall { egress: egress.clone(), limits, ..guests::call("spends_every_request").await };
    assert_limit(&runner().verify(call).await.unwrap_err(), "requests");
    assert_eq!(egress.urls().len(), 3);
}

/// Row 20.
#[tokio::test]
async fn returns_pointer_out_of_bounds() {
    assert_trap(&describe_failure("returns_pointer_out_of_bounds").await, "out of bounds");
}

#[tokio::test]
async fn returns_pointer_misaligned() {
    assert_trap(&describe_failure("returns_pointer_misaligned").await, "not aligned");
}

#[tokio::test]
async fn returns_invalid_utf8() {
    assert_trap(&describe_failure("returns_invalid_utf8").await, "utf-8");
}

/// Row 27.
#[tokio::test]
async fn guesses_handles() {
    let mut call = guests::call("guesses_handles").await;
    assert_limit(&runner().check(call.clone(), &settings([])).await.unwrap_err(), "handles");
    for first in ["0", "1000000", "4294960000"] {
        call.connection.settings = settings([("first", first)]);
        assert_trap(&runner().verify(call.clone()).await.unwrap_err(), "handle");
    }
}

#[tokio::test]
async fn panics() {
    let log = CapturedLog::start();
    let call = with_secret(guests::call("panics").await);
    let failure = runner().verify(call.clone()).await.unwrap_err();
    assert_trap(&failure, "unreachable");
    assert!(!format!("{failure:?}").contains(SECRET));
    let lines = log.lines("cannot go on with");
    assert!(lines.len() == 1 && lines[0].contains("[redacted]") && !lines[0].contains(SECRET), "{lines:?}");
    assert_trap(&runner().check(call, &settings([])).await.unwrap_err(), "exited with status 1");
}

// Rows 9 and 10: what a component may be.

#[tokio::test]
async fn opens_a_file() {
    let account = runner().verify(guests::call("opens_a_file").await).await.unwrap();
    assert_eq!(account.id, "");
}

#[tokio::test]
async fn connects_by_sockets() {
    let reason = refusal("connects_by_sockets").await;
    assert!(reason.contains("`wasi:sockets/tcp@0.2."), "{reason}");
}

#[tokio::test]
async fn imports_unknown_interfaces() {
    let reason = refusal("imports_unknown_interfaces").await;
    for import in [
        "`acme:backdoor/keys@1.0.0`",
        "`keyferry:integration/http@2.0.0`",
        "`wasi:http/outgoing-handler@0.2.6`",
        "`wasi:keyvalue/store@0.2.0`",
        "`open-door`",
    ] {
        assert!(reason.contains(import), "{import} is missing in: {reason}");
    }
    assert!(reason.contains("this host offers `keyferry:integration/host-info@1.0.0`"), "{reason}");
}

#[tokio::test]
async fn declares_memory64() {
    let reason = refusal("declares_memory64").await;
    assert!(reason.contains("memory64"), "{reason}");
}

#[tokio::test]
async fn declares_shared_memory() {
    let reason = refusal("declares_shared_memory").await;
    assert!(reason.contains("threads"), "{reason}");
}

#[tokio::test]
async fn uses_garbage_collection() {
    let reason = refusal("uses_garbage_collection").await;
    assert!(reason.contains("gc"), "{reason}");
}

#[tokio::test]
async fn uses_many_memories() {
    let reason = refusal("uses_many_memories").await;
    assert!(reason.contains("multiple memories"), "{reason}");
}

#[tokio::test]
async fn exports_other_types() {
    let failure = describe_failure("exports_other_types").await;
    assert!(
        matches!(&failure, CallFailure::ContractBroken { reason } if reason.contains("version 1.0.0")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn exports_next_version() {
    let reason = refusal("exports_next_version").await;
    assert!(reason.contains("speaks version 1.0.0"), "{reason}");
    assert!(reason.contains("`keyferry:integration/integration@2.0.0`"), "{reason}");
}

#[tokio::test]
async fn describes_nothing() {
    let failure = describe_failure("describes_nothing").await;
    assert!(matches!(failure, CallFailure::ContractBroken { .. }), "{failure:?}");
}

#[tokio::test]
async fn describes_by_chance() {
    let log = CapturedLog::start();
    let first = inspect("describes_by_chance").await.unwrap();
    let second = inspect("describes_by_chance").await.unwrap();
    assert_eq!(first.metadata, second.metadata);
    assert!(first.metadata.contains(r#""now":0,"elapsed":0,"sent":false"#), "{}", first.metadata);
    assert_eq!(log.lines("described"), Vec::<String>::new());
}

// Rows 11, 13, 14, 21 and 22: the way out.

#[tokio::test]
async fn requests_denied_host() {
    let metadata = "http://169.254.169.254/latest/";
    let egress = ScriptedEgress::new(move |request| match request.url.as_str() {
        "https://vendor.example/" => Ok(InboundResponse { status: 200, headers: Vec::new(), body: Vec::new() }),
        _ => Err(EgressFailure::Denied("169.254.169.254 is never allowed".to_owned())),
    });
    let mut call = PluginCall { egress: egress.clone(), ..guests::call("requests_denied_host").await };
    call.connection.settings = settings([("url", metadata)]);
    let failure = runner().verify(call.clone()).await.unwrap_err();
    assert!(
        matches!(&failure, CallFailure::Denied { reason } if reason == "169.254.169.254 is never allowed"),
        "{failure:?}"
    );
    assert_eq!(egress.urls(), [metadata]);

    // A guest that lives without the request did nothing that the caller must know.
    call.connection.settings = settings([("url", metadata), ("then", "succeed")]);
    assert_eq!(runner().verify(call.clone()).await.unwrap().id, "without it");
    // One that traps trapped.
    call.connection.settings = settings([("url", metadata), ("then", "panic")]);
    assert_trap(&runner().verify(call.clone()).await.unwrap_err(), "unreachable");
    // And an error after a later request that was let through is the plugin's own.
    call.connection.settings = settings([("url", metadata), ("then", "https://vendor.example/")]);
    let failure = runner().verify(call).await.unwrap_err();
    assert!(
        matches!(&failure, CallFailure::Reported(error) if error.message == "the other place did not like it"),
        "{failure:?}"
    );
}

/// Whatever kind the guest gives it: that the credential does not do is something that the host knows.
#[tokio::test]
async fn failed_authentication_is_told_as_such() {
    let egress = ScriptedEgress::new(|_| Err(EgressFailure::Authentication("the exchange was refused".to_owned())));
    let call = PluginCall { egress, ..guests::call("requests_denied_host").await };
    let failure = runner().verify(call).await.unwrap_err();
    assert!(
        matches!(&failure, CallFailure::Reported(error)
            if error.kind == ReportedKind::Unauthenticated && error.message.contains("the exchange was refused")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn follows_redirects() {
    let egress = ScriptedEgress::new(|request| match request.url.as_str() {
        "https://vendor.example/" => {
            let headers = vec![("Location".to_owned(), "http://10.0.0.1/".to_owned())];
            Ok(InboundResponse { status: 302, headers, body: Vec::new() })
        }
        url => Err(EgressFailure::Denied(format!("{url} is not declared"))),
    });
    let call = PluginCall { egress: egress.clone(), ..guests::call("follows_redirects").await };
    let failure = runner().verify(call).await.unwrap_err();
    assert!(matches!(&failure, CallFailure::Denied { .. }), "{failure:?}");
    // The host handed the redirect over and did not follow it; the guest's own request went through every check again.
    assert_eq!(egress.urls(), ["https://vendor.example/", "http://10.0.0.1/"]);
}

#[tokio::test]
async fn posts_secrets_elsewhere() {
    let egress = ScriptedEgress::refusing();
    let call = PluginCall { egress: egress.clone(), ..guests::call("posts_secrets_elsewhere").await };
    let failure = runner().apply(call, &settings([]), &[put(SECRET)], None, None).await.unwrap_err();
    assert!(matches!(&failure, CallFailure::Denied { .. }), "{failure:?}");
    assert!(!format!("{failure} {failure:?}").contains(SECRET));
    assert_eq!(egress.urls(), ["https://attacker.example/"]);
}

/// The host's own egress refuses such headers; the sandbox must hand them over as they are, for it to see them.
#[tokio::test]
async fn smuggles_headers() {
    let egress = ScriptedEgress::new(|request| {
        let (name, value) = &request.headers[0];
        Err(EgressFailure::Denied(format!("header of {} and {} bytes", name.len(), value.len())))
    });
    let call = PluginCall { egress: egress.clone(), ..guests::call("smuggles_headers").await };
    let failure = runner().verify(call.clone()).await.unwrap_err();
    assert!(matches!(&failure, CallFailure::Denied { .. }), "{failure:?}");
    {
        let requests = egress.requests.lock().unwrap();
        assert_eq!(requests.len(), 8);
        assert_eq!(requests[0].headers, [("X-Innocent".to_owned(), "a\r\nX-Smuggled: b".to_owned())]);
    }
    let failure = runner().check(call, &settings([])).await.unwrap_err();
    assert_limit(&failure, "bytes handed over at once");
    assert_eq!(egress.urls().len(), 8);
}

#[tokio::test]
async fn fetches_endless_bodies() {
    let call = guests::call("fetches_endless_bodies").await;
    let capped = PluginCall { egress: ScriptedEgress::new(|_| Err(EgressFailure::TooLarge)), ..call.clone() };
    let failure = runner().verify(capped).await.unwrap_err();
    assert!(matches!(&failure, CallFailure::Reported(error) if error.message == "too large"), "{failure:?}");

    let egress =
        ScriptedEgress::new(|_| Ok(InboundResponse { status: 200, headers: Vec::new(), body: vec![0; 8 << 20] }));
    let failure = runner().check(PluginCall { egress: egress.clone(), ..call }, &settings([])).await.unwrap_err();
    assert_limit(&failure, "transferred bytes");
    assert_eq!(egress.urls().len(), 4);
}

// Rows 17 and 19: what gets out, and what stays.

#[tokio::test]
async fn says_secrets() {
    let log = CapturedLog::start();
    let call = with_secret(guests::call("says_secrets").await);
    let none = settings([]);
    let account = runner().verify(call.clone()).await.unwrap();
    assert_eq!(account.id, "id [redacted]");
    let choices = runner().choices(call.clone(), "connection", "p", &none, None).await.unwrap();
    assert_eq!(choices.choices[0].value, "[redacted]");
    let failure = runner().check(call.clone(), &none).await.unwrap_err();
    let CallFailure::Reported(error) = &failure else { panic!("{failure:?}") };
    assert_eq!((error.kind, error.message.as_str()), (ReportedKind::Other, "message [redacted]"));
    let application = runner().apply(call, &none, &[put("value")], None, None).await.unwrap();
    assert!(matches!(&application.outcomes[0], Outcome::Failed(error) if error.message == "[redacted]"));

    let said = format!("{account:?} {choices:?} {failure:?} {failure} {application:?} {}", log.text());
    assert!(said.contains("stderr [redacted]") && said.contains("log [redacted] [redacted]"), "{said}");
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!said.contains(SECRET) && !said.to_lowercase().contains(&hex), "{said}");
}

#[tokio::test]
async fn remembers_across_calls() {
    let call = guests::call("remembers_across_calls").await;
    for _ in 0..20 {
        assert_eq!(runner().verify(call.clone()).await.unwrap().id, "calls=1 found=0");
    }
}

/// And the one that does as it should: see `runtime_calls.rs` for the rest.
#[tokio::test]
async fn well_behaved() {
    let requests = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&requests);
    let egress = ScriptedEgress::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(InboundResponse { status: 200, headers: Vec::new(), body: b"someone".to_vec() })
    });
    let inspected = inspect("well_behaved").await.unwrap();
    assert!(inspected.has_destination);
    let call = PluginCall { egress, ..guests::call("well_behaved").await };
    assert_eq!(runner().verify(call).await.unwrap().id, "someone");
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}
