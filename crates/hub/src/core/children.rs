//! Tasks that agents file below their own.
//!
//! What a run says counts for nothing here: whether a task is filed is decided
//! from the project's bounds and from the tasks that there are, in the same
//! transaction that keeps the run's wish, so that no replay files one twice and
//! no run more than it may.

use super::Core;
use super::board::Slot;
use super::turn::Turn;
use crate::commands;
use pilot_lifecycle::{TaskEvent, TaskMachine};
use pilot_proto::console::NewTask;
use pilot_proto::task::{ChildBounds, Limits, NewChild};
use pilot_proto::{Code, Problem, RunId, Task, TaskId};
use pilot_store::StoreError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Deeper than any tree can grow, whatever a project's bounds were once.
const DEEPEST: u32 = 64;
/// A child with less than a cent can do nothing.
const LEAST_BUDGET: u64 = 10_000;

/// A run's wish for a task.
#[derive(Debug)]
pub(crate) struct ChildWish {
    /// The task whose run wishes.
    pub(crate) parent: TaskId,
    /// The run.
    pub(crate) run: RunId,
    /// Its name for the wish.
    pub(crate) token: String,
    /// What it wishes for.
    pub(crate) child: NewChild,
}

impl Core {
    /// Decides on what runs wish for.
    pub(crate) async fn file_children(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        while let Some(wish) = turn.wishes.pop_front() {
            let ChildWish { parent, run, token, child } = wish;
            let decided = self.child(turn, parent, &child).await?;
            let decided = decided.map(|task| {
                let (id, forge) = (task.id, self.has_forge(&task));
                tracing::info!(%parent, task = %id, "an agent filed a task");
                self.board.tasks.insert(id, Slot::fresh(TaskMachine::new(task, forge)));
                self.feed_news(turn, id, TaskEvent::Begin);
                id
            });
            self.feed_news(turn, parent, TaskEvent::ChildDecided { run, token, decided });
        }
        Ok(())
    }

    fn has_forge(&self, task: &Task) -> bool {
        self.board.projects.get(&task.project).is_some_and(|project| project.forge.is_some())
    }

    /// The task to be filed, or why it is not.
    async fn child(
        &self,
        turn: &Turn,
        parent: TaskId,
        child: &NewChild,
    ) -> Result<Result<Task, Problem>, StoreError> {
        let Some(parent) = self.board.tasks.get(&parent).map(|slot| slot.machine.task().clone())
        else {
            return Ok(Err(super::wishes::no_task(parent)));
        };
        let bounds = match self.project(&parent.project) {
            Ok(project) => project.children,
            Err(problem) => return Ok(Err(problem)),
        };
        let (root, depth) = self.root(&parent).await?;
        let family = self.family(root).await?;
        if child.prompt.len() > NewChild::MAX_PROMPT {
            let message = format!("`prompt` is longer than {} bytes.", NewChild::MAX_PROMPT);
            return Ok(Err(Problem::new(Code::TooLarge, message)));
        }
        Ok(within(bounds, depth + 1, &family, child.budget_micros).and_then(|budget| {
            let new = new_task(&parent, child, budget);
            commands::check_task(&new)?;
            let task = self.new_task(turn.now, &new)?;
            Ok(Task { parent: Some(parent.id), ..task })
        }))
    }

    /// The task that a person filed, and how far below it this one is.
    async fn root(&self, task: &Task) -> Result<(TaskId, u32), StoreError> {
        let (mut at, mut parent, mut depth) = (task.id, task.parent, 0);
        while let Some(id) = parent.filter(|_| depth < DEEPEST) {
            (at, depth) = (id, depth + 1);
            parent = match self.board.tasks.get(&id) {
                Some(slot) => slot.machine.task().parent,
                None => self.reach.store.task(id).await?.and_then(|task| task.parent),
            };
        }
        Ok((at, depth))
    }

