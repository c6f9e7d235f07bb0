//! Logins that wait for a person at the forge.

use super::words::problem_of;
use super::{ForgeLogins, KeptLogin};
use crate::clock;
use pilot_forge::login::{Application, Browser, Device, LoginError, WayBack};
use pilot_proto::console::{ForgeLoginSeen, LoginStanding, NewForgeLogin};
use pilot_proto::{Code, Forge, ForgeKind, Problem, Secret};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a person may take at the forge in a browser. A code says itself.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Logins that wait at once; each has a port, or polls the forge.
const MOST: usize = 8;

/// What a person does there.
enum Waiting {
    Browser(Browser),
    Device(Device),
}

/// One that was begun; it is remembered until the next to the same forge.
pub(super) struct Begun {
    seen: ForgeLoginSeen,
    way_back: Option<WayBack>,
    cancel: CancellationToken,
    /// None once somebody has waited for its end.
    work: Option<JoinHandle<()>>,
}

impl ForgeLogins {
    /// Begins a login: a page to open, and perhaps a code to type in there.
    /// One to the same forge that waits is given up.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        forge: Forge,
        wanted: NewForgeLogin,
    ) -> Result<ForgeLoginSeen, Problem> {
        // One after the other: a port that is given up is free for the next.
        let _one = self.begun.lock().await;
        self.give_up(&forge.name).await;
        if self.waiting() >= MOST {
            let message = "Too many logins wait for somebody already.";
            return Err(Problem::new(Code::LimitReached, message)
                .hint("Finish one, or wait a quarter of an hour."));
        }
        let application = self.application(&forge, &wanted)?;
        let by_code = wanted.device.unwrap_or(forge.kind == ForgeKind::GitHub);
        let failed = |error: LoginError| problem_of(&forge.name, &error);
        let (waiting, seen, way_back) = if by_code {
            self.ask_for_code(&forge, &application).await.map_err(failed)?
        } else {
            let port = wanted.port.unwrap_or(0);
            self.open_port(&forge, &application, port).await.map_err(failed)?
        };
        let cancel = self.stop.child_token();
        let work = self.works.spawn({
            let (logins, cancel) = (Arc::clone(self), cancel.clone());
            async move { logins.wait(forge, application, waiting, cancel).await }
        });
        let begun = Begun { seen: seen.clone(), way_back, cancel, work: Some(work) };
        self.latest().insert(seen.name.clone(), begun);
        Ok(seen)
    }

    /// As which application: the one that was named, or that of the last login.
    fn application(&self, forge: &Forge, wanted: &NewForgeLogin) -> Result<Application, Problem> {
        let secret = Some(wanted.client_secret.clone()).filter(|one| !one.expose().is_empty());
        if let Some(client_id) = &wanted.client_id {
            return Ok(Application { client_id: client_id.clone(), client_secret: secret });
        }
        let before = self.credentials.forge_login(&forge.name);
        let known = before.as_ref().and_then(KeptLogin::application);
        known
            .map(|known| Application { client_secret: secret.or(known.client_secret), ..known })
            .ok_or_else(|| {
                let message = format!("Nobody has logged in to `{}` before.", forge.name);
                Problem::new(Code::Invalid, message).hint(
                    "Register an application at the forge, as docs/forges.md says, and give its id \
                     as `--client-id`.",
                )
            })
    }

    async fn ask_for_code(
        &self,
        forge: &Forge,
        application: &Application,
    ) -> Result<(Waiting, ForgeLoginSeen, Option<WayBack>), LoginError> {
        let reach = self.reach_of(forge)?;
        let device = Device::begin(forge.kind, &forge.url, application, &reach).await?;
        let (page, code) = (device.page().to_owned(), device.code().to_owned());
        let seen = begun(forge, page, Some(code), device.expires_in());
        Ok((Waiting::Device(device), seen, None))
    }

    async fn open_port(
        &self,
        forge: &Forge,
        application: &Application,
        port: u16,
    ) -> Result<(Waiting, ForgeLoginSeen, Option<WayBack>), LoginError> {
        let reach = self.reach_of(forge)?;
        let browser = Browser::begin(forge.kind, &forge.url, application, port, &reach).await?;
        let (page, way_back) = (browser.page().to_string(), browser.way_back());
        let seen = begun(forge, page, None, PATIENCE);
        Ok((Waiting::Browser(browser), seen, Some(way_back)))
    }

    /// How the latest login to a forge stands.
    pub(crate) fn standing(&self, name: &str) -> Result<ForgeLoginSeen, Problem> {
        self.latest().get(name).map(|begun| begun.seen.clone()).ok_or_else(|| nothing_begun(name))
    }

    /// Goes where a browser on another machine could not.
    pub(crate) fn finish(&self, name: &str, address: &Secret) -> Result<(), Problem> {
        let latest = self.latest();
        let begun = latest.get(name).ok_or_else(|| nothing_begun(name))?;
        let way_back = begun.way_back.as_ref().ok_or_else(|| {
            let message = format!("The login to `{name}` ends at the forge alone.");
            Problem::new(Code::Precondition, message).hint("Type in its code on the forge's page.")
        })?;
        way_back.bring(address).map_err(|error| problem_of(name, &error))
    }

    /// Gives up one that waits.
    pub(crate) async fn cancel(&self, name: &str) -> Result<(), Problem> {
        let _one = self.begun.lock().await;
        if self.give_up(name).await { Ok(()) } else { Err(nothing_begun(name)) }
    }

    /// False if there is none.
    async fn give_up(&self, name: &str) -> bool {
        let work = match self.latest().get_mut(name) {
            Some(begun) => {
                begun.cancel.cancel();
                begun.work.take()
            }
            None => return false,
        };
        if let Some(work) = work
            && let Err(error) = work.await
        {
            tracing::error!(forge = name, %error, "a login was broken off");
        }
        true
    }

    fn waiting(&self) -> usize {
        let waits = |begun: &&Begun| begun.seen.standing == LoginStanding::Waits;
        self.latest().values().filter(waits).count()
    }

    async fn wait(
        &self,
        forge: Forge,
        application: Application,
        waiting: Waiting,
        cancel: CancellationToken,
    ) {
        let name = forge.name.clone();
        let tokens = async {
            match waiting {
                Waiting::Browser(browser) => browser.wait(PATIENCE).await,
                Waiting::Device(device) => device.wait(tokio::time::sleep).await,
            }
        };
        let tokens = tokio::select! {
            tokens = tokens => tokens.map_err(|error| problem_of(&name, &error)),
            () = cancel.cancelled() => Err(given_up(&name)),
        };
        // What was got is kept, whatever happens meanwhile.
        let done = match tokens {
            Ok(tokens) => {
                let login = KeptLogin::of_login(&application, &tokens, clock::now());
                self.take_in(forge, &login, &tokens).await.map(drop)
            }
            Err(problem) => Err(problem),
        };
        match &done {
            Ok(()) => tracing::info!(forge = name, "somebody logged in to a forge"),
            Err(problem) => tracing::info!(forge = name, %problem, "a login came to nothing"),
        }
        if let Some(begun) = self.latest().get_mut(&name) {
            let standing = if done.is_ok() { LoginStanding::Done } else { LoginStanding::Failed };
            (begun.seen.standing, begun.seen.problem) = (standing, done.err());
        }
    }
}

fn begun(forge: &Forge, page: String, code: Option<String>, life: Duration) -> ForgeLoginSeen {
    ForgeLoginSeen {
        name: forge.name.clone(),
        page,
        code,
        until: clock::now().after(life),
        standing: LoginStanding::Waits,
        problem: None,
    }
}

fn nothing_begun(name: &str) -> Problem {
    Problem::new(Code::NotFound, format!("No login to `{name}` was begun."))
        .hint(format!("Begin one with `pilot forge login {name}`."))
}

fn given_up(name: &str) -> Problem {
    Problem::new(Code::Precondition, format!("The login to `{name}` was given up."))
        .hint(format!("Begin another with `pilot forge login {name}`."))
}
