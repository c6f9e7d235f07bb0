//! What is seen of a project's issues, and which of them it makes tasks.
//!
//! A webhook tells of one issue, a poll of all that have the label; both may
//! tell the same, late, and more than once. **Invariant:** an issue is wanted
//! once each time that it is given the label, and once for each comment that
//! commands it, whoever tells of it, in whatever order and however often.

use pilot_proto::intake::{IntakeMemory, IntakePolicy};
use std::collections::BTreeSet;

/// What a comment begins with that wants something of us.
const CALL: &str = "/pilot";

/// Numbers of commented issues that are kept in mind. Past these the oldest
/// are forgotten; their commands are older than [`IntakeMemory::since`] then.
const MAX_COMMANDS: usize = 10_000;

/// An issue, as somebody tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Its number.
    pub number: u64,
    /// Its labels.
    pub labels: Vec<String>,
    /// It is open.
    pub open: bool,
}

/// A comment that commands, as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commanded {
    /// Its id at the forge; later ones are larger.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// What they said behind the command.
    pub text: String,
}

/// True if this issue is wanted now that it is seen: it has the label and did
/// not have it before.
pub fn sighted(policy: &IntakePolicy, memory: &mut IntakeMemory, seen: &Sighting) -> bool {
    let Some(label) = &policy.label else { return false };
    let has = seen.open && seen.labels.iter().any(|own| own.eq_ignore_ascii_case(label));
    if has {
        return memory.labelled.insert(seen.number);
    }
    memory.labelled.remove(&seen.number);
    false
}

/// The issues that are wanted now that all open ones that have the label are
/// known. `whole` is false where the list was cut: then nobody is known not to
/// have it.
pub fn labelled(memory: &mut IntakeMemory, numbers: &BTreeSet<u64>, whole: bool) -> Vec<u64> {
    let fresh: Vec<u64> = numbers.difference(&memory.labelled).copied().collect();
    if whole {
        memory.labelled.clone_from(numbers);
    } else {
        memory.labelled.extend(numbers);
    }
    fresh
}

/// What a comment commands, if it does: the words behind `/pilot fix` in its
/// first line, and the lines below. Quoted lines (`>`) are somebody else's.
pub fn command_in(body: &str) -> Option<String> {
    let body = body.trim_start();
    let (first, below) = body.split_once('\n').unwrap_or((body, ""));
    let mut words = first.split_whitespace();
    if words.next() != Some(CALL) || words.next() != Some("fix") {
        return None;
    }
    let rest = words.collect::<Vec<_>>().join(" ");
    Some(format!("{rest}\n{}", below.trim_end()).trim().to_owned())
}

/// True where a comment of this kind may be a command: worth reading the issue.
pub fn may_command(body: &str) -> bool {
    command_in(body).is_some()
}

/// Which of an issue's comments are commands that nobody heard before: a
/// comment's id, when it was written (RFC 3339), who wrote it and what it says.
pub fn unheard<'a>(
    memory: &IntakeMemory,
    number: u64,
    comments: impl Iterator<Item = (u64, &'a str, &'a str, &'a str)>,
) -> Vec<Commanded> {
    let heard = memory.commands.get(&number).copied().unwrap_or(0);
    let since = memory.since.as_deref().and_then(instant);
    // Times that cannot be read are not held against anybody: the id decides.
    let late_enough = |written: &str| match (since, instant(written)) {
        (Some(since), Some(written)) => written > since,
        _ => true,
    };
    comments
        .filter(|(id, written, ..)| *id > heard && late_enough(written))
        .filter_map(|(id, _, author, body)| {
            Some(Commanded { id, author: author.to_owned(), text: command_in(body)? })
        })
        .collect()
}

/// All commands of an issue up to `id` were heard. Gives false if they were
/// before: whoever tells of them is late.
pub fn heard(memory: &mut IntakeMemory, number: u64, id: u64) -> bool {
    let known = memory.commands.entry(number).or_insert(0);
    let is_new = id > *known;
    *known = id.max(*known);
    while memory.commands.len() > MAX_COMMANDS {
        memory.commands.pop_first();
    }
    is_new
}

/// Which of the issues that changed since the cursor were not looked at yet,
/// and where the cursor is then. `changed` is what the forge lists: number and
/// time of change.
pub fn changed(memory: &mut IntakeMemory, changed: &[(u64, String)]) -> Vec<u64> {
    let cursor = memory.cursor.as_deref().and_then(instant);
    let time = |text: &str| instant(text).unwrap_or_default();
    let is_new = |(number, at): &&(u64, String)| match cursor {
        None => true,
        Some(cursor) if time(at) == cursor => !memory.at_cursor.contains(number),
        Some(cursor) => time(at) > cursor,
    };
    let fresh: Vec<u64> = changed.iter().filter(is_new).map(|(number, _)| *number).collect();
    let Some((_, latest)) = changed.iter().max_by_key(|(_, at)| time(at)) else { return fresh };
    if cursor.is_none_or(|cursor| time(latest) > cursor) {
        memory.at_cursor.clear();
        memory.cursor = Some(latest.clone());
    }
    let at = memory.cursor.as_deref().map(time);
    let there = changed.iter().filter(|(_, when)| Some(time(when)) == at);
    memory.at_cursor.extend(there.map(|(number, _)| *number));
    fresh
}

