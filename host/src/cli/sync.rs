//! `sync`: make, plan, run, watch.

mod follow;
mod shown;

use reqwest::Method;
use serde_json::{Value, json};

use super::args::{Priority, SyncCommand, SyncCreateArguments};
use super::client::{Client, segment};
use super::exit::{Exit, Failure};
use super::output::{Output, text};
use super::{input, tenant};
use follow::Follower;

/// The options that are no text.
const OPTIONS_OF_JSON: [&str; 4] = ["autoSync", "driftCheckIntervalSeconds", "keyNames", "verify"];

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
            output.data(&plan, |plan| shown::diff(plan, &id));
        }
        SyncCommand::Run { id, approve, no_wait } => {
            let body = approve.map_or_else(|| json!({}), |hash| json!({ "planHash": hash }));
            start(&id, ("/runs", &body), no_wait, client, output).await?;
        }
        SyncCommand::Import { id, prioritize, no_wait } => {
            let word = match prioritize {
                Priority::Source => "SOURCE",
                Priority::Destination => "DESTINATION",
            };
            start(&id, (":import", &json!({ "prioritize": word })), no_wait, client, output).await?;
        }
        SyncCommand::Check { id, no_wait } => {
            start(&id, (":check", &json!({})), no_wait, client, output).await?;
        }
        SyncCommand::Watch { id } => {
            let runs = client.list(&format!("{}/runs", one(&id))).await?;
            match latest(&runs) {
                None => return Err(Failure::new(Exit::NotFound, format!("`{id}` has had no run"))),
                Some(run) => follow(&id, &text(run, "/id"), client, output).await?,
            }
        }
        SyncCommand::Status { id } => {
            let found = client.get(&one(&id)).await?;
            output.data(&found, shown::status);
        }
        SyncCommand::Pause { id } => verb(client, output, &one(&id), "pause").await?,
        SyncCommand::Resume { id } => verb(client, output, &one(&id), "resume").await?,
        SyncCommand::Cancel { id } => verb(client, output, &one(&id), "cancel").await?,
        SyncCommand::Delete { id, remove_secrets } => {
            client.delete(&format!("{}?removeSecrets={remove_secrets}", one(&id))).await?;
            if remove_secrets {
                let begun = format!("sync `{id}` goes as soon as its keys are gone from the destination");
                output.data(&json!({ "removing": id }), |_| begun);
            } else {
                output.data(&json!({ "deleted": id }), |_| format!("deleted sync `{id}`"));
            }
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
    let accepted =
        client.send(Method::POST, &client.of_tenant(&format!("syncs/{}{action}", segment(sync))), body).await?;
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
        "destination": input::typed_object(&arguments.destination, |_| false),
        "options": input::typed_object(&arguments.options, |name| !OPTIONS_OF_JSON.contains(&name)),
    });
    if let (Some(config), Some(body)) = (&arguments.config, body.as_object_mut()) {
        body.insert("config".to_owned(), Value::String(config.clone()));
    }
    let made = client.send(Method::POST, &client.of_tenant("syncs"), &body).await?;
    output.data(&made, |made| {
        let next = format!("made sync `{}`; next: keyferry sync plan {}", text(made, "/id"), text(made, "/id"));
        std::iter::once(next).chain(shown::unverified(made)).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// The run that goes on, else the newest.
fn latest(runs: &[Value]) -> Option<&Value> {
    runs.iter().find(|run| text(run, "/state") == "RUNNING").or(runs.first())
}

/// Follows a run to its end; a run that did not succeed is a failure of the command. The server carries the run out whether
/// somebody follows it or not.
async fn follow(sync: &str, run: &str, client: &Client, output: Output) -> Result<(), Failure> {
    let path = client.of_tenant(&format!("syncs/{}", segment(sync)));
    let follower = Follower::new(client, &path, run, output);
    let ended = tokio::select! {
        ended = follower.ended() => ended?,
        _ = tokio::signal::ctrl_c() => return Err(left(sync, run)),
    };
    match text(&ended, "/state").as_str() {
        "SUCCEEDED" => {
            output.data(&ended, shown::succeeded);
            Ok(())
        }
        _ => Err(shown::unsuccessful(sync, &ended)),
    }
}

/// The follower went away; the run goes on.
fn left(sync: &str, run: &str) -> Failure {
    let mut failure = Failure::new(Exit::Interrupted, "the run goes on without you");
    failure.problem = Some(json!({ "detail": failure.message, "run": run }));
    failure.hint(format!("`keyferry sync watch {sync}` follows it again, `keyferry sync cancel {sync}` stops it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_that_goes_on_is_watched_before_one_that_waits() {
        let run = |id: u8, state: &str| json!({"id": id, "state": state});
        let runs = [run(3, "PENDING"), run(2, "RUNNING"), run(1, "SUCCEEDED")];
        assert_eq!(latest(&runs), Some(&runs[1]));
        assert_eq!(latest(&runs[2..]), Some(&runs[2]));
        assert_eq!(latest(&[]), None);
    }
}
