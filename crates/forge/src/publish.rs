//! What is done the same way on every forge: a pull request that exists once
//! whatever happens, a comment that stands once, the address of an issue.

use crate::body;
use crate::error::ForgeError;
use crate::follow_up::MARK;
use crate::forge::Forge;
use crate::http::{address, shown};
use crate::model::{
    Comment, NewPull, PullChange, PullRequestSeen, PullState, Standing, Subject, Wanted, fold,
};
use crate::repository::Repository;
use pilot_proto::ForgeKind;
use pilot_proto::task::{Checks, PullRequest};
use url::Url;

/// Why a read of a pull request may still show the commit before: the forge
/// works off a push in a queue. With the default waits about 15 seconds.
const READS: u32 = 8;
/// Each round looks before it creates, so a lost answer costs one round.
const ROUNDS: u32 = 4;

impl dyn Forge + '_ {
    /// The repository that a project's clone URL names. Only for such a URL may
    /// the [`grant`](crate::Identity::grant) be given to git.
    pub fn repository(&self, clone_url: &str) -> Result<Repository, ForgeError> {
        let groups = self.kind() == ForgeKind::GitLab;
        Repository::of(self.address(), clone_url, groups).map_err(|why| ForgeError::Elsewhere {
            url: without_credentials(clone_url),
            forge: shown(self.address()),
            why,
        })
    }

    /// The repository and number that the page of an issue is of, if it is a
    /// page of this forge.
    pub fn issue_of_page(&self, page: &str) -> Option<(Repository, u64)> {
        // Over SSH a forge has no pages.
        if !page.starts_with("http://") && !page.starts_with("https://") {
            return None;
        }
        let bare = page.split(['?', '#']).next()?.trim_end_matches('/');
        let mut pages = ["/-/work_items/", "/-/issues/", "/issues/"].into_iter();
        let (repository, rest) = pages.find_map(|page| bare.rsplit_once(page))?;
        // GitLab has pages below an issue's: `…/issues/7/designs`.
        let number = rest.split('/').next()?;
        Some((self.repository(repository).ok()?, number.parse().ok()?))
    }

    /// Where a pull request stands.
    pub async fn state(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<PullState, ForgeError> {
        Ok(self.pull(repository, number).await?.state())
    }

    /// What the checks of a commit say, in one; none where there are none.
    pub async fn checks(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Option<Checks>, ForgeError> {
        Ok(fold(&self.checks_of(repository, commit).await?))
    }

    /// Comments with a mark that no reader sees, unless a comment with that
    /// mark stands there already: the same after a lost answer or a crash.
    pub async fn comment_once(
        &self,
        repository: &Repository,
        on: Subject,
        mark: &str,
        text: &str,
    ) -> Result<Comment, ForgeError> {
        let mark = format!("{MARK}{mark} -->");
        let comments = self.comments(repository, on).await?;
        match comments.into_iter().find(|comment| comment.body.contains(&mark)) {
            Some(comment) => Ok(comment),
            None => self.comment(repository, on, &format!("{text}\n\n{mark}")).await,
        }
    }

    /// The same, and the comment that stands there is brought up to date.
    pub async fn comment_kept(
        &self,
        repository: &Repository,
        on: Subject,
        mark: &str,
        text: &str,
    ) -> Result<(), ForgeError> {
        let mark = format!("{MARK}{mark} -->");
        let body = format!("{text}\n\n{mark}");
        let comments = self.comments(repository, on).await?;
        let known = comments.into_iter().find(|comment| comment.body.contains(&mark));
        match known {
            Some(comment) if comment.body == body => Ok(()),
            Some(comment) => match self.edit_comment(repository, on, comment.id, &body).await {
                // Somebody else's, who copied the mark.
                Err(ForgeError::Refused { status: 403 | 404, .. }) => {
                    self.comment(repository, on, &body).await.map(drop)
                }
                done => done,
            },
            None => self.comment(repository, on, &body).await.map(drop),
        }
    }

    /// Answers what was said: a comment on a line in its own conversation, which
    /// is then resolved where the forge can, everything else with one comment.
    /// May be called again after any failure: `mark` tells what is there.
    ///
    /// Whom nobody knows any more (a comment that was deleted) is left out.
    pub async fn answer_feedback(
        &self,
        repository: &Repository,
        pull: u64,
        answered: &[String],
        mark: &str,
        text: &str,
    ) -> Result<(), ForgeError> {
        let all = self.feedback(repository, pull, None).await?;
        let asked = || all.iter().filter(|said| answered.contains(&said.id));
        for said in asked().filter(|said| said.path.is_some()) {
            let mark = format!("{MARK}{mark}-{} -->", said.id);
            if !all.iter().any(|other| other.body.contains(&mark)) {
                self.reply(repository, pull, said, &format!("{text}\n\n{mark}")).await?;
            }
            if !said.resolved {
                // By hand where the forge has no call for it; then it stays.
                self.resolve(repository, pull, said).await?;
            }
        }
        if asked().any(|said| said.path.is_none()) {
            self.comment_once(repository, Subject::Pull(pull), mark, text).await?;
        }
        Ok(())
    }

    /// Makes the pull request, or brings the one there is up to date, and reads
    /// it back. May be called again after any failure or crash: there is never
    /// a second pull request.
    ///
    /// A pull request that a person merged or closed since is returned as it
    /// is; `Forge::state` tells.
    pub async fn ensure_pull_request(&self, wanted: &Wanted) -> Result<PullRequest, ForgeError> {
        let number = self.find_or_create(wanted).await?;
        self.read_back(wanted, number).await
    }

    async fn find_or_create(&self, wanted: &Wanted) -> Result<u64, ForgeError> {
        let mut round = 0;
        loop {
            round += 1;
            if let Some(pull) = self.find_open(wanted).await? {
                self.renew(wanted, &pull).await?;
                return Ok(pull.number);
            }
            if let Some(pull) = self.find_settled(wanted).await? {
                return Ok(pull.number);
            }
            if wanted.by_review {
                // The push made it; the forge works it off in a queue.
                if round < ROUNDS {
                    self.rest(round).await;
                    continue;
                }
                return Err(ForgeError::Mismatch {
                    forge: shown(self.address()),
                    number: 0,
                    what: "commit",
                    wanted: wanted.head_commit.clone(),
                    seen: "no pull request".to_owned(),
                });
            }
            match self.create(wanted).await {
                // The answer was lost, somebody was faster (Gitea and GitLab
                // say 409, GitHub 422), or the forge has not seen the branch
                // yet: look again.
                Err(
                    ForgeError::Unreachable { .. }
                    | ForgeError::Way(_)
                    | ForgeError::Busy { .. }
                    | ForgeError::Refused { status: 404 | 409 | 422, .. },
                ) if round < ROUNDS => self.rest(round).await,
                outcome => return outcome,
            }
        }
    }

    async fn find_open(&self, wanted: &Wanted) -> Result<Option<PullRequestSeen>, ForgeError> {
        let (head, base) = (wanted.head(), &wanted.base_branch);
        let pulls = self.pulls_of(&wanted.repository, head, base, true).await?;
        Ok(pulls.into_iter().find(|pull| pull.is_of(head, base)))
    }

    /// A pull request that we made for this very commit and that was merged or
    /// closed before we could note its number.
    async fn find_settled(&self, wanted: &Wanted) -> Result<Option<PullRequestSeen>, ForgeError> {
        let (head, base) = (wanted.head(), &wanted.base_branch);
        let pulls = self.pulls_of(&wanted.repository, head, base, false).await?;
        let ours = |pull: &PullRequestSeen| {
            pull.is_of(head, base) && body::speaks_of(&pull.body, &wanted.head_commit)
        };
        Ok(pulls.into_iter().find(ours))
    }

    /// Creates it, and then says the rest, which a second look would find
    /// missing: what a forge refuses there (an unknown reviewer) is no reason
    /// to be without a pull request.
    async fn create(&self, wanted: &Wanted) -> Result<u64, ForgeError> {
        let new = NewPull {
            title: body::title(&wanted.title),
            body: body::marked(&wanted.body, &wanted.head_commit),
            head: wanted.head_branch.clone(),
            head_repository: wanted.head_repository.clone(),
            base: wanted.base_branch.clone(),
            draft: wanted.draft,
        };
        let number = self.create_pull(&wanted.repository, &new).await?.number;
        self.say_the_rest(wanted, number).await;
        Ok(number)
    }

    /// Labels, assignees and reviewers, each by itself, so that one that is
    /// refused takes no other along.
    async fn say_the_rest(&self, wanted: &Wanted, number: u64) {
        let labels = PullChange { labels: wanted.labels.clone(), ..PullChange::default() };
        let assignees = PullChange { assignees: wanted.assignees.clone(), ..PullChange::default() };
        let reviewers = PullChange { reviewers: wanted.reviewers.clone(), ..PullChange::default() };
        for change in [labels, assignees, reviewers].iter().filter(|change| !change.is_empty()) {
            if let Err(error) = self.update_pull(&wanted.repository, number, change).await {
                tracing::warn!(%error, number, ?change, "the pull request is without it");
            }
        }
    }

    async fn renew(&self, wanted: &Wanted, pull: &PullRequestSeen) -> Result<(), ForgeError> {
        if body::speaks_of(&pull.body, &wanted.head_commit) {
            // Made for this very commit, and then we may have died.
            self.say_the_rest(&wanted.without_what_is_said(pull), pull.number).await;
        }
        let ours = pull.body.contains(MARK);
        let section = body::marked(&wanted.body, &wanted.head_commit);
        let text = body::renewed(&pull.body, &section);
        if text == pull.body {
            return Ok(());
        }
        let change = PullChange { body: Some(text), ..PullChange::default() };
        self.update_pull(&wanted.repository, pull.number, &change).await?;
        if wanted.by_review && !ours {
            // The push had a place for the title alone.
            self.say_the_rest(wanted, pull.number).await;
        }
        Ok(())
    }

    async fn read_back(&self, wanted: &Wanted, number: u64) -> Result<PullRequest, ForgeError> {
        let mut read = 0;
        loop {
            read += 1;
            let pull = self.pull(&wanted.repository, number).await?;
            match self.compare(wanted, number, &pull) {
                Ok(()) => {
                    let head = pull.head_commit;
                    return Ok(PullRequest { number, url: pull.url, head, checks: None });
                }
                Err(error) if read >= READS => return Err(error),
                Err(_) => self.rest(read).await,
            }
        }
    }

    fn compare(
        &self,
        wanted: &Wanted,
        number: u64,
        pull: &PullRequestSeen,
    ) -> Result<(), ForgeError> {
        let mismatch = |what, wanted: &str, seen: &str| {
            Err(ForgeError::Mismatch {
                forge: shown(self.address()),
                number,
                what,
                wanted: wanted.to_owned(),
                seen: seen.to_owned(),
            })
        };
        if pull.number != number {
            return mismatch("number", &number.to_string(), &pull.number.to_string());
        }
        if pull.base != wanted.base_branch {
            return mismatch("base", &wanted.base_branch, &pull.base);
        }
        // What a person merged or closed meanwhile shows whatever the branch
        // became after that.
        if pull.standing == Standing::Open && pull.head_commit != wanted.head_commit {
            return mismatch("head", &wanted.head_commit, &pull.head_commit);
        }
        Ok(())
    }

    async fn rest(&self, round: u32) {
        self.pace().pause(round).await;
    }
}

/// A forge's address as it is kept, or why it is none.
pub(crate) fn forge_address(url: &str) -> Result<Url, ForgeError> {
    address(url).map_err(|(url, why)| ForgeError::Address { url, why })
}

fn without_credentials(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.has_host() => {
            let bare = url.set_username("").and_then(|()| url.set_password(None)).is_ok();
            url.set_query(None);
            if bare { url.to_string() } else { "…".to_owned() }
        }
        // `git@host:owner/name.git`, a path: no place for a password.
        _ => text.to_owned(),
    }
}
