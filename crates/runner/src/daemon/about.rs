//! What the runner says of its machine: which agents and tools it has, and
//! how busy it is.

use super::core::Daemon;
use super::spawn;
use crate::agents::{Doctor, Programs};
use crate::shim::AgentTrial;
use crate::{clock, doctor};
use pilot_proto::project::ProviderGrant;
use pilot_proto::runner::{About, AgentFound, LiveCheck, ToHub, ToolCheck};
use pilot_proto::{Code, Problem, RunId};

/// What was found by looking again.
pub(super) struct Looked {
    /// It remembers what it has seen.
    doctor: Doctor,
    agents: Vec<AgentFound>,
    checks: Vec<ToolCheck>,
}

impl Daemon {
    /// For a greeting.
    pub(super) async fn about(&mut self) -> About {
        self.read_agents();
        let environment = &self.options.environment;
        let agents = self.doctor.look(&self.programs, environment).await;
        let checks = doctor::checks(&self.programs, environment).await;
        self.about_with(agents, checks)
    }

    /// Agents are declared while we run, too.
    fn read_agents(&mut self) {
        self.programs = Programs::new(&self.options.data, &self.options.environment);
    }

    fn about_with(&self, mut agents: Vec<AgentFound>, checks: Vec<ToolCheck>) -> About {
        for agent in &mut agents {
            agent.live = self.live.get(&agent.name).cloned();
        }
        About {
            name: self.options.name.clone(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            workers: if self.options.once { 1 } else { self.options.workers },
            draining: self.options.once && self.took_one,
            seal_key: self.seal_key.clone(),
            agents,
            checks,
        }
    }

    /// A person installed something, or logged an agent in: everything is asked
    /// anew, besides the daemon's work, because a slow program may take seconds.
    pub(super) fn look_again(&mut self) {
        if std::mem::replace(&mut self.looking, true) {
            return;
        }
        self.read_agents();
        let (programs, environment) = (self.programs.clone(), self.options.environment.clone());
        let found = self.looked.clone();
        self.tasks.spawn(async move {
            let mut doctor = Doctor::default();
            let agents = doctor.look(&programs, &environment).await;
            let checks = doctor::checks(&programs, &environment).await;
            // The daemon itself is ending if nobody hears this.
            found.send(Looked { doctor, agents, checks }).await.ok();
        });
    }

    /// A person wants to know whether an agent answers. Once at a time: a trial
    /// takes as much as a run.
    pub(super) fn try_agent(
        &mut self,
        agent: String,
        model: Option<String>,
        provider: Option<Box<ProviderGrant>>,
    ) {
        if std::mem::replace(&mut self.trying, true) {
            return;
        }
        let Some(id) = any_run() else {
            self.trying = false;
            return tracing::error!("the system gives no randomness; nothing is tried");
        };
        let trial = AgentTrial {
            id,
            data: self.options.data.clone(),
            agent: agent.clone(),
            model,
            provider: provider.map(|provider| *provider),
        };
        let (command, environment) = (self.options.shim.clone(), self.options.environment.clone());
        let tried = self.tried.clone();
        self.tasks.spawn(async move {
            let live = spawn::try_agent(&command, &environment, &trial).await;
            let live = live.unwrap_or_else(|error| LiveCheck {
                at: clock::now(),
                provider: trial.provider.as_ref().map(|provider| provider.name.clone()),
                took_ms: 0,
                answer: String::new(),
                problem: Some(Problem::new(
                    Code::Internal,
                    format!("The trial could not be made: {error}."),
                )),
            });
            // The daemon itself is ending if nobody hears this.
            tried.send((agent, live)).await.ok();
        });
    }

    pub(super) fn has_tried(&mut self, agent: String, live: LiveCheck) {
        self.trying = false;
        self.live.insert(agent, live);
        // What it says of its agents is said anew, with this.
        self.look_again();
    }

    pub(super) fn has_looked(&mut self, looked: Looked) {
        let Looked { doctor, agents, checks } = looked;
        self.looking = false;
        self.doctor = doctor;
        let about = self.about_with(agents, checks);
        // Without a connection the next greeting says it.
        self.answer(ToHub::About { about });
    }
}

/// A number that no run has: of 122 random bits, none comes twice.
fn any_run() -> Option<RunId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    format!("{:032x}", u128::from_be_bytes(bytes)).parse().ok()
}
