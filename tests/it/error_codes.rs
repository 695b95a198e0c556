//! Every code of the registry reaches a caller. Each has a scenario that provokes it and answers with what the caller was
//! told; a code without a scenario fails here, and a scenario that is told another code fails too.
//!
//! What stands between the caller and the failure is real: router, services, records, keys, engine. Made up are only the
//! causes that lie outside: a store that fails, and how a plugin call ends (that each end has its cause is shown with real
//! plugins in `runtime_calls` and `runtime_guests`).

mod plugins;
mod requests;
mod resources;
mod stores;
mod syncs;

use std::collections::BTreeSet;
use std::pin::Pin;

use futures_util::future::join_all;
use keyferry::domain::error::{Code, Retry};
use keyferry_tests::api::Answer;

/// What a caller was told.
enum Told {
    /// By a failing response.
    Problem(Answer),
    /// By the error of a run.
    Run(Answer),
}

impl Told {
    fn code(&self) -> &str {
        match self {
            Self::Problem(answer) => answer.problem_code(),
            Self::Run(answer) => answer.json["error"]["code"].as_str().unwrap_or("none"),
        }
    }

    fn text(&self) -> &str {
        let (Self::Problem(answer) | Self::Run(answer)) = self;
        &answer.text
    }

    /// Whether a caller that knows only the answer would act as the registry says.
    fn fits(&self, code: Code) -> bool {
        let retry = match code.retry() {
            Retry::Never => "never",
            Retry::Later => "later",
        };
        let documented = match self {
            Self::Problem(answer) => answer.json["retry"] == retry && answer.json["title"] == code.title(),
            Self::Run(_) => true,
        };
        documented && self.code() == code.text()
    }
}

type Scenario = fn() -> Pin<Box<dyn Future<Output = Told>>>;

macro_rules! scenarios {
    ($($code:ident: $scenario:path;)*) => {
        const SCENARIOS: &[(Code, Scenario)] = &[$((Code::$code, || Box::pin($scenario())),)*];
    };
}

scenarios! {
    InvalidRequest: requests::invalid;
    MalformedBody: requests::malformed;
    InvalidPageToken: requests::page_token;
    NotSupported: plugins::user_level;
    ConfigTestUnsupported: plugins::untestable;
    PluginSettingsMissing: plugins::without_settings;
    ImportUnsupported: syncs::import_of_a_whole_tree;
    ReferenceUnresolved: syncs::reference_to_nothing;
    CredentialRebindRefused: plugins::rebound;
    ComponentRejected: plugins::no_component;
    ComponentTooLarge: plugins::large_component;
    Unauthenticated: requests::anonymous;
    ScopeMissing: requests::reader_that_writes;
    NotFound: resources::absent;
    RouteNotFound: requests::nowhere;
    MethodNotAllowed: requests::wrong_method;
    AlreadyExists: resources::made_twice;
    InUse: syncs::config_in_use;
    WrongState: syncs::run_of_a_paused_one;
    DestinationClaimed: syncs::two_at_one_place;
    PlanChanged: syncs::approved_otherwise;
    IdempotencyInFlight: stores::sent_while_under_way;
    Contention: stores::commits_that_lose;
    PreconditionFailed: resources::stale;
    BodyTooLarge: requests::large_body;
    HeadersTooLarge: requests::large_headers;
    RequestTimeout: requests::body_that_never_comes;
    UnsupportedMediaType: requests::form;
    IdempotencyMismatch: requests::key_used_twice;
    RateLimited: requests::too_many;
    Busy: plugins::no_slot;
    Unavailable: stores::unreadable;
    KeyUnavailable: stores::damaged_keys;
    RecordUnreadable: stores::damaged_records;
    CredentialsRejected: plugins::unknown_to_the_vendor;
    PermissionDenied: plugins::refused_by_the_vendor;
    PluginFailed: plugins::other_report;
    PluginUnavailable: plugins::throttled;
    PluginTrapped: plugins::trapped;
    PluginTimedOut: plugins::timed_out;
    PluginLimitExceeded: plugins::limit_exceeded;
    PluginContractBroken: plugins::contract_broken;
    EgressDenied: plugins::egress_denied;
    GrantMissing: plugins::not_granted;
    PluginInactive: plugins::disabled;
    PlanBlocked: syncs::foreign_key;
    Internal: plugins::host_at_fault;
}

/// Codes that nothing produces.
fn unproduced(scenarios: &[(Code, Scenario)], registry: &[Code]) -> Vec<&'static str> {
    let produced: BTreeSet<&str> = scenarios.iter().map(|(code, _)| code.text()).collect();
    registry.iter().map(|code| code.text()).filter(|text| !produced.contains(text)).collect()
}

#[test]
fn every_code_has_one_scenario() {
    let missing = unproduced(SCENARIOS, Code::ALL);
    assert!(missing.is_empty(), "no scenario produces {missing:?}: add one to the table, or drop the code");
    assert_eq!(SCENARIOS.len(), Code::ALL.len(), "a code has two scenarios");
    assert_eq!(unproduced(&SCENARIOS[1..], Code::ALL), ["invalid_request"], "a missing scenario is noticed");
}

#[tokio::test]
async fn every_scenario_is_told_its_code() {
    let told = join_all(SCENARIOS.iter().map(|(code, scenario)| async move { (*code, scenario().await) })).await;
    let wrong: Vec<String> = told
        .iter()
        .filter(|(code, told)| !told.fits(*code))
        .map(|(code, told)| format!("{code}: told {}", told.text()))
        .collect();
    assert!(wrong.is_empty(), "{} scenarios are told something else:\n{}", wrong.len(), wrong.join("\n"));
}
