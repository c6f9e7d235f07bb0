//! Whether an agent answers: it is started in walls with a trivial prompt and
//! the login that a run would have. A process of its own does that
//! ([`main`]), as for a run; it reads what to try and says what came of it.

use super::agent::{self, AgentProcess, Heard, Role, Source};
use super::gates;
use super::walls::{self, SharedWalls};
use super::workspace::Workspace;
use super::{OwnLog, ShimError, ShimOptions, steps, trial};
use crate::clock::SteadyClock;
use crate::run_dir::RunDir;
use crate::run_dir::wipe::wipe;
use pilot_agents::{Ruling, Step};
use pilot_proto::inbox::Answer;
use pilot_proto::network::NetworkPolicy;
use pilot_proto::project::ProviderGrant;
use pilot_proto::runner::LiveCheck;
use pilot_proto::walls::WallsWish;
use pilot_proto::{Code, Event, Problem, RunId, RunSpec};
use pilot_sandbox::Exit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What the agent is told.
const PROMPT: &str = "Answer with the one word: ready";
/// A cold start of the slowest agent on a busy machine, and a slow model.
const PATIENCE: Duration = Duration::from_secs(180);
/// Pieces of its output on their way.
const PIECES: usize = 8;
/// Of its answer: whoever says more than a word says enough with these.
const MOST: usize = 500;

/// What to try.
#[derive(Debug, Serialize, Deserialize)]
pub struct AgentTrial {
    /// Any number that no run at work has.
    pub id: RunId,
    /// The runner's data directory.
    pub data: PathBuf,
    /// Which agent.
    pub agent: String,
    /// With which model; none: its default.
    pub model: Option<String>,
    /// Login for the model.
    pub provider: Option<ProviderGrant>,
}

/// The process: an [`AgentTrial`] comes over standard input, as JSON; what is to
/// be written to the standard output is returned, a [`LiveCheck`] as JSON. To be
/// called on a current-thread runtime.
pub async fn main(
    program: PathBuf,
    environment: BTreeMap<String, String>,
) -> Result<String, ShimError> {
    let mut json = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut json);
    read.map_err(|source| ShimError::Spec { source })?;
    let trial = serde_json::from_slice(&json).map_err(io::Error::from);
    let trial = trial.map_err(|source| ShimError::Spec { source })?;
    let check = tried(trial, program, environment).await;
    serde_json::to_string(&check)
        .map_err(|error| ShimError::Process { source: io::Error::from(error) })
}

async fn tried(
    trial: AgentTrial,
    program: PathBuf,
    environment: BTreeMap<String, String>,
) -> LiveCheck {
    let clock = SteadyClock::start();
    let begun = clock.now();
    let provider = trial.provider.as_ref().map(|provider| provider.name.clone());
    let result = Box::pin(attempt(trial, program, environment, clock)).await;
    let now = clock.now();
    let (answer, problem) = match result {
        Ok(answer) => (answer, None),
        Err(problem) => (String::new(), Some(problem)),
    };
    let took_ms = u64::try_from(now.since(begun).as_millis()).unwrap_or(u64::MAX);
    LiveCheck { at: now, provider, took_ms, answer, problem }
}

async fn attempt(
    trial: AgentTrial,
    program: PathBuf,
    environment: BTreeMap<String, String>,
    clock: SteadyClock,
) -> Result<String, Problem> {
    let scratch = trial.data.join("trials").join(trial.id.to_string());
    let unusable = |error: io::Error| {
        steps::disk(Code::WorkspaceFailed, "The workspace cannot be made", &error)
    };
    // A shim's end takes its children along; so does ours.
    pilot_sandbox::become_subreaper().map_err(unusable)?;
    let dir = make(&scratch, &trial).map_err(unusable)?;
    let spec = spec(&trial);
    let options = ShimOptions {
        run_dir: dir.path().to_path_buf(),
        recover: false,
        program,
        environment,
        log: OwnLog::default(),
    };
    let workspace = Workspace::new(dir, spec, &options);
    let survey = pilot_sandbox::walls::survey(&workspace.programs.path).await;
    let (voices, mut ears) = gates::line(Arc::default());
    let standing = walls::raise(&workspace, &survey, &voices, clock).await?;
    let result = {
        let talk = Box::pin(talk(&workspace, &standing));
        tokio::pin!(talk);
        let end = tokio::time::sleep(PATIENCE);
        tokio::pin!(end);
        loop {
            tokio::select! {
                result = &mut talk => break result,
                // What the gates saw is nobody's business here.
                said = ears.next() => drop(said),
                () = &mut end => {
                    let message = format!("It did not answer within {} s.", PATIENCE.as_secs());
                    break Err(Problem::new(Code::AgentFailed, message));
                }
            }
        }
    };
    standing.lower().await;
    let wiped = steps::off_thread(move || wipe(&scratch)).await;
    wiped.map_err(|error| {
        steps::disk(Code::WorkspaceFailed, "The workspace cannot be removed", &error)
    })?;
    result
}

