//! What a session may ask for: declared, granted, and within the server's policy. Nothing here touches the network.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use http::header::HeaderMap;
use keyferry_contract::EgressEntry;
use url::Url;

use super::draft::{Draft, parse_url};
use super::pattern::{Closed, Host, HostPattern, Place, Scheme, Target, fill_word};
use super::policy::EgressPolicy;
use crate::ports::egress::{EgressFailure, OutboundRequest};

/// The largest body that a guest may send.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The entries of one session, their settings filled in.
pub(super) struct Gate {
    entries: Vec<Entry>,
}

/// One egress entry.
pub(super) struct Entry {
    id: String,
    methods: Vec<String>,
    ports: Vec<u16>,
    place: Result<Place, Closed>,
    signing: Option<Result<SigningScope, Closed>>,
}

/// What a request through an entry is signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SigningScope {
    pub(super) service: String,
    pub(super) region: String,
}

impl Gate {
    /// Fills `settings` into `entries`.
    pub(super) fn new(entries: &[EgressEntry], settings: &BTreeMap<String, String>) -> Self {
        Self { entries: entries.iter().map(|entry| Entry::new(entry, settings)).collect() }
    }

    /// The granted entry of this id.
    pub(super) fn entry(&self, id: &str) -> Result<&Entry, EgressFailure> {
        self.entries.iter().find(|entry| entry.id == id).ok_or_else(|| denied("no such egress entry is granted"))
    }

    /// The first of these entries that is granted and whose settings are all set.
    pub(super) fn first_open(&self, ids: &[String]) -> Result<&Entry, EgressFailure> {
        let open = ids.iter().filter_map(|id| self.entry(id).ok()).find(|entry| entry.place.is_ok());
        open.ok_or_else(|| denied("none of the egress entries for the exchange is open"))
    }
}

impl Entry {
    fn new(entry: &EgressEntry, settings: &BTreeMap<String, String>) -> Self {
        let scope = |signing: &keyferry_contract::Signing| {
            let region = fill_word(&signing.region, settings)?;
            Ok(SigningScope { service: signing.service.clone(), region })
        };
        Self {
            id: entry.id.clone(),
            methods: entry.methods.clone(),
            ports: if entry.ports.is_empty() { vec![443] } else { entry.ports.clone() },
            place: HostPattern::parse(&entry.host).and_then(|pattern| pattern.fill(settings)),
            signing: entry.signing.as_ref().map(scope),
        }
    }

    /// Admits `request` with the headers already accepted, or says which rule refuses it. What the guest wrote is not
    /// repeated: a host of its choice could carry a secret into a log.
    pub(super) fn admit(
        &self,
        request: &OutboundRequest,
        headers: HeaderMap,
        policy: &EgressPolicy,
    ) -> Result<Draft, EgressFailure> {
        let url = parse_url(&request.url).map_err(denied)?;
        let target = Target::of(&url).ok_or_else(|| denied("the URL's host is malformed"))?;
        self.check_target(&target, policy)?;
        let method = self.method(&request.method)?;
        let body = request.body.as_deref().unwrap_or_default();
        if body.len() > BODY_BYTES_MAX {
            return Err(denied("the request's body is larger than 8 MiB"));
        }
        Ok(Draft { target, method, url, headers, body: Bytes::copy_from_slice(body) })
    }

    /// A request of the host's own making through this entry, to its root path.
    pub(super) fn draft_exchange(&self, policy: &EgressPolicy, body: Bytes) -> Result<Draft, EgressFailure> {
        let target = match self.place()? {
            Place::Origin(target) => target.clone(),
            Place::Host(host) => Target { scheme: Scheme::Https, host: host.clone(), port: self.ports[0] },
        };
        self.check_target(&target, policy)?;
        let method = self.method(Method::POST.as_str())?;
        let url = Url::parse(&target.origin()).map_err(|_| self.closed(&Closed::Malformed))?;
        Ok(Draft { target, method, url, headers: HeaderMap::new(), body })
    }

