//! A GitLab's side of the double, version 4 of its API: projects by their
//! whole path in one segment, numbers that issues and merge requests count
//! apart, and words of its own for everything.

mod merge_requests;
mod shapes;

use super::api::Core;
use super::message::{Answer, Ask, No, decoded};
use super::rows::{Access, HookRow, Item, Status};
use super::shapes as common;
use super::visit::Visit;
use super::world::World;
use serde_json::{Value, json};
use std::cmp::Reverse;

pub(super) fn nothing(what: &str) -> No {
    No::new(404, format!("404 {what}Not Found"))
}

impl Core {
    pub(super) fn route_gitlab(&self, world: &mut World, ask: &Ask) -> Result<Answer, No> {
        let path = ask.path.strip_prefix("/api/v4/").ok_or_else(|| nothing(""))?;
        let path: Vec<String> = path.split('/').map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let bearer = ask.token.as_ref().and_then(|token| world.tokens.get(token)).cloned();
        let bearer = bearer.ok_or_else(|| No::new(401, "401 Unauthorized"))?;
        let login = bearer.login.clone();
        if let ("GET", ["personal_access_tokens", "self"]) = (ask.method.as_str(), &path[..]) {
            return Ok(Answer::json(200, &json!({ "id": 1, "scopes": bearer.scopes() })));
        }
        let enough = bearer.has("api") || (ask.method == "GET" && bearer.has("read_api"));
        if !enough {
            let more = json!({
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges than provided by the access token.",
                "scope": "api read_api",
            });
            return Err(No::saying(403, "", more));
        }
        match (ask.method.as_str(), &path[..]) {
            ("GET", ["user"]) => {
                let id = world.user(&login);
                Ok(Answer::json(200, &json!({ "id": id, "username": login })))
            }
            ("GET", ["version"]) => {
                Ok(Answer::json(200, &json!({ "version": world.version, "revision": "0" })))
            }
            ("GET", ["users"]) => {
                let found = world.user_id(ask.word("username"));
                let found = found.map(|id| json!({ "id": id, "username": ask.word("username") }));
                Ok(Answer::json(200, &found.into_iter().collect()))
            }
            (_, ["projects", full_name, rest @ ..]) => {
                let access = world.access(full_name, Some(&login));
                if let Some(now) = world.moved(full_name) {
                    let path = [&["projects", &now.replace('/', "%2F")], rest].concat().join("/");
                    return Err(No::new(301, format!("{}/api/v4/{path}", self.url)));
                }
                if access == Access::None {
                    return Err(nothing("Project "));
                }
                world.follow_pushes(full_name);
                let full_name = (*full_name).to_owned();
                let visit = Visit { core: self, ask, full_name, login, access };
                visit.gitlab(world, rest)
            }
            _ => Err(nothing("")),
        }
    }
}

