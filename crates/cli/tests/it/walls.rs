//! Runs behind walls and gates, with the tools that people use: what gets in
//! and what gets out.

use crate::world::World;
use pilot_proto::console::NetworkAudit;
use pilot_proto::inbox::Ask;
use pilot_proto::walls::WallsKind;
use pilot_proto::{InboxItem, TaskId};
use std::net::{TcpListener, ToSocketAddrs};

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
        // They are somebody else's machines, and have others' addresses in turn.
        let attempt = || {
            let rules = registries(hosts);
            let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
            walled(&world, &rules, script)
        };
        let mut said = attempt();
        for _ in 0..2 {
            if said.code() != 0 {
                said = attempt();
            }
        }
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
