//! What has to be there before a scenario begins, made over the forge's own
//! API in its own words, and taken away afterwards. Not by the adapter: that
//! is under test.

use pilot_proto::ForgeKind;
use reqwest::{Client, Method};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) struct Prepare {
    kind: ForgeKind,
    /// The API below the repository.
    repository: String,
    api: String,
    http: Client,
    token: String,
    /// Method, path and body of what undoes it.
    undo: Mutex<Vec<(Method, String, Value)>>,
}

/// An issue to make.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewIssue<'a> {
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
    pub(crate) labels: &'a [&'a Made],
    pub(crate) assignee: Option<&'a str>,
    pub(crate) milestone: Option<&'a Made>,
}

/// A label or a milestone.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) name: String,
    id: Value,
}

impl Prepare {
    pub(crate) fn new(kind: ForgeKind, url: &str, token: &str, repository: &str) -> Self {
        let url = url.trim_end_matches('/');
        let api = match kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => format!("{url}/api/v1"),
            ForgeKind::GitHub if url == "https://github.com" => "https://api.github.com".to_owned(),
            ForgeKind::GitHub => format!("{url}/api/v3"),
            ForgeKind::GitLab => format!("{url}/api/v4"),
        };
        let repository = match kind {
            ForgeKind::Gitea | ForgeKind::Forgejo | ForgeKind::GitHub => {
                format!("{api}/repos/{repository}")
            }
            ForgeKind::GitLab => format!("{api}/projects/{}", repository.replace('/', "%2F")),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them");
        let tls = if api.starts_with("https") {
            tls.with_platform_verifier().expect("the system has certificates").with_no_client_auth()
        } else {
            tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        };
        let http =
            Client::builder().user_agent("pilothouse-contract").tls_backend_preconfigured(tls);
        let http = if api.starts_with("https") { http } else { http.no_proxy() };
        let http = http.build().expect("a client can be built");
        Self { kind, repository, api, http, token: token.to_owned(), undo: Mutex::default() }
    }

    async fn ask(&self, method: Method, url: &str, body: &Value) -> Value {
        let request = self.http.request(method, url).bearer_auth(&self.token).json(body);
        let response = request.send().await.expect("the forge answers");
        let status = response.status();
        let text = response.text().await.expect("the answer is whole");
        assert!(status.is_success(), "{url} answers {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, &format!("{}/{path}", self.repository), &body).await
    }

    fn undo(&self, method: Method, path: String, body: Value) {
        self.undo.lock().unwrap_or_else(PoisonError::into_inner).push((method, path, body));
    }

    /// Labels, milestones and issues that were made are deleted or closed.
    pub(crate) async fn clean_up(&self) {
        let all = std::mem::take(&mut *self.undo.lock().unwrap_or_else(PoisonError::into_inner));
        for (method, path, body) in all.into_iter().rev() {
            let url = format!("{}/{path}", self.repository);
            let request = self.http.request(method, url).bearer_auth(&self.token).json(&body);
            request.send().await.expect("the forge answers");
        }
    }

    pub(crate) async fn label(&self, name: String) -> Made {
        let made = self.post("labels", json!({ "name": name, "color": color(self.kind) })).await;
        let key = match self.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => made["id"].to_string(),
            ForgeKind::GitHub | ForgeKind::GitLab => name.clone(),
        };
        self.undo(Method::DELETE, format!("labels/{key}"), Value::Null);
        Made { name, id: made["id"].clone() }
    }

    pub(crate) async fn milestone(&self, title: String) -> Made {
        let made = self.post("milestones", json!({ "title": title })).await;
        let id = match self.kind {
            ForgeKind::GitHub => &made["number"],
            ForgeKind::Gitea | ForgeKind::Forgejo | ForgeKind::GitLab => &made["id"],
        };
        self.undo(Method::DELETE, format!("milestones/{id}"), Value::Null);
        Made { name: title, id: id.clone() }
    }

