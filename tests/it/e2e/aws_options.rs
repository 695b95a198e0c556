//! What a sync to Parameter Store can ask beside the values, and a connection that takes on a role, on two emulators.

use std::collections::BTreeMap;

use http::Method;
use keyferry_tests::program::{Client, Host, assert_run};
use keyferry_tests::testbed::aws::{Emulator, allow};
use keyferry_tests::testbed::{AwsBed, AwsCredentials};
use serde_json::{Value, json};

use super::aws::{PLUGIN, auth, own_path, parameters};
use super::{PROGRAM, below, count, secrets};

const KEYS: usize = 3;

/// Names of syncs and folders, one per emulator.
fn name_of(bed: &AwsBed) -> String {
    format!("{:?}", bed.emulator).to_lowercase()
}

/// Every parameter has this tier and key, and these tags and no others.
async fn assert_options(bed: &AwsBed, names: &[(String, String)], (tier, key): (&str, &str), tags: &Value) {
    let tags: BTreeMap<String, String> = serde_json::from_value(tags.clone()).expect("an object of texts");
    for (name, _) in names {
        let (described, found) = bed.described(name).await;
        assert_eq!((&described["Tier"], &described["KeyId"]), (&json!(tier), &json!(key)), "{name}: {described:#}");
        assert_eq!(found, tags, "{name}");
    }
}

#[tokio::test]
async fn tier_key_and_tags_reach_parameters_and_change_with_the_sync() {
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    for bed in AwsBed::both().await {
        life_of_options(host.client(), bed).await;
    }
}

async fn life_of_options(client: &Client, bed: &AwsBed) {
    let (name, path, key) = (name_of(bed), own_path(), bed.key().await);
    let folder = format!("/{name}");
    let user = bed.user(&allow(&["ssm:*", "sts:*", "kms:*"], &["*"])).await;
    let config = client.connect(PLUGIN, &parameters(bed), &auth(&user)).await;
    let mut ours = secrets(0..KEYS);
    // More than the standard tier holds.
    ours[0].1 = "x".repeat(5_000);
    client.set(&folder, &ours).await;

    let destination = |tier: &str, tags: &Value| json!({"path": path, "kmsKeyId": key, "tier": tier, "tags": tags});
    let first = json!({"team": "web", "stage": "dev"});
    client.sync(&name, (PLUGIN, Some(&config)), &folder, &destination("Standard", &first)).await;
    let run = client.run(&name).await;
    assert_eq!((run["state"].as_str(), count(&run, "create")), (Some("PARTIAL"), KEYS as u64), "{run:#}");
    let names = below(&path, &ours);
    assert_options(bed, &names[1..], ("Standard", &key), &first).await;

    // Tags go by difference: one stays, one changes, one goes, one comes.
    let second = json!({"team": "web", "stage": "test", "cost": "17"});
    let sync = format!("/syncs/{name}");
    let change = json!({"destination": destination("Advanced", &second)});
    client.call(Method::PATCH, &sync, Some(&change)).await.expect(200);
    let run = client.run(&name).await;
    assert_eq!(run["state"], "SUCCEEDED", "{run:#}");
    assert_eq!((count(&run, "create"), count(&run, "update")), (1, KEYS as u64 - 1), "{run:#}");
    assert_options(bed, &names, ("Advanced", &key), &second).await;
    let again = client.run(&name).await;
    assert_run(&again, "SUCCEEDED", 0);
    assert_eq!(count(&again, "unchanged"), KEYS as u64);

    let other = bed.key().await;
    let third = json!({"path": path, "kmsKeyId": other, "tier": "Advanced", "tags": {"cost": "17"}});
    client.call(Method::PATCH, &sync, Some(&json!({"destination": third}))).await.expect(200);
    let run = client.run(&name).await;
    assert_eq!((run["state"].as_str(), count(&run, "update")), (Some("SUCCEEDED"), KEYS as u64), "{run:#}");
    assert_options(bed, &names, ("Advanced", &other), &json!({"cost": "17"})).await;
    let found: Vec<_> = bed.parameters(&path).await.into_iter().map(|(name, value, _)| (name, value)).collect();
    assert_eq!(found, names, "the values are what they were");
}

fn role_auth(credentials: &AwsCredentials, role: &str) -> Value {
    json!({"integrationAuthMetadataId": "assume-role", "level": "APPLICATION", "parameters": {
        "accessKeyId": credentials.access_key_id, "secretAccessKey": credentials.secret_access_key, "roleArn": role}})
}

#[tokio::test]
async fn role_is_taken_on_with_the_tenants_external_id_and_writes_what_the_user_may_not() {
    let host = Host::dev(PROGRAM, &[PLUGIN]).await;
    let client = host.client();
    let external_id = client.get("/v1/tenants/dev").await.expect(200).text_at("/uid");
    for bed in AwsBed::both().await {
        let (name, path) = (name_of(bed), own_path());
        let ours = secrets(0..KEYS);
        client.set(&format!("/{name}"), &ours).await;
        let everything = allow(&["ssm:*", "sts:*", "kms:*"], &["*"]);
        let role = bed.role(&everything, &external_id).await;
        let user = bed.user(&allow(&["sts:AssumeRole", "sts:GetCallerIdentity"], &["*"])).await;

        let taken = client.verify(PLUGIN, &parameters(bed), &role_auth(&user, &role)).await;
        assert_eq!(taken["success"], true, "{name}: {taken:#}");
        let shown = taken["account"]["displayName"].as_str().unwrap_or_default();
        assert!(shown.contains("assumed-role/"), "{name}: {taken:#}");
        let mut refused = vec![role_auth(&user.with_wrong_secret(), &role)];
        // moto lets anybody take on any role.
        if bed.emulator == Emulator::Ministack {
            refused.push(role_auth(&user, &bed.role(&everything, "another word").await));
        }
        for auth in refused {
            let refused = client.verify(PLUGIN, &parameters(bed), &auth).await;
            let told = (&refused["success"], &refused["code"]);
            assert_eq!(told, (&json!(false), &json!("credentials_rejected")), "{name}: {refused:#}");
        }

        for (auth, state, expected) in
            [(auth(&user), "FAILED", Vec::new()), (role_auth(&user, &role), "SUCCEEDED", below(&path, &ours))]
        {
            let config = client.connect(PLUGIN, &parameters(bed), &auth).await;
            let sync = format!("{name}-{}", state.to_lowercase());
            client.sync(&sync, (PLUGIN, Some(&config)), &format!("/{name}"), &json!({"path": path})).await;
            let run = client.run(&sync).await;
            assert_eq!(run["state"], state, "{name}: {run:#}");
            let found = bed.parameters(&path).await.into_iter().map(|(name, value, _)| (name, value));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
