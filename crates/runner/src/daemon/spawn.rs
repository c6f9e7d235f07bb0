//! Starting a shim so that it outlives us: the file that owns spawning.

use super::ShimCommand;
use crate::run_dir::RunDir;
use crate::shim::AgentTrial;
use pilot_proto::RunSpec;
use pilot_proto::runner::LiveCheck;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;

/// Starts the shim of a fresh run and hands it the spec.
pub(super) async fn start(
    command: &ShimCommand,
    run_dir: &RunDir,
    environment: &BTreeMap<String, String>,
    spec: &RunSpec,
) -> io::Result<Child> {
    let mut child = spawn(command, run_dir, environment, Stdio::piped(), false)?;
    hand_over(&mut child, run_dir, spec).await;
    Ok(child)
}

/// Starts the shim that cleans up after a dead one. Whoever knows the grants
/// hands them over next, or closes its standard input.
pub(super) fn recover(
    command: &ShimCommand,
    run_dir: &RunDir,
    environment: &BTreeMap<String, String>,
) -> io::Result<Child> {
    spawn(command, run_dir, environment, Stdio::piped(), true)
}

/// Gives a shim the spec, grants and all, over its standard input, and closes it.
pub(super) async fn hand_over(child: &mut Child, run_dir: &RunDir, spec: &RunSpec) {
    let Some(mut stdin) = child.stdin.take() else { return };
    let written = match serde_json::to_vec(spec) {
        Ok(json) => stdin.write_all(&json).await,
        Err(error) => Err(error.into()),
    };
    // A shim that is gone already is noticed by whoever waits for it.
    if let Err(error) = written {
        tracing::warn!(run_dir = %run_dir.path().display(), %error, "the shim took no spec");
    }
}

#[expect(clippy::disallowed_methods, reason = "the file that owns starting shims")]
fn spawn(
    command: &ShimCommand,
    run_dir: &RunDir,
    environment: &BTreeMap<String, String>,
    stdin: Stdio,
    recover: bool,
) -> io::Result<Child> {
    let log = File::options().create(true).append(true).mode(0o600).open(run_dir.log_file())?;
    let mut shim = std::process::Command::new(&command.program);
    shim.args(&command.args);
    if recover {
        shim.arg("--recover");
    }
    // No pipe to us but the spec's, or our end would be the shim's.
    shim.arg(run_dir.path()).env_clear().envs(environment);
    shim.current_dir("/").stdin(stdin).stdout(Stdio::null()).stderr(log);
    let mut shim = tokio::process::Command::from(shim);
    shim.kill_on_drop(false);
    shim.spawn()
}

/// Has a process of its own try an agent, and reads what came of it.
pub(super) async fn try_agent(
    command: &ShimCommand,
    environment: &BTreeMap<String, String>,
    trial: &AgentTrial,
) -> io::Result<LiveCheck> {
    let mut child = trial_process(command, environment)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&serde_json::to_vec(trial)?).await?;
    }
    let output = tokio::time::timeout(TRIAL, child.wait_with_output()).await;
    let output = output.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let last = String::from_utf8_lossy(&output.stderr);
        let last = last.lines().last().unwrap_or("it said nothing").to_owned();
        io::Error::other(last)
    })
}

/// Behind the trial's own patience, with its walls raised and lowered.
const TRIAL: Duration = Duration::from_secs(300);

#[expect(clippy::disallowed_methods, reason = "the file that owns starting shims")]
fn trial_process(
    command: &ShimCommand,
    environment: &BTreeMap<String, String>,
) -> io::Result<Child> {
    let mut trial = std::process::Command::new(&command.program);
    trial.args(&command.args).arg("--trial").arg("/").env_clear().envs(environment);
    trial.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut trial = tokio::process::Command::from(trial);
    trial.kill_on_drop(true);
    trial.spawn()
}
