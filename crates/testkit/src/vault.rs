//! A Vault on loopback: the key-value store, version 2, and the logins that
//! read from it, as the public API documentation has them
//! (<https://developer.hashicorp.com/vault/api-docs>): paths, statuses, bodies
//! of answers and of errors. It is given its tokens, and keeps leases in whole
//! seconds of a clock that the test turns.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as AxumState;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The role that [`Vault`] lets in by AppRole, and its secret id.
pub const ROLE_ID: &str = "59d6d1ca-47bb-4e7e-a40b-8be3bc5a0ba8";
/// See [`ROLE_ID`].
pub const SECRET_ID: &str = "84896a0c-1347-aa90-a4f6-aca8b7558780";
/// The Kubernetes role that it lets in.
pub const KUBERNETES_ROLE: &str = "demo";
/// The service account's token of that role.
pub const KUBERNETES_JWT: &str = "service-account-token-of-the-double";

/// A running Vault; it stops when this is dropped.
pub struct Vault {
    address: SocketAddr,
    state: Arc<State>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct State(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    sealed: bool,
    namespace: Option<String>,
    /// Seconds that have passed.
    now: u64,
    tokens: BTreeMap<String, Token>,
    minted: usize,
    /// By namespaceless `mount/path`.
    secrets: BTreeMap<String, Stored>,
    mounts: Vec<String>,
    forbidden: Vec<String>,
    failures: VecDeque<u16>,
    seen: Vec<String>,
}

struct Token {
    /// Seconds of one lease; 0: it does not end.
    lease: u64,
    until: u64,
    /// Renewals do not reach beyond.
    at_most: u64,
    renewable: bool,
}

enum Stored {
    Fields(Map<String, Value>),
    Deleted,
}

impl Vault {
    /// Starts an unsealed one on a free port of 127.0.0.1, with a store at
    /// `secret`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        state.lock().mounts.push("secret".to_owned());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, app).await.expect("a bound listener can be served");
        });
        Self { address, state, _server: server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes a secret, as `vault kv put secret/PATH` does.
    pub fn put(&self, path: &str, fields: Value) {
        let Value::Object(fields) = fields else { panic!("a secret is an object") };
        self.state.lock().secrets.insert(path.to_owned(), Stored::Fields(fields));
    }

    /// Deletes a secret's newest version.
    pub fn delete(&self, path: &str) {
        self.state.lock().secrets.insert(path.to_owned(), Stored::Deleted);
    }

    /// Takes the right to read a path away from everybody.
    pub fn forbid(&self, path: &str) {
        self.state.lock().forbidden.push(path.to_owned());
    }

    /// Mounts another store.
    pub fn mount(&self, mount: &str) {
        self.state.lock().mounts.push(mount.to_owned());
    }

    /// A token of a lease of so many seconds (0: for ever) that can be renewed
    /// until `at_most`.
    pub fn token(&self, token: &str, lease: u64, at_most: u64) {
        let renewable = at_most > lease;
        let mut state = self.state.lock();
        let until = state.now + lease;
        let token_state = Token { lease, until, at_most: state.now + at_most, renewable };
        state.tokens.insert(token.to_owned(), token_state);
    }

    /// Lets time go by.
    pub fn pass(&self, seconds: u64) {
        self.state.lock().now += seconds;
    }

    /// Seals it, or unseals it.
    pub fn seal(&self, sealed: bool) {
        self.state.lock().sealed = sealed;
    }

    /// From now on it answers only in this namespace.
    pub fn require_namespace(&self, namespace: &str) {
        self.state.lock().namespace = Some(namespace.to_owned());
    }

    /// The next requests fail with these statuses.
    pub fn fail_next(&self, statuses: &[u16]) {
        self.state.lock().failures.extend(statuses);
    }

    /// Method and path of each request so far.
    pub fn seen(&self) -> Vec<String> {
        self.state.lock().seen.clone()
    }

    /// How many tokens can still be used.
    pub fn live_tokens(&self) -> usize {
        let state = self.state.lock();
        state.tokens.values().filter(|token| token.lives(state.now)).count()
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn lives(&self, now: u64) -> bool {
        self.lease == 0 || now < self.until
    }
}

fn errors(status: u16, errors: &[&str]) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, axum::Json(json!({ "errors": errors }))).into_response()
}

fn ok(body: Value) -> Response {
    axum::Json(body).into_response()
}

/// What every answer has around its `data` or `auth`.
fn envelope(name: &str, value: Value) -> Value {
    let mut body = json!({
        "request_id": "0f9d7f8c-1c5a-6f5c-9f34-7a6a4b8d5c7e", "lease_id": "",
        "renewable": false, "lease_duration": 0, "data": null, "wrap_info": null,
        "warnings": null, "auth": null, "mount_type": "",
    });
    body[name] = value;
    body
}

