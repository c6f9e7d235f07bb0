//! Projects, forges and providers: small, and all in memory.

use super::Core;
use super::messages::Granted;
use super::turn::Turn;
use pilot_proto::{Code, Forge, Problem, Project, Provider};
use pilot_store::Change;

impl Core {
    pub(crate) fn put_project(
        &mut self,
        turn: &mut Turn,
        project: &Project,
    ) -> Result<Granted, Problem> {
        self.check_agent(&project.agent)?;
        project.review.as_ref().map_or(Ok(()), |pass| self.check_agent(&pass.agent))?;
        self.check_secrets(project)?;
        project.profile.as_deref().map_or(Ok(()), |name| self.profile(name).map(drop))?;
        if let Some(forge) = &project.forge
            && !self.board.forges.contains_key(forge)
        {
            let names: Vec<_> = self.board.forges.keys().map(|name| format!("`{name}`")).collect();
            let hint = if names.is_empty() {
                "There is none yet; add one with `pilot forge add`.".to_owned()
            } else {
                format!("There are: {}.", names.join(", "))
            };
            let message = format!("`forge`: there is no forge `{forge}`.");
            return Err(Problem::new(Code::NotFound, message).hint(hint));
        }
        turn.changes.push(Change::PutProject(project.clone()));
        self.board.projects.insert(project.name.clone(), project.clone());
        Ok(Granted::Done)
    }

    pub(crate) fn remove_project(
        &mut self,
        turn: &mut Turn,
        name: &str,
    ) -> Result<Granted, Problem> {
        self.project(name)?;
        let under_way = (self.board.tasks.values())
            .map(|slot| slot.machine.task())
            .filter(|task| task.project == name && !task.state.is_end())
            .count();
        if under_way > 0 {
            let message = format!("The project `{name}` has {under_way} tasks under way.");
            return Err(Problem::new(Code::Precondition, message)
                .hint("Stop them, or wait until they have ended."));
        }
        turn.changes.push(Change::RemoveProject { name: name.to_owned() });
        self.unset_intake(turn, name);
        self.unset_schedules(turn, name);
        self.board.projects.remove(name);
        Ok(Granted::Done)
    }

    pub(crate) fn put_forge(&mut self, turn: &mut Turn, forge: &Forge) -> Result<Granted, Problem> {
        turn.changes.push(Change::PutForge(forge.clone()));
        self.board.forges.insert(forge.name.clone(), forge.clone());
        self.grant_again(turn, &forge.name);
        // A new token may be what late pull requests have waited for.
        self.next_review = turn.steady;
        Ok(Granted::Done)
    }

    pub(crate) fn put_provider(
        &mut self,
        turn: &mut Turn,
        provider: &Provider,
    ) -> Result<Granted, Problem> {
        turn.changes.push(Change::PutProvider(provider.clone()));
        self.board.providers.insert(provider.name.clone(), provider.clone());
        Ok(Granted::Done)
    }
    pub(crate) fn remove_forge(&mut self, turn: &mut Turn, name: &str) -> Result<Granted, Problem> {
        if !self.board.forges.contains_key(name) {
            return Err(Problem::new(Code::NotFound, format!("There is no forge `{name}`.")));
        }
        let users = self.board.projects.values();
        let users = users.filter(|project| project.forge.as_deref() == Some(name));
        let users: Vec<_> = users.map(|project| format!("`{}`", project.name)).collect();
        if !users.is_empty() {
            let message = format!("The forge `{name}` is used by {}.", users.join(", "));
            return Err(Problem::new(Code::Precondition, message)
                .hint("Remove those projects, or give them another forge."));
        }
        turn.changes.push(Change::RemoveForge { name: name.to_owned() });
        self.board.forges.remove(name);
        Ok(Granted::Done)
    }

    pub(crate) fn remove_provider(
        &mut self,
        turn: &mut Turn,
        name: &str,
    ) -> Result<Granted, Problem> {
        if !self.board.providers.contains_key(name) {
            return Err(Problem::new(Code::NotFound, format!("There is no provider `{name}`.")));
        }
        let users = self.board.profiles.values();
        let users = users.filter(|profile| profile.provider.as_deref() == Some(name));
        let users: Vec<_> = users.map(|profile| format!("`{}`", profile.name)).collect();
        if !users.is_empty() {
            let message =
                format!("The provider `{name}` is used by the profiles {}.", users.join(", "));
            return Err(Problem::new(Code::Precondition, message)
                .hint("Remove those profiles, or give them another provider."));
        }
        self.board.providers.remove(name);
        turn.changes.push(Change::RemoveProvider { name: name.to_owned() });
        Ok(Granted::Done)
    }
}
