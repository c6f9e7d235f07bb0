//! Publishing a run's commits: to a branch, to a fork's, or for review; and
//! looking whether they are there.

use super::steps::{Report, disk, word};
use super::workspace::{SharedWorkspace, Workspace};
use pilot_git::{GitError, Push, ReviewPush};
use pilot_lifecycle::{RunEvent, Step};
use pilot_proto::pull_request::PushWay;
use pilot_proto::{Code, Problem};

impl Workspace {
    pub(super) fn way(&self) -> PushWay {
        self.spec.outgoing.as_deref().map(|one| one.push.clone()).unwrap_or_default()
    }
}

/// Pushes the branch.
pub(super) async fn push(
    workspace: SharedWorkspace,
    branch: String,
    commit: String,
    expected: Option<String>,
) -> Report {
    let done = match workspace.way() {
        PushWay::Agit => for_review(&workspace, &branch, &commit, expected.is_some()).await,
        PushWay::Branch => {
            to_branch(&workspace, &workspace.spec.repo, &branch, &commit, expected.as_deref()).await
        }
        PushWay::Fork { repo } => {
            to_branch(&workspace, &repo, &branch, &commit, expected.as_deref()).await
        }
    };
    match done {
        Ok((commit, text)) => Report::of(RunEvent::Pushed { commit }).after([word(text)]),
        Err(problem) => Report::failed(Step::Push, problem),
    }
}

async fn to_branch(
    workspace: &Workspace,
    repo: &str,
    branch: &str,
    commit: &str,
    expected: Option<&str>,
) -> Result<(String, String), Problem> {
    let tree = workspace.dir.tree();
    let login = workspace.login();
    let grant = login.as_ref();
    let signing_key = workspace.signing_key();
    let wanted = Push { tree: &tree, repo, branch, commit, expected, grant, signing_key };
    let pushed = workspace.git.push(&wanted).await.map_err(|error| error.problem())?;
    let put = if pushed.rebased { "Put on top of somebody's commits and pushed" } else { "Pushed" };
    let text = format!("{put} `{branch}` at {}.", pushed.commit);
    Ok((pushed.commit, text))
}

async fn for_review(
    workspace: &Workspace,
    branch: &str,
    commit: &str,
    again: bool,
) -> Result<(String, String), Problem> {
    let base = base_branch(workspace)?;
    let (tree, login) = (workspace.dir.tree(), workspace.login());
    let wanted = ReviewPush {
        tree: &tree,
        repo: &workspace.spec.repo,
        base: &base,
        topic: branch,
        title: &workspace.spec.title,
        commit,
        again,
        grant: login.as_ref(),
    };
    let pushed = workspace.git.push_for_review(&wanted).await.map_err(|error| error.problem())?;
    let text = format!("Pushed {} for review into `{base}`.", pushed.commit);
    Ok((pushed.commit, text))
}

/// Looks whether the remote has the commit.
pub(super) async fn read_back(
    workspace: SharedWorkspace,
    branch: String,
    commit: String,
) -> Report {
    let (git, spec, login) = (&workspace.git, &workspace.spec, workspace.login());
    let grant = login.as_ref();
    let is_head = async |repo: &str| {
        let head = git.remote_head(repo, &branch, grant).await?;
        Ok::<_, GitError>(head.as_deref() == Some(commit.as_str()))
    };
    let landed = match workspace.way() {
        PushWay::Branch => is_head(&spec.repo).await,
        PushWay::Fork { repo } => is_head(&repo).await,
        PushWay::Agit => git.is_in_review(&spec.repo, &commit, grant).await,
    };
    match landed {
        Ok(landed) => Report::of(RunEvent::ReadBack { landed }),
        Err(error) => Report::failed(Step::ReadBack, error.problem()),
    }
}

/// Brings what an earlier run published to where a checkout can begin from it,
/// if it is on no branch of the repository; false if it is on one.
pub(super) async fn bring_published(workspace: &Workspace) -> Result<bool, Problem> {
    let spec = &workspace.spec;
    let number = spec.outgoing.as_deref().and_then(|one| one.pull_request);
    let (from, what) = match (workspace.way(), number) {
        (PushWay::Branch, _) | (PushWay::Agit, None) => return Ok(false),
        (PushWay::Fork { repo }, _) => (repo, format!("refs/heads/{}", spec.branch)),
        (PushWay::Agit, Some(number)) => (spec.repo.clone(), format!("refs/pull/{number}/head")),
    };
    let login = workspace.login();
    let brought = workspace.mirrors.bring(&spec.repo, (&from, &what), login.as_ref()).await;
    brought.map(|()| true).map_err(|error| error.problem())
}

/// For the push, which a shim that recovers may have to make.
pub(super) fn note_base_branch(workspace: &Workspace, branch: &str) -> Result<(), Problem> {
    std::fs::write(workspace.base_branch_file(), branch)
        .map_err(|error| disk(Code::WorkspaceFailed, "The base branch cannot be noted", &error))
}

fn base_branch(workspace: &Workspace) -> Result<String, Problem> {
    std::fs::read_to_string(workspace.base_branch_file())
        .map_err(|error| disk(Code::WorkspaceFailed, "The base branch cannot be read", &error))
}
