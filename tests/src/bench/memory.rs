//! Memory that the host holds and the size of its file, as secrets grow many. Memory is bounded by the cache of the store
//! and by work in flight, not by what is stored: that is what these figures are to show.

use http::Method;
use serde_json::json;

use super::bare::BareStore;
use super::measure::{Subject, figure};
use super::processor::own_memory;
use super::report::Figure;
use super::{Row, Size};
use crate::program::Host;

const BATCH: usize = 1_000;
const PAGE: usize = 100;
const VALUE_BYTES: usize = 64;
const MIB: f64 = 1_048_576.0;

pub(super) async fn run(program: &'static str, size: &Size) -> Vec<Figure> {
    let mut host = Host::serve(program).await;
    host.client().post("/v1/tenants", &json!({"id": "dev"})).await.expect(201);
    host.client().post("/environments", &json!({"slug": "dev"})).await.expect(201);
    let many = format!("{} secrets", size.secrets);
    let mut figures = vec![memory(&host, "a new host, idle".to_owned())];
    store(&host, size.secrets).await;
    figures.push(memory(&host, format!("after storing {many} in batches of {BATCH}")));
    host.stop().await;
    figures.push(file(&host, size.secrets));
    host.start().await;
    figures.push(memory(&host, format!("started anew over {many}, idle")));
    read_all(&host, size.secrets).await;
    figures.push(memory(&host, format!("after reading all {many} with their values")));
    figures
}

fn memory(host: &Host, what: String) -> Figure {
    let held = own_memory(host.process_id()).map_or(f64::NAN, |bytes| bytes as f64 / MIB);
    Figure { row: Row::Memory, what, measure: "memory", unit: "MiB", ours: held, beside: None }
}

fn file(host: &Host, secrets: usize) -> Figure {
    let ours = std::fs::metadata(host.data().join("keyferry.redb")).expect("the store is there").len();
    let bare = BareStore::make();
    (0..secrets / BATCH).for_each(|_| bare.put(BATCH, &[b'v'; VALUE_BYTES]));
    let subject = Subject {
        row: Row::Memory,
        what: format!("{secrets} secrets, values of {VALUE_BYTES} bytes"),
        beside: "redb with the values in clear",
    };
    figure(&subject, "file", "MiB", &[(ours as f64 / MIB, bare.into_file_bytes() as f64 / MIB)])
}

async fn store(host: &Host, secrets: usize) {
    for batch in 0..secrets / BATCH {
        let names = (0..BATCH).map(|number| format!("SECRET_{}", batch * BATCH + number));
        let set: Vec<_> = names.map(|name| (name, "v".repeat(VALUE_BYTES))).collect();
        host.client().set(&format!("/folder-{}", batch % 10), &set).await;
    }
}

async fn read_all(host: &Host, secrets: usize) {
    let (mut found, mut token) = (0, String::new());
    loop {
        let query = format!("recursive=true&view=value&pageSize={PAGE}&pageToken={token}");
        let path = format!("/environments/dev/secrets?{query}");
        let page = host.client().call(Method::GET, &path, None).await.expect(200);
        found += page.json["items"].as_array().map_or(0, Vec::len);
        token = page.text_at("/nextPageToken");
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, secrets, "every secret is found once");
}
