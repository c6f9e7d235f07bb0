//! What a committed record of a run means for its task.

use super::machine::TaskMachine;
use super::memory::Push;
use super::words::TaskEffect;
use pilot_proto::event::{Activity, Event};
use pilot_proto::inbox::{Answer, Answered, Ask, Decider, InboxItem};
use pilot_proto::run::{Phase, Session};
use pilot_proto::runner::Act;
use pilot_proto::snapshot::{DiffSize, SnapshotDelta};
use pilot_proto::task::{OnTimeout, TaskState};
use pilot_proto::{InboxId, Problem, RunId, Timestamp};

impl TaskMachine {
    pub(super) fn journal(&mut self, now: Timestamp, run: RunId, event: &Event) {
        // Asked before the record is booked: `Finished` itself ends a run's right.
        let current = self.is_current(run);
        self.keep_book(now, run, event);
        if current {
            self.follow(now, run, event);
        } else if still_acts(event) {
            self.out.push(TaskEffect::Fence { run });
        }
    }

    /// What is true of a run whether or not it still has its right.
    fn keep_book(&mut self, now: Timestamp, run: RunId, event: &Event) {
        let Some(run) = self.runs.iter_mut().find(|held| held.id == run) else { return };
        match event {
            Event::Phase { phase } => {
                run.started_at.get_or_insert(now);
                // `Finished` proper is the record that holds the outcome.
                if *phase != Phase::Finished {
                    run.phase = *phase;
                }
            }
            Event::SessionStarted { session, .. } => {
                if run.session.as_ref().is_none_or(|known| known.id != *session) {
                    run.session = Some(Session { id: session.clone(), file: None });
                }
            }
            Event::SessionSaved { session } => run.session = Some(session.clone()),
            Event::Checkpoint(kept) => {
                if let Some(session) = &kept.session {
                    run.session = Some(session.clone());
                }
            }
            // What its gateway counted is in already, as with a turn.
            Event::Reviewed { usage, .. } if !self.memory.metered.contains(&run.id) => {
                self.task.usage = self.task.usage.plus(*usage);
            }
            // What the gateway counted is true of every agent; what the agent itself
            // says would be the same once more.
            Event::ModelCalled(call) => {
                self.memory.metered.insert(run.id);
                self.task.usage = self.task.usage.plus(call.usage);
            }
            Event::TurnEnded { usage, .. } if !self.memory.metered.contains(&run.id) => {
                self.task.usage = self.task.usage.plus(*usage);
            }
            Event::Rescued { bundle, .. } => run.rescue = Some(bundle.clone()),
            // Also from an older run: it tells what the branch holds.
            Event::Pushed { commit, .. } => self.task.pushed = Some(commit.clone()),
            Event::Finished(outcome) => {
                run.phase = Phase::Finished;
                run.outcome = Some(outcome.clone());
                run.ended_at = Some(now);
                let run = run.id;
                self.out.push(TaskEffect::RunOver { run });
            }
            Event::Output { .. }
            | Event::TurnStarted { .. }
            | Event::Steered { .. }
            | Event::Text { .. }
            | Event::Thinking { .. }
            | Event::ToolStarted { .. }
            | Event::ToolOutput { .. }
            | Event::ToolEnded { .. }
            | Event::Todos { .. }
            | Event::TurnEnded { .. }
            | Event::Asked { .. }
            | Event::Decided { .. }
            | Event::Withdrawn { .. }
            | Event::Reported { .. }
            | Event::ChildWanted { .. }
            | Event::ChildDecided { .. }
            | Event::Activity { .. }
            | Event::Retrying { .. }
            | Event::LimitHit { .. }
            | Event::Resumes { .. }
            | Event::AgentExited { .. }
            | Event::ReviewStarted { .. }
            | Event::Reviewed { .. }
            | Event::Snapshot(_)
            | Event::OrderDone { .. }
            | Event::PushWanted { .. }
            | Event::Rebased { .. }
            | Event::Artifact { .. }
            | Event::Cleaned { .. }
            | Event::Walls(_)
            | Event::Network(_)
            | Event::NetworkEnded(_)
            | Event::NetworkLost { .. }
            | Event::RemoteControl { .. }
            | Event::Screen(_)
            | Event::LoginRenewed { .. }
            | Event::Unknown(_) => {}
        }
    }

