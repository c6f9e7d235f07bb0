//! The one gate before every route and every upgrade.
//!
//! **Invariant:** a request reaches a route only with a token this hub knows,
//! or with the cookie of a browser that somebody signed in with. The
//! exceptions are the paths in [`OPEN`] and below [`HOOKS`], which check
//! credentials of their own or tell nothing, and the embedded pages ([`crate::web`]), which are the same
//! for everybody. Nothing comes in under a name that is not this machine's
//! while the hub listens on loopback (a page that rebound its DNS name to us),
//! and nothing that a foreign page sends counts as its reader's wish.

use crate::http::{MAX_BODY, refusal, too_large};
use crate::options::Access;
use crate::sessions::{SharedSessions, Visit, binding};
use crate::web;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use pilot_proto::console::{Role, SESSION_PATH};
use pilot_proto::runner::{JOIN_PATH, LINK_PATH};
use pilot_proto::{Code, Problem, Secret};
use pilot_secrets::same_secret;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};

/// Says `ok` and nothing else: for whoever watches that the process lives.
pub(crate) const HEALTH_PATH: &str = "/healthz";

/// Paths without a token or cookie: the join code is a credential, so is the
/// signed hello, and so is what a browser signs in with; health tells nothing.
pub(crate) const OPEN: [&str; 4] = [JOIN_PATH, LINK_PATH, SESSION_PATH, HEALTH_PATH];

/// Paths below which forges post; what they post is signed with a secret of
/// each project's own ([`crate::hooks`]).
const HOOKS: &str = "/hooks/";

/// Whom a token or a session belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// For journals and answers.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// The session they came with; none: a token.
    pub(crate) visit: Option<Visit>,
    /// Which of the gate's tokens is theirs.
    token: usize,
}

impl Principal {
    /// Refuses whoever may do less than `needed`.
    pub(crate) fn require(&self, needed: Role) -> Result<(), Problem> {
        if self.role >= needed {
            return Ok(());
        }
        let (role, needed) = (word(self.role), word(needed));
        Err(Problem::new(
            Code::Forbidden,
            format!("This needs the role `{needed}`; you are `{role}`."),
        )
        .hint("Ask the hub's owner for a token with more rights."))
    }
}

pub(crate) fn word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Approver => "approver",
        Role::Admin => "admin",
    }
}

/// Who may come in, and under which names the hub may be addressed.
#[derive(Debug)]
pub(crate) struct Gate {
    tokens: Vec<(Secret, String, Role)>,
    /// The hub listens on loopback only, and without TLS.
    loopback: bool,
    public: Option<Public>,
    /// Name of our cookie: two hubs on one machine share its cookies, whatever
    /// their ports.
    cookie: String,
}

/// The address that people know, taken apart.
#[derive(Debug)]
struct Public {
    host: String,
    origin: String,
    /// With slashes at both ends.
    path: String,
}

/// What the gate says of a request.
#[derive(Debug)]
enum Admission {
    /// Nobody needs to be known for this.
    Open,
    /// A token we know.
    Known(Principal),
    /// A cookie, to be looked up.
    Cookie(String),
}

impl Gate {
    /// A gate for the owner and those beside them.
    pub(crate) fn new(
        owner: &Secret,
        access: &[Access],
        listen: SocketAddr,
        public_url: Option<&str>,
    ) -> Self {
        let mut tokens = vec![(owner.clone(), "owner".to_owned(), Role::Admin)];
        tokens.extend(access.iter().map(|one| (one.token.clone(), one.name.clone(), one.role)));
        let public = public_url.and_then(|url| url.parse::<Uri>().ok()).and_then(|url| {
            let path = url.path().trim_matches('/');
            Some(Public {
                host: url.host()?.to_owned(),
                origin: format!("{}://{}", url.scheme_str()?, url.authority()?),
                path: if path.is_empty() { "/".to_owned() } else { format!("/{path}/") },
            })
        });
        let of_this_hub = hex::encode(Sha256::digest(format!("cookie {}", owner.expose())));
        let cookie = format!("pilothouse_session_{}", &of_this_hub[..8]);
        Self { tokens, loopback: listen.ip().is_loopback(), public, cookie }
    }

    /// Path below which people find the hub, with slashes at both ends.
    pub(crate) fn base(&self) -> &str {
        self.public.as_ref().map_or("/", |public| &public.path)
    }

    /// Whose a token is.
    pub(crate) fn holder(&self, token: &str) -> Option<Principal> {
        self.principal(self.tokens.iter().position(|(right, ..)| same_secret(token, right))?)
    }

    /// Whose hub it is.
    pub(crate) fn owner(&self) -> Option<Principal> {
        self.principal(0)
    }

    /// What ties something kept under `hash` to this principal's token.
    pub(crate) fn bind(&self, hash: &str, principal: &Principal) -> String {
        let token = self.tokens.get(principal.token).map(|(token, ..)| token.clone());
        binding(hash, &token.unwrap_or_default())
    }

    /// To whose token something kept under `hash` is tied, if we still know it.
    pub(crate) fn bound(&self, hash: &str, tie: &str) -> Option<Principal> {
        let tie = Secret::new(tie);
        self.principal(
            self.tokens.iter().position(|(token, ..)| same_secret(&binding(hash, token), &tie))?,
        )
    }

    fn principal(&self, token: usize) -> Option<Principal> {
        let (_, name, role) = self.tokens.get(token)?;
        Some(Principal { name: name.clone(), role: *role, visit: None, token })
    }

