//! Logging in: OAuth in a browser with PKCE (Gitea, Forgejo, GitLab), by a code
//! on another machine (GitHub), renewing, and the installation of a GitHub App.
//!
//! The consent is given as soon as the page is opened. A wrong verifier is
//! refused, as the newest Gitea does; older ones took it on the first consent,
//! so no client may rely on it.

use super::ForgeDouble;
use super::api::Core;
use super::message::{Answer, Ask, No, decoded};
use super::world::World;
use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pilot_proto::ForgeKind;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

/// Who may log in, and who is about to.
#[derive(Debug, Default)]
pub(super) struct Logins {
    applications: BTreeSet<String>,
    /// Who gives the consent.
    person: String,
    /// By code: the challenge and where it goes back to.
    codes: BTreeMap<String, (String, String)>,
    refresh: BTreeSet<String>,
    /// Polls so far, and what became of the code.
    device: (u32, Typed),
    /// Seconds between two polls; none: five.
    interval: Option<u64>,
    /// The person does not consent.
    denies: bool,
    app: Option<String>,
    /// What the App may not.
    app_lacks: Option<String>,
    count: u32,
    /// How long a token is good for, in seconds; none: an hour.
    life: Option<u64>,
    /// Tokens do not end, and are not renewed.
    endless: bool,
    /// Scopes of the tokens; none: all that are needed.
    scopes: Option<Vec<String>>,
    /// Access tokens so far.
    given: Vec<String>,
}

/// What became of the code that a person is to type in.
#[derive(Debug, Clone, Copy, Default)]
enum Typed {
    #[default]
    NotYet,
    Yes,
    Denied,
    TooLate,
}

impl ForgeDouble {
    /// Somebody registered an application, and `person` will consent to it.
    pub fn application(&self, client_id: &str, person: &str) {
        self.core.world().user(person);
        let mut logins = self.core.logins();
        logins.applications.insert(client_id.to_owned());
        person.clone_into(&mut logins.person);
    }

    /// A person typed in the code of the device.
    pub fn type_in_the_code(&self) {
        self.core.logins().device.1 = Typed::Yes;
    }

    /// A person says no to the device.
    pub fn deny_the_code(&self) {
        self.core.logins().device.1 = Typed::Denied;
    }

    /// Nobody typed in the code in time.
    pub fn expire_the_code(&self) {
        self.core.logins().device.1 = Typed::TooLate;
    }

    /// How many seconds are between two polls of a device.
    pub fn poll_every(&self, secs: u64) {
        self.core.logins().interval = Some(secs);
    }

    /// From now on the person does not consent, or does again.
    pub fn deny_consent(&self, denies: bool) {
        self.core.logins().denies = denies;
    }

    /// From now on tokens of logins are good for so many seconds.
    pub fn login_life(&self, secs: u64) {
        self.core.logins().life = Some(secs);
    }

    /// From now on tokens of logins do not end and are not renewed, as those of
    /// most OAuth apps of GitHub.
    pub fn endless_logins(&self) {
        self.core.logins().endless = true;
    }

    /// From now on logins give tokens with these scopes.
    pub fn login_scopes(&self, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.core.logins().scopes = Some(scopes);
    }

    /// How many tokens logins, renewals and Apps got so far.
    pub fn logins(&self) -> u32 {
        u32::try_from(self.core.logins().given.len()).expect("few")
    }

    /// The tokens that logins and Apps got so far are good no more; they can be
    /// renewed.
    pub fn end_tokens(&self) {
        let given = std::mem::take(&mut self.core.logins().given);
        let mut world = self.core.world();
        for token in &given {
            world.tokens.remove(token);
        }
        drop(world);
        self.core.logins().given = given;
    }

    /// Nothing is renewed any more.
    pub fn forget_logins(&self) {
        self.core.logins().refresh.clear();
    }

    /// A GitHub App is installed on everything.
    pub fn install_app(&self, app: &str) {
        self.core.world().user("app[bot]");
        self.core.logins().app = Some(app.to_owned());
    }

    /// The App has all permissions but this one; none: it has all.
    pub fn app_lacks(&self, permission: Option<&str>) {
        self.core.logins().app_lacks = permission.map(str::to_owned);
    }
}

impl Core {
    fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of a login; none for every other.
    pub(super) fn log_in(&self, world: &mut World, ask: &Ask) -> Option<Answer> {
        let gitlab = self.kind == ForgeKind::GitLab;
        let form = pairs(&ask.raw_body);
        match (ask.method.as_str(), ask.path.as_str(), gitlab) {
            ("GET", "/login/oauth/authorize", false) | ("GET", "/oauth/authorize", true) => {
                Some(self.consent(&ask.query))
            }
            ("POST", "/login/oauth/access_token", false) | ("POST", "/oauth/token", true) => {
                Some(self.grant(world, &form))
            }
            ("POST", "/login/device/code", false) if self.kind == ForgeKind::GitHub => {
                if !self.knows(&form) {
                    return Some(Answer::json(404, &json!({ "error": "Not Found" })));
                }
                Some(Answer::json(
                    200,
                    &json!({
                        "device_code": "a-device-code",
                        "user_code": "WDJB-MJHT",
                        "verification_uri": format!("{}/login/device", self.url),
                        "expires_in": 900,
                        "interval": self.logins().interval.unwrap_or(5),
                    }),
                ))
            }
            _ => None,
        }
    }

