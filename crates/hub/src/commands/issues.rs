//! Issues by the links of their pages: what a pasted list of links becomes.
//!
//! A link is asked of a forge only if that forge was added and a project has
//! the repository: nothing that somebody pastes makes the hub ask elsewhere.

use super::{MAX_LINE, invalid, shown};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use futures_util::{StreamExt, stream};
use pilot_forge::{Forge as ForgeApi, Repository};
use pilot_proto::console::{IssueFound, IssueLinks, IssueLookUp};
use pilot_proto::{Code, Forge, Problem, Project};
use std::sync::Arc;

/// Links looked up at once.
const MAX_LINKS: usize = 100;
/// Requests to forges at once, as of the publisher.
const POOL: usize = 4;

impl Answers<IssueLookUp> for Parts {
    async fn answer(
        &self,
        _who: &Principal,
        asked: IssueLinks,
    ) -> Result<Vec<IssueFound>, Problem> {
        if asked.links.len() > MAX_LINKS {
            let message = format!("`links`: {MAX_LINKS} at most; these are {}.", asked.links.len());
            return Err(
                Problem::new(Code::TooLarge, message).hint("Look them up in several parts.")
            );
        }
        if asked.links.iter().any(|link| link.len() > MAX_LINE) {
            return Err(invalid(format!("`links`: one is longer than {MAX_LINE} bytes.")));
        }
        let map = Map::read(self).await?;
        let found = asked.links.into_iter().map(|link| map.find(link));
        Ok(stream::iter(found).buffered(POOL).collect().await)
    }
}

/// A forge, or why it cannot be asked.
type Opened = Result<Arc<dyn ForgeApi>, Problem>;

/// Which repositories are whose.
struct Map {
    forges: Vec<(Forge, Opened)>,
    projects: Vec<Project>,
}

/// Where an issue is.
struct Place<'a> {
    api: &'a dyn ForgeApi,
    project: &'a Project,
    repository: Repository,
    number: u64,
}

impl Map {
    async fn read(parts: &Parts) -> Result<Self, Problem> {
        let failed = |error: pilot_store::StoreError| error.problem();
        let forges = parts.store.forges().await.map_err(failed)?;
        let projects = parts.store.projects().await.map_err(failed)?;
        let with_token = |forge: Forge| {
            let api = parts.forges.open(&forge);
            (forge, api)
        };
        Ok(Self { forges: forges.into_iter().map(with_token).collect(), projects })
    }

    async fn find(&self, link: String) -> IssueFound {
        let mut found = IssueFound {
            link,
            project: None,
            number: None,
            title: String::new(),
            body: String::new(),
            problem: None,
        };
        if let Err(problem) = self.fill(&mut found).await {
            found.problem = Some(problem);
        }
        found
    }

    async fn fill(&self, found: &mut IssueFound) -> Result<(), Problem> {
        let place = self.place(&found.link)?;
        found.project = Some(place.project.name.clone());
        found.number = Some(place.number);
        let issue = place.api.issue(&place.repository, place.number).await?;
        found.title = issue.title;
        found.body = issue.body;
        if issue.is_pull_request {
            let message = format!("`#{}` is a pull request and no issue.", place.number);
            return Err(Problem::new(Code::Precondition, message));
        }
        Ok(())
    }

    fn place(&self, link: &str) -> Result<Place<'_>, Problem> {
        let link = link.trim();
        for (forge, api) in &self.forges {
            let api = match api {
                Ok(api) => &**api,
                Err(problem) if link.starts_with(&forge.url) => return Err(problem.clone()),
                Err(_) => continue,
            };
            if let Some((repository, number)) = api.issue_of_page(link) {
                let project = self.project(forge, api, &repository)?;
                return Ok(Place { api, project, repository, number });
            }
        }
        Err(self.nowhere(link))
    }

    fn project(
        &self,
        forge: &Forge,
        api: &dyn ForgeApi,
        repository: &Repository,
    ) -> Result<&Project, Problem> {
        let wanted = repository.to_string().to_ascii_lowercase();
        let is_it = |project: &&Project| {
            project.forge.as_ref() == Some(&forge.name)
                && api
                    .repository(&project.repo)
                    .is_ok_and(|its| its.to_string().to_ascii_lowercase() == wanted)
        };
        self.projects.iter().find(is_it).ok_or_else(|| {
            let name = &forge.name;
            let message = format!("No project has the repository `{repository}` of `{name}`.");
            let hint = format!(
                "`pilot project add NAME --repo {}/{repository}.git --forge {name}` adds one.",
                forge.url
            );
            Problem::new(Code::NotFound, message).hint(hint)
        })
    }

    fn nowhere(&self, link: &str) -> Problem {
        let names: Vec<_> =
            self.forges.iter().map(|(forge, _)| format!("`{}`", forge.url)).collect();
        let hint = if names.is_empty() {
            "No forge was added yet; add one with `pilot forge add`.".to_owned()
        } else {
            format!("Give one like `…/owner/name/issues/7` of {}.", names.join(", "))
        };
        let message = format!("`{}` is no issue of a forge that was added.", shown(link));
        Problem::new(Code::NotFound, message).hint(hint)
    }
}
