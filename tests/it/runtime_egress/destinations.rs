//! Where a guest gets, whatever it asks for.

use keyferry::domain::Secret;
use keyferry::domain::destination::{Change, Precondition};
use keyferry::egress::{EgressPolicy, Loopback};
use keyferry::ports::egress::EgressScope;
use keyferry::ports::plugin::{PluginCall, PluginRunner as _};
use keyferry_tests::guests::{self, runner, settings};
use keyferry_tests::witness::Witness;

use super::ground::{ATTACKER, Ground, TOKEN, VENDOR, answer, assert_denied, scope};
use crate::captured_log::CapturedLog;

/// A name of these tests that leads to whatever address a test chooses.
const INSIDE: &str = "inside.example";
const HERE: &str = "127.0.0.1";
const METADATA: &str = "169.254.169.254";
const SECRET: &str = "correct horse battery staple";

/// Addresses of this machine in the spellings that are known to slip through, and names for them.
const LOOPBACK: [(&str, &str); 7] = [
    (HERE, HERE),
    ("0x7f.1", HERE),
    ("2130706433", HERE),
    ("[::ffff:127.0.0.1]", HERE),
    ("localhost", HERE),
    ("localhost.", HERE),
    (INSIDE, HERE),
];

/// Metadata services, by address and behind a name.
const SERVICES: [(&str, &str); 6] = [
    (METADATA, METADATA),
    ("[fd00:ec2::254]", METADATA),
    ("[::ffff:169.254.169.254]", METADATA),
    ("100.100.100.200", METADATA),
    (INSIDE, METADATA),
    (INSIDE, "fd00:ec2::254"),
];

const PRIVATE: [(&str, &str); 4] =
    [("10.0.0.1", HERE), ("192.168.1.1", HERE), ("[fd12::7]", HERE), (INSIDE, "10.0.0.1")];

/// Both ways to declare a host: in the plugin's metadata, and as an origin that the tenant entered.
fn declarations(host: &str, port: u16) -> [EgressScope; 2] {
    let mut entered = scope("{endpoint}", port);
    entered.settings.insert("endpoint".to_owned(), format!("http://{host}:{port}"));
    [scope(host, port), entered]
}

fn plainly(host: &str, policy: EgressPolicy) -> EgressPolicy {
    EgressPolicy { plain_http_hosts: vec![host.parse().unwrap()], ..policy }
}

fn all_open() -> EgressPolicy {
    let private_networks = ["0.0.0.0/0", "::/0"].map(|network| network.parse().unwrap()).to_vec();
    EgressPolicy { private_networks, loopback: Loopback::Open, ..EgressPolicy::default() }
}

/// Declares each host, has the guest ask for it, and expects the address to be refused.
async fn assert_closed(call: &PluginCall, policy: &EgressPolicy, port: u16, places: &[(&str, &str)]) {
    for (host, leads_to) in places {
        for scope in declarations(host, port) {
            let ground = Ground::new(plainly(host, policy.clone()), scope, leads_to.parse().unwrap());
            let failure = ground.verify(call, &format!("http://{host}:{port}/latest/")).await.unwrap_err();
            assert_denied(&failure, "is an address that is not open to plugins", host);
            assert_eq!(ground.session.observed().sent, 0, "{host}");
        }
    }
}

