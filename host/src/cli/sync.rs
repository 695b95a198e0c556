//! `sync`: make, plan, run, watch.

use std::time::Duration;

use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Value, json};

use super::args::{Priority, SyncCommand, SyncCreateArguments};
use super::client::{Client, segment};
use super::exit::{Exit, Failure};
use super::output::{Output, text};
use super::{input, tenant};

/// How often a run is looked at while its events do not flow.
const POLL: Duration = Duration::from_millis(300);

pub(super) async fn run(command: SyncCommand, client: &Client, output: Output) -> Result<(), Failure> {
    let one = |id: &str| client.of_tenant(&format!("syncs/{}", segment(id)));
    match command {
        SyncCommand::Create(arguments) => create(&arguments, client, output).await?,
        SyncCommand::List => {
            let items = client.list(&client.of_tenant("syncs")).await?;
            output.data(&Value::Array(items), |items| tenant::columns(items, &["id", "integration", "state"]));
        }
        SyncCommand::Plan { id } => {
            let plan = client.send(Method::POST, &format!("{}:plan", one(&id)), &json!({})).await?;
            output.data(&plan, diff);
        }
        SyncCommand::Run { id, approve, no_wait } => {
            let body = approve.map_or_else(|| json!({}), |hash| json!({ "planHash": hash }));
            start(&one(&id), ("/runs", &body), no_wait, client, output).await?;
        }
        SyncCommand::Import { id, prioritize, no_wait } => {
            let word = match prioritize {
                Priority::Source => "SOURCE",
                Priority::Destination => "DESTINATION",
            };
            start(&one(&id), (":import", &json!({ "prioritize": word })), no_wait, client, output).await?;
        }
        SyncCommand::Check { id, no_wait } => {
            start(&one(&id), (":check", &json!({})), no_wait, client, output).await?;
        }
        SyncCommand::Watch { id } => {
            let found = client.get(&one(&id)).await?;
            match text(&found, "/lastRun/id") {
                run if run.is_empty() => return Err(Failure::new(Exit::NotFound, format!("`{id}` has had no run"))),
                run => follow(&one(&id), &run, client, output).await?,
            }
        }
        SyncCommand::Status { id } => {
            let found = client.get(&one(&id)).await?;
            output.data(&found, status);
        }
        SyncCommand::Pause { id } => verb(client, output, &one(&id), "pause").await?,
        SyncCommand::Resume { id } => verb(client, output, &one(&id), "resume").await?,
        SyncCommand::Cancel { id } => verb(client, output, &one(&id), "cancel").await?,
        SyncCommand::Delete { id, remove_secrets } => {
            let answer = client.delete(&format!("{}?removeSecrets={remove_secrets}", one(&id))).await?;
            output.data(&answer, |_| format!("deleted sync `{id}`"));
        }
    }
    Ok(())
}

/// Starts a run of some kind and follows it, unless nobody waits for it.
async fn start(
    sync: &str,
    (action, body): (&str, &Value),
    no_wait: bool,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let accepted = client.send(Method::POST, &format!("{sync}{action}"), body).await?;
    if no_wait {
        output.data(&accepted, |accepted| text(accepted, "/id"));
        return Ok(());
    }
    follow(sync, &text(&accepted, "/id"), client, output).await
}

async fn verb(client: &Client, output: Output, path: &str, verb: &str) -> Result<(), Failure> {
    let answer = client.send(Method::POST, &format!("{path}:{verb}"), &json!({})).await?;
    output.data(&answer, |answer| format!("state: {}", text(answer, "/state")));
    Ok(())
}

async fn create(arguments: &SyncCreateArguments, client: &Client, output: Output) -> Result<(), Failure> {
    let mut body = json!({
        "id": arguments.id,
        "integration": arguments.integration,
        "source": {
            "environment": arguments.source.environment,
            "path": arguments.path,
            "recursive": arguments.recursive,
        },
        "destination": input::typed_object(&arguments.destination),
        "options": input::typed_object(&arguments.options),
    });
    if let (Some(config), Some(body)) = (&arguments.config, body.as_object_mut()) {
        body.insert("config".to_owned(), Value::String(config.clone()));
    }
    let made = client.send(Method::POST, &client.of_tenant("syncs"), &body).await?;
    output.data(&made, |made| {
        format!("made sync `{}`; next: keyferry sync plan {}", text(made, "/id"), text(made, "/id"))
    });
    Ok(())
}

