//! Lists: tasks, inbox, projects, forges, providers, runners; and who is who.

use crate::core::{memory_key, said};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_lifecycle::TaskMachine;
use pilot_proto::console::{
    ForgeList, ForgeSeen, HubInfo, HubStatus, InboxList, InboxQuery, Nothing, OneTask, ProjectList,
    ProviderList, RunnerList, RunnerSeen, TaskDetail, TaskList, TaskQuery, TaskShow,
};
use pilot_proto::task::{ChildBounds, ChildSeen};
use pilot_proto::{Code, Forge, InboxItem, Problem, Project, Provider, Task, TaskId, TaskState};

/// Tasks in one answer.
const MAX_TASKS: u32 = 10_000;
const DEFAULT_TASKS: u32 = 1000;
/// Tasks below one that are shown: more than any project lets be filed.
const CHILDREN: usize = 10 * ChildBounds::MAX_TASKS as usize;

impl Answers<HubStatus> for Parts {
    async fn answer(&self, who: &Principal, _: Nothing) -> Result<HubInfo, Problem> {
        Ok(HubInfo {
            build: env!("CARGO_PKG_VERSION").to_owned(),
            runner_version: pilot_proto::runner::VERSION,
            you: who.name.clone(),
            role: who.role,
            credentials: self.credentials.kind(),
        })
    }
}

impl Answers<TaskList> for Parts {
    async fn answer(&self, _who: &Principal, query: TaskQuery) -> Result<Vec<Task>, Problem> {
        if let Some(state) = &query.state
            && !TaskState::NAMES.contains(&state.as_str())
        {
            let hint = format!("There are: {}.", TaskState::NAMES.join(", "));
            let message = format!("`state` is no state of a task: `{state}`.");
            return Err(Problem::new(Code::Invalid, message).hint(hint));
        }
        let limit = Some(query.limit.unwrap_or(DEFAULT_TASKS).min(MAX_TASKS));
        self.store.tasks(&TaskQuery { limit, ..query }).await.map_err(|error| error.problem())
    }
}

impl Answers<TaskShow> for Parts {
    async fn answer(&self, _who: &Principal, one: OneTask) -> Result<TaskDetail, Problem> {
        let task = self.task_or_problem(one.task).await?;
        let runs = self.store.runs(task.id).await.map_err(|error| error.problem())?;
        let query = InboxQuery { task: Some(task.id), all: None };
        let inbox = self.store.inbox(&query).await.map_err(|error| error.problem())?;
        let orders = match task.run {
            Some(run) => self.store.orders(run).await.map_err(|error| error.problem())?,
            None => Vec::new(),
        };
        let memory = self.store.setting(&memory_key(task.id)).await;
        let memory = memory.map_err(|error| error.problem())?;
        let memory = memory.and_then(|memory| serde_json::from_str(&memory).ok());
        let machine = TaskMachine::restore(task.clone(), runs.clone(), memory.unwrap_or_default());
        let said = said(&orders, machine.unsaid());
        let children = self.children(task.id).await?;
        Ok(TaskDetail { task, runs, inbox, said, children })
    }
}

impl Parts {
    /// The tasks below one, each after its parent.
    async fn children(&self, task: TaskId) -> Result<Vec<ChildSeen>, Problem> {
        let mut seen: Vec<ChildSeen> = Vec::new();
        let mut parents = vec![task];
        // Each right behind its parent, so that a list of them is the tree.
        while let Some(parent) = parents.pop() {
            let below = self.store.tasks_below(parent).await.map_err(|error| error.problem())?;
            let at = seen.iter().position(|one| one.task == parent).map_or(0, |at| at + 1);
            parents.extend(below.iter().map(|task| task.id));
            let below = below.iter().filter_map(|task| ChildSeen::of(task, String::new()));
            seen.splice(at..at, below.collect::<Vec<_>>());
            if seen.len() > CHILDREN {
                break;
            }
        }
        Ok(seen)
    }
}

impl Answers<InboxList> for Parts {
    async fn answer(&self, _who: &Principal, query: InboxQuery) -> Result<Vec<InboxItem>, Problem> {
        self.store.inbox(&query).await.map_err(|error| error.problem())
    }
}

impl Answers<ProjectList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<Project>, Problem> {
        self.store.projects().await.map_err(|error| error.problem())
    }
}

impl Answers<ForgeList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<ForgeSeen>, Problem> {
        let forges = self.store.forges().await.map_err(|error| error.problem())?;
        let seen = |forge: Forge| ForgeSeen { access: self.forge_logins.access(&forge), forge };
        Ok(forges.into_iter().map(seen).collect())
    }
}

impl Answers<ProviderList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<Provider>, Problem> {
        self.store.providers().await.map_err(|error| error.problem())
    }
}

impl Answers<RunnerList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<RunnerSeen>, Problem> {
        Ok(self.directory.all())
    }
}
