//! The command table: everything a console can ask of a hub, declared once.
//!
//! From a row come the hub's route, its role check, its audit name, and the
//! client's call. A hub that forgets to implement a row does not compile.
//!
//! Requests travel as path parameters (fields named in `{…}`), and the other
//! fields as query string (`GET`, `DELETE`: flat scalars only) or JSON body.

use crate::code::Problem;
use crate::event::{Cursor, Record};
use crate::ids::{InboxId, RunId, RunnerId, TaskId};
use crate::inbox::{Answer, InboxItem};
use crate::project::{Forge, ForgeKind, Project, Provider, ProviderKind};
use crate::run::Run;
use crate::runner::About;
use crate::secret::{self, Secret};
use crate::snapshot::{FileDiff, Snapshot};
use crate::task::{Limits, Mode, OnTimeout, Task};
use crate::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How a command travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Changes.
    Post,
    /// Removes.
    Delete,
}

/// What somebody may do. Ordered: each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Viewer,
    /// File and steer tasks.
    Operator,
    /// Answer permissions and plans.
    Approver,
    /// Change projects, credentials and runners.
    Admin,
}

/// A row of the table, as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `task_new`: the audit name, and the CLI's and MCP's name for it.
    pub name: &'static str,
    /// How it travels.
    pub method: Method,
    /// Path with `{field}`s.
    pub path: &'static str,
    /// Role it needs.
    pub role: Role,
    /// One line.
    pub doc: &'static str,
}

/// A command.
pub trait Command {
    /// Its row.
    const ENTRY: Entry;
    /// What is asked.
    type Request: Serialize + DeserializeOwned + Send + 'static;
    /// What is answered.
    type Response: Serialize + DeserializeOwned + Send + 'static;
}

