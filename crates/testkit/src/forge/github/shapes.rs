//! The JSON of a GitHub.

use crate::forge::rows::{Comment, Item, JobRow, Line, Repo, Review, RunRow, Status};
use crate::forge::shapes::{Shapes, label, time};
use crate::forge::visit::Visit;
use crate::forge::world::World;
use serde_json::{Value, json};

impl Visit<'_> {
    pub(in crate::forge) fn github_repository(&self, world: &mut World) -> Value {
        let repo = world.row(&self.full_name).clone();
        let mut shown =
            Shapes::new(&self.core.url, &repo, self.access, &world.bare(&repo)).repository();
        shown["private"] = repo.private.into();
        shown
    }

    fn people(logins: &[String]) -> Value {
        logins.iter().map(|login| json!({ "login": login, "id": 0 })).collect()
    }

    fn labels(repo: &Repo, item: &Item) -> Value {
        repo.labels.iter().filter(|one| item.labels.contains(&one.id)).map(label).collect()
    }

    pub(in crate::forge) fn github_item(&self, repo: &Repo, item: &Item) -> Value {
        let kind = if item.pull.is_some() { "pull" } else { "issues" };
        let page = format!("{}/{}/{kind}/{}", self.core.url, self.full_name, item.number);
        let mut shown = json!({
            "id": item.id,
            "number": item.number,
            "html_url": page,
            "title": item.title,
            "body": if item.body.is_empty() { Value::Null } else { json!(item.body) },
            "state": item.state(),
            "user": { "login": item.author },
            "labels": Self::labels(repo, item),
            "assignees": Self::people(&item.assignees),
            "milestone": item.milestone.as_ref().map(|title| json!({ "title": title, "number": 1 })),
            "comments": item.comments.len(),
            "created_at": time(item.created),
            "updated_at": time(item.updated),
        });
        if item.pull.is_some() {
            shown["pull_request"] = json!({ "html_url": page });
        }
        shown
    }

    /// A list leaves `merged` and `mergeable` out.
    pub(in crate::forge) fn github_pull(
        &self,
        world: &mut World,
        item: &Item,
        stale: bool,
    ) -> Value {
        let repo = world.row(&self.full_name).clone();
        let bare = world.bare(&repo);
        let shapes = Shapes::new(&self.core.url, &repo, self.access, &bare);
        let Some(pull) = &item.pull else { return Value::Null };
        let tip = shapes.head_of(&pull.head, item.number);
        let kept = if item.closed { shapes.kept(item.number) } else { tip };
        let head = if stale { pull.before.as_ref().or(kept) } else { kept };
        let mergeable = match (shapes.branch(&pull.base), head) {
            (Some(base), Some(head)) if !item.closed => Some(bare.merges(base, head)),
            _ => None,
        };
        let fork = format!("{}/{}", item.author, repo.name);
        let owner = if pull.from_fork { &item.author } else { &repo.owner };
        let from = if pull.from_fork { &fork } else { &self.full_name };
        let merged_at = pull.merged.as_ref().map(|_| time(item.updated));
        let mut shown = self.github_item(&repo, item);
        let more = json!({
            "draft": pull.draft,
            "merged": pull.merged.is_some(),
            "merged_at": merged_at,
            // Before a merge, of one that was tried.
            "merge_commit_sha": pull.merged.as_ref().map_or("0000", |(_, commit)| commit),
            "mergeable": mergeable,
            "requested_reviewers": Self::people(&pull.reviewers),
            "head": {
                "label": format!("{owner}:{}", pull.head),
                "ref": pull.head,
                "sha": head,
                "repo": { "full_name": from },
            },
            "base": {
                "label": format!("{}:{}", repo.owner, pull.base),
                "ref": pull.base,
                "sha": shapes.branch(&pull.base),
                "repo": { "full_name": self.full_name },
            },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            shown[name] = value.clone();
        }
        shown
    }

    pub(in crate::forge) fn github_comment(&self, said: &Comment, number: u64) -> Value {
        let page = format!("{}/{}/issues/{number}", self.core.url, self.full_name);
        json!({
            "id": said.id,
            "user": { "login": said.author },
            "body": said.body,
            "html_url": format!("{page}#issuecomment-{}", said.id),
            "created_at": time(said.written),
        })
    }

    pub(in crate::forge) fn github_review(&self, review: &Review, number: u64) -> Value {
        let page = format!("{}/{}/pull/{number}", self.core.url, self.full_name);
        let state = match review.state.as_str() {
            "APPROVED" => "APPROVED",
            "REQUEST_CHANGES" => "CHANGES_REQUESTED",
            _ => "COMMENTED",
        };
        json!({
            "id": review.said.id,
            "user": { "login": review.said.author },
            "state": state,
            "body": review.said.body,
            "submitted_at": time(review.said.written),
            "html_url": format!("{page}#pullrequestreview-{}", review.said.id),
        })
    }

    pub(in crate::forge) fn github_line(&self, line: &Line, number: u64) -> Value {
        let mut shown = self.github_comment(&line.said, number);
        shown["path"] = json!(line.path);
        shown["line"] = json!(line.line);
        if line.root != line.said.id {
            shown["in_reply_to_id"] = json!(line.root);
        }
        shown
    }

    fn words(state: &str) -> (&'static str, Value) {
        match state {
            "held" => ("completed", json!("action_required")),
            "waiting" => ("queued", Value::Null),
            "running" => ("in_progress", Value::Null),
            "success" => ("completed", json!("success")),
            _ => ("completed", json!("failure")),
        }
    }

    pub(in crate::forge) fn github_run(&self, run: &RunRow) -> Value {
        let (status, conclusion) = Self::words(&run.state);
        json!({
            "id": run.id,
            "name": run.name,
            "head_sha": run.commit,
            "event": "pull_request",
            "status": status,
            "conclusion": conclusion,
            "html_url": format!("{}/{}/actions/runs/{}", self.core.url, self.full_name, run.id),
        })
    }

    /// A job, which is a check run as well.
    pub(in crate::forge) fn github_job(&self, run: &RunRow, job: &JobRow) -> Value {
        let (status, conclusion) = Self::words(&job.state);
        let page =
            format!("{}/{}/actions/runs/{}/job/{}", self.core.url, self.full_name, run.id, job.id);
        json!({
            "id": job.id,
            "run_id": run.id,
            "name": job.name,
            "status": status,
            "conclusion": conclusion,
            "html_url": page,
        })
    }
}

/// `state` both ways.
pub(super) fn status(status: &Status) -> Value {
    let target = if status.target_url.is_empty() { Value::Null } else { json!(status.target_url) };
    json!({
        "id": status.id,
        "state": status.state,
        "context": status.context,
        "description": status.description,
        "target_url": target,
    })
}
