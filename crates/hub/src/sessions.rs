//! Browsers that somebody signed in with: a random cookie each, of which only
//! the hash is kept.
//!
//! A session is bound to the token it came from, and lasts as long as the hub
//! knows that token: taking a token away ends its sessions. A sign-in code is
//! bound in the same way, is used once, and makes a session of whoever made it.
//!
//! **Invariant:** neither a cookie nor a code nor a token is ever stored or
//! logged, and nobody learns from an answer whether a code was once good.

mod attempts;
mod routes;

pub(crate) use attempts::Attempts;
pub(crate) use routes::{sign_in, sign_out};

use crate::clock;
use crate::commands::invalid;
use crate::dispatch::Answers;
use crate::gate::{Gate, Principal};
use crate::hub::Parts;
use pilot_proto::console::{NewSignInCode, NewSignInCodeMade, SignInCodeNew};
use pilot_proto::{Code, Problem, Secret, Timestamp};
use pilot_store::{Session, SignInCode, Store};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::broadcast;

/// How long a browser stays signed in.
const SESSION: Duration = Duration::from_secs(30 * 24 * 3600);
/// A use is written down at most this often: a page asks many times a minute.
const SEEN_EVERY: Duration = Duration::from_secs(300);
/// How long a code lives: long enough to point a phone at a screen.
const CODE_SECS: u64 = 300;
/// How long it may live at most.
const MOST_CODE_SECS: u64 = 3600;
/// Ended sessions that a live connection may not have heard of yet.
const ENDED: usize = 64;

/// The session of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    hash: String,
    until: Timestamp,
}

/// All sessions, and who tries to get one.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) gate: Gate,
    store: Store,
    /// Hashes of sessions that were ended just now.
    ended: broadcast::Sender<String>,
    attempts: Mutex<Attempts>,
}

impl Sessions {
    pub(crate) fn new(gate: Gate, store: Store) -> Self {
        let ended = broadcast::Sender::new(ENDED);
        Self { gate, store, ended, attempts: Mutex::default() }
    }

    /// Whose a cookie is.
    pub(crate) async fn visitor(&self, cookie: &str) -> Result<Principal, Problem> {
        let (hash, now) = (hash(cookie), clock::now());
        let session = self.store.session(&hash, now).await.map_err(|error| error.problem())?;
        let known = session.as_ref().and_then(|session| self.gate.bound(&hash, &session.binding));
        let (Some(session), Some(mut principal)) = (session, known) else {
            return Err(Problem::new(
                Code::Unauthorized,
                "This browser is not signed in any more.",
            )
            .hint("Sign in again, with a token or with a link of `pilot hub open`."));
        };
        if session.seen_at.after(SEEN_EVERY) <= now {
            let seen = self.store.saw_session(&hash, now).await;
            // Only for the list of browsers; the next use writes it.
            seen.unwrap_or_else(|error| tracing::warn!(%error, "a session's use is not noted"));
        }
        principal.visit = Some(Visit { hash, until: session.expires_at });
        Ok(principal)
    }

    /// Signs a browser in; gives its cookie.
    async fn begin(&self, principal: &Principal, label: String) -> Result<Secret, Problem> {
        let (cookie, now) = (random()?, clock::now());
        let hash = hash(&cookie);
        let binding = self.gate.bind(&hash, principal);
        let session = Session {
            principal: principal.name.clone(),
            role: crate::gate::word(principal.role).to_owned(),
            binding,
            label,
            created_at: now,
            seen_at: now,
            expires_at: now.after(SESSION),
            hash,
        };
        self.store.put_session(&session).await.map_err(|error| error.problem())?;
        tracing::info!(who = principal.name, "a browser signed in");
        Ok(Secret::new(cookie))
    }

    /// Signs the browser with this cookie out, and ends what it has open.
    async fn end(&self, cookie: &str) -> Result<(), Problem> {
        let hash = hash(cookie);
        self.store.remove_session(&hash).await.map_err(|error| error.problem())?;
        if self.ended.send(hash).is_err() {
            tracing::trace!("no connection is open");
        }
        Ok(())
    }

