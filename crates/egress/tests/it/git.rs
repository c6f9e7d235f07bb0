//! The git broker, between the real git and a real git server.

use flate2::Compression;
use flate2::write::GzEncoder;
use pilot_egress::git::{Broker, BrokerError, Settings};
use pilot_proto::Secret;
use pilot_proto::network::{Door, NetworkDecision};
use pilot_proto::project::GitGrant;
use pilot_testkit::git_http::{GitHttp, Login};
use pilot_testkit::repo::{BareRepo, Entry, GitWorld};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const TOKEN: &str = "forge-token-0123456789";
const BRANCH: &str = "pilot/task-1";

/// A repository on a server that wants a token, a broker before it, and a
/// private HOME that knows nothing but the broker.
struct World {
    repo: BareRepo,
    server: GitHttp,
    broker: Broker,
    port: u16,
    home: TempDir,
    decided: Arc<Mutex<Vec<NetworkDecision>>>,
    push: Arc<Mutex<Result<(), String>>>,
    _git: GitWorld,
    _serving: JoinSet<()>,
}

impl World {
    async fn start() -> Self {
        let git = GitWorld::new();
        let repo = git.demo("acme/demo.git");
        git.demo("acme/demo-docs.git");
        let server = GitHttp::start(git.root()).await.with_token(TOKEN);
        let decided = Arc::new(Mutex::new(Vec::new()));
        let push = Arc::new(Mutex::new(Ok(())));
        let broker = Broker::new(Settings {
            repo: server.url("acme/demo.git"),
            grant: Some(GitGrant::new("pilot", Secret::new(TOKEN))),
            branch: BRANCH.to_owned(),
            may_push: {
                let push = Arc::clone(&push);
                Arc::new(move || push.lock().expect("no panic in here").clone())
            },
            decided: {
                let decided = Arc::clone(&decided);
                Arc::new(move |one| decided.lock().expect("no panic in here").push(one))
            },
        })
        .expect("the repository is on HTTP");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let mut serving = JoinSet::new();
        let serving_broker = broker.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("it listens");
                let broker = serving_broker.clone();
                connections.spawn(async move { broker.serve(stream).await });
            }
        });
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        let world =
            Self { repo, server, broker, port, home, decided, push, _git: git, _serving: serving };
        for (key, value) in world.broker.config(port) {
            world.ok(world.home.path(), &["config", "--global", "--add", &key, &value]).await;
        }
        world
    }

    /// Runs git inside, with nothing but the private HOME.
    async fn git(&self, directory: &Path, args: &[&str]) -> Output {
        let command = tokio::process::Command::new("git")
            .args(args)
            .current_dir(directory)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "Agent")
            .env("GIT_AUTHOR_EMAIL", "agent@example.org")
            .env("GIT_COMMITTER_NAME", "Agent")
            .env("GIT_COMMITTER_EMAIL", "agent@example.org")
            // As in the walls: the way out goes through a proxy.
            .env("http_proxy", "http://127.0.0.1:1")
            .kill_on_drop(true)
            .output();
        let patience = std::time::Duration::from_secs(60);
        let ended = tokio::time::timeout(patience, command).await.expect("git ends in time");
        ended.expect("git is installed")
    }

    async fn ok(&self, directory: &Path, args: &[&str]) -> String {
        let output = self.git(directory, args).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?} fails: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What git says when it fails, as it must.
    async fn fails(&self, directory: &Path, args: &[&str]) -> String {
        let output = self.git(directory, args).await;
        assert!(!output.status.success(), "git {args:?} must fail");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A clone by the address that the project has, with a commit of its own.
    async fn clone(&self) -> PathBuf {
        let tree = self.home.path().join("tree");
        let url = self.server.url("acme/demo.git");
        self.ok(self.home.path(), &["clone", "--quiet", &url, "tree"]).await;
        self.ok(&tree, &["checkout", "--quiet", "-b", BRANCH]).await;
        std::fs::write(tree.join("new.txt"), "new\n").expect("the tree can be written");
        self.ok(&tree, &["add", "new.txt"]).await;
        self.ok(&tree, &["commit", "--quiet", "-m", "new"]).await;
        tree
    }

    fn decided(&self) -> Vec<NetworkDecision> {
        std::mem::take(&mut self.decided.lock().expect("no panic in here"))
    }

    /// Everything below HOME, as a thief would read it.
    fn everything_inside(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("it is ours").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    all.extend(std::fs::read(path).expect("it is ours"));
                }
            }
        }
        all
    }
}

