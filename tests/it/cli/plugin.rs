//! Plugins: started, inspected, compared with what is installed, installed.

use std::fs;

use keyferry_tests::fake_plugins::{FakePlugins, http};
use keyferry_tests::guests;
use keyferry_tests::served::Served;
use keyferry_tests::shell::Shell;
use serde_json::{Value, json};

use super::PROGRAM;

#[tokio::test]
async fn projects_are_started_where_they_fit() {
    let mut shell = Shell::new(PROGRAM);
    shell.filter("path = \".*/sdk\"", "path = \"[sdk]\"");
    fs::create_dir(shell.folder().join("plugins")).unwrap();
    for line in [
        "keyferry plugin new acme-vault",
        "cat acme-vault/Cargo.toml",
        "keyferry plugin new acme-vault",
        "keyferry plugin new other --path plugins --json",
        "keyferry plugin new 'Not a name'",
        "keyferry plugin build absent",
        "mkdir empty && printf '[package]\\nname = \"empty\"\\n' > empty/Cargo.toml && keyferry plugin build empty",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("projects", shell.transcript());
}

/// Metadata of a plugin that verifies credentials and no more.
fn metadata() -> Value {
    json!({
        "id": "acme", "version": "1.1.0", "displayName": "Acme", "description": "Variables of Acme.", "tags": ["acme"],
        "configMetadata": {
            "parametersMetadata": [{"name": "region", "typeName": "label", "required": true}, {"name": "team"}],
            "authMetadata": [{"id": "key", "type": "API_KEY",
                "parametersMetadata": [{"name": "apiKey", "secret": true, "required": true}]}]},
        "egress": [{"id": "api", "host": "{region}.acme.example", "methods": ["GET", "PUT"]}]})
}

#[tokio::test]
async fn component_is_inspected_without_a_server() {
    let mut shell = Shell::new(PROGRAM);
    let write = |name: &str, bytes: Vec<u8>| fs::write(shell.folder().join(name), bytes).unwrap();
    write("acme.wasm", guests::describing(&metadata()));
    write("wrong.wasm", guests::describing(&json!({"id": "acme", "version": "1", "sync": {}})));
    write("denied.wasm", guests::component("imports_unknown_interfaces"));
    write("core.wasm", b"\0asm\x01\0\0\0".to_vec());
    for (line, code) in [
        ("keyferry plugin inspect acme.wasm", 0),
        ("keyferry plugin inspect acme.wasm --json", 0),
        ("keyferry plugin inspect acme.wasm --url http://127.0.0.1:1 --token t | head -n 1", 0),
        ("keyferry plugin inspect wrong.wasm", 2),
        ("keyferry plugin inspect denied.wasm", 2),
        ("keyferry plugin inspect core.wasm --json", 2),
        ("keyferry plugin inspect absent.wasm", 2),
    ] {
        shell.run(line).await.expect(code);
    }
    insta::assert_snapshot!("inspected", shell.transcript());
}

#[tokio::test]
async fn component_is_compared_with_the_installed_version() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    fs::write(shell.folder().join("acme.wasm"), guests::describing(&metadata())).unwrap();
    shell.run("keyferry plugin inspect acme.wasm").await.expect(0);

    let mut earlier = metadata();
    earlier["version"] = json!("1.0.0");
    earlier["tags"] = json!(["acme", "beta"]);
    earlier["configMetadata"]["parametersMetadata"] = json!([{"name": "region", "typeName": "label"}]);
    earlier["egress"] = json!([
        {"id": "api", "host": "{region}.acme.example", "methods": ["GET"]},
        {"id": "old", "host": "old.acme.example", "methods": ["GET"]}]);
    served.api.plugin(&earlier).await;
    shell.run("keyferry plugin inspect acme.wasm").await.expect(0);
    let shown = shell.quietly("keyferry plugin inspect acme.wasm --json").await.expect(0).json();
    assert_eq!(shown["comparison"]["installed"]["version"], "1.0.0");
    assert_eq!(shown["comparison"]["needsReview"], true);
    assert_eq!(shown["comparison"]["hosts"], json!({"added": [], "removed": ["old.acme.example"]}));

    let (_, reader) = served.api.member("acme", "reader", "READER").await;
    shell.set("KEYFERRY_TOKEN", &reader);
    shell.run("keyferry plugin inspect acme.wasm | head -n 1").await.expect(0);
    insta::assert_snapshot!("compared", shell.transcript());
}

#[tokio::test]
async fn component_is_installed_with_what_it_declares() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    let mut metadata = http();
    shell.write("http.wasm", &metadata.to_string());
    metadata["version"] = json!("1.1.0");
    shell.write("next.wasm", &metadata.to_string());
    metadata["description"] = json!("Another component of the same version.");
    shell.write("forged.wasm", &metadata.to_string());
    metadata["egress"] = json!([{"id": "no id", "host": "", "methods": []}]);
    metadata["version"] = json!("one");
    shell.write("wrong.wasm", &metadata.to_string());
    for (line, code) in [
        ("keyferry plugin list", 0),
        ("keyferry plugin install http.wasm", 0),
        ("keyferry plugin install next.wasm --inactive", 0),
        ("keyferry plugin list", 0),
        ("keyferry plugin install next.wasm --allow-plaintext", 0),
        ("keyferry plugin list", 0),
        // The component that was asked for, not the one installed last.
        ("keyferry plugin install http.wasm", 0),
        ("keyferry plugin list", 0),
        ("keyferry plugin install forged.wasm", 2),
        ("keyferry plugin install wrong.wasm", 2),
    ] {
        shell.run(line).await.expect(code);
    }
    insta::assert_snapshot!("installed", shell.transcript());
}
