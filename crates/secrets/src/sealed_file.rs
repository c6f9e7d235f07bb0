//! Credentials in a file sealed under a passphrase: the way on where there is
//! no keychain.
//!
//! ```text
//! pilothouse sealed 1
//! {"kdf":"argon2id","memory_kib":65536,"passes":3,"lanes":1,"salt":"…","check":"…","nonce":"…"}
//! base64 of the document, XChaCha20-Poly1305, with the lines above as its header
//! ```
//!
//! Argon2id makes 48 bytes of the passphrase: 32 are the key, and 16 stand in
//! the file as `check`, so that a wrong passphrase is told from a file that
//! somebody changed. The nonce is new with each writing.

use crate::SecretsError;
use crate::document::Document;
use crate::keep::Entries;
use crate::private_file::{Place, open_private, write_private};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use pilot_proto::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const FIRST_LINE: &str = "pilothouse sealed 1";
/// What RFC 9106 recommends where memory is scarce: 64 MiB, three passes; a
/// tenth of a second here, and as much for each guess.
const COST: (u32, u32, u32) = (64 * 1024, 3, 1);
/// What is taken of a file at most: whoever can change it must not be able to
/// make its opening take all memory or for ever.
const MOST: (u32, u32, u32) = (1024 * 1024, 16, 16);
const KEY: usize = 32;
const CHECK: usize = 16;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    check: String,
    nonce: String,
}

/// The open file. The passphrase is not kept; the key that it gave is.
pub struct SealedFile {
    path: PathBuf,
    header: Header,
    key: Zeroizing<[u8; KEY]>,
    document: Document,
}

impl SealedFile {
    /// True if there is one, whatever its passphrase.
    pub fn exists(path: &Path) -> bool {
        path.exists()
    }

    /// Opens the file, or makes it under this passphrase. Takes a moment, on
    /// purpose.
    pub fn open(path: &Path, passphrase: &Secret) -> Result<Self, SecretsError> {
        match open_private(path)? {
            Some(found) => Self::unseal(path, &found.text, passphrase),
            None => Self::make(path, passphrase),
        }
    }

