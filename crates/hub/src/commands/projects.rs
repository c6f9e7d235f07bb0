//! Adding and removing projects.

use super::access::{check_network, check_secrets, check_walls};
use super::tasks::check_review;
use super::{MAX_LINE, check_branch, check_name, check_word, invalid, pull_requests, shown};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_forge::connect;
use pilot_lifecycle::permissions;
use pilot_proto::console::{
    AddRules, AllowHosts, Named, Nothing, ProjectAdd, ProjectAllow, ProjectRemove, ProjectRules,
};
use pilot_proto::pull_request::PushWay;
use pilot_proto::task::ChildBounds;
use pilot_proto::{Problem, Project, ProjectAction};

/// Setup steps of a project.
const MAX_STEPS: usize = 64;

impl Answers<ProjectAdd> for Parts {
    async fn answer(&self, who: &Principal, project: Project) -> Result<Project, Problem> {
        check(&project)?;
        self.check_is_on_forge(&project).await?;
        self.core.put_project(project.clone()).await?;
        let (gate, walls) = (project.network.gate, project.walls.kind);
        tracing::info!(who = who.name, project = project.name, ?gate, ?walls, "a project was set");
        Ok(project)
    }
}

impl Answers<ProjectAllow> for Parts {
    async fn answer(&self, who: &Principal, wanted: AllowHosts) -> Result<Project, Problem> {
        let AllowHosts { name, rules } = wanted;
        if rules.is_empty() {
            return Err(invalid("`rules` is empty; nothing was changed.")
                .hint("Name hosts, such as `example.org` or `*.example.org`."));
        }
        let project = self.core.allow(name, rules.clone()).await?;
        tracing::info!(who = who.name, project = project.name, ?rules, "hosts were allowed");
        Ok(project)
    }
}

impl Answers<ProjectRules> for Parts {
    async fn answer(&self, who: &Principal, wanted: AddRules) -> Result<Project, Problem> {
        let AddRules { name, rules } = wanted;
        if rules.is_empty() {
            return Err(invalid("`rules` is empty; nothing was changed.")
                .hint("Name a tool, a command or a path."));
        }
        let project = self.core.add_rules(name, rules.clone()).await?;
        tracing::info!(
            who = who.name,
            project = project.name,
            ?rules,
            "permission rules were added"
        );
        Ok(project)
    }
}

impl Answers<ProjectRemove> for Parts {
    async fn answer(&self, _who: &Principal, named: Named) -> Result<Nothing, Problem> {
        self.core.remove_project(named.name).await?;
        Ok(Nothing {})
    }
}

impl Parts {
    /// A pull request can only be made where the branch is pushed to.
    async fn check_is_on_forge(&self, project: &Project) -> Result<(), Problem> {
        let Some(name) = &project.forge else { return Ok(()) };
        let forges = self.store.forges().await.map_err(|error| error.problem())?;
        // That there is one is the core's to say, which knows those being added.
        let Some(forge) = forges.into_iter().find(|forge| forge.name == *name) else {
            return Ok(());
        };
        pull_requests::check_forge(&project.pull_requests, forge.kind)?;
        let token = self.credentials.forge_token(name).unwrap_or_default();
        let api = connect(forge.kind, &forge.url, token)?;
        api.repository(&project.repo)?;
        if let PushWay::Fork { repo } = &project.pull_requests.push {
            api.repository(repo)?;
        }
        Ok(())
    }
}

fn check(project: &Project) -> Result<(), Problem> {
    check_name("name", &project.name)?;
    check_word("agent", &project.agent)?;
    check_repo(&project.repo)?;
    project.review.as_ref().map_or(Ok(()), check_review)?;
    if let Some(base) = &project.base {
        check_branch("base", base)?;
    }
    if project.setup.len() > MAX_STEPS {
        return Err(invalid(format!("`setup` has more than {MAX_STEPS} steps.")));
    }
    let bad_step =
        |step: &&String| step.trim().is_empty() || step.len() > MAX_LINE || step.contains('\0');
    if let Some(step) = project.setup.iter().find(bad_step) {
        return Err(invalid(format!("`setup`: `{}` is not a command line.", shown(step))));
    }
    if let Some(profile) = &project.profile {
        check_name("profile", profile)?;
    }
    check_network(&project.network)?;
    check_walls(&project.walls)?;
    check_children(&project.children)?;
    check_actions(&project.actions)?;
    pull_requests::check(&project.pull_requests)?;
    permissions::check(&project.permissions)?;
    check_secrets(&project.secrets)
}

