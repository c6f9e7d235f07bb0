//! One turn: what it changes, and what goes out once that is durable.

use super::children::ChildWish;
use super::messages::{Granted, Reply};
use super::orders::Permit;
use crate::live::{Changed, Fresh};
use crate::publish::{Publication, Watched};
use crate::vaults::Fetch;
use pilot_proto::runner::ToRunner;
use pilot_proto::{Cursor, Problem, RunId, RunnerId, SealedGrant, TaskId, Timestamp};
use pilot_store::{Change, JournalBatch};
use std::collections::{BTreeSet, VecDeque};

/// A turn under way.
pub(crate) struct Turn {
    /// The wall clock, for what people see.
    pub(crate) now: Timestamp,
    /// The steady clock, for leases and deadlines.
    pub(crate) steady: Timestamp,
    pub(crate) journal: Vec<JournalBatch>,
    pub(crate) changes: Vec<Change>,
    /// Tasks whose machines something happened to.
    pub(crate) touched: BTreeSet<TaskId>,
    /// Runners that look different now.
    pub(crate) runners: BTreeSet<RunnerId>,
    /// In order.
    pub(crate) outputs: Vec<Output>,
    /// What runs wish for.
    pub(crate) wishes: VecDeque<ChildWish>,
    /// Runs that cannot be assigned, and why.
    pub(crate) unfit: VecDeque<(TaskId, RunId, Problem)>,
}

/// What goes out after the commit.
pub(crate) enum Output {
    /// To whoever wished.
    Answer(Reply, Result<Granted, Problem>),
    /// To a runner.
    Send(RunnerId, ToRunner),
    /// An assignment; its grants are put in when it goes, and nowhere kept.
    Assign {
        /// To whom.
        runner: RunnerId,
        /// Which run.
        run: RunId,
        /// The project's secrets, sealed to the runner.
        secrets: Vec<SealedGrant>,
    },
    /// To a runner: how a run's git logs in now.
    Grant(RunId),
    /// To a runner: a permit to push, with a login that its forge takes.
    Permit(Permit),
    /// The same, when the login was looked at.
    Permitted(Permit),
    /// To a runner: its journal is durable up to here.
    Ack(RunnerId, RunId, Cursor),
    /// To consoles.
    Tell(Changed),
    /// To whoever follows a journal.
    Journal(RunId, Fresh),
    /// To Vaults: secrets that a run waits for.
    Fetch(Fetch),
    /// To the forge.
    Publish(Box<Publication>),
    /// To the forge: let the CI run for this commit.
    Release(Box<Watched>, String),
    /// To the forge: it has said that something happened to this pull request.
    Look(Box<Watched>),
    /// No more wish for a pull request of this task.
    Unpublish(TaskId),
    /// Issues wait to be read.
    Intake,
    /// Every connection of the runner ends.
    HangUp(RunnerId),
}

impl Turn {
    pub(crate) fn new(now: Timestamp, steady: Timestamp) -> Self {
        Self {
            now,
            steady,
            journal: Vec::new(),
            changes: Vec::new(),
            touched: BTreeSet::new(),
            runners: BTreeSet::new(),
            outputs: Vec::new(),
            wishes: VecDeque::new(),
            unfit: VecDeque::new(),
        }
    }

    pub(crate) fn send(&mut self, runner: RunnerId, message: ToRunner) {
        self.outputs.push(Output::Send(runner, message));
    }
}
