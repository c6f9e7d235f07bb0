//! Secrets sealed to a runner's key: what a hub stores and relays is text that
//! only that runner can open.
//!
//! HPKE (RFC 9180) in base mode: X25519-HKDF-SHA256, HKDF-SHA256 and
//! ChaCha20-Poly1305. The text is base64 of the encapsulated key (32 bytes)
//! and the ciphertext. What it is for (run, fence, name) is bound in as
//! associated data: in another run, or under another name, it opens nothing.
//!
//! **Invariant:** an empty secret is neither sealed nor given out.

use crate::SecretsError;
use crate::private_file::{Place, open_private, write_private};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use pilot_proto::{RunId, SealedGrant, Secret, SecretDelivery, SecretUse};
use std::fmt;
use std::path::{Component, Path};
use zeroize::Zeroizing;

/// Tells our sealed texts from everybody else's use of HPKE.
const INFO: &[u8] = b"pilothouse grant 1";
/// Bytes of either key.
const KEY: usize = 32;
/// Most bytes of a secret: a cluster's configuration with its certificates has
/// tens of kilobytes, and a link's frame has to hold several.
const LONGEST: usize = 256 * 1024;

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// A secret was not granted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// There is nothing in it.
    #[error("the secret `{0}` is empty")]
    Empty(String),
    /// It is longer than what travels.
    #[error("the secret `{0}` has more than {LONGEST} bytes")]
    TooLong(String),
    /// A process cannot be given it that way.
    #[error("the secret `{name}` cannot be delivered: {why}")]
    Delivery {
        /// Which secret.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// What was given as a runner's public key is none.
    #[error("the runner's public key is not 64 hex digits of an X25519 key")]
    PublicKey,
    /// Sealed to another key or for another run, fence or name; cut off; or
    /// changed on its way. Nobody can tell which.
    #[error("the grant of `{0}` does not open: it was sealed for something else, or changed")]
    DoesNotOpen(String),
}

/// What one sealed text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantContext<'a> {
    /// The run that may use it.
    pub run: RunId,
    /// The run's fence: a run that was given away and taken back has another.
    pub fence: u64,
    /// The secret's name.
    pub name: &'a str,
}

impl GrantContext<'_> {
    /// The associated data: 16 bytes, 8 bytes, and the name, so that no two
    /// contexts have the same.
    fn bytes(self) -> Vec<u8> {
        let mut bytes = self.run.0.as_bytes().to_vec();
        bytes.extend_from_slice(&self.fence.to_be_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }
}

/// A runner's key pair, or the hub's. The private half never leaves its owner's
/// machine and is wiped from memory when this is dropped.
pub struct RunnerKey {
    private: PrivateKey,
    public: PublicKey,
}

impl RunnerKey {
    /// A new one.
    pub fn generate() -> Result<Self, SecretsError> {
        let mut material = Zeroizing::new([0; KEY]);
        getrandom::fill(&mut material[..]).map_err(SecretsError::Randomness)?;
        let (private, public) = X25519HkdfSha256::derive_keypair(&material[..]);
        Ok(Self { private, public })
    }

    /// The one in a private file; makes both if there is no file. Two
    /// processes that make it at the same time end up with the same key.
    pub fn load(path: &Path) -> Result<Self, SecretsError> {
        let damaged =
            |why: &str| SecretsError::Damaged { path: path.to_owned(), why: why.to_owned() };
        let found = match open_private(path)? {
            Some(found) => found,
            None => {
                let made = Zeroizing::new(Self::generate()?.to_text());
                write_private(path, &made, Place::IfAbsent)?;
                open_private(path)?.ok_or_else(|| damaged("it vanished while it was read"))?
            }
        };
        Self::from_secret(&Secret::new(found.text))
            .ok_or_else(|| damaged("expected 64 hex digits, an X25519 private key"))
    }

