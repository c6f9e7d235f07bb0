//! The JSON of a GitLab.

use crate::forge::rows::{Access, Comment, Item, JobRow, Repo, RunRow, Status};
use crate::forge::shapes::{Shapes, time};
use crate::forge::visit::Visit;
use crate::forge::world::World;
use serde_json::{Value, json};

/// What a fork's project would be called; ours is its row's id.
pub(super) const FORK: u64 = 7;

impl Visit<'_> {
    pub(super) fn gitlab_project(&self, world: &mut World) -> Value {
        let repo = world.row(&self.full_name);
        let level = if self.access >= Access::Write { 30 } else { 20 };
        json!({
            "id": repo.id,
            "path_with_namespace": repo.full_name(),
            "default_branch": "main",
            "archived": repo.archived,
            "visibility": if repo.private { "private" } else { "public" },
            "permissions": { "project_access": { "access_level": level }, "group_access": null },
            "ci_job_token_scope_enabled": true,
            "ci_allow_fork_pipelines_to_run_in_parent_project": !repo.protected,
        })
    }

    pub(super) fn gitlab_item(&self, repo: &Repo, item: &Item) -> Value {
        let kind = if item.pull.is_some() { "merge_requests" } else { "issues" };
        let page = format!("{}/{}/-/{kind}/{}", self.core.url, self.full_name, item.number);
        let state = if item.closed { "closed" } else { "opened" };
        let labels = repo.labels.iter().filter(|one| item.labels.contains(&one.id));
        let labels: Vec<&String> = labels.map(|one| &one.name).collect();
        json!({
            "id": item.id,
            "iid": item.number,
            "title": item.title,
            "description": if item.body.is_empty() { Value::Null } else { json!(item.body) },
            "web_url": page,
            "state": state,
            "author": { "id": 0, "username": item.author },
            "labels": labels,
            "assignees": people(&item.assignees),
            "milestone": item.milestone.as_ref().map(|title| json!({ "id": 1, "title": title })),
            "user_notes_count": item.comments.len(),
            "created_at": time(item.created),
            "updated_at": time(item.updated),
        })
    }

    pub(super) fn gitlab_merge_request(
        &self,
        world: &mut World,
        item: &Item,
        stale: bool,
    ) -> Value {
        let repo = world.row(&self.full_name).clone();
        let bare = world.bare(&repo);
        let shapes = Shapes::new(&self.core.url, &repo, self.access, &bare);
        let Some(pull) = &item.pull else { return Value::Null };
        let kept = if item.closed {
            shapes.kept(item.number)
        } else {
            shapes.head_of(&pull.head, item.number)
        };
        let head = if stale { pull.before.as_ref().or(kept) } else { kept };
        let (merges, on_top) = match (shapes.branch(&pull.base), head) {
            (Some(base), Some(head)) if !item.closed => {
                (bare.merges(base, head), bare.contains(head, base))
            }
            _ => (true, true),
        };
        let status = match (merges, on_top) {
            (false, _) => "conflict",
            (true, false) if repo.fast_forward_only => "need_rebase",
            (true, _) => "mergeable",
        };
        let mut shown = self.gitlab_item(&repo, item);
        if pull.merged.is_some() {
            shown["state"] = json!("merged");
        }
        let more = json!({
            "draft": item.title.starts_with("Draft:"),
            "source_branch": pull.head,
            "target_branch": pull.base,
            "source_project_id": if pull.from_fork { FORK } else { repo.id },
            "target_project_id": repo.id,
            "sha": head,
            "merge_commit_sha": pull.merged.as_ref().map(|(_, commit)| commit),
            "has_conflicts": !merges,
            "detailed_merge_status": status,
            "merge_status": if merges { "can_be_merged" } else { "cannot_be_merged" },
            "reviewers": people(&pull.reviewers),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            shown[name] = value.clone();
        }
        shown
    }

    pub(super) fn gitlab_job(&self, run: &RunRow, job: &JobRow) -> Value {
        let status = match job.state.as_str() {
            "held" => "manual",
            "waiting" => "pending",
            "failure" => "failed",
            other => other,
        };
        json!({
            "id": job.id,
            "name": job.name,
            "status": status,
            "allow_failure": false,
            "pipeline": { "id": run.id },
            "web_url": format!("{}/{}/-/jobs/{}", self.core.url, self.full_name, job.id),
        })
    }
}

fn people(logins: &[String]) -> Value {
    logins.iter().map(|login| json!({ "username": login, "id": 0 })).collect()
}

pub(super) fn note(said: &Comment, resolved: bool) -> Value {
    json!({
        "id": said.id,
        "body": said.body,
        "author": { "username": said.author },
        "created_at": time(said.written),
        "system": false,
        "resolved": resolved,
    })
}

/// `state` on the way in, `status` on the way out; `failed` for a failure.
pub(super) fn status(status: &Status) -> Value {
    json!({
        "id": status.id,
        "name": status.context,
        "status": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "allow_failure": false,
    })
}