    /// What requests through this entry are signed for.
    pub(super) fn signing(&self) -> Result<&SigningScope, EgressFailure> {
        let reason = |reason: &str| EgressFailure::Authentication(format!("egress entry `{}`: {reason}", self.id));
        match &self.signing {
            None => Err(reason("it names no signing service")),
            Some(Err(closed)) => Err(reason(&closed.to_string())),
            Some(Ok(scope)) => Ok(scope),
        }
    }

    fn method(&self, method: &str) -> Result<Method, EgressFailure> {
        METHODS
            .into_iter()
            .find(|known| known.as_str() == method && self.methods.iter().any(|allowed| allowed == method))
            .ok_or_else(|| self.denied("the method is not declared"))
    }

    fn check_target(&self, target: &Target, policy: &EgressPolicy) -> Result<(), EgressFailure> {
        match self.place()? {
            Place::Host(host) => self.check_host(host, target)?,
            Place::Origin(origin) if origin != target => {
                return Err(self.denied("scheme, host or port differ from the origin that was entered"));
            }
            Place::Origin(_) if !policy.allows_tenant_host(target) => {
                return Err(self.denied("the server's configuration does not allow the origin that was entered"));
            }
            Place::Origin(_) => {}
        }
        if target.scheme == Scheme::Http && !policy.allows_plain_http(&target.host, target.port) {
            return Err(self.denied("http without TLS is not allowed for the host"));
        }
        Ok(())
    }

    fn check_host(&self, host: &Host, target: &Target) -> Result<(), EgressFailure> {
        if *host != target.host {
            return Err(self.denied("the host is not the one that is declared"));
        }
        if !self.ports.contains(&target.port) {
            return Err(self.denied("the port is not declared"));
        }
        Ok(())
    }

    fn place(&self) -> Result<&Place, EgressFailure> {
        self.place.as_ref().map_err(|closed| self.closed(closed))
    }

    fn closed(&self, closed: &Closed) -> EgressFailure {
        EgressFailure::Denied(format!("egress entry `{}` is closed: {closed}", self.id))
    }

    fn denied(&self, rule: &str) -> EgressFailure {
        EgressFailure::Denied(format!("egress entry `{}`: {rule}", self.id))
    }
}

