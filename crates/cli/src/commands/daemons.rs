//! Commands that start something and stay: hub, runner, both; and the two
//! hidden ones that a runner and a shim start.

use super::{Done, connect};
use crate::args::{CredentialPlace, Credentials, Globals, HubStart, RunnerStart, Up};
use crate::output;
use anyhow::Context;
use pilot_client::Client;
use pilot_hub::{CredentialStore, Hub, HubOptions};
use pilot_proto::Secret;
use pilot_proto::console::{CredentialKeep, JoinCodeNew, NewJoinCode};
use pilot_runner::daemon::{
    EnrolmentError, HubChoice, RunnerOptions, Running, ShimCommand, StartError,
};
use pilot_runner::shim::{OwnLog, ShimOptions};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

pub(crate) fn hub(globals: &Globals, arguments: HubStart) -> anyhow::Result<Done> {
    log_to_stderr();
    let mut options =
        HubOptions::new(connect::data_directory(globals)?.join("hub"), arguments.listen);
    options.store_url = arguments.store;
    options.public_url = arguments.public_url;
    options.demo = arguments.demo;
    options.credentials = credentials(&options.data, &arguments.credentials)?;
    options.review_poll = Duration::from_secs(arguments.poll_secs.max(1));
    many_threads()?.block_on(async {
        let hub = Hub::start(options).await.map_err(|error| error.problem())?;
        output::line(&format!("hub listens on {}", hub.url))?;
        if let Some(fingerprint) = &hub.fingerprint {
            output::line(&format!("certificate {fingerprint}"))?;
        }
        if let Some(path) = &hub.token_path {
            output::line(&format!("owner's token in {}", path.display()))?;
        }
        output::line(&format!("pages at {}", page(&hub).await?))?;
        told_to_stop().await?;
        hub.stop().await;
        Ok(Done::Well)
    })
}

pub(crate) fn runner(globals: &Globals, arguments: RunnerStart) -> anyhow::Result<Done> {
    log_to_stderr();
    let data = connect::data_directory(globals)?.join("runner");
    connect::runtime()?.block_on(async {
        let mut options = options(data, arguments.name, arguments.workers, arguments.once)?;
        if let Some(code) = arguments.join {
            options.hub = HubChoice::Join(pilot_runner::daemon::join_code(&code)?);
        }
        let name = options.name.clone();
        let runner = start_runner(globals, options).await?;
        output::line(&format!("runner `{name}` dials out"))?;
        serve(runner).await
    })
}

pub(crate) fn up(globals: &Globals, arguments: &Up) -> anyhow::Result<Done> {
    log_to_stderr();
    let data = connect::data_directory(globals)?;
    let mut options = HubOptions::new(data.join("hub"), arguments.listen);
    options.demo = true;
    options.credentials = credentials(&options.data, &arguments.credentials)?;
    many_threads()?.block_on(async {
        let hub = Hub::start(options).await.map_err(|error| error.problem())?;
        let mut runner = self::options(data.join("runner"), None, arguments.workers, false)?;
        // The hub takes another port with every start. A runner that belongs
        // to a hub elsewhere, which has a certificate, stays with it.
        let enrolled = pilot_runner::daemon::enrolled_at(&runner.data);
        if enrolled.is_some_and(|url| url.starts_with("http://")) {
            runner.hub = HubChoice::Moved(hub.url.clone());
        }
        let runner = start_runner(globals, runner).await?;
        welcome(globals, &hub).await?;
        let ended = serve(runner).await;
        hub.stop().await;
        ended
    })
}

/// The place that was asked for, or the one where they are.
fn credentials(data: &Path, wanted: &Credentials) -> anyhow::Result<CredentialStore> {
    let place = wanted.credentials.or_else(|| match CredentialStore::used_in(data) {
        CredentialKeep::Keychain => Some(CredentialPlace::Keychain),
        CredentialKeep::Sealed => Some(CredentialPlace::Sealed),
        CredentialKeep::File | CredentialKeep::Unknown => None,
    });
    Ok(match place {
        None | Some(CredentialPlace::File) => CredentialStore::File,
        Some(CredentialPlace::Keychain) => {
            CredentialStore::Keychain { service: "pilothouse".to_owned() }
        }
        Some(CredentialPlace::Sealed) => {
            CredentialStore::Sealed { path: None, passphrase: passphrase(wanted)? }
        }
    })
}

