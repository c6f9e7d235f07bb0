//! Tasks that are filed by the clock: what `lifecycle::schedule` decides, in
//! one commit with what it is remembered by.
//!
//! **Invariant:** a due time's task has an id that follows from the schedule
//! and the time, so even a hub that has forgotten that it filed it finds it.

use super::Core;
use super::filing::new_task;
use super::handle::CoreHandle;
use super::messages::{Granted, Want};
use super::turn::Turn;
use super::wishes::Played;
use crate::clock;
use pilot_lifecycle::schedule::{self, Verdict};
use pilot_proto::console::{NewSchedule, NewTask, OneSchedule};
use pilot_proto::schedule::{
    KeptSchedule, Schedule, ScheduleState, ScheduleTurn, ScheduledTask, TurnOutcome,
};
use pilot_proto::{Code, Problem, ScheduleId, Task, TaskId, TaskState, Timestamp};
use pilot_store::{Change, Store, StoreError};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Builder;

/// Schedules of all projects: each is looked at in every turn.
const MAX_SCHEDULES: usize = 1000;

/// All schedules.
#[derive(Debug, Default)]
pub(crate) struct ScheduleBoard {
    kept: BTreeMap<ScheduleId, Slot>,
}

#[derive(Debug)]
struct Slot {
    kept: KeptSchedule,
    /// When it is due next.
    next: Option<Timestamp>,
}

impl Slot {
    fn of(kept: KeptSchedule) -> Self {
        let next = schedule::next(&kept.schedule, &kept.state);
        Self { kept, next }
    }
}

impl ScheduleBoard {
    pub(crate) async fn load(store: &Store) -> Result<Self, StoreError> {
        let all = store.schedules().await?.into_iter();
        Ok(Self { kept: all.map(|kept| (kept.schedule.id, Slot::of(kept))).collect() })
    }

    /// When the first of them is due.
    fn next(&self) -> Option<Timestamp> {
        self.kept.values().filter_map(|slot| slot.next).min()
    }

    fn named(&self, project: &str, name: &str) -> Option<&KeptSchedule> {
        let mut all = self.kept.values().map(|slot| &slot.kept);
        all.find(|kept| kept.schedule.project == project && kept.schedule.name == name)
    }
}

/// What is wished of schedules.
#[derive(Debug)]
pub(crate) enum ScheduleWish {
    /// Added, or changed.
    Set(Box<NewSchedule>),
    /// Removed.
    Remove(OneSchedule),
    /// Stopped for a while, or begun again.
    Pause(OneSchedule, bool),
    /// A task filed now.
    Run(OneSchedule),
}

impl CoreHandle {
    pub(crate) async fn schedule(&self, wish: ScheduleWish) -> Result<Option<Task>, Problem> {
        let granted = self.ask(Want::Schedule(Box::new(wish))).await?;
        Ok(if let Granted::Tasks(mut tasks) = granted { tasks.pop() } else { None })
    }
}

/// What a schedule files.
pub(crate) fn scheduled_task(schedule: &Schedule) -> NewTask {
    let ScheduledTask { agent, model, mode, profile, base, hold } = schedule.plan.how.clone();
    NewTask {
        title: schedule.plan.title.clone(),
        agent,
        model,
        mode,
        profile,
        base,
        hold,
        ..new_task(schedule.project.clone(), schedule.plan.prompt.clone())
    }
}

impl Core {
    pub(crate) async fn schedules(&mut self, turn: &mut Turn, wish: &ScheduleWish) -> Played {
        Ok(match wish {
            ScheduleWish::Set(new) => self.set_schedule(turn, new),
            ScheduleWish::Remove(one) => self.remove_schedule(turn, one),
            ScheduleWish::Pause(one, paused) => self.pause_schedule(turn, one, *paused),
            ScheduleWish::Run(one) => return self.run_schedule(turn, one).await,
        })
    }

    /// How long until the first schedule is due, by the wall clock.
    pub(crate) fn schedule_wait(&self) -> Option<Duration> {
        self.board.schedules.next().map(|due| due.since(clock::now()))
    }

    /// Files what is due.
    pub(crate) async fn pass_schedules(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        let all = self.board.schedules.kept.iter();
        let is_due = |slot: &Slot| slot.next.is_some_and(|due| due <= turn.now);
        let due: Vec<ScheduleId> =
            all.filter(|(_, slot)| is_due(slot)).map(|(id, _)| *id).collect();
        for id in due {
            self.see_to(turn, id).await?;
        }
        Ok(())
    }

