//! The way to the first prompt: a greeting, a login, a session, its mode.

use super::converse::{Acp, Request, Stage};
use super::habits::Past;
use super::some_text;
use crate::driver::Step;
use crate::own_tools::OwnTools;
use pilot_proto::{Code, Event, Mode, Problem};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How the session's mode is set, and to what it can be.
#[derive(Debug, Default)]
pub(super) struct Modes {
    /// The option that stands for it; none: it has a method of its own.
    option: Option<String>,
    names: BTreeSet<String>,
}

impl Acp {
    pub(super) fn greet(&mut self, steps: &mut Vec<Step>) {
        let params = json!({
            "protocolVersion": 1,
            "clientInfo": {"name": "pilothouse", "version": env!("CARGO_PKG_VERSION")},
            "clientCapabilities": {
                "fs": {"readTextFile": false, "writeTextFile": false},
                "terminal": false,
                "elicitation": {"form": {}},
            },
        });
        self.request(Request::Greet, "initialize", &params, steps);
    }

    pub(super) fn open(&mut self, steps: &mut Vec<Step>) {
        let mut params = json!({"cwd": self.start.tree, "mcpServers": self.servers()});
        let loads = self.about["agentCapabilities"]["loadSession"] == Value::Bool(true);
        let method = match &self.start.resume {
            None => "session/new",
            Some(_) if loads => "session/load",
            Some(_) => {
                let message = "The agent cannot go on with an earlier session.";
                let problem = Problem::new(Code::AgentFailed, message);
                return self.fail(problem.hint("Start the task anew."), steps);
            }
        };
        if let Some(session) = &self.start.resume {
            params["sessionId"] = session.as_str().into();
        }
        self.request(Request::Open, method, &params, steps);
    }

    /// Our own tools, for an agent that has them from nowhere else.
    fn servers(&self) -> Value {
        let tools = self.start.tools.as_ref().filter(|_| self.habits.takes_servers);
        let server = |tools: &OwnTools| {
            json!({
                "name": OwnTools::NAME,
                "command": tools.program(),
                "args": [OwnTools::SUBCOMMAND],
                "env": [{"name": OwnTools::VARIABLE, "value": tools.socket}],
            })
        };
        tools.map(server).into_iter().collect()
    }

    pub(super) fn opened(&mut self, result: &Value, steps: &mut Vec<Step>) {
        let session = some_text(result, "sessionId").or_else(|| self.start.resume.clone());
        let options = || result["configOptions"].as_array().into_iter().flatten();
        let of = |category: &str| options().find(|option| option["category"] == category);
        let model = some_text(&result["models"], "currentModelId")
            .or_else(|| some_text(of("model")?, "currentValue"));
        self.modes = Modes::of(&result["modes"], of("mode"));
        self.session.clone_from(&session);
        steps.push(Step::Event(Event::SessionStarted {
            session: session.unwrap_or_default(),
            model,
            version: some_text(&self.about["agentInfo"], "version"),
        }));
        let tells_past = self.start.resume.is_some() && self.habits.past == Past::BeforeCommands;
        if tells_past {
            self.stage = Stage::Past;
        } else {
            self.enter_mode(steps);
        }
    }

    /// It has the mode that is wanted now, or is told to take it.
    pub(super) fn enter_mode(&mut self, steps: &mut Vec<Step>) {
        // Under rules it asks also where nobody is asked: the rules are.
        let free = if self.start.ruled { Mode::Ask } else { Mode::Auto };
        let mode = if self.free { free } else { self.start.mode };
        let name = (self.habits.mode)(mode).filter(|name| self.modes.names.contains(*name));
        let Some(name) = name else {
            if mode == Mode::Plan {
                return self.fail(no_plan(), steps);
            }
            return self.opened_at_last(steps);
        };
        let (method, params) = match &self.modes.option {
            None => ("session/set_mode", json!({"sessionId": self.session, "modeId": name})),
            Some(option) => (
                "session/set_config_option",
                json!({"sessionId": self.session, "configId": option, "value": name}),
            ),
        };
        self.request(Request::SetMode, method, &params, steps);
    }

    pub(super) fn opened_at_last(&mut self, steps: &mut Vec<Step>) {
        self.stage = Stage::Open;
        if self.turn.as_ref().is_some_and(|turn| turn.interrupted) {
            self.next = None;
            return self.turn_over(steps);
        }
        if let Some(text) = self.next.take() {
            self.prompt(&text, steps);
        }
    }
}

impl Modes {
    fn of(modes: &Value, option: Option<&Value>) -> Self {
        let names = |list: &Value, field: &str| {
            list.as_array().into_iter().flatten().filter_map(|one| some_text(one, field)).collect()
        };
        if modes["availableModes"].is_array() {
            return Self { option: None, names: names(&modes["availableModes"], "id") };
        }
        let option = option.and_then(|option| Some((some_text(option, "id")?, option)));
        option.map_or_else(Self::default, |(id, option)| Self {
            option: Some(id),
            names: names(&option["options"], "value"),
        })
    }
}

pub(super) fn no_plan() -> Problem {
    Problem::new(Code::AgentFailed, "The agent has no mode for planning.")
        .hint("Start the task in another mode.")
}
