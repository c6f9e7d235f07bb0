//! What the double remembers: people, tokens, issues and pull requests.
//! Commits and branches are not here: the repositories have them.

use super::PullSeen;
use pilot_proto::ForgeKind;
use std::collections::BTreeMap;

/// What somebody may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    None,
    Read,
    Write,
}

#[derive(Debug, Clone)]
pub(super) struct TokenRow {
    pub(super) login: String,
    pub(super) scopes: Vec<String>,
}

impl TokenRow {
    /// True if git may use it.
    pub(super) fn may_use_git(&self, kind: ForgeKind, push: bool) -> bool {
        match kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => self.may("repository", push),
            ForgeKind::GitHub => self.has("repo") || !push,
            ForgeKind::GitLab => self.has("api") || self.has("write_repository"),
        }
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// True if the token reaches into `category`; writing includes reading.
    pub(super) fn may(&self, category: &str, write: bool) -> bool {
        self.scopes.iter().any(|scope| match scope.split_once(':') {
            None => scope == "all",
            Some((level, of)) => of == category && (level == "write" || !write),
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) author: String,
    pub(super) body: String,
    pub(super) written: u64,
}

/// A comment on a line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) said: Comment,
    pub(super) path: String,
    pub(super) line: u64,
    /// The first comment of its conversation.
    pub(super) root: u64,
    pub(super) resolved: bool,
}

/// A review: `APPROVED`, `REQUEST_CHANGES` or `COMMENT`, as a Gitea says it.
#[derive(Debug, Clone)]
pub(super) struct Review {
    pub(super) said: Comment,
    pub(super) state: String,
    pub(super) lines: Vec<Line>,
}

#[derive(Debug, Clone)]
pub(super) struct HookRow {
    pub(super) id: u64,
    pub(super) url: String,
    pub(super) secret: String,
}

/// A run (pipeline) of the forge's own CI. What it says is `held`, `waiting`,
/// `running`, `success` or `failure`; the forges have their own words for it.
#[derive(Debug, Clone)]
pub(super) struct RunRow {
    pub(super) id: u64,
    /// Counts up in its repository; pages are named by it.
    pub(super) index: u64,
    pub(super) name: String,
    pub(super) commit: String,
    pub(super) state: String,
    /// Of a pull request from the same repository: GitHub does not approve
    /// these (403).
    pub(super) from_fork: bool,
    pub(super) jobs: Vec<JobRow>,
}

#[derive(Debug, Clone)]
pub(super) struct JobRow {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) log: String,
}

#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) id: u64,
    pub(super) state: String,
    pub(super) context: String,
    pub(super) description: String,
    pub(super) target_url: String,
}

#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) color: String,
}

#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) id: u64,
    pub(super) head: String,
    pub(super) base: String,
    /// Who merged it, and the merge commit.
    pub(super) merged: Option<(String, String)>,
    /// What the branch was before the last push, for stale reads.
    pub(super) before: Option<String>,
    /// A GitHub's and a GitLab's own; on a Gitea the title says it.
    pub(super) draft: bool,
    pub(super) reviewers: Vec<String>,
    pub(super) reviews: Vec<Review>,
    /// It comes from somebody's fork.
    pub(super) from_fork: bool,
    /// Pushed for review: by whom and under which topic. There is no branch.
    pub(super) topic: Option<(String, String)>,
}

/// An issue; a pull request is one too.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The global id, which is never the number.
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) closed: bool,
    pub(super) author: String,
    pub(super) comments: Vec<Comment>,
    pub(super) labels: Vec<u64>,
    pub(super) assignees: Vec<String>,
    pub(super) milestone: Option<String>,
    /// It is not there any more.
    pub(super) deleted: bool,
    /// Counts up with every change in the world; times are made of it.
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) pull: Option<Pull>,
}

impl Item {
    pub(super) fn state(&self) -> &'static str {
        if self.closed { "closed" } else { "open" }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) private: bool,
    pub(super) collaborators: BTreeMap<String, Access>,
    pub(super) items: Vec<Item>,
    pub(super) labels: Vec<Label>,
    pub(super) milestones: Vec<Label>,
    pub(super) hooks: Vec<HookRow>,
    pub(super) runs: Vec<RunRow>,
    pub(super) archived: bool,
    /// Its CI runs what pull requests show.
    pub(super) ci: bool,
    pub(super) protected: bool,
    /// A GitLab that merges nothing that is not on top of its base.
    pub(super) fast_forward_only: bool,
    /// GitLab numbers issues and merge requests apart.
    pub(super) apart: bool,
    /// By commit, oldest first.
    pub(super) statuses: BTreeMap<String, Vec<Status>>,
}

impl Repo {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn find(&mut self, number: u64) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.number == number && !item.deleted)
    }

    /// The issue or the pull request of that number, where they are apart.
    pub(super) fn find_kind(&mut self, number: u64, pull: bool) -> Option<&mut Item> {
        let items = self.items.iter_mut();
        items
            .filter(|item| !item.deleted)
            .find(|item| item.number == number && item.pull.is_some() == pull)
    }

    pub(super) fn item(&mut self, number: u64) -> &mut Item {
        self.find(number).expect("a test names an issue or pull request that is there")
    }

    /// Everything that is asked of a pull request names one.
    pub(super) fn pull(&mut self, number: u64) -> &mut Item {
        self.find_kind(number, true).expect("a test names a pull request that is there")
    }

    pub(super) fn pulls_seen(&self) -> Vec<PullSeen> {
        let pulls = self.items.iter().filter_map(|item| Some((item, item.pull.as_ref()?)));
        pulls
            .map(|(item, pull)| PullSeen {
                number: item.number,
                title: item.title.clone(),
                body: item.body.clone(),
                head: pull.head.clone(),
                base: pull.base.clone(),
                state: item.state().to_owned(),
                merged: pull.merged.is_some(),
                author: item.author.clone(),
            })
            .collect()
    }
}
