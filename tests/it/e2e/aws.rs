//! Parameter Store, against two emulators made by different people.

use keyferry_tests::program::{Host, assert_run};
use keyferry_tests::testbed::aws::{Emulator, REGION, allow};
use keyferry_tests::testbed::{AwsBed, AwsCredentials};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PROGRAM, below, count, secrets};

pub(super) const PLUGIN: &str = "aws-parameter-store";

pub(super) fn parameters(bed: &AwsBed) -> Value {
    json!({"region": REGION, "endpoint": bed.endpoint})
}

pub(super) fn auth(credentials: &AwsCredentials) -> Value {
    json!({"integrationAuthMetadataId": "access-key", "level": "APPLICATION", "parameters": {
        "accessKeyId": credentials.access_key_id, "secretAccessKey": credentials.secret_access_key}})
}

/// A path that no other test writes to.
pub(super) fn own_path() -> String {
    format!("/e2e-{}/", Uuid::new_v4().simple())
}

/// Everything below a path, without versions.
async fn found(bed: &AwsBed, path: &str) -> Vec<(String, String)> {
    bed.parameters(path).await.into_iter().map(|(name, value, _)| (name, value)).collect()
}

#[tokio::test]
async fn credentials_are_told_right_wrong_and_insufficient_on_both_emulators() {
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    for bed in AwsBed::both().await {
        let name = bed.emulator;
        let right = bed.user(&allow(&["ssm:*", "sts:*", "kms:*"], &["*"])).await;
        let answer = client.verify(PLUGIN, &parameters(bed), &auth(&right)).await;
        assert_eq!(answer["success"], true, "{name:?}: {answer:#}");
        assert!(answer["account"]["id"].as_str().is_some_and(|id| id.len() == 12), "{name:?}: {answer:#}");

        for wrong in [right.with_wrong_secret(), AwsCredentials::unknown()] {
            let answer = client.verify(PLUGIN, &parameters(bed), &auth(&wrong)).await;
            assert_eq!(answer["success"], false, "{name:?}: {answer:#}");
            assert_eq!(answer["code"], "credentials_rejected", "{name:?}: {answer:#}");
            assert!(answer["error"].as_str().is_some_and(|error| !error.contains(&wrong.secret_access_key)));
        }

        let path = own_path();
        let reads = ["ssm:GetParametersByPath", "ssm:GetParameters", "sts:GetCallerIdentity", "kms:*"];
        let reader = bed.user(&allow(&reads, &["*"])).await;
        let config = client.connect(PLUGIN, &parameters(bed), &auth(&reader)).await;
        let sync = format!("reader-{name:?}").to_lowercase();
        client.set(&format!("/{sync}"), &secrets(0..3)).await;
        client.sync(&sync, (PLUGIN, Some(&config)), &format!("/{sync}"), &json!({"path": path})).await;
        let run = client.run(&sync).await;
        assert_eq!(run["state"], "FAILED", "{name:?}: {run:#}");
        let error = &run["error"];
        assert_eq!(error["class"], "AUTHENTICATION", "{name:?}: {run:#}");
        assert!(error["detail"].as_str().is_some_and(|detail| detail.contains("ssm:PutParameter")), "{run:#}");
        assert_eq!(found(bed, &path).await, []);
    }
}

/// As many as a large application has, and more than one page, batch or call holds.
const SECRETS: usize = 1_000;

#[tokio::test]
async fn thousand_secrets_reach_ministack_and_only_changes_are_written() {
    let bed = AwsBed::ministack().await;
    assert_eq!(bed.emulator, Emulator::Ministack);
    life_of_a_sync(bed, SECRETS).await;
}

#[tokio::test]
async fn thousand_secrets_reach_moto_and_only_changes_are_written() {
    let bed = AwsBed::moto().await;
    assert_eq!(bed.emulator, Emulator::Moto);
    life_of_a_sync(bed, SECRETS).await;
}

async fn life_of_a_sync(bed: &AwsBed, total: usize) {
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let path = own_path();
    let foreign = (format!("{path}FOREIGN"), "not ours".to_owned());
    bed.put_parameter(&foreign.0, &foreign.1).await;
    let expect = |ours: &[(String, String)]| {
        let mut all = below(&path, ours);
        all.push(foreign.clone());
        all.sort();
        all
    };

    let user = bed.user(&allow(&["ssm:*", "sts:*", "kms:*"], &["*"])).await;
    let config = client.connect(PLUGIN, &parameters(bed), &auth(&user)).await;
    let mut ours = secrets(0..total);
    client.set("/app", &ours).await;
    client.sync("app", (PLUGIN, Some(&config)), "/app", &json!({"path": path})).await;
    let plan = client.post("/syncs/app:plan", &json!({})).await.expect(200).json;
    assert_eq!(count(&plan, "create"), total as u64);
    assert_eq!(plan["blocked"], Value::Null);

    assert_run(&client.run("app").await, "SUCCEEDED", total as u64);
    assert_eq!(found(bed, &path).await, expect(&ours));

    let again = client.run("app").await;
    assert_run(&again, "SUCCEEDED", 0);
    assert_eq!(count(&again, "unchanged"), total as u64);

    ours[7].1 = "changed".to_owned();
    client.set("/app", &ours[7..8]).await;
    assert_run(&client.run("app").await, "SUCCEEDED", 1);
    assert_eq!(found(bed, &path).await, expect(&ours));
    let versions = bed.parameters(&path).await;
    let rewritten: Vec<_> = versions.iter().filter(|(_, _, version)| *version != 1).collect();
    assert_eq!(rewritten, [&(format!("{path}{}", ours[7].0), "changed".to_owned(), 2)]);

    client.unset("/app", &ours[..1]).await;
    ours.remove(0);
    let run = client.run("app").await;
    assert_eq!((run["state"].as_str(), count(&run, "delete")), (Some("SUCCEEDED"), 1), "{run:#}");
    assert_eq!(found(bed, &path).await, expect(&ours));

    // More than a tenth of what is owned.
    let gone = ours.split_off(ours.len() - total / 5);
    client.unset("/app", &gone).await;
    let blocked = client.run("app").await;
    assert_run(&blocked, "BLOCKED", 0);
    assert_eq!(blocked["blocked"]["reasons"][0]["kind"], "MASS_DELETE", "{blocked:#}");
    let before = [ours.clone(), gone.clone()].concat();
    assert_eq!(found(bed, &path).await, expect(&before), "nothing is deleted unasked");

    let approved = client.approve("app", blocked["planHash"].as_str().expect("a blocked run has a plan")).await;
    assert_eq!(approved["state"], "SUCCEEDED", "{approved:#}");
    assert_eq!(count(&approved, "delete"), gone.len() as u64);
    assert_eq!(found(bed, &path).await, expect(&ours));

    client.remove_with_secrets("app").await;
    assert_eq!(found(bed, &path).await, [foreign]);
}
