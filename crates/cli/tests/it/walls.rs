//! Runs behind walls and gates, with the tools that people use: what gets in,
//! what gets out, and what is seen of secrets.

use crate::world::World;
use pilot_proto::console::NetworkAudit;
use pilot_proto::inbox::Ask;
use pilot_proto::walls::WallsKind;
use pilot_proto::{InboxItem, TaskId};
use pilot_testkit::canary::{CANARIES, every_way};
use std::net::{TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// Runs a shell's script in walls.
fn walled(world: &World, options: &[&str], script: &str) -> crate::world::Said {
    let command = [&["run-in-walls"], options, &["--", "sh", "-c", script]].concat();
    world.pilot(&command)
}

#[test]
fn a_command_of_a_persons_own_has_the_walls_of_a_run() {
    let world = World::bare();
    let secret = world.path("secret");
    std::fs::write(&secret, "xyzzy-outside").expect("writable");
    let host = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = host.local_addr().expect("it is bound").port();
    let script = format!(
        "cat {secret} || echo no file; \
         python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 3)' || echo no host; \
         echo made > made.txt; cat made.txt; exit 7",
        secret = secret.display(),
    );
    let said = walled(&world, &[], &script);
    assert_eq!(said.code(), 7, "{said:?}");
    assert!(said.out.contains("no file") && said.out.contains("no host"), "{said:?}");
    assert!(said.out.contains("made") && !said.out.contains("xyzzy"), "{said:?}");
    assert!(said.err.contains("walls:") && said.err.contains("limit: memory"), "{said:?}");
    let left = std::fs::read_dir(world.data().join("walls")).expect("it is there").count();
    assert_eq!(left, 0, "nothing stays of the workspace");
}

#[test]
fn the_workspace_of_a_trial_may_be_a_persons_own() {
    let world = World::bare();
    let tree = world.path("tree");
    std::fs::create_dir(&tree).expect("writable");
    let name = tree.to_string_lossy();
    let said = walled(&world, &["--quiet", "--tree", &name], "echo mine > mine.txt");
    assert_eq!(said.code(), 0, "{said:?}");
    assert_eq!(std::fs::read_to_string(tree.join("mine.txt")).expect("written"), "mine\n");
    assert_eq!(said.err, "", "quiet");
    let said = walled(&world, &["--tree", "/nonexistent"], "true");
    assert!(said.code() != 0 && said.err.contains("--tree"), "{said:?}");
}

/// What the tools of a preset reach, with a rule for it where this machine's
/// network has its registries at a private address.
fn registries(hosts: &[&str]) -> Vec<String> {
    let mut rules = Vec::new();
    for host in hosts {
        let addresses = (*host, 443).to_socket_addrs().expect("the registry has an address");
        rules.extend(addresses.map(|address| address.ip().to_string()));
    }
    rules.sort();
    rules.dedup();
    rules.into_iter().flat_map(|rule| ["--allow".to_owned(), rule]).collect()
}

#[test]
fn the_package_registries_are_reached_with_their_own_tools() {
    let world = World::bare();
    let check = |hosts: &[&str], script: &str, expected: &str| {
        let rules = registries(hosts);
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let said = walled(&world, &rules, script);
        assert_eq!(said.code(), 0, "{script}: {said:?}");
        assert!(said.out.contains(expected), "{script}: {said:?}");
    };
    check(
        &["registry.npmjs.org"],
        "npm install --no-audit --no-fund left-pad@1.3.0 && ls node_modules",
        "left-pad",
    );
    check(
        &["index.crates.io", "static.crates.io"],
        "cargo init --quiet --vcs none --name demo . && echo 'itoa = \"=1.0.15\"' >> Cargo.toml && \
         cargo build --quiet && ls target/debug",
        "demo",
    );
    check(
        &["pypi.org", "files.pythonhosted.org"],
        "python3 -m venv env && env/bin/pip install --quiet six==1.17.0 && \
         env/bin/python -c 'import six; print(\"six\", six.__version__)'",
        "six 1.17.0",
    );
}

/// The open ask for a host.
fn asked(world: &World, id: TaskId) -> Option<InboxItem> {
    let items: Vec<InboxItem> = world.json(&["inbox"]);
    items.into_iter().find(|item| item.task == id && matches!(item.ask, Ask::Network { .. }))
}

#[test]
fn a_refused_host_is_asked_for_and_nobody_waits() {
    let world = World::with_runner(1);
    let go = world.shared("go");
    let id = world.file(&format!(
        "run curl -sS -m 20 http://forge.example.org/ || true\nwait-file {}\nwrite a.txt a",
        go.display()
    ));
    let item = world.until("a person is asked", || asked(&world, id));
    let Ask::Network { host, port, .. } = &item.ask else { panic!("{item:?}") };
    assert_eq!((host.as_str(), *port), ("forge.example.org", 80));
    assert_eq!(world.task(id).state.name(), "working", "the agent goes on");
    world.pilot(&["task", "answer", &item.id.to_string(), "--allow-for-project"]).ok();
    world.until("the gate heard it", || {
        let log = world.pilot(&["task", "log", &id.to_string()]).out;
        log.contains("forge.example.org:80` may be reached").then_some(())
    });
    std::fs::write(&go, "").expect("writable");
    world.until_state(id, "published");
    let audit: NetworkAudit = world.json(&["task", "network", &id.to_string()]);
    assert_eq!(audit.walls.map(|walls| walls.kind), Some(WallsKind::Bubblewrap));
    let denied = audit.tries.iter().find(|one| !one.decision.allowed).expect("it was written down");
    assert_eq!(denied.decision.host, "forge.example.org");
    let policy = world.pilot(&["project", "policy", "demo"]).ok();
    assert!(policy.contains("forge.example.org:80"), "the next run may: {policy}");
}

/// Prints every canary as programs write them down, in one piece and in two.
const PRINTER: &str = r#"
import base64, json, os, shlex, sys, time, urllib.parse
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
artifact = open(os.path.join(os.environ["PILOTHOUSE_ARTIFACTS"], "report.txt"), "w")
for number in range(1, 21):
    value = os.environ["CANARY_%02d" % number]
    for way in ways(value):
        for stream in (sys.stdout, sys.stderr, artifact):
            stream.write(way + "\n")
        half = len(way) // 2
        sys.stdout.write(way[:half]); sys.stdout.flush()
        sys.stdout.write(way[half:] + "\n"); sys.stdout.flush()
print("printed all")
"#;

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
}

