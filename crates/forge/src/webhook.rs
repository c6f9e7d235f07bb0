//! Webhooks: is what came really of the forge, and what does it tell.
//!
//! Pure: the caller passes the headers and the raw body, before anything read
//! the body as JSON, and keeps the delivery ids it has seen. A delivery whose
//! signature is wrong tells nothing, not even which repository it is about.

mod news;

pub use news::{News, What};

use pilot_proto::{ForgeKind, Secret};
use ring::hmac;
use subtle::ConstantTimeEq;

/// Why a delivery was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// No header of the forge says what it is.
    #[error("the request is no webhook of a {0}: a header is missing")]
    Headers(ForgeKind),
    /// It is not signed.
    #[error("the webhook of the {0} is not signed: set a secret in the forge")]
    Unsigned(ForgeKind),
    /// It is signed with something else.
    #[error("the webhook of the {0} has a wrong signature")]
    Signature(ForgeKind),
    /// A secret of ours that is empty would let everything in.
    #[error("there is no secret to check webhooks with")]
    NoSecret,
}

/// A delivery that is of the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Unique for each delivery; the same again for one that is repeated.
    pub id: String,
    /// What happened, in the forge's word (`issues`, `Note Hook`).
    pub event: String,
    /// What it tells us.
    pub news: News,
}

/// Takes a delivery, if it is signed with `secret`. `header` finds a header by
/// its name in any case.
pub fn take<'a>(
    kind: ForgeKind,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
    secret: &Secret,
) -> Result<Delivery, WebhookError> {
    if secret.expose().is_empty() {
        return Err(WebhookError::NoSecret);
    }
    let (event, id) = match kind {
        ForgeKind::Gitea => (header("x-gitea-event"), header("x-gitea-delivery")),
        ForgeKind::Forgejo => (
            header("x-forgejo-event").or_else(|| header("x-gitea-event")),
            header("x-forgejo-delivery").or_else(|| header("x-gitea-delivery")),
        ),
        ForgeKind::GitHub => (header("x-github-event"), header("x-github-delivery")),
        // A repeated delivery keeps its idempotency key and gets another UUID.
        ForgeKind::GitLab => (
            header("x-gitlab-event"),
            header("idempotency-key").or_else(|| header("x-gitlab-event-uuid")),
        ),
    };
    let good = match kind {
        ForgeKind::GitLab => {
            let shown = header("x-gitlab-token").ok_or(WebhookError::Unsigned(kind))?;
            // Hashed first, so that the comparison tells nothing of its length.
            let hashed = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
            bool::from(hashed(shown).as_ref().ct_eq(hashed(secret.expose()).as_ref()))
        }
        ForgeKind::Gitea | ForgeKind::Forgejo | ForgeKind::GitHub => {
            let bare = match kind {
                ForgeKind::GitHub | ForgeKind::GitLab => None,
                ForgeKind::Gitea => header("x-gitea-signature"),
                ForgeKind::Forgejo => {
                    header("x-forgejo-signature").or_else(|| header("x-gitea-signature"))
                }
            };
            let prefixed = || header("x-hub-signature-256")?.trim().strip_prefix("sha256=");
            let shown = bare.filter(|text| !text.is_empty()).or_else(prefixed);
            let shown = shown.ok_or(WebhookError::Unsigned(kind))?;
            is_signature(shown.trim(), body, secret)
        }
    };
    if !good {
        return Err(WebhookError::Signature(kind));
    }
    let (Some(event), Some(id)) = (event, id.filter(|id| !id.is_empty())) else {
        return Err(WebhookError::Headers(kind));
    };
    let news = news::read(kind, event, body);
    Ok(Delivery { id: id.to_owned(), event: event.to_owned(), news })
}

/// HMAC-SHA256 over the raw body, in hex; compared in constant time.
fn is_signature(shown: &str, body: &[u8], secret: &Secret) -> bool {
    let Ok(shown) = hex::decode(shown) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    hmac::verify(&key, body, &shown).is_ok()
}
