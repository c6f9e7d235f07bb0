//! What a run's own processes may do at its socket, and what not.

use crate::world::{World, lines, outcome};
use pilot_proto::run::Outcome;
use pilot_proto::runner::Act;
use pilot_proto::task::{ChildBounds, ChildSeen};
use pilot_proto::{Event, Stream, TaskId};

/// Speaks with the socket by no program of ours.
const PROBE: &str = r#"
import http.client, json, os, select, socket, sys

class Desk(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["PILOTHOUSE_SOCKET"])

def send(method, path, body=None):
    desk = Desk("x")
    desk.request(method, path, body)
    return desk

def say(what, desk):
    answer = desk.getresponse()
    print(what, answer.status, answer.read().decode().replace("\n", " ")[:300])
    sys.stdout.flush()

def rpc(method, params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
"#;

fn probe(world: &World, name: &str, body: &str) -> String {
    let path = world.gate(name);
    std::fs::write(&path, format!("{PROBE}{body}")).expect("writable");
    format!("run python3 {}", path.display())
}

fn said<'a>(lines: &'a [String], what: &str) -> &'a str {
    let line = lines.iter().find_map(|line| line.strip_prefix(what));
    line.unwrap_or_else(|| panic!("{what} in {lines:#?}"))
}

#[tokio::test]
async fn nonsense_is_refused_and_nobody_inside_tells_the_agent_what_to_do() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let body = r#"
say("status", send("GET", "/status"))
say("messages", send("GET", "/messages"))
say("busy", send("POST", "/message", '{"type":"user","content":"go on"}'))
say("keys", send("POST", "/message", '{"type":"raw","content":"\\u0003"}'))
say("large", send("POST", "/mcp", "x" * 300000))
say("garbage", send("POST", "/mcp", "{"))
say("note", send("POST", "/mcp", '{"method":"notifications/initialized"}'))
say("stream", send("GET", "/mcp"))
say("nothing", send("GET", "/etc/passwd"))
say("list", send("POST", "/mcp", rpc("tools/list", {})))
say("child", send("POST", "/mcp", rpc("tools/call", {"name": "new_task", "arguments": {"prompt": "p"}})))
say("far", send("POST", "/tools/attach_artifact", '{"path":"../../spec.json"}'))
say("report", send("POST", "/mcp", rpc("tools/call", {"name": "report_status", "arguments": {"text": "probing"}})))
"#;
    let spec = world.spec(&probe(&world, "probe.py", body));
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    let out = lines(&events, Stream::Stdout);
    for (what, expected) in [
        ("status", " 200 {\"agent_type\":\"custom\",\"status\":\"running\""),
        ("messages", " 200 {\"messages\":[{\"content\":"),
        ("busy", " 409 "),
        ("keys", " 403 "),
        ("large", " 413 "),
        ("garbage", " 200 {\"error\":{\"code\":-32700"),
        ("note", " 202"),
        ("stream", " 405 "),
        ("nothing", " 404 "),
        ("list", " 200 {\"id\":1,"),
        ("child", " 200 {\"error\":{\"code\":-32602"),
        ("far", " 422 "),
        ("report", " 200 "),
    ] {
        assert!(said(&out, what).starts_with(expected), "{what}: {}", said(&out, what));
    }
    let reports = events.iter().filter(|event| matches!(event, Event::Reported { .. })).count();
    assert_eq!(reports, 1, "{events:#?}");
    let wishes = events.iter().any(|event| matches!(event, Event::ChildWanted { .. }));
    assert!(!wishes, "what is not allowed is not even wished for");
    assert_eq!(outcome(&events), Outcome::NoChange);
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn questions_are_bounded_and_go_with_whoever_asked() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let body = r#"
asks = [send("POST", "/tools/ask_person", json.dumps({"question": f"Number {n}?"})) for n in range(4)]
ready, _, _ = select.select([ask.sock for ask in asks], [], [], 60)
for ask in asks:
    if ask.sock in ready:
        say("refused", ask)
    ask.close()
"#;
    let spec = world.spec(&probe(&world, "probe.py", body));
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    let out = lines(&events, Stream::Stdout);
    assert!(said(&out, "refused").starts_with(" 422 "), "{out:#?}");
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    assert_eq!(count(|event| matches!(event, Event::Asked { .. })), 3, "three at once");
    assert_eq!(count(|event| matches!(event, Event::Withdrawn { .. })), 3, "nobody waits for them");
    world.assert_clean(spec.run).await;
}

#[tokio::test]
async fn a_wish_is_answered_by_the_hub_and_its_result_is_waited_for() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let body = r#"
wish = json.dumps({"prompt": "write the tests", "token": "t"})
say("first", send("POST", "/tools/new_task", wish))
say("again", send("POST", "/tools/new_task", wish))
task = "0190b1de-0000-7000-8000-00000000002a"
say("result", send("POST", "/tools/task_result", json.dumps({"task": task, "wait_secs": 100})))
say("other", send("POST", "/tools/task_result", json.dumps({"task": task[:-1] + "b"})))
"#;
    let mut spec = world.spec(&probe(&world, "probe.py", body));
    spec.children = ChildBounds { tasks: 1, depth: 1, budget_micros: None };
    world.hub.assign(&spec);
    let wanted = |event: &Event| match event {
        Event::ChildWanted { token, .. } => Some(token.clone()),
        _ => None,
    };
    let token = world.hub.event(spec.run, "a wish", wanted).await;
    let task: TaskId = "0190b1de-0000-7000-8000-00000000002a".parse().expect("an id");
    world.hub.order(spec.run, Act::Child { token, task: Some(task), problem: None });
    let child = ChildSeen {
        task,
        parent: spec.task,
        title: "t".to_owned(),
        agent: "scripted".to_owned(),
        state: "no_change".to_owned(),
        reason: String::new(),
        over: true,
        branch: "pilot/t".to_owned(),
        diff: Default::default(),
        pull_request: None,
        problem: None,
        summary: "nothing to do".to_owned(),
    };
    world.hub.order(spec.run, Act::ChildIs { child: Box::new(child) });
    let events = world.hub.finished(spec.run).await;
    let out = lines(&events, Stream::Stdout);
    for what in ["first", "again"] {
        assert!(said(&out, what).contains(&task.to_string()), "{what}: {out:#?}");
    }
    assert!(said(&out, "result").contains("nothing to do"), "{out:#?}");
    assert!(said(&out, "other").starts_with(" 422 "), "{out:#?}");
    let wishes = events.iter().filter(|event| wanted(event).is_some()).count();
    assert_eq!(wishes, 1, "the same token is the same wish");
    world.assert_clean(spec.run).await;
}
