//! Programs that know no proxy.

use crate::servers;
use crate::world::{World, rules};
use pilot_egress::gate::{Arrival, Doors};
use pilot_proto::network::{Door, GateMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

#[tokio::test]
async fn http_and_tls_work_without_a_proxy() {
    let mut world = World::new(&["web.test"]);
    world.web().await;
    let output = world
        .inside(
            "curl -qsS --noproxy '*' http://web.test/plain && \
             curl -qsS --noproxy '*' --cacert $CA https://web.test/secure",
        )
        .await;
    assert!(output.text.contains("GET /plain "), "{}", output.text);
    assert!(output.text.contains("GET /secure "), "{}", output.text);
    let told = world.hears(|told| told.ends.len() == 2).await;
    let doors: Vec<_> =
        told.decisions.iter().map(|decision| (decision.door, decision.port)).collect();
    assert_eq!(doors, [(Door::Dns, 0), (Door::Http, 80), (Door::Tls, 443)]);
}

#[tokio::test]
async fn another_name_on_the_same_address_is_refused() {
    let mut world = World::new(&["web.test", "http://plain.test"]);
    let heard = world.web().await;
    let output = world
        .inside(
            "A='--noproxy * --cacert '$CA; set -f; \
             curl -qsS $A -H 'Host: other.test' http://web.test/; \
             curl -qsS $A --connect-to other.test:443:web.test:443 https://other.test/; \
             curl -qsS $A https://plain.test/; \
             curl -qsS $A http://127.0.0.1:80/; curl -qsS $A https://127.0.0.1/; \
             python3 -c 'import socket; s=socket.create_connection((\"web.test\",443)); \
              s.sendall(b\"SSH-2.0-x\\r\\n\"); print(s.recv(9))'; true",
        )
        .await;
    assert!(output.text.contains("may not reach `other.test:80`"), "{}", output.text);
    assert!(output.text.contains("unrecognized name"), "{}", output.text);
    assert!(output.text.contains("access denied"), "{}", output.text);
    assert!(!output.text.contains("GET / "), "{}", output.text);
    assert!(heard.lock().expect("fine").is_empty(), "no server was asked");
    let told = world.listen();
    let because: Vec<_> = told.denied.iter().map(|denied| denied.because.as_str()).collect();
    assert!(because.contains(&"its `Host` is another than `web.test`, which was connected to"));
    assert!(because.contains(&"its TLS is for another host than `web.test`"), "{because:?}");
    assert!(because.contains(&"it is not TLS"), "{because:?}");
}

const TALK: &str = r#"cat > talk.py <<'PY'
import socket
def talk(host, port, proxy=False):
    if proxy:
        s = socket.create_connection(("127.0.0.1", 3128), 60)
        s.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"): head += s.recv(1)
    else:
        s = socket.create_connection((host, port), 60)
    s.sendall(b"x" * 300000)
    s.shutdown(socket.SHUT_WR)
    answer = b""
    while piece := s.recv(65536): answer += piece
    return answer
print(len(talk("echo.test", 7000)), len(talk("echo.test", 7000, True)))
s = socket.create_connection(("greets.test", 2222), 60)
print(s.recv(64)); s.sendall(b"to you"); print(s.recv(64))
s = socket.create_connection(("ssh.test", 22), 60)
s.sendall(b"SSH-2.0-x\r\n"); print("closed", s.recv(64))
try: socket.create_connection(("echo.test", 7001), 60)
except OSError as error: print(error)
PY
python3 talk.py"#;

#[tokio::test]
async fn other_ports_work_where_a_rule_names_them_with_half_closes_and_greetings() {
    let mut world = World::new(&["echo.test:7000", "greets.test:2222", "ssh.test"]);
    let echo = servers::echo(&mut world.work).await;
    world.internet.server("echo.test", 7000, echo);
    let greeter = servers::greeter(&mut world.work).await;
    world.internet.server("greets.test", 2222, greeter);
    let output = world.inside(TALK).await;
    assert!(output.text.contains("300000 300000"), "{}", output.text);
    assert!(output.text.contains("b'hello from the server\\n'"), "{}", output.text);
    assert!(output.text.contains("b'to you'"), "{}", output.text);
    assert!(output.text.contains("closed b''"), "{}", output.text);
    assert!(output.text.contains("refused"), "nothing listens there: {}", output.text);
    let told = world.hears(|told| !told.denied.is_empty()).await;
    assert_eq!((told.denied[0].host.as_str(), told.denied[0].port), ("ssh.test", 22));
    let tcp = told.decisions.iter().find(|decision| decision.port == 7000).expect("told");
    assert_eq!(tcp.door, Door::Tcp);
}

const LATER: &str = r#"cat > talk.py <<'PY'
import socket, time
print("waiting", flush=True)
while True:
    try: s = socket.create_connection(("echo.test", 7000), 60); break
    except ConnectionRefusedError: time.sleep(0.05)
s.sendall(b"later"); s.shutdown(socket.SHUT_WR); print(s.recv(64))
PY
python3 talk.py"#;

#[tokio::test]
async fn a_port_that_is_allowed_later_is_listened_on_then() {
    let mut world = World::new(&["echo.test"]);
    let echo = servers::echo(&mut world.work).await;
    world.internet.server("echo.test", 7000, echo);
    let mut child = world.start(LATER);
    let mut waiting = [0; 7];
    child.stdout.as_mut().expect("piped").read_exact(&mut waiting).await.expect("it waits");
    world.gate.allow("echo.test:7000").expect("a rule");
    let output = crate::world::finish(child).await;
    assert!(output.text.contains("b'later'"), "{}", output.text);
}

#[tokio::test]
async fn the_doors_of_model_and_git_lead_to_whoever_is_behind_them() {
    let (sender, mut arrivals) = mpsc::channel::<Arrival>(4);
    let doors = Doors { model: Some(sender), git: None };
    let mut world = World::with(rules(&[], &[], GateMode::Enforce), None, doors, 64);
    world.work.spawn(async move {
        while let Some(mut arrival) = arrivals.recv().await {
            let mut said = [0; 5];
            arrival.stream.read_exact(&mut said).await.expect("five bytes");
            let process = arrival.process.unwrap_or_default();
            let answer = format!("{said:?} of {process}");
            arrival.stream.write_all(answer.as_bytes()).await.expect("said");
        }
    });
    let output = world
        .inside(
            "python3 -c 'import socket; s=socket.create_connection((\"127.0.0.1\",3129)); \
             s.sendall(b\"model\"); print(s.recv(99)); \
             s=socket.create_connection((\"127.0.0.1\",3130)); print(\"git\", s.recv(9))'",
        )
        .await;
    assert!(output.text.contains("[109, 111, 100, 101, 108] of python"), "{}", output.text);
    assert!(output.text.contains("git b''"), "nobody is there: {}", output.text);
}
