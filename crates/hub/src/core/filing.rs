//! Filing tasks: what a new one is, and what those that are filed together share.

use super::Core;
use super::board::Slot;
use super::messages::Granted;
use super::turn::Turn;
use super::wishes::Played;
use crate::clock;
use pilot_lifecycle::{TaskEvent, TaskMachine};
use pilot_proto::console::{NewBatch, NewTask};
use pilot_proto::pull_request::CiHold;
use pilot_proto::task::Batch;
use pilot_proto::{BatchId, Code, Problem, Task, TaskId, TaskState, Timestamp};
use pilot_store::StoreError;
use std::collections::BTreeSet;

/// Longest part of a branch's name that comes from the title.
const SLUG: usize = 40;
/// Longest title, in characters; a list shows less.
const TITLE: usize = 120;

impl Core {
    /// All or none: everything is looked at before anything is changed.
    pub(crate) async fn file(
        &mut self,
        turn: &mut Turn,
        wanted: &[NewTask],
        batch: Option<&NewBatch>,
    ) -> Played {
        let mut filed = Vec::new();
        for new in wanted {
            match self.known_or_new(turn.now, new).await? {
                Ok(task) => filed.push(task),
                Err(problem) => return Ok(Err(problem)),
            }
        }
        if let Err(problem) = self.check_groups(&filed).await? {
            return Ok(Err(problem));
        }
        bind(&mut filed, batch);
        let mut seen = BTreeSet::new();
        for (task, is_new) in &filed {
            if *is_new && seen.insert(task.id) {
                self.begin(turn, task.clone());
            }
        }
        let shown = filed.into_iter().map(|(task, _)| self.shown(task.id).unwrap_or(task));
        Ok(Ok(Granted::Tasks(shown.collect())))
    }

    /// From now on it is a task.
    pub(super) fn begin(&mut self, turn: &mut Turn, task: Task) {
        let id = task.id;
        let forge = self.board.projects.get(&task.project).is_some_and(|one| one.forge.is_some());
        self.board.tasks.insert(id, Slot::fresh(TaskMachine::new(task, forge)));
        self.feed_news(turn, id, TaskEvent::Begin);
    }

    /// A task that was filed before under the same id, or what a new one is.
    pub(super) async fn known_or_new(
        &mut self,
        now: Timestamp,
        new: &NewTask,
    ) -> Result<Result<(Task, bool), Problem>, StoreError> {
        if let Some(id) = new.id
            && self.board.summon(&self.reach.store, id).await?
        {
            return Ok(match self.shown(id) {
                Some(known) if known.prompt == new.prompt && known.project == new.project => {
                    Ok((known, false))
                }
                _ => Err(Problem::new(
                    Code::Precondition,
                    format!("Another task was filed as `{id}` before."),
                )),
            });
        }
        Ok(self.new_task(now, new).map(|task| (task, true)))
    }

    pub(crate) fn new_task(&self, now: Timestamp, new: &NewTask) -> Result<Task, Problem> {
        let project = self.project(&new.project)?;
        let filled = self.filled(new, project)?;
        let review = new.review.clone().or_else(|| project.review.clone());
        review.as_ref().map_or(Ok(()), |pass| self.check_agent(&pass.agent))?;
        if let Some(runner) = new.runner {
            self.check_runner(runner)?;
        }
        if new.prompt.trim().is_empty() && filled.agent != "scripted" {
            return Err(Problem::new(Code::Invalid, "`prompt` is empty.")
                .hint("Say what the agent is to do."));
        }
        let id = new.id.unwrap_or_else(|| TaskId(clock::mint()));
        let title = title(new);
        Ok(Task {
            id,
            branch: branch(
                project.pull_requests.branch.as_deref(),
                &self.reach.granter.covered(&title),
                id,
                new.issue,
            ),
            title,
            prompt: new.prompt.clone(),
            project: new.project.clone(),
            base: new.base.clone(),
            agent: filled.agent,
            model: filled.model,
            mode: filled.mode,
            on_timeout: new.on_timeout,
            limits: filled.limits,
            issue: new.issue,
            base_commit: None,
            state: TaskState::Queued,
            since: now,
            reason: String::new(),
            created_at: now,
            run: None,
            attempts: 0,
            fence: 0,
            diff: Default::default(),
            usage: Default::default(),
            pull_request: None,
            pushed: None,
            reservations: Vec::new(),
            attachments: new.attachments.clone(),
            hold: new.hold
                || new.group.is_some()
                || project.pull_requests.hold == CiHold::BeforePush,
            only_runner: new.runner,
            group: new.group,
            batch: None,
            dismissed: false,
            profile: filled.profile,
            provider: filled.provider,
            parent: None,
            schedule: None,
            review,
            remote_control: filled.remote_control,
            remote_link: None,
            driver: None,
        })
    }
}

