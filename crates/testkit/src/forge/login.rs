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
    /// Polls so far, and whether the code was typed in.
    device: (u32, bool),
    app: Option<String>,
    count: u32,
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
        self.core.logins().device.1 = true;
    }

    /// A GitHub App is installed on everything.
    pub fn install_app(&self, app: &str) {
        self.core.world().user("app[bot]");
        self.core.logins().app = Some(app.to_owned());
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
                        "interval": 5,
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
        if text("code_challenge_method") == "S256" && !text("code_challenge").is_empty() {
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
                    (_, false) => return no("authorization_pending"),
                    (_, true) => {}
                }
            }
            _ => return no("unsupported_grant_type"),
        }
        logins.count += 1;
        let refresh = format!("refresh-{}", logins.count);
        logins.refresh.insert(refresh.clone());
        let person = logins.person.clone();
        drop(logins);
        let access = world.token(&person, self.all_scopes());
        Answer::json(
            200,
            &json!({
                "access_token": access,
                "token_type": "bearer",
                "expires_in": 3600,
                "refresh_token": refresh,
            }),
        )
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
        if self.logins().app.as_deref() != Some(app) {
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
                Ok(Answer::json(
                    201,
                    &json!({ "token": token, "expires_at": "2026-01-01T01:00:00Z" }),
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