    fn knows(&self, given: &BTreeMap<String, String>) -> bool {
        given.get("client_id").is_some_and(|id| self.logins().applications.contains(id))
    }

    fn consent(&self, query: &BTreeMap<String, String>) -> Answer {
        let text = |name: &str| query.get(name).map_or("", String::as_str);
        let redirect = text("redirect_uri");
        // Any port, but this address.
        let back = redirect.parse::<Uri>().ok();
        let good =
            back.is_some_and(|uri| uri.host() == Some("127.0.0.1") && uri.path() == "/callback");
        if !self.knows(query) || !good || text("response_type") != "code" {
            return Answer::page(400);
        }
        let mut location = format!("{redirect}?state={}", text("state"));
        if self.logins().denies {
            location = format!("{location}&error=access_denied");
        } else if text("code_challenge_method") == "S256" && !text("code_challenge").is_empty() {
            let mut logins = self.logins();
            logins.count += 1;
            let code = format!("code-{}", logins.count);
            let kept = (text("code_challenge").to_owned(), redirect.to_owned());
            logins.codes.insert(code.clone(), kept);
            location = format!("{location}&code={code}");
        } else {
            location = format!("{location}&error=invalid_request");
        }
        Answer {
            status: 302,
            headers: vec![("location".to_owned(), location)],
            body: String::new(),
        }
    }

    fn grant(&self, world: &mut World, form: &BTreeMap<String, String>) -> Answer {
        // GitHub refuses with 200, the others with 400.
        let status = if self.kind == ForgeKind::GitHub { 200 } else { 400 };
        let no = |error: &str| Answer::json(status, &json!({ "error": error }));
        if !self.knows(form) {
            return no("invalid_client");
        }
        let text = |name: &str| form.get(name).map_or("", String::as_str);
        let mut logins = self.logins();
        match text("grant_type") {
            "authorization_code" => {
                // Good once.
                let Some((challenge, redirect)) = logins.codes.remove(text("code")) else {
                    return no("unauthorized_client");
                };
                let shown = URL_SAFE_NO_PAD.encode(Sha256::digest(text("code_verifier")));
                if shown != challenge || redirect != text("redirect_uri") {
                    return no("unauthorized_client");
                }
            }
            "refresh_token" => {
                if !logins.refresh.remove(text("refresh_token")) {
                    return no("unauthorized_client");
                }
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                logins.device.0 += 1;
                match logins.device {
                    (1, _) => return no("slow_down"),
                    (_, Typed::NotYet) => return no("authorization_pending"),
                    (_, Typed::Denied) => return no("access_denied"),
                    (_, Typed::TooLate) => return no("expired_token"),
                    (_, Typed::Yes) => {}
                }
            }
            _ => return no("unsupported_grant_type"),
        }
        logins.count += 1;
        let refresh = format!("refresh-{}", logins.count);
        logins.refresh.insert(refresh.clone());
        let needed = || self.all_scopes().iter().map(|&scope| scope.to_owned()).collect();
        let scopes: Vec<String> = logins.scopes.clone().unwrap_or_else(needed);
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let access = world.token(&logins.person, &scopes);
        logins.given.push(access.clone());
        let mut answer = json!({
            "access_token": access,
            "token_type": "bearer",
            "scope": scopes.join(" "),
        });
        if !logins.endless {
            answer["expires_in"] = json!(logins.life.unwrap_or(3600));
            answer["refresh_token"] = json!(refresh);
        }
        Answer::json(200, &answer)
    }

    fn all_scopes(&self) -> &'static [&'static str] {
        match self.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => &super::SCOPES,
            ForgeKind::GitHub => &["repo"],
            ForgeKind::GitLab => &["api"],
        }
    }

    /// Who a JWT says it is of; none for other tokens.
    pub(super) fn app_of(token: &str) -> Option<String> {
        let claims = token.split('.').nth(1)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        Some(claims["iss"].as_str()?.to_owned())
    }

    /// What an App may ask as itself.
    pub(super) fn installation(
        &self,
        world: &mut World,
        app: &str,
        path: &[&str],
    ) -> Result<Answer, No> {
        let is_installed = self.logins().app.as_deref() == Some(app);
        if !is_installed {
            return Err(No::new(401, "A JSON web token could not be decoded"));
        }
        match path {
            ["repos", owner, name, "installation"]
                if world.find(&format!("{owner}/{name}")).is_some() =>
            {
                Ok(Answer::json(200, &json!({ "id": 77 })))
            }
            ["app", "installations", "77", "access_tokens"] => {
                let token = world.token("app[bot]", &["repo"]);
                let mut logins = self.logins();
                logins.given.push(token.clone());
                let mut permissions = json!({
                    "actions": "write",
                    "checks": "read",
                    "contents": "write",
                    "issues": "write",
                    "metadata": "read",
                    "pull_requests": "write",
                });
                if let (Some(lacks), Some(all)) = (&logins.app_lacks, permissions.as_object_mut()) {
                    all.remove(lacks);
                }
                Ok(Answer::json(
                    201,
                    &json!({
                        "token": token,
                        "expires_at": "2026-01-01T01:00:00Z",
                        "permissions": permissions,
                    }),
                ))
            }
            _ => Err(No::new(404, "Not Found")),
        }
    }
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
