//! Names inside the walls.

use crate::world::World;
use pilot_proto::network::Door;

const ASK: &str = r#"getent ahostsv4 web.test | head -1; getent ahostsv4 WEB.test | head -1
getent ahosts a.wild.test | head -1
getent hosts evil.test; echo "getent $?"
cat > names.py <<'PY'
import socket, struct
try: socket.getaddrinfo("evil.test", 443)
except socket.gaierror as error: print("python", error)
def ask(name, kind, tcp=False, extra=b"", additional=0):
    q = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, additional)
    q += b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"
    q += struct.pack(">HH", kind, 1) + extra
    if tcp:
        s = socket.create_connection(("127.0.0.1", 53), 60)
        s.sendall(struct.pack(">H", len(q)) + q); s.recv(2)
        a = s.recv(999)
    else:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
        s.sendto(q, ("127.0.0.1", 53)); a = s.recv(999)
    return a[3] & 15, a[7], a
for name, kind in [("web.test", 1), ("web.test", 28), ("web.test", 65), ("web.test", 16),
                   ("evil.test", 1), ("x" * 60 + ".evil.test", 16)]:
    print(name[:9], kind, ask(name, kind)[:2])
print("tcp", ask("web.test", 1, True)[:2])
opt = b"\0\0\x29\x10\0\0\0\0\0\0\0"
print("why", ask("evil.test", 1, False, opt, 1)[2][-160:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"junk", ("127.0.0.1", 53))
print("after junk", ask("web.test", 1)[:2])
PY
python3 names.py"#;

#[tokio::test]
async fn only_allowed_names_exist_and_none_is_asked_for_outside() {
    let mut world = World::new(&["web.test", "*.wild.test"]);
    let output = world.inside(ASK).await;
    let text = &output.text;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("127.64."), "{text}");
    assert_eq!(lines[0].split(' ').next(), lines[1].split(' ').next(), "{text}");
    assert!(lines[2].starts_with("127.64."), "{text}");
    for line in [
        "getent 2",
        "Name or service not known",
        "web.test 1 (0, 1)",
        "web.test 28 (0, 0)",
        "web.test 65 (0, 0)",
        "web.test 16 (4, 0)",
        "evil.test 1 (3, 0)",
        "xxxxxxxxx 16 (3, 0)",
        "tcp (0, 1)",
        "after junk (0, 1)",
        "Pilothouse: this run may not reach `evil.test`",
    ] {
        assert!(text.contains(line), "`{line}` in {text}");
    }
    assert!(world.internet.asked.lock().expect("fine").is_empty(), "a look-up carries nothing out");
    let told = world.listen();
    assert!(told.decisions.iter().all(|decision| decision.door == Door::Dns && decision.port == 0));
    let allowed: Vec<_> = told.decisions.iter().filter(|decision| decision.allowed).collect();
    assert_eq!(allowed.len(), 2, "each name once: {allowed:?}");
    let first = told.denied.iter().filter(|denied| denied.host == "evil.test").count();
    assert_eq!(first, 1, "a person is asked once");
}
