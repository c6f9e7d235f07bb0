//! A git server over smart HTTP on loopback: `git http-backend` behind axum.
//!
//! It does what a forge's front end does and a naive CGI bridge forgets: takes
//! chunked and gzip request bodies, passes the protocol version on, reads the
//! whole body before it answers 401 (git would otherwise see a broken pipe),
//! names the user for a push, and streams the reply.
//!
//! [`GitHttp`] is a whole server. A forge double that wants the same under its
//! own listener and rules takes a [`Backend`] and calls [`Backend::serve`].

mod login;

pub use login::Login;

use crate::repo::QUIET;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use login::login;
use std::io::{Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// Path of the repository below the root, without a leading slash: `acme/demo.git`.
    pub repo: String,
    /// What follows the repository: `info/refs`, `git-upload-pack`, ….
    pub rest: String,
    /// The query.
    pub query: String,
    /// It belongs to a push.
    pub push: bool,
    /// The login that came with it.
    pub login: Option<Login>,
    /// `Git-Protocol`, if it was sent.
    pub protocol: Option<String>,
    /// The body came in chunks.
    pub chunked: bool,
    /// Bytes of the body as they came.
    pub body: usize,
}

/// Whether a request is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Let in as this user; an anonymous reader has none.
    Granted(Option<String>),
    /// 401: log in.
    Unauthorized,
    /// 403 with these words: logged in, but not for this.
    Forbidden(String),
    /// 404: there is no such repository for you.
    NotFound,
    /// Any other answer, with these words.
    Status(u16, String),
}

/// `git http-backend` over a directory of bare repositories.
#[derive(Debug, Clone)]
pub struct Backend {
    root: PathBuf,
}

impl Backend {
    /// Serves all repositories below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// True if this request is one of git's: for a server that has other routes too.
    pub fn wants(request: &Request) -> bool {
        split(request.uri().path()).is_some()
    }

    /// Answers one request as `admit` decides.
    pub async fn serve(
        &self,
        request: Request,
        admit: impl FnOnce(&GitRequest) -> Admission,
    ) -> Response {
        let (parts, body) = request.into_parts();
        let Some((repo, rest)) = split(parts.uri.path()) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        // To the end before anything is answered: a client that is still
        // sending when we answer 401 reports a broken connection instead.
        let body = match spool(body).await {
            Ok(body) => body,
            Err(error) => return (StatusCode::BAD_REQUEST, error).into_response(),
        };
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let wanted = GitRequest {
            method: parts.method.to_string(),
            push: rest == "git-receive-pack" || query.contains("git-receive-pack"),
            repo,
            rest,
            query,
            login: login(&parts.headers),
            protocol: text_header(&parts.headers, "git-protocol"),
            chunked: parts.headers.contains_key(header::TRANSFER_ENCODING),
            body: body.size,
        };
        match admit(&wanted) {
            Admission::Granted(user) => {
                if !self.root.join(&wanted.repo).join("HEAD").is_file() {
                    return (StatusCode::NOT_FOUND, "Repository not found").into_response();
                }
                self.run(&wanted, &parts.headers, body, user).await
            }
            Admission::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")],
                "Unauthorized",
            )
                .into_response(),
            Admission::Forbidden(words) => (StatusCode::FORBIDDEN, words).into_response(),
            Admission::NotFound => (StatusCode::NOT_FOUND, "Repository not found").into_response(),
            Admission::Status(status, words) => {
                (StatusCode::from_u16(status).expect("a test gives a real status"), words)
                    .into_response()
            }
        }
    }

    async fn run(
        &self,
        wanted: &GitRequest,
        headers: &HeaderMap,
        body: Spooled,
        user: Option<String>,
    ) -> Response {
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .envs(QUIET)
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &wanted.method)
            .env("PATH_INFO", format!("/{}/{}", wanted.repo, wanted.rest))
            .env("QUERY_STRING", &wanted.query)
            .env("CONTENT_LENGTH", body.size.to_string())
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::from(body.file))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        for (number, (key, value)) in SETTINGS.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        command.env("GIT_CONFIG_COUNT", SETTINGS.len().to_string());
        for (name, variable) in PASSED_ON {
            if let Some(value) = text_header(headers, name) {
                command.env(variable, value);
            }
        }
        if let Some(user) = user {
            command.env("REMOTE_USER", user);
        }
        let child = command.spawn().expect("git is installed");
        reply(child).await
    }
}

