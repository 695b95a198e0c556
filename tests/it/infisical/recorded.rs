//! What clients send that cannot be installed here, written down from how they are known to behave, one file a client.
//!
//! A step is a request, the status of its answer, and what the answer must hold: members that are left out may be anything.
//! `{{name}}` stands for what is given to all (`project`, `clientId`, `clientSecret`, `identity`, `awsSecret`) or was kept by an
//! earlier step. `same` names an earlier step whose answer this one must equal to the last member: a plan that converges.

use std::collections::BTreeMap;

use http::Method;
use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::fake_plugins::{FakePlugins, RIGHT};
use serde::Deserialize;
use serde_json::{Value, json};

use super::app_connections::aws;
use super::client::Client;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    client: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: String,
    /// Method and path.
    request: String,
    body: Option<Value>,
    /// Whether the token is sent, which it is unless this says no.
    #[serde(default = "yes")]
    token: bool,
    status: u16,
    #[serde(default)]
    answer: Value,
    same: Option<String>,
    /// What later steps know, by where it stands in the answer.
    #[serde(default)]
    keep: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// A replay under way.
struct Replay<'a> {
    api: &'a TestApi,
    known: BTreeMap<String, String>,
    answers: BTreeMap<String, Value>,
}

impl Replay<'_> {
    fn filled(&self, text: &str) -> String {
        let known = self.known.iter();
        known.fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
    }

    fn filled_json(&self, value: &Value) -> Value {
        serde_json::from_str(&self.filled(&value.to_string())).expect("ids and tokens need no escapes")
    }

    async fn send(&self, step: &Step) -> Answer {
        let request = self.filled(&step.request);
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("it is a method");
        let body = step.body.as_ref().map(|body| self.filled_json(body));
        let caller = match self.known.get("token").filter(|_| step.token) {
            Some(token) => self.api.bearer(token),
            None => self.api.anonymous(),
        };
        caller.call(method, path, body.as_ref()).await
    }

    async fn play(&mut self, step: &Step) {
        let answer = self.send(step).await;
        let about = format!("{}: {}", step.name, answer.text);
        assert_eq!(answer.status.as_u16(), step.status, "{about}");
        assert_holds(&answer.json, &self.filled_json(&step.answer), &about);
        if let Some(earlier) = &step.same {
            assert_eq!(Some(&answer.json), self.answers.get(earlier), "{about}");
        }
        for (name, pointer) in &step.keep {
            self.known.insert(name.clone(), answer.text_at(pointer));
        }
        self.answers.insert(step.name.clone(), answer.json);
    }
}

/// That a value holds what is expected: members that are not expected do not count, items of lists all do.
#[track_caller]
fn assert_holds(value: &Value, expected: &Value, about: &str) {
    match (value, expected) {
        (_, Value::Null) => {}
        (Value::Object(members), Value::Object(expected)) => {
            for (name, expected) in expected {
                let member = members.get(name).unwrap_or_else(|| panic!("no `{name}`: {about}"));
                assert_holds(member, expected, about);
            }
        }
        (Value::Array(items), Value::Array(expected)) => {
            assert_eq!(items.len(), expected.len(), "{about}");
            items.iter().zip(expected).for_each(|(item, expected)| assert_holds(item, expected, about));
        }
        (value, expected) => assert_eq!(value, expected, "{about}"),
    }
}

/// A tenant with a client, an identity without settings and a plugin for AWS; what steps may know of them.
async fn given(api: &TestApi) -> BTreeMap<String, String> {
    api.tenant("acme").await;
    api.plugin(&aws()).await;
    let environments = "/v1/tenants/acme/environments";
    api.admin().post(environments, &json!({"slug": "dev", "displayName": "Development"})).await.expect(201);
    let client = Client::new(api, "client", "OWNER", json!({})).await;
    let bare = json!({"name": "bare", "role": "READER", "takesClientSecrets": false});
    let identity = api.admin().post("/v1/tenants/acme/identities", &bare).await.expect(201).text_at("/id");
    let project = api.admin().get("/v1/tenants/acme").await.expect(200).text_at("/uid");
    let given = [
        ("project", project),
        ("clientId", client.id),
        ("clientSecret", client.secret),
        ("identity", identity),
        ("awsSecret", RIGHT.to_owned()),
    ];
    given.map(|(name, value)| (name.to_owned(), value)).into()
}

async fn replay(text: &str) {
    let recording: Recording = serde_json::from_str(text).expect("it is a recording");
    assert!(recording.steps.len() > 3, "{} does something", recording.client);
    let api = TestApi::with_plugins(&FakePlugins::new()).await;
    let known = given(&api).await;
    let mut replay = Replay { api: &api, known, answers: BTreeMap::new() };
    for step in &recording.steps {
        replay.play(step).await;
    }
}

#[tokio::test]
async fn the_go_client_reads_renews_and_revokes() {
    replay(include_str!("recorded/go-client.json")).await;
}

#[tokio::test]
async fn external_secrets_fetches_and_pushes() {
    replay(include_str!("recorded/external-secrets.json")).await;
}

#[tokio::test]
async fn the_command_line_client_reads_sets_and_deletes() {
    replay(include_str!("recorded/command-line.json")).await;
}

#[tokio::test]
async fn terraform_applies_twice_without_a_difference() {
    replay(include_str!("recorded/terraform.json")).await;
}
