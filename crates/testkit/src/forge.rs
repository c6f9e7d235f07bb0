//! A forge on loopback, of each of the four kinds, over real bare repositories
//! that git reaches at the same address with the same tokens. A Gitea and a
//! Forgejo answer as the real ones did (1.22 and 1.21, texts and status codes
//! to the letter), a GitHub and a GitLab as their descriptions say.
//!
//! It is not a forge: only what a client of ours asks is there, and everything
//! else is 404. What a commit is comes from the repository and never from a
//! note kept beside it, so a test cannot be fooled by its own double.
//!
//! ```text
//! http://127.0.0.1:port[/base]/api/v1/…      the API (GitHub v3, GitLab v4)
//! http://127.0.0.1:port[/base]/owner/name.git  git over smart HTTP
//! ```

mod api;
mod ci;
mod faults;
mod github;
mod gitlab;
mod hooks;
mod login;
mod merge;
mod message;
mod more;
mod people;
mod play;
mod pushes;
mod rows;
mod shapes;
mod stops;
mod visit;
mod world;

pub use ci::JobSaid;
pub use faults::Fault;
pub use hooks::Delivery;
pub use message::Seen;
pub use stops::StopAt;

use crate::git_http::{Admission, Backend, GitRequest, Login};
use crate::private_way::PrivateAuthority;
use crate::repo::{BareRepo, Entry};
use api::Core;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use message::{Answer, Ask};
use pilot_proto::ForgeKind;
use rows::Access;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};

/// What a client of ours needs.
pub const SCOPES: [&str; 3] = ["write:repository", "write:issue", "read:user"];

/// A pull request as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSeen {
    /// Its number.
    pub number: u64,
    /// Title.
    pub title: String,
    /// Text.
    pub body: String,
    /// Branch it comes from.
    pub head: String,
    /// Branch it goes to.
    pub base: String,
    /// `open` or `closed`.
    pub state: String,
    /// It was merged.
    pub merged: bool,
    /// Who opened it.
    pub author: String,
}

/// What a CI says about a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckSaid {
    /// `pending`, `success`, `failure`, `error` or `warning`.
    pub state: &'static str,
    /// Which check: a later word of the same takes the place of the earlier.
    pub context: &'static str,
    /// In its words.
    pub description: &'static str,
    /// Its page; the forge's own CI leaves the host out.
    pub target_url: &'static str,
}

/// Most tests of other rooms want a Gitea, which [`ForgeDouble::start`] is.
pub type GiteaDouble = ForgeDouble;

/// The double; it ends with its owner.
#[derive(Debug)]
pub struct ForgeDouble {
    addr: SocketAddr,
    core: Arc<Core>,
    _root: TempDir,
    _server: JoinSet<()>,
}

impl ForgeDouble {
    /// A Gitea at the root of its address.
    pub async fn start() -> Self {
        Self::start_under("").await
    }

    /// A Gitea under a base path, for instance `/git`.
    pub async fn start_under(base: &str) -> Self {
        Self::start_as(ForgeKind::Gitea, base).await
    }

    /// One of a kind, under a base path or none.
    pub async fn start_as(kind: ForgeKind, base: &str) -> Self {
        Self::start_behind(kind, base, None).await
    }

    /// One that is reached by TLS alone, with a certificate by this authority.
    pub async fn start_with_tls(kind: ForgeKind, base: &str, by: &PrivateAuthority) -> Self {
        Self::start_behind(kind, base, Some(by)).await
    }

    async fn start_behind(kind: ForgeKind, base: &str, tls: Option<&PrivateAuthority>) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let mut addr = listener.local_addr().expect("it is bound");
        let mut server = JoinSet::new();
        if let Some(authority) = tls {
            let front = TcpListener::bind(("127.0.0.1", 0)).await.expect("and another one");
            let behind = std::mem::replace(&mut addr, front.local_addr().expect("it is bound"));
            server.spawn(authority.stand_before(front, behind));
        }
        let base = base.trim_end_matches('/').to_owned();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let core = Arc::new(Core::new(kind, format!("{scheme}://{addr}{base}"), root.path()));
        let front = Front { base, backend: Backend::new(root.path()), core: Arc::clone(&core) };
        let front = Arc::new(front);
        let app = axum::Router::new().fallback(move |request: Request| {
            let front = Arc::clone(&front);
            async move { front.answer(request).await }
        });
        server.spawn(async move {
            axum::serve(listener, app).await.expect("a bound listener serves");
        });
        Self { addr, core, _root: root, _server: server }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Address of its web interface, with the base path.
    pub fn url(&self) -> String {
        self.core.url.clone()
    }

    /// Clone URL of a repository (`alice/site`).
    pub fn clone_url(&self, repository: &str) -> String {
        format!("{}/{repository}.git", self.core.url)
    }