    /// Makes a code that signs one browser in as `who`.
    async fn code(&self, who: &Principal, secs: u64) -> Result<(Secret, Timestamp), Problem> {
        let (code, now) = (random()?, clock::now());
        let hash = hash(&code);
        let expires_at = now.after(Duration::from_secs(secs));
        let made = SignInCode {
            binding: self.gate.bind(&hash, who),
            principal: who.name.clone(),
            expires_at,
            hash,
        };
        self.store.put_sign_in_code(&made, now).await.map_err(|error| error.problem())?;
        tracing::info!(who = who.name, secs, "a sign-in code was made");
        Ok((Secret::new(code), expires_at))
    }

    /// Whom a code signs in; it is used up.
    async fn redeem(&self, code: &str) -> Result<Option<Principal>, Problem> {
        let hash = hash(code);
        let taken = self.store.take_sign_in_code(&hash, clock::now()).await;
        let taken = taken.map_err(|error| error.problem())?;
        Ok(taken.and_then(|code| self.gate.bound(&hash, &code.binding)))
    }

    /// Waits until whoever this is may not be here any more: for ever, where
    /// they came with a token.
    pub(crate) async fn left(&self, who: &Principal) {
        let Some(visit) = &who.visit else { return std::future::pending().await };
        // First, so that an end between the gate and here is not missed.
        let mut ended = self.ended.subscribe();
        let rest =
            Duration::from_micros(visit.until.0.saturating_sub(clock::now().0).max(0) as u64);
        let over = tokio::time::sleep(rest);
        tokio::pin!(over);
        while self.stands(visit).await {
            tokio::select! {
                () = &mut over => return,
                heard = ended.recv() => match heard {
                    // Somebody else's end costs nothing; too many to hear cost a look.
                    Ok(hash) if hash == visit.hash => return,
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }

    async fn stands(&self, visit: &Visit) -> bool {
        match self.store.session(&visit.hash, clock::now()).await {
            Ok(session) => session.is_some(),
            Err(error) => {
                // A store in trouble is no reason to throw somebody out.
                tracing::warn!(%error, "a session could not be looked up");
                true
            }
        }
    }
}

impl Answers<SignInCodeNew> for Parts {
    async fn answer(
        &self,
        who: &Principal,
        new: NewSignInCode,
    ) -> Result<NewSignInCodeMade, Problem> {
        let valid_secs = new.valid_secs.unwrap_or(CODE_SECS);
        if !(1..=MOST_CODE_SECS).contains(&valid_secs) {
            return Err(invalid(format!("`valid_secs` may be 1 to {MOST_CODE_SECS}.")));
        }
        let (code, expires_at) = self.sessions.code(who, valid_secs).await?;
        Ok(NewSignInCodeMade { link: link(&self.page_url, &code), expires_at })
    }
}

/// A link of the hub's page that signs the owner in: once, within five minutes.
pub(crate) async fn owner_link(sessions: &Sessions, page_url: &str) -> Result<Secret, Problem> {
    let owner = sessions
        .gate
        .owner()
        .ok_or_else(|| Problem::new(Code::Internal, "This hub has lost its owner."))?;
    let (code, _) = sessions.code(&owner, CODE_SECS).await?;
    Ok(link(page_url, &code))
}

/// Behind `#`: a browser sends it to no server, and no proxy logs it.
fn link(page_url: &str, code: &Secret) -> Secret {
    Secret::new(format!("{page_url}/#sign-in={}", code.expose()))
}

fn random() -> Result<String, Problem> {
    clock::random_hex()
        .map_err(|error| Problem::new(Code::Internal, format!("No random bytes: {error}.")))
}

/// What is kept of something that is shown.
fn hash(shown: &str) -> String {
    hex::encode(Sha256::digest(shown))
}

/// What ties something that is kept under `hash` to a token.
pub(crate) fn binding(hash: &str, token: &Secret) -> String {
    let mut digest = Sha256::new();
    for part in ["pilothouse session", hash, token.expose()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

/// For whoever needs them in the middleware and in the routes.
pub(crate) type SharedSessions = Arc<Sessions>;
