//! Logins to forges: begun, waited for, and renewed before they end.
//!
//! Whoever asks a forge is given a [`Renewed`], and so the latest token.
//!
//! **Invariant:** a login is renewed by one at a time, and whoever comes
//! meanwhile is given what that one got: no refresh token is shown twice. What
//! a forge gives is kept before it is used, the refresh token first, and no
//! caller that goes away breaks that off.

mod begun;
mod kept;
mod words;

pub(crate) use kept::KeptLogin;

use crate::clock;
use crate::core::{CoreHandle, News};
use crate::credentials::Credentials;
use crate::forge_ways::ForgeWays;
use async_trait::async_trait;
use begun::Begun;
use kept::Way;
use pilot_forge::login::{Application, Installation, LoginError, Tokens, app_token, renew, scopes};
use pilot_forge::{Credential, ForgeError, Reach, TokenSource, connect_with};
use pilot_proto::console::{AccessBy, ForgeAccess, NewForgeApp};
use pilot_proto::project::ForgeAccount;
use pilot_proto::{Code, Forge, Problem, Secret, Timestamp};
use pilot_secrets::same_secret;
use pilot_store::Store;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use words::problem_of;

/// How often is looked whether one is due, and the least time between two tries
/// after a failure, or because a token was refused: forty tasks that hear the
/// same are not forty requests.
const PAUSE: Duration = Duration::from_secs(30);

/// One forge's login: who renews it now, and what came of it.
#[derive(Debug, Default)]
struct Slot {
    renewing: tokio::sync::Mutex<()>,
    last: Mutex<Last>,
}

#[derive(Debug, Clone, Default)]
struct Last {
    /// The last try, if it came to nothing.
    failed: Option<(Instant, Problem)>,
    /// When a token took the place of one that the forge refused.
    replaced: Option<Instant>,
}

impl Slot {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why not to try now: it failed just now, or did not help.
    fn pauses(&self, forge: &str, refused: bool) -> Option<Problem> {
        let last = self.last();
        let just_now = |at: &Instant| at.elapsed() < PAUSE;
        if let Some((_, problem)) = last.failed.as_ref().filter(|(at, _)| just_now(at)) {
            return Some(problem.clone());
        }
        let did_not_help = refused && last.replaced.as_ref().is_some_and(just_now);
        did_not_help.then(|| words::refused_again(forge))
    }
}

/// Those that were begun, and those that are renewed.
pub(crate) struct ForgeLogins {
    credentials: Arc<Credentials>,
    ways: Arc<ForgeWays>,
    store: Store,
    core: CoreHandle,
    /// Renewals and those that wait for somebody.
    works: TaskTracker,
    stop: CancellationToken,
    begun: tokio::sync::Mutex<()>,
    /// The latest of each forge.
    latest: Mutex<BTreeMap<String, Begun>>,
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
    changed: Notify,
}

impl std::fmt::Debug for ForgeLogins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForgeLogins").finish_non_exhaustive()
    }
}

impl ForgeLogins {
    pub(crate) fn new(
        credentials: Arc<Credentials>,
        ways: Arc<ForgeWays>,
        store: Store,
        core: CoreHandle,
        works: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (begun, changed) = (tokio::sync::Mutex::default(), Notify::new());
        let (latest, slots) = (Mutex::default(), Mutex::default());
        Self { credentials, ways, store, core, works, stop, begun, latest, slots, changed }
    }

    /// How we are logged in to a forge.
    pub(crate) fn access(&self, forge: &Forge) -> ForgeAccess {
        if let Some(login) = self.credentials.forge_login(&forge.name) {
            let mut access = login.seen(forge.kind);
            let last = self.slot(&forge.name).last().failed.clone().map(|(_, problem)| problem);
            access.problem = access.problem.or(last);
            return access;
        }
        let by = match self.credentials.forge_token(&forge.name) {
            Some(_) => AccessBy::Token,
            None => AccessBy::Nothing,
        };
        let needs = scopes(forge.kind).iter().map(|&need| need.to_owned()).collect();
        ForgeAccess { by, needs, ..ForgeAccess::default() }
    }

    /// Adds a forge as a GitHub App, whose first token is tried.
    pub(crate) async fn add_app(&self, forge: Forge, new: &NewForgeApp) -> Result<Forge, Problem> {
        let way = Way::App { app: new.app, installation: new.installation, key: new.key.clone() };
        let tokens =
            self.next(&forge, &way).await.map_err(|error| problem_of(&forge.name, &error))?;
        let login = KeptLogin::of_app(new, &tokens, clock::now());
        self.take_in(forge, &login, &tokens).await
    }

