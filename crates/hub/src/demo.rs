//! The built-in project `demo`: a small bare repository beside the hub's data,
//! and a script for the built-in agent, so that a first task needs no account
//! and no key.

use crate::error::HubError;
use crate::options::PROGRAMS;
use pilot_proto::network::NetworkPolicy;
use pilot_proto::{Project, WallsWish};
use pilot_store::{Change, Commit, Store};
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Its name.
const NAME: &str = "demo";
/// A fixed time, so that the first commit is the same everywhere.
const WHEN: &str = "1700000000 +0000";

const FILES: [(&str, &str); 3] = [
    ("README.md", include_str!("demo/README.md")),
    ("src/greet.sh", include_str!("demo/greet.sh")),
    ("demo.pilot", include_str!("demo/demo.pilot")),
];

/// Makes the repository and the project, where they are missing.
pub(crate) async fn ensure(data: &Path, store: &Store) -> Result<(), HubError> {
    let repository = data.join("demo.git");
    if !repository.join("HEAD").exists() {
        // Beside its place first: a start that was killed half-way leaves no
        // repository without a commit.
        let draft = data.join("demo.git.new");
        make(&draft).await.map_err(|reason| HubError::Demo { reason })?;
        std::fs::rename(&draft, &repository)
            .map_err(|error| HubError::Demo { reason: error.to_string() })?;
    }
    let known = store.projects().await.map_err(HubError::Store)?;
    if known.iter().any(|project| project.name == NAME) {
        return Ok(());
    }
    let project = Project {
        name: NAME.to_owned(),
        repo: repository.display().to_string(),
        forge: None,
        base: Some("main".to_owned()),
        agent: "scripted".to_owned(),
        setup: Vec::new(),
        network: NetworkPolicy::default(),
        walls: WallsWish::default(),
        secrets: Vec::new(),
        permissions: Default::default(),
        profile: None,
        review: None,
        children: Default::default(),
        remote_control: false,
        actions: Vec::new(),
        pull_requests: Default::default(),
    };
    let commit = Commit { journal: Vec::new(), changes: vec![Change::PutProject(project)] };
    store.commit(&commit).await.map(drop).map_err(HubError::Store)
}

async fn make(path: &Path) -> Result<(), String> {
    if path.exists() {
        std::fs::remove_dir_all(path).map_err(|error| error.to_string())?;
    }
    let place = path.display().to_string();
    git(&["init", "--quiet", "--bare", "--initial-branch=main", &place], "").await?;
    let mut stream =
        format!("commit refs/heads/main\ncommitter Pilothouse <demo@pilothouse.invalid> {WHEN}\n");
    stream.push_str(&data("Begin the demo\n"));
    for (name, contents) in FILES {
        let mode = if name.ends_with(".sh") { "100755" } else { "100644" };
        stream.push_str(&format!("M {mode} inline {name}\n{}", data(contents)));
    }
    stream.push_str("\ndone\n");
    git(&["--git-dir", &place, "fast-import", "--quiet", "--done"], &stream).await
}

fn data(contents: &str) -> String {
    format!("data {}\n{contents}\n", contents.len())
}

async fn git(args: &[&str], input: &str) -> Result<(), String> {
    let mut child = Command::new("git")
        .args(args)
        .env_clear()
        .env("PATH", PROGRAMS)
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("git cannot be run: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // If git has gone already, its own words say why better than ours.
        stdin.write_all(input.as_bytes()).await.ok();
    }
    let output = child.wait_with_output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
