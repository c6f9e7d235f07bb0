//! The JSON of the API, field by field as the real one sends it.

use super::pushes::refs;
use super::rows::{Access, Comment, Item, Label, Pull, Repo, Status};
use crate::repo::BareRepo;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Turns rows into JSON: knows the address and one repository.
pub(super) struct Shapes<'a> {
    pub(super) url: &'a str,
    pub(super) repo: &'a Repo,
    /// What the asker may do.
    pub(super) access: Access,
    refs: BTreeMap<String, String>,
    bare: BareRepo,
}

impl<'a> Shapes<'a> {
    pub(super) fn new(url: &'a str, repo: &'a Repo, access: Access, bare: &BareRepo) -> Self {
        Self { url, repo, access, refs: refs(bare), bare: bare.clone() }
    }

    pub(super) fn repository(&self) -> Value {
        let full_name = self.repo.full_name();
        json!({
            "id": self.repo.id,
            "owner": user(self.url, &self.repo.owner, 0),
            "name": self.repo.name,
            "full_name": full_name,
            "description": "",
            "empty": self.refs.is_empty(),
            "private": self.repo.private,
            "fork": false,
            "parent": null,
            "mirror": false,
            "archived": self.repo.archived,
            "html_url": format!("{}/{full_name}", self.url),
            "clone_url": format!("{}/{full_name}.git", self.url),
            "ssh_url": format!("git@127.0.0.1:{full_name}.git"),
            "default_branch": "main",
            "permissions": {
                "admin": false,
                "push": self.access >= Access::Write,
                "pull": self.access >= Access::Read,
            },
            "has_issues": true,
            "has_pull_requests": true,
        })
    }

    /// The commit of a branch.
    pub(super) fn branch(&self, name: &str) -> Option<&String> {
        self.refs.get(&format!("refs/heads/{name}"))
    }

    /// The commit that a pull request has kept.
    pub(super) fn kept(&self, number: u64) -> Option<&String> {
        self.refs.get(&format!("refs/pull/{number}/head"))
    }

    /// True if there is such a commit in the repository.
    pub(super) fn knows(&self, commit: &str) -> bool {
        self.refs.values().any(|known| known == commit)
    }

