//! The one gate before every route and every upgrade.
//!
//! **Invariant:** a request reaches a route only with a token this hub knows,
//! save for the three paths in [`OPEN`] that check credentials of their own or
//! tell nothing; and never under a name that is not this machine's while the
//! hub listens on loopback (a page that rebound its DNS name to us).

use crate::http::{MAX_BODY, refusal, too_large};
use crate::options::Access;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::Response;
use pilot_proto::console::Role;
use pilot_proto::runner::{JOIN_PATH, LINK_PATH};
use pilot_proto::{Code, Problem, Secret};
use pilot_secrets::same_secret;
use std::net::SocketAddr;
use std::sync::Arc;

/// Says `ok` and nothing else: for whoever watches that the process lives.
pub(crate) const HEALTH_PATH: &str = "/healthz";

/// Paths without a bearer token: the join code is a credential, so is the
/// signed hello, and health tells nothing.
pub(crate) const OPEN: [&str; 3] = [JOIN_PATH, LINK_PATH, HEALTH_PATH];

/// Whom a token belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// For journals and answers.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
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

fn word(role: Role) -> &'static str {
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
    principals: Vec<(Secret, Principal)>,
    /// The hub listens on loopback only.
    loopback: bool,
    /// Host name and origin of the public URL, if there is one.
    public: Option<(String, String)>,
}

impl Gate {
    /// A gate for the owner and those beside them.
    pub(crate) fn new(
        owner: &Secret,
        access: &[Access],
        listen: SocketAddr,
        public_url: Option<&str>,
    ) -> Self {
        let owner_is = Principal { name: "owner".to_owned(), role: Role::Admin };
        let mut principals = vec![(owner.clone(), owner_is)];
        principals.extend(
            access.iter().map(|one| {
                (one.token.clone(), Principal { name: one.name.clone(), role: one.role })
            }),
        );
        let public = public_url.and_then(|url| url.parse::<Uri>().ok()).and_then(|url| {
            let origin = format!("{}://{}", url.scheme_str()?, url.authority()?);
            Some((url.host()?.to_owned(), origin))
        });
        Self { principals, loopback: listen.ip().is_loopback(), public }
    }

    fn admit(&self, request: &Request) -> Result<Option<Principal>, Problem> {
        self.check_host(request)?;
        self.check_origin(request.headers())?;
        if OPEN.contains(&request.uri().path()) {
            return Ok(None);
        }
        let token = bearer(request.headers()).ok_or_else(|| {
            Problem::new(Code::Unauthorized, "This hub needs a token.").hint(
                "Send `Authorization: Bearer …` with the owner token of the hub's data directory.",
            )
        })?;
        let known = self.principals.iter().find(|(right, _)| same_secret(token, right));
        let (_, principal) = known.ok_or_else(|| {
            Problem::new(Code::Unauthorized, "This hub does not know that token.")
                .hint("The owner's token is in `owner-token` in the hub's data directory.")
        })?;
        Ok(Some(principal.clone()))
    }

    fn check_host(&self, request: &Request) -> Result<(), Problem> {
        if !self.loopback {
            return Ok(());
        }
        let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
        let said = header.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        let host = said.map(host_of).unwrap_or_default();
        let public = self.public.as_ref().is_some_and(|(name, _)| name.eq_ignore_ascii_case(host));
        if public || is_loopback_name(host) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, format!("This hub is not called `{host}`."))
            .hint("Use `127.0.0.1` or `localhost`, or start the hub with its `--public-url`."))
    }

    /// A browser says which page opens a WebSocket; only ours may.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let (true, Some(origin)) = (headers.contains_key(UPGRADE), headers.get(ORIGIN)) else {
            return Ok(());
        };
        let origin = origin.to_str().unwrap_or_default();
        let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let own = !host.is_empty()
            && (origin == format!("http://{host}") || origin == format!("https://{host}"));
        let public = self.public.as_ref().is_some_and(|(_, public)| public == origin);
        if own || public {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            format!("A page of `{origin}` may not open a connection to this hub."),
        ))
    }
}

/// The middleware around the whole router.
pub(crate) async fn pass(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = gate.admit(&request);
    match admitted.and_then(|principal| check_length(request.headers()).map(|()| principal)) {
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
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn gate(listen: &str, public_url: Option<&str>) -> Gate {
        let listen = listen.parse().expect("an address");
        Gate::new(&Secret::new("owner-token"), &[], listen, public_url)
    }

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri("/api/hub");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).expect("a request")
    }

    fn check(gate: &Gate, headers: &[(&str, &str)], expected: Result<(), Code>, why: &str) {
        let said = gate.admit(&request(headers)).map(|_| ()).map_err(|problem| problem.code);
        assert_eq!(said, expected, "{why}: {headers:?}");
    }

    const TOKEN: (&str, &str) = ("authorization", "Bearer owner-token");

    #[test]
    fn only_a_known_token_comes_in() {
        let gate = gate("127.0.0.1:1", None);
        let host = ("host", "127.0.0.1:1");
        check(&gate, &[host, TOKEN], Ok(()), "the owner");
        check(&gate, &[host, ("authorization", "bearer owner-token")], Ok(()), "any spelling");
        check(&gate, &[host], Err(Code::Unauthorized), "nobody");
        for wrong in ["Bearer owner-toke", "Bearer ", "Basic owner-token", "owner-token"] {
            check(&gate, &[host, ("authorization", wrong)], Err(Code::Unauthorized), "wrong");
        }
    }

    #[test]
    fn on_loopback_only_loopback_names_are_ours() {
        let local = gate("127.0.0.1:1", None);
        for host in ["127.0.0.1:1", "localhost:99", "LOCALHOST", "[::1]:1", "127.0.0.9"] {
            check(&local, &[("host", host), TOKEN], Ok(()), "a loopback name");
        }
        for host in ["evil.example", "evil.example:1", "127.0.0.1.evil.example", "10.0.0.1", ""] {
            check(&local, &[("host", host), TOKEN], Err(Code::Forbidden), "a rebound name");
        }
        let public = gate("127.0.0.1:1", Some("https://pilot.example/base"));
        check(&public, &[("host", "pilot.example"), TOKEN], Ok(()), "behind a proxy");
        let wide = gate("0.0.0.0:1", None);
        check(&wide, &[("host", "10.0.0.1"), TOKEN], Ok(()), "the certificate is the name");
    }

    #[test]
    fn a_foreign_page_opens_no_socket() {
        let gate = gate("127.0.0.1:1", Some("https://pilot.example"));
        let socket = [("host", "127.0.0.1:1"), ("upgrade", "websocket"), TOKEN];
        check(&gate, &socket, Ok(()), "not a browser");
        let with = |origin| [&socket[..], &[("origin", origin)]].concat();
        check(&gate, &with("http://127.0.0.1:1"), Ok(()), "our own page");
        check(&gate, &with("https://pilot.example"), Ok(()), "our page behind the proxy");
        for origin in ["http://evil.example", "null", "http://127.0.0.1:2"] {
            check(&gate, &with(origin), Err(Code::Forbidden), "another's page");
        }
    }
}
