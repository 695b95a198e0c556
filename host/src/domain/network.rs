//! Ranges of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A range of addresses in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    first: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// The IPv4 range that begins with these octets.
    pub(crate) const fn v4(octets: [u8; 4], prefix_bits: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix_bits }
    }

    /// The IPv6 range that begins with these segments.
    pub(crate) const fn v6(segments: [u16; 8], prefix_bits: u8) -> Self {
        let [a, b, c, d, e, f, g, h] = segments;
        Self { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix_bits }
    }

    /// The range of one address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        let prefix_bits = if address.is_ipv4() { 32 } else { 128 };
        Self { first: address, prefix_bits }
    }

    /// The first address of the range.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// How many leading bits its addresses share.
    #[must_use]
    pub const fn prefix_bits(&self) -> u8 {
        self.prefix_bits
    }

    /// Whether `address` lies in the range. The families never mix: `0.0.0.0/0` holds no IPv6 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing_bits = match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => u128::from(first.to_bits() ^ address.to_bits()) << 96,
            (IpAddr::V6(first), IpAddr::V6(address)) => first.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        differing_bits.leading_zeros() >= u32::from(self.prefix_bits)
    }
}

/// Why a text is no [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNetwork {
    #[error("expected an address, a slash and a number of bits, such as 10.20.0.0/16")]
    Malformed,
    #[error("the address has bits set beyond the prefix")]
    HostBits,
    #[error("an IPv4-mapped range is written as the IPv4 range itself")]
    Mapped,
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix_bits) = text.split_once('/').ok_or(InvalidNetwork::Malformed)?;
        let first: IpAddr = address.parse().map_err(|_| InvalidNetwork::Malformed)?;
        let prefix_bits: u8 = prefix_bits.parse().map_err(|_| InvalidNetwork::Malformed)?;
        let (bits, width) = match first {
            IpAddr::V4(first) => (u128::from(first.to_bits()) << 96, 32),
            IpAddr::V6(first) if first.to_ipv4_mapped().is_some() => return Err(InvalidNetwork::Mapped),
            IpAddr::V6(first) => (first.to_bits(), 128),
        };
        if prefix_bits > width {
            return Err(InvalidNetwork::Malformed);
        }
        if bits.checked_shl(u32::from(prefix_bits)).unwrap_or(0) != 0 {
            return Err(InvalidNetwork::HostBits);
        }
        Ok(Self { first, prefix_bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix_bits)
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_hold_their_edges() {
        let network: Network = "10.20.0.0/16".parse().unwrap();
        for (address, inside) in [("10.20.0.0", true), ("10.20.255.255", true), ("10.21.0.0", false), ("::1", false)] {
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!("fd00::/8".parse::<Network>().unwrap().contains("fd12::1".parse().unwrap()));
        assert_eq!("10.20.0.0/16".parse::<Network>().unwrap().to_string(), "10.20.0.0/16");
    }

    #[test]
    fn texts_that_are_no_network_are_refused() {
        for (text, error) in [
            ("10.0.0.0", InvalidNetwork::Malformed),
            ("10.0.0.0/33", InvalidNetwork::Malformed),
            ("10.0.0.0/-1", InvalidNetwork::Malformed),
            ("10.0.0.1/8", InvalidNetwork::HostBits),
            ("fd00::1/64", InvalidNetwork::HostBits),
            ("::ffff:10.0.0.0/104", InvalidNetwork::Mapped),
            ("example.com/8", InvalidNetwork::Malformed),
        ] {
            assert_eq!(text.parse::<Network>().unwrap_err(), error, "{text}");
        }
    }
}