    /// The one that [`RunnerKey::to_secret`] gave; none if it is none.
    pub fn from_secret(kept: &Secret) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; KEY]);
        hex::decode_to_slice(kept.expose().trim(), &mut bytes[..]).ok()?;
        let private = PrivateKey::from_bytes(&bytes[..]).ok()?;
        let public = X25519HkdfSha256::sk_to_pk(&private);
        Some(Self { private, public })
    }

    /// The private half, for whoever keeps it elsewhere than in a file.
    pub fn to_secret(&self) -> Secret {
        Secret::new(self.to_text().trim())
    }

    /// The public half: 64 hex digits, what others seal to.
    pub fn public(&self) -> String {
        hex::encode(self.public.to_bytes())
    }

    /// Opens what was sealed to this key for this purpose.
    pub fn open(&self, sealed: &str, context: GrantContext<'_>) -> Result<Secret, GrantError> {
        let closed = || GrantError::DoesNotOpen(context.name.to_owned());
        // Whoever relays it must not be able to fill the runner's memory.
        if sealed.len() > 2 * LONGEST {
            return Err(closed());
        }
        let bytes = STANDARD.decode(sealed).map_err(|_| closed())?;
        let (key, ciphertext) = bytes.split_at_checked(KEY).ok_or_else(closed)?;
        let key = EncappedKey::from_bytes(key).map_err(|_| closed())?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &key,
            INFO,
            ciphertext,
            &context.bytes(),
        );
        let opened = Zeroizing::new(opened.map_err(|_| closed())?);
        let text = std::str::from_utf8(&opened).map_err(|_| closed())?;
        // A sealer that is not ours may have sealed nothing.
        if text.is_empty() {
            return Err(GrantError::Empty(context.name.to_owned()));
        }
        Ok(Secret::new(text))
    }

    /// Opens a grant as it came to the runner of this run and fence.
    pub fn open_grant(
        &self,
        grant: &SealedGrant,
        run: RunId,
        fence: u64,
    ) -> Result<Secret, GrantError> {
        let context = GrantContext { run, fence, name: &grant.name };
        let secret = self.open(&grant.sealed, context)?;
        check_delivery(&grant.name, &grant.delivery, &secret)?;
        Ok(secret)
    }

    /// For the file, with a newline.
    fn to_text(&self) -> String {
        let bytes = Zeroizing::new(<[u8; KEY]>::from(self.private.to_bytes()));
        hex::encode(&bytes[..]) + "\n"
    }
}

impl fmt::Debug for RunnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunnerKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// Seals a secret to a runner's public key (64 hex digits) for one purpose.
/// The same secret looks different each time.
pub fn seal(
    public: &str,
    context: GrantContext<'_>,
    secret: &Secret,
) -> Result<String, GrantError> {
    let name = || context.name.to_owned();
    if secret.is_empty() {
        return Err(GrantError::Empty(name()));
    }
    if secret.expose().len() > LONGEST {
        return Err(GrantError::TooLong(name()));
    }
    let mut key = [0; KEY];
    hex::decode_to_slice(public, &mut key).map_err(|_| GrantError::PublicKey)?;
    let key = PublicKey::from_bytes(&key).map_err(|_| GrantError::PublicKey)?;
    // It fails for a key that is a point of small order: nobody's key.
    let (encapped, ciphertext) =
        hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            INFO,
            secret.expose().as_bytes(),
            &context.bytes(),
        )
        .map_err(|_| GrantError::PublicKey)?;
    let mut bytes = encapped.to_bytes().to_vec();
    bytes.extend_from_slice(&ciphertext);
    Ok(STANDARD.encode(bytes))
}

/// Seals what a project uses, for one run.
pub fn seal_grant(
    public: &str,
    run: RunId,
    fence: u64,
    used: &SecretUse,
    secret: &Secret,
) -> Result<SealedGrant, GrantError> {
    let context = GrantContext { run, fence, name: &used.name };
    // First, so that an empty one is called empty however it is delivered.
    let sealed = seal(public, context, secret)?;
    check_delivery(&used.name, &used.delivery, secret)?;
    Ok(SealedGrant { name: used.name.clone(), sealed, delivery: used.delivery.clone() })
}

/// Whether a project may name a secret so: checked when it is set, so that a
/// person hears of it and not a run.
pub fn check_use(used: &SecretUse) -> Result<(), GrantError> {
    check_way(&used.name, &used.delivery)
}

fn check_delivery(
    name: &str,
    delivery: &SecretDelivery,
    secret: &Secret,
) -> Result<(), GrantError> {
    check_way(name, delivery)?;
    let why = "an environment variable cannot hold a zero byte";
    match delivery {
        SecretDelivery::Environment { .. } if secret.expose().contains('\0') => {
            Err(GrantError::Delivery { name: name.to_owned(), why })
        }
        SecretDelivery::Environment { .. }
        | SecretDelivery::File { .. }
        | SecretDelivery::FileDescriptor => Ok(()),
    }
}

fn check_way(name: &str, delivery: &SecretDelivery) -> Result<(), GrantError> {
    let wrong = |why| Err(GrantError::Delivery { name: name.to_owned(), why });
    match delivery {
        SecretDelivery::Environment { variable } if !is_variable(variable) => {
            wrong("the variable's name has to be letters, digits and `_`, no digit first")
        }
        SecretDelivery::File { path, .. } if !is_inside(path) => {
            wrong("its file has to lie inside the run's directory of secrets")
        }
        SecretDelivery::File { mode: Some(mode), .. } if mode & !0o777 != 0 => {
            wrong("its file's mode may only say who reads, writes and runs it")
        }
        SecretDelivery::Environment { .. }
        | SecretDelivery::File { .. }
        | SecretDelivery::FileDescriptor => Ok(()),
    }
}

fn is_variable(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    letters && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit()
}

fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    let any = parts.peek().is_some() && !path.contains('\0') && !path.ends_with('/');
    any && parts.all(|part| matches!(part, Component::Normal(_)))
}
