//! Starting the desktop's programs inside the walls.
//!
//! The server makes its socket in the run's TMPDIR, by a name without a path:
//! a socket's address holds 107 bytes. As soon as it is there it is moved to
//! where nothing inside comes by it.

use super::Surroundings;
use super::place::{Attached, Place, SOCKET};
use crate::shim::steps::word;
use crate::shim::walls::Standing;
use crate::shim::workspace::Workspace;
use pilot_proto::{Code, Problem};
use pilot_sandbox::{Agent, Environment, Exit, Launch};
use pilot_screen::desktop::{self, COOKIE};
use pilot_screen::keymap;
use pilot_screen::rfb::Size;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};

/// For the server to stand: it loads fonts and a keyboard from a cold disk.
const PATIENCE: Duration = Duration::from_secs(20);
/// For its keyboard.
const KEYBOARD: Duration = Duration::from_secs(10);
/// Between two looks whether it does.
const PAUSE: Duration = Duration::from_millis(10);
/// What is kept of what a program says when it fails.
const LAST_WORDS: usize = 2000;
/// Makes the directory of X's sockets, which is not there in a new `/tmp`, and
/// becomes the program.
const SCRIPT: &str = "mkdir -p -m 1777 /tmp/.X11-unix; exec \"$@\"";
/// A window manager that ends is started again so often, so long apart.
const MANAGERS: u32 = 5;
const AGAIN: Duration = Duration::from_secs(2);
/// For the first to take over: it comes in a tenth of that on a busy machine.
const MANAGER: Duration = Duration::from_secs(10);
/// What is read of it until then: it warns of menus that it does not find.
const WARNINGS: u64 = 64 * 1024;

/// What programs of the run find their screen by, also before it stands.
pub(in crate::shim) struct Display {
    number: u16,
    authority: PathBuf,
}

impl Display {
    /// Tells them.
    pub(in crate::shim) fn furnish(&self, environment: &mut Environment) {
        environment.set("DISPLAY", format!(":{}", self.number));
        environment.set("XAUTHORITY", &self.authority);
    }
}

fn number(workspace: &Workspace) -> u16 {
    desktop::number(workspace.spec.run.0.as_u128())
}

/// The display of a run, with its key written; none where this machine has no
/// server for it.
pub(in crate::shim) fn display(workspace: &Workspace) -> io::Result<Option<Display>> {
    if !workspace.has_a_screen() {
        return Ok(None);
    }
    let (number, authority) = (number(workspace), workspace.dir.home().join(".Xauthority"));
    let mut cookie = [0; COOKIE];
    getrandom::fill(&mut cookie).map_err(io::Error::other)?;
    let contents = desktop::authority(number, cookie);
    let mut options = File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&authority)?;
    io::Write::write_all(&mut file, &contents)?;
    Ok(Some(Display { number, authority }))
}

/// A desktop that stands.
pub(super) struct Desktop {
    /// Its process; none where it is somebody else's.
    pub(super) server: Option<Agent>,
    /// Its window manager, where there is one.
    pub(super) manager: Option<Agent>,
    pub(super) place: Arc<Place>,
    pub(super) size: Size,
}

fn failed(message: String) -> Problem {
    Problem::new(Code::Precondition, message)
        .hint("`pilot runner doctor` on its machine says what a screen needs.")
}

fn unusable(error: &io::Error) -> Problem {
    failed(format!("The screen cannot be started: {error}."))
}

/// A desktop that stands already.
pub(super) async fn attached(server: Arc<Attached>) -> Result<Desktop, Problem> {
    let size = Attached::look(&server).await?;
    let place = Arc::new(Place::Attached(server));
    Ok(Desktop { server: None, manager: None, place, size })
}

/// Starts the run's own server and waits until it stands.
pub(super) async fn start(surroundings: &Surroundings) -> Result<Desktop, Problem> {
    let Surroundings { workspace, walls, .. } = surroundings;
    if !workspace.has_a_screen() {
        let package = desktop::WANTED[0].package;
        return Err(Problem::new(
            Code::Precondition,
            format!("The runner has no `{}`, so its runs have no screen.", desktop::SERVER),
        )
        .hint(format!("On the runner: `apt-get install {package}`.")));
    }
    if !walls.shows_a_screen() {
        return Err(Problem::new(
            Code::Precondition,
            "Behind Landlock a run has no screen: its programs may make no unix sockets.",
        )
        .hint("Install bubblewrap on the runner."));
    }
    let made = workspace.dir.tmp().join(SOCKET);
    let kept = workspace.dir.work().join("screen");
    prepare(&made, &kept).map_err(|error| unusable(&error))?;
    let authority = workspace.dir.home().join(".Xauthority");
    let arguments = desktop::arguments(number(workspace), SOCKET, &authority, desktop::SIZE);
    let mut server = spawn(walls, workspace, desktop::SERVER, arguments).await?;
    // Between a socket's name and its owner's listening there is a moment, in
    // which the server sets its mode, by name: moved then, it would be missed.
    let hears = async {
        let place = Place::Own { directory: File::open(workspace.dir.tmp())? };
        // A link that somebody inside has laid there leads elsewhere.
        let is_socket = || made.symlink_metadata().is_ok_and(|it| it.file_type().is_socket());
        while !is_socket() || place.connect().await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
        Ok::<(), io::Error>(())
    };
    comes(&mut server, hears).await?.map_err(|error| unusable(&error))?;
    let moved = std::fs::rename(&made, kept.join(SOCKET)).and_then(|()| File::open(&kept));
    let directory = moved.map_err(|error| unusable(&error))?;
    let place = Arc::new(Place::Own { directory });
    server.stdin = None;
    lay_keyboard(walls, workspace).await;
    let manager = take_windows(surroundings).await;
    Ok(Desktop { server: Some(server), manager, place, size: desktop::SIZE })
}