    /// A pull request; `stale` shows it as before the last push.
    pub(super) fn pull(&self, item: &Item, stale: bool) -> Value {
        let Some(pull) = &item.pull else { return Value::Null };
        let page = format!("{}/{}/pulls/{}", self.url, self.repo.full_name(), item.number);
        let kept = format!("refs/pull/{}/head", item.number);
        // Once the branch is gone the real one names the kept ref.
        let branch = self.branch(&pull.head).filter(|_| pull.topic.is_none());
        let (head_ref, head) = match branch {
            Some(tip) => (pull.head.clone(), Some(tip)),
            None if pull.from_fork => (pull.head.clone(), self.refs.get(&kept)),
            None => (kept.clone(), self.refs.get(&kept)),
        };
        let head = if stale { pull.before.as_ref().or(head) } else { head };
        let (merged_by, merge_commit) = match &pull.merged {
            Some((by, commit)) => (user(self.url, by, 0), json!(commit)),
            None => (Value::Null, Value::Null),
        };
        let closed_at = if item.closed { json!(time(item.updated)) } else { Value::Null };
        let merged_at = if pull.merged.is_some() { closed_at.clone() } else { Value::Null };
        let side = |label: &str, name: &str, sha: Option<&String>| {
            let mut repository = self.repository();
            if pull.from_fork && label == pull.head {
                repository["full_name"] = json!(format!("{}/{}", item.author, self.repo.name));
            }
            json!({
                "label": label,
                "ref": name,
                "sha": sha,
                "repo_id": self.repo.id,
                "repo": repository,
            })
        };
        json!({
            "id": pull.id,
            "url": page,
            "number": item.number,
            "user": user(self.url, &item.author, 0),
            "title": item.title,
            "body": item.body,
            "labels": self.labels(&item.labels),
            "milestone": milestone(item),
            "assignee": null,
            "assignees": self.people(&item.assignees),
            "requested_reviewers": self.people(&pull.reviewers),
            "state": item.state(),
            "is_locked": false,
            "comments": item.comments.len(),
            "html_url": page,
            "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"),
            "mergeable": !item.closed && self.mergeable(pull, head),
            "merged": pull.merged.is_some(),
            "merged_at": merged_at,
            "merge_commit_sha": merge_commit,
            "merged_by": merged_by,
            "allow_maintainer_edit": false,
            "base": side(&pull.base, &pull.base, self.branch(&pull.base)),
            "head": side(&pull.head, &head_ref, head),
            "due_date": null,
            "created_at": time(item.created),
            "updated_at": time(item.updated),
            "closed_at": closed_at,
        })
    }

    fn mergeable(&self, pull: &Pull, head: Option<&String>) -> bool {
        match (self.branch(&pull.base), head) {
            (Some(base), Some(head)) => self.bare.merges(base, head),
            _ => false,
        }
    }

    /// Null where there is nobody.
    fn people(&self, logins: &[String]) -> Value {
        if logins.is_empty() {
            return Value::Null;
        }
        logins.iter().map(|login| user(self.url, login, 0)).collect()
    }

    pub(super) fn issue(&self, item: &Item) -> Value {
        let kind = if item.pull.is_some() { "pulls" } else { "issues" };
        let page = format!("{}/{}/{kind}/{}", self.url, self.repo.full_name(), item.number);
        let pull = item.pull.as_ref().map(
            |pull| json!({ "merged": pull.merged.is_some(), "merged_at": null, "html_url": page }),
        );
        json!({
            "id": item.id,
            "url": format!("{}/api/v1/repos/{}/issues/{}", self.url, self.repo.full_name(), item.number),
            "html_url": page,
            "number": item.number,
            "user": user(self.url, &item.author, 0),
            "original_author": "",
            "title": item.title,
            "body": item.body,
            "ref": "",
            "labels": self.labels(&item.labels),
            "milestone": milestone(item),
            "assignee": null,
            "assignees": self.people(&item.assignees),
            "state": item.state(),
            "is_locked": false,
            "comments": item.comments.len(),
            "created_at": time(item.created),
            "updated_at": time(item.updated),
            "closed_at": if item.closed { json!(time(item.updated)) } else { Value::Null },
            "due_date": null,
            "pull_request": pull,
            "repository": { "full_name": self.repo.full_name(), "name": self.repo.name, "owner": self.repo.owner },
        })
    }

    fn labels(&self, ids: &[u64]) -> Value {
        self.repo.labels.iter().filter(|label| ids.contains(&label.id)).map(label).collect()
    }

    pub(super) fn comment(&self, comment: &Comment, number: u64) -> Value {
        let page = format!("{}/{}/issues/{number}", self.url, self.repo.full_name());
        json!({
            "id": comment.id,
            "html_url": format!("{page}#issuecomment-{}", comment.id),
            "issue_url": page,
            "user": user(self.url, &comment.author, 0),
            "body": comment.body,
            "created_at": time(comment.written),
        })
    }

    /// The state of a commit: the worst of the latest status of each context.
    /// Only these come in pages; the count is of all.
    pub(super) fn combined(&self, commit: &str, page: usize, size: usize) -> Value {
        let all = self.repo.statuses.get(commit).map(Vec::as_slice).unwrap_or_default();
        let latest: BTreeMap<&str, &Status> =
            all.iter().map(|status| (status.context.as_str(), status)).collect();
        let worst = ["error", "failure", "pending", "success"]
            .into_iter()
            .find(|state| latest.values().any(|status| status.state == *state));
        let shown = latest.values().skip((page - 1) * size).take(size);
        json!({
            "state": worst.unwrap_or(""),
            "sha": commit,
            "total_count": latest.len(),
            "statuses": shown.map(|status| status_shape(status)).collect::<Vec<_>>(),
            "repository": self.repository(),
        })
    }
}

/// `state` on the way in, `status` on the way out.
pub(super) fn status_shape(status: &Status) -> Value {
    json!({
        "id": status.id,
        "status": status.state,
        "context": status.context,
        "description": status.description,
        "target_url": status.target_url,
    })
}

pub(super) fn label(label: &Label) -> Value {
    json!({ "id": label.id, "name": label.name, "color": label.color, "description": "" })
}

pub(super) fn user(url: &str, login: &str, id: u64) -> Value {
    json!({
        "id": id,
        "login": login,
        "login_name": "",
        "full_name": "",
        "email": format!("{login}@noreply.127.0.0.1"),
        "html_url": format!("{url}/{login}"),
        "is_admin": false,
        "restricted": false,
        "username": login,
    })
}

/// A second for each change: times that rise, and are the same in every run.
pub(super) fn time(clock: u64) -> String {
    format!(
        "2026-01-{:02}T{:02}:{:02}:{:02}Z",
        1 + clock / 86_400,
        clock / 3600 % 24,
        clock / 60 % 60,
        clock % 60
    )
}

fn milestone(item: &Item) -> Value {
    item.milestone.as_ref().map_or(Value::Null, |title| json!({ "id": 1, "title": title }))
}
