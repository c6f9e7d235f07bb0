//! What a project's policy for its pull requests may say.

use super::projects::check_repo;
use super::{check_branch, check_name, check_word, invalid, shown};
use pilot_proto::pull_request::{CommitIdentity, FeedbackPolicy, PullRequestPolicy, PushWay};
use pilot_proto::{Code, ForgeKind, Problem};

/// Longest template: what is filled in has to fit beside it.
const MAX_TEMPLATE: usize = 16 * 1024;
/// Reviewers, labels, assignees, trailers: more are a mistake.
const MAX_WORDS: usize = 50;
const MAX_LINE: usize = 200;

pub(super) fn check(policy: &PullRequestPolicy) -> Result<(), Problem> {
    if policy.template.as_ref().is_some_and(|text| text.len() > MAX_TEMPLATE) {
        let message = format!("`template` is longer than {MAX_TEMPLATE} bytes.");
        return Err(Problem::new(Code::TooLarge, message));
    }
    policy.branch.as_deref().map_or(Ok(()), check_template)?;
    for (field, words) in [
        ("reviewers", &policy.reviewers),
        ("labels", &policy.labels),
        ("assignees", &policy.assignees),
        ("feedback.from", &policy.feedback.from),
    ] {
        check_words(field, words)?;
    }
    policy.identity.as_ref().map_or(Ok(()), check_identity)?;
    check_trailers(&policy.trailers)?;
    if let PushWay::Fork { repo } = &policy.push {
        check_repo(repo)?;
    }
    if let Some(name) = &policy.signing_key {
        check_name("signing_key", name)?;
    }
    let most = FeedbackPolicy::MAX_TURNS;
    if policy.feedback.turns > most {
        return Err(invalid(format!("`feedback.turns`: {most} at most.")));
    }
    Ok(())
}

/// What only some forges know.
pub(super) fn check_forge(policy: &PullRequestPolicy, kind: ForgeKind) -> Result<(), Problem> {
    match (&policy.push, kind) {
        (PushWay::Agit, ForgeKind::GitHub | ForgeKind::GitLab) => {
            Err(invalid(format!("`push`: {kind} takes no pushes for review (AGit)."))
                .hint("Push to a branch, or to a fork."))
        }
        (PushWay::Agit | PushWay::Branch | PushWay::Fork { .. }, _) => Ok(()),
    }
}

fn check_template(template: &str) -> Result<(), Problem> {
    if !template.contains("{id}") {
        return Err(invalid(format!("`branch`: `{}` has no `{{id}}`.", shown(template)))
            .hint("With it, the branch of a task is nobody else's."));
    }
    let filled = ["{slug}", "{issue}", "{id}"]
        .into_iter()
        .fold(template.to_owned(), |text, place| text.replace(place, "x"));
    if filled.contains(['{', '}']) {
        return Err(invalid(format!("`branch`: `{}` has an unknown place.", shown(template)))
            .hint("There are `{slug}`, `{issue}` and `{id}`."));
    }
    check_branch("branch", &filled)
}

fn check_words(field: &str, words: &[String]) -> Result<(), Problem> {
    if words.len() > MAX_WORDS {
        return Err(invalid(format!("`{field}`: {MAX_WORDS} at most.")));
    }
    words.iter().try_for_each(|word| check_word(field, word))
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_LINE && !text.chars().any(char::is_control)
}

fn check_identity(identity: &CommitIdentity) -> Result<(), Problem> {
    let CommitIdentity { name, email } = identity;
    // What git would cut out of it by itself.
    let fine = |text: &str| is_line(text) && !text.contains(['<', '>']);
    if fine(name) && fine(email) && email.contains('@') {
        return Ok(());
    }
    let shown = shown(&format!("{name} <{email}>"));
    Err(invalid(format!("`identity`: `{shown}` is nobody that a commit can be by."))
        .hint("Say it as `Name <name@example.org>`."))
}

fn check_trailers(trailers: &[String]) -> Result<(), Problem> {
    if trailers.len() > MAX_WORDS {
        return Err(invalid(format!("`trailers`: {MAX_WORDS} at most.")));
    }
    for trailer in trailers {
        let token = trailer.split_once(": ").map(|(token, _)| token).filter(|_| is_line(trailer));
        let fine = token.is_some_and(|token| {
            !token.is_empty() && token.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'-')
        });
        if !fine {
            return Err(invalid(format!("`trailers`: `{}` is no trailer.", shown(trailer)))
                .hint("A trailer is `Name: value`, such as `Co-authored-by: A <a@example.org>`."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_by_its_field() {
        let policy = PullRequestPolicy::default;
        let identity = |name: &str, email: &str| {
            Some(CommitIdentity { name: name.into(), email: email.into() })
        };
        let branch = |text: &str| PullRequestPolicy { branch: Some(text.into()), ..policy() };
        let trailer = |text: &str| PullRequestPolicy { trailers: vec![text.into()], ..policy() };
        check(&policy()).expect("the default is fine");
        check(&branch("agents/{issue}/{slug}-{id}")).expect("a branch");
        check(&trailer("Co-authored-by: A <a@b>")).expect("a trailer");
        let turns = FeedbackPolicy { turns: 99, ..FeedbackPolicy::default() };
        for (bad, field) in [
            (branch("agents/{slug}"), "`branch`"),
            (branch("a b/{id}"), "`branch`"),
            (branch("{id}/{other}"), "`branch`"),
            (trailer("no trailer"), "`trailers`"),
            (trailer("A: b\nC: d"), "`trailers`"),
            (PullRequestPolicy { identity: identity("A", "nobody"), ..policy() }, "`identity`"),
            (PullRequestPolicy { identity: identity("A\n", "a@b"), ..policy() }, "`identity`"),
            (PullRequestPolicy { labels: vec![String::new()], ..policy() }, "`labels`"),
            (PullRequestPolicy { feedback: turns, ..policy() }, "`feedback.turns`"),
            (PullRequestPolicy { template: Some("x".repeat(99_999)), ..policy() }, "`template`"),
        ] {
            let problem = check(&bad).expect_err("it makes no sense");
            assert!(problem.message.contains(field), "{field}: {problem}");
        }
        let agit = PullRequestPolicy { push: PushWay::Agit, ..policy() };
        check_forge(&agit, ForgeKind::Forgejo).expect("it knows them");
        check_forge(&agit, ForgeKind::GitHub).expect_err("it does not");
    }
}
