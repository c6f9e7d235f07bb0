//! What we ask of Codex: a thread, turns of it, words in the middle of one, an
//! end to it. Each is a request that is answered, or refused.

use super::{Codex, said, some_text, text, write};
use crate::driver::Step;
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::{Code, Event, Mode, Problem};
use serde_json::{Value, json};

/// A request of ours that is not answered yet.
#[derive(Debug)]
pub(super) enum Sent {
    Initialize,
    Thread,
    Turn,
    Interrupt,
    /// Words for the turn that runs; `kept` if they must not get lost.
    Steer {
        text: String,
        kept: bool,
    },
}

impl Codex {
    pub(super) fn request(&mut self, sent: Sent, method: &str, params: &Value) -> Step {
        self.requests += 1;
        self.sent.insert(self.requests, sent);
        write(&json!({"id": self.requests, "method": method, "params": params}))
    }

    pub(super) fn open_thread(&mut self) -> Step {
        let mut params = json!({
            "cwd": self.start.tree.to_string_lossy(),
            "approvalPolicy": self.approval_policy(),
            "sandbox": "danger-full-access",
        });
        if let Some(model) = &self.start.model {
            params["model"] = model.as_str().into();
        }
        match self.start.resume.clone() {
            Some(session) => {
                params["threadId"] = session.into();
                params["excludeTurns"] = true.into();
                self.request(Sent::Thread, "thread/resume", &params)
            }
            None => self.request(Sent::Thread, "thread/start", &params),
        }
    }

    pub(super) fn thread_opened(&mut self, result: &Value, steps: &mut Vec<Step>) {
        let thread = text(&result["thread"], "id").to_owned();
        text(result, "model").clone_into(&mut self.model);
        steps.push(Step::Event(Event::SessionStarted {
            session: thread.clone(),
            model: some_text(result, "model"),
            version: some_text(&result["thread"], "cliVersion"),
        }));
        self.thread = Some(thread);
        let first = self.first.take().unwrap_or_default();
        if self.turn.as_ref().is_some_and(|turn| turn.interrupted) {
            self.turn_over(&json!({"status": "interrupted"}), steps);
        } else {
            steps.push(self.start_turn(&first));
        }
    }

    /// Begins one of Codex' turns within that of the run.
    pub(super) fn start_turn(&mut self, input: &[Value]) -> Step {
        let mode = if self.planning { "plan" } else { "default" };
        let mut params = json!({
            "threadId": self.thread,
            "input": input,
            "approvalPolicy": self.approval_policy(),
        });
        if self.start.mode == Mode::Plan {
            let settings = json!({
                "model": self.model, "reasoning_effort": null, "developer_instructions": null,
            });
            params["collaborationMode"] = json!({"mode": mode, "settings": settings});
        }
        self.request(Sent::Turn, "turn/start", &params)
    }

    pub(super) fn response(&mut self, message: &Value, steps: &mut Vec<Step>) {
        let Some(sent) = message["id"].as_u64().and_then(|id| self.sent.remove(&id)) else {
            return;
        };
        let (result, error) = (&message["result"], &message["error"]);
        match sent {
            _ if error.is_object() => self.refused(sent, text(error, "message"), steps),
            Sent::Initialize => {
                steps.push(write(&json!({"method": "initialized"})));
                steps.push(self.open_thread());
            }
            Sent::Thread => self.thread_opened(result, steps),
            Sent::Turn => self.turn_began(text(&result["turn"], "id"), steps),
            Sent::Steer { .. } => self.turn_over_if_heard(steps),
            Sent::Interrupt => {}
        }
    }

    /// The program could not do what we asked of it.
    pub(super) fn refused(&mut self, sent: Sent, words: &str, steps: &mut Vec<Step>) {
        match sent {
            Sent::Steer { text, kept } => {
                if let Some(turn) = self.turn.as_mut().filter(|_| kept) {
                    turn.unheard.push(text);
                }
                self.turn_over_if_heard(steps);
            }
            // The turn was over before; its end comes, or came, by itself.
            Sent::Interrupt => {}
            Sent::Initialize | Sent::Thread | Sent::Turn => {
                let words = format!("The agent reported an error: `{words}`.");
                let problem = Problem::new(Code::AgentFailed, words);
                self.close_open("the turn ended", steps);
                self.is_now(Activity::Idle, "", steps);
                steps.extend(self.turn.take().map(|turn| turn.step(TurnEnd::Error, Some(problem))));
            }
        }
    }

    pub(super) fn turn_began(&mut self, id: &str, steps: &mut Vec<Step>) {
        let Some(turn) = self.turn.as_mut().filter(|_| !id.is_empty()) else {
            return;
        };
        turn.id = Some(id.to_owned());
        let stop = turn.interrupted || turn.gave_up.is_some();
        if stop {
            steps.extend(self.send_interrupt());
        }
    }

    /// Stops Codex' turn once; nothing if it is not known yet.
    pub(super) fn send_interrupt(&mut self) -> Option<Step> {
        let turn = self.turn.as_mut().filter(|turn| !turn.interrupt_sent)?;
        let id = turn.id.clone()?;
        turn.interrupt_sent = true;
        let params = json!({"threadId": self.thread, "turnId": id});
        Some(self.request(Sent::Interrupt, "turn/interrupt", &params))
    }

    pub(super) fn send_steer(&mut self, text: &str, kept: bool) -> Option<Step> {
        let turn = self.turn.as_ref().filter(|turn| turn.over.is_none() && !turn.interrupted)?;
        let id = turn.id.clone()?;
        let params = json!({
            "threadId": self.thread, "expectedTurnId": id, "input": [said(text)],
        });
        Some(self.request(Sent::Steer { text: text.to_owned(), kept }, "turn/steer", &params))
    }
}
