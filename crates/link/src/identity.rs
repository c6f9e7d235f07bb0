//! Who a runner is: an Ed25519 key that it made itself and that never leaves
//! its machine.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use pilot_proto::Secret;
use std::fmt;

/// A runner's key.
#[derive(Clone)]
pub struct RunnerKey(SigningKey);

/// The text is not a key.
#[derive(Debug, thiserror::Error)]
#[error("a runner's key is 64 hex digits; this is not")]
pub struct BadKey;

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("no random bytes from the system: {0}")]
pub struct NoRandomness(pub(crate) getrandom::Error);

impl RunnerKey {
    /// A new key, from the system's randomness.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(NoRandomness)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads what [`RunnerKey::to_hex`] wrote; white space around it is ignored.
    pub fn from_hex(text: &Secret) -> Result<Self, BadKey> {
        let mut seed = [0; 32];
        hex::decode_to_slice(text.expose().trim(), &mut seed).map_err(|_| BadKey)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The secret half, 64 hex digits: for a file that only its owner reads.
    pub fn to_hex(&self) -> Secret {
        Secret::new(hex::encode(self.0.to_bytes()))
    }

    /// The public half, 64 hex digits.
    pub fn public_hex(&self) -> String {
        hex::encode(self.0.verifying_key().to_bytes())
    }

    /// Signature over a text, 128 hex digits.
    pub fn sign(&self, text: &str) -> String {
        hex::encode(self.0.sign(text.as_bytes()).to_bytes())
    }
}

impl fmt::Debug for RunnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunnerKey({})", self.public_hex())
    }
}

/// True if `signature` over `text` was made by the key's owner. Anything that
/// is not well-formed hex of the right length is false.
pub fn verify(public_hex: &str, text: &str, signature_hex: &str) -> bool {
    let (mut public, mut signature) = ([0; 32], [0; 64]);
    if hex::decode_to_slice(public_hex, &mut public).is_err()
        || hex::decode_to_slice(signature_hex, &mut signature).is_err()
    {
        return false;
    }
    // Strict: weak keys and non-canonical signatures are refused too.
    VerifyingKey::from_bytes(&public).is_ok_and(|key| {
        key.verify_strict(text.as_bytes(), &Signature::from_bytes(&signature)).is_ok()
    })
}
