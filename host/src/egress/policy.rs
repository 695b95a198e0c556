//! What the server's own configuration opens; no tenant can change it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::Url;

use super::address::{Reach, faces, reach};
use super::pattern::{Host, HostRule, Scheme, Target};
use crate::domain::network::Network;

/// Where requests may go beyond the public internet. Plain data: the default opens nothing.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// Private and reserved ranges that are open. Metadata services, link-local and multicast stay closed whatever is here.
    pub private_networks: Vec<Network>,
    /// What of this machine is open.
    pub loopback: Loopback,
    /// Hosts that may be spoken to without TLS.
    pub plain_http_hosts: Vec<HostRule>,
    /// Where this host itself listens: closed even when everything else is open.
    pub own_listeners: Vec<SocketAddr>,
    /// Hosts that an entry of the kind "any host the tenant enters" may reach. Empty: any.
    pub tenant_hosts: Vec<HostRule>,
}

/// What of this machine is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// Nothing.
    #[default]
    Closed,
    /// These addresses with these ports.
    Only(Vec<SocketAddr>),
    /// All but the host's own listeners. For development.
    Open,
}

impl EgressPolicy {
    /// Whether `host` may be spoken to without TLS at `port`.
    pub(super) fn allows_plain_http(&self, host: &Host, port: u16) -> bool {
        self.plain_http_hosts.iter().any(|rule| rule.matches(host, port))
    }

    /// Whether a tenant may have entered `target`.
    pub(super) fn allows_tenant_host(&self, target: &Target) -> bool {
        self.tenant_hosts.is_empty() || self.tenant_hosts.iter().any(|rule| rule.matches(&target.host, target.port))
    }

    /// Whether a tenant may enter this origin, as far as it tells by itself; else the rule that refuses it.
    pub(super) fn permits(&self, origin: &str) -> Result<(), &'static str> {
        let target = Url::parse(origin).ok().and_then(|url| Target::of(&url)).ok_or("the address is malformed")?;
        if !self.allows_tenant_host(&target) {
            return Err("the server's configuration does not allow the address");
        }
        if target.scheme == Scheme::Http && !self.allows_plain_http(&target.host, target.port) {
            return Err("http without TLS is not allowed for the address");
        }
        let address = match &target.host {
            Host::Address(address) => *address,
            Host::Name(name) if name == "localhost" || name.ends_with(".localhost") => Ipv4Addr::LOCALHOST.into(),
            Host::Name(_) => return Ok(()),
        };
        let vetted = self.vet(SocketAddr::new(address, target.port));
        vetted.map_err(|_| "the address is private or reserved, and the server's configuration does not open it")
    }

    /// Whether `address` may be dialled.
    pub(super) fn vet(&self, address: SocketAddr) -> Result<(), AddressRefused> {
        let port = address.port();
        for face in faces(address.ip()) {
            if self.is_own_listener(SocketAddr::new(face, port)) {
                return Err(AddressRefused::OwnListener);
            }
            let is_open = match reach(face) {
                Reach::Public => true,
                Reach::Reserved => self.private_networks.iter().any(|network| network.contains(face)),
                Reach::Loopback => self.loopback.is_open(SocketAddr::new(face, port)),
                Reach::Never => false,
            };
            if !is_open {
                return Err(AddressRefused::Closed);
            }
        }
        Ok(())
    }

    /// Whether a connection from `local` to `peer`, once made, turns out to lead to a listener of this host that is bound
    /// to all addresses: a machine that talks to itself uses the same address on both sides.
    pub(super) fn leads_home(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        local.ip().to_canonical() == peer.ip().to_canonical()
            && self.own_listeners.iter().any(|own| own.ip().is_unspecified() && own.port() == peer.port())
    }

    fn is_own_listener(&self, address: SocketAddr) -> bool {
        self.own_listeners.iter().any(|own| {
            own.port() == address.port() && (own.ip().to_canonical() == address.ip() || is_home(own.ip(), address.ip()))
        })
    }
}

/// Whether a listener at `own` is certainly reached through `address` because it listens on every address.
fn is_home(own: IpAddr, address: IpAddr) -> bool {
    own.is_unspecified() && reach(address) == Reach::Loopback
}