#[tokio::test]
async fn fetch_and_push_work_without_a_token_inside() {
    let world = World::start().await;
    let tree = world.clone().await;
    let head = world.ok(&tree, &["rev-parse", "HEAD"]).await;
    world.ok(&tree, &["push", "--quiet", "origin", BRANCH]).await;
    assert_eq!(world.repo.head(BRANCH), Some(head));
    let theirs = world.repo.commit("main", "theirs", &[("a", Entry::file("a"))]);
    world.ok(&tree, &["fetch", "--quiet", "origin"]).await;
    assert_eq!(world.ok(&tree, &["rev-parse", "origin/main"]).await, theirs);
    // An old protocol and an amended branch, which this server takes.
    world.ok(&tree, &["-c", "protocol.version=0", "fetch", "--quiet", "origin"]).await;
    world.ok(&tree, &["commit", "--quiet", "--amend", "-m", "amended"]).await;
    world.ok(&tree, &["push", "--quiet", "--force", "origin", BRANCH]).await;

    let login = Login::Basic { user: "pilot".to_owned(), password: TOKEN.to_owned() };
    let requests = world.server.requests();
    assert!(requests.iter().all(|request| request.login == Some(login.clone())));
    assert!(requests.iter().any(|request| request.protocol.as_deref() == Some("version=2")));
    let inside = world.everything_inside();
    let found = inside.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
    assert!(!found, "the token is nowhere inside");
    assert!(!format!("{:?}", world.broker).contains(TOKEN));
    let decided = world.decided();
    assert!(decided.iter().all(|one| one.allowed && one.door == Door::Git && one.port != 0));
    let paths: Vec<_> = decided.iter().filter_map(|one| one.path.as_deref()).collect();
    assert!(paths.contains(&"/demo/info/refs") || paths.contains(&"/demo.git/info/refs"));
    assert!(paths.iter().any(|path| path.ends_with("/git-receive-pack")), "{paths:?}");
}

#[tokio::test]
async fn every_spelling_of_the_repository_leads_to_the_broker() {
    let world = World::start().await;
    let address = world.server.addr();
    for url in [
        format!("http://{address}/acme/demo"),
        format!("http://{address}/acme/demo.git"),
        format!("http://git@{address}/acme/demo.git"),
        "git@127.0.0.1:acme/demo.git".to_owned(),
        "ssh://git@127.0.0.1/acme/demo.git".to_owned(),
    ] {
        let refs = world.ok(world.home.path(), &["ls-remote", &url, "main"]).await;
        assert!(refs.ends_with("refs/heads/main"), "{url}: {refs}");
    }
}

#[tokio::test]
async fn a_push_of_anything_else_is_refused_in_words_that_git_shows() {
    let world = World::start().await;
    let tree = world.clone().await;
    world.ok(&tree, &["push", "--quiet", "origin", BRANCH]).await;
    let main = world.repo.head("main");
    world.decided();
    let only = "this run may push only its own branch `pilot/task-1`";
    let check = async |args: &[&str], words: &str| {
        let said = world.fails(&tree, &[&["push", "origin"], args].concat()).await;
        assert!(said.contains("[remote rejected]") && said.contains(words), "{args:?}: {said}");
        let decided = world.decided();
        let last = decided.last().expect("a decision");
        assert!(!last.allowed && last.because.contains(words), "{args:?}: {last:?}");
    };
    check(&["HEAD:main"], only).await;
    check(&["HEAD:refs/tags/v1"], only).await;
    check(&["HEAD:refs/heads/other", BRANCH], only).await;
    check(&["--delete", BRANCH], "this run may not delete its branch").await;
    *world.push.lock().expect("no panic in here") = Err("a person has to look first".to_owned());
    std::fs::write(tree.join("big"), noise(3 * 1024 * 1024)).expect("the tree can be written");
    world.ok(&tree, &["add", "big"]).await;
    world.ok(&tree, &["commit", "--quiet", "-m", "big"]).await;
    check(&[BRANCH], "a person has to look first").await;
    assert_eq!(world.repo.head("main"), main, "nothing has changed");
    assert_eq!(world.repo.branches().len(), 2);
    *world.push.lock().expect("no panic in here") = Ok(());
    // Longer than git sends in one piece: it asks first, and then in chunks.
    world.ok(&tree, &["push", "--quiet", "origin", BRANCH]).await;
    assert_eq!(world.repo.head(BRANCH), Some(world.ok(&tree, &["rev-parse", "HEAD"]).await));
}

