//! A GitHub App: its own word (a JWT, RS256), and the tokens of an
//! installation, which live for an hour and are simply got anew.

use super::{LoginError, Tokens};
use crate::connect::Credential;
use crate::github::GitHub;
use crate::http::Reach;
use crate::publish::forge_address;
use crate::repository::Repository;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pilot_proto::Secret;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::time::Duration;

/// GitHub takes ten minutes at most; the rest is for clocks that differ.
const LIFE: u64 = 9 * 60;
const SKEW: u64 = 60;
/// What GitHub says of an installation's token.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// The word of the App `app` at `now` (seconds of Unix time), signed with its
/// private key (PEM, as GitHub gives it).
pub fn app_jwt(app: &str, key: &Secret, now: u64) -> Result<Secret, LoginError> {
    let pem = PrivateKeyDer::from_pem_slice(key.expose().as_bytes());
    let key = match pem.map_err(|_| LoginError::Key("it is no private key in PEM"))? {
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        _ => return Err(LoginError::Key("it is not an RSA key")),
    };
    let key = key.map_err(|_| LoginError::Key("it is not an RSA key of 2048 bits or more"))?;
    let head = json!({ "alg": "RS256", "typ": "JWT" });
    let claims = json!({ "iat": now.saturating_sub(SKEW), "exp": now + LIFE, "iss": app });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&head), part(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| LoginError::Key("it does not sign"))?;
    Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// Whose token is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Installation<'a> {
    /// That on a repository, for it alone.
    On(&'a Repository),
    /// One by its number, for all that it has.
    Numbered(u64),
}

/// A token of an installation of the App. Got anew when it ends: there is
/// nothing to renew it with.
pub async fn app_token(
    url: &str,
    (app, key): (&str, &Secret),
    installation: Installation<'_>,
    now: u64,
    reach: &Reach,
) -> Result<Tokens, LoginError> {
    let jwt = app_jwt(app, key, now)?;
    let github = GitHub::new(&forge_address(url)?, &Credential::Login(jwt), reach)?;
    let access = match installation {
        Installation::On(repository) => {
            let number = github.installation_on(repository).await?;
            github.installation_token(number, Some(repository)).await?
        }
        Installation::Numbered(number) => github.installation_token(number, None).await?,
    };
    let expires_in = Some(TOKEN_LIFE);
    Ok(Tokens { access: Secret::new(access), refresh: None, expires_in, scopes: None })
}
