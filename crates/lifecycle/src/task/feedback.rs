//! What is said about a pull request: whether the agent is told, by whose
//! word, and how often that may happen by itself.
//!
//! A conflict with the base is nobody's turn at first: the branch is put on top
//! of the base, and only if that is not clean it is like anything that is said.
//!
//! **Invariant:** each thing that is said is heard once, whatever is seen again
//! after a restart; and no more turns than the policy lets begin by themselves
//! without a person in between.

use super::machine::TaskMachine;
use super::words::TaskEffect;
use pilot_proto::inbox::{Answer, Answered, Ask, Decider, InboxItem};
use pilot_proto::pull_request::{FeedbackMode, FeedbackPolicy, FollowUp, FollowUpKind, HeldRun};
use pilot_proto::task::{OnTimeout, TaskState};
use pilot_proto::{InboxId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// More is forgotten, the oldest names first by their order: a pull request
/// with so much said about it is a person's.
const HEARD: usize = 2000;

/// What the machine must remember of what was said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct FeedbackMemory {
    /// Names of what was heard, whatever became of it.
    pub(super) heard: BTreeSet<String>,
    /// Turns that began by themselves since a person had a word.
    pub(super) turns: u32,
    /// What the next publication answers.
    pub(super) answering: Vec<String>,
    /// What is asked about it.
    pub(super) items: Vec<InboxItem>,
    /// The conflict for which the branch was put on top of its base, or could
    /// not be.
    pub(super) tried: Option<String>,
    /// The commit whose held runs were asked about.
    pub(super) asked_ci: Option<String>,
}

/// What becomes of things that are said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Becomes {
    /// Nothing.
    Nothing,
    /// A turn of the agent.
    Turn,
    /// A question to a person, because of this.
    Question(&'static str),
}

/// Decides what becomes of fresh things that are said, after so many turns
/// that began by themselves.
pub(super) fn decide(policy: &FeedbackPolicy, turns: u32, fresh: &[FollowUp]) -> Becomes {
    // The CI and the forge are nobody whose words could be another's.
    let may_begin = |one: &FollowUp| {
        let by_people = !matches!(one.kind, FollowUpKind::ChecksFailed | FollowUpKind::Conflict);
        let named = || policy.from.iter().any(|login| login.eq_ignore_ascii_case(&one.from));
        !by_people || policy.from.is_empty() || named()
    };
    match policy.mode {
        _ if fresh.is_empty() => Becomes::Nothing,
        FeedbackMode::Off => Becomes::Nothing,
        FeedbackMode::Ask => Becomes::Question("the project wants you asked"),
        FeedbackMode::Automatic if turns >= policy.turns => {
            Becomes::Question("as many turns as the project allows have begun by themselves")
        }
        FeedbackMode::Automatic if !fresh.iter().all(may_begin) => {
            Becomes::Question("somebody said it whose words begin nothing by themselves")
        }
        FeedbackMode::Automatic => Becomes::Turn,
    }
}

impl TaskMachine {
    /// Names of what was heard of its pull request.
    pub fn heard(&self) -> &BTreeSet<String> {
        &self.memory.feedback.heard
    }

    /// Something was said about the pull request; what was heard before may be
    /// among it.
    pub(super) fn feedback(
        &mut self,
        now: Timestamp,
        id: InboxId,
        policy: &FeedbackPolicy,
        said: Vec<FollowUp>,
    ) {
        // While a run is at work, and after a person's stop, it is not the
        // time; it is seen again.
        if !matches!(self.task.state, TaskState::InReview { .. }) {
            return;
        }
        let memory = &self.memory.feedback;
        let fresh: Vec<_> =
            said.into_iter().filter(|one| !memory.heard.contains(&one.id)).collect();
        if policy.mode != FeedbackMode::Off && self.rebase_instead(now, &fresh) {
            return;
        }
        match decide(policy, self.memory.feedback.turns, &fresh) {
            Becomes::Nothing => {}
            Becomes::Turn => {
                self.hear(&fresh);
                self.memory.feedback.turns += 1;
                self.turn_on(now, &fresh, None);
            }
            Becomes::Question(because) => {
                self.hear(&fresh);
                self.ask_about(now, id, fresh, because);
            }
        }
    }

