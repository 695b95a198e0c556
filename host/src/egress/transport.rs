//! Sends a draft over a connection that may carry it, and knows whether anything left.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderValue, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::{timeout, timeout_at};

use super::Shared;
use super::answer;
use super::dial::Dialer;
use super::draft::{Draft, Window};
use super::pattern::{Scheme, Target};
use super::pool::{Pool, PoolKey};
use super::tls::Trust;
use crate::domain::id::{ConnectionUid, TenantUid};
use crate::ports::egress::{EgressFailure, InboundResponse};

/// Status line and headers together.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// How long a connection that was just used may take to be ready again before another is made.
const READY_WITHIN: Duration = Duration::from_millis(100);

const AGENT: &str = concat!("keyferry/", env!("CARGO_PKG_VERSION"));

/// The connections of one session.
pub(super) struct Transport {
    pub(super) shared: Arc<Shared>,
    pub(super) trust: Trust,
    pub(super) pool: Arc<Pool>,
    pub(super) tenant: TenantUid,
    pub(super) connection: Option<ConnectionUid>,
    /// Counted just before a request is handed over, so that a cancelled one is never counted as unsent.
    pub(super) sent: AtomicU32,
}

impl Transport {
    /// Sends `draft` and reads its answer.
    pub(super) async fn send(&self, draft: &Draft, window: &Window) -> Result<InboundResponse, EgressFailure> {
        let key = self.key(&draft.target);
        while let Some(mut link) = self.pool.take(&key) {
            if self.shared.policy.vet(link.peer).is_err() || !link.is_ready().await {
                continue;
            }
            match self.send_over(&mut link, draft, window).await {
                Ok(answer) => return Ok(self.keep(key, link, answer)),
                Err(LinkFailure::Unsent) => {}
                // The server closed an idle connection just then. A safe method may be sent again (RFC 9110 9.2.2).
                Err(LinkFailure::Unanswered(_)) if draft.method.is_safe() => break,
                Err(LinkFailure::Unanswered(failure) | LinkFailure::Final(failure)) => return Err(failure),
            }
        }
        let mut link = self.open(&draft.target, window).await?;
        match self.send_over(&mut link, draft, window).await {
            Ok(answer) => Ok(self.keep(key, link, answer)),
            Err(LinkFailure::Unsent) => {
                Err(EgressFailure::NotSent(format!("{} closed the connection at once", draft.target.host)))
            }
            Err(LinkFailure::Unanswered(failure) | LinkFailure::Final(failure)) => Err(failure),
        }
    }

    fn key(&self, target: &Target) -> PoolKey {
        PoolKey { tenant: self.tenant, connection: self.connection, target: target.clone(), trust: self.trust.id() }
    }

    fn keep(&self, key: PoolKey, link: Link, answer: InboundResponse) -> InboundResponse {
        self.pool.put(key, link);
        answer
    }

    async fn open(&self, target: &Target, window: &Window) -> Result<Link, EgressFailure> {
        let Shared { policy, resolver, timeouts, .. } = &*self.shared;
        let dialer = Dialer { policy, resolver: &**resolver, timeouts };
        let stream = dialer.dial(target, window).await?;
        let broken = || EgressFailure::NotSent(format!("the connection to {} broke", target.host));
        let peer = stream.peer_addr().map_err(|_| broken())?;
        let link = match target.scheme {
            Scheme::Http => Link::start(stream, peer).await,
            Scheme::Https => Link::start(self.trust.connect(stream, target, window).await?, peer).await,
        };
        link.map_err(|_| broken())
    }

    async fn send_over(&self, link: &mut Link, draft: &Draft, window: &Window) -> Result<InboundResponse, LinkFailure> {
        let host = &draft.target.host;
        let request = assemble(draft).map_err(LinkFailure::Final)?;
        if window.is_past_deadline() {
            return Err(LinkFailure::Final(EgressFailure::Budget));
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        let response = match timeout_at(window.headers_by, link.sender.try_send_request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(mut failure)) => {
                if failure.take_message().is_some() {
                    self.sent.fetch_sub(1, Ordering::Relaxed);
                    return Err(LinkFailure::Unsent);
                }
                return Err(classify(failure.error(), draft));
            }
            Err(_) => {
                return Err(LinkFailure::Final(EgressFailure::OutcomeUnknown(format!(
                    "{host} did not answer in time"
                ))));
            }
        };
        answer::read(response, host, window).await.map_err(LinkFailure::Final)
    }
}

/// The request as it goes onto the wire. The host alone frames and routes it.
fn assemble(draft: &Draft) -> Result<Request<Full<Bytes>>, EgressFailure> {
    let malformed = |_| EgressFailure::Denied("the request is malformed".to_owned());
    let mut request = Request::builder()
        .method(&draft.method)
        .uri(draft.path_and_query())
        .body(Full::new(draft.body.clone()))
        .map_err(malformed)?;
    let headers = request.headers_mut();
    headers.extend(draft.headers.clone());
    let host = HeaderValue::try_from(draft.target.authority());
    headers.insert(HOST, host.map_err(|_| EgressFailure::Denied("the host is malformed".to_owned()))?);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    if !draft.body.is_empty() || !matches!(draft.method, Method::GET | Method::HEAD | Method::DELETE) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(draft.body.len()));
    }
    Ok(request)
}

fn classify(error: &hyper::Error, draft: &Draft) -> LinkFailure {
    let host = &draft.target.host;
    if error.is_parse_too_large() {
        LinkFailure::Final(EgressFailure::TooLarge)
    } else if error.is_parse() {
        LinkFailure::Final(EgressFailure::OutcomeUnknown(format!("{host} answered with malformed HTTP")))
    } else {
        LinkFailure::Unanswered(EgressFailure::OutcomeUnknown(format!("{host} broke the connection without an answer")))
    }
}

/// Why a connection brought no answer.
enum LinkFailure {
    /// The connection was closed before any byte of the request was written.
    Unsent,
    /// The connection broke without an answer.
    Unanswered(EgressFailure),
    /// Another connection would not help.
    Final(EgressFailure),
}

/// A connection. Dropping it closes it, with whatever is still under way on it.
pub(super) struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: AbortHandle,
    peer: SocketAddr,
}

impl Link {
    async fn start<S>(stream: S, peer: SocketAddr) -> Result<Self, hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_header_size(HEADER_BYTES_MAX)
            .max_buf_size(HEADER_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await?;
        let driver = tokio::spawn(async move {
            // Whoever waits for the answer sees the error; an idle connection has nobody to tell.
            let _ = connection.await;
        });
        Ok(Self { sender, driver: driver.abort_handle(), peer })
    }

    async fn is_ready(&mut self) -> bool {
        matches!(timeout(READY_WITHIN, self.sender.ready()).await, Ok(Ok(())))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
