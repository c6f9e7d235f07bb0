//! What was granted to a run is seen nowhere.

use crate::crashes::{open_bundle, rescued};
use crate::world::{World, eventually, failure, lines, outcome, touch};
use pilot_proto::project::{GitGrant, ProviderGrant, ProviderKind};
use pilot_proto::run::Outcome;
use pilot_proto::{Code, Event, RunSpec, Secret, SecretDelivery, SecretUse, Stream};
use pilot_secrets::grant::seal_grant;
use std::path::Path;

const TOKEN: &str = "tok-3f9a\"c07e\\b1d2";
const KEY: &str = "sk-test-0123456789abcdef";

#[tokio::test]
async fn granted_secrets_stand_in_no_journal_no_blob_and_no_file() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let gate = world.gate("go");
    // Found by the agent somewhere, not told by the person who wrote the prompt.
    let found = world.gate("found");
    std::fs::write(&found, format!("{KEY}\n")).expect("writable");
    let (found, gate_path) = (found.display(), gate.display());
    let mut spec = world.spec(&format!(
        "run printf api_key= > config.txt; cat {found} >> config.txt\n\
         run cat {found}; base64 < {found}; cat {found} >&2\n\
         run env > env.txt; env\nwait-file {gate_path}\nfail on purpose"
    ));
    spec.git = Some(GitGrant::new("pilot", Secret::new(TOKEN)));
    let (kind, key) = (ProviderKind::Anthropic, Secret::new(KEY));
    spec.provider = Some(ProviderGrant {
        name: "test".into(),
        kind,
        base_url: None,
        key,
        login: Default::default(),
        oauth: None,
    });
    spec.setup = vec![format!("printf 'set up with '; cat {found}")];
    let run = spec.run;
    world.hub.assign(&spec);
    world
        .hub
        .event(run, "the diff", |event| match event {
            Event::Snapshot(delta) => {
                delta.changed.iter().any(|file| file.path == "env.txt").then_some(())
            }
            _ => None,
        })
        .await;
    // While the run lives, its files are all there.
    let dir = world.run_dir(run);
    for file in [dir.spec_file(), dir.journal_file(), dir.log_file(), dir.ledger_file()] {
        assert_no_secret(&file, &std::fs::read(&file).expect("it is there"));
    }
    touch(&gate);
    let events = world.hub.finished(run).await;
    assert!(matches!(outcome(&events), Outcome::Failed { .. }));
    let journal = serde_json::to_vec(&events).expect("serialises");
    assert_no_secret(Path::new("the journal"), &journal);
    assert!(lines(&events, Stream::Setup).contains(&"set up with [redacted:provider]".to_owned()));

    let opened = open_bundle(&world, &rescued(&events));
    let config = opened.read("rescued", "config.txt").expect("the work was rescued");
    assert_eq!(
        String::from_utf8_lossy(&config),
        "api_key=[redacted:provider]\n",
        "and what was in it taken out"
    );
    let state = world.hub.state();
    for (id, contents) in &state.blobs {
        assert_no_secret(Path::new(id.as_str()), contents);
    }
    let contents: Vec<&[u8]> = state.blobs.values().map(Vec::as_slice).collect();
    assert!(contents.contains(&&b"api_key=[redacted:provider]\n"[..]), "the diff shows where");
    let env = contents
        .iter()
        .find(|contents| contents.windows(15).any(|part| part == b"PILOTHOUSE_RUN="))
        .expect("the environment was written to a file");
    let env = String::from_utf8_lossy(env);
    assert!(!env.contains("[redacted:repository]"), "the agent has no login for git: {env}");
}

fn assert_no_secret(what: &Path, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let json = TOKEN.replace('\\', "\\\\").replace('"', "\\\"");
    // Without its last group, which has the line end in it.
    let base64 = "c2stdGVzdC0wMTIzNDU2Nzg5YWJjZGVm";
    for form in [TOKEN, KEY, &json, base64] {
        assert!(!text.contains(form), "`{form}` stands in {}", what.display());
    }
}

/// The spec with a project's secret, which the agent has as `TOKEN`.
fn with_secret(world: &World, mut spec: RunSpec, value: &str) -> RunSpec {
    let key = pilot_secrets::RunnerKey::load(&world.data.join("seal.key")).expect("the runner's");
    let delivery = SecretDelivery::Environment { variable: "TOKEN".to_owned() };
    let used = SecretUse { name: "npm-token".to_owned(), delivery };
    let value = Secret::new(value);
    let grant = seal_grant(&key.public(), spec.run, spec.fence, &used, &value);
    spec.secrets = vec![grant.expect("it can be sealed")];
    spec
}