    /// All tasks below one, each after its parent; those of this turn as well.
    pub(crate) async fn family(&self, root: TaskId) -> Result<Vec<Task>, StoreError> {
        let mut here: BTreeMap<TaskId, Vec<&Task>> = BTreeMap::new();
        for task in self.board.tasks.values().map(|slot| slot.machine.task()) {
            if let Some(parent) = task.parent {
                here.entry(parent).or_default().push(task);
            }
        }
        let (mut family, mut seen) = (Vec::new(), BTreeSet::from([root]));
        let mut parents = VecDeque::from([root]);
        while let Some(parent) = parents.pop_front() {
            let stored = self.reach.store.tasks_below(parent).await?;
            let mut children: BTreeMap<TaskId, Task> =
                stored.into_iter().map(|task| (task.id, task)).collect();
            // What this turn has changed is only here.
            let present = here.get(&parent).into_iter().flatten();
            children.extend(present.map(|task| (task.id, (*task).clone())));
            for (id, task) in children {
                if seen.insert(id) {
                    parents.push_back(id);
                    family.push(task);
                }
            }
        }
        Ok(family)
    }

    /// Stops what is under way below a task that a person stopped.
    pub(crate) async fn stop_children(
        &mut self,
        turn: &mut Turn,
        task: TaskId,
    ) -> Result<(), StoreError> {
        for child in self.family(task).await? {
            if !child.state.is_end() && self.board.summon(&self.reach.store, child.id).await? {
                self.feed_news(turn, child.id, TaskEvent::StopWanted);
            }
        }
        Ok(())
    }

    /// Tells the tasks above those that stand differently now.
    pub(crate) async fn tell_parents(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        for task in turn.touched.clone() {
            let Some(child) = self.board.tasks.get(&task).and_then(Slot::child_news) else {
                continue;
            };
            let parent = child.parent;
            if self.board.summon(&self.reach.store, parent).await? {
                self.feed_news(turn, parent, TaskEvent::ChildIs { child });
            }
        }
        Ok(())
    }
}

/// Whether one more task fits, and what it may spend. `family`: all tasks below
/// the one that a person filed.
fn within(
    bounds: ChildBounds,
    depth: u32,
    family: &[Task],
    wanted: Option<u64>,
) -> Result<Option<u64>, Problem> {
    let refused = |message: String| {
        Problem::new(Code::LimitReached, message).hint("Do it yourself, or say what is left to do.")
    };
    let ChildBounds { tasks, depth: deepest, budget_micros } = bounds;
    if tasks == 0 || deepest == 0 {
        return Err(refused("This project lets its agents file no tasks.".to_owned()));
    }
    if depth > deepest {
        return Err(refused(format!(
            "This project lets tasks be filed {deepest} deep, and this would be {depth} deep."
        )));
    }
    let filed = u32::try_from(family.len()).unwrap_or(u32::MAX);
    if filed >= tasks {
        return Err(refused(format!(
            "This project lets {tasks} tasks be filed below one, and {filed} were."
        )));
    }
    let Some(budget) = budget_micros else { return Ok(wanted) };
    let left = budget.saturating_sub(family.iter().map(reserved).fold(0, u64::saturating_add));
    // So that each of those still to come has as much.
    let share = left / u64::from(tasks - filed);
    let granted = wanted.unwrap_or(share);
    if granted > left || granted < LEAST_BUDGET {
        let cents = left / 10_000;
        return Err(refused(format!(
            "What all tasks below one may spend is used up or given away; ${}.{:02} are left.",
            cents / 100,
            cents % 100
        )));
    }
    Ok(Some(granted))
}

/// What a task takes of what all may spend: what it spent once it is over, and
/// what it may spend until then. Nobody may know what it spent; then it is that.
fn reserved(task: &Task) -> u64 {
    let may = task.limits.budget_micros.unwrap_or(0);
    let called = task.usage.input_tokens > 0 || task.usage.output_tokens > 0;
    match task.usage.cost_micros {
        Some(spent) if task.state.is_end() => spent,
        Some(spent) => may.max(spent),
        None if task.state.is_end() && !called => 0,
        None => may,
    }
}

