//! `token`: for a machine identity from the server, for the administrator from the store.

use reqwest::Method;
use serde_json::json;

use super::args::TokenArguments;
use super::client::Client;
use super::exit::{Exit, Failure};
use super::output::{Output, text};
use super::{input, serve};
use crate::app::Ground;
use crate::config::Config;
use crate::domain::Code;
use crate::service::plugins::PluginPolicy;

pub(super) async fn run(
    arguments: &TokenArguments,
    client: impl FnOnce() -> Result<Client, Failure>,
    output: Output,
) -> Result<(), Failure> {
    match &arguments.client_id {
        Some(id) if !arguments.administrator => exchange(id, arguments, &client()?, output).await,
        _ => administrator(arguments, output).await,
    }
}

async fn exchange(id: &str, arguments: &TokenArguments, client: &Client, output: Output) -> Result<(), Failure> {
    let secret = match &arguments.client_secret_file {
        Some(path) => input::file(path)?,
        None => input::standard("the client secret")?,
    };
    let body = json!({ "clientId": id, "clientSecret": secret.trim_end() });
    let answer = client.send(Method::POST, "/v1/auth:token", &body).await.map_err(|failure| match failure.exit {
        Exit::Refused => {
            failure.hint("the client id is the identity's, and the client secret one that was made for it")
        }
        _ => failure,
    })?;
    output.data(&answer, |answer| text(answer, "/accessToken"));
    Ok(())
}

/// Who holds the data directory and the root key may be the administrator; the store tells that it was done.
async fn administrator(arguments: &TokenArguments, output: Output) -> Result<(), Failure> {
    let config = serve::configured(arguments.config.as_deref(), None, arguments.data_dir.as_deref())?;
    let found = Ground::find(&config, &serve::program(PluginPolicy::default())?).await?;
    let ground = found.ok_or_else(|| never_started(&config))?;
    let issued = ground.services.identities.administrator_token().await;
    ground.close().await?;
    let issued = match issued {
        Err(error) if error.code() == Code::NotFound => return Err(never_started(&config)),
        issued => issued?,
    };
    let answer = json!({
        "accessToken": issued.token.expose(),
        "expiresIn": issued.expires_in_s,
        "tokenType": "Bearer",
    });
    output.data(&answer, |answer| text(answer, "/accessToken"));
    Ok(())
}

fn never_started(config: &Config) -> Failure {
    let message = format!("no host was ever started on `{}`", config.store.data_dir.display());
    Failure::new(Exit::NotFound, message)
        .hint("`--data-dir` or `--config` names another; the first start of `keyferry serve` makes a token by itself")
}
