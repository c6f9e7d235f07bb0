//! What this machine lacks to be a runner, with the mend. Needs no hub.

use crate::agents::{Doctor, Programs};
use pilot_proto::runner::{AgentOrigin, ToolCheck};
use pilot_sandbox::Environment;
use pilot_screen::desktop;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What: a program, a directory.
    pub what: String,
    /// What was found: a version, or what is wrong.
    pub found: String,
    /// What to do about it; none if nothing is to be done.
    pub mend: Option<String>,
}

impl Finding {
    fn good(what: &str, found: impl Into<String>) -> Self {
        Self { what: what.to_owned(), found: found.into(), mend: None }
    }

    fn bad(what: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..Self::good(what, found) }
    }
}

/// Below this a clone and a build of a middling project do not fit.
const FREE_BYTES: u64 = 2 << 30;

/// Looks at everything that a run needs of this machine.
pub async fn examine(data: &Path, environment: &BTreeMap<String, String>) -> Vec<Finding> {
    let programs = Programs::new(data, environment);
    let mut findings = tools(&programs, environment).await;
    findings.push(films(&programs));
    for agent in Doctor::default().look(&programs, environment).await {
        let what = format!("agent {}", agent.name);
        findings.push(match (agent.problem, agent.version) {
            (Some(problem), _) => match problem.rsplit_once("; ") {
                Some((found, mend)) => Finding::bad(&what, found, mend.trim_matches('`')),
                None => Finding::bad(&what, problem, "install it again"),
            },
            (None, version) => {
                let words = [version.unwrap_or_default(), came_from(&agent.origin).to_owned()];
                let login = agent.own_login.map(|file| {
                    format!("a login in {file}, which runs do not use: they get the hub's")
                });
                let words = words.into_iter().filter(|word| !word.is_empty()).chain(login);
                Finding::good(&what, words.collect::<Vec<_>>().join("; "))
            }
        });
    }
    findings
}

/// What makes films of recordings is the hub's, which often runs here as well;
/// a runner does without.
fn films(programs: &Programs) -> Finding {
    let found = programs.find("films", "ffmpeg").map_or_else(
        || "not here; a hub on this machine makes no films: `apt-get install ffmpeg`".to_owned(),
        |path| path.display().to_string(),
    );
    Finding::good("films: ffmpeg", found)
}

fn came_from(origin: &AgentOrigin) -> &'static str {
    match origin {
        AgentOrigin::BuiltIn => "built in",
        AgentOrigin::Pinned => "pinned",
        AgentOrigin::Found => "found on the PATH",
        AgentOrigin::Unknown => "",
    }
}

/// Everything but the agents, as a hub is told of it.
pub(crate) async fn checks(
    programs: &Programs,
    environment: &BTreeMap<String, String>,
) -> Vec<ToolCheck> {
    let check = |finding: Finding| match finding.mend {
        Some(mend) => ToolCheck {
            problem: Some(finding.found.clone()),
            name: finding.what,
            found: finding.found,
            mend,
        },
        None => ToolCheck {
            name: finding.what,
            found: finding.found,
            problem: None,
            mend: String::new(),
        },
    };
    tools(programs, environment).await.into_iter().map(check).collect()
}

async fn tools(programs: &Programs, environment: &BTreeMap<String, String>) -> Vec<Finding> {
    let git = git(programs, environment).await;
    let bubblewrap = bubblewrap(programs, environment).await;
    let mut findings = vec![directory(&programs.data), git, bubblewrap, watches()];
    findings.extend(desktop::WANTED.iter().map(|wanted| screen(programs, wanted)));
    if let Err(problem) = &programs.declared {
        let what = pilot_agents::declared::FILE;
        findings.push(Finding::bad(what, &problem.message, &problem.hint));
    }
    findings
}

/// What a run's screen is made of.
fn screen(programs: &Programs, wanted: &desktop::Wanted) -> Finding {
    let what = format!("screen: {}", wanted.program);
    match programs.find("screen", wanted.program) {
        Some(path) => Finding::good(&what, path.display().to_string()),
        None => Finding::bad(
            &what,
            format!("not here; {}", wanted.without),
            format!("install it: `apt-get install {}`", wanted.package),
        ),
    }
}