    /// What the current run does to its task.
    fn follow(&mut self, now: Timestamp, run: RunId, event: &Event) {
        match event {
            Event::Phase { phase } => self.show(now, *phase),
            Event::Asked { item, ask, deadline, on_timeout } => {
                self.asked(now, run, *item, ask, *deadline, *on_timeout);
            }
            Event::Decided { item, answer, decider } => self.decided(now, *item, answer, decider),
            Event::Withdrawn { item } => {
                self.take_item(*item);
                self.out.push(TaskEffect::InboxGone { item: *item });
                self.show_working(now);
            }
            Event::Activity { activity, reason } => {
                self.because_run(if reason.is_empty() { doing(*activity) } else { reason })
            }
            Event::Retrying { reason, .. } => {
                self.because_run(&format!("waits for its provider: {reason}"));
            }
            Event::LimitHit { reason, .. } => {
                self.because_run(&format!("its provider's limit is reached: {reason}"));
            }
            Event::TurnStarted { turn, .. } => {
                if *turn == 1 {
                    // The agent was told; should the run be lost, the next one is again.
                    self.memory.prompt = Some(self.prompt());
                    let told = std::mem::take(&mut self.memory.included);
                    self.memory.unsaid.drain(..told.min(self.memory.unsaid.len()));
                }
                self.because_run(doing(Activity::Running));
            }
            Event::TurnEnded { denials, summary, .. } => {
                self.memory.denials = self.memory.denials.saturating_add(*denials);
                self.remember_words(summary);
            }
            Event::Reported { text } => self.reported(text),
            Event::ChildWanted { token, child } => self.child_wanted(run, token, child),
            Event::Checkpoint(kept) if kept.turn == 0 => self.begins_at(now, &kept.base),
            Event::ReviewStarted { agent, .. } => {
                self.because_run(&format!("{agent} looks at the work"));
            }
            Event::Reviewed { round, agent, findings, problem, .. } => {
                self.heed_review(*round, agent, findings.len(), problem.as_ref());
            }
            Event::Snapshot(delta) => self.resize(delta),
            Event::PushWanted { fence, branch, commit, summary } => {
                let push = Push {
                    branch: branch.clone(),
                    commit: commit.clone(),
                    summary: summary.clone(),
                };
                self.remember_words(summary);
                self.push_wanted(now, run, *fence, push);
            }
            Event::Screen(event) => self.screen(now, event),
            Event::RemoteControl { url } => self.task.remote_link = Some(url.clone()),
            Event::Finished(outcome) => self.conclude(now, outcome),
            Event::Output { .. }
            | Event::SessionStarted { .. }
            | Event::SessionSaved { .. }
            | Event::Steered { .. }
            | Event::Text { .. }
            | Event::Thinking { .. }
            | Event::ToolStarted { .. }
            | Event::ToolOutput { .. }
            | Event::ToolEnded { .. }
            | Event::Todos { .. }
            | Event::ChildDecided { .. }
            | Event::Resumes { .. }
            | Event::AgentExited { .. }
            | Event::Checkpoint(_)
            | Event::OrderDone { .. }
            | Event::Pushed { .. }
            | Event::Rebased { .. }
            | Event::Artifact { .. }
            | Event::Rescued { .. }
            | Event::Cleaned { .. }
            | Event::Walls(_)
            | Event::Network(_)
            | Event::NetworkEnded(_)
            | Event::NetworkLost { .. }
            | Event::ModelCalled(_)
            | Event::LoginRenewed { .. }
            | Event::Unknown(_) => {}
        }
    }

    /// What a reviewer of the pull request must know of a review that did not
    /// end in agreement.
    fn heed_review(&mut self, round: u32, agent: &str, findings: usize, problem: Option<&Problem>) {
        if let Some(problem) = problem {
            let why = problem.message.trim_end_matches('.');
            self.reserve(format!("The review by `{agent}` came to nothing: {why}."));
        }
        let last = self.task.review.as_ref().is_some_and(|pass| round >= pass.rounds);
        if last && findings > 0 {
            let things = if findings == 1 { "1 thing" } else { &format!("{findings} things") };
            self.reserve(format!(
                "`{agent}` found {things} in its last review; the agent was told, and nobody has \
                 looked again."
            ));
        }
    }

    fn asked(
        &mut self,
        now: Timestamp,
        run: RunId,
        id: InboxId,
        ask: &Ask,
        deadline: Option<Timestamp>,
        on_timeout: OnTimeout,
    ) {
        let item = InboxItem {
            id,
            task: self.task.id,
            run,
            ask: ask.clone(),
            asked_at: now,
            deadline,
            on_timeout,
            answered: None,
        };
        self.memory.items.push(item.clone());
        self.out.push(TaskEffect::InboxPut(item));
        self.show_working(now);
    }

    fn decided(&mut self, now: Timestamp, id: InboxId, answer: &Answer, decider: &Decider) {
        let Some(mut item) = self.take_item(id) else { return };
        if *decider == Decider::Timeout {
            self.reserve(by_itself(&item.ask, answer));
        }
        if let (Ask::Budget { budget_micros, .. }, Answer::Allow { .. }) = (&item.ask, answer) {
            // The run has it already; the runs to come are told by the task.
            let budget = &mut self.task.limits.budget_micros;
            *budget = budget.map(|before| before.saturating_add(*budget_micros));
        }
        item.answered =
            Some(Answered { answer: answer.clone(), decider: decider.clone(), at: now });
        self.out.push(TaskEffect::InboxPut(item));
        self.show_working(now);
    }

