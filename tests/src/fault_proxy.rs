//! Stands between the host and a vendor on loopback, has chosen requests fail as vendors' do, and lets something happen right
//! before others.
//!
//! What it lets through goes on byte for byte, so that signatures hold. Each connection carries one request.

use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// As AWS's JSON protocol throttles: 400, with a type, without a wait.
    AwsThrottling,
    /// 429, with so many seconds of `Retry-After` where they are given.
    TooManyRequests(Option<u32>),
    /// 503.
    Unavailable,
    /// The vendor carries the request out, and the connection ends before the answer.
    AnswerLost,
}

impl Fault {
    fn answer(self) -> Option<String> {
        let (status, header, body) = match self {
            Self::AwsThrottling => {
                ("400 Bad Request", String::new(), r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)
            }
            Self::TooManyRequests(wait_s) => {
                let header = wait_s.map(|wait_s| format!("retry-after: {wait_s}\r\n")).unwrap_or_default();
                ("429 Too Many Requests", header, "{}")
            }
            Self::Unavailable => ("503 Service Unavailable", String::new(), "{}"),
            Self::AnswerLost => return None,
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{header}");
        Some(format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()))
    }
}

/// A request that came by.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Head and body.
    pub text: String,
    /// `None`: it was let through.
    pub fault: Option<Fault>,
}

struct Rule {
    part: String,
    left: usize,
    fault: Fault,
}

/// What happens before a request.
struct Prelude {
    part: String,
    deed: BoxFuture<'static, ()>,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    preludes: Vec<Prelude>,
    seen: Vec<Seen>,
}

impl State {
    /// The first rule that is meant for it and not spent.
    fn judge(&mut self, text: &str) -> Option<Fault> {
        let rule = self.rules.iter_mut().find(|rule| rule.left > 0 && text.contains(&rule.part));
        let fault = rule.map(|rule| {
            rule.left -= 1;
            rule.fault
        });
        self.seen.push(Seen { text: text.to_owned(), fault });
        fault
    }

    /// What is to happen before it, once.
    fn prelude(&mut self, text: &str) -> Option<BoxFuture<'static, ()>> {
        let index = self.preludes.iter().position(|prelude| text.contains(&prelude.part))?;
        Some(self.preludes.remove(index).deed)
    }
}

/// See the module; dropping it ends it.
pub struct FaultProxy {
    /// For instance `http://127.0.0.1:41234`.
    pub origin: String,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts before a vendor at `origin`, such as `http://127.0.0.1:4566`.
    pub async fn before(origin: &str) -> Self {
        let upstream = origin.strip_prefix("http://").expect("vendors on loopback speak plain HTTP").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
        let origin = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (state, upstream) = (shared.clone(), upstream.clone());
                // A side that goes away has nobody to be told.
                tokio::spawn(async move { carry(client, &upstream, &state).await.ok() });
            }
        });
        Self { origin, state, server }
    }

    /// The next `times` requests that contain `part`, in head or body, fail like this.
    pub fn fail(&self, part: &str, times: usize, fault: Fault) {
        lock(&self.state).rules.push(Rule { part: part.to_owned(), left: times, fault });
    }

    /// Before the next request that contains `part` gets to the vendor, somebody does this.
    pub fn precede(&self, part: &str, deed: impl Future<Output = ()> + Send + 'static) {
        lock(&self.state).preludes.push(Prelude { part: part.to_owned(), deed: Box::pin(deed) });
    }

    /// How many requests that contain `part` failed, and how many were let through.
    #[must_use]
    pub fn count(&self, part: &str) -> (usize, usize) {
        let state = lock(&self.state);
        let seen = state.seen.iter().filter(|seen| seen.text.contains(part));
        let (failed, passed): (Vec<_>, Vec<_>) = seen.partition(|seen| seen.fault.is_some());
        (failed.len(), passed.len())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nobody panics while it holds this")
}

async fn carry(mut client: TcpStream, upstream: &str, state: &Mutex<State>) -> io::Result<()> {
    let request = read_request(&mut client).await?;
    let text = String::from_utf8_lossy(&request);
    let prelude = lock(state).prelude(&text);
    if let Some(deed) = prelude {
        deed.await;
    }
    let fault = lock(state).judge(&text);
    if let Some(answer) = fault.and_then(Fault::answer) {
        client.write_all(answer.as_bytes()).await?;
        return client.shutdown().await;
    }
    let mut vendor = TcpStream::connect(upstream).await?;
    vendor.write_all(&last_of_its_connection(&request)).await?;
    let mut answer = Vec::new();
    vendor.read_to_end(&mut answer).await?;
    if fault.is_none() {
        client.write_all(&last_of_its_connection(&answer)).await?;
        client.shutdown().await?;
    }
    Ok(())
}

/// A whole request: its head, and as much body as that announces.
async fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if let Some(end) = head_end(&request)
            && request.len() >= end + content_length(&request[..end])
        {
            return Ok(request);
        }
        if client.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Where the body begins.
fn head_end(message: &[u8]) -> Option<usize> {
    message.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().expect("a length is a number"))
}

/// The same message, after which the connection ends. No signature covers that header.
fn last_of_its_connection(message: &[u8]) -> Vec<u8> {
    let end = head_end(message).unwrap_or(message.len());
    let (head, rest) = message.split_at(end.saturating_sub(2));
    [head, b"connection: close\r\n", rest].concat()
}
