//! Agents that we put on this machine: a version each, in the runner's own data
//! directory, found before anything on the `PATH`.
//!
//! ```text
//! <data>/agents/<agent>/
//!   versions/<version>/node_modules/   as npm makes it
//!   bin -> versions/<version>/node_modules/.bin
//! ```
//!
//! **Invariant:** `bin` leads to a whole version or to none: one is made beside
//! the others and switched to by renaming a link. A version that a run at work
//! may have begun with stays.

use crate::agents::{Programs, ask_within};
use crate::run_dir::lock::is_held;
use crate::run_dir::wipe::wipe;
use crate::run_dir::{RunDir, ShimLock};
use pilot_agents::pinned;
use pilot_proto::{Code, Problem};
use pilot_sandbox::Environment;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Some agents are 400 MB; a thin line takes this long for them.
const INSTALL: Duration = Duration::from_secs(1800);

/// An agent of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Its name.
    pub agent: String,
    /// Its package.
    pub package: String,
    /// The version that runs get; none: it is not installed here.
    pub version: Option<String>,
    /// The one that this build was tested with.
    pub pinned: String,
    /// Other versions that are still there, because runs use them.
    pub kept: Vec<String>,
}

/// Where an agent of ours is.
#[derive(Debug, Clone)]
struct Place(PathBuf);

impl Place {
    fn of(data: &Path, agent: &str) -> Self {
        Self(data.join("agents").join(agent))
    }

    fn bin(&self) -> PathBuf {
        self.0.join("bin")
    }

    fn versions(&self) -> PathBuf {
        self.0.join("versions")
    }

    fn programs(version: &str) -> PathBuf {
        ["versions", version, "node_modules", ".bin"].iter().collect()
    }

    /// The version that `bin` leads to.
    fn current(&self) -> Option<String> {
        let target = std::fs::read_link(self.bin()).ok()?;
        let mut parts = target.components();
        (parts.next()?.as_os_str() == "versions").then_some(())?;
        Some(parts.next()?.as_os_str().to_string_lossy().into_owned())
    }

    fn there(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.versions()).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }
}

/// The agents that we could put here, and those that are.
pub fn list(data: &Path) -> Vec<Installed> {
    pinned::all().map(|pinned| seen(data, pinned)).collect()
}

fn seen(data: &Path, pinned: pinned::Pinned) -> Installed {
    let place = Place::of(data, pinned.agent);
    let version = place.current();
    Installed {
        agent: pinned.agent.to_owned(),
        package: pinned.package.to_owned(),
        kept: place.there().into_iter().filter(|one| Some(one) != version.as_ref()).collect(),
        version,
        pinned: pinned.version.to_owned(),
    }
}

/// True if we installed what `agent` is started from.
pub(crate) fn is_ours(data: &Path, agent: &str) -> bool {
    Place::of(data, agent).current().is_some()
}

/// Installs an agent with the machine's npm and switches to it. `version` none:
/// the one that this build was tested with.
pub async fn install(
    data: &Path,
    environment: &BTreeMap<String, String>,
    agent: &str,
    version: Option<&str>,
) -> Result<Installed, Problem> {
    let pinned = known(agent)?;
    let version = version.unwrap_or(pinned.version);
    check_version(version)?;
    let place = Place::of(data, agent);
    let _only_we = alone(&place)?;
    if !place.there().iter().any(|there| there == version) {
        fetch(&place, data, environment, pinned.package, version).await?;
    }
    switch(&place, version).map_err(|error| broken(&place, &error))?;
    sweep(data, agent, &place).map_err(|error| broken(&place, &error))?;
    Ok(seen(data, pinned))
}

/// Takes an agent of ours away; what is on the `PATH` counts again. Versions
/// that runs use stay until the next change.
pub fn remove(data: &Path, agent: &str) -> Result<Installed, Problem> {
    let pinned = known(agent)?;
    let place = Place::of(data, agent);
    if place.current().is_none() && place.there().is_empty() {
        let message = format!("`{agent}` is not installed by us on this machine.");
        return Err(Problem::new(Code::NotFound, message));
    }
    let _only_we = alone(&place)?;
    if place.current().is_some() {
        std::fs::remove_file(place.bin()).map_err(|error| broken(&place, &error))?;
    }
    sweep(data, agent, &place).map_err(|error| broken(&place, &error))?;
    Ok(seen(data, pinned))
}