/// A plan like a diff: names only.
fn diff(plan: &Value) -> String {
    let mut out = String::new();
    for change in plan.get("changes").and_then(Value::as_array).into_iter().flatten() {
        let action = text(change, "/action");
        let sign = match action.as_str() {
            "CREATE" => '+',
            "UPDATE" | "REPAIR" => '~',
            "DELETE" => '-',
            "ADOPT" => '=',
            "IMPORT" => '<',
            _ => '!',
        };
        out.push_str(&format!("{sign} {}  ({})\n", text(change, "/key"), text(change, "/reason")));
    }
    out.push_str(&format!("{}\n", counts(plan)));
    match plan.get("blocked") {
        Some(Value::Null) | None => {}
        Some(_) => out.push_str(&format!("blocked: {}\n", blocked(plan))),
    }
    out.push_str(&format!("plan {}", text(plan, "/planHash")));
    out
}

fn blocked(value: &Value) -> String {
    match text(value, "/blocked/detail") {
        detail if detail.is_empty() => text(value, "/blocked"),
        detail => detail,
    }
}

fn counts(value: &Value) -> String {
    let counts = value.get("counts").and_then(Value::as_object);
    let shown: Vec<String> = counts
        .into_iter()
        .flatten()
        .filter(|(_, count)| count.as_u64() != Some(0))
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    if shown.is_empty() { "nothing to do".to_owned() } else { shown.join(", ") }
}

fn status(found: &Value) -> String {
    let mut out = format!(
        "{}: {} (generation {} of {})\nlast run: {} {}",
        text(found, "/id"),
        text(found, "/state"),
        text(found, "/appliedGeneration"),
        text(found, "/wantedGeneration"),
        text(found, "/lastRun/state"),
        text(found, "/lastRun/error/detail"),
    );
    let import = text(found, "/lastImport/state");
    if !import.is_empty() {
        out.push_str(&format!("\nlast import: {import} {}", text(found, "/lastImport/detail")));
    }
    for key in found.pointer("/drift/keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        out.push_str(&format!("\n! {key}  (was changed at the destination)"));
    }
    out
}

/// Follows a run to its end; a run that did not succeed is a failure of the command.
async fn follow(sync: &str, run: &str, client: &Client, output: Output) -> Result<(), Failure> {
    let path = format!("{sync}/runs/{}", segment(run));
    let bar = output.progress(0);
    let ended = loop {
        let found = client.get(&path).await?;
        advance(&bar, &found);
        if is_ended(&found) {
            break found;
        }
        tokio::time::sleep(POLL).await;
    };
    bar.finish_and_clear();
    match text(&ended, "/state").as_str() {
        "SUCCEEDED" => {
            output.data(&ended, succeeded);
            Ok(())
        }
        state => Err(unsuccessful(state, &ended)),
    }
}

/// What a run did, and by name the keys that it left and those that somebody else changed.
fn succeeded(run: &Value) -> String {
    let mut out = format!("succeeded: {}", counts(run));
    let changes = run.get("changes").and_then(Value::as_array).into_iter().flatten();
    let told = changes.filter(|change| match text(run, "/kind").as_str() {
        "IMPORT" => text(change, "/action") == "SKIP",
        "CHECK" => change.get("drift").and_then(Value::as_bool) == Some(true),
        _ => false,
    });
    for change in told {
        out.push_str(&format!("\n! {}  ({})", text(change, "/key"), text(change, "/reason")));
    }
    out
}

fn is_ended(run: &Value) -> bool {
    !matches!(text(run, "/state").as_str(), "PENDING" | "RUNNING")
}

fn advance(bar: &ProgressBar, run: &Value) {
    let changes = ["create", "update", "delete", "drift"];
    let total = changes.iter().filter_map(|name| run.pointer(&format!("/counts/{name}"))?.as_u64()).sum();
    let done = run.get("outcomes").and_then(Value::as_array).map_or(0, Vec::len);
    bar.set_length(total);
    bar.set_position(done as u64);
    bar.set_message(text(run, "/state").to_lowercase());
    bar.tick();
}

fn unsuccessful(state: &str, run: &Value) -> Failure {
    let exit = if state == "BLOCKED" { Exit::Refused } else { Exit::Unavailable };
    let mut failure = Failure::new(exit, format!("the run ended {}", state.to_lowercase()));
    let outcomes = run.get("outcomes").and_then(Value::as_array).into_iter().flatten();
    failure.details = outcomes
        .filter(|outcome| text(outcome, "/result") != "OK")
        .map(|outcome| format!("{}: {} {}", text(outcome, "/key"), text(outcome, "/result"), text(outcome, "/detail")))
        .take(20)
        .collect();
    let error = text(run, "/error/detail");
    if !error.is_empty() {
        failure.details.insert(0, error);
    }
    failure.problem = Some(run.clone());
    if state == "BLOCKED" {
        failure.details.insert(0, blocked(run));
        failure = failure.hint(format!("approve with `keyferry sync run ID --approve {}`", text(run, "/planHash")));
    }
    failure
}
