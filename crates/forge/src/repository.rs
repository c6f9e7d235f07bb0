//! A repository on a forge, and how its name is read off a clone URL.

use std::fmt;
use url::Url;

/// `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repository {
    /// A user or an organisation; on GitLab a group, with the groups it is in
    /// (`group/sub`).
    pub owner: String,
    /// Without `.git`.
    pub name: String,
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl Repository {
    /// Reads the name off `clone_url`, which must be of the forge at `forge`.
    ///
    /// Over HTTP the origin must be the forge's own, to the letter: git will be
    /// given the forge's token for this URL, and a token goes to nobody else.
    /// Over SSH no token travels and the host often differs (`SSH_DOMAIN`), so
    /// only the path counts.
    ///
    /// With `groups`, the owner may be several levels deep, as on GitLab.
    pub(crate) fn of(forge: &Url, clone_url: &str, groups: bool) -> Result<Self, String> {
        let clone_url = clone_url.trim();
        match Url::parse(clone_url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                if url.origin() != forge.origin() {
                    return Err(format!(
                        "it is on `{}`, and the forge's token must not be sent there",
                        url.origin().ascii_serialization()
                    ));
                }
                let base = forge.path().trim_end_matches('/');
                let path = url.path().strip_prefix(base).filter(|path| path.starts_with('/'));
                let path = path.ok_or_else(|| format!("it is not below `{base}/`"))?;
                Self::from_path(path, groups)
            }
            Ok(url) if matches!(url.scheme(), "ssh" | "git+ssh") => {
                Self::from_path(url.path(), groups)
            }
            // `git@host:owner/name.git` is no URL, or parses as one with a
            // strange scheme when the host has no user.
            _ => match clone_url.split_once(':') {
                Some((host, path)) if !host.contains('/') && !path.starts_with("//") => {
                    Self::from_path(path, groups)
                }
                _ => Err("expected `http`, `https` or `ssh`".to_owned()),
            },
        }
    }

    fn from_path(path: &str, groups: bool) -> Result<Self, String> {
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let wrong = || "expected `…/owner/name.git`".to_owned();
        let (owner, name) = path.rsplit_once('/').ok_or_else(wrong)?;
        let deep = owner.contains('/');
        if !is_name(name) || !owner.split('/').all(is_name) || (deep && !groups) {
            return Err(wrong());
        }
        Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// Of `owner/name`, as a forge says it.
    pub(crate) fn named(full_name: &str, groups: bool) -> Option<Self> {
        Self::from_path(full_name, groups).ok()
    }
}

/// What a forge lets a user or repository be called. Checked because the name
/// becomes part of the paths we ask for.
fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(forge: &str, rows: &[(&str, Option<&str>)]) {
        let forge = Url::parse(forge).expect("a URL");
        for (clone_url, expected) in rows {
            let read = Repository::of(&forge, clone_url, false);
            let name = read.as_ref().ok().map(ToString::to_string);
            assert_eq!(name.as_deref(), *expected, "{clone_url}: {read:?}");
        }
    }

    #[test]
    fn the_repository_is_read_off_every_form_of_clone_url() {
        check(
            "https://git.example.org/",
            &[
                ("https://git.example.org/alice/site.git", Some("alice/site")),
                ("https://git.example.org/alice/site", Some("alice/site")),
                ("https://git.example.org/alice/site.js.git/", Some("alice/site.js")),
                ("https://GIT.example.org:443/alice/site.git", Some("alice/site")),
                ("https://bob:pw@git.example.org/alice/site.git", Some("alice/site")),
                ("ssh://git@ssh.example.org:2222/alice/site.git", Some("alice/site")),
                ("git@git.example.org:alice/site.git", Some("alice/site")),
                ("git.example.org:alice/site.git", Some("alice/site")),
                ("https://git.example.org/alice", None),
                ("https://git.example.org/a/alice/site.git", None),
                ("https://git.example.org/alice/..%2f..", None),
                ("/srv/git/site.git", None),
                ("file:///srv/git/site.git", None),
                ("", None),
            ],
        );
        check(
            "http://127.0.0.1:3000/git",
            &[
                ("http://127.0.0.1:3000/git/alice/site.git", Some("alice/site")),
                ("http://127.0.0.1:3000/alice/site.git", None),
                ("http://127.0.0.1:3000/gitea/site.git", None),
            ],
        );
    }

    #[test]
    fn a_url_on_another_origin_is_not_of_this_forge() {
        check(
            "https://git.example.org/",
            &[
                ("https://git.example.com/alice/site.git", None),
                ("http://git.example.org/alice/site.git", None),
                ("https://git.example.org:8443/alice/site.git", None),
            ],
        );
    }

    #[test]
    fn groups_may_be_deep_where_the_forge_has_them() {
        let forge = Url::parse("https://gitlab.example.org/lab/").expect("a URL");
        let read = |url: &str| Repository::of(&forge, url, true).map(|seen| seen.to_string());
        let deep = "https://gitlab.example.org/lab/group/sub/site.git";
        assert_eq!(read(deep), Ok("group/sub/site".to_owned()));
        assert_eq!(
            read("git@gitlab.example.org:group/sub/site.git"),
            Ok("group/sub/site".to_owned())
        );
        assert!(read("https://gitlab.example.org/lab/group/../site.git").is_err());
        assert!(read("git@gitlab.example.org:group/../site.git").is_err());
    }
}