fn known(agent: &str) -> Result<pinned::Pinned, Problem> {
    pinned::of(agent).ok_or_else(|| {
        let names: Vec<_> = pinned::all().map(|one| format!("`{}`", one.agent)).collect();
        let message = format!("`{agent}` is no agent that can be installed from npm.");
        Problem::new(Code::NotFound, message).hint(format!("There are: {}.", names.join(", ")))
    })
}

/// It becomes a directory's name, and a word of npm's.
fn check_version(version: &str) -> Result<(), Problem> {
    let is_version = version.starts_with(|first: char| first.is_ascii_digit())
        && version.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | '+'))
        && version.len() <= 64;
    if is_version {
        return Ok(());
    }
    Err(Problem::new(Code::Invalid, format!("`{version}` is no version."))
        .hint("Give a whole one, such as `claude@2.1.329`: it is to be the same tomorrow."))
}

fn alone(place: &Place) -> Result<ShimLock, Problem> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(place.versions());
    let lock = made.and_then(|()| ShimLock::take_file(&place.0.join("lock")));
    lock.map_err(|error| broken(place, &error))?.ok_or_else(|| {
        let message = "Somebody installs or removes this agent at this moment.";
        Problem::new(Code::Precondition, message).hint("Try again when that is over.")
    })
}

/// Beside the others, and under its name only when it is whole.
async fn fetch(
    place: &Place,
    data: &Path,
    environment: &BTreeMap<String, String>,
    package: &str,
    version: &str,
) -> Result<(), Problem> {
    let programs = Programs::new(data, environment);
    let npm = programs.find("npm", "npm").ok_or_else(|| {
        Problem::new(Code::Precondition, "`npm` is not on the runner's PATH.")
            .hint("Install Node.js with npm, or put the agent itself on the PATH.")
    })?;
    let new = place.versions().join(".new");
    wipe(&new).and_then(|()| std::fs::create_dir(&new)).map_err(|error| broken(place, &error))?;
    let spec = format!("{package}@{version}");
    let mut args: Vec<OsString> = vec!["install".into(), "--prefix".into(), new.clone().into()];
    let quiet = ["--no-audit", "--no-fund", "--no-save", "--loglevel", "error"];
    args.extend(quiet.map(OsString::from));
    args.push(spec.clone().into());
    let variables: Environment = environment.clone().into_iter().collect();
    let done = ask_within(&npm, &args, variables, INSTALL).await.and_then(|_| {
        let json = new.join("node_modules").join(package).join("package.json");
        let text = std::fs::read_to_string(json).map_err(|error| error.to_string())?;
        let json: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match json["version"].as_str() {
            Some(got) if got == version => Ok(()),
            got => Err(format!("npm gave {} instead", got.unwrap_or("no version"))),
        }
    });
    if let Err(why) = done {
        drop(wipe(&new));
        let message = format!("npm could not install `{spec}`: {why}.");
        return Err(Problem::new(Code::Precondition, message)
            .hint("What was installed before is as it was. Look at npm's registry and the disk."));
    }
    std::fs::rename(&new, place.versions().join(version)).map_err(|error| broken(place, &error))
}

