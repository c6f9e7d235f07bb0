//! Wishes: what a person, or a runner that wants to join, asks to be changed.

use super::Core;
use super::board::Slot;
use super::messages::{Granted, Message, Review, Steer, Want, Wish};
use super::turn::{Output, Turn};
use crate::clock;
use pilot_lifecycle::{QueueEvent, TaskEvent};
use pilot_proto::console::{ReviewNote, ReviewNoteSent, Said, SaidWaits};
use pilot_proto::runner::Act;
use pilot_proto::{Code, Problem, Project, RunnerId, Task, TaskId};
use pilot_store::{Change, EnrolledRunner, PendingOrder, StoreError};
use std::collections::BTreeSet;

/// Agents that some build of the runner can have. Others are taken only if a
/// runner has said that it has them: a task for an agent that nobody has would
/// wait for ever.
const AGENTS: [&str; 7] = ["claude", "codex", "gemini", "hands-on", "opencode", "pi", "scripted"];

pub(crate) type Played = Result<Result<Granted, Problem>, StoreError>;

impl Core {
    pub(crate) async fn grant(&mut self, turn: &mut Turn, wish: &Wish) -> Result<(), StoreError> {
        let answer = match &wish.want {
            Want::File(tasks, batch) => self.file(turn, tasks, batch.as_ref()).await?,
            Want::Steer(task, steer) => self.steer(turn, *task, steer.clone()).await?,
            Want::Keep(task) => self.keep_one(turn, *task).await?,
            Want::Answer { item, answer, who } => self.answer(turn, *item, answer, who).await?,
            Want::PutProject(project) => self.put_project(turn, project),
            Want::RemoveProject(name) => self.remove_project(turn, name),
            Want::PutForge(forge) => self.put_forge(turn, forge),
            Want::PutProvider(provider) => self.put_provider(turn, provider),
            Want::RemoveForge(name) => self.remove_forge(turn, name),
            Want::RemoveProvider(name) => self.remove_provider(turn, name),
            Want::PutProfile(profile) => self.put_profile(turn, profile),
            Want::RemoveProfile(name) => self.remove_profile(turn, name),
            Want::PutSecret { name, origin } => self.put_secret(turn, name, origin),
            Want::RemoveSecret(name) => self.remove_secret(turn, name),
            Want::PutPrices(prices) => self.put_prices(turn, prices),
            Want::Intake(wish) => self.intake(turn, wish).await?,
            Want::Schedule(wish) => self.schedules(turn, wish).await?,
            Want::Allow { project, rules } => self.allow(turn, project, rules),
            Want::AddRules { project, rules } => self.add_rules(turn, project, rules),
            Want::PutJoinCode { hash, expires_at } => {
                turn.changes
                    .push(Change::PutJoinCode { hash: hash.clone(), expires_at: *expires_at });
                Ok(Granted::Done)
            }
            Want::Enrol { hash, runner } => Ok(self.enrol(turn, hash, runner)),
            Want::Revoke(runner) => self.revoke(turn, *runner),
            Want::Look(runner) => self.look(turn, *runner),
            Want::Try(wanted) => self.try_agent(turn, wanted),
        };
        turn.outputs.push(Output::Answer(wish.reply.clone(), answer));
        Ok(())
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
        if let Err(problem) = self.check_steer(task, &steer) {
            return Ok(Err(problem));
        }
        let mut said = None;
        let ends_all = matches!(steer, Steer::Stop { keep_children: false } | Steer::Kill);
        let event = match steer {
            Steer::Say(text) => TaskEvent::Say { text },
            Steer::Now(text) => TaskEvent::Steer { text },
            Steer::Unsay(word) => match self.unsaying(task, &word) {
                Ok(event) => event,
                Err(problem) => return Ok(Err(problem)),
            },
            Steer::Interrupt => TaskEvent::InterruptWanted,
            Steer::TakeOver(who) => TaskEvent::TakeoverWanted { who },
            Steer::HandBack { who, note } => TaskEvent::HandBackWanted { who, note },
            Steer::Done => TaskEvent::DoneWanted,
            Steer::Stop { .. } => TaskEvent::StopWanted,
            Steer::Kill => TaskEvent::KillWanted,
            Steer::Again => TaskEvent::AgainWanted,
            Steer::Retry(from) => TaskEvent::RetryWanted { from: *from },
            Steer::Resume(text) => TaskEvent::ResumeWanted { text },
            Steer::Reassign(to) => TaskEvent::ReassignWanted { to },
            Steer::Publish => TaskEvent::PublishWanted,
            Steer::Dismiss => TaskEvent::DismissWanted,
            Steer::Review(Review { text, notes, who }) => {
                said = self.notes_sent(turn, task, notes, &who);
                TaskEvent::Say { text }
            }
        };
        if let Err(problem) = self.feed(turn, task, event) {
            return Ok(Err(problem));
        }
        turn.changes.extend(said);
        if ends_all {
            self.stop_children(turn, task).await?;
        }
        Ok(self.shown(task).map(|task| Granted::Tasks(vec![task])).ok_or_else(|| no_task(task)))
    }

