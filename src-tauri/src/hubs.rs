//! The hubs that a person added, in a file without secrets. Their tokens are
//! in the keychain.

use crate::json_file::{self, FileProblem};
use pilot_proto::{Code, Problem};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use url::Url;
use uuid::Uuid;

/// The id of the hub in this very program.
pub(crate) const LOCAL: &str = "local";
/// More is a mistake of some script.
const MOST: usize = 100;
/// A name fits into a menu.
const MAX_NAME: usize = 100;

/// A hub as the pages see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HubEntry {
    /// What the pages call it.
    pub(crate) id: String,
    /// What the person calls it.
    pub(crate) name: String,
    /// Its base URL.
    pub(crate) url: String,
    /// SHA-256 of its pinned certificate, hex; none on this machine, or where
    /// the system's authorities decide.
    pub(crate) fingerprint: Option<String>,
    /// It lives in this very program.
    #[serde(default, skip_deserializing)]
    pub(crate) local: bool,
}

/// The hubs and their file.
#[derive(Debug)]
pub(crate) struct HubBook {
    path: PathBuf,
    hubs: Vec<HubEntry>,
}

/// Why the book does not take something.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookProblem {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileProblem),
    /// No such hub.
    #[error("no hub `{0}` is known here")]
    Unknown(String),
    /// The name is empty or long.
    #[error("a hub's name has 1 to {MAX_NAME} characters")]
    Name,
    /// The same address twice.
    #[error("the hub at `{url}` is known already as `{name}`")]
    Twice {
        /// Its address.
        url: String,
        /// Its name.
        name: String,
    },
    /// Too many.
    #[error("{MOST} hubs are known already")]
    Many,
    /// No fingerprint.
    #[error("a fingerprint is 64 hex digits")]
    Fingerprint,
}

impl From<BookProblem> for Problem {
    fn from(error: BookProblem) -> Self {
        let message = format!("{error}.");
        match error {
            BookProblem::File(file) => file.into(),
            BookProblem::Unknown(_) => Self::new(Code::NotFound, message),
            BookProblem::Name | BookProblem::Fingerprint => Self::new(Code::Invalid, message),
            BookProblem::Twice { .. } => Self::new(Code::Precondition, message)
                .hint("Remove the other first, if its token is to be another one."),
            BookProblem::Many => Self::new(Code::TooLarge, message),
        }
    }
}

impl HubBook {
    /// Reads it.
    pub(crate) fn open(path: &Path) -> Result<Self, FileProblem> {
        let hubs = json_file::read(path)?.unwrap_or_default();
        Ok(Self { path: path.to_owned(), hubs })
    }

    /// All, in the order they were added.
    pub(crate) fn all(&self) -> &[HubEntry] {
        &self.hubs
    }

    /// One.
    pub(crate) fn get(&self, id: &str) -> Result<&HubEntry, BookProblem> {
        self.hubs
            .iter()
            .find(|hub| hub.id == id)
            .ok_or_else(|| BookProblem::Unknown(id.chars().take(64).collect()))
    }

    /// What an entry for this would be; [`HubBook::keep`] adds it.
    pub(crate) fn draft(
        &self,
        name: &str,
        url: &str,
        fingerprint: Option<&str>,
    ) -> Result<HubEntry, BookProblem> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(BookProblem::Name);
        }
        if self.hubs.len() >= MOST {
            return Err(BookProblem::Many);
        }
        let url = trimmed(url);
        if let Some(known) = self.hubs.iter().find(|hub| hub.url == url) {
            return Err(BookProblem::Twice { url, name: known.name.clone() });
        }
        let fingerprint = fingerprint.map(self::fingerprint).transpose()?;
        #[expect(clippy::disallowed_methods, reason = "the file that mints the ids of hubs")]
        let id = Uuid::new_v4().to_string();
        Ok(HubEntry { id, name: name.to_owned(), url, fingerprint, local: false })
    }

    /// Adds it.
    pub(crate) fn keep(&mut self, hub: HubEntry) -> Result<(), BookProblem> {
        self.change(|hubs| hubs.push(hub))
    }

    /// Forgets it.
    pub(crate) fn remove(&mut self, id: &str) -> Result<(), BookProblem> {
        self.get(id)?;
        self.change(|hubs| hubs.retain(|hub| hub.id != id))
    }

    /// Trusts another certificate from now on.
    pub(crate) fn repin(&mut self, id: &str, fingerprint: &str) -> Result<(), BookProblem> {
        self.get(id)?;
        let fingerprint = self::fingerprint(fingerprint)?;
        self.change(|hubs| {
            hubs.iter_mut()
                .filter(|hub| hub.id == id)
                .for_each(|hub| hub.fingerprint = Some(fingerprint.clone()));
        })
    }

    /// What is not on the disk is not there.
    fn change(&mut self, change: impl FnOnce(&mut Vec<HubEntry>)) -> Result<(), BookProblem> {
        let mut hubs = self.hubs.clone();
        change(&mut hubs);
        json_file::write(&self.path, &hubs)?;
        self.hubs = hubs;
        Ok(())
    }
}

