//! A shim around its run machine: it journals, does steps, and has an agent
//! that does what agents do. The process may die between any two effects.

use super::{Happening, World};
use pilot_lifecycle::{RunEffect, RunEvent, RunMachine, Step};
use pilot_proto::event::{Event, Record, TurnEnd};
use pilot_proto::inbox::{Ask, Question};
use pilot_proto::run::{Checkpoint, Usage};
use pilot_proto::{Code, Problem, RunId, TaskId};
use std::collections::BTreeMap;

/// The process.
#[derive(Debug)]
pub(crate) struct Shim {
    pub(crate) machine: RunMachine,
    pub(crate) epoch: u32,
    jobs: BTreeMap<u64, RunEffect>,
    next_job: u64,
    next_tick: Option<u64>,
}

/// What a run has on the disk beside its journal, and its processes.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    tree: bool,
    dirty: bool,
    rescued: bool,
    published: bool,
    agent: Option<AgentProcess>,
    /// A `git push` that goes on although its shim is dead.
    orphan_push: Option<RunEffect>,
}

#[derive(Debug)]
struct AgentProcess {
    /// Of the shim that holds its pipes.
    epoch: u32,
    in_turn: bool,
    waits_for: Option<String>,
    asked: u32,
}

impl Shim {
    pub(crate) fn new(machine: RunMachine, epoch: u32) -> Self {
        Self { machine, epoch, jobs: BTreeMap::new(), next_job: 0, next_tick: None }
    }
}

fn problem(code: Code) -> Problem {
    Problem::new(code, "It did not work out.")
}

impl World {
    fn workspace(&mut self, machine: usize, run: RunId) -> &mut Workspace {
        self.machines[machine].workspaces.entry(run).or_default()
    }

    fn task_of(&self, machine: usize, run: RunId) -> TaskId {
        self.machines[machine].disk[&run].spec.task
    }

    /// Hands the event to the run machine and does what it says.
    pub(crate) fn shim_hears(&mut self, machine: usize, run: RunId, epoch: u32, event: RunEvent) {
        let now = self.clock();
        let Some(shim) = self.machines[machine].shims.get_mut(&run) else { return };
        if shim.epoch != epoch {
            return;
        }
        let heard = self.story.is_some().then(|| format!("{event:?}"));
        let effects = shim.machine.handle(now, event);
        if let Some(heard) = heard {
            self.tell(|| format!("  run {}: {heard} -> {effects:?}", run.short()));
        }
        let dies_after = (self.dies_between_effects(machine) && !effects.is_empty())
            .then(|| self.dice.below(effects.len() as u64));
        for (count, effect) in (0_u64..).zip(effects) {
            if dies_after == Some(count) {
                return self.shim_crashes(machine, run);
            }
            self.run_effect(machine, run, epoch, effect);
        }
        self.wind_up_shim(machine, run);
        self.ship(machine, run);
    }

    fn dies_between_effects(&mut self, machine: usize) -> bool {
        self.faulty() && !self.machines[machine].long_outage && self.dice.chance(3)
    }

    fn wind_up_shim(&mut self, machine: usize, run: RunId) {
        let now = self.now;
        let Some(shim) = self.machines[machine].shims.get_mut(&run) else { return };
        let Some(deadline) = shim.machine.next_deadline() else { return };
        let at = u64::try_from(deadline.0 / 1000).expect("the clock starts after zero") + 1;
        if shim.next_tick.is_none_or(|tick| at < tick || tick <= now) {
            shim.next_tick = Some(at);
            let epoch = shim.epoch;
            self.schedule_at(at, Happening::ShimTick { machine, run, epoch });
        }
    }

    pub(crate) fn shim_crashes(&mut self, machine: usize, run: RunId) {
        let Some(shim) = self.machines[machine].shims.remove(&run) else { return };
        let push = shim.jobs.into_values().find(|job| matches!(job, RunEffect::Push { .. }));
        if push.is_some() && self.dice.chance(500) {
            self.workspace(machine, run).orphan_push = push;
            let delay = self.dice.below(3_000);
            self.schedule(delay, Happening::OrphanPush { machine, run });
        }
        let life = self.machines[machine].life;
        let delay = self.dice.below(2_000);
        self.schedule(delay, Happening::ShimDied { machine, life, run });
    }

