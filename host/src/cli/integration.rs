//! `integration`.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::args::{CredentialArguments, IntegrationCommand};
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
            let body = entered(&id, &credentials, client).await?;
            let answer = client.send(Method::POST, &format!("{}:verifyConfig", path(&id)), &body).await?;
            verified(&answer, output)?;
        }
    }
    Ok(())
}

/// What was entered, and nothing else: the server has what is stored.
async fn entered(id: &str, credentials: &CredentialArguments, client: &Client) -> Result<Value, Failure> {
    let mut body = Map::new();
    if let Some(method) = &credentials.auth {
        let parameters = input::credentials(&credentials.credentials)?;
        let auth = json!({ "integrationAuthMetadataId": method, "level": "APPLICATION", "parameters": parameters });
        body.insert("authMetadataId".to_owned(), json!(method));
        body.insert("authConfig".to_owned(), auth);
    }
    if !credentials.parameters.is_empty() {
        let parameters = parameters(id, &credentials.parameters, client).await;
        body.insert("configParameters".to_owned(), Value::Object(parameters));
    }
    Ok(Value::Object(body))
}

/// Parameters of a connection, of the types that the integration asks for.
pub(super) async fn parameters(id: &str, pairs: &[(String, String)], client: &Client) -> Map<String, Value> {
    let guessed = input::typed_object(pairs, |_| false);
    if guessed.values().all(Value::is_string) {
        return guessed;
    }
    // Without an answer the guess has to do: what is wrong with the integration is told where the parameters are sent to.
    let found = client.get(&client.of_tenant(&format!("integrations/{}", segment(id)))).await.unwrap_or_default();
    let known = found.pointer("/configMetadata/parametersMetadata").and_then(Value::as_array);
    let is_text = |name: &str| {
        let mut named = known.into_iter().flatten().filter(|parameter| text(parameter, "/name") == name);
        named.any(|parameter| matches!(text(parameter, "/type").as_str(), "String" | "Option"))
    };
    input::typed_object(pairs, is_text)
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