/// The directories of a run, with the runner's own agents in their place.
fn make(scratch: &Path, trial: &AgentTrial) -> io::Result<RunDir> {
    let dir = RunDir::of(scratch, trial.id);
    for path in [dir.home(), dir.tmp(), dir.artifacts(), dir.scratch(), dir.tree()] {
        std::fs::create_dir_all(path)?;
    }
    for name in ["agents", pilot_agents::declared::FILE] {
        let real = trial.data.join(name);
        if real.exists() {
            symlink(real, scratch.join(name))?;
        }
    }
    Ok(dir)
}

fn spec(trial: &AgentTrial) -> RunSpec {
    let walls = WallsWish::default();
    RunSpec {
        agent: trial.agent.clone(),
        model: trial.model.clone(),
        provider: trial.provider.clone(),
        prompt: PROMPT.to_owned(),
        ..trial::spec_of(trial.id, NetworkPolicy::default(), walls)
    }
}

/// One turn.
async fn talk(workspace: &Workspace, standing: &SharedWalls) -> Result<String, Problem> {
    if !workspace.programs.agent(&workspace.spec.agent)?.has_process() {
        return Ok("a person does the work".to_owned());
    }
    let role = Role::first(workspace, standing, PROMPT.to_owned());
    let (process, starting) = AgentProcess::prepare(workspace, standing, role)?;
    let (mut agent, input) = agent::start(standing.clone(), starting).await?;
    let (heard, pieces) = mpsc::channel(PIECES);
    let mut pipes = JoinSet::new();
    let sources = [Source::AgentOut, Source::AgentErr];
    agent::attach(&mut agent, input, &heard, sources, &mut pipes);
    drop(heard);
    let mut turn = Turn { process, pieces, answer: String::new() };
    let begun = turn.process.driver.begin();
    let over = match turn.take(begun) {
        Some(over) => over,
        None => tokio::select! {
            over = turn.listen() => over,
            exit = agent.wait() => {
                let code = match exit {
                    Ok(Exit::Code(code)) => Some(code),
                    Ok(Exit::Signal(_)) | Err(_) => None,
                };
                turn.exited(code, workspace).await
            }
        },
    };
    over.map(|()| turn.answer.chars().take(MOST).collect())
}

struct Turn {
    process: AgentProcess,
    pieces: mpsc::Receiver<Heard>,
    answer: String,
}

type Over = Result<(), Problem>;

impl Turn {
    async fn listen(&mut self) -> Over {
        loop {
            // When its pipes are at their end, the process is as well.
            let Some((source, piece)) = self.pieces.recv().await else {
                return std::future::pending().await;
            };
            if let Some(over) = self.hear(source, piece) {
                return over;
            }
        }
    }

    fn hear(&mut self, source: Source, piece: super::pump::Piece) -> Option<Over> {
        match source {
            Source::AgentOut => {
                let lines = self.process.heard_out(piece, &mut |_| {});
                lines.iter().find_map(|line| {
                    let steps = self.process.driver.line(line);
                    self.take(steps)
                })
            }
            Source::AgentErr => {
                self.process.heard_err(piece, &mut |_| {});
                None
            }
            Source::SetupOut | Source::SetupErr | Source::ReviewerOut | Source::ReviewerErr => None,
        }
    }

    async fn exited(&mut self, code: Option<i32>, workspace: &Workspace) -> Over {
        while let Some((source, piece)) = self.pieces.recv().await {
            if let Some(over) = self.hear(source, piece) {
                return over;
            }
        }
        let stderr = self.process.stderr(&workspace.redactor);
        let steps = self.process.driver.exited(code, &stderr);
        let ended = Problem::new(Code::AgentFailed, "It ended and said nothing.");
        self.take(steps).unwrap_or(Err(ended))
    }

    fn take(&mut self, steps: Vec<Step>) -> Option<Over> {
        for step in steps {
            match step {
                Step::Write(text) => self.process.write(text),
                Step::CloseInput => self.process.close_input(),
                Step::Terminate => self.process.stop.cancel(),
                Step::Event(Event::Text { text, .. }) => self.answer.push_str(&text),
                Step::Event(_) | Step::Withdraw { .. } => {}
                // There is no rule, and nobody to ask.
                Step::Check { key, ask } => {
                    let ruling = Ruling::Deny("This is only a trial.".to_owned());
                    let steps = self.process.driver.ruled(&key, &ask, &ruling);
                    if let Some(over) = self.take(steps) {
                        return Some(over);
                    }
                }
                Step::Ask { key, ask } => {
                    let deny = Answer::Deny { reason: "This is only a trial.".to_owned() };
                    let steps = self.process.driver.answer(&key, &ask, &deny);
                    if let Some(over) = self.take(steps) {
                        return Some(over);
                    }
                }
                Step::TurnEnded { problem, summary, .. } => {
                    if self.answer.is_empty() {
                        self.answer = summary;
                    }
                    return Some(problem.map_or(Ok(()), Err));
                }
            }
        }
        None
    }
}
