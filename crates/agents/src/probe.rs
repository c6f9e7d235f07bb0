//! What a doctor runs to see which agents a machine has, and how to read it.

use pilot_proto::runner::{AgentFound, AgentOrigin};

/// How to look for one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The agent.
    pub agent: String,
    /// Its program's name on the `PATH`; none for one that is built in.
    pub program: Option<String>,
    /// Arguments that make the program tell its version; none: it is there, and
    /// that is all that can be known.
    pub args: Vec<String>,
    /// Command line, or sentence, that brings it; may be empty.
    pub mend: String,
}

/// What came of running a probe's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult<'a> {
    /// It exited with 0 and printed this.
    Printed(&'a str),
    /// It is not there, or nothing had to be run ([`Probe::program`] is none).
    NotFound,
    /// It could not be run, or failed: in these words.
    Broken(&'a str),
}

impl Probe {
    /// Of a program that tells its version.
    pub fn new(agent: &str, program: &str, args: &[&str], mend: &str) -> Self {
        Self {
            agent: agent.to_owned(),
            program: Some(program.to_owned()),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            mend: mend.to_owned(),
        }
    }

    /// Of an agent that is a part of this build.
    pub fn built_in(agent: &str) -> Self {
        Self { agent: agent.to_owned(), program: None, args: Vec::new(), mend: String::new() }
    }

    /// What the outcome says about the agent.
    pub fn found(&self, result: ProbeResult<'_>) -> AgentFound {
        let found = |version: Option<String>, problem: Option<String>| AgentFound {
            name: self.agent.clone(),
            version,
            problem,
            abilities: None,
            origin: AgentOrigin::Unknown,
            program: None,
            own_login: None,
            live: None,
        };
        let Some(program) = &self.program else {
            return found(Some(env!("CARGO_PKG_VERSION").to_owned()), None);
        };
        let mend = if self.mend.is_empty() { String::new() } else { format!("; `{}`", self.mend) };
        match result {
            ProbeResult::Printed(output) => match version(output) {
                Some(version) => found(Some(version.to_owned()), None),
                None if self.args.is_empty() => found(None, None),
                None => found(None, Some(format!("`{program}` does not tell its version{mend}"))),
            },
            ProbeResult::NotFound => {
                found(None, Some(format!("`{program}` is not on the PATH{mend}")))
            }
            ProbeResult::Broken(why) => {
                found(None, Some(format!("`{program}` does not start: {why}{mend}")))
            }
        }
    }
}

/// The first word that looks like a version: `2.1.329 (Claude Code)`, `codex-cli 0.169.0`.
fn version(output: &str) -> Option<&str> {
    output
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Agent as _;
    use crate::{claude, scripted};

    #[test]
    fn a_missing_program_is_named_with_its_mend() {
        let found = claude::Agent.probe().found(ProbeResult::NotFound);
        let problem = found.problem.expect("a missing program is a problem");
        assert!(problem.contains("npm install -g @anthropic-ai/claude-code"), "{problem}");
        assert_eq!(found.version, None);
    }

    #[test]
    fn a_version_is_read_from_what_the_program_prints() {
        let found = claude::Agent.probe().found(ProbeResult::Printed("2.1.329 (Claude Code)\n"));
        assert_eq!(found.version.as_deref(), Some("2.1.329"));
        assert_eq!(found.problem, None);
        let odd = claude::Agent.probe().found(ProbeResult::Printed("hello"));
        assert!(odd.problem.is_some(), "a program of the same name may be something else");
    }

    #[test]
    fn the_built_in_agent_is_always_there() {
        let found = scripted::Agent.probe().found(ProbeResult::NotFound);
        assert_eq!(found.problem, None);
        assert!(found.version.is_some());
    }
}
