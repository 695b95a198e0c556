//! A real Consul with access control on, from Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::install::{once, run};
use super::server::{Server, free_port};

/// The last suite that has Consul. Its interfaces for keys and access control are still the current ones.
const SUITE: &str = "bullseye";
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches and unpacks Consul without touching the machine's own packages; apt checks the signatures.
fn program() -> PathBuf {
    let source = format!("deb [arch=amd64 signed-by={KEYRING}] {MIRROR} {SUITE} main\n");
    let folder = once("consul", &source, |folder| {
        let apt = folder.join("apt");
        for part in ["state/lists/partial", "cache/archives/partial", "etc"] {
            fs::create_dir_all(apt.join(part)).expect("the target folder is writable");
        }
        fs::write(apt.join("etc/sources.list"), &source).expect("the target folder is writable");
        fs::write(apt.join("status"), "").expect("the target folder is writable");
        let configuration = configuration(&apt);
        fs::write(apt.join("apt.conf"), configuration).expect("the target folder is writable");
        let apt_get = |arguments: &[&str]| {
            run(Command::new("apt-get").env("APT_CONFIG", apt.join("apt.conf")).args(arguments).current_dir(folder));
        };
        apt_get(&["--quiet", "--quiet", "--error-on=any", "update"]);
        apt_get(&["--quiet", "--quiet", "download", "consul:amd64"]);
        let package = fs::read_dir(folder).expect("it was just made").flatten().map(|entry| entry.path());
        let package = package.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "deb"));
        run(Command::new("dpkg")
            .arg("--extract")
            .arg(package.expect("apt fetched one package"))
            .arg(folder.join("root")));
        fs::remove_dir_all(&apt).expect("the target folder is writable");
    });
    folder.join("root/usr/bin/consul")
}

/// An apt that keeps everything in a folder of its own.
fn configuration(apt: &Path) -> String {
    let place = |name: &str| apt.join(name).display().to_string();
    format!(
        "APT::Architecture \"amd64\";\nAPT::Sandbox::User \"root\";\nDir::State \"{}\";\nDir::State::status \"{}\";\n\
         Dir::Cache \"{}\";\nDir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"-\";\nDir::Etc::parts \"-\";\n",
        place("state"),
        place("status"),
        place("cache"),
        place("etc/sources.list"),
    )
}

/// A running Consul.
#[derive(Debug)]
pub struct Consul {
    /// For instance `http://127.0.0.1:41234`.
    pub endpoint: String,
    /// The name of its datacenter.
    pub datacenter: &'static str,
    management_token: String,
    /// Runs as long as this is held.
    server: Server,
}

impl Consul {
    /// The Consul of this process, which all of its tests share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Consul> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// A Consul of its own.
    pub async fn start() -> Self {
        let program = program();
        let management_token = Uuid::new_v4().to_string();
        let port = free_port();
        let server = Server::start(|folder| {
            let configuration = json!({
                "server": true, "bootstrap_expect": 1, "datacenter": "dc1", "node_name": "test",
                "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "data_dir": folder.join("data"),
                "disable_update_check": true, "disable_remote_exec": true,
                "ports": {
                    "http": port, "https": -1, "dns": -1, "grpc": -1, "server": free_port(), "serf_lan": free_port(), "serf_wan": -1,
                },
                // A single server elects itself; there is nobody to wait for.
                "performance": {"raft_multiplier": 1},
                "acl": {"enabled": true, "default_policy": "deny", "tokens": {"master": management_token}},
            });
            fs::write(folder.join("consul.json"), configuration.to_string()).expect("a new folder is writable");
            let mut command = Command::new(program);
            command.arg("agent").arg("-config-file").arg(folder.join("consul.json"));
            command
        });
        let consul = Self { endpoint: format!("http://127.0.0.1:{port}"), datacenter: "dc1", management_token, server };
        // The token is known once there is a leader that made it.
        let ready = format!("{}/v1/acl/token/self?token={}", consul.endpoint, consul.management_token);
        consul.server.wait_for(&ready, |status, _| status == 200).await;
        consul
    }

    /// A token that may do what the rules say, for instance `key_prefix "app/" { policy = "write" }`.
    pub async fn token(&self, rules: &str) -> String {
        let name = Uuid::new_v4().to_string();
        self.manage("/v1/acl/policy", &json!({"Name": name, "Rules": rules})).await;
        let token = self.manage("/v1/acl/token", &json!({"Policies": [{"Name": name}]})).await;
        token["SecretID"].as_str().expect("a token has a secret").to_owned()
    }

    /// A token that may do everything, for looking at what a test has done.
    #[must_use]
    pub fn management_token(&self) -> &str {
        &self.management_token
    }

    /// Stores a value as somebody else would.
    pub async fn put(&self, key: &str, value: &str) {
        let request = reqwest::Client::new().put(format!("{}/v1/kv/{key}", self.endpoint)).body(value.to_owned());
        let reply = request.header("x-consul-token", &self.management_token).send().await.expect("Consul answers");
        assert!(reply.status().is_success(), "{reply:?}");
    }

    /// A key's value, or `None` when it is not there.
    pub async fn get(&self, key: &str) -> Option<String> {
        let request = reqwest::Client::new().get(format!("{}/v1/kv/{key}?raw", self.endpoint));
        let reply = request.header("x-consul-token", &self.management_token).send().await.expect("Consul answers");
        if reply.status().as_u16() == 404 {
            return None;
        }
        assert!(reply.status().is_success(), "{reply:?}");
        Some(reply.text().await.expect("Consul answers"))
    }

    async fn manage(&self, path: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().put(format!("{}{path}", self.endpoint)).json(body);
        let reply = request.header("x-consul-token", &self.management_token).send().await.expect("Consul answers");
        let (status, text) = (reply.status(), reply.text().await.expect("Consul answers"));
        assert!(status.is_success(), "{status} {text}");
        serde_json::from_str(&text).expect("Consul answers in JSON")
    }
}
