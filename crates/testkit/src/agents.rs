//! Where a test finds the real agents.

use std::path::{Path, PathBuf};

/// The program of the agent called `name`: that of `PILOTHOUSE_TEST_<NAME>`,
/// else the one that `scripts/test` installs under `.tools`, else the first on
/// the `PATH`. Panics if there is none: a test with a real agent is never
/// skipped.
#[expect(clippy::disallowed_methods, reason = "a test's settings are its environment")]
pub fn program(name: &str) -> PathBuf {
    if let Ok(named) = std::env::var(format!("PILOTHOUSE_TEST_{}", name.to_uppercase())) {
        return named.into();
    }
    let installed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../.tools")
        .join(name)
        .join("node_modules/.bin")
        .join(name);
    if installed.exists() {
        return installed;
    }
    let path = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            panic!("the real `{name}` is not installed: run `scripts/test`, which installs it")
        })
}
