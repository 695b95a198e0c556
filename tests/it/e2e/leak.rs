//! Where secrets must not turn up, whatever happens: logs at their most talkative, metrics, answers, and files.

use std::fs;
use std::path::Path;

use data_encoding::{BASE64, BASE64URL};
use http::Method;
use keyferry_tests::canary::{Canary, Scan};
use keyferry_tests::crm::{Crm, REFUSED};
use keyferry_tests::program::{Client, Host};
use keyferry_tests::testbed::aws::allow;
use keyferry_tests::testbed::{AwsBed, Consul};
use serde_json::{Value, json};

use super::{PROGRAM, aws, consul, http_api};

/// What the host is given to keep, or refuses.
struct Canaries {
    stored: Canary,
    replaced: Canary,
    api_key: Canary,
    wrong_key: Canary,
    refused: Canary,
    bearer: Canary,
    password: Canary,
    aws_key: Canary,
    consul_token: Canary,
}

impl Canaries {
    fn new(aws_key: &str, consul_token: &str) -> Self {
        Self {
            stored: Canary::new("a secret's value"),
            replaced: Canary::new("a secret's earlier value"),
            api_key: Canary::plain("a vendor's API key"),
            wrong_key: Canary::plain("a credential that is not right"),
            refused: Canary::new("a value in a request that is refused"),
            bearer: Canary::plain("a bearer token"),
            password: Canary::plain("a password"),
            aws_key: Canary::of("a secret access key", aws_key),
            consul_token: Canary::of("a token of Consul", consul_token),
        }
    }

    fn all(&self) -> Vec<Canary> {
        let Self { stored, replaced, api_key, wrong_key, refused, bearer, password, aws_key, consul_token } = self;
        [stored, replaced, api_key, wrong_key, refused, bearer, password, aws_key, consul_token]
            .map(Clone::clone)
            .to_vec()
    }
}

/// Makes credentials of the host itself and uses each rightly and wrongly. Answers what was made, with the request whose answer
/// shows it, which is the only one.
async fn be_let_in(client: &Client) -> Vec<(String, Canary)> {
    let tenant = "/v1/tenants/dev";
    let identities = format!("{tenant}/identities");
    let id = client.post(&identities, &json!({"name": "ci", "role": "MANAGER"})).await.expect(201).text_at("/id");
    let secrets = format!("{identities}/{id}/clientSecrets");
    let client_secret = client.post(&secrets, &json!({"name": "one"})).await.expect(201).text_at("/clientSecret");
    let login = |id: &str, secret: &str| json!({"clientId": id, "clientSecret": secret});
    let wrong = format!("x{client_secret}");
    for (id, secret, status) in [("nobody", &client_secret, 401), (id.as_str(), &wrong, 401)] {
        client.post("/v1/auth:token", &login(id, secret)).await.expect(status);
    }
    let issued = client.post("/v1/auth:token", &login(&id, &client_secret)).await.expect(200);
    let keys = format!("{tenant}/apiKeys");
    let key = client.post(&keys, &json!({"name": "pipeline"})).await.expect(201).text_at("/key");
    for (key, status) in [(key.clone(), 200), (format!("{key}0"), 401)] {
        let health = reqwest::Client::new().get(format!("{}{tenant}/auth/health", client.url()));
        let health = health.header("x-api-key", &key).send().await.expect("the host answers");
        assert_eq!(health.status(), status);
        let text = health.text().await.expect("the host answers");
        assert!(!text.contains(&key), "the host tells a caller its key");
    }
    for path in [&identities, &secrets, &keys] {
        client.get(path).await.expect(200);
    }
    // What stands before it is told, since it names the key, and a checksum comes after it.
    let secret_part = |key: &str| key.split('_').nth(3).expect("a key has five parts").to_owned();
    vec![
        (format!("POST {secrets}"), Canary::of("a client secret", &secret_part(&client_secret))),
        ("POST /v1/auth:token".to_owned(), Canary::of("an access token", &issued.text_at("/accessToken"))),
        (format!("POST {keys}"), Canary::of("an API key", &secret_part(&key))),
    ]
}

/// A secret that vendors take, and one that they refuse.
fn kept_and_refused(canary: &Canary) -> [(String, String); 2] {
    ["KEPT", REFUSED].map(|name| (name.to_owned(), canary.value.clone()))
}

