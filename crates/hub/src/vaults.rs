//! Vaults that projects' secrets are read from, when a run of theirs begins.
//!
//! What a Vault is reached and logged in to with is kept among the credentials;
//! a token that a person gave is not: it is in memory until the hub stops or
//! its lease ends. What is read goes, sealed, to one run, and is kept nowhere.
//!
//! The core asks with [`Vaults::fetch`] and is told by [`Vaults::run`], so that
//! a Vault that does not answer holds nobody else up.

use crate::core::{CoreHandle, News};
use crate::credentials::Credentials;
use pilot_proto::console::{NewVault, NewVaultLogin, VaultLoginSeen, VaultSeen};
use pilot_proto::{Code, Problem, RunId, RunnerId, Secret, SecretOrigin, TaskId};
use pilot_secrets::vault::{Vault, VaultAddress, VaultError, VaultField, VaultLogin, VaultSession};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What one call may take, with all its tries: long enough for a Vault that is
/// being restarted, short enough that a person still waits for the task.
const PATIENCE: Duration = Duration::from_secs(20);
/// All of a run's secrets together.
const ALL: Duration = Duration::from_secs(60);
/// Runs that are read for at once.
const POOL: usize = 4;
/// How often leases are looked at. A third of a lease is left when it is
/// renewed, and Vaults give none that are shorter than half a minute.
const ROUND: Duration = Duration::from_secs(5);

/// A Vault as it is kept, JSON among the credentials.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    url: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    authority: Option<String>,
    login: KeptLogin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
enum KeptLogin {
    /// The token itself is not kept.
    Token,
    AppRole {
        mount: String,
        role_id: String,
        #[serde(with = "pilot_proto::secret::in_clear")]
        secret_id: Secret,
    },
    Kubernetes {
        mount: String,
        role: String,
    },
}

/// Secrets that a run waits for.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    pub(crate) task: TaskId,
    pub(crate) run: RunId,
    pub(crate) runner: RunnerId,
    /// Each secret's name, and its place.
    pub(crate) wanted: Vec<(String, SecretOrigin)>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) task: TaskId,
    pub(crate) run: RunId,
    pub(crate) runner: RunnerId,
    /// Values by the secrets' names.
    pub(crate) values: Result<BTreeMap<String, Secret>, Problem>,
}

/// Somebody who is logged in.
struct Session {
    vault: Vault,
    session: VaultSession,
}

type SharedSession = Arc<tokio::sync::Mutex<Option<Session>>>;

/// All of a hub's.
pub(crate) struct Vaults {
    credentials: Arc<Credentials>,
    /// The service account's token, where the hub is a pod.
    service_account: PathBuf,
    sessions: Mutex<BTreeMap<String, SharedSession>>,
    /// The latest for each run.
    wanted: Mutex<BTreeMap<RunId, Fetch>>,
    changed: Notify,
}

impl Vaults {
    pub(crate) fn new(credentials: Arc<Credentials>, service_account: PathBuf) -> Self {
        let (sessions, wanted) = (Mutex::default(), Mutex::default());
        Self { credentials, service_account, sessions, wanted, changed: Notify::new() }
    }

    /// Logs in to a new one, or anew to one that there is, and keeps it.
    pub(crate) async fn add(&self, new: NewVault) -> Result<(), Problem> {
        let NewVault { name, url, namespace, authority, login } = new;
        let (login, token) = match login {
            NewVaultLogin::Token { token } => (KeptLogin::Token, Some(token)),
            NewVaultLogin::AppRole { mount, role_id, secret_id } => {
                (KeptLogin::AppRole { mount, role_id, secret_id }, None)
            }
            NewVaultLogin::Kubernetes { mount, role } => {
                (KeptLogin::Kubernetes { mount, role }, None)
            }
        };
        let kept = Kept { url, namespace, authority, login };
        let session = self.log_in(&name, &kept, token).await?;
        let spelt = serde_json::to_string(&kept);
        let spelt = spelt.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        self.credentials.keep_vault(&name, &Secret::new(spelt)).await?;
        let place = self.place(&name);
        let before = place.lock().await.replace(session);
        if let Some(before) = before {
            log_out(&name, before).await;
        }
        Ok(())
    }

