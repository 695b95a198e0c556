//! Egress entries: which hosts a plugin names, and which settings may stand in for a part of them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use keyferry_contract::vocabulary::type_name;
use keyferry_contract::{EgressEntry, Parameter};

use super::parameter::check_name;
use crate::domain::error::violation;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::host::normalise_label;

const ENTRIES_MAX: usize = 64;
const PORTS_MAX: usize = 16;
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The host of an egress entry, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern<'a> {
    /// Scheme, host and port are those of the `origin` setting of this name.
    Origin(&'a str),
    /// Labels from left to right.
    Labels(Vec<HostLabel<'a>>),
    /// An address.
    Address(IpAddr),
}

/// One label of a host pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostLabel<'a> {
    Literal(&'a str),
    /// The value of the `label` setting of this name.
    Setting(&'a str),
}

impl<'a> HostPattern<'a> {
    /// Reads a pattern; `None` when it is none.
    ///
    /// The last label is always literal and never a number: a host that is a setting in whole is an `origin`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Some(name) = braced(text) {
            return Some(Self::Origin(name));
        }
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse() {
            return Some(Self::Address(address));
        }
        let labels = text.split('.').map(HostLabel::parse).collect::<Option<Vec<_>>>()?;
        let last_is_name = matches!(labels.last(), Some(HostLabel::Literal(label)) if !label.starts_with(|c: char| c.is_ascii_digit()));
        (last_is_name && text.len() <= 253).then_some(Self::Labels(labels))
    }

    /// The settings that the pattern names.
    pub fn settings(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let names: Vec<&'a str> = match self {
            Self::Origin(name) => vec![name],
            Self::Labels(labels) => labels.iter().filter_map(|label| label.setting()).collect(),
            Self::Address(_) => Vec::new(),
        };
        names.into_iter()
    }
}

impl<'a> HostLabel<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        braced(text).map(Self::Setting).or_else(|| normalise_label(text).map(|_| Self::Literal(text)))
    }

    const fn setting(self) -> Option<&'a str> {
        match self {
            Self::Setting(name) => Some(name),
            Self::Literal(_) => None,
        }
    }
}

/// The name in `{name}`.
fn braced(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    let well_formed = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    well_formed.then_some(name)
}

/// The settings that an entry's host and signing region name.
pub fn settings_named(entry: &EgressEntry) -> impl Iterator<Item = &str> {
    let host = HostPattern::parse(&entry.host).into_iter().flat_map(|pattern| pattern.settings());
    let region = entry.signing.as_ref().and_then(|signing| braced(&signing.region));
    host.chain(region)
}

/// Checks the entries of a plugin against the parameters of its connections.
pub(super) fn check_entries(
    entries: &[EgressEntry],
    parameters: &[Parameter],
    pointer: &Pointer,
    violations: &mut Violations,
) {
    if entries.len() > ENTRIES_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {ENTRIES_MAX} entries"));
        return;
    }
    let mut ids = BTreeSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let place = pointer.index(index);
        check_name(&entry.id, &place.member("id"), violations);
        if !ids.insert(entry.id.as_str()) {
            violations.add(&place.member("id"), violation::DUPLICATE, "stands twice among the entries");
        }
        check_host(entry, parameters, &place, violations);
        check_methods(&entry.methods, &place.member("methods"), violations);
        check_signing(entry, parameters, &place.member("signing"), violations);
    }
}

fn check_host(entry: &EgressEntry, parameters: &[Parameter], pointer: &Pointer, violations: &mut Violations) {
    let place = pointer.member("host");
    let Some(pattern) = HostPattern::parse(&entry.host) else {
        let detail = "must be a host whose labels are literal or one `{setting}` each, the last one literal; or one `{setting}` alone";
        violations.add(&place, violation::MALFORMED, detail);
        return;
    };
    let wanted = if matches!(pattern, HostPattern::Origin(_)) { type_name::ORIGIN } else { type_name::LABEL };
    for name in pattern.settings() {
        check_setting(name, wanted, parameters, &place, violations);
    }
    let ports = pointer.member("ports");
    if matches!(pattern, HostPattern::Origin(_)) && !entry.ports.is_empty() {
        violations.add(&ports, violation::FORBIDDEN, "has no meaning: the origin's own port is taken");
    }
    if entry.ports.contains(&0) || entry.ports.len() > PORTS_MAX {
        violations.add(&ports, violation::OUT_OF_RANGE, format!("must be at most {PORTS_MAX} ports from 1 to 65535"));
    }
}

fn check_setting(name: &str, wanted: &str, parameters: &[Parameter], pointer: &Pointer, violations: &mut Violations) {
    let declared = parameters.iter().find(|parameter| parameter.name == name);
    if declared.is_none_or(|parameter| parameter.type_name.as_deref() != Some(wanted)) {
        let detail = format!("names `{name}`, which must be a connection parameter with `typeName` `{wanted}`");
        violations.add(pointer, violation::UNKNOWN_REFERENCE, detail);
    }
}

fn check_methods(methods: &[String], pointer: &Pointer, violations: &mut Violations) {
    let known = methods.iter().all(|method| METHODS.contains(&method.as_str()));
    let unique: BTreeSet<_> = methods.iter().collect();
    if methods.is_empty() || !known || unique.len() != methods.len() {
        let detail = format!("must be one or more of {}, each once", METHODS.join(", "));
        violations.add(pointer, violation::NOT_AN_OPTION, detail);
    }
}

fn check_signing(entry: &EgressEntry, parameters: &[Parameter], pointer: &Pointer, violations: &mut Violations) {
    let Some(signing) = &entry.signing else { return };
    if normalise_label(&signing.service).is_none_or(|normal| normal != signing.service) {
        violations.add(&pointer.member("service"), violation::MALFORMED, "must be a service name such as `ssm`");
    }
    let place = pointer.member("region");
    match braced(&signing.region) {
        Some(name) => check_setting(name, type_name::LABEL, parameters, &place, violations),
        None if normalise_label(&signing.region).is_none_or(|normal| normal != signing.region) => {
            violations.add(&place, violation::MALFORMED, "must be a region, or one `{setting}`");
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_hosts_and_settings() {
        for (text, expect) in [
            ("api.example.com", Some(vec![])),
            ("ssm.{region}.amazonaws.com", Some(vec!["region"])),
            ("{a}.{b}.example.com", Some(vec!["a", "b"])),
            ("{endpoint}", Some(vec!["endpoint"])),
            ("127.0.0.1", Some(vec![])),
            ("[::1]", Some(vec![])),
            ("localhost", Some(vec![])),
            ("{a}.{b}", None),
            ("example.{tld}", None),
            ("ssm-{region}.amazonaws.com", None),
            ("*.example.com", None),
            ("example.com:443", None),
            ("https://example.com", None),
            ("example.com/", None),
            ("example..com", None),
            ("example.com.", None),
            ("10.0.0.256", None),
            ("{}", None),
            ("", None),
        ] {
            let named = HostPattern::parse(text).map(|pattern| pattern.settings().collect::<Vec<_>>());
            assert_eq!(named, expect, "{text}");
        }
    }
}