/// One spelling of an address.
fn trimmed(url: &str) -> String {
    let url = url.trim();
    let url = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.to_string());
    url.trim_end_matches('/').to_owned()
}

/// `AB:CD…` and `abcd…` are the same.
fn fingerprint(text: &str) -> Result<String, BookProblem> {
    let bare: String = text.chars().filter(|one| !matches!(one, ':' | ' ')).collect();
    if bare.len() == 64 && bare.bytes().all(|one| one.is_ascii_hexdigit()) {
        Ok(bare.to_ascii_lowercase())
    } else {
        Err(BookProblem::Fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn book(home: &Path) -> HubBook {
        HubBook::open(&home.join("desktop/hubs.json")).expect("it opens")
    }

    #[test]
    fn hubs_are_kept_with_their_pins_and_without_secrets() {
        let home = tempfile::tempdir().expect("a directory");
        let mut first = book(home.path());
        let colons: Vec<_> =
            PRINT.as_bytes().chunks(2).map(|two| str::from_utf8(two).expect("ASCII")).collect();
        let colons = colons.join(":").to_uppercase();
        let lab = first.draft("Home lab", "https://home.lan:8443/", Some(&colons)).expect("a hub");
        first.keep(lab.clone()).expect("it is kept");
        let again = book(home.path());
        assert_eq!(again.all(), std::slice::from_ref(&lab));
        assert_eq!(lab.fingerprint.as_deref(), Some(PRINT), "one spelling");
        assert_eq!(lab.url, "https://home.lan:8443", "one spelling");
        let text = std::fs::read_to_string(home.path().join("desktop/hubs.json")).expect("a file");
        assert!(!text.contains("token"), "secrets are elsewhere: {text}");
    }

    #[test]
    fn a_new_pin_replaces_the_old_one_for_that_hub_only() {
        let home = tempfile::tempdir().expect("a directory");
        let mut book = book(home.path());
        for name in ["a", "b"] {
            let hub = book.draft(name, &format!("https://{name}.lan"), Some(PRINT)).expect("a hub");
            book.keep(hub).expect("it is kept");
        }
        let first = book.all()[0].id.clone();
        book.repin(&first, &"f".repeat(64)).expect("pinned");
        assert_eq!(book.all()[0].fingerprint, Some("f".repeat(64)));
        assert_eq!(book.all()[1].fingerprint.as_deref(), Some(PRINT));
        assert!(book.repin(&first, "ff").is_err(), "no fingerprint");
        book.remove(&first).expect("removed");
        assert!(book.get(&first).is_err());
    }

    #[test]
    fn what_makes_no_sense_is_not_kept() {
        let home = tempfile::tempdir().expect("a directory");
        let mut book = book(home.path());
        assert!(book.draft(" ", "https://a.lan", None).is_err(), "no name");
        assert!(book.draft(&"n".repeat(MAX_NAME + 1), "https://a.lan", None).is_err());
        assert!(book.draft("a", "https://a.lan", Some("abc")).is_err(), "no fingerprint");
        let hub = book.draft("a", "https://a.lan", None).expect("a hub");
        book.keep(hub).expect("it is kept");
        assert!(book.draft("b", "https://a.lan/", None).is_err(), "the same hub");
        assert!(book.remove("nobody").is_err());
    }
}
