//! Syncs, plans and runs as text: names only.

use std::iter;

use serde_json::Value;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::text;
use crate::domain::Code;

/// The most keys that a failure lists; `--json` has them all.
const KEYS_MAX: usize = 20;

/// A plan like a diff. `sync` is told how to approve it.
pub(super) fn diff(plan: &Value, sync: &str) -> String {
    let mut lines: Vec<String> =
        plan.get("changes").and_then(Value::as_array).into_iter().flatten().map(change).collect();
    lines.push(counts(plan));
    let hash = text(plan, "/planHash");
    lines.push(format!("plan {hash}"));
    if let Some(blocked) = blocked(plan) {
        lines.push(format!("blocked: {blocked}"));
        lines.push(format!("approve it with: {}", approval(sync, &hash)));
    }
    lines.join("\n")
}

fn change(change: &Value) -> String {
    let sign = match text(change, "/action").as_str() {
        "CREATE" => '+',
        "UPDATE" => '~',
        "DELETE" => '-',
        "ADOPT" => '=',
        "IMPORT" => '<',
        // Left as it is, or no longer ours.
        _ => '!',
    };
    format!("{sign} {}  ({})", text(change, "/key"), text(change, "/reason"))
}

fn approval(sync: &str, hash: &str) -> String {
    format!("keyferry sync run {sync} --approve {hash}")
}

/// What stands against a plan, where something does.
fn blocked(holder: &Value) -> Option<String> {
    holder.get("blocked").filter(|blocked| !blocked.is_null()).map(|blocked| text(blocked, "/detail"))
}

/// Counts that are not zero.
pub(super) fn counts(holder: &Value) -> String {
    let counts = holder.get("counts").and_then(Value::as_object).into_iter().flatten();
    let shown: Vec<String> =
        counts.filter(|(_, count)| count.as_u64() != Some(0)).map(|(name, count)| format!("{count} {name}")).collect();
    if shown.is_empty() { "nothing to do".to_owned() } else { shown.join(", ") }
}

/// What stands against the first run, as far as the vendor tells before it.
pub(super) fn unverified(sync: &Value) -> Option<String> {
    let missing = sync.pointer("/verification/missingPermissions").and_then(Value::as_array).into_iter().flatten();
    let missing: Vec<&str> = missing.filter_map(Value::as_str).collect();
    let error = text(sync, "/verification/error/detail");
    if !error.is_empty() {
        return Some(format!("! the destination could not be verified: {error}"));
    }
    (!missing.is_empty()).then(|| format!("! permissions that are lacking: {}", missing.join(", ")))
}

/// How a sync stands, and how its last run went.
pub(super) fn status(found: &Value) -> String {
    let (wanted, applied) = (text(found, "/wantedGeneration"), text(found, "/appliedGeneration"));
    let mut lines =
        vec![format!("{}: {} (generation {applied} of {wanted})", text(found, "/id"), text(found, "/state"))];
    match text(found, "/lastRun/state") {
        state if state.is_empty() => lines.push("no run yet".to_owned()),
        state => lines.push(format!("last run: {state}")),
    }
    let error = text(found, "/lastRun/error/detail");
    if !error.is_empty() {
        lines.push(format!("  {error}"));
    }
    lines.extend(waiting(found));
    if text(found, "/state") == "BLOCKED" {
        lines.push(format!("  approve with: {}", approval(&text(found, "/id"), &text(found, "/lastRun/planHash"))));
    }
    lines.extend(unverified(found));
    let import = text(found, "/lastImport/state");
    if !import.is_empty() {
        lines.push(format!("last import: {import} {}", text(found, "/lastImport/detail")).trim_end().to_owned());
    }
    let drifted = found.pointer("/drift/keys").and_then(Value::as_array).into_iter().flatten();
    lines.extend(drifted.filter_map(Value::as_str).map(|key| format!("! {key}  (was changed at the destination)")));
    lines.join("\n")
}

/// What a sync waits for, and until when.
fn waiting(found: &Value) -> Option<String> {
    let time = |pointer: &str| {
        let seconds = found.pointer(pointer)?.as_i64()? / 1_000;
        jiff::Timestamp::from_second(seconds).ok()
    };
    match (time("/waiting/until"), time("/retryAt")) {
        (Some(until), _) => Some(format!("waits until {until}: {}", text(found, "/waiting/detail"))),
        (None, Some(at)) => Some(format!("tried again at {at}")),
        (None, None) => None,
    }
}

/// What a run did; by name the keys that an import left, and those that a check found changed.
pub(super) fn succeeded(run: &Value) -> String {
    let (headline, is_told): (String, fn(&Value) -> bool) = match text(run, "/kind").as_str() {
        "CHECK" => (drift(run), |change| change.get("drift").and_then(Value::as_bool) == Some(true)),
        "IMPORT" => (counts(run), |change| text(change, "/action") == "SKIP"),
        _ => (counts(run), |_| false),
    };
    let changes = run.get("changes").and_then(Value::as_array).into_iter().flatten();
    let told = changes.filter(|change| is_told(change));
    let told = told.map(|change| format!("! {}  ({})", text(change, "/key"), text(change, "/reason")));
    let left_out = run.pointer("/leftOut/detail").and_then(Value::as_str).map(str::to_owned);
    iter::once(format!("succeeded: {headline}")).chain(left_out).chain(told).collect::<Vec<_>>().join("\n")
}

