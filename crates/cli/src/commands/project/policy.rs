//! `pilot project policy`.

use super::{by_name, keep};
use crate::args::{GateName, Globals, ProjectPolicy, TaskName};
use crate::commands::Done;
use crate::commands::task::find;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{
    AllowHosts, NetworkAudit, NetworkQuery, ProjectAllow, TaskList, TaskNetwork, TaskQuery,
};
use pilot_proto::network::{GateMode, NetworkPolicy, NetworkPreset};
use pilot_proto::{Code, Problem, Project, RunId, TaskId};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    mut words: ProjectPolicy,
) -> anyhow::Result<Done> {
    let project = by_name(hub, &words.name).await?;
    if words.gate == Some(GateName::Off) && !words.yes {
        let message = "without the gate an agent reaches whatever this machine's runner does: the whole internet and the networks it is in, unwatched";
        let hint = "say `--yes` as well if you mean it; `--gate learn` lets everything public through and writes it down";
        return Err(Problem::new(Code::Precondition, message).hint(hint).into());
    }
    if let Some(name) = words.from_run.take() {
        learn(hub, &mut words, &name).await?;
    }
    let changed = changed(&project, &words)?;
    let mut now = project.clone();
    if changed != project.network {
        now = keep(hub, Project { network: changed, ..project }).await?;
    }
    // By its own command, because it tells the runs at work as well.
    if !words.allow.is_empty() {
        let wanted = AllowHosts { name: words.name.clone(), rules: words.allow };
        now = hub.call::<ProjectAllow>(wanted).await?;
    }
    if globals.json {
        output::json(&now.network)?;
    } else {
        show(&now.network)?;
    }
    Ok(Done::Well)
}

/// Everything that was said but what is to be allowed.
fn changed(project: &Project, words: &ProjectPolicy) -> Result<NetworkPolicy, Problem> {
    let mut policy = project.network.clone();
    for rule in &words.remove {
        let before = policy.allow.len() + policy.deny.len();
        policy.allow.retain(|one| one != rule);
        policy.deny.retain(|one| one != rule);
        if before == policy.allow.len() + policy.deny.len() {
            let message = format!("the project `{}` has no rule `{rule}`", project.name);
            let hint = format!("`pilot project policy {}` shows those it has", project.name);
            return Err(Problem::new(Code::NotFound, message).hint(hint));
        }
    }
    for rule in &words.deny {
        if !policy.deny.contains(rule) {
            policy.deny.push(rule.clone());
        }
    }
    for preset in words.preset.iter().map(|name| NetworkPreset::from(*name)) {
        if !policy.presets.contains(&preset) {
            policy.presets.push(preset);
        }
    }
    for preset in words.no_preset.iter().map(|name| NetworkPreset::from(*name)) {
        policy.presets.retain(|one| *one != preset);
    }
    policy.presets.sort();
    if let Some(gate) = words.gate {
        policy.gate = gate.into();
    }
    Ok(policy)
}

/// Adds what a run needed to the words.
async fn learn(hub: &Client, words: &mut ProjectPolicy, name: &str) -> anyhow::Result<()> {
    let (task, run) = task_or_run(hub, &words.name, name).await?;
    let audit: NetworkAudit = hub.call::<TaskNetwork>(NetworkQuery { task, run }).await?;
    let Some(proposal) = audit.proposal else {
        let message = format!("`{name}` tried to reach nothing");
        let hint = format!("`pilot task network {}` shows what there is", task.short());
        return Err(Problem::new(Code::Precondition, message).hint(hint).into());
    };
    words.allow.extend(proposal.allow);
    for preset in proposal.presets {
        words.preset.extend(preset_name(preset));
    }
    Ok(())
}

fn preset_name(preset: NetworkPreset) -> Option<crate::args::PresetName> {
    use crate::args::PresetName;
    Some(match preset {
        NetworkPreset::Npm => PresetName::Npm,
        NetworkPreset::Crates => PresetName::Crates,
        NetworkPreset::Pypi => PresetName::Pypi,
        NetworkPreset::Debian => PresetName::Debian,
        NetworkPreset::Go => PresetName::Go,
        NetworkPreset::Forge => PresetName::Forge,
        NetworkPreset::Unknown => return None,
    })
}

/// A task by its id or the last digits of it, or the latest run of one.
async fn task_or_run(
    hub: &Client,
    project: &str,
    name: &str,
) -> anyhow::Result<(TaskId, Option<RunId>)> {
    let digits = name.to_lowercase();
    let query = TaskQuery {
        project: Some(project.to_owned()),
        limit: Some(10_000),
        ..TaskQuery::default()
    };
    let named = |run: RunId| {
        run.to_string() == digits
            || (digits.len() >= 4 && run.0.simple().to_string().ends_with(&digits))
    };
    for task in hub.call::<TaskList>(query).await? {
        if let Some(run) = task.run.filter(|run| named(*run)) {
            return Ok((task.id, Some(run)));
        }
    }
    Ok((find(hub, &TaskName { task: name.to_owned() }).await?, None))
}

fn show(policy: &NetworkPolicy) -> anyhow::Result<()> {
    let gate = match policy.gate {
        GateMode::Enforce => "enforce: what no rule names is refused, and you are asked",
        GateMode::Learn => "learn: what no rule names passes and is written down",
        GateMode::Off => "OFF: runs reach whatever their machine does",
        GateMode::Unknown => "of a kind this version does not know",
    };
    let presets: Vec<_> = policy.presets.iter().map(output::word).collect();
    let presets = if presets.is_empty() { "-".to_owned() } else { presets.join(", ") };
    output::write(|out| {
        writeln!(out, "{:<8} {gate}", "gate")?;
        writeln!(out, "{:<8} {presets}", "presets")?;
        for (name, rules) in [("allow", &policy.allow), ("deny", &policy.deny)] {
            if rules.is_empty() {
                writeln!(out, "{name:<8} -")?;
            }
            for (number, rule) in rules.iter().enumerate() {
                let name = if number == 0 { name } else { "" };
                writeln!(out, "{name:<8} {}", output::tame(rule))?;
            }
        }
        Ok(())
    })
}
