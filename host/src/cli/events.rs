//! Server-sent events, read as they come.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;

/// The server says something every 15 s, if only that it is there; after so long a silence it is not.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// More than any event of the server has.
const EVENT_BYTES_MAX: usize = 8 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// What the stream is resumed after.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) data: String,
}

/// Why no further event comes, although the stream has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The events of one answer.
pub(super) struct Events {
    answer: Response,
    parser: Parser,
    whole: VecDeque<Event>,
}

impl Events {
    /// The events of an answer whose body has not been read.
    pub(super) fn of(answer: Response) -> Self {
        Self { answer, parser: Parser::default(), whole: VecDeque::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Broken> {
        while self.whole.is_empty() {
            let chunk = tokio::time::timeout(SILENCE_MAX, self.answer.chunk()).await;
            match chunk.map_err(|_| Broken)?.map_err(|_| Broken)? {
                Some(bytes) => self.whole.extend(self.parser.feed(&bytes)?),
                None => return Ok(None),
            }
        }
        Ok(self.whole.pop_front())
    }
}

/// Takes a stream apart, wherever its chunks are cut.
#[derive(Debug, Default)]
struct Parser {
    /// The line that has not ended yet.
    line: Vec<u8>,
    event: Event,
}

impl Parser {
    /// Takes bytes, and gives the events that they complete.
    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Broken> {
        let mut whole = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned();
            whole.extend(self.take(&line));
        }
        let held = self.line.len() + self.event.data.len();
        if held > EVENT_BYTES_MAX { Err(Broken) } else { Ok(whole) }
    }

    fn take(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.name.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.event.id),
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment, or something that a later server says.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nid: 1\nevent: started\ndata: {\"attempt\":1}\n\n\
        retry: 5\r\nid:2\r\nevent:items\r\ndata:a\r\ndata: b: c\r\n\r\nevent: half\ndata: never";

    fn event(id: &str, name: &str, data: &str) -> Event {
        Event { id: id.to_owned(), name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut() {
        let expected = [event("1", "started", "{\"attempt\":1}"), event("2", "items", "a\nb: c")];
        for size in 1..=STREAM.len() {
            let mut parser = Parser::default();
            let chunks = STREAM.as_bytes().chunks(size);
            let events: Vec<Event> = chunks.flat_map(|chunk| parser.feed(chunk).expect("it is small")).collect();
            assert_eq!(events, expected, "in chunks of {size}");
        }
    }

    #[test]
    fn endless_event_is_given_up() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; EVENT_BYTES_MAX / 2];
        assert_eq!(parser.feed(&chunk), Ok(Vec::new()));
        assert_eq!(parser.feed(&chunk), Ok(Vec::new()));
        assert_eq!(parser.feed(b"x"), Err(Broken));
    }
}