    /// Tries the first token of a login, and keeps all of it.
    async fn take_in(
        &self,
        forge: Forge,
        login: &KeptLogin,
        tokens: &Tokens,
    ) -> Result<Forge, Problem> {
        let credential = Credential::Login(tokens.access.clone());
        let reach = self.ways.reach_of(&forge)?;
        let api = connect_with(forge.kind, &forge.url, &credential, &reach)?;
        let account = api.check().await?;
        let scopes = tokens.scopes.clone().or(account.scopes);
        let account = ForgeAccount { login: account.login, scopes };
        let forge = Forge { account: Some(account), ..forge };
        let slot = self.slot(&forge.name);
        let _alone = slot.renewing.lock().await;
        self.keep(&forge.name, login, &tokens.access).await?;
        *slot.last() = Last::default();
        self.core.put_forge(forge.clone()).await?;
        self.changed.notify_one();
        Ok(forge)
    }

    /// First what cannot be had again.
    async fn keep(&self, forge: &str, login: &KeptLogin, token: &Secret) -> Result<(), Problem> {
        self.credentials.keep_forge_login(forge, Some(login)).await?;
        self.credentials.keep_forge_token(forge, token).await
    }

    /// Renews what is due before anybody needs it, until the hub stops.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.renew_due().await;
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(self.until_due()) => {}
            }
        }
    }

    /// One after the other: there are few.
    async fn renew_due(self: &Arc<Self>) {
        let now = clock::now();
        let logins = self.credentials.forge_logins();
        if !logins.values().any(|login| login.is_due(now)) {
            return;
        }
        let forges = match self.store.forges().await {
            Ok(forges) => forges,
            Err(error) => {
                tracing::warn!(%error, "logins to forges cannot be renewed");
                return;
            }
        };
        for forge in forges {
            if logins.get(&forge.name).is_some_and(|login| login.is_due(now)) {
                // It was logged, and the next who asks hears it.
                if let Err(problem) = self.renewed(&forge, None).await {
                    tracing::debug!(forge = forge.name, %problem, "nothing to ask it with");
                }
            }
        }
    }

    fn until_due(&self) -> Duration {
        let now = clock::now();
        let logins = self.credentials.forge_logins();
        let due = logins.values().filter_map(KeptLogin::due).min();
        due.map_or(PAUSE, |due| due.since(now).clamp(Duration::from_secs(1), PAUSE))
    }

    /// The latest token: another than `refused`, or one that is not due. None if
    /// there is no other. Goes on to the end when the caller does not wait.
    async fn renewed(
        self: &Arc<Self>,
        forge: &Forge,
        refused: Option<&Secret>,
    ) -> Result<Option<Secret>, Problem> {
        let (logins, forge, refused) = (Arc::clone(self), forge.clone(), refused.cloned());
        let renewal = async move { logins.renew_alone(&forge, refused.as_ref()).await };
        let done = self.works.spawn(renewal).await;
        done.map_err(|error| Problem::new(Code::Internal, error.to_string()))?
    }

    async fn renew_alone(
        &self,
        forge: &Forge,
        refused: Option<&Secret>,
    ) -> Result<Option<Secret>, Problem> {
        let slot = self.slot(&forge.name);
        let _alone = slot.renewing.lock().await;
        // Somebody may have been first.
        let latest = self.credentials.forge_token(&forge.name);
        let Some(login) = self.credentials.forge_login(&forge.name) else { return Ok(latest) };
        let now = clock::now();
        let is_wanted = match (refused, &latest) {
            (Some(refused), Some(latest)) => same_secret(refused.expose(), latest),
            (Some(_), None) => true,
            (None, _) => login.is_due(now),
        };
        if !is_wanted {
            return Ok(latest);
        }
        if let Some(problem) = &login.ended {
            return Err(problem.clone());
        }
        if !login.can_be_renewed() {
            let problem = words::taken_back(&forge.name);
            slot.last().failed = Some((Instant::now(), problem.clone()));
            return Err(problem);
        }
        let is_good = refused.is_none() && !login.has_ended(now);
        let renewed = match slot.pauses(&forge.name, refused.is_some()) {
            Some(problem) => Err(problem),
            None => self.renew_now(forge, login, now).await.inspect_err(|problem| {
                slot.last().failed = Some((Instant::now(), problem.clone()));
            }),
        };
        match renewed {
            Ok(token) => {
                let replaced = refused.is_some().then(Instant::now).or(slot.last().replaced);
                *slot.last() = Last { failed: None, replaced };
                Ok(Some(token))
            }
            // There is some time left to try again.
            Err(_) if is_good => Ok(latest),
            Err(problem) => Err(problem),
        }
    }

    async fn renew_now(
        &self,
        forge: &Forge,
        login: KeptLogin,
        now: Timestamp,
    ) -> Result<Secret, Problem> {
        let name = &forge.name;
        match self.next(forge, &login.way).await {
            Ok(tokens) => {
                self.keep(name, &login.after(&tokens, now), &tokens.access).await?;
                tracing::info!(forge = name, "a login was renewed");
                let (core, news) = (self.core.clone(), News::LoginRenewed(name.clone()));
                // Whoever waits for the token does not wait for the core.
                self.works.spawn(async move { core.tell(news).await });
                Ok(tokens.access)
            }
            Err(error) => {
                let is_over = matches!(login.way, Way::Login { .. }) && is_final(&error);
                let problem = words::renewal_problem(name, &error, is_over);
                if is_over {
                    tracing::warn!(forge = name, %problem, "a login has ended");
                    let ended = login.ending(problem.clone());
                    self.credentials.keep_forge_login(name, Some(&ended)).await?;
                } else {
                    tracing::warn!(forge = name, %problem, "a login could not be renewed yet");
                }
                Err(problem)
            }
        }
    }

    /// The next token.
    async fn next(&self, forge: &Forge, way: &Way) -> Result<Tokens, LoginError> {
        let reach = self.reach_of(forge)?;
        match way {
            Way::Login { client_id, client_secret, refresh } => {
                let client_secret =
                    Some(client_secret.clone()).filter(|one| !one.expose().is_empty());
                let application = Application { client_id: client_id.clone(), client_secret };
                renew(forge.kind, &forge.url, &application, refresh, &reach).await
            }
            Way::App { app, installation, key } => {
                let seconds = u64::try_from(clock::now().0 / 1_000_000).unwrap_or_default();
                let installation = Installation::Numbered(*installation);
                app_token(&forge.url, (&app.to_string(), key), installation, seconds, &reach).await
            }
        }
    }

    fn reach_of(&self, forge: &Forge) -> Result<Reach, LoginError> {
        Ok(self.ways.reach_of(forge).map_err(ForgeError::Way)?)
    }

    fn slot(&self, forge: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(forge.to_owned()).or_default())
    }

    fn latest(&self) -> MutexGuard<'_, BTreeMap<String, Begun>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only a person can do something about it.
