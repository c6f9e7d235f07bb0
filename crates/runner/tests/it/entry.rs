//! This test binary as the `pilot` binary: a script calls it back with its
//! arguments in a variable, and the one test here then is the program.

use pilot_runner::daemon::{self, HubChoice, RunnerOptions, ShimCommand};
use pilot_runner::shim::{self, ShimOptions};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const ARGS: &str = "PILOTHOUSE_TEST_ARGS";
const PILOT: &str = "PILOTHOUSE_TEST_PILOT";

/// Writes the script that stands in for the `pilot` binary.
pub(crate) fn write_pilot(path: &Path) {
    let this = std::env::current_exe().expect("a test runs from a file");
    let this = this.to_str().expect("a UTF-8 path");
    // The agent's standard output is a protocol, and the test harness prints
    // to its own: so the agent gets the pipe as its third stream.
    let script = format!(
        "#!/bin/sh\n\
         {ARGS}=$(printf '%s\\n' \"$@\")\n\
         {PILOT}=$0\n\
         export {ARGS} {PILOT}\n\
         exec '{this}' --exact entry::entry --nocapture 3>&1 1>/dev/null\n"
    );
    std::fs::write(path, script).expect("writable");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("ours");
}

/// The arguments of a daemon of its own process.
pub(crate) fn daemon_args(data: &Path, join: Option<&str>) -> Vec<OsString> {
    let join = join.unwrap_or("saved");
    vec!["daemon".into(), data.into(), join.into()]
}

#[test]
#[expect(clippy::exit, reason = "here the test is a program, and its exit code counts")]
fn entry() {
    let Some(args) = std::env::var_os(ARGS) else { return };
    let args = args.into_string().expect("UTF-8 arguments");
    let args: Vec<&str> = args.lines().collect();
    let code = match args[..] {
        ["agent-scripted", ..] => agent(),
        ["shim", "--recover", run_dir] => shim(run_dir, true),
        ["shim", run_dir] => shim(run_dir, false),
        ["daemon", data, "saved"] => daemon(data, HubChoice::Saved),
        ["daemon", data, code] => {
            let code = daemon::join_code(code).expect("a join code");
            daemon(data, HubChoice::Join(code))
        }
        _ => panic!("unknown arguments {args:?}"),
    };
    std::process::exit(code);
}

fn agent() -> i32 {
    let mut stdout = File::options().write(true).open("/proc/self/fd/3").expect("the pipe");
    let stdin = BufReader::new(std::io::stdin());
    let code =
        pilot_agents::scripted::run(stdin, &mut stdout, &mut std::io::stderr(), Path::new("."));
    i32::from(code)
}

fn shim(run_dir: &str, recover: bool) -> i32 {
    log();
    let options = ShimOptions {
        run_dir: PathBuf::from(run_dir),
        recover,
        program: PathBuf::from(std::env::var_os(PILOT).expect("the script says it")),
        environment: variables(),
    };
    match runtime().block_on(shim::main(options)) {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(?error, "the shim failed");
            1
        }
    }
}

fn daemon(data: &str, hub: HubChoice) -> i32 {
    log();
    let program = PathBuf::from(std::env::var_os(PILOT).expect("the script says it"));
    let options = options(Path::new(data), hub, program, variables());
    runtime().block_on(async {
        let mut running = daemon::start(options).await.expect("it starts");
        running.ended().await.expect("it is killed before it ends");
    });
    0
}

/// How every runner of these tests is set up.
pub(crate) fn options(
    data: &Path,
    hub: HubChoice,
    program: PathBuf,
    environment: BTreeMap<String, String>,
) -> RunnerOptions {
    RunnerOptions {
        data: data.to_path_buf(),
        hub,
        name: "workshop".to_owned(),
        workers: 4,
        once: false,
        shim: ShimCommand { program, args: vec!["shim".into()] },
        environment,
    }
}

fn variables() -> BTreeMap<String, String> {
    let known = ["PATH", "HOME"].into_iter();
    known
        .filter_map(|name| Some((name.to_owned(), std::env::var_os(name)?.into_string().ok()?)))
        .collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Into the shim's log, where whoever looks at a failed test finds it.
fn log() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
}