    fn run_effect(&mut self, machine: usize, run: RunId, epoch: u32, effect: RunEffect) {
        match effect {
            RunEffect::Journal(event) => self.mint(machine, run, epoch, event),
            RunEffect::Abort { step } => self.abort(machine, run, epoch, step),
            RunEffect::StartAgent { .. } => self.start_agent(machine, run, epoch),
            RunEffect::TellAgent { .. } => {
                if let Some(agent) = &mut self.workspace(machine, run).agent {
                    agent.in_turn = true;
                }
                self.agent_goes_on(machine, run, epoch);
            }
            RunEffect::InterruptAgent => {
                if !(self.faulty() && self.dice.chance(100)) {
                    self.agent_will(machine, run, epoch, 500, turn_ended(TurnEnd::Interrupted, 0));
                }
            }
            RunEffect::AnswerAgent { key, .. } => {
                let agent = self.workspace(machine, run).agent.as_mut();
                if let Some(agent) = agent.filter(|agent| agent.waits_for.as_ref() == Some(&key)) {
                    agent.waits_for = None;
                    self.agent_goes_on(machine, run, epoch);
                }
            }
            RunEffect::EndAgent => {
                if !(self.faulty() && self.dice.chance(150)) {
                    self.agent_will(machine, run, epoch, 5_000, exited(Some(0)));
                }
            }
            RunEffect::StopAgent => self.agent_will(machine, run, epoch, 10_000, exited(None)),
            RunEffect::KillAgent => self.agent_will(machine, run, epoch, 500, exited(None)),
            RunEffect::SteerAgent { order, .. } => {
                let hears = self.dice.chance(700);
                self.sights.see(if hears { "heard in mid-turn" } else { "deaf in mid-turn" });
                let event = if hears {
                    RunEvent::AgentSteered { order }
                } else {
                    RunEvent::AgentDeaf { order }
                };
                self.agent_will(machine, run, epoch, 2_000, event);
            }
            // Asked by nobody in this world.
            RunEffect::Rule { .. } => {}
            // Its walls and its screen are not part of this world.
            RunEffect::HintAgent { .. } | RunEffect::Drives { .. } => {}
            RunEffect::AllowHost { .. }
            | RunEffect::AllowRules { .. }
            | RunEffect::RaiseBudget { .. } => {}
            RunEffect::Done => {
                self.machines[machine].shims.remove(&run);
            }
            RunEffect::MakeWorkspace => {
                // In the ledger before it is made.
                self.machines[machine].workspaces.insert(run, Workspace::default());
                self.begin(machine, run, epoch, effect);
            }
            RunEffect::Wipe { keep_tree } => {
                let workspace = self.workspace(machine, run);
                let safe = !workspace.dirty || workspace.rescued || workspace.published;
                workspace.tree &= keep_tree;
                if !safe && !keep_tree {
                    self.broken(format!("run {} was wiped before its rescue", run.short()));
                }
                self.agent_dies(machine, run);
                self.begin(machine, run, epoch, effect);
            }
            RunEffect::Kill => {
                // The signal comes first; what may hang is the waiting for it.
                self.agent_dies(machine, run);
                self.begin(machine, run, epoch, effect);
            }
            // Nobody inside wishes for anything here.
            RunEffect::ChildDecided { .. } | RunEffect::ChildIs(_) => {}
            RunEffect::Clone
            | RunEffect::Rebase
            | RunEffect::Setup { .. }
            | RunEffect::Checkpoint { .. }
            | RunEffect::Review { .. }
            | RunEffect::Collect { .. }
            | RunEffect::Push { .. }
            | RunEffect::ReadBack { .. }
            | RunEffect::Rescue { .. } => self.begin(machine, run, epoch, effect),
            RunEffect::StopReview => self.review_ends_early(machine, run, epoch),
        }
    }

    fn mint(&mut self, machine: usize, run: RunId, epoch: u32, event: Event) {
        let at = self.clock();
        if matches!(&event, Event::Cleaned { left } if !left.is_empty()) {
            // What could not be removed is named, and from then on a person's.
            self.machines[machine].workspaces.remove(&run);
        }
        let Some(kept) = self.machines[machine].disk.get_mut(&run) else { return };
        let seq = kept.journal.last().map_or(0, |record| record.seq) + 1;
        let record = Record { epoch, seq, at, event };
        kept.journal.push(record.clone());
        self.minted.entry(run).or_default().push(record);
    }

    fn begin(&mut self, machine: usize, run: RunId, epoch: u32, job: RunEffect) {
        let hangs = self.faulty() && self.dice.chance(8);
        let delay = self.dice.between(10, 5_000);
        let Some(shim) = self.machines[machine].shims.get_mut(&run) else { return };
        let token = shim.next_job;
        shim.next_job += 1;
        shim.jobs.insert(token, job);
        if !hangs {
            self.schedule(delay, Happening::Step { machine, run, epoch, token });
        }
    }

