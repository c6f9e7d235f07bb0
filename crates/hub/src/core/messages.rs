//! What the core is told: wishes, which are answered, and news, which are not.

use super::intake::IntakeWish;
use super::orders::Permit;
use super::schedules::ScheduleWish;
use crate::links::Outlet;
use crate::publish::Sight;
use crate::vaults::Fetched;
use pilot_lifecycle::intake::Sighting;
use pilot_lifecycle::{Assignment, RetryAt};
use pilot_proto::console::{IssueFiled, NewBatch, NewTask, Prices, ReviewNote, TryAgent};
use pilot_proto::permission::PermissionRule;
use pilot_proto::project::Profile;
use pilot_proto::runner::{About, Held, Load};
use pilot_proto::task::PullRequest;
use pilot_proto::{
    Answer, Forge, InboxId, InboxItem, Problem, Project, Provider, Record, RunId, RunnerId,
    SecretOrigin, SecretSeen, Task, TaskId, Timestamp,
};
use pilot_store::{EnrolledRunner, StoredRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// What a console, or somebody who wants to join, wants changed.
#[derive(Debug)]
pub(crate) struct Wish {
    /// What.
    pub(crate) want: Want,
    /// Where the answer goes.
    pub(crate) reply: Reply,
}

/// Where an answer goes: the first one; a second finds nobody.
#[derive(Debug, Clone)]
pub(crate) struct Reply(Arc<Mutex<Option<AnswerSender>>>);

type AnswerSender = oneshot::Sender<Result<Granted, Problem>>;

impl Reply {
    pub(crate) fn answer(&self, answer: Result<Granted, Problem>) {
        let reply = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reply) = reply
            && reply.send(answer).is_err()
        {
            tracing::debug!("a console went before its answer");
        }
    }
}

/// What is wanted.
#[derive(Debug)]
pub(crate) enum Want {
    /// Tasks filed, all or none; those of a batch belong together.
    File(Vec<NewTask>, Option<NewBatch>),
    /// Something done with a task.
    Steer(TaskId, Steer),
    /// This task of its group published, and the others stopped.
    Keep(TaskId),
    /// An inbox item answered.
    Answer {
        /// Which.
        item: InboxId,
        /// What.
        answer: Answer,
        /// Who says so.
        who: String,
    },
    /// A project added or changed.
    PutProject(Box<Project>),
    /// A project removed.
    RemoveProject(String),
    /// A forge added or changed; its token is in the credential file already.
    PutForge(Forge),
    /// A forge removed.
    RemoveForge(String),
    /// A provider removed.
    RemoveProvider(String),
    /// A provider added or changed; its key is in the credential file already.
    PutProvider(Provider),
    /// A profile added or changed.
    PutProfile(Box<Profile>),
    /// A profile removed.
    RemoveProfile(String),
    /// A secret known; its value, if it is ours, is kept already.
    PutSecret {
        /// Its name.
        name: String,
        /// Where its value comes from.
        origin: SecretOrigin,
    },
    /// A secret removed.
    RemoveSecret(String),
    /// Prices of models set.
    PutPrices(Prices),
    /// Something about issues.
    Intake(Box<IntakeWish>),
    /// Something about schedules.
    Schedule(Box<ScheduleWish>),
    /// Hosts added to what a project's runs may reach.
    Allow {
        /// Which project.
        project: String,
        /// Rules.
        rules: Vec<String>,
    },
    /// Rules added to what a project's agents may do.
    AddRules {
        /// Which project.
        project: String,
        /// Rules.
        rules: Vec<PermissionRule>,
    },
    /// A join code made.
    PutJoinCode {
        /// Hash of the code.
        hash: String,
        /// Until when.
        expires_at: Timestamp,
    },
    /// A runner enrolled with a code.
    Enrol {
        /// Hash of the code.
        hash: String,
        /// The runner.
        runner: Box<EnrolledRunner>,
    },
    /// A runner revoked.
    Revoke(RunnerId),
    /// A runner asked to look at its machine again.
    Look(RunnerId),
    /// A runner asked whether an agent of it answers.
    Try(TryAgent),
}

