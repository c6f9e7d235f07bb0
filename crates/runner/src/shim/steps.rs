//! The steps of a run, each a future that does its work and reports.

use super::artifacts::Artifacts;
use super::attachments;
use super::checkpoint;
use super::diff::{Findings, Keeper, Looker};
use super::gates::Voices;
use super::outgoing;
use super::pushing;
use super::sessions::keep_session;
use super::walls::{self, SharedWalls};
use super::workspace::{RESCUE, SharedWorkspace, Workspace};
use crate::clock::SteadyClock;
use crate::run_dir::wipe::wipe;
use pilot_git::{Checkout, GitError};
use pilot_lifecycle::{RunEvent, Step};
use pilot_proto::event::Stream;
use pilot_proto::pull_request::Commits;
use pilot_proto::{Code, Event, Problem};
use pilot_sandbox::Doomed;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

/// What a step came to.
pub(super) struct Report {
    /// To be journalled first.
    pub(super) journal: Vec<Event>,
    /// What the machine is told.
    pub(super) event: RunEvent,
    /// Who looks at the tree from now on.
    pub(super) looker: Option<Looker>,
    /// What everything else of the run happens within.
    pub(super) walls: Option<SharedWalls>,
}

impl Report {
    pub(super) fn of(event: RunEvent) -> Self {
        Self { journal: Vec::new(), event, looker: None, walls: None }
    }

    pub(super) fn failed(step: Step, problem: Problem) -> Self {
        Self::of(RunEvent::Failed { step, problem })
    }

    pub(super) fn after(mut self, journal: impl IntoIterator<Item = Event>) -> Self {
        self.journal.extend(journal);
        self
    }
}

/// Our own words in the log.
pub(super) fn word(text: impl Into<String>) -> Event {
    Event::Output { stream: Stream::Pilot, text: text.into(), open: false }
}

/// How long the members of a process tree have to end by themselves.
const GRACE: Duration = Duration::from_secs(5);

/// Kills what an earlier incarnation left.
pub(super) async fn kill(workspace: SharedWorkspace) -> Report {
    let left = kill_all(&workspace).await;
    let tree = workspace.dir.tree().join(".git").exists();
    let words = left.into_iter().map(|name| word(format!("Still there: {name}.")));
    Report::of(RunEvent::Killed { tree }).after(words)
}

async fn kill_all(workspace: &Workspace) -> Vec<String> {
    let doomed = Doomed { run: workspace.spec.run, roots: Vec::new(), adopted: true };
    let report = pilot_sandbox::kill_run(&doomed, GRACE).await;
    let named = |left: pilot_sandbox::Survivor| format!("process {} `{}`", left.pid, left.command);
    report.left.into_iter().map(named).collect()
}

/// Makes the workspace's directories.
pub(super) async fn make(workspace: SharedWorkspace) -> Report {
    let made = off_thread(move || {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let all = [workspace.dir.home(), workspace.dir.tmp(), workspace.dir.artifacts()];
        all.iter().try_for_each(|path| builder.create(path))?;
        workspace.note_secrets()?;
        Ok(attachments::lay_out(&workspace))
    });
    match made.await {
        Ok(Ok(())) => Report::of(RunEvent::WorkspaceMade),
        Ok(Err(problem)) => Report::failed(Step::Workspace, problem),
        Err(error) => Report::failed(
            Step::Workspace,
            disk(Code::WorkspaceFailed, "The workspace cannot be made", &error),
        ),
    }
}

/// Checks the tree out, lays an earlier run's work over it, and raises the
/// walls around it. What the machine can do for walls is found out meanwhile.
pub(super) async fn clone(
    workspace: SharedWorkspace,
    voices: Voices,
    clock: SteadyClock,
) -> Report {
    let (checked_out, survey) =
        tokio::join!(check_out(&workspace), pilot_sandbox::walls::survey(&workspace.programs.path));
    let (looker, words) = match checked_out {
        Ok(checked_out) => checked_out,
        Err(problem) => return Report::failed(Step::Clone, problem),
    };
    match walls::raise(&workspace, &survey, &voices, clock).await {
        Ok(walls) => {
            let event = Event::Walls(walls.report().clone());
            let report = Report::of(RunEvent::Cloned).after(words).after([event]);
            let mut report = checkpoint::beginning(&workspace, report).await;
            report.looker = Some(looker);
            report.walls = Some(walls);
            report
        }
        Err(problem) => Report::failed(Step::Clone, problem).after(words),
    }
}

