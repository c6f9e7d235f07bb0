//! Gitea, and Forgejo, which speaks the same API for what we use.
//!
//! Written against Gitea 1.22 and Forgejo 1.21 as they answered, and lenient
//! about everything that is not needed: fields may be missing or null.

mod checks;
mod issues;

pub use issues::Issue;

use crate::body;
use crate::error::{ForgeError, SCOPES};
use crate::http::{Call, Http, Pace, Paging};
use crate::repository::Repository;
use pilot_proto::Secret;
use pilot_proto::project::GitGrant;
use pilot_proto::task::PullRequest;
use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use url::Url;

/// The most that a Gitea gives at once by default; it gives fewer if it was
/// set up so, which is why pages are followed and not counted.
const PAGE: &str = "50";
/// 20,000 open pull requests. A forge that goes on beyond is going round.
const MAX_PAGES: u32 = 400;
/// Why a read of a pull request may still show the commit before: the forge
/// works off a push in a queue. With the default pace about 15 seconds.
const READS: u32 = 8;
/// Each round looks before it creates, so a lost answer costs one round.
const ROUNDS: u32 = 4;

/// A pull request we want to exist.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where.
    pub repository: Repository,
    /// Branch with the work, already pushed to the same repository.
    pub head_branch: String,
    /// The commit it was pushed as.
    pub head_commit: String,
    /// Branch it is to be merged into.
    pub base_branch: String,
    /// One line. Used when the pull request is made; later it is people's.
    pub title: String,
    /// Markdown, e.g. of [`crate::Body`]. Kept between marks, so that it can be
    /// renewed without touching what people wrote around it.
    pub body: String,
}

/// Who we are to a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The token's owner.
    pub login: String,
    /// The forge's version, as it says it.
    pub version: String,
}

/// A repository as the token's owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySeen {
    /// Its default branch.
    pub default_branch: String,
    /// We may push to it.
    pub may_push: bool,
}

/// Where a pull request stands. `head` is the commit it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullState {
    /// Open.
    Open {
        /// The commit it shows.
        head: String,
    },
    /// Merged.
    Merged {
        /// The commit it shows.
        head: String,
        /// The commit that merged it, if the forge says.
        commit: Option<String>,
    },
    /// Closed without a merge.
    Closed {
        /// The commit it shows.
        head: String,
    },
}

/// A Gitea or Forgejo, and our token for it.
#[derive(Debug, Clone)]
pub struct Gitea {
    http: Http,
}

impl Gitea {
    /// The forge whose web interface is at `url` (with its base path, if it has
    /// one). Asks nothing yet.
    pub fn new(url: &str, token: Secret) -> Result<Self, ForgeError> {
        Self::with_pace(url, token, Pace::default())
    }

    /// The same, with another patience.
    pub fn with_pace(url: &str, token: Secret, pace: Pace) -> Result<Self, ForgeError> {
        Ok(Self { http: Http::new(url, token, pace)? })
    }

    /// Is this a forge, is the token good, and may it do all we need?
    pub async fn check(&self) -> Result<Account, ForgeError> {
        let version = self.version().await?;
        let mut missing = Vec::new();
        let user: User = match self.http.json(&Call::get("asking who we are", &["user"])).await {
            Err(ForgeError::Scopes { missing: scopes, .. }) => {
                missing.extend(scopes);
                User::default()
            }
            answer => answer?,
        };
        // Scopes are looked at before anything else, so a request that cannot
        // succeed tells whether one is missing: `-` is nobody's name on a
        // Gitea, and nothing can be made there.
        for path in [["repos", "-", "-", "pulls"], ["repos", "-", "-", "issues"]] {
            let call = Call {
                method: Method::POST,
                body: Some(&json!({})),
                ..Call::get("asking what the token may do", &path)
            };
            let reply = self.http.send(&call).await?;
            // 404, 422: not the token's fault.
            let refusal = self.http.refusal(call.doing, &reply);
            if let ForgeError::Scopes { missing: scopes, .. } = refusal {
                missing.extend(scopes);
            } else if matches!(refusal, ForgeError::Unauthorized { .. }) {
                return Err(refusal);
            }
        }
        if !missing.is_empty() {
            missing.sort_by_key(|scope| SCOPES.iter().position(|known| known == scope));
            missing.dedup();
            return Err(ForgeError::Scopes { forge: self.http.name(), missing });
        }
        Ok(Account { login: user.login, version })
    }

    async fn version(&self) -> Result<String, ForgeError> {
        let call = Call::get("asking for the version", &["version"]);
        match self.http.json::<Version>(&call).await {
            Ok(Version { version }) if !version.is_empty() => Ok(version),
            Ok(_) => Err(self.http.strange(call.doing, "it has none".to_owned())),
            // Every Gitea answers this; whoever says 404 is somebody else.
            Err(ForgeError::Refused { status, .. }) => {
                Err(self.http.strange(call.doing, format!("it answers {status}")))
            }
            Err(error) => Err(error),
        }
    }

