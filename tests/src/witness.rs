//! A server on loopback that answers as it is told, and can tell what reached it: every connection, and every request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// No request of a test is larger.
const BODY_BYTES_MAX: usize = 16 << 20;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Such as `GET /v1/me?x=1`.
    pub line: String,
    /// Names and values, as a log shows them.
    pub headers: String,
    pub body: String,
}

/// See the module; dropping it ends the server.
#[derive(Debug)]
pub struct Witness {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Arrived>>>,
    server: JoinHandle<()>,
}

impl Witness {
    /// Starts a server that answers every request by its path.
    pub async fn start(answer: impl Fn(&str) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (connections, requests): (Arc<AtomicUsize>, Arc<Mutex<Vec<Arrived>>>) = Default::default();
        let (counted, kept) = (Arc::clone(&connections), Arc::clone(&requests));
        let listener = listener.tap_io(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let handler = async move |request: Request| {
            let path = request.uri().path().to_owned();
            let arrived = read(request).await;
            kept.lock().expect("nobody panics while it holds this").push(arrived);
            answer(&path)
        };
        let router = Router::new().fallback(handler);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server on loopback serves");
        });
        Self { address, connections, requests, server }
    }

    /// A URL of this server under a name.
    #[must_use]
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    /// Connections that were ever made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Requests in the order in which they came.
    ///
    /// # Panics
    /// After a panic of the server.
    #[must_use]
    pub fn requests(&self) -> Vec<Arrived> {
        self.requests.lock().expect("nobody panics while it holds this").clone()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn read(request: Request) -> Arrived {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    Arrived {
        line: format!("{} {target}", head.method),
        headers: format!("{:?}", head.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
