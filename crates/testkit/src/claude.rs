//! Where a test finds the real Claude Code.

use std::path::{Path, PathBuf};

/// The program: that of `PILOTHOUSE_TEST_CLAUDE`, else the one that
/// `scripts/test` installs under `.tools`, else the first on the `PATH`.
/// Panics if there is none: a test with the real agent is never skipped.
#[expect(clippy::disallowed_methods, reason = "a test's settings are its environment")]
pub fn program() -> PathBuf {
    if let Ok(named) = std::env::var("PILOTHOUSE_TEST_CLAUDE") {
        return named.into();
    }
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/claude/node_modules/.bin/claude");
    if installed.exists() {
        return installed;
    }
    let path = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join("claude"))
        .find(|program| program.is_file())
        .expect("the real `claude` is not installed: run `scripts/test`, which installs it")
}
