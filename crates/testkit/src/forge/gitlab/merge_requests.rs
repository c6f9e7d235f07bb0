//! Merge requests and their discussions.

use super::{nothing, shapes};
use crate::forge::merge;
use crate::forge::message::{Answer, No};
use crate::forge::rows::{Item, Line, Review, RunRow};
use crate::forge::visit::Visit;
use crate::forge::world::World;
use serde_json::{Value, json};
use std::cmp::Reverse;

impl Visit<'_> {
    pub(super) fn gitlab_merge_requests(
        &self,
        world: &mut World,
        rest: &[&str],
    ) -> Result<Answer, No> {
        let [number, rest @ ..] = rest else {
            return match self.ask.method.as_str() {
                "GET" => Ok(self.gitlab_list_merge_requests(world)),
                "POST" => self.gitlab_new_merge_request(world),
                _ => Err(nothing("")),
            };
        };
        let number = self.gitlab_number(world, number, true)?;
        let item = world.row(&self.full_name).pull(number).clone();
        match (self.ask.method.as_str(), rest) {
            ("GET", []) => {
                let stale = world.stale_reads > 0;
                world.stale_reads = world.stale_reads.saturating_sub(1);
                Ok(Answer::json(200, &self.gitlab_merge_request(world, &item, stale)))
            }
            ("PUT", []) => self.gitlab_edit_merge_request(world, number),
            ("PUT", ["merge"]) => self.gitlab_merge(world, &item),
            (_, ["notes"]) => self.gitlab_notes(world, number, true),
            (_, ["pipelines"]) => self.gitlab_pipelines(world, &item),
            (_, ["discussions", rest @ ..]) => self.gitlab_discussions(world, &item, rest),
            // Not GitLab's own: how the tests' double lets a person approve.
            ("POST", ["approve"]) => {
                if item.author == self.login {
                    return Err(No::new(401, "401 Unauthorized"));
                }
                let said = world.said(&self.login, "approved this merge request");
                self.gitlab_review(
                    world,
                    number,
                    Review { said, state: "APPROVED".to_owned(), lines: Vec::new() },
                );
                Ok(Answer::json(201, &json!({})))
            }
            _ => Err(nothing("")),
        }
    }

    fn gitlab_list_merge_requests(&self, world: &mut World) -> Answer {
        let repo = world.row(&self.full_name).clone();
        let (state, head, base) = (
            self.ask.word("state"),
            self.ask.word("source_branch"),
            self.ask.word("target_branch"),
        );
        let wanted = |item: &&Item| {
            let Some(pull) = &item.pull else { return false };
            (state != "opened" || !item.closed)
                && (head.is_empty() || pull.head == head)
                && (base.is_empty() || pull.base == base)
        };
        let mut items: Vec<Item> = repo.items.iter().filter(wanted).cloned().collect();
        items.sort_by_key(|item| Reverse(item.updated));
        let shown =
            items.iter().map(|item| self.gitlab_merge_request(world, item, false)).collect();
        self.gitlab_listed(world, shown)
    }

    fn gitlab_new_merge_request(&self, world: &mut World) -> Result<Answer, No> {
        let repo = world.row(&self.full_name).clone();
        self.developer()?;
        if repo.archived {
            return Err(No::new(403, "403 Forbidden"));
        }
        let (head, base) = (self.ask.text("source_branch"), self.ask.text("target_branch"));
        let bare = world.bare(&repo);
        if bare.head(head).is_none() {
            return Err(No::saying(
                400,
                "",
                json!({ "message": { "source_branch": ["does not exist"] } }),
            ));
        }
        let same = repo.items.iter().find(|item| {
            !item.closed
                && item.pull.as_ref().is_some_and(|pull| pull.head == head && pull.base == base)
        });
        if let Some(same) = same {
            let words = format!(
                "Another open merge request already exists for this source branch: !{}",
                same.number
            );
            return Err(No::saying(409, "", json!({ "message": [words] })));
        }
        let (title, body) = (self.ask.text("title"), self.ask.text("description"));
        let number = world.pull(&self.full_name, &self.login, (head, base), title, body);
        let item = world.row(&self.full_name).pull(number).clone();
        Ok(Answer::json(201, &self.gitlab_merge_request(world, &item, false)))
    }

    fn gitlab_edit_merge_request(&self, world: &mut World, number: u64) -> Result<Answer, No> {
        self.gitlab_labels(world, number, true);
        let people = |name: &str, world: &World| {
            let ids = self.ask.body[name].as_array()?;
            Some(ids.iter().filter_map(|id| world.user_named(id.as_u64()?)).collect::<Vec<_>>())
        };
        let (assignees, reviewers) = (people("assignee_ids", world), people("reviewer_ids", world));
        let row = world.touch_kind(&self.full_name, number, true);
        if let Some(title) = self.ask.body["title"].as_str() {
            title.clone_into(&mut row.title);
        }
        if let Some(body) = self.ask.body["description"].as_str() {
            body.clone_into(&mut row.body);
        }
        match self.ask.text("state_event") {
            "close" => row.closed = true,
            "reopen" => row.closed = false,
            _ => {}
        }
        if let Some(assignees) = assignees {
            row.assignees = assignees;
        }
        if let (Some(reviewers), Some(pull)) = (reviewers, &mut row.pull) {
            pull.reviewers = reviewers;
        }
        let item = row.clone();
        Ok(Answer::json(200, &self.gitlab_merge_request(world, &item, false)))
    }

    fn gitlab_merge(&self, world: &mut World, item: &Item) -> Result<Answer, No> {
        self.developer()?;
        if item.closed || item.title.starts_with("Draft:") {
            return Err(No::new(405, "405 Method Not Allowed"));
        }
        let repo = world.row(&self.full_name).clone();
        let bare = world.bare(&repo);
        let head = bare.git(&["rev-parse", &format!("refs/pull/{}/head", item.number)]);
        let wanted = self.ask.text("sha");
        if !wanted.is_empty() && wanted != head {
            return Err(No::new(409, "SHA does not match HEAD of source branch"));
        }
        let merged = merge::merge(world, &bare, &self.full_name, item.number, &self.login);
        merged.map_err(|_| No::new(422, "Branch cannot be merged"))?;
        let item = world.row(&self.full_name).pull(item.number).clone();
        Ok(Answer::json(200, &self.gitlab_merge_request(world, &item, false)))
    }

    /// A fork's pipelines run in the fork; whoever may push here can run one
    /// here.
    fn gitlab_pipelines(&self, world: &mut World, item: &Item) -> Result<Answer, No> {
        let repo = world.row(&self.full_name);
        let runs = &mut repo.runs;
        if self.ask.method == "POST" {
            self.developer()?;
            let waits = |run: &&mut RunRow| run.from_fork && run.state == "held";
            runs.iter_mut().filter(waits).for_each(RunRow::let_go);
            return Ok(Answer::json(201, &json!({ "status": "created" })));
        }
        let (id, from_fork) = (repo.id, item.pull.as_ref().is_some_and(|pull| pull.from_fork));
        let pipeline = |run: &RunRow| {
            let elsewhere = run.from_fork && run.state == "held";
            json!({
                "id": run.id,
                "sha": run.commit,
                "project_id": if elsewhere { shapes::FORK } else { id },
                "status": run.state,
            })
        };
        let mine = |run: &&RunRow| from_fork || !(run.from_fork && run.state == "held");
        let all = repo.runs.iter().filter(mine).map(pipeline).collect();
        Ok(self.gitlab_listed(world, all))
    }

    fn gitlab_review(&self, world: &mut World, number: u64, review: Review) {
        if let Some(pull) = &mut world.touch_kind(&self.full_name, number, true).pull {
            pull.reviews.push(review);
        }
    }

    fn gitlab_discussions(
        &self,
        world: &mut World,
        item: &Item,
        rest: &[&str],
    ) -> Result<Answer, No> {
        let reviews = item.pull.as_ref().map(|pull| pull.reviews.clone()).unwrap_or_default();
        let lines: Vec<Line> = reviews.iter().flat_map(|review| review.lines.clone()).collect();
        let root = |id: &str| {
            let root =
                lines.iter().find(|line| discussion(line.root) == id && line.root == line.said.id);
            root.cloned().ok_or_else(|| nothing("Discussion "))
        };
        match (self.ask.method.as_str(), rest) {
            ("GET", []) => {
                let all = said(item, &reviews);
                Ok(self.gitlab_listed(world, all))
            }
            ("POST", []) => {
                let said = world.said(&self.login, self.ask.text("body"));
                let position = &self.ask.body["position"];
                let path = position["new_path"].as_str().unwrap_or_default().to_owned();
                let (line, root) = (position["new_line"].as_u64().unwrap_or(0), said.id);
                let line = Line { said: said.clone(), path, line, root, resolved: false };
                let review = Review { said, state: "COMMENT".to_owned(), lines: vec![line] };
                self.gitlab_review(world, item.number, review);
                Ok(Answer::json(201, &json!({ "id": discussion(root) })))
            }
            ("POST", [id, "notes"]) => {
                let first = root(id)?;
                let said = world.said(&self.login, self.ask.text("body"));
                let shown = shapes::note(&said, false);
                let line = Line { said: said.clone(), ..first };
                let review = Review { said, state: "COMMENT".to_owned(), lines: vec![line] };
                self.gitlab_review(world, item.number, review);
                Ok(Answer::json(201, &shown))
            }
            ("PUT", [id]) => {
                let first = root(id)?;
                self.developer()?;
                world.resolve(first.root);
                Ok(Answer::json(200, &json!({ "id": id })))
            }
            _ => Err(nothing("")),
        }
    }
}

fn said(item: &Item, reviews: &[Review]) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for said in &item.comments {
        let notes = [shapes::note(said, false)];
        all.push(json!({ "id": discussion(said.id), "individual_note": true, "notes": notes }));
    }
    for review in reviews.iter().filter(|review| review.state == "APPROVED") {
        let mut note = shapes::note(&review.said, false);
        note["system"] = json!(true);
        all.push(
            json!({ "id": discussion(review.said.id), "individual_note": true, "notes": [note] }),
        );
    }
    let lines: Vec<&Line> = reviews.iter().flat_map(|review| &review.lines).collect();
    for first in lines.iter().filter(|line| line.root == line.said.id) {
        let notes = lines.iter().filter(|line| line.root == first.root).map(|line| {
            let mut note = shapes::note(&line.said, line.resolved);
            note["type"] = json!("DiffNote");
            note["resolvable"] = json!(true);
            note["position"] = json!({ "new_path": line.path, "new_line": line.line });
            note
        });
        let notes: Vec<Value> = notes.collect();
        all.push(json!({ "id": discussion(first.root), "individual_note": false, "notes": notes }));
    }
    all
}

/// Forty hex digits, as the real ones are.
fn discussion(root: u64) -> String {
    format!("{root:040x}")
}
