//! The second agent, which looks at the work of the first: a process of its
//! own, with a session of its own, inside the same walls and behind the same
//! gates. The first agent has ended by then.
//!
//! **Invariant:** whatever it does to the tree is undone before anybody goes
//! on with it; ignored files (what it built) stay.

use super::agent::{self, AgentProcess, Role, Source};
use super::core::{Done, Shim};
use super::effects::no_walls;
use super::steps::{read_fork, word};
use super::workspace::SharedWorkspace;
use pilot_agents::{Ruling, Step as DriverStep};
use pilot_git::TreeState;
use pilot_lifecycle::RunEvent;
use pilot_lifecycle::permissions::{self, Use};
use pilot_lifecycle::run::review;
use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::permission::{PermissionDecision, PermissionRule};
use pilot_proto::run::Usage;
use pilot_proto::{Code, Event, Mode, Problem, RunId};
use pilot_sandbox::Exit;
use uuid::Uuid;

/// Told apart from the run's own id, which names the first agent's session.
const OTHER: u128 = 0xb10b;

/// What it is given to look at.
pub(super) struct Before {
    tree: TreeState,
    base: String,
}

/// A review under way.
pub(super) struct Reviewing {
    pub(super) process: Option<AgentProcess>,
    round: u32,
    /// The tree as the first agent left it.
    before: Option<TreeState>,
    /// Its last words, which go on while `open`.
    last: String,
    open: bool,
    summary: String,
    usage: Usage,
    problem: Option<Problem>,
}

impl Reviewing {
    fn new(round: u32) -> Self {
        Self {
            process: None,
            round,
            before: None,
            last: String::new(),
            open: false,
            summary: String::new(),
            usage: Usage::default(),
            problem: None,
        }
    }

    /// The process is gone and all it said was heard.
    pub(super) fn is_over(&self) -> bool {
        self.process.as_ref().is_some_and(AgentProcess::is_over)
    }

    /// What is to be journalled of an event of its own.
    fn heard(&mut self, event: Event) -> Option<Event> {
        let parent = format!("review-{}", self.round);
        let inner = |id: &str| format!("{parent}/{id}");
        Some(match event {
            Event::Text { text, parent: own, open } => {
                if own.is_none() {
                    if !std::mem::replace(&mut self.open, open) {
                        self.last.clear();
                    }
                    self.last.push_str(&text);
                }
                let parent = Some(own.map_or(parent.clone(), |own| inner(&own)));
                Event::Text { text, parent, open }
            }
            Event::Thinking { text, parent: own, open } => {
                let parent = Some(own.map_or(parent.clone(), |own| inner(&own)));
                Event::Thinking { text, parent, open }
            }
            Event::ToolStarted { id, tool, input, summary, parent: own, locations } => {
                let id = inner(&id);
                let parent = Some(own.map_or(parent.clone(), |own| inner(&own)));
                Event::ToolStarted { id, tool, input, summary, parent, locations }
            }
            Event::ToolOutput { id, text } => Event::ToolOutput { id: inner(&id), text },
            Event::ToolEnded { id, ok, output } => Event::ToolEnded { id: inner(&id), ok, output },
            Event::Retrying { .. } | Event::LimitHit { .. } | Event::Output { .. } => event,
            // Of its session and its to-dos nothing is kept.
            _ => return None,
        })
    }

    /// What it said last: what can be read as findings counts.
    fn said(&self) -> &str {
        let summary = !self.summary.is_empty() && review::findings(&self.summary).is_ok();
        if summary { &self.summary } else { &self.last }
    }
}

impl Shim {
    pub(super) fn review(&mut self, round: u32) {
        self.reviewing = Some(Reviewing::new(round));
        let workspace = self.workspace.clone();
        self.work.spawn(async move { Done::ReviewBegins(before(&workspace).await) });
    }

    pub(super) fn stop_review(&mut self) {
        let Some(reviewing) = &mut self.reviewing else { return };
        let stopped = Problem::new(Code::Precondition, "The review was stopped.");
        reviewing.problem.get_or_insert(stopped);
        if let Some(process) = &mut reviewing.process {
            process.close_input();
            process.stop.cancel();
        }
    }

    pub(super) fn review_begins(&mut self, before: Result<Option<Before>, Problem>) {
        let Some(reviewing) = &mut self.reviewing else { return };
        let before = match (before, reviewing.problem.take()) {
            (Ok(Some(before)), None) => before,
            (Ok(None), None) => return self.review_over(Ok(None)),
            (_, Some(problem)) | (Err(problem), None) => return self.review_over(Err(problem)),
        };
        reviewing.before = Some(before.tree.clone());
        if let Err(problem) = self.begin_review(&before) {
            self.review_over(Err(problem));
        }
    }