async fn check_out(workspace: &Workspace) -> Result<(Looker, Vec<Event>), Problem> {
    let spec = &workspace.spec;
    let (tree, login) = (workspace.dir.tree(), workspace.login());
    let resumed = spec.resume.is_some() && spec.pushed.is_some() && spec.at.is_none();
    // On no branch of the repository: it begins at the commit itself.
    let brought = resumed && pushing::bring_published(workspace).await?;
    let wanted = Checkout {
        repo: &spec.repo,
        // What an earlier run published is where a later one goes on.
        base: if resumed && !brought { Some(&spec.branch) } else { spec.base.as_deref() },
        at: if brought { spec.pushed.as_deref() } else { spec.at.as_deref() },
        branch: &spec.branch,
        tree: &tree,
        grant: login.as_ref(),
    };
    let checked_out = match workspace.mirrors.checkout(&wanted).await {
        // Merged and deleted meanwhile.
        Err(GitError::BranchUnknown { .. }) if resumed => {
            let again = Checkout { base: spec.base.as_deref(), ..wanted };
            workspace.mirrors.checkout(&again).await
        }
        other => other,
    }
    .map_err(|error| error.problem())?;
    let mut words = vec![word(format!(
        "Checked out `{}` at {} as `{}`.",
        checked_out.base_branch, checked_out.base_commit, spec.branch
    ))];
    let base = match restore(workspace).await? {
        Some(restored) => {
            words.push(word(format!("Laid the earlier run's work over it: {}.", restored.head)));
            restored.base_commit
        }
        None => checked_out.base_commit,
    };
    pushing::note_base_branch(workspace, &checked_out.base_branch)?;
    note_base(workspace, &base)?;
    // What is new in this run is measured against where it began; what a
    // reviewer sees is the task's whole change.
    let base = if brought || (resumed && checked_out.base_branch == spec.branch) {
        let from = Checkout { base: spec.base.as_deref(), ..wanted };
        let fork = workspace.mirrors.fork_point(&from, &base).await;
        fork.map_err(|error| error.problem())?.unwrap_or(base)
    } else {
        base
    };
    Ok((looker(workspace, base).await?, words))
}

/// Notes which commit what is new in this run is measured against.
pub(super) fn note_base(workspace: &Workspace, base: &str) -> Result<(), Problem> {
    std::fs::write(workspace.base_file(), base)
        .map_err(|error| disk(Code::WorkspaceFailed, "The base cannot be noted", &error))
}

/// Whoever shows the tree's changes, measured against this commit of the base.
pub(super) async fn looker(workspace: &Workspace, fork: String) -> Result<Looker, Problem> {
    std::fs::write(workspace.fork_file(), &fork)
        .map_err(|error| disk(Code::WorkspaceFailed, "The base cannot be noted", &error))?;
    let (blobs, redactor) = (workspace.blobs.clone(), workspace.redactor.clone());
    let keeper = Keeper::new(blobs.clone(), redactor.clone());
    let artifacts = Artifacts::new(workspace.dir.artifacts(), blobs, redactor);
    let (git, tree) = (workspace.git.clone(), workspace.dir.tree());
    off_thread(move || Ok(Looker::new(&git, &tree, &fork, keeper, artifacts)))
        .await
        .map_err(|error| disk(Code::WorkspaceFailed, "The tree cannot be looked at", &error))?
        .map_err(|error| error.problem())
}

async fn restore(workspace: &Workspace) -> Result<Option<pilot_git::Restored>, Problem> {
    let Some(resume) = &workspace.spec.resume else { return Ok(None) };
    let Some(bundle) = &resume.bundle else { return Ok(None) };
    let file = workspace.dir.work().join("bundle");
    let extracted =
        File::create(&file).and_then(|mut file| workspace.blobs.extract(bundle, &mut file));
    extracted.map_err(|error| {
        disk(Code::WorkspaceFailed, "The earlier run's bundle cannot be read", &error)
    })?;
    let reference = reference_in(&file)
        .map_err(|error| disk(Code::WorkspaceFailed, "The bundle cannot be read", &error))?;
    let restored = workspace.git.unbundle(&workspace.dir.tree(), &file, &reference).await;
    std::fs::remove_file(&file)
        .map_err(|error| disk(Code::WorkspaceFailed, "The bundle cannot be removed", &error))?;
    restored.map(Some).map_err(|error| error.problem())
}