/// What may be done with a task.
#[derive(Debug, Clone)]
pub(crate) enum Steer {
    /// Tell the agent something.
    Say(String),
    /// Tell the agent something in the middle of its turn.
    Now(String),
    /// Take back what it was not told yet.
    Unsay(String),
    /// Stop its turn.
    Interrupt,
    /// A person drives its screen.
    TakeOver(String),
    /// Its agent drives the screen again.
    HandBack {
        /// Who says so.
        who: String,
        /// What the agent is told about it.
        note: Option<String>,
    },
    /// Take the work as done.
    Done,
    /// End the task, and those below it if they are not to go on.
    Stop {
        /// They go on.
        keep_children: bool,
    },
    /// End the task and those below it without asking its agent to end.
    Kill,
    /// Again from its base.
    Again,
    /// Again from the end of a turn.
    Retry(Box<RetryAt>),
    /// On with the last session.
    Resume(Option<String>),
    /// Done by somebody else.
    Reassign(Assignment),
    /// What it holds published.
    Publish,
    /// Off the list of what needs a person.
    Dismiss,
    /// Comments told to the agent, and kept.
    Review(Review),
}

/// Comments on a change.
#[derive(Debug, Clone)]
pub(crate) struct Review {
    /// What the agent is told.
    pub(crate) text: String,
    /// The comments by themselves.
    pub(crate) notes: Vec<ReviewNote>,
    /// Who made them.
    pub(crate) who: String,
}

/// What a wish came to.
#[derive(Debug)]
pub(crate) enum Granted {
    /// The tasks, as they are now.
    Tasks(Vec<Task>),
    /// The inbox item, as it is now.
    Item(Box<InboxItem>),
    /// The project, as it is now.
    Project(Box<Project>),
    /// The secret, as it is now.
    Secret(Box<SecretSeen>),
    /// What became of issues.
    Issues(Vec<IssueFiled>),
    /// Done.
    Done,
}

impl Wish {
    pub(crate) fn new(want: Want) -> (Self, oneshot::Receiver<Result<Granted, Problem>>) {
        let (reply, answer) = oneshot::channel();
        (Self { want, reply: Reply(Arc::new(Mutex::new(Some(reply)))) }, answer)
    }

    /// Says no.
    pub(crate) fn refuse(self, problem: Problem) {
        self.reply.answer(Err(problem));
    }
}

/// What happened outside.
#[derive(Debug)]
pub(crate) enum News {
    /// A runner's primary connection stands.
    Connected(Box<Connected>),
    /// It is over.
    Disconnected {
        /// Whose.
        runner: RunnerId,
        /// Which.
        link: u64,
    },
    /// Records came.
    Journal(JournalNews),
    /// A runner is there.
    Beat {
        /// Who.
        runner: RunnerId,
        /// On which connection.
        link: u64,
        /// Runs it has that are not finished.
        runs: Vec<RunId>,
        /// How busy its machine is.
        load: Option<Load>,
    },
    /// A runner is set up differently now.
    About {
        /// Who.
        runner: RunnerId,
        /// On which connection.
        link: u64,
        /// How.
        about: About,
    },
    /// A runner took a run.
    Taken {
        /// Who.
        runner: RunnerId,
        /// On which connection.
        link: u64,
        /// Which.
        run: RunId,
        /// With which token.
        fence: u64,
    },
    /// A runner would not take a run.
    Declined {
        /// Who.
        runner: RunnerId,
        /// On which connection.
        link: u64,
        /// Which.
        run: RunId,
        /// With which token.
        fence: u64,
        /// In its words.
        reason: String,
    },
    /// The login to this forge was renewed.
    LoginRenewed(String),
    /// The login that a run pushes with was looked at.
    Freshened(Permit),
    /// Secrets of a run were read from their Vaults, or could not be.
    Fetched(Fetched),
    /// A forge said something about a task's pull request.
    PullRequest {
        /// Whose.
        task: TaskId,
        /// What.
        news: PullRequestNews,
    },
}

