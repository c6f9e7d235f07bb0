//! The real agents and a scripted model server, for tests that need one of them;
//! what they do in which situation is shown in `situations`.

use crate::world::World;
use pilot_proto::{InboxItem, TaskId};
use pilot_testkit::model::Model as Server;
use serde_json::Value;
use std::sync::Arc;
use tokio::runtime::Runtime;

pub(crate) struct Model {
    pub(crate) server: Arc<Server>,
    _runtime: Runtime,
}

/// The key that providers of the tests want, which no run may see.
pub(crate) const KEY: &str = "placeholder-key-0123456789";

/// A world with a runner that finds the real claude, and a provider that is the
/// scripted model.
pub(crate) fn with_claude() -> (World, Model) {
    let model = model();
    let mut world = World::with_hub();
    add_claude(&mut world);
    world.add_provider("scripted-model", "anthropic", &model.server.url(), KEY);
    world.start_runner();
    (world, model)
}

/// The runner finds the real claude.
pub(crate) fn add_claude(world: &mut World) {
    add_agent(world, "claude");
}

pub(crate) fn add_agent(world: &mut World, agent: &str) {
    let program = pilot_testkit::agents::program(agent);
    world.add_path(program.parent().expect("it is in a directory").to_owned());
}

/// The scripted model.
pub(crate) fn model() -> Model {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime for the model");
    let server = runtime.block_on(Server::start());
    Model { server: Arc::new(server), _runtime: runtime }
}

pub(crate) fn steps(steps: &Value) -> String {
    format!("Do as scripted. [[steps:{steps}]]")
}

pub(crate) fn file(world: &World, mode: &str, prompt: &str) -> TaskId {
    world.new_task("claude", prompt, &["--mode", mode]).id
}

pub(crate) fn needs_you(world: &World, id: TaskId) -> InboxItem {
    world.until_state(id, "needs_you");
    let items: Vec<InboxItem> = world.json(&["inbox"]);
    items.into_iter().find(|item| item.task == id).expect("it is in the inbox")
}

pub(crate) fn published(world: &World, id: TaskId, path: &str) -> Option<String> {
    world.published(id, path)
}