    /// The repository that a project's clone URL names. Only for such a URL may
    /// [`Gitea::grant`] be given to git.
    pub fn repository(&self, clone_url: &str) -> Result<Repository, ForgeError> {
        Repository::of(self.http.forge(), clone_url).map_err(|why| ForgeError::Elsewhere {
            url: without_credentials(clone_url),
            forge: self.http.name(),
            why,
        })
    }

    /// Looks at a repository: does it exist for us, and may we push?
    pub async fn look(&self, repository: &Repository) -> Result<RepositorySeen, ForgeError> {
        let path = ["repos", &repository.owner, &repository.name];
        let seen: RepositoryAnswer =
            self.http.json(&Call::get("looking at the repository", &path)).await?;
        Ok(RepositorySeen {
            default_branch: seen.default_branch,
            may_push: seen.permissions.push && !seen.archived,
        })
    }

    /// How git logs in to repositories of this forge.
    pub fn grant(&self) -> GitGrant {
        // Any user name goes with a token.
        GitGrant { username: "pilothouse".to_owned(), password: Secret::new(self.http.token()) }
    }

    /// Where a pull request stands.
    pub async fn state(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<PullState, ForgeError> {
        Ok(self.pull(repository, number).await?.state())
    }

    /// Makes the pull request, or brings the one there is up to date, and reads
    /// it back. May be called again after any failure or crash: there is never
    /// a second pull request.
    ///
    /// A pull request that a person merged or closed since is returned as it
    /// is; [`Gitea::state`] tells.
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
            match self.create(wanted).await {
                // The answer was lost, somebody was faster, or the forge has
                // not seen the branch yet: look again.
                Err(
                    ForgeError::Unreachable { .. }
                    | ForgeError::Busy { .. }
                    | ForgeError::Refused { status: 404 | 409, .. },
                ) if round < ROUNDS => self.http.pace.pause(round).await,
                outcome => return Ok(outcome?.number),
            }
        }
    }

    /// The open pull request of our branch. Not asked for by branch: that
    /// request is missing in the versions this was written against.
    async fn find_open(&self, wanted: &Wanted) -> Result<Option<Pull>, ForgeError> {
        let mut seen = 0;
        for page in 1..=MAX_PAGES {
            let (pulls, paging) = self.pulls(wanted, "open", page).await?;
            seen += pulls.len();
            let more = !pulls.is_empty() && paging.more(seen);
            let found = pulls.into_iter().find(|pull| pull.is_of(wanted));
            if found.is_some() || !more {
                return Ok(found);
            }
        }
        Err(self.http.strange(LISTING, format!("there are more than {MAX_PAGES} pages of them")))
    }

    /// A pull request that we made for this very commit and that was merged or
    /// closed before we could note its number. It changed last of all, so the
    /// first page is enough.
    async fn find_settled(&self, wanted: &Wanted) -> Result<Option<Pull>, ForgeError> {
        let (pulls, _) = self.pulls(wanted, "closed", 1).await?;
        Ok(pulls
            .into_iter()
            .find(|pull| pull.is_of(wanted) && body::speaks_of(&pull.body, &wanted.head_commit)))
    }

    async fn pulls(
        &self,
        wanted: &Wanted,
        state: &str,
        page: u32,
    ) -> Result<(Vec<Pull>, Paging), ForgeError> {
        let path = ["repos", &wanted.repository.owner, &wanted.repository.name, "pulls"];
        let page = page.to_string();
        let query = [("state", state), ("sort", "recentupdate"), ("limit", PAGE), ("page", &page)];
        let reply = self.http.send(&Call { query: &query, ..Call::get(LISTING, &path) }).await?;
        Ok((self.http.read(LISTING, &reply)?, reply.paging()))
    }

    async fn create(&self, wanted: &Wanted) -> Result<Pull, ForgeError> {
        let body = json!({
            "title": body::title(&wanted.title),
            "body": body::marked(&wanted.body, &wanted.head_commit),
            "head": wanted.head_branch,
            "base": wanted.base_branch,
        });
        let path = ["repos", &wanted.repository.owner, &wanted.repository.name, "pulls"];
        let call = Call {
            method: Method::POST,
            body: Some(&body),
            ..Call::get("creating the pull request", &path)
        };
        let pull: Pull = self.http.json(&call).await?;
        if pull.number == 0 {
            return Err(self.http.strange(call.doing, "its answer has no number".to_owned()));
        }
        Ok(pull)
    }

    async fn renew(&self, wanted: &Wanted, pull: &Pull) -> Result<(), ForgeError> {
        let section = body::marked(&wanted.body, &wanted.head_commit);
        let text = body::renewed(&pull.body, &section);
        if text == pull.body {
            return Ok(());
        }
        let number = pull.number.to_string();
        let path = ["repos", &wanted.repository.owner, &wanted.repository.name, "pulls", &number];
        let call = Call {
            method: Method::PATCH,
            body: Some(&json!({ "body": text })),
            ..Call::get("updating the pull request", &path)
        };
        let reply = self.http.send(&call).await?;
        match reply.status {
            200..=299 => Ok(()),
            _ => Err(self.http.refusal(call.doing, &reply)),
        }
    }

    async fn read_back(&self, wanted: &Wanted, number: u64) -> Result<PullRequest, ForgeError> {
        let mut read = 0;
        loop {
            read += 1;
            let pull = self.pull(&wanted.repository, number).await?;
            match self.compare(wanted, number, &pull) {
                Ok(()) => {
                    return Ok(PullRequest {
                        number,
                        url: pull.html_url,
                        head: pull.head.sha,
                        checks: None,
                    });
                }
                Err(error) if read >= READS => return Err(error),
                Err(_) => self.http.pace.pause(read).await,
            }
        }
    }

    fn compare(&self, wanted: &Wanted, number: u64, pull: &Pull) -> Result<(), ForgeError> {
        let mismatch = |what, wanted: &str, seen: &str| {
            Err(ForgeError::Mismatch {
                forge: self.http.name(),
                number,
                what,
                wanted: wanted.to_owned(),
                seen: seen.to_owned(),
            })
        };
        if pull.number != number {
            return mismatch("number", &number.to_string(), &pull.number.to_string());
        }
        if pull.base.name != wanted.base_branch {
            return mismatch("base", &wanted.base_branch, &pull.base.name);
        }
        // What a person merged or closed meanwhile shows whatever the branch
        // became after that.
        if pull.state == "open" && pull.head.sha != wanted.head_commit {
            return mismatch("head", &wanted.head_commit, &pull.head.sha);
        }
        Ok(())
    }

    async fn pull(&self, repository: &Repository, number: u64) -> Result<Pull, ForgeError> {
        let number = number.to_string();
        let path = ["repos", &repository.owner, &repository.name, "pulls", &number];
        self.http.json(&Call::get("reading the pull request", &path)).await
    }
}

