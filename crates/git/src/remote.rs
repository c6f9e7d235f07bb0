//! A repository's address, with its credentials taken off, and questions to it
//! that need no clone.

use crate::command::Git;
use crate::error::GitError;
use pilot_proto::project::GitGrant;
use pilot_proto::secret::Secret;
use std::fmt::Write;
use std::path::Path;

/// User name and password for one origin.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// `scheme://host`, with the port if the URL has one.
    pub(crate) origin: String,
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// A repository and how to log in to it. A login that was in the URL is moved
/// out of it, so that it does not end in an argument or in `.git/config`.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    url: String,
    login: Option<Login>,
    authorities: Option<String>,
    proxy: Option<String>,
}

impl Remote {
    /// Of a URL or path, and a grant; the grant wins over a login in the URL.
    pub(crate) fn new(repo: &str, grant: Option<&GitGrant>) -> Self {
        let (url, inside) = without_login(repo);
        let granted = grant.map(|grant| (grant.username.clone(), grant.password.clone()));
        // Only HTTP asks: a login must not go to another protocol's helper.
        let login = http_origin(&url).zip(granted.or(inside)).map(|(origin, granted)| {
            let (username, password) = granted;
            Login { origin: origin.to_owned(), username, password }
        });
        let (authorities, proxy) = match grant {
            Some(grant) => (grant.authorities.clone(), grant.proxy.clone()),
            None => (None, None),
        };
        Self { url, login, authorities, proxy }
    }

    /// The address, without credentials: for arguments, `origin` and messages.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same, for messages.
    pub(crate) fn shown(&self) -> &str {
        &self.url
    }

    pub(crate) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Certificates (PEM) that are trusted there besides the system's.
    pub(crate) fn authorities(&self) -> Option<&str> {
        self.authorities.as_deref()
    }

    /// The proxy on the way there.
    pub(crate) fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Takes everything that is secret out of git's words.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = redact_urls(text);
        match &self.login {
            Some(login) if !login.password.is_empty() => {
                text.replace(login.password.expose(), "<redacted>")
            }
            Some(_) | None => text,
        }
    }
}

/// What a remote has.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Name of the branch that HEAD points to.
    pub(crate) head: Option<String>,
    /// Branches and their commits.
    pub(crate) branches: Vec<(String, String)>,
}

impl Git {
    /// Commit of a branch in the remote; none if there is no such branch.
    pub async fn remote_head(
        &self,
        repo: &str,
        branch: &str,
        grant: Option<&GitGrant>,
    ) -> Result<Option<String>, GitError> {
        let remote = Remote::new(repo, grant);
        self.head_at(&remote, branch).await
    }

    pub(crate) async fn head_at(
        &self,
        remote: &Remote,
        branch: &str,
    ) -> Result<Option<String>, GitError> {
        let name = format!("refs/heads/{branch}");
        let listing = self.ls_remote(remote, &[&name]).await?;
        // A pattern matches from the end: `refs/heads/x/refs/heads/b` would too.
        Ok(listing.branches.into_iter().find(|(found, _)| found == branch).map(|(_, id)| id))
    }

    /// The branch that the remote's HEAD points to; none in an empty repository.
    pub(crate) async fn default_branch(&self, remote: &Remote) -> Result<Option<String>, GitError> {
        Ok(self.ls_remote(remote, &["HEAD"]).await?.head)
    }

    async fn ls_remote(&self, remote: &Remote, patterns: &[&str]) -> Result<Listing, GitError> {
        // Outside every repository: no configuration but ours is read.
        let output = self
            .command("asking the repository for its branches", Path::new("/"))
            .env("GIT_CEILING_DIRECTORIES", "/")
            .args(["ls-remote", "--symref", "--", remote.url()])
            .args(patterns)
            .remote(remote)
            .run()
            .await?;
        Ok(read_listing(&String::from_utf8_lossy(&output)))
    }
}

fn read_listing(text: &str) -> Listing {
    let mut listing = Listing::default();
    for (left, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        if let Some(target) = left.strip_prefix("ref: refs/heads/") {
            if name == "HEAD" {
                listing.head = Some(target.to_owned());
            }
        } else if let Some(branch) = name.strip_prefix("refs/heads/") {
            listing.branches.push((branch.to_owned(), left.to_owned()));
        }
    }
    listing
}

/// Scheme and host, with its port, of an HTTP URL.
fn http_origin(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next().filter(|_| ["http", "https"].contains(&scheme))?;
    url.get(..scheme.len() + "://".len() + host.len())
}

/// Splits `scheme://user:password@host/path`.
fn without_login(repo: &str) -> (String, Option<(String, Secret)>) {
    let Some((scheme, rest)) = repo.split_once("://") else {
        return (repo.to_owned(), None);
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return (repo.to_owned(), None);
    };
    let (login, host) = (&rest[..at], &rest[at + 1..]);
    match login.split_once(':') {
        Some((user, password)) => {
            (format!("{scheme}://{host}"), Some((unescape(user), Secret::new(unescape(password)))))
        }
        // `ssh://git@host` names a user and no secret. Over HTTP a lone word
        // is a token as often as a name, so it goes as well.
        None if scheme.starts_with("http") => {
            (format!("{scheme}://{host}"), Some((unescape(login), Secret::new("x-oauth-basic"))))
        }
        None => (repo.to_owned(), None),
    }
}

/// Undoes percent-encoding.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Replaces what stands before an `@` in the host part of every URL.
pub(crate) fn redact_urls(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        redacted.push_str(before);
        let end = after
            .find(|letter: char| letter == '/' || letter.is_whitespace() || letter == '\'')
            .unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                write!(redacted, "<redacted>@").expect("a String takes everything");
                &after[at + 1..]
            }
            None => after,
        };
    }
    redacted.push_str(rest);
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_the_url_is_moved_out_of_it() {
        let check = |repo: &str, url: &str, login: Option<(&str, &str)>| {
            let remote = Remote::new(repo, None);
            assert_eq!(remote.url(), url);
            let found = remote.login().map(|l| (l.username.as_str(), l.password.expose()));
            assert_eq!(found, login, "{repo}");
        };
        check("https://a:b%40c@h/x.git", "https://h/x.git", Some(("a", "b@c")));
        check("https://token@h:1/x", "https://h:1/x", Some(("token", "x-oauth-basic")));
        check("https://h/x@y", "https://h/x@y", None);
        check("ssh://git@h/x", "ssh://git@h/x", None);
        check("/some/path", "/some/path", None);
        check("git@h:x.git", "git@h:x.git", None);
    }

    #[test]
    fn no_login_survives_in_a_message() {
        let text = "fatal: unable to access 'https://me:s3cret@h/x/': no, http://u@h2 neither";
        let redacted = redact_urls(text);
        assert!(!redacted.contains("s3cret") && !redacted.contains("u@"), "{redacted}");
        assert!(redacted.contains("<redacted>@h/x/"), "the host stays: {redacted}");
        let grant = GitGrant::new("me", Secret::new("hush"));
        let remote = Remote::new("https://h/x", Some(&grant));
        assert_eq!(remote.redact("remote: bad token hush"), "remote: bad token <redacted>");
    }
}
