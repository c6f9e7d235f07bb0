//! A merge as the forge makes it: in the bare repository, with git's plumbing.

use super::world::World;
use crate::repo::BareRepo;
use regex::Regex;

/// Merges a pull request and closes the issues that its text closes; the merge
/// commit.
pub(super) fn merge(
    world: &mut World,
    bare: &BareRepo,
    repository: &str,
    number: u64,
    by: &str,
) -> Result<String, String> {
    world.follow_pushes(repository);
    let item = world.row(repository).pull(number);
    let pull = item.pull.clone().ok_or("it is an issue")?;
    let base = bare.head(&pull.base).ok_or("the base branch is gone")?;
    let head = bare.git(&["rev-parse", &format!("refs/pull/{number}/head")]);
    let message = format!("Merge pull request '{}' (#{number})\n\n{}", item.title, item.body);
    let words =
        format!("{message}\n{}", bare.git(&["log", "--format=%B", &format!("{base}..{head}")]));
    if !bare.merges(&base, &head) {
        return Err("Please try again later".to_owned());
    }
    let tree = bare.git(&["merge-tree", "--write-tree", &base, &head]);
    let commit = bare.git(&["commit-tree", &tree, "-p", &base, "-p", &head, "-m", &message]);
    bare.git(&["update-ref", &format!("refs/heads/{}", pull.base), &commit, &base]);
    let item = world.touch_kind(repository, number, true);
    item.closed = true;
    if let Some(pull) = &mut item.pull {
        pull.merged = Some((by.to_owned(), commit.clone()));
    }
    for issue in closed_by(&words) {
        if world.row(repository).find_kind(issue, false).is_some() {
            world.touch_kind(repository, issue, false).closed = true;
        }
    }
    Ok(commit)
}

fn closed_by(text: &str) -> Vec<u64> {
    let words = Regex::new(r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#([0-9]+)\b")
        .expect("a constant pattern");
    words.captures_iter(text).filter_map(|found| found[1].parse().ok()).collect()
}
