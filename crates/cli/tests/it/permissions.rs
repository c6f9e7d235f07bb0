//! A project's rules, and words in the middle of a turn: the real Claude Code
//! through hub and runner, against a scripted model server.

use crate::agents::{Model, add_claude, file, model, needs_you, published, steps};
use crate::world::World;
use pilot_proto::console::TaskDetail;
use pilot_proto::permission::{PermissionDecision, PermissionPolicy};
use pilot_proto::{InboxItem, Project};
use serde_json::json;

fn with_claude() -> (World, Model) {
    let model = model();
    let mut world = World::with_hub();
    add_claude(&mut world);
    let url = model.server.url();
    let add =
        ["provider", "add", "scripted-model", "--kind", "anthropic", "--key-stdin", "--base-url"];
    world.pilot_with_input(&[&add[..], &[&url]].concat(), "placeholder-key-0123456789\n").ok();
    world.start_runner();
    (world, model)
}

#[test]
fn what_a_rule_never_allows_is_refused_in_auto_and_claude_goes_on() {
    let (world, model) = with_claude();
    let rule = ["project", "permissions", "demo", "never", "--command", "git push*"];
    world.pilot(&rule).ok();
    let ask = ["project", "permissions", "demo", "ask", "--command", "touch asked*"];
    let policy: PermissionPolicy = world.json(&ask);
    assert_eq!(policy.rules.len(), 2);
    let wrong = ["project", "permissions", "demo", "allow", "--path", "../x"];
    assert_ne!(world.pilot(&wrong).code(), 0, "what makes no sense is refused");

    let prompt = steps(&json!([
        {"shell": "cd . && git push origin HEAD"},
        {"shell": "touch asked.txt"},
        {"write": {"path": "done.txt", "content": "done\n"}},
        {"text": "Gone on."}
    ]));
    let id = file(&world, "auto", &prompt);
    let item = needs_you(&world, id);
    assert!(serde_json::to_string(&item).expect("JSON").contains("touch asked.txt"), "{item:?}");
    world.pilot(&["task", "answer", &item.id.to_string(), "--allow"]).ok();
    assert_eq!(published(&world, id, "done.txt").as_deref(), Some("done\n"));
    let told = model.server.results();
    assert!(told[0].error && told[0].text.contains("rules never allow"), "{told:?}");
    assert!(!world.task(id).reservations.is_empty(), "a reviewer learns of the refusal");

    let remove = ["project", "permissions", "demo", "remove", "--command", "git push*"];
    let policy: PermissionPolicy = world.json(&remove);
    assert_eq!(policy.rules.len(), 1);
    assert_eq!(policy.rules[0].decision, PermissionDecision::Ask);
}

#[test]
fn what_is_allowed_for_the_project_from_the_inbox_holds_for_the_next_run() {
    let (world, _model) = with_claude();
    let prompt = steps(&json!([
        {"shell": "cd . && touch one.txt"},
        {"text": "Done."}
    ]));
    let id = file(&world, "ask", &prompt);
    let item = needs_you(&world, id).id.to_string();
    let wrong = ["task", "answer", &item, "--allow-for-project", "--command", "make *"];
    assert_ne!(world.pilot(&wrong).code(), 0, "a rule that does not cover it is refused");
    world.pilot(&["task", "answer", &item, "--allow-for-project"]).ok();
    assert!(published(&world, id, "one.txt").is_some());
    let projects: Vec<Project> = world.json(&["project", "list"]);
    assert_eq!(projects[0].permissions.rules.len(), 1, "{projects:#?}");

    let again = file(&world, "ask", &prompt);
    assert!(published(&world, again, "one.txt").is_some(), "nobody was asked");
    let all: Vec<InboxItem> = world.json(&["inbox", "--all"]);
    assert!(all.iter().filter(|item| item.task == again).all(|item| item.answered.is_some()));
}

#[test]
fn a_word_now_reaches_claude_in_mid_turn_and_one_for_later_can_be_taken_back() {
    let (world, model) = with_claude();
    let prompt = steps(&json!([
        {"hold": "turn", "shell": "echo one > one.txt"},
        {"when": {"said": "left, not right"}, "shell": "echo heard > heard.txt"},
        {"text": "Over."}
    ]));
    let id = file(&world, "auto", &prompt);
    let name = id.to_string();
    world.until("the turn is under way", || {
        world.json::<TaskDetail>(&["task", "show", &name]).runs.first()?.session.clone()
    });
    world.pilot(&["task", "say", &name, "and never this"]).ok();
    let detail: TaskDetail = world.json(&["task", "show", &name]);
    assert_eq!(detail.said.len(), 1, "it waits visibly: {:?}", detail.said);
    world.pilot(&["task", "unsay", &name]).ok();
    world.until("it is taken back", || {
        let detail: TaskDetail = world.json(&["task", "show", &name]);
        detail.said.is_empty().then_some(())
    });
    world.pilot(&["task", "say", &name, "--now", "left, not right"]).ok();
    world.until("it was told", || {
        let log = world.pilot(&["task", "log", &name, "--records", "--json"]).ok();
        log.contains(r#""type":"steered""#).then_some(())
    });
    model.server.release("turn");
    assert_eq!(published(&world, id, "heard.txt").as_deref(), Some("heard\n"));
    let log = world.pilot(&["task", "log", &name, "--records", "--json"]).ok();
    assert!(!log.contains("and never this\",\"turn") && !log.contains(r#""turn":2"#), "one turn");
}

#[test]
fn a_kill_ends_an_agent_that_does_not_listen() {
    let (world, _model) = with_claude();
    let prompt = steps(&json!([{"shell": "touch kept.txt; tail -f /dev/null"}, {"text": "never"}]));
    let id = file(&world, "auto", &prompt);
    let name = id.to_string();
    world.until("it has begun to work", || (world.task(id).diff.files > 0).then_some(()));
    world.pilot(&["task", "stop", "--kill", &name]).ok();
    world.until_state(id, "cancelled");
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
}
