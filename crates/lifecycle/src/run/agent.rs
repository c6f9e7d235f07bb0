//! The conversation with the agent: turns, follow-ups, its time and its end.

use super::asks::Waiting;
use super::deadlines::{CHECKPOINT, END_AGENT, STOP_AGENT};
use super::machine::{Doing, RunMachine};
use super::quota::Quota;
use super::words::RunEffect;
use pilot_proto::event::{Activity, Event, TurnEnd};
use pilot_proto::inbox::Ask;
use pilot_proto::permission::PermissionRule;
use pilot_proto::run::{Checkpoint, Outcome, Phase, Usage};
use pilot_proto::task::Limits;
use pilot_proto::{Code, OrderId, Problem, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Where the agent's process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// It takes turns.
    #[default]
    Working,
    /// The turn has ended, and what it left is being kept.
    Keeping { until: Timestamp, end: TurnEnd, interrupted: bool },
    /// Its input is closed; it ends by itself.
    Ending { until: Timestamp },
    /// It is being killed.
    Stopping { until: Timestamp },
}

/// What is known of the agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Agent {
    pub(super) stage: Stage,
    pub(super) turn: u32,
    pub(super) in_turn: bool,
    /// A person wants the turn to stop.
    pub(super) interrupting: bool,
    /// What to tell it when the turn has ended, with the orders that said so.
    pub(super) follow_ups: VecDeque<(OrderId, String)>,
    pub(super) waiting: Vec<Waiting>,
    /// How many asks there were; names the next one.
    pub(super) asked: u64,
    /// What it is being told in the middle of its turn.
    pub(super) steering: BTreeMap<OrderId, String>,
    /// What a person allowed for the whole run.
    pub(super) allowed: Vec<PermissionRule>,
    /// A person has approved its plan.
    pub(super) planned: bool,
    /// It ends its turn when it is refused something.
    pub(super) stops_refused: bool,
    /// Refusals that the agent counted, and those decided here: an agent need
    /// not count.
    pub(super) denials_told: u32,
    pub(super) denials_seen: u32,
    pub(super) quota: Quota,
    pub(super) last_end: Option<TurnEnd>,
    pub(super) last_problem: Option<Problem>,
    last_summary: String,
    last_text: String,
    /// The last text goes on.
    text_open: bool,
    pub(super) stalled: bool,
    last_sign: Timestamp,
    /// Working time up to `working_since`; waits for people are left out.
    worked: Duration,
    working_since: Option<Timestamp>,
}

impl Agent {
    pub(super) fn denials(&self) -> u32 {
        self.denials_told.max(self.denials_seen)
    }

    fn speaks(&mut self, text: &str, open: bool) {
        if !std::mem::replace(&mut self.text_open, open) {
            self.last_text.clear();
        }
        self.last_text.push_str(text);
    }

    /// The agent's last words on its work, for the pull request.
    pub(super) fn summary(&self) -> String {
        let words = if self.last_summary.is_empty() { &self.last_text } else { &self.last_summary };
        words.clone()
    }

    pub(super) fn limit_at(&self, limits: &Limits) -> Option<Timestamp> {
        let left = Duration::from_secs(limits.agent_secs).saturating_sub(self.worked);
        self.working_since.map(|since| since.after(left))
    }

    pub(super) fn stall_at(&self, limits: &Limits) -> Option<Timestamp> {
        (self.in_turn && self.waiting.is_empty() && !self.stalled)
            .then(|| self.last_sign.after(Duration::from_secs(limits.stall_secs)))
    }

    pub(super) fn pause_clock(&mut self, now: Timestamp) {
        if let Some(since) = self.working_since.take() {
            self.worked += now.since(since);
        }
    }

    pub(super) fn resume_clock(&mut self, now: Timestamp) {
        self.working_since.get_or_insert(now);
        self.last_sign = now;
    }
}

impl RunMachine {
    pub(super) fn start_agent(&mut self, now: Timestamp) {
        self.enter(Phase::AgentRunning);
        self.doing = Doing::Agent;
        let prompt = self.spec.prompt.clone();
        self.begin_turn(now, &prompt);
        self.out.push(RunEffect::StartAgent { prompt, again: false });
    }

    /// The agent has ended and is wanted once more, in its own session.
    pub(super) fn start_again(&mut self, now: Timestamp, prompt: String) {
        self.enter(Phase::AgentRunning);
        self.doing = Doing::Agent;
        self.agent.stage = Stage::Working;
        self.begin_turn(now, &prompt);
        self.out.push(RunEffect::StartAgent { prompt, again: true });
    }

    pub(super) fn agent_not_started(&mut self, now: Timestamp, problem: Problem) {
        self.ending.get_or_insert(Outcome::Failed { problem });
        self.agent.in_turn = false;
        self.agent_gone(now);
    }

    /// Begins the next turn with `text`.
    pub(super) fn tell(&mut self, now: Timestamp, text: String) {
        self.begin_turn(now, &text);
        self.out.push(RunEffect::TellAgent { text });
    }