/// Settings of the server's side, given by environment so that a repository
/// needs none.
const SETTINGS: [(&str, &str); 4] = [
    ("http.receivepack", "true"),
    ("uploadpack.allowFilter", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("safe.directory", "*"),
];

/// Request headers that `git http-backend` wants to see, as CGI spells them.
const PASSED_ON: [(&str, &str); 3] = [
    ("content-type", "CONTENT_TYPE"),
    ("content-encoding", "HTTP_CONTENT_ENCODING"),
    ("git-protocol", "GIT_PROTOCOL"),
];

/// Who may do what on a [`GitHttp`].
#[derive(Debug, Clone, Default)]
struct Rules {
    /// Password or token that must be shown; none: everybody may do everything.
    token: Option<String>,
    /// Reading needs no login.
    public: bool,
    /// Pushes answer 403 with these words.
    no_push: Option<String>,
    /// Everything answers this status.
    broken: Option<u16>,
}

#[derive(Debug, Default)]
struct Shared {
    rules: Mutex<Rules>,
    requests: Mutex<Vec<GitRequest>>,
    reads: Mutex<usize>,
}

/// A git server on a loopback port; it ends with its owner.
#[derive(Debug)]
pub struct GitHttp {
    addr: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

impl GitHttp {
    /// Serves all bare repositories below `root`, to everybody.
    pub async fn start(root: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let addr = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let backend = Backend::new(root);
        let app = axum::Router::new().fallback({
            let shared = Arc::clone(&shared);
            move |request: Request| async move {
                backend.serve(request, |wanted| shared.admit(wanted)).await
            }
        });
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, app).await.expect("a bound listener serves");
        });
        Self { addr, shared, _server: server }
    }

    /// From now on this password (with any user name) or token must be shown.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        lock(&self.shared.rules).token = Some(token.to_owned());
        self
    }

    /// Reading needs no login, pushing does.
    #[must_use]
    pub fn with_public_reading(self) -> Self {
        lock(&self.shared.rules).public = true;
        self
    }

    /// Every push is answered with 403 and these words; none: as before.
    pub fn forbid_pushes(&self, words: Option<&str>) {
        lock(&self.shared.rules).no_push = words.map(str::to_owned);
    }

    /// Every request is answered with this status; none: as before.
    pub fn answer_only(&self, status: Option<u16>) {
        lock(&self.shared.rules).broken = status;
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Clone URL of a repository, for instance of `acme/demo.git`.
    pub fn url(&self, repo: &str) -> String {
        format!("http://{}/{repo}", self.addr)
    }

    /// All requests so far, in the order they were answered.
    pub fn requests(&self) -> Vec<GitRequest> {
        lock(&self.shared.requests).clone()
    }

    /// How many times a reader (`fetch`, `clone`, `ls-remote`) was let in.
    pub fn reads(&self) -> usize {
        *lock(&self.shared.reads)
    }
}

impl Shared {
    fn admit(&self, wanted: &GitRequest) -> Admission {
        lock(&self.requests).push(wanted.clone());
        let rules = lock(&self.rules).clone();
        let admission = rules.judge(wanted);
        let granted = matches!(admission, Admission::Granted(_));
        if granted && wanted.rest == "info/refs" && !wanted.push {
            *lock(&self.reads) += 1;
        }
        admission
    }
}

