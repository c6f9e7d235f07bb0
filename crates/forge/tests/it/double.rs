//! The Gitea double answers as Gitea 1.22 and Forgejo 1.21 were measured to.
//! What the adapter asks is tested with the adapter; here is the rest.

use pilot_testkit::forge::{GiteaDouble, SCOPES};
use reqwest::{Client, Method};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::sync::Arc;

const SITE: &str = "alice/site";

struct Answer {
    status: u16,
    body: Value,
    link: String,
    total: String,
}

struct Caller {
    http: Client,
    forge: GiteaDouble,
    token: String,
}

impl Caller {
    async fn new() -> Self {
        let forge = GiteaDouble::start().await;
        forge.repository(SITE);
        let token = forge.token("alice", &SCOPES);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let http = Client::builder().no_proxy().tls_backend_preconfigured(tls).build();
        Self { http: http.expect("a client can be built"), forge, token }
    }

    async fn ask_as(
        &self,
        authorization: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Answer {
        let url = format!("{}/api/v1/{path}", self.forge.url());
        let mut request = self.http.request(method, url).json(body);
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.expect("the double answers");
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (link, total) = (header("link"), header("x-total-count"));
        let status = response.status().as_u16();
        let text = response.text().await.expect("the answer is whole");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, body, link, total }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.ask_as(&format!("token {}", self.token), method, path, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, &body).await
    }
}

#[tokio::test]
async fn tokens_are_taken_and_refused_in_the_measured_words() {
    let caller = Caller::new().await;
    let token = caller.token.clone();
    for (authorization, path, status, message) in [
        (format!("token {token}"), "user", 200, Value::Null),
        (format!("Bearer {token}"), "user", 200, Value::Null),
        (String::new(), &format!("user?token={token}"), 200, Value::Null),
        (String::new(), "user", 401, json!("token is required")),
        ("token nonsense".into(), "user", 401, json!("user does not exist [uid: 0, name: ]")),
        ("token nonsense".into(), "version", 401, json!("user does not exist [uid: 0, name: ]")),
        (String::new(), "version", 200, Value::Null),
        (String::new(), "repos/alice/site", 200, Value::Null),
        (String::new(), "repos/alice/other", 404, json!("The target couldn't be found.")),
    ] {
        let answer = caller.ask_as(&authorization, Method::GET, path, &Value::Null).await;
        assert_eq!((answer.status, &answer.body["message"]), (status, &message), "{path}");
    }
    let weak = format!("token {}", caller.forge.token("alice", &["write:repository"]));
    for (path, status) in [("repos/alice/site", 200), ("repos/alice/site/pulls", 200)] {
        let answer = caller.ask_as(&weak, Method::GET, path, &Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
    }
    let answer = caller.ask_as(&weak, Method::GET, "repos/alice/site/issues", &Value::Null).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.body["message"],
        "token does not have at least one of required scope(s): [read:issue]"
    );
}

#[tokio::test]
async fn lists_are_paged_by_link_and_total() {
    let caller = Caller::new().await;
    for number in 0..55 {
        caller.forge.issue(SITE, &format!("Issue {number}"));
    }
    let settings = caller.get("settings/api").await.body;
    assert_eq!(settings["max_response_items"], 50);
    let first = caller.get("repos/alice/site/issues?type=issues&limit=100").await;
    assert_eq!(first.body.as_array().map(Vec::len), Some(50), "never more than the bound");
    assert_eq!(first.total, "55");
    assert!(first.link.contains("page=2>; rel=\"next\""), "{}", first.link);
    assert!(first.link.contains("page=2>; rel=\"last\""), "{}", first.link);
    let second = caller.get("repos/alice/site/issues?type=issues&limit=50&page=2").await;
    assert_eq!(second.body.as_array().map(Vec::len), Some(5));
    assert!(!second.link.contains("rel=\"next\""), "{}", second.link);
}

