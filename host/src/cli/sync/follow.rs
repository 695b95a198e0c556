//! Follows a run: by its events as the server tells them, and by asking again and again while they do not flow.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::shown::counts;
use crate::cli::client::{Client, segment};
use crate::cli::events::Event;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, text};
use crate::cli::progress::Progress;

/// How often a run is looked at while its events do not flow.
const POLL: Duration = Duration::from_millis(500);
/// How long a server may be away, for instance while it restarts, before following is given up.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// The members of a plan's counts that an outcome is told for.
const TOLD: [&str; 10] =
    ["create", "update", "delete", "adopt", "import", "conflict", "release", "forget", "keep", "skip"];

/// Somebody who follows a run.
pub(super) struct Follower<'a> {
    client: &'a Client,
    run: String,
    path: String,
    progress: Progress,
    /// The last event that was seen; empty before the first.
    seen: String,
    /// Keys whose outcome is known.
    done: BTreeSet<String>,
    total: usize,
    answered_at: Instant,
}

impl<'a> Follower<'a> {
    /// A follower of the run `run` of the sync at the path `sync`.
    pub(super) fn new(client: &'a Client, sync: &str, run: &str, output: Output) -> Self {
        Self {
            client,
            run: run.to_owned(),
            path: format!("{sync}/runs/{}", segment(run)),
            progress: Progress::begin(output),
            seen: String::new(),
            done: BTreeSet::new(),
            total: 0,
            answered_at: Instant::now(),
        }
    }

    /// The run when it has ended, or stands still until somebody approves it.
    pub(super) async fn ended(mut self) -> Result<Value, Failure> {
        self.progress.phase(&format!("following run {}", self.run));
        loop {
            self.read_events().await;
            if let Some(run) = self.look().await?
                && is_ended(&run)
            {
                return Ok(run);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Tells of events until the run has finished or the stream breaks: what became of the run is read from the run itself.
    async fn read_events(&mut self) {
        let Ok(mut events) = self.client.events(&format!("{}/events", self.path), &self.seen).await else { return };
        while let Ok(Some(event)) = events.next().await {
            self.tell(&event);
            if event.name == "finished" {
                return;
            }
        }
    }

    /// The run as it stands; `None` while the server is away.
    async fn look(&mut self) -> Result<Option<Value>, Failure> {
        match self.client.get(&self.path).await {
            Ok(run) => {
                self.answered_at = Instant::now();
                self.tell_standing(&run);
                Ok(Some(run))
            }
            Err(failure) if failure.exit == Exit::Unavailable && self.answered_at.elapsed() < AWAY_MAX => {
                self.progress.phase("the server does not answer; asking again");
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    fn tell(&mut self, event: &Event) {
        if !event.id.is_empty() {
            event.id.clone_into(&mut self.seen);
        }
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        match event.name.as_str() {
            "items" => self.add_outcomes(&data),
            "planned" => {
                self.total = self.done.len() + told(&data);
                self.progress.phase(&format!("planned: {}", counts(&data)));
            }
            _ => {
                if let Some(line) = phase(event, &data) {
                    self.progress.phase(&line);
                }
            }
        }
    }

    /// What the run itself tells, for whoever gets no events.
    fn tell_standing(&mut self, run: &Value) {
        self.total = self.total.max(told(run));
        self.add_outcomes(run);
    }

    fn add_outcomes(&mut self, holder: &Value) {
        let before = self.done.len();
        let outcomes = holder.get("outcomes").and_then(Value::as_array).into_iter().flatten();
        self.done.extend(outcomes.map(|outcome| text(outcome, "/key")));
        self.total = self.total.max(self.done.len());
        if self.done.len() > before {
            self.progress.advance(self.done.len() as u64, self.total as u64, "keys done");
        }
    }
}

/// The line for an event that is no more than that.
fn phase(event: &Event, data: &Value) -> Option<String> {
    let number = |pointer: &str| data.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    match event.name.as_str() {
        "started" if number("/attempt") > 1 => Some(format!("started, attempt {}", number("/attempt"))),
        "started" => Some("started".to_owned()),
        "resolved" => Some(format!("{} at the source", amount(number("/secrets"), "secret", "secrets"))),
        "observed" => Some(format!("{} at the destination", amount(number("/entries"), "entry", "entries"))),
        "verified" => {
            Some(format!("read back {}: {} differ", amount(number("/keys"), "key", "keys"), number("/differing")))
        }
        "postponed" => {
            let wait_s = (number("/retryAt") - number("/at") + 999) / 1_000;
            Some(format!("broke off: {}; tried again in {wait_s} s", text(data, "/error/detail")))
        }
        _ => None,
    }
}

fn amount(number: i64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// How many keys will be told of.
fn told(holder: &Value) -> usize {
    let count = |name: &&str| holder.pointer(&format!("/counts/{name}"))?.as_u64();
    TOLD.iter().filter_map(count).sum::<u64>().try_into().unwrap_or(usize::MAX)
}

fn is_ended(run: &Value) -> bool {
    !matches!(text(run, "/state").as_str(), "PENDING" | "RUNNING")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_event_has_its_line() {
        for (name, data, line) in [
            ("started", json!({"attempt": 1}), Some("started")),
            ("started", json!({"attempt": 3}), Some("started, attempt 3")),
            ("resolved", json!({"secrets": 1}), Some("1 secret at the source")),
            ("observed", json!({"entries": 2}), Some("2 entries at the destination")),
            ("verified", json!({"keys": 1, "differing": 0}), Some("read back 1 key: 0 differ")),
            (
                "postponed",
                json!({"error": {"detail": "the vendor is down"}, "at": 10_000, "retryAt": 12_500}),
                Some("broke off: the vendor is down; tried again in 3 s"),
            ),
            ("finished", json!({"state": "SUCCEEDED"}), None),
            ("error", json!(null), None),
        ] {
            let event = Event { name: name.to_owned(), ..Event::default() };
            assert_eq!(phase(&event, &data).as_deref(), line, "{name}");
        }
    }

    #[test]
    fn unchanged_and_drifted_keys_are_not_waited_for() {
        assert_eq!(told(&json!({"counts": {"create": 2, "adopt": 1, "unchanged": 7, "drift": 3}})), 3);
        assert_eq!(told(&json!({})), 0);
    }
}