/// In one step: whoever looks finds the old version or the new one.
fn switch(place: &Place, version: &str) -> io::Result<()> {
    let new = place.0.join("bin.new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(Place::programs(version), &new)?;
    std::fs::rename(&new, place.bin())
}

/// Removes versions that are not the current one, unless a run of the agent is
/// at work: nobody knows with which it began.
fn sweep(data: &Path, agent: &str, place: &Place) -> io::Result<()> {
    for run in RunDir::all(data)? {
        let dir = RunDir::of(data, run);
        if is_held(&dir)? && dir.read_spec()?.is_none_or(|spec| spec.agent == agent) {
            return Ok(());
        }
    }
    let current = place.current();
    for version in place.there() {
        if Some(&version) != current.as_ref() {
            wipe(&place.versions().join(version))?;
        }
    }
    Ok(())
}

fn broken(place: &Place, error: &io::Error) -> Problem {
    let message = format!("`{}` cannot be changed: {error}.", place.0.display());
    Problem::new(Code::WorkspaceFailed, message)
        .hint("Look at its rights, and whether `bin` is a directory of your own there.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_testkit::programs::write_program;

    /// A registry's client that installs what it is told, or cannot.
    const NPM: &str = r#"#!/bin/sh
for last; do :; done
prefix=$3
[ -e "$FAIL" ] && { echo "npm error 404 no such version" >&2; exit 1; }
name=${last%@*}
version=${last##*@}
mkdir -p "$prefix/node_modules/$name" "$prefix/node_modules/.bin"
echo "{\"version\": \"$version\"}" > "$prefix/node_modules/$name/package.json"
printf '#!/bin/sh\necho %s\n' "$version" > "$prefix/node_modules/$name/pi"
chmod +x "$prefix/node_modules/$name/pi"
ln -s "../$name/pi" "$prefix/node_modules/.bin/pi"
"#;

    struct World {
        directory: tempfile::TempDir,
        environment: BTreeMap<String, String>,
    }

    impl World {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let npm = directory.path().join("npm");
            write_program(&npm, NPM);
            let path = format!("{}:/usr/bin:/bin", directory.path().display());
            let fail = directory.path().join("fail").to_string_lossy().into_owned();
            let environment = [("PATH".to_owned(), path), ("FAIL".to_owned(), fail)].into();
            Self { directory, environment }
        }

        fn data(&self) -> PathBuf {
            self.directory.path().join("data")
        }

        fn found(&self) -> Option<PathBuf> {
            Programs::new(&self.data(), &self.environment).find("pi", "pi")
        }

        async fn install(&self, version: Option<&str>) -> Result<Installed, Problem> {
            install(&self.data(), &self.environment, "pi", version).await
        }
    }

    #[tokio::test]
    async fn a_version_is_switched_to_as_a_whole_and_the_old_one_goes() {
        let world = World::new();
        assert_eq!(world.found(), None);
        let first = world.install(Some("1.0.0")).await.expect("it is installed");
        assert_eq!((first.version.as_deref(), first.kept.len()), (Some("1.0.0"), 0));
        let program = world.found().expect("it is found");
        assert!(program.to_string_lossy().contains("versions/1.0.0"), "{program:?}");
        assert!(is_ours(&world.data(), "pi"));

        let pinned = pinned::of("pi").expect("it has a package").version;
        let second = world.install(None).await.expect("it is installed");
        assert_eq!(second.version.as_deref(), Some(pinned), "the one that was tested");
        assert!(!program.exists(), "nobody runs with the old one");
        let listed = list(&world.data());
        assert!(listed.contains(&second), "{listed:?}");

        let gone = remove(&world.data(), "pi").expect("it goes");
        assert_eq!((gone.version, gone.kept.len(), world.found()), (None, 0, None));
        let problem = remove(&world.data(), "pi").expect_err("it has gone");
        assert_eq!(problem.code, Code::NotFound);
    }

    #[tokio::test]
    async fn what_npm_cannot_install_leaves_everything_as_it_was() {
        let world = World::new();
        world.install(Some("1.0.0")).await.expect("it is installed");
        std::fs::write(world.directory.path().join("fail"), "").expect("writable");
        let problem = world.install(Some("2.0.0")).await.expect_err("there is none");
        assert!(problem.message.contains("404"), "{problem}");
        assert!(world.found().is_some(), "the old one is there");
        let problem = world.install(Some("latest")).await.expect_err("no version");
        assert_eq!(problem.code, Code::Invalid);
        let problem = install(&world.data(), &world.environment, "../x", None).await;
        assert_eq!(problem.expect_err("no agent").code, Code::NotFound);
    }

    #[tokio::test]
    async fn a_version_stays_while_a_run_of_the_agent_is_at_work() {
        let world = World::new();
        world.install(Some("1.0.0")).await.expect("it is installed");
        let run: pilot_proto::RunId =
            "0190b1de-0000-7000-8000-000000000001".parse().expect("an id");
        let dir = RunDir::of(&world.data(), run);
        std::fs::create_dir_all(dir.path()).expect("writable");
        let lock = ShimLock::take(&dir).expect("it can be taken").expect("nobody has it");
        let second = world.install(Some("2.0.0")).await.expect("it is installed");
        assert_eq!(second.kept, ["1.0.0"], "nobody knows what it began with");
        drop(lock);
        let third = world.install(Some("2.0.0")).await.expect("it is there");
        assert!(third.kept.is_empty(), "{third:?}");
    }
}
