//! Profiles: named ways of working. What a task does not say, its profile says;
//! what that does not say, the project or the product.

use crate::commands::{check_name, check_word, invalid};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use crate::logins::{Caller, Chosen};
use pilot_proto::console::{
    EffectiveLogin, LoginQuery, LoginShow, Named, NewTask, Nothing, ProfileAdd, ProfileList,
    ProfileRemove,
};
use pilot_proto::project::Profile;
use pilot_proto::task::Limits;
use pilot_proto::{Code, Mode, Problem, Project, Provider};

/// What somebody says of a task to come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    pub(crate) profile: Option<&'a str>,
    pub(crate) agent: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) provider: Option<&'a str>,
    pub(crate) mode: Option<Mode>,
    pub(crate) limits: Option<&'a Limits>,
    pub(crate) remote_control: Option<bool>,
}

impl<'a> Said<'a> {
    pub(crate) fn by(new: &'a NewTask) -> Self {
        Self {
            profile: new.profile.as_deref(),
            agent: new.agent.as_deref(),
            model: new.model.as_deref(),
            provider: new.provider.as_deref(),
            mode: new.mode,
            limits: new.limits.as_ref(),
            remote_control: new.remote_control,
        }
    }
}

/// Everything said, by whomever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) profile: Option<String>,
    pub(crate) agent: String,
    pub(crate) model: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) limits: Limits,
    pub(crate) remote_control: bool,
}

impl Filled {
    /// `profile` finds one by its name.
    ///
    /// # Errors
    /// The profile is not there, or is for another agent than the one named.
    pub(crate) fn of<'p>(
        said: Said<'_>,
        project: Option<&Project>,
        profile: impl Fn(&str) -> Result<&'p Profile, Problem>,
    ) -> Result<Self, Problem> {
        let by_project = project.and_then(|project| project.profile.as_deref());
        let profile = match (said.profile, by_project) {
            (Some(name), _) => {
                let profile = profile(name)?;
                check_agent(said.agent, profile)?;
                Some(profile)
            }
            // One that the task did not choose does not choose for its agent.
            (None, Some(name)) => Some(profile(name)?)
                .filter(|profile| said.agent.is_none_or(|agent| agent == profile.agent)),
            (None, None) => None,
        };
        let text = |said: Option<&str>, profile: Option<&String>| {
            said.map(str::to_owned).or_else(|| profile.cloned())
        };
        let agent = text(said.agent, profile.map(|profile| &profile.agent));
        let agent = agent.or_else(|| project.map(|project| project.agent.clone()));
        let agent = agent.unwrap_or_else(|| "claude".to_owned());
        // Of one agent's own: nobody else's task means it.
        let by_default = agent == "claude"
            && (project.is_some_and(|project| project.remote_control)
                || profile.is_some_and(|profile| profile.remote_control));
        Ok(Self {
            profile: profile.map(|profile| profile.name.clone()),
            model: text(said.model, profile.and_then(|profile| profile.model.as_ref())),
            provider: text(said.provider, profile.and_then(|profile| profile.provider.as_ref())),
            mode: said.mode.or(profile.and_then(|profile| profile.mode)).unwrap_or_default(),
            limits: said
                .limits
                .or(profile.and_then(|profile| profile.limits.as_ref()))
                .cloned()
                .unwrap_or_default(),
            remote_control: said.remote_control.unwrap_or(by_default),
            agent,
        })
    }

    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller {
            agent: &self.agent,
            provider: self.provider.as_deref(),
            model: self.model.as_deref(),
            remote_control: self.remote_control,
        }
    }
}

fn check_agent(agent: Option<&str>, profile: &Profile) -> Result<(), Problem> {
    match agent {
        Some(agent) if agent != profile.agent => {
            let (name, its) = (&profile.name, &profile.agent);
            let message = format!("`agent`: the profile `{name}` is for `{its}`, not `{agent}`.");
            Err(invalid(message).hint("Leave one of the two out."))
        }
        Some(_) | None => Ok(()),
    }
}

/// No profile is called so; there are `names`.
pub(crate) fn unknown<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> Problem {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    let hint = if names.is_empty() {
        "There is none yet; add one with `pilot profile add`.".to_owned()
    } else {
        format!("There are: {}.", names.join(", "))
    };
    Problem::new(Code::NotFound, format!("`profile`: there is no profile `{name}`.")).hint(hint)
}

impl Answers<ProfileAdd> for Parts {
    async fn answer(&self, who: &Principal, profile: Profile) -> Result<Profile, Problem> {
        check_name("name", &profile.name)?;
        check_word("agent", &profile.agent)?;
        profile.model.as_ref().map_or(Ok(()), |model| check_word("model", model))?;
        profile.limits.as_ref().map_or(Ok(()), crate::commands::check_limits)?;
        self.core.put_profile(profile.clone()).await?;
        tracing::info!(who = who.name, profile = profile.name, "a profile was set");
        Ok(profile)
    }
}

impl Answers<ProfileList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<Profile>, Problem> {
        self.store.profiles().await.map_err(|error| error.problem())
    }
}

