//! What an agent wants of a person: permissions, answers, the approval of plans.

use super::agents::{Asks, Plans, Refused};
use super::stage::Stage;
use super::{Seen, Situation, instead, said};
use pilot_proto::InboxItem;
use pilot_proto::inbox::Ask;
use serde_json::{Value, json};

/// A command that is allowed, one that is refused, and a file afterwards.
pub(super) fn permissions(stage: &Stage<'_>) -> Seen {
    let tries = ["echo one > one.txt", "echo two > two.txt"];
    let tries: Vec<Value> = tries.iter().map(|line| json!({"shell": line})).collect();
    let write = json!({"path": "three.txt", "content": "three\n"});
    let goes_on = json!({"text": "Told: ${last_result} ${prompt}", "write": write});
    let hears = json!({"text": "Heard: ${prompt}"});
    let script = match stage.agent.refused {
        Refused::Tool => json!([tries[0], tries[1], goes_on, hears]),
        Refused::Prompt => json!({"steps": tries, "followups": [{"steps": [goes_on, hears]}]}),
        Refused::PromptLater => json!({
            "steps": [tries[0], tries[1], goes_on, {"text": "All tried."}],
            "followups": [{"steps": [hears]}],
        }),
    };
    let id = stage.begin("ask", "permissions", script);
    let first = stage.asked(id);
    permission(&first, stage.agent.shell, "echo one > one.txt");
    stage.answer(&first, &["--allow"]);
    let second = stage.world.asked_after(id, Some(&first));
    permission(&second, stage.agent.shell, "echo two > two.txt");
    stage.answer(&second, &["--deny", "Not today."]);
    let third = stage.world.asked_after(id, Some(&second));
    permission(&third, stage.agent.write, "three.txt");
    stage.answer(&third, &["--allow"]);
    let files = stage.files(id, ["one.txt", "two.txt", "three.txt"]);
    let files = files.each_ref().map(|file| file.as_deref());
    assert_eq!(files, [Some("one\n"), None, Some("three\n")]);
    assert_eq!(stage.turns(id), 1, "all in one turn");
    let said_so = stage.said(id);
    assert!(said_so.contains("Told: ") && said_so.contains("Not today."), "{said_so}");
    let refused = match stage.agent.refused {
        Refused::Tool | Refused::Prompt => said(Situation::Refused),
        Refused::PromptLater => instead(Situation::Refused, "yes; it is told why afterwards"),
    };
    let task = stage.world.task(id);
    assert!(!task.reservations.is_empty(), "a denial is never called success: {task:#?}");
    vec![said(Situation::Allowed), refused]
}

fn permission(item: &InboxItem, name: &str, line: &str) {
    let Ask::Permission { tool, summary, .. } = &item.ask else { panic!("{item:#?}") };
    assert_eq!((tool.as_str(), summary.as_str()), (name, line));
}

/// Also in `auto`, where it asks for no permission.
pub(super) fn question(stage: &Stage<'_>) -> Seen {
    let asking = json!({"question": "Which colour?", "options": ["Red", "Blue"]});
    let ask = match stage.agent.asks {
        Asks::Itself => json!({"ask": asking}),
        Asks::ByOurTool { ours, .. } => json!({"tool": {"name": ours, "input": asking}}),
    };
    let script = json!([
        ask,
        {"write": {"path": "colour.txt", "content": "${last_result}"}},
        {"text": "Painted."}
    ]);
    let id = stage.begin("auto", "question", script);
    let item = stage.asked(id);
    let Ask::Question { questions } = &item.ask else { panic!("{item:#?}") };
    assert_eq!(questions[0].question, "Which colour?");
    let labels: Vec<&str> = questions[0].options.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["Red", "Blue"]);
    stage.answer(&item, &["--choose", "Blue"]);
    let [colour] = stage.files(id, ["colour.txt"]);
    let colour = colour.expect("it has written what it heard");
    assert!(colour.contains("Blue"), "the answer reached the model: {colour}");
    let requests = stage.requests("question");
    let offered = |tool: &str| requests.iter().any(|seen| seen.tools.iter().any(|one| one == tool));
    match stage.agent.asks {
        Asks::Itself => vec![said(Situation::Question)],
        Asks::ByOurTool { own, ours } => {
            assert!(!offered(own) && offered(ours), "{requests:#?}");
            vec![instead(
                Situation::Question,
                "by our `ask_person`: it is not offered its own tool",
            )]
        }
    }
}

/// A plan is sent back; the better one is approved and carried out.
pub(super) fn plans(stage: &Stage<'_>) -> Seen {
    let id = stage.begin("plan", "plans", planning(stage.agent.plans));
    let first = stage.asked(id);
    assert!(plan(&first).contains("first idea"), "{first:#?}");
    let changed = stage.world.task(id).diff.files;
    assert_eq!(changed, 0, "nothing is changed before the approval");
    stage.answer(&first, &["--deny", "Also test it."]);
    let second = stage.world.asked_after(id, Some(&first));
    assert!(plan(&second).contains("better idea"), "{second:#?}");
    stage.answer(&second, &["--allow"]);
    let files = stage.files(id, ["planned.txt", "ran.txt"]);
    let files = files.each_ref().map(|file| file.as_deref());
    assert_eq!(files, [Some("as planned\n"), Some("ran\n")], "carried out, and nobody was asked");
    vec![said(Situation::PlanSentBack), said(Situation::PlanApproved)]
}

fn plan(item: &InboxItem) -> &str {
    let Ask::Plan { plan } = &item.ask else { panic!("{item:#?}") };
    plan
}

fn planning(plans: Plans) -> Value {
    let shown = |idea: &str| match plans {
        Plans::Tool { file: false } | Plans::Block => vec![json!({"plan": idea})],
        Plans::Tool { file: true } | Plans::ToolAndPrompt => {
            vec![json!({"write": {"path": "${plan_file}", "content": idea}}), json!({"plan": idea})]
        }
        Plans::Words => vec![json!({"text": idea})],
    };
    let (first, better) = (shown("# My first idea\n"), shown("# My better idea\n"));
    let done = vec![
        json!({"write": {"path": "planned.txt", "content": "as planned\n"}}),
        json!({"shell": "echo ran > ran.txt"}),
        json!({"text": "Done as planned."}),
    ];
    let both = |first: Vec<Value>, then: Vec<Value>| Value::from([first, then].concat());
    match plans {
        Plans::Tool { .. } => both(first, [better, done].concat()),
        Plans::ToolAndPrompt => json!({
            "steps": both(first, vec![json!({"text": "I wait to hear why."})]),
            "followups": [{"steps": both(better, done)}],
        }),
        Plans::Block | Plans::Words => {
            json!({"steps": first, "followups": [{"steps": better}, {"steps": done}]})
        }
    }
}
