//! Where secrets must not turn up, whatever happens: logs at their most talkative, metrics, answers, and files.

use std::fs;
use std::path::Path;

use data_encoding::{BASE64, BASE64URL};
use http::Method;
use keyferry_tests::canary::{Canary, Scan};
use keyferry_tests::crm::{Crm, REFUSED};
use keyferry_tests::program::{Client, Host};
use keyferry_tests::testbed::AwsBed;
use keyferry_tests::testbed::aws::allow;
use serde_json::{Value, json};

use super::{PROGRAM, aws, http_api};

/// What the host is given to keep, or refuses.
struct Canaries {
    stored: Canary,
    replaced: Canary,
    api_key: Canary,
    wrong_key: Canary,
    refused: Canary,
    aws_key: Canary,
}

impl Canaries {
    fn new(aws_key: &str) -> Self {
        Self {
            stored: Canary::new("a secret's value"),
            replaced: Canary::new("a secret's earlier value"),
            api_key: Canary::plain("an API key"),
            wrong_key: Canary::plain("an API key that is not right"),
            refused: Canary::new("a value in a request that is refused"),
            aws_key: Canary::of("a secret access key", aws_key),
        }
    }

    fn all(&self) -> Vec<Canary> {
        let Self { stored, replaced, api_key, wrong_key, refused, aws_key } = self;
        [stored, replaced, api_key, wrong_key, refused, aws_key].map(Clone::clone).to_vec()
    }
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

/// Sets secrets, syncs them to both places, and has everything fail that can.
async fn live(client: &Client, crm: &Crm, aws: (&AwsBed, &Value), canaries: &Canaries) {
    let made = crm.integration(&canaries.api_key.value);
    client.post("/integrations", &made).await.expect(201);
    client.post("/integrations/custom_crm:verifyConfig", &json!({})).await.expect(200);
    let wrong = json!({"integrationAuthMetadataId": "key", "parameters": {"apiKey": canaries.wrong_key.value}});
    let rejected = client.verify(http_api::INTEGRATION, &json!({"baseUrl": crm.origin}), &wrong).await;
    assert_eq!(rejected["success"], false, "{rejected:#}");

    let pairs = |canary: &Canary| [("KEPT", canary), (REFUSED, canary)].map(|(k, c)| (k.to_owned(), c.value.clone()));
    client.set("/app", &pairs(&canaries.replaced)).await;
    client.set("/app", &pairs(&canaries.stored)).await;
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
    let canaries = Canaries::new(&user.secret_access_key);
    let crm = Crm::start(&canaries.api_key.value).await;
    let trace = vec![("KEYFERRY__TELEMETRY__LOG", "trace".to_owned())];
    let mut host = Host::dev_with(PROGRAM, &[http_api::PLUGIN, aws::PLUGIN], trace).await;
    live(host.client(), &crm, (bed, &aws::auth(&user)), &canaries).await;

    let scan = Scan::new(&canaries.all());
    let metrics = host.client().metrics().await.expect(200);
    assert!(metrics.text.contains("keyferry_"), "{}", metrics.text);
    for exchange in host.exchanges() {
        scan.assert_none(&exchange.request, exchange.answer.as_bytes());
    }
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
