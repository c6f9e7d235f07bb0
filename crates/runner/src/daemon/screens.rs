//! Which VNC servers may be attached as runs' screens: those that the runner's
//! owner has written into a file of its data directory, one `host:port` a line.
//! It is read anew each time, so that a line that is taken out holds at once.

use pilot_proto::screen::ScreenServer;
use pilot_proto::tunnel::{TunnelEnd, TunnelWish};
use pilot_proto::{Code, Problem};
use std::io;
use std::path::Path;

/// The file's name. What stands behind a `#` is a remark.
const FILE: &str = "screens.allow";

/// Refuses what the runner's owner has not allowed.
pub(super) fn check(data: &Path, wish: &TunnelWish) -> Result<(), Problem> {
    let TunnelEnd::Attach { server: Some(ScreenServer { address, .. }) } = &wish.to else {
        return Ok(());
    };
    let file = data.join(FILE);
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
    let message = format!("The runner does not allow `{address}` as a screen.");
    let hint = format!("Its owner writes `{address}` as a line into `{}` there.", file.display());
    Err(Problem::new(Code::Forbidden, message).hint(hint))
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
