//! What a delivery tells, in the same words for all forges.
//!
//! It is a hint and no more: whoever acts on it reads the issue or pull
//! request again. So everything that is not needed to know what to read is
//! left in the payload, and what cannot be read is [`What::Other`].

use crate::model::Subject;
use crate::repository::Repository;
use pilot_proto::ForgeKind;
use serde_json::Value;

/// What a delivery tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Where.
    pub repository: Option<Repository>,
    /// Who did it.
    pub author: String,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An issue was opened or changed; its labels now.
    Issue {
        /// Its number.
        number: u64,
        /// By name.
        labels: Vec<String>,
        /// It is open.
        open: bool,
    },
    /// Somebody commented.
    Comment {
        /// On what.
        on: Subject,
        /// What it says: of whoever may comment there.
        body: String,
    },
    /// A pull request was opened, pushed to, changed, reviewed, merged or
    /// closed.
    Pull(u64),
    /// A check of a commit says something else.
    Checks {
        /// The commit.
        commit: String,
    },
    /// Something else.
    Other,
}

pub(super) fn read(kind: ForgeKind, event: &str, body: &[u8]) -> News {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    match kind {
        ForgeKind::GitLab => of_gitlab(event, &value),
        ForgeKind::Gitea | ForgeKind::Forgejo | ForgeKind::GitHub => of_the_others(event, &value),
    }
}

fn of_the_others(event: &str, value: &Value) -> News {
    let repository = value["repository"]["full_name"].as_str();
    let (issue, pull) = (&value["issue"], &value["pull_request"]);
    let number = || (pull["number"].as_u64()).or_else(|| value["number"].as_u64());
    let what = match event {
        "issues" | "issue_label" | "issue_assign" | "issue_milestone" => {
            issue["number"].as_u64().map(|number| What::Issue {
                number,
                labels: labels(&issue["labels"], "name"),
                open: issue["state"] == "open",
            })
        }
        "issue_comment" | "pull_request_comment" if value["action"] != "deleted" => {
            let number = issue["number"].as_u64().or_else(number);
            number.map(|number| {
                let on_pull = !issue["pull_request"].is_null() || value["is_pull"] == true;
                let on = if on_pull { Subject::Pull(number) } else { Subject::Issue(number) };
                What::Comment { on, body: text(&value["comment"]["body"]) }
            })
        }
        event if event.starts_with("pull_request") => number().map(What::Pull),
        "status" => commit(&value["sha"]),
        "check_run" => commit(&value["check_run"]["head_sha"]),
        "check_suite" => commit(&value["check_suite"]["head_sha"]),
        "workflow_run" => commit(&value["workflow_run"]["head_sha"]),
        "workflow_job" => commit(&value["workflow_job"]["head_sha"]),
        "action_run_failure" | "action_run_recover" | "action_run_success" => {
            commit(&value["run"]["commit_sha"])
        }
        _ => None,
    };
    News {
        repository: repository.and_then(|name| Repository::named(name, false)),
        author: text(&value["sender"]["login"]),
        what: what.unwrap_or(What::Other),
    }
}

fn of_gitlab(event: &str, value: &Value) -> News {
    let attributes = &value["object_attributes"];
    let number = attributes["iid"].as_u64();
    let what = match event {
        "Issue Hook" | "Confidential Issue Hook" => number.map(|number| What::Issue {
            number,
            labels: labels(&value["labels"], "title"),
            open: attributes["state"] == "opened",
        }),
        "Note Hook" | "Confidential Note Hook" => {
            let body = text(&attributes["note"]);
            match (value["issue"]["iid"].as_u64(), value["merge_request"]["iid"].as_u64()) {
                (Some(number), _) => Some(What::Comment { on: Subject::Issue(number), body }),
                (None, Some(number)) => Some(What::Comment { on: Subject::Pull(number), body }),
                (None, None) => None,
            }
        }
        "Merge Request Hook" => number.map(What::Pull),
        "Pipeline Hook" => commit(&attributes["sha"]),
        "Job Hook" => commit(&value["sha"]),
        _ => None,
    };
    let repository = value["project"]["path_with_namespace"].as_str();
    News {
        repository: repository.and_then(|name| Repository::named(name, true)),
        author: text(&value["user"]["username"]),
        what: what.unwrap_or(What::Other),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn commit(value: &Value) -> Option<What> {
    let commit = value.as_str().filter(|commit| !commit.is_empty())?;
    Some(What::Checks { commit: commit.to_owned() })
}

fn labels(all: &Value, field: &str) -> Vec<String> {
    let all = all.as_array().into_iter().flatten();
    all.filter_map(|label| label[field].as_str()).map(str::to_owned).collect()
}
