//! Reads through the API: authenticated, authorised, from a redb file, opened with AES-GCM, beside a handler that has its
//! answer ready.
//!
//! A value leaves only after its audit event is durable, so reading one is a durable write as well: it is also set beside
//! a handler that commits before it answers.

use std::net::SocketAddr;

use super::bare::BareHttp;
use super::load::{self, address, body_bytes, drive};
use super::measure::{Round, Subject, compared, in_turns};
use super::processor::{Meter, Whose};
use super::report::Figure;
use super::{Row, Size};
use crate::crm::Crm;
use crate::program::Host;

/// How many clients read at the same time.
const CLIENTS: [usize; 2] = [1, 16];
/// About what a sealed audit event takes.
const AUDIT_ROW_BYTES: usize = 512;

const SECRET: &str = "/v1/tenants/dev/environments/dev/secrets/reads/DATABASE_URL";
const READS: [(&str, &str, &str); 3] = [
    ("read a secret with its value", SECRET, "?view=value"),
    ("read a secret without its value", SECRET, ""),
    ("read an integration", "/v1/tenants/dev/integrations/custom_crm", ""),
];

/// One kind of read.
struct Reading<'a> {
    host: &'a Host,
    what: &'a str,
    request: Vec<u8>,
    body_bytes: usize,
    rounds: usize,
    /// Requests of one client alone in one round.
    count: usize,
}

pub(super) async fn run(host: &Host, size: &Size) -> Vec<Figure> {
    let client = host.client();
    client.set("/reads", &[("DATABASE_URL".to_owned(), "v".repeat(64))]).await;
    let crm = Crm::start("key").await;
    client.call(http::Method::POST, "/integrations", Some(&crm.integration("key"))).await;
    client.get("/integrations/custom_crm").await.expect(200);
    let mut figures = Vec::new();
    for (what, path, query) in READS {
        let request = load::request("GET", &format!("{path}{query}"), client.token(), "");
        let body_bytes = body_bytes(address(client.url()), &request);
        let is_audited = !query.is_empty();
        // What waits for the disk takes so long that fewer tell enough.
        let count = if is_audited { size.reads.div_ceil(5) } else { size.reads };
        let reading = Reading { host, what, request, body_bytes, rounds: size.rounds, count };
        figures.extend(reading.beside("axum", &BareHttp::answering(body_bytes)).await);
        if is_audited {
            let committing = BareHttp::committing(body_bytes, AUDIT_ROW_BYTES);
            figures.extend(reading.beside("axum + a redb commit", &committing).await);
        }
    }
    figures
}

impl Reading<'_> {
    async fn beside(&self, beside: &str, bare: &BareHttp) -> Vec<Figure> {
        let mut figures = Vec::new();
        for clients in CLIENTS {
            let ours = async || {
                let whose = Whose::Process(self.host.process_id());
                self.round(address(self.host.client().url()), clients, whose)
            };
            let bare = async || self.round(bare.address, clients, BareHttp::PROCESSOR);
            let pairs = in_turns(self.rounds, ours, bare).await;
            let what = format!("{} ({} bytes), {}", self.what, self.body_bytes, in_words(clients));
            figures.extend(compared(&Subject { row: Row::Reads, what, beside }, &pairs));
        }
        figures
    }

    fn round(&self, address: SocketAddr, clients: usize, whose: Whose) -> Round {
        let count = self.count * if clients == 1 { 1 } else { 4 };
        let meter = Meter::start(whose);
        let wall = drive(address, clients, count, &|_, buffer: &mut Vec<u8>| buffer.extend_from_slice(&self.request));
        Round { count, wall, processor: meter.spent() }
    }
}

/// How many clients there were.
pub(super) fn in_words(clients: usize) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}
