//! Hosts, and the patterns that say which of them are meant.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::Url;

/// A host as it is compared, resolved and dialled: a lower-case name without trailing dot, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// The host of a parsed URL. Every odd spelling of an address (decimal, octal, hexadecimal, IPv4-mapped) is an address
    /// by then.
    pub(super) fn of(url: &Url) -> Option<Self> {
        match url.host()? {
            url::Host::Domain(name) => Self::name(name),
            url::Host::Ipv4(address) => Some(Self::Address(address.into())),
            url::Host::Ipv6(address) => Some(Self::Address(IpAddr::V6(address).to_canonical())),
        }
    }

    /// Reads a host that stands alone; an IPv6 address stands in brackets.
    fn parse(text: &str) -> Option<Self> {
        match url::Host::parse(text).ok()? {
            url::Host::Domain(name) => Self::name(&name),
            url::Host::Ipv4(address) => Some(Self::Address(address.into())),
            url::Host::Ipv6(address) => Some(Self::Address(IpAddr::V6(address).to_canonical())),
        }
    }

    /// A name of at most 253 characters (RFC 1035), with one trailing dot taken off.
    fn name(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| !label.is_empty() && label.len() <= 63;
        (name.len() <= 253 && name.split('.').all(is_label)).then_some(Self::Name(name))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// With or without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The scheme of `url`, when it is one that can be sent.
    pub(super) fn of(url: &Url) -> Option<Self> {
        match url.scheme() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    /// As it stands in a URL.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where a request goes: all that decides about a connection, and nothing of the request itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
}

impl Target {
    /// The target of a parsed URL.
    pub(super) fn of(url: &Url) -> Option<Self> {
        Some(Self { scheme: Scheme::of(url)?, host: Host::of(url)?, port: url.port_or_known_default()? })
    }

    /// What stands in the `Host` header: the port only where it is not the scheme's own.
    pub(super) fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Scheme and authority.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority())
    }
}

/// The host pattern of an egress entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    /// One host.
    Exactly(Host),
    /// Labels, of which some are taken from settings; at least one is.
    Labels(Vec<Label>),
    /// Scheme, host and port of an `origin` setting.
    Origin(String),
}

/// One label of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Fixed(String),
    Setting(String),
}

/// What a pattern stands for, its settings filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Host(Host),
    Origin(Target),
}

/// Why a pattern stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Closed {
    #[error("its host pattern is malformed")]
    Malformed,
    #[error("the setting `{0}` is not set")]
    Unset(String),
    #[error("the setting `{0}` is not one host label")]
    NotALabel(String),
    #[error("the setting `{0}` is not an origin: scheme, host and optionally a port, nothing more")]
    NotAnOrigin(String),
}

impl HostPattern {
    /// Reads a pattern: `api.example.com`, `ssm.{region}.amazonaws.com`, `{endpoint}`, `203.0.113.7`, `[2001:db8::7]`.
    pub(super) fn parse(text: &str) -> Result<Self, Closed> {
        if !text.contains(['{', '}']) {
            let host = Host::parse(text).filter(|_| !text.contains(['*', '%']));
            return host.map(Self::Exactly).ok_or(Closed::Malformed);
        }
        if let Some(setting) = braced(text) {
            return Ok(Self::Origin(setting.to_owned()));
        }
        text.split('.').map(Label::parse).collect::<Option<Vec<_>>>().map(Self::Labels).ok_or(Closed::Malformed)
    }

    /// Puts `settings` in.
    pub(super) fn fill(&self, settings: &BTreeMap<String, String>) -> Result<Place, Closed> {
        match self {
            Self::Exactly(host) => Ok(Place::Host(host.clone())),
            Self::Labels(labels) => {
                let labels = labels.iter().map(|label| label.fill(settings)).collect::<Result<Vec<_>, _>>()?;
                let name = labels.join(".");
                // Labels that make up an address together (`{a}.{b}.{c}.{d}`) were never declared as one.
                Host::parse(&name).filter(|host| *host == Host::Name(name)).map(Place::Host).ok_or(Closed::Malformed)
            }
            Self::Origin(setting) => {
                let value = setting_value(settings, setting)?;
                parse_origin(value).map(Place::Origin).ok_or_else(|| Closed::NotAnOrigin(setting.clone()))
            }
        }
    }
}

