//! Agents that a machine's owner declares, in TOML: which program, how it is
//! given the prompt, and when it is done.
//!
//! ```toml
//! [agents.shy]
//! protocol = "command"
//! program = "shy"
//! args = ["--yes", ["--model", "{model}"], "--message-file", "{prompt_file}"]
//! env = { OPENAI_API_KEY = "{key}", OPENAI_BASE_URL = "{base_url}" }
//! ```
//!
//! **Invariant:** a file is taken as a whole or not at all: an agent that was
//! left out would be missed only when a task wants it.

pub(crate) mod template;

use crate::catalog::Agent;
use crate::probe::Probe;
use crate::{acp, agentapi, command};
use pilot_proto::{Code, Problem};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use template::{Argument, Placeholder, Template};

/// What the file is called, in the runner's data directory.
pub const FILE: &str = "agents.toml";

/// Longest name of an agent: it is shown in lists, and names a directory.
const NAME_MAX: usize = 40;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    agents: BTreeMap<String, Declared>,
}

/// The names alone, and where they stand.
#[derive(Debug, Deserialize)]
struct Names {
    #[serde(default)]
    agents: BTreeMap<toml::Spanned<String>, IgnoredAny>,
}

/// An agent as it is declared.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Declared {
    protocol: Protocol,
    /// Its name on the `PATH`, or its absolute path.
    #[serde(deserialize_with = "not_empty")]
    pub(crate) program: String,
    /// Its arguments.
    #[serde(default)]
    pub(crate) args: Vec<Argument>,
    /// Its arguments where it goes on with an earlier session.
    #[serde(default)]
    pub(crate) resume_args: Option<Vec<Argument>>,
    /// Variables, besides those that every run has.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, Template>,
    /// When a turn is over.
    #[serde(default)]
    pub(crate) done_when: DoneWhen,
    /// It runs on a terminal.
    #[serde(default)]
    pub(crate) terminal: bool,
    /// Arguments that make it tell its version.
    #[serde(default)]
    pub(crate) version_args: Vec<String>,
    /// The command line that installs it.
    #[serde(default)]
    pub(crate) install: String,
}

/// How an agent is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Protocol {
    /// As a command: a prompt in, output for people out.
    Command,
    /// In the Agent Client Protocol, over its standard input and output.
    Acp,
    /// As a server that speaks AgentAPI.
    #[serde(rename = "agentapi")]
    AgentApi,
}

impl Declared {
    /// How a doctor finds it.
    pub(crate) fn probe(&self, name: &str) -> Probe {
        Probe {
            agent: name.to_owned(),
            program: Some(self.program.clone()),
            args: self.version_args.clone(),
            mend: self.install.clone(),
        }
    }

    fn uses(&self, placeholder: Placeholder) -> bool {
        let args = self.args.iter().chain(self.resume_args.iter().flatten());
        args.into_iter().any(|argument| argument.uses(placeholder))
            || self.env.values().any(|template| template.uses(placeholder))
    }

    /// The field that means nothing to its protocol.
    fn misfit(&self) -> Option<&'static str> {
        match self.protocol {
            Protocol::Command => self.uses(Placeholder::Port).then_some("{port}"),
            Protocol::Acp if self.uses(Placeholder::Port) => Some("{port}"),
            Protocol::Acp | Protocol::AgentApi => {
                let prompt = [Placeholder::Prompt, Placeholder::PromptFile];
                let fields = [
                    ("resume-args", self.resume_args.is_some()),
                    ("done-when", !matches!(self.done_when, DoneWhen::Exit)),
                    ("terminal", self.terminal),
                    ("{prompt}", prompt.into_iter().any(|one| self.uses(one))),
                ];
                fields.into_iter().find_map(|(name, there)| there.then_some(name))
            }
        }
    }
}

/// When a command's turn is over.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DoneWhen {
    /// Its process has ended.
    #[default]
    Exit,
    /// It has written a line that matches; it then reads the next prompt.
    Line(Pattern),
}

/// A regular expression, over bytes: output need not be text.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(pub(crate) regex::bytes::Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let regex = regex::bytes::Regex::new(&text);
        regex.map(Self).map_err(|_| format!("`{text}` is no regular expression"))
    }
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("it is empty")) } else { Ok(text) }
}

/// The agents that the text declares; none of them may be called like one of
/// `taken`.
pub(crate) fn read(text: &str, taken: &[&str]) -> Result<Vec<Arc<dyn Agent>>, Problem> {
    let agents = parse(text)?;
    // It was read whole just now: this finds the same names.
    let names: Names = toml::from_str(text).map_err(|error| syntax(text, &error))?;
    for name in names.agents.keys() {
        let line = line_of(text, &name.span());
        check_name(name.get_ref(), taken)
            .map_err(|why| problem(&format!("line {line}: {why}"), "Choose another name."))?;
        if let Some(misfit) = agents.get(name.get_ref()).and_then(Declared::misfit) {
            let name = name.get_ref();
            let what =
                format!("line {line}: agent `{name}`: `{misfit}` means nothing to its protocol");
            return Err(problem(&what, WHERE));
        }
    }
    Ok(agents.into_iter().map(|(name, declared)| agent(name, declared)).collect())
}

