//! The journal: a run's one ordered, append-only record. Transcript, log, diff
//! history, cost and timeline are folds over it.

mod record;

pub use record::{Cursor, Record};

use crate::code::Problem;
use crate::ids::{BlobId, InboxId, OrderId, TaskId};
use crate::inbox::{Answer, Ask, Decider};
use crate::model::ModelCall;
use crate::network::{NetworkDecision, NetworkEnd};
use crate::review::ReviewFinding;
use crate::run::{Checkpoint, Outcome, Phase, Session, Usage};
use crate::screen::ScreenEvent;
use crate::snapshot::SnapshotDelta;
use crate::task::{NewChild, OnTimeout};
use crate::time::Timestamp;
use crate::walls::WallsReport;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

/// Where output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Pilothouse's own words: cloning, pushing, cleaning.
    Pilot,
    /// A setup step.
    Setup,
    /// The agent's standard output, where it is for people.
    Stdout,
    /// The agent's standard error.
    Stderr,
    /// The agent's protocol, raw. Kept, but not part of the log.
    Protocol,
    /// A stream this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// What the agent is doing, from its own protocol and from its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It thinks, writes or uses tools.
    Running,
    /// Its turn is over.
    Idle,
    /// It waits for an answer.
    Waiting,
    /// It has said nothing for the task's `stall_secs`.
    Stalled,
    /// It waits for its provider.
    Retrying,
    /// It waits for the end of its provider's usage limit.
    Limited,
    /// An activity this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// Why a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TurnEnd {
    /// The agent says it is done. Hearsay: the change is what counts.
    Completed,
    /// A person interrupted it.
    Interrupted,
    /// The agent reported an error.
    Error,
    /// The agent's process ended in the middle.
    Exited,
    /// An end this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// What happened. An event from a newer peer reads as [`Event::Unknown`] and
