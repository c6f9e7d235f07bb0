//! An agent without a login that works: each kind is told apart.

use super::stage::Stage;
use super::{Seen, Situation, instead};
use crate::logins::Tokens;
use pilot_proto::{Code, Problem, TaskState, Timestamp};
use serde_json::json;

/// Before there is any provider.
pub(super) fn none(stage: &Stage<'_>) -> Seen {
    let id = stage.task("auto", "hello", &[]);
    let problem = problem(stage, id);
    assert!(!problem.message.contains("has ended"), "there was none: {problem:#?}");
    assert!(stage.model.requests().is_empty(), "nothing is sent without a key");
    vec![instead(Situation::NoLogin, "`agent_auth`: not logged in")]
}

/// With a subscription's login that its vendor does not renew any more.
pub(super) fn ended(stage: &Stage<'_>) -> Seen {
    let tokens = Tokens::start_refusing();
    let login = json!({
        "token_url": tokens.url, "client_id": "client", "refresh_token": "used-up",
        "expires_at": Timestamp::default(),
    });
    let file = stage.world.path("renewal.json");
    std::fs::write(&file, login.to_string()).expect("writable");
    let (file, url) = (file.to_string_lossy().into_owned(), stage.url());
    let name = stage.agent.name;
    let add = ["provider", "add", name, "--kind", stage.agent.kind, "--key-stdin"];
    let more = ["--login", "bearer", "--oauth", &file, "--base-url", &url];
    stage.world.pilot_with_input(&[&add[..], &more].concat(), "an-ended-token-0123\n").ok();
    let id = stage.task("auto", "hello", &[]);
    let problem = problem(stage, id);
    let words = format!("{} {}", problem.message, problem.hint);
    assert!(words.contains("has ended"), "it is no refused key: {problem:#?}");
    stage.world.pilot(&["provider", "remove", name]).ok();
    vec![instead(Situation::LoginEnded, "`agent_auth`: it has ended")]
}

fn problem(stage: &Stage<'_>, id: pilot_proto::TaskId) -> Problem {
    let task = stage.world.until_state(id, "failed");
    let TaskState::Failed { problem } = task.state else { panic!("{task:#?}") };
    assert_eq!(problem.code, Code::AgentAuth, "{problem:#?}");
    assert!(!problem.hint.is_empty(), "it says what to do: {problem:#?}");
    problem
}
