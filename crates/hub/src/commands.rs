//! The commands that change something: what can be said about a request
//! without knowing the hub's state is checked here, the rest in the core.

mod access;
mod advice;
mod credentials;
mod forges;
mod intake;
mod issues;
mod prices;
mod projects;
mod pull_requests;
mod review;
mod runners;
mod schedules;
mod screen;
mod secrets;
mod tasks;
mod vaults;

pub(crate) use tasks::{check as check_task, check_attachment, check_limits, check_text};

use pilot_proto::{Code, Problem};

/// Longest name of a project, forge or provider.
const MAX_NAME: usize = 64;
/// Longest line of anything that is not a prompt.
const MAX_LINE: usize = 4096;

pub(crate) fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(Code::Invalid, message)
}

/// `[a-z0-9][a-z0-9._-]{0,63}`.
pub(crate) fn check_name(field: &str, name: &str) -> Result<(), Problem> {
    let first = name.bytes().next().is_some_and(|one| matches!(one, b'a'..=b'z' | b'0'..=b'9'));
    let rest =
        name.bytes().all(|one| matches!(one, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
    if first && rest && name.len() <= MAX_NAME {
        return Ok(());
    }
    Err(invalid(format!("`{field}`: `{}` is not a name.", shown(name))).hint(format!(
        "Use up to {MAX_NAME} lower-case letters, digits, `.`, `_` and `-`, with a letter or digit first."
    )))
}

/// What git takes as a branch, and no option or revision expression.
fn check_branch(field: &str, branch: &str) -> Result<(), Problem> {
    let strange = branch
        .chars()
        .any(|letter| letter.is_control() || letter.is_whitespace() || "~^:?*[\\".contains(letter));
    let parts_fine = branch
        .split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"));
    let fine = !strange
        && parts_fine
        && !branch.starts_with('-')
        && !branch.ends_with('.')
        && !branch.contains("..")
        && !branch.contains("@{")
        && branch != "@"
        && branch.len() <= 255;
    if fine {
        return Ok(());
    }
    Err(invalid(format!("`{field}`: `{}` is not a branch name.", shown(branch))))
}

/// One line without control characters, and no option.
pub(crate) fn check_word(field: &str, word: &str) -> Result<(), Problem> {
    let fine = !word.is_empty()
        && word.len() <= 256
        && !word.starts_with('-')
        && !word.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    if fine { Ok(()) } else { Err(invalid(format!("`{field}`: `{}` is not usable.", shown(word)))) }
}

/// A web address; gives it without a slash at the end.
fn web_address(field: &str, url: &str) -> Result<String, Problem> {
    let wrong = || {
        invalid(format!("`{field}` is not a web address."))
            .hint("Give one like `https://git.example.org`.")
    };
    let parsed = url::Url::parse(url.trim()).map_err(|_| wrong())?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err(wrong());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(invalid(format!("`{field}` holds a user or password."))
            .hint("Give secrets on standard input; an address is shown in logs."));
    }
    Ok(url.trim().trim_end_matches('/').to_owned())
}

/// A value as a message may show it.
fn shown(value: &str) -> String {
    const MOST: usize = 60;
    let printable: String =
        value.chars().map(|one| if one.is_control() { '\u{fffd}' } else { one }).collect();
    if printable.chars().count() <= MOST {
        return printable;
    }
    printable.chars().take(MOST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_branches_and_addresses_are_told_from_nonsense() {
        for name in ["demo", "0x", "a.b_c-d", &"a".repeat(64)] {
            check_name("name", name).expect("a name");
        }
        for name in ["", "Demo", "-a", ".a", "a b", "a/b", &"a".repeat(65), "ä"] {
            assert_eq!(check_name("name", name).expect_err("none").code, Code::Invalid, "{name}");
        }
        for branch in ["main", "feature/x-1", "release-1.2"] {
            check_branch("base", branch).expect("a branch");
        }
        for branch in
            ["", "-x", "a b", "a..b", "a/", "/a", "a.lock", "x/.y", "@", "a@{1}", "a^", "a\n", "a."]
        {
            check_branch("base", branch).expect_err(branch);
        }
        assert_eq!(web_address("url", "https://x.org/git/").expect("one"), "https://x.org/git");
        for url in ["", "x.org", "ftp://x.org", "file:///x"] {
            web_address("url", url).expect_err(url);
        }
        let problem = web_address("url", "https://me:hunter2@x.org").expect_err("holds a secret");
        assert!(!format!("{problem:?}").contains("hunter2"), "it is not said again: {problem:?}");
    }
}
