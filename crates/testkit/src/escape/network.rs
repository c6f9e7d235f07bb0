//! Ways to talk to somebody outside.

use super::Probe;

pub(super) const PROBES: &[Probe] = &[
    Probe::python("tcp-host-loopback", "the machine's own services", r#"
hello(socket.AF_INET, ("127.0.0.1", int(E["TCP"])))"#).anybody(),
    Probe::python("tcp-host-loopback-other", "the machine's own services by another of its addresses", r#"
hello(socket.AF_INET, ("127.1.2.3", int(E["TCP"])))"#),
    Probe::python("tcp-host-loopback-zero", "the machine's own services by the address of none", r#"
hello(socket.AF_INET, ("0.0.0.0", int(E["TCP"])))"#).anybody(),
    Probe::python("tcp-host-loopback-six", "the machine's own services by IPv6", r#"
assert "TCP6" in E
hello(socket.AF_INET6, ("::1", int(E["TCP6"])))"#),
    Probe::python("tcp-host-loopback-mapped", "the machine's own services by a mapped address", r#"
hello(socket.AF_INET6, ("::ffff:127.0.0.1", int(E["TCP"])))"#).anybody(),
    Probe::python("tcp-fast-open", "data in the first packet, past checks of `connect`", r#"
peer = socket.socket()
peer.sendto(b"x", 0x20000000, ("127.0.0.1", int(E["TCP"])))
assert peer.recv(5) == b"hello" "#).anybody(),
    Probe::python("tcp-multipath", "another kind of TCP, past checks of `connect`", r#"
peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
peer.settimeout(3)
peer.connect(("127.0.0.1", int(E["TCP"])))
assert peer.recv(5) == b"hello" "#),
    Probe::python("tcp-internet", "anything at all", r#"reach(("1.1.1.1", 443))"#),
    Probe::python("tcp-internet-six", "anything at all by IPv6", r#"
reach(("2606:4700:4700::1111", 443), socket.AF_INET6)"#),
    Probe::python("tcp-ssh", "pushing by another protocol", r#"reach(("140.82.112.3", 22))"#),
    Probe::python("tcp-mail", "sending by another protocol", r#"reach(("1.1.1.1", 25))"#),
    Probe::python("dns-over-https", "names by an encrypted question", r#"reach(("8.8.4.4", 443))"#),
    Probe::python("dns-over-tls", "names by an encrypted question", r#"reach(("9.9.9.9", 853))"#),
    Probe::python("dns-over-tcp", "names, and data in them", r#"reach(("8.8.8.8", 53))"#),
    Probe::python("dns-over-udp", "names, and data in them", r#"datagram(("8.8.8.8", 53))"#),
    Probe::python("dns-library", "names by the system's library", r#"
try:
    socket.getaddrinfo("example.org", 443)
except socket.gaierror as error:
    raise OSError(str(error))"#),
    Probe::python("udp-host-loopback", "the machine's own services", r#"
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.settimeout(2)
peer.sendto(b"hello", ("127.0.0.1", int(E["UDP"])))
assert peer.recv(5) == b"hello" "#).anybody(),
    Probe::python("udp-internet", "anything at all", r#"datagram(("9.9.9.9", 4433))"#),
    Probe::python("udp-internet-six", "anything at all", r#"
datagram(("2606:4700:4700::1111", 443), socket.AF_INET6)"#),
    Probe::python("udp-multicast", "the machine's neighbours", r#"datagram(("224.0.0.251", 5353))"#),
    Probe::python("udp-broadcast", "the machine's neighbours", r#"
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
peer.sendto(b"x", ("255.255.255.255", 9))"#),
    Probe::python("icmp-raw", "a channel in echo requests", r#"
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)"#).root(),
    Probe::python("icmp-datagram", "a channel in echo requests", r#"
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
peer.sendto(b"\x08\0\0\0\0\0\0\0", ("1.1.1.1", 0))"#),
    Probe::python("icmp-raw-six", "a channel in echo requests", r#"
socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)"#),
    Probe::python("raw-ip", "any protocol", r#"
socket.socket(socket.AF_INET, socket.SOCK_RAW, 255)"#).root(),
    Probe::python("raw-packet", "frames of the machine's network", r#"
socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)"#),
    Probe::python("packet-datagram", "frames of the machine's network", r#"
socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 3)"#),
    Probe::python("sctp", "a protocol that no gate knows", r#"
socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, 132)"#),
    Probe::python("vsock", "the hypervisor", r#"socket.socket(40, socket.SOCK_STREAM)"#),
    Probe::python("bluetooth", "devices nearby", r#"socket.socket(31, socket.SOCK_RAW, 1)"#),
    Probe::python("kernel-crypto-socket", "kernel code with a history of holes", r#"
socket.socket(38, socket.SOCK_SEQPACKET)"#),
    Probe::python("netlink-events", "the machine's devices", r#"
socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15)"#).anybody(),
    Probe::python("netlink-audit", "the machine's audit", r#"
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)"#),
    Probe::python("netlink-firewall", "kernel code with a history of holes", r#"
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)"#),
    Probe::python("netlink-generic", "kernel code with a history of holes", r#"
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)"#).anybody(),
    Probe::python("metadata-cloud", "the machine's identity in its cloud", r#"
reach(("169.254.169.254", 80))"#),
    Probe::python("metadata-cloud-six", "the machine's identity in its cloud", r#"
reach(("fd00:ec2::254", 80), socket.AF_INET6)"#),
    Probe::python("metadata-containers", "the machine's identity in its cloud", r#"
reach(("169.254.170.2", 80))"#),
    Probe::python("metadata-azure", "the machine's identity in its cloud", r#"
reach(("168.63.129.16", 80))"#),
    Probe::python("private-network", "the machine's neighbours", r#"reach(("192.168.0.1", 80))"#),
    Probe::python("link-local-six", "the machine's neighbours", r#"
reach(("fe80::1", 80, 0, 2), socket.AF_INET6)"#),
    Probe::python("interface-other", "another interface than loopback", r#"
names = [name for _, name in socket.if_nameindex()]
assert names != ["lo"], names"#).namespaces(),
    Probe::python("interface-tunnel", "an interface of one's own", r#"
tunnel = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tunnel, 0x400454ca, struct.pack("16sH", b"probe0", 0x1001))"#),
    Probe::python("interface-change", "the loopback's settings", r#"
peer = socket.socket(socket.AF_UNIX)
fcntl.ioctl(peer, 0x8914, struct.pack("16sH22x", b"lo", 0))"#),
    Probe::python("route-add", "a route out", r#"
peer = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
message = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 4, 0, 1, 0)
message += struct.pack("=HHI", 8, 4, 1)
peer.send(struct.pack("=IHHII", 16 + len(message), 24, 0x605, 1, 0) + message)
answer = peer.recv(4096)
assert struct.unpack("=i", answer[16:20])[0] == 0, answer[16:20]"#),
    Probe::python("unix-abstract", "any program that listens by name", r#"
hello(socket.AF_UNIX, "\0" + E["ABSTRACT"])"#).anybody(),
    Probe::python("unix-path", "any program that listens in the file system", r#"
hello(socket.AF_UNIX, E["SOCKET"])"#).anybody(),
    Probe::python("unix-path-by-link", "the same by a link from the tree", r#"
link = E["TREE"] + "/link-to-socket"
if not os.path.islink(link):
    os.symlink(E["SOCKET"], link)
hello(socket.AF_UNIX, link)"#).anybody(),
    Probe::shell("docker-socket", "root on the machine", "
for path in /run/docker.sock /var/run/docker.sock /run/podman/podman.sock /run/containerd/containerd.sock /run/crio/crio.sock; do
  [ -e $path ] && exit 0
done
exit 1"),
    Probe::shell("dbus-system", "the machine's services", "
[ -e /run/dbus/system_bus_socket ] || [ -e /var/run/dbus/system_bus_socket ]"),
    Probe::shell("dbus-session", "the person's session: keychain, terminal, browser", "
[ -n \"$DBUS_SESSION_BUS_ADDRESS\" ] || ls /run/user/*/bus >/dev/null 2>&1"),
    Probe::shell("systemd-private", "starting services", "[ -e /run/systemd/private ] || [ -e /run/systemd/notify ]"),
    Probe::python("display", "the person's screen and keyboard", r#"
try:
    reach("/tmp/.X11-unix/X0", socket.AF_UNIX)
except OSError:
    reach("\0/tmp/.X11-unix/X0", socket.AF_UNIX)"#),
    Probe::python("system-log", "the machine's log", r#"
peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
peer.connect("/dev/log")"#),
    Probe::shell("agents-of-keys", "the person's keys", "
[ -n \"$SSH_AUTH_SOCK$GPG_AGENT_INFO\" ] || ls /tmp/ssh-*/agent.* >/dev/null 2>&1"),
];
