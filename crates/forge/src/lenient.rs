//! Reading what forges of many versions send: null is as good as absent, and
//! an address without a host is the forge's own.

use serde::{Deserialize, Deserializer};
use url::Url;

/// Null is as good as absent.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Somebody. GitLab says `username`, GitHub `login`, Gitea and Forgejo both.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "PersonAnswer")]
pub(crate) struct Person {
    pub(crate) login: String,
    pub(crate) id: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PersonAnswer {
    #[serde(deserialize_with = "or_default")]
    login: String,
    #[serde(deserialize_with = "or_default")]
    username: String,
    #[serde(deserialize_with = "or_default")]
    id: u64,
}

impl From<PersonAnswer> for Person {
    fn from(seen: PersonAnswer) -> Self {
        let login = if seen.login.is_empty() { seen.username } else { seen.login };
        Self { login, id: seen.id }
    }
}

/// A label by its name, or a milestone by its title.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "NamedAnswer")]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) id: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NamedAnswer {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    title: String,
    #[serde(deserialize_with = "or_default")]
    id: u64,
}

impl From<NamedAnswer> for Named {
    fn from(seen: NamedAnswer) -> Self {
        let name = if seen.name.is_empty() { seen.title } else { seen.name };
        Self { name, id: seen.id }
    }
}

pub(crate) fn logins(people: &[Person]) -> Vec<String> {
    people.iter().map(|person| person.login.clone()).collect()
}

pub(crate) fn names(all: &[Named]) -> Vec<String> {
    all.iter().map(|one| one.name.clone()).collect()
}

/// A page that a person may be sent to. A Gitea's own CI names it without a
/// host; what is no web page is nobody's to open.
pub(crate) fn page(forge: &Url, target: &str) -> Option<String> {
    if target.is_empty() {
        return None;
    }
    let page = forge.join(target).ok()?;
    matches!(page.scheme(), "http" | "https").then(|| page.to_string())
}

/// The end of a log, at most 64 KiB, in whole lines.
pub(crate) fn tail(log: &str) -> String {
    const MOST: usize = 64 * 1024;
    if log.len() <= MOST {
        return log.to_owned();
    }
    let end = &log[log.ceil_char_boundary(log.len() - MOST)..];
    end.split_once('\n').map_or(end, |(_, rest)| rest).to_owned()
}

/// The numbers that a version begins with: `1.22.0+dev` is `(1, 22)`.
pub(crate) fn version(text: &str) -> (u64, u64) {
    let mut numbers = text.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    (next(), next())
}
