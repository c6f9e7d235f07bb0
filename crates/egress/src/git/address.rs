//! Where the project's repository is, and in how many ways that is written.

use super::BrokerError;
use url::Url;

/// The address of a repository on HTTP, without what may be secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    url: Url,
}

impl Address {
    pub(crate) fn parse(repo: &str) -> Result<Self, BrokerError> {
        let repo = repo.trim();
        if repo.starts_with('/') || repo.starts_with("file:") {
            return Err(BrokerError::Local);
        }
        // `git@host:path` is no URL.
        let scp = repo.split_once(':').is_some_and(|(host, rest)| {
            !host.contains('/') && !rest.starts_with("//") && !host.is_empty()
        });
        if scp || repo.starts_with("ssh:") || repo.starts_with("git+ssh:") {
            return Err(BrokerError::Ssh);
        }
        let bad = |why: &str| BrokerError::Address { why: why.to_owned() };
        let mut url = Url::parse(repo).map_err(|error| bad(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(bad("it is none of `https`, `http`, `ssh` and a directory"));
        }
        if url.set_username("").and_then(|()| url.set_password(None)).is_err() {
            return Err(bad("it has no host"));
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        if path.trim_end_matches(".git").len() <= 1 {
            return Err(bad("it names no repository"));
        }
        url.set_path(&path);
        Ok(Self { url })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn shown(&self) -> &str {
        self.url.as_str()
    }

    /// Without `.git`: what another repository's address may begin with.
    pub(crate) fn shown_bare(&self) -> &str {
        self.shown().strip_suffix(".git").unwrap_or(self.shown())
    }

    pub(crate) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_ascii_lowercase()
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// The last part of the path, for messages of git's that show the URL.
    pub(crate) fn name(&self) -> &str {
        self.bare().rsplit('/').next().unwrap_or("repository")
    }

    /// The path without `.git`.
    fn bare(&self) -> &str {
        let path = self.url.path();
        path.strip_suffix(".git").unwrap_or(path)
    }

    /// What may stand before `.git`, `/` or nothing, where somebody writes the
    /// repository's address. `insteadOf` replaces beginnings, so that what
    /// follows stays.
    pub(crate) fn spellings(&self) -> Vec<String> {
        let (path, host) = (self.bare(), self.url.host_str().unwrap_or_default());
        let slashless = path.trim_start_matches('/');
        let origin = self.url.origin().ascii_serialization();
        let mut spellings = vec![format!("{origin}{path}")];
        if let Some((scheme, rest)) = origin.split_once("://") {
            spellings.push(format!("{scheme}://git@{rest}{path}"));
        }
        if self.url.port().is_none() {
            let other = if self.url.scheme() == "https" { "http" } else { "https" };
            spellings.push(format!("{other}://{host}{path}"));
        }
        spellings.push(format!("ssh://git@{host}{path}"));
        spellings.push(format!("ssh://{host}{path}"));
        spellings.push(format!("git://{host}{path}"));
        spellings.push(format!("git@{host}:{slashless}"));
        spellings.push(format!("git@{host}:{path}"));
        spellings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_repositories_on_http_are_brokered() {
        let check = |repo: &str, expected: Result<&str, BrokerError>| {
            let found = Address::parse(repo);
            assert_eq!(found.as_ref().map(Address::shown), expected.as_ref().copied(), "{repo}");
        };
        check("https://me:token@h.example/a/b.git/", Ok("https://h.example/a/b.git"));
        check("http://h.example:3000/a/b", Ok("http://h.example:3000/a/b"));
        check("/srv/git/b.git", Err(BrokerError::Local));
        check("file:///srv/git/b.git", Err(BrokerError::Local));
        check("ssh://git@h.example/a/b", Err(BrokerError::Ssh));
        check("git@h.example:a/b.git", Err(BrokerError::Ssh));
        check("h.example:a/b.git", Err(BrokerError::Ssh));
        assert!(matches!(Address::parse("https://h.example/"), Err(BrokerError::Address { .. })));
        assert!(matches!(Address::parse("b.git"), Err(BrokerError::Address { .. })));
    }

    #[test]
    fn every_spelling_begins_without_the_suffix() {
        let address = Address::parse("https://h.example/a/b.git").expect("it is good");
        let spellings = address.spellings();
        for spelling in [
            "https://h.example/a/b",
            "http://h.example/a/b",
            "ssh://git@h.example/a/b",
            "git@h.example:a/b",
        ] {
            assert!(spellings.iter().any(|one| one == spelling), "{spelling} in {spellings:?}");
        }
        assert_eq!(address.name(), "b");
    }
}
