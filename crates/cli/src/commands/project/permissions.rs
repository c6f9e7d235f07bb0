//! `pilot project permissions`.

use super::{by_name, keep};
use crate::args::{Globals, PermissionsWords, ProjectPermissions, RuleWords};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{AddRules, ProjectRules};
use pilot_proto::permission::{PermissionDecision, PermissionPolicy, PermissionRule};
use pilot_proto::{Code, Problem, Project};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectPermissions,
) -> anyhow::Result<Done> {
    let project = by_name(hub, &words.name).await?;
    let add = |decision, words: RuleWords| {
        words.rule(decision).ok_or_else(|| {
            Problem::new(Code::Invalid, "the rule names nothing")
                .hint("say --tool, --command or --path; `--tool '*'` is every tool")
        })
    };
    let now = match words.what.unwrap_or(PermissionsWords::List) {
        PermissionsWords::List => project,
        PermissionsWords::Allow(words) => {
            added(hub, project, add(PermissionDecision::Allow, words)?).await?
        }
        PermissionsWords::Ask(words) => {
            added(hub, project, add(PermissionDecision::Ask, words)?).await?
        }
        PermissionsWords::Never(words) => {
            added(hub, project, add(PermissionDecision::Never, words)?).await?
        }
        PermissionsWords::Remove { number, rule } => {
            let permissions = without(&project, number, rule)?;
            keep(hub, Project { permissions, ..project }).await?
        }
    };
    if globals.json {
        output::json(&now.permissions)?;
    } else {
        show(&now.permissions)?;
    }
    Ok(Done::Well)
}

/// By its own command, because it tells the runs at work as well.
async fn added(hub: &Client, project: Project, rule: PermissionRule) -> anyhow::Result<Project> {
    Ok(hub.call::<ProjectRules>(AddRules { name: project.name, rules: vec![rule] }).await?)
}

fn without(
    project: &Project,
    number: Option<usize>,
    words: RuleWords,
) -> Result<PermissionPolicy, Problem> {
    let rule = words.rule(PermissionDecision::Never);
    let names = |one: &PermissionRule| {
        let named = PermissionRule { decision: PermissionDecision::Never, ..one.clone() };
        rule.as_ref() == Some(&named)
    };
    let mut rules = project.permissions.rules.clone();
    let before = rules.len();
    match number.and_then(|number| number.checked_sub(1)) {
        Some(at) if at < rules.len() => drop(rules.remove(at)),
        Some(_) => {}
        None => rules.retain(|one| !names(one)),
    }
    if rules.len() == before {
        let message = format!("the project `{}` has no such rule", project.name);
        let hint = format!("`pilot project permissions {}` shows those it has", project.name);
        return Err(Problem::new(Code::NotFound, message).hint(hint));
    }
    Ok(PermissionPolicy { rules })
}

fn show(policy: &PermissionPolicy) -> anyhow::Result<()> {
    output::write(|out| {
        if policy.rules.is_empty() {
            writeln!(out, "no rules: a task's mode decides")?;
        }
        for (at, rule) in policy.rules.iter().enumerate() {
            let decision = output::word(&rule.decision);
            write!(out, "{:>3}  {decision:<6}", at + 1)?;
            let parts = [("tool", &rule.tool), ("command", &rule.command), ("path", &rule.path)];
            for (name, text) in parts {
                if let Some(text) = text {
                    write!(out, "  {name} {}", output::tame(text))?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    })
}