impl Label {
    fn parse(text: &str) -> Option<Self> {
        match braced(text) {
            Some(setting) => Some(Self::Setting(setting.to_owned())),
            None if is_label(text) => Some(Self::Fixed(text.to_ascii_lowercase())),
            None => None,
        }
    }

    fn fill(&self, settings: &BTreeMap<String, String>) -> Result<String, Closed> {
        match self {
            Self::Fixed(label) => Ok(label.clone()),
            Self::Setting(setting) => fill_label(setting, settings),
        }
    }
}

/// The value of the `label` setting of this name.
fn fill_label(setting: &str, settings: &BTreeMap<String, String>) -> Result<String, Closed> {
    let value = setting_value(settings, setting)?;
    if is_label(value) { Ok(value.to_ascii_lowercase()) } else { Err(Closed::NotALabel(setting.to_owned())) }
}

/// A literal, or the value of the one `label` setting that stands in braces; for regions.
pub(super) fn fill_word(text: &str, settings: &BTreeMap<String, String>) -> Result<String, Closed> {
    match braced(text) {
        Some(setting) => fill_label(setting, settings),
        None if is_label(text) => Ok(text.to_owned()),
        None => Err(Closed::Malformed),
    }
}

fn setting_value<'a>(settings: &'a BTreeMap<String, String>, setting: &str) -> Result<&'a str, Closed> {
    settings
        .get(setting)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Closed::Unset(setting.to_owned()))
}

/// The name in a text that is nothing but a name in braces.
fn braced(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// A DNS label of letters, digits and inner hyphens (RFC 1123).
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn parse_origin(text: &str) -> Option<Target> {
    let (_, authority) = text.split_once("://")?;
    let is_bare = !text.contains(|c: char| c.is_ascii_control() || c == ' ' || c == '\\' || c == '@' || c == '%');
    let url = Url::parse(text).ok()?;
    let is_origin = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    (is_bare && is_origin && !authority.starts_with('/')).then(|| Target::of(&url))?
}

/// A rule of the server's configuration: a host, or `*.` and a suffix for all names below it, and optionally a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    host: HostMatch,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostMatch {
    Exactly(Host),
    Below(String),
}

/// A text that is no [`HostRule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a host such as vault.example.com, *.example.com, 10.0.0.7 or [fd12::7], optionally with a port")]
pub struct InvalidHostRule;