    /// Begins a turn with what an order said. It is done once the turn is
    /// journalled: were it the other way round, a shim that dies between the two
    /// would lose a person's words.
    pub(super) fn follow_up(&mut self, now: Timestamp, order: OrderId, text: String) {
        self.tell(now, text);
        self.order_done(order, None);
    }

    fn begin_turn(&mut self, now: Timestamp, prompt: &str) {
        self.agent.turn += 1;
        self.agent.in_turn = true;
        self.agent.resume_clock(now);
        self.journal(Event::TurnStarted { turn: self.agent.turn, prompt: prompt.to_owned() });
    }

    pub(super) fn agent_alive(&mut self, now: Timestamp) {
        self.agent.last_sign = now;
        if self.agent.stalled {
            self.agent.stalled = false;
            self.journal(Event::Activity { activity: Activity::Running, reason: String::new() });
        }
    }

    pub(super) fn agent_said(&mut self, now: Timestamp, event: Event) {
        if self.doing != Doing::Agent {
            return;
        }
        match event {
            Event::TurnEnded { end, usage, denials, summary, problem, .. } => {
                self.turn_ended(now, end, usage, denials, summary, problem);
            }
            // Only the machine says these.
            Event::TurnStarted { .. }
            | Event::Steered { .. }
            | Event::Phase { .. }
            | Event::Asked { .. }
            | Event::Decided { .. }
            | Event::Withdrawn { .. }
            | Event::Resumes { .. }
            | Event::Reported { .. }
            | Event::ChildWanted { .. }
            | Event::ChildDecided { .. }
            | Event::AgentExited { .. }
            | Event::Checkpoint(_)
            | Event::ReviewStarted { .. }
            | Event::Reviewed { .. }
            | Event::OrderDone { .. }
            | Event::PushWanted { .. }
            | Event::Rebased { .. }
            | Event::Pushed { .. }
            | Event::Rescued { .. }
            | Event::Cleaned { .. }
            | Event::Walls(_)
            | Event::Network(_)
            | Event::NetworkEnded(_)
            | Event::NetworkLost { .. }
            | Event::ModelCalled(_)
            | Event::LoginRenewed { .. }
            | Event::Screen(_)
            | Event::Finished(_) => {}
            Event::Text { ref text, ref parent, open } => {
                if parent.is_none() {
                    self.agent.speaks(text, open);
                }
                self.agent_alive(now);
                self.journal(event);
            }
            Event::LimitHit { resets_at, .. } => {
                self.limit_hit(resets_at);
                self.agent_alive(now);
                self.journal(event);
            }
            // An activity says itself that the agent is no longer stalled.
            Event::Activity { .. } => {
                self.agent.last_sign = now;
                self.agent.stalled = false;
                self.journal(event);
            }
            Event::Output { .. }
            | Event::SessionStarted { .. }
            | Event::SessionSaved { .. }
            | Event::Thinking { .. }
            | Event::ToolStarted { .. }
            | Event::ToolOutput { .. }
            | Event::ToolEnded { .. }
            | Event::Todos { .. }
            | Event::Retrying { .. }
            | Event::Snapshot(_)
            | Event::Artifact { .. }
            | Event::RemoteControl { .. }
            | Event::Unknown(_) => {
                self.agent_alive(now);
                self.journal(event);
            }
        }
    }

    fn turn_ended(
        &mut self,
        now: Timestamp,
        end: TurnEnd,
        usage: Usage,
        denials: u32,
        summary: String,
        problem: Option<Problem>,
    ) {
        self.agent.stalled = false;
        self.agent.denials_told = self.agent.denials_told.saturating_add(denials);
        let turn = self.agent.turn;
        self.journal(Event::TurnEnded {
            turn,
            end,
            usage,
            denials,
            summary: summary.clone(),
            problem: problem.clone(),
        });
        // Some agents report twice on one turn; the first decided already.
        if !std::mem::take(&mut self.agent.in_turn) {
            return;
        }
        self.agent.last_end = Some(end);
        self.agent.last_problem = problem;
        self.agent.last_summary = summary;
        self.agent.pause_clock(now);
        self.withdraw_all(now);
        let interrupted =
            std::mem::take(&mut self.agent.interrupting) || end == TurnEnd::Interrupted;
        match self.agent.stage {
            // Nobody goes on with it: the rescue has the tree.
            Stage::Working if end == TurnEnd::Exited => self.after_turn(now, end, interrupted),
            Stage::Working => {
                let until = now.after(CHECKPOINT);
                self.agent.stage = Stage::Keeping { until, end, interrupted };
                self.out.push(RunEffect::Checkpoint { turn });
            }
            Stage::Keeping { .. } | Stage::Ending { .. } | Stage::Stopping { .. } => {}
        }
    }

