//! `pilot task network`: what a run tried to reach, what that cost, and a
//! policy that would let it.

use super::find;
use crate::args::{Globals, TaskNetwork as Words};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{
    NetworkAudit, NetworkQuery, NetworkTry, OneTask, TaskDetail, TaskNetwork, TaskShow,
};
use pilot_proto::model::ModelCall;
use pilot_proto::network::NetworkPolicy;
use pilot_proto::{Code, Problem, RunId, WallsReport};

pub(crate) async fn run(globals: &Globals, hub: &Client, words: Words) -> anyhow::Result<Done> {
    let task = find(hub, &words.task).await?;
    let detail = hub.call::<TaskShow>(OneTask { task }).await?;
    let run = words.run.as_deref().map(|name| run_named(&detail, name)).transpose()?;
    let mut audit = hub.call::<TaskNetwork>(NetworkQuery { task, run }).await?;
    if words.denied {
        audit.tries.retain(|one| !one.decision.allowed);
    }
    if globals.json {
        output::json(&audit)?;
        return Ok(Done::Well);
    }
    if let Some(walls) = &audit.walls {
        show_walls(walls)?;
    }
    show_tries(globals, &audit, words.denied)?;
    show_calls(globals, &audit.calls)?;
    show_proposal(&detail.task.project, &audit)?;
    Ok(Done::Well)
}

/// A run by its number, as `pilot task show` counts, or by its id.
fn run_named(detail: &TaskDetail, name: &str) -> Result<RunId, Problem> {
    let digits = name.to_lowercase();
    let found = detail.runs.iter().find(|run| {
        run.attempt.to_string() == digits
            || run.id.to_string() == digits
            || (digits.len() >= 4 && run.id.0.simple().to_string().ends_with(&digits))
    });
    found.map(|run| run.id).ok_or_else(|| {
        let message = format!("the task has no run `{name}`");
        let hint = match detail.runs.len() {
            0 => "it has none yet".to_owned(),
            1 => "it has one, which is shown without `--run`".to_owned(),
            runs => format!("it has {runs}: say `--run 1` to `--run {runs}`"),
        };
        Problem::new(Code::NotFound, message).hint(hint)
    })
}

fn show_walls(walls: &WallsReport) -> anyhow::Result<()> {
    output::write(|out| {
        writeln!(out, "walls: {}", output::word(&walls.kind))?;
        for lack in &walls.lacks {
            writeln!(out, "  lacks: {}", output::tame(lack))?;
        }
        writeln!(out)
    })
}

fn show_tries(globals: &Globals, audit: &NetworkAudit, denied: bool) -> anyhow::Result<()> {
    let empty = match (audit.run, denied) {
        (None, _) => "the task has no run yet",
        (Some(_), true) => "nothing was refused",
        (Some(_), false) => "the run tried to reach nothing",
    };
    output::table(
        globals,
        &audit.tries,
        &["WHEN", "VERDICT", "WHERE", "DOOR", "PROCESS", "BYTES", "WHY"],
        empty,
        cells,
    )?;
    if audit.lost > 0 {
        output::line(&format!("and {} more that are not shown", audit.lost))?;
    }
    Ok(())
}

fn cells(tried: &NetworkTry) -> Vec<String> {
    let decision = &tried.decision;
    let verdict = if decision.allowed { "allowed" } else { "denied" };
    let times = if decision.count > 1 { format!(" ×{}", decision.count) } else { String::new() };
    let host = if decision.port == 0 {
        decision.host.clone()
    } else {
        format!("{}:{}", decision.host, decision.port)
    };
    let path = decision.path.as_deref().unwrap_or_default();
    let method = decision.method.as_ref().map(|method| format!(" {method}")).unwrap_or_default();
    let ended = tried.end.as_ref();
    let why = match ended.and_then(|end| end.problem.as_ref()) {
        Some(problem) => format!("{}; {}", decision.because, problem.message),
        None => decision.because.clone(),
    };
    vec![
        output::ago(tried.at),
        format!("{verdict}{times}"),
        format!("{host}{path}"),
        format!("{}{method}", output::word(&decision.door)),
        decision.process.clone().unwrap_or_else(|| "-".to_owned()),
        ended.map_or_else(String::new, |end| format!("{}↑ {}↓", end.sent, end.received)),
        why,
    ]
}

fn show_calls(globals: &Globals, calls: &[ModelCall]) -> anyhow::Result<()> {
    if calls.is_empty() {
        return Ok(());
    }
    output::line("")?;
    output::table(
        globals,
        calls,
        &["PROVIDER", "MODEL", "STATUS", "IN", "OUT", "COST", "FIRST", "TOTAL", "WHAT"],
        "",
        |call| {
            let cost = call.usage.cost_micros.map_or_else(|| "?".to_owned(), output::dollars);
            let tries = (call.attempts > 1).then(|| format!("{} attempts", call.attempts));
            let what: Vec<_> = tries.into_iter().chain(call.problem.clone()).collect();
            vec![
                call.provider.clone(),
                call.model.clone(),
                call.status.to_string(),
                call.usage.input_tokens.to_string(),
                call.usage.output_tokens.to_string(),
                cost,
                format!("{} ms", call.first_ms),
                format!("{} ms", call.total_ms),
                what.join("; "),
            ]
        },
    )?;
    let known = calls.iter().filter_map(|call| call.usage.cost_micros);
    let sum = known.fold(0_u64, u64::saturating_add);
    output::line(&format!("{} calls, {}", calls.len(), output::dollars(sum)))
}

/// As words to paste, without what the policy has already.
fn show_proposal(project: &str, audit: &NetworkAudit) -> anyhow::Result<()> {
    let Some(proposal) = &audit.proposal else { return Ok(()) };
    let words = words_to_paste(&audit.policy, proposal);
    if words.is_empty() {
        return Ok(());
    }
    output::line("")?;
    output::line("to let it reach what it tried:")?;
    output::line(&format!("  pilot project policy {project} {}", words.join(" ")))
}

fn words_to_paste(has: &NetworkPolicy, wants: &NetworkPolicy) -> Vec<String> {
    let presets = wants.presets.iter().filter(|preset| !has.presets.contains(preset));
    let presets = presets.map(|preset| format!("--preset {}", output::word(preset)));
    let rules = wants.allow.iter().filter(|rule| !has.allow.contains(rule));
    // Quoted: a shell would look for files called `*.example.org`.
    let rules = rules.map(|rule| format!("--allow '{}'", output::tame(rule).replace('\'', "")));
    presets.chain(rules).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::network::{GateMode, NetworkPreset};

    #[test]
    fn what_the_policy_has_is_not_proposed_again() {
        let policy = |presets: &[NetworkPreset], allow: &[&str]| NetworkPolicy {
            gate: GateMode::Enforce,
            presets: presets.to_vec(),
            allow: allow.iter().map(|rule| (*rule).to_owned()).collect(),
            deny: Vec::new(),
        };
        let has = policy(&[NetworkPreset::Npm], &["a.org"]);
        let wants = policy(&[NetworkPreset::Npm, NetworkPreset::Go], &["*.b.org", "a.org"]);
        assert_eq!(words_to_paste(&has, &wants), ["--preset go", "--allow '*.b.org'"]);
        assert!(words_to_paste(&wants, &has).is_empty());
    }
}