    /// Tries once for each conflict whether the branch can be put on top of the
    /// base without anybody. What else is said is seen again after that.
    fn rebase_instead(&mut self, now: Timestamp, fresh: &[FollowUp]) -> bool {
        let tried = &self.memory.feedback.tried;
        let conflict = fresh.iter().find(|one| one.kind == FollowUpKind::Conflict);
        let Some(conflict) = conflict.filter(|one| tried.as_ref() != Some(&one.id)) else {
            return false;
        };
        self.memory.feedback.tried = Some(conflict.id.clone());
        self.start_rebase(now, format!("{SAID}\n\n{}", conflict.text))
    }

    fn hear(&mut self, fresh: &[FollowUp]) {
        let heard = &mut self.memory.feedback.heard;
        heard.extend(fresh.iter().map(|one| one.id.clone()));
        while heard.len() > HEARD {
            heard.pop_first();
        }
    }

    /// What is asked already is asked together with what is new.
    fn ask_about(&mut self, now: Timestamp, id: InboxId, fresh: Vec<FollowUp>, because: &str) {
        let because = because.to_owned();
        let open = self
            .memory
            .feedback
            .items
            .iter_mut()
            .find(|item| matches!(item.ask, Ask::Feedback { .. }));
        if let Some(item) = open {
            if let Ask::Feedback { follow_ups, because: before } = &mut item.ask {
                follow_ups.extend(fresh);
                *before = because;
            }
            let item = item.clone();
            return self.out.push(TaskEffect::InboxPut(item));
        }
        self.put_question(now, id, Ask::Feedback { follow_ups: fresh, because });
    }

    fn put_question(&mut self, now: Timestamp, id: InboxId, ask: Ask) {
        let Some(run) = self.task.run else { return };
        let item = InboxItem {
            id,
            task: self.task.id,
            run,
            ask,
            asked_at: now,
            deadline: None,
            on_timeout: OnTimeout::Pause,
            answered: None,
        };
        self.memory.feedback.items.push(item.clone());
        self.out.push(TaskEffect::InboxPut(item));
    }

    /// The agent is told, in the session that it had.
    fn turn_on(&mut self, now: Timestamp, what: &[FollowUp], word: Option<&str>) {
        let answering = &mut self.memory.feedback.answering;
        answering.extend(what.iter().map(|one| one.id.clone()));
        let texts = what.iter().map(|one| one.text.as_str());
        let mut parts: Vec<&str> = word.into_iter().chain(texts).collect();
        parts.insert(0, SAID);
        self.say(now, parts.join("\n\n"));
    }

    /// A person answers what the hub asked; true if it was such a thing.
    pub(super) fn answer_feedback(
        &mut self,
        now: Timestamp,
        id: InboxId,
        answer: &Answer,
        who: &str,
    ) -> bool {
        let items = &mut self.memory.feedback.items;
        let Some(at) = items.iter().position(|item| item.id == id) else { return false };
        let mut item = items.remove(at);
        let decider = Decider::Person { name: who.to_owned() };
        item.answered = Some(Answered { answer: answer.clone(), decider, at: now });
        let ask = item.ask.clone();
        self.out.push(TaskEffect::InboxPut(item));
        match (ask, answer) {
            (Ask::Feedback { follow_ups, .. }, Answer::Allow { .. }) => {
                self.memory.feedback.turns = 0;
                self.turn_on(now, &follow_ups, None);
            }
            (Ask::Feedback { follow_ups, .. }, Answer::Say { text }) => {
                self.memory.feedback.turns = 0;
                self.turn_on(now, &follow_ups, Some(text));
            }
            (Ask::Ci { head, .. }, Answer::Allow { .. }) => {
                self.out.push(TaskEffect::ReleaseCi { head });
            }
            _ => {}
        }
        true
    }

