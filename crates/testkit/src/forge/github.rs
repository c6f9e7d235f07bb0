//! A GitHub's side of the double (an Enterprise Server's addresses), by the
//! REST description of version 2022-11-28.

mod pulls;
mod shapes;

use super::api::Core;
use super::message::{Answer, Ask, No, decoded};
use super::rows::{Access, HookRow, Item, Label, RunRow, Status};
use super::shapes as common;
use super::visit::Visit;
use super::world::World;
use serde_json::{Value, json};
use std::cmp::Reverse;

/// What it says of everything that is not there for the asker.
pub(super) fn nothing() -> No {
    No::new(404, "Not Found")
}

impl Core {
    pub(super) fn route_github(&self, world: &mut World, ask: &Ask) -> Result<Answer, No> {
        let path = ask.path.strip_prefix("/api/").ok_or_else(nothing)?;
        let path = path.strip_prefix("v3/").unwrap_or(path);
        let path: Vec<String> = path.split('/').map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if let ["_store", log] = path[..] {
            // Where logs lie: the address is the permission.
            return stored_log(world, ask, log);
        }
        let token = ask.token.as_ref().ok_or_else(|| No::new(401, "Requires authentication"))?;
        if let Some(app) = Self::app_of(token) {
            return self.installation(world, &app, &path);
        }
        let bearer = world.tokens.get(token).cloned();
        let bearer = bearer.ok_or_else(|| No::new(401, "Bad credentials"))?;
        let login = bearer.login.clone();
        match (ask.method.as_str(), &path[..]) {
            ("GET", ["user"]) => {
                let id = world.user(&login);
                let mut answer =
                    Answer::json(200, &json!({ "login": login, "id": id, "type": "User" }));
                answer.headers.push(("x-oauth-scopes".to_owned(), bearer.scopes().join(", ")));
                Ok(answer)
            }
            ("GET", ["meta"]) => {
                Ok(Answer::json(200, &json!({ "installed_version": world.version })))
            }
            ("POST", ["graphql"]) => Ok(pulls::graph(world, ask)),
            (_, ["repos", owner, name, rest @ ..]) => {
                let full_name = format!("{owner}/{name}");
                if let Some(now) = world.moved(&full_name) {
                    let rest = rest.join("/");
                    let to = format!("{}/api/v3/repos/{now}/{rest}", self.url);
                    return Err(No::new(301, to.trim_end_matches('/')));
                }
                let access = world.access(&full_name, Some(&login));
                // A token without `repo` sees public repositories, and no more.
                let reaches = bearer.has("repo");
                if access == Access::None || (!reaches && ask.method != "GET") {
                    return Err(nothing());
                }
                world.follow_pushes(&full_name);
                let visit = Visit { core: self, ask, full_name, login, access };
                visit.github(world, rest)
            }
            _ => Err(nothing()),
        }
    }
}

fn stored_log(world: &mut World, ask: &Ask, id: &str) -> Result<Answer, No> {
    // A store refuses a second kind of permission.
    if ask.token.is_some() {
        return Err(No::new(400, "InvalidAuthenticationInfo"));
    }
    let log = world.log(id).ok_or_else(nothing)?;
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
    Ok(Answer { status: 200, headers, body: log })
}