#[tokio::test]
async fn closed_addresses_are_denied_though_they_are_declared() {
    let inside = Witness::start(|_| answer(200, "inside")).await;
    let call = guests::call("requests_denied_host").await;
    let closed = EgressPolicy::default();
    for places in [&LOOPBACK[..], &SERVICES, &PRIVATE] {
        assert_closed(&call, &closed, inside.address.port(), places).await;
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn metadata_services_are_denied_where_all_else_is_open() {
    let inside = Witness::start(|_| answer(200, "inside")).await;
    let (call, port) = (guests::call("requests_denied_host").await, inside.address.port());
    assert_closed(&call, &all_open(), port, &SERVICES).await;
    assert_eq!(inside.connections(), 0);

    // And it is open indeed.
    for (host, leads_to) in LOOPBACK {
        for scope in declarations(host, port) {
            let ground = Ground::new(plainly(host, all_open()), scope, leads_to.parse().unwrap());
            assert_eq!(ground.verify(&call, &inside.url(host, "/")).await.unwrap().id, "200", "{host}");
        }
    }
    assert_eq!(inside.requests().len(), LOOPBACK.len() * 2);
}

#[tokio::test]
async fn undeclared_places_are_denied_before_anybody_is_asked_for_them() {
    let (vendor, attacker) = (Witness::start(|_| answer(200, "")).await, Witness::start(|_| answer(200, "")).await);
    let (ground, call) = (Ground::of(&vendor), guests::call("requests_denied_host").await);
    let metadata = format!("http://{METADATA}/latest/meta-data/");
    // A label that carries something out by its lookup alone.
    let label = attacker.url(&format!("{}.{ATTACKER}", "c2VjcmV0"), "/");
    for url in [metadata, label, attacker.url(ATTACKER, "/"), attacker.url(HERE, "/"), vendor.url(HERE, "/")] {
        let failure = ground.verify(&call, &url).await.unwrap_err();
        assert_denied(&failure, "the host is not the one that is declared", &url);
    }
    let failure = ground.verify(&call, &attacker.url(VENDOR, "/")).await.unwrap_err();
    assert_denied(&failure, "the port is not declared", VENDOR);
    assert_eq!((ground.asked(), ground.session.observed().sent), (Vec::new(), 0));
    assert_eq!((vendor.connections(), attacker.connections()), (0, 0));

    assert_eq!(ground.verify(&call, &vendor.url(VENDOR, "/")).await.unwrap().id, "200");
    assert_eq!(ground.asked(), [VENDOR]);
}

#[tokio::test]
async fn posted_secrets_reach_nobody_but_the_declared_vendor() {
    let (vendor, attacker) = (Witness::start(|_| answer(200, "")).await, Witness::start(|_| answer(200, "")).await);
    let (ground, call) = (Ground::of(&vendor), guests::call("posts_secrets_elsewhere").await);
    let put = [Change::Put {
        key: "key".to_owned(),
        value: Secret::from(SECRET),
        reference: None,
        attributes: Default::default(),
        precondition: Precondition::None,
    }];
    let log = CapturedLog::start();
    let disguised = format!("{VENDOR}@{ATTACKER}");
    for host in [ATTACKER, HERE, VENDOR, &disguised] {
        let aimed = ground.aim(&call, &attacker.url(host, "/"));
        let failure = runner().apply(aimed, &settings([]), &put, None, None).await.unwrap_err();
        assert_denied(&failure, "", host);
        assert!(!format!("{failure} {failure:?}").contains(SECRET), "{host}: {failure:?}");
    }
    assert!(!log.text().contains(SECRET), "{}", log.text());
    assert_eq!((ground.asked(), ground.session.observed().sent), (Vec::new(), 0));
    assert_eq!((vendor.connections(), attacker.connections()), (0, 0));

    let aimed = ground.aim(&call, &vendor.url(VENDOR, "/"));
    runner().apply(aimed, &settings([]), &put, None, None).await.unwrap();
    assert_eq!(vendor.requests().iter().map(|request| request.body.as_str()).collect::<Vec<_>>(), [SECRET]);
}

/// Row 16: a declared host's log of addresses is no place for the credential either.
#[tokio::test]
async fn addresses_that_hold_the_credential_are_denied() {
    let vendor = Witness::start(|_| answer(200, "")).await;
    let (ground, call) = (Ground::of(&vendor), guests::call("requests_denied_host").await);
    let encoded = data_encoding::BASE64URL_NOPAD.encode(TOKEN.as_bytes());
    let escaped: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for path in [format!("/{TOKEN}"), format!("/?q={TOKEN}x"), format!("/{encoded}"), format!("/?{escaped}")] {
        let failure = ground.verify(&call, &vendor.url(VENDOR, &path)).await.unwrap_err();
        assert_denied(&failure, "the URL holds a value of the credential", &path);
    }
    assert_eq!((vendor.connections(), ground.session.observed().sent), (0, 0));
}