    fn take_item(&mut self, id: InboxId) -> Option<InboxItem> {
        let at = self.memory.items.iter().position(|item| item.id == id)?;
        Some(self.memory.items.remove(at))
    }

    fn show(&mut self, now: Timestamp, phase: Phase) {
        match self.memory.items.iter().find(|item| item.ask.holds_up()) {
            Some(item) => {
                let (need, item) = (item.ask.need(), item.id);
                self.become_state(now, TaskState::NeedsYou { need, item }, "");
            }
            None => self.become_state(now, TaskState::Working { phase }, ""),
        }
        self.because_run("");
    }

    fn show_working(&mut self, now: Timestamp) {
        let phase = self.run().map_or(Phase::Unknown, |run| run.phase);
        // A decided ask's phase follows in a record of its own.
        let phase = if phase == Phase::AwaitingAnswer { Phase::AgentRunning } else { phase };
        self.show(now, phase);
    }

    fn resize(&mut self, delta: &SnapshotDelta) {
        if delta.reset {
            self.sizes.get_or_insert_default().clear();
        }
        let Some(sizes) = &mut self.sizes else { return };
        for path in &delta.dropped {
            sizes.remove(path);
        }
        for file in &delta.changed {
            let size = (file.added.unwrap_or(0), file.removed.unwrap_or(0));
            sizes.insert(file.path.clone(), size);
        }
        self.task.diff =
            sizes.values().fold(DiffSize::default(), |sum, (added, removed)| DiffSize {
                files: sum.files + 1,
                added: sum.added.saturating_add(*added),
                removed: sum.removed.saturating_add(*removed),
            });
    }

    pub(super) fn reserve(&mut self, reservation: String) {
        if !self.task.reservations.contains(&reservation) {
            self.task.reservations.push(reservation);
        }
    }

    /// An order came to nothing. What a person said is kept for the next agent.
    pub(super) fn undone(&mut self, now: Timestamp, run: RunId, act: Act) {
        match act {
            // Its run is about to end, and will say how.
            Act::Say { text } | Act::Steer { text } if self.is_current(run) => {
                self.memory.unsaid.push(text);
            }
            Act::Say { text } | Act::Steer { text } => self.say_again(now, text),
            Act::Interrupt
            | Act::Unsay { .. }
            | Act::Answer { .. }
            | Act::Done
            | Act::TakeOver { .. }
            | Act::HandBack { .. }
            | Act::Stop
            | Act::Kill
            | Act::PermitPush { .. }
            // The project holds it already, for the runs to come.
            | Act::Allow { .. }
            // The next run is told anew how they stand.
            | Act::Child { .. }
            | Act::ChildIs { .. }
            | Act::Rules { .. }
            | Act::Unknown(_) => {}
        }
    }
}

/// Records of a run that does not know yet that it has lost its right.
fn still_acts(event: &Event) -> bool {
    let working = |phase: &Phase| {
        matches!(phase, Phase::Preparing | Phase::Cloning | Phase::SettingUp | Phase::AgentRunning)
    };
    matches!(event, Event::PushWanted { .. })
        || matches!(event, Event::Phase { phase } if working(phase))
}

fn doing(activity: Activity) -> &'static str {
    match activity {
        Activity::Running => "agent is working",
        Activity::Idle => "agent has ended its turn",
        Activity::Waiting => "agent waits for an answer",
        Activity::Stalled => "agent has stalled",
        Activity::Retrying => "agent waits for its provider",
        Activity::Limited => "agent waits for its provider's limit to end",
        Activity::Unknown => "",
    }
}

/// What a reviewer must know when nobody answered.
fn by_itself(ask: &Ask, answer: &Answer) -> String {
    match ask {
        Ask::Question { questions } => {
            let question = questions.first().map_or("a question", |first| first.question.as_str());
            format!("Nobody answered \"{question}\" in time; the agent decided by itself.")
        }
        Ask::Permission { tool, summary, .. } if matches!(answer, Answer::Allow { .. }) => {
            format!("Nobody answered in time, so `{tool}` was allowed, as a rule says: {summary}")
        }
        Ask::Permission { tool, summary, .. } => {
            format!("Nobody answered in time, so `{tool}` was refused: {summary}")
        }
        Ask::Plan { .. } => "Nobody looked at the plan in time; it was taken as approved.".into(),
        Ask::Interrupted => {
            "The agent was interrupted and nobody said how to go on; its work was taken as it was."
                .into()
        }
        Ask::Network { host, port, .. } => format!("`{host}:{port}` was not allowed in time."),
        Ask::Budget { .. } => "The budget for models was used up and nobody raised it.".into(),
        Ask::HandsOn { .. } => "Nobody did it in time.".into(),
        // The hub asks these, and they have no deadline.
        Ask::Feedback { .. } | Ask::Ci { .. } => "Nobody answered in time.".into(),
        Ask::Unknown(_) => "Nobody answered the agent in time; it was refused.".into(),
    }
}
