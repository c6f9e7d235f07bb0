//! Where a scenario plays: a forge with one repository, an owner and a bot.
//!
//! What has to be there first is made over the forge's own API and with git,
//! so that the same lines work on a real server; a double only makes it quick,
//! and is there where a scenario needs something to go wrong.

use super::prepare::Prepare;
use pilot_forge::{
    Account, Body, Credential, Forge, ForgeError, Head, Pace, PullRequestSeen, Reach, Repository,
    Wanted, connect_with,
};
use pilot_proto::task::PullRequest;
use pilot_proto::{ForgeKind, Secret};
use pilot_testkit::forge::ForgeDouble;
use pilot_testkit::repo::{GitWorld, git};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub(crate) const SITE: &str = "alice/site";

/// A forge to play on: a server's address and what is needed there.
pub(crate) struct Place {
    pub(crate) kind: ForgeKind,
    pub(crate) url: String,
    /// Of somebody who may do everything with the repository.
    pub(crate) token: String,
    /// Of somebody who may write to it.
    pub(crate) bot_token: String,
    /// `owner/name`.
    pub(crate) repository: String,
}

pub(crate) struct Stage {
    pub(crate) kind: ForgeKind,
    pub(crate) bot: Arc<dyn Forge>,
    pub(crate) owner: Arc<dyn Forge>,
    pub(crate) site: Repository,
    pub(crate) prepare: Prepare,
    place: Place,
    double: Option<ForgeDouble>,
    /// In every name, so that nothing on a real server is taken for ours.
    tag: String,
    count: AtomicU32,
}

/// Waits of a few milliseconds: the policy is under test, not our patience.
pub(crate) fn pace() -> Pace {
    let wait = Duration::from_millis(2);
    Pace { wait, longest_wait: Duration::from_secs(2), ..Pace::default() }
}

pub(crate) fn open(
    kind: ForgeKind,
    url: &str,
    token: &str,
    pace: Pace,
) -> Result<Arc<dyn Forge>, ForgeError> {
    let reach = Reach { pace, ..Reach::default() };
    connect_with(kind, url, &Credential::Token(Secret::new(token)), &reach)
}

impl Stage {
    /// On a double, below a base path: what works there works at a root.
    pub(crate) async fn on_double(kind: ForgeKind) -> Self {
        let double = ForgeDouble::start_as(kind, "/forge").await;
        let place = place_on(&double);
        Self::new(place, Some(double), "c", &pace())
    }

    /// On a server of which nothing is known but its address.
    pub(crate) fn on_server(place: Place, tag: &str, pace: &Pace) -> Self {
        Self::new(place, None, tag, pace)
    }

    fn new(place: Place, double: Option<ForgeDouble>, tag: &str, pace: &Pace) -> Self {
        let open =
            |token| open(place.kind, &place.url, token, pace.clone()).expect("a good address");
        let (bot, owner) = (open(&place.bot_token), open(&place.token));
        let clone_url = format!("{}/{}.git", place.url.trim_end_matches('/'), place.repository);
        let site = bot.repository(&clone_url).expect("it is of this forge");
        let prepare = Prepare::new(place.kind, &place.url, &place.token, &place.repository);
        let (kind, tag, count) = (place.kind, tag.to_owned(), AtomicU32::new(0));
        Self { kind, bot, owner, site, prepare, place, double, tag, count }
    }

    /// The double, for what a real server cannot be made to do.
    pub(crate) fn double(&self) -> &ForgeDouble {
        self.double.as_ref().expect("the scenario is marked as one for doubles")
    }

    pub(crate) fn url(&self) -> &str {
        &self.place.url
    }

    pub(crate) fn bot_token(&self) -> &str {
        &self.place.bot_token
    }