    /// Makes a user, if there is none of that name.
    pub fn user(&self, login: &str) {
        self.core.world().user(login);
    }

    /// A new token of a user (who is made if need be).
    pub fn token(&self, login: &str, scopes: &[&str]) -> String {
        self.core.world().token(login, scopes)
    }

    /// Takes a token away.
    pub fn revoke(&self, token: &str) {
        self.core.world().tokens.remove(token);
    }

    /// Makes a public repository (`alice/site`) whose `main` has one commit.
    pub fn repository(&self, name: &str) -> BareRepo {
        let repo = BareRepo::create(self.directory(name));
        repo.commit("main", "first", &[("README.md", Entry::file("# Demo\n"))]);
        pushes::install_hook(repo.path());
        self.core.world().repository(name);
        repo
    }

    /// From now on only its owner and collaborators see it.
    pub fn make_private(&self, repository: &str) {
        self.core.world().row(repository).private = true;
    }

    /// Lets a user in: `read` or `write`.
    pub fn collaborator(&self, repository: &str, login: &str, permission: &str) {
        let access = if permission == "write" { Access::Write } else { Access::Read };
        let mut world = self.core.world();
        world.user(login);
        let row = world.row(repository);
        row.collaborators.insert(login.to_owned(), access);
        pushes::write_readers(&self.directory(repository), row);
    }

    /// The repository itself.
    pub fn bare(&self, repository: &str) -> BareRepo {
        BareRepo::at(self.directory(repository))
    }

    /// Makes an issue; its number.
    pub fn issue(&self, repository: &str, title: &str) -> u64 {
        self.core.world().issue(repository, "alice", title, "")
    }

    /// The same, with a text.
    pub fn issue_saying(&self, repository: &str, title: &str, body: &str) -> u64 {
        self.core.world().issue(repository, "alice", title, body)
    }

    /// Somebody's CI says something about a commit.
    pub fn status(&self, repository: &str, commit: &str, said: &CheckSaid) {
        let status = rows::Status {
            id: 0,
            state: said.state.to_owned(),
            context: said.context.to_owned(),
            description: said.description.to_owned(),
            target_url: said.target_url.to_owned(),
        };
        self.core.world().status(repository, commit, status);
    }

    /// State of an issue: `open` or `closed`.
    pub fn issue_state(&self, repository: &str, number: u64) -> String {
        self.core.world().row(repository).item(number).state().to_owned()
    }

    /// A person commits a file to a branch; the commit.
    pub fn commit(&self, repository: &str, branch: &str, path: &str, contents: &str) -> String {
        let bare = self.bare(repository);
        // Nobody deletes the branch through the API meanwhile.
        let _world = self.core.world();
        bare.commit(branch, "by a person", &[(path, Entry::file(contents))])
    }

    /// Makes `branch` at the tip of `from`, with one commit more; the commit.
    pub fn branch(&self, repository: &str, branch: &str, from: &str) -> String {
        let bare = self.bare(repository);
        let tip = bare.head(from).expect("the branch to start from is there");
        bare.set_branch(branch, &tip);
        let file = format!("{}.txt", branch.replace('/', "-"));
        bare.commit(branch, "work", &[(file, Entry::file("work\n"))])
    }

    /// A person opens a pull request; its number.
    pub fn open_pull(
        &self,
        repository: &str,
        login: &str,
        (head, base): (&str, &str),
        title: &str,
        body: &str,
    ) -> u64 {
        let mut world = self.core.world();
        world.user(login);
        world.pull(repository, login, (head, base), title, body)
    }

    /// A person writes another text.
    pub fn edit_pull(&self, repository: &str, number: u64, title: &str, body: &str) {
        let mut world = self.core.world();
        let item = world.touch_kind(repository, number, true);
        title.clone_into(&mut item.title);
        body.clone_into(&mut item.body);
    }

    /// A person closes it.
    pub fn close_pull(&self, repository: &str, number: u64) {
        self.core.world().touch_kind(repository, number, true).closed = true;
    }

    /// A person merges it; the merge commit.
    pub fn merge_pull(&self, repository: &str, number: u64) -> String {
        let bare = self.bare(repository);
        merge::merge(&mut self.core.world(), &bare, repository, number, "alice")
            .expect("the branches merge without a conflict")
    }

    /// All pull requests of a repository, by number.
    pub fn pulls(&self, repository: &str) -> Vec<PullSeen> {
        self.core.world().row(repository).pulls_seen()
    }

    /// Comments on an issue or pull request, oldest first.
    pub fn comments(&self, repository: &str, number: u64) -> Vec<String> {
        let mut world = self.core.world();
        world.row(repository).item(number).comments.iter().map(|one| one.body.clone()).collect()
    }

