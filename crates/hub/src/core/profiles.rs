//! Profiles, and what is settled when a task is filed.

use super::Core;
use super::messages::Granted;
use super::turn::Turn;
use crate::logins::{Chosen, check_fits, named};
use crate::profiles::{Filled, Said, unknown};
use pilot_proto::console::NewTask;
use pilot_proto::project::Profile;
use pilot_proto::{Code, Problem, Project, Provider, Task};
use pilot_store::Change;

impl Core {
    pub(crate) fn put_profile(
        &mut self,
        turn: &mut Turn,
        profile: &Profile,
    ) -> Result<Granted, Problem> {
        self.check_agent(&profile.agent)?;
        let said = Said { profile: Some(&profile.name), ..Said::default() };
        let filled = Filled::of(said, None, |_| Ok(profile))?;
        if let Some(provider) = &profile.provider {
            // Its model may be the task's to name.
            let caller = crate::logins::Caller { model: Some("any"), ..filled.caller() };
            check_fits(caller, named(provider, &self.providers())?)?;
        }
        if profile.remote_control && profile.agent != "claude" {
            let message =
                "`remote_control` is Claude Code's, and the profile is for another agent.";
            return Err(Problem::new(Code::Invalid, message));
        }
        turn.changes.push(Change::PutProfile(profile.clone()));
        self.board.profiles.insert(profile.name.clone(), profile.clone());
        Ok(Granted::Done)
    }

    pub(crate) fn remove_profile(
        &mut self,
        turn: &mut Turn,
        name: &str,
    ) -> Result<Granted, Problem> {
        self.profile(name)?;
        let users = self.board.projects.values();
        let users = users.filter(|project| project.profile.as_deref() == Some(name));
        let users: Vec<_> = users.map(|project| format!("`{}`", project.name)).collect();
        if !users.is_empty() {
            let message = format!("The profile `{name}` is the default of {}.", users.join(", "));
            return Err(Problem::new(Code::Precondition, message)
                .hint("Give those projects another, or none."));
        }
        turn.changes.push(Change::RemoveProfile { name: name.to_owned() });
        self.board.profiles.remove(name);
        Ok(Granted::Done)
    }

    pub(crate) fn profile(&self, name: &str) -> Result<&Profile, Problem> {
        let profiles = &self.board.profiles;
        profiles.get(name).ok_or_else(|| unknown(name, profiles.keys()))
    }

    /// What a new task comes to with its profile and its project.
    pub(crate) fn filled(&self, new: &NewTask, project: &Project) -> Result<Filled, Problem> {
        let filled = Filled::of(Said::by(new), Some(project), |name| self.profile(name))?;
        self.check_agent(&filled.agent)?;
        let has_login = |provider: &Provider| self.reach.granter.has_login(provider);
        Chosen::of(filled.caller(), &self.providers(), has_login)?;
        Ok(filled)
    }

    /// Whether the task's run would have the login that the task names. What it
    /// was filed with may have been removed since.
    pub(crate) fn check_login(&self, task: &Task) -> Result<(), Problem> {
        let has_login = |provider: &Provider| self.reach.granter.has_login(provider);
        Chosen::of(crate::assignment::caller(task), &self.providers(), has_login).map(drop)
    }

    fn providers(&self) -> Vec<&Provider> {
        self.board.providers.values().collect()
    }
}
