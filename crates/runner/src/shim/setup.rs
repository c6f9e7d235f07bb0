//! The project's setup steps.

use super::agent::{Heard, Source};
use super::pump::pump;
use super::steps::{Report, word};
use super::walls::SharedWalls;
use super::workspace::SharedWorkspace;
use pilot_lifecycle::{RunEvent, Step};
use pilot_proto::{Code, Problem};
use pilot_sandbox::{Agent, Exit, Launch};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// So long a step's output may go on after the step, before the next begins: a
/// server that it started in the background holds the pipe for ever.
const LINGER: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(5);

/// One step, started when it is first polled, to its end, which `abort` brings about.
pub(super) fn start(
    workspace: &SharedWorkspace,
    walls: &SharedWalls,
    step: usize,
    heard: &mpsc::Sender<Heard>,
    abort: CancellationToken,
) -> impl Future<Output = Report> + Send + use<> {
    let command = workspace.spec.setup.get(step).cloned().unwrap_or_default();
    let launch = Launch {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), command.clone().into()],
        env: walls.environment(),
        cwd: workspace.dir.tree(),
    };
    let (walls, heard) = (walls.clone(), heard.clone());
    async move {
        match walls.spawn(&launch).await {
            Ok(agent) => run(agent, walls, command, step, heard, abort).await,
            Err(error) => {
                let message = format!("Setup step `{command}` did not start: {error}.");
                Report::failed(Step::Setup, Problem::new(Code::SetupFailed, message))
            }
        }
    }
}

async fn run(
    mut agent: Agent,
    walls: SharedWalls,
    command: String,
    step: usize,
    heard: mpsc::Sender<Heard>,
    abort: CancellationToken,
) -> Report {
    drop(agent.stdin.take());
    let mut pumps = JoinSet::new();
    if let Some(pipe) = agent.stdout.take() {
        pumps.spawn(pump(pipe, heard.clone(), |piece| (Source::SetupOut, piece)));
    }
    if let Some(pipe) = agent.stderr.take() {
        pumps.spawn(pump(pipe, heard, |piece| (Source::SetupErr, piece)));
    }
    let process = agent.process;
    let exit = tokio::select! {
        exit = agent.wait() => exit,
        () = abort.cancelled() => {
            let (exit, ()) = tokio::join!(agent.wait(), walls.end(process, GRACE));
            exit
        }
    };
    let drained = async { while pumps.join_next().await.is_some() {} };
    if tokio::time::timeout(LINGER, drained).await.is_err() {
        // They end with what holds their pipes, or with us.
        pumps.detach_all();
    }
    let why = match exit {
        Ok(Exit::Code(0)) => return Report::of(RunEvent::SetupDone { step }),
        Ok(Exit::Code(code)) => format!("ended with exit code {code}"),
        Ok(Exit::Signal(signal)) => format!("was ended by signal {signal}"),
        Err(error) => format!("could not be waited for: {error}"),
    };
    let problem = Problem::new(Code::SetupFailed, format!("Setup step `{command}` {why}."))
        .hint("Its output is in the run's log.");
    let mut report = Report::failed(Step::Setup, problem.clone());
    report.journal.push(word(problem.message));
    report
}