impl Visit<'_> {
    fn github(&self, world: &mut World, rest: &[&str]) -> Result<Answer, No> {
        let name = self.full_name.clone();
        match (self.ask.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::json(200, &self.github_repository(world))),
            ("GET", ["git", "ref", "heads", branch @ ..]) => {
                let branch = branch.join("/");
                let commit = self.tip(world, &branch).ok_or_else(nothing)?;
                let object = json!({ "type": "commit", "sha": commit });
                Ok(Answer::json(
                    200,
                    &json!({ "ref": format!("refs/heads/{branch}"), "object": object }),
                ))
            }
            ("DELETE", ["git", "refs", "heads", branch @ ..]) => {
                let gone = self.delete_branch(world, &branch.join("/"));
                gone.map_err(|_| No::new(422, "Reference does not exist"))
            }
            ("GET", ["branches"]) => {
                let repo = world.row(&name).clone();
                let bare = world.bare(&repo);
                let branch =
                    |name: String| json!({ "commit": { "sha": bare.head(&name) }, "name": name });
                Ok(self.listed(world, bare.branches().into_iter().map(branch).collect()))
            }
            ("GET", ["branches", branch @ ..]) => {
                let branch = branch.join("/");
                let commit = self.tip(world, &branch).ok_or_else(nothing)?;
                let protected = world.row(&name).protected && branch == "main";
                let commit = json!({ "sha": commit });
                Ok(Answer::json(
                    200,
                    &json!({ "name": branch, "commit": commit, "protected": protected }),
                ))
            }
            ("GET", ["issues"]) => Ok(self.github_issues(world)),
            ("POST", ["issues"]) => self.github_new_issue(world),
            ("POST", ["labels"]) => {
                let (name, color) = (self.ask.text("name"), self.ask.text("color"));
                let label = world.label(&self.full_name, name, color);
                Ok(Answer::json(201, &common::label(&label)))
            }
            ("GET", ["labels", label]) => {
                let labels = &world.row(&name).labels;
                let label = labels.iter().find(|one| one.name.eq_ignore_ascii_case(label));
                Ok(Answer::json(200, &common::label(label.ok_or_else(nothing)?)))
            }
            ("POST", ["milestones"]) => {
                let label = world.milestone(&name, self.ask.text("title"));
                let number = world.row(&name).milestones.len();
                Ok(Answer::json(
                    201,
                    &json!({ "id": label.id, "number": number, "title": label.name }),
                ))
            }
            ("PATCH", ["issues", "comments", id]) => self.edit_comment(world, id),
            (_, ["issues", number, rest @ ..]) => self.github_issue(world, number, rest),
            (_, ["pulls", rest @ ..]) => self.github_pulls(world, rest),
            (_, ["actions", rest @ ..]) => self.github_actions(world, rest),
            ("POST", ["statuses", commit]) => self.github_say(world, commit),
            ("GET", ["commits", commit, "status"]) => Ok(self.github_combined(world, commit)),
            ("GET", ["commits", commit, "check-runs"]) => Ok(self.github_check_runs(world, commit)),
            ("GET", ["collaborators", login, "permission"]) => {
                self.may_write()?;
                let word = self.permission_word(world, login)?;
                Ok(Answer::json(200, &json!({ "permission": word, "role_name": word })))
            }
            ("GET", ["hooks"]) => {
                self.may_write()?;
                let hooks = world.row(&name).hooks.iter().map(hook).collect();
                Ok(self.listed(world, hooks))
            }
            ("POST", ["hooks"]) => {
                self.may_write()?;
                let url = self.ask.body["config"]["url"].as_str().unwrap_or_default().to_owned();
                let secret =
                    self.ask.body["config"]["secret"].as_str().unwrap_or_default().to_owned();
                let row = HookRow { id: world.id(), url, secret };
                world.row(&name).hooks.push(row.clone());
                Ok(Answer::json(201, &hook(&row)))
            }
            ("DELETE", ["hooks", id]) => {
                let hooks = &mut world.row(&name).hooks;
                let before = hooks.len();
                hooks.retain(|one| one.id.to_string() != *id);
                if hooks.len() == before { Err(nothing()) } else { Ok(Answer::none()) }
            }
            _ => Err(nothing()),
        }
    }

    pub(super) fn tip(&self, world: &mut World, branch: &str) -> Option<String> {
        let repo = world.row(&self.full_name).clone();
        world.bare(&repo).head(branch)
    }

    /// A page of a list, with `Link` and no totals.
    pub(super) fn listed(&self, world: &World, all: Vec<Value>) -> Answer {
        let size = self.ask.number("per_page").unwrap_or(30).clamp(1, world.max_page);
        let page = self.ask.number("page").unwrap_or(1).max(1);
        let more = all.len() > page * size;
        let shown: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
        let mut answer = Answer::json(200, &Value::Array(shown));
        if more {
            let next =
                format!("<{}{}?page={}>; rel=\"next\"", self.core.url, self.ask.path, page + 1);
            answer.headers.push(("link".to_owned(), next));
        }
        answer
    }

    fn github_issues(&self, world: &mut World) -> Answer {
        let repo = world.row(&self.full_name).clone();
        let (state, since) = (self.ask.word("state"), self.ask.word("since"));
        let (labels, login) = (self.ask.word("labels"), self.ask.word("assignee"));
        let wanted = |item: &&Item| {
            !item.deleted
                && (state == "all" || item.state() == if state.is_empty() { "open" } else { state })
                && labels.split(',').filter(|name| !name.is_empty()).all(|name| {
                    repo.labels
                        .iter()
                        .any(|label| label.name == name && item.labels.contains(&label.id))
                })
                && (login.is_empty() || item.assignees.iter().any(|own| own == login))
                && (since.is_empty() || common::time(item.updated).as_str() >= since)
        };
        let mut items: Vec<&Item> = repo.items.iter().filter(wanted).collect();
        items.sort_by_key(|item| Reverse(item.created));
        let shown = items.iter().map(|item| self.github_item(&repo, item)).collect();
        self.listed(world, shown)
    }

    /// Labels and people are names, the milestone is a number.
    fn github_new_issue(&self, world: &mut World) -> Result<Answer, No> {
        let (title, body) = (self.ask.text("title"), self.ask.text("body"));
        let number = world.issue(&self.full_name, &self.login, title, body);
        let (labels, assignees) = (self.ask.texts("labels"), self.ask.texts("assignees"));
        let milestone = self.ask.body["milestone"].as_u64();
        let row = world.row(&self.full_name);
        let named = |label: &&Label| labels.contains(&label.name);
        let ids = row.labels.iter().filter(named).map(|label| label.id).collect();
        let milestone = milestone
            .and_then(|number| row.milestones.get(usize::try_from(number).ok()?.checked_sub(1)?));
        let milestone = milestone.map(|one| one.name.clone());
        let item = row.item(number);
        (item.labels, item.assignees, item.milestone) = (ids, assignees, milestone);
        let item = item.clone();
        let repo = row.clone();
        Ok(Answer::json(201, &self.github_item(&repo, &item)))
    }

    fn github_issue(&self, world: &mut World, number: &str, rest: &[&str]) -> Result<Answer, No> {
        let number: u64 = number.parse().map_err(|_| nothing())?;
        let row = world.row(&self.full_name);
        if row.items.iter().any(|item| item.number == number && item.deleted) {
            return Err(No::new(410, "This issue was deleted"));
        }
        let item = row.find(number).cloned().ok_or_else(nothing)?;
        let repo = row.clone();
        match (self.ask.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::json(200, &self.github_item(&repo, &item))),
            ("PATCH", []) => {
                let row = world.touch(&self.full_name, number);
                row.closed = self.ask.text("state") == "closed";
                let item = row.clone();
                Ok(Answer::json(200, &self.github_item(&repo, &item)))
            }
            ("GET", ["comments"]) => {
                let shown =
                    item.comments.iter().map(|one| self.github_comment(one, number)).collect();
                Ok(self.listed(world, shown))
            }
            ("POST", ["comments"]) => {
                let said =
                    world.comment(&self.full_name, number, &self.login, self.ask.text("body"));
                Ok(Answer::json(201, &self.github_comment(&said, number)))
            }
            ("POST", ["labels"]) => {
                for name in self.ask.texts("labels") {
                    let known = repo
                        .labels
                        .iter()
                        .find(|one| one.name.eq_ignore_ascii_case(&name))
                        .cloned();
                    // One that is not there is made.
                    let label =
                        known.unwrap_or_else(|| world.label(&self.full_name, &name, "ededed"));
                    let item = world.touch(&self.full_name, number);
                    if !item.labels.contains(&label.id) {
                        item.labels.push(label.id);
                    }
                }
                Ok(Answer::json(200, &json!([])))
            }
            ("DELETE", ["labels", name]) => {
                let known = repo.labels.iter().find(|one| one.name.eq_ignore_ascii_case(name));
                let id = known.map(|one| one.id).filter(|id| item.labels.contains(id));
                let id = id.ok_or_else(|| No::new(404, "Label does not exist"))?;
                world.touch(&self.full_name, number).labels.retain(|own| *own != id);
                Ok(Answer::json(200, &json!([])))
            }
            ("POST", ["assignees"]) => {
                let more = self.ask.texts("assignees");
                world.touch(&self.full_name, number).assignees.extend(more);
                Ok(Answer::json(201, &json!({})))
            }
            _ => Err(nothing()),
        }
    }

    fn github_say(&self, world: &mut World, commit: &str) -> Result<Answer, No> {
        self.may_write().map_err(|_| nothing())?;
        let text = |name| self.ask.text(name).to_owned();
        let status = Status {
            id: 0,
            state: text("state"),
            context: text("context"),
            description: text("description"),
            target_url: text("target_url"),
        };
        let status = world.status(&self.full_name, commit, status);
        Ok(Answer::json(201, &shapes::status(&status)))
    }

    fn github_combined(&self, world: &mut World, commit: &str) -> Answer {
        let repo = world.row(&self.full_name);
        let mut latest: Vec<Status> = Vec::new();
        for status in repo.statuses.get(commit).into_iter().flatten() {
            latest.retain(|known| known.context != status.context);
            latest.push(status.clone());
        }
        let total = latest.len();
        let shown = self.part(world, latest.iter().map(shapes::status).collect());
        Answer::json(200, &json!({ "state": "pending", "total_count": total, "statuses": shown }))
    }

    /// A run that waits for an approval has no jobs yet, and so no check runs.
    fn github_check_runs(&self, world: &mut World, commit: &str) -> Answer {
        let runs = world.row(&self.full_name).runs.clone();
        let of = |run: &&RunRow| run.commit == commit && run.state != "held";
        let jobs =
            runs.iter().filter(of).flat_map(|run| run.jobs.iter().map(move |job| (run, job)));
        let all: Vec<Value> = jobs.map(|(run, job)| self.github_job(run, job)).collect();
        let total = all.len();
        let shown = self.part(world, all);
        Answer::json(200, &json!({ "total_count": total, "check_runs": shown }))
    }

    fn part(&self, world: &World, all: Vec<Value>) -> Vec<Value> {
        let size = self.ask.number("per_page").unwrap_or(30).clamp(1, world.max_page);
        let page = self.ask.number("page").unwrap_or(1).max(1);
        all.into_iter().skip((page - 1) * size).take(size).collect()
    }

    fn github_actions(&self, world: &mut World, rest: &[&str]) -> Result<Answer, No> {
        let runs = world.row(&self.full_name).runs.clone();
        let run_of =
            |id: &str| runs.iter().find(|run| run.id.to_string() == id).ok_or_else(nothing);
        match (self.ask.method.as_str(), rest) {
            ("GET", ["runs"]) => {
                let commit = self.ask.word("head_sha");
                let all: Vec<Value> = runs
                    .iter()
                    .filter(|run| run.commit == commit)
                    .map(|run| self.github_run(run))
                    .collect();
                let total = all.len();
                let shown = self.part(world, all);
                Ok(Answer::json(200, &json!({ "total_count": total, "workflow_runs": shown })))
            }
            ("GET", ["runs", id, "jobs"]) => {
                let run = run_of(id)?;
                let jobs = if run.state == "held" { &[][..] } else { &run.jobs[..] };
                let all: Vec<Value> = jobs.iter().map(|job| self.github_job(run, job)).collect();
                let total = all.len();
                Ok(Answer::json(
                    200,
                    &json!({ "total_count": total, "jobs": self.part(world, all) }),
                ))
            }
            ("POST", ["runs", id, verb @ ("approve" | "rerun")]) => {
                let run = run_of(id)?;
                self.may_write()
                    .map_err(|_| No::new(403, "Resource not accessible by integration"))?;
                if *verb == "approve" && !(run.from_fork && run.state == "held") {
                    return Err(No::new(403, "This run is not from a fork pull request"));
                }
                let row = world.row(&self.full_name);
                row.runs.iter_mut().filter(|one| one.id == run.id).for_each(RunRow::let_go);
                Ok(Answer::json(201, &json!({})))
            }
            ("GET", ["jobs", id, "logs"]) => {
                world.log(id).ok_or_else(nothing)?;
                let to = format!("{}/api/_store/{id}?sig=0", self.core.url);
                Ok(Answer {
                    status: 302,
                    headers: vec![("location".to_owned(), to)],
                    body: String::new(),
                })
            }
            ("GET", ["permissions", "workflow"]) => {
                self.may_write()?;
                Ok(Answer::json(200, &json!({ "default_workflow_permissions": "read" })))
            }
            ("GET", ["permissions", "fork-pr-contributor-approval"]) => {
                self.may_write()?;
                let policy = if world.row(&self.full_name).protected {
                    "all_external_contributors"
                } else {
                    "first_time_contributors"
                };
                Ok(Answer::json(200, &json!({ "approval_policy": policy })))
            }
            _ => Err(nothing()),
        }
    }
}

fn hook(row: &HookRow) -> Value {
    json!({ "id": row.id, "name": "web", "active": true, "config": { "url": row.url } })
}
