//! Twenty secrets, granted to a run that does its worst with them: they are
//! looked for in everything that hub, runner and forge have afterwards.

use crate::world::World;
use pilot_proto::{Task, TaskId, TaskState};
use pilot_testkit::canary::{CANARIES, every_way};
use pilot_testkit::forge::GiteaDouble;
use std::path::Path;
use tokio::runtime::Runtime;

/// A hub with sealed credentials, a runner, a forge, and a project on it whose
/// runs have all the canaries.
struct Planted {
    world: World,
    gitea: GiteaDouble,
    _runtime: Runtime,
}

fn planted() -> Planted {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime for the forge");
    let gitea = runtime.block_on(GiteaDouble::start_under("/git"));
    let token = gitea.token("alice", &["write:repository", "write:issue", "read:user"]);
    gitea.repository("alice/site");
    let mut world = World::bare();
    let passphrase = world.path("passphrase");
    std::fs::write(&passphrase, "of the hub's sealed file\n").expect("writable");
    let passphrase = passphrase.to_string_lossy().into_owned();
    world.set_hub_options(&["--credentials", "sealed", "--passphrase-file", &passphrase]);
    world.start_hub();
    world.start_runner();
    let add = ["forge", "add", "home", "--kind", "gitea", "--token-stdin", "--url"];
    world.pilot_with_input(&[&add[..], &[&gitea.url()]].concat(), &format!("{token}\n")).ok();
    let url = gitea.clone_url("alice/site");
    let add = ["project", "add", "site", "--forge", "home", "--agent", "scripted", "--repo"];
    world.pilot(&[&add[..], &[&url]].concat()).ok();
    for canary in CANARIES {
        let file = world.path("canary");
        std::fs::write(&file, canary.value).expect("writable");
        let file = file.to_string_lossy().into_owned();
        world.pilot(&["secret", "set", canary.name, "--from-file", &file]).ok();
        let (name, variable) = (canary.name, canary.name);
        world.pilot(&["project", "secret", "site", "add", name, "--env", variable]).ok();
        std::fs::remove_file(file).expect("ours");
    }
    Planted { world, gitea, _runtime: runtime }
}

/// Every way in which a program writes a secret down.
const WAYS: &str = r#"
import base64, json, os, shlex, subprocess, sys, time, urllib.parse
def ways(value):
    raw = value.encode()
    yield value
    for lead in (b"", b"x", b"xy"):
        yield base64.b64encode(lead + raw).decode()
        yield base64.urlsafe_b64encode(lead + raw).decode().rstrip("=")
    yield base64.encodebytes(raw).decode()
    yield raw.hex()
    yield raw.hex().upper()
    yield urllib.parse.quote(value, safe="")
    yield json.dumps(value)
    yield json.dumps(value, ensure_ascii=False)
    yield shlex.quote(value)
canaries = [os.environ["CANARY_%02d" % number] for number in range(1, 21)]
"#;

/// Prints each, in one piece and in two, into outputs and an artifact.
const PRINTER: &str = r#"
artifact = open(os.path.join(os.environ["PILOTHOUSE_ARTIFACTS"], "report.txt"), "w")
os.mkdir(os.path.join(os.environ["PILOTHOUSE_ARTIFACTS"], canaries[9]))
open(os.path.join(os.environ["PILOTHOUSE_ARTIFACTS"], canaries[9], canaries[10]), "w").write("named")
for value in canaries:
    for way in ways(value):
        for stream in (sys.stdout, sys.stderr, artifact):
            stream.write(way + "\n")
        half = len(way) // 2
        sys.stdout.write(way[:half]); sys.stdout.flush()
        sys.stdout.write(way[half:] + "\n"); sys.stdout.flush()
print("printed all")
"#;

/// Commits each: in contents, in a message, as an author and as names of files,
/// and some only in the history, and leaves the rest uncommitted.
const COMMITTER: &str = r#"
def git(*words):
    subprocess.run(("git",) + words, check=True)
def commit(message, author="A <a@example.org>"):
    git("add", "--all")
    git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--author", author, "-m", message)
os.mkdir("committed")
for number, value in enumerate(canaries[:10], 1):
    for way, text in enumerate(ways(value)):
        open("committed/%02d-%02d.txt" % (number, way), "w").write("first\nvalue: " + text + "\n")
commit("plain")
open("history.txt", "w").write("\n".join(canaries[10:]))
commit("with history")
os.unlink("history.txt")
commit("say " + canaries[0] + "\n\nand " + base64.b64encode(canaries[2].encode()).decode())
open("author.txt", "w").write("a")
commit("by", canaries[15] + " <a@example.org>")
os.mkdir(canaries[9])
open(os.path.join(canaries[9], canaries[0].encode().hex()), "w").write("named")
os.symlink(canaries[15], "link")
for number, value in enumerate(canaries[10:], 11):
    for way, text in enumerate(ways(value)):
        open("%02d-%02d.txt" % (number, way), "w").write(text)
open("good.txt", "w").write("good work\n")
print("committed all")
"#;

impl Planted {
    /// Runs a program that has the canaries.
    fn file(&self, program: &str, then: &str) -> TaskId {
        let script = self.world.shared("program.py");
        std::fs::write(&script, format!("{WAYS}{program}")).expect("writable");
        let prompt = format!("run python3 {}\n{then}", script.display());
        let task: Task =
            self.world.json(&["task", "new", "--project", "site", "--prompt", &prompt]);
        task.id
    }

