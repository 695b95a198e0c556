//! HTTP client of the online commands: the server holds the store, so they all go through its API.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use super::args::ServerArguments;
use super::events::Events;
use super::exit::{Exit, Failure};
use super::output::text;
use crate::domain::Code;

/// How long a server may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Encodes one path segment.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A server, as one caller.
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    tenant: String,
}

impl Client {
    /// A client for this server.
    ///
    /// # Errors
    /// A usage failure when the address is none.
    pub fn new(arguments: &ServerArguments) -> Result<Self, Failure> {
        let base = arguments.url.trim_end_matches('/').to_owned();
        if url::Url::parse(&base).is_err() {
            return Err(Failure::usage("`--url` is no address").hint("give it as http://127.0.0.1:8080"));
        }
        let token = arguments.token.as_deref().map(str::trim_end).filter(|token| !token.is_empty());
        if token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Failure::usage("the token holds white space or other characters that no token has")
                .hint("set KEYFERRY_TOKEN or give `--token` again, as it was printed"));
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
        Ok(Self { http, base, token: token.map(str::to_owned), tenant: arguments.tenant.clone() })
    }

    /// The path of something of the tenant.
    #[must_use]
    pub fn of_tenant(&self, rest: &str) -> String {
        format!("/v1/tenants/{}/{rest}", segment(&self.tenant))
    }

    /// GET.
    ///
    /// # Errors
    /// What the server answered, or that it cannot be reached.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(self.request(Method::GET, path)).await
    }

    /// Every item of a list, page by page.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{joint}pageSize=500&pageToken={}", segment(&token))).await?;
            items.extend(page.get("items").and_then(Value::as_array).into_iter().flatten().cloned());
            token = page.get("nextPageToken").and_then(Value::as_str).unwrap_or_default().to_owned();
            if token.is_empty() {
                return Ok(items);
            }
        }
    }

    /// Any method with a JSON body.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(self.request(method, path).json(body)).await
    }

    /// POST with a body of bytes.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn upload(&self, path: &str, body: Vec<u8>) -> Result<Value, Failure> {
        let request = self.request(Method::POST, path).header("content-type", "application/wasm").body(body);
        self.call(request).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.call(self.request(Method::DELETE, path)).await
    }

    /// The events at a path, as they come: all of them, or those after the one with the id `seen`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) async fn events(&self, path: &str, seen: &str) -> Result<Events, Failure> {
        let mut request = self.request(Method::GET, path).header("accept", "text/event-stream");
        if !seen.is_empty() {
            request = request.header("last-event-id", seen);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() { Ok(Events::of(response)) } else { Err(refused(response).await) }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn call(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| Failure::chain(Exit::Unexpected, &error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut failure = Failure::chain(Exit::Unavailable, error);
        failure.message = format!("the server at {} cannot be reached", self.base);
        failure.hint("is it running? `keyferry dev` starts one; `--url` or KEYFERRY_URL names another")
    }
}

async fn refused(response: Response) -> Failure {
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    let code = problem.get("code").and_then(Value::as_str).unwrap_or_default();
    let known = Code::ALL.iter().copied().find(|known| known.text() == code);
    let detail = problem.get("detail").and_then(Value::as_str).unwrap_or("the server gave no reason");
    let exit = known.map_or(Exit::Unexpected, Exit::of);
    let mut failure = Failure::new(exit, format!("{detail} ({} {code})", status.as_u16()));
    let violations = problem.get("errors").and_then(Value::as_array).into_iter().flatten();
    let violations = violations.map(|found| match text(found, "/pointer") {
        // The whole body has the empty pointer.
        whole if whole.is_empty() => text(found, "/detail"),
        pointer => format!("{pointer}: {}", text(found, "/detail")),
    });
    // One alone is told in the sentence already.
    failure.details = violations.filter(|violation| violation != detail).collect();
    failure.problem = Some(problem);
    match known {
        Some(Code::Unauthenticated) => {
            failure.hint("set KEYFERRY_TOKEN or give `--token`; `keyferry dev` writes one to dev.env")
        }
        _ => failure,
    }
}