fn denied(rule: &str) -> EgressFailure {
    EgressFailure::Denied(rule.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(host: &str, ports: &[u16]) -> EgressEntry {
        EgressEntry {
            id: "api".to_owned(),
            host: host.to_owned(),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            ports: ports.to_vec(),
            signing: None,
        }
    }

    fn admit(entry: &EgressEntry, policy: &EgressPolicy, method: &str, url: &str) -> Result<Draft, EgressFailure> {
        let settings = BTreeMap::from([
            ("region".to_owned(), "eu-west-1".to_owned()),
            ("endpoint".to_owned(), "https://vault.example.com:8200".to_owned()),
            ("insecure".to_owned(), "http://consul.example.com:8500".to_owned()),
            ("literal".to_owned(), "https://203.0.113.7".to_owned()),
        ]);
        let gate = Gate::new(std::slice::from_ref(entry), &settings);
        let request = OutboundRequest {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
            entry: "api".to_owned(),
            authenticate: false,
            timeout: None,
        };
        gate.entry("api")?.admit(&request, HeaderMap::new(), policy)
    }

    #[test]
    fn declared_requests_are_admitted() {
        let closed = EgressPolicy::default();
        for (host, ports, url) in [
            ("api.example.com", vec![], "https://api.example.com/x"),
            ("api.example.com", vec![], "https://API.EXAMPLE.COM.:443/x"),
            ("api.example.com", vec![8443], "https://api.example.com:8443/"),
            ("ssm.{region}.amazonaws.com", vec![], "https://ssm.eu-west-1.amazonaws.com/"),
            ("{endpoint}", vec![], "https://vault.example.com:8200/v1/kv"),
            ("{literal}", vec![], "https://203.0.113.7/"),
            ("203.0.113.7", vec![], "https://3405803783/"),
            ("203.0.113.7", vec![], "https://[::ffff:203.0.113.7]/"),
        ] {
            assert!(admit(&entry(host, &ports), &closed, "GET", url).is_ok(), "{host} {url}");
        }
    }

    #[test]
    fn everything_just_outside_the_declaration_is_denied() {
        let closed = EgressPolicy::default();
        for (host, ports, url) in [
            ("api.example.com", vec![], "https://evil.example/"),
            ("api.example.com", vec![], "https://api.example.com.evil.example/"),
            ("api.example.com", vec![], "https://x.api.example.com/"),
            ("api.example.com", vec![], "https://api.example.com:8443/"),
            ("api.example.com", vec![8443], "https://api.example.com/"),
            ("api.example.com", vec![80], "http://api.example.com/"),
            ("api.example.com", vec![], "https://203.0.113.7/"),
            ("api.example.com", vec![], "https://0xcb007107/"),
            ("ssm.{region}.amazonaws.com", vec![], "https://ssm.us-east-1.amazonaws.com/"),
            ("ssm.{unset}.amazonaws.com", vec![], "https://ssm.eu-west-1.amazonaws.com/"),
            ("{endpoint}", vec![443], "https://vault.example.com/"),
            ("{endpoint}", vec![], "http://vault.example.com:8200/"),
            ("{insecure}", vec![], "http://consul.example.com:8500/"),
            ("{unset}", vec![], "https://vault.example.com:8200/"),
        ] {
            let failure = admit(&entry(host, &ports), &closed, "GET", url).err().unwrap();
            assert!(matches!(failure, EgressFailure::Denied(_)), "{host} {url}: {failure}");
        }
    }

    #[test]
    fn methods_are_those_of_the_entry_and_of_the_contract() {
        let mut entry = entry("api.example.com", &[]);
        entry.methods.push("TRACE".to_owned());
        for (method, admitted) in
            [("GET", true), ("POST", true), ("PUT", false), ("get", false), ("TRACE", false), ("GET /x", false)]
        {
            let result = admit(&entry, &EgressPolicy::default(), method, "https://api.example.com/");
            assert_eq!(result.is_ok(), admitted, "{method}");
        }
    }

    #[test]
    fn plain_http_needs_the_servers_switch() {
        let policy =
            EgressPolicy { plain_http_hosts: vec!["consul.example.com".parse().unwrap()], ..EgressPolicy::default() };
        assert!(admit(&entry("{insecure}", &[]), &policy, "GET", "http://consul.example.com:8500/").is_ok());
        assert!(admit(&entry("{insecure}", &[]), &policy, "GET", "https://consul.example.com:8500/").is_err());
    }

    #[test]
    fn the_server_can_narrow_what_tenants_enter() {
        let policy = EgressPolicy { tenant_hosts: vec!["*.corp.example".parse().unwrap()], ..EgressPolicy::default() };
        assert!(admit(&entry("{endpoint}", &[]), &policy, "GET", "https://vault.example.com:8200/").is_err());
        assert!(admit(&entry("api.example.com", &[]), &policy, "GET", "https://api.example.com/").is_ok());
    }

    #[test]
    fn denials_do_not_repeat_what_the_guest_wrote() {
        for (method, url) in
            [("GET", "https://hunter2.evil.example/"), ("hunter2", "https://api.example.com/"), ("GET", "hunter2")]
        {
            let failure = admit(&entry("api.example.com", &[]), &EgressPolicy::default(), method, url).err().unwrap();
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
        }
    }

    proptest::proptest! {
        #[test]
        fn another_parser_finds_the_same_host_in_what_is_admitted(
            before in "[a-z@:/\\\\.?#%\\[\\] ]{0,6}",
            after in "[a-z0-9@:/\\\\.?#%\\[\\]\t ]{0,8}",
        ) {
            let url = format!("https://{before}api.example.com{after}");
            if admit(&entry("api.example.com", &[]), &EgressPolicy::default(), "GET", &url).is_ok() {
                let uri: http::Uri = url.parse().unwrap();
                let host = uri.host().unwrap();
                proptest::prop_assert_eq!(host.strip_suffix('.').unwrap_or(host), "api.example.com");
                proptest::prop_assert!(uri.port_u16().is_none_or(|port| port == 443));
            }
        }
    }
}
