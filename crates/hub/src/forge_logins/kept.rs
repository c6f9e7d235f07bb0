//! How a forge's token is renewed, as it is kept among the credentials.

use pilot_forge::login::{Application, PERMISSIONS, Tokens, scopes};
use pilot_proto::console::{AccessBy, ForgeAccess, NewForgeApp};
use pilot_proto::secret::in_clear;
use pilot_proto::{ForgeKind, Problem, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A login is renewed so long before it ends, or at half of a shorter life: a
/// run that begins now should still be able to push.
const AHEAD: Duration = Duration::from_secs(20 * 60);

/// The token itself is kept where pasted ones are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptLogin {
    pub(super) way: Way,
    /// When the token is to be renewed, and when it ends.
    due: Option<Timestamp>,
    ends: Option<Timestamp>,
    /// Nobody renews it any more.
    #[serde(default)]
    pub(super) ended: Option<Problem>,
}

/// Where the next token comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub(super) enum Way {
    Login {
        client_id: String,
        #[serde(with = "in_clear")]
        client_secret: Secret,
        /// Empty: the login does not end, or cannot be renewed.
        #[serde(with = "in_clear")]
        refresh: Secret,
    },
    App {
        app: u64,
        installation: u64,
        #[serde(with = "in_clear")]
        key: Secret,
    },
}

impl KeptLogin {
    pub(super) fn of_login(application: &Application, tokens: &Tokens, now: Timestamp) -> Self {
        let way = Way::Login {
            client_id: application.client_id.clone(),
            client_secret: application.client_secret.clone().unwrap_or_default(),
            refresh: tokens.refresh.clone().unwrap_or_default(),
        };
        Self { way, due: None, ends: None, ended: None }.lasting(tokens.expires_in, now)
    }

    pub(super) fn of_app(new: &NewForgeApp, tokens: &Tokens, now: Timestamp) -> Self {
        let NewForgeApp { app, installation, key } = new.clone();
        let way = Way::App { app, installation, key };
        Self { way, due: None, ends: None, ended: None }.lasting(tokens.expires_in, now)
    }

    /// After it was renewed.
    pub(super) fn after(self, tokens: &Tokens, now: Timestamp) -> Self {
        let way = match (self.way, &tokens.refresh) {
            (Way::Login { client_id, client_secret, .. }, Some(refresh)) => {
                Way::Login { client_id, client_secret, refresh: refresh.clone() }
            }
            // One that may be used again is not sent again.
            (way, _) => way,
        };
        Self { way, ended: None, ..self }.lasting(tokens.expires_in, now)
    }

    fn lasting(self, life: Option<Duration>, now: Timestamp) -> Self {
        let due = life.map(|life| now.after(life.saturating_sub(AHEAD).max(life / 2)));
        Self { due, ends: life.map(|life| now.after(life)), ..self }
    }

    /// From now on nobody renews it.
    pub(super) fn ending(self, problem: Problem) -> Self {
        Self { ended: Some(problem), ..self }
    }

    pub(super) fn can_be_renewed(&self) -> bool {
        self.ended.is_none()
            && match &self.way {
                Way::Login { refresh, .. } => !refresh.expose().is_empty(),
                Way::App { .. } => true,
            }
    }

    /// When somebody should renew it.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due.filter(|_| self.can_be_renewed())
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    /// As which application somebody logged in.
    pub(super) fn application(&self) -> Option<Application> {
        match &self.way {
            Way::Login { client_id, client_secret, .. } => {
                let secret = Some(client_secret.clone()).filter(|one| !one.expose().is_empty());
                Some(Application { client_id: client_id.clone(), client_secret: secret })
            }
            Way::App { .. } => None,
        }
    }

    pub(super) fn seen(&self, kind: ForgeKind) -> ForgeAccess {
        let by = match &self.way {
            Way::Login { client_id, .. } => AccessBy::Login { client_id: client_id.clone() },
            Way::App { app, installation, .. } => {
                AccessBy::App { app: *app, installation: *installation }
            }
        };
        let needs = match &self.way {
            Way::Login { .. } => scopes(kind),
            Way::App { .. } => PERMISSIONS,
        };
        ForgeAccess {
            by,
            needs: needs.iter().map(|&need| need.to_owned()).collect(),
            ends_at: self.ends,
            renewed: self.can_be_renewed(),
            problem: self.ended.clone(),
        }
    }
}
