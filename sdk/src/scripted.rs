//! Scripted HTTP for native tests: which requests a plugin must send, in order, and what it gets for them.
//!
//! ```
//! use keyferry_sdk::http::Request;
//! use keyferry_sdk::scripted::{Expect, Reply, Script};
//! use serde_json::json;
//!
//! let script = Script::new();
//! script.on(Expect::get("https://api.example.com/v1/me").egress("api")).reply(Reply::json(200, json!({"id": "u-1"})));
//!
//! let response = Request::get("api", "https://api.example.com/v1/me").send().expect("scripted");
//! assert_eq!(response.status(), 200);
//! // Dropping the script asserts that every exchange took place.
//! ```
//!
//! A script belongs to the thread that made it, so that tests can run side by side.

mod expect;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::marker::PhantomData;

use serde_json::Value;

pub use expect::Expect;

use crate::http::{Failure, Header, Request, Response};
use crate::log::Level;

#[derive(Default)]
struct State {
    exchanges: VecDeque<(Expect, Reply)>,
    requests: Vec<Request>,
    log: Vec<(Level, String)>,
    features: Vec<String>,
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

fn with_state<T>(visit: impl FnOnce(&mut State) -> T) -> Option<T> {
    STATE.with_borrow_mut(|state| state.as_mut().map(visit))
}

/// The script of this thread, while it lives.
#[derive(Debug)]
#[must_use = "a script that is dropped at once scripts nothing"]
pub struct Script {
    // Only the thread that made it sees its exchanges.
    not_send: PhantomData<*const ()>,
}

impl Script {
    /// Begins a script on this thread.
    ///
    /// # Panics
    /// If this thread has one already.
    #[expect(clippy::new_without_default, reason = "making one has an effect")]
    pub fn new() -> Self {
        STATE.with_borrow_mut(|state| {
            assert!(state.is_none(), "this thread has a script already");
            *state = Some(State::default());
        });
        Self { not_send: PhantomData }
    }

    /// Expects a request after those expected so far.
    pub fn on(&self, expect: Expect) -> Exchange<'_> {
        Exchange { expect, script: PhantomData }
    }

    /// The host has these optional abilities.
    pub fn with_features<const N: usize>(self, features: [&str; N]) -> Self {
        with_state(|state| state.features = features.map(str::to_owned).to_vec());
        self
    }

    /// The requests sent so far.
    pub fn requests(&self) -> Vec<Request> {
        with_state(|state| state.requests.clone()).unwrap_or_default()
    }

    /// The lines logged so far.
    pub fn log(&self) -> Vec<(Level, String)> {
        with_state(|state| state.log.clone()).unwrap_or_default()
    }

    /// Asserts that every exchange took place. Dropping the script does so too.
    ///
    /// # Panics
    /// If one did not.
    pub fn finish(self) {}
}

impl Drop for Script {
    fn drop(&mut self) {
        let state = STATE.take();
        if std::thread::panicking() {
            return;
        }
        let missing = state.map(|state| state.exchanges).unwrap_or_default();
        let missing = missing.iter().map(|(expect, _)| expect.to_string()).collect::<Vec<_>>();
        assert!(missing.is_empty(), "{} expected requests were not sent:\n{}", missing.len(), missing.join("\n"));
    }
}

/// An expected request that still lacks its answer.
#[derive(Debug)]
#[must_use = "an expected request needs an answer: call `reply`"]
pub struct Exchange<'a> {
    expect: Expect,
    script: PhantomData<&'a Script>,
}

impl Exchange<'_> {
    /// What the plugin gets for it: a [`Reply`] or a [`Failure`].
    pub fn reply(self, reply: impl Into<Reply>) {
        with_state(|state| state.exchanges.push_back((self.expect, reply.into())));
    }
}

/// What the plugin gets for a request.
#[derive(Clone, Debug)]
pub struct Reply {
    answer: Result<Response, Failure>,
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self::text(status, "")
    }

    /// An answer with a text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { answer: Ok(Response::new(status, Vec::new(), body.into().into_bytes())) }
    }

    /// An answer with JSON.
    pub fn json(status: u16, body: Value) -> Self {
        Self::text(status, body.to_string()).header("Content-Type", "application/json")
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        let answer = self.answer.map(|response| {
            let mut headers = response.headers().to_vec();
            headers.push(Header { name: name.to_owned(), value: value.to_owned() });
            Response::new(response.status(), headers, response.body().to_vec())
        });
        Self { answer }
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self { answer: Err(failure) }
    }
}

/// Takes the next exchange, or tells in full why the request does not fit. Only tests see the text, so it may show bodies.
pub(crate) fn send(request: Request) -> Result<Response, Failure> {
    let exchange = with_state(|state| {
        state.requests.push(request.clone());
        state.exchanges.pop_front()
    });
    let sent = expect::describe(&request);
    match exchange {
        None => panic!("a request was sent without a script on this thread:\n{sent}"),
        Some(None) => panic!("one more request was sent than expected:\n{sent}"),
        Some(Some((expect, reply))) => {
            if let Some(difference) = expect.difference(&request) {
                panic!("{difference}\nexpected:\n{expect}\nsent:\n{sent}");
            }
            reply.answer.map(|response| response.answering(request.method()))
        }
    }
}

pub(crate) fn log(level: Level, message: &str) {
    with_state(|state| state.log.push((level, message.to_owned())));
}

pub(crate) fn features() -> Vec<String> {
    with_state(|state| state.features.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[should_panic(expected = "1 expected requests were not sent")]
    fn a_request_that_was_not_sent_fails_the_test() {
        let script = Script::new();
        script.on(Expect::get("https://h/")).reply(Reply::status(200));
    }

    #[test]
    #[should_panic(expected = "one more request was sent than expected")]
    fn a_request_too_many_fails_the_test() {
        let _script = Script::new();
        let _ = Request::get("api", "https://h/").send();
    }

    #[test]
    #[should_panic(expected = "without a script")]
    fn a_request_without_a_script_fails_the_test() {
        let _ = Request::get("api", "https://h/").send();
    }

    #[test]
    #[should_panic(expected = "the body differs")]
    fn another_body_fails_the_test() {
        let script = Script::new();
        script.on(Expect::post("https://h/").json(json!({"a": 1}))).reply(Reply::status(200));
        let _ = Request::post("api", "https://h/").json(&json!({"a": 2})).expect("JSON").send();
    }

    #[test]
    #[should_panic(expected = "the egress entry differs")]
    fn another_egress_entry_fails_the_test() {
        let script = Script::new();
        script.on(Expect::get("https://h/").egress("api")).reply(Reply::status(200));
        let _ = Request::get("other", "https://h/").send();
    }

    #[test]
    fn failures_and_log_lines_are_scripted_too() {
        let script = Script::new().with_features(["finish"]);
        script.on(Expect::get("https://h/")).reply(Failure::TooLarge);
        assert_eq!(Request::get("api", "https://h/").send(), Err(Failure::TooLarge));
        crate::log::warn("slow");
        assert_eq!(script.log(), [(Level::Warn, "slow".to_owned())]);
        assert!(crate::host::has_feature("finish"));
        assert_eq!(script.requests().len(), 1);
    }
}
