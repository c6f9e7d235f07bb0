//! The run's desk: where what runs inside its walls comes with a wish, at the
//! socket that `PILOTHOUSE_SOCKET` names.
//!
//! ```text
//!   inside                          | outside, in the shim
//!   agent ── pilot workspace-mcp ───┼─socket─> door ──> tools ──┐ report, question, task
//!   scripts ── pilot inside … ──────┼─socket─> door ──> AgentAPI │   └──> the shim's one task
//!                                   |              (reads only) └ artifact, results: at once
//! ```
//!
//! **Invariants:** whoever speaks there cannot be trusted and is none of us:
//! everything is bounded, and what has an effect is journalled first. The
//! socket's only power is this run, and it ends with the run's walls.

mod agentapi;
mod attach;
mod door;
mod http;
mod mcp;
mod screen;
mod talk;
mod tools;

pub(super) use door::{Door, open};
pub(super) use talk::Talk;

use super::core::Shim;
use super::screen::Use;
use pilot_lifecycle::RunEvent;
use pilot_proto::inbox::{Answer, Ask, Question};
use pilot_proto::task::{ChildSeen, NewChild};
use pilot_proto::{Event, InboxId, Problem, TaskId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};

/// Names the socket to whatever runs inside.
pub(super) const VARIABLE: &str = "PILOTHOUSE_SOCKET";
/// Names our own program to whatever runs inside: `"$PILOTHOUSE_PROGRAM" inside`.
pub(super) const PROGRAM: &str = "PILOTHOUSE_PROGRAM";

/// Wishes that wait for the shim: each holds a connection, which are bounded.
const WISHES: usize = 64;
/// Questions of one run to a person. Whoever has more should be talked to.
const QUESTIONS: usize = 20;
/// Of them at once.
const OPEN_QUESTIONS: usize = 3;
/// Reports of one run: one a minute over a working day, and then some.
const REPORTS: usize = 1000;
/// Wishes for tasks of one run, besides twice as many as the project allows:
/// each is a record in the journal, whatever the hub says to it.
const REFUSALS: usize = 20;

/// What an answer is: a document, or why there is none.
pub(super) type Answered = Result<Value, String>;

/// What has to be journalled, or asked, before it is answered.
#[derive(Debug)]
pub(super) enum Wish {
    /// Say what it is doing.
    Report(String),
    /// Ask a person.
    Ask(Vec<Question>),
    /// File a task below this one.
    Child {
        /// The wish's name; the same again is the same wish.
        token: String,
        /// Which.
        child: NewChild,
    },
}

/// From the door.
#[derive(Debug)]
pub(super) enum AtTheDoor {
    /// Somebody wishes for something.
    Wishes {
        /// Tells it from others.
        number: u64,
        /// What.
        wish: Wish,
        /// Where the answer goes.
        reply: oneshot::Sender<Answered>,
    },
    /// Somebody uses the screen.
    Uses(Use),
    /// Whoever wished so hung up.
    Left {
        /// Which wish it was.
        number: u64,
    },
}

/// What the door may read by itself.
#[derive(Debug)]
pub(super) struct Family {
    children: Mutex<BTreeMap<TaskId, ChildSeen>>,
    /// Grows with each change.
    changed: watch::Sender<u64>,
}

impl Family {
    fn new() -> Self {
        Self { children: Mutex::default(), changed: watch::Sender::new(0) }
    }

    fn all(&self) -> Vec<ChildSeen> {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.values().cloned().collect()
    }

    fn one(&self, task: TaskId) -> Option<ChildSeen> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner).get(&task).cloned()
    }

    fn put(&self, child: ChildSeen, over: bool) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        if over || !children.contains_key(&child.task) {
            children.insert(child.task, child);
        }
        drop(children);
        self.changed.send_modify(|count| *count += 1);
    }
}

/// What a door is opened with.
#[derive(Clone)]
pub(super) struct Counter {
    pub(super) to_shim: mpsc::Sender<AtTheDoor>,
    pub(super) family: Arc<Family>,
    pub(super) talk: Arc<Talk>,
}

/// The way from the door, and what is behind it.
pub(super) fn counter(talk: Arc<Talk>) -> (Counter, mpsc::Receiver<AtTheDoor>) {
    let (to_shim, from_door) = mpsc::channel(WISHES);
    (Counter { to_shim, family: Arc::new(Family::new()), talk }, from_door)
}

/// Wishes under way, and how many there were.
#[derive(Default)]
pub(super) struct Desk {
    /// Questions without an answer, by the machine's key for them.
    questions: BTreeMap<String, oneshot::Sender<Answered>>,
    /// The keys of questions, by their items.
    items: BTreeMap<InboxId, String>,
    /// The question that is being put.
    asking: Option<String>,
    asked: usize,
    reports: usize,
    /// What was decided, and who waits for what was not.
    decided: BTreeMap<String, Result<TaskId, Problem>>,
    waiting: BTreeMap<String, Vec<oneshot::Sender<Answered>>>,
}

/// Our own keys among those of the agent's driver.
fn key(number: u64) -> String {
    format!("pilothouse/{number}")
}

fn over() -> Answered {
    Err("The run is at its end; nobody is asked any more.".to_owned())
}

/// Whoever asked may have gone.
fn reply(to: oneshot::Sender<Answered>, answer: Answered) {
    if to.send(answer).is_err() {
        tracing::debug!("somebody inside went before the answer");
    }
}