    fn abort(&mut self, machine: usize, run: RunId, epoch: u32, step: Step) {
        let goes_on = self.faulty() && self.dice.chance(300);
        let Some(shim) = self.machines[machine].shims.get_mut(&run) else { return };
        let jobs = std::mem::take(&mut shim.jobs);
        if step == Step::Push {
            // It may have landed just before it was killed.
            if let Some(push) = jobs.into_values().find(|job| matches!(job, RunEffect::Push { .. }))
                && self.dice.chance(300)
            {
                self.push_lands(machine, run, &push);
            }
        } else if goes_on {
            // The step goes on regardless, and reports in its own time.
            shim.jobs = jobs;
        }
        if !(self.faulty() && self.dice.chance(50)) {
            self.begin(machine, run, epoch, RunEffect::Abort { step });
        }
    }

    /// A step has ended, one way or the other.
    pub(crate) fn step_ends(&mut self, machine: usize, run: RunId, epoch: u32, token: u64) {
        let Some(shim) = self.machines[machine].shims.get_mut(&run) else { return };
        if shim.epoch != epoch {
            return;
        }
        let Some(job) = shim.jobs.remove(&token) else { return };
        let fails = self.faulty() && self.dice.chance(30);
        let failed = |step, code| RunEvent::Failed { step, problem: problem(code) };
        let report = match job {
            RunEffect::MakeWorkspace if fails => failed(Step::Workspace, Code::DiskFull),
            RunEffect::MakeWorkspace => RunEvent::WorkspaceMade,
            RunEffect::Clone if fails => failed(Step::Clone, Code::RepositoryUnreachable),
            RunEffect::Clone => {
                self.workspace(machine, run).tree = true;
                RunEvent::Cloned
            }
            RunEffect::Rebase if fails => failed(Step::Rebase, Code::WorkspaceFailed),
            RunEffect::Rebase => RunEvent::Rebased { commit: None },
            RunEffect::Setup { .. } if fails => failed(Step::Setup, Code::SetupFailed),
            RunEffect::Setup { step } => RunEvent::SetupDone { step },
            RunEffect::Checkpoint { turn } => RunEvent::Checkpointed {
                turn,
                kept: (!fails).then(|| Checkpoint {
                    turn,
                    base: "base".into(),
                    bundle: None,
                    size: 0,
                    session: None,
                    left_out: String::new(),
                }),
            },
            RunEffect::Review { round } => {
                let said = self.a_review(fails);
                RunEvent::Reviewed { round, said, usage: Usage::default() }
            }
            RunEffect::Collect { .. } if fails => failed(Step::Collect, Code::DiskFull),
            RunEffect::Collect { commit } => {
                let wanted = commit && self.workspace(machine, run).dirty;
                RunEvent::Collected { commit: wanted.then(|| format!("commit of {run}")) }
            }
            RunEffect::Push { .. } if fails => failed(Step::Push, Code::RepositoryUnreachable),
            RunEffect::Push { ref commit, .. } => {
                if self.push_lands(machine, run, &job) {
                    RunEvent::Pushed { commit: commit.clone() }
                } else {
                    failed(Step::Push, Code::PushRejected)
                }
            }
            RunEffect::ReadBack { ref commit, .. } => {
                let head = self.remote.head(self.task_of(machine, run));
                RunEvent::ReadBack { landed: head == Some(commit) }
            }
            RunEffect::Rescue { .. } if fails || (self.faulty() && self.dice.chance(100)) => {
                failed(Step::Rescue, Code::DiskFull)
            }
            RunEffect::Rescue { .. } => RunEvent::Rescued { bundle: self.rescue(machine, run) },
            RunEffect::Wipe { .. } if fails => failed(Step::Wipe, Code::WorkspaceFailed),
            RunEffect::Wipe { keep_tree } => {
                self.machines[machine].workspaces.remove(&run);
                RunEvent::Wiped { left: keep_tree.then(|| "tree".into()).into_iter().collect() }
            }
            RunEffect::Kill => {
                let workspace = self.workspace(machine, run);
                workspace.orphan_push = None;
                RunEvent::Killed { tree: workspace.tree }
            }
            RunEffect::Abort { step } => failed(step, Code::Internal),
            RunEffect::Journal(_)
            | RunEffect::StartAgent { .. }
            | RunEffect::TellAgent { .. }
            | RunEffect::InterruptAgent
            | RunEffect::AnswerAgent { .. }
            | RunEffect::AllowHost { .. }
            | RunEffect::AllowRules { .. }
            | RunEffect::RaiseBudget { .. }
            | RunEffect::ChildDecided { .. }
            | RunEffect::ChildIs(_)
            | RunEffect::EndAgent
            | RunEffect::StopAgent
            | RunEffect::KillAgent
            | RunEffect::SteerAgent { .. }
            | RunEffect::HintAgent { .. }
            | RunEffect::Drives { .. }
            | RunEffect::Rule { .. }
            | RunEffect::StopReview
            | RunEffect::Done => return,
        };
        self.shim_hears(machine, run, epoch, report);
    }