/// What a check found.
fn drift(run: &Value) -> String {
    match run.pointer("/counts/drift").and_then(Value::as_u64) {
        None | Some(0) => "no drift".to_owned(),
        Some(keys) => format!("{keys} changed at the destination"),
    }
}

/// The failure that a run is which did not succeed.
pub(super) fn unsuccessful(sync: &str, run: &Value) -> Failure {
    let state = text(run, "/state");
    let mut failure = Failure::new(exit_of(run), format!("the run ended {}", state.to_lowercase()));
    failure.details.extend(reason(run));
    let outcomes: Vec<&Value> = run.get("outcomes").and_then(Value::as_array).into_iter().flatten().collect();
    let failed = outcomes.iter().filter(|outcome| !matches!(text(outcome, "/result").as_str(), "OK" | "UNCHANGED"));
    let failed: Vec<String> = failed.map(|outcome| outcome_line(outcome)).collect();
    failure.details.extend(failed.iter().take(KEYS_MAX).cloned());
    if failed.len() > KEYS_MAX {
        failure.details.push(format!("and {} more keys; `--json` tells of all", failed.len() - KEYS_MAX));
    }
    failure.problem = Some(run.clone());
    if state == "BLOCKED" {
        return failure.hint(format!("approve it with: {}", approval(sync, &text(run, "/planHash"))));
    }
    failure
}

/// Why, in one sentence: what stands against the plan, else the error.
fn reason(run: &Value) -> Option<String> {
    let error = text(run, "/error/detail");
    blocked(run).or_else(|| (!error.is_empty()).then_some(error))
}

/// Refused by the guard or by whoever cancelled the run; else as the code of the error says, as with every other command. A key
/// that did not arrive may arrive another time.
fn exit_of(run: &Value) -> Exit {
    let code = text(run, "/error/code");
    let known = Code::ALL.iter().copied().find(|known| known.text() == code);
    match (text(run, "/state").as_str(), text(run, "/error/class").as_str(), known) {
        ("BLOCKED" | "CANCELLED", _, _) => Exit::Refused,
        (_, "ITEM", _) => Exit::Unavailable,
        (_, _, Some(code)) => Exit::of(code),
        (_, "AUTHENTICATION", None) => Exit::Refused,
        (_, "CONFIGURATION", None) => Exit::Usage,
        _ => Exit::Unavailable,
    }
}

fn outcome_line(outcome: &Value) -> String {
    let line = format!("{}: {}", text(outcome, "/key"), text(outcome, "/result"));
    match text(outcome, "/detail") {
        detail if detail.is_empty() => line,
        detail => format!("{line}, {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_lists_of_failed_keys_are_cut() {
        let outcome = |n: usize| json!({"key": format!("K{n}"), "result": "FAILED", "detail": "no"});
        let outcomes: Vec<Value> = (0..KEYS_MAX + 2).map(outcome).collect();
        let failure = unsuccessful("app", &json!({"state": "PARTIAL", "outcomes": outcomes}));
        assert_eq!(failure.details.len(), KEYS_MAX + 1);
        assert_eq!(failure.details.last().map(String::as_str), Some("and 2 more keys; `--json` tells of all"));
        assert_eq!(failure.details[0], "K0: FAILED, no");
    }

    #[test]
    fn exit_code_tells_what_to_mend() {
        for (class, code, exit) in [
            (json!("AUTHENTICATION"), json!("credentials_rejected"), Exit::Refused),
            (json!("AUTHENTICATION"), json!(null), Exit::Refused),
            (json!("CONFIGURATION"), json!("invalid_request"), Exit::Usage),
            (json!("CONFIGURATION"), json!("plugin_inactive"), Exit::Refused),
            (json!("CONFIGURATION"), json!("grant_missing"), Exit::Refused),
            (json!("CONFIGURATION"), json!("one_of_a_newer_server"), Exit::Usage),
            (json!("ITEM"), json!("invalid_request"), Exit::Unavailable),
            (json!("RETRY"), json!("plugin_unavailable"), Exit::Unavailable),
            (json!("OURS"), json!("internal"), Exit::Unexpected),
            (json!(null), json!(null), Exit::Unavailable),
        ] {
            let error = json!({"class": class, "code": code, "detail": "why"});
            let failure = unsuccessful("app", &json!({"state": "FAILED", "error": error}));
            assert_eq!(failure.exit, exit, "{class} {code}");
            assert_eq!(failure.details, ["why"]);
        }
    }

    #[test]
    fn what_a_sync_waits_for_is_told_with_its_end() {
        let waiting =
            json!({"reason": "RETRY", "detail": "the last attempt failed; it is tried again", "until": 90_500});
        for (waiting, retry_at, line) in [
            (
                waiting,
                json!(60_000),
                Some("waits until 1970-01-01T00:01:30Z: the last attempt failed; it is tried again"),
            ),
            (json!(null), json!(60_000), Some("tried again at 1970-01-01T00:01:00Z")),
            (json!(null), json!(null), None),
        ] {
            let shown = status(&json!({"id": "app", "state": "PENDING", "waiting": waiting, "retryAt": retry_at}));
            assert_eq!(shown.lines().nth(2), line, "{shown}");
        }
    }
}
