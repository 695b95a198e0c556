//! A host in memory behind a real socket, for programs that speak to one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use keyferry::sync::EngineHandle;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::api::TestApi;
use crate::fake_plugins::FakePlugins;
use crate::shelf::Shelf;

/// What goes wrong with a stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is cut after its first bytes.
    Cut,
    /// It is refused.
    Refuse,
    /// It is refused, and so is every one after it.
    RefuseAll,
}

type Faults = Arc<Mutex<VecDeque<Fault>>>;

/// The tenant of the host, with the environment `dev`.
pub const TENANT: &str = "acme";

/// See the module. Dropping it ends the server.
pub struct Served {
    pub api: TestApi,
    /// For instance `http://127.0.0.1:41234`.
    pub url: String,
    faults: Faults,
    server: JoinHandle<()>,
    #[expect(dead_code, reason = "the engine works as long as it is there")]
    engine: Option<EngineHandle>,
}

impl Served {
    /// A host whose only plugin keeps secrets on this shelf, with an engine that runs.
    pub async fn with_shelf(shelf: &Shelf) -> Self {
        let api = TestApi::running(Arc::new(shelf.clone())).await;
        let engine = api.engine().await.start();
        api.upload(&Shelf::component()).await.expect(201);
        api.admin().post("/v1/plugins/shelf:activate", &json!({"grants": {"egress": []}})).await.expect(200);
        Self::start(api, Some(engine)).await
    }

    /// A host with these plugins and their network, and no engine.
    pub async fn with_plugins(plugins: &Arc<FakePlugins>) -> Self {
        Self::start(TestApi::with_plugins(plugins).await, None).await
    }

    async fn start(api: TestApi, engine: Option<EngineHandle>) -> Self {
        api.tenant(TENANT).await;
        let environments = format!("/v1/tenants/{TENANT}/environments");
        api.admin().post(&environments, &json!({"slug": "dev"})).await.expect(201);
        let faults = Faults::default();
        let router = api.router().layer(from_fn_with_state(faults.clone(), break_stream));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server on loopback serves");
        });
        Self { api, url, faults, server, engine }
    }

    /// Lets the next streams of events break.
    pub fn break_streams(&self, faults: &[Fault]) {
        lock(&self.faults).extend(faults);
    }

    /// The streams that are still to break.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        lock(&self.faults).len()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(faults: &Faults) -> std::sync::MutexGuard<'_, VecDeque<Fault>> {
    faults.lock().expect("no test panics while it holds this")
}

async fn break_stream(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let is_stream = request.uri().path().ends_with("/events");
    let fault = if is_stream { take(&faults) } else { None };
    match fault {
        None => next.run(request).await,
        Some(Fault::Cut) => {
            let (parts, body) = next.run(request).await.into_parts();
            let broken = stream::once(async { Err(axum::Error::new(std::io::Error::other("the connection is cut"))) });
            Response::from_parts(parts, Body::from_stream(body.into_data_stream().take(1).chain(broken)))
        }
        Some(Fault::Refuse | Fault::RefuseAll) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn take(faults: &Faults) -> Option<Fault> {
    let mut faults = lock(faults);
    let fault = faults.pop_front()?;
    if fault == Fault::RefuseAll {
        faults.push_front(fault);
    }
    Some(fault)
}
