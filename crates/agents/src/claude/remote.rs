//! Claude Code with Remote Control: the interactive program on a terminal, which
//! a person watches and steers from claude.ai. What is said here was measured on
//! 2.1.329, up to where the vendor's own servers decide.
//!
//! Its screen is for people: `pilot agent-screen` keeps it and passes on, as one
//! line of JSON each, the address of the session and that something
//! moves. So nobody can tell here when a turn is over. The run ends when a
//! person says that the work is done, or leaves the program.
//!
//! **Invariant:** the environment holds nothing that makes the program refuse:
//! no other login, no other address, and none of the switches that turn off its
//! way to ask whether the account may do this ([`SCRUBBED`]).

use super::session::CONFIG_DIR;
use super::{NAME, launch};
use crate::command::terminal;
use crate::driver::{Driver, HomeFile, Launch, Preflight, Remote, Start, Step, died};
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::Usage;
use pilot_proto::{Code, Event, Problem, Stream};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Variables that make it refuse; `*` stands for any end of a name.
pub const SCRUBBED: &[&str] = &[
    "ANTHROPIC_*",
    "CLAUDE_CODE_OAUTH_*",
    "CLAUDE_CODE_USE_*",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "CLAUDE_CODE_REMOTE*",
    "DISABLE_GROWTHBOOK",
    "DISABLE_TELEMETRY",
    "DO_NOT_TRACK",
];

/// What it must reach, and no other run may: the model and the session's relay,
/// the pages that the login is renewed at, and those of claude.ai.
pub const HOSTS: &[&str] =
    &["api.anthropic.com", "claude.ai", "platform.claude.com", "console.anthropic.com"];

/// The driver.
pub struct RemoteControl {
    start: Start,
    remote: Remote,
    link: Option<String>,
    in_turn: bool,
}

impl RemoteControl {
    /// A driver that has not begun yet.
    pub fn new(start: Start, remote: Remote) -> Self {
        Self { start, remote, link: None, in_turn: false }
    }

    fn environment(&self) -> Vec<(String, String)> {
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        vec![
            ("CLAUDE_CONFIG_DIR".to_owned(), path(self.start.home.join(CONFIG_DIR))),
            ("CLAUDE_CODE_TMPDIR".to_owned(), path(self.start.tmp.clone())),
            ("DISABLE_AUTOUPDATER".to_owned(), "1".to_owned()),
            ("IS_SANDBOX".to_owned(), "1".to_owned()),
        ]
    }

    fn args(&self) -> Vec<String> {
        let mut args = vec![format!("--remote-control={}", self.remote.name)];
        args.push(format!("--permission-mode={}", launch::permission_mode(self.start.mode)));
        if let Some(model) = &self.start.model {
            args.push(format!("--model={model}"));
        }
        match &self.start.resume {
            Some(session) => args.push(format!("--resume={session}")),
            None => args.push(format!("--session-id={}", self.start.run)),
        }
        args.extend(["--".to_owned(), self.start.prompt.clone()]);
        args
    }

    fn files(&self) -> Vec<HomeFile> {
        let mut state = launch::state(&self.start.tree);
        // What it would ask for once at a terminal.
        state["remoteDialogSeen"] = true.into();
        // The hub has looked at it; what is no JSON is refused by the preflight.
        let account = serde_json::from_str(&self.remote.login.account).unwrap_or(Value::Null);
        state["oauthAccount"] = account;
        let settings = json!({"skipDangerousModePermissionPrompt": true});
        let login = self.remote.login.credentials.expose().to_owned();
        let files = [
            (".claude.json", format!("{state}\n")),
            ("settings.json", format!("{settings}\n")),
            (".credentials.json", login),
        ];
        files
            .map(|(name, contents)| HomeFile {
                path: PathBuf::from(CONFIG_DIR).join(name),
                contents,
                mode: 0o600,
            })
            .into()
    }

    fn over(&mut self, end: TurnEnd, problem: Option<Problem>) -> Vec<Step> {
        if !std::mem::take(&mut self.in_turn) {
            return Vec::new();
        }
        vec![Step::TurnEnded {
            end,
            usage: Usage::default(),
            denials: 0,
            summary: String::new(),
            problem,
        }]
    }
}

