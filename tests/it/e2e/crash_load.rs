//! The program killed by the system while many write through its API: what was acknowledged holds afterwards, what was not
//! answered came whole or not at all, and nothing else is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use keyferry_tests::api::Answer;
use keyferry_tests::crm::Crm;
use keyferry_tests::program::{Client, Host, eventually};
use serde_json::{Value, json};

use super::{PROGRAM, http_api};

const LIMIT: Duration = Duration::from_secs(120);
/// How often the host is killed under load, unless the environment says otherwise.
const CYCLES: usize = 20;
const CYCLES_VARIABLE: &str = "KEYFERRY_CRASH_CYCLES";
/// So often each writer is acknowledged before the host is killed: the whole lives of a thing that goes and of one that stays.
const ACKNOWLEDGED_MIN: usize = 7;
/// Secrets that one batch makes.
const BATCH: usize = 4;
const CONFIGS: &str = "/integrations/custom_crm/configs";
const WRITERS: [Load; 8] = [
    Load::Secrets,
    Load::Secrets,
    Load::Secrets,
    Load::Batches,
    Load::Batches,
    Load::Configs,
    Load::Configs,
    Load::Syncs,
];

/// What a writer writes, each of them again and again: it makes something, changes it, and deletes every other one.
#[derive(Clone, Copy)]
enum Load {
    Secrets,
    Batches,
    Configs,
    Syncs,
}

/// Things by name with what they are after a request; `None`: gone.
type Effects = Vec<(String, Option<String>)>;

/// One who writes until the host is gone, and remembers what was acknowledged.
struct Writer {
    client: Client,
    /// What everything that it makes begins with.
    name: String,
    acknowledged: BTreeMap<String, Option<String>>,
    /// Of the one request without an answer.
    unanswered: Effects,
    count: Arc<AtomicUsize>,
}

impl Writer {
    async fn write(mut self, load: Load) -> Self {
        for n in 0.. {
            let name = format!("{}_N{n}", self.name);
            let is_kept = n % 2 == 1;
            let done = match load {
                Load::Secrets => self.secret(&name, is_kept).await,
                Load::Batches => self.batch(n).await,
                Load::Configs => self.config(&name, is_kept).await,
                Load::Syncs => self.sync(&name, is_kept).await,
            };
            if done.is_none() {
                break;
            }
        }
        self
    }

    async fn send(&mut self, method: Method, path: &str, body: &Value, effects: Effects) -> Option<Answer> {
        self.unanswered = effects;
        let path = format!("/v1/tenants/dev{path}");
        let body = (method != Method::DELETE).then_some(body);
        let answer = self.client.attempt(method.clone(), &path, body).await.ok()?;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        self.acknowledged.extend(std::mem::take(&mut self.unanswered));
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    async fn secret(&mut self, name: &str, is_kept: bool) -> Option<()> {
        let path = format!("/environments/dev/secrets/load/{name}");
        for revision in 0..3 {
            let value = format!("{name} {revision}");
            let effects = vec![(secret(name), Some(value.clone()))];
            self.send(Method::PUT, &path, &json!({"value": value}), effects).await?;
        }
        if !is_kept {
            self.send(Method::DELETE, &path, &Value::Null, vec![(secret(name), None)]).await?;
        }
        Some(())
    }

    /// New secrets, of those of the batch before one with another value, and one less.
    async fn batch(&mut self, n: usize) -> Option<()> {
        let name = |n: usize, index: usize| format!("{}_N{n}_{index}", self.name);
        let mut set: Vec<_> = (0..BATCH).map(|index| (name(n, index), format!("of batch {n}"))).collect();
        let mut gone = Vec::new();
        if let Some(before) = n.checked_sub(1) {
            set.push((name(before, 0), format!("changed by batch {n}")));
            gone.push(name(before, 1));
        }
        let put = |(name, value): &(String, String)| json!({"path": "/load", "name": name, "value": value});
        let delete = |name: &String| json!({"path": "/load", "name": name});
        let body = json!({"set": set.iter().map(put).collect::<Vec<_>>(),
            "delete": gone.iter().map(delete).collect::<Vec<_>>()});
        let set = set.into_iter().map(|(name, value)| (secret(&name), Some(value)));
        let effects = set.chain(gone.iter().map(|name| (secret(name), None))).collect();
        self.send(Method::POST, "/environments/dev/secrets:batch", &body, effects).await?;
        Some(())
    }

    async fn config(&mut self, name: &str, is_kept: bool) -> Option<()> {
        let is = |content: &str| vec![(format!("config {name}"), Some(content.to_owned()))];
        let body = json!({"displayName": format!("{name} made"), "parameters": {"baseUrl": "http://127.0.0.1:9"},
            "auth": {"integrationAuthMetadataId": "key", "parameters": {"apiKey": name}}});
        let made = self.send(Method::POST, CONFIGS, &body, is("made, draft")).await?;
        let path = format!("{CONFIGS}/{}", made.text_at("/id"));
        let change = json!({"displayName": format!("{name} changed")});
        self.send(Method::PATCH, &path, &change, is("changed, draft")).await?;
        self.send(Method::POST, &format!("{path}:publish"), &json!({"note": name}), is("changed, published")).await?;
        if !is_kept {
            self.send(Method::DELETE, &path, &Value::Null, vec![(format!("config {name}"), None)]).await?;
        }
        Some(())
    }

    async fn sync(&mut self, name: &str, is_kept: bool) -> Option<()> {
        let is = |content: Option<&str>| vec![(format!("sync {name}"), content.map(str::to_owned))];
        let body = json!({"id": name, "displayName": "made", "integration": http_api::INTEGRATION, "destination": {},
            "source": {"environment": "dev", "path": "/load"}, "options": {"autoSync": false}});
        self.send(Method::POST, "/syncs", &body, is(Some("made"))).await?;
        let path = format!("/syncs/{name}");
        for content in ["changed", "changed again"] {
            self.send(Method::PATCH, &path, &json!({"displayName": content}), is(Some(content))).await?;
        }
        if !is_kept {
            self.send(Method::DELETE, &path, &Value::Null, is(None)).await?;
        }
        Some(())
    }

    /// What stands otherwise than this writer was told.
    fn wrong(&self, found: &BTreeMap<String, String>) -> Vec<String> {
        let in_flight = |thing: &String| self.unanswered.iter().any(|(sent, _)| sent == thing);
        let lost = self
            .acknowledged
            .iter()
            .filter(|(thing, content)| !in_flight(thing) && found.get(*thing) != content.as_ref());
        let mut wrong: Vec<String> = lost
            .map(|(thing, content)| format!("{thing} is {:?}, and {content:?} was acknowledged", found.get(thing)))
            .collect();
        let is_left = self
            .unanswered
            .iter()
            .all(|(thing, _)| found.get(thing) == self.acknowledged.get(thing).and_then(Option::as_ref));
        let is_done = self.unanswered.iter().all(|(thing, content)| found.get(thing) == content.as_ref());
        if !is_left && !is_done {
            wrong.push(format!("of one request only a part was carried out: {:?}", self.unanswered));
        }
        wrong
    }

    fn knows(&self, thing: &str) -> bool {
        self.acknowledged.contains_key(thing) || self.unanswered.iter().any(|(sent, _)| sent == thing)
    }
}

fn secret(name: &str) -> String {
    format!("secret {name}")
}

/// All items of a list.
async fn listed(client: &Client, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = client.get(&format!("{path}pageSize=100&pageToken={token}")).await.expect(200);
        found.extend(page.json["items"].as_array().expect("a list").iter().cloned());
        token = page.text_at("/nextPageToken");
        if token.is_empty() {
            return found;
        }
    }
}