fn is_final(error: &LoginError) -> bool {
    match error {
        LoginError::Refused(_) | LoginError::Denied | LoginError::NoSuchApplication(_) => true,
        LoginError::Forge(_)
        | LoginError::NoSuchWay(_)
        | LoginError::Port { .. }
        | LoginError::NotTheWayBack(_)
        | LoginError::TimedOut
        | LoginError::CodeExpired
        | LoginError::Strange { .. }
        | LoginError::Key(_) => false,
    }
}

/// The token of a forge that somebody is logged in to.
#[derive(Debug)]
pub(crate) struct Renewed {
    pub(crate) forge: Forge,
    pub(crate) logins: Arc<ForgeLogins>,
}

#[async_trait]
impl TokenSource for Renewed {
    fn latest(&self) -> Secret {
        self.logins.credentials.forge_token(&self.forge.name).unwrap_or_default()
    }

    async fn token(&self) -> Result<Secret, Problem> {
        let login = self.logins.credentials.forge_login(&self.forge.name);
        let is_past = login.as_ref().is_some_and(|login| login.has_ended(clock::now()));
        match login {
            Some(KeptLogin { ended: Some(problem), .. }) if is_past => Err(problem),
            Some(login) if login.is_due(clock::now()) => {
                let renewed = self.logins.renewed(&self.forge, None).await?;
                Ok(renewed.unwrap_or_default())
            }
            Some(_) | None => Ok(self.latest()),
        }
    }

    async fn instead_of(&self, refused: &Secret) -> Result<Option<Secret>, Problem> {
        self.logins.renewed(&self.forge, Some(refused)).await
    }
}