/// Escape: stops its turn. A word is sent off by Return.
const ESCAPE: &str = "\u{1b}";

impl Driver for RemoteControl {
    fn launch(&self) -> Launch {
        Launch {
            program: self.start.program.clone(),
            args: self.args(),
            env: self.environment(),
            files: self.files(),
        }
    }

    fn scrubbed(&self) -> &'static [&'static str] {
        SCRUBBED
    }

    fn through(&self) -> Option<&'static str> {
        Some(terminal::QUIET_SUBCOMMAND)
    }

    fn preflight(&self) -> Option<Preflight> {
        let launch = Launch {
            program: self.start.program.clone(),
            args: vec!["remote-control".to_owned()],
            env: self.environment(),
            files: Vec::new(),
        };
        Some(Preflight { launch, judge: refusal })
    }

    fn begin(&mut self) -> Vec<Step> {
        self.in_turn = true;
        let session = self.start.resume.clone().unwrap_or_else(|| self.start.run.to_string());
        let running = Event::Activity { activity: Activity::Running, reason: String::new() };
        let started = Event::SessionStarted { session, model: None, version: None };
        vec![Step::Event(started), Step::Event(running)]
    }

    fn stream(&self, line: &[u8]) -> Stream {
        if line.starts_with(b"{\"screen\":") { Stream::Protocol } else { Stream::Stdout }
    }

    fn line(&mut self, line: &str) -> Vec<Step> {
        let told: Value = serde_json::from_str(line).unwrap_or(Value::Null);
        let Some(url) = told["screen"]["link"].as_str() else { return Vec::new() };
        if self.link.as_deref() == Some(url) {
            return Vec::new();
        }
        self.link = Some(url.to_owned());
        vec![Step::Event(Event::RemoteControl { url: url.to_owned() })]
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        self.in_turn = true;
        vec![Step::Write(format!("{text}\r"))]
    }

    fn steer(&mut self, text: &str) -> Option<Vec<Step>> {
        Some(vec![Step::Write(format!("{text}\r"))])
    }

    fn interrupt(&mut self) -> Vec<Step> {
        if !self.in_turn {
            return Vec::new();
        }
        let mut steps = vec![Step::Write(ESCAPE.to_owned())];
        steps.extend(self.over(TurnEnd::Interrupted, None));
        steps
    }

    fn answer(&mut self, _key: &str, _ask: &Ask, _answer: &Answer) -> Vec<Step> {
        // It asks the person who drives it, and nobody else.
        Vec::new()
    }

    fn end(&mut self) -> Vec<Step> {
        self.in_turn = false;
        // It must be in no turn to read a command.
        vec![Step::Write(ESCAPE.to_owned()), Step::Write("/exit\r".to_owned()), Step::CloseInput]
    }

    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step> {
        match code {
            // Whoever drove it has left it.
            Some(0) => self.over(TurnEnd::Completed, None),
            _ => self.over(TurnEnd::Exited, Some(died(code, stderr))),
        }
    }
}

/// What keeps a session from being driven from afar, in the program's own
/// words; none if nothing does. It ends by itself only to refuse: an account
/// that may do this makes it wait for its first session, until we end it.
fn refusal(code: Option<i32>, said: &str) -> Option<Problem> {
    let words: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let words = words.join(" ");
    let words = words.strip_prefix("Error: ").unwrap_or(&words);
    if code.is_none_or(|code| code == 0) || words.contains("Enable Remote Control?") {
        return None;
    }
    let words = if words.is_empty() { "it said nothing" } else { words };
    let mut shown: String = words.chars().take(MOST_WORDS).collect();
    if shown.len() < words.len() {
        shown.push('…');
    }
    let login = ["log in", "logged in", "login", "organization", "subscription"];
    let about_login = login.iter().any(|word| words.contains(word));
    let (code, hint) = if about_login {
        (
            Code::AgentAuth,
            "Log in anew with `claude auth login`, then `pilot provider login NAME --credentials FILE --account FILE`.",
        )
    } else {
        (
            Code::AgentFailed,
            "`pilot task retry` tries it again; without Remote Control it would run.",
        )
    };
    let message = format!("`{NAME}` refuses Remote Control: {shown}");
    Some(Problem::new(code, message).hint(hint))
}