    /// Forgets one, and ends our session there.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Problem> {
        self.known(name)?;
        self.credentials.forget_vault(name).await?;
        let place = self.sessions().remove(name);
        if let Some(place) = place
            && let Some(session) = place.lock().await.take()
        {
            log_out(name, session).await;
        }
        Ok(())
    }

    /// All of them, sorted.
    pub(crate) async fn list(&self, used_by: &BTreeMap<String, Vec<String>>) -> Vec<VaultSeen> {
        let mut seen = Vec::new();
        for name in self.credentials.vaults() {
            let Ok(kept) = self.known(&name) else { continue };
            let place = self.place(&name);
            let session = place.lock().await;
            let logged_in = session.as_ref().is_some_and(|one| !one.session.has_expired());
            let secrets = used_by.get(&name).cloned().unwrap_or_default();
            seen.push(kept.seen(name, logged_in, secrets));
        }
        seen
    }

    /// Reads what a secret stands for, now.
    pub(crate) async fn read(&self, name: &str, origin: &SecretOrigin) -> Result<Secret, Problem> {
        let SecretOrigin::Vault { vault, mount, path, field } = origin else {
            return Err(Problem::new(Code::Internal, format!("`{name}` is in no Vault.")));
        };
        let place = self.place(vault);
        let mut session = place.lock().await;
        let wanted = VaultField { mount, path, field };
        let read = self.read_field(vault, &mut session, wanted).await;
        read.map_err(|problem| {
            let message = format!(
                "The secret `{name}` cannot be read from the Vault `{vault}`: {}",
                uncapitalised(&problem.message)
            );
            Problem { message, ..problem }
        })
    }

    async fn read_field(
        &self,
        vault: &str,
        session: &mut Option<Session>,
        wanted: VaultField<'_>,
    ) -> Result<Secret, Problem> {
        for again in [true, false] {
            if session.as_ref().is_none_or(|one| one.session.has_expired()) {
                *session = Some(self.log_in(vault, &self.known(vault)?, None).await?);
            }
            let Some(Session { vault: connection, session: held }) = session.as_ref() else {
                break;
            };
            match connection.read(held, wanted).await {
                Ok(value) => return Ok(value),
                // Somebody ended our session: the next is as good.
                Err(VaultError::Expired) if again => *session = None,
                Err(error) => return Err(ours(&error)),
            }
        }
        Err(ours(&VaultError::Expired))
    }

    async fn log_in(
        &self,
        name: &str,
        kept: &Kept,
        token: Option<Secret>,
    ) -> Result<Session, Problem> {
        let login = match &kept.login {
            KeptLogin::Token => VaultLogin::Token(token.ok_or_else(|| no_token(name, &kept.url))?),
            KeptLogin::AppRole { mount, role_id, secret_id } => VaultLogin::AppRole {
                mount: mount.clone(),
                role_id: role_id.clone(),
                secret_id: secret_id.clone(),
            },
            KeptLogin::Kubernetes { mount, role } => VaultLogin::Kubernetes {
                mount: mount.clone(),
                role: role.clone(),
                jwt: self.service_account()?,
            },
        };
        let address = VaultAddress {
            url: kept.url.clone(),
            namespace: kept.namespace.clone(),
            authority: kept.authority.clone(),
        };
        let vault = Vault::new(&address, PATIENCE).map_err(|error| ours(&error))?;
        let session = vault.login(&login).await.map_err(|error| ours(&error))?;
        Ok(Session { vault, session })
    }

    /// Read anew each time: the cluster replaces it every hour.
    fn service_account(&self) -> Result<Secret, Problem> {
        let path = &self.service_account;
        std::fs::read_to_string(path).map(Secret::new).map_err(|error| {
            let message =
                format!("There is no service account's token in `{}`: {error}.", path.display());
            Problem::new(Code::Precondition, message).hint(
                "The Kubernetes login works where the hub itself is a pod; use AppRole otherwise.",
            )
        })
    }

    fn known(&self, name: &str) -> Result<Kept, Problem> {
        let kept = self.credentials.vault(name).ok_or_else(|| {
            let message = format!("There is no Vault `{name}`.");
            Problem::new(Code::NotFound, message)
                .hint("`pilot vault list` shows those there are; `pilot vault add` adds one.")
        })?;
        // Not the error: it may quote what is kept.
        serde_json::from_str(kept.expose()).map_err(|_| {
            let message = format!("The Vault `{name}` is kept in a damaged form.");
            Problem::new(Code::Internal, message).hint("Add it again with `pilot vault add`.")
        })
    }

    fn place(&self, name: &str) -> SharedSession {
        Arc::clone(self.sessions().entry(name.to_owned()).or_default())
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, SharedSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wants secrets for a run. Replaces what was wanted for it.
    pub(crate) fn fetch(&self, fetch: Fetch) {
        self.wanted().insert(fetch.run, fetch);
        self.changed.notify_one();
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeMap<RunId, Fetch>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is wanted and keeps sessions alive, until the hub stops.
    pub(crate) async fn run(self: Arc<Self>, core: CoreHandle, stop: CancellationToken) {
        let mut jobs = JoinSet::new();
        let mut round = tokio::time::interval(ROUND);
        loop {
            while jobs.len() < POOL
                && let Some((_, fetch)) = { self.wanted().pop_first() }
            {
                let (vaults, core) = (Arc::clone(&self), core.clone());
                jobs.spawn(async move {
                    let fetched = vaults.all_of(fetch).await;
                    core.tell(News::Fetched(fetched)).await;
                });
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.changed.notified() => {}
                _ = round.tick() => self.renew(&mut jobs),
                Some(_) = jobs.join_next() => {}
            }
        }
        jobs.shutdown().await;
        self.log_out_of_all().await;
    }

    async fn all_of(&self, fetch: Fetch) -> Fetched {
        let Fetch { task, run, runner, wanted } = fetch;
        let read = async {
            let mut values = BTreeMap::new();
            for (name, origin) in &wanted {
                values.insert(name.clone(), self.read(name, origin).await?);
            }
            Ok(values)
        };
        let values = tokio::time::timeout(ALL, read).await.unwrap_or_else(|_| {
            let message = "The project's secrets could not be read from their Vaults in time.";
            Err(Problem::new(Code::Precondition, message)
                .hint("Look at the Vault (`pilot vault list`), then retry the task."))
        });
        Fetched { task, run, runner, values }
    }

    /// Renews the leases that are due. One that nobody holds is nobody's.
    fn renew(self: &Arc<Self>, jobs: &mut JoinSet<()>) {
        for (name, place) in self.sessions().clone() {
            // Whoever holds it reads, and is done soon.
            let Ok(held) = place.clone().try_lock_owned() else { continue };
            let due = held.as_ref().and_then(|one| one.session.renew_after());
            if due.is_some_and(|wait| wait < ROUND) {
                jobs.spawn(async move { renew_one(&name, held).await });
            }
        }
    }

    async fn log_out_of_all(&self) {
        let sessions = std::mem::take(&mut *self.sessions());
        let mut leaving = JoinSet::new();
        for (name, place) in sessions {
            // Whoever reads right now has it, and its lease ends by itself.
            let Ok(mut held) = place.try_lock() else { continue };
            if let Some(session) = held.take() {
                leaving.spawn(async move { log_out(&name, session).await });
            }
        }
        // A hub stops in seconds, whoever does not answer; leases end anyway.
        if tokio::time::timeout(Duration::from_secs(2), leaving.join_all()).await.is_err() {
            tracing::warn!("a Vault was not told that the hub has gone");
        }
    }
}

type Held = tokio::sync::OwnedMutexGuard<Option<Session>>;

async fn renew_one(name: &str, mut held: Held) {
    let Some(Session { vault, session }) = held.as_mut() else { return };
    match vault.renew(session).await {
        Ok(()) => tracing::debug!(vault = name, "a lease was renewed"),
        // The next round tries again, while there is some of it left.
        Err(error) if error.may_pass() && !session.has_expired() => {
            tracing::warn!(vault = name, %error, "a lease could not be renewed yet");
        }
        Err(error) => {
            tracing::warn!(vault = name, %error, "a session has ended");
            *held = None;
        }
    }
}

async fn log_out(name: &str, session: Session) {
    let Session { vault, session } = session;
    if let Err(error) = vault.logout(session).await {
        tracing::debug!(vault = name, %error, "a session was left to end by itself");
    }
}

impl Kept {
    fn seen(self, name: String, logged_in: bool, used_by: Vec<String>) -> VaultSeen {
        let login = match self.login {
            KeptLogin::Token => VaultLoginSeen::Token,
            KeptLogin::AppRole { mount, role_id, .. } => VaultLoginSeen::AppRole { mount, role_id },
            KeptLogin::Kubernetes { mount, role } => VaultLoginSeen::Kubernetes { mount, role },
        };
        let Self { url, namespace, .. } = self;
        VaultSeen { name, url, namespace, login, logged_in, used_by }
    }
}

/// Whom the Vault turns away is this hub, and not whoever asked it: that person
/// need not sign in again.
fn ours(error: &VaultError) -> Problem {
    let problem = error.problem();
    match problem.code {
        Code::Unauthorized | Code::Forbidden => Problem { code: Code::Precondition, ..problem },
        _ => problem,
    }
}

fn no_token(name: &str, url: &str) -> Problem {
    let message = format!("Nobody is logged in to the Vault `{name}`.");
    Problem::new(Code::Precondition, message).hint(format!(
        "This hub does not keep a person's token: give it one again with `pilot vault add {name} --url {url} --token-stdin`, \
         or let it log in by itself with AppRole or Kubernetes."
    ))
}

/// A sentence as the rest of another one.
fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_lowercase().collect::<String>());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
}
