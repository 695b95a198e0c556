//! The host's egress as it is, but for a resolver to which every name is the same address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use keyferry::domain::Secret;
use keyferry::domain::destination::Account;
use keyferry::domain::id::{ConnectionUid, TenantUid};
use keyferry::domain::plugin::CallFailure;
use keyferry::egress::{
    EgressPolicy, HyperEgress, Loopback, Outcome, RequestObserver, RequestRecord, Resolve, Timeouts,
};
use keyferry::ports::egress::{Egress as _, EgressAuth, EgressScope, EgressSession};
use keyferry::ports::plugin::{PluginCall, PluginRunner as _};
use keyferry_contract::{AuthMethod, AuthScheme, EgressEntry, Parameter};
use keyferry_tests::guests::{runner, settings};
use keyferry_tests::witness::Witness;

/// The declared place.
pub(super) const VENDOR: &str = "vendor.example";
/// A place that nobody declared.
pub(super) const ATTACKER: &str = "attacker.example";
/// The connection's credential, which the host places and the guest never sees.
pub(super) const TOKEN: &str = "token-of-the-connection";

/// A session of the host's egress, and what it was asked for.
pub(super) struct Ground {
    pub(super) session: Arc<dyn EgressSession>,
    names: Arc<Names>,
    outcomes: Arc<Outcomes>,
}

impl Ground {
    /// A session with one entry `api`.
    pub(super) fn new(policy: EgressPolicy, scope: EgressScope, names_lead_to: IpAddr) -> Self {
        Self::timed(policy, scope, names_lead_to, Timeouts::default())
    }

    /// The same with other limits of time.
    pub(super) fn timed(policy: EgressPolicy, scope: EgressScope, names_lead_to: IpAddr, timeouts: Timeouts) -> Self {
        let names = Arc::new(Names { address: names_lead_to, asked: Mutex::default() });
        let outcomes = Arc::new(Outcomes::default());
        let egress = HyperEgress::builder(policy)
            .resolver(Arc::clone(&names) as Arc<dyn Resolve>)
            .observer(Arc::clone(&outcomes) as Arc<dyn RequestObserver>)
            .timeouts(timeouts)
            .build();
        Self { session: egress.open(scope, None), names, outcomes }
    }

    /// All of this machine is open, and this vendor declared: only the declaration is in the way of anything else.
    pub(super) fn of(vendor: &Witness) -> Self {
        Self::new(open_policy(), scope(VENDOR, vendor.address.port()), Ipv4Addr::LOCALHOST.into())
    }

    /// `call`, through this session and with this address in the settings.
    pub(super) fn aim(&self, call: &PluginCall, url: &str) -> PluginCall {
        let mut call = PluginCall { egress: Arc::clone(&self.session), ..call.clone() };
        call.connection.settings = settings([("url", url)]);
        call
    }

    /// Has the guest verify, with this address in its settings.
    pub(super) async fn verify(&self, call: &PluginCall, url: &str) -> Result<Account, CallFailure> {
        runner().verify(self.aim(call, url)).await
    }

    /// The names that were looked up.
    pub(super) fn asked(&self) -> Vec<String> {
        self.names.asked.lock().unwrap().clone()
    }

    /// How each request ended.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.0.lock().unwrap().clone()
    }
}

struct Names {
    address: IpAddr,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        Ok(vec![SocketAddr::new(self.address, port)])
    }
}

#[derive(Default)]
struct Outcomes(Mutex<Vec<Outcome>>);

impl RequestObserver for Outcomes {
    fn request_ended(&self, record: &RequestRecord) {
        self.0.lock().unwrap().push(record.outcome);
    }
}

/// Loopback is open, and plain http allowed to the names of these tests and to the address itself.
pub(super) fn open_policy() -> EgressPolicy {
    let plain_http_hosts = ["*.example", "127.0.0.1"].map(|rule| rule.parse().unwrap()).to_vec();
    EgressPolicy { loopback: Loopback::Open, plain_http_hosts, ..EgressPolicy::default() }
}

/// One entry `api` for this host pattern and port, and a bearer token.
pub(super) fn scope(host: &str, port: u16) -> EgressScope {
    let entry = EgressEntry {
        id: "api".to_owned(),
        host: host.to_owned(),
        methods: ["GET", "POST"].map(str::to_owned).to_vec(),
        ports: vec![port],
        signing: None,
    };
    EgressScope {
        tenant: TenantUid::generate(),
        connection: Some(ConnectionUid::generate()),
        plugin: "test-guest".to_owned(),
        entries: vec![entry],
        settings: Default::default(),
        auth: bearer(),
        ca_bundle: None,
        external_id: None,
        requests_max: 100,
    }
}

fn bearer() -> EgressAuth {
    let token = Parameter { name: "token".to_owned(), secret: true, ..Parameter::default() };
    let method =
        AuthMethod { scheme: AuthScheme::BearerToken, parameters_metadata: vec![token], ..AuthMethod::default() };
    EgressAuth { method: Some(method), credentials: [("token".to_owned(), Secret::from(TOKEN))].into() }
}

/// An answer with this status and body.
pub(super) fn answer(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).body(body.into()).unwrap()
}

/// Fails unless the egress denied the call with a reason that says `expected` and holds no credential.
#[track_caller]
pub(super) fn assert_denied(failure: &CallFailure, expected: &str, place: &str) {
    assert!(matches!(failure, CallFailure::Denied { reason } if reason.contains(expected)), "{place}: {failure:?}");
    assert!(!format!("{failure} {failure:?}").contains(TOKEN), "{place}: {failure:?}");
}
