//! A server that does what a test tells it, good or bad, and keeps what it was sent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::NAME;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Counted from 0.
    pub(super) connection: usize,
}

impl Received {
    /// All values of a header, by its lower-case name.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that is there exactly once.
    pub(super) fn header(&self, name: &str) -> &str {
        let values = self.all(name);
        assert_eq!(values.len(), 1, "{name} in {:?}", self.headers);
        values[0]
    }
}

/// What the server does after a request.
pub(super) enum Reply {
    /// Answers, and waits for another request.
    Bytes(Vec<u8>),
    /// Answers, and closes.
    Last(Vec<u8>),
    /// Says nothing for ever.
    Hang,
    /// Writes the first, then the second for ever, pausing.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

/// An answer of status 200 with this body.
pub(super) fn ok(body: &str) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

/// An answer with these status and header lines, and this body.
pub(super) fn answer(head: &str, body: &[u8]) -> Reply {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    Reply::Bytes([head.as_bytes(), body].concat())
}

type Handler = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

/// Runs until it is dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    is_tls: bool,
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    open_connections: AtomicUsize,
}

impl Server {
    pub(super) async fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0", None, Arc::new(handler)).await
    }

    pub(super) async fn start_tls(
        acceptor: TlsAcceptor,
        handler: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen("127.0.0.1:0", Some(acceptor), Arc::new(handler)).await
    }

    pub(super) async fn start_at(address: &str, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(address, None, Arc::new(handler)).await
    }

    async fn listen(address: &str, acceptor: Option<TlsAcceptor>, handler: Handler) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let is_tls = acceptor.is_some();
        let task = tokio::spawn(accept(listener, acceptor, handler, Arc::clone(&state))).abort_handle();
        Self { address, is_tls, state, task }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// A URL of this server by its name.
    pub(super) fn url(&self, path: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{NAME}:{}{path}", self.port())
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// The one request that arrived.
    pub(super) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1);
        received[0].clone()
    }

    /// Connections that the client has not closed.
    pub(super) fn open_connections(&self) -> usize {
        self.state.open_connections.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, handler: Handler, state: Arc<State>) {
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let connection = state.connections.fetch_add(1, Ordering::SeqCst);
        state.open_connections.fetch_add(1, Ordering::SeqCst);
        let (handler, state, acceptor) = (Arc::clone(&handler), Arc::clone(&state), acceptor.clone());
        tasks.spawn(async move {
            match acceptor {
                None => serve(stream, connection, handler, &state).await,
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => serve(stream, connection, handler, &state).await,
                    Err(_) => None,
                },
            };
            state.open_connections.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Ends with `None` when the client went away.
async fn serve<S>(mut stream: S, connection: usize, handler: Handler, state: &State) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let received = read_request(&mut stream, connection).await?;
        let reply = handler(&received);
        state.received.lock().unwrap().push(received);
        match reply {
            Reply::Bytes(bytes) => write(&mut stream, &bytes).await?,
            Reply::Last(bytes) => {
                write(&mut stream, &bytes).await?;
                return stream.shutdown().await.ok();
            }
            // Until the client closes.
            Reply::Hang => return stream.read_u8().await.ok().map(drop),
            Reply::Endless(first, again, pause) => {
                write(&mut stream, &first).await?;
                loop {
                    write(&mut stream, &again).await?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), connection: usize) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { line, headers, body, connection })
}