/// All that is in a repository, in clear.
fn objects(repository: &Path) -> Vec<u8> {
    #[expect(clippy::disallowed_methods, reason = "its output is no text")]
    let mut command = std::process::Command::new("git");
    let command = command.current_dir(repository).args(["cat-file", "--batch-all-objects"]);
    let output = command.arg("--batch").output().expect("git runs");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[tokio::test]
async fn a_secret_in_a_commit_stops_the_publication_and_the_rest_is_rescued_without_it() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let spec = world.spec(
        "run mkdir src; printf 'one\\ntoken=%s\\n' $TOKEN > src/a.env; printf $TOKEN | base64 > b64\n\
         run git add -A; git -c user.name=$TOKEN -c user.email=a@b commit -qm \"say $TOKEN\"\n\
         run rm b64; echo $TOKEN > $TOKEN.txt\nwrite good.txt good",
    );
    let spec = with_secret(&world, spec, KEY);
    let run = spec.run;
    world.hub.assign(&spec);
    let events = world.hub.finished(run).await;
    let problem = failure(&events);
    assert_eq!(problem.code, Code::Precondition, "{problem:?}");
    for place in ["`npm-token` in `src/a.env`, line 2", "the author or message of commit", "`b64`"]
    {
        assert!(problem.message.contains(place), "{place}: {problem:?}");
    }
    assert!(problem.hint.contains("pilot task resume"), "{problem:?}");
    let wanted = events.iter().any(|event| matches!(event, Event::PushWanted { .. }));
    assert!(!wanted, "nobody is asked to permit it");
    assert_eq!(world.repo.branches(), ["main"], "nothing was pushed");

    let opened = open_bundle(&world, &rescued(&events));
    let all = objects(opened.path());
    assert_no_secret(Path::new("the bundle"), &all);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let file = |path: &str| opened.read("rescued", path).map(text);
    assert_eq!(file("src/a.env").as_deref(), Some("one\ntoken=[redacted:npm-token]\n"));
    assert_eq!(file("good.txt").as_deref().map(str::trim), Some("good"));
    assert_eq!(
        file("[redacted:npm-token].txt").as_deref(),
        Some("[redacted:npm-token]\n"),
        "a file's name, too"
    );
    let journal = serde_json::to_vec(&events).expect("serialises");
    assert_no_secret(Path::new("the journal"), &journal);
    world.assert_clean(run).await;
}

#[tokio::test]
async fn what_a_run_says_in_its_shims_log_is_redacted() {
    let world = World::new().await;
    let daemon = world.daemon_process();
    let gate = world.gate("go");
    // Git cannot take a repository without a commit into another, and names it.
    let spec =
        world.spec(&format!("run git init -q $TOKEN\nsay made\nwait-file {}", gate.display()));
    let spec = with_secret(&world, spec, KEY);
    let (run, dir) = (spec.run, world.run_dir(spec.run));
    world.hub.assign(&spec);
    let said = |event: &Event| matches!(event, Event::ToolEnded { .. }).then_some(());
    world.hub.event(run, "the agent's work", said).await;
    // Nobody removes the run's directory then.
    daemon.kill();
    touch(&gate);
    let ended =
        || std::fs::read_to_string(dir.log_file()).is_ok_and(|log| log.contains("[redacted:"));
    eventually("the shim has said it", ended).await;
    let log = std::fs::read(dir.log_file()).expect("it is there");
    assert_no_secret(Path::new("the shim's log"), &log);
}

#[tokio::test]
async fn work_of_a_run_that_is_recovered_without_its_secrets_stays_where_it_is() {
    let world = World::new().await;
    let daemon = world.daemon_process();
    let gate = world.gate("never");
    let script = format!("run echo $TOKEN > a.env\nwait-file {}", gate.display());
    let spec = with_secret(&world, world.spec(&script), KEY);
    let run = spec.run;
    world.hub.assign(&spec);
    let said = |event: &Event| matches!(event, Event::ToolEnded { .. }).then_some(());
    world.hub.event(run, "the agent's work", said).await;
    daemon.kill();
    world.kill_shim(run);
    // The next daemon does not know the grants.
    let _daemon = world.daemon().await;
    let events = world.hub.finished(run).await;
    let bundled = events.iter().any(|event| matches!(event, Event::Rescued { .. }));
    assert!(!bundled, "nobody can tell what is in it: {events:#?}");
    let tree = world.run_dir(run).tree();
    let kept = std::fs::read_to_string(tree.join("a.env")).expect("the work is kept");
    assert_eq!(kept.trim(), KEY);
    let words = lines(&events, Stream::Pilot).join("\n");
    assert!(
        words.contains("stays on the runner") && words.contains("without its secrets"),
        "{words}"
    );
    let left = events.iter().find_map(|event| match event {
        Event::Cleaned { left } => Some(left.join("\n")),
        _ => None,
    });
    assert!(left.is_some_and(|left| left.contains("/tree")), "it is named");
}
