//! What kind of address an address is: the deny set, and the IPv4 addresses that hide inside IPv6 ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::domain::network::Network;

/// Who may open an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Open to all.
    Public,
    /// Private or reserved: the server's configuration may open it per range.
    Reserved,
    /// This machine: only as an explicit address and port.
    Loopback,
    /// Nobody: metadata services, link-local, multicast, and what the system would turn into loopback.
    Never,
}

/// Closed for good. Cloud metadata services are reached here, and `0.0.0.0` and `::` reach this very machine.
const NEVER: [Network; 11] = [
    Network::v4([0, 0, 0, 0], 8),
    Network::v4([169, 254, 0, 0], 16),
    Network::v4([224, 0, 0, 0], 4),
    Network::v4([255, 255, 255, 255], 32),
    // Alibaba Cloud, Azure (a public address) and Oracle Cloud.
    Network::v4([100, 100, 100, 200], 32),
    Network::v4([168, 63, 129, 16], 32),
    Network::v4([192, 0, 0, 192], 32),
    Network::v6([0, 0, 0, 0, 0, 0, 0, 0], 128),
    Network::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    Network::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
    // AWS: instance metadata, DNS, time and EKS credentials live in it.
    Network::v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32),
];

/// Metadata services of further clouds with one IPv6 address each: Google Cloud, Scaleway.
const NEVER_METADATA: [Network; 2] = [
    Network::v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128),
    Network::v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128),
];

const LOOPBACK: [Network; 2] = [Network::v4([127, 0, 0, 0], 8), Network::v6([0, 0, 0, 0, 0, 0, 0, 1], 128)];

/// Not globally reachable, by the IANA special-purpose registries (RFC 6890 and its updates) and what practice adds.
const RESERVED: [Network; 20] = [
    Network::v4([10, 0, 0, 0], 8),
    Network::v4([100, 64, 0, 0], 10),
    Network::v4([172, 16, 0, 0], 12),
    Network::v4([192, 0, 0, 0], 24),
    Network::v4([192, 0, 2, 0], 24),
    Network::v4([192, 88, 99, 0], 24),
    Network::v4([192, 168, 0, 0], 16),
    Network::v4([198, 18, 0, 0], 15),
    Network::v4([198, 51, 100, 0], 24),
    Network::v4([203, 0, 113, 0], 24),
    Network::v4([240, 0, 0, 0], 4),
    // Teredo, benchmarking, ORCHID, documentation, 6to4, documentation again.
    Network::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32),
    Network::v6([0x2001, 0x0002, 0, 0, 0, 0, 0, 0], 48),
    Network::v6([0x2001, 0x0010, 0, 0, 0, 0, 0, 0], 28),
    Network::v6([0x2001, 0x0020, 0, 0, 0, 0, 0, 0], 28),
    Network::v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32),
    Network::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    Network::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    Network::v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    Network::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
];

/// The only range that IANA hands out as global unicast; all of IPv6 outside it is reserved. This holds `::/96`, NAT64,
/// `100::/64`, `fec0::/10` and whatever is set aside next.
const GLOBAL_UNICAST_V6: Network = Network::v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// The reach of `address` itself, not of what is embedded in it.
pub(super) fn reach(address: IpAddr) -> Reach {
    let within = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
    if within(&NEVER) || within(&NEVER_METADATA) {
        Reach::Never
    } else if within(&LOOPBACK) {
        Reach::Loopback
    } else if within(&RESERVED) || (address.is_ipv6() && !GLOBAL_UNICAST_V6.contains(address)) {
        Reach::Reserved
    } else {
        Reach::Public
    }
}

/// The address that `address` really is (an IPv4-mapped one is IPv4), and the IPv4 addresses that a translator or a
/// tunnel would take out of it. Each of them must be allowed.
pub(super) fn faces(address: IpAddr) -> Vec<IpAddr> {
    let address = address.to_canonical();
    let mut faces = vec![address];
    if let IpAddr::V6(address) = address {
        faces.extend(embedded_v4(address).into_iter().map(IpAddr::V4));
    }
    faces
}