impl HostRule {
    pub(super) fn matches(&self, host: &Host, port: u16) -> bool {
        let is_host = match (&self.host, host) {
            (HostMatch::Exactly(expected), host) => expected == host,
            (HostMatch::Below(suffix), Host::Name(name)) => {
                name.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (HostMatch::Below(_), Host::Address(_)) => false,
        };
        is_host && self.port.is_none_or(|expected| expected == port)
    }
}

impl FromStr for HostRule {
    type Err = InvalidHostRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| InvalidHostRule)?)),
            _ => (text, None),
        };
        let parse = |text: &str| Host::parse(text).filter(|_| !text.contains(['*', '%'])).ok_or(InvalidHostRule);
        let host = match host.strip_prefix("*.").map(parse).transpose()? {
            None => HostMatch::Exactly(parse(host)?),
            Some(Host::Name(suffix)) => HostMatch::Below(suffix),
            Some(Host::Address(_)) => return Err(InvalidHostRule),
        };
        Ok(Self { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pattern: &str, settings: &[(&str, &str)]) -> Result<Place, Closed> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HostPattern::parse(pattern)?.fill(&settings)
    }

    fn name(name: &str) -> Place {
        Place::Host(Host::Name(name.to_owned()))
    }

    #[test]
    fn patterns_stand_for_exactly_one_place() {
        for (pattern, settings, expected) in [
            ("api.example.com", vec![], name("api.example.com")),
            ("API.Example.com.", vec![], name("api.example.com")),
            ("ssm.{region}.amazonaws.com", vec![("region", "eu-west-1")], name("ssm.eu-west-1.amazonaws.com")),
            ("{account}.{site}.example", vec![("account", "Acme"), ("site", "eu")], name("acme.eu.example")),
            ("bücher.example", vec![], name("xn--bcher-kva.example")),
        ] {
            assert_eq!(filled(pattern, &settings), Ok(expected), "{pattern}");
        }
        let address = Place::Host(Host::Address("203.0.113.7".parse().unwrap()));
        for pattern in ["203.0.113.7", "0xcb.0.113.7", "[::ffff:203.0.113.7]"] {
            assert_eq!(filled(pattern, &[]), Ok(address.clone()), "{pattern}");
        }
    }

    #[test]
    fn an_origin_gives_scheme_host_and_port() {
        for (value, scheme, host, port) in [
            ("https://vault.example.com", Scheme::Https, "vault.example.com", 443),
            ("https://Vault.example.com:8200/", Scheme::Https, "vault.example.com", 8200),
            ("http://localhost.:8500", Scheme::Http, "localhost", 8500),
        ] {
            let target = Target { scheme, host: Host::Name(host.to_owned()), port };
            assert_eq!(filled("{endpoint}", &[("endpoint", value)]), Ok(Place::Origin(target)), "{value}");
        }
    }

    #[test]
    fn what_is_no_origin_closes_the_entry() {
        for value in [
            "vault.example.com",
            "https://",
            "https:///vault.example.com",
            "https://user@vault.example.com",
            "https://@vault.example.com",
            "https://vault.example.com/path",
            "https://vault.example.com?q",
            "https://vault.example.com#f",
            "https://vault.example.com\\@evil.example",
            "https://vault.exa\nmple.com",
            "ftp://vault.example.com",
            "https://vault..example.com",
        ] {
            let closed = Err(Closed::NotAnOrigin("endpoint".to_owned()));
            assert_eq!(filled("{endpoint}", &[("endpoint", value)]), closed, "{value}");
        }
    }

    #[test]
    fn what_is_no_label_closes_the_entry() {
        for value in ["a.b", "-a", "a-", "a_b", "a/b", "a:1", "a@b", "a b", "%61", "a#", "é", &"a".repeat(64)] {
            let closed = Err(Closed::NotALabel("region".to_owned()));
            assert_eq!(filled("ssm.{region}.amazonaws.com", &[("region", value)]), closed, "{value}");
        }
    }

    #[test]
    fn unset_settings_close_the_entry() {
        let unset = Err(Closed::Unset("region".to_owned()));
        assert_eq!(filled("ssm.{region}.amazonaws.com", &[]), unset);
        assert_eq!(filled("ssm.{region}.amazonaws.com", &[("region", "")]), unset);
        assert_eq!(filled("{endpoint}", &[]), Err(Closed::Unset("endpoint".to_owned())));
    }

    #[test]
    fn malformed_patterns_are_closed() {
        for pattern in
            ["", "*.example.com", "a-{x}.example.com", "{x", "x}", "{}.example.com", "{a b}.c", "a..b", "a b.c", "a/b"]
        {
            assert_eq!(filled(pattern, &[("x", "y")]), Err(Closed::Malformed), "{pattern}");
        }
    }

    #[test]
    fn labels_never_make_up_an_address() {
        let octets = [("a", "127"), ("b", "0"), ("c", "1")];
        assert_eq!(filled("{a}.{b}.{b}.{c}", &octets), Err(Closed::Malformed));
        assert_eq!(filled("host.{a}", &octets), Err(Closed::Malformed));
    }

    #[test]
    fn host_rules_match_what_they_name() {
        for (rule, host, port, expected) in [
            ("vault.example.com", "vault.example.com", 443, true),
            ("vault.example.com", "a.vault.example.com", 443, false),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", "badexample.com", 443, false),
            ("vault.example.com:8200", "vault.example.com", 8200, true),
            ("vault.example.com:8200", "vault.example.com", 443, false),
            ("10.0.0.7", "10.0.0.7", 1, true),
            ("[fd12::7]:80", "[fd12::7]", 80, true),
            ("[fd12::7]", "[fd12::8]", 80, false),
        ] {
            let rule_read: HostRule = rule.parse().unwrap();
            assert_eq!(rule_read.matches(&Host::parse(host).unwrap(), port), expected, "{rule} {host}");
        }
        for text in ["", "*", "*.10.0.0.1", "a.*.b", "https://a.example", "a.example:x", "a.example:99999"] {
            assert_eq!(text.parse::<HostRule>(), Err(InvalidHostRule), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_filled_label_never_leaves_its_place(value in "\\PC{0,70}") {
            if let Ok(Place::Host(Host::Name(name))) = filled("ssm.{region}.amazonaws.com", &[("region", &value)]) {
                proptest::prop_assert_eq!(name.split('.').count(), 4);
                proptest::prop_assert!(name.starts_with("ssm.") && name.ends_with(".amazonaws.com"));
            }
        }
    }
}
