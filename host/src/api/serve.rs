//! The server: connections in, requests to the router, and an orderly end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::middleware::HEADER_BYTES_MAX;

/// How long a client may take to send the headers of a request, an idle connection included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A little more than the limit of the headers together, so that the answer to larger ones is a problem and not a reset.
const HEADER_BUFFER_BYTES: usize = HEADER_BYTES_MAX * 4;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// Pause after a failed accept: the process is out of file descriptors, and others must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` until `stop` holds `true`; then lets requests in flight end, for at most `shutdown_timeout`.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    mut stop: watch::Receiver<bool>,
    shutdown_timeout: Duration,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => _ = connections.spawn(connection(stream, address, router.clone(), stop.clone())),
                Err(fault) => {
                    tracing::warn!(error.causes = %fault, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(shutdown_timeout, all_ended).await.is_err() {
        tracing::warn!("requests in flight were cut off");
    }
}

/// Waits until the host stops; forever when nobody can stop it any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

async fn connection(stream: TcpStream, address: SocketAddr, router: axum::Router, mut stop: watch::Receiver<bool>) {
    // Small answers must not wait for a full packet.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(address));
            Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BUFFER_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEADER_BUFFER_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(HEADER_TIMEOUT);
    let mut serving = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        outcome = serving.as_mut() => return log_end(outcome),
        () = stopped(&mut stop) => serving.as_mut().graceful_shutdown(),
    }
    log_end(serving.await);
}

/// A client that goes away is no event; it shows only to who looks for it.
fn log_end(outcome: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(fault) = outcome {
        tracing::debug!(error.causes = %fault, "a connection ended early");
    }
}
