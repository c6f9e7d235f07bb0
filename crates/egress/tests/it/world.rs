//! A gate with its own internet, and real walls for what is inside.

use crate::servers;
use pilot_egress::gate::{Denied, Doors, Gate, News, Options};
use pilot_egress::inside::RESOLV_CONF;
use pilot_egress::outside::{Doing, Outside, UpstreamProxy};
use pilot_egress::policy::{self, Policy};
use pilot_egress::uplink::{Entrance, Uplink, Waiting};
use pilot_proto::network::{GateMode, NetworkDecision, NetworkEnd, NetworkPolicy};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Generous: nothing is decided by it but whether it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// The address of every server, unless a test says otherwise.
pub(crate) const PUBLIC: &str = "93.184.215.14";

/// The internet: names, and where connections to addresses really go.
#[derive(Default)]
pub(crate) struct Internet {
    /// Each look-up takes the next answer; the last one stays.
    names: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    places: Mutex<HashMap<SocketAddr, SocketAddr>>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) connected: Mutex<Vec<SocketAddr>>,
}

impl Internet {
    pub(crate) fn name(&self, name: &str, answers: &[&[&str]]) {
        let parse = |address: &&str| address.parse().expect("an address");
        let answers = answers.iter().map(|answer| answer.iter().map(parse).collect()).collect();
        self.names.lock().expect("fine").insert(name.to_owned(), answers);
    }

    pub(crate) fn place(&self, public: &str, real: SocketAddr) {
        self.places.lock().expect("fine").insert(public.parse().expect("a place"), real);
    }

    /// One server under a name with the usual address.
    pub(crate) fn server(&self, name: &str, port: u16, real: SocketAddr) {
        self.name(name, &[&[PUBLIC]]);
        self.place(&format!("{PUBLIC}:{port}"), real);
    }
}

impl Outside for Internet {
    fn resolve<'a>(&'a self, name: &'a str) -> Doing<'a, Vec<IpAddr>> {
        Box::pin(async move {
            self.asked.lock().expect("fine").push(name.to_owned());
            let mut names = self.names.lock().expect("fine");
            let none = || io::Error::new(io::ErrorKind::NotFound, "no such name");
            let answers = names.get_mut(name).ok_or_else(none)?;
            Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
        })
    }

    fn connect(&self, address: SocketAddr) -> Doing<'_, TcpStream> {
        Box::pin(async move {
            self.connected.lock().expect("fine").push(address);
            let place = self.places.lock().expect("fine").get(&address).copied();
            let nobody = || io::Error::new(io::ErrorKind::ConnectionRefused, "nobody is there");
            TcpStream::connect(place.ok_or_else(nobody)?).await
        })
    }
}

/// What happened so far.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) decisions: Vec<NetworkDecision>,
    pub(crate) ends: Vec<NetworkEnd>,
    pub(crate) denied: Vec<Denied>,
    pub(crate) lost: u64,
}

pub(crate) struct World {
    pub(crate) gate: Gate,
    pub(crate) internet: Arc<Internet>,
    pub(crate) work: JoinSet<()>,
    pub(crate) folder: TempDir,
    pub(crate) told: Told,
    /// The certificate of `secure`.
    pub(crate) ca: PathBuf,
    news: mpsc::Receiver<News>,
    ports: String,
}

pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) code: Option<i32>,
}

pub(crate) fn rules(allow: &[&str], deny: &[&str], gate: GateMode) -> Policy {
    let owned = |rules: &[&str]| rules.iter().map(ToString::to_string).collect();
    let policy =
        NetworkPolicy { gate, presets: Vec::new(), allow: owned(allow), deny: owned(deny) };
    policy::compile(&policy, &[]).expect("these rules make sense")
}

impl World {
    /// A gate that allows this and no more.
    pub(crate) fn new(allow: &[&str]) -> Self {
        Self::with(rules(allow, &[], GateMode::Enforce), None, Doors::default(), 4096)
    }

    pub(crate) fn with(
        policy: Policy,
        upstream: Option<UpstreamProxy>,
        doors: Doors,
        room: usize,
    ) -> Self {
        let internet = Arc::new(Internet::default());
        let (sender, news) = mpsc::channel(room);
        let ports: Vec<String> = policy.ports().iter().map(ToString::to_string).collect();
        let gate = Gate::new(Options {
            policy,
            outside: Arc::clone(&internet) as Arc<dyn Outside>,
            upstream,
            doors,
            news: sender,
        });
        Self {
            gate,
            internet,
            work: JoinSet::new(),
            folder: tempfile::tempdir().expect("a folder"),
            told: Told::default(),
            ca: PathBuf::new(),
            news,
            ports: ports.join(",") + ",",
        }
    }

