//! Many, slow, large and hostile connections.

use crate::servers;
use crate::world::{PATIENCE, PUBLIC, World, converse, enter, example, finish, rules, walls};
use pilot_egress::gate::Doors;
use pilot_egress::uplink::Entrance;
use pilot_proto::network::GateMode;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;

/// A gate in its own process, so that what it holds can be counted.
struct Alone {
    gate: Child,
    said: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
}

impl Alone {
    async fn start(port: u16, real: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut gate = Command::new(example("gate"))
            .arg(folder.path().join("uplink"))
            .args(["far.test,far.test:7000", &format!("{PUBLIC}:{port}={real}")])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the gate starts");
        let mut said = BufReader::new(gate.stdout.take().expect("piped")).lines();
        assert_eq!(said.next_line().await.expect("a line").as_deref(), Some("ready"));
        Self { gate, said, folder }
    }

    fn inside(&self, script: &str) -> Child {
        let uplink = self.folder.path().join("uplink");
        let mut command = walls(self.folder.path(), &uplink, "7000,");
        command.args(["sh", "-c", script]).spawn().expect("bubblewrap starts")
    }

    fn proc(&self, what: &str) -> PathBuf {
        Path::new("/proc").join(self.gate.id().expect("it runs").to_string()).join(what)
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).expect("proc").count()
    }

    fn peak_kilobytes(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).expect("proc");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
    }
}

const MANY: &str = r#"cat > many.py <<'PY'
import socket, sys, threading
def one(proxy):
    s = socket.create_connection(("127.0.0.1", 3128) if proxy else ("far.test", 7000), 100)
    if proxy:
        s.sendall(b"CONNECT far.test:7000 HTTP/1.1\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"): head += s.recv(999)
    s.sendall(b"ping"); s.shutdown(socket.SHUT_WR)
    assert s.recv(9) == b"ping"
    s.close()
def some(count):
    for number in range(count): one(number % 2)
