//! A second address on loopback, so that the C library believes in IPv4.
//!
//! With 127.0.0.1 alone, glibc takes the machine for one without IPv4 and
//! refuses, unasked, what is looked up for IPv4 only (getaddrinfo(3),
//! `AI_ADDRCONFIG`).

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;
use std::net::Ipv4Addr;

/// Made up like the addresses of names, and none of them.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Loopback is the first interface of every network namespace.
const LOOPBACK: u32 = 1;
/// rtnetlink(7), linux/if_addr.h.
const RTM_NEWADDR: u16 = 20;
const FLAGS_REQUEST_ACK: u16 = 0x1 | 0x4;
const NLMSG_ERROR: u16 = 2;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// Valid on this host only.
const RT_SCOPE_HOST: u8 = 254;

/// Adds it. Needs `CAP_NET_ADMIN` in the network's own user namespace.
///
/// # Errors
/// The kernel refused; nearly everything works without it.
pub(super) fn add_address() -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // Protocol 0 is routing.
        None,
    )?;
    rustix::net::send(&socket, &request(), SendFlags::NOSIGNAL)?;
    let mut answer = [0; 256];
    let (_, length) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    // A header of 16 bytes, then the negative error number or 0.
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    let code = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
    match (length >= 20 && kind == NLMSG_ERROR, code) {
        (true, 0) => Ok(()),
        (true, code) => Err(io::Error::from_raw_os_error(-code)),
        (false, _) => Err(io::Error::new(io::ErrorKind::InvalidData, "no answer of the kernel's")),
    }
}

fn request() -> Vec<u8> {
    let mut body = vec![2, 8, 0, RT_SCOPE_HOST];
    body.extend(LOOPBACK.to_ne_bytes());
    for attribute in [IFA_LOCAL, IFA_ADDRESS] {
        body.extend(8u16.to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(ADDRESS.octets());
    }
    let length = u32::try_from(16 + body.len()).unwrap_or_default();
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(RTM_NEWADDR.to_ne_bytes());
    message.extend(FLAGS_REQUEST_ACK.to_ne_bytes());
    message.extend(1u32.to_ne_bytes());
    message.extend(0u32.to_ne_bytes());
    message.extend(body);
    message
}
