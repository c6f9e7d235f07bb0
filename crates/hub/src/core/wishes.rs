//! Wishes: what a person, or a runner that wants to join, asks to be changed.

use super::Core;
use super::board::Slot;
use super::messages::{Granted, Message, Steer, Want, Wish};
use super::turn::{Output, Turn};
use crate::clock;
use pilot_lifecycle::{QueueEvent, TaskEvent, TaskMachine};
use pilot_proto::console::NewTask;
use pilot_proto::inbox::Ask;
use pilot_proto::runner::Act;
use pilot_proto::{
    Answer, Code, InboxId, Problem, Project, RunnerId, Task, TaskId, TaskState, Timestamp,
};
use pilot_store::{Change, EnrolledRunner, StoreError};
use std::collections::BTreeSet;

/// Agents that some build of the runner can have. Others are taken only if a
/// runner has said that it has them: a task for an agent that nobody has would
/// wait for ever.
const AGENTS: [&str; 2] = ["claude", "scripted"];
/// Longest part of a branch's name that comes from the title.
const SLUG: usize = 40;
/// Longest title, in characters; a list shows less.
const TITLE: usize = 120;

type Played = Result<Result<Granted, Problem>, StoreError>;

impl Core {
    pub(crate) async fn grant(&mut self, turn: &mut Turn, wish: &Wish) -> Result<(), StoreError> {
        let answer = match &wish.want {
            Want::File(tasks) => self.file(turn, tasks).await?,
            Want::Steer(task, steer) => self.steer(turn, *task, steer.clone()).await?,
            Want::Answer { item, answer, who } => self.answer(turn, *item, answer, who).await?,
            Want::PutProject(project) => self.put_project(turn, project),
            Want::RemoveProject(name) => self.remove_project(turn, name),
            Want::PutForge(forge) => self.put_forge(turn, forge),
            Want::PutProvider(provider) => self.put_provider(turn, provider),
            Want::PutJoinCode { hash, expires_at } => {
                turn.changes
                    .push(Change::PutJoinCode { hash: hash.clone(), expires_at: *expires_at });
                Ok(Granted::Done)
            }
            Want::Enrol { hash, runner } => Ok(self.enrol(turn, hash, runner)),
            Want::Revoke(runner) => self.revoke(turn, *runner),
        };
        turn.outputs.push(Output::Answer(wish.reply.clone(), answer));
        Ok(())
    }

    /// All or none: everything is looked at before anything is changed.
    async fn file(&mut self, turn: &mut Turn, wanted: &[NewTask]) -> Played {
        let mut filed = Vec::new();
        for new in wanted {
            match self.known_or_new(turn.now, new).await? {
                Ok(task) => filed.push(task),
                Err(problem) => return Ok(Err(problem)),
            }
        }
        let mut seen = BTreeSet::new();
        for (task, is_new) in &filed {
            if *is_new && seen.insert(task.id) {
                let forge =
                    self.board.projects.get(&task.project).is_some_and(|one| one.forge.is_some());
                let machine = TaskMachine::new(task.clone(), forge);
                self.board.tasks.insert(task.id, Slot::fresh(machine));
                self.feed_news(turn, task.id, TaskEvent::Begin);
            }
        }
        let shown = filed.into_iter().map(|(task, _)| self.shown(task.id).unwrap_or(task));
        Ok(Ok(Granted::Tasks(shown.collect())))
    }

