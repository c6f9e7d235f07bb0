//! The `pilot` binary of these tests (`examples/pilot.rs`), which cargo builds
//! with them, and how a daemon of it is set up.

use pilot_runner::daemon::{HubChoice, RunnerOptions, ShimCommand};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The program.
pub(crate) fn pilot() -> PathBuf {
    let this = std::env::current_exe().expect("a test runs from a file");
    let profile = this.parent().and_then(Path::parent).expect("`deps` in the profile's directory");
    let pilot = profile.join("examples/pilot");
    assert!(pilot.exists(), "`{}` is built with the tests: run them all", pilot.display());
    pilot
}

/// The arguments of a daemon of its own process.
pub(crate) fn daemon_args(data: &Path, join: Option<&str>) -> Vec<OsString> {
    let join = join.unwrap_or("saved");
    vec!["daemon".into(), data.into(), join.into()]
}

/// How every runner of these tests is set up.
pub(crate) fn options(
    data: &Path,
    hub: HubChoice,
    environment: BTreeMap<String, String>,
) -> RunnerOptions {
    RunnerOptions {
        data: data.to_path_buf(),
        hub,
        name: "workshop".to_owned(),
        workers: 4,
        once: false,
        shim: ShimCommand { program: pilot(), args: vec!["shim".into()] },
        environment,
    }
}