macro_rules! command_table {
    ($($(#[doc = $doc:literal])+ $command:ident($name:literal, $method:ident, $path:literal, $role:ident): $request:ty => $response:ty;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, Copy)]
            pub struct $command;

            impl Command for $command {
                const ENTRY: Entry = Entry {
                    name: $name,
                    method: Method::$method,
                    path: $path,
                    role: Role::$role,
                    doc: concat!($($doc),+),
                };
                type Request = $request;
                type Response = $response;
            }
        )+

        /// The whole table.
        pub const TABLE: &[Entry] = &[$(<$command as Command>::ENTRY),+];

        /// Calls the macro `$then` with the names of all commands, so that a
        /// hub can make a route of each: `for_each_command!(my_macro)` expands
        /// to `my_macro! { TaskNew, TaskList, … }`.
        #[macro_export]
        macro_rules! for_each_command {
            ($then:ident) => { $then! { $($command),+ } };
        }
    };
}

command_table! {
    /// Who am I, and which hub is this?
    HubStatus("hub_status", Get, "/api/hub", Viewer): Nothing => HubInfo;
    /// Files a task.
    TaskNew("task_new", Post, "/api/tasks", Operator): NewTask => Task;
    /// Files many tasks at once, all or none.
    TaskNewMany("task_new_many", Post, "/api/tasks/many", Operator): NewTasks => Vec<Task>;
    /// Lists tasks, newest first.
    TaskList("task_list", Get, "/api/tasks", Viewer): TaskQuery => Vec<Task>;
    /// Shows a task.
    TaskShow("task_show", Get, "/api/tasks/{task}", Viewer): OneTask => TaskDetail;
    /// Reads lines of a task's log.
    TaskLog("task_log", Get, "/api/tasks/{task}/log", Viewer): LogQuery => LogPage;
    /// Searches a task's log.
    TaskLogSearch("task_log_search", Get, "/api/tasks/{task}/log/search", Viewer): LogSearch => LogHits;
    /// Reads records of a run's journal.
    TaskJournal("task_journal", Get, "/api/tasks/{task}/journal", Viewer): JournalQuery => JournalPage;
    /// The files a task changed, now or at an earlier point of the journal.
    TaskDiff("task_diff", Get, "/api/tasks/{task}/diff", Viewer): DiffQuery => Snapshot;
    /// One changed file, side by side.
    TaskDiffFile("task_diff_file", Get, "/api/tasks/{task}/diff/file", Viewer): FileQuery => FileDiff;
    /// Tells the agent something: queued while it works, a new run when it is done.
    TaskSay("task_say", Post, "/api/tasks/{task}/say", Operator): Say => Task;
    /// Stops the agent's turn and keeps its session.
    TaskInterrupt("task_interrupt", Post, "/api/tasks/{task}/interrupt", Operator): OneTask => Task;
    /// Ends the task; its work is rescued, nothing is published.
    TaskStop("task_stop", Post, "/api/tasks/{task}/stop", Operator): OneTask => Task;
    /// Runs the task again from its base.
    TaskRetry("task_retry", Post, "/api/tasks/{task}/retry", Operator): OneTask => Task;
    /// Continues the session of the last run, on its work, in a new run.
    TaskResume("task_resume", Post, "/api/tasks/{task}/resume", Operator): Resume => Task;
    /// What needs a person, oldest first.
    InboxList("inbox_list", Get, "/api/inbox", Viewer): InboxQuery => Vec<InboxItem>;
    /// Answers an inbox item.
    InboxAnswer("inbox_answer", Post, "/api/inbox/{item}", Approver): AnswerItem => InboxItem;
    /// Adds or changes a project.
    ProjectAdd("project_add", Post, "/api/projects", Admin): Project => Project;
    /// Lists projects.
    ProjectList("project_list", Get, "/api/projects", Viewer): Nothing => Vec<Project>;
    /// Removes a project that has no task under way.
    ProjectRemove("project_remove", Delete, "/api/projects/{name}", Admin): Named => Nothing;
    /// Adds or changes a forge; its token is checked first.
    ForgeAdd("forge_add", Post, "/api/forges", Admin): NewForge => Forge;
    /// Lists forges.
    ForgeList("forge_list", Get, "/api/forges", Viewer): Nothing => Vec<Forge>;
    /// Adds or changes a model provider.
    ProviderAdd("provider_add", Post, "/api/providers", Admin): NewProvider => Provider;
    /// Lists model providers.
    ProviderList("provider_list", Get, "/api/providers", Viewer): Nothing => Vec<Provider>;
    /// Makes a single-use code that enrols one runner.
    JoinCodeNew("join_code_new", Post, "/api/runners/join-codes", Admin): NewJoinCode => NewJoinCodeMade;
    /// Lists runners.
    RunnerList("runner_list", Get, "/api/runners", Viewer): Nothing => Vec<RunnerSeen>;
    /// Revokes a runner: it is disconnected at once and refused from then on.
    RunnerRevoke("runner_revoke", Post, "/api/runners/{runner}/revoke", Admin): OneRunner => Nothing;
}

/// Path of the console's WebSocket ([`FromConsole`], [`ToConsole`]).
pub const LIVE_PATH: &str = "/api/live";
/// Path of a task's rescue bundle: `GET`, answers the bytes of a git bundle.
pub const RESCUE_PATH: &str = "/api/tasks/{task}/rescue";

/// Nothing to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Nothing {}

/// Which hub this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubInfo {
    /// Version of its `pilot`.
    pub build: String,
    /// Version of the runner wire it speaks.
    pub runner_version: u32,
    /// Who the caller is to it.
    pub you: String,
    /// What the caller may do.
    pub role: Role,
}

/// A task to file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// Chosen by the console, so that a repeated request files one task.
    #[serde(default)]
    pub id: Option<TaskId>,
    /// Project.
    pub project: String,
    /// What to do (Markdown, at most [`NewTask::MAX_PROMPT`] bytes).
    pub prompt: String,
    /// For lists; none: the prompt's first line.
    #[serde(default)]
    pub title: Option<String>,
    /// None: the project's.
    #[serde(default)]
    pub base: Option<String>,
    /// None: the project's.
    #[serde(default)]
    pub agent: Option<String>,
    /// None: the agent's default.
    #[serde(default)]
    pub model: Option<String>,
    /// How much the agent may do by itself.
    #[serde(default)]
    pub mode: Mode,
    /// What happens when nobody answers.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// Bounds of each run.
    #[serde(default)]
    pub limits: Limits,
    /// Issue that the pull request closes.
    #[serde(default)]
    pub issue: Option<u64>,
}

