//! `secret`.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::args::{EnvironmentArgument, ImportFormat, SecretCommand};
use super::client::{Client, segment};
use super::exit::Failure;
use super::input;
use super::output::{Output, table, text};
use super::progress::Progress;

/// The changes that one request carries; the server takes at most 1,000 ...
const BATCH: usize = 500;
/// ... and 1 MiB, which one change of the greatest value alone stays below unless most of it must be escaped.
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
            let query = format!("secrets?path={}&recursive={recursive}", segment(&absolute(&path)));
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
            let pairs = input::secrets::read(&input::file(&file)?, format)?;
            let path = absolute(&path);
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

/// Sets secrets in as few requests as the server takes them; each is carried out whole or not at all.
async fn batch(place: &EnvironmentArgument, sets: Vec<Value>, client: &Client, output: Output) -> Result<(), Failure> {
    let total = sets.len();
    let mut progress = Progress::begin(output);
    let path = format!("{}/secrets:batch", environment(client, place));
    let mut done = 0;
    for part in parts(sets) {
        let size = part.len();
        let sent = client.send(Method::POST, &path, &json!({ "set": part })).await;
        sent.map_err(|failure| partial(failure, done, total))?;
        done += size;
        if size < total {
            progress.advance(done as u64, total as u64, "secrets set");
        }
    }
    drop(progress);
    let noun = if total == 1 { "secret" } else { "secrets" };
    output.data(&json!({ "set": total }), |_| format!("set {total} {noun} in `{}`", place.environment));
    Ok(())
}

/// The changes of each request.
fn parts(sets: Vec<Value>) -> Vec<Vec<Value>> {
    let mut parts: Vec<Vec<Value>> = Vec::new();
    let mut bytes = 0;
    for set in sets {
        let size = set.to_string().len();
        bytes += size;
        match parts.last_mut() {
            Some(part) if part.len() < BATCH && bytes <= BATCH_BYTES => part.push(set),
            _ => {
                bytes = size;
                parts.push(vec![set]);
            }
        }
    }
    parts
}

/// Tells what stays although the command failed.
fn partial(mut failure: Failure, done: usize, total: usize) -> Failure {
    if done > 0 {
        failure.details.push(format!("{done} of {total} secrets were set before"));
    }
    failure
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
    Ok((absolute(path), name.to_owned()))
}

/// A folder's path from the root; the leading slash may be left out.
fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_stay_small_and_lose_nothing() {
        let sets = |count: usize, bytes: usize| -> Vec<Value> {
            (0..count).map(|n| json!({ "name": n, "value": "x".repeat(bytes) })).collect()
        };
        for (count, bytes, sizes) in [
            (0, 1, vec![]),
            (1, BATCH_BYTES * 2, vec![1]),
            (BATCH, 1, vec![BATCH]),
            (BATCH + 1, 1, vec![BATCH, 1]),
            (5, BATCH_BYTES / 2 - 100, vec![2, 2, 1]),
        ] {
            let all = sets(count, bytes);
            let parts = parts(all.clone());
            assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{count} of {bytes} bytes");
            assert_eq!(parts.concat(), all);
        }
    }
}
