//! Programs that a test writes and then has started.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes an executable script (0755), with the directories above it; what was
/// there before is replaced as a whole.
///
/// Another process writes it. A file that we had open for writing would be so
/// in any child that another thread forks in that moment, and until that child
/// is its program, the kernel starts nothing from the file ("Text file busy").
#[expect(clippy::disallowed_methods, reason = "it writes for a test, and is no agent")]
pub fn write_program(path: &Path, text: &str) {
    let script = r#"umask 022
mkdir -p "${1%/*}" && cat > "$1.new" && chmod 755 "$1.new" && exec mv "$1.new" "$1""#;
    let mut writer = Command::new("sh");
    writer.args(["-c", script, "sh"]).arg(path).stdin(Stdio::piped());
    let mut writer = writer.spawn().expect("`sh` is everywhere");
    let mut stdin = writer.stdin.take().expect("it was asked for");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let done = writer.wait().expect("it is our child");
    assert!(done.success(), "`{}` was not written", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is what was written")]
    fn a_program_can_be_started_whatever_else_is_forked_meanwhile() {
        let place = tempfile::tempdir().expect("a temporary directory");
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let program = place.path().join(format!("of {worker}/it's one"));
                scope.spawn(move || {
                    for turn in 0..25 {
                        write_program(&program, &format!("#!/bin/sh\necho {turn}\n"));
                        let said = Command::new(&program).output().expect("it starts");
                        assert_eq!(said.stdout, format!("{turn}\n").as_bytes());
                    }
                });
            }
        });
    }
}