/// Requests that are refused, each with the canary in another place.
async fn be_refused(client: &Client, canary: &str) {
    let secret = "/v1/tenants/dev/environments/dev/secrets/app/REFUSED_INPUT";
    let integration = "/v1/tenants/dev/integrations/custom_crm";
    let requests = [
        (Method::PUT, secret, json!({"value": canary, "unknown": canary})),
        (Method::PUT, secret, json!({"value": [canary]})),
        (Method::PUT, secret, json!({"value": canary.repeat(8_192)})),
        (Method::PUT, secret, json!(canary)),
        (Method::PUT, "/v1/tenants/absent/environments/dev/secrets/A", json!({"value": canary})),
        (Method::POST, "/v1/tenants/dev/environments/dev/secrets:batch", json!({"set": [{"value": canary}]})),
        (
            Method::PUT,
            integration,
            json!({"auth": {"integrationAuthMetadataId": "key", "parameters": {"apiKez": canary}}}),
        ),
        (
            Method::PUT,
            integration,
            json!({"auth": {"integrationAuthMetadataId": "key", "parameters": {"apiKey": [canary]}}}),
        ),
        (Method::PUT, integration, json!({"parameters": {"baseUrl": canary}})),
    ];
    for (method, path, body) in requests {
        let answer = client.call(method.clone(), path, Some(&body)).await;
        assert!(answer.status.is_client_error(), "{method} {path}: {}", answer.status);
    }
}

/// APIs that want other credentials get the secrets with the right one, and refuse a wrong one.
async fn sync_with_other_credentials(client: &Client, canaries: &Canaries) {
    for case in [http_api::linked(&canaries.bearer.value), http_api::numbered(&canaries.password.value)] {
        let crm = case.api().await;
        let id = case.id;
        client.post("/integrations", &case.integration(&crm.origin)).await.expect(201);
        client.sync(id, (id, None), "/app", &json!({})).await;
        let run = client.run(id).await;
        assert_eq!(run["state"], "PARTIAL", "the vendor refuses one key: {run:#}");
        assert_eq!(crm.variables().get("KEPT"), Some(&canaries.stored.value));
        let mut wrong = case.wrong.clone();
        let secret = if wrong["token"].is_null() { "password" } else { "token" };
        wrong[secret] = json!(canaries.wrong_key.value);
        let wrong = json!({"auth": {"integrationAuthMetadataId": "key", "parameters": wrong}});
        client.call(Method::PUT, &format!("/integrations/{id}"), Some(&wrong)).await.expect(200);
        let run = client.run(id).await;
        assert_eq!(run["error"]["class"], "AUTHENTICATION", "{run:#}");
        let rejected = client.post(&format!("/integrations/{id}:verifyConfig"), &json!({})).await.expect(200);
        assert_eq!(rejected.json["success"], false, "{}", rejected.text);
        client.get(&format!("/integrations/{id}")).await.expect(200);
    }
}

/// Consul gets the secrets, and refuses those that the token may not write.
async fn sync_to_consul(client: &Client, consul: &Consul, token: &str) {
    let config = client.connect(consul::PLUGIN, &json!({"address": consul.endpoint}), &consul::auth(token)).await;
    for (path, state) in [("e2e/leak/", "SUCCEEDED"), ("e2e/leak-denied/", "FAILED")] {
        let id = format!("consul-{}", state.to_lowercase());
        client.sync(&id, (consul::PLUGIN, Some(&config)), "/app", &json!({"path": path})).await;
        let run = client.run(&id).await;
        assert_eq!(run["state"], state, "{run:#}");
    }
    client.get(&format!("/integrations/{}/configs/{config}", consul::PLUGIN)).await.expect(200);
}

