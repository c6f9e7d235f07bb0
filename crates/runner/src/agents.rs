//! Which agents this machine has, and where their programs are.

use crate::installed;
use pilot_agents::probe::ProbeResult;
use pilot_agents::{Agent, Catalog, declared};
use pilot_proto::runner::{AgentFound, AgentOrigin};
use pilot_proto::{Code, Problem};
use pilot_sandbox::{Environment, Exit, Launch};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longer than a cold node on a busy machine takes to say its version.
const PROBE_DEADLINE: Duration = Duration::from_secs(60);

/// The agents, and where to look for their programs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Which there may be.
    pub catalog: Catalog,
    /// The runner's data directory: `agents/<name>/bin` comes first.
    pub data: PathBuf,
    /// `PATH`, which comes then.
    pub path: OsString,
    /// What is wrong with the file of declared agents; then there are none.
    pub declared: Result<(), Problem>,
    /// Where those are that we installed, at this moment: whoever holds this
    /// goes on with them when others are installed.
    own: BTreeMap<String, PathBuf>,
}

impl Programs {
    /// For a runner with this environment, and with the agents that its owner
    /// declares at this moment.
    pub fn new(data: &Path, environment: &BTreeMap<String, String>) -> Self {
        let path = environment.get("PATH").map_or(DEFAULT_PATH, String::as_str);
        let catalog = Catalog::built_in();
        let (catalog, declared) = match declare(&catalog, &data.join(declared::FILE)) {
            Ok(catalog) => (catalog, Ok(())),
            Err(problem) => (catalog, Err(problem)),
        };
        let own = catalog.names().filter_map(|name| {
            let bin = data.join("agents").join(name).join("bin");
            Some((name.to_owned(), bin.canonicalize().ok()?))
        });
        let own = own.collect();
        Self { catalog, data: data.to_path_buf(), path: straight(path), declared, own }
    }

    /// The agent called `name`. If there is none because of the file of
    /// declared agents, its problem.
    pub fn agent(&self, name: &str) -> Result<&dyn Agent, Problem> {
        self.catalog.get(name).or_else(|missing| self.declared.clone().and(Err(missing)))
    }

    /// `PATH` for an agent: its own directory first.
    pub fn path_of(&self, agent: &str) -> OsString {
        let mut path = self.own(agent).into_os_string();
        path.push(":");
        path.push(&self.path);
        path
    }

    /// The program called `program` of `agent`.
    pub fn find(&self, agent: &str, program: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path_of(agent))
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(program))
            .find(|path| is_executable(path))
    }

    fn own(&self, agent: &str) -> PathBuf {
        let resolved = self.own.get(agent).cloned();
        resolved.unwrap_or_else(|| self.data.join("agents").join(agent).join("bin"))
    }
}