impl Loopback {
    fn is_open(&self, address: SocketAddr) -> bool {
        match self {
            Self::Closed => false,
            Self::Only(open) => open.iter().any(|open| open.port() == address.port() && open.ip() == address.ip()),
            Self::Open => true,
        }
    }
}

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressRefused {
    #[error("an address that is not open to plugins")]
    Closed,
    #[error("an address at which this host itself listens")]
    OwnListener,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(networks: &[&str]) -> EgressPolicy {
        EgressPolicy {
            private_networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
            ..EgressPolicy::default()
        }
    }

    fn vets(policy: &EgressPolicy, address: &str) -> bool {
        policy.vet(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_private_range_opens_by_configuration_and_no_wider() {
        let policy = policy(&["10.20.0.0/16"]);
        assert!(vets(&policy, "10.20.3.4:8200"));
        assert!(vets(&policy, "[::ffff:10.20.3.4]:8200"));
        assert!(!vets(&policy, "10.21.0.1:8200"));
        assert!(!vets(&policy, "[64:ff9b::10.20.3.4]:8200"), "the translator's own range is not open");
    }

    #[test]
    fn metadata_and_loopback_stay_closed_when_everything_is_opened() {
        let policy = policy(&["0.0.0.0/0", "::/0"]);
        assert!(vets(&policy, "10.0.0.1:443"));
        for address in [
            "169.254.169.254:80",
            "[fd00:ec2::254]:80",
            "100.100.100.200:80",
            "168.63.129.16:80",
            "192.0.0.192:80",
            "[64:ff9b::169.254.169.254]:80",
            "[::ffff:169.254.169.254]:80",
            "0.0.0.0:8080",
            "[::]:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::127.0.0.1]:8080",
            "[fe80::1]:80",
            "224.0.0.1:80",
        ] {
            assert!(!vets(&policy, address), "{address}");
        }
    }

    #[test]
    fn what_a_tenant_enters_is_judged_before_anything_is_sent() {
        let closed = EgressPolicy::default();
        for (origin, expect) in [
            ("https://vault.example.com", true),
            ("https://93.184.215.14:8200", true),
            ("http://vault.example.com", false),
            ("https://10.0.0.1", false),
            ("https://127.0.0.1:8443", false),
            ("https://localhost", false),
            ("https://a.localhost", false),
            ("https://[::1]", false),
            ("https://2130706433", false),
            ("https://169.254.169.254", false),
            ("ftp://vault.example.com", false),
            ("vault", false),
        ] {
            assert_eq!(closed.permits(origin).is_ok(), expect, "{origin}");
        }
        assert!(policy(&["10.0.0.0/8"]).permits("https://10.0.0.1").is_ok());
        let open = EgressPolicy { loopback: Loopback::Open, ..EgressPolicy::default() };
        assert!(open.permits("https://localhost:5000").is_ok());
    }

    #[test]
    fn loopback_opens_by_exact_address_and_port() {
        let open = vec!["127.0.0.1:8500".parse().unwrap(), "[::1]:8500".parse().unwrap()];
        let policy = EgressPolicy { loopback: Loopback::Only(open), ..EgressPolicy::default() };
        assert!(vets(&policy, "127.0.0.1:8500"));
        assert!(vets(&policy, "[::ffff:127.0.0.1]:8500"));
        assert!(vets(&policy, "[::1]:8500"));
        assert!(!vets(&policy, "127.0.0.1:8501"));
        assert!(!vets(&policy, "127.0.0.2:8500"));
    }

    #[test]
    fn own_listeners_stay_closed_in_development() {
        let policy = EgressPolicy {
            loopback: Loopback::Open,
            own_listeners: vec!["127.0.0.1:7000".parse().unwrap(), "0.0.0.0:7001".parse().unwrap()],
            ..EgressPolicy::default()
        };
        assert!(vets(&policy, "127.0.0.1:7002"));
        assert!(!vets(&policy, "127.0.0.1:7000"));
        assert!(!vets(&policy, "[::ffff:127.0.0.1]:7000"));
        assert!(!vets(&policy, "127.9.9.9:7001"), "bound to all addresses");
        let home = "10.0.0.5:7001".parse().unwrap();
        assert!(policy.leads_home("10.0.0.5:50000".parse().unwrap(), home));
        assert!(!policy.leads_home("10.0.0.6:50000".parse().unwrap(), home));
    }
}