/// A child is as free as its parent, and no freer.
fn new_task(parent: &Task, child: &NewChild, budget_micros: Option<u64>) -> NewTask {
    let same_agent = child.agent.as_ref().is_none_or(|agent| *agent == parent.agent);
    let own_model = parent.model.clone().filter(|_| same_agent);
    let own_budget = parent.limits.budget_micros;
    let budget_micros = budget_micros.or(own_budget).map(|one| one.min(own_budget.unwrap_or(one)));
    NewTask {
        id: None,
        project: parent.project.clone(),
        prompt: child.prompt.clone(),
        title: child.title.clone(),
        base: parent.base.clone(),
        agent: Some(child.agent.clone().unwrap_or_else(|| parent.agent.clone())),
        model: child.model.clone().or(own_model),
        mode: Some(parent.mode),
        on_timeout: parent.on_timeout,
        limits: Some(Limits { budget_micros, ..parent.limits.clone() }),
        issue: None,
        attachments: Vec::new(),
        hold: parent.hold,
        runner: parent.only_runner,
        group: None,
        profile: parent.profile.clone().filter(|_| same_agent),
        provider: parent.provider.clone().filter(|_| same_agent),
        review: parent.review.clone(),
        remote_control: Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::TaskState;

    fn bounds(tasks: u32, depth: u32, budget_micros: Option<u64>) -> ChildBounds {
        ChildBounds { tasks, depth, budget_micros }
    }

    fn below(state: &str, budget: Option<u64>, spent: Option<u64>) -> Task {
        let id = "0190b1de-0000-7000-8000-00000000002a";
        let mut task: Task = serde_json::from_value(serde_json::json!({
            "id": id, "title": "t", "prompt": "p", "project": "demo", "agent": "scripted",
            "mode": "auto", "on_timeout": "proceed", "branch": "b", "state": "queued",
            "since": 0, "created_at": 0,
        }))
        .expect("a task");
        if state == "over" {
            task.state = TaskState::NoChange;
        }
        task.limits.budget_micros = budget;
        task.usage.cost_micros = spent;
        task.usage.input_tokens = u64::from(spent.is_some());
        task
    }

    #[test]
    fn no_more_and_no_deeper_than_the_project_says() {
        let none: &[Task] = &[];
        let one = &[below("queued", None, None)][..];
        let check = |bounds, depth, family: &[Task], fits: bool| {
            let fitted = within(bounds, depth, family, None);
            assert_eq!(fitted.is_ok(), fits, "{bounds:?} {depth} {} {fitted:?}", family.len());
        };
        check(ChildBounds::default(), 1, none, false);
        check(bounds(1, 0, None), 1, none, false);
        check(bounds(1, 1, None), 1, none, true);
        check(bounds(1, 1, None), 1, one, false);
        check(bounds(2, 1, None), 1, one, true);
        check(bounds(2, 1, None), 2, one, false);
        check(bounds(2, 2, None), 2, one, true);
    }

    #[test]
    fn all_together_spend_no_more_than_the_project_says() {
        let dollar = 1_000_000;
        let budget =
            |family: &[Task], wanted| within(bounds(4, 1, Some(4 * dollar)), 1, family, wanted);
        assert_eq!(budget(&[], None), Ok(Some(dollar)), "its share");
        assert_eq!(budget(&[], Some(4 * dollar)), Ok(Some(4 * dollar)));
        assert!(budget(&[], Some(4 * dollar + 1)).is_err());
        let at_work = below("queued", Some(3 * dollar), Some(dollar));
        assert_eq!(budget(std::slice::from_ref(&at_work), None), Ok(Some(dollar / 3)));
        assert!(budget(std::slice::from_ref(&at_work), Some(2 * dollar)).is_err());
        let over = below("over", Some(3 * dollar), Some(dollar));
        assert_eq!(budget(&[over], None), Ok(Some(dollar)), "what it did not spend comes back");
        let unknown = below("over", Some(4 * dollar), None);
        let unknown =
            Task { usage: pilot_proto::run::Usage { input_tokens: 1, ..unknown.usage }, ..unknown };
        assert!(budget(&[unknown], None).is_err(), "nobody knows that it spent less");
        assert_eq!(within(bounds(4, 1, None), 1, &[], Some(5)), Ok(Some(5)), "its own limit only");
    }
}