    async fn see_to(&mut self, turn: &mut Turn, id: ScheduleId) -> Result<(), StoreError> {
        let Some(slot) = self.board.schedules.kept.get(&id) else { return Ok(()) };
        let mut kept = slot.kept.clone();
        let open = self.open_states(&kept.state);
        let (due, missed, outcome) =
            match schedule::decide(&kept.schedule, &mut kept.state, turn.now, &open) {
                Verdict::Rest => {
                    self.keep_schedule(turn, kept);
                    return Ok(());
                }
                Verdict::Skip { due, missed, reason } => {
                    (due, missed, TurnOutcome::Skipped { reason })
                }
                Verdict::File { due, missed } => {
                    let new =
                        NewTask { id: Some(task_of(id, due)), ..scheduled_task(&kept.schedule) };
                    (due, missed, self.file_scheduled(turn, &kept.schedule, &new).await?)
                }
            };
        let (project, name) = (&kept.schedule.project, &kept.schedule.name);
        tracing::info!(project, schedule = name, ?outcome, missed, "a schedule was due");
        schedule::seen(&kept.schedule, &mut kept.state, ScheduleTurn { due, missed, outcome });
        self.keep_schedule(turn, kept);
        Ok(())
    }

    async fn file_scheduled(
        &mut self,
        turn: &mut Turn,
        schedule: &Schedule,
        new: &NewTask,
    ) -> Result<TurnOutcome, StoreError> {
        Ok(match self.known_or_new(turn.now, new).await? {
            Ok((task, is_new)) => {
                let id = task.id;
                if is_new {
                    self.begin(turn, Task { schedule: Some(schedule.name.clone()), ..task });
                }
                TurnOutcome::Filed { task: id }
            }
            Err(problem) => TurnOutcome::Failed { problem },
        })
    }

    /// Those of a schedule's tasks that are not over; one that nobody has in
    /// mind any more is over.
    fn open_states(&self, state: &ScheduleState) -> Vec<TaskState> {
        let known = state.open.iter().filter_map(|id| self.board.tasks.get(id));
        known.map(|slot| slot.machine.task().state.clone()).collect()
    }

    /// Looks which of the turn's tasks a schedule has waited for.
    pub(crate) fn settle_schedules(&mut self, turn: &mut Turn) {
        if self.board.schedules.kept.is_empty() {
            return;
        }
        for id in turn.touched.clone() {
            let Some(slot) = self.board.tasks.get(&id) else { continue };
            let task = slot.machine.task();
            if !task.state.is_end() {
                continue;
            }
            let (end, cost) = (task.state.clone(), task.usage.cost_micros.unwrap_or_default());
            let all = self.board.schedules.kept.values();
            let whose = all.map(|slot| &slot.kept).find(|kept| kept.state.open.contains(&id));
            let Some(mut kept) = whose.cloned() else { continue };
            schedule::ended(&kept.schedule, &mut kept.state, id, &end, cost);
            self.keep_schedule(turn, kept);
        }
    }

    fn set_schedule(&mut self, turn: &mut Turn, new: &NewSchedule) -> Result<Granted, Problem> {
        let known = self.board.schedules.named(&new.name, &new.schedule).cloned();
        if known.is_none() && self.board.schedules.kept.len() >= MAX_SCHEDULES {
            let message = format!("There are {MAX_SCHEDULES} schedules already.");
            return Err(Problem::new(Code::LimitReached, message)
                .hint("Remove one with `pilot project schedule PROJECT remove NAME`."));
        }
        let wanted = schedule_of(new, known.as_ref());
        self.new_task(turn.now, &scheduled_task(&wanted))?;
        let state = known.as_ref().map(|kept| kept.state.clone()).unwrap_or_default();
        let mut kept = KeptSchedule { schedule: wanted, state };
        schedule::resumed(&kept.schedule, &mut kept.state, turn.now);
        self.keep_schedule(turn, kept);
        Ok(Granted::Done)
    }

    fn remove_schedule(&mut self, turn: &mut Turn, one: &OneSchedule) -> Result<Granted, Problem> {
        let id = self.schedule_named(one)?.schedule.id;
        self.drop_schedule(turn, id);
        Ok(Granted::Done)
    }

