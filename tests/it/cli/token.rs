//! Tokens for machine identities, and what administrators make.

use keyferry_tests::fake_plugins::FakePlugins;
use keyferry_tests::program::Host;
use keyferry_tests::served::Served;
use keyferry_tests::shell::Shell;
use serde_json::json;

use super::PROGRAM;

/// An identity with a client secret in `client-secret`, and its id in `$ID`.
async fn identity(shell: &mut Shell, served: &Served) {
    let made = served.api.admin().post("/v1/tenants/acme/identities", &json!({"name": "ci", "role": "OWNER"})).await;
    let id = made.expect(201).text_at("/id");
    let secrets = format!("/v1/tenants/acme/identities/{id}/clientSecrets");
    let secret = served.api.admin().post(&secrets, &json!({"name": "test"})).await.expect(201).text_at("/clientSecret");
    shell.write("client-secret", &format!("{secret}\n"));
    shell.set("ID", &id);
}

#[tokio::test]
async fn token_is_exchanged_and_lets_in() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    identity(&mut shell, &served).await;
    shell.unset("KEYFERRY_TOKEN");
    for line in [
        "keyferry token --client-id $ID --client-secret-file client-secret",
        "keyferry token --client-id $ID --json < client-secret",
        "KEYFERRY_TOKEN=$(keyferry token --client-id $ID < client-secret) keyferry environment list",
    ] {
        shell.run(line).await.expect(0);
    }
    shell.run("echo wrong | keyferry token --client-id $ID").await.expect(3);
    shell.run("keyferry token --client-id $ID --client-secret-file absent").await.expect(2);
    insta::assert_snapshot!("token", shell.transcript());
}

#[tokio::test]
async fn administrator_gets_another_token_from_the_data_and_the_root_key() {
    let mut host = Host::serve(PROGRAM).await;
    let data = host.data().display().to_string();
    let mut shell = Shell::new(PROGRAM);
    shell.filter(&format!("{}|\\$DATA", regex::escape(&data)), "[data]");
    shell.set("DATA", &data);
    shell.run("keyferry token --administrator --data-dir $DATA").await.expect(5);
    host.stop().await;
    shell.run("keyferry token --administrator --data-dir $DATA").await.expect(2);
    shell.set("XDG_CONFIG_HOME", &host.data().with_file_name("config").display().to_string());
    let token = shell.run("keyferry token --administrator --data-dir $DATA").await.expect(0).stdout;
    shell.run("keyferry token --administrator --data-dir $DATA --json").await.expect(0);
    shell.run("keyferry token --administrator --data-dir $DATA --client-secret-file x").await.expect(2);
    shell.run("keyferry token --data-dir $DATA").await.expect(2);
    host.start().await;
    shell.connect(host.client().url(), token.trim_end(), "dev");
    shell.run("keyferry tenant list").await.expect(0);
    insta::assert_snapshot!("administrator", shell.transcript());
}

#[tokio::test]
async fn tenants_and_environments_are_made_and_listed() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    for line in [
        "keyferry tenant create other --display-name Other",
        "keyferry tenant create other",
        "keyferry tenant create 'not a name'",
        "keyferry tenant list",
        "keyferry tenant list --json",
        "keyferry environment create prod --display-name Production --json",
        "keyferry environment create staging",
        "keyferry environment list",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("tenants", shell.transcript());
}
