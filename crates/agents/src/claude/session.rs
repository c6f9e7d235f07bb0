//! Where Claude Code keeps the file of a session.

use crate::catalog::SessionPlace;
use std::path::{Path, PathBuf};

/// Its configuration directory, relative to the private HOME.
pub(super) const CONFIG_DIR: &str = ".claude";

/// Longer names of project directories are cut and get a hash.
const NAME_MAX: usize = 200;

/// Where the program keeps a session begun in `tree`.
pub(super) fn place(tree: &Path, session: &str) -> SessionPlace {
    let below =
        PathBuf::from(CONFIG_DIR).join("projects").join(project_name(&tree.to_string_lossy()));
    let named = format!("{session}.jsonl");
    SessionPlace { restore: below.join(&named), below, named, more: Vec::new() }
}

/// The name the program makes of a working directory. It counts and hashes
/// UTF-16 units, being JavaScript.
fn project_name(tree: &str) -> String {
    let mut name: String = tree
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => char::from(byte),
            _ => '-',
        })
        .collect();
    if name.len() > NAME_MAX {
        name.truncate(NAME_MAX);
        name.push('-');
        name.push_str(&base36(hash(tree).unsigned_abs()));
    }
    name
}

fn hash(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0_i32, |hash, unit| (hash << 5).wrapping_sub(hash).wrapping_add(i32::from(unit)))
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit(number % 36, 36));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_where_the_program_puts_it() {
        let place = place(Path::new("/srv/demo_1/run.r2"), "abc");
        let file = Path::new(".claude/projects/-srv-demo-1-run-r2/abc.jsonl");
        assert_eq!(place.restore, file);
        assert_eq!(place.below.join(place.named), file);
    }

    #[test]
    fn a_long_path_is_cut_and_hashed_as_the_program_does() {
        // Seen from 2.1.329 with a working directory of this name.
        let tree = format!("/srv/tree/é/{}/{}", "x".repeat(120), "y.z_".repeat(30));
        let name = project_name(&tree);
        assert!(name.ends_with("-y-z-90oh5h"), "{name}");
        assert_eq!(name.len(), NAME_MAX + 1 + 6);
    }
}
