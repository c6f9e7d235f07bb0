//! What can be asked of one repository.

use super::api::Core;
use super::merge;
use super::message::{Answer, Ask, No};
use super::rows::{Access, Item, Repo, Status};
use super::shapes::{self, Shapes};
use super::world::World;
use serde_json::Value;
use std::cmp::Reverse;

/// A request about one repository that is there for the asker.
pub(super) struct Visit<'a> {
    pub(super) core: &'a Core,
    pub(super) ask: &'a Ask,
    pub(super) full_name: String,
    pub(super) login: String,
    pub(super) access: Access,
}

impl Visit<'_> {
    pub(super) fn answer(&self, world: &mut World, rest: &[&str]) -> Result<Answer, No> {
        match (self.ask.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::json(200, &self.shape(world, |shapes| shapes.repository()))),
            ("GET", ["pulls"]) => Ok(self.list(world, true)),
            ("POST", ["pulls"]) => self.create_pull(world),
            ("GET", ["pulls", number]) => self.read_pull(world, number),
            ("PATCH", ["pulls", number]) => self.edit_pull(world, number),
            ("POST", ["pulls", number, "merge"]) => self.merge(world, number),
            ("GET", ["issues"]) => Ok(self.list(world, false)),
            ("POST", ["issues"]) => self.create_issue(world),
            ("GET", ["issues", number]) => {
                let item = self.item(world, number)?;
                Ok(Answer::json(200, &self.shape(world, |shapes| shapes.issue(&item))))
            }
            ("GET", ["issues", number, "comments"]) => {
                let item = self.item(world, number)?;
                Ok(Answer::json(
                    200,
                    &self.shape(world, |shapes| {
                        item.comments.iter().map(|one| shapes.comment(one, item.number)).collect()
                    }),
                ))
            }
            ("POST", ["issues", number, "comments"]) => {
                let item = self.item(world, number)?;
                self.required("body", "Body")?;
                let body = self.ask.text("body");
                let comment = world.comment(&self.full_name, item.number, &self.login, body);
                Ok(Answer::json(
                    201,
                    &self.shape(world, |shapes| shapes.comment(&comment, item.number)),
                ))
            }
            ("GET", ["labels"]) => {
                let labels = world.row(&self.full_name).labels.iter().map(shapes::label);
                Ok(Answer::json(200, &labels.collect()))
            }
            ("POST", ["labels"]) => {
                self.required("name", "Name")?;
                let (name, color) = (self.ask.text("name"), self.ask.text("color"));
                let label = world.label(&self.full_name, name, color.trim_start_matches('#'));
                Ok(Answer::json(201, &shapes::label(&label)))
            }
            ("POST", ["statuses", commit]) => self.create_status(world, commit),
            ("GET", ["commits", commit, "status"]) => {
                let size = self.ask.number("limit").unwrap_or(30).clamp(1, world.max_page);
                let page = self.ask.number("page").unwrap_or(1).max(1);
                Ok(Answer::json(
                    200,
                    &self.shape(world, |shapes| shapes.combined(commit, page, size)),
                ))
            }
            ("GET", ["commits", commit, "statuses"] | ["statuses", commit]) => {
                let repo = world.row(&self.full_name);
                let all = repo.statuses.get(*commit).into_iter().flatten().rev();
                Ok(Answer::json(200, &all.map(shapes::status_shape).collect()))
            }
            _ => self.answer_more(world, rest),
        }
    }

    pub(super) fn shape(
        &self,
        world: &mut World,
        make: impl FnOnce(&Shapes<'_>) -> Value,
    ) -> Value {
        let repo = world.row(&self.full_name).clone();
        let bare = world.bare(&repo);
        make(&Shapes::new(&self.core.url, &repo, self.access, &bare))
    }

    pub(super) fn item(&self, world: &mut World, number: &str) -> Result<Item, No> {
        let number = number.parse().map_err(|_| No::found())?;
        world.row(&self.full_name).find(number).cloned().ok_or_else(No::found)
    }

    pub(super) fn pull(&self, world: &mut World, number: &str) -> Result<Item, No> {
        self.item(world, number).ok().filter(|item| item.pull.is_some()).ok_or_else(No::found)
    }

    pub(super) fn required(&self, field: &str, shown: &str) -> Result<(), No> {
        if self.ask.text(field).is_empty() {
            return Err(No::new(422, format!("[{shown}]: Required")));
        }
        Ok(())
    }

    pub(super) fn may_write(&self) -> Result<(), No> {
        if self.access < Access::Write {
            return Err(No::new(
                403,
                "user should have a permission to write to the target branch",
            ));
        }
        Ok(())
    }

    fn list(&self, world: &mut World, pulls: bool) -> Answer {
        let state = self.ask.query.get("state").map_or("open", String::as_str);
        // On the real one, issues hold pull requests too unless `type` says not.
        let kind = self.ask.query.get("type").map_or("", String::as_str);
        let repo = world.row(&self.full_name).clone();
        let wanted = |item: &&Item| {
            (state == "all" || state == item.state())
                && match (pulls, kind) {
                    (true, _) | (false, "pulls") => item.pull.is_some(),
                    (false, "issues") => item.pull.is_none(),
                    (false, _) => true,
                }
                && self.has_labels(&repo, item)
                && self.is_asked_for(item)
        };
        let mut items: Vec<&Item> = repo.items.iter().filter(wanted).collect();
        items.sort_by_key(|item| Reverse(item.created));
        if self.ask.query.get("sort").is_some_and(|sort| sort == "recentupdate") {
            items.sort_by_key(|item| Reverse(item.updated));
        }
        self.page(world, &repo, &items, pulls)
    }

    /// `labels=a,b`: by name, all of them. A name that is no label is left out
    /// of the question, as on the real one.
    fn has_labels(&self, repo: &Repo, item: &Item) -> bool {
        let known = |name: &&str| repo.labels.iter().any(|label| label.name == *name);
        self.ask.word("labels").split(',').filter(known).all(|name| {
            repo.labels.iter().any(|label| label.name == name && item.labels.contains(&label.id))
        })
    }

    fn is_asked_for(&self, item: &Item) -> bool {
        let (milestone, login) = (self.ask.word("milestones"), self.ask.word("assigned_by"));
        let (text, since) = (self.ask.word("q").to_lowercase(), self.ask.word("since"));
        !item.deleted
            && (milestone.is_empty() || item.milestone.as_deref() == Some(milestone))
            && (login.is_empty() || item.assignees.iter().any(|own| own == login))
            && (text.is_empty()
                || format!("{} {}", item.title, item.body).to_lowercase().contains(&text))
            && (since.is_empty() || shapes::time(item.updated).as_str() >= since)
    }

    fn page(&self, world: &World, repo: &Repo, items: &[&Item], pulls: bool) -> Answer {
        let size = self.ask.number("limit").unwrap_or(30).clamp(1, world.max_page);
        let page = self.ask.number("page").unwrap_or(1).max(1);
        let last = items.len().div_ceil(size).max(1);
        let bare = world.bare(repo);
        let shapes = Shapes::new(&self.core.url, repo, self.access, &bare);
        let shown: Value = items
            .iter()
            .skip((page - 1) * size)
            .take(size)
            .map(|item| if pulls { shapes.pull(item, false) } else { shapes.issue(item) })
            .collect();
        let mut answer = Answer::json(200, &shown);
        answer.headers.push(("x-total-count".to_owned(), items.len().to_string()));
        let link = |to: usize, name: &str| {
            format!("<{}{}?limit={size}&page={to}>; rel=\"{name}\"", self.core.url, self.ask.path)
        };
        let mut links = Vec::new();
        if page < last {
            links.extend([link(page + 1, "next"), link(last, "last")]);
        }
        if page > 1 {
            links.extend([link(1, "first"), link(page - 1, "prev")]);
        }
        if !links.is_empty() {
            answer.headers.push(("link".to_owned(), links.join(",")));
        }
        answer
    }

    fn create_pull(&self, world: &mut World) -> Result<Answer, No> {
        self.required("head", "Head")?;
        self.required("base", "Base")?;
        self.required("title", "Title")?;
        let (head, base) = (self.ask.text("head"), self.ask.text("base"));
        // `user:branch` of the same repository.
        let repo = world.row(&self.full_name).clone();
        let head = head.strip_prefix(&format!("{}:", repo.owner)).unwrap_or(head);
        if let Some((owner, branch)) = head.split_once(':') {
            return self.pull_from_fork(world, (owner, branch), base);
        }
        let bare = world.bare(&repo);
        let shapes = Shapes::new(&self.core.url, &repo, self.access, &bare);
        if repo.archived {
            return Err(No::new(423, "The repository is archived"));
        }
        if shapes.branch(head).is_none() || shapes.branch(base).is_none() {
            return Err(No::found());
        }
        if head == base {
            return Err(No::new(
                422,
                "Invalid PullRequest: There are no changes between the head and the base",
            ));
        }
        let same = repo.items.iter().find(|item| {
            !item.closed
                && item.pull.as_ref().is_some_and(|pull| pull.head == head && pull.base == base)
        });
        if let Some(item) = same {
            let id = item.pull.as_ref().map_or(0, |pull| pull.id);
            return Err(No::new(
                409,
                format!(
                    "pull request already exists for these targets [id: {id}, issue_id: {}, \
                     head_repo_id: {1}, base_repo_id: {1}, head_branch: {head}, base_branch: {base}]",
                    item.id, repo.id
                ),
            ));
        }
        let (title, body) = (self.ask.text("title"), self.ask.text("body"));
        let number = world.pull(&self.full_name, &self.login, (head, base), title, body);
        let labels = self.label_ids();
        world.row(&self.full_name).item(number).labels = labels;
        let item = world.row(&self.full_name).item(number).clone();
        Ok(Answer::json(201, &self.shape(world, |shapes| shapes.pull(&item, false))))
    }

    /// From a branch of somebody's fork, which is a repository of its own.
    fn pull_from_fork(
        &self,
        world: &mut World,
        (owner, branch): (&str, &str),
        base: &str,
    ) -> Result<Answer, No> {
        let repo = world.row(&self.full_name).clone();
        if repo.archived {
            return Err(No::new(423, "The repository is archived"));
        }
        if world.fork_tip(&repo, owner, branch).is_none() || world.bare(&repo).head(base).is_none()
        {
            return Err(No::found());
        }
        let same = |item: &Item| {
            let pull = item.pull.as_ref();
            !item.closed && pull.is_some_and(|pull| pull.from_fork && pull.head == branch)
        };
        if repo.items.iter().any(same) {
            return Err(No::new(409, "pull request already exists for these targets"));
        }
        let (title, body) = (self.ask.text("title"), self.ask.text("body"));
        let number = world.open_pull(&self.full_name, owner, (branch, base), title, body);
        if let Some(pull) = &mut world.row(&self.full_name).item(number).pull {
            pull.from_fork = true;
        }
        world.follow_pushes(&self.full_name);
        let item = world.row(&self.full_name).item(number).clone();
        Ok(Answer::json(201, &self.shape(world, |shapes| shapes.pull(&item, false))))
    }

    /// Labels are ids on the way in.
    pub(super) fn label_ids(&self) -> Vec<u64> {
        self.ask.body["labels"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
    }

    fn read_pull(&self, world: &mut World, number: &str) -> Result<Answer, No> {
        let item = self.pull(world, number)?;
        let stale = world.stale_reads > 0;
        world.stale_reads = world.stale_reads.saturating_sub(1);
        Ok(Answer::json(200, &self.shape(world, |shapes| shapes.pull(&item, stale))))
    }

    fn edit_pull(&self, world: &mut World, number: &str) -> Result<Answer, No> {
        let item = self.pull(world, number)?;
        if self.login != item.author {
            self.may_write()?;
        }
        let row = world.touch(&self.full_name, item.number);
        if let Some(title) = self.ask.body["title"].as_str() {
            title.clone_into(&mut row.title);
        }
        if let Some(body) = self.ask.body["body"].as_str() {
            body.clone_into(&mut row.body);
        }
        match self.ask.body["state"].as_str() {
            Some("closed") => row.closed = true,
            Some("open") => row.closed = false,
            Some(_) | None => {}
        }
        if self.ask.body["assignees"].is_array() {
            row.assignees = self.ask.texts("assignees");
        }
        let item = row.clone();
        Ok(Answer::json(201, &self.shape(world, |shapes| shapes.pull(&item, false))))
    }

    fn merge(&self, world: &mut World, number: &str) -> Result<Answer, No> {
        let item = self.pull(world, number)?;
        self.may_write()?;
        if item.closed {
            return Err(No::new(405, "Please try again later"));
        }
        if item.title.starts_with("WIP:") {
            return Err(No::new(405, "Work in progress PRs cannot be merged"));
        }
        let commit = self.ask.text("head_commit_id").to_owned();
        let repo = world.row(&self.full_name).clone();
        let bare = world.bare(&repo);
        let head = bare.git(&["rev-parse", &format!("refs/pull/{number}/head")]);
        if !commit.is_empty() && commit != head {
            return Err(No::new(409, "head out of date"));
        }
        merge::merge(world, &bare, &self.full_name, item.number, &self.login)
            .map_err(|why| No::new(409, why))?;
        Ok(Answer { status: 200, headers: Vec::new(), body: String::new() })
    }

    fn create_issue(&self, world: &mut World) -> Result<Answer, No> {
        self.required("title", "Title")?;
        let (title, body) = (self.ask.text("title"), self.ask.text("body"));
        let number = world.issue(&self.full_name, &self.login, title, body);
        let labels = self.label_ids();
        let milestone = self.ask.body["milestone"].as_u64();
        let assignees = self.ask.texts("assignees");
        let row = world.row(&self.full_name);
        let milestone = row.milestones.iter().find(|one| Some(one.id) == milestone);
        let milestone = milestone.map(|one| one.name.clone());
        let item = row.item(number);
        (item.labels, item.assignees, item.milestone) = (labels, assignees, milestone);
        let item = item.clone();
        Ok(Answer::json(201, &self.shape(world, |shapes| shapes.issue(&item))))
    }

    fn create_status(&self, world: &mut World, commit: &str) -> Result<Answer, No> {
        self.may_write()?;
        let mut known = false;
        self.shape(world, |shapes| {
            known = shapes.knows(commit);
            Value::Null
        });
        if !known {
            return Err(No::found());
        }
        let text = |name| self.ask.text(name).to_owned();
        let status = Status {
            id: 0,
            state: text("state"),
            context: if text("context").is_empty() {
                "default".to_owned()
            } else {
                text("context")
            },
            description: text("description"),
            target_url: text("target_url"),
        };
        let status = world.status(&self.full_name, commit, status);
        Ok(Answer::json(201, &shapes::status_shape(&status)))
    }
}
