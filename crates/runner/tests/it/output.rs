//! Output: much of it, odd pieces of it, and at once.

use crate::world::{World, lines, outcome, touch};
use pilot_proto::run::Outcome;
use pilot_proto::{Event, Stream};

#[tokio::test]
async fn a_million_lines_come_through_each_once_and_in_order() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let spec = world.spec("print 1000000 line\nwrite a.txt a");
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }));
    let printed = lines(&events, Stream::Stdout);
    let mut numbers = printed.iter().filter(|line| line.starts_with("line"));
    let digits = |line: &String| -> u64 {
        line.chars().filter(char::is_ascii_digit).collect::<String>().parse().expect("a number")
    };
    let first = digits(numbers.next().expect("there are lines"));
    let mut last = first;
    for line in numbers {
        let number = digits(line);
        assert_eq!(number, last + 1, "each once and in order");
        last = number;
    }
    assert_eq!(last - first, 999_999);
    let records = world.hub.state().runs[&spec.run].records.len();
    assert!(records < 100_000, "lines are batched: {records} records");
}

#[tokio::test]
async fn a_line_is_seen_while_the_agent_goes_on() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let gate = world.gate("go");
    let spec = world.spec(&format!("print 1 early\nstderr loud\nwait-file {}", gate.display()));
    world.hub.assign(&spec);
    let seen = |stream: Stream, wanted: &'static str| {
        move |event: &Event| match event {
            Event::Output { stream: other, text, .. } if *other == stream => {
                text.contains(wanted).then_some(())
            }
            _ => None,
        }
    };
    world.hub.event(spec.run, "a line", seen(Stream::Stdout, "early")).await;
    world.hub.event(spec.run, "a line of stderr", seen(Stream::Stderr, "loud")).await;
    touch(&gate);
    world.hub.finished(spec.run).await;
}

#[tokio::test]
async fn a_partial_line_is_shown_and_a_long_one_comes_whole() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let gate = world.gate("go");
    let mut spec = world.spec("write a.txt a");
    let wait = format!("while [ ! -e {} ]; do sleep 0.05; done", gate.display());
    spec.setup = vec![
        format!("printf 'Continue? '; {wait}; echo yes"),
        "head -c 300000 /dev/zero | tr '\\0' x; echo; printf 'bad \\377 byte\\n'".to_owned(),
    ];
    world.hub.assign(&spec);
    world
        .hub
        .event(spec.run, "a prompt that waits", |event| match event {
            Event::Output { stream: Stream::Setup, text, open: true } => {
                (text == "Continue? ").then_some(())
            }
            _ => None,
        })
        .await;
    touch(&gate);
    let events = world.hub.finished(spec.run).await;
    let setup = lines(&events, Stream::Setup);
    assert_eq!(setup[0], "Continue? yes");
    assert_eq!(setup[1], "x".repeat(300_000), "in pieces, and whole");
    assert_eq!(setup[2], "bad \u{fffd} byte");
    assert_eq!(setup.len(), 3);
}