async fn answer(
    AxumState(state): AxumState<Arc<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = state.lock();
    let path = uri.path().trim_start_matches("/v1/").to_owned();
    state.seen.push(format!("{method} {}", uri.path()));
    if let Some(status) = state.failures.pop_front() {
        return errors(status, &["the double was told to fail"]);
    }
    if state.sealed {
        return errors(503, &["Vault is sealed"]);
    }
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if state.namespace.as_deref() != header("x-vault-namespace") && state.namespace.is_some() {
        return errors(403, &["permission denied"]);
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (method.as_str(), path.as_str()) {
        ("POST", "auth/approle/login") => {
            let fits = body["role_id"] == ROLE_ID && body["secret_id"] == SECRET_ID;
            if fits { state.log_in() } else { errors(400, &["invalid role or secret ID"]) }
        }
        ("POST", "auth/kubernetes/login") => {
            let fits = body["role"] == KUBERNETES_ROLE && body["jwt"] == KUBERNETES_JWT;
            if fits { state.log_in() } else { errors(403, &["permission denied"]) }
        }
        (_, path) if path.starts_with("auth/") && path.ends_with("/login") => {
            errors(404, &[&format!("no handler for route \"{path}\". route entry not found.")])
        }
        (method, path) => state.with_token(method, path, header("x-vault-token")),
    }
}

impl Inner {
    /// A new token, with half a minute's lease, for two minutes at most.
    fn log_in(&mut self) -> Response {
        self.minted += 1;
        let name = format!("hvs.minted-by-the-double-{}", self.minted);
        let token =
            Token { lease: 30, until: self.now + 30, at_most: self.now + 120, renewable: true };
        let answer = envelope("auth", auth(&name, &token, self.now));
        self.tokens.insert(name, token);
        ok(answer)
    }

    fn with_token(&mut self, method: &str, path: &str, token: Option<&str>) -> Response {
        let Some(name) = token else { return errors(403, &["permission denied"]) };
        let now = self.now;
        if !self.tokens.get(name).is_some_and(|token| token.lives(now)) {
            return errors(
                403,
                &["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"],
            );
        }
        match (method, path) {
            ("GET", "auth/token/lookup-self") => {
                let token = &self.tokens[name];
                let ttl = if token.lease == 0 { 0 } else { token.until - now };
                ok(envelope(
                    "data",
                    json!({ "id": name, "ttl": ttl, "renewable": token.renewable,
                            "policies": ["default"], "type": "service" }),
                ))
            }
            ("POST", "auth/token/renew-self") => self.renew(name),
            ("POST", "auth/token/revoke-self") => {
                self.tokens.remove(name);
                StatusCode::NO_CONTENT.into_response()
            }
            ("GET", path) => self.read(path),
            _ => errors(405, &["unsupported operation"]),
        }
    }

    fn renew(&mut self, name: &str) -> Response {
        let now = self.now;
        let token = self.tokens.get_mut(name).expect("it was looked up");
        if !token.renewable {
            return errors(400, &["lease is not renewable"]);
        }
        token.until = (now + token.lease).min(token.at_most);
        ok(envelope("auth", auth(name, token, now)))
    }

    fn read(&self, path: &str) -> Response {
        let mount = self.mounts.iter().find(|mount| path.starts_with(&format!("{mount}/data/")));
        let Some(mount) = mount else {
            let said = format!("no handler for route \"{path}\". route entry not found.");
            return errors(404, &[&said]);
        };
        let name = path[mount.len() + "/data/".len()..].replace("%20", " ");
        let name = if mount == "secret" { name } else { format!("{mount}:{name}") };
        if self.forbidden.contains(&name) {
            return errors(403, &["1 error occurred:\n\t* permission denied\n\n"]);
        }
        let metadata = |deletion_time: &str| {
            json!({ "created_time": "2026-03-22T02:24:06.945319214Z", "custom_metadata": null,
                    "deletion_time": deletion_time, "destroyed": false, "version": 2 })
        };
        match self.secrets.get(&name) {
            None => errors(404, &[]),
            Some(Stored::Deleted) => {
                let metadata = metadata("2026-03-22T02:36:43.986212308Z");
                let body = envelope("data", json!({ "data": null, "metadata": metadata }));
                (StatusCode::NOT_FOUND, axum::Json(body)).into_response()
            }
            Some(Stored::Fields(fields)) => {
                ok(envelope("data", json!({ "data": fields, "metadata": metadata("") })))
            }
        }
    }
}

fn auth(name: &str, token: &Token, now: u64) -> Value {
    json!({
        "client_token": name, "accessor": "2c84f488-2133-4ced-87b0-570f93a76830",
        "policies": ["default"], "token_policies": ["default"], "metadata": null,
        "lease_duration": token.until.saturating_sub(now), "renewable": token.renewable,
        "entity_id": "", "token_type": "service", "orphan": true, "mfa_requirement": null,
        "num_uses": 0,
    })
}
