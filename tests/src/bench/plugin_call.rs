//! Calls of a plugin: instantiated, called and dropped by the host's runtime, beside wasmtime with its pool and nothing
//! around it: no deadline, no limits, no task of its own, no scrubbing of what the guest says.

mod bare;

use std::time::Instant;

use keyferry::domain::plugin::Limits;
use keyferry::ports::plugin::{ConnectionView, PluginCall, PluginRunner as _};

use self::bare::BareRuntime;
use super::measure::{Round, Subject, compared, in_turns};
use super::report::Figure;
use super::{Row, Size};
use crate::guests::{self, ScriptedEgress, component, digest, runner};

/// What the vendor says in the call that sends a request.
const ANSWER: &str = "someone";

pub(super) async fn run(size: &Size) -> Vec<Figure> {
    let empty = wat::parse_str(include_str!("empty.wat")).expect("the text is well-formed");
    let mut figures = beside("call the smallest plugin", empty, size).await;
    figures.extend(beside("call a plugin in Rust, which sends a request", component("well_behaved"), size).await);
    figures
}

async fn beside(what: &str, component: Vec<u8>, size: &Size) -> Vec<Figure> {
    let bare = BareRuntime::load(&component);
    let digest = digest(&component);
    runner().load(digest, component).await.expect("the component loads");
    let call = PluginCall {
        digest,
        plugin: "bench".to_owned(),
        limits: Limits::default(),
        connection: ConnectionView { settings: guests::settings([]), ..ConnectionView::default() },
        egress: ScriptedEgress::refusing(),
        secrets: Vec::new(),
    };
    let ours = async || {
        // A new one each time: it remembers what it was asked.
        let call = PluginCall { egress: ScriptedEgress::answering(200, ANSWER), ..call.clone() };
        let start = Instant::now();
        for _ in 0..size.calls {
            runner().verify(call.clone()).await.expect("the plugin verifies");
        }
        Round { count: size.calls, wall: start.elapsed(), processor: None }
    };
    let theirs = async || {
        let start = Instant::now();
        for _ in 0..size.calls {
            bare.verify().await;
        }
        Round { count: size.calls, wall: start.elapsed(), processor: None }
    };
    let pairs = in_turns(size.rounds, ours, theirs).await;
    compared(&Subject { row: Row::Calls, what: what.to_owned(), beside: "wasmtime" }, &pairs)
}