/// Gives the display its keyboard. Without it there is an American one.
async fn lay_keyboard(walls: &Standing, workspace: &Workspace) {
    if workspace.programs.find("screen", keymap::COMPILER).is_none() {
        return;
    }
    let display = format!(":{}", number(workspace));
    // What it warns of are names of the base that ours replace.
    let arguments = ["-w0", "-", &display].map(OsString::from).into();
    let laid = async {
        let mut compiler = spawn(walls, workspace, keymap::COMPILER, arguments).await?;
        if let Some(mut stdin) = compiler.stdin.take() {
            stdin.write_all(keymap::description().as_bytes()).await.ok();
        }
        let ended = compiler.wait().await;
        if matches!(ended, Ok(Exit::Code(0))) {
            Ok(())
        } else {
            Err(failed(last_words(&mut compiler).await))
        }
    };
    match tokio::time::timeout(KEYBOARD, laid).await {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => tracing::warn!(%problem, "the desktop has no keyboard of ours"),
        Err(_) => tracing::warn!("the desktop's keyboard takes too long"),
    }
}

/// Waits for something of a server that starts.
async fn comes<T>(server: &mut Agent, what: impl Future<Output = T>) -> Result<T, Problem> {
    let came = tokio::select! {
        came = tokio::time::timeout(PATIENCE, what) => came.ok(),
        _ = server.wait() => None,
    };
    if let Some(came) = came {
        return Ok(came);
    }
    let said = last_words(server).await;
    Err(failed(format!("The desktop's server did not start: {said}")))
}

fn prepare(made: &Path, kept: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(kept)?;
    match std::fs::remove_file(made) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn spawn(
    walls: &Standing,
    workspace: &Workspace,
    program: &str,
    arguments: Vec<OsString>,
) -> Result<Agent, Problem> {
    let script = ["-c", SCRIPT, "sh", program].map(OsString::from);
    let launch = Launch {
        program: "/bin/sh".into(),
        args: script.into_iter().chain(arguments).collect(),
        env: walls.environment(),
        cwd: workspace.dir.tmp(),
    };
    walls.spawn(&launch).await.map_err(|error| error.problem())
}

/// What it said last, for a person.
async fn last_words(process: &mut Agent) -> String {
    let mut said = Vec::new();
    if let Some(stderr) = &mut process.stderr {
        let mut stderr = stderr.take(64 * 1024);
        let read = stderr.read_to_end(&mut said);
        tokio::time::timeout(Duration::from_secs(1), read).await.ok();
    }
    let said = String::from_utf8_lossy(&said[said.len().saturating_sub(LAST_WORDS)..]).into_owned();
    desktop::reason(&said).unwrap_or("it said nothing").to_owned()
}

/// Starts the window manager and waits until it has the windows. One that takes
/// over later takes the keyboard away from whatever was clicked before.
async fn take_windows(surroundings: &Surroundings) -> Option<Agent> {
    let Surroundings { workspace, walls, words, .. } = surroundings;
    if workspace.programs.find("screen", desktop::WINDOW_MANAGER).is_none() {
        let text = format!(
            "The runner has no `{}`: windows of the screen cannot be moved.",
            desktop::WINDOW_MANAGER
        );
        words.send(word(text)).await.ok();
        return None;
    }
    let mut manager = manager(walls, workspace).await?;
    if tokio::time::timeout(MANAGER, manages(&mut manager)).await.is_err() {
        tracing::warn!("the desktop's window manager takes too long");
    }
    Some(manager)
}

async fn manager(walls: &Standing, workspace: &Workspace) -> Option<Agent> {
    let arguments = desktop::manager_arguments();
    match spawn(walls, workspace, desktop::WINDOW_MANAGER, arguments).await {
        Ok(manager) => Some(manager),
        Err(problem) => {
            tracing::debug!(%problem, "no window manager");
            None
        }
    }
}

/// Returns when a window manager says that it manages, or nothing more.
async fn manages(manager: &mut Agent) {
    let Some(out) = &mut manager.stdout else { return };
    let mut lines = BufReader::new(out.take(WARNINGS)).lines();
    while let Ok(Some(line)) = lines.next_line().await
        && line != desktop::MANAGES
    {}
}

/// Keeps a window manager running, where there was one.
pub(super) fn manage_windows(
    surroundings: &Surroundings,
    first: Option<Agent>,
) -> impl Future<Output = ()> + Send + 'static {
    let Surroundings { workspace, walls, .. } = surroundings.clone();
    async move {
        let (mut present, mut left) = (first, MANAGERS);
        while let Some(mut manages) = present.take() {
            swallow(&mut manages).await;
            if let Err(error) = manages.wait().await {
                tracing::debug!(%error, "the window manager is lost");
            }
            if left > 0 {
                left -= 1;
                tokio::time::sleep(AGAIN).await;
                present = manager(&walls, &workspace).await;
            }
        }
    }
}

/// Reads and forgets what a program says until it says no more: one whose pipe
/// is full stands still.
pub(super) fn swallow(process: &mut Agent) -> impl Future<Output = ()> + Send + 'static {
    let (out, err) = (process.stdout.take(), process.stderr.take());
    async move {
        tokio::join!(forget(out), forget(err));
    }
}

async fn forget(from: Option<impl AsyncRead + Unpin>) {
    if let Some(mut from) = from
        && let Err(error) = tokio::io::copy(&mut from, &mut tokio::io::sink()).await
    {
        tracing::debug!(%error, "a desktop's program is not heard any more");
    }
}
