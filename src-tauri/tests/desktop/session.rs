//! A desktop session of a test's own: a display, a bus on which nothing starts
//! by itself, and a home that is thrown away.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use zbus::blocking::Connection;

/// For everything that happens by itself, on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// No service directory: what a test does not start is not there.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

pub(crate) struct Session {
    home: TempDir,
    environment: BTreeMap<String, String>,
    children: Vec<Child>,
    bus: String,
}

impl Session {
    pub(crate) fn start() -> Self {
        let home = TempDir::new().expect("a temporary directory");
        let mut environment = BTreeMap::new();
        let path = std::env::var_os("PATH").expect("a PATH").into_string().expect("UTF-8");
        environment.insert("PATH".to_owned(), path);
        // Where the page is, is said to whoever looks closely.
        environment.insert("RUST_LOG".to_owned(), "info,pilot_desktop=debug".to_owned());
        for (name, folder) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            let folder = home.path().join(folder);
            std::fs::DirBuilder::new().mode(0o700).create(&folder).expect("a fresh folder");
            environment.insert(name.to_owned(), folder.display().to_string());
        }
        let mut session = Self { home, environment, children: vec![], bus: String::new() };
        session.start_bus();
        session.start_display();
        session
    }

    fn start_bus(&mut self) {
        let config = self.home.path().join("bus.conf");
        std::fs::write(&config, BUS).expect("writable");
        let mut bus = self.command("dbus-daemon");
        bus.arg(format!("--config-file={}", config.display()));
        bus.args(["--nofork", "--print-address=1"]);
        self.bus = self.first_line(bus);
        self.environment.insert("DBUS_SESSION_BUS_ADDRESS".to_owned(), self.bus.clone());
    }

    fn start_display(&mut self) {
        let mut display = self.command("Xvfb");
        display.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"]);
        // Its pixels are in `Xvfb_screen0` there, for whoever measures.
        display.arg("-fbdir").arg(self.home.path());
        let number = self.first_line(display);
        self.environment.insert("DISPLAY".to_owned(), format!(":{number}"));
    }

    fn first_line(&mut self, mut command: Command) -> String {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it is installed");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        self.children.push(child);
        line.trim().to_owned()
    }

    /// A real keychain, unlocked as by a login.
    pub(crate) fn start_keychain(&mut self) {
        let mut keychain = self.command("gnome-keyring-daemon");
        keychain.args(["--foreground", "--unlock", "--components=secrets"]);
        let mut child = keychain
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("gnome-keyring is installed");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(b"a password of a test").expect("it reads");
        drop(stdin);
        self.children.push(child);
        eventually("the keychain answers", || {
            let bus = ["call", "--session", "--dest", "org.freedesktop.DBus", "--object-path", "/"];
            let asked =
                ["--method", "org.freedesktop.DBus.NameHasOwner", "org.freedesktop.secrets"];
            self.run("gdbus", &[&bus[..], &asked].concat()).contains("true").then_some(())
        });
    }

    /// Something that can close windows as a person does.
    pub(crate) fn start_window_manager(&mut self) {
        self.keep(self.command("openbox"));
    }

    /// Presses the window's close button.
    pub(crate) fn close_window(&self) {
        eventually("the window can be closed", || {
            self.run("wmctrl", &["-l"]).contains("Pilothouse").then_some(())
        });
        self.run("wmctrl", &["-c", "Pilothouse"]);
    }

    /// A program of this session.
    #[expect(clippy::disallowed_methods, reason = "the file that owns the session's programs")]
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.environment).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts the window's program; what it logs is in its log file.
    pub(crate) fn start_window(&mut self, arguments: &[&str]) -> u32 {
        let mut program = self.command(window());
        program.args(arguments);
        self.keep(program)
    }

    /// Starts a program that ends with the session, or before.
    pub(crate) fn keep(&mut self, mut command: Command) -> u32 {
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{:?} does not start: {error}", command.get_program());
        });
        let pid = child.id();
        self.children.push(child);
        pid
    }

    /// A way onto its bus.
    pub(crate) fn connection(&self) -> Connection {
        let bus = zbus::blocking::connection::Builder::address(self.bus.as_str());
        bus.and_then(zbus::blocking::connection::Builder::build).expect("the bus is there")
    }

    /// What it says at its end.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().expect("it is installed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.home.path().join("config")
    }

    pub(crate) fn log(&self) -> String {
        let log = self.data().join("pilothouse/desktop/logs/pilothouse.log");
        std::fs::read_to_string(log).unwrap_or_default()
    }

    /// Waits until the log says it so many times.
    #[track_caller]
    pub(crate) fn logged(&self, what: &str, times: usize) {
        eventually(&format!("`{what}` in the log"), || {
            (self.log().matches(what).count() >= times).then_some(())
        });
    }

    /// True if the window's page said that it is there.
    pub(crate) fn page_was_at(&self, path: &str) -> bool {
        self.log().contains(&format!("the page shows hub=\"local\" path=\"{path}\""))
    }

    /// Waits until a child of this session has ended.
    #[track_caller]
    pub(crate) fn ended(&mut self, pid: u32) {
        let children = &mut self.children;
        eventually("the program has ended", || {
            let child = children.iter_mut().find(|child| child.id() == pid)?;
            child.try_wait().expect("our child").map(drop)
        });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::io::stderr().write_all(self.log().as_bytes()).ok();
        }
        // The bus and the display last: the others say good-bye on them.
        for child in self.children.iter_mut().rev() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// A script that programs of a session can start.
pub(crate) fn write_program(path: &Path, text: &str) {
    std::fs::write(path, text).expect("writable");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(path, mode).expect("it is ours");
}

pub(crate) fn window() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_pilothouse"))
}

/// True while the program shows a page: WebKit's process for it is its child.
pub(crate) fn shows_a_page(pid: u32) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        let read = |file: &str| std::fs::read_to_string(process.path().join(file));
        let Ok(stat) = read("stat") else { return false };
        let mut after_name = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let parent = after_name.nth(1).and_then(|parent| parent.parse::<u32>().ok());
        parent == Some(pid) && stat.contains("(WebKitWebProces")
    })
}

/// Polls until there is something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