impl NewTask {
    /// As long as an issue of 5 MB is refused and any real ticket fits.
    pub const MAX_PROMPT: usize = 1024 * 1024;
}

/// Tasks to file, all or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTasks {
    /// At most 1000.
    pub tasks: Vec<NewTask>,
}

/// Which tasks to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskQuery {
    /// Only of this project.
    pub project: Option<String>,
    /// Only in this state (`queued`, `needs_you`, …).
    pub state: Option<String>,
    /// At most this many; none: 1000.
    pub limit: Option<u32>,
    /// Only those filed before this one, for the next page.
    pub before: Option<TaskId>,
}

/// A task by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTask {
    /// Which.
    pub task: TaskId,
}

/// A task with its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// Its runs, oldest first.
    pub runs: Vec<Run>,
    /// What it waits for.
    pub inbox: Vec<InboxItem>,
}

/// Which lines of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// First line, from 0; none: so that the last line is included.
    #[serde(default)]
    pub from: Option<u64>,
    /// At most this many; none: 1000; bound: 10,000.
    #[serde(default)]
    pub lines: Option<u32>,
}

/// Lines of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Of which run.
    pub run: Option<RunId>,
    /// Number of the first line given.
    pub first: u64,
    /// The lines.
    pub lines: Vec<LogText>,
    /// How many the log has.
    pub total: u64,
    /// Last durable record: subscribe from here for what follows.
    pub cursor: Cursor,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogText {
    /// Number of the line, from 0.
    pub line: u64,
    /// When it was minted.
    pub at: Timestamp,
    /// Where it came from.
    pub stream: crate::event::Stream,
    /// The line.
    pub text: String,
}

/// What to look for in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSearch {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// What.
    pub pattern: String,
    /// `pattern` is a regular expression (syntax of the Rust `regex` crate).
    #[serde(default)]
    pub regex: bool,
    /// Upper and lower case are the same.
    #[serde(default)]
    pub ignore_case: bool,
    /// First line to look at.
    #[serde(default)]
    pub from: Option<u64>,
    /// At most this many; none: 200; bound: 10,000.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Lines that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHits {
    /// The lines.
    pub hits: Vec<LogText>,
    /// Where to go on, if the limit was reached.
    #[serde(default)]
    pub next: Option<u64>,
}

/// Which records of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Those after this sequence number; none: from the start.
    #[serde(default)]
    pub after: Option<u64>,
    /// At most this many; none: 1000; bound: 10,000. A page also ends at 4 MiB.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Records of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalPage {
    /// Of which run.
    pub run: Option<RunId>,
    /// The records.
    pub records: Vec<Record>,
    /// Last durable record of the journal.
    pub end: Cursor,
}

/// Which snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// As it was at this sequence number of the journal; none: the latest.
    #[serde(default)]
    pub at: Option<u64>,
}

/// Which file of which snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// As it was at this sequence number of the journal; none: the latest.
    #[serde(default)]
    pub at: Option<u64>,
    /// Which file.
    pub path: String,
    /// First row; none: 0.
    #[serde(default)]
    pub first: Option<u64>,
    /// At most this many rows; none: 2000; bound: 20,000.
    #[serde(default)]
    pub rows: Option<u32>,
    /// Fold equal rows further than this from a change; none: no folding.
    #[serde(default)]
    pub context: Option<u32>,
}

/// What to tell an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Say {
    /// Of which task.
    pub task: TaskId,
    /// What.
    pub text: String,
}

/// How to go on with a task whose run has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Which.
    pub task: TaskId,
    /// What to tell the agent; none: to go on where it was.
    #[serde(default)]
    pub text: Option<String>,
}