    /// What a reviewer says: findings, none, nonsense, or nothing at all.
    fn a_review(&mut self, fails: bool) -> Result<Option<String>, Problem> {
        let said = match self.dice.below(5) {
            _ if fails => return Err(problem(Code::AgentFailed)),
            0 => return Ok(None),
            1 => "All is well.",
            2 => r#"{"findings": []}"#,
            _ => {
                self.sights.see("sent back by a reviewer");
                r#"{"findings": [{"path": "a", "text": "It is wrong."}]}"#
            }
        };
        Ok(Some(said.to_owned()))
    }

    fn review_ends_early(&mut self, machine: usize, run: RunId, epoch: u32) {
        let Some(shim) = self.machines[machine].shims.get(&run) else { return };
        let review = |job: &RunEffect| matches!(job, RunEffect::Review { .. });
        let Some(token) = shim.jobs.iter().find(|(_, job)| review(job)).map(|(token, _)| *token)
        else {
            return;
        };
        if !(self.faulty() && self.dice.chance(100)) {
            self.schedule(500, Happening::Step { machine, run, epoch, token });
        }
    }

    fn rescue(&mut self, machine: usize, run: RunId) -> Option<pilot_lifecycle::run::Bundle> {
        let workspace = self.workspace(machine, run);
        workspace.rescued = true;
        (workspace.dirty && !workspace.published).then(|| pilot_lifecycle::run::Bundle {
            id: "0123456789012345678901234567890123456789".parse().expect("40 hex digits"),
            size: 1,
            reference: "refs/rescue".into(),
        })
    }

    fn push_lands(&mut self, machine: usize, run: RunId, push: &RunEffect) -> bool {
        let RunEffect::Push { commit, expected, .. } = push else { return false };
        let spec = &self.machines[machine].disk[&run].spec;
        let (task, fence) = (spec.task, spec.fence);
        let landed = self.land(task, run, fence, commit, expected.as_ref());
        self.workspace(machine, run).published |= landed;
        landed
    }

    pub(crate) fn orphan_push(&mut self, machine: usize, run: RunId) {
        if let Some(workspace) = self.machines[machine].workspaces.get_mut(&run)
            && let Some(push) = workspace.orphan_push.take()
        {
            self.push_lands(machine, run, &push);
        }
    }

    fn start_agent(&mut self, machine: usize, run: RunId, epoch: u32) {
        if self.faulty() && self.dice.chance(30) {
            let problem = problem(Code::AgentMissing);
            let event = RunEvent::Failed { step: Step::Agent, problem };
            return self.agent_will(machine, run, epoch, 100, event);
        }
        let task = self.task_of(machine, run);
        let agents = self.agents.entry(task).or_default();
        agents.insert(run);
        if agents.len() > 1 {
            let agents = format!("{agents:?}");
            self.broken(format!("two agents at once: {agents}"));
        }
        self.check_batch(task);
        self.workspace(machine, run).agent =
            Some(AgentProcess { epoch, in_turn: true, waits_for: None, asked: 0 });
        self.agent_goes_on(machine, run, epoch);
    }

    /// Of a batch no more agents work at once than it may have.
    fn check_batch(&mut self, task: TaskId) {
        let batch_of = |task: &TaskId| self.hub.tasks[task].task().batch.as_ref();
        let Some(batch) = batch_of(&task) else { return };
        let at_work = (self.agents.iter())
            .filter(|(_, runs)| !runs.is_empty())
            .filter(|(other, _)| batch_of(other).is_some_and(|one| one.id == batch.id))
            .count();
        let at_most = batch.at_most.map_or(usize::MAX, |most| most as usize);
        if at_work > at_most {
            self.broken(format!("{at_work} agents of a batch work, and {at_most} may"));
        }
    }