/// What walls are made of. Without it they are lower.
async fn bubblewrap(programs: &Programs, environment: &BTreeMap<String, String>) -> Finding {
    let what = "bubblewrap";
    let Some(path) = programs.find("bubblewrap", "bwrap") else {
        return Finding::bad(
            what,
            "not here; runs have lower walls and no network gate",
            "install it: `apt-get install bubblewrap`",
        );
    };
    let variables: Environment = environment.clone().into_iter().collect();
    match crate::agents::ask(&path, &["--version"], variables).await {
        Ok(version) => Finding::good(what, version.trim().trim_start_matches("bubblewrap ")),
        Err(why) => Finding::bad(what, why, "install it again: `apt-get install bubblewrap`"),
    }
}

fn directory(data: &Path) -> Finding {
    let what = "data directory";
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(data);
    let free = made.and_then(|()| rustix::fs::statvfs(data).map_err(io::Error::from));
    match free.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)) {
        Ok(bytes) if bytes < FREE_BYTES => {
            let found = format!("{} MiB free", bytes >> 20);
            Finding::bad(what, found, "make room, or choose another `--data`")
        }
        Ok(bytes) => Finding::good(what, format!("{}, {} MiB free", data.display(), bytes >> 20)),
        Err(error) => Finding::bad(what, error.to_string(), "choose another `--data`"),
    }
}

async fn git(programs: &Programs, environment: &BTreeMap<String, String>) -> Finding {
    let mend = "install git 2.31 or later: `apt-get install git`";
    let Some(path) = programs.find("git", "git") else {
        return Finding::bad("git", "not on the PATH", mend);
    };
    let variables: Environment = environment.clone().into_iter().collect();
    match crate::agents::ask(&path, &["--version"], variables).await {
        Ok(version) => Finding::good("git", version.trim()),
        Err(why) => Finding::bad("git", why, mend),
    }
}

/// Without them the live diff is polled: slower, and nothing worse.
fn watches() -> Finding {
    let limit = |name: &str| -> Option<u64> {
        let path = format!("/proc/sys/fs/inotify/{name}");
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    match (limit("max_user_watches"), limit("max_user_instances")) {
        (Some(watches), Some(instances)) if watches < 65_536 || instances < 128 => Finding::bad(
            "file watching",
            format!("{watches} watches, {instances} watchers"),
            "sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=1024",
        ),
        (Some(watches), Some(instances)) => {
            Finding::good("file watching", format!("{watches} watches, {instances} watchers"))
        }
        _ => Finding::good("file watching", "not known here; changes are polled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_missing_is_named_with_its_mend() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let empty = home.path().join("bin");
        std::fs::create_dir(&empty).expect("writable");
        let path = empty.to_string_lossy().into_owned();
        let environment = BTreeMap::from([("PATH".to_owned(), path)]);
        let findings = examine(&home.path().join("data"), &environment).await;
        let finding = |what: &str| {
            findings.iter().find(|finding| finding.what == what).expect("it was looked at")
        };
        assert!(finding("git").mend.is_some(), "{findings:?}");
        let claude = finding("agent claude");
        assert!(
            claude.mend.as_deref().is_some_and(|mend| mend.contains("npm install")),
            "{claude:?}"
        );
        assert_eq!(finding("agent scripted").mend, None, "it is built in");
    }

    #[tokio::test]
    async fn declared_agents_are_looked_at_and_a_broken_file_is_told() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let file = data.path().join(pilot_agents::declared::FILE);
        let agent = "[agents.shell]\nprotocol = \"command\"\nprogram = \"/bin/sh\"\n";
        std::fs::write(&file, agent).expect("writable");
        let findings = examine(data.path(), &BTreeMap::new()).await;
        let shell = findings.iter().find(|finding| finding.what == "agent shell");
        assert_eq!(shell.map(|finding| &finding.mend), Some(&None), "{findings:?}");

        std::fs::write(&file, agent.replace("/bin/sh", "")).expect("writable");
        let findings = examine(data.path(), &BTreeMap::new()).await;
        let told = findings.iter().find(|finding| finding.what == "agents.toml");
        let told = told.expect("it is among the findings");
        assert!(told.mend.is_some() && told.found.contains("line 3"), "{told:?}");
        let programs = Programs::new(data.path(), &BTreeMap::new());
        let problem = programs.agent("shell").err().expect("it cannot be had");
        assert!(problem.message.contains("agents.toml"), "{problem:?}");
        assert!(programs.agent("claude").is_ok(), "the others can be had");
    }
}