/// A task of a project and nothing else.
pub(crate) fn new_task(project: String, prompt: String) -> NewTask {
    NewTask {
        id: None,
        project,
        prompt,
        title: None,
        base: None,
        agent: None,
        model: None,
        mode: None,
        on_timeout: Default::default(),
        limits: None,
        issue: None,
        attachments: Vec::new(),
        hold: false,
        runner: None,
        group: None,
        profile: None,
        provider: None,
        review: None,
        remote_control: None,
    }
}

/// As it is to be done.
pub(crate) fn dressed(new: NewTask, how: &pilot_proto::intake::IssueTask) -> NewTask {
    NewTask {
        agent: how.agent.clone(),
        model: how.model.clone(),
        mode: how.mode,
        profile: how.profile.clone(),
        hold: how.hold,
        ..new
    }
}

/// Puts the new ones into one batch. A list that is sent again, because nobody
/// heard the answer, goes on with the batch it had.
fn bind(filed: &mut [(Task, bool)], batch: Option<&NewBatch>) {
    let Some(new) = batch else { return };
    let known = filed.iter().filter(|(_, is_new)| !is_new).find_map(|(task, _)| task.batch.clone());
    let batch = known.unwrap_or_else(|| Batch {
        id: BatchId(clock::mint()),
        name: new.name.clone(),
        at_most: new.at_most,
    });
    for (task, _) in filed.iter_mut().filter(|(_, is_new)| *is_new) {
        task.batch = Some(batch.clone());
    }
}

fn title(new: &NewTask) -> String {
    let said = new.title.as_deref().unwrap_or_default();
    let lines = std::iter::once(said).chain(new.prompt.lines());
    let line = lines
        .map(|line| line.trim_start_matches('#').trim())
        .find(|line| !line.is_empty())
        .unwrap_or("The script of the repository");
    if line.chars().count() <= TITLE {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(TITLE - 1).collect();
    cut.push('…');
    cut
}

/// Says what it is about, and is nobody else's.
fn branch(template: Option<&str>, title: &str, id: TaskId, issue: Option<u64>) -> String {
    let mut slug = String::new();
    for letter in title.chars() {
        if slug.len() >= SLUG {
            break;
        }
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    let short = id.short();
    let issue = issue.map(|number| number.to_string()).unwrap_or_default();
    let slug = if slug.is_empty() { "task" } else { slug };
    match template {
        Some(template) => {
            let filled = template.replace("{slug}", slug).replace("{issue}", &issue);
            // An absent issue leaves no hole (`fix//x`, `fix-`) that git refuses.
            let filled = filled.replace("{id}", &short).replace("//", "/").replace("--", "-");
            filled.trim_matches(['/', '-']).to_owned()
        }
        None if slug == "task" => format!("pilot/{short}"),
        None => format!("pilot/{slug}-{short}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(prompt: &str, title: Option<&str>) -> NewTask {
        let mut new: NewTask =
            serde_json::from_str(r#"{"project":"p","prompt":""}"#).expect("a minimal task");
        new.prompt = prompt.to_owned();
        new.title = title.map(str::to_owned);
        new
    }

    #[test]
    fn a_task_is_called_by_its_first_line() {
        for (prompt, given, expected) in [
            ("fix it\nnow", None, "fix it"),
            ("\n\n# Fix the parser\n\nIt breaks.", None, "Fix the parser"),
            ("fix it", Some("Parser"), "Parser"),
            ("fix it", Some("  "), "fix it"),
            ("", None, "The script of the repository"),
        ] {
            assert_eq!(title(&new(prompt, given)), expected, "{prompt:?} {given:?}");
        }
        assert_eq!(title(&new(&"ä".repeat(500), None)).chars().count(), TITLE);
    }

    #[test]
    fn a_branch_is_a_valid_name_for_git_whatever_the_title() {
        let id: TaskId = "0190b1de-0000-7000-8000-00000000002a".parse().expect("an id");
        for (title, expected) in [
            ("Fix the parser!", "pilot/fix-the-parser-0000002a"),
            ("..//@{~^:?*[\\ .lock", "pilot/lock-0000002a"),
            ("日本語", "pilot/0000002a"),
            ("", "pilot/0000002a"),
        ] {
            assert_eq!(branch(None, title, id, None), expected, "{title:?}");
        }
        assert!(branch(None, &"long words ".repeat(50), id, None).len() < 64);
        for (template, issue, expected) in [
            ("agents/{issue}/{slug}-{id}", Some(7), "agents/7/fix-it-0000002a"),
            ("agents/{issue}/{slug}-{id}", None, "agents/fix-it-0000002a"),
            ("{id}-{issue}", None, "0000002a"),
        ] {
            assert_eq!(branch(Some(template), "Fix it", id, issue), expected);
        }
    }
}
