//! What an agent is asked before it is started: whether it would work.

use super::walls::SharedWalls;
use pilot_agents::Preflight;
use pilot_proto::{Code, Problem};
use pilot_sandbox::{Agent, Exit, Launch};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// One that refuses does so as soon as it has asked its vendor; one that would
/// work waits for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// For its end, when it would work.
const GRACE: Duration = Duration::from_secs(2);
/// Of what it says.
const MOST: u64 = 64 * 1024;

/// A preflight, ready to be started inside.
pub(super) struct Asking {
    pub(super) launch: Launch,
    pub(super) judge: fn(Option<i32>, &str) -> Option<Problem>,
}

impl Asking {
    pub(super) fn new(preflight: &Preflight, launch: Launch) -> Self {
        Self { launch, judge: preflight.judge }
    }

    /// Runs it, without input.
    pub(super) async fn pass(&self, walls: &SharedWalls) -> Result<(), Problem> {
        let mut agent = walls.spawn(&self.launch).await.map_err(|error| error.problem())?;
        drop(agent.stdin.take());
        let (stdout, stderr) = (agent.stdout.take(), agent.stderr.take());
        let process = agent.process;
        let mut said = (Vec::new(), Vec::new());
        let exit = {
            let all = async {
                let (said_out, said_err) = (&mut said.0, &mut said.1);
                tokio::join!(wait(&mut agent), read(stdout, said_out), read(stderr, said_err)).0
            };
            tokio::time::timeout(PATIENCE, all).await
        };
        let code = match exit {
            Ok(Some(Exit::Code(code))) => Some(code),
            Ok(Some(Exit::Signal(signal))) => Some(128 + signal),
            Ok(None) => {
                let message = "The agent's preflight cannot be waited for.";
                return Err(Problem::new(Code::Internal, message));
            }
            Err(_) => {
                tokio::join!(walls.end(process, GRACE), wait(&mut agent));
                None
            }
        };
        let mut words = String::from_utf8_lossy(&said.0).into_owned();
        words.push('\n');
        words.push_str(&String::from_utf8_lossy(&said.1));
        (self.judge)(code, &words).map_or(Ok(()), Err)
    }
}

async fn wait(agent: &mut Agent) -> Option<Exit> {
    match agent.wait().await {
        Ok(exit) => Some(exit),
        Err(error) => {
            tracing::error!(%error, "the agent's preflight cannot be waited for");
            None
        }
    }
}

/// Keeps what was read when it is given up.
async fn read(pipe: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) {
    if let Some(pipe) = pipe
        && let Err(error) = pipe.take(MOST).read_to_end(said).await
    {
        tracing::debug!(%error, "what the preflight says cannot be read");
    }
}