    /// Something goes wrong, as soon as it applies. Faults come in the order
    /// they were given.
    pub fn fault(&self, fault: Fault) {
        self.core.faults().push(fault);
    }

    /// The next requests to the API are answered with this status and these
    /// headers, and not carried out.
    pub fn fail_next(&self, times: u32, status: u16, headers: &[(&str, &str)]) {
        self.fault(Fault::answer(times, status, headers));
    }

    /// How long the API thinks before it answers.
    pub fn latency(&self, latency: Duration) {
        self.core.world().latency = latency;
    }

    /// The next reads of single pull requests still show the commit that the
    /// branch had before: the real one works pushes off in a queue.
    pub fn stale_reads(&self, times: u32) {
        self.core.world().stale_reads = times;
    }

    /// The most that a page may hold (50).
    pub fn max_page(&self, items: usize) {
        self.core.world().max_page = items;
    }

    /// The request that comes after `nth` others, of the API or of git, stands
    /// still until [`ForgeDouble::go_on`].
    pub fn stop_at(&self, nth: u32, at: StopAt) {
        self.core.stops.want(nth, at);
    }

    /// A request stands still.
    pub fn is_stopped(&self) -> bool {
        self.core.stops.is_stopped()
    }

    /// What stands still goes on, and nothing is stopped any more.
    pub fn go_on(&self) {
        self.core.stops.go_on();
    }

    /// Requests to the API so far, in the order they were answered.
    pub fn requests(&self) -> Vec<Seen> {
        self.core.seen()
    }

    fn directory(&self, repository: &str) -> PathBuf {
        self.core.root.join(format!("{repository}.git"))
    }
}

/// What stands at the port: tells git from API, and takes the base path off.
struct Front {
    base: String,
    backend: Backend,
    core: Arc<Core>,
}

impl Front {
    async fn answer(&self, request: Request) -> Response {
        let stops = &self.core.stops;
        let stop = stops.arrive();
        stops.stand(stop, StopAt::Before).await;
        let response = self.carry_out(request).await;
        stops.stand(stop, StopAt::After).await;
        response
    }

    async fn carry_out(&self, mut request: Request) -> Response {
        let path = request.uri().path();
        let Some(rest) = path.strip_prefix(&self.base).filter(|rest| rest.starts_with('/')) else {
            return Answer::page(404).into_response();
        };
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let uri = format!("{rest}{query}").parse::<Uri>().expect("part of a URI is one");
        *request.uri_mut() = uri;
        if !request.uri().path().starts_with("/api/") && Backend::wants(&request) {
            return self.backend.serve(request, |wanted| self.core.admit(wanted)).await;
        }
        let (parts, body) = request.into_parts();
        let latency = self.core.world().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let Ok(body) = to_bytes(body, 64 * 1024 * 1024).await else {
            return Answer::page(413).into_response();
        };
        let ask = Ask::new(&parts, &body);
        let core = Arc::clone(&self.core);
        // The answers come from git, which is waited for.
        let answer = spawn_blocking(move || core.answer(&ask)).await;
        answer.expect("the double does not panic").into_response()
    }
}

/// To a push, as a Gitea says it.
const ARCHIVED: &str = "This repo is archived. You can view files and clone it, but cannot push \
    or open issues/pull-requests.";

impl Core {
    /// Who may clone and push.
    fn admit(&self, wanted: &GitRequest) -> Admission {
        let mut world = self.world();
        let name = wanted.repo.trim_end_matches(".git").to_owned();
        let token = match &wanted.login {
            None => None,
            Some(Login::Basic { user, password }) if password == "x-oauth-basic" => Some(user),
            Some(Login::Basic { password, .. } | Login::Token(password)) => Some(password),
        };
        let bearer = match token {
            None => None,
            Some(token) => match world.tokens.get(token) {
                Some(row) => Some(row.clone()),
                None => return Admission::Unauthorized,
            },
        };
        let login = bearer.as_ref().map(|row| row.login.as_str());
        let access = world.access(&name, login);
        if world.find(&name).is_some() {
            // What pull requests show is there for git as well.
            world.follow_pushes(&name);
        }
        match (bearer, access) {
            (None, access) if wanted.push || access < Access::Read => Admission::Unauthorized,
            (None, _) => Admission::Granted(None),
            (Some(_), Access::None) => Admission::NotFound,
            (Some(_), _) if wanted.push && world.row(&name).archived => {
                Admission::Forbidden(ARCHIVED.to_owned())
            }
            (Some(row), _) if !row.may_use_git(self.kind, wanted.push) => {
                Admission::Forbidden("token does not have the required scope".to_owned())
            }
            // Whoever may only read is told so by the hook, as on the real one.
            (Some(row), _) => Admission::Granted(Some(row.login)),
        }
    }
}
