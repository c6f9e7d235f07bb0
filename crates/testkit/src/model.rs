//! A scripted model server on loopback, for agents that are real programs.
//!
//! The task's prompt chooses what the "model" does, so tasks can run side by
//! side and the server keeps no sessions: `[[script:NAME]]` names a script that
//! the test registered, `[[steps:JSON]]` holds the steps itself, and a later
//! prompt without a tag takes the script's next follow-up. How far a
//! conversation is, is read from the ids of the tool calls in it: retries,
//! resumes and parallel runs just work. See `script` for what a step can do.
//!
//! A dialect reads its requests into a `conversation::Conversation` and writes
//! an `answer::Answer`: Anthropic Messages, OpenAI Responses and Chat
//! Completions, Gemini.

pub mod script;

mod answer;
mod anthropic;
mod chat;
mod codex;
mod conversation;
mod gemini;
mod responses;
mod tools;
mod wire;

pub use script::{Failure, Script};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A running server; it stops when this is dropped.
pub struct Model {
    address: SocketAddr,
    state: Arc<State>,
    _server: JoinSet<()>,
}

/// A request that the server saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Path of the request.
    pub path: String,
    /// The key that came with it (`x-api-key`, `x-goog-api-key`, or the bearer token).
    pub key: Option<String>,
    /// The model that was asked for.
    pub model: String,
    /// Names of the tools offered.
    pub tools: Vec<String>,
    /// What the server did.
    pub reply: Reply,
    /// The results that came back for the tool calls of the last answer.
    pub results: Vec<ToolResult>,
    /// How many images were in what people said.
    pub images: usize,
}

impl Seen {
    fn new(reply: Reply) -> Self {
        Self {
            path: String::new(),
            key: None,
            model: String::new(),
            tools: Vec::new(),
            reply,
            results: Vec::new(),
            images: 0,
        }
    }
}

/// What the server did with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Gave this step of this script.
    Step {
        /// The script's name; `inline` for steps in the prompt.
        script: String,
        /// Index of the step.
        step: usize,
    },
    /// Failed it with this status, as the script says.
    Failed(u16),
    /// Broke the connection, as the script says.
    Dropped,
    /// Answered a request without tools (a title, a summary).
    Aside,
    /// Counted tokens.
    Counted,
    /// Refused the key.
    Refused,
    /// Could not make sense of it.
    NotUnderstood,
}

/// What an agent told the model about a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The call.
    pub id: String,
    /// What the tool, or whoever refused it, said.
    pub text: String,
    /// It is marked as an error.
    pub error: bool,
}

impl Model {
    /// Starts a server on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let app = Router::new()
            .route("/v1/messages", post(anthropic::messages))
            .route("/v1/messages/count_tokens", post(anthropic::count_tokens))
            .route("/v1/models", get(anthropic::models))
            .route("/v1/chat/completions", post(chat::completions))
            .route("/v1beta/models/{*path}", post(gemini::models))
            .route("/v1/responses", post(responses::responses).get(responses::web_socket))
            .fallback(any(anthropic::unknown))
            // Agents send whole files along.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, app).await.expect("a bound listener can be served");
        });
        Self { address, state, _server: server }
    }

    /// Its base URL, as agents want it (`ANTHROPIC_BASE_URL`).
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Registers a script under the name that `[[script:NAME]]` calls it by.
    pub fn script(&self, name: &str, script: Script) {
        self.state.lock().scripts.insert(name.to_owned(), script);
    }

    /// From now on only this key is accepted.
    pub fn require_auth(&self, key: &str) {
        self.state.lock().key = Some(key.to_owned());
    }

    /// The next step asked for, whichever it is, fails like this.
    pub fn fail_next(&self, failure: Failure) {
        self.state.lock().fail_next.push_back(failure);
    }

    /// The requests so far, in order.
    pub fn requests(&self) -> Vec<Seen> {
        self.state.lock().seen.clone()
    }

    /// The results that agents sent back for tool calls so far, in order.
    pub fn results(&self) -> Vec<ToolResult> {
        self.requests().into_iter().flat_map(|seen| seen.results).collect()
    }

    /// Waits until a step with this `hold` has been asked for.
    pub async fn held(&self, hold: &str) {
        let mut gate = self.state.gate(hold).subscribe();
        // The state owns the sender for as long as we can be called.
        gate.wait_for(|gate| gate.waiting > 0).await.expect("the gate outlives its waiters");
    }

    /// Lets steps with this `hold` be answered, now and later.
    pub fn release(&self, hold: &str) {
        self.state.gate(hold).send_modify(|gate| gate.open = true);
    }
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    scripts: BTreeMap<String, Script>,
    key: Option<String>,
    fail_next: VecDeque<Failure>,
    /// How often each failure of a step was used: (prompt, step, index).
    failures: BTreeMap<(String, usize, usize), u32>,
    gates: BTreeMap<String, watch::Sender<Gate>>,
    seen: Vec<Seen>,
    answers: u64,
}

/// Where steps with a `hold` wait.
#[derive(Debug, Default)]
struct Gate {
    waiting: u32,
    open: bool,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A test that panicked elsewhere says more than the poison would.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self, hold: &str) -> watch::Sender<Gate> {
        self.lock().gates.entry(hold.to_owned()).or_default().clone()
    }

    async fn wait_at(&self, hold: &str) {
        let gate = self.gate(hold);
        gate.send_modify(|gate| gate.waiting += 1);
        gate.subscribe().wait_for(|gate| gate.open).await.expect("we hold a sender ourselves");
    }

    fn record(&self, seen: Seen) {
        self.lock().seen.push(seen);
    }
}