/// Bytes that no compression makes shorter.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

#[tokio::test]
async fn what_is_not_the_projects_repository_is_not_brokered() {
    let world = World::start().await;
    let key = world.broker.config(world.port).remove(0).0;
    let here = key.trim_start_matches("url.").trim_end_matches(".insteadOf").to_owned();
    let (before, _) = here.rsplit_once('/').expect("a path");
    let refs = "info/refs?service=git-upload-pack";
    for path in [
        format!("{before}/other/{refs}"),
        format!("{here}/../other/{refs}"),
        format!("{here}/HEAD"),
        format!("{here}/objects/info/packs"),
        format!("{here}.git/info/lfs/objects/batch"),
        format!("{here}/{refs}&x=1"),
        format!("http://127.0.0.1:{}/git/0000/demo/{refs}", world.port),
        format!("http://127.0.0.1:{}/", world.port),
    ] {
        let path = path.split_once("127.0.0.1").expect("a host").1.split_once('/').expect("so").1;
        let said = raw(world.port, &format!("GET /{path} HTTP/1.0\r\n\r\n").into_bytes()).await;
        assert!(said.starts_with("HTTP/1.0 403"), "{path}: {said}");
        assert!(said.contains("only fetches and pushes of the project's own repository"), "{said}");
    }
    assert!(world.decided().iter().all(|one| !one.allowed));
    assert_eq!(world.server.requests(), [], "the server was not even asked");
    // One whose address only begins like ours is asked for where it is.
    let docs = world.server.url("acme/demo-docs.git");
    let said = raw(
        world.port,
        format!(
            "GET /{}-docs.git/{refs} HTTP/1.0\r\n\r\n",
            here.splitn(4, '/').last().expect("a path")
        )
        .as_bytes(),
    )
    .await;
    assert!(said.contains(&format!("location: {docs}/{refs}")), "{said}");
}

/// A request as no git would send it.
async fn raw(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    stream.write_all(request).await.expect("it is served");
    let mut said = Vec::new();
    let patience = std::time::Duration::from_secs(30);
    let read = tokio::time::timeout(patience, stream.read_to_end(&mut said)).await;
    read.expect("an answer in time").expect("it is served");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_compressed_push_cannot_hide_what_it_does() {
    let world = World::start().await;
    let new = "1111111111111111111111111111111111111111";
    let line = format!("{} {new} refs/heads/main\0report-status", "0".repeat(40));
    let body = format!("{:04x}{line}0000", line.len() + 4);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes()).expect("memory takes it");
    let body = encoder.finish().expect("memory takes it");
    let key = world.broker.config(world.port).remove(0).0;
    let path = key.split_once("/git/").expect("a path").1.trim_end_matches(".insteadOf");
    let mut request = format!(
        "POST /git/{path}/git-receive-pack HTTP/1.0\r\ncontent-encoding: gzip\r\n\
        content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);
    let said = raw(world.port, &request).await;
    assert!(said.contains("ng refs/heads/main this run may push only its own branch"), "{said}");
    assert_eq!(world.server.requests(), []);
}

#[tokio::test]
async fn a_server_that_refuses_is_named_and_nobody_inside_is_asked_for_a_password() {
    let world = World::start().await;
    let tree = world.clone().await;
    world.server.forbid_pushes(Some(&format!("no pushes with {TOKEN}")));
    let said = world.fails(&tree, &["push", "origin", BRANCH]).await;
    assert!(said.contains("403") && !said.contains(TOKEN), "{said}");
    let world = World { server: world.server.with_token("another"), ..world };
    let said = world.fails(&tree, &["fetch", "origin"]).await;
    assert!(said.contains("the repository refuses the login of this run"), "{said}");
    assert!(!said.contains("Username"), "{said}");
}

#[test]
fn a_repository_that_is_not_on_http_has_no_broker() {
    let check = |repo: &str| {
        let settings = Settings {
            repo: repo.to_owned(),
            grant: None,
            branch: BRANCH.to_owned(),
            may_push: Arc::new(|| Ok(())),
            decided: Arc::new(|_| {}),
        };
        Broker::new(settings).expect_err("there is nothing to broker")
    };
    assert!(matches!(check("/srv/git/demo.git"), BrokerError::Local));
    assert!(matches!(check("file:///srv/git/demo.git"), BrokerError::Local));
    assert!(matches!(check("git@example.org:acme/demo.git"), BrokerError::Ssh));
}