    /// A task that was filed before under the same id, or what a new one is.
    async fn known_or_new(
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

    fn new_task(&self, now: Timestamp, new: &NewTask) -> Result<Task, Problem> {
        let project = self.project(&new.project)?;
        let agent = new.agent.clone().unwrap_or_else(|| project.agent.clone());
        self.check_agent(&agent)?;
        if new.prompt.trim().is_empty() && agent != "scripted" {
            return Err(Problem::new(Code::Invalid, "`prompt` is empty.")
                .hint("Say what the agent is to do."));
        }
        let id = new.id.unwrap_or_else(|| TaskId(clock::mint()));
        let title = title(new);
        Ok(Task {
            id,
            branch: branch(&title, id),
            title,
            prompt: new.prompt.clone(),
            project: new.project.clone(),
            base: new.base.clone(),
            agent,
            model: new.model.clone(),
            mode: new.mode,
            on_timeout: new.on_timeout,
            limits: new.limits.clone(),
            issue: new.issue,
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
            hold: new.hold || new.group.is_some(),
            only_runner: new.runner,
            group: new.group,
            batch: None,
            dismissed: false,
        })
    }

    pub(crate) fn project(&self, name: &str) -> Result<&Project, Problem> {
        self.board.projects.get(name).ok_or_else(|| {
            let names: Vec<_> =
                self.board.projects.keys().map(|name| format!("`{name}`")).collect();
            let hint = if names.is_empty() {
                "There is none yet; add one with `pilot project add`.".to_owned()
            } else {
                format!("There are: {}.", names.join(", "))
            };
            Problem::new(Code::NotFound, format!("There is no project `{name}`.")).hint(hint)
        })
    }

    pub(crate) fn check_agent(&self, agent: &str) -> Result<(), Problem> {
        let reported = self.board.runners.values().flat_map(|runner| runner.about.iter());
        let mut known: BTreeSet<&str> = AGENTS.into();
        known.extend(reported.flat_map(|about| about.agents.iter().map(|one| one.name.as_str())));
        if known.contains(agent) {
            return Ok(());
        }
        let names: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
        Err(Problem::new(Code::Invalid, format!("`agent`: nobody has an agent `{agent}`."))
            .hint(format!("There are: {}.", names.join(", "))))
    }

    async fn steer(&mut self, turn: &mut Turn, task: TaskId, steer: Steer) -> Played {
        if !self.board.summon(&self.reach.store, task).await? {
            return Ok(Err(no_task(task)));
        }
        let begins_a_run = match steer {
            Steer::Retry | Steer::Resume(_) => true,
            Steer::Say(_) => {
                self.board.tasks.get(&task).is_some_and(|slot| slot.machine.task().state.is_end())
            }
            Steer::Interrupt | Steer::Stop => false,
        };
        let project = self.board.tasks.get(&task).map(|slot| slot.machine.task().project.clone());
        if let (true, Some(project)) = (begins_a_run, project)
            && let Err(problem) = self.project(&project)
        {
            return Ok(Err(problem));
        }
        let event = match steer {
            Steer::Say(text) => TaskEvent::Say { text },
            Steer::Interrupt => TaskEvent::InterruptWanted,
            Steer::Stop => TaskEvent::StopWanted,
            Steer::Retry => TaskEvent::RetryWanted,
            Steer::Resume(text) => TaskEvent::ResumeWanted { text },
        };
        if let Err(problem) = self.feed(turn, task, event) {
            return Ok(Err(problem));
        }
        Ok(self.shown(task).map(|task| Granted::Tasks(vec![task])).ok_or_else(|| no_task(task)))
    }

    async fn answer(&mut self, turn: &mut Turn, id: InboxId, answer: &Answer, who: &str) -> Played {
        let Some(item) = self.board.inbox.get(&id).cloned() else {
            let known = self.reach.store.inbox_item(id).await?;
            return Ok(Err(match known {
                Some(_) => Problem::new(Code::Precondition, "This was answered already."),
                None => Problem::new(Code::NotFound, format!("There is no inbox item `{id}`.")),
            }));
        };
        if let Err(problem) = fits(&item.ask, answer) {
            return Ok(Err(problem));
        }
        let on_its_way = self
            .board
            .orders
            .get(&item.run)
            .into_iter()
            .flatten()
            .any(|order| matches!(&order.act, Act::Answer { item, .. } if *item == id));
        if on_its_way {
            let problem = Problem::new(Code::Precondition, "An answer is on its way to the run.");
            return Ok(Err(problem));
        }
        if !self.board.summon(&self.reach.store, item.task).await? {
            return Ok(Err(no_task(item.task)));
        }
        let event = TaskEvent::Answer { item: id, answer: answer.clone(), who: who.to_owned() };
        Ok(self.feed(turn, item.task, event).map(|()| Granted::Item(Box::new(item))))
    }

    fn enrol(&mut self, turn: &mut Turn, hash: &str, runner: &EnrolledRunner) -> Granted {
        turn.changes.push(Change::TakeJoinCode { hash: hash.to_owned(), now: turn.now });
        turn.changes.push(Change::PutRunner(runner.clone()));
        // If the code was no good, `forget_enrolled` takes it off again.
        self.board.runners.insert(runner.id, runner.clone());
        turn.runners.insert(runner.id);
        Granted::Done
    }

    /// The code was no good: whoever came with it is nobody.
    pub(crate) fn forget_enrolled(&mut self, message: &Message) {
        if let Message::Wish(Wish { want: Want::Enrol { runner, .. }, .. }) = message {
            self.board.runners.remove(&runner.id);
        }
    }

    fn revoke(&mut self, turn: &mut Turn, runner: RunnerId) -> Result<Granted, Problem> {
        let Some(enrolled) = self.board.runners.get_mut(&runner) else {
            return Err(Problem::new(Code::NotFound, format!("There is no runner `{runner}`.")));
        };
        enrolled.revoked = true;
        turn.changes.push(Change::PutRunner(enrolled.clone()));
        turn.runners.insert(runner);
        turn.outputs.push(Output::HangUp(runner));
        self.ask_queue(turn, QueueEvent::Offline { runner });
        Ok(Granted::Done)
    }

    pub(crate) fn shown(&self, task: TaskId) -> Option<Task> {
        self.board.tasks.get(&task).map(Slot::shown)
    }
}

pub(crate) fn no_task(task: TaskId) -> Problem {
    Problem::new(Code::NotFound, format!("There is no task `{task}`."))
        .hint("`pilot task list` shows those there are.")
}

/// An answer must be one to what was asked.
fn fits(ask: &Ask, answer: &Answer) -> Result<(), Problem> {
    let (fits, hint) = match ask {
        Ask::Permission { .. } | Ask::Plan { .. } => (
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. }),
            "Allow it, or deny it with a reason.",
        ),
        Ask::Question { .. } => (
            matches!(answer, Answer::Choose { .. } | Answer::Say { .. } | Answer::Deny { .. }),
            "Choose, or say something.",
        ),
        Ask::Interrupted => {
            (matches!(answer, Answer::Say { .. } | Answer::End), "Say how to go on, or end it.")
        }
        Ask::Unknown(_) => (true, ""),
    };
    if fits {
        return Ok(());
    }
    Err(Problem::new(Code::Invalid, "`answer` is not one to what was asked.").hint(hint))
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
fn branch(title: &str, id: TaskId) -> String {
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
    if slug.is_empty() { format!("pilot/{short}") } else { format!("pilot/{slug}-{short}") }
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
            assert_eq!(branch(title, id), expected, "{title:?}");
        }
        assert!(branch(&"long words ".repeat(50), id).len() < 64);
    }
}
