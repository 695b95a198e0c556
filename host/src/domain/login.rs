//! How a machine identity proves itself by client secrets, and what bounds the access tokens it is given for them.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::network::Network;

/// The longest life of an access token, renewals included: one year, in seconds.
pub const TOKEN_LIFETIME_MAX_S: u64 = 365 * 24 * 3600;
/// The shortest and the longest life of an access token, in seconds.
pub const TOKEN_TTL_RANGE_S: RangeInclusive<u64> = 60..=TOKEN_LIFETIME_MAX_S;
/// How long an access token is good for when nobody says, with and without renewals: 30 days, in seconds.
pub const TOKEN_TTL_DEFAULT_S: u64 = 30 * 24 * 3600;
/// The most uses that a limit may allow.
pub const USES_MAX: u64 = u32::MAX as u64;
/// The most ranges of addresses in one list.
pub const NETWORKS_MAX: usize = 100;

/// What bounds the access tokens of an identity, and the client secrets that are exchanged for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoginPolicy {
    /// Whether the identity has client secrets at all.
    pub takes_client_secrets: bool,
    /// How long a token is good for at most, by renewals, in seconds from its first issue. Never less than a token's own life.
    pub token_max_ttl_s: u64,
    /// How many requests one token is good for; 0: any number.
    pub token_uses_max: u64,
    /// From where tokens and API keys are taken; empty: anywhere.
    pub token_networks: Vec<Network>,
    /// From where client secrets are taken; empty: anywhere.
    pub secret_networks: Vec<Network>,
    pub lockout: Lockout,
}

impl Default for LoginPolicy {
    fn default() -> Self {
        Self {
            takes_client_secrets: true,
            token_max_ttl_s: TOKEN_TTL_DEFAULT_S,
            token_uses_max: 0,
            token_networks: Vec::new(),
            secret_networks: Vec::new(),
            lockout: Lockout::default(),
        }
    }
}

/// After how many wrong client secrets an identity is locked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lockout {
    pub is_enabled: bool,
    /// So many wrong secrets lock: 1 to 30.
    pub threshold: u32,
    /// How long the lock holds: 30 seconds to one day.
    pub duration_s: u32,
    /// After so long without a wrong secret the count begins anew: 5 seconds to one hour.
    pub reset_s: u32,
}

impl Default for Lockout {
    fn default() -> Self {
        Self { is_enabled: true, threshold: 3, duration_s: 300, reset_s: 30 }
    }
}

impl Lockout {
    pub const THRESHOLD_RANGE: RangeInclusive<u32> = 1..=30;
    pub const DURATION_RANGE_S: RangeInclusive<u32> = 30..=86_400;
    pub const RESET_RANGE_S: RangeInclusive<u32> = 5..=3_600;
}

/// What may change of a [`LoginPolicy`]; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginChange {
    pub takes_client_secrets: Option<bool>,
    pub token_max_ttl_s: Option<u64>,
    pub token_uses_max: Option<u64>,
    pub token_networks: Option<Vec<Network>>,
    pub secret_networks: Option<Vec<Network>>,
    pub lockout: LockoutChange,
}

/// What may change of a [`Lockout`]; what is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockoutChange {
    pub is_enabled: Option<bool>,
    pub threshold: Option<u32>,
    pub duration_s: Option<u32>,
    pub reset_s: Option<u32>,
}

impl LoginChange {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Makes the change.
    pub fn apply(&self, policy: &mut LoginPolicy) {
        let LoginPolicy { takes_client_secrets, token_max_ttl_s, token_uses_max, lockout, .. } = *policy;
        policy.takes_client_secrets = self.takes_client_secrets.unwrap_or(takes_client_secrets);
        policy.token_max_ttl_s = self.token_max_ttl_s.unwrap_or(token_max_ttl_s);
        policy.token_uses_max = self.token_uses_max.unwrap_or(token_uses_max);
        if let Some(networks) = &self.token_networks {
            policy.token_networks.clone_from(networks);
        }
        if let Some(networks) = &self.secret_networks {
            policy.secret_networks.clone_from(networks);
        }
        policy.lockout = Lockout {
            is_enabled: self.lockout.is_enabled.unwrap_or(lockout.is_enabled),
            threshold: self.lockout.threshold.unwrap_or(lockout.threshold),
            duration_s: self.lockout.duration_s.unwrap_or(lockout.duration_s),
            reset_s: self.lockout.reset_s.unwrap_or(lockout.reset_s),
        };
    }
}

/// Whether somebody at `address` is within one of these ranges. With no range everybody is; with some, nobody is whose
/// address is not known.
#[must_use]
pub fn admits(networks: &[Network], address: Option<IpAddr>) -> bool {
    networks.is_empty()
        || address.is_some_and(|address| {
            let address = address.to_canonical();
            networks.iter().any(|network| network.contains(address))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().expect("a range")).collect()
    }

    #[test]
    fn a_list_admits_only_addresses_within_it() {
        for (list, address, expect) in [
            (&[] as &[&str], None, true),
            (&[], Some("192.0.2.1"), true),
            (&["10.0.0.0/8"], None, false),
            (&["10.0.0.0/8"], Some("10.1.2.3"), true),
            (&["10.0.0.0/8"], Some("::ffff:10.1.2.3"), true),
            (&["10.0.0.0/8"], Some("11.0.0.1"), false),
            (&["10.0.0.0/8"], Some("fd00::1"), false),
            (&["10.0.0.0/8", "fd00::/8"], Some("fd00::1"), true),
            (&["0.0.0.0/0"], Some("::1"), false),
        ] {
            let address = address.map(|text| text.parse().expect("an address"));
            assert_eq!(admits(&networks(list), address), expect, "{list:?} {address:?}");
        }
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let mut policy = LoginPolicy { token_uses_max: 7, ..LoginPolicy::default() };
        assert!(LoginChange::default().is_empty());
        LoginChange::default().apply(&mut policy);
        assert_eq!(policy, LoginPolicy { token_uses_max: 7, ..LoginPolicy::default() });
        let lockout = LockoutChange { threshold: Some(9), ..LockoutChange::default() };
        let change = LoginChange { token_networks: Some(networks(&["10.0.0.0/8"])), lockout, ..LoginChange::default() };
        assert!(!change.is_empty());
        change.apply(&mut policy);
        assert_eq!((policy.lockout.threshold, policy.lockout.duration_s, policy.token_uses_max), (9, 300, 7));
        assert_eq!(policy.token_networks, networks(&["10.0.0.0/8"]));
    }

    #[test]
    fn a_policy_stored_without_its_newer_members_is_read() {
        let policy: LoginPolicy = serde_json::from_str("{}").expect("every member has a default");
        assert_eq!(policy, LoginPolicy::default());
    }
}