/// An RFC 3339 time in microseconds of Unix time; none where it is none.
pub fn instant(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text.trim()).ok().map(|at| at.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> IntakePolicy {
        IntakePolicy { label: Some("agent".to_owned()), comments: true, ..IntakePolicy::of("p") }
    }

    fn seen(number: u64, has: bool, open: bool) -> Sighting {
        let labels = if has { vec!["bug".to_owned(), "Agent".to_owned()] } else { Vec::new() };
        Sighting { number, labels, open }
    }

    #[test]
    fn a_label_counts_when_it_is_given() {
        let mut memory = IntakeMemory::default();
        for (sighting, wanted, why) in [
            (seen(7, false, true), false, "it has no label"),
            (seen(7, true, true), true, "it was given the label"),
            (seen(7, true, true), false, "the same once more"),
            (seen(7, true, false), false, "it was closed"),
            (seen(7, true, true), true, "it was opened again and still has it"),
            (seen(7, false, true), false, "the label was taken away"),
            (seen(7, true, true), true, "and given again"),
        ] {
            assert_eq!(sighted(&policy(), &mut memory, &sighting), wanted, "{why}");
        }
        let none = IntakePolicy { label: None, ..policy() };
        assert!(!sighted(&none, &mut memory, &seen(8, true, true)), "nobody asked for labels");
    }

    #[test]
    fn a_command_is_the_first_word_of_a_comment_and_nowhere_else() {
        for (body, expected) in [
            ("/pilot fix", Some("")),
            ("  /pilot fix the footer  \n\nonly there\n", Some("the footer\n\nonly there")),
            ("/pilot   fix\tit", Some("it")),
            ("/pilot stop", None),
            ("/pilotfix", None),
            ("> /pilot fix", None),
            ("please /pilot fix", None),
            ("thanks\n/pilot fix", None),
            ("", None),
        ] {
            assert_eq!(command_in(body).as_deref(), expected, "{body:?}");
        }
    }

    #[test]
    fn a_command_is_heard_once_and_old_ones_never() {
        let mut memory = IntakeMemory {
            since: Some("2026-01-01T00:00:00Z".to_owned()),
            ..IntakeMemory::default()
        };
        let comments = [
            (4, "2025-12-31T23:59:59Z", "ann", "/pilot fix old"),
            (5, "2026-01-01T02:00:01+01:00", "bob", "/pilot fix it"),
            (6, "2026-01-01T03:00:00Z", "bob", "thanks"),
        ];
        let found = unheard(&memory, 7, comments.into_iter());
        assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [5]);
        assert!(heard(&mut memory, 7, 5) && !heard(&mut memory, 7, 5));
        assert!(unheard(&memory, 7, comments.into_iter()).is_empty());
        assert_eq!(unheard(&memory, 8, comments.into_iter()).len(), 1, "another issue's own");
    }

    #[test]
    fn what_changed_is_looked_at_once() {
        let mut memory = IntakeMemory::default();
        let at = |number, second: &str| (number, format!("2026-01-01T00:00:{second}Z"));
        assert_eq!(changed(&mut memory, &[at(1, "01"), at(2, "02")]), [1, 2]);
        assert_eq!(changed(&mut memory, &[at(2, "02")]), Vec::<u64>::new());
        assert_eq!(changed(&mut memory, &[at(2, "02"), at(3, "02")]), [3], "in the same second");
        assert_eq!(changed(&mut memory, &[at(2, "05"), at(3, "02")]), [2], "it changed again");
        assert_eq!(memory.cursor.as_deref(), Some("2026-01-01T00:00:05Z"));
        assert!(changed(&mut memory, &[]).is_empty());
    }

    #[test]
    fn times_are_read_in_every_zone() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T23:59:59Z", Some(1_709_251_199_000_000)),
            ("2024-03-01T01:00:00+01:00", Some(1_709_251_200_000_000)),
            ("2024-02-29T19:00:00.25-05:00", Some(1_709_251_200_250_000)),
            ("yesterday", None),
            ("2024-02-29", None),
            ("2024-13-01T00:00:00Z", None),
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
    }

    proptest! {
        /// Labels come and go; webhooks tell of each change, in order, some
        /// twice and some never; now and then a poll tells all. An issue is
        /// never wanted more often than it was given the label.
        #[test]
        fn an_issue_is_wanted_once_for_each_time_it_is_labelled(
            steps in prop::collection::vec((0_u64..4, any::<bool>(), 0_u8..4), 1..60),
        ) {
            let mut memory = IntakeMemory::default();
            let mut has = BTreeSet::new();
            let (mut given, mut wanted) = ([0; 4], [0; 4]);
            for (number, labelled_now, tell) in steps {
                let fresh = labelled_now && has.insert(number);
                if !labelled_now { has.remove(&number); }
                if fresh { given[number as usize] += 1; }
                for _ in 0..tell.min(2) {
                    if sighted(&policy(), &mut memory, &seen(number, labelled_now, true)) {
                        wanted[number as usize] += 1;
                    }
                }
                if tell == 3 {
                    for one in labelled(&mut memory, &has, true) { wanted[one as usize] += 1; }
                }
                for issue in 0..4 { prop_assert!(wanted[issue] <= given[issue]); }
            }
            for one in labelled(&mut memory, &has, true) { wanted[one as usize] += 1; }
            for issue in &has {
                prop_assert!(wanted[*issue as usize] >= 1, "one that has it now was wanted");
            }
        }
    }
}
