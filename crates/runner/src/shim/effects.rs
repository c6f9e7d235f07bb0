//! Doing what the machine says.

use super::agent::{self, AgentProcess, Ends, Role, Source};
use super::checkpoint;
use super::core::{Done, Shim};
use super::gates::Said;
use super::pushing;
use super::rebasing;
use super::rescue;
use super::setup;
use super::steps::{self, Report};
use super::walls::SharedWalls;
use super::workspace::login_of;
use crate::ledger::Resource;
use pilot_agents::Step as DriverStep;
use pilot_egress::gate::{Denied, News};
use pilot_egress::model;
use pilot_lifecycle::{Ruling, RunEffect, RunEvent, Step};
use pilot_proto::project::GitGrant;
use pilot_proto::{Code, Event, OrderId, Problem};
use pilot_sandbox::Exit;
use tokio_util::sync::CancellationToken;

impl Shim {
    pub(super) fn perform(&mut self, effect: RunEffect) {
        let workspace = self.workspace.clone();
        match effect {
            RunEffect::Journal(event) => self.journal(&event),
            RunEffect::Kill => self.step(Step::Kill, steps::kill(workspace)),
            RunEffect::MakeWorkspace => self.make_workspace(),
            RunEffect::Clone => {
                let text = format!("Cloning `{}`.", shown(&workspace.spec.repo));
                self.journal(&steps::word(text));
                self.step(Step::Clone, steps::clone(workspace, self.voices.clone(), self.clock));
            }
            RunEffect::Rebase => {
                // What it shows would be the base's changes, too.
                drop(self.diff.end());
                self.step(Step::Rebase, rebasing::rebase(workspace));
            }
            RunEffect::Setup { step } => self.set_up(step),
            // There is only one step at a time.
            RunEffect::Abort { .. } => self.abort.cancel(),
            RunEffect::StartAgent { prompt, again } => self.start_agent(prompt, again),
            RunEffect::Checkpoint { turn } => self.checkpoint(turn),
            RunEffect::Review { round } => self.review(round),
            RunEffect::StopReview => self.stop_review(),
            RunEffect::TellAgent { text } => {
                self.walls.iter().for_each(|walls| walls.begin_turn());
                self.with_driver(|agent| agent.driver.say(&text));
            }
            RunEffect::AllowHost { host, port } => self.allow(&rule(&host, port)),
            RunEffect::AllowRules { rules } => rules.iter().for_each(|rule| self.allow(rule)),
            RunEffect::RaiseBudget { micros } => {
                self.walls.iter().for_each(|walls| walls.raise_budget(micros));
            }
            RunEffect::InterruptAgent => self.with_driver(|agent| agent.driver.interrupt()),
            RunEffect::AnswerAgent { key, answer, .. } if self.answer_inside(&key, &answer) => {}
            RunEffect::ChildDecided { token, decided } => self.child_decided(token, decided),
            RunEffect::ChildIs(child) => self.child_is(*child),
            RunEffect::AnswerAgent { key, ask, answer } => {
                self.with_driver(|agent| agent.driver.answer(&key, &ask, &answer));
            }
            RunEffect::HintAgent { text } => {
                // One that hears nothing now is told by a refused call.
                let steps = self.agent.as_mut().and_then(|agent| agent.driver.steer(&text));
                self.take_steps(steps.unwrap_or_default());
            }
            RunEffect::Drives { who } => self.visits.drives(who),
            RunEffect::SteerAgent { order, text } => self.steer(order, &text),
            RunEffect::Rule { key, ask, ruling } => {
                let ruling = match ruling {
                    Ruling::Go => pilot_agents::Ruling::Go,
                    Ruling::Ask => pilot_agents::Ruling::Ask,
                    Ruling::Deny(reason) => pilot_agents::Ruling::Deny(reason),
                };
                self.with_driver(|agent| agent.driver.ruled(&key, &ask, &ruling));
            }
            RunEffect::EndAgent => self.with_driver(|agent| agent.driver.end()),
            RunEffect::StopAgent => self.stop_agent(),
            RunEffect::KillAgent => {
                self.agent.iter().for_each(|agent| agent.kill.cancel());
                self.stop_agent();
            }
            RunEffect::Collect { commit } => {
                if self.looking {
                    self.collect = Some(commit);
                } else {
                    self.begin_collecting(commit);
                }
            }
            RunEffect::Push { branch, commit, expected } => self.push(branch, commit, expected),
            RunEffect::ReadBack { branch, commit } => {
                self.step(Step::ReadBack, pushing::read_back(workspace, branch, commit));
            }
            RunEffect::Rescue { published } => {
                self.step(Step::Rescue, rescue::rescue(workspace, published));
            }
            RunEffect::Wipe { keep_tree } => {
                drop(self.diff.end());
                self.visits.end();
                let walls = self.walls.take();
                let keep_tree = keep_tree || workspace.is_withheld();
                self.work.spawn(async move {
                    let (left, gone) = steps::clean(workspace, walls, keep_tree).await;
                    Done::Cleaned { left, gone }
                });
            }
            RunEffect::Done => self.done = true,
        }
    }