/// Its longest refusal has 400.
const MOST_WORDS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::start;
    use pilot_proto::Secret;

    fn driver() -> RemoteControl {
        let login = pilot_proto::run::RemoteControl {
            credentials: Secret::new(r#"{"claudeAiOauth":{"accessToken":"canary-1"}}"#),
            account: r#"{"organizationUuid":"o1"}"#.to_owned(),
        };
        RemoteControl::new(start(), Remote { login, name: "Pilothouse: tidy up".to_owned() })
    }

    #[test]
    fn the_login_is_in_files_of_its_own_and_nothing_in_the_way() {
        let launch = driver().launch();
        let file = |name: &str| {
            let file = launch.files.iter().find(|file| file.path.ends_with(name));
            file.expect("it is written")
        };
        assert_eq!(file(".credentials.json").mode, 0o600);
        assert!(file(".credentials.json").contents.contains("canary-1"));
        let state: Value = serde_json::from_str(&file(".claude.json").contents).expect("JSON");
        assert_eq!(state["oauthAccount"]["organizationUuid"], "o1");
        assert_eq!(state["remoteDialogSeen"], true);
        assert_eq!(launch.args[0], "--remote-control=Pilothouse: tidy up");
        assert_eq!(launch.args.last(), Some(&start().prompt), "the prompt is no option");
        for (name, _) in &launch.env {
            let hit = SCRUBBED.iter().any(|one| match one.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => name == one,
            });
            assert!(!hit, "{name} would make it refuse");
        }
        assert!(!format!("{launch:?}").contains("canary-1"), "no login in a log");
    }

    #[test]
    fn the_sessions_address_is_told_once() {
        let mut driver = driver();
        driver.begin();
        let line = r#"{"screen":{"link":"https://claude.ai/code/session_1"}}"#;
        assert_eq!(driver.stream(line.as_bytes()), Stream::Protocol);
        let url = "https://claude.ai/code/session_1".to_owned();
        assert_eq!(driver.line(line), [Step::Event(Event::RemoteControl { url })]);
        assert!(driver.line(line).is_empty());
        assert!(driver.line(r#"{"screen":{"moves":true}}"#).is_empty());
        assert!(driver.line("{").is_empty());
    }

    #[test]
    fn whoever_leaves_it_has_done_the_work() {
        let end = |code| {
            let mut driver = driver();
            driver.begin();
            match driver.exited(code, "").as_slice() {
                [Step::TurnEnded { end, .. }] => *end,
                other => panic!("one end: {other:?}"),
            }
        };
        assert_eq!(end(Some(0)), TurnEnd::Completed);
        assert_eq!(end(Some(1)), TurnEnd::Exited);
        assert_eq!(end(None), TurnEnd::Exited);
        let mut driver = driver();
        driver.begin();
        driver.end();
        assert!(driver.exited(None, "").is_empty(), "it was let go");
    }

    #[test]
    fn a_refusal_is_told_in_the_programs_own_words() {
        let check = |code, said: &str, expected: Option<(Code, &str)>| {
            let problem = refusal(code, said);
            let told = problem.as_ref().map(|one| (one.code, one.message.as_str()));
            match (told, expected) {
                (None, None) => {}
                (Some((code, message)), Some((expected, words))) => {
                    assert_eq!(code, expected, "{message}");
                    assert!(message.contains(words), "{message}");
                }
                other => panic!("{said}: {other:?}"),
            }
        };
        let login =
            "Error: You must be logged in to use Remote Control.\n\nRun `claude auth login`.";
        check(Some(1), login, Some((Code::AgentAuth, "You must be logged in")));
        let away =
            "Couldn't verify Remote Control eligibility — the feature-flag service was unreachable";
        check(Some(1), away, Some((Code::AgentFailed, "unreachable")));
        check(Some(1), "", Some((Code::AgentFailed, "said nothing")));
        check(Some(1), "Enable Remote Control? (y/n)", None);
        check(None, "Remote Control · waiting for a session", None);
    }
}
