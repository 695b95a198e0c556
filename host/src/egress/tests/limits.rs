//! Sizes, times and budgets.

use std::io::Write;
use std::time::Instant;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use tokio::io::AsyncReadExt;

use super::server::{Reply, Server, answer, ok};
use super::*;

/// Far longer than any of these tests may take, and far from the limit that they set.
const LONG: Duration = Duration::from_secs(20);

fn short_total() -> Timeouts {
    Timeouts { headers: LONG, total: Duration::from_millis(300), ..Timeouts::default() }
}

fn short_headers() -> Timeouts {
    Timeouts { headers: Duration::from_millis(200), total: LONG, ..Timeouts::default() }
}

async fn outcome_of(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Result<InboundResponse, EgressFailure> {
    outcome_within(Timeouts::default(), reply).await
}

async fn outcome_within(
    timeouts: Timeouts,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> Result<InboundResponse, EgressFailure> {
    let server = Server::start(move |_| reply()).await;
    let session = timed_egress(timeouts).open(scope(server.port()), None);
    let result = session.send(request("POST", &server.url("/"))).await;
    assert_eq!(session.observed().sent, 1);
    result
}

fn is_unknown(result: &Result<InboundResponse, EgressFailure>) -> bool {
    matches!(result, Err(EgressFailure::OutcomeUnknown(_)))
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn unasked_encodings_are_decoded() {
    for (name, body) in [("gzip", gzip(b"plain")), ("deflate", zlib(b"plain")), ("deflate", deflate(b"plain"))] {
        let received = outcome_of(move || answer(&format!("200 OK\r\ncontent-encoding: {name}"), &body)).await.unwrap();
        assert_eq!(received.body, b"plain", "{name}");
        assert!(received.headers.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_compressed_bomb_is_too_large() {
    let bomb = gzip(&vec![0; 64 * MIB]);
    assert!(bomb.len() < MIB);
    let result = outcome_of(move || answer("200 OK\r\ncontent-encoding: gzip", &bomb)).await;
    assert_eq!(result.unwrap_err(), EgressFailure::TooLarge);
}

#[tokio::test]
async fn encodings_that_cannot_be_read_leave_the_outcome_unknown() {
    for head in ["content-encoding: br", "content-encoding: gzip", "content-encoding: gzip\r\ncontent-encoding: gzip"] {
        let result = outcome_of(move || answer(&format!("200 OK\r\n{head}"), b"not gzip at all")).await;
        assert!(is_unknown(&result), "{head}: {result:?}");
    }
}

#[tokio::test]
async fn bodies_up_to_the_limit_pass_and_no_further() {
    assert_eq!(outcome_of(|| ok(&"x".repeat(8 * MIB))).await.unwrap().body.len(), 8 * MIB);
    assert_eq!(outcome_of(|| ok(&"x".repeat(8 * MIB + 1))).await.unwrap_err(), EgressFailure::TooLarge);
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = [format!("{MIB:x}\r\n").as_bytes(), &vec![b'x'; MIB], b"\r\n"].concat();
    let result = outcome_of(move || Reply::Endless(head.clone(), chunk.clone(), Duration::ZERO)).await;
    assert_eq!(result.unwrap_err(), EgressFailure::TooLarge);
}

#[tokio::test]
async fn a_trickling_body_ends_with_the_whole_time() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_vec();
    let started = Instant::now();
    let result =
        outcome_within(short_total(), move || Reply::Endless(head.clone(), b"x".to_vec(), Duration::from_millis(10)))
            .await;
    assert!(is_unknown(&result), "{result:?}");
    assert!(started.elapsed() >= short_total().total && started.elapsed() < LONG);
}

#[tokio::test]
async fn trickling_headers_end_with_their_time() {
    let line = b"HTTP/1.1 200 OK\r\nx-a: ".to_vec();
    let started = Instant::now();
    let result =
        outcome_within(short_headers(), move || Reply::Endless(line.clone(), b"x".to_vec(), Duration::from_millis(10)))
            .await;
    assert!(is_unknown(&result), "{result:?}");
    assert!(started.elapsed() >= short_headers().headers && started.elapsed() < LONG);
}

#[tokio::test]
async fn huge_headers_are_too_large() {
    for (count, length) in [(2, 40_000), (1, 70_000), (101, 10)] {
        let header = format!("x-a: {}\r\n", "v".repeat(length)).repeat(count);
        let result = outcome_of(move || answer(&format!("200 OK\r\n{}", header.trim_end()), b"")).await;
        assert_eq!(result.unwrap_err(), EgressFailure::TooLarge, "{count} {length}");
    }
    let header = format!("x-a: {}", "v".repeat(60_000));
    assert!(outcome_of(move || answer(&format!("200 OK\r\n{header}"), b"")).await.is_ok());
}

#[tokio::test]
async fn answers_that_are_no_answer_leave_the_outcome_unknown() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let result = outcome_of(move || Reply::Last(bytes.to_vec())).await;
        assert!(is_unknown(&result), "{}: {result:?}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn a_reset_after_the_request_was_read_leaves_the_outcome_unknown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Closing with bytes unread makes the system reset the connection.
        stream.read_exact(&mut [0; 64]).await.unwrap();
    });
    let session = open_egress().open(scope(port), None);
    let mut request = request("PUT", &format!("http://vault.test:{port}/"));
    request.body = Some(vec![b'x'; 64 * 1024]);
    let result = session.send(request).await;
    assert!(is_unknown(&result), "{result:?}");
    assert_eq!(session.observed().sent, 1);
    server.await.unwrap();
}

#[tokio::test]
async fn silence_leaves_the_outcome_unknown() {
    let started = Instant::now();
    let result = outcome_within(short_headers(), || Reply::Hang).await;
    assert!(is_unknown(&result), "{result:?}");
    assert!(started.elapsed() >= short_headers().headers && started.elapsed() < LONG);
}

#[tokio::test]
async fn the_guest_may_wait_shorter_but_not_longer() {
    let server = Server::start(|_| Reply::Hang).await;
    let short = Duration::from_millis(200);
    for (timeouts, timeout) in [(Timeouts::default(), short), (short_headers(), Duration::from_secs(600))] {
        let session = timed_egress(timeouts).open(scope(server.port()), None);
        let started = Instant::now();
        let result = session.send(OutboundRequest { timeout: Some(timeout), ..request("GET", &server.url("/")) }).await;
        assert!(is_unknown(&result), "{result:?}");
        assert!(started.elapsed() < Timeouts::default().headers, "{timeout:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline() {
    let server = Server::start(|_| Reply::Hang).await;
    let past = open_egress().open(scope(server.port()), Some(Instant::now()));
    assert_eq!(get(&past, &server, "/").await.unwrap_err(), EgressFailure::Budget);
    assert_eq!(server.connections(), 0);

    let soon = open_egress().open(scope(server.port()), Some(Instant::now() + Duration::from_millis(300)));
    assert!(is_unknown(&get(&soon, &server, "/").await), "it was under way at the deadline");
    assert_eq!(get(&soon, &server, "/").await.unwrap_err(), EgressFailure::Budget);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn requests_beyond_the_budget_are_refused() {
    let server = Server::start(|_| ok("")).await;
    let session = open_egress().open(EgressScope { requests_max: 2, ..scope(server.port()) }, None);
    assert!(get(&session, &server, "/").await.is_ok());
    assert!(session.send(request("GET", "https://other.test/")).await.is_err(), "a denied request costs nothing");
    assert!(get(&session, &server, "/").await.is_ok());
    assert_eq!(get(&session, &server, "/").await.unwrap_err(), EgressFailure::Budget);
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_request_body_beyond_the_limit_is_denied() {
    let server = Server::start(|_| ok("")).await;
    let session = open_egress().open(scope(server.port()), None);
    let mut request = request("POST", &server.url("/"));
    request.body = Some(vec![0; 8 * MIB + 1]);
    assert!(matches!(session.send(request).await, Err(EgressFailure::Denied(_))));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn smuggled_headers_never_leave() {
    let server = Server::start(|_| ok("")).await;
    let session = open_egress().open(scope(server.port()), None);
    for (name, value) in [
        ("Host", "evil.example"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Authorization", "Bearer x"),
        ("x-a", "b\r\n\r\nGET /evil HTTP/1.1"),
        ("x-a\r\nhost", "evil.example"),
    ] {
        let mut request = request("POST", &server.url("/"));
        request.headers = vec![(name.to_owned(), value.to_owned())];
        assert!(matches!(session.send(request).await, Err(EgressFailure::Denied(_))), "{name}");
    }
    let mut many = request("GET", &server.url("/"));
    many.headers = vec![("x-a".to_owned(), "b".to_owned()); 1_000_000];
    assert!(matches!(session.send(many).await, Err(EgressFailure::Denied(_))));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_slow_resolver_is_not_waited_for() {
    struct Never;
    #[async_trait]
    impl Resolve for Never {
        async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            std::future::pending().await
        }
    }
    let timeouts = Timeouts { lookup: Duration::from_millis(50), ..Timeouts::default() };
    let egress = HyperEgress::builder(open_policy()).resolver(Arc::new(Never)).timeouts(timeouts).build();
    let result = egress.open(scope(80), None).send(request("GET", "http://vault.test/")).await;
    assert!(matches!(result, Err(EgressFailure::NotSent(_))), "{result:?}");
}

#[tokio::test]
async fn throttling_is_observed() {
    let server = Server::start(|_| answer("429 Too Many Requests\r\nretry-after: 3", b"")).await;
    let session = open_egress().open(scope(server.port()), None);
    assert_eq!(get(&session, &server, "/").await.unwrap().status, 429);
    let observed = session.observed();
    assert_eq!((observed.sent, observed.throttled, observed.authenticated_successes), (1, 1, 0));
}
