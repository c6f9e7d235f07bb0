//! What the runner says of its machine: which agents and tools it has, and
//! how busy it is.

use super::core::Daemon;
use crate::agents::{Doctor, Programs};
use crate::doctor;
use pilot_proto::runner::{About, AgentFound, ToHub, ToolCheck};

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

    fn about_with(&self, agents: Vec<AgentFound>, checks: Vec<ToolCheck>) -> About {
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

    pub(super) fn has_looked(&mut self, looked: Looked) {
        let Looked { doctor, agents, checks } = looked;
        self.looking = false;
        self.doctor = doctor;
        let about = self.about_with(agents, checks);
        // Without a connection the next greeting says it.
        self.answer(ToHub::About { about });
    }
}
