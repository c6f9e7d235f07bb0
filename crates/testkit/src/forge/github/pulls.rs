//! Pull requests, reviews, and what only the GraphQL side knows of them.

use super::nothing;
use crate::forge::merge;
use crate::forge::message::{Answer, Ask, No};
use crate::forge::rows::{Item, Line, Review};
use crate::forge::visit::Visit;
use crate::forge::world::World;
use serde_json::{Value, json};
use std::cmp::Reverse;

fn invalid(more: &Value) -> No {
    No::saying(422, "Validation Failed", json!({ "errors": [more] }))
}

impl Visit<'_> {
    pub(in crate::forge) fn github_pulls(
        &self,
        world: &mut World,
        rest: &[&str],
    ) -> Result<Answer, No> {
        if let (method, [number, rest @ ..]) = (self.ask.method.as_str(), rest) {
            let number: u64 = number.parse().map_err(|_| nothing())?;
            let item = world.row(&self.full_name).find_kind(number, true).cloned();
            let item = item.ok_or_else(nothing)?;
            return match (method, rest) {
                ("GET", []) => {
                    let stale = world.stale_reads > 0;
                    world.stale_reads = world.stale_reads.saturating_sub(1);
                    Ok(Answer::json(200, &self.github_pull(world, &item, stale)))
                }
                ("PATCH", []) => self.github_edit_pull(world, number),
                ("PUT", ["merge"]) => self.github_merge(world, &item),
                _ => self.github_review_routes(world, &item, rest),
            };
        }
        match self.ask.method.as_str() {
            "GET" => Ok(self.github_list_pulls(world)),
            "POST" => self.github_new_pull(world),
            _ => Err(nothing()),
        }
    }

    fn github_list_pulls(&self, world: &mut World) -> Answer {
        let (state, head, base) =
            (self.ask.word("state"), self.ask.word("head"), self.ask.word("base"));
        let repo = world.row(&self.full_name).clone();
        let wanted = |item: &&Item| {
            let Some(pull) = &item.pull else { return false };
            let owner = if pull.from_fork { &item.author } else { &repo.owner };
            (state == "all" || item.state() == if state.is_empty() { "open" } else { state })
                && (!head.contains(':') || head == format!("{owner}:{}", pull.head))
                && (base.is_empty() || base == pull.base)
        };
        let mut items: Vec<Item> = repo.items.iter().filter(wanted).cloned().collect();
        items.sort_by_key(|item| Reverse(item.updated));
        let shown = items.iter().map(|item| {
            let mut pull = self.github_pull(world, item, false);
            for name in ["merged", "mergeable"] {
                pull.as_object_mut().expect("it is an object").remove(name);
            }
            pull
        });
        let shown = shown.collect();
        self.listed(world, shown)
    }

    fn github_new_pull(&self, world: &mut World) -> Result<Answer, No> {
        let (head, base) = (self.ask.text("head"), self.ask.text("base"));
        let repo = world.row(&self.full_name).clone();
        if repo.archived {
            return Err(No::new(403, "Repository was archived so is read-only."));
        }
        let head = head.strip_prefix(&format!("{}:", repo.owner)).unwrap_or(head);
        let bare = world.bare(&repo);
        for (field, name) in [("head", head), ("base", base)] {
            if bare.head(name).is_none() {
                return Err(invalid(
                    &json!({ "resource": "PullRequest", "field": field, "code": "invalid" }),
                ));
            }
        }
        let same = repo.items.iter().any(|item| {
            !item.closed
                && item.pull.as_ref().is_some_and(|pull| pull.head == head && pull.base == base)
        });
        if same {
            let message = format!("A pull request already exists for {}:{head}.", repo.owner);
            return Err(invalid(
                &json!({ "resource": "PullRequest", "code": "custom", "message": message }),
            ));
        }
        if bare.head(head) == bare.head(base) {
            let message = format!("No commits between {base} and {head}");
            return Err(invalid(
                &json!({ "resource": "PullRequest", "code": "custom", "message": message }),
            ));
        }
        let (title, body) = (self.ask.text("title"), self.ask.text("body"));
        let number = world.pull(&self.full_name, &self.login, (head, base), title, body);
        let item = world.row(&self.full_name).pull(number);
        if let Some(pull) = &mut item.pull {
            pull.draft = self.ask.body["draft"] == true;
        }
        let item = item.clone();
        Ok(Answer::json(201, &self.github_pull(world, &item, false)))
    }

    fn github_edit_pull(&self, world: &mut World, number: u64) -> Result<Answer, No> {
        let row = world.touch(&self.full_name, number);
        if let Some(title) = self.ask.body["title"].as_str() {
            title.clone_into(&mut row.title);
        }
        if let Some(body) = self.ask.body["body"].as_str() {
            body.clone_into(&mut row.body);
        }
        match self.ask.body["state"].as_str() {
            Some("closed") => row.closed = true,
            Some(_) => row.closed = false,
            None => {}
        }
        let item = row.clone();
        Ok(Answer::json(200, &self.github_pull(world, &item, false)))
    }

    fn github_merge(&self, world: &mut World, item: &Item) -> Result<Answer, No> {
        self.may_write().map_err(|_| nothing())?;
        let Some(pull) = &item.pull else { return Err(nothing()) };
        if item.closed || pull.draft {
            return Err(No::new(405, "Pull Request is not mergeable"));
        }
        let repo = world.row(&self.full_name).clone();
        let bare = world.bare(&repo);
        let head = bare.git(&["rev-parse", &format!("refs/pull/{}/head", item.number)]);
        let wanted = self.ask.text("sha");
        if !wanted.is_empty() && wanted != head {
            return Err(No::new(409, "Head branch was modified. Review and try the merge again."));
        }
        let merged = merge::merge(world, &bare, &self.full_name, item.number, &self.login);
        let commit = merged.map_err(|_| No::new(405, "Pull Request is not mergeable"))?;
        Ok(Answer::json(200, &json!({ "sha": commit, "merged": true })))
    }

    fn github_review_routes(
        &self,
        world: &mut World,
        item: &Item,
        rest: &[&str],
    ) -> Result<Answer, No> {
        let pull = item.pull.as_ref().ok_or_else(nothing)?;
        let number = item.number;
        match (self.ask.method.as_str(), rest) {
            ("POST", ["requested_reviewers"]) => {
                let reviewers = self.ask.texts("reviewers");
                if reviewers.iter().any(|login| world.user_id(login).is_none()) {
                    return Err(No::new(422, "Reviews may only be requested from collaborators."));
                }
                if let Some(pull) = &mut world.touch(&self.full_name, number).pull {
                    pull.reviewers.extend(reviewers);
                }
                Ok(Answer::json(201, &json!({})))
            }
            ("GET", ["reviews"]) => {
                let shown =
                    pull.reviews.iter().map(|one| self.github_review(one, number)).collect();
                Ok(self.listed(world, shown))
            }
            ("GET", ["comments"]) => {
                let lines = pull.reviews.iter().flat_map(|review| &review.lines);
                let shown = lines.map(|line| self.github_line(line, number)).collect();
                Ok(self.listed(world, shown))
            }
            ("POST", ["reviews"]) => {
                let state = match self.ask.text("event") {
                    "APPROVE" => "APPROVED",
                    "REQUEST_CHANGES" => "REQUEST_CHANGES",
                    _ => "COMMENT",
                };
                if state == "APPROVED" && item.author == self.login {
                    return Err(No::new(422, "Can not approve your own pull request"));
                }
                let mut lines = Vec::new();
                for comment in self.ask.body["comments"].as_array().into_iter().flatten() {
                    let said =
                        world.said(&self.login, comment["body"].as_str().unwrap_or_default());
                    let path = comment["path"].as_str().unwrap_or_default().to_owned();
                    let (line, root) = (comment["line"].as_u64().unwrap_or(0), said.id);
                    lines.push(Line { said, path, line, root, resolved: false });
                }
                let said = world.said(&self.login, self.ask.text("body"));
                let review = Review { said, state: state.to_owned(), lines };
                let shown = self.github_review(&review, number);
                if let Some(pull) = &mut world.touch(&self.full_name, number).pull {
                    pull.reviews.push(review);
                }
                Ok(Answer::json(200, &shown))
            }
            ("POST", ["comments", id, "replies"]) => {
                let lines = || pull.reviews.iter().flat_map(|review| &review.lines);
                let first = lines()
                    .find(|line| line.said.id.to_string() == *id && line.root == line.said.id);
                // Only the first of a conversation can be replied to.
                let first = first.cloned().ok_or_else(nothing)?;
                let said = world.said(&self.login, self.ask.text("body"));
                let line = Line { said: said.clone(), ..first };
                let shown = self.github_line(&line, number);
                let review = Review {
                    said: world.said(&self.login, ""),
                    state: "COMMENT".to_owned(),
                    lines: vec![line],
                };
                if let Some(pull) = &mut world.touch(&self.full_name, number).pull {
                    pull.reviews.push(review);
                }
                Ok(Answer::json(201, &shown))
            }
            _ => Err(nothing()),
        }
    }
}