fn agent(name: String, declared: Declared) -> Arc<dyn Agent> {
    match declared.protocol {
        Protocol::Command => Arc::new(command::Agent::new(name, declared)),
        Protocol::Acp => acp::declared(name, declared),
        Protocol::AgentApi => Arc::new(agentapi::Agent::new(name, declared)),
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, Declared>, Problem> {
    let deserializer = toml::Deserializer::parse(text).map_err(|error| syntax(text, &error))?;
    let read: Result<File, _> = serde_path_to_error::deserialize(deserializer);
    read.map(|file| file.agents).map_err(|error| {
        let path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
        let inner = error.inner();
        let line =
            inner.span().map_or(String::new(), |at| format!("line {}: ", line_of(text, &at)));
        let agent = path.get(1).map_or(String::new(), |name| format!("agent `{name}`, "));
        let field = path.get(2).map_or(String::new(), |name| format!("field `{name}`: "));
        problem(&format!("{line}{agent}{field}{}", inner.message().trim()), WHERE)
    })
}

const WHERE: &str = "The fields are described in docs/agents.md, `An agent of your own`.";

fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    let line = error.span().map_or(1, |at| line_of(text, &at));
    problem(&format!("line {line}: {}", error.message().trim()), WHERE)
}

fn problem(what: &str, hint: &str) -> Problem {
    Problem::new(Code::Invalid, format!("`{FILE}`, {what}.")).hint(hint)
}

fn line_of(text: &str, at: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..at.start).unwrap_or_default();
    before.iter().filter(|&&byte| byte == b'\n').count() + 1
}

fn check_name(name: &str, taken: &[&str]) -> Result<(), String> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let first = name.bytes().next().is_some_and(fine);
    let rest = name.bytes().all(|byte| fine(byte) || matches!(byte, b'-' | b'_'));
    if !first || !rest || name.len() > NAME_MAX {
        return Err(format!(
            "agent `{name}`: a name has up to {NAME_MAX} small letters, digits, `-` and `_`, and begins with a letter or digit"
        ));
    }
    if taken.contains(&name) {
        return Err(format!("agent `{name}`: that name is a built-in agent's"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    fn wrong(text: &str) -> String {
        let problem = Catalog::built_in().declare(text).expect_err("it is wrong");
        assert!(!problem.hint.is_empty(), "a person is told what to do: {problem:?}");
        problem.message
    }

    #[test]
    fn a_declared_agent_stands_beside_the_built_in_ones() {
        let text = "[agents.shy]\nprotocol = \"command\"\nprogram = \"shy\"\n";
        let catalog = Catalog::built_in().declare(text).expect("it is right");
        assert_eq!(catalog.get("shy").expect("declared").name(), "shy");
        assert_eq!(catalog.get("claude").expect("built in").name(), "claude");
        let empty = Catalog::built_in().declare("# nothing yet\n").expect("it is right");
        assert_eq!(empty.names().count(), Catalog::built_in().names().count());
    }

    #[test]
    fn what_is_wrong_is_named_with_agent_field_and_line() {
        let check = |lines: &str, expected: &[&str]| {
            let text =
                format!("[agents.shy]\nprotocol = \"command\"\nprogram = \"shy\"\n{lines}\n");
            let message = wrong(&text);
            for part in expected {
                assert!(message.contains(part), "{message} must name {part}");
            }
        };
        check("done-when = \"tomorrow\"", &["line 4", "`shy`", "`done-when`", "tomorrow"]);
        check("done-when = { line = \"(\" }", &["line 4", "`shy`", "`done-when`", "regular"]);
        check("terminal = 3", &["line 4", "`shy`", "`terminal`"]);
        check("args = [\"{promt}\"]", &["line 4", "`shy`", "`args`", "`{promt}`"]);
        check("args = [\"--key\", \"{key}\"]", &["line 4", "`args`", "everybody"]);
        check("args = [[\"--a\", 3]]", &["line 4", "`shy`", "`args`"]);
        check("colour = \"red\"", &["line 4", "`shy`", "`colour`"]);
        check("args = [", &["line "]);
    }

    #[test]
    fn an_agent_without_a_program_or_with_a_strange_protocol_is_refused() {
        let message = wrong("[agents.shy]\nprotocol = \"command\"\n");
        assert!(message.contains("`shy`") && message.contains("`program`"), "{message}");
        let message = wrong("[agents.shy]\nprogram = \"\"\nprotocol = \"command\"\n");
        assert!(message.contains("line 2") && message.contains("empty"), "{message}");
        let message = wrong("[agents.shy]\nprogram = \"x\"\nprotocol = \"pigeon\"\n");
        assert!(message.contains("line 3") && message.contains("pigeon"), "{message}");
    }

    #[test]
    fn a_field_that_means_nothing_to_the_protocol_is_refused() {
        let check = |protocol: &str, field: &str, expected: &str| {
            let message = wrong(&format!(
                "[agents.shy]\nprotocol = \"{protocol}\"\nprogram = \"x\"\n{field}\n"
            ));
            assert!(message.contains("line 1") && message.contains(expected), "{message}");
        };
        check("command", "args = [\"--port={port}\"]", "`{port}`");
        check("acp", "args = [\"--port={port}\"]", "`{port}`");
        check("acp", "env = { P = \"{prompt}\" }", "`{prompt}`");
        check("acp", "terminal = true", "`terminal`");
        check("agentapi", "terminal = true", "`terminal`");
        check("agentapi", "args = [\"{prompt}\"]", "`{prompt}`");
        check("agentapi", "resume-args = []", "`resume-args`");
        check("agentapi", "done-when = { line = \"x\" }", "`done-when`");
    }

    #[test]
    fn a_name_is_plain_and_nobody_elses() {
        let named = |name: &str| {
            wrong(&format!("\n[agents.\"{name}\"]\nprotocol = \"command\"\nprogram = \"x\"\n"))
        };
        let message = named("claude");
        assert!(message.contains("line 2") && message.contains("built-in"), "{message}");
        for name in ["", "Shy", "../shy", "-shy", "a b", &"x".repeat(NAME_MAX + 1)] {
            let message = named(name);
            assert!(message.contains("line 2") && message.contains("small letters"), "{message}");
        }
    }
}
