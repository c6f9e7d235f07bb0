//! Issues that become tasks: what is wanted is noted here first, in the same
//! commit as what it was heard by, and a ticket goes in the commit that files
//! its task. So a crash loses no issue and files none twice.

mod wish;

pub(crate) use wish::IntakeWish;

use super::Core;
use super::filing::{dressed, new_task};
use super::messages::{Granted, IssueNews};
use super::turn::{Output, Turn};
use super::wishes::Played;
use crate::clock;
use pilot_lifecycle::intake::{self, Commanded};
use pilot_lifecycle::issue_note;
use pilot_proto::console::{FileIssues, IssueFiled, IssueStanding, NewTask};
use pilot_proto::intake::{IntakeMemory, IntakePolicy, IssueStatus, NoteKept, Ticket, TicketCause};
use pilot_proto::task::Batch;
use pilot_proto::{BatchId, Code, Problem, Task, TaskId, Timestamp};
use pilot_store::{Change, IntakeChange, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Issues that wait at once, of all projects. Whoever comments `/pilot fix`
/// makes one, and may be anybody.
const MAX_TICKETS: usize = 5000;
/// How long a delivery is remembered: longer than any forge sends one again by
/// itself (GitHub and GitLab give up within days).
const REMEMBER: Duration = Duration::from_secs(30 * 24 * 3600);

/// All that is known about issues.
#[derive(Debug, Default)]
pub(crate) struct IntakeBoard {
    policies: BTreeMap<String, IntakePolicy>,
    memories: BTreeMap<String, IntakeMemory>,
    tickets: BTreeMap<String, Ticket>,
    /// By project and number.
    notes: BTreeMap<(String, u64), NoteKept>,
}

impl IntakeBoard {
    /// The pages of this project's issues say where their tasks stand.
    pub(super) fn keeps_comments(&self, project: &str) -> bool {
        self.policies.get(project).is_some_and(|policy| policy.status.comment)
    }

    pub(crate) async fn load(store: &Store) -> Result<Self, StoreError> {
        let policies = store.intake_policies().await?.into_iter();
        let tickets = store.tickets().await?.into_iter();
        let notes = store.issue_notes().await?.into_iter();
        Ok(Self {
            policies: policies.map(|policy| (policy.project.clone(), policy)).collect(),
            memories: store.intake_memories().await?.into_iter().collect(),
            notes: notes.map(|note| ((note.project.clone(), note.number), note)).collect(),
            tickets: tickets.map(|ticket| (ticket.key.clone(), ticket)).collect(),
        })
    }
}

impl Core {
    pub(crate) async fn intake(&mut self, turn: &mut Turn, wish: &IntakeWish) -> Played {
        let done = match wish {
            IntakeWish::Set(policy, memory) => self.set_intake(turn, policy, memory),
            IntakeWish::Unset(project) => {
                self.unset_intake(turn, project);
                Ok(Granted::Done)
            }
            IntakeWish::Choose { wanted, who } => self.choose(turn, wanted, who),
            IntakeWish::Hear { project, delivery, news } => {
                return self.hear_issues(turn, project, delivery.as_deref(), news).await;
            }
            IntakeWish::Read { ticket, heard, commands } => {
                self.comments_read(turn, ticket, *heard, commands);
                Ok(Granted::Done)
            }
            IntakeWish::File(ticket, new) => return self.file_issue(turn, ticket, new).await,
            IntakeWish::Fail(ticket, problem) => {
                self.fail_ticket(turn, ticket, problem);
                Ok(Granted::Done)
            }
            IntakeWish::Drop(ticket) => {
                self.drop_ticket(turn, ticket);
                Ok(Granted::Done)
            }
            IntakeWish::Noted(note) => {
                self.noted(turn, note);
                Ok(Granted::Done)
            }
            IntakeWish::Dismiss(key) => self.dismiss_ticket(turn, key),
        };
        Ok(done)
    }

    fn set_intake(
        &mut self,
        turn: &mut Turn,
        policy: &IntakePolicy,
        first: &IntakeMemory,
    ) -> Result<Granted, Problem> {
        let project = self.project(&policy.project)?;
        let new = NewTask { issue: Some(1), ..new_task(project.name.clone(), String::from("x")) };
        self.new_task(turn.now, &dressed(new, &policy.how))?;
        let name = policy.project.clone();
        let before = self.board.intake.policies.insert(name.clone(), policy.clone());
        // Another label is another question; what was commanded stays so.
        let known = self.board.intake.memories.get(&name).filter(|_| before.is_some()).cloned();
        let same_label = before.is_some_and(|before| before.label == policy.label);
        let memory = match known {
            Some(known) if same_label => known,
            Some(known) => IntakeMemory { labelled: first.labelled.clone(), ..known },
            None => first.clone(),
        };
        turn.changes.push(Change::Intake(IntakeChange::PutPolicy(policy.clone())));
        self.remember(turn, &name, memory);
        turn.outputs.push(Output::Intake);
        Ok(Granted::Done)
    }

    /// A project that is gone takes along what was to become its tasks.
    pub(crate) fn unset_intake(&mut self, turn: &mut Turn, project: &str) {
        let intake = &mut self.board.intake;
        if intake.policies.remove(project).is_some() {
            let project = project.to_owned();
            turn.changes.push(Change::Intake(IntakeChange::RemovePolicy { project }));
        }
        if intake.memories.remove(project).is_some() {
            let project = project.to_owned();
            turn.changes.push(Change::Intake(IntakeChange::RemoveMemory { project }));
        }
        let of = |ticket: &&Ticket| {
            ticket.project == project && !matches!(ticket.cause, TicketCause::Person { .. })
        };
        let keys: Vec<String> =
            intake.tickets.values().filter(of).map(|ticket| ticket.key.clone()).collect();
        for key in keys {
            self.take_ticket(turn, &key);
        }
    }

    fn choose(
        &mut self,
        turn: &mut Turn,
        wanted: &FileIssues,
        who: &str,
    ) -> Result<Granted, Problem> {
        let project = self.project(&wanted.name)?;
        if project.forge.is_none() {
            let message = format!("The project `{}` has no forge to read issues of.", wanted.name);
            return Err(Problem::new(Code::Precondition, message)
                .hint("Name one with `pilot project add … --forge NAME`."));
        }
        let new = NewTask { issue: Some(1), ..new_task(wanted.name.clone(), String::from("x")) };
        self.new_task(turn.now, &dressed(new, &wanted.how))?;
        let batch = wanted.batch.as_ref().map(|new| Batch {
            id: BatchId(clock::mint()),
            name: new.name.clone(),
            at_most: new.at_most,
        });
        let mut filed: Vec<IssueFiled> = Vec::new();
        for number in wanted.numbers.iter().copied().collect::<BTreeSet<u64>>() {
            self.check_room()?;
            let cause = TicketCause::Person { who: who.to_owned() };
            let mut ticket = self.ticket(turn.now, &wanted.name, number, cause);
            ticket.how = wanted.how.clone();
            (ticket.again, ticket.batch) = (wanted.again, batch.clone());
            filed.push(self.note_ticket(turn, ticket));
        }
        turn.outputs.push(Output::Intake);
        Ok(Granted::Issues(filed))
    }

    /// Notes a ticket, unless its issue has what it wants.
    fn note_ticket(&mut self, turn: &mut Turn, ticket: Ticket) -> IssueFiled {
        let number = ticket.number;
        let waits = self.board.intake.tickets.get(&ticket.key);
        if let Some(known) = waits.filter(|known| known.problem.is_none()) {
            let standing = IssueStanding::WaitedAlready;
            return IssueFiled { number, task: known.task, standing };
        }
        if !ticket.again
            && let Some(task) = self.task_of_issue(&ticket.project, number)
        {
            return IssueFiled { number, task, standing: IssueStanding::HasTask };
        }
        let task = ticket.task;
        self.put_ticket(turn, ticket);
        IssueFiled { number, task, standing: IssueStanding::Waits }
    }

    /// A task of an issue that is under way.
    fn task_of_issue(&self, project: &str, number: u64) -> Option<TaskId> {
        let tasks = self.board.tasks.values().map(|slot| slot.machine.task());
        let is_it = |task: &&Task| {
            task.project == project && task.issue == Some(number) && !task.state.is_end()
        };
        tasks.filter(is_it).map(|task| task.id).max()
    }

    fn ticket(&self, now: Timestamp, project: &str, number: u64, cause: TicketCause) -> Ticket {
        let key = Ticket::key_of(project, number, &cause);
        let known = self.board.intake.tickets.get(&key);
        let policy = self.board.intake.policies.get(project);
        Ticket {
            project: project.to_owned(),
            number,
            cause,
            task: known.map_or_else(|| TaskId(clock::mint()), |known| known.task),
            how: policy.map(|policy| policy.how.clone()).unwrap_or_default(),
            again: false,
            batch: None,
            // Later than any that a worker holds.
            at: known.map_or(now, |known| now.max(Timestamp(known.at.0 + 1))),
            problem: None,
            key,
        }
    }

    async fn hear_issues(
        &mut self,
        turn: &mut Turn,
        project: &str,
        delivery: Option<&str>,
        news: &IssueNews,
    ) -> Played {
        let Some(policy) = self.board.intake.policies.get(project).cloned() else {
            return Ok(Ok(Granted::Done));
        };
        let looks = self.looks_at(project, news);
        if news.is_of_pulls() && looks.is_empty() {
            // Somebody else's, of which a busy repository tells much: it is not
            // worth a commit.
            return Ok(Ok(Granted::Done));
        }
        if !news.is_of_pulls()
            && let Err(full) = self.check_room()
        {
            return Ok(Err(full));
        }
        if let Some(id) = delivery {
            if self.reach.store.has_delivery(id).await? {
                return Ok(Ok(Granted::Done));
            }
            let forget = Timestamp(turn.now.0.saturating_sub(micros(REMEMBER)));
            let taken = IntakeChange::PutDelivery { id: id.to_owned(), at: turn.now, forget };
            turn.changes.push(Change::Intake(taken));
        }
        turn.outputs.extend(looks);
        if news.is_of_pulls() {
            return Ok(Ok(Granted::Done));
        }
        let mut memory = self.board.intake.memories.get(project).cloned().unwrap_or_default();
        let before = memory.clone();
        let mut labelled: BTreeSet<u64> = BTreeSet::new();
        for seen in &news.seen {
            if intake::sighted(&policy, &mut memory, seen) {
                labelled.insert(seen.number);
            }
        }
        if let (Some(_), Some((numbers, whole))) = (&policy.label, &news.labelled) {
            labelled.extend(intake::labelled(&mut memory, numbers, *whole));
        }
        let mut commented = BTreeSet::from_iter(news.commented.iter().copied());
        commented.extend(intake::changed(&mut memory, &news.changed));
        if let Some(label) = &policy.label {
            for number in labelled {
                let cause = TicketCause::Label { label: label.clone() };
                let ticket = self.ticket(turn.now, project, number, cause);
                self.put_ticket(turn, ticket);
            }
        }
        for number in commented.into_iter().filter(|_| policy.comments) {
            let ticket = self.ticket(turn.now, project, number, TicketCause::Comments);
            self.put_ticket(turn, ticket);
        }
        if memory != before {
            self.remember(turn, project, memory);
        }
        turn.outputs.push(Output::Intake);
        Ok(Ok(Granted::Done))
    }

    fn comments_read(
        &mut self,
        turn: &mut Turn,
        read: &Ticket,
        heard: Option<u64>,
        commands: &[Commanded],
    ) {
        let mut memory = self.board.intake.memories.get(&read.project).cloned().unwrap_or_default();
        let known = memory.commands.get(&read.number).copied().unwrap_or(0);
        for command in commands.iter().filter(|command| command.id > known) {
            let cause = TicketCause::Comment {
                id: command.id,
                author: command.author.clone(),
                text: command.text.clone(),
            };
            let ticket = self.ticket(turn.now, &read.project, read.number, cause);
            self.put_ticket(turn, ticket);
        }
        if let Some(id) = heard
            && intake::heard(&mut memory, read.number, id)
        {
            self.remember(turn, &read.project, memory);
        }
        self.drop_ticket(turn, read);
        turn.outputs.push(Output::Intake);
    }

    async fn file_issue(&mut self, turn: &mut Turn, ticket: &Ticket, new: &NewTask) -> Played {
        // Taken off meanwhile, or filed in a life before this one.
        if !self.board.intake.tickets.contains_key(&ticket.key) {
            return Ok(Ok(Granted::Done));
        }
        if !ticket.again && self.task_of_issue(&ticket.project, ticket.number).is_some() {
            self.take_ticket(turn, &ticket.key);
            return Ok(Ok(Granted::Done));
        }
        let new = NewTask { id: Some(ticket.task), ..new.clone() };
        let (mut task, is_new) = match self.known_or_new(turn.now, &new).await? {
            Ok(known) => known,
            Err(problem) => return Ok(Err(problem)),
        };
        if is_new {
            task.batch.clone_from(&ticket.batch);
            self.begin(turn, task);
        }
        self.take_ticket(turn, &ticket.key);
        Ok(Ok(Granted::Done))
    }

    fn fail_ticket(&mut self, turn: &mut Turn, seen: &Ticket, problem: &Problem) {
        if let Some(ticket) = self.current(seen).cloned() {
            tracing::info!(ticket = ticket.key, %problem, "an issue becomes no task");
            self.put_ticket(turn, Ticket { problem: Some(problem.clone()), ..ticket });
        }
    }

    /// What the worker found is not wanted, unless it was wanted again meanwhile.
    fn drop_ticket(&mut self, turn: &mut Turn, seen: &Ticket) {
        if self.current(seen).is_none() {
            return;
        }
        self.take_ticket(turn, &seen.key);
        if matches!(seen.cause, TicketCause::Label { .. })
            && let Some(mut memory) = self.board.intake.memories.get(&seen.project).cloned()
            && memory.labelled.remove(&seen.number)
        {
            self.remember(turn, &seen.project, memory);
        }
    }

    fn dismiss_ticket(&mut self, turn: &mut Turn, key: &str) -> Result<Granted, Problem> {
        if self.take_ticket(turn, key) {
            return Ok(Granted::Done);
        }
        Err(Problem::new(Code::NotFound, format!("No issue waits as `{key}`."))
            .hint("`pilot issue waiting` shows those that do."))
    }

    /// Looks what the pages of issues are to say of the turn's tasks.
    pub(crate) fn write_notes(&mut self, turn: &mut Turn) {
        for id in turn.touched.clone() {
            let Some(task) = self.board.tasks.get(&id).map(|slot| slot.machine.task()) else {
                continue;
            };
            let Some(number) = task.issue else { continue };
            let Some(policy) = self.board.intake.policies.get(&task.project) else { continue };
            if policy.status == IssueStatus::default() {
                continue;
            }
            let link = match &self.reach.options.public_url {
                Some(url) => format!("{}/tasks/{id}", url.trim_end_matches('/')),
                None => format!("`{id}`"),
            };
            let wanted = issue_note::note(task, &policy.status, &link);
            let project = task.project.clone();
            let known = self.board.intake.notes.get(&(project.clone(), number));
            // An older task of the issue has nothing to say any more.
            if known.is_some_and(|known| known.task > id || known.wanted == wanted) {
                continue;
            }
            let written = known.and_then(|known| known.written.clone());
            self.put_note(turn, NoteKept { project, number, task: id, wanted, written });
            turn.outputs.push(Output::Intake);
        }
    }

    fn noted(&mut self, turn: &mut Turn, done: &NoteKept) {
        let key = (done.project.clone(), done.number);
        if let Some(known) = self.board.intake.notes.get(&key).cloned() {
            self.put_note(turn, NoteKept { written: Some(done.wanted.clone()), ..known });
        }
    }

    fn put_note(&mut self, turn: &mut Turn, note: NoteKept) {
        turn.changes.push(Change::Intake(IntakeChange::PutNote(note.clone())));
        self.board.intake.notes.insert((note.project.clone(), note.number), note);
    }

    /// The ticket, if nobody has wanted it again since.
    fn current(&self, seen: &Ticket) -> Option<&Ticket> {
        self.board.intake.tickets.get(&seen.key).filter(|known| known.at == seen.at)
    }

    fn put_ticket(&mut self, turn: &mut Turn, ticket: Ticket) {
        turn.changes.push(Change::Intake(IntakeChange::PutTicket(ticket.clone())));
        self.board.intake.tickets.insert(ticket.key.clone(), ticket);
    }

    fn take_ticket(&mut self, turn: &mut Turn, key: &str) -> bool {
        let there = self.board.intake.tickets.remove(key).is_some();
        if there {
            let key = key.to_owned();
            turn.changes.push(Change::Intake(IntakeChange::RemoveTicket { key }));
        }
        there
    }

    fn remember(&mut self, turn: &mut Turn, project: &str, memory: IntakeMemory) {
        let project = project.to_owned();
        let put = IntakeChange::PutMemory { project: project.clone(), memory: memory.clone() };
        turn.changes.push(Change::Intake(put));
        self.board.intake.memories.insert(project, memory);
    }

    fn check_room(&self) -> Result<(), Problem> {
        if self.board.intake.tickets.len() < MAX_TICKETS {
            return Ok(());
        }
        let message = format!("{MAX_TICKETS} issues wait to become tasks already.");
        Err(Problem::new(Code::LimitReached, message)
            .hint("Wait, or take some off with `pilot issue forget`."))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
