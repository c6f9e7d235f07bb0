//! The command table: everything a console can ask of a hub, declared once.
//!
//! From a row come the hub's route, its role check, its audit name, and the
//! client's call. A hub that forgets to implement a row does not compile.
//!
//! Requests travel as path parameters (fields named in `{…}`), and the other
//! fields as query string (`GET`, `DELETE`: flat scalars only) or JSON body.

mod compare;
mod forges;
mod inbox;
mod issues;
mod live;
mod network;
mod reads;
mod runners;
mod schedules;
mod setup;
mod tasks;
mod vaults;

pub use compare::{ComparedFile, ComparedTask, GroupComparison, OneGroup, TestRun, TouchedBy};
pub use forges::{
    AccessBy, ForgeAccess, ForgeLoginSeen, ForgeSeen, LoginAddress, LoginStanding, NewForge,
    NewForgeApp, NewForgeLogin,
};
pub use inbox::{AnswerItem, InboxQuery};
pub use issues::{FileIssues, IssueFiled, IssueQuery, IssueSeen, IssueStanding, OneTicket};
pub use live::{FromConsole, JournalPart, ToConsole};
pub use network::{AddRules, AllowHosts, NetworkAudit, NetworkQuery, NetworkTry, Prices};
pub use reads::{
    DiffQuery, FileQuery, JournalPage, JournalQuery, LogHits, LogPage, LogQuery, LogSearch,
    LogText, Moment, MomentKind, Moments, MomentsQuery,
};
pub use runners::{NewJoinCode, NewJoinCodeMade, OneRunner, RunnerSeen, TryAgent};
pub use schedules::{
    CronMeaning, CronQuery, NewSchedule, OneSchedule, PauseSchedule, ScheduleSeen, ScheduleTime,
};
pub use setup::{
    AdviceWeight, CredentialKeep, EffectiveLogin, HubInfo, LoginQuery, Named, NewFullLogin,
    NewProvider, NewSignInCode, NewSignInCodeMade, Nothing, Preference, PreferenceKey,
    SettingAdvice, SignIn,
};
pub use tasks::{
    IssueFound, IssueLinks, NewAttachment, NewBatch, NewTask, NewTasks, OneTask, Reassign, Resume,
    RetryFrom, ReviewNote, ReviewNoteSent, Said, SaidWaits, Say, SendReview, Stop, TaskDetail,
    TaskQuery, Unsay,
};
pub use vaults::{NewVault, NewVaultLogin, VaultLoginSeen, VaultSeen};