    /// `web.test`: HTTP on 80 and TLS on 443 that mirror requests. Its
    /// certificate is for `other.test` too.
    pub(crate) async fn web(&mut self) -> servers::Heard {
        let (plain, heard) = servers::web(&mut self.work).await;
        self.internet.server("web.test", 80, plain);
        let names = ["web.test", "other.test", "93.184.215.14"];
        let (secure, ca) = servers::tls(&mut self.work, self.folder.path(), &names).await;
        self.internet.server("web.test", 443, secure);
        self.ca = ca;
        heard
    }

    /// Serves whoever sits at the other end.
    pub(crate) fn uplink(&mut self) -> Uplink {
        let (ours, theirs) = Uplink::pair().expect("a pair");
        let gate = self.gate.clone();
        let uplink = Uplink::new(ours).expect("an uplink");
        self.work.spawn(async move {
            gate.serve(uplink, CancellationToken::new()).await.expect("the gate serves");
        });
        Uplink::new(theirs).expect("an uplink")
    }

    /// Starts a shell script inside real walls, with the real forwarder.
    pub(crate) fn start(&mut self, script: &str) -> Child {
        let path = self.folder.path().join("uplink");
        let waiting = Waiting::bind(&path).expect("an uplink");
        let gate = self.gate.clone();
        self.work.spawn(async move {
            let uplink = waiting.accept().await.expect("a forwarder");
            gate.serve(uplink, CancellationToken::new()).await.expect("the gate serves");
        });
        walls(self.folder.path(), &path, &self.ports)
            .env("CA", &self.ca)
            .args(["sh", "-c", script])
            .spawn()
            .expect("bubblewrap starts; the package is `bubblewrap`")
    }

    /// Runs it to its end.
    pub(crate) async fn inside(&mut self, script: &str) -> Output {
        let child = self.start(script);
        finish(child).await
    }

    /// Takes what was told until now.
    pub(crate) fn listen(&mut self) -> &Told {
        while let Ok(news) = self.news.try_recv() {
            self.hear(news);
        }
        &self.told
    }

    /// Waits until what was told is enough.
    pub(crate) async fn hears(&mut self, enough: impl Fn(&Told) -> bool) -> &Told {
        let waiting = async {
            while !enough(&self.told) {
                let news = self.news.recv().await.expect("the gate is there");
                self.hear(news);
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("never told; only {:?} {:?}", self.told.decisions, self.told.ends);
        }
        &self.told
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Decided(decision) => self.told.decisions.push(decision),
            News::Ended(end) => self.told.ends.push(end),
            News::Denied(denied) => self.told.denied.push(denied),
            News::Lost(count) => self.told.lost += count,
        }
    }
}

/// Bubblewrap with nothing but loopback, the forwarder as its first process.
pub(crate) fn walls(folder: &Path, uplink: &Path, ports: &str) -> Command {
    let resolv = folder.join("resolv.conf");
    std::fs::write(&resolv, RESOLV_CONF).expect("a file");
    // A link would be followed to where nothing can be bound.
    let real = std::fs::canonicalize("/etc/resolv.conf").expect("the machine resolves names");
    let mut command = Command::new("bwrap");
    command
        .args(["--unshare-user", "--unshare-net", "--unshare-pid", "--die-with-parent"])
        .args(["--cap-add", "CAP_NET_BIND_SERVICE", "--cap-add", "CAP_NET_ADMIN"])
        .args(["--ro-bind", "/", "/", "--dev", "/dev"])
        .args(["--proc", "/proc", "--bind"])
        .args([folder, folder])
        .arg("--ro-bind")
        .args([&resolv, &real])
        .arg("--chdir")
        .arg(folder)
        .arg(example("forwarder"))
        .args([uplink, Path::new(ports)])
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Examples are built with the tests, beside them.
pub(crate) fn example(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("we are a program");
    let path = own.ancestors().nth(2).expect("deps is in a profile").join("examples").join(name);
    assert!(path.exists(), "`cargo test` builds {}; `--test it` alone does not", path.display());
    path
}

/// Both outputs, one after the other.
pub(crate) async fn finish(child: Child) -> Output {
    let done = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = done.expect("it ends").expect("it runs");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text += &String::from_utf8_lossy(&output.stderr);
    Output { text, code: output.status.code() }
}

/// A client's connection that went through an entrance, without walls.
pub(crate) async fn enter(uplink: &Uplink, entrance: Entrance) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let accepted = accepted.expect("accepted").0;
    uplink
        .hand_over(entrance, Some("test (1)".to_owned()), accepted.as_fd())
        .await
        .expect("handed over");
    client.expect("connected")
}

/// Says it and reads to the end.
pub(crate) async fn converse(mut stream: TcpStream, say: &[u8]) -> String {
    stream.write_all(say).await.expect("said");
    let mut heard = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
    // A reset after the last word is an end as well.
    drop(read.expect("it ends"));
    String::from_utf8_lossy(&heard).into_owned()
}