    /// What can be said before the machine is asked.
    fn check_steer(&self, task: TaskId, steer: &Steer) -> Result<(), Problem> {
        let Some(known) = self.board.tasks.get(&task).map(|slot| slot.machine.task()) else {
            return Err(no_task(task));
        };
        let begins_a_run = match steer {
            Steer::Again | Steer::Retry(_) | Steer::Resume(_) => true,
            Steer::Say(_) | Steer::Now(_) | Steer::Review(_) | Steer::Reassign(_) => {
                known.state.is_end()
            }
            Steer::Unsay(_)
            | Steer::Interrupt
            | Steer::TakeOver(_)
            | Steer::HandBack { .. }
            | Steer::Done
            | Steer::Stop { .. }
            | Steer::Kill
            | Steer::Publish
            | Steer::Dismiss => false,
        };
        if begins_a_run {
            self.project(&known.project)?;
        }
        if let Steer::Reassign(to) = steer {
            to.agent.as_ref().map_or(Ok(()), |agent| self.check_agent(agent))?;
            to.only_runner.map_or(Ok(()), |runner| self.check_runner(runner))?;
        }
        Ok(())
    }

    /// What a word of [`Said`] stands for, if it still waits.
    fn unsaying(&self, task: TaskId, word: &str) -> Result<TaskEvent<'static>, Problem> {
        let told = || {
            let message = "It cannot be taken back: the agent was told already.";
            Problem::new(Code::Precondition, message).hint("Say what is to be done instead.")
        };
        if let Some(at) = word.strip_prefix(NEXT_RUN) {
            return at.parse().map(|at| TaskEvent::UnsayNext { at }).map_err(|_| told());
        }
        let run = self.board.tasks.get(&task).and_then(|slot| slot.machine.task().run);
        let orders = run.and_then(|run| self.board.orders.get(&run)).into_iter().flatten();
        let mut said = orders.filter(|order| spoken(&order.act).is_some());
        let order = said.find(|order| order.order.to_string() == word).ok_or_else(told)?;
        Ok(TaskEvent::UnsayOrder { order: order.order })
    }

    /// Comments, as they are kept with the change they are about.
    fn notes_sent(
        &self,
        turn: &Turn,
        task: TaskId,
        notes: Vec<ReviewNote>,
        who: &str,
    ) -> Option<Change> {
        let run = self.board.tasks.get(&task)?.machine.task().run;
        let sent = |note| ReviewNoteSent { note, run, by: who.to_owned(), at: turn.now };
        let notes: Vec<_> = notes.into_iter().map(sent).collect();
        (!notes.is_empty()).then(|| Change::PutReview { task, review: clock::mint(), notes })
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
        self.touch_bound(turn, runner);
        Ok(Granted::Done)
    }

    pub(crate) fn shown(&self, task: TaskId) -> Option<Task> {
        self.board.tasks.get(&task).map(Slot::shown)
    }
}

/// What names a word that waits for the next run: this, and its number.
const NEXT_RUN: &str = "next-";

/// What an order says to an agent, and whether in the middle of its turn.
fn spoken(act: &Act) -> Option<(&str, bool)> {
    match act {
        Act::Say { text } => Some((text, false)),
        Act::Steer { text } => Some((text, true)),
        Act::Unsay { .. }
        | Act::Interrupt
        | Act::Answer { .. }
        | Act::Stop
        | Act::Done
        | Act::TakeOver { .. }
        | Act::HandBack { .. }
        | Act::Kill
        | Act::PermitPush { .. }
        | Act::Allow { .. }
        | Act::Rules { .. }
        | Act::Child { .. }
        | Act::ChildIs { .. }
        | Act::Unknown(_) => None,
    }
}

/// What was said to an agent that it has not heard: in the orders of its run,
/// and what waits for the next one.
pub(crate) fn said(orders: &[PendingOrder], next: &[String]) -> Vec<Said> {
    let taken_back: BTreeSet<_> = orders
        .iter()
        .filter_map(|order| match &order.act {
            Act::Unsay { order } => Some(*order),
            _ => None,
        })
        .collect();
    let waiting = orders.iter().filter(|order| !taken_back.contains(&order.order));
    let in_run = waiting.filter_map(|order| {
        let (text, now) = spoken(&order.act)?;
        Some(Said {
            word: order.order.to_string(),
            text: text.to_owned(),
            at: Some(order.created_at),
            now,
            waits: SaidWaits::Turn,
        })
    });
    let for_next = next.iter().enumerate().map(|(at, text)| Said {
        word: format!("{NEXT_RUN}{at}"),
        text: text.clone(),
        at: None,
        now: false,
        waits: SaidWaits::Run,
    });
    in_run.chain(for_next).collect()
}

pub(crate) fn no_task(task: TaskId) -> Problem {
    Problem::new(Code::NotFound, format!("There is no task `{task}`."))
        .hint("`pilot task list` shows those there are.")
}