    /// What our cookie says in a request.
    pub(crate) fn cookie<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == self.cookie && !value.is_empty())
            .map(|(_, value)| value)
    }

    /// The header that gives a browser its cookie, or takes it away.
    pub(crate) fn set_cookie(&self, value: &str, age: u64, request: &HeaderMap) -> String {
        let origin = text(request, ORIGIN.as_str());
        let public = self.public.as_ref().filter(|public| {
            origin == public.origin || host_of(text(request, HOST.as_str())) == public.host
        });
        let path = public.map_or("/", |public| &public.path);
        let secure = if !self.loopback || origin.starts_with("https:") { "; Secure" } else { "" };
        let name = &self.cookie;
        format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
    }

    /// Who is there, for counting: a proxy on this machine says for whom it asks.
    pub(crate) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let behind = self.public.is_some() && peer.is_loopback();
        let said = text(headers, "x-forwarded-for").rsplit(',').next().unwrap_or_default();
        said.trim().parse().ok().filter(|_| behind).unwrap_or(peer)
    }

    fn admit(&self, request: &Request) -> Result<Admission, Problem> {
        let (headers, path) = (request.headers(), request.uri().path());
        self.check_host(request)?;
        let upgrade = headers.contains_key(UPGRADE);
        if upgrade && headers.contains_key(ORIGIN) {
            self.check_origin(headers)?;
        }
        if path == SESSION_PATH {
            self.check_page(headers, false)?;
        }
        if OPEN.contains(&path) || path.starts_with(HOOKS) || web::is_page(request.method(), path) {
            return Ok(Admission::Open);
        }
        if let Some(token) = bearer(headers) {
            let known = self.holder(token).ok_or_else(|| {
                Problem::new(Code::Unauthorized, "This hub does not know that token.")
                    .hint("The owner's token is in `owner-token` in the hub's data directory.")
            });
            return known.map(Admission::Known);
        }
        let Some(cookie) = self.cookie(headers) else {
            return Err(Problem::new(Code::Unauthorized, "This hub needs a token.").hint(
                "Send `Authorization: Bearer …` with the owner token of the hub's data directory, \
                 or sign in.",
            ));
        };
        let looks = matches!(*request.method(), Method::GET | Method::HEAD) && !upgrade;
        self.check_page(headers, !looks)?;
        Ok(Admission::Cookie(cookie.to_owned()))
    }

    fn check_host(&self, request: &Request) -> Result<(), Problem> {
        if !self.loopback {
            return Ok(());
        }
        let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
        let said = header.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        let host = said.map(host_of).unwrap_or_default();
        let public =
            self.public.as_ref().is_some_and(|public| public.host.eq_ignore_ascii_case(host));
        if public || is_loopback_name(host) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, format!("This hub is not called `{host}`."))
            .hint("Use `127.0.0.1` or `localhost`, or start the hub with its `--public-url`."))
    }

    /// A browser sends the cookie along whatever page asks for it; it also
    /// says which page that is. With `must_say`, silence is not enough: every
    /// browser names the page that changes something or opens a socket.
    fn check_page(&self, headers: &HeaderMap, must_say: bool) -> Result<(), Problem> {
        if headers.contains_key(ORIGIN) {
            return self.check_origin(headers);
        }
        match text(headers, "sec-fetch-site") {
            "same-origin" => Ok(()),
            // An address typed in, or a program that is no browser.
            "none" | "" if !must_say => Ok(()),
            "" => Err(foreign("a browser that does not say which")),
            site => Err(foreign(&format!("`{}`", clipped(site)))),
        }
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let (origin, host) = (text(headers, ORIGIN.as_str()), text(headers, HOST.as_str()));
        let own = !host.is_empty()
            && (origin == format!("http://{host}") || origin == format!("https://{host}"));
        let public = self.public.as_ref().is_some_and(|public| public.origin == origin);
        if own || public { Ok(()) } else { Err(foreign(&format!("`{}`", clipped(origin)))) }
    }
}

fn foreign(page: &str) -> Problem {
    Problem::new(Code::Forbidden, format!("A page of {page} may not do this at this hub."))
        .hint("Use the hub's own page; behind a proxy, start the hub with its `--public-url`.")
}

fn clipped(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A header as text; empty if it is not there, or is none.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The middleware around the whole router.
pub(crate) async fn pass(
    State(sessions): State<SharedSessions>,
    mut request: Request,
    next: Next,
) -> Response {
    // A body cannot be looked at from two threads, so the gate has its say
    // before anything is waited for.
    let said = sessions.gate.admit(&request);
    let said = said.and_then(|said| check_length(request.headers()).map(|()| said));
    match known(&sessions, said).await {
        Ok(principal) => {
            if let Some(principal) = principal {
                request.extensions_mut().insert(principal);
            }
            next.run(request).await
        }
        Err(problem) => {
            tracing::debug!(path = request.uri().path(), %problem, "refused at the gate");
            refusal(&problem)
        }
    }
}

async fn known(
    sessions: &SharedSessions,
    said: Result<Admission, Problem>,
) -> Result<Option<Principal>, Problem> {
    match said? {
        Admission::Open => Ok(None),
        Admission::Known(principal) => Ok(Some(principal)),
        Admission::Cookie(cookie) => sessions.visitor(&cookie).await.map(Some),
    }
}

/// A body that says that it is too large is not waited for.
fn check_length(headers: &HeaderMap) -> Result<(), Problem> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > MAX_BODY as u64) {
        Err(too_large())
    } else {
        Ok(())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The host of a `Host` header, without the port.
fn host_of(header: &str) -> &str {
    match header.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => header.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback_name(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