threads = [threading.Thread(target=some, args=(int(sys.argv[1]) // 20,)) for _ in range(20)]
for t in threads: t.start()
for t in threads: t.join()
PY
forwarder() { ls /proc/$PPID/fd | wc -l; }
python3 many.py 100; forwarder; read go; python3 many.py 10000; forwarder; read go"#;

#[tokio::test]
async fn ten_thousand_connections_leave_nothing_behind() {
    let mut work = JoinSet::new();
    let echo = servers::echo(&mut work).await;
    let alone = Alone::start(7000, echo).await;
    let mut child = alone.inside(MANY);
    let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
    let before = output.next_line().await.expect("a line").expect("the first hundred went through");
    let own = alone.descriptors();
    let input = child.stdin.as_mut().expect("piped");
    input.write_all(b"\n").await.expect("it reads");
    let after = tokio::time::timeout(PATIENCE, output.next_line()).await.expect("it ends");
    assert_eq!(after.expect("a line").as_deref(), Some(before.as_str()), "the forwarder's");
    // The last ones may be closing still.
    let settle = async {
        while alone.descriptors() > own {
            tokio::task::yield_now().await;
        }
    };
    let settled = tokio::time::timeout(PATIENCE, settle).await;
    assert!(settled.is_ok(), "{} descriptors after {own}", alone.descriptors());
    input.write_all(b"\n").await.expect("it reads");
    let Alone { mut said, mut gate, .. } = alone;
    let rest = finish(child).await;
    assert!(!rest.text.contains("Error"), "{}", rest.text);
    let figures = said.next_line().await.expect("a line").expect("it says what it did");
    assert!(figures.contains("open: 0") && figures.contains("lost: 0"), "{figures}");
    assert!(gate.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn a_gigabyte_passes_at_constant_memory() {
    const LENGTH: u64 = 1 << 30;
    let mut work = JoinSet::new();
    for arguments in ["--noproxy '*'", "--proxytunnel"] {
        let source = servers::source(&mut work, LENGTH).await;
        let alone = Alone::start(80, source).await;
        let script = format!(
            "curl -qsS {arguments} -o /dev/null -w '%{{size_download}}' http://far.test/; read go"
        );
        let mut child = alone.inside(&script);
        let before = alone.peak_kilobytes();
        let mut size = [0; 10];
        let read = child.stdout.as_mut().expect("piped").read_exact(&mut size);
        tokio::time::timeout(PATIENCE, read).await.expect("it ends").expect("a size");
        assert_eq!(String::from_utf8_lossy(&size), LENGTH.to_string(), "{arguments}");
        let grown = alone.peak_kilobytes() - before;
        assert!(grown < 24 * 1024, "{arguments}: {grown} KiB more for a gigabyte");
        drop(child.stdin.take());
        finish(child).await;
    }
}

#[tokio::test]
async fn slow_and_oversize_requests_end() {
    let mut world = World::new(&["web.test"]);
    world.web().await;
    let uplink = world.uplink();
    // Half a head, and nothing more: closed in time, though nobody hangs up.
    let loris = enter(&uplink, Entrance::Proxy).await;
    let slow = converse(loris, b"GET http://web.test/ HTTP/1.1\r\nX-Slow: ");
    let large = "x".repeat(200_000);
    let large = format!("GET http://web.test/ HTTP/1.1\r\nX-Large: {large}\r\n\r\n");
    let client = enter(&uplink, Entrance::Proxy).await;
    let many = "X-Many: 1\r\n".repeat(500);
    let many = format!("GET http://web.test/ HTTP/1.1\r\n{many}\r\n");
    let crowd = enter(&uplink, Entrance::Proxy).await;
    let (slow, large, many) = tokio::join!(
        slow,
        write_then_read(client, large.as_bytes()),
        write_then_read(crowd, many.as_bytes())
    );
    assert!(slow.is_empty() || slow.starts_with("HTTP/1.1 408"), "{slow}");
    assert!(large.is_empty() || large.starts_with("HTTP/1.1 431"), "{large}");
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
    assert!(world.listen().decisions.is_empty(), "none of them was a request");
}

/// A server may hang up in the middle of what it will not read.
async fn write_then_read(mut stream: tokio::net::TcpStream, say: &[u8]) -> String {
    drop(stream.write_all(say).await);
    converse(stream, b"").await
}

#[tokio::test]
async fn equal_refusals_are_gathered_and_what_nobody_takes_is_counted() {
    let mut world = World::new(&[]);
    let uplink = world.uplink();
    let request = "GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n".repeat(99)
        + "GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n";
    converse(enter(&uplink, Entrance::Proxy).await, request.as_bytes()).await;
    let told = world
        .hears(|told| told.decisions.iter().map(|decision| decision.count).sum::<u32>() == 100)
        .await;
    assert!(told.decisions.len() < 50, "{} lines for a hundred alike", told.decisions.len());
    assert_eq!(told.denied.len(), 1);
    assert_eq!(world.gate.figures().denied, 100);

    let nothing = rules(&[], &[], GateMode::Enforce);
    let mut deaf = World::with(nothing, None, Doors::default(), 4);
    let uplink = deaf.uplink();
    let mut request = String::new();
    for number in 0..50 {
        let host = format!("evil{number}.test");
        request += &format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
    }
    request += "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    converse(enter(&uplink, Entrance::Proxy).await, request.as_bytes()).await;
    let told = deaf.hears(|told| told.lost > 0).await;
    let heard = told.decisions.len() + told.denied.len();
    assert_eq!(told.lost, 100 - heard as u64, "each was told or counted");
    let lost = told.lost;
    assert_eq!(deaf.gate.figures().lost, lost);
}

#[tokio::test]
async fn a_wildcard_is_no_way_to_carry_data_out_in_names() {
    let mut world = World::new(&["*.wild.test"]);
    let uplink = world.uplink();
    let mut request = String::new();
    for number in 0..300 {
        let host = format!("{number:040}.wild.test");
        request += &format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
    }
    request += "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answer = converse(enter(&uplink, Entrance::Proxy).await, request.as_bytes()).await;
    assert!(answer.contains("too many different names"), "{answer}");
    // A minute may have ended in between.
    let asked = world.internet.asked.lock().expect("fine").len();
    assert!(asked <= 20, "{asked} names were looked up");
}
