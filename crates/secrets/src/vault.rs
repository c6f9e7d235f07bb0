//! Secrets that live in a Vault: its key-value store, version 2, over the HTTP
//! API (<https://developer.hashicorp.com/vault/api-docs>), which OpenBao speaks
//! as well.
//!
//! **Invariants:** nothing here is written down: a session's token lives in its
//! [`VaultSession`] and goes with it. Every call ends within the deadline that
//! the connection was made with.

use pilot_proto::Secret;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;

mod error;
mod http;

pub use error::VaultError;
use http::{Http, Reply};

/// Where a Vault is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultAddress {
    /// `https://vault.example:8200`; `http` only on the loopback.
    pub url: String,
    /// The namespace (`X-Vault-Namespace`), where it has some.
    pub namespace: Option<String>,
    /// Certificates in PEM that alone are trusted, as `VAULT_CACERT` says;
    /// none: what the system trusts.
    pub authority: Option<String>,
}

/// How somebody logs in.
#[derive(Debug, Clone)]
pub enum VaultLogin {
    /// With a token that a person has already.
    Token(Secret),
    /// As a machine, by the AppRole method.
    AppRole {
        /// Where the method is mounted; `approle` if nobody said otherwise.
        mount: String,
        /// The role's id.
        role_id: String,
        /// The secret id.
        secret_id: Secret,
    },
    /// As a pod, by the Kubernetes method.
    Kubernetes {
        /// Where the method is mounted; `kubernetes` if nobody said otherwise.
        mount: String,
        /// The role's name.
        role: String,
        /// The service account's token.
        jwt: Secret,
    },
}

/// Somebody who is logged in. The token is never written anywhere.
#[derive(Debug, Clone)]
pub struct VaultSession {
    token: Secret,
    /// None: it does not end.
    until: Option<Instant>,
    lease: Duration,
    renewable: bool,
    /// We made the token by logging in, so we may end it.
    ours: bool,
}

/// A field of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultField<'a> {
    /// Where the store is mounted: `secret`.
    pub mount: &'a str,
    /// The secret's path: `team/app`.
    pub path: &'a str,
    /// The key in it.
    pub field: &'a str,
}

/// A connection to one Vault.
#[derive(Debug, Clone)]
pub struct Vault {
    http: Http,
}

/// `auth` of an answer to a login or a renewal.
#[derive(Deserialize)]
struct Auth {
    client_token: String,
    lease_duration: u64,
    renewable: bool,
}

/// `data` of an answer about one's own token.
#[derive(Deserialize)]
struct Own {
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

/// A lease of which so much is gone is renewed: two tries fit in the rest.
const RENEW_AFTER: f64 = 2.0 / 3.0;
/// A failed renewal is tried again so much later, while the lease lasts.
const RENEW_AGAIN: Duration = Duration::from_secs(5);

impl VaultSession {
    /// How long from now on the lease should be renewed; none if it does not
    /// end, or cannot be renewed.
    pub fn renew_after(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        let gone = self.lease.mul_f64(1.0 - RENEW_AFTER);
        self.renewable.then(|| left.saturating_sub(gone))
    }

    /// True if the lease has run out.
    pub fn has_expired(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }

    fn leased(token: Secret, seconds: u64, renewable: bool, ours: bool) -> Self {
        let lease = Duration::from_secs(seconds);
        // Zero is a root token's: it does not end.
        let until = (seconds > 0).then(|| Instant::now().checked_add(lease)).flatten();
        Self { token, until, lease, renewable, ours }
    }
}

impl Vault {
    /// A connection. `deadline` is what one call may take, with all its tries.
    pub fn new(address: &VaultAddress, deadline: Duration) -> Result<Self, VaultError> {
        Http::new(address, deadline).map(|http| Self { http })
    }

    /// Logs in.
    pub async fn login(&self, login: &VaultLogin) -> Result<VaultSession, VaultError> {
        let (mount, body) = match login {
            VaultLogin::Token(token) => return self.own(token.clone()).await,
            VaultLogin::AppRole { mount, role_id, secret_id } => {
                (mount, json!({ "role_id": role_id, "secret_id": secret_id.expose() }))
            }
            VaultLogin::Kubernetes { mount, role, jwt } => {
                (mount, json!({ "role": role, "jwt": jwt.expose().trim() }))
            }
        };
        let path = http::path(&["auth", mount, "login"])?;
        let reply = self.http.send("logging in", Method::POST, &path, None, Some(&body)).await?;
        match reply.status {
            200 => {}
            400 | 401 | 403 => return Err(VaultError::Login { said: reply.said() }),
            404 => return Err(VaultError::NoLogin { mount: mount.clone() }),
            _ => return Err(reply.refusal("logging in")),
        }
        let auth = auth(&reply)?;
        let token = Secret::new(auth.client_token);
        Ok(VaultSession::leased(token, auth.lease_duration, auth.renewable, true))
    }

    /// Asks what a token is: how long it lasts.
    async fn own(&self, token: Secret) -> Result<VaultSession, VaultError> {
        let token = Secret::new(token.expose().trim());
        if token.is_empty() {
            return Err(VaultError::Login { said: "the token is empty".to_owned() });
        }
        let path = http::path(&["auth/token/lookup-self"])?;
        let reply = self.http.send("logging in", Method::GET, &path, Some(&token), None).await?;
        match reply.status {
            200 => {}
            401 | 403 => return Err(VaultError::Login { said: reply.said() }),
            _ => return Err(reply.refusal("logging in")),
        }
        let own: Own = field(&reply, "data")?;
        Ok(VaultSession::leased(token, own.ttl, own.renewable, false))
    }

