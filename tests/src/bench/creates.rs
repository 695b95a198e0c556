//! Durable creates: every secret that is acknowledged is on disk, beside redb that commits each write by itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::bare::BareStore;
use super::load::{address, drive, request};
use super::measure::{Round, Subject, compared, in_turns};
use super::processor::{self, Meter, Whose};
use super::reads::in_words;
use super::report::Figure;
use super::{Row, Size};
use crate::program::Host;

const CLIENTS: [usize; 2] = [1, 16];
const VALUE_BYTES: usize = 64;

pub(super) async fn run(host: &Host, size: &Size) -> Vec<Figure> {
    // A folder is made by the first secret in it: that is not what is measured.
    host.client().set("/creates", &[("FIRST".to_owned(), String::new())]).await;
    let store = BareStore::make();
    let mut figures = Vec::new();
    for clients in CLIENTS {
        let count = size.creates * clients;
        let made = AtomicUsize::new(0);
        let ours = async || ours(host, clients, count, made.fetch_add(count, Ordering::Relaxed));
        let bare = async || bare(&store, clients, count);
        let pairs = in_turns(size.rounds, ours, bare).await;
        let what = format!("create a secret, {}", in_words(clients));
        let beside = "redb, one commit per write";
        figures.extend(compared(&Subject { row: Row::Creates, what, beside }, &pairs));
    }
    figures
}

fn ours(host: &Host, clients: usize, count: usize, first: usize) -> Round {
    let (url, token) = (host.client().url(), host.client().token());
    let body = format!(r#"{{"value":"{}"}}"#, "v".repeat(VALUE_BYTES));
    let write = |number: usize, buffer: &mut Vec<u8>| {
        let path = format!("/v1/tenants/dev/environments/dev/secrets/creates/C{clients}_{}", first + number);
        buffer.extend_from_slice(&request("PUT", &path, token, &body));
    };
    let meter = Meter::start(Whose::Process(host.process_id()));
    let wall = drive(address(url), clients, count, &write);
    Round { count, wall, processor: meter.spent() }
}

fn bare(store: &BareStore, threads: usize, count: usize) -> Round {
    let value = vec![b'v'; VALUE_BYTES];
    let start = Instant::now();
    let work = || {
        (0..count / threads).for_each(|_| store.put(1, &value));
        processor::of_this_thread()
    };
    let processor = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no writer panics")).sum()
    });
    Round { count, wall: start.elapsed(), processor }
}