/// With the agents that the file declares, if it is there.
fn declare(catalog: &Catalog, file: &Path) -> Result<Catalog, Problem> {
    match std::fs::read_to_string(file) {
        Ok(text) => catalog.clone().declare(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(catalog.clone()),
        Err(error) => {
            let message = format!("`{}` cannot be read: {error}.", file.display());
            Err(Problem::new(Code::Invalid, message).hint("Make it readable for the runner."))
        }
    }
}

/// A `PATH` whose directories are written without `..`: what they lead over need
/// not be there inside the walls.
fn straight(path: &str) -> OsString {
    let directories = std::env::split_paths(path).map(|directory| {
        let crooked = directory.components().any(|part| part == Component::ParentDir);
        let real = crooked.then(|| directory.canonicalize().ok()).flatten();
        real.unwrap_or(directory)
    });
    // It was split at the only letter that cannot be joined.
    std::env::join_paths(directories).unwrap_or_else(|_| path.into())
}

/// What a login shell of a fresh Debian has.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The agents found, with a memory: a program that did not change is not
/// started again.
#[derive(Debug, Default)]
pub struct Doctor {
    seen: BTreeMap<String, (Fingerprint, AgentFound)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fingerprint {
    path: PathBuf,
    modified: Option<std::time::SystemTime>,
    size: u64,
}

impl Doctor {
    /// Looks at every agent there is a driver for.
    pub async fn look(
        &mut self,
        programs: &Programs,
        environment: &BTreeMap<String, String>,
    ) -> Vec<AgentFound> {
        let mut found = Vec::new();
        for agent in programs.catalog.agents() {
            let looked = self.look_at(agent, programs, environment).await;
            found.push(AgentFound {
                abilities: Some(agent.abilities()),
                own_login: own_login(agent.name(), environment),
                ..origin(agent, programs, looked)
            });
        }
        found
    }

    async fn look_at(
        &mut self,
        agent: &dyn Agent,
        programs: &Programs,
        environment: &BTreeMap<String, String>,
    ) -> AgentFound {
        let probe = agent.probe();
        let program = probe.program.as_ref();
        let path = program.and_then(|program| programs.find(&probe.agent, program));
        let Some(path) = path else { return probe.found(ProbeResult::NotFound) };
        let metadata = path.metadata().ok();
        let fingerprint = Fingerprint {
            modified: metadata.as_ref().and_then(|metadata| metadata.modified().ok()),
            size: metadata.map_or(0, |metadata| metadata.len()),
            path,
        };
        if let Some((known, found)) = self.seen.get(&probe.agent)
            && *known == fingerprint
        {
            return found.clone();
        }
        if probe.args.is_empty() {
            return probe.found(ProbeResult::Printed(""));
        }
        let mut variables: Environment = environment.clone().into_iter().collect();
        variables.set("PATH", programs.path_of(&probe.agent));
        let said = ask(&fingerprint.path, &probe.args, variables).await;
        let found = probe.found(match &said {
            Ok(output) => ProbeResult::Printed(output),
            Err(why) => ProbeResult::Broken(why),
        });
        if said.is_ok() {
            self.seen.insert(probe.agent, (fingerprint, found.clone()));
        }
        found
    }
}

/// Where its program is, and how it came there.
fn origin(agent: &dyn Agent, programs: &Programs, found: AgentFound) -> AgentFound {
    let probe = agent.probe();
    let Some(program) = &probe.program else {
        return AgentFound { origin: AgentOrigin::BuiltIn, ..found };
    };
    let path = programs.find(&probe.agent, program);
    let ours = path.as_ref().is_some_and(|path| path.starts_with(programs.own(&probe.agent)))
        && installed::is_ours(&programs.data, &probe.agent);
    let origin = match &path {
        Some(_) if ours => AgentOrigin::Pinned,
        Some(_) => AgentOrigin::Found,
        None => AgentOrigin::Unknown,
    };
    let program = path.map(|path| path.to_string_lossy().into_owned());
    AgentFound { origin, program, ..found }
}

/// Files of the machine's own user that hold a login of an agent.
const LOGINS: &[(&str, &str)] = &[
    ("claude", ".claude/.credentials.json"),
    ("codex", ".codex/auth.json"),
    ("gemini", ".gemini/oauth_creds.json"),
    ("opencode", ".local/share/opencode/auth.json"),
    ("pi", ".pi/agent/auth.json"),
];

/// Such a file, if there is one. It is not read.
fn own_login(agent: &str, environment: &BTreeMap<String, String>) -> Option<String> {
    let (_, file) = LOGINS.iter().find(|(name, _)| *name == agent)?;
    let path = Path::new(environment.get("HOME")?).join(file);
    path.is_file().then(|| format!("~/{file}"))
}

/// Runs a program and returns what it printed.
pub(crate) async fn ask<A: AsRef<OsStr>>(
    program: &Path,
    args: &[A],
    env: Environment,
) -> Result<String, String> {
    ask_within(program, args, env, PROBE_DEADLINE).await
}

/// The same of one that takes its time.
pub(crate) async fn ask_within<A: AsRef<OsStr>>(
    program: &Path,
    args: &[A],
    env: Environment,
    deadline: Duration,
) -> Result<String, String> {
    let launch = Launch {
        program: program.into(),
        args: args.iter().map(|arg| arg.as_ref().to_owned()).collect(),
        env,
        cwd: PathBuf::from("/"),
    };
    let mut process = pilot_sandbox::spawn(&launch).map_err(|error| error.to_string())?;
    drop(process.stdin.take());
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    let all = async {
        let (stdout, stderr) = tokio::join!(read(stdout), read(stderr));
        (process.wait().await, stdout, stderr)
    };
    match tokio::time::timeout(deadline, all).await {
        // Some keep their standard output for a protocol, even to say this.
        Ok((Ok(Exit::Code(0)), stdout, stderr)) if stdout.trim().is_empty() => Ok(stderr),
        Ok((Ok(Exit::Code(0)), stdout, _)) => Ok(stdout),
        Ok((Ok(_), stdout, stderr)) => {
            let words = if stderr.trim().is_empty() { stdout } else { stderr };
            Err(words.lines().next().unwrap_or("it failed and said nothing").to_owned())
        }
        Ok((Err(error), _, _)) => Err(error.to_string()),
        Err(_) => Err(format!("it did not answer within {} s", deadline.as_secs())),
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream
        && let Err(error) = stream.take(64 * 1024).read_to_end(&mut bytes).await
    {
        tracing::debug!(%error, "a probed program's output could not be read");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