    pub(crate) async fn issue(&self, new: &NewIssue<'_>) -> u64 {
        let names: Vec<&str> = new.labels.iter().map(|label| label.name.as_str()).collect();
        let ids: Vec<&Value> = new.labels.iter().map(|label| &label.id).collect();
        let mut body = json!({ "title": new.title });
        match self.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => {
                body["body"] = json!(new.body);
                body["labels"] = json!(ids);
            }
            ForgeKind::GitHub => {
                body["body"] = json!(new.body);
                body["labels"] = json!(names);
            }
            ForgeKind::GitLab => {
                body["description"] = json!(new.body);
                body["labels"] = json!(names.join(","));
            }
        }
        if let Some(login) = new.assignee {
            match self.kind {
                ForgeKind::GitLab => body["assignee_ids"] = json!([self.user(login).await]),
                _ => body["assignees"] = json!([login]),
            }
        }
        if let Some(milestone) = new.milestone {
            let field = if self.kind == ForgeKind::GitLab { "milestone_id" } else { "milestone" };
            body[field] = milestone.id.clone();
        }
        let made = self.post("issues", body).await;
        let number = made["number"].as_u64().or(made["iid"].as_u64()).expect("it has a number");
        let (method, close) = match self.kind {
            ForgeKind::GitLab => (Method::PUT, json!({ "state_event": "close" })),
            _ => (Method::PATCH, json!({ "state": "closed" })),
        };
        self.undo(method, format!("issues/{number}"), close);
        number
    }

    async fn user(&self, login: &str) -> Value {
        let found = self
            .ask(Method::GET, &format!("{}/users?username={login}", self.api), &Value::Null)
            .await;
        found[0]["id"].clone()
    }

    /// A CI of somebody's own says something about a commit. `failure` in the
    /// forge's word.
    pub(crate) async fn status(&self, commit: &str, (context, state): (&str, &str), target: &str) {
        let state = match (self.kind, state) {
            (ForgeKind::GitLab, "failure") => "failed",
            (_, state) => state,
        };
        let name = if self.kind == ForgeKind::GitLab { "name" } else { "context" };
        let mut body = json!({ "state": state, "target_url": target, "description": "as told" });
        body[name] = json!(context);
        self.post(&format!("statuses/{commit}"), body).await;
    }

    /// Somebody comments on a line of the new side; with a word for all of it
    /// where the forge has reviews.
    pub(crate) async fn line_comment(
        &self,
        pull: u64,
        commit: &str,
        (path, line): (&str, u64),
        text: &str,
    ) {
        match self.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => {
                let comment = json!({ "path": path, "body": text, "new_position": line });
                let body = json!({ "event": "COMMENT", "body": "", "commit_id": commit, "comments": [comment] });
                self.post(&format!("pulls/{pull}/reviews"), body).await;
            }
            ForgeKind::GitHub => {
                let comment = json!({ "path": path, "body": text, "line": line, "side": "RIGHT" });
                let body = json!({ "event": "COMMENT", "body": "", "commit_id": commit, "comments": [comment] });
                self.post(&format!("pulls/{pull}/reviews"), body).await;
            }
            ForgeKind::GitLab => {
                let url = format!("{}/merge_requests/{pull}", self.repository);
                let refs = self.ask(Method::GET, &url, &Value::Null).await["diff_refs"].take();
                let position = json!({
                    "position_type": "text",
                    "new_path": path,
                    "old_path": path,
                    "new_line": line,
                    "base_sha": refs["base_sha"],
                    "start_sha": refs["start_sha"],
                    "head_sha": refs["head_sha"],
                });
                let body = json!({ "body": text, "position": position });
                self.post(&format!("merge_requests/{pull}/discussions"), body).await;
            }
        }
    }

    /// How long until a real server's times differ; a double's do at once.
    pub(crate) fn grain(&self) -> Duration {
        let here = self.api.starts_with("http://127.0.0.1");
        if here { Duration::ZERO } else { Duration::from_millis(1100) }
    }

    /// The owner approves.
    pub(crate) async fn approve(&self, pull: u64) {
        match self.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => {
                self.post(
                    &format!("pulls/{pull}/reviews"),
                    json!({ "event": "APPROVED", "body": "Good." }),
                )
                .await
            }
            ForgeKind::GitHub => {
                self.post(
                    &format!("pulls/{pull}/reviews"),
                    json!({ "event": "APPROVE", "body": "Good." }),
                )
                .await
            }
            ForgeKind::GitLab => {
                self.post(&format!("merge_requests/{pull}/approve"), json!({})).await
            }
        };
    }
}

/// GitHub wants no `#`, the others want one.
fn color(kind: ForgeKind) -> &'static str {
    if kind == ForgeKind::GitHub { "ff0000" } else { "#ff0000" }
}
