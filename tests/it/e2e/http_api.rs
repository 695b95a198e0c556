//! Integration types that are added by one request each, on the plugin for HTTP APIs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use keyferry_tests::crm::{Crm, integration_at};
use keyferry_tests::fault_proxy::FaultProxy;
use keyferry_tests::program::{Client, Host, assert_run};
use serde_json::{Value, json};

use super::throttle::postponements;
use super::{PROGRAM, count, secrets};

pub(super) const PLUGIN: &str = "http";
pub(super) const INTEGRATION: &str = "custom_crm";

/// Items of a page.
const PAGE: usize = 2;

/// An API, and the integration that describes it.
pub(super) struct Case {
    pub(super) id: &'static str,
    /// What the API wants to see.
    door: (&'static str, String),
    /// `None`: as documented.
    method: Option<Value>,
    right: Value,
    pub(super) wrong: Value,
    /// What is said otherwise than documented of how the API lists.
    list: Value,
    /// What a listing of five or six items asks for.
    pages: &'static [&'static str],
}

impl Case {
    pub(super) async fn api(&self) -> Crm {
        let (header, value) = &self.door;
        Crm::behind((header, value), PAGE).await
    }

    pub(super) fn integration(&self, origin: &str) -> Value {
        let mut made = integration_at(origin, "");
        made["id"] = json!(self.id);
        if let Some(method) = &self.method {
            made["configMetadata"]["authMetadata"][0] = method.clone();
        }
        made["auth"]["parameters"] = self.right.clone();
        let list = made["pluginSettings"]["list"].as_object_mut().expect("the example lists");
        for (member, value) in self.list.as_object().expect("members") {
            if value.is_null() {
                list.remove(member);
            } else {
                list.insert(member.clone(), value.clone());
            }
        }
        made
    }
}

/// A method whose credential consists of these parameters, the last of which is secret.
fn method(scheme: &str, parameters: &[&str]) -> Value {
    let parameter = |name: &&str| json!({"name": name, "displayName": name, "secret": parameters.last() == Some(name), "required": true});
    json!({"id": "key", "displayName": scheme, "type": scheme, "configTestSupported": true,
        "parametersMetadata": parameters.iter().map(parameter).collect::<Vec<_>>()})
}

fn documented() -> Case {
    Case {
        id: INTEGRATION,
        door: ("x-api-key", "the right key".to_owned()),
        method: None,
        right: json!({"apiKey": "the right key"}),
        wrong: json!({"apiKey": "wrong"}),
        list: json!({}),
        pages: &["GET /v1/variables", "GET /v1/variables?cursor=2", "GET /v1/variables?cursor=4"],
    }
}

/// Takes a token, and pages by links.
pub(super) fn linked(token: &str) -> Case {
    Case {
        id: "custom_linked",
        door: ("authorization", format!("Bearer {token}")),
        method: Some(method("BEARER_TOKEN", &["token"])),
        right: json!({"token": token}),
        wrong: json!({"token": "wrong"}),
        list: json!({"url": "{{baseUrl}}/v1/variables", "next": null, "paging": {"type": "link"}}),
        ..documented()
    }
}

/// Takes user and password, and numbers its pages.
pub(super) fn numbered(password: &str) -> Case {
    Case {
        id: "custom_numbered",
        door: ("authorization", format!("Basic {}", STANDARD.encode(format!("änn:{password}")))),
        method: Some(method("BASIC_AUTH", &["username", "password"])),
        right: json!({"username": "änn", "password": password}),
        wrong: json!({"username": "änn", "password": "wrong"}),
        list: json!({"url": "{{baseUrl}}/v1/variables?page={{page}}", "next": null,
            "paging": {"type": "page", "size": PAGE}}),
        // The third one is full, so only an empty one tells the end.
        pages: &[
            "GET /v1/variables?page=1",
            "GET /v1/variables?page=2",
            "GET /v1/variables?page=3",
            "GET /v1/variables?page=4",
        ],
    }
}

#[tokio::test]
async fn described_integrations_sync_to_apis_that_page_and_let_in_in_their_own_ways() {
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    for case in [documented(), linked("the-right-token"), numbered("the right: password")] {
        let crm = case.api().await;
        life_of_an_integration(host.client(), &crm, &case).await;
    }
}

