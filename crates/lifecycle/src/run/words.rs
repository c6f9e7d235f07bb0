//! What a run machine is told and what it says: steps, events and effects.

use pilot_proto::event::Event;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::{Checkpoint, Usage};
use pilot_proto::runner::Act;
use pilot_proto::task::{ChildSeen, NewChild};
use pilot_proto::{BlobId, OrderId, Problem, TaskId, Timestamp};

/// A piece of work the shim does for the machine, one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// [`RunEffect::Kill`].
    Kill,
    /// [`RunEffect::MakeWorkspace`].
    Workspace,
    /// [`RunEffect::Clone`].
    Clone,
    /// [`RunEffect::Rebase`].
    Rebase,
    /// [`RunEffect::Setup`].
    Setup,
    /// [`RunEffect::StartAgent`].
    Agent,
    /// [`RunEffect::Review`].
    Review,
    /// [`RunEffect::Collect`].
    Collect,
    /// [`RunEffect::Push`].
    Push,
    /// [`RunEffect::ReadBack`].
    ReadBack,
    /// [`RunEffect::Rescue`].
    Rescue,
    /// [`RunEffect::Wipe`].
    Wipe,
}

/// What happened to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// Begin (fresh or recovering).
    Start,
    /// The workspace's directories stand.
    WorkspaceMade,
    /// The tree is checked out.
    Cloned,
    /// The branch is on top of its base.
    Rebased {
        /// Its commit; none: that was not clean, or there was nothing to do.
        commit: Option<String>,
    },
    /// A setup step succeeded.
    SetupDone {
        /// Which, from 0.
        step: usize,
    },
    /// A step did not work out, or was aborted.
    Failed {
        /// Which.
        step: Step,
        /// Why.
        problem: Problem,
    },
    /// The agent's driver read this. `TurnEnded` ends the turn (its `turn` is
    /// filled in here); what only the machine may say (`TurnStarted`, `Asked`,
    /// `Phase`, …) is dropped; all else is journalled as it is.
    AgentSaid(Event),
    /// The agent gave a sign of life that is not an event.
    AgentAlive,
    /// The agent asks.
    AgentAsked {
        /// The driver's name for the ask.
        key: String,
        /// What.
        ask: Ask,
    },
    /// The agent is about to do what it would ask nobody for: may it, by the
    /// rules? → [`RunEffect::Rule`].
    AgentChecks {
        /// The driver's name for it.
        key: String,
        /// What would be asked.
        ask: Ask,
    },
    /// The agent was told what [`RunEffect::SteerAgent`] says, in the middle of its turn.
    AgentSteered {
        /// The order that said it.
        order: OrderId,
    },
    /// It hears nothing in the middle of its turn.
    AgentDeaf {
        /// The order that said it.
        order: OrderId,
    },
    /// The agent no longer wants to know.
    AgentWithdrew {
        /// The driver's name for the ask.
        key: String,
    },
    /// Whoever has taken the screen typed or pointed.
    ScreenTouched {
        /// When.
        at: Timestamp,
    },
    /// What runs inside says what it is doing.
    Reported {
        /// In its words.
        text: String,
    },
    /// What runs inside wants a task filed.
    ChildWanted {
        /// The run's name for the wish.
        token: String,
        /// Which.
        child: NewChild,
    },
    /// The gate refused something that nobody was asked for yet.
    Refused {
        /// The name, or the address where there is none.
        host: String,
        /// The port.
        port: u16,
        /// The command that tried, where it is known.
        process: Option<String>,
        /// Why, in words.
        because: String,
    },
    /// The agent's calls to models are refused from now on.
    BudgetReached {
        /// What was spent, in millionths of a US dollar.
        spent_micros: u64,
        /// What may be.
        budget_micros: u64,
    },
    /// The agent's process ended, and with it whatever it had started.
    AgentExited {
        /// Its exit code; none if a signal ended it.
        code: Option<i32>,
        /// The signal.
        signal: Option<i32>,
    },
    /// The end of a turn is kept, or could not be.
    Checkpointed {
        /// Which turn.
        turn: u32,
        /// What was kept; none: nothing, and why is in the log.
        kept: Option<Checkpoint>,
    },
    /// The reviewing agent has ended, and the tree is as it was before.
    Reviewed {
        /// Which round.
        round: u32,
        /// What it said last; none: the tree holds no change to look at.
        said: Result<Option<String>, Problem>,
        /// What it used.
        usage: Usage,
    },
    /// The last snapshot is journalled, the session is kept, and the tree is
    /// committed if that was wanted.
    Collected {
        /// The commit to push; none if the tree is what it was at the run's
        /// start, or no commit was wanted.
        commit: Option<String>,
    },
    /// The branch is in the remote, read back.
    Pushed {
        /// Its commit.
        commit: String,
    },
    /// The remote was read after a crash in the middle of a push.
    ReadBack {
        /// It holds the commit.
        landed: bool,
    },
    /// Unpublished work is safe; none: there was none.
    Rescued {
        /// The bundle.
        bundle: Option<Bundle>,
    },
    /// The workspace is gone.
    Wiped {
        /// Resources of the ledger that are still there.
        left: Vec<String>,
    },
    /// Nothing of the earlier incarnation runs any more.
    Killed {
        /// There is a checked-out tree.
        tree: bool,
    },
    /// An order of the hub. May come more than once, and in any state.
    Order {
        /// Its id.
        order: OrderId,
        /// What.
        act: Act,
    },
    /// The hub says that another run holds the lease, or the task is over.
    Fenced,
    /// The hub was heard: the runner may go on until then, counted from the
    /// *sending* of the beat that the hub heard, plus `lease_secs`.
    LeaseRenewed {
        /// When the lease ends.
        until: Timestamp,
    },
    /// Time has passed.
    Tick,
}