    fn pause_schedule(
        &mut self,
        turn: &mut Turn,
        one: &OneSchedule,
        paused: bool,
    ) -> Result<Granted, Problem> {
        let mut kept = self.schedule_named(one)?.clone();
        kept.schedule.paused = paused;
        if !paused {
            schedule::resumed(&kept.schedule, &mut kept.state, turn.now);
        }
        self.keep_schedule(turn, kept);
        Ok(Granted::Done)
    }

    /// A person's word goes before pause, overlap and rule.
    async fn run_schedule(&mut self, turn: &mut Turn, one: &OneSchedule) -> Played {
        let mut kept = match self.schedule_named(one) {
            Ok(kept) => kept.clone(),
            Err(problem) => return Ok(Err(problem)),
        };
        let new = scheduled_task(&kept.schedule);
        let outcome = self.file_scheduled(turn, &kept.schedule, &new).await?;
        let task = match &outcome {
            TurnOutcome::Filed { task } => *task,
            TurnOutcome::Failed { problem } => return Ok(Err(problem.clone())),
            TurnOutcome::Skipped { .. } | TurnOutcome::Unknown => return Ok(Ok(Granted::Done)),
        };
        let now = ScheduleTurn { due: turn.now, missed: 0, outcome };
        schedule::seen(&kept.schedule, &mut kept.state, now);
        self.keep_schedule(turn, kept);
        Ok(Ok(Granted::Tasks(self.shown(task).into_iter().collect())))
    }

    /// A project that is gone takes its schedules along.
    pub(crate) fn unset_schedules(&mut self, turn: &mut Turn, project: &str) {
        let all = self.board.schedules.kept.values().map(|slot| &slot.kept.schedule);
        let its: Vec<ScheduleId> =
            all.filter(|one| one.project == project).map(|one| one.id).collect();
        for id in its {
            self.drop_schedule(turn, id);
        }
    }

    fn schedule_named(&self, one: &OneSchedule) -> Result<&KeptSchedule, Problem> {
        self.project(&one.name)?;
        self.board.schedules.named(&one.name, &one.schedule).ok_or_else(|| {
            let OneSchedule { name, schedule } = one;
            let message = format!("The project `{name}` has no schedule `{schedule}`.");
            Problem::new(Code::NotFound, message)
                .hint(format!("`pilot project schedule {name}` shows those it has."))
        })
    }

    fn keep_schedule(&mut self, turn: &mut Turn, kept: KeptSchedule) {
        turn.changes.push(Change::PutSchedule(Box::new(kept.clone())));
        self.board.schedules.kept.insert(kept.schedule.id, Slot::of(kept));
    }

    fn drop_schedule(&mut self, turn: &mut Turn, id: ScheduleId) {
        self.board.schedules.kept.remove(&id);
        turn.changes.push(Change::RemoveSchedule(id));
    }
}

/// What is wanted, under the id that it has.
pub(crate) fn schedule_of(new: &NewSchedule, known: Option<&KeptSchedule>) -> Schedule {
    let NewSchedule { name, schedule, plan } = new.clone();
    Schedule {
        id: known.map_or_else(|| ScheduleId(clock::mint()), |kept| kept.schedule.id),
        project: name,
        name: schedule,
        plan,
        paused: known.is_some_and(|kept| kept.schedule.paused),
    }
}

/// The task of a due time: an id that sorts by that time, and is the same
/// whoever makes it.
fn task_of(schedule: ScheduleId, due: Timestamp) -> TaskId {
    let mut hash = Sha256::new();
    hash.update(b"pilothouse-schedule");
    hash.update(schedule.0.as_bytes());
    hash.update(due.0.to_be_bytes());
    let mut letters = [0_u8; 10];
    letters.copy_from_slice(&hash.finalize()[..10]);
    let millis = u64::try_from(due.0 / 1000).unwrap_or_default();
    TaskId(Builder::from_unix_timestamp_millis(millis, &letters).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_due_time_has_one_task_and_it_sorts_by_the_time() {
        let schedule = ScheduleId(Uuid::from_u128(7));
        let (first, later) = (Timestamp(1_700_000_000_000_000), Timestamp(1_700_000_060_000_000));
        assert_eq!(task_of(schedule, first), task_of(schedule, first));
        assert_ne!(task_of(schedule, first), task_of(ScheduleId(Uuid::from_u128(8)), first));
        assert!(task_of(schedule, first) < task_of(schedule, later));
        assert_eq!(task_of(schedule, first).0.get_version_num(), 7);
    }
}
