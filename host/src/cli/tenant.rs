//! `tenant` and `environment`.

use reqwest::Method;
use serde_json::{Value, json};

use super::args::{EnvironmentCommand, TenantCommand};
use super::client::Client;
use super::exit::Failure;
use super::output::{Output, table, text};

pub(super) async fn tenant(command: TenantCommand, client: &Client, output: Output) -> Result<(), Failure> {
    match command {
        TenantCommand::Create { id, display_name } => {
            let body = json!({ "id": id, "displayName": display_name.unwrap_or_else(|| id.clone()) });
            let made = client.send(Method::POST, "/v1/tenants", &body).await?;
            output.data(&made, |made| format!("made tenant `{}`", text(made, "/id")));
        }
        TenantCommand::List => {
            let items = client.list("/v1/tenants").await?;
            output.data(&Value::Array(items), |items| columns(items, &["id", "displayName"]));
        }
    }
    Ok(())
}

pub(super) async fn environment(command: EnvironmentCommand, client: &Client, output: Output) -> Result<(), Failure> {
    match command {
        EnvironmentCommand::Create { slug, display_name } => {
            let body = json!({ "slug": slug, "displayName": display_name.unwrap_or_else(|| slug.clone()) });
            let made = client.send(Method::POST, &client.of_tenant("environments"), &body).await?;
            output.data(&made, |made| format!("made environment `{}`", text(made, "/slug")));
        }
        EnvironmentCommand::List => {
            let items = client.list(&client.of_tenant("environments")).await?;
            output.data(&Value::Array(items), |items| columns(items, &["slug", "displayName"]));
        }
    }
    Ok(())
}

/// A table of these members of each item.
pub(super) fn columns(items: &Value, members: &[&str]) -> String {
    let rows: Vec<Vec<String>> = items
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| members.iter().map(|member| text(item, &format!("/{member}"))).collect())
        .collect();
    table(members, &rows)
}