impl Shim {
    /// What came to the door.
    pub(super) fn at_the_door(&mut self, said: AtTheDoor) {
        match said {
            AtTheDoor::Wishes { wish: Wish::Report(text), reply: to, .. } => {
                reply(to, self.report(text));
            }
            AtTheDoor::Wishes { number, wish: Wish::Ask(questions), reply: to } => {
                self.ask_person(number, questions, to);
            }
            AtTheDoor::Wishes { wish: Wish::Child { token, child }, reply: to, .. } => {
                self.wish_for_child(token, child, to);
            }
            AtTheDoor::Uses(call) => self.visits.use_screen(call, self.walls.clone()),
            AtTheDoor::Left { number } => {
                let key = key(number);
                if self.desk.questions.remove(&key).is_some() {
                    self.tell(RunEvent::AgentWithdrew { key });
                }
            }
        }
    }

    fn report(&mut self, text: String) -> Answered {
        if self.desk.reports >= REPORTS {
            return Err(format!("{REPORTS} reports are the most of one run."));
        }
        self.desk.reports += 1;
        self.tell(RunEvent::Reported { text });
        Ok(json!({"reported": true}))
    }

    fn ask_person(&mut self, number: u64, questions: Vec<Question>, to: oneshot::Sender<Answered>) {
        if self.desk.asked >= QUESTIONS || self.desk.questions.len() >= OPEN_QUESTIONS {
            let why = format!(
                "A run may ask {QUESTIONS} times, {OPEN_QUESTIONS} at once: decide yourself, and say so at the end."
            );
            return reply(to, Err(why));
        }
        let key = key(number);
        self.desk.asked += 1;
        self.desk.questions.insert(key.clone(), to);
        self.desk.asking = Some(key.clone());
        self.tell(RunEvent::AgentAsked { key: key.clone(), ask: Ask::Question { questions } });
        // The machine drops what comes too late.
        if self.desk.asking.take().is_some()
            && let Some(to) = self.desk.questions.remove(&key)
        {
            reply(to, over());
        }
    }

    fn wish_for_child(&mut self, token: String, child: NewChild, to: oneshot::Sender<Answered>) {
        if let Some(decided) = self.desk.decided.get(&token) {
            return reply(to, told(decided));
        }
        let most = 2 * self.workspace.spec.children.tasks as usize + REFUSALS;
        if let Some(waiting) = self.desk.waiting.get_mut(&token) {
            return waiting.push(to);
        }
        if self.desk.decided.len() + self.desk.waiting.len() >= most {
            return reply(to, Err(format!("This run has wished for {most} tasks already.")));
        }
        self.desk.waiting.insert(token.clone(), vec![to]);
        self.tell(RunEvent::ChildWanted { token, child });
    }

    /// The hub's word on a wish.
    pub(super) fn child_decided(&mut self, token: String, decided: Result<TaskId, Problem>) {
        if let Ok(task) = decided {
            // How it stands comes right behind; until then it is only filed.
            self.voices.inside.family.put(just_filed(task, self.workspace.spec.task), false);
        }
        for to in self.desk.waiting.remove(&token).unwrap_or_default() {
            reply(to, told(&decided));
        }
        self.desk.decided.insert(token, decided);
    }

    /// A task below ours stands like this now.
    pub(super) fn child_is(&self, child: ChildSeen) {
        self.voices.inside.family.put(child, true);
    }

    /// Somebody's answer. False if it is not to a question of ours.
    pub(super) fn answer_inside(&mut self, key: &str, answer: &Answer) -> bool {
        let Some(to) = self.desk.questions.remove(key) else {
            return key.starts_with("pilothouse/");
        };
        reply(to, Ok(answered(answer)));
        true
    }

    /// What is journalled may be about a question that somebody inside waits for.
    pub(super) fn note_question(&mut self, event: &Event) {
        if let Event::Asked { item, .. } = event {
            if let Some(key) = self.desk.asking.take() {
                self.desk.items.insert(*item, key);
            }
        } else if let Event::Withdrawn { item } = event
            && let Some(key) = self.desk.items.remove(item)
            && let Some(to) = self.desk.questions.remove(&key)
        {
            reply(to, over());
        }
    }
}

fn told(decided: &Result<TaskId, Problem>) -> Answered {
    match decided {
        Ok(task) => Ok(json!({"task": task})),
        Err(Problem { message, hint, .. }) => Err(format!("{message} {hint}").trim().to_owned()),
    }
}

fn answered(answer: &Answer) -> Value {
    match answer {
        Answer::Choose { answers } => json!({"answered": true, "answers": answers}),
        Answer::Say { text } => json!({"answered": true, "answer": text}),
        Answer::Deny { reason } | Answer::Never { reason, .. } => {
            json!({"answered": false, "why": reason})
        }
        Answer::Allow { .. } => json!({"answered": true, "answer": "yes"}),
        Answer::End => json!({"answered": false, "why": "Decide yourself."}),
    }
}

fn just_filed(task: TaskId, parent: TaskId) -> ChildSeen {
    ChildSeen {
        task,
        parent,
        title: String::new(),
        agent: String::new(),
        state: "queued".to_owned(),
        reason: String::new(),
        over: false,
        branch: String::new(),
        diff: Default::default(),
        pull_request: None,
        problem: None,
        summary: String::new(),
    }
}