/// Which inbox items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InboxQuery {
    /// Of this task.
    pub task: Option<TaskId>,
    /// Those already answered, too.
    pub all: Option<bool>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerItem {
    /// To which item.
    pub item: InboxId,
    /// What.
    #[serde(flatten)]
    pub answer: Answer,
}

/// Something with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
}

/// A forge to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewForge {
    /// Our name for it.
    pub name: String,
    /// Which API it speaks.
    pub kind: ForgeKind,
    /// Base URL of its web interface.
    pub url: String,
    /// Access token.
    #[serde(with = "secret::in_clear")]
    pub token: Secret,
}

/// A model provider to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewProvider {
    /// Our name for it.
    pub name: String,
    /// Which API it speaks.
    pub kind: ProviderKind,
    /// Somewhere else than the vendor's own endpoint.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Key.
    #[serde(with = "secret::in_clear")]
    pub key: Secret,
}

/// How long a join code lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewJoinCode {
    /// Seconds; none: 900.
    pub valid_secs: Option<u64>,
}

/// A join code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJoinCodeMade {
    /// To paste: `pilot runner --join CODE`.
    #[serde(with = "secret::in_clear")]
    pub code: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A runner by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneRunner {
    /// Which.
    pub runner: RunnerId,
}

/// A runner as a console sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerSeen {
    /// Its id.
    pub id: RunnerId,
    /// How it is set up, as it last said.
    pub about: About,
    /// It is connected.
    pub online: bool,
    /// When it last said something.
    #[serde(default)]
    pub seen_at: Option<Timestamp>,
    /// A person revoked it.
    #[serde(default)]
    pub revoked: bool,
    /// Runs it holds.
    pub runs: Vec<RunId>,
}

/// From a console, on its WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromConsole {
    /// Tell me of every change of a task, runner or inbox item.
    WatchAll {
        /// Chosen by the console; comes back with everything it is told.
        watch: u32,
    },
    /// Tell me every record of this run's journal after a position: history
    /// first, then live, in order, each once.
    WatchJournal {
        /// Chosen by the console.
        watch: u32,
        /// Which run.
        run: RunId,
        /// After which sequence number; 0 for all.
        after: u64,
    },
    /// No more of this.
    Unwatch {
        /// Which.
        watch: u32,
    },
}

/// To a console, on its WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToConsole {
    /// The watch stands: `WatchAll` begins with the present state of
    /// everything, `WatchJournal` with the record after the one asked for.
    Watching {
        /// Which.
        watch: u32,
    },
    /// A task as it is now.
    Task {
        /// Which watch.
        watch: u32,
        /// The task.
        task: Box<Task>,
    },
    /// A runner as it is now.
    Runner {
        /// Which watch.
        watch: u32,
        /// The runner.
        runner: Box<RunnerSeen>,
    },
    /// An inbox item as it is now.
    Inbox {
        /// Which watch.
        watch: u32,
        /// The item.
        item: Box<InboxItem>,
    },
    /// Records, in order.
    Records {
        /// Which watch.
        watch: u32,
        /// The records.
        records: Vec<Record>,
        /// The journal has ended with these.
        #[serde(default)]
        end: bool,
    },
    /// The console is too slow: the hub stopped queueing for this watch and
    /// goes on from `after` when the console has caught up. Nothing is lost;
    /// for `WatchAll` the present state is sent again.
    Behind {
        /// Which watch.
        watch: u32,
        /// How many messages were not queued.
        by: u64,
        /// Where it goes on, for a journal.
        #[serde(default)]
        after: Option<u64>,
    },
    /// The watch could not be made, or has ended.
    Ended {
        /// Which.
        watch: u32,
        /// Why.
        #[serde(default)]
        problem: Option<Problem>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_has_its_own_name_and_route() {
        let names: BTreeSet<_> = TABLE.iter().map(|entry| entry.name).collect();
        let routes: BTreeSet<_> =
            TABLE.iter().map(|entry| (format!("{:?}", entry.method), entry.path)).collect();
        assert_eq!(names.len(), TABLE.len(), "two commands share a name");
        assert_eq!(routes.len(), TABLE.len(), "two commands share a route");
    }
}