    /// Begins a step that can be aborted by dropping it.
    fn step(&mut self, step: Step, work: impl Future<Output = Report> + Send + 'static) {
        self.abort = CancellationToken::new();
        let abort = self.abort.clone();
        self.work.spawn(async move {
            tokio::select! {
                report = work => Done::Step(report),
                () = abort.cancelled() => Done::Step(Report::failed(step, stopped(step))),
            }
        });
    }

    pub(super) fn journal(&mut self, event: &Event) {
        if let Event::Pushed { branch, .. } = event {
            let branch = self.branch(branch.clone());
            self.note(|ledger| ledger.kept(&branch));
        }
        self.note_question(event);
        self.log.append(event);
    }

    fn branch(&self, branch: String) -> Resource {
        Resource::Branch { repo: shown(&self.workspace.spec.repo), branch }
    }

    fn note(
        &mut self,
        write: impl FnOnce(&mut crate::ledger::Ledger) -> std::io::Result<()>,
    ) -> bool {
        match write(&mut self.ledger) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the ledger cannot be written");
                false
            }
        }
    }

    fn make_workspace(&mut self) {
        let work = Resource::Directory { path: self.workspace.dir.work() };
        let processes = Resource::Processes { run: self.workspace.spec.run.to_string() };
        let scratch = Resource::Directory { path: self.workspace.dir.scratch() };
        let all = [work, scratch, processes];
        let noted = self.note(|ledger| all.iter().try_for_each(|one| ledger.made(one)));
        if noted {
            self.step(Step::Workspace, steps::make(self.workspace.clone()));
        } else {
            // Nothing is made that is not in the ledger.
            let problem = Problem::new(
                Code::WorkspaceFailed,
                "The workspace cannot be made: the runner's ledger cannot be written.",
            )
            .hint("Look at the free space and the rights of the runner's data directory.");
            self.events.push_back(RunEvent::Failed { step: Step::Workspace, problem });
        }
    }

    fn set_up(&mut self, step: usize) {
        let command = self.workspace.spec.setup.get(step).cloned().unwrap_or_default();
        self.journal(&steps::word(format!("Setup step {}: {command}", step + 1)));
        self.abort = CancellationToken::new();
        let Some(walls) = &self.walls else {
            let problem = no_walls();
            return self.events.push_back(RunEvent::Failed { step: Step::Setup, problem });
        };
        let step = setup::start(&self.workspace, walls, step, &self.heard, self.abort.clone());
        self.work.spawn(async move { Done::Step(step.await) });
    }

    fn start_agent(&mut self, prompt: String, again: bool) {
        let Some(walls) = self.walls.clone() else {
            let problem = no_walls();
            return self.events.push_back(RunEvent::Failed { step: Step::Agent, problem });
        };
        let agent = self.workspace.programs.agent(&self.workspace.spec.agent);
        if agent.is_ok_and(|agent| !agent.has_process()) {
            return self.start_by_hand(&walls, prompt);
        }
        let role = if again {
            walls.begin_turn();
            Role::again(&self.workspace, &walls, prompt, self.session.clone())
        } else {
            Role::first(&self.workspace, &walls, prompt)
        };
        match AgentProcess::prepare(&self.workspace, &walls, role) {
            Ok((process, starting)) => {
                self.agent = Some(process);
                self.work.spawn(async move {
                    Done::AgentStarted(Box::new(agent::start(walls, starting).await))
                });
                self.with_driver(|agent| agent.driver.begin());
            }
            Err(problem) => {
                self.events.push_back(RunEvent::Failed { step: Step::Agent, problem });
            }
        }
    }

    /// Only a person is asked.
    fn start_by_hand(&mut self, walls: &SharedWalls, prompt: String) {
        match AgentProcess::by_hand(&self.workspace, walls, prompt) {
            Ok(process) => {
                let (stop, walls) = (process.stop.clone(), walls.clone());
                self.agent = Some(process);
                self.work.spawn(async move {
                    stop.cancelled().await;
                    // What a person left running there would go on with the tree.
                    walls.empty().await;
                    Done::AgentGone(Exit::Code(0))
                });
                self.with_driver(|agent| agent.driver.begin());
            }
            Err(problem) => {
                self.events.push_back(RunEvent::Failed { step: Step::Agent, problem });
            }
        }
    }

    /// The agent runs, or could not be started.
    pub(super) fn agent_started(&mut self, started: agent::Started) {
        let (Some(process), Some(walls)) = (&self.agent, &self.walls) else { return };
        match started {
            Ok((mut agent, input)) => {
                let sources = [Source::AgentOut, Source::AgentErr];
                agent::attach(&mut agent, input, &self.heard, sources, &mut self.pipes);
                let walls = walls.clone();
                let ends = Ends { stop: process.stop.clone(), kill: process.kill.clone() };
                self.work.spawn(async move {
                    Done::AgentGone(agent::see_off(agent, walls, ends).await)
                });
            }
            Err(problem) => {
                self.agent = None;
                self.tell(RunEvent::Failed { step: Step::Agent, problem });
            }
        }
    }

    /// Lets the run's processes reach something from now on.
    pub(super) fn allow(&mut self, rule: &str) {
        if let Some(words) = self.walls.as_ref().and_then(|walls| walls.allow(rule)) {
            self.journal(&words);
        }
    }

    /// Git logs in with this from now on, ours and what runs inside.
    pub(super) fn granted(&mut self, git: GitGrant) {
        self.log.learn(&login_of(&git));
        self.walls.iter().for_each(|walls| walls.renew_login(&git));
        self.workspace.renew_login(git);
    }

    /// What a gate has to say.
    pub(super) fn gate_says(&mut self, said: Said) {
        match said {
            Said::Gate(News::Decided(decision)) => self.journal(&Event::Network(decision)),
            Said::Gate(News::Ended(end)) => self.journal(&Event::NetworkEnded(end)),
            Said::Gate(News::Lost(decisions)) => self.journal(&Event::NetworkLost { decisions }),
            Said::Gate(News::Denied(Denied { host, port, process, because })) => {
                self.tell(RunEvent::Refused { host, port, process, because });
            }
            Said::Inside(said) => self.at_the_door(said),
            Said::Called(call) => self.journal(&Event::ModelCalled(call)),
            Said::Model(model::News::BudgetReached { spent_micros, budget_micros }) => {
                self.tell(RunEvent::BudgetReached { spent_micros, budget_micros });
            }
            Said::Model(model::News::Renewed { provider, key, oauth }) => {
                self.journal(&steps::word(format!("The login to `{provider}` was renewed.")));
                if let Some(event) =
                    self.renewals.sealed(&self.workspace.spec, provider, key, oauth)
                {
                    self.journal(&event);
                }
            }
        }
    }

    /// Says it to the agent in the middle of its turn, if it hears that.
    fn steer(&mut self, order: OrderId, text: &str) {
        let steps = self.agent.as_mut().and_then(|agent| agent.driver.steer(text));
        let Some(steps) = steps else {
            return self.events.push_back(RunEvent::AgentDeaf { order });
        };
        self.events.push_back(RunEvent::AgentSteered { order });
        self.take_steps(steps);
    }

    fn stop_agent(&mut self) {
        if let Some(agent) = &mut self.agent {
            agent.close_input();
            agent.stop.cancel();
        }
    }

    fn with_driver(&mut self, act: impl FnOnce(&mut AgentProcess) -> Vec<DriverStep>) {
        if let Some(agent) = &mut self.agent {
            let steps = act(agent);
            self.take_steps(steps);
        }
    }

    /// Does what the agent's driver says. What the machine is to hear of it
    /// waits until it has said all that it says now.
    pub(super) fn take_steps(&mut self, steps: Vec<DriverStep>) {
        for step in steps {
            match step {
                DriverStep::Write(text) => {
                    if let Some(agent) = &self.agent {
                        agent.write(text);
                    }
                }
                DriverStep::CloseInput => {
                    if let Some(agent) = &mut self.agent {
                        agent.close_input();
                    }
                }
                DriverStep::Terminate => self.agent.iter().for_each(|agent| agent.stop.cancel()),
                DriverStep::Event(event) => self.agent_says(event),
                DriverStep::Ask { key, ask } => {
                    self.events.push_back(RunEvent::AgentAsked { key, ask });
                }
                DriverStep::Check { key, ask } => {
                    self.events.push_back(RunEvent::AgentChecks { key, ask });
                }
                DriverStep::Withdraw { key } => {
                    self.events.push_back(RunEvent::AgentWithdrew { key });
                }
                DriverStep::TurnEnded { end, usage, denials, summary, problem } => {
                    // The machine knows which turn it is.
                    let ended = Event::TurnEnded { turn: 0, end, usage, denials, summary, problem };
                    self.events.push_back(RunEvent::AgentSaid(ended));
                }
            }
        }
        self.work_off();
    }

    fn agent_says(&mut self, event: Event) {
        if let Event::SessionStarted { session, .. } = &event {
            self.session = Some(session.clone());
        } else if matches!(event, Event::ToolEnded { .. }) {
            self.diff.want();
        }
        self.events.push_back(RunEvent::AgentSaid(event));
    }

    /// So that a later run can begin here, also one on another runner.
    fn checkpoint(&mut self, turn: u32) {
        let Some(kept) = self.kept.take() else {
            // The one before hangs, and was given up.
            return self.events.push_back(RunEvent::Checkpointed { turn, kept: None });
        };
        let (workspace, session) = (self.workspace.clone(), self.session.clone());
        self.work.spawn(async move {
            let done = checkpoint::keep(workspace, kept, turn, session).await;
            Done::Checkpointed(Box::new(done))
        });
    }

    /// Nobody looks at the tree any more: takes it all together.
    pub(super) fn begin_collecting(&mut self, commit: bool) {
        self.visits.collect();
        let looker = self.diff.end();
        let (workspace, session) = (self.workspace.clone(), self.session.clone());
        self.step(Step::Collect, steps::collect(workspace, looker, commit, session));
    }

    fn push(&mut self, branch: String, commit: String, expected: Option<String>) {
        let resource = self.branch(branch.clone());
        if expected.is_none() && !self.note(|ledger| ledger.made(&resource)) {
            let problem = Problem::new(
                Code::WorkspaceFailed,
                "The branch was not pushed: the runner's ledger cannot be written.",
            );
            self.events.push_back(RunEvent::Failed { step: Step::Push, problem });
            return;
        }
        self.step(Step::Push, pushing::push(self.workspace.clone(), branch, commit, expected));
    }

    /// The wipe is over: the ledger says what is left.
    pub(super) fn cleaned(&mut self, left: Vec<String>, gone: bool) {
        if gone {
            for path in [self.workspace.dir.work(), self.workspace.dir.scratch()] {
                self.note(|ledger| ledger.gone(&Resource::Directory { path }));
            }
        }
        if !left.iter().any(|name| name.starts_with("process ")) {
            let processes = Resource::Processes { run: self.workspace.spec.run.to_string() };
            self.note(|ledger| ledger.gone(&processes));
        }
        self.tell(RunEvent::Wiped { left });
    }
}

/// The repository without what may be a login in its address.
fn shown(repo: &str) -> String {
    match repo.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            match rest[..end].rfind('@') {
                Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
                None => repo.to_owned(),
            }
        }
        None => repo.to_owned(),
    }
}

/// A rule of the network policy that is about this alone.
fn rule(host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == 0 { host } else { format!("{host}:{port}") }
}

pub(super) fn no_walls() -> Problem {
    Problem::new(Code::Internal, "The run has no walls, so nothing is started in it.")
}

fn stopped(step: Step) -> Problem {
    Problem::new(Code::Precondition, format!("The step {step:?} was stopped."))
}
