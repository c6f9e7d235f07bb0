//! The `pilot` binary of this crate's tests: daemon, shim, the init of the
//! walls, and the scripted agent, without a hub or a console.

use pilot_runner::daemon::{self, HubChoice, RunnerOptions, ShimCommand};
use pilot_runner::shim::{self, OwnLog, ShimOptions};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["agent-scripted", ..] => ExitCode::from(pilot_agents::scripted::main(&[])),
        ["agent-api", ref rest @ ..] => {
            ExitCode::from(pilot_agents::agentapi::bridge::main(&words(rest)))
        }
        ["agent-terminal", ref rest @ ..] => {
            ExitCode::from(pilot_agents::command::terminal::main(&words(rest)))
        }
        [pilot_runner::inside::terminal::COMMAND, ref rest @ ..] => {
            said(pilot_runner::inside::terminal::main(&words(rest)))
        }
        [pilot_runner::inside::port::COMMAND, ref rest @ ..] => {
            said(pilot_runner::inside::port::main(&words(rest)))
        }
        [pilot_runner::inside::COMMAND, ref rest @ ..] => {
            said(pilot_runner::inside::main(&words(rest)))
        }
        ["shim", "--recover", run_dir] => shim(run_dir, true),
        ["shim", run_dir] => shim(run_dir, false),
        ["daemon", data, "saved"] => daemon(data, HubChoice::Saved),
        ["daemon", data, code] => {
            daemon(data, HubChoice::Join(daemon::join_code(code).expect("a join code")))
        }
        _ => panic!("unknown arguments {arguments:?}"),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn said(result: Result<(), impl std::fmt::Debug>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(?error, "it failed");
            ExitCode::FAILURE
        }
    }
}

fn shim(run_dir: &str, recover: bool) -> ExitCode {
    let own_log = OwnLog::default();
    let writer = own_log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.over(std::io::stderr()))
        .init();
    let options = ShimOptions {
        run_dir: PathBuf::from(run_dir),
        recover,
        program: this(),
        environment: variables(),
        log: own_log,
    };
    said(runtime().block_on(shim::main(options)))
}

fn daemon(data: &str, hub: HubChoice) -> ExitCode {
    log();
    let options = RunnerOptions {
        data: Path::new(data).to_path_buf(),
        hub,
        name: "workshop".to_owned(),
        workers: 4,
        once: false,
        shim: ShimCommand { program: this(), args: vec!["shim".into()] },
        environment: variables(),
    };
    runtime().block_on(async {
        let mut running = daemon::start(options).await.expect("it starts");
        running.ended().await.expect("it is killed before it ends");
    });
    ExitCode::SUCCESS
}

fn this() -> PathBuf {
    std::env::current_exe().expect("a program runs from a file")
}

fn variables() -> BTreeMap<String, String> {
    let known = ["PATH", "HOME", "PILOTHOUSE_READABLE"].into_iter();
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