    fn begin_review(&mut self, before: &Before) -> Result<(), Problem> {
        let workspace = &self.workspace;
        let (Some(walls), Some(reviewer)) = (self.walls.clone(), workspace.spec.review.as_ref())
        else {
            return Err(no_walls());
        };
        let Some(reviewing) = &mut self.reviewing else { return Ok(()) };
        let number = workspace.spec.run.0.as_u128() ^ (OTHER + u128::from(reviewing.round));
        let role = Role {
            agent: reviewer.pass.agent.clone(),
            model: reviewer.pass.model.clone(),
            mode: Mode::Auto,
            run: RunId(Uuid::from_u128(number)),
            prompt: review::prompt(&workspace.spec.prompt, &before.base),
            resume: None,
            provider: walls.let_review(),
            tools: None,
            first: false,
        };
        let (process, starting) = AgentProcess::prepare(workspace, &walls, role)?;
        reviewing.process = Some(process);
        self.work.spawn(async move {
            Done::ReviewerStarted(Box::new(agent::start(walls, starting).await))
        });
        self.with_reviewer(|process| process.driver.begin());
        Ok(())
    }

    pub(super) fn reviewer_started(&mut self, started: agent::Started) {
        let (Some(reviewing), Some(walls)) = (&self.reviewing, &self.walls) else { return };
        let Some(process) = &reviewing.process else { return };
        match started {
            Ok((mut agent, input)) => {
                let sources = [Source::ReviewerOut, Source::ReviewerErr];
                agent::attach(&mut agent, input, &self.heard, sources, &mut self.pipes);
                let walls = walls.clone();
                let ends = agent::Ends { stop: process.stop.clone(), kill: process.kill.clone() };
                self.work.spawn(async move {
                    Done::ReviewerGone(agent::see_off(agent, walls, ends).await)
                });
            }
            Err(problem) => self.review_over(Err(problem)),
        }
    }

    pub(super) fn reviewer_says(&mut self, line: &str) {
        self.with_reviewer(|process| process.driver.line(line));
    }

    fn with_reviewer(&mut self, act: impl FnOnce(&mut AgentProcess) -> Vec<DriverStep>) {
        let process = self.reviewing.as_mut().and_then(|reviewing| reviewing.process.as_mut());
        let Some(process) = process else { return };
        let steps = act(process);
        self.take_reviewers_steps(steps);
    }

    fn take_reviewers_steps(&mut self, steps: Vec<DriverStep>) {
        for step in steps {
            let Some(reviewing) = &mut self.reviewing else { return };
            let Some(process) = &mut reviewing.process else { return };
            match step {
                DriverStep::Write(text) => process.write(text),
                DriverStep::CloseInput => process.close_input(),
                DriverStep::Terminate => process.stop.cancel(),
                DriverStep::Event(event) => {
                    if let Some(event) = reviewing.heard(event) {
                        self.journal(&event);
                    }
                }
                // Nobody answers a reviewer: it is to go on by itself.
                DriverStep::Ask { key, ask } => {
                    let rules = &self.workspace.spec.permissions.rules;
                    let answer = by_itself(rules, &ask);
                    self.with_reviewer(|process| process.driver.answer(&key, &ask, &answer));
                }
                DriverStep::Check { key, ask } => {
                    let ruling = if may(&self.workspace.spec.permissions.rules, &ask) {
                        Ruling::Go
                    } else {
                        Ruling::Deny(NOT_NOW.to_owned())
                    };
                    self.with_reviewer(|process| process.driver.ruled(&key, &ask, &ruling));
                }
                DriverStep::Withdraw { .. } => {}
                DriverStep::TurnEnded { end, usage, summary, problem, .. } => {
                    reviewing.usage = reviewing.usage.plus(usage);
                    reviewing.summary = summary;
                    if let Some(problem) = reviewers_end(end, problem) {
                        reviewing.problem.get_or_insert(problem);
                    }
                    self.with_reviewer(|process| process.driver.end());
                }
            }
        }
    }

    /// True if all it said was heard.
    pub(super) fn reviewer_gone(&mut self, exit: Exit) -> bool {
        let process = self.reviewing.as_mut().and_then(|reviewing| reviewing.process.as_mut());
        process.is_none_or(|process| {
            process.exit = Some(exit);
            process.is_over()
        })
    }