/// is kept as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(rename = "JournalEvent")]
pub enum Event {
    /// The run entered a phase.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// Lines of output: `text` is whole lines joined by `\n`, without the last
    /// line's end. Bytes that are not UTF-8 are replaced by U+FFFD.
    Output {
        /// Where they came from.
        stream: Stream,
        /// The lines.
        text: String,
        /// The last line is not at its end yet (a prompt that waits, a line
        /// longer than the shim's buffer): the stream's next output goes on in it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        open: bool,
    },
    /// The agent told us its session.
    SessionStarted {
        /// Its name for it.
        session: String,
        /// The model it says it uses.
        #[serde(default)]
        model: Option<String>,
        /// The agent's version.
        #[serde(default)]
        version: Option<String>,
    },
    /// The session's file was kept, so that it can be resumed elsewhere.
    SessionSaved {
        /// The session and its file.
        session: Session,
    },
    /// A prompt or follow-up was given to the agent.
    TurnStarted {
        /// Counts from 1 within the run.
        turn: u32,
        /// What it was told.
        prompt: String,
    },
    /// The agent was told something in the middle of the turn, and took it.
    Steered {
        /// What.
        text: String,
    },
    /// The agent said something to its reader.
    Text {
        /// Markdown.
        text: String,
        /// The tool call of a subagent that this belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
        /// It is still speaking: the next `Text` of the same parent goes on
        /// right behind this one, without a line end between.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        open: bool,
    },
    /// The agent thought aloud.
    Thinking {
        /// Text.
        text: String,
        /// The tool call of a subagent that this belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
        /// As with `Text`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        open: bool,
    },
    /// A tool was called.
    ToolStarted {
        /// The agent's id for the call.
        id: String,
        /// The agent's name for the tool.
        tool: String,
        /// What it was given.
        input: Value,
        /// One line for lists: the command, the path.
        #[serde(default)]
        summary: String,
        /// The tool call of a subagent that this belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
        /// Files that it is about, as far as the agent says; paths in the tree
        /// are relative to it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        locations: Vec<Location>,
    },
    /// A tool that runs has more to show.
    ToolOutput {
        /// The call.
        id: String,
        /// What is new.
        text: String,
    },
    /// A tool call ended.
    ToolEnded {
        /// The call.
        id: String,
        /// False if the tool, or a person, refused.
        ok: bool,
        /// What the agent was given back.
        output: String,
    },
    /// The agent's to-do list.
    Todos {
        /// Its items.
        items: Vec<Todo>,
    },
    /// A person is needed.
    Asked {
        /// The inbox item.
        item: InboxId,
        /// What is asked.
        ask: Ask,
        /// When `on_timeout` decides.
        #[serde(default)]
        deadline: Option<Timestamp>,
        /// What it will decide.
        on_timeout: OnTimeout,
    },
    /// It was decided.
    Decided {
        /// The inbox item.
        item: InboxId,
        /// What.
        answer: Answer,
        /// By whom.
        decider: Decider,
    },
    /// The ask went away unanswered (the agent was interrupted or ended).
    Withdrawn {
        /// The inbox item.
        item: InboxId,
    },
    /// The agent said what it is doing, by the tool for it: hearsay.
    Reported {
        /// In its words.
        text: String,
    },
    /// The agent wants a task filed below its own.
    ChildWanted {
        /// The run's name for the wish; the same one again is the same wish.
        token: String,
        /// Which.
        child: NewChild,
    },
    /// The hub's word on that came.
    ChildDecided {
        /// The wish.
        token: String,
        /// The task that was filed; none: it was not.
        #[serde(default)]
        task: Option<TaskId>,
        /// Why not.
        #[serde(default)]
        problem: Option<Problem>,
    },
    /// What the agent is doing now.
    Activity {
        /// In one word.
        activity: Activity,
        /// In a person's words.
        #[serde(default)]
        reason: String,
    },
    /// The provider made the agent wait.
    Retrying {
        /// Which try failed.
        attempt: u32,
        /// Milliseconds until the next.
        wait_ms: u64,
        /// Why.
        reason: String,
    },
    /// The provider's usage limit was hit.
    LimitHit {
        /// When it ends.
        #[serde(default)]
        resets_at: Option<Timestamp>,
        /// In the provider's words.
        reason: String,
    },
    /// The run waits for the end of its provider's limit and then goes on by
    /// itself, unless a person tells it to earlier.
    Resumes {
        /// When.
        at: Timestamp,
    },
    /// A turn ended.
    TurnEnded {
        /// Which.
        turn: u32,
        /// Why.
        end: TurnEnd,
        /// What the turn used.
        usage: Usage,
        /// How many tool calls were refused in it.
        #[serde(default)]
        denials: u32,
        /// The agent's own last words on it.
        #[serde(default)]
        summary: String,
        /// Where the agent reported an error: what it was.
        #[serde(default)]
        problem: Option<Problem>,
    },
    /// The end of a turn, or the run's beginning, was kept for a later run.
    Checkpoint(Checkpoint),
    /// A second agent begins to look at the work. What it does until
    /// `Reviewed` has the parent `review-ROUND`.
    ReviewStarted {
        /// Counts from 1 within the run.
        round: u32,
        /// Which agent.
        agent: String,
        /// Which model.
        #[serde(default)]
        model: Option<String>,
    },
    /// It has looked.
    Reviewed {
        /// Which round.
        round: u32,
        /// Which agent.
        agent: String,
        /// What it found; they go back to the first agent as its next turn.
        findings: Vec<ReviewFinding>,
        /// Why the review came to nothing, if it did.
        #[serde(default)]
        problem: Option<Problem>,
        /// What it used.
        #[serde(default)]
        usage: Usage,
    },
    /// The agent's process ended.
    AgentExited {
        /// Its exit code; none if a signal ended it.
        #[serde(default)]
        code: Option<i32>,
        /// The signal.
        #[serde(default)]
        signal: Option<i32>,
    },
    /// The workspace's changes, as far as they changed.
    Snapshot(SnapshotDelta),
    /// The walls stand: what holds, what does not, and which limits apply.
    Walls(WallsReport),
    /// The gate decided on something that the run's processes tried to reach.
    Network(NetworkDecision),
    /// A connection that the gate let through has ended.
    NetworkEnded(NetworkEnd),
    /// The gate decided faster than could be written down.
    NetworkLost {
        /// So many decisions were not written down.
        decisions: u64,
    },
    /// The agent called a model.
    ModelCalled(ModelCall),
    /// The agent's session can be driven from afar at this address of its
    /// vendor's.
    RemoteControl {
        /// `https://…`.
        url: String,
    },
    /// A login to a model provider was renewed: the runs to come need what it
    /// is renewed with from now on.
    LoginRenewed {
        /// Name of the provider.
        provider: String,
        /// A [`RenewedLogin`](crate::project::RenewedLogin) that only the hub
        /// can open, in base64.
        sealed: String,
    },
    /// An order of the hub was carried out, or could not be.
    OrderDone {
        /// Which.
        order: OrderId,
        /// Why not.
        #[serde(default)]
        problem: Option<Problem>,
    },
    /// The branch is ready; the run waits for the hub's permit to push.
    PushWanted {
        /// The run's fencing token.
        fence: u64,
        /// Branch in the remote.
        branch: String,
        /// Commit to push.
        commit: String,
        /// What was run and said: for the pull request.
        summary: String,
    },
    /// The branch was put on top of its base, which had moved; it is pushed next.
    Rebased {
        /// Name of the base branch.
        base: String,
        /// Its commit.
        onto: String,
        /// The branch's commit.
        commit: String,
    },
    /// The branch is in the remote, read back.
    Pushed {
        /// Branch in the remote.
        branch: String,
        /// Its commit.
        commit: String,
    },
    /// The run left a file for people, under this name; a later one of the
    /// same name takes its place.
    Artifact {
        /// Its path below the run's artifact directory, `/`-separated.
        name: String,
        /// Its media type, by its name.
        media_type: String,
        /// Where its bytes are kept.
        blob: BlobId,
        /// How many there are.
        size: u64,
    },
    /// Unpublished work was put in a safe place before the wipe.
    Rescued {
        /// A git bundle.
        bundle: BlobId,
        /// Its size in bytes.
        size: u64,
        /// The ref inside it.
        reference: String,
    },
    /// The workspace is gone. What could not be removed is named.
    Cleaned {
        /// Resources of the ledger that are still there.
        left: Vec<String>,
    },
    /// Something about the run's screen.
    Screen(ScreenEvent),
    /// The last event of every run.
    Finished(Outcome),
    /// An event this build does not know yet, kept as it came.
    #[serde(untagged)]
    #[ts(skip)]
    Unknown(Value),
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Location {
    /// The file.
    pub path: String,
    /// The line, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// One item of a to-do list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Todo {
    /// What to do.
    pub text: String,
    /// `pending`, `in_progress` or `completed`, as the agent says it.
    pub status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_from_a_newer_peer_is_kept_as_it_came() {
        let line = r#"{"epoch":1,"seq":7,"at":5,"event":{"type":"teleported","to":"mars"}}"#;
        let record: Record = serde_json::from_str(line).expect("an unknown event is not an error");
        assert!(matches!(record.event, Event::Unknown(_)), "it must not be mistaken for another");
        let (before, after): (Value, Value) = (
            serde_json::from_str(line).expect("parses"),
            serde_json::to_value(&record).expect("serialises"),
        );
        assert_eq!(after, before, "nothing is lost");
    }

    #[test]
    fn every_known_event_survives_the_wire() {
        let events = [
            Event::Phase { phase: Phase::Cloning },
            Event::Output { stream: Stream::Stdout, text: "a\nb".into(), open: false },
            Event::Finished(Outcome::NoChange),
            Event::Cleaned { left: vec![] },
        ];
        for event in events {
            let text = serde_json::to_string(&event).expect("serialises");
            let back: Event = serde_json::from_str(&text).expect("parses");
            assert_eq!(back, event, "{text}");
        }
    }
}
