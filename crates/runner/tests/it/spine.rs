//! The way of a run from its assignment to its branch.

use crate::hub::blobs_of;
use crate::world::{World, eventually, lines, outcome, snapshots, touch};
use pilot_proto::run::{Outcome, Phase, Resume};
use pilot_proto::snapshot::{Change, ChangedFile, Snapshot};
use pilot_proto::walls::WallsKind;
use pilot_proto::{Event, Stream};
use std::collections::BTreeSet;

#[tokio::test]
async fn what_the_agent_edits_is_seen_pushed_and_cleaned_up() {
    let world = World::new().await;
    let daemon = world.daemon().await;
    let gate = world.gate("go");
    let spec = world.spec(&format!(
        "write hello.txt Hello\nappend README.md more\nrun echo from a tool\nwait-file {}\nsay done",
        gate.display()
    ));
    let run = spec.run;
    world.hub.assign(&spec);

    // Live: while the agent still works.
    let is_readme = |file: &ChangedFile| file.path == "README.md";
    let both = |event: &Event| match event {
        Event::Snapshot(delta) => delta.changed.iter().any(is_readme).then_some(()),
        _ => None,
    };
    world.hub.event(run, "a snapshot with what was written last", both).await;
    // In one look or in two.
    let looks = world.hub.events(run);
    let blobs: BTreeSet<_> = looks.iter().flat_map(blobs_of).collect();
    let changed: Vec<_> = looks
        .iter()
        .filter_map(|event| match event {
            Event::Snapshot(delta) => Some(&delta.changed),
            _ => None,
        })
        .flatten()
        .collect();
    let path = |path: &str| changed.iter().find(|file| file.path == path);
    let hello = path("hello.txt").expect("it was written");
    assert_eq!(hello.change, Change::Added);
    let new = hello.new.as_ref().and_then(|side| side.blob.clone()).expect("its contents");
    assert_eq!(world.hub.state().blobs[&new], b"Hello\n");
    assert_eq!(path("README.md").expect("it was changed").change, Change::Modified);
    assert_eq!(blobs.len(), 3, "hello, and README before and after");
    touch(&gate);

    let events = world.hub.finished(run).await;
    let Outcome::Pushed { branch, commit } = outcome(&events) else {
        panic!("it was pushed: {events:#?}")
    };
    assert_eq!((branch.as_str(), world.repo.head("pilot/work")), ("pilot/work", Some(commit)));
    assert_eq!(world.repo.read("pilot/work", "hello.txt").as_deref(), Some(&b"Hello\n"[..]));
    let message = world.repo.git(&["log", "-1", "--format=%an <%ae>%n%B", "pilot/work"]);
    assert!(message.starts_with("Pilothouse <pilothouse@localhost>\nDo what the script says\n"));
    assert!(message.contains(&format!("Pilothouse-Task: {}", spec.task)), "{message}");

    let phases: Vec<Phase> = events
        .iter()
        .filter_map(|event| match event {
            Event::Phase { phase } => Some(*phase),
            _ => None,
        })
        .collect();
    assert_eq!(
        phases,
        [
            Phase::Preparing,
            Phase::Cloning,
            Phase::AgentRunning,
            Phase::Collecting,
            Phase::Pushing,
            Phase::Cleaning,
            Phase::Finished
        ]
    );
    let cleaned = events.iter().find_map(|event| match event {
        Event::Cleaned { left } => Some(left.clone()),
        _ => None,
    });
    assert_eq!(cleaned, Some(Vec::new()), "nothing is left");
    let mut snapshot = Snapshot::default();
    snapshots(&events).iter().for_each(|delta| snapshot.apply(delta));
    assert_eq!(snapshot.files.keys().collect::<Vec<_>>(), ["README.md", "hello.txt"]);

    world.assert_clean(run).await;
    daemon.stop().await;
    let left = std::fs::read_dir(world.data.join("runs")).expect("it stays").count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn setup_steps_run_before_the_agent_and_their_output_is_journalled() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let mut spec = world.spec("run cat made-by-setup\nrun env | grep ^HOME=");
    spec.setup = vec![
        "echo setting up; echo 'twice as nice' > made-by-setup".to_owned(),
        "echo to stderr >&2; printf 'no line end'".to_owned(),
    ];
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{events:#?}");
    let mut setup = lines(&events, Stream::Setup);
    setup[1..].sort();
    assert_eq!(setup, ["setting up", "no line end", "to stderr"]);
    let tools: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::ToolEnded { output, .. } => Some(output.as_str()),
            _ => None,
        })
        .collect();
    let text = format!("{}\n{}", tools.join("\n"), lines(&events, Stream::Stdout).join("\n"));
    assert!(text.contains("twice as nice"), "{text}");
    let home = world.run_dir(spec.run).home();
    assert!(text.contains(&format!("HOME={}", home.display())), "a private home: {text}");
}

