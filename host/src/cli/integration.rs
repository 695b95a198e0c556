//! `integration`.

use reqwest::Method;
use serde_json::{Value, json};

use super::args::IntegrationCommand;
use super::client::{Client, segment};
use super::exit::{Exit, Failure};
use super::output::{Output, table, text};
use super::{input, tenant};
use crate::domain::Code;

pub(super) async fn run(command: IntegrationCommand, client: &Client, output: Output) -> Result<(), Failure> {
    let path = |id: &str| client.of_tenant(&format!("integrations/{}", segment(id)));
    match command {
        IntegrationCommand::List => {
            let items = client.list(&client.of_tenant("integrations")).await?;
            output.data(&Value::Array(items), |items| tenant::columns(items, &["id", "type", "displayName"]));
        }
        IntegrationCommand::Get { id } => {
            let found = client.get(&path(&id)).await?;
            output.data(&found, describe);
        }
        IntegrationCommand::Create { file } => {
            let document: Value = serde_json::from_str(&input::file(&file)?).map_err(|error| {
                Failure::usage(format!("the file is no JSON (line {}, column {})", error.line(), error.column()))
            })?;
            let made = client.send(Method::POST, &client.of_tenant("integrations"), &document).await?;
            output.data(&made, |made| format!("made integration `{}`", text(made, "/id")));
        }
        IntegrationCommand::Delete { id } => {
            client.delete(&path(&id)).await?;
            output.data(&json!({ "deleted": id }), |_| format!("deleted integration `{id}`"));
        }
        IntegrationCommand::Verify { id, credentials } => {
            let parameters = input::credentials(&credentials.credentials)?;
            let body = match &credentials.auth {
                None => json!({ "configParameters": input::typed_object(&credentials.parameters) }),
                Some(method) => json!({
                    "authMetadataId": method,
                    "authConfig": { "integrationAuthMetadataId": method, "level": "APPLICATION", "parameters": parameters },
                    "configParameters": input::typed_object(&credentials.parameters),
                }),
            };
            let answer = client.send(Method::POST, &format!("{}:verifyConfig", path(&id)), &body).await?;
            verified(&answer, output)?;
        }
    }
    Ok(())
}

/// Prints the outcome of a verification; rejected credentials are a failure of the command.
pub(super) fn verified(answer: &Value, output: Output) -> Result<(), Failure> {
    if answer.get("success").and_then(Value::as_bool) == Some(true) {
        output.data(answer, |answer| match text(answer, "/account/id") {
            account if account.is_empty() => "the credentials are accepted".to_owned(),
            account => format!("the credentials are accepted: {account}"),
        });
        return Ok(());
    }
    let code = text(answer, "/code");
    let known = Code::ALL.iter().copied().find(|known| known.text() == code);
    let exit = known.map_or(Exit::Refused, Exit::of);
    let mut failure = Failure::new(exit, format!("{} ({code})", text(answer, "/error")));
    failure.problem = Some(answer.clone());
    Err(failure)
}

fn describe(found: &Value) -> String {
    let heading = format!("{} ({})\n{}", text(found, "/id"), text(found, "/type"), text(found, "/displayName"));
    let parameters = parameters_table(found.pointer("/configMetadata/parametersMetadata"));
    let methods = found.pointer("/configMetadata/authMetadata").and_then(Value::as_array).into_iter().flatten();
    let methods = methods.map(|method| {
        let heading = format!("AUTH METHOD {} ({})", text(method, "/id"), text(method, "/type"));
        format!("{heading}\n{}", parameters_table(method.get("parametersMetadata")))
    });
    [heading, format!("PARAMETERS\n{parameters}")].into_iter().chain(methods).collect::<Vec<_>>().join("\n\n")
}

fn parameters_table(parameters: Option<&Value>) -> String {
    let rows: Vec<Vec<String>> = parameters
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|found| {
            let marks = ["required", "secret"].into_iter().filter(|mark| found.get(mark) == Some(&Value::Bool(true)));
            let marks = marks.collect::<Vec<_>>().join(", ");
            vec![text(found, "/name"), text(found, "/type"), marks, text(found, "/description")]
        })
        .collect();
    table(&["name", "type", "", "description"], &rows)
}
