//! `pilot profile`.

use super::{Done, connect};
use crate::args::{Globals, Profile, ProfileAdd};
use crate::output;
use pilot_proto::console::{Named, Nothing, ProfileAdd as Command, ProfileList, ProfileRemove};
use pilot_proto::task::Limits;

pub(crate) fn run(globals: &Globals, command: Profile) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Profile::Add(words) => {
                let profile = hub.call::<Command>(profile(*words)).await?;
                output::show(globals, &profile, || format!("profile `{}` is kept", profile.name))
            }
            Profile::Remove { name } => {
                let gone = hub.call::<ProfileRemove>(Named { name: name.clone() }).await?;
                output::show(globals, &gone, || format!("profile `{name}` is gone"))
            }
            Profile::List => {
                let profiles = hub.call::<ProfileList>(Nothing {}).await?;
                output::table(
                    globals,
                    &profiles,
                    &["NAME", "AGENT", "PROVIDER", "MODEL", "MODE", "REMOTE CONTROL"],
                    "no profiles: `pilot profile add NAME --agent claude`",
                    |profile| {
                        let or = |text: &Option<String>, other: &str| {
                            text.clone().unwrap_or_else(|| other.to_owned())
                        };
                        vec![
                            profile.name.clone(),
                            profile.agent.clone(),
                            or(&profile.provider, "the first that fits"),
                            or(&profile.model, "default"),
                            profile.mode.as_ref().map_or_else(|| "-".to_owned(), output::word),
                            if profile.remote_control { "yes" } else { "-" }.to_owned(),
                        ]
                    },
                )
            }
        }?;
        Ok(Done::Well)
    })
}

fn profile(words: ProfileAdd) -> pilot_proto::project::Profile {
    let ProfileAdd {
        name,
        agent,
        provider,
        model,
        mode,
        answer_secs,
        agent_secs,
        budget,
        remote_control,
    } = words;
    let said = answer_secs.is_some() || agent_secs.is_some() || budget.is_some();
    let usual = Limits::default();
    let limits = said.then(|| Limits {
        answer_secs: answer_secs.unwrap_or(usual.answer_secs),
        agent_secs: agent_secs.unwrap_or(usual.agent_secs),
        budget_micros: budget,
        ..usual
    });
    let mode = mode.map(Into::into);
    pilot_proto::project::Profile { name, agent, provider, model, mode, limits, remote_control }
}
