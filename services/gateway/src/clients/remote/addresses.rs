//! Which addresses belong to the internet at large. Sources: the IANA special-purpose address registries for IPv4 and
//! IPv6 (RFC 6890 and its updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),      // this network
    v4(10, 0, 0, 8),     // private
    v4(100, 64, 0, 10),  // carriers' address translation
    v4(127, 0, 0, 8),    // this machine
    v4(169, 254, 0, 16), // link-local, where clouds keep their metadata
    v4(172, 16, 0, 12),  // private
    v4(192, 0, 0, 24),   // protocol assignments
    v4(192, 0, 2, 24),   // documentation
    v4(192, 88, 99, 24), // relays of 6to4
    v4(192, 168, 0, 16), // private
    v4(198, 18, 0, 15),  // benchmarks
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(224, 0, 0, 4), // multicast
    v4(240, 0, 0, 4), // reserved, and broadcast
];

/// What is public of IPv6 is all in here.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);
const NOT_PUBLIC_V6: [Ipv6Net; 3] = [
    v6(0x2001, 0, 0, 23),     // protocol assignments, with Teredo
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x3fff, 0, 0, 20),     // documentation
];
/// Addresses that lead on to an IPv4 address, which is in their last 32 bits.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);
/// Here it follows the prefix.
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 16);

/// Whether anybody on the internet may reach this address, and nobody reaches the house's own machines by it.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4.iter().any(|network| network.contains(&ip))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let octets = ip.octets();
    let embedded = |at: usize| Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]);
    if NAT64.contains(&ip) {
        return is_public_v4(embedded(12));
    }
    if SIX_TO_FOUR.contains(&ip) {
        return is_public_v4(embedded(2));
    }
    GLOBAL_V6.contains(&ip) && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_houses_and_machines_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.255.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "2606:4700:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