fn passphrase(wanted: &Credentials) -> anyhow::Result<Secret> {
    let text = match (&wanted.passphrase_file, connect::environment("PILOTHOUSE_PASSPHRASE")) {
        (Some(path), _) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the passphrase in `{}`", path.display()))?,
        (None, Some(text)) => text,
        (None, None) => anyhow::bail!(
            "the credentials are sealed: say --passphrase-file FILE, or set PILOTHOUSE_PASSPHRASE"
        ),
    };
    // A file's last newline is not part of it.
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// What a person who has just started it needs to know: where it is, and one
/// line that does something.
async fn welcome(globals: &Globals, hub: &pilot_hub::Running) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let program = program.display();
    let data = match &globals.data {
        Some(data) => format!(" --data {}", data.display()),
        None => String::new(),
    };
    let url = &hub.url;
    output::line(&format!("hub listens on {url}; a runner on this machine is connected to it"))?;
    output::line(&format!("pages at {}", page(hub).await?))?;
    output::line("run a first task:")?;
    output::line(&format!("  {program}{data} task new --project demo --agent scripted --wait"))
}

/// Where the pages are; for a person at a terminal with the way in, which is
/// not for a log file.
async fn page(hub: &pilot_hub::Running) -> anyhow::Result<String> {
    if !std::io::stdout().is_terminal() {
        return Ok(format!("{}/ (`pilot hub open` makes a link to sign in with)", hub.page_url));
    }
    Ok(hub.sign_in_link().await?.expose().to_owned())
}

/// Until a signal, or until the runner ends by itself.
async fn serve(mut runner: Running) -> anyhow::Result<Done> {
    tokio::select! {
        ended = runner.ended() => ended?,
        stop = told_to_stop() => {
            stop?;
            runner.stop().await;
        }
    }
    Ok(Done::Well)
}

pub(crate) fn shim(run_dir: PathBuf, recover: bool) -> anyhow::Result<Done> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let log = OwnLog::default();
    let writer = log.clone();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(move || writer.over(std::io::stderr()))
        .init();
    let options = ShimOptions { run_dir, recover, program, environment: variables(), log };
    connect::runtime()?.block_on(pilot_runner::shim::main(options))?;
    Ok(Done::Well)
}

/// Whether an agent answers: what to try comes in, what came of it goes out.
pub(crate) fn trial() -> anyhow::Result<Done> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let trial = pilot_runner::shim::try_agent(program, variables());
    let json = connect::runtime()?.block_on(Box::pin(trial))?;
    output::line(&json)?;
    Ok(Done::Well)
}

/// Starts a runner; one that belongs to no hub yet joins the hub of this
/// machine, whose owner we are.
async fn start_runner(globals: &Globals, options: RunnerOptions) -> anyhow::Result<Running> {
    match pilot_runner::daemon::start(options.clone()).await {
        Ok(runner) => return Ok(runner),
        Err(StartError::Enrolment(EnrolmentError::NotJoined)) => {}
        Err(error) => return Err(error.problem().into()),
    }
    let code = local_join_code(globals).await.context(
        "this runner belongs to no hub yet, and the one on this machine gives no join code; \
         make one with `pilot runner join-code` at your hub and say --join CODE",
    )?;
    let options = RunnerOptions { hub: HubChoice::Join(code), ..options };
    Ok(pilot_runner::daemon::start(options).await.map_err(|error| error.problem())?)
}

/// A code from the hub of this machine, asked for as its owner.
async fn local_join_code(globals: &Globals) -> anyhow::Result<pilot_proto::runner::JoinCode> {
    let client = Client::new(&connect::endpoint(globals)?)?;
    let made = client.call::<JoinCodeNew>(NewJoinCode::default()).await?;
    Ok(pilot_runner::daemon::join_code(made.code.expose())?)
}

fn options(
    data: PathBuf,
    name: Option<String>,
    workers: u32,
    once: bool,
) -> anyhow::Result<RunnerOptions> {
    let program = std::env::current_exe().context("cannot find this program")?;
    Ok(RunnerOptions {
        data,
        hub: HubChoice::Saved,
        name: name.unwrap_or_else(machine_name),
        workers,
        once,
        shim: ShimCommand { program, args: vec!["shim".into()] },
        environment: variables(),
    })
}

pub(crate) fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

pub(crate) fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn many_threads() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A log file is for people and for grep.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// What this machine lacks to run agents, with the mend. Works without a hub.
pub(crate) fn doctor(globals: &Globals) -> anyhow::Result<Done> {
    let data = connect::data_directory(globals)?.join("runner");
    let findings = connect::runtime()?.block_on(pilot_runner::doctor::examine(&data, &variables()));
    output::table(
        globals,
        &findings,
        &["WHAT", "FOUND", "MEND"],
        "nothing to look at",
        |finding| {
            let mend = finding.mend.clone().unwrap_or_else(|| "-".to_owned());
            vec![finding.what.clone(), finding.found.clone(), mend]
        },
    )?;
    Ok(Done::Well)
}
