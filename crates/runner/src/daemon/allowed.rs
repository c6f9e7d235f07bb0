//! Which addresses of its network a runner opens to its hub: those that its
//! owner has written into a file of its data directory, one `host:port` a line.
//! It is read anew each time, so that a line that is taken out holds at once.

use pilot_proto::{Code, Problem};
use std::io;
use std::path::Path;

/// A list's file, and what the addresses in it are. What stands behind a `#` is
/// a remark.
pub(super) struct List {
    file: &'static str,
    what: &'static str,
}

/// VNC servers that may be attached as runs' screens.
pub(super) const SCREENS: List = List { file: "screens.allow", what: "a screen" };
/// Forges that the hub may be connected to.
pub(super) const FORGES: List = List { file: "forges.allow", what: "a forge" };

impl List {
    /// Refuses what the runner's owner has not allowed.
    pub(super) fn check(&self, data: &Path, address: &str) -> Result<(), Problem> {
        let file = data.join(self.file);
        let allowed = match std::fs::read_to_string(&file) {
            Ok(text) => allows(&text, address),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                let message = format!("The runner cannot read `{}`: {error}.", file.display());
                return Err(Problem::new(Code::Internal, message));
            }
        };
        if allowed {
            return Ok(());
        }
        let message = format!("The runner does not allow `{address}` as {}.", self.what);
        let file = file.display();
        let hint = format!("Its owner writes `{address}` as a line into `{file}` there.");
        Err(Problem::new(Code::Forbidden, message).hint(hint))
    }
}

fn allows(text: &str, address: &str) -> bool {
    let line = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    text.lines()
        .map(line)
        .any(|allowed| !allowed.is_empty() && allowed.eq_ignore_ascii_case(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_a_line_is_allowed() {
        let text = "# of the laboratory\n  10.0.0.7:5901 # the old one\n\nBench.local:5900\n";
        for (address, expected) in [
            ("10.0.0.7:5901", true),
            ("bench.local:5900", true),
            ("10.0.0.7:59011", false),
            ("10.0.0.7:590", false),
            ("", false),
            ("# of the laboratory", false),
        ] {
            assert_eq!(allows(text, address), expected, "{address}");
        }
    }
}