/// Sets secrets, syncs them to both places, and has everything fail that can.
async fn live(client: &Client, crm: &Crm, aws: (&AwsBed, &Value), canaries: &Canaries) {
    let made = crm.integration(&canaries.api_key.value);
    client.post("/integrations", &made).await.expect(201);
    client.post("/integrations/custom_crm:verifyConfig", &json!({})).await.expect(200);
    let wrong = json!({"integrationAuthMetadataId": "key", "parameters": {"apiKey": canaries.wrong_key.value}});
    let rejected = client.verify(http_api::INTEGRATION, &json!({"baseUrl": crm.origin}), &wrong).await;
    assert_eq!(rejected["success"], false, "{rejected:#}");

    client.set("/app", &kept_and_refused(&canaries.replaced)).await;
    client.set("/app", &kept_and_refused(&canaries.stored)).await;
    client.sync("crm", (http_api::INTEGRATION, None), "/app", &json!({})).await;
    let run = client.run("crm").await;
    assert_eq!(run["state"], "PARTIAL", "the vendor refuses one key: {run:#}");
    assert_eq!(crm.variables().get("KEPT"), Some(&canaries.stored.value));

    let (bed, auth) = aws;
    let config = client.connect(aws::PLUGIN, &aws::parameters(bed), auth).await;
    client.sync("ssm", (aws::PLUGIN, Some(&config)), "/app", &json!({"path": aws::own_path()})).await;
    let run = client.run("ssm").await;
    assert_eq!(run["state"], "SUCCEEDED", "{run:#}");

    let wrong =
        json!({"auth": {"integrationAuthMetadataId": "key", "parameters": {"apiKey": canaries.wrong_key.value}}});
    client.call(Method::PUT, "/integrations/custom_crm", Some(&wrong)).await.expect(200);
    client.set("/app", &[("KEPT".to_owned(), canaries.refused.value.clone())]).await;
    let run = client.run("crm").await;
    assert_eq!(run["error"]["class"], "AUTHENTICATION", "{run:#}");
    be_refused(client, &canaries.refused.value).await;
    for path in
        ["/syncs", "/syncs/crm/runs", "/integrations", "/integrations/custom_crm", "/auditEvents", "/v1/plugins"]
    {
        client.get(path).await;
    }
    client.get(&format!("/integrations/{}/configs/{config}", aws::PLUGIN)).await.expect(200);
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries =
        fs::read_dir(folder).expect("the data directory is there").map(|entry| entry.expect("it can be listed").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn secrets_turn_up_nowhere() {
    let bed = AwsBed::ministack().await;
    let user = bed.user(&allow(&["ssm:*", "sts:*", "kms:*"], &["*"])).await;
    let consul = Consul::shared().await;
    let rules = "key_prefix \"e2e/leak/\" { policy = \"write\" } key_prefix \"e2e/leak-denied/\" { policy = \"read\" }";
    let consul_token = consul.token(rules).await;
    let canaries = Canaries::new(&user.secret_access_key, &consul_token);
    let crm = Crm::start(&canaries.api_key.value).await;
    let trace = vec![("KEYFERRY__TELEMETRY__LOG", "trace".to_owned())];
    let mut host = Host::dev_with(PROGRAM, &[http_api::PLUGIN, aws::PLUGIN, consul::PLUGIN], trace).await;
    let client = host.client();
    let shown = be_let_in(client).await;
    client.set("/app", &kept_and_refused(&canaries.stored)).await;
    sync_with_other_credentials(client, &canaries).await;
    sync_to_consul(client, consul, &consul_token).await;
    live(client, &crm, (bed, &aws::auth(&user)), &canaries).await;

    let own = shown.iter().map(|(_, canary)| canary.clone());
    let scan = Scan::new(&[canaries.all(), own.collect()].concat());
    let metrics = host.client().metrics().await.expect(200);
    assert!(metrics.text.contains("keyferry_"), "{}", metrics.text);
    let mut showings = 0;
    for exchange in host.exchanges() {
        let found = scan.found_in(exchange.answer.as_bytes());
        let is_shown = |(request, canary): &&(String, Canary)| *request == exchange.request && found == [canary.name];
        if shown.iter().any(|shown| is_shown(&shown)) {
            showings += 1;
        } else {
            assert_eq!(found, Vec::<&str>::new(), "{}", exchange.request);
        }
    }
    assert_eq!(showings, shown.len(), "each is shown by the request that makes it");
    let revealed = host.client().get("/environments/dev/secrets/app/REFUSED?view=value").await.expect(200);
    assert_eq!(scan.found_in(revealed.text.as_bytes()), [canaries.stored.name], "the scan finds what is there");

    let token = Canary::of("the token", host.client().token());
    host.kill();
    let log = host.log();
    assert!(log.contains("TRACE") && log.len() > 10_000, "the log is talkative: {} bytes", log.len());
    scan.assert_none("the log", log.as_bytes());
    Scan::new(&[token]).assert_none("the log", log.as_bytes());
    for file in files(&host.data()) {
        scan.assert_none(&file.display().to_string(), &fs::read(&file).unwrap());
    }
}

#[test]
fn each_spelling_is_found_amid_other_text() {
    for canary in [Canary::new("value"), Canary::plain("key"), Canary::of("other", "kX/2+9sLqW0aV7bN1cZ8dM4e")] {
        let scan = Scan::new(std::slice::from_ref(&canary));
        let percent: String = canary.value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut leaks = vec![
            serde_json::json!({"a": canary.value}).to_string(),
            data_encoding::HEXLOWER.encode(canary.value.as_bytes()),
            format!("Some({:?})", canary.value),
            format!("x{percent}y"),
        ];
        for offset in 0..3 {
            let text = format!("{}{}user:{}", "abc".repeat(5), "z".repeat(offset), canary.value);
            leaks.extend([BASE64.encode(text.as_bytes()), BASE64URL.encode(text.as_bytes())]);
        }
        for leak in leaks {
            assert_eq!(scan.found_in(leak.as_bytes()), [canary.name], "{leak}");
        }
        assert!(scan.found_in(Canary::new("another").value.as_bytes()).is_empty());
    }
}