    /// Its process is gone: what came of the review, once the tree is put back.
    pub(super) fn reviewer_over(&mut self) {
        let Some(process) = self.reviewing.as_mut().and_then(|one| one.process.as_mut()) else {
            return;
        };
        let code = match process.exit {
            Some(Exit::Code(code)) => Some(code),
            Some(Exit::Signal(_)) | None => None,
        };
        let stderr = process.stderr(&self.workspace.redactor);
        self.with_reviewer(|process| process.driver.exited(code, &stderr));
        let Some(reviewing) = &mut self.reviewing else { return };
        reviewing.process = None;
        let said = match reviewing.problem.take() {
            Some(problem) => Err(problem),
            None => Ok(Some(reviewing.said().to_owned())),
        };
        self.review_over(said);
    }

    fn review_over(&mut self, said: Result<Option<String>, Problem>) {
        self.walls.iter().for_each(|walls| walls.end_review());
        let Some(reviewing) = &mut self.reviewing else { return };
        reviewing.process = None;
        let before = reviewing.before.take();
        match (said, before) {
            (Ok(said), Some(before)) => {
                reviewing.last = said.unwrap_or_default();
                self.put_back(before);
            }
            (Err(problem), Some(before)) => {
                reviewing.problem = Some(problem);
                self.put_back(before);
            }
            (said, None) => self.review_ended(said),
        }
    }

    fn put_back(&mut self, before: TreeState) {
        let workspace = self.workspace.clone();
        self.work.spawn(async move {
            let put_back = workspace.git.put_back(&workspace.dir.tree(), &before).await;
            Done::TreePutBack(put_back.map_err(|error| error.problem()))
        });
    }

    pub(super) fn tree_put_back(&mut self, put_back: Result<bool, Problem>) {
        let Some(reviewing) = &mut self.reviewing else { return };
        let said = match reviewing.problem.take() {
            Some(problem) => Err(problem),
            None => Ok(Some(std::mem::take(&mut reviewing.last))),
        };
        match put_back {
            Ok(false) => {}
            Ok(true) => {
                self.journal(&word("The reviewer had changed the tree; that was undone."));
            }
            Err(problem) => {
                let message = format!("What the reviewer changed cannot be undone: {problem}");
                self.journal(&word(message));
            }
        }
        self.review_ended(said);
    }

    fn review_ended(&mut self, said: Result<Option<String>, Problem>) {
        let Some(Reviewing { round, usage, .. }) = self.reviewing.take() else { return };
        self.diff.want();
        self.tell(RunEvent::Reviewed { round, said, usage });
    }
}

/// What the tree holds; none if that is nothing new.
async fn before(workspace: &SharedWorkspace) -> Result<Option<Before>, Problem> {
    let base = read_fork(workspace)?;
    let tree = workspace.dir.tree();
    let changed = workspace.git.changed(&tree, &base).await.map_err(|error| error.problem())?;
    if !changed {
        return Ok(None);
    }
    let tree = workspace.git.state(&tree).await.map_err(|error| error.problem())?;
    Ok(Some(Before { tree, base }))
}

fn by_itself(rules: &[PermissionRule], ask: &Ask) -> Answer {
    match ask {
        Ask::Permission { .. } if may(rules, ask) => Answer::ALLOW,
        Ask::Question { .. } => {
            let reason = "Nobody answers during a review: decide by yourself.";
            Answer::Deny { reason: reason.to_owned() }
        }
        _ => Answer::Deny { reason: NOT_NOW.to_owned() },
    }
}

const NOT_NOW: &str = "A reviewer may not do this: go on without it.";

/// What the project's rules would have a person asked for, a reviewer may not.
fn may(rules: &[PermissionRule], ask: &Ask) -> bool {
    let Some(what) = Use::of(ask) else { return false };
    match permissions::decide(rules, what) {
        None | Some((PermissionDecision::Allow, _)) => true,
        Some((PermissionDecision::Ask | PermissionDecision::Never, _)) => false,
    }
}

fn reviewers_end(end: TurnEnd, problem: Option<Problem>) -> Option<Problem> {
    match end {
        TurnEnd::Completed | TurnEnd::Interrupted | TurnEnd::Unknown => problem,
        TurnEnd::Error | TurnEnd::Exited => Some(problem.unwrap_or_else(|| {
            Problem::new(Code::AgentFailed, "The reviewing agent ended in the middle of its turn.")
        })),
    }
}