#[test]
fn granted_canaries_are_seen_nowhere_whatever_the_agent_prints() {
    let mut world = World::bare();
    let passphrase = world.path("passphrase");
    std::fs::write(&passphrase, "of the hub's sealed file\n").expect("writable");
    let passphrase = passphrase.to_string_lossy().into_owned();
    world.set_hub_options(&["--credentials", "sealed", "--passphrase-file", &passphrase]);
    world.start_hub();
    world.start_runner();
    for canary in CANARIES {
        let file = world.path("canary");
        std::fs::write(&file, canary.value).expect("writable");
        let file = file.to_string_lossy().into_owned();
        world.pilot(&["secret", "set", canary.name, "--from-file", &file]).ok();
        let (name, variable) = (canary.name, canary.name);
        world.pilot(&["project", "secret", "demo", "add", name, "--env", variable]).ok();
        std::fs::remove_file(file).expect("ours");
    }
    let printer = world.shared("printer.py");
    std::fs::write(&printer, PRINTER).expect("writable");
    let id = world.file(&format!("run python3 {}\nwrite a.txt a", printer.display()));
    world.until_state(id, "published");
    let log = world.pilot(&["task", "log", &id.to_string()]).ok();
    assert!(log.contains("printed all") && log.contains("[redacted:CANARY_20]"), "{log}");
    world.until("the workspace is gone", || world.run_directories().is_empty().then_some(()));

    let mut files = vec![world.path("hub.log"), world.path("runner.log")];
    files_below(&world.data(), &mut files);
    let journal = world.pilot(&["task", "log", "--records", "--json", &id.to_string()]).ok();
    let mut texts: Vec<(String, Vec<u8>)> = vec![("the journal".to_owned(), journal.into_bytes())];
    for file in files {
        let bytes = std::fs::read(&file).unwrap_or_default();
        // What is kept compressed is looked at as it is read.
        let plain = zstd::decode_all(&bytes[..]).unwrap_or(bytes);
        texts.push((file.display().to_string(), plain));
    }
    for canary in CANARIES {
        for written in every_way(canary.value) {
            for (place, text) in &texts {
                let found = memchr::memmem::find(text, written.telling.as_bytes()).is_some();
                assert!(!found, "{} as {} stands in {place}", canary.name, written.way);
            }
        }
    }
}