fn embedded_v4(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bits = address.to_bits();
    let [first, second, third, fourth, fifth, sixth, ..] = address.segments();
    let at = |shift: u32| Ipv4Addr::from_bits(u32::try_from((bits >> shift) & 0xffff_ffff).unwrap_or(u32::MAX));
    match (first, second) {
        // `::` and `::1` are what they are, not 0.0.0.0 and 0.0.0.1.
        (0, 0) if bits <= 1 => Vec::new(),
        // IPv4-compatible (RFC 4291) and IPv4-translated (RFC 2765).
        (0, 0) if third == 0 && fourth == 0 && matches!((fifth, sixth), (0, 0) | (0xffff, 0)) => vec![at(0)],
        // NAT64, well known (RFC 6052) ...
        (0x0064, 0xff9b) if third == 0 => vec![at(0)],
        // ... and local use (RFC 8215), whose operator chooses where in the address it stands.
        (0x0064, 0xff9b) => vec![at(0), at(48), around_octet_eight(bits)],
        // 6to4 (RFC 3056).
        (0x2002, _) => vec![at(80)],
        // Teredo (RFC 4380): its server, and the client with all bits turned.
        (0x2001, 0) => vec![at(64), Ipv4Addr::from_bits(!at(0).to_bits())],
        _ => Vec::new(),
    }
}

/// RFC 6052 with a prefix of 48 bits: two octets, the reserved octet, two octets.
fn around_octet_eight(bits: u128) -> Ipv4Addr {
    let octets = bits.to_be_bytes();
    Ipv4Addr::new(octets[6], octets[7], octets[9], octets[10])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst_reach(address: &str) -> Reach {
        faces(address.parse().unwrap()).into_iter().map(reach).max().unwrap()
    }

    #[test]
    fn every_range_of_the_deny_set_is_closed() {
        let closed = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 100.100.100.200 127.0.0.1 \
            127.255.255.254 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 \
            192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 \
            240.0.0.1 255.255.255.255 168.63.129.16 :: ::1 ::8.8.8.8 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 \
            ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::8.8.8.8 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 \
            2001::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:808:808::1 2002:a9fe:a9fe:: 3fff::1 5f00::1 \
            fc00::1 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:42::42 fe80::1 fec0::1 ff02::1 4000::1";
        for address in closed.split_whitespace() {
            assert_ne!(worst_reach(address), Reach::Public, "{address}");
        }
    }

    #[test]
    fn addresses_just_outside_the_deny_set_are_public() {
        let open = "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
            168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 \
            192.88.98.255 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 203.0.112.255 \
            223.255.255.255 ::ffff:8.8.8.8 2000::1 2001:1::1 2001:4860:4860::8888 2003::1 2606:4700::1111 3ffe::1";
        for address in open.split_whitespace() {
            assert_eq!(worst_reach(address), Reach::Public, "{address}");
        }
    }

    #[test]
    fn metadata_is_found_in_every_disguise() {
        let metadata = "169.254.169.254 ::ffff:169.254.169.254 ::169.254.169.254 64:ff9b::169.254.169.254 \
            64:ff9b:1::169.254.169.254 64:ff9b:1:a9fe:a9:fe00:: 2002:a9fe:a9fe::1 2001:0:1:1::5601:5601 \
            2001:0:a9fe:a9fe::1 ::ffff:0:169.254.169.254";
        for address in metadata.split_whitespace() {
            assert_eq!(worst_reach(address), Reach::Never, "{address}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_closed_ipv4_address_is_closed_in_every_ipv6_form(bits: u32, low: u32) {
            let inner = Ipv4Addr::from_bits(bits);
            let expected = reach(inner.into());
            let bits = u128::from(bits);
            let low = u128::from(low);
            let forms = [
                (0xffff_u128 << 32) | bits,
                (0xffff_u128 << 48) | bits,
                (0x0064_ff9b_u128 << 96) | bits,
                (0x0064_ff9b_0001_u128 << 80) | (low << 32) | bits,
                (0x2002_u128 << 112) | (bits << 80) | low,
                (0x2001_0000_u128 << 96) | (bits << 64) | low,
                (0x2001_0000_u128 << 96) | (low << 64) | (bits ^ 0xffff_ffff),
            ];
            for form in forms {
                let address = IpAddr::V6(Ipv6Addr::from_bits(form));
                let worst = faces(address).into_iter().map(reach).max().unwrap();
                proptest::prop_assert!(worst >= expected, "{} {}", inner, address);
            }
        }
    }
}