/// All that writers write, as the host shows it.
async fn stored(client: &Client) -> BTreeMap<String, String> {
    let text = |item: &Value, member: &str| item[member].as_str().expect("a text").to_owned();
    let mut found = BTreeMap::new();
    for item in listed(client, "/environments/dev/secrets?path=/load&view=value&").await {
        found.insert(secret(&text(&item, "name")), text(&item, "value"));
    }
    for item in listed(client, &format!("{CONFIGS}?")).await {
        let shown = text(&item, "displayName");
        let (name, content) = shown.split_once(' ').expect("a name and what it is");
        let stage = if item["publishedVersion"].is_null() { "draft" } else { "published" };
        assert_eq!(item["hasAuth"], true, "{item:#}");
        found.insert(format!("config {name}"), format!("{content}, {stage}"));
    }
    for item in listed(client, "/syncs?").await {
        found.insert(format!("sync {}", text(&item, "id")), text(&item, "displayName"));
    }
    found
}

/// Lets everybody write until all have been acknowledged often enough, and kills the host.
async fn kill_under_load(host: &mut Host, cycle: usize) -> Vec<Writer> {
    let (mut counts, mut tasks) = (Vec::new(), Vec::new());
    for (index, load) in WRITERS.into_iter().enumerate() {
        let count = Arc::new(AtomicUsize::new(0));
        counts.push(count.clone());
        let (client, name) = (host.client().clone(), format!("C{cycle}_W{index}"));
        let writer = Writer { client, name, acknowledged: BTreeMap::new(), unanswered: Vec::new(), count };
        tasks.push(tokio::spawn(writer.write(load)));
    }
    eventually("all writers are acknowledged", LIMIT, async || {
        let is_enough = counts.iter().all(|count| count.load(Ordering::Relaxed) >= ACKNOWLEDGED_MIN);
        (is_enough || tasks.iter().any(tokio::task::JoinHandle::is_finished)).then_some(())
    })
    .await;
    host.kill();
    let mut writers = Vec::new();
    for task in tasks {
        writers.push(task.await.expect("no writer is refused"));
    }
    writers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_changes_outlive_kills_under_load() {
    let cycles = std::env::var(CYCLES_VARIABLE).map_or(CYCLES, |count| count.parse().expect("a number"));
    let crm = Crm::start("the right key").await;
    let mut host = Host::dev(PROGRAM, &[http_api::PLUGIN]).await;
    host.client().post("/integrations", &crm.integration("the right key")).await.expect(201);
    let mut writers = Vec::new();
    for cycle in 0..cycles {
        writers.extend(kill_under_load(&mut host, cycle).await);
        host.start().await;
    }
    let found = stored(host.client()).await;
    let wrong: Vec<_> = writers.iter().flat_map(|writer| writer.wrong(&found)).collect();
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    let unknown: Vec<_> = found.keys().filter(|thing| !writers.iter().any(|writer| writer.knows(thing))).collect();
    assert!(unknown.is_empty(), "nobody wrote {unknown:?}");
    for (kind, content) in [
        ("secret ", "2"),
        ("secret ", "changed by batch 1"),
        ("config ", "changed, published"),
        ("sync ", "changed again"),
    ] {
        let is_there = found.iter().any(|(thing, found)| thing.starts_with(kind) && found.ends_with(content));
        assert!(is_there, "the load made no {kind}that ends with `{content}`");
    }
}