/// A runner's primary connection that stands.
#[derive(Debug)]
pub(crate) struct Connected {
    /// Who.
    pub(crate) runner: RunnerId,
    /// How it is set up.
    pub(crate) about: About,
    /// What it has.
    pub(crate) held: Vec<Held>,
    /// Version to speak.
    pub(crate) version: u32,
    /// Number of the connection.
    pub(crate) link: u64,
    /// The way to it.
    pub(crate) outlet: Arc<Outlet>,
}

/// The core's end of a runner's primary connection.
#[derive(Debug)]
pub(crate) struct LinkEnd {
    /// Number of the connection.
    pub(crate) link: u64,
    /// The way to it.
    pub(crate) outlet: Arc<Outlet>,
    /// How it is set up.
    pub(crate) about: About,
    /// Runs on its disk, as far as we know.
    pub(crate) held: BTreeMap<RunId, Held>,
    /// When it last said something.
    pub(crate) seen_at: Timestamp,
    /// How busy its machine is, as it last said.
    pub(crate) load: Option<Load>,
    /// When consoles were last told how busy it is, by the steady clock.
    pub(crate) load_told: Timestamp,
}

/// Records of one run, in order.
#[derive(Debug)]
pub(crate) struct JournalNews {
    /// Who sent them.
    pub(crate) runner: RunnerId,
    /// Whose.
    pub(crate) run: RunId,
    /// The records, as they are and as their writer spelled them.
    pub(crate) records: Vec<(Record, StoredRecord)>,
    /// How long they are.
    pub(crate) bytes: usize,
}

/// What a forge said.
#[derive(Debug, Clone)]
pub(crate) enum PullRequestNews {
    /// It is open, and was read back.
    Open(PullRequest),
    /// It is still open, and looks like this.
    Seen(Box<Sight>),
    /// Its CI still waits for a person, after a try to let it run.
    StillHeld,
    /// It could not be made, and will not be.
    Failed(Problem),
    /// It could not be made yet; it is tried again.
    Delayed(Problem),
    /// It was merged.
    Merged,
    /// It was closed without a merge.
    Closed,
}

/// What somebody tells of a project's issues and pull requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct IssueNews {
    /// Single ones.
    pub(crate) seen: Vec<Sighting>,
    /// All open ones that have the label, and whether these are all.
    pub(crate) labelled: Option<(BTreeSet<u64>, bool)>,
    /// In these there may be a command.
    pub(crate) commented: Vec<u64>,
    /// These changed, and when (RFC 3339).
    pub(crate) changed: Vec<(u64, String)>,
    /// Something happened to this pull request.
    pub(crate) pull: Option<u64>,
    /// A check of this commit says something else.
    pub(crate) checked: Option<String>,
}

impl IssueNews {
    /// It is about a pull request, and about no issue.
    pub(crate) fn is_of_pulls(&self) -> bool {
        self.pull.is_some() || self.checked.is_some()
    }
}

/// Anything the core is told.
pub(crate) enum Message {
    Wish(Wish),
    News(News),
}

impl Message {
    /// How much it adds to a commit.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::News(News::Journal(journal)) => journal.bytes,
            Self::Wish(_) | Self::News(_) => 256,
        }
    }

    /// Its commit may fail for its own sake.
    pub(crate) fn goes_alone(&self) -> bool {
        match self {
            Self::Wish(wish) => matches!(wish.want, Want::Enrol { .. }),
            Self::News(_) => false,
        }
    }

    /// What is left of it when its commit failed: wishes are refused, news stay.
    pub(crate) fn keep(self, problem: &Problem) -> Option<News> {
        match self {
            Self::Wish(wish) => {
                wish.refuse(problem.clone());
                None
            }
            Self::News(news) => Some(news),
        }
    }
}
