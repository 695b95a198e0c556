//! `secret`.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::args::{EnvironmentArgument, ImportFormat, SecretCommand};
use super::client::{Client, segment};
use super::exit::Failure;
use super::input;
use super::output::{Output, table, text};

/// The changes that one request carries; the server takes at most 1,000 and 1 MiB.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 512 << 10;

pub(super) async fn run(command: SecretCommand, client: &Client, output: Output) -> Result<(), Failure> {
    match command {
        SecretCommand::Set { place, secrets } => set(&place, &secrets, client, output).await,
        SecretCommand::Get { place, secret, version } => {
            let mut path = format!("{}?view=value", one(client, &place, &secret)?);
            if let Some(version) = version {
                path.push_str(&format!("&version={version}"));
            }
            let found = client.get(&path).await?;
            output.data(&found, |found| text(found, "/value"));
            Ok(())
        }
        SecretCommand::List { place, path, recursive } => {
            let query = format!("secrets?path={}&recursive={recursive}", segment(&path));
            let items = client.list(&format!("{}/{query}", environment(client, &place))).await?;
            output.data(&Value::Array(items), listing);
            Ok(())
        }
        SecretCommand::Delete { place, secret } => {
            client.delete(&one(client, &place, &secret)?).await?;
            output.data(&json!({ "deleted": secret }), |_| format!("deleted {secret}"));
            Ok(())
        }
        SecretCommand::Import { place, file, path, format } => {
            let format = format.unwrap_or_else(|| format_of(&file));
            let pairs = input::secrets(&input::file(&file)?, format)?;
            let sets = pairs.into_iter().map(|(name, value)| json!({ "path": path, "name": name, "value": value }));
            batch(&place, sets.collect(), client, output).await
        }
    }
}

async fn set(place: &EnvironmentArgument, secrets: &[String], client: &Client, output: Output) -> Result<(), Failure> {
    let mut sets = Vec::new();
    for secret in secrets {
        let (full, value) = match secret.split_once('=') {
            Some((full, value)) => (full, value.to_owned()),
            None if secrets.len() == 1 => (secret.as_str(), input::without_line_end(input::standard("the value")?)),
            None => return Err(Failure::usage(format!("`{secret}` has no value")).hint("give /folder/NAME=value")),
        };
        let (path, name) = split(full)?;
        sets.push(json!({ "path": path, "name": name, "value": value }));
    }
    batch(place, sets, client, output).await
}

async fn batch(place: &EnvironmentArgument, sets: Vec<Value>, client: &Client, output: Output) -> Result<(), Failure> {
    let total = sets.len();
    let bar = output.progress(total as u64);
    bar.set_message("setting secrets");
    let path = format!("{}/secrets:batch", environment(client, place));
    let mut pending = Vec::new();
    let mut bytes = 0;
    for set in sets {
        bytes += set.to_string().len();
        pending.push(set);
        if pending.len() >= BATCH || bytes >= BATCH_BYTES {
            let body = json!({ "set": std::mem::take(&mut pending) });
            client.send(Method::POST, &path, &body).await?;
            bytes = 0;
            bar.inc(BATCH as u64);
        }
    }
    if !pending.is_empty() {
        client.send(Method::POST, &path, &json!({ "set": pending })).await?;
    }
    bar.finish_and_clear();
    let noun = if total == 1 { "secret" } else { "secrets" };
    output.data(&json!({ "set": total }), |_| format!("set {total} {noun} in `{}`", place.environment));
    Ok(())
}

fn environment(client: &Client, place: &EnvironmentArgument) -> String {
    client.of_tenant(&format!("environments/{}", segment(&place.environment)))
}

fn one(client: &Client, place: &EnvironmentArgument, secret: &str) -> Result<String, Failure> {
    split(secret)?;
    let relative: Vec<String> = secret.trim_start_matches('/').split('/').map(segment).collect();
    Ok(format!("{}/secrets/{}", environment(client, place), relative.join("/")))
}

fn split(secret: &str) -> Result<(String, String), Failure> {
    let (path, name) = secret.rsplit_once('/').unwrap_or(("", secret));
    if name.is_empty() {
        return Err(Failure::usage(format!("`{secret}` names a folder")).hint("give /folder/NAME"));
    }
    let path = if path.is_empty() { "/" } else { path };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok((path, name.to_owned()))
}

fn format_of(file: &Path) -> ImportFormat {
    if file.extension().is_some_and(|extension| extension == "json") { ImportFormat::Json } else { ImportFormat::Env }
}

fn listing(items: &Value) -> String {
    let rows: Vec<Vec<String>> = items
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| vec![text(item, "/path"), text(item, "/name"), text(item, "/version")])
        .collect();
    table(&["path", "name", "version"], &rows)
}