use crate::film::{Film, FilmOf};
use crate::grant::{NewSecret, SecretSeen};
use crate::inbox::InboxItem;
use crate::intake::{IntakePolicy, IntakeSeen, Ticket};
use crate::project::{Forge, Profile, Project, Provider};
use crate::screen::{HandBack, ScreenAttach};
use crate::snapshot::{FileDiff, Snapshot};
use crate::task::{Attachment, Task};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a command travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
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
    /// The points of a run that a person may want to go back to.
    TaskMoments("task_moments", Get, "/api/tasks/{task}/moments", Viewer): MomentsQuery => Moments;
    /// What a run tried to reach, what became of it, and a policy that would have let it.
    TaskNetwork("task_network", Get, "/api/tasks/{task}/network", Viewer): NetworkQuery => NetworkAudit;
    /// Tells the agent something: now or queued while it works, a new run when it is done.
    TaskSay("task_say", Post, "/api/tasks/{task}/say", Operator): Say => Task;
    /// Takes back what the agent was not told yet.
    TaskUnsay("task_unsay", Post, "/api/tasks/{task}/unsay", Operator): Unsay => Task;
    /// Stops the agent's turn and keeps its session.
    TaskInterrupt("task_interrupt", Post, "/api/tasks/{task}/interrupt", Operator): OneTask => Task;
    /// Takes keyboard and pointer of the run's screen; the agent's input is refused meanwhile.
    TaskTakeover("task_takeover", Post, "/api/tasks/{task}/takeover", Operator): OneTask => Task;
    /// Gives the screen back to the agent, with a note that it is told next.
    TaskHandback("task_handback", Post, "/api/tasks/{task}/handback", Operator): HandBack => Task;
    /// Makes a film of a recording, or says how far it is.
    FilmMake("film_make", Post, "/api/tasks/{task}/films/{blob}", Viewer): FilmOf => Film;
    /// How far a film is.
    FilmShow("film_show", Get, "/api/tasks/{task}/films/{blob}", Viewer): FilmOf => Film;
    /// Stops making a film, or forgets it.
    FilmDrop("film_drop", Delete, "/api/tasks/{task}/films/{blob}", Viewer): FilmOf => Nothing;
    /// Makes a VNC server that the runner's owner allows the run's screen, or gives the run its own again.
    TaskScreenAttach("task_screen_attach", Post, "/api/tasks/{task}/screen", Operator): ScreenAttach => Task;
    /// Says that the work is done: the run collects, commits and publishes what is there.
    TaskDone("task_done", Post, "/api/tasks/{task}/done", Operator): OneTask => Task;
    /// Ends the task and those below it; their work is rescued, nothing is published.
    TaskStop("task_stop", Post, "/api/tasks/{task}/stop", Operator): Stop => Task;
    /// As `task_stop`, at once: the agents are killed and not asked to end.
    TaskKill("task_kill", Post, "/api/tasks/{task}/kill", Operator): OneTask => Task;
    /// Begins again where a turn of a run ended: with the tree and the session as they were then.
    TaskRetry("task_retry", Post, "/api/tasks/{task}/retry", Operator): RetryFrom => Task;
    /// Runs the task again: from its base, in a fresh session, with its own prompt.
    TaskAgain("task_again", Post, "/api/tasks/{task}/again", Operator): OneTask => Task;
    /// Continues the session of the last run, on its work, in a new run.
    TaskResume("task_resume", Post, "/api/tasks/{task}/resume", Operator): Resume => Task;
    /// Gives the task to another runner, agent or model: at once while it waits, after the run
    /// at work was stopped and rescued, or as a new attempt.
    TaskReassign("task_reassign", Post, "/api/tasks/{task}/reassign", Operator): Reassign => Task;
    /// Lets work that was held for a look be published.
    TaskPublish("task_publish", Post, "/api/tasks/{task}/publish", Approver): OneTask => Task;
    /// Keeps this task of a group: it is published, the others are stopped.
    TaskKeep("task_keep", Post, "/api/tasks/{task}/keep", Approver): OneTask => Task;
    /// The tasks of a group side by side: what each changed, ran, took and cost.
    GroupCompare("group_compare", Get, "/api/groups/{group}", Viewer): OneGroup => GroupComparison;
    /// Takes a task that has ended off the list of what needs a person.
    TaskDismiss("task_dismiss", Post, "/api/tasks/{task}/dismiss", Operator): OneTask => Task;
    /// Sends comments on lines of the change to the agent, as one follow-up.
    TaskReview("task_review", Post, "/api/tasks/{task}/review", Operator): SendReview => Task;
    /// The comments sent so far, oldest first.
    TaskReviewNotes("task_review_notes", Get, "/api/tasks/{task}/review", Viewer): OneTask => Vec<ReviewNoteSent>;
    /// Keeps a file to be given to an agent with a task.
    AttachmentNew("attachment_new", Post, "/api/attachments", Operator): NewAttachment => Attachment;
    /// Looks up issues by the links of their pages.
    IssueLookUp("issue_look_up", Post, "/api/issues/look-up", Operator): IssueLinks => Vec<IssueFound>;
    /// Lists a project's issues, the latest first, with the tasks made of them.
    IssueList("issue_list", Get, "/api/projects/{name}/issues", Viewer): IssueQuery => Vec<IssueSeen>;
    /// Makes tasks of issues: they are noted at once, and read and filed after the answer.
    IssueFile("issue_file", Post, "/api/projects/{name}/issues/file", Operator): FileIssues => Vec<IssueFiled>;
    /// Issues that are on their way to becoming tasks, and those that came to nothing.
    TicketList("ticket_list", Get, "/api/tickets", Viewer): Nothing => Vec<Ticket>;
    /// Takes an issue off that way.
    TicketDrop("ticket_drop", Post, "/api/tickets/drop", Operator): OneTicket => Nothing;
    /// Says which issues of a project become tasks by themselves; registers its webhook.
    IntakeSet("intake_set", Post, "/api/intake", Admin): IntakePolicy => IntakeSeen;
    /// Lists what becomes a task by itself.
    IntakeList("intake_list", Get, "/api/intake", Viewer): Nothing => Vec<IntakeSeen>;
    /// Nothing of this project becomes a task by itself any more; removes its webhook.
    IntakeRemove("intake_remove", Delete, "/api/intake/{name}", Admin): Named => Nothing;
    /// Adds or changes a schedule of a project.
    ScheduleSet("schedule_set", Post, "/api/projects/{name}/schedules/{schedule}", Admin): NewSchedule => ScheduleSeen;
    /// Lists the schedules of all projects, with their next times.
    ScheduleList("schedule_list", Get, "/api/schedules", Viewer): Nothing => Vec<ScheduleSeen>;
    /// Removes a schedule; its tasks stay.
    ScheduleRemove("schedule_remove", Delete, "/api/projects/{name}/schedules/{schedule}", Admin): OneSchedule => Nothing;
    /// Stops a schedule for a while, or lets it go on from now.
    SchedulePause("schedule_pause", Post, "/api/projects/{name}/schedules/{schedule}/pause", Operator): PauseSchedule => ScheduleSeen;
    /// Files a task of a schedule now, besides its times.
    ScheduleRun("schedule_run", Post, "/api/projects/{name}/schedules/{schedule}/run", Operator): OneSchedule => Task;
    /// Says what a cron expression means, and its next times.
    SchedulePreview("schedule_preview", Get, "/api/schedules/preview", Viewer): CronQuery => CronMeaning;
    /// What needs a person, oldest first.
    InboxList("inbox_list", Get, "/api/inbox", Viewer): InboxQuery => Vec<InboxItem>;
    /// Answers an inbox item.
    InboxAnswer("inbox_answer", Post, "/api/inbox/{item}", Approver): AnswerItem => InboxItem;
    /// Adds or changes a project.
    ProjectAdd("project_add", Post, "/api/projects", Admin): Project => Project;
    /// Lists projects.
    ProjectList("project_list", Get, "/api/projects", Viewer): Nothing => Vec<Project>;
    /// Adds hosts to what a project's runs may reach, also those at work.
    ProjectAllow("project_allow", Post, "/api/projects/{name}/allow", Admin): AllowHosts => Project;
    /// Adds rules to what a project's agents may do, also those at work.
    ProjectRules("project_rules", Post, "/api/projects/{name}/rules", Admin): AddRules => Project;
    /// Removes a project that has no task under way.
    ProjectRemove("project_remove", Delete, "/api/projects/{name}", Admin): Named => Nothing;
    /// Says what the settings of a project's repository at its forge should be.
    ProjectAdvice("project_advice", Get, "/api/projects/{name}/advice", Operator): Named => Vec<SettingAdvice>;
    /// Adds or changes a forge; its token is checked first.
    ForgeAdd("forge_add", Post, "/api/forges", Admin): NewForge => Forge;
    /// Lists forges.
    ForgeList("forge_list", Get, "/api/forges", Viewer): Nothing => Vec<ForgeSeen>;
    /// Begins a login to a forge: a page to open, and perhaps a code to type in there.
    ForgeLogin("forge_login", Post, "/api/forges/{name}/login", Admin): NewForgeLogin => ForgeLoginSeen;
    /// How the latest login to a forge stands.
    ForgeLoginShow("forge_login_show", Get, "/api/forges/{name}/login", Admin): Named => ForgeLoginSeen;
    /// Ends a login whose browser could not come back to the hub's machine.
    ForgeLoginFinish("forge_login_finish", Post, "/api/forges/{name}/login/finish", Admin): LoginAddress => Nothing;
    /// Gives up a login that waits for somebody.
    ForgeLoginCancel("forge_login_cancel", Delete, "/api/forges/{name}/login", Admin): Named => Nothing;
    /// Removes a forge that no project uses, and its token.
    ForgeRemove("forge_remove", Delete, "/api/forges/{name}", Admin): Named => Nothing;
    /// Adds or changes a model provider.
    ProviderAdd("provider_add", Post, "/api/providers", Admin): NewProvider => Provider;
    /// Lists model providers.
    ProviderList("provider_list", Get, "/api/providers", Viewer): Nothing => Vec<Provider>;
    /// Removes a model provider and its key.
    ProviderRemove("provider_remove", Delete, "/api/providers/{name}", Admin): Named => Nothing;
    /// Keeps a full login of Claude Code with a provider: what Remote Control needs.
    ProviderLoginSet("provider_login_set", Post, "/api/providers/{name}/login", Admin): NewFullLogin => Provider;
    /// Forgets a provider's full login.
    ProviderLoginRemove("provider_login_remove", Delete, "/api/providers/{name}/login", Admin): Named => Provider;
    /// With which login a run would call its model.
    LoginShow("login_show", Get, "/api/login", Viewer): LoginQuery => EffectiveLogin;
    /// Adds or changes a profile.
    ProfileAdd("profile_add", Post, "/api/profiles", Admin): Profile => Profile;
    /// Lists profiles.
    ProfileList("profile_list", Get, "/api/profiles", Viewer): Nothing => Vec<Profile>;
    /// Removes a profile that no project uses.
    ProfileRemove("profile_remove", Delete, "/api/profiles/{name}", Admin): Named => Nothing;
    /// Keeps a secret that projects may use, or gives it a new value.
    SecretSet("secret_set", Post, "/api/secrets", Admin): NewSecret => SecretSeen;
    /// Lists secrets, without their values.
    SecretList("secret_list", Get, "/api/secrets", Viewer): Nothing => Vec<SecretSeen>;
    /// Removes a secret that no project uses.
    SecretRemove("secret_remove", Delete, "/api/secrets/{name}", Admin): Named => Nothing;
    /// Adds a Vault, or logs in to one anew; the login is tried first.
    VaultAdd("vault_add", Post, "/api/vaults", Admin): NewVault => VaultSeen;
    /// Lists Vaults, without what is shown to them.
    VaultList("vault_list", Get, "/api/vaults", Viewer): Nothing => Vec<VaultSeen>;
    /// Removes a Vault that no secret is read from.
    VaultRemove("vault_remove", Delete, "/api/vaults/{name}", Admin): Named => Nothing;
    /// The prices of models that go before the built-in ones.
    PriceList("price_list", Get, "/api/prices", Viewer): Nothing => Prices;
    /// Sets them, all at once.
    PriceSet("price_set", Post, "/api/prices", Admin): Prices => Prices;
    /// Makes a single-use code that enrols one runner.
    JoinCodeNew("join_code_new", Post, "/api/runners/join-codes", Admin): NewJoinCode => NewJoinCodeMade;
    /// Lists runners.
    RunnerList("runner_list", Get, "/api/runners", Viewer): Nothing => Vec<RunnerSeen>;
    /// Revokes a runner: it is disconnected at once and refused from then on.
    RunnerRevoke("runner_revoke", Post, "/api/runners/{runner}/revoke", Admin): OneRunner => Nothing;
    /// Asks a runner to look again which agents and tools it has.
    RunnerLook("runner_look", Post, "/api/runners/{runner}/look", Operator): OneRunner => Nothing;
    /// Has a runner start an agent in walls with a trivial prompt; what came of it is told with
    /// the runner.
    RunnerTry("runner_try", Post, "/api/runners/{runner}/try", Operator): TryAgent => Nothing;
    /// Makes a single-use code that signs another browser in as the caller.
    SignInCodeNew("sign_in_code_new", Post, "/api/sign-in-codes", Viewer): NewSignInCode => NewSignInCodeMade;
    /// Reads something that the caller's consoles share.
    PreferenceGet("preference_get", Get, "/api/preferences", Viewer): PreferenceKey => Preference;
    /// Keeps something that the caller's consoles share.
    PreferenceSet("preference_set", Post, "/api/preferences", Viewer): Preference => Nothing;
}

/// Path of the console's WebSocket ([`FromConsole`], [`ToConsole`]).
pub const LIVE_PATH: &str = "/api/live";
/// Path of a browser's session: `POST` a [`SignIn`] to be given a cookie,
/// `DELETE` to sign out.
pub const SESSION_PATH: &str = "/session";
/// Path of a blob that a task's journal or snapshot names: `GET`, answers its
/// bytes, as a download.
pub const BLOB_PATH: &str = "/api/tasks/{task}/blobs/{blob}";
/// Path of a film that was made of a recording: `GET` with what a
/// [`FilmOf`] says, answers WebM, as a download.
pub const FILM_PATH: &str = "/api/tasks/{task}/films/{blob}/webm";
/// Path below which a task is spoken with as [AgentAPI](crate::agentapi).
pub const AGENTAPI_PATH: &str = "/agentapi/tasks/{task}";
/// Path that forges post webhooks to; each is signed with a secret of its own.
pub const HOOK_PATH: &str = "/hooks/{forge}/{project}";
/// Path of a task's rescue bundle: `GET`, answers the bytes of a git bundle.
pub const RESCUE_PATH: &str = "/api/tasks/{task}/rescue";

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
