//! Where the plays are played: a world with one agent and its model, and verbs.

use super::agents::Agent;
use crate::agents::add_agent;
use crate::world::World;
use pilot_proto::runner::Abilities;
use pilot_proto::{Event, InboxItem, TaskId};
use pilot_testkit::model::{Model, Reply, Script, Seen};
use serde_json::Value;

/// The key that the provider wants, which no run may see.
pub(super) const KEY: &str = "placeholder-key-0123456789";

/// What every play is given.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) world: &'a World,
    pub(super) model: &'a Model,
    pub(super) agent: &'static Agent,
}

/// A hub and a runner that finds the agent, and no provider yet.
pub(super) fn raise(agent: &Agent) -> World {
    let mut world = World::with_hub();
    add_agent(&mut world, agent.name);
    // A play may have two tasks.
    world.set_workers(2);
    world.start_runner();
    world
}

impl Stage<'_> {
    /// Where the agent's provider is: the scripted model.
    pub(super) fn url(&self) -> String {
        format!("{}{}", self.model.url(), self.agent.path)
    }

    /// From now on there is a provider that answers.
    pub(super) fn log_in(&self) {
        self.model.require_auth(KEY);
        self.world.add_provider(self.agent.name, self.agent.kind, &self.url(), KEY);
    }

    /// Files a task that plays this script.
    pub(super) fn begin(&self, mode: &str, name: &str, script: Value) -> TaskId {
        self.begin_with(mode, name, script, &[])
    }

    pub(super) fn begin_with(
        &self,
        mode: &str,
        name: &str,
        script: Value,
        more: &[&str],
    ) -> TaskId {
        self.model.script(name, Script::new(script));
        self.task(mode, &format!("[[script:{name}]]"), more)
    }

    /// Files a task with this prompt.
    pub(super) fn task(&self, mode: &str, prompt: &str, more: &[&str]) -> TaskId {
        let mut words = vec!["--mode", mode];
        words.extend(self.agent.model.iter().flat_map(|model| ["--model", model]));
        words.extend(more);
        self.world.new_task(self.agent.name, prompt, &words).id
    }

    /// What the runner says that its agent can do.
    pub(super) fn abilities(&self) -> Abilities {
        let runners: Vec<Value> = self.world.json(&["runner", "list"]);
        let agents = runners[0]["about"]["agents"].as_array().expect("a list");
        let agent = agents.iter().find(|one| one["name"] == self.agent.name);
        let abilities = &agent.expect("the runner has it")["abilities"];
        serde_json::from_value(abilities.clone()).expect("it tells them")
    }

    pub(super) fn asked(&self, id: TaskId) -> InboxItem {
        self.world.asked_after(id, None)
    }

    pub(super) fn answer(&self, item: &InboxItem, words: &[&str]) {
        let id = item.id.to_string();
        self.world.pilot(&[&["task", "answer", &id], words].concat()).ok();
    }

    /// Files of the published branch.
    pub(super) fn files<const N: usize>(
        &self,
        id: TaskId,
        names: [&str; N],
    ) -> [Option<String>; N] {
        names.map(|name| self.world.published(id, name))
    }

    /// Waits until something stands in the journal of the task's last run.
    pub(super) fn journalled(&self, id: TaskId, what: &str, fits: impl Fn(&Event) -> bool) {
        self.world.until(what, || {
            let events = self.world.events(id);
            let there = events.iter().any(&fits);
            let task = self.world.task(id);
            assert!(there || !task.state.is_end(), "{what}: {task:#?}\n{events:#?}");
            there.then_some(())
        });
    }

    /// Waits until a tool whose line has this in it is at work.
    pub(super) fn tool_runs(&self, id: TaskId, part: &str) {
        let fits = |event: &Event| matches!(event, Event::ToolStarted { summary, .. } if summary.contains(part));
        self.journalled(id, "the tool runs", fits);
    }

    /// All that the agent said in its last run.
    pub(super) fn said(&self, id: TaskId) -> String {
        let events = self.world.events(id);
        let texts = events.iter().filter_map(|event| match event {
            Event::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// How many turns the task's last run had.
    pub(super) fn turns(&self, id: TaskId) -> usize {
        let events = self.world.events(id);
        events.iter().filter(|event| matches!(event, Event::TurnStarted { .. })).count()
    }

    /// Requests that this script was asked for by.
    pub(super) fn requests(&self, script: &str) -> Vec<Seen> {
        let of =
            |seen: &Seen| matches!(&seen.reply, Reply::Step { script: name, .. } if name == script);
        self.model.requests().into_iter().filter(of).collect()
    }
}
