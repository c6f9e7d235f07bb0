//! Webhooks: what a person does at the forge is posted to every hook of the
//! repository, signed with its secret, before the verb returns.

use super::ForgeDouble;
use super::rows::HookRow;
use super::world::World;
use pilot_proto::ForgeKind;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longest that a receiver may take. The real ones give up after ten seconds or
/// fewer; here a hub beside many others is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A delivery, so that it can be sent again or tampered with.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Where to.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Delivery {
    /// Posts it; the status that was answered, 0 where nobody listened.
    pub fn post(&self) -> u16 {
        self.try_post().unwrap_or(0)
    }

    fn try_post(&self) -> Option<u16> {
        let rest = self.url.strip_prefix("http://")?;
        let (host, path) = rest.split_once('/')?;
        let mut stream = TcpStream::connect(host).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut head = format!("POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes()).ok()?;
        // A receiver that has read enough may answer and hang up.
        let sent = stream.write_all(self.body.as_bytes());
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        if answer.is_empty() && (sent.is_err() || read.is_err()) {
            return None;
        }
        String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
    }
}

impl ForgeDouble {
    /// A person gives an issue a label (which is made if need be); what was
    /// delivered.
    pub fn label_issue(&self, repository: &str, number: u64, label: &str) -> Vec<Delivery> {
        {
            let mut world = self.core.world();
            let known = world.row(repository).labels.iter().find(|one| one.name == label).cloned();
            let known = known.unwrap_or_else(|| world.label(repository, label, "ee0701"));
            let item = world.touch_kind(repository, number, false);
            if !item.labels.contains(&known.id) {
                item.labels.push(known.id);
            }
        }
        self.deliver_issue(repository, number)
    }

    /// A person takes a label away from an issue.
    pub fn unlabel_issue(&self, repository: &str, number: u64, label: &str) -> Vec<Delivery> {
        {
            let mut world = self.core.world();
            let labels = &world.row(repository).labels;
            let ids: Vec<u64> =
                labels.iter().filter(|one| one.name == label).map(|one| one.id).collect();
            let item = world.touch_kind(repository, number, false);
            item.labels.retain(|own| !ids.contains(own));
        }
        self.deliver_issue(repository, number)
    }

    /// Labels of an issue, by name.
    pub fn issue_labels(&self, repository: &str, number: u64) -> Vec<String> {
        labels_of(&mut self.core.world(), repository, number)
    }

    /// A person comments on an issue.
    pub fn comment_as(
        &self,
        login: &str,
        repository: &str,
        number: u64,
        body: &str,
    ) -> Vec<Delivery> {
        self.user(login);
        let id = {
            let mut world = self.core.world();
            world.comment_on(repository, (number, false), login, body).id
        };
        let (event, payload) = match self.kind() {
            ForgeKind::GitLab => (
                "Note Hook",
                json!({
                    "object_kind": "note",
                    "user": { "username": login },
                    "project": { "path_with_namespace": repository },
                    "object_attributes": { "id": id, "note": body, "noteable_type": "Issue" },
                    "issue": { "iid": number },
                }),
            ),
            ForgeKind::Gitea | ForgeKind::Forgejo | ForgeKind::GitHub => (
                "issue_comment",
                json!({
                    "action": "created",
                    "issue": self.issue_told(repository, number),
                    "comment": { "id": id, "body": body, "user": { "login": login } },
                    "is_pull": false,
                    "repository": { "full_name": repository },
                    "sender": { "login": login },
                }),
            ),
        };
        self.deliver(repository, event, &payload)
    }

    /// The forge tells that something happened to a pull request.
    pub fn tell_of_pull(&self, repository: &str, number: u64) -> Vec<Delivery> {
        let (event, payload) = match self.kind() {
            ForgeKind::GitLab => (
                "Merge Request Hook",
                json!({
                    "object_kind": "merge_request",
                    "user": { "username": "alice" },
                    "project": { "path_with_namespace": repository },
                    "object_attributes": { "iid": number, "action": "update" },
                }),
            ),
            // Not what it is called at registration (docs of both forges).
            ForgeKind::Gitea | ForgeKind::Forgejo => {
                ("pull_request_rejected", pull_told(repository, number, "reviewed"))
            }
            ForgeKind::GitHub => {
                ("pull_request_review", pull_told(repository, number, "submitted"))
            }
        };
        self.deliver(repository, event, &payload)
    }