impl Rules {
    fn judge(self, wanted: &GitRequest) -> Admission {
        let rules = self;
        if let Some(status) = rules.broken {
            return Admission::Status(status, "out of order".into());
        }
        let user = match (&rules.token, &wanted.login) {
            (None, _) => Some("anybody".to_owned()),
            (Some(token), Some(Login::Basic { user, password })) if password == token => {
                Some(user.clone())
            }
            (Some(token), Some(Login::Token(shown))) if shown == token => Some("token".to_owned()),
            (Some(_), _) => None,
        };
        match (user, rules.no_push) {
            (None, _) if rules.public && !wanted.push && wanted.login.is_none() => {
                Admission::Granted(None)
            }
            (None, _) => Admission::Unauthorized,
            (Some(_), Some(words)) if wanted.push => Admission::Forbidden(words),
            (Some(user), _) => Admission::Granted(Some(user)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Repository and rest of one of git's paths.
fn split(path: &str) -> Option<(String, String)> {
    const ENDS: [&str; 4] = ["/info/refs", "/git-upload-pack", "/git-receive-pack", "/HEAD"];
    let path = path.trim_start_matches('/');
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let cut = ENDS
        .iter()
        .find_map(|end| path.strip_suffix(end).map(str::len))
        .or_else(|| path.find("/objects/"))?;
    let (repo, rest) = path.split_at(cut);
    // Forges answer with and without the `.git`; ours are named with it.
    let repo = if repo.ends_with(".git") { repo.to_owned() } else { format!("{repo}.git") };
    Some((repo, rest.trim_start_matches('/').to_owned()))
}

fn text_header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A request body on disk. hyper has taken the chunks apart; gzip stays as it
/// is, for `git http-backend` undoes it.
struct Spooled {
    file: std::fs::File,
    size: usize,
}

async fn spool(body: Body) -> Result<Spooled, String> {
    let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
    let mut size = 0;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| error.to_string())?;
        size += piece.len();
        file.write_all(&piece).map_err(|error| error.to_string())?;
    }
    file.rewind().map_err(|error| error.to_string())?;
    Ok(Spooled { file, size })
}

/// CGI's reply as HTTP's: head lines, then the rest as it comes.
async fn reply(mut child: Child) -> Response {
    let mut stdout = BufReader::new(child.stdout.take().expect("it was piped"));
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        match stdout.read_line(&mut line).await {
            Ok(0) | Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Ok(_) => {}
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("status") {
            let code = value.trim().split(' ').next().and_then(|code| code.parse().ok());
            status = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::try_from(value.trim()))
        {
            headers.append(name, value);
        }
    }
    (status, headers, Body::from_stream(rest_of(stdout, child))).into_response()
}

fn rest_of(
    stdout: BufReader<ChildStdout>,
    child: Child,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    // The child travels along so that it is waited for at the end, and killed
    // if the client goes away.
    futures_util::stream::try_unfold((stdout, child), |(mut stdout, mut child)| async move {
        let mut piece = vec![0; 64 * 1024];
        let size = stdout.read(&mut piece).await?;
        if size == 0 {
            child.wait().await?;
            return Ok(None);
        }
        piece.truncate(size);
        Ok(Some((Bytes::from(piece), (stdout, child))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::{GitWorld, git};

    async fn run(directory: &Path, args: &[&str]) -> std::process::Output {
        Command::new("git")
            .current_dir(directory)
            .envs(QUIET)
            .args(args)
            .output()
            .await
            .expect("git is installed")
    }

    #[tokio::test]
    async fn a_clone_and_a_chunked_push_work_with_the_token_only() {
        let world = GitWorld::new();
        let repo = world.demo("acme/demo.git");
        let server = GitHttp::start(world.root()).await.with_token("s3cret");
        let place = tempfile::tempdir().expect("a temporary directory can be made");

        let refused = run(place.path(), &["clone", &server.url("acme/demo.git"), "no"]).await;
        assert!(!refused.status.success(), "no login, no clone");

        let url = server.url("acme/demo").replace("http://", "http://me:s3cret@");
        let clone = run(place.path(), &["clone", "--quiet", &url, "tree"]).await;
        assert!(clone.status.success(), "{}", String::from_utf8_lossy(&clone.stderr));
        let tree = place.path().join("tree");
        std::fs::write(tree.join("new.txt"), "x".repeat(5000)).expect("the tree can be written");
        git(&tree, &["add", "-A"]);
        git(&tree, &["commit", "--quiet", "-m", "more"]);
        // A tiny post buffer makes git send its pack in chunks.
        let push = ["-c", "http.postBuffer=10", "push", "--quiet", "origin", "HEAD:refs/heads/w"];
        let push = run(&tree, &push).await;
        assert!(push.status.success(), "{}", String::from_utf8_lossy(&push.stderr));
        assert_eq!(repo.head("w"), Some(git(&tree, &["rev-parse", "HEAD"])));
        let requests = server.requests();
        assert!(requests.iter().any(|r| r.chunked && r.push && r.body > 0), "{requests:?}");
        assert!(requests.iter().any(|r| r.protocol.is_some()), "the protocol version is passed on");
    }

    #[tokio::test]
    async fn a_repository_that_is_not_there_is_404_and_a_forbidden_push_403() {
        let world = GitWorld::new();
        world.demo("demo.git");
        let server = GitHttp::start(world.root()).await;
        server.forbid_pushes(Some("read-only"));
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let missing = run(place.path(), &["clone", &server.url("other.git"), "no"]).await;
        assert!(String::from_utf8_lossy(&missing.stderr).contains("not found"));
        run(place.path(), &["clone", "--quiet", &server.url("demo.git"), "tree"]).await;
        let tree = place.path().join("tree");
        let push = run(&tree, &["push", "origin", "HEAD:refs/heads/w"]).await;
        assert!(String::from_utf8_lossy(&push.stderr).contains("403"));
    }
}
