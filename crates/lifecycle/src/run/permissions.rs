//! A project's rules for the tools of its agents: which of them fit what an
//! agent is about to do, and what they decide.
//!
//! It is compared what the agent *says* that it does. A rule is no wall: a
//! program that a command starts may do what no command line tells. So
//! **invariant:** a doubt never allows, and always asks or refuses. What
//! cannot be read surely (an open quote, a word that the shell would make)
//! fits no rule that allows, and every rule that might mean it.

mod pattern;
mod shell;

use pattern::{Pattern, Text};
use pilot_proto::inbox::Ask;
use pilot_proto::permission::{PermissionDecision, PermissionPolicy, PermissionRule};
use pilot_proto::{Code, Problem};
use shell::{Commands, Simple};

/// What an agent is about to do.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// The agent's name for the tool.
    pub tool: &'a str,
    /// Whole command lines that it would run.
    pub commands: &'a [String],
    /// Files that it would touch.
    pub paths: &'a [String],
}

impl<'a> Use<'a> {
    /// What a permission is asked for; none where it is something else that is asked.
    pub fn of(ask: &'a Ask) -> Option<Self> {
        match ask {
            Ask::Permission { tool, commands, paths, .. } => Some(Self { tool, commands, paths }),
            Ask::Question { .. }
            | Ask::Plan { .. }
            | Ask::Interrupted
            | Ask::Network { .. }
            | Ask::Budget { .. }
            | Ask::HandsOn { .. }
            | Ask::Feedback { .. }
            | Ask::Ci { .. }
            | Ask::Unknown(_) => None,
        }
    }
}

/// What the rules decide, and which of them; none where none fits.
///
/// Where several rules together allow a command line, it is the first of them.
pub fn decide<'a>(
    rules: &'a [PermissionRule],
    what: Use<'_>,
) -> Option<(PermissionDecision, &'a PermissionRule)> {
    let read = Read::of(what);
    let strict = |decision: PermissionDecision| {
        let mut rules = rules.iter().filter(|rule| rule.decision == decision);
        rules.find(|rule| read.may_mean(rule)).map(|rule| (decision, rule))
    };
    strict(PermissionDecision::Never)
        .or_else(|| strict(PermissionDecision::Ask))
        .or_else(|| read.allowed_by(rules).map(|rule| (PermissionDecision::Allow, rule)))
}

/// Whether these rules, all taken as ones that allow, allow it.
pub fn allows(rules: &[PermissionRule], what: Use<'_>) -> bool {
    let allowing = |rule: &PermissionRule| PermissionRule {
        decision: PermissionDecision::Allow,
        ..rule.clone()
    };
    let rules: Vec<PermissionRule> = rules.iter().map(allowing).collect();
    Read::of(what).allowed_by(&rules).is_some()
}

/// Whether a rule, as it decides, is about this at all.
pub fn fits(rule: &PermissionRule, what: Use<'_>) -> bool {
    match rule.decision {
        PermissionDecision::Allow => allows(std::slice::from_ref(rule), what),
        PermissionDecision::Ask | PermissionDecision::Never => Read::of(what).may_mean(rule),
    }
}

/// The rules that mean exactly this and nothing else: the very command lines,
/// the very files, or else the tool. None of what has no name.
pub fn exactly(decision: PermissionDecision, what: Use<'_>) -> Vec<PermissionRule> {
    let rule = |command: Option<String>, path: Option<String>| PermissionRule {
        decision,
        tool: Some(what.tool.to_owned()).filter(|tool| !tool.is_empty()),
        command,
        path,
    };
    let commands = what.commands.iter().map(|line| rule(Some(pattern::literally(line)), None));
    let paths = what.paths.iter().map(|path| rule(None, Some(path.clone())));
    let rules: Vec<PermissionRule> = commands.chain(paths).collect();
    if rules.is_empty() && !what.tool.is_empty() { vec![rule(None, None)] } else { rules }
}

/// True where a rule may refuse or ask for what an agent would not ask by itself.
pub fn needs_asking(policy: &PermissionPolicy) -> bool {
    policy.rules.iter().any(|rule| rule.decision != PermissionDecision::Allow)
}

/// A rule in a person's words: `` `Bash` running `git push*` ``.
pub fn words(rule: &PermissionRule) -> String {
    let mut words = match &rule.tool {
        Some(tool) => format!("`{tool}`"),
        None => "every tool".to_owned(),
    };
    if let Some(command) = &rule.command {
        words.push_str(&format!(" running `{command}`"));
    }
    if let Some(path) = &rule.path {
        words.push_str(&format!(" on `{path}`"));
    }
    words
}

/// Names the first rule that makes no sense.
///
/// # Errors
///
/// One [`Code::Invalid`] problem, or [`Code::TooLarge`].
pub fn check(policy: &PermissionPolicy) -> Result<(), Problem> {
    let most = PermissionPolicy::MAX_RULES;
    if policy.rules.len() > most {
        let count = policy.rules.len();
        let message = format!("A project has at most {most} permission rules; these are {count}.");
        return Err(Problem::new(Code::TooLarge, message)
            .hint("Use patterns such as `cargo *` in place of many commands."));
    }
    policy.rules.iter().try_for_each(check_rule)
}