#[tokio::test]
async fn labels_are_ids_on_the_way_in_and_objects_on_the_way_out() {
    let caller = Caller::new().await;
    let label =
        caller.post("repos/alice/site/labels", json!({"name": "bug", "color": "#f00"})).await;
    assert_eq!((label.status, &label.body["color"]), (201, &json!("f00")));
    let id = &label.body["id"];
    let issue = json!({"title": "It fails", "body": "Badly.", "labels": [id]});
    let issue = caller.post("repos/alice/site/issues", issue).await;
    assert_eq!((issue.status, &issue.body["labels"][0]["name"]), (201, &json!("bug")));
    assert_ne!(issue.body["id"], issue.body["number"], "an id is not a number");

    caller.forge.issue(SITE, "Another");
    let found = caller.get("repos/alice/site/issues?labels=bug&state=open").await.body;
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    caller.forge.branch(SITE, "work", "main");
    caller.forge.open_pull(SITE, "alice", ("work", "main"), "Work", "");
    let all = caller.get("repos/alice/site/issues").await.body;
    assert_eq!(all.as_array().map(Vec::len), Some(3), "pull requests are issues, too");
    let only = caller.get("repos/alice/site/issues?type=issues").await.body;
    assert_eq!(only.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_status_goes_in_as_state_and_comes_back_as_status() {
    let caller = Caller::new().await;
    let commit = caller.forge.branch(SITE, "work", "main");
    let path = format!("repos/alice/site/statuses/{commit}");
    for (state, context) in [("pending", "build"), ("success", "build"), ("failure", "lint")] {
        let made = caller.post(&path, json!({"state": state, "context": context})).await;
        assert_eq!((made.status, &made.body["status"]), (201, &json!(state)));
        assert_eq!(made.body["state"], Value::Null);
    }
    let combined = caller.get(&format!("repos/alice/site/commits/{commit}/status")).await.body;
    assert_eq!((&combined["state"], &combined["total_count"]), (&json!("failure"), &json!(2)));
    let all = caller.get(&format!("repos/alice/site/commits/{commit}/statuses")).await.body;
    assert_eq!(all.as_array().map(Vec::len), Some(3), "the whole history");
    let unknown = format!("repos/alice/site/statuses/{}", "0".repeat(40));
    assert_eq!(caller.post(&unknown, json!({"state": "success"})).await.status, 404);
}

#[tokio::test]
async fn a_pull_request_is_refused_created_commented_and_merged_as_measured() {
    let caller = Caller::new().await;
    let pulls = "repos/alice/site/pulls";
    let wanted = json!({"title": "Work", "body": "Fixes #1", "head": "work", "base": "main"});
    caller.forge.issue(SITE, "It fails");
    assert_eq!(caller.post(pulls, wanted.clone()).await.status, 404, "no such branch");
    let tip = caller.forge.branch(SITE, "work", "main");
    let made = caller.post(pulls, wanted.clone()).await;
    assert_eq!((made.status, &made.body["number"]), (201, &json!(2)));
    assert_eq!(made.body["head"]["sha"], json!(tip));
    assert_eq!(made.body["draft"], Value::Null, "this version has no such field");

    let again = caller.post(pulls, wanted).await;
    let said = again.body["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(again.status, 409);
    assert!(said.starts_with("pull request already exists for these targets [id: "), "{said}");
    assert!(
        said.contains("issue_id: ") && !said.contains("issue_id: 2,"),
        "not the number: {said}"
    );

    let old = caller.get(&format!("{pulls}/main/work")).await;
    assert_eq!(old.status, 404, "not in this version");
    for title in ["WIP: Work", "Work"] {
        let patch = json!({ "title": title });
        assert_eq!(caller.ask(Method::PATCH, &format!("{pulls}/2"), &patch).await.status, 201);
    }
    let comment = json!({"body": "Looks good."});
    assert_eq!(caller.post("repos/alice/site/issues/2/comments", comment).await.status, 201);
    assert_eq!(caller.forge.comments(SITE, 2), ["Looks good."]);

    let merged = caller.post(&format!("{pulls}/2/merge"), json!({"Do": "merge"})).await;
    assert_eq!((merged.status, merged.body), (200, json!("")));
    let shown = caller.get(&format!("{pulls}/2")).await.body;
    assert_eq!((&shown["merged"], &shown["state"]), (&json!(true), &json!("closed")));
    let bare = caller.forge.bare(SITE);
    assert_eq!(json!(bare.head("main")), shown["merge_commit_sha"]);
    assert!(bare.read("main", "work.txt").is_some(), "the work is in the base branch");
    assert_eq!(caller.get("repos/alice/site/issues/1").await.body["state"], "closed");

    bare.delete_branch("work");
    let shown = caller.get(&format!("{pulls}/2")).await.body;
    assert_eq!(shown["head"]["ref"], "refs/pull/2/head", "the branch is gone");
    assert_eq!((&shown["head"]["label"], &shown["head"]["sha"]), (&json!("work"), &json!(tip)));
}

#[tokio::test]
async fn a_readers_push_is_declined_by_the_hook() {
    let caller = Caller::new().await;
    caller.forge.collaborator(SITE, "bot", "read");
    let token = caller.forge.token("bot", &SCOPES);
    let login = format!("http://any:{token}@");
    let url = caller.forge.clone_url(SITE).replace("http://", &login);
    let place = pilot_testkit::repo::GitWorld::new();
    let root = place.root().to_owned();
    let pushed = tokio::task::spawn_blocking(move || {
        pilot_testkit::repo::git(&root, &["clone", "--quiet", &url, "tree"]);
        pilot_testkit::repo::git(&root.join("tree"), &["push", "origin", "HEAD:refs/heads/work"]);
    });
    let words = pushed.await.expect_err("git fails").to_string();
    assert!(words.contains("pre-receive hook declined"), "{words}");
    assert_eq!(caller.forge.bare(SITE).branches(), ["main"]);
}

/// A push for review makes one pull request of each topic.
#[tokio::test]
async fn a_readers_push_for_review_is_a_pull_request_of_its_topic() {
    let caller = Caller::new().await;
    caller.forge.collaborator(SITE, "bot", "read");
    let token = caller.forge.token("bot", &SCOPES);
    let url = caller.forge.clone_url(SITE).replace("http://", &format!("http://any:{token}@"));
    let place = pilot_testkit::repo::GitWorld::new();
    let tree = place.root().join("tree");
    pilot_testkit::repo::git(place.root(), &["init", "--quiet", "tree"]);
    let push = async |file: &'static str, topic: &'static str| {
        let (tree, url) = (tree.clone(), url.clone());
        let pushed = tokio::task::spawn_blocking(move || {
            let git = |args: &[&str]| pilot_testkit::repo::git(&tree, args);
            git(&["fetch", "--quiet", &url, "main"]);
            git(&["checkout", "--quiet", "-B", "work", "FETCH_HEAD"]);
            std::fs::write(tree.join(file), "work\n").expect("the tree can be written");
            git(&["add", "--all"]);
            git(&["commit", "--quiet", "--message", file]);
            let topic = format!("topic={topic}");
            git(&[
                "push",
                "--quiet",
                "-o",
                &topic,
                "-o",
                "title=A test",
                &url,
                "HEAD:refs/for/main",
            ]);
            git(&["rev-parse", "HEAD"])
        });
        pushed.await.expect("a reader may push for review")
    };
    for (file, topic, number) in [("a", "task-1", 1), ("b", "task-1", 1), ("c", "task-2", 2)] {
        let commit = push(file, topic).await;
        let shown = caller.get(&format!("repos/alice/site/pulls/{number}")).await.body;
        assert_eq!(shown["head"]["sha"], json!(commit), "{file} of {topic}");
        assert_eq!(shown["head"]["ref"], json!(format!("refs/pull/{number}/head")));
        assert_eq!((&shown["head"]["label"], &shown["user"]["login"]), (&json!(""), &json!("bot")));
    }
    assert_eq!(caller.forge.pulls(SITE).len(), 2, "one of each topic");
    assert_eq!(caller.forge.bare(SITE).branches(), ["main"], "and no branch");
}