    /// Renews a session's lease. [`VaultError::Expired`] if that cannot be done
    /// any more: somebody has to log in again.
    pub async fn renew(&self, session: &mut VaultSession) -> Result<(), VaultError> {
        if session.has_expired() || !session.renewable {
            return Err(VaultError::Expired);
        }
        let path = http::path(&["auth/token/renew-self"])?;
        let (token, body) = (Some(&session.token), json!({}));
        let reply = self.http.send("renewing", Method::POST, &path, token, Some(&body)).await?;
        match reply.status {
            200 => {}
            // "lease is not renewable", "invalid token".
            400 | 401 | 403 | 404 => return Err(VaultError::Expired),
            _ => return Err(reply.refusal("renewing")),
        }
        let auth = auth(&reply)?;
        *session = VaultSession::leased(
            Secret::new(auth.client_token),
            auth.lease_duration,
            auth.renewable,
            session.ours,
        );
        Ok(())
    }

    /// Renews a session for as long as that goes, and comes back with why it
    /// does no longer. For a session that does not end it never comes back: to
    /// be raced against whatever the session is for.
    pub async fn keep_renewed(&self, session: &mut VaultSession) -> VaultError {
        loop {
            let Some(until) = session.until else { return std::future::pending().await };
            let Some(wait) = session.renew_after() else {
                tokio::time::sleep_until(until).await;
                return VaultError::Expired;
            };
            tokio::time::sleep(wait).await;
            match self.renew(session).await {
                Ok(()) => {}
                Err(error) if error.may_pass() && !session.has_expired() => {
                    tracing::warn!(%error, "a Vault lease could not be renewed; trying again");
                    let again = Instant::now() + RENEW_AGAIN;
                    tokio::time::sleep_until(again.min(until)).await;
                }
                Err(error) => return error,
            }
        }
    }

    /// Ends a session that [`Vault::login`] made: its token is worth nothing
    /// any more. A token that a person gave us is left alone.
    pub async fn logout(&self, session: VaultSession) -> Result<(), VaultError> {
        if !session.ours {
            return Ok(());
        }
        let path = http::path(&["auth/token/revoke-self"])?;
        let token = Some(&session.token);
        let reply = self.http.send("logging out", Method::POST, &path, token, None).await?;
        // Not logged in any more is what was wanted.
        if matches!(reply.status, 200 | 204 | 403) {
            Ok(())
        } else {
            Err(reply.refusal("logging out"))
        }
    }

    /// Reads one field of the newest version of a secret; never empty.
    pub async fn read(
        &self,
        session: &VaultSession,
        wanted: VaultField<'_>,
    ) -> Result<Secret, VaultError> {
        if session.has_expired() {
            return Err(VaultError::Expired);
        }
        let VaultField { mount, path, field: name } = wanted;
        let url = http::path(&[mount, "data", path])?;
        let token = Some(&session.token);
        let reply = self.http.send("reading", Method::GET, &url, token, None).await?;
        let (mount, path, name) = (mount.to_owned(), path.to_owned(), name.to_owned());
        match reply.status {
            200 => {}
            401 | 403 if reply.is_of_no_token() => return Err(VaultError::Expired),
            401 | 403 => return Err(VaultError::Denied { mount, path }),
            404 if reply.body.pointer("/data/metadata").is_some() => {
                return Err(VaultError::Deleted { mount, path });
            }
            404 => return Err(VaultError::NoPath { mount, path, said: reply.said() }),
            _ => return Err(reply.refusal("reading")),
        }
        let Some(fields) = reply.body.pointer("/data/data").and_then(Value::as_object) else {
            return Err(VaultError::Strange {
                why: format!("`{mount}` is not a KV version 2 store"),
            });
        };
        text_of(fields, mount, path, name)
    }
}

fn text_of(
    fields: &Map<String, Value>,
    mount: String,
    path: String,
    field: String,
) -> Result<Secret, VaultError> {
    let text = match fields.get(&field) {
        None => {
            let there = fields.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>();
            return Err(VaultError::NoField { mount, path, field, there: there.join(", ") });
        }
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_)) => {
            return Err(VaultError::NotText { mount, path, field });
        }
    };
    if text.is_empty() {
        return Err(VaultError::Empty { mount, path, field });
    }
    Ok(Secret::new(text))
}

fn auth(reply: &Reply) -> Result<Auth, VaultError> {
    let auth: Auth = field(reply, "auth")?;
    if auth.client_token.is_empty() {
        return Err(VaultError::Strange { why: "its answer has no token".to_owned() });
    }
    Ok(auth)
}

fn field<T: serde::de::DeserializeOwned>(reply: &Reply, name: &str) -> Result<T, VaultError> {
    let value = reply.body.get(name).cloned().unwrap_or_default();
    // The error's own words could quote a value.
    serde_json::from_value(value)
        .map_err(|_| VaultError::Strange { why: format!("its answer has no usable `{name}`") })
}