async fn life_of_an_integration(client: &Client, crm: &Crm, case: &Case) {
    let id = case.id;
    let made = client.post("/integrations", &case.integration(&crm.origin)).await.expect(201);
    assert_eq!((&made.json["type"], &made.json["hasAuth"]), (&json!("CUSTOM"), &json!(true)), "{}", made.text);

    let stored = client.post(&format!("/integrations/{id}:verifyConfig"), &json!({})).await.expect(200);
    assert_eq!(stored.json["success"], true, "{}", stored.text);
    assert_eq!(stored.json["account"]["id"], "crm-1");
    assert_eq!(stored.json["account"]["displayName"], "Ann's CRM");
    let wrong = json!({"integrationAuthMetadataId": "key", "level": "APPLICATION", "parameters": case.wrong});
    let rejected = client.verify(id, &json!({"baseUrl": crm.origin}), &wrong).await;
    assert_eq!(
        (&rejected["success"], &rejected["code"]),
        (&json!(false), &json!("credentials_rejected")),
        "{rejected:#}"
    );

    crm.insert("FOREIGN", "not ours");
    let (folder, mut ours) = (format!("/{id}"), secrets(0..5));
    client.set(&folder, &ours).await;
    client.sync(id, (id, None), &folder, &json!({})).await;
    assert_run(&client.run(id).await, "SUCCEEDED", 5);
    let expect = |ours: &[(String, String)]| -> BTreeMap<String, String> {
        let foreign = ("FOREIGN".to_owned(), "not ours".to_owned());
        ours.iter().cloned().chain([foreign]).collect()
    };
    assert_eq!(crm.variables(), expect(&ours));

    let _ = crm.take_requests();
    let again = client.run(id).await;
    assert_run(&again, "SUCCEEDED", 0);
    assert_eq!(count(&again, "unchanged"), 5);
    assert_eq!(crm.take_requests(), case.pages);

    ours[2].1 = "changed".to_owned();
    client.set(&folder, &ours[2..3]).await;
    let gone = ours.split_off(4);
    client.unset(&folder, &gone).await;
    assert_run(&client.run(id).await, "SUCCEEDED", 2);
    assert_eq!(crm.variables(), expect(&ours));
    let writes: Vec<_> = crm.take_requests().into_iter().filter(|request| !request.starts_with("GET ")).collect();
    assert_eq!(writes, ["PUT /v1/variables/KEY_0002", "DELETE /v1/variables/KEY_0004"]);

    client.remove_with_secrets(id).await;
    assert_eq!(crm.variables(), expect(&[]));
    client.call(Method::DELETE, &format!("/integrations/{id}"), None).await.expect(204);
    client.get(&format!("/integrations/{id}")).await.expect(404);
}

/// The documented integration, for an API that has all items in one document.
fn document_integration(origin: &str, api_key: &str) -> Value {
    let mut made = integration_at(origin, api_key);
    made["pluginSettings"] = json!({
        "verify": {"url": "{{baseUrl}}/v1/me"},
        "replace": {"url": "{{baseUrl}}/v1/document", "at": "/env"},
        "sync": {"document": true},
    });
    made
}

/// A document with these items, and what is not ours in it.
fn document(ours: &[(String, String)], theirs: &str) -> Value {
    let mut env: BTreeMap<_, _> = ours.iter().cloned().collect();
    env.insert("FOREIGN".to_owned(), theirs.to_owned());
    json!({"env": env, "owner": {"name": "ann", "plan": 7}})
}

#[tokio::test]
async fn document_is_replaced_whole_and_keeps_what_is_not_ours() {
    let crm = Crm::start("the right key").await;
    let proxy = FaultProxy::before(&crm.origin).await;
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let made = document_integration(&proxy.origin, "the right key");
    client.post("/integrations", &made).await.expect(201);
    crm.document.write(document(&[], "first"));
    let mut ours = secrets(0..5);
    client.set("/app", &ours).await;
    client.sync("app", (INTEGRATION, None), "/app", &json!({})).await;
    // The document is read again right before it is written.
    assert_run(&client.run("app").await, "SUCCEEDED", 2);
    assert_eq!(crm.document.read(), document(&ours, "first"));
    let again = client.run("app").await;
    assert_run(&again, "SUCCEEDED", 0);
    assert_eq!(count(&again, "unchanged"), 5);

    // One write changes, deletes and adds.
    ours[2].1 = "changed".to_owned();
    let gone = ours.split_off(4);
    ours.extend(secrets(5..6));
    client.set("/app", &ours).await;
    client.unset("/app", &gone).await;
    // Somebody else writes the document in between: that is neither lost nor undone.
    let (theirs, others) = (crm.document.clone(), document(&secrets(0..5), "second"));
    proxy.precede("PUT /v1/document", async move { theirs.write(others) });
    let run = client.run("app").await;
    assert_run(&run, "SUCCEEDED", 4);
    let put_off = postponements(client, "app", &run).await;
    assert_eq!(put_off.len(), 1, "{put_off:?}");
    assert_eq!(put_off[0]["error"]["vendorStatus"], 412, "{put_off:?}");
    assert_eq!(crm.document.read(), document(&ours, "second"));
    let counted = ["create", "update", "delete"].map(|heading| count(&run, heading));
    assert_eq!(counted, [1, 1, 1], "{run:#}");

    client.remove_with_secrets("app").await;
    assert_eq!(crm.document.read(), document(&[], "second"));
}
