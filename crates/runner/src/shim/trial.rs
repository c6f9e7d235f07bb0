//! The walls of a run around a command of a person's own, to see what holds.

use super::gates::{self, Said};
use super::walls;
use super::workspace::Workspace;
use super::{OwnLog, ShimOptions, steps};
use crate::clock::SteadyClock;
use crate::run_dir::RunDir;
use pilot_egress::gate::News;
use pilot_proto::network::{NetworkDecision, NetworkPolicy};
use pilot_proto::walls::{WallsReport, WallsWish};
use pilot_proto::{Code, Mode, OnTimeout, Problem, RunId, RunSpec, TaskId};
use pilot_sandbox::{Exit, Launch};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// What to try.
#[derive(Debug)]
pub struct Trial {
    /// A private directory that may be filled; it is emptied at the end.
    pub scratch: PathBuf,
    /// What the command sees as its workspace; none: an empty one.
    pub tree: Option<PathBuf>,
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// What it may reach.
    pub network: NetworkPolicy,
    /// Which walls.
    pub walls: WallsWish,
    /// The `pilot` binary, which is the init.
    pub program: PathBuf,
    /// Our own environment.
    pub environment: BTreeMap<String, String>,
    /// Any number that no run at work has.
    pub id: RunId,
}

/// The three streams of whoever tries it.
#[derive(Debug)]
pub struct Streams<I, O, E> {
    /// For the command's standard input.
    pub input: I,
    /// Its standard output.
    pub output: O,
    /// Its standard error.
    pub error: E,
}

/// What came of it.
#[derive(Debug)]
pub struct Tried {
    /// How the command ended.
    pub exit: Exit,
    /// The walls it had.
    pub walls: WallsReport,
    /// What it tried to reach.
    pub decisions: Vec<NetworkDecision>,
}

/// What is said on pipes may be on its way when the command has ended; what
/// holds them longer is killed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Runs a command in walls. To be called on a current-thread runtime.
pub async fn try_walls<I, O, E>(trial: Trial, streams: Streams<I, O, E>) -> Result<Tried, Problem>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let scratch = trial.scratch.clone();
    let result = Box::pin(attempt(trial, streams)).await;
    crate::run_dir::wipe::wipe(&scratch).map_err(|error| {
        steps::disk(Code::WorkspaceFailed, "The workspace cannot be removed", &error)
    })?;
    result
}

async fn attempt<I, O, E>(trial: Trial, streams: Streams<I, O, E>) -> Result<Tried, Problem>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let unusable = |error: io::Error| {
        steps::disk(Code::WorkspaceFailed, "The workspace cannot be made", &error)
    };
    let spec = spec(&trial);
    let dir = RunDir::of(&trial.scratch, spec.run);
    for path in [dir.home(), dir.tmp(), dir.artifacts(), dir.scratch()] {
        std::fs::create_dir_all(path).map_err(unusable)?;
    }
    match &trial.tree {
        Some(tree) => symlink(tree, dir.tree()).map_err(unusable)?,
        None => std::fs::create_dir(dir.tree()).map_err(unusable)?,
    }
    let options = ShimOptions {
        run_dir: dir.path().to_path_buf(),
        recover: false,
        program: trial.program,
        environment: trial.environment,
        log: OwnLog::default(),
    };
    let workspace = Workspace::new(dir, spec, &options);
    let survey = pilot_sandbox::walls::survey(&workspace.programs.path).await;
    let (voices, mut ears) = gates::line(Arc::default());
    let clock = SteadyClock::start();
    let standing = walls::raise(&workspace, &survey, &voices, clock).await?;
    let mut command = trial.command.into_iter();
    let launch = Launch {
        program: command.next().unwrap_or_default(),
        args: command.collect(),
        env: standing.environment(),
        cwd: workspace.dir.tree(),
    };
    let mut decisions = Vec::new();
    let exit = {
        let run = Box::pin(run(&standing, &launch, streams));
        tokio::pin!(run);
        loop {
            tokio::select! {
                exit = &mut run => break exit,
                said = ears.next() => decisions.extend(decision(said)),
            }
        }
    };
    standing.lower().await;
    while let Some(said) = ears.try_next() {
        decisions.extend(decision(said));
    }
    Ok(Tried { exit: exit?, walls: standing.report().clone(), decisions })
}

fn decision(said: Said) -> Option<NetworkDecision> {
    match said {
        Said::Gate(News::Decided(decision)) => Some(decision),
        Said::Gate(News::Ended(_) | News::Denied(_) | News::Lost(_))
        | Said::Called(_)
        | Said::Inside(_)
        | Said::Model(_) => None,
    }
}

async fn run<I, O, E>(
    standing: &walls::Standing,
    launch: &Launch,
    streams: Streams<I, O, E>,
) -> Result<Exit, Problem>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let Streams { mut input, mut output, mut error } = streams;
    let mut process = standing.spawn(launch).await.map_err(|error| error.problem())?;
    let (stdin, stdout, stderr) =
        (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // Whoever does not read closes it.
            tokio::io::copy(&mut input, &mut stdin).await.ok();
        }
        std::future::pending::<()>().await;
    };
    let out = async {
        if let Some(mut stdout) = stdout {
            // A reader that is gone (`| head`) wants no more.
            tokio::io::copy(&mut stdout, &mut output).await.ok();
        }
    };
    let err = async {
        if let Some(mut stderr) = stderr {
            tokio::io::copy(&mut stderr, &mut error).await.ok();
        }
    };
    let said = async { tokio::join!(out, err) };
    tokio::pin!(said, feed);
    let mut told = false;
    let exit = loop {
        tokio::select! {
            exit = process.wait() => break exit,
            _ = &mut said, if !told => told = true,
            () = &mut feed => {}
        }
    };
    if !told {
        tokio::time::timeout(LAST_WORDS, said).await.ok();
    }
    exit.map_err(|error| {
        Problem::new(Code::WorkspaceFailed, format!("The command cannot be waited for: {error}."))
    })
}

fn spec(trial: &Trial) -> RunSpec {
    spec_of(trial.id, trial.network.clone(), trial.walls)
}

/// Of a run that has no repository and whose work goes nowhere.
pub(super) fn spec_of(id: RunId, network: NetworkPolicy, walls: WallsWish) -> RunSpec {
    RunSpec {
        run: id,
        task: TaskId(id.0),
        attempt: 1,
        fence: 1,
        lease_secs: 1,
        title: String::new(),
        prompt: String::new(),
        project: String::new(),
        repo: String::new(),
        base: None,
        branch: String::new(),
        pushed: None,
        setup: Vec::new(),
        agent: "trial".to_owned(),
        model: None,
        mode: Mode::Auto,
        on_timeout: OnTimeout::Proceed,
        limits: pilot_proto::task::Limits::default(),
        resume: None,
        at: None,
        attachments: Vec::new(),
        git: None,
        provider: None,
        fallbacks: Vec::new(),
        network,
        walls,
        secrets: Vec::new(),
        prices: Vec::new(),
        spent_micros: 0,
        hub_key: None,
        permissions: Default::default(),
        review: None,
        children: Default::default(),
        remote_control: None,
        outgoing: None,
    }
}