    /// Posts an event to every webhook of a repository.
    pub fn deliver(&self, repository: &str, event: &str, payload: &Value) -> Vec<Delivery> {
        let hooks = self.core.world().row(repository).hooks.clone();
        let deliveries: Vec<Delivery> =
            hooks.iter().map(|hook| self.delivery(hook, event, payload.to_string())).collect();
        for delivery in &deliveries {
            delivery.post();
        }
        deliveries
    }

    /// Addresses of a repository's webhooks.
    pub fn hook_urls(&self, repository: &str) -> Vec<String> {
        self.core.world().row(repository).hooks.iter().map(|hook| hook.url.clone()).collect()
    }

    fn deliver_issue(&self, repository: &str, number: u64) -> Vec<Delivery> {
        let (event, payload) = match self.kind() {
            ForgeKind::GitLab => {
                let labels = self.issue_labels(repository, number);
                let labels: Vec<Value> =
                    labels.iter().map(|title| json!({ "title": title })).collect();
                let state = self.issue_state(repository, number);
                let state = if state == "open" { "opened" } else { "closed" };
                let attributes = json!({ "iid": number, "state": state, "action": "update" });
                (
                    "Issue Hook",
                    json!({
                        "object_kind": "issue",
                        "user": { "username": "alice" },
                        "project": { "path_with_namespace": repository },
                        "object_attributes": attributes,
                        "labels": labels,
                    }),
                )
            }
            ForgeKind::Gitea | ForgeKind::Forgejo | ForgeKind::GitHub => {
                let github = self.kind() == ForgeKind::GitHub;
                (
                    "issues",
                    json!({
                        "action": if github { "labeled" } else { "label_updated" },
                        "number": number,
                        "issue": self.issue_told(repository, number),
                        "repository": { "full_name": repository },
                        "sender": { "login": "alice" },
                    }),
                )
            }
        };
        self.deliver(repository, event, &payload)
    }

    fn issue_told(&self, repository: &str, number: u64) -> Value {
        let labels = self.issue_labels(repository, number);
        let labels: Vec<Value> = labels.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "number": number,
            "state": self.issue_state(repository, number),
            "labels": labels,
            "pull_request": Value::Null,
        })
    }

    fn delivery(&self, hook: &HookRow, event: &str, body: String) -> Delivery {
        let id = format!("delivery-{}", self.core.world().id());
        let signature = hmac(hook.secret.as_bytes(), body.as_bytes());
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        match self.kind() {
            ForgeKind::Gitea | ForgeKind::Forgejo => headers.extend([
                ("X-Gitea-Event", event.to_owned()),
                ("X-Gitea-Delivery", id),
                ("X-Gitea-Signature", signature.clone()),
                ("X-Hub-Signature-256", format!("sha256={signature}")),
            ]),
            ForgeKind::GitHub => headers.extend([
                ("X-GitHub-Event", event.to_owned()),
                ("X-GitHub-Delivery", id),
                ("X-Hub-Signature-256", format!("sha256={signature}")),
            ]),
            ForgeKind::GitLab => headers.extend([
                ("X-Gitlab-Event", event.to_owned()),
                ("X-Gitlab-Event-UUID", id),
                ("X-Gitlab-Token", hook.secret.clone()),
            ]),
        }
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Delivery { url: hook.url.clone(), headers, body }
    }
}

fn pull_told(repository: &str, number: u64, action: &str) -> Value {
    json!({
        "action": action,
        "number": number,
        "pull_request": { "number": number },
        "repository": { "full_name": repository },
        "sender": { "login": "alice" },
    })
}

fn labels_of(world: &mut World, repository: &str, number: u64) -> Vec<String> {
    let row = world.row(repository);
    let known = row.labels.clone();
    let item = row.find_kind(number, false);
    let ids = item.map(|item| item.labels.clone()).unwrap_or_default();
    known.into_iter().filter(|label| ids.contains(&label.id)).map(|label| label.name).collect()
}

/// HMAC-SHA256 in hex (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> String {
    const BLOCK: usize = 64;
    let mut padded = [0_u8; BLOCK];
    if key.len() > BLOCK {
        padded[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let mixed = |with: u8| padded.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(mixed(0x36)).chain_update(message).finalize();
    hex::encode(Sha256::new().chain_update(mixed(0x5c)).chain_update(inner).finalize())
}