    fn agent_dies(&mut self, machine: usize, run: RunId) {
        let task = self.task_of(machine, run);
        if self.workspace(machine, run).agent.take().is_some()
            && let Some(agents) = self.agents.get_mut(&task)
        {
            agents.remove(&run);
        }
    }

    fn agent_will(&mut self, machine: usize, run: RunId, epoch: u32, within: u64, event: RunEvent) {
        let delay = self.dice.between(1, within);
        self.schedule(delay, Happening::Agent { machine, run, epoch, event: Some(event) });
    }

    fn agent_goes_on(&mut self, machine: usize, run: RunId, epoch: u32) {
        let delay = self.dice.between(100, 40_000);
        self.schedule(delay, Happening::Agent { machine, run, epoch, event: None });
    }

    pub(crate) fn agent_acts(
        &mut self,
        machine: usize,
        run: RunId,
        epoch: u32,
        event: Option<RunEvent>,
    ) {
        let shim = self.machines[machine].shims.get(&run);
        if shim.is_none_or(|shim| shim.epoch != epoch) {
            // Nobody holds its pipes any more; it sits there until it is killed.
            return;
        }
        let Some(event) = event.or_else(|| self.agent_decides(machine, run, epoch)) else { return };
        match &event {
            RunEvent::AgentExited { .. } => self.agent_dies(machine, run),
            RunEvent::AgentSaid(Event::TurnEnded { .. }) => {
                let agent = self.workspace(machine, run).agent.as_mut();
                let Some(agent) = agent.filter(|agent| agent.in_turn) else { return };
                agent.in_turn = false;
                agent.waits_for = None;
            }
            _ => {}
        }
        self.shim_hears(machine, run, epoch, event);
    }

    fn agent_decides(&mut self, machine: usize, run: RunId, epoch: u32) -> Option<RunEvent> {
        let roll = self.dice.below(100);
        let faulty = self.faulty();
        let workspace = self.machines[machine].workspaces.get_mut(&run)?;
        let agent = workspace.agent.as_mut().filter(|agent| agent.epoch == epoch)?;
        if !agent.in_turn || agent.waits_for.is_some() {
            return None;
        }
        match roll {
            0..45 => {
                workspace.dirty |= roll < 30;
                self.agent_goes_on(machine, run, epoch);
                Some(RunEvent::AgentSaid(Event::Text {
                    text: "on it".into(),
                    parent: None,
                    open: false,
                }))
            }
            45..65 => {
                agent.asked += 1;
                let key = format!("ask {}", agent.asked);
                agent.waits_for = Some(key.clone());
                Some(RunEvent::AgentAsked { key, ask: an_ask(roll) })
            }
            65..68 if faulty => Some(exited(Some(1))),
            68..70 if faulty => None,
            70..72 => Some(turn_ended(TurnEnd::Error, 0)),
            72..76 => Some(turn_ended(TurnEnd::Completed, 2)),
            76..79 => Some(limited()),
            _ => Some(turn_ended(TurnEnd::Completed, 0)),
        }
    }
}

fn an_ask(roll: u64) -> Ask {
    match roll % 3 {
        0 => Ask::Permission {
            tool: format!("tool {}", roll % 2),
            input: serde_json::Value::Null,
            summary: String::new(),
            commands: vec![format!("make {}", roll % 3)],
            paths: Vec::new(),
        },
        1 => Ask::Plan { plan: "do it".into() },
        _ => Ask::Question {
            questions: vec![Question {
                question: "which?".into(),
                header: String::new(),
                options: Vec::new(),
                multiple: false,
            }],
        },
    }
}

fn exited(code: Option<i32>) -> RunEvent {
    RunEvent::AgentExited { code, signal: code.is_none().then_some(9) }
}

/// The provider's limit is used up, and it does not say until when.
fn limited() -> RunEvent {
    let problem = Some(problem(Code::AgentLimit));
    match turn_ended(TurnEnd::Error, 0) {
        RunEvent::AgentSaid(Event::TurnEnded { turn, end, usage, denials, summary, .. }) => {
            let ended = Event::TurnEnded { turn, end, usage, denials, summary, problem };
            RunEvent::AgentSaid(ended)
        }
        other => other,
    }
}

fn turn_ended(end: TurnEnd, denials: u32) -> RunEvent {
    RunEvent::AgentSaid(Event::TurnEnded {
        turn: 0,
        end,
        usage: Usage { input_tokens: 1, ..Usage::default() },
        denials,
        summary: String::new(),
        problem: None,
    })
}