impl Answers<ProfileRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Nothing, Problem> {
        self.core.remove_profile(named.name.clone()).await?;
        tracing::info!(who = who.name, profile = named.name, "a profile was removed");
        Ok(Nothing {})
    }
}

impl Answers<LoginShow> for Parts {
    async fn answer(&self, _who: &Principal, query: LoginQuery) -> Result<EffectiveLogin, Problem> {
        let broken = |error: pilot_store::StoreError| error.problem();
        let projects = self.store.projects().await.map_err(broken)?;
        let profiles = self.store.profiles().await.map_err(broken)?;
        let providers = self.store.providers().await.map_err(broken)?;
        let project = match &query.project {
            Some(name) => Some(projects.iter().find(|one| one.name == *name).ok_or_else(|| {
                Problem::new(Code::NotFound, format!("There is no project `{name}`."))
            })?),
            None => None,
        };
        let said = Said {
            profile: query.profile.as_deref(),
            agent: query.agent.as_deref(),
            provider: query.provider.as_deref(),
            remote_control: query.remote_control,
            // Whether one has to be named is for the form to say.
            model: Some("any"),
            ..Said::default()
        };
        let find = |name: &str| {
            let names = profiles.iter().map(|profile| &profile.name);
            profiles.iter().find(|one| one.name == name).ok_or_else(|| unknown(name, names))
        };
        let filled = Filled::of(said, project, find)?;
        let providers: Vec<&Provider> = providers.iter().collect();
        let has_key = |provider: &Provider| self.credentials.has_login(provider);
        let (words, chosen, problem) = match Chosen::of(filled.caller(), &providers, has_key) {
            Ok(chosen) => {
                let words = chosen.words(&filled.agent, self.credentials.kind());
                let names = match chosen {
                    Chosen::Providers(providers) => providers,
                    Chosen::FullLogin(provider) => vec![provider],
                };
                (words, names, None)
            }
            Err(problem) => (problem.message.clone(), Vec::new(), Some(problem)),
        };
        let mut names = chosen.into_iter().map(|provider| provider.name.clone());
        Ok(EffectiveLogin {
            provider: names.next(),
            fallbacks: names.collect(),
            agent: filled.agent,
            profile: filled.profile,
            words,
            problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str, agent: &str) -> Profile {
        Profile {
            name: name.to_owned(),
            agent: agent.to_owned(),
            provider: Some("home".to_owned()),
            model: Some("m1".to_owned()),
            mode: Some(Mode::Plan),
            limits: Some(Limits { agent_secs: 60, ..Limits::default() }),
            remote_control: true,
        }
    }

    fn project(profile: Option<&str>) -> Project {
        let mut project: Project =
            serde_json::from_str(r#"{"name":"p","repo":"/r","agent":"scripted"}"#)
                .expect("minimal");
        project.profile = profile.map(str::to_owned);
        project
    }

    fn filled(said: Said<'_>, project: &Project) -> Result<Filled, Problem> {
        let known = [profile("careful", "claude"), profile("quick", "codex")];
        Filled::of(said, Some(project), |name| {
            known.iter().find(|one| one.name == name).ok_or_else(|| unknown(name, [].iter()))
        })
    }

    #[test]
    fn a_profile_says_what_the_task_does_not() {
        let said = Said { profile: Some("careful"), ..Said::default() };
        let all = filled(said, &project(None)).expect("it is there");
        assert_eq!((all.agent.as_str(), all.model.as_deref()), ("claude", Some("m1")));
        assert_eq!((all.provider.as_deref(), all.mode), (Some("home"), Mode::Plan));
        assert_eq!((all.limits.agent_secs, all.remote_control), (60, true));
        let said = Said {
            model: Some("m2"),
            provider: Some("work"),
            // The product's default, but said.
            mode: Some(Mode::Auto),
            remote_control: Some(false),
            ..said
        };
        let own = filled(said, &project(None)).expect("it is there");
        assert_eq!((own.model.as_deref(), own.provider.as_deref()), (Some("m2"), Some("work")));
        assert_eq!((own.mode, own.remote_control), (Mode::Auto, false), "the task's word counts");
    }

    #[test]
    fn a_projects_profile_is_for_its_own_agent_only() {
        let project = project(Some("careful"));
        let plain = filled(Said::default(), &project).expect("it is there");
        assert_eq!((plain.agent.as_str(), plain.profile.as_deref()), ("claude", Some("careful")));
        let other = Said { agent: Some("codex"), ..Said::default() };
        let other = filled(other, &project).expect("another agent is no contradiction");
        assert_eq!((other.profile, other.model, other.provider), (None, None, None));
        assert!(!other.remote_control, "it is no agent of that vendor");
    }

    #[test]
    fn a_profile_that_is_not_there_or_for_another_agent_is_refused() {
        let said = |profile| Said { profile: Some(profile), ..Said::default() };
        let problem = filled(said("nobody"), &project(None)).expect_err("there is none");
        assert_eq!(problem.code, Code::NotFound);
        let crossed = Said { agent: Some("claude"), ..said("quick") };
        let problem = filled(crossed, &project(None)).expect_err("it is codex's");
        assert!(problem.message.contains("for `codex`"), "{problem}");
    }
}
