//! What operators and scripts do with a host, over its socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::eventually;
use crate::api::Answer;

/// The tenant of a development host.
const TENANT: &str = "/v1/tenants/dev";
/// No run of these tests takes longer, even on a machine that has much else to do.
const RUN_LIMIT: Duration = Duration::from_secs(150);

/// One request and what was answered.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: String,
    /// Headers and body.
    pub answer: String,
}

/// A caller with a token.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    token: String,
    http: reqwest::Client,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Client {
    pub(super) fn new(url: String, token: String, exchanges: Arc<Mutex<Vec<Exchange>>>) -> Self {
        Self { url, token, http: reqwest::Client::new(), exchanges }
    }

    /// Where the host listens, as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it proves itself with.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    pub(super) async fn is_ready(&self) -> bool {
        self.attempt(Method::GET, "/readyz", None).await.is_ok_and(|answer| answer.status == 200)
    }

    /// One request; a host that is gone is an error.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn attempt(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let exchange = Exchange { request: format!("{method} {path}"), answer: format!("{headers:?}\n{text}") };
        self.exchanges.lock().expect("no test panics while it holds this").push(exchange);
        Ok(Answer { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text })
    }

    /// The host's metrics.
    pub async fn metrics(&self) -> Answer {
        self.attempt(Method::GET, "/metrics", None).await.expect("the host answers")
    }

    /// One request; a path that does not begin with `/v1/` is one of the tenant `dev`.
    ///
    /// # Panics
    /// When the host is gone.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let path = if path.starts_with("/v1/") { path.to_owned() } else { format!("{TENANT}{path}") };
        self.attempt(method, &path, body).await.expect("the host answers")
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Makes a connection and publishes it; answers its id.
    pub async fn connect(&self, integration: &str, parameters: &Value, auth: &Value) -> String {
        let path = format!("/integrations/{integration}/configs");
        let body = json!({"displayName": "test", "parameters": parameters, "auth": auth});
        let config = self.post(&path, &body).await.expect(201).text_at("/id");
        self.post(&format!("{path}/{config}:publish"), &json!({"note": "first"})).await.expect(200);
        config
    }

    /// Sets secrets of a folder of the environment `dev`, in one batch.
    pub async fn set(&self, folder: &str, secrets: &[(String, String)]) {
        let entry = |(name, value): &(String, String)| json!({"path": folder, "name": name, "value": value});
        let body = json!({"set": secrets.iter().map(entry).collect::<Vec<_>>()});
        self.post("/environments/dev/secrets:batch", &body).await.expect(200);
    }

    /// Deletes secrets of a folder of the environment `dev`, in one batch.
    pub async fn unset(&self, folder: &str, secrets: &[(String, String)]) {
        let entry = |(name, _): &(String, String)| json!({"path": folder, "name": name});
        let body = json!({"delete": secrets.iter().map(entry).collect::<Vec<_>>()});
        self.post("/environments/dev/secrets:batch", &body).await.expect(200);
    }

    /// Makes a sync of a folder that runs only when it is told to; without a config it uses the integration's own connection.
    pub async fn sync(&self, id: &str, (integration, config): (&str, Option<&str>), folder: &str, destination: &Value) {
        let body = json!({
            "id": id, "integration": integration, "config": config, "destination": destination,
            "source": {"environment": "dev", "path": folder}, "options": {"autoSync": false},
        });
        self.post("/syncs", &body).await.expect(201);
    }

    /// Starts a run, answers its id.
    pub async fn start(&self, sync: &str, body: &Value) -> String {
        self.post(&format!("/syncs/{sync}/runs"), body).await.expect(202).text_at("/id")
    }

    /// Runs a sync; answers the run when it has ended, or stops.
    pub async fn run(&self, sync: &str) -> Value {
        let run = self.start(sync, &json!({})).await;
        self.ended(sync, &run).await
    }

    /// Approves a plan, and answers its run when that has ended.
    pub async fn approve(&self, sync: &str, plan_hash: &str) -> Value {
        let run = self.start(sync, &json!({"planHash": plan_hash})).await;
        self.ended(sync, &run).await
    }

    /// A run when it has ended, or waits for somebody.
    pub async fn ended(&self, sync: &str, run: &str) -> Value {
        let path = format!("/syncs/{sync}/runs/{run}");
        eventually(&path, RUN_LIMIT, async || {
            let summaries = self.get(&format!("/syncs/{sync}/runs")).await.expect(200).json;
            let summary = summaries["items"].as_array()?.iter().find(|summary| summary["id"] == run)?;
            let is_under_way = ["PENDING", "RUNNING"].contains(&summary["state"].as_str()?);
            (!is_under_way).then_some(())
        })
        .await;
        self.get(&path).await.expect(200).json
    }

    /// Deletes a sync with what it wrote, and waits until it is gone.
    pub async fn remove_with_secrets(&self, sync: &str) {
        let path = format!("/syncs/{sync}");
        self.call(Method::DELETE, &format!("{path}?removeSecrets=true"), None).await.expect(204);
        eventually("the sync is gone", RUN_LIMIT, async || (self.get(&path).await.status == 404).then_some(())).await;
    }

    /// How credentials are found to be; a rejection is an answer too.
    pub async fn verify(&self, integration: &str, parameters: &Value, auth: &Value) -> Value {
        let body = json!({"configParameters": parameters, "authConfig": auth});
        self.post(&format!("/integrations/{integration}:verifyConfig"), &body).await.expect(200).json
    }
}

/// Fails with the run when it did not succeed, or wrote other than so often.
#[track_caller]
pub fn assert_run(run: &Value, state: &str, writes: u64) {
    let found = (run["state"].as_str(), run["remoteCalls"]["write"].as_u64());
    assert_eq!(found, (Some(state), Some(writes)), "{run:#}");
}