const LISTING: &str = "listing pull requests";

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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    #[serde(deserialize_with = "or_default")]
    version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct User {
    #[serde(deserialize_with = "or_default")]
    login: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RepositoryAnswer {
    #[serde(deserialize_with = "or_default")]
    full_name: String,
    #[serde(deserialize_with = "or_default")]
    default_branch: String,
    #[serde(deserialize_with = "or_default")]
    archived: bool,
    #[serde(deserialize_with = "or_default")]
    permissions: Permissions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Permissions {
    #[serde(deserialize_with = "or_default")]
    push: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pull {
    #[serde(deserialize_with = "or_default")]
    number: u64,
    #[serde(deserialize_with = "or_default")]
    html_url: String,
    #[serde(deserialize_with = "or_default")]
    body: String,
    #[serde(deserialize_with = "or_default")]
    state: String,
    #[serde(deserialize_with = "or_default")]
    merged: bool,
    merge_commit_sha: Option<String>,
    #[serde(deserialize_with = "or_default")]
    head: Side,
    #[serde(deserialize_with = "or_default")]
    base: Side,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Side {
    /// `refs/pull/N/head` once the branch is gone.
    #[serde(rename = "ref", deserialize_with = "or_default")]
    name: String,
    /// The branch as it was called when the pull request was made.
    #[serde(deserialize_with = "or_default")]
    label: String,
    #[serde(deserialize_with = "or_default")]
    sha: String,
    repo: Option<RepositoryAnswer>,
}

impl Pull {
    /// Of our branch, into our base, and not from a fork that has a branch of
    /// the same name. The repository is compared with the pull request's own:
    /// after a rename, both have the new name.
    fn is_of(&self, wanted: &Wanted) -> bool {
        let of = |side: &Side| side.repo.as_ref().map(|repo| repo.full_name.to_ascii_lowercase());
        let here =
            of(&self.base).unwrap_or_else(|| wanted.repository.to_string().to_ascii_lowercase());
        let branch = &wanted.head_branch;
        (self.head.name == *branch || self.head.label == *branch)
            && of(&self.head) == Some(here)
            && self.base.name == wanted.base_branch
    }

    fn state(self) -> PullState {
        let head = self.head.sha;
        match (self.merged, self.state.as_str()) {
            (true, _) => PullState::Merged { head, commit: self.merge_commit_sha },
            (false, "closed") => PullState::Closed { head },
            (false, _) => PullState::Open { head },
        }
    }
}

/// Null is as good as absent.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