fn check_children(bounds: &ChildBounds) -> Result<(), Problem> {
    let ChildBounds { tasks, depth, budget_micros } = *bounds;
    let (most, deepest) = (ChildBounds::MAX_TASKS, ChildBounds::MAX_DEPTH);
    if tasks > most || depth > deepest {
        return Err(invalid(format!(
            "`children`: {most} tasks and a depth of {deepest} at most; these are {tasks} and {depth}."
        )));
    }
    if budget_micros == Some(0) {
        return Err(invalid("`children`: a `budget_micros` of 0 lets no task be filed.")
            .hint("Set `tasks` to 0 instead, or leave the budget out for none."));
    }
    Ok(())
}

fn check_actions(actions: &[ProjectAction]) -> Result<(), Problem> {
    let (most, longest) = (ProjectAction::MOST, ProjectAction::LONGEST_NAME);
    if actions.len() > most {
        return Err(invalid(format!("`actions` has more than {most}."))
            .hint("Keep those that are clicked most."));
    }
    for (at, ProjectAction { name, run }) in actions.iter().enumerate() {
        let letters = name.chars().count();
        if name.trim() != name || letters == 0 || letters > longest || name.contains(is_control) {
            return Err(invalid(format!("`actions`: `{}` is no name.", shown(name)))
                .hint(format!("A name is one line of 1 to {longest} characters.")));
        }
        if actions.iter().take(at).any(|other| other.name == *name) {
            return Err(invalid(format!("`actions`: `{}` is there twice.", shown(name)))
                .hint("Give one of them another name."));
        }
        if run.trim().is_empty() || run.len() > MAX_LINE || run.contains(is_control) {
            return Err(invalid(format!("`actions`: `{}` is no command line.", shown(run)))
                .hint("It is typed into a terminal as one line, without control characters."));
        }
    }
    Ok(())
}

/// What a terminal would take for a key.
fn is_control(letter: char) -> bool {
    letter.is_control()
}

pub(super) fn check_repo(repo: &str) -> Result<(), Problem> {
    let hint = "Give a clone URL (`https://…`, `ssh://…`, `git@host:path`, `file:///…`) or an absolute path.";
    let wrong = || invalid("`repo` is not a repository's address.").hint(hint);
    if repo.is_empty() || repo.len() > MAX_LINE || repo.starts_with('-') {
        return Err(wrong());
    }
    if repo.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err(wrong());
    }
    if repo.starts_with('/') {
        return Ok(());
    }
    match url::Url::parse(repo) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            if url.host().is_none() {
                return Err(wrong());
            }
            if !url.username().is_empty() || url.password().is_some() {
                return Err(invalid("`repo` holds a user or password.").hint(
                    "Add the forge with its token, and name it in the project; an address is shown in logs.",
                ));
            }
            Ok(())
        }
        Ok(url) if url.scheme() == "ssh" && url.password().is_none() => Ok(()),
        Ok(url) if url.scheme() == "file" => Ok(()),
        // `git@host:owner/name.git` is no URL, or one with a strange scheme.
        _ => match repo.split_once(':') {
            Some((host, path))
                if !host.is_empty()
                    && !host.contains('/')
                    && !path.is_empty()
                    && !path.starts_with(':')
                    && !path.starts_with("//") =>
            {
                Ok(())
            }
            _ => Err(wrong()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_told_from_nonsense_and_holds_no_secret() {
        for repo in [
            "/srv/git/x.git",
            "file:///srv/git/x.git",
            "https://git.example.org/a/b.git",
            "http://127.0.0.1:3000/a/b",
            "ssh://git@git.example.org:22/a/b.git",
            "git@git.example.org:a/b.git",
        ] {
            check_repo(repo).unwrap_or_else(|problem| panic!("{repo}: {problem}"));
        }
        for repo in
            ["", "x", "../x", "--upload-pack=x", "ext::sh -c x", "ext::sh", "a b:c", "https://"]
        {
            assert!(check_repo(repo).is_err(), "{repo}");
        }
        let problem = check_repo("https://me:hunter2@x.org/a/b").expect_err("holds a secret");
        assert!(!format!("{problem:?}").contains("hunter2"), "{problem:?}");
    }
}
