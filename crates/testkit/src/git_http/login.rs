//! Logins over HTTP, as git and the forges' clients show them.

use super::text_header;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a client showed to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// `Authorization: Basic`.
    Basic {
        /// User name.
        user: String,
        /// Password or token.
        password: String,
    },
    /// `Authorization: token …` or `Authorization: Bearer …`.
    Token(String),
}

/// As the headers of a request have it.
pub(super) fn login(headers: &HeaderMap) -> Option<Login> {
    let value = text_header(headers, "authorization")?;
    let (scheme, rest) = value.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => {
            let shown = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
            let (user, password) = shown.split_once(':')?;
            Some(Login::Basic { user: user.to_owned(), password: password.to_owned() })
        }
        "token" | "bearer" => Some(Login::Token(rest.trim().to_owned())),
        _ => None,
    }
}