fn check_rule(rule: &PermissionRule) -> Result<(), Problem> {
    let wrong = |message: String, hint: &str| {
        Err(Problem::new(Code::Invalid, format!("`permissions`: {message}")).hint(hint))
    };
    let parts = [("tool", &rule.tool), ("command", &rule.command), ("path", &rule.path)];
    for (name, text) in parts {
        let Some(text) = text else { continue };
        if text.trim().is_empty() || text.contains('\0') {
            let hint = "Leave it out where it does not matter.";
            return wrong(format!("a rule's `{name}` is empty or holds a NUL character."), hint);
        }
        if text.len() > PermissionPolicy::MAX_PATTERN {
            let most = PermissionPolicy::MAX_PATTERN;
            return wrong(format!("a rule's `{name}` is longer than {most} bytes."), "Use `*`.");
        }
    }
    if parts.iter().all(|(_, text)| text.is_none()) {
        let hint = "Name a tool, a command or a path; the tool `*` is every tool.";
        return wrong("a rule names nothing.".to_owned(), hint);
    }
    if let Some(path) = rule.path.as_ref().filter(|path| path.split('/').any(|part| part == "..")) {
        let hint = "Paths are relative to the tree, or absolute.";
        return wrong(format!("the path `{path}` goes up with `..`."), hint);
    }
    Ok(())
}

/// What an agent is about to do, read once for all rules.
struct Read<'a> {
    what: Use<'a>,
    lines: Vec<Commands>,
    paths: Vec<Text>,
}

impl<'a> Read<'a> {
    fn of(what: Use<'a>) -> Self {
        Self {
            what,
            lines: what.commands.iter().map(|line| shell::read(line)).collect(),
            paths: what.paths.iter().map(|path| Text::path(path)).collect(),
        }
    }

    /// The first rule of those that together allow all of it.
    fn allowed_by<'r>(&self, rules: &'r [PermissionRule]) -> Option<&'r PermissionRule> {
        let for_tool = |rule: &&PermissionRule| {
            rule.decision == PermissionDecision::Allow && self.is_tool(rule)
        };
        let rules: Vec<&PermissionRule> = rules.iter().filter(for_tool).collect();
        let whole = |rule: &&&PermissionRule| rule.command.is_none() && rule.path.is_none();
        if let Some(rule) = rules.iter().find(whole) {
            return Some(rule);
        }
        let mut first = None;
        let mut all = |found: Option<&&'r PermissionRule>| {
            first = first.or(found.copied());
            found.is_some()
        };
        let lines = self.what.commands.iter().zip(&self.lines);
        for (line, commands) in lines {
            let very = |rule: &&&PermissionRule| {
                rule.path.is_none()
                    && rule.command.as_ref().is_some_and(|command| pattern::is(command, line))
            };
            if let Some(rule) = rules.iter().find(very) {
                all(Some(rule));
                continue;
            }
            let Commands::Sure(commands) = commands else { return None };
            let each =
                |command: &Simple| rules.iter().find(|rule| self.allows_command(rule, command));
            if commands.is_empty() || !commands.iter().all(|command| all(each(command))) {
                return None;
            }
        }
        for path in &self.paths {
            if !all(rules.iter().find(|rule| self.allows_path(rule, path))) {
                return None;
            }
        }
        first
    }

    fn allows_command(&self, rule: &PermissionRule, command: &Simple) -> bool {
        let by_command =
            rule.command.as_ref().is_some_and(|one| Pattern::command(one).covers(&command.text()));
        by_command && rule.path.as_ref().is_none_or(|one| self.all_paths(one))
    }

    fn allows_path(&self, rule: &PermissionRule, path: &Text) -> bool {
        let by_path = rule.path.as_ref().is_some_and(|one| pattern::covers_path(one, path));
        by_path && rule.command.as_ref().is_none_or(|one| self.all_commands(one))
    }

    fn all_paths(&self, pattern: &str) -> bool {
        !self.paths.is_empty() && self.paths.iter().all(|path| pattern::covers_path(pattern, path))
    }

    fn all_commands(&self, pattern: &str) -> bool {
        let pattern = Pattern::command(pattern);
        let covered = |commands: &Commands| match commands {
            Commands::Sure(all) => {
                !all.is_empty() && all.iter().all(|command| pattern.covers(&command.text()))
            }
            Commands::Doubtful(_) => false,
        };
        !self.lines.is_empty() && self.lines.iter().all(covered)
    }

    /// A rule that refuses or asks is about this, or may be.
    fn may_mean(&self, rule: &PermissionRule) -> bool {
        self.is_tool(rule)
            && rule.command.as_ref().is_none_or(|one| self.may_run(one))
            && rule.path.as_ref().is_none_or(|one| self.may_touch(one))
    }

    fn may_run(&self, pattern: &str) -> bool {
        let very = |line: &String| pattern::is(pattern, line);
        let compiled = Pattern::command(pattern);
        let meets = |commands: &Commands| match commands {
            Commands::Sure(all) => all.iter().any(|one| one.may_be(&compiled)),
            Commands::Doubtful(None) => true,
            Commands::Doubtful(Some(all)) => all.iter().any(|one| one.may_be(&compiled)),
        };
        self.what.commands.iter().any(very) || self.lines.iter().any(meets)
    }

    fn may_touch(&self, pattern: &str) -> bool {
        let named = |commands: &Commands| match commands {
            Commands::Doubtful(None) => true,
            Commands::Sure(all) | Commands::Doubtful(Some(all)) => {
                all.iter().flat_map(Simple::files).any(|file| pattern::may_be_path(pattern, &file))
            }
        };
        self.paths.iter().any(|path| pattern::may_be_path(pattern, path))
            || self.lines.iter().any(named)
    }

    fn is_tool(&self, rule: &PermissionRule) -> bool {
        rule.tool.as_ref().is_none_or(|tool| {
            Pattern::command(&tool.to_lowercase())
                .covers(&Text::literal(&self.what.tool.to_lowercase()))
        })
    }
}

#[cfg(test)]
mod tests;
