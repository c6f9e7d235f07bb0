//! Deliveries of every forge: taken if they are signed, and told in one way.

use pilot_forge::webhook::{News, WebhookError, What, take};
use pilot_forge::{Repository, Subject};
use pilot_proto::{ForgeKind, Secret};
use ring::hmac;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SECRET: &str = "a secret of the hook";

fn signed(body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hex::encode(hmac::sign(&key, body))
}

/// The headers that a forge sends with `body`.
fn headers(kind: ForgeKind, event: &str, body: &[u8]) -> BTreeMap<String, String> {
    let bare = signed(body);
    let all: Vec<(&str, String)> = match kind {
        ForgeKind::Gitea | ForgeKind::Forgejo => vec![
            ("x-gitea-event", event.to_owned()),
            ("x-gitea-delivery", "d-1".to_owned()),
            ("x-gitea-signature", bare.clone()),
            ("x-hub-signature-256", format!("sha256={bare}")),
        ],
        ForgeKind::GitHub => vec![
            ("x-github-event", event.to_owned()),
            ("x-github-delivery", "d-1".to_owned()),
            ("x-hub-signature-256", format!("sha256={bare}")),
        ],
        ForgeKind::GitLab => vec![
            ("x-gitlab-event", event.to_owned()),
            ("x-gitlab-event-uuid", "d-1".to_owned()),
            ("x-gitlab-token", SECRET.to_owned()),
        ],
    };
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn told(kind: ForgeKind, event: &str, value: &Value) -> News {
    let body = value.to_string();
    let headers = headers(kind, event, body.as_bytes());
    let header = |name: &str| headers.get(name).map(String::as_str);
    let delivery = take(kind, header, body.as_bytes(), &Secret::new(SECRET)).expect("it is signed");
    assert_eq!((delivery.id.as_str(), delivery.event.as_str()), ("d-1", event));
    delivery.news
}

#[test]
fn a_delivery_is_taken_only_with_the_secret_over_the_raw_body() {
    for kind in [ForgeKind::Gitea, ForgeKind::Forgejo, ForgeKind::GitHub, ForgeKind::GitLab] {
        let (body, secret) = (b"{ \"a\": 1 }", Secret::new(SECRET));
        let good = headers(kind, "issues", body);
        let ask = |headers: &BTreeMap<String, String>, body: &[u8], secret: &Secret| {
            take(kind, |name| headers.get(name).map(String::as_str), body, secret)
                .map(|taken| taken.id)
        };
        assert_eq!(ask(&good, body, &secret), Ok("d-1".to_owned()), "{kind}");
        let other = Secret::new("another secret");
        assert_eq!(ask(&good, body, &other), Err(WebhookError::Signature(kind)));
        assert_eq!(
            ask(&good, body, &Secret::new("")),
            Err(WebhookError::NoSecret),
            "never all of them"
        );
        if kind != ForgeKind::GitLab {
            // The same JSON is not the same bytes. A GitLab signs none of them.
            assert_eq!(ask(&good, b"{\"a\":1}", &secret), Err(WebhookError::Signature(kind)));
        }
        let named = |part: &'static str| move |name: &String| name.contains(part);
        let without = |part| {
            let mut headers = good.clone();
            headers.retain(|name, _| !named(part)(name));
            headers
        };
        let signature = if kind == ForgeKind::GitLab { "token" } else { "signature" };
        assert_eq!(ask(&without(signature), body, &secret), Err(WebhookError::Unsigned(kind)));
        assert_eq!(ask(&without("event"), body, &secret), Err(WebhookError::Headers(kind)));
        let mut garbled = good.clone();
        garbled
            .iter_mut()
            .filter(|(name, _)| named(signature)(name))
            .for_each(|(_, value)| value.truncate(7));
        assert_eq!(ask(&garbled, body, &secret), Err(WebhookError::Signature(kind)));
    }
}

#[test]
fn every_forge_tells_the_same_in_its_own_words() {
    let site = Some(Repository { owner: "alice".into(), name: "site".into() });
    let issue = What::Issue { number: 7, labels: vec!["agent".into()], open: true };
    let comment = |on| What::Comment { on, body: "/pilot fix".into() };
    for kind in [ForgeKind::Gitea, ForgeKind::Forgejo, ForgeKind::GitHub] {
        let with = |more: Value| {
            let mut value = json!({ "repository": { "full_name": "alice/site" }, "sender": { "login": "eve" } });
            more.as_object()
                .into_iter()
                .flatten()
                .for_each(|(name, one)| value[name] = one.clone());
            value
        };
        let labelled = json!({ "action": "labeled", "issue": { "number": 7, "state": "open", "labels": [{ "name": "agent" }] } });
        let news = told(kind, "issues", &with(labelled));
        assert_eq!(
            news,
            News { repository: site.clone(), author: "eve".into(), what: issue.clone() }
        );
        let text = json!({ "body": "/pilot fix" });
        for (event, value, expected) in [
            (
                "issue_comment",
                json!({ "issue": { "number": 7 }, "comment": text }),
                comment(Subject::Issue(7)),
            ),
            (
                "issue_comment",
                json!({ "issue": { "number": 8, "pull_request": {} }, "comment": text }),
                comment(Subject::Pull(8)),
            ),
            (
                "pull_request",
                json!({ "action": "synchronized", "number": 8, "pull_request": { "number": 8 } }),
                What::Pull(8),
            ),
            ("pull_request_rejected", json!({ "pull_request": { "number": 8 } }), What::Pull(8)),
            ("status", json!({ "sha": "abc" }), What::Checks { commit: "abc".into() }),
            (
                "workflow_run",
                json!({ "workflow_run": { "head_sha": "abc" } }),
                What::Checks { commit: "abc".into() },
            ),
            ("push", json!({ "ref": "refs/heads/main" }), What::Other),
        ] {
            assert_eq!(told(kind, event, &with(value)).what, expected, "{event} of a {kind}");
        }
    }
    let with = |more: Value| {
        let project = json!({ "path_with_namespace": "alice/site" });
        let mut value = json!({ "project": project, "user": { "username": "eve" } });
        more.as_object().into_iter().flatten().for_each(|(name, one)| value[name] = one.clone());
        value
    };
    let note = json!({ "note": "/pilot fix" });
    for (event, value, expected) in [
        (
            "Issue Hook",
            json!({ "object_attributes": { "iid": 7, "state": "opened" }, "labels": [{ "title": "agent" }] }),
            issue,
        ),
        (
            "Note Hook",
            json!({ "object_attributes": note, "issue": { "iid": 7 } }),
            comment(Subject::Issue(7)),
        ),
        (
            "Note Hook",
            json!({ "object_attributes": note, "merge_request": { "iid": 8 } }),
            comment(Subject::Pull(8)),
        ),
        (
            "Merge Request Hook",
            json!({ "object_attributes": { "iid": 8, "action": "update" } }),
            What::Pull(8),
        ),
        (
            "Pipeline Hook",
            json!({ "object_attributes": { "sha": "abc" } }),
            What::Checks { commit: "abc".into() },
        ),
        ("Push Hook", json!({}), What::Other),
    ] {
        let news = told(ForgeKind::GitLab, event, &with(value));
        assert_eq!(
            news,
            News { repository: site.clone(), author: "eve".into(), what: expected },
            "{event}"
        );
    }
    // What cannot be read is taken and tells nothing.
    let body = b"no JSON";
    let headers = headers(ForgeKind::GitHub, "issues", body);
    let header = |name: &str| headers.get(name).map(String::as_str);
    let taken = take(ForgeKind::GitHub, header, body, &Secret::new(SECRET)).expect("it is signed");
    assert_eq!(taken.news.what, What::Other);
}