#[tokio::test]
async fn an_agent_that_changes_nothing_ends_as_no_change() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let spec = world.spec("nothing");
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    assert_eq!(outcome(&events), Outcome::NoChange);
    assert_eq!(world.repo.branches(), ["main"], "and nothing is pushed");
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn nothing_is_pushed_before_the_hub_permits_it() {
    let world = World::new().await;
    world.hub.state().permits = false;
    let _daemon = world.daemon().await;
    let spec = world.spec("write a.txt a");
    world.hub.assign(&spec);
    let fence = world
        .hub
        .event(spec.run, "the wish to push", |event| match event {
            Event::PushWanted { fence, .. } => Some(*fence),
            _ => None,
        })
        .await;
    assert_eq!(fence, spec.fence);
    // A permit for an old token is answered, and changes nothing.
    let stale =
        world.hub.order(spec.run, pilot_proto::runner::Act::PermitPush { fence: fence - 1 });
    let problem = world
        .hub
        .event(spec.run, "the stale permit's answer", |event| match event {
            Event::OrderDone { order, problem } if *order == stale => Some(problem.clone()),
            _ => None,
        })
        .await;
    assert!(problem.is_some());
    assert_eq!(world.repo.branches(), ["main"]);
    world.hub.order(spec.run, pilot_proto::runner::Act::PermitPush { fence });
    let events = world.hub.finished(spec.run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }));
}

#[tokio::test]
async fn processes_that_the_agent_leaves_behind_die_with_the_run() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    for kind in [WallsKind::Auto, WallsKind::Off] {
        let mut spec = world.spec(
            "run setsid sh -c 'trap \"\" TERM; touch began; sleep 1000' >/dev/null 2>&1 &\nwait-file began\nwrite a.txt a",
        );
        spec.branch = format!("pilot/{kind:?}").to_lowercase();
        spec.walls.kind = kind;
        world.hub.assign(&spec);
        let events = world.hub.finished(spec.run).await;
        assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{events:#?}");
        eventually("the process is gone", || pilot_sandbox::survivors(spec.run).is_empty()).await;
        world.assert_clean(spec.run).await;
    }
}

#[tokio::test]
async fn a_later_run_goes_on_from_what_an_earlier_one_published() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let first = world.spec("write one.txt 1");
    world.hub.assign(&first);
    world.hub.finished(first.run).await;
    let mut second = world.spec("append one.txt more\nwrite two.txt 2");
    second.pushed = world.repo.head("pilot/work");
    second.resume = Some(Resume { session: None, bundle: None, wanted: String::new() });
    world.hub.assign(&second);
    let events = world.hub.finished(second.run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{events:#?}");
    assert_eq!(world.repo.read("pilot/work", "one.txt").as_deref(), Some(&b"1\nmore\n"[..]));
    assert_eq!(world.repo.subjects("pilot/work").len(), 3, "on top of the first, not instead");
}
