//! Agents of this protocol that a machine's owner declares: a program, and
//! nothing known about its ways.

use super::habits::Habits;
use super::{AcpAgent, Profile};
use crate::catalog::Agent;
use crate::driver::{Launch, Start};
use crate::probe::Probe;
use pilot_proto::runner::Abilities;
use std::sync::Arc;

/// An agent that is started like this. In `args` and in the values of `env`,
/// `{key}`, `{base_url}`, `{model}`, `{home}` and `{tree}` stand for what a run
/// has; one that is left without a value by that is left out.
pub fn declared(
    name: String,
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
) -> Arc<dyn Agent> {
    Arc::new(AcpAgent::new(Profile {
        probe: Probe {
            agent: name.clone(),
            program: Some(program),
            args: vec!["--version".to_owned()],
            mend: String::new(),
        },
        name,
        abilities: Abilities {
            // Where it keeps its sessions is not known.
            resume: false,
            approvals: true,
            goes_on_refused: true,
            questions: true,
            plan: true,
            steer: false,
            interrupt: true,
            images: true,
            usage: true,
            cost: true,
        },
        habits: Habits::UNKNOWN,
        launch: Box::new(move |start| launch(&args, &env, start)),
        place: |_, _| None,
    }))
}

fn launch(args: &[String], env: &[(String, String)], start: &Start) -> Launch {
    let provider = start.provider.as_ref();
    let key = provider.map(|grant| grant.key.expose()).unwrap_or_default();
    let base_url = provider.and_then(|grant| grant.base_url.as_deref()).unwrap_or_default();
    let (home, tree) = (start.home.to_string_lossy(), start.tree.to_string_lossy());
    let filled = |text: &str| {
        text.replace("{key}", key)
            .replace("{base_url}", base_url)
            .replace("{model}", start.model.as_deref().unwrap_or_default())
            .replace("{home}", &home)
            .replace("{tree}", &tree)
    };
    let env = env.iter().map(|(name, value)| (name.clone(), filled(value)));
    Launch {
        program: start.program.clone(),
        args: args.iter().map(|arg| filled(arg)).filter(|arg| !arg.is_empty()).collect(),
        env: env.filter(|(_, value)| !value.is_empty()).collect(),
        files: Vec::new(),
    }
}