/// What the rules say to what an agent would ask nobody for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It goes on as if nobody had looked.
    Go,
    /// It is to ask.
    Ask,
    /// It may not, for this reason.
    Deny(String),
}

/// A rescue bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its bytes.
    pub id: BlobId,
    /// How many.
    pub size: u64,
    /// The ref inside it.
    pub reference: String,
}

/// What the shim has to do, in this order. A `Journal` is appended before the
/// effects after it are begun.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEffect {
    /// Append this to the journal.
    Journal(Event),
    /// Kill what an earlier incarnation left → `Killed`.
    Kill,
    /// Make the directories → `WorkspaceMade`.
    MakeWorkspace,
    /// Bring the mirror up to date and check out → `Cloned`.
    Clone,
    /// Put the branch on top of its base → `Rebased`.
    Rebase,
    /// Run a setup step → `SetupDone`.
    Setup {
        /// Which, from 0.
        step: usize,
    },
    /// End the step under way soon; it reports as usual, most likely `Failed`.
    Abort {
        /// Which.
        step: Step,
    },
    /// Start the agent and tell it this → `AgentSaid`, `AgentExited`, or
    /// `Failed` if it could not be started.
    StartAgent {
        /// What to do.
        prompt: String,
        /// It worked in this run before: its session is in the workspace, and
        /// is to be gone on with.
        again: bool,
    },
    /// Keep the tree and the session as they are: the agent is between two
    /// turns → `Checkpointed`.
    Checkpoint {
        /// Which turn has ended.
        turn: u32,
    },
    /// Have the second agent look at the tree, and put the tree back as it was
    /// → `Reviewed`.
    Review {
        /// Which round, from 1.
        round: u32,
    },
    /// Make the second agent end, politely, within seconds with force →
    /// `Reviewed`.
    StopReview,
    /// Begin a turn with this.
    TellAgent {
        /// What to tell it.
        text: String,
    },
    /// Tell it this in the middle of its turn → `AgentSteered` or `AgentDeaf`.
    SteerAgent {
        /// The order that says it.
        order: OrderId,
        /// What to tell it.
        text: String,
    },
    /// Tell it this in the middle of its turn, if it hears then; else nothing.
    HintAgent {
        /// What to tell it.
        text: String,
    },
    /// From now on this person drives the screen; none: the agent may.
    Drives {
        /// Who.
        who: Option<String>,
    },
    /// Tell it what the rules say to what it was about to do.
    Rule {
        /// The driver's name for it.
        key: String,
        /// What would be asked.
        ask: Ask,
        /// What they say.
        ruling: Ruling,
    },
    /// Stop the turn → `TurnEnded` some time.
    InterruptAgent,
    /// Give the agent the answer to its ask.
    AnswerAgent {
        /// The driver's name for the ask.
        key: String,
        /// What was asked.
        ask: Ask,
        /// What is answered.
        answer: Answer,
    },
    /// Tell whoever wished for it what became of a task.
    ChildDecided {
        /// The wish.
        token: String,
        /// The task, or why there is none.
        decided: Result<TaskId, Problem>,
    },
    /// A task below the run's own stands like this now.
    ChildIs(Box<ChildSeen>),
    /// Let the run's processes reach this from now on.
    AllowHost {
        /// The name, or the address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Let the run's processes reach what these rules name from now on.
    AllowRules {
        /// As in the project's policy; never empty.
        rules: Vec<String>,
    },
    /// Let the agent's calls to models cost so much more.
    RaiseBudget {
        /// Millionths of a US dollar.
        micros: u64,
    },
    /// Let the agent end by itself (close its input) → `AgentExited`.
    EndAgent,
    /// Make the agent and everything it started end: politely, within seconds
    /// with force → `AgentExited`.
    StopAgent,
    /// Make it end at once, with force → `AgentExited`.
    KillAgent,
    /// Journal the last snapshot, keep the session file → `Collected`.
    Collect {
        /// Also commit everything.
        commit: bool,
    },
    /// Push → `Pushed`, or `Failed` with `Code::PushRejected` and others.
    Push {
        /// Branch in the remote.
        branch: String,
        /// Commit.
        commit: String,
        /// What the branch must hold now; none: it must not exist.
        expected: Option<String>,
    },
    /// Look whether the branch holds the commit → `ReadBack`.
    ReadBack {
        /// Branch in the remote.
        branch: String,
        /// Commit.
        commit: String,
    },
    /// Put work that is not `published` in a safe place → `Rescued`.
    Rescue {
        /// The commit that is in the remote.
        published: Option<String>,
    },
    /// Kill and remove everything the ledger names → `Wiped`. The tree is to
    /// be made unusable first (renamed), so that a crash in the middle does not
    /// make a later `Rescue` rescue half a tree.
    Wipe {
        /// Leave the tree, and name it in `left`: it could not be rescued.
        keep_tree: bool,
    },
    /// The journal is complete; the shim may end once it is synced.
    Done,
}