    /// A name that nobody else has.
    pub(crate) fn name(&self, word: &str) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{}-{word}-{count}", self.tag)
    }

    pub(crate) async fn account(&self) -> Account {
        self.bot.check().await.expect("the bot's token is good")
    }

    /// Pushes a branch with one commit on top of `main`; its name and commit.
    pub(crate) async fn branch(&self, word: &str) -> (String, String) {
        let branch = format!("{}/{word}", self.name("work"));
        let commit = self
            .push(&branch, "main", &format!("{}.txt", branch.replace('/', "-")), "work\n")
            .await;
        (branch, commit)
    }

    /// Commits a file on top of `from` and pushes it as `branch`; the commit.
    pub(crate) async fn push(&self, branch: &str, from: &str, file: &str, text: &str) -> String {
        if let Some(double) = &self.double {
            let bare = double.bare(&self.place.repository);
            if bare.head(branch).is_none() {
                bare.set_branch(
                    branch,
                    &bare.head(from).expect("the branch to start from is there"),
                );
            }
            return double.commit(&self.place.repository, branch, file, text);
        }
        let grant = self.owner.grant();
        let login = format!("://{}:{}@", grant.username, grant.password.expose());
        let url =
            format!("{}/{}.git", self.place.url, self.place.repository).replace("://", &login);
        let words: Vec<String> = [branch, from, file, text].map(str::to_owned).to_vec();
        let pushed = tokio::task::spawn_blocking(move || {
            let [branch, from, file, text] = &words[..] else { unreachable!("four were given") };
            let world = GitWorld::new();
            git(world.root(), &["clone", "--quiet", &url, "tree"]);
            let tree = world.root().join("tree");
            let known =
                !git(&tree, &["branch", "-r", "--list", &format!("origin/{branch}")]).is_empty();
            let start = format!("origin/{}", if known { branch } else { from });
            git(&tree, &["checkout", "--quiet", "-B", "work", &start]);
            std::fs::write(tree.join(file), text).expect("the tree can be written");
            git(&tree, &["add", "--all"]);
            git(&tree, &["commit", "--quiet", "--message", "work"]);
            git(&tree, &["push", "--quiet", "origin", &format!("HEAD:refs/heads/{branch}")]);
            git(&tree, &["rev-parse", "HEAD"])
        });
        pushed.await.expect("git does not fail")
    }

    pub(crate) fn wanted(&self, branch: &str, commit: &str) -> Wanted {
        Wanted {
            repository: self.site.clone(),
            head_branch: branch.to_owned(),
            head_commit: commit.to_owned(),
            base_branch: "main".to_owned(),
            title: format!("Add {branch}"),
            body: Body { summary: "Everything was done.", ..Body::default() }.text(""),
            ..Wanted::default()
        }
    }

    /// A branch with a pull request: what was wanted, and what came of it.
    pub(crate) async fn pull(&self, word: &str) -> (Wanted, PullRequest) {
        let (branch, commit) = self.branch(word).await;
        let wanted = self.wanted(&branch, &commit);
        let pull = self.bot.ensure_pull_request(&wanted).await.expect("it can be made");
        (wanted, pull)
    }

    pub(crate) async fn seen(&self, number: u64) -> PullRequestSeen {
        self.bot.pull(&self.site, number).await.expect("it is there")
    }

    /// How many pull requests of a branch there are, of any state.
    pub(crate) async fn count(&self, wanted: &Wanted) -> usize {
        let mut count = 0;
        for open in [true, false] {
            let (head, base) = (&wanted.head_branch, &wanted.base_branch);
            let all = self.bot.pulls_of(&self.site, Head::Branch(head), base, open).await;
            count += all.expect("they can be listed").len();
        }
        count
    }

    /// Where a pull request is created, as a request's path ends.
    pub(crate) fn creation(&self) -> &'static str {
        match self.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo | ForgeKind::GitHub => "/pulls",
            ForgeKind::GitLab => "/merge_requests",
        }
    }

    /// Takes away what was made on a real server.
    pub(crate) async fn clean_up(&self) {
        self.prepare.clean_up().await;
        let branches = self.owner.branches(&self.site, 1000).await.expect("they can be listed");
        for branch in branches.iter().filter(|branch| branch.name.starts_with(&self.tag)) {
            for pull in self
                .owner
                .pulls_of(&self.site, Head::Branch(&branch.name), "main", true)
                .await
                .expect("listed")
            {
                let close = pilot_forge::PullChange { open: Some(false), ..Default::default() };
                self.owner.update_pull(&self.site, pull.number, &close).await.expect("closed");
            }
            self.owner.delete_branch(&self.site, &branch.name).await.expect("deleted");
        }
    }
}

/// The usual people on a double: alice owns the repository, the bot may write.
pub(crate) fn place_on(double: &ForgeDouble) -> Place {
    double.repository(SITE);
    double.collaborator(SITE, "bot", "write");
    Place {
        kind: double.kind(),
        url: double.url(),
        token: double.token("alice", double.scopes()),
        bot_token: double.token("bot", double.scopes()),
        repository: SITE.to_owned(),
    }
}