/// The ref of a rescue bundle; it names the run that it is of. A bundle begins
/// with lines of text: what it needs (`-<commit>`), then its refs.
fn reference_in(bundle: &Path) -> io::Result<String> {
    let lines = BufReader::new(File::open(bundle)?).split(b'\n');
    for line in lines.take(100) {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        match line.split_once(' ') {
            Some((_, name)) if name.starts_with(RESCUE) && !name.ends_with("-head") => {
                return Ok(name.to_owned());
            }
            Some(_) => {}
            None if line.is_empty() => break,
            None => {}
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it is no rescue bundle of ours"))
}

/// Commits if that is wanted, takes the last look, and keeps the session.
pub(super) async fn collect(
    workspace: SharedWorkspace,
    looker: Option<Looker>,
    commit: bool,
    session: Option<String>,
) -> Report {
    let committed = if commit { commit_all(&workspace).await } else { Ok(None) };
    let mut journal = Vec::new();
    let mut looked = Ok(());
    if let Some(looker) = looker {
        let Findings { events, error, .. } = looker.look_last().await;
        journal.extend(events);
        looked = error.map_or(Ok(()), |error| Err(error.problem()));
    }
    journal.extend(keep_session(&workspace, session).await);
    let checked = match committed {
        Ok(Some(commit)) => may_leave(&workspace, commit, &mut journal).await.map(Some),
        other => other,
    };
    let event = match checked.and_then(|commit| looked.map(|()| commit)) {
        Ok(commit) => RunEvent::Collected { commit },
        Err(problem) => RunEvent::Failed { step: Step::Collect, problem },
    };
    Report::of(event).after(journal)
}

/// The commit, if it holds nothing that must not be published.
pub(super) async fn may_leave(
    workspace: &Workspace,
    commit: String,
    journal: &mut Vec<Event>,
) -> Result<String, Problem> {
    let base = read_base(workspace)?;
    let found = outgoing::look(workspace, &base, &commit).await;
    let found = found.map_err(|error| error.problem())?;
    journal.extend(found.warnings());
    found.problem().map_or(Ok(commit), Err)
}

async fn commit_all(workspace: &Workspace) -> Result<Option<String>, Problem> {
    let base = read_base(workspace)?;
    let (tree, message) = (workspace.dir.tree(), workspace.message());
    let author = workspace.author();
    let commit = workspace.git.commit_all(&tree, &author, &message, &base).await;
    let commit = match (commit, workspace.commits()) {
        (Ok(Some(_)), Commits::Squash) => {
            workspace.git.squash(&tree, &author, &message, &base).await.map(Some)
        }
        (commit, Commits::Keep | Commits::Squash) => commit,
    };
    commit.map_err(|error| error.problem())
}

pub(super) fn read_base(workspace: &Workspace) -> Result<String, Problem> {
    std::fs::read_to_string(workspace.base_file())
        .map_err(|error| disk(Code::WorkspaceFailed, "The base cannot be read", &error))
}

/// The commit of the base branch that the task's whole change is measured
/// against.
pub(super) fn read_fork(workspace: &Workspace) -> Result<String, Problem> {
    std::fs::read_to_string(workspace.fork_file())
        .map_err(|error| disk(Code::WorkspaceFailed, "The base cannot be read", &error))
}

/// Kills and removes everything. What is left is said by name.
pub(super) async fn clean(
    workspace: SharedWorkspace,
    walls: Option<SharedWalls>,
    keep_tree: bool,
) -> (Vec<String>, bool) {
    if let Some(walls) = walls {
        walls.lower().await;
    }
    let mut left = kill_all(&workspace).await;
    let dir = workspace.dir.clone();
    let removed = off_thread(move || {
        wipe(&dir.scratch())?;
        wipe(&dir.walls())?;
        if keep_tree {
            let rest = [dir.home(), dir.tmp(), dir.attachments(), dir.artifacts()];
            return rest.iter().try_for_each(|path| wipe(path));
        }
        // A crash in the middle must not leave half a tree that looks whole.
        let (tree, doomed) = (dir.tree(), dir.work().join("doomed"));
        match std::fs::rename(&tree, &doomed) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        wipe(&dir.work())
    });
    if let Err(error) = removed.await {
        left.push(format!("{} ({error})", shown(&workspace.dir.work())));
    } else if keep_tree {
        left.push(format!(
            "{} (the work in it could not be rescued)",
            shown(&workspace.dir.tree())
        ));
    }
    (left, !workspace.dir.work().exists())
}

fn shown(path: &Path) -> String {
    format!("directory `{}`", path.display())
}

/// A failure of the disk in a person's words.
pub(super) fn disk(code: Code, what: &str, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Problem::new(Code::DiskFull, format!("{what}: the runner's disk is full."))
                .hint("Free some space, then retry the task.")
        }
        _ => Problem::new(code, format!("{what}: {error}.")),
    }
}

/// Runs something that blocks.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
