//! What else a Gitea and a Forgejo have: branches, labels of an issue,
//! reviews, webhooks, and a CI that each tells in its own words.

use super::message::{Answer, No};
use super::rows::{Access, HookRow, JobRow, Line, Review, RunRow};
use super::shapes::{self, Shapes};
use super::visit::Visit;
use super::world::World;
use pilot_proto::ForgeKind;
use serde_json::{Value, json};

impl Visit<'_> {
    pub(super) fn answer_more(&self, world: &mut World, rest: &[&str]) -> Result<Answer, No> {
        match (self.ask.method.as_str(), rest) {
            ("GET", ["branches"]) => Ok(self.branches(world)),
            ("GET", ["branches", name @ ..]) => self.read_branch(world, &name.join("/")),
            ("DELETE", ["branches", name @ ..]) => self.delete_branch(world, &name.join("/")),
            ("GET", ["branch_protections"]) => {
                self.may_write()?;
                let rule =
                    json!({ "branch_name": "main", "rule_name": "main", "enable_push": false });
                let all =
                    if world.row(&self.full_name).protected { json!([rule]) } else { json!([]) };
                Ok(Answer::json(200, &all))
            }
            ("POST", ["milestones"]) => {
                self.required("title", "Title")?;
                let label = world.milestone(&self.full_name, self.ask.text("title"));
                Ok(Answer::json(
                    201,
                    &json!({ "id": label.id, "title": label.name, "state": "open" }),
                ))
            }
            ("PATCH", ["issues", "comments", id]) => self.edit_comment(world, id),
            ("PATCH", ["issues", number]) => self.edit_issue(world, number),
            ("POST", ["issues", number, "labels"]) => {
                let number = self.item(world, number)?.number;
                let ids = self.label_ids();
                let item = world.touch(&self.full_name, number);
                item.labels.extend(ids);
                item.labels.dedup();
                Ok(Answer::json(200, &json!([])))
            }
            ("DELETE", ["issues", number, "labels", id]) => {
                let (number, id) = (self.item(world, number)?.number, id.parse().unwrap_or(0));
                let item = world.touch(&self.full_name, number);
                if !item.labels.contains(&id) {
                    return Err(No::found());
                }
                item.labels.retain(|own| *own != id);
                Ok(Answer::none())
            }
            ("POST", ["pulls", number, "requested_reviewers"]) => {
                let number = self.pull(world, number)?.number;
                let reviewers = self.ask.texts("reviewers");
                if let Some(login) = reviewers.iter().find(|login| world.user_id(login).is_none()) {
                    return Err(No::new(
                        404,
                        format!("user does not exist [uid: 0, name: {login}]"),
                    ));
                }
                if let Some(pull) = &mut world.touch(&self.full_name, number).pull {
                    pull.reviewers.extend(reviewers);
                }
                Ok(Answer::json(201, &json!([])))
            }
            ("GET", ["pulls", number, "reviews"]) => {
                let item = self.pull(world, number)?;
                let reviews = item.pull.map(|pull| pull.reviews).unwrap_or_default();
                Ok(Answer::json(
                    200,
                    &reviews.iter().map(|one| self.review(one, item.number)).collect(),
                ))
            }
            ("POST", ["pulls", number, "reviews"]) => self.make_review(world, number),
            ("GET", ["pulls", number, "reviews", id, "comments"]) => {
                let item = self.pull(world, number)?;
                let reviews = item.pull.map(|pull| pull.reviews).unwrap_or_default();
                let review = reviews.iter().find(|one| one.said.id.to_string() == *id);
                let lines = &review.ok_or_else(No::found)?.lines;
                Ok(Answer::json(
                    200,
                    &lines.iter().map(|line| self.line(line, item.number)).collect(),
                ))
            }
            ("GET", ["collaborators", login, "permission"]) => {
                let row = world.row(&self.full_name);
                // Told to administrators, and to everybody about themselves.
                if row.owner != self.login && *login != self.login {
                    return Err(No::new(
                        403,
                        "Only admins can query all permissions, repo admins can query all repo permissions, collaborators can query only their own",
                    ));
                }
                let word = self.permission_word(world, login)?;
                Ok(Answer::json(200, &json!({ "permission": word, "role_name": word })))
            }
            ("GET", ["hooks"]) => {
                self.may_write()?;
                let hooks = world.row(&self.full_name).hooks.iter().map(hook);
                Ok(Answer::json(200, &hooks.collect()))
            }
            ("POST", ["hooks"]) => {
                self.may_write()?;
                let url = self.ask.body["config"]["url"].as_str().unwrap_or_default().to_owned();
                let secret =
                    self.ask.body["config"]["secret"].as_str().unwrap_or_default().to_owned();
                let row = HookRow { id: world.id(), url, secret };
                world.row(&self.full_name).hooks.push(row.clone());
                Ok(Answer::json(201, &hook(&row)))
            }
            ("DELETE", ["hooks", id]) => {
                self.may_write()?;
                let hooks = &mut world.row(&self.full_name).hooks;
                let before = hooks.len();
                hooks.retain(|one| one.id.to_string() != *id);
                if hooks.len() == before { Err(No::found()) } else { Ok(Answer::none()) }
            }
            (_, ["actions", rest @ ..]) => self.actions(world, rest),
            _ => Err(No::found()),
        }
    }

    pub(super) fn edit_comment(&self, world: &mut World, id: &str) -> Result<Answer, No> {
        let who = (id.parse().unwrap_or(0), self.login.as_str());
        match world.edit_comment(&self.full_name, who, self.ask.text("body")) {
            Some(true) => Ok(Answer::json(200, &json!({ "id": who.0 }))),
            Some(false) => Err(No::new(403, "Forbidden")),
            None => Err(No::found()),
        }
    }

    /// What somebody may do, in the word that Gitea and GitHub have for it.
    pub(super) fn permission_word(
        &self,
        world: &mut World,
        login: &str,
    ) -> Result<&'static str, No> {
        world.user_id(login).ok_or_else(No::found)?;
        let owner = world.row(&self.full_name).owner == login;
        Ok(match world.access(&self.full_name, Some(login)) {
            _ if owner => "admin",
            Access::Write => "write",
            Access::Read => "read",
            Access::None => "none",
        })
    }

    fn branches(&self, world: &mut World) -> Answer {
        let repo = world.row(&self.full_name).clone();
        let bare = world.bare(&repo);
        let branch = |name: String| {
            let commit = bare.head(&name);
            json!({ "name": name, "commit": { "id": commit } })
        };
        Answer::json(200, &bare.branches().into_iter().map(branch).collect())
    }

    fn read_branch(&self, world: &mut World, name: &str) -> Result<Answer, No> {
        let repo = world.row(&self.full_name).clone();
        let commit = world.bare(&repo).head(name).ok_or_else(No::found)?;
        let protected = repo.protected && name == "main";
        Ok(Answer::json(
            200,
            &json!({ "name": name, "commit": { "id": commit }, "protected": protected }),
        ))
    }

    /// One that is gone is 404, on the real one as well.
    pub(super) fn delete_branch(&self, world: &mut World, name: &str) -> Result<Answer, No> {
        self.may_write()?;
        let repo = world.row(&self.full_name).clone();
        let bare = world.bare(&repo);
        bare.head(name).ok_or_else(No::found)?;
        bare.delete_branch(name);
        Ok(Answer::none())
    }

    fn edit_issue(&self, world: &mut World, number: &str) -> Result<Answer, No> {
        let number = self.item(world, number)?.number;
        let row = world.touch(&self.full_name, number);
        match self.ask.body["state"].as_str() {
            Some("closed") => row.closed = true,
            Some(_) => row.closed = false,
            None => {}
        }
        let item = row.clone();
        Ok(Answer::json(201, &self.shape(world, |shapes| shapes.issue(&item))))
    }

    /// Comments on the same line are one conversation.
    fn make_review(&self, world: &mut World, number: &str) -> Result<Answer, No> {
        let item = self.pull(world, number)?;
        let event = match self.ask.text("event") {
            "APPROVED" | "APPROVE" => "APPROVED",
            "REQUEST_CHANGES" => "REQUEST_CHANGES",
            _ => "COMMENT",
        };
        if event == "APPROVED" && item.author == self.login {
            return Err(No::new(422, "approve your own pull is not allowed"));
        }
        let known: Vec<Line> = item
            .pull
            .iter()
            .flat_map(|pull| &pull.reviews)
            .flat_map(|one| one.lines.clone())
            .collect();
        let mut lines = Vec::new();
        for comment in self.ask.body["comments"].as_array().into_iter().flatten() {
            let said = world.said(&self.login, comment["body"].as_str().unwrap_or_default());
            let path = comment["path"].as_str().unwrap_or_default().to_owned();
            let line = comment["new_position"].as_u64().unwrap_or(0);
            let same = known.iter().find(|one| one.path == path && one.line == line);
            let root = same.map_or(said.id, |one| one.root);
            lines.push(Line { said, path, line, root, resolved: false });
        }
        let said = world.said(&self.login, self.ask.text("body"));
        let review = Review { said, state: event.to_owned(), lines };
        let shown = self.review(&review, item.number);
        if let Some(pull) = &mut world.touch(&self.full_name, item.number).pull {
            pull.reviews.push(review);
        }
        Ok(Answer::json(200, &shown))
    }

    fn review(&self, review: &Review, number: u64) -> Value {
        let page = format!("{}/{}/pulls/{number}", self.core.url, self.full_name);
        json!({
            "id": review.said.id,
            "user": shapes::user(&self.core.url, &review.said.author, 0),
            "state": review.state,
            "body": review.said.body,
            "comments_count": review.lines.len(),
            "submitted_at": shapes::time(review.said.written),
            "html_url": format!("{page}#issuecomment-{}", review.said.id),
        })
    }

    fn line(&self, line: &Line, number: u64) -> Value {
        let resolver = shapes::user(&self.core.url, "alice", 0);
        let page = format!("{}/{}/pulls/{number}", self.core.url, self.full_name);
        json!({
            "id": line.said.id,
            "user": shapes::user(&self.core.url, &line.said.author, 0),
            "body": line.said.body,
            "path": line.path,
            "position": line.line,
            "original_position": 0,
            "resolver": if line.resolved { resolver } else { Value::Null },
            "created_at": shapes::time(line.said.written),
            "html_url": format!("{page}#issuecomment-{}", line.said.id),
        })
    }

    /// Runs are listed from Gitea 1.25 and Forgejo 12 on. No version has a call
    /// that approves one.
    fn actions(&self, world: &mut World, rest: &[&str]) -> Result<Answer, No> {
        if world.version.starts_with("1.2") && !world.version.starts_with("1.25") {
            return Err(No::found());
        }
        let gitea = self.core.kind == ForgeKind::Gitea;
        let runs = world.row(&self.full_name).runs.clone();
        match rest {
            ["runs"] => {
                let (commit, status) = (self.ask.word("head_sha"), self.ask.word("status"));
                // All of these are one to a Gitea.
                let blocked =
                    matches!(status, "action_required" | "pending" | "waiting" | "requested");
                let wanted = |run: &&RunRow| {
                    (commit.is_empty() || run.commit == commit)
                        && (!gitea || status.is_empty() || (blocked == (run.state == "held")))
                };
                let shown: Vec<Value> =
                    runs.iter().filter(wanted).map(|run| self.run(run)).collect();
                let all = json!({ "total_count": shown.len(), "workflow_runs": shown });
                Ok(Answer::json(200, &all))
            }
            ["runs", id, "jobs"] if gitea => {
                let run =
                    runs.iter().find(|run| run.id.to_string() == *id).ok_or_else(No::found)?;
                let jobs = run.jobs.iter().map(|job| self.job(run, job));
                let all =
                    json!({ "total_count": run.jobs.len(), "jobs": jobs.collect::<Vec<_>>() });
                Ok(Answer::json(200, &all))
            }
            ["jobs", id, "logs"] if gitea => {
                let mut jobs = runs.iter().flat_map(|run| &run.jobs);
                let job = jobs.find(|job| job.id.to_string() == *id).ok_or_else(No::found)?;
                let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
                Ok(Answer { status: 200, headers, body: job.log.clone() })
            }
            _ => Err(No::found()),
        }
    }

    fn run(&self, run: &RunRow) -> Value {
        let page = format!("{}/{}/actions/runs/{}", self.core.url, self.full_name, run.index);
        if self.core.kind == ForgeKind::Forgejo {
            return json!({
                "id": run.id,
                "title": run.name,
                "index_in_repo": run.index,
                "commit_sha": run.commit,
                "status": if run.state == "held" { "blocked" } else { &run.state },
                "need_approval": run.state == "held",
                "is_fork_pull_request": run.from_fork,
                "approved_by": 0,
                "html_url": page,
            });
        }
        let (status, conclusion) = words(&run.state);
        json!({
            "id": run.id,
            "display_title": run.name,
            "head_sha": run.commit,
            "status": status,
            "conclusion": conclusion,
            "html_url": page,
        })
    }

    fn job(&self, run: &RunRow, job: &JobRow) -> Value {
        let (status, conclusion) = words(&job.state);
        let page =
            format!("{}/{}/actions/runs/{}/jobs/0", self.core.url, self.full_name, run.index);
        json!({
            "id": job.id,
            "run_id": run.id,
            "name": job.name,
            "head_sha": run.commit,
            "status": status,
            "conclusion": conclusion,
            "html_url": page,
        })
    }
}

/// A Gitea's: one that waits for a person is `waiting`, one that waits for a
/// runner is `queued`.
fn words(state: &str) -> (&'static str, &'static str) {
    match state {
        "held" => ("waiting", ""),
        "waiting" => ("queued", ""),
        "running" => ("in_progress", ""),
        "success" => ("completed", "success"),
        _ => ("completed", "failure"),
    }
}

fn hook(row: &HookRow) -> Value {
    json!({
        "id": row.id,
        "type": "gitea",
        "active": true,
        "config": { "url": row.url, "content_type": "json" },
    })
}

impl Shapes<'_> {
    /// The tip of a pull request: of its branch, or what was kept.
    pub(super) fn head_of(&self, head: &str, number: u64) -> Option<&String> {
        self.branch(head).or_else(|| self.kept(number))
    }
}