    /// What the turn left is kept, or is not going to be.
    pub(super) fn checkpointed(&mut self, now: Timestamp, turn: u32, kept: Option<Checkpoint>) {
        let Stage::Keeping { end, interrupted, .. } = self.agent.stage else { return };
        if turn != self.agent.turn || self.doing != Doing::Agent {
            return;
        }
        if let Some(kept) = kept {
            self.journal(Event::Checkpoint(kept));
        }
        self.agent.stage = Stage::Working;
        self.after_turn(now, end, interrupted);
    }

    fn after_turn(&mut self, now: Timestamp, end: TurnEnd, interrupted: bool) {
        if end == TurnEnd::Exited {
            // Nobody is left to be told anything; `AgentExited` follows.
            self.blame_budget();
            self.agent.stage = Stage::Ending { until: now.after(END_AGENT) };
        } else if self.ask_for_budget(now) {
            // What was said meanwhile waits as well: the agent could not hear it.
        } else if let Some((order, text)) = self.agent.follow_ups.pop_front() {
            self.follow_up(now, order, text);
        } else if self.wait_for_quota(now) {
            // `pass_quota` goes on.
        } else if interrupted {
            self.put_ask(now, None, Ask::Interrupted);
        } else {
            self.end_agent(now);
        }
    }

    pub(super) fn end_agent(&mut self, now: Timestamp) {
        self.agent.stage = Stage::Ending { until: now.after(END_AGENT) };
        self.out.push(RunEffect::EndAgent);
    }

    /// A person has called the work done: it is taken as it is.
    pub(super) fn let_agent_go(&mut self, now: Timestamp) {
        self.withdraw_all(now);
        self.agent.pause_clock(now);
        if std::mem::take(&mut self.agent.in_turn) {
            self.journal(Event::TurnEnded {
                turn: self.agent.turn,
                end: TurnEnd::Completed,
                usage: Usage::default(),
                denials: 0,
                summary: String::new(),
                problem: None,
            });
        }
        self.agent.last_end = Some(TurnEnd::Completed);
        self.agent.last_problem = None;
        self.end_agent(now);
    }

    pub(super) fn stop_agent(&mut self, now: Timestamp) {
        if matches!(self.agent.stage, Stage::Stopping { .. }) {
            return;
        }
        self.agent.stage = Stage::Stopping { until: now.after(STOP_AGENT) };
        self.withdraw_all(now);
        self.agent.pause_clock(now);
        self.out.push(RunEffect::StopAgent);
    }

    /// Where it is being stopped politely already, it is now no more.
    pub(super) fn kill_agent(&mut self, now: Timestamp) {
        self.agent.stage = Stage::Stopping { until: now.after(STOP_AGENT) };
        self.withdraw_all(now);
        self.agent.pause_clock(now);
        self.out.push(RunEffect::KillAgent);
    }

    pub(super) fn agent_exited(&mut self, now: Timestamp, code: Option<i32>, signal: Option<i32>) {
        if self.doing == Doing::Agent {
            self.journal(Event::AgentExited { code, signal });
            self.blame_signal(signal);
            self.agent_gone(now);
        }
    }

    /// The process was ended in the middle of a turn, and not by us. Its driver
    /// may not know of signals.
    fn blame_signal(&mut self, signal: Option<i32>) {
        let agent = &mut self.agent;
        let stopped = matches!(agent.stage, Stage::Stopping { .. });
        let cut = agent.in_turn || agent.last_end == Some(TurnEnd::Exited);
        if let Some(signal) = signal.filter(|_| cut && !stopped) {
            agent.last_problem = Some(crashed(signal));
        }
    }

    /// The agent's process is no more, or was given up.
    pub(super) fn agent_gone(&mut self, now: Timestamp) {
        self.withdraw_all(now);
        self.agent.pause_clock(now);
        if std::mem::take(&mut self.agent.in_turn) {
            self.agent.last_end = Some(TurnEnd::Exited);
            self.journal(Event::TurnEnded {
                turn: self.agent.turn,
                end: TurnEnd::Exited,
                usage: Usage::default(),
                denials: 0,
                summary: String::new(),
                problem: None,
            });
        }
        self.review_or_collect(now);
    }
}

fn crashed(signal: i32) -> Problem {
    // Numbers of Linux and macOS alike (POSIX).
    let (name, hint) = match signal {
        9 => (
            " (SIGKILL)",
            "The system may have run out of memory, or the run reached its memory limit: look at \
             the walls' report, give the project a larger limit, then `pilot task resume`.",
        ),
        11 => (" (SIGSEGV)", "A fault of the agent's program: `pilot task resume` tries again."),
        6 => (" (SIGABRT)", "A fault of the agent's program: `pilot task resume` tries again."),
        _ => ("", "`pilot task resume` goes on where it stopped."),
    };
    Problem::new(
        Code::AgentCrashed,
        format!("The agent's process was ended by signal {signal}{name}; its work was rescued."),
    )
    .hint(hint)
}