    /// What hub, runner, forge and whoever asks them have to show.
    fn everything(&self, id: TaskId) -> Vec<(String, Vec<u8>)> {
        let world = &self.world;
        world.until("the workspace is gone", || world.run_directories().is_empty().then_some(()));
        let mut files = vec![world.path("hub.log"), world.path("runner.log")];
        files_below(&world.data(), &mut |path| files.push(path.to_owned()));
        let mut texts = Vec::new();
        for file in files {
            let bytes = std::fs::read(&file).unwrap_or_default();
            // What is kept compressed is looked at as it is read.
            let plain = zstd::decode_all(&bytes[..]).unwrap_or(bytes);
            if plain.starts_with(b"# v2 git bundle") {
                texts.push((format!("in {}", file.display()), self.bundled(&plain)));
            }
            texts.push((file.display().to_string(), plain));
        }
        let id = id.to_string();
        for words in [
            &["task", "log", "--records", "--json", &id][..],
            &["task", "show", "--json", &id],
            &["task", "diff", "--json", &id],
            &["inbox", "--json"],
        ] {
            texts.push((words.join(" "), world.pilot(words).ok().into_bytes()));
        }
        let pulls = format!("{:#?}", self.gitea.pulls("alice/site"));
        texts.push(("the pull requests".to_owned(), pulls.into_bytes()));
        let bare = self.gitea.bare("alice/site");
        texts.push(("the remote".to_owned(), objects(world, bare.path())));
        texts.push(("its refs".to_owned(), bare.git(&["for-each-ref"]).into_bytes()));
        texts
    }

    /// Everything in a bundle, which is compressed as it is.
    fn bundled(&self, bundle: &[u8]) -> Vec<u8> {
        let (file, clone) = (self.world.path("a.bundle"), self.world.path("a.git"));
        std::fs::write(&file, bundle).expect("writable");
        let bare = self.gitea.bare("alice/site");
        let (from, to) = (bare.path().to_string_lossy(), clone.to_string_lossy());
        self.world.git(bare.path(), &["clone", "-q", "--bare", &from, &to]).ok();
        let file = file.to_string_lossy();
        self.world.git(&clone, &["fetch", "-q", &file, "+refs/*:refs/*"]).ok();
        let objects = objects(&self.world, &clone);
        std::fs::remove_dir_all(clone).expect("ours");
        objects
    }

    fn assert_nowhere(&self, id: TaskId) {
        let texts = self.everything(id);
        for canary in CANARIES {
            for written in every_way(canary.value) {
                for (place, text) in &texts {
                    let found = memchr::memmem::find(text, written.telling.as_bytes()).is_some();
                    assert!(!found, "{} as {} stands in {place}", canary.name, written.way);
                }
            }
        }
    }
}

/// All contents, messages and names in a repository.
fn objects(world: &World, repository: &Path) -> Vec<u8> {
    world.git(repository, &["cat-file", "--batch", "--batch-all-objects"]).ok().into_bytes()
}

pub(crate) fn files_below(directory: &Path, each: &mut dyn FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path(), each),
            Ok(kind) if kind.is_file() => each(&entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
}

#[test]
fn granted_canaries_are_seen_nowhere_whatever_the_agent_prints() {
    let planted = planted();
    let world = &planted.world;
    let id = planted.file(PRINTER, "write a.txt a");
    world.until_state(id, "in_review");
    let log = world.pilot(&["task", "log", &id.to_string()]).ok();
    assert!(log.contains("printed all") && log.contains("[redacted:CANARY_20]"), "{log}");
    planted.assert_nowhere(id);
}

#[test]
fn granted_canaries_that_the_agent_commits_leave_in_no_commit_and_no_bundle() {
    let planted = planted();
    let world = &planted.world;
    let id = planted.file(COMMITTER, "say done");
    let task = world.until_state(id, "failed");
    let TaskState::Failed { problem, .. } = &task.state else { panic!("{task:#?}") };
    assert!(
        problem.message.contains("`CANARY_01` in `committed/01-00.txt`, line 2"),
        "{problem:?}"
    );
    assert!(problem.hint.contains("pilot task resume"), "{problem:?}");
    assert!(planted.gitea.pulls("alice/site").is_empty(), "there is no pull request");
    let branches = planted.gitea.bare("alice/site").branches();
    assert!(!branches.contains(&task.branch), "nothing was pushed: {branches:?}");
    planted.assert_nowhere(id);

    // The work is there, without what must not leave, and can be gone on with.
    world.pilot(&["task", "resume", &id.to_string(), "write more.txt more"]).ok();
    let task = world.until_state(id, "in_review");
    let bare = planted.gitea.bare("alice/site");
    let file = |path: &str| world.file_in(bare.path(), &task.branch, path);
    assert_eq!(file("good.txt").as_deref(), Some("good work\n"));
    assert_eq!(
        file("committed/01-00.txt").as_deref(),
        Some("first\nvalue: [redacted:CANARY_01]\n"),
        "its place is shown"
    );
    assert!(file("more.txt").is_some(), "and the new work is with it");
    planted.assert_nowhere(id);
}