    /// A secret.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Secret> {
        self.document.get(namespace, name)
    }

    /// All of it.
    pub fn entries(&self) -> Entries {
        self.document.entries()
    }

    /// Keeps a secret.
    pub fn set(
        &mut self,
        namespace: &str,
        name: &str,
        secret: &Secret,
    ) -> Result<(), SecretsError> {
        let document = self.document.with(namespace, name, secret);
        self.save(document.map_err(|why| damaged(&self.path, &why))?)
    }

    /// Forgets a secret; false if there was none.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Result<bool, SecretsError> {
        match self.document.without(namespace, name) {
            None => Ok(false),
            Some(document) => self.save(document).map(|()| true),
        }
    }

    fn make(path: &Path, passphrase: &Secret) -> Result<Self, SecretsError> {
        if passphrase.expose().is_empty() {
            return Err(SecretsError::Passphrase { path: path.to_owned(), why: "is empty" });
        }
        let (memory_kib, passes, lanes) = COST;
        let mut header = Header {
            kdf: "argon2id".to_owned(),
            memory_kib,
            passes,
            lanes,
            salt: hex::encode(random::<16>()?),
            check: String::new(),
            nonce: String::new(),
        };
        let (key, check) = derive(path, &header, passphrase)?;
        header.check = hex::encode(&check[..]);
        let mut file = Self { path: path.to_owned(), header, key, document: Document::empty() };
        file.save(Document::empty())?;
        Ok(file)
    }

    fn unseal(path: &Path, text: &str, passphrase: &Secret) -> Result<Self, SecretsError> {
        let damaged = |why: &str| damaged(path, why);
        let mut lines = text.lines();
        match lines.next() {
            Some(FIRST_LINE) => {}
            Some(line) if line.starts_with("pilothouse sealed ") => {
                return Err(damaged("it is of a newer version"));
            }
            _ => return Err(damaged("it is no sealed file")),
        }
        let (Some(head), Some(body)) = (lines.next(), lines.next()) else {
            return Err(damaged("its end is missing"));
        };
        let header: Header = serde_json::from_str(head).map_err(|_| damaged("its header"))?;
        let (key, check) = derive(path, &header, passphrase)?;
        let expected = hex::decode(&header.check).map_err(|_| damaged("its header"))?;
        if !bool::from(check[..].ct_eq(&expected)) {
            return Err(SecretsError::Passphrase { path: path.to_owned(), why: "is another" });
        }
        let nonce = hex::decode(&header.nonce).map_err(|_| damaged("its header"))?;
        let nonce: [u8; 24] = nonce.try_into().map_err(|_| damaged("its header"))?;
        let sealed = STANDARD.decode(body).map_err(|_| damaged("its contents"))?;
        let aad = aad(head);
        let payload = Payload { msg: &sealed, aad: aad.as_bytes() };
        let opened = cipher(&key).decrypt(&XNonce::from(nonce), payload);
        let opened = opened.map_err(|_| damaged("it was changed since it was sealed"))?;
        let opened = Zeroizing::new(opened);
        let text = std::str::from_utf8(&opened).map_err(|_| damaged("its contents"))?;
        let document = Document::parse(text).map_err(|why| damaged(&why))?;
        Ok(Self { path: path.to_owned(), header, key, document })
    }

    /// Memory follows the disk: a change that cannot be kept did not happen.
    fn save(&mut self, document: Document) -> Result<(), SecretsError> {
        let nonce = random::<24>()?;
        let header = Header { nonce: hex::encode(nonce), ..self.header.clone() };
        let head = serde_json::to_string(&header).expect("strings and numbers serialise");
        let text = Zeroizing::new(document.to_text());
        let aad = aad(&head);
        let payload = Payload { msg: text.as_bytes(), aad: aad.as_bytes() };
        let sealed = cipher(&self.key)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| damaged(&self.path, "it cannot be sealed"))?;
        let whole = format!("{aad}{}\n", STANDARD.encode(sealed));
        write_private(&self.path, &whole, Place::Replace)?;
        (self.header, self.document) = (header, document);
        Ok(())
    }
}

/// The first two lines, as they stand in the file.
fn aad(head: &str) -> String {
    format!("{FIRST_LINE}\n{head}\n")
}

fn cipher(key: &[u8; KEY]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

type Derived = (Zeroizing<[u8; KEY]>, Zeroizing<[u8; CHECK]>);

fn derive(path: &Path, header: &Header, passphrase: &Secret) -> Result<Derived, SecretsError> {
    let bad = || damaged(path, "its header asks for what we do not do");
    let bounded = header.memory_kib <= MOST.0 && header.passes <= MOST.1 && header.lanes <= MOST.2;
    if header.kdf != "argon2id" || !bounded {
        return Err(bad());
    }
    let salt = hex::decode(&header.salt).map_err(|_| bad())?;
    let params = Params::new(header.memory_kib, header.passes, header.lanes, Some(KEY + CHECK));
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(|_| bad())?);
    let mut out = Zeroizing::new([0; KEY + CHECK]);
    argon
        .hash_password_into(passphrase.expose().as_bytes(), &salt, &mut out[..])
        .map_err(|_| bad())?;
    let (mut key, mut check) = (Zeroizing::new([0; KEY]), Zeroizing::new([0; CHECK]));
    key.copy_from_slice(&out[..KEY]);
    check.copy_from_slice(&out[KEY..]);
    Ok((key, check))
}

fn random<const N: usize>() -> Result<[u8; N], SecretsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(SecretsError::Randomness)?;
    Ok(bytes)
}

fn damaged(path: &Path, why: &str) -> SecretsError {
    SecretsError::Damaged { path: path.to_owned(), why: why.to_owned() }
}

impl fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedFile").field("path", &self.path).finish_non_exhaustive()
    }
}
