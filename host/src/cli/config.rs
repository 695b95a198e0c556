//! `config`: connections.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::args::{ConfigCommand, CredentialArguments};
use super::client::{Client, segment};
use super::exit::Failure;
use super::output::{Output, text};
use super::{input, integration, tenant};

pub(super) async fn run(command: ConfigCommand, client: &Client, output: Output) -> Result<(), Failure> {
    let all = |integration: &str| client.of_tenant(&format!("integrations/{}/configs", segment(integration)));
    let one = |integration: &str, id: &str| format!("{}/{}", all(integration), segment(id));
    match command {
        ConfigCommand::Create { integration, display_name, credentials, draft } => {
            let parameters = integration::parameters(&integration, &credentials.parameters, client).await;
            let body = creation(display_name, parameters, &credentials)?;
            let made = client.send(Method::POST, &all(&integration), &body).await?;
            let id = text(&made, "/id");
            if !draft {
                let publish = format!("{}:publish", one(&integration, &id));
                let published = client.send(Method::POST, &publish, &json!({})).await;
                published.map_err(|failure| unpublished(failure, &integration, &id))?;
            }
            output.data(&made, |_| id.clone());
        }
        ConfigCommand::List { integration } => {
            let items = client.list(&all(&integration)).await?;
            output.data(&Value::Array(items), |items| {
                tenant::columns(items, &["id", "displayName", "authMethodId", "publishedRevisionId"])
            });
        }
        ConfigCommand::Get { integration, id } => {
            let found = client.get(&one(&integration, &id)).await?;
            output.data(&found, |found| format!("{found:#}"));
        }
        ConfigCommand::Publish { integration, id, note } => {
            let path = format!("{}:publish", one(&integration, &id));
            let revision = client.send(Method::POST, &path, &json!({ "note": note })).await?;
            output.data(&revision, |revision| format!("published version {}", text(revision, "/version")));
        }
        ConfigCommand::Verify { integration, id } => {
            let path = format!("{}:verifyAuth", one(&integration, &id));
            let answer = client.send(Method::POST, &path, &json!({})).await?;
            integration::verified(&answer, output)?;
        }
        ConfigCommand::Delete { integration, id } => {
            client.delete(&one(&integration, &id)).await?;
            output.data(&json!({ "deleted": id }), |_| format!("deleted connection {id}"));
        }
    }
    Ok(())
}

/// The draft stays: it holds what was entered.
fn unpublished(mut failure: Failure, integration: &str, id: &str) -> Failure {
    failure.details.push(format!("the connection {id} was made, and stays a draft"));
    failure.hint(format!(
        "`keyferry config publish {integration} {id}` publishes it, `keyferry config delete {integration} {id}` removes it"
    ))
}

fn creation(
    display_name: Option<String>,
    parameters: Map<String, Value>,
    credentials: &CredentialArguments,
) -> Result<Value, Failure> {
    let mut body = json!({
        "displayName": display_name.unwrap_or_else(|| "default".to_owned()),
        "parameters": parameters,
    });
    if let (Some(method), Some(body)) = (&credentials.auth, body.as_object_mut()) {
        let parameters = input::credentials(&credentials.credentials)?;
        let auth = json!({ "integrationAuthMetadataId": method, "level": "APPLICATION", "parameters": parameters });
        body.insert("auth".to_owned(), auth);
    }
    Ok(body)
}
