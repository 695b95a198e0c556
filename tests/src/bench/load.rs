//! The client of all rows: threads that write a request and wait for its answer, over one connection each. It does as
//! little as can be done, because it takes its processor time from the same machine.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Writes the request with this number into a buffer.
pub(super) type Write<'a> = &'a (dyn Fn(usize, &mut Vec<u8>) + Sync);

/// Sends requests 0 to `count` over so many connections at a time; how long that took, without connecting.
///
/// # Panics
/// When an answer is none of success.
pub(super) fn drive(address: SocketAddr, clients: usize, count: usize, write: Write<'_>) -> Duration {
    // Opened before anybody waits for anybody: whoever fails later fails all.
    let connections: Vec<_> = (0..clients).map(|_| Connection::open(address)).collect();
    let barrier = Barrier::new(clients);
    let work = |client: usize, mut connection: Connection| {
        let mut request = Vec::new();
        barrier.wait();
        let start = Instant::now();
        for number in (client..count).step_by(clients) {
            request.clear();
            write(number, &mut request);
            connection.exchange(&request);
        }
        (start, Instant::now())
    };
    let work = &work;
    std::thread::scope(|scope| {
        let numbered = connections.into_iter().enumerate();
        let threads: Vec<_> =
            numbered.map(|(client, connection)| scope.spawn(move || work(client, connection))).collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("every request is answered"));
        // From the first to begin to the last to end, each by its own clock: whoever only waits for them may be late.
        let span = times.reduce(|(start, end), (other_start, other_end)| (start.min(other_start), end.max(other_end)));
        span.map_or(Duration::ZERO, |(start, end)| end - start)
    })
}

/// The length of the body that one request is answered with.
pub(super) fn body_bytes(address: SocketAddr, request: &[u8]) -> usize {
    Connection::open(address).exchange(request)
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a connection has no delay");
        Self { stream, buffer: vec![0; 64 << 10] }
    }

    /// Sends a request and reads its answer whole; the length of the body.
    fn exchange(&mut self, request: &[u8]) -> usize {
        self.stream.write_all(request).expect("the server reads");
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).expect("the server answers");
            assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&self.buffer[..filled]));
            filled += read;
            if let Some((head, body)) = lengths(&self.buffer[..filled]) {
                self.buffer.resize(self.buffer.len().max(head + body), 0);
                if filled == head + body {
                    return body;
                }
            }
        }
    }
}

/// The lengths of head and body, once the head is there.
fn lengths(answer: &[u8]) -> Option<(usize, usize)> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("a head is text");
    assert!(text.starts_with("HTTP/1.1 2"), "{}", String::from_utf8_lossy(answer));
    let is_length = |name: &str| name.eq_ignore_ascii_case("content-length");
    let length = text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| is_length(name));
    Some((head, length.map_or(0, |(_, value)| value.trim().parse().expect("a length is a number"))))
}

/// A request of our API with a token.
pub(super) fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n");
    if !body.is_empty() {
        request += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    (request + "\r\n" + body).into_bytes()
}

/// Where a host listens.
pub(super) fn address(url: &str) -> SocketAddr {
    url.strip_prefix("http://").and_then(|address| address.parse().ok()).expect("a host tells its address")
}
