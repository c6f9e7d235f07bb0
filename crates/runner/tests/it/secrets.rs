//! What was granted to a run is seen nowhere.

use crate::world::{World, lines, outcome, touch};
use pilot_proto::project::{GitGrant, ProviderGrant, ProviderKind};
use pilot_proto::run::Outcome;
use pilot_proto::{Event, Secret, Stream};
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
    spec.git = Some(GitGrant { username: "pilot".to_owned(), password: Secret::new(TOKEN) });
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

    let state = world.hub.state();
    let rescued = events.iter().find_map(|event| match event {
        Event::Rescued { bundle, .. } => Some(bundle.clone()),
        _ => None,
    });
    // The bundle is the agent's own work, as it is.
    for (id, contents) in state.blobs.iter().filter(|(id, _)| Some(*id) != rescued.as_ref()) {
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
