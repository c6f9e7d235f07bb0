//! Files that go with a run: what a person gives the agent, and what the run
//! leaves for people.

use crate::hub::PATIENCE;
use crate::world::{World, failure, lines, outcome, snapshots, touch};
use pilot_proto::run::{Outcome, Phase};
use pilot_proto::task::Attachment;
use pilot_proto::{Code, Event, Stream};

fn attachment(name: &str, contents: &[u8]) -> Attachment {
    Attachment {
        name: name.to_owned(),
        media_type: "text/plain".to_owned(),
        blob: pilot_git::blob_id(contents),
        size: contents.len() as u64,
    }
}

#[tokio::test]
async fn attachments_lie_beside_the_tree_before_anything_runs() {
    let world = World::new().await;
    let daemon = world.daemon().await;
    let notes = b"remember the milk\n".repeat(1000);
    let mut spec =
        world.spec("run wc -l \"$PILOTHOUSE_ATTACHMENTS/notes.txt\"\nwrite done.txt yes");
    spec.setup = vec!["head -1 \"$PILOTHOUSE_ATTACHMENTS/2-notes.txt\"".to_owned()];
    spec.attachments =
        vec![attachment("notes.txt", &notes), attachment("../notes.txt", b"other\n")];
    {
        let mut state = world.hub.state();
        for contents in [&notes[..], b"other\n"] {
            state.blobs.insert(pilot_git::blob_id(contents), contents.to_vec());
        }
    }
    let run = spec.run;
    world.hub.assign(&spec);
    let events = world.hub.finished(run).await;
    assert_eq!(lines(&events, Stream::Setup), ["other"], "also for a setup step");
    let said = lines(&events, Stream::Stdout);
    assert!(said.iter().any(|line| line.starts_with("1000 ")), "{said:?}");
    let prompt = events.iter().find_map(|event| match event {
        Event::TurnStarted { prompt, .. } => Some(prompt.clone()),
        _ => None,
    });
    assert_eq!(prompt, Some(spec.prompt), "the journal has what the person wrote");
    let changed: Vec<_> = snapshots(&events)
        .into_iter()
        .flat_map(|delta| delta.changed.into_iter().map(|file| file.path))
        .collect();
    assert_eq!(changed, ["done.txt"], "they are no part of the change");
    world.assert_clean(run).await;
    daemon.stop().await;
}

#[tokio::test]
async fn an_attachment_that_cannot_be_had_fails_the_run_before_it_begins() {
    let world = World::new().await;
    let daemon = world.daemon().await;
    let mut spec = world.spec("write hello.txt Hello");
    spec.attachments = vec![attachment("lost.png", b"nobody has this")];
    let run = spec.run;
    world.hub.assign(&spec);
    let events = world.hub.finished(run).await;
    let problem = failure(&events);
    assert_eq!(problem.code, Code::WorkspaceFailed);
    assert!(problem.message.contains("`lost.png`") && !problem.hint.is_empty(), "{problem:?}");
    let cloned = events.iter().any(|event| matches!(event, Event::Phase { phase: Phase::Cloning }));
    assert!(!cloned, "it fails in preparing: {events:#?}");
    world.assert_clean(run).await;
    daemon.stop().await;
}

fn artifact(event: &Event) -> Option<(String, String, pilot_proto::BlobId)> {
    match event {
        Event::Artifact { name, media_type, blob, .. } => {
            Some((name.clone(), media_type.clone(), blob.clone()))
        }
        _ => None,
    }
}

#[tokio::test]
async fn what_a_run_leaves_for_people_is_at_the_hub_while_it_goes_on_and_at_its_end() {
    let world = World::new().await;
    let daemon = world.daemon().await;
    let gate = world.gate("go");
    let mut spec = world.spec(&format!(
        "artifact report/index.html <p>one\nwait-file {}\nartifact report/index.html <p>two\n\
         run ln -s /etc/passwd \"$PILOTHOUSE_ARTIFACTS/link.txt\"\nwrite hello.txt Hello",
        gate.display()
    ));
    spec.setup = vec!["echo built > \"$PILOTHOUSE_ARTIFACTS/build.log\"".to_owned()];
    let run = spec.run;
    world.hub.assign(&spec);
    let (_, media_type, blob) = tokio::time::timeout(
        PATIENCE,
        world.hub.event(run, "the first report", |event| {
            artifact(event).filter(|(name, _, _)| name == "report/index.html")
        }),
    )
    .await
    .expect("in time");
    assert_eq!(media_type, "text/html");
    assert_eq!(world.hub.state().blobs[&blob], b"<p>one\n", "while the agent still works");
    touch(&gate);
    let events = world.hub.finished(run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{events:#?}");
    let left: Vec<_> = events.iter().filter_map(artifact).collect();
    let names: Vec<_> = left.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(names, ["build.log", "report/index.html", "report/index.html"], "no link");
    assert_eq!(world.hub.state().blobs[&left[0].2], b"built\n", "of a setup step, too");
    assert_eq!(world.hub.state().blobs[&left[2].2], b"<p>two\n", "the last state of it");
    let changed: Vec<_> = snapshots(&events)
        .into_iter()
        .flat_map(|delta| delta.changed.into_iter().map(|file| file.path))
        .collect();
    assert_eq!(changed, ["hello.txt"], "they are no part of the change");
    world.assert_clean(run).await;
    daemon.stop().await;
}
