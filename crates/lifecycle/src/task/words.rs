//! What a task machine is told and what it says.

use super::reassign::{Assignment, RetryAt};
use pilot_proto::event::Event;
use pilot_proto::inbox::{Answer, InboxItem};
use pilot_proto::pull_request::{FeedbackPolicy, FollowUp, HeldRun};
use pilot_proto::runner::Act;
use pilot_proto::task::{ChildSeen, NewChild, PullRequest};
use pilot_proto::{InboxId, OrderId, Problem, RunId, RunnerId, TaskId};

/// What happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskEvent<'a> {
    /// The machine was just made, fresh or from the store: it says (again)
    /// what must be under way (`Enqueue`, `OpenPullRequest`, `Fence`).
    Begin,
    /// The queue gave the task to a runner.
    Leased {
        /// Id of the new run.
        run: RunId,
        /// Where.
        runner: RunnerId,
        /// The lease's fencing token, greater than any before.
        fence: u64,
    },
    /// The runner would not take the run; it never began.
    Declined {
        /// Which.
        run: RunId,
        /// In the runner's words.
        reason: String,
    },
    /// The hub cannot give the run what its project says it has to have; it
    /// never began, and would not begin elsewhere.
    Unfit {
        /// Which.
        run: RunId,
        /// What is missing.
        problem: Problem,
    },
    /// The queue gave up waiting for the runner ([`crate::QueueEffect::Expire`]).
    LeaseExpired {
        /// Which run it held.
        run: RunId,
    },
    /// The runner came back without the run ([`crate::QueueEffect::Lost`]).
    RunLost {
        /// Which.
        run: RunId,
    },
    /// The runner of the current run cannot be reached.
    RunnerOffline,
    /// The runner of the current run is back.
    RunnerOnline,
    /// A record of one of the task's runs was committed. Every record, once,
    /// in order; `OrderDone` as well (and see [`TaskEvent::Undone`]).
    Journal {
        /// Whose.
        run: RunId,
        /// What.
        event: &'a Event,
    },
    /// What became of a wish ([`TaskEffect::FileChild`]).
    ChildDecided {
        /// The run that wished.
        run: RunId,
        /// Its name for the wish.
        token: String,
        /// The task, or why there is none.
        decided: Result<TaskId, Problem>,
    },
    /// A task below this one stands like this now.
    ChildIs {
        /// It.
        child: ChildSeen,
    },
    /// An order could not be carried out: the journal says so with a problem,
    /// or the run finished, or was fenced, before it was reached.
    Undone {
        /// Which run it was for.
        run: RunId,
        /// What was ordered.
        act: Act,
    },
    /// A person wants the task to end.
    StopWanted,
    /// A person wants it to end at once.
    KillWanted,
    /// A person wants it done again from its base.
    AgainWanted,
    /// A person wants it to begin again where a turn ended. A run at work is
    /// ended for it.
    RetryWanted {
        /// Where.
        from: RetryAt,
    },
    /// Another task of its group has begun from this commit.
    BaseKnown {
        /// Which.
        commit: String,
    },
    /// A person wants somebody else to do it.
    ReassignWanted {
        /// Who.
        to: Assignment,
    },
    /// A person has looked at held work and lets it be published.
    PublishWanted,
    /// A person has seen that it has ended.
    DismissWanted,
    /// A person wants the last run's session and work continued.
    ResumeWanted {
        /// What to tell the agent; none: to go on where it was.
        text: Option<String>,
    },
    /// A person says something to the agent.
    Say {
        /// What.
        text: String,
    },
    /// A person says something to the agent that it is to hear at once.
    Steer {
        /// What.
        text: String,
    },
    /// A person takes back what an order of the run at work says.
    UnsayOrder {
        /// Which.
        order: OrderId,
    },
    /// A person takes back what waits for the next run.
    UnsayNext {
        /// Which of [`crate::TaskMachine::unsaid`].
        at: usize,
    },
    /// A person wants the turn stopped and the session kept.
    InterruptWanted,
    /// A person wants to drive the screen.
    TakeoverWanted {
        /// Who.
        who: String,
    },
    /// A person gives the screen back to the agent.
    HandBackWanted {
        /// Who.
        who: String,
        /// What the agent is told about it.
        note: Option<String>,
    },
    /// A person says that the work is done.
    DoneWanted,
    /// A person answers an inbox item.
    Answer {
        /// Which.
        item: InboxId,
        /// What.
        answer: Answer,
        /// Who.
        who: String,
    },
    /// The pull request is open and was read back.
    PullRequestOpen {
        /// It.
        pull_request: PullRequest,
    },
    /// The pull request is still open, and looks like this now.
    PullRequestSeen {
        /// It.
        pull_request: PullRequest,
    },
    /// This was said about the pull request; what was heard before may be among
    /// it.
    FeedbackCame {
        /// Id of the inbox item, should a person be asked.
        item: InboxId,
        /// What the project wants done with it.
        policy: FeedbackPolicy,
        /// What.
        said: Vec<FollowUp>,
    },
    /// Runs of the CI wait for a person to let them go; none: none waits.
    CiHeld {
        /// Id of the inbox item, should a person be asked.
        item: InboxId,
        /// The commit that they would run.
        head: String,
        /// Which.
        held: Vec<HeldRun>,
        /// The forge has no call for it.
        by_hand: bool,
    },
    /// A release let nothing go.
    CiStillHeld,
    /// The pull request could not be made.
    PublishFailed {
        /// Why.
        problem: Problem,
    },
    /// The pull request was merged.
    PullRequestMerged,
    /// The pull request was closed without a merge.
    PullRequestClosed,
}