    /// Runs of the CI wait for a person, or none does any more.
    pub(super) fn ci_held(
        &mut self,
        now: Timestamp,
        id: InboxId,
        head: &str,
        held: Vec<HeldRun>,
        by_hand: bool,
    ) {
        let is_of = |item: &InboxItem| matches!(&item.ask, Ask::Ci { head: of, .. } if of == head);
        if held.is_empty() {
            self.close_ci(|item| is_of(item));
            return;
        }
        // Those of a commit that is not shown any more hold nothing up.
        self.close_ci(|item| !is_of(item));
        if self.memory.feedback.asked_ci.as_deref() != Some(head) {
            self.memory.feedback.asked_ci = Some(head.to_owned());
            self.put_question(now, id, Ask::Ci { head: head.to_owned(), held, by_hand });
        }
    }

    /// A release that let nothing go: it is asked again.
    pub(super) fn ci_still_held(&mut self) {
        self.memory.feedback.asked_ci = None;
    }

    /// A release that was under way when the hub ended may have been lost: what
    /// still waits is asked about again.
    pub(super) fn forget_release(&mut self) {
        let items = &self.memory.feedback.items;
        if !items.iter().any(|item| matches!(item.ask, Ask::Ci { .. })) {
            self.memory.feedback.asked_ci = None;
        }
    }

    fn close_ci(&mut self, gone: impl Fn(&InboxItem) -> bool) {
        let is_gone = |item: &InboxItem| matches!(item.ask, Ask::Ci { .. }) && gone(item);
        let items = &mut self.memory.feedback.items;
        let closed: Vec<InboxId> =
            items.iter().filter(|item| is_gone(item)).map(|item| item.id).collect();
        items.retain(|item| !is_gone(item));
        self.out.extend(closed.into_iter().map(|item| TaskEffect::InboxGone { item }));
    }

    /// The pull request has ended: nothing of it is asked any more.
    pub(super) fn end_feedback(&mut self) {
        let items = std::mem::take(&mut self.memory.feedback.items);
        self.out.extend(items.into_iter().map(|item| TaskEffect::InboxGone { item: item.id }));
        self.memory.feedback = FeedbackMemory::default();
    }
}

/// Where a turn about a pull request begins.
const SAID: &str = "Your work is in review as a pull request. See to the following, in the same \
    working tree; what you change is added to the pull request.";

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: FollowUpKind, from: &str) -> FollowUp {
        let text = || "t".to_owned();
        FollowUp { id: text(), kind, from: from.into(), summary: text(), text: text(), url: text() }
    }

    #[test]
    fn what_becomes_of_what_is_said() {
        use FeedbackMode::{Ask, Automatic, Off};
        let (comment, checks) = (FollowUpKind::Comment, FollowUpKind::ChecksFailed);
        let question = |becomes: &Becomes| matches!(becomes, Becomes::Question(_));
        for (mode, turns, from, by, kind, expected) in [
            (Off, 0, None, "alice", comment, "nothing"),
            (Ask, 0, None, "alice", comment, "question"),
            (Automatic, 0, None, "alice", comment, "turn"),
            (Automatic, 2, None, "alice", comment, "turn"),
            (Automatic, 3, None, "alice", comment, "question"),
            (Automatic, 0, Some("bob"), "alice", comment, "question"),
            (Automatic, 0, Some("Alice"), "alice", comment, "turn"),
            (Automatic, 0, Some("bob"), "CI", checks, "turn"),
            (Automatic, 3, Some("bob"), "CI", checks, "question"),
        ] {
            let from = from.map(str::to_owned).into_iter().collect();
            let policy = FeedbackPolicy { mode, turns: 3, from };
            let becomes = decide(&policy, turns, &[said(kind, by)]);
            let is = match &becomes {
                Becomes::Nothing => "nothing",
                Becomes::Turn => "turn",
                Becomes::Question(_) => {
                    assert!(question(&becomes));
                    "question"
                }
            };
            assert_eq!(is, expected, "{policy:?} after {turns} by {by}");
            assert_eq!(decide(&policy, turns, &[]), Becomes::Nothing);
        }
    }
}
