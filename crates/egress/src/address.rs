//! Which addresses are the public internet, and which are somebody's inside.
//!
//! **Invariant:** what is not known to be public is not public: an IPv6 address
//! outside `2000::/3` and every way of writing an IPv4 address in IPv6 counts
//! as what it stands for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How near an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anybody's; the policy's names decide alone.
    Public,
    /// A private network: a rule must name the address, its network or the very
    /// host. Holds what kind it is.
    Private(&'static str),
    /// The machine itself, its link or its cloud's metadata: a rule must name
    /// the address or its network. Holds what kind it is.
    Close(&'static str),
}

/// What kind of address it is (IANA special-purpose registries, RFC 6890).
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

/// The same address, with an IPv4 one that is written as IPv6 made plain.
#[must_use]
pub fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [0, ..] => Reach::Close("this network"),
        [127, ..] => Reach::Close("loopback"),
        [169, 254, ..] => Reach::Close("link-local, where clouds keep their metadata"),
        // Azure's and Oracle's metadata and host services.
        [168, 63, 129, 16] | [192, 0, 0, _] => Reach::Close("a cloud's metadata"),
        [100, 100, 100, 200] => Reach::Close("a cloud's metadata"),
        [224..=255, ..] => Reach::Close("multicast or reserved"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private("private (RFC 1918)"),
        [100, 64..=127, ..] => Reach::Private("shared by a provider (RFC 6598)"),
        [198, 18..=19, ..] => Reach::Private("for benchmarks (RFC 2544)"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Reach::Private("for documentation (RFC 5737)")
        }
        [192, 88, 99, _] => Reach::Private("a 6to4 relay (RFC 7526)"),
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let low = v4(g, h);
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0] if h <= 1 && g == 0 => Reach::Close("loopback"),
        // Compatible (RFC 4291 §2.5.5.1), mapped (§2.5.5.2), translated (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            stands_for(low)
        }
        [0x64, 0xff9b, ..] => Reach::Private("translated (RFC 8215)"),
        [0x2002, b, c, ..] => stands_for(v4(b, c)),
        [0x2001, 0, ..] => Reach::Private("tunnelled (Teredo)"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => {
            Reach::Private("for documentation (RFC 3849)")
        }
        [0x2001, 0x1..=0x1ff, ..] => Reach::Private("for protocols (RFC 2928)"),
        [0xfd00, 0xec2, ..] => Reach::Close("a cloud's metadata"),
        [0xfc00..=0xfdff, ..] => Reach::Private("private (RFC 4193)"),
        [0xfe80..=0xfebf, ..] => Reach::Close("link-local"),
        [0xff00..=0xffff, ..] => Reach::Close("multicast or reserved"),
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Close("not a public unicast address"),
    }
}

/// What carries an IPv4 address inside is as near as that one.
fn stands_for(address: Ipv4Addr) -> Reach {
    reach_v4(address)
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}