/// The two questions that we ask it: by their names, not by their grammar.
pub(super) fn graph(world: &mut World, ask: &Ask) -> Answer {
    let (query, variables) = (ask.text("query").to_owned(), &ask.body["variables"]);
    if query.contains("resolveReviewThread") {
        let thread = variables["thread"].as_str().unwrap_or_default();
        let root = thread.strip_prefix("PRRT_").and_then(|root| root.parse::<u64>().ok());
        let done = root.is_some_and(|root| world.resolve(root));
        return Answer::json(
            200,
            &if done {
                json!({ "data": { "resolveReviewThread": { "thread": { "isResolved": true } } } })
            } else {
                json!({ "data": null, "errors": [{ "type": "NOT_FOUND", "message": "Could not resolve to a node" }] })
            },
        );
    }
    let text = |name: &str| variables[name].as_str().unwrap_or_default();
    let full_name = format!("{}/{}", text("owner"), text("name"));
    let number = variables["number"].as_u64().unwrap_or(0);
    let item = world.find(&full_name).and_then(|repo| repo.find_kind(number, true));
    let reviews = item.and_then(|item| item.pull.as_ref()).map(|pull| pull.reviews.clone());
    let lines = reviews.iter().flatten().flat_map(|review| &review.lines);
    let roots = lines.filter(|line| line.root == line.said.id);
    let nodes: Vec<Value> = roots
        .map(|line| {
            json!({
                "id": format!("PRRT_{}", line.root),
                "isResolved": line.resolved,
                "comments": { "nodes": [{ "databaseId": line.root }] },
            })
        })
        .collect();
    let threads = json!({ "reviewThreads": { "nodes": nodes } });
    Answer::json(200, &json!({ "data": { "repository": { "pullRequest": threads } } }))
}