impl Visit<'_> {
    fn gitlab(&self, world: &mut World, rest: &[&str]) -> Result<Answer, No> {
        let name = self.full_name.clone();
        match (self.ask.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::json(200, &self.gitlab_project(world))),
            ("GET", ["repository", "branches"]) => {
                let repo = world.row(&name).clone();
                let bare = world.bare(&repo);
                let branch =
                    |name: String| json!({ "commit": { "id": bare.head(&name) }, "name": name });
                Ok(self.gitlab_listed(world, bare.branches().into_iter().map(branch).collect()))
            }
            ("GET", ["repository", "branches", branch]) => {
                let commit = self.tip(world, branch).ok_or_else(|| nothing("Branch "))?;
                Ok(Answer::json(200, &json!({ "name": branch, "commit": { "id": commit } })))
            }
            ("DELETE", ["repository", "branches", branch]) => {
                self.developer()?;
                self.delete_branch(world, branch).map_err(|_| nothing("Branch "))
            }
            ("GET", ["protected_branches"]) => {
                let rule =
                    json!({ "name": "main", "push_access_levels": [{ "access_level": 40 }] });
                let all = if world.row(&name).protected { vec![rule] } else { Vec::new() };
                Ok(self.gitlab_listed(world, all))
            }
            ("GET", ["repository", "commits", commit, "statuses"]) => {
                Ok(self.gitlab_statuses(world, commit))
            }
            ("POST", ["statuses", commit]) => {
                self.developer()?;
                let text = |name| self.ask.text(name).to_owned();
                let status = Status {
                    id: 0,
                    state: text("state"),
                    context: if text("name").is_empty() {
                        "default".to_owned()
                    } else {
                        text("name")
                    },
                    description: text("description"),
                    target_url: text("target_url"),
                };
                let status = world.status(&name, commit, status);
                Ok(Answer::json(201, &shapes::status(&status)))
            }
            ("GET", ["labels"]) => {
                let labels = world.row(&name).labels.iter();
                let all = labels.map(|one| json!({ "id": one.id, "name": one.name })).collect();
                Ok(self.gitlab_listed(world, all))
            }
            ("POST", ["labels"]) => {
                let label = world.label(&name, self.ask.text("name"), self.ask.text("color"));
                Ok(Answer::json(201, &json!({ "id": label.id, "name": label.name })))
            }
            ("POST", ["milestones"]) => {
                let label = world.milestone(&name, self.ask.text("title"));
                Ok(Answer::json(201, &json!({ "id": label.id, "iid": 1, "title": label.name })))
            }
            ("GET", ["issues"]) => Ok(self.gitlab_issues(world)),
            ("POST", ["issues"]) => self.gitlab_new_issue(world),
            ("PUT", ["issues" | "merge_requests", _, "notes", id]) => self.edit_comment(world, id),
            (_, ["issues", number, rest @ ..]) => {
                let number = self.gitlab_number(world, number, false)?;
                self.gitlab_issue(world, number, rest)
            }
            (_, ["merge_requests", rest @ ..]) => self.gitlab_merge_requests(world, rest),
            (_, ["pipelines", ..] | ["jobs", ..]) => self.gitlab_ci(world, rest),
            ("GET", ["members", "all"]) => {
                let row = world.row(&name);
                let mut members = vec![(row.owner.clone(), 50)];
                members.extend(row.collaborators.iter().map(|(login, access)| {
                    (login.clone(), if *access == Access::Write { 30 } else { 10 })
                }));
                let wanted = self.ask.word("query").to_lowercase();
                members.retain(|(login, _)| login.to_lowercase().contains(&wanted));
                let member = |(login, level): (String, u64)| json!({ "username": login, "access_level": level });
                let all = members.into_iter().map(member).collect();
                Ok(self.gitlab_listed(world, all))
            }
            ("GET", ["hooks"]) => {
                let hooks = world.row(&name).hooks.iter().map(hook).collect();
                Ok(self.gitlab_listed(world, hooks))
            }
            ("POST", ["hooks"]) => {
                self.developer()?;
                let (url, secret) =
                    (self.ask.text("url").to_owned(), self.ask.text("token").to_owned());
                let row = HookRow { id: world.id(), url, secret };
                world.row(&name).hooks.push(row.clone());
                Ok(Answer::json(201, &hook(&row)))
            }
            ("DELETE", ["hooks", id]) => {
                let hooks = &mut world.row(&name).hooks;
                let before = hooks.len();
                hooks.retain(|one| one.id.to_string() != *id);
                if hooks.len() == before { Err(nothing("")) } else { Ok(Answer::none()) }
            }
            _ => Err(nothing("")),
        }
    }

    pub(super) fn developer(&self) -> Result<(), No> {
        self.may_write().map_err(|_| No::new(403, "403 Forbidden"))
    }

    pub(super) fn gitlab_number(
        &self,
        world: &mut World,
        number: &str,
        pull: bool,
    ) -> Result<u64, No> {
        let number: u64 = number.parse().map_err(|_| nothing(""))?;
        let known = world.row(&self.full_name).find_kind(number, pull).is_some();
        if known { Ok(number) } else { Err(nothing("")) }
    }

    /// A page of a list, with every header it has; totals are left out when
    /// there are very many, so nobody may need them.
    pub(super) fn gitlab_listed(&self, world: &World, all: Vec<Value>) -> Answer {
        let size = self.ask.number("per_page").unwrap_or(20).clamp(1, world.max_page);
        let page = self.ask.number("page").unwrap_or(1).max(1);
        let more = all.len() > page * size;
        let shown: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
        let mut answer = Answer::json(200, &Value::Array(shown));
        let next = if more { (page + 1).to_string() } else { String::new() };
        if more {
            let link = format!("<{}{}?page={next}>; rel=\"next\"", self.core.url, self.ask.path);
            answer.headers.push(("link".to_owned(), link));
        }
        answer.headers.push(("x-page".to_owned(), page.to_string()));
        answer.headers.push(("x-next-page".to_owned(), next));
        answer
    }

    fn gitlab_issues(&self, world: &mut World) -> Answer {
        let repo = world.row(&self.full_name).clone();
        let state = match self.ask.word("state") {
            "opened" => "open",
            other => other,
        };
        let (milestone, login) = (self.ask.word("milestone"), self.ask.word("assignee_username"));
        let (text, since) =
            (self.ask.word("search").to_lowercase(), self.ask.word("updated_after"));
        let labels = self.ask.word("labels");
        let wanted = |item: &&Item| {
            item.pull.is_none()
                && !item.deleted
                && (matches!(state, "" | "all") || item.state() == state)
                && labels.split(',').filter(|name| !name.is_empty()).all(|name| {
                    repo.labels
                        .iter()
                        .any(|label| label.name == name && item.labels.contains(&label.id))
                })
                && (milestone.is_empty() || item.milestone.as_deref() == Some(milestone))
                && (login.is_empty() || item.assignees.iter().any(|own| own == login))
                && (text.is_empty()
                    || format!("{} {}", item.title, item.body).to_lowercase().contains(&text))
                && (since.is_empty() || common::time(item.updated).as_str() >= since)
        };
        let mut items: Vec<&Item> = repo.items.iter().filter(wanted).collect();
        items.sort_by_key(|item| Reverse(item.created));
        let shown = items.iter().map(|item| self.gitlab_item(&repo, item)).collect();
        self.gitlab_listed(world, shown)
    }

    /// Labels are names, people and milestones are ids.
    fn gitlab_new_issue(&self, world: &mut World) -> Result<Answer, No> {
        let (title, body) = (self.ask.text("title"), self.ask.text("description"));
        let number = world.issue(&self.full_name, &self.login, title, body);
        let ids = self.ask.body["assignee_ids"].as_array().into_iter().flatten();
        let assignees = ids.filter_map(|id| world.user_named(id.as_u64()?)).collect();
        self.gitlab_labels(world, number, false);
        let milestone = self.ask.body["milestone_id"].as_u64();
        let row = world.row(&self.full_name);
        let milestone = row.milestones.iter().find(|one| Some(one.id) == milestone);
        let milestone = milestone.map(|one| one.name.clone());
        let item = row.find_kind(number, false).ok_or_else(|| nothing(""))?;
        (item.assignees, item.milestone) = (assignees, milestone);
        let item = item.clone();
        let repo = row.clone();
        Ok(Answer::json(201, &self.gitlab_item(&repo, &item)))
    }

    /// `labels`, `add_labels`, `remove_labels`: names with commas between. One
    /// that is not there is made.
    pub(super) fn gitlab_labels(&self, world: &mut World, number: u64, pull: bool) {
        for (field, add) in [("labels", true), ("add_labels", true), ("remove_labels", false)] {
            for name in self.ask.text(field).split(',').filter(|name| !name.is_empty()) {
                let known = world.row(&self.full_name).labels.iter().find(|one| one.name == name);
                let id = match known.map(|one| one.id) {
                    Some(id) => id,
                    None if add => world.label(&self.full_name, name, "#428BCA").id,
                    None => continue,
                };
                let item = world.touch_kind(&self.full_name, number, pull);
                item.labels.retain(|own| *own != id);
                if add {
                    item.labels.push(id);
                }
            }
        }
    }

    fn gitlab_issue(&self, world: &mut World, number: u64, rest: &[&str]) -> Result<Answer, No> {
        match (self.ask.method.as_str(), rest) {
            ("GET", []) => {}
            ("PUT", []) => {
                self.gitlab_labels(world, number, false);
                let row = world.touch_kind(&self.full_name, number, false);
                match self.ask.text("state_event") {
                    "close" => row.closed = true,
                    "reopen" => row.closed = false,
                    _ => {}
                }
            }
            (_, ["notes"]) => return self.gitlab_notes(world, number, false),
            _ => return Err(nothing("")),
        }
        let repo = world.row(&self.full_name).clone();
        let item = world.row(&self.full_name).find_kind(number, false).cloned();
        Ok(Answer::json(200, &self.gitlab_item(&repo, &item.ok_or_else(|| nothing(""))?)))
    }

    pub(super) fn gitlab_notes(
        &self,
        world: &mut World,
        number: u64,
        pull: bool,
    ) -> Result<Answer, No> {
        if self.ask.method == "POST" {
            let body = self.ask.text("body");
            let said = world.comment_on(&self.full_name, (number, pull), &self.login, body);
            return Ok(Answer::json(201, &shapes::note(&said, false)));
        }
        let item = world.row(&self.full_name).find_kind(number, pull).cloned();
        let item = item.ok_or_else(|| nothing(""))?;
        let mut all: Vec<Value> =
            item.comments.iter().map(|said| shapes::note(said, false)).collect();
        // What it notes by itself stands among them.
        all.push(json!({ "id": 1, "body": "changed the description", "system": true, "created_at": "2026-01-01T00:00:00Z" }));
        Ok(self.gitlab_listed(world, all))
    }

    /// Statuses, and the jobs of pipelines, which are statuses too.
    fn gitlab_statuses(&self, world: &mut World, commit: &str) -> Answer {
        let repo = world.row(&self.full_name).clone();
        let mut latest: Vec<Status> = Vec::new();
        for status in repo.statuses.get(commit).into_iter().flatten() {
            latest.retain(|known| known.context != status.context);
            latest.push(status.clone());
        }
        let runs = repo
            .runs
            .iter()
            .filter(|run| run.commit == commit && !(run.from_fork && run.state == "held"));
        let jobs = runs.flat_map(|run| run.jobs.iter().map(move |job| self.gitlab_job(run, job)));
        let all = latest.iter().map(shapes::status).chain(jobs).collect();
        self.gitlab_listed(world, all)
    }

    fn gitlab_ci(&self, world: &mut World, rest: &[&str]) -> Result<Answer, No> {
        let runs = world.row(&self.full_name).runs.clone();
        match (self.ask.method.as_str(), rest) {
            ("GET", ["pipelines", id, "jobs"]) => {
                let run =
                    runs.iter().find(|run| run.id.to_string() == *id).ok_or_else(|| nothing(""))?;
                let jobs = run.jobs.iter().map(|job| self.gitlab_job(run, job)).collect();
                Ok(self.gitlab_listed(world, jobs))
            }
            ("GET", ["jobs", id, "trace"]) => {
                let log = world.log(id).ok_or_else(|| nothing(""))?;
                let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
                Ok(Answer { status: 200, headers, body: log })
            }
            ("POST", ["jobs", id, "play"]) => {
                self.developer()?;
                let row = world.row(&self.full_name);
                for run in &mut row.runs {
                    for job in run.jobs.iter_mut().filter(|job| job.id.to_string() == *id) {
                        if job.state != "held" {
                            return Err(No::new(400, "400 Bad request - Unplayable Job"));
                        }
                        job.state = "waiting".to_owned();
                    }
                    if run.jobs.iter().all(|job| job.state != "held") && run.state == "held" {
                        run.state = "waiting".to_owned();
                    }
                }
                Ok(Answer::json(200, &json!({ "status": "pending" })))
            }
            _ => Err(nothing("")),
        }
    }
}

fn hook(row: &HookRow) -> Value {
    json!({ "id": row.id, "url": row.url, "issues_events": true, "disabled_until": null })
}