/// What the hub has to do. It does them in order, in the transaction that
/// stores the task, and what goes over the wire after the commit.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskEffect {
    /// Offer the task to the queue with a fresh run id and `task.fence + 1`
    /// ([`crate::QueueEvent::Wanted`]).
    Enqueue,
    /// Take it out of the queue ([`crate::QueueEvent::Withdrawn`]).
    Dequeue,
    /// Store this order under a fresh id; send it now, and on each connect,
    /// until the journal shows its `OrderDone`, or the run is over or fenced.
    Order {
        /// For which run.
        run: RunId,
        /// What.
        act: Act,
    },
    /// Look whether the project lets the run have this task below its own,
    /// file it, and answer with [`TaskEvent::ChildDecided`]. Wanted once for
    /// each wish of a run, however often its record comes.
    FileChild {
        /// The run that wishes.
        run: RunId,
        /// Its name for the wish.
        token: String,
        /// Which.
        child: NewChild,
    },
    /// The run has lost its right: drop all its orders (each comes back as
    /// [`TaskEvent::Undone`]) and send `Verdict::Fenced` now. Whenever a runner
    /// says it holds a run, [`crate::TaskMachine::verdict`] has the answer.
    Fence {
        /// Which.
        run: RunId,
    },
    /// The run's journal is whole: tell the queue
    /// ([`crate::QueueEvent::Released`]) and the runner (`Verdict::Forget`),
    /// and drop its orders (each comes back as [`TaskEvent::Undone`]).
    RunOver {
        /// Which.
        run: RunId,
    },
    /// Store and show this inbox item, new or now answered.
    InboxPut(InboxItem),
    /// The item went away unanswered: close it.
    InboxGone {
        /// Which.
        item: InboxId,
    },
    /// Make or update the pull request, read it back, and answer with
    /// `PullRequestOpen` or `PublishFailed`.
    OpenPullRequest {
        /// Branch in the remote.
        branch: String,
        /// Its commit.
        commit: String,
        /// What the run said and ran.
        summary: String,
        /// Names of what was said about it that this answers.
        answers: Vec<String>,
    },
    /// Let the runs of the CI for this commit go, look again, and say
    /// `CiStillHeld` if nothing came of it.
    ReleaseCi {
        /// The commit.
        head: String,
    },
    /// The person's wish is refused; nothing changed.
    Refused(Problem),
}
