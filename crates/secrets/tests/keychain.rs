//! The real thing: gnome-keyring on a private session bus, under a throw-away
//! home. Each scenario is this program again, inside a bus of its own, because
//! a bus is named by the environment a process is started with.
#![expect(clippy::print_stdout, reason = "it reports as the test harness does")]

use pilot_proto::Secret;
use pilot_proto::console::CredentialKeep;
use pilot_secrets::{CredentialStore, Keep, Keychain, KeychainState, SecretsError};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Longer than any keychain takes, and as long as nobody wants to wait.
const PATIENCE: Duration = Duration::from_secs(20);
const SERVICE: &str = "pilothouse-test";

/// What runs inside, and around it.
const SCENARIOS: &[(&str, fn(), Around)] = &[
    ("a_secret_is_stored_read_back_by_another_program_and_deleted", stored, Around::Unlocked),
    ("credentials_move_from_the_file_into_the_keychain", moved, Around::Unlocked),
    ("a_locked_keychain_is_told_from_an_empty_one", locked, Around::Unlocked),
    ("a_keychain_that_nobody_ever_unlocked_is_locked", never_unlocked, Around::Bus),
    ("a_machine_without_a_keychain_is_told_as_that", no_service, Around::BareBus),
    ("a_machine_without_a_session_bus_is_told_as_that", no_bus, Around::Nothing),
    ("a_keychain_that_waits_for_a_person_holds_nobody_up", silent, Around::Unlocked),
];

#[derive(Clone, Copy)]
enum Around {
    /// A bus, and a keychain that is unlocked.
    Unlocked,
    /// A bus that starts a keychain when it is asked for one.
    Bus,
    /// A bus that knows no service.
    BareBus,
    /// No bus.
    Nothing,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [inside, name] = &arguments[..]
        && inside == "--inside"
    {
        let found = SCENARIOS.iter().find(|(known, ..)| known == name);
        let (_, scenario, _) = found.expect("a scenario of ours");
        return scenario();
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter.as_str()));
    let mut failed = 0;
    for (name, _, around) in SCENARIOS.iter().filter(|(name, ..)| wanted(name)) {
        let output = run(name, *around);
        let fine = output.status.success();
        println!("test {name} ... {}", if fine { "ok" } else { "FAILED" });
        if !fine {
            failed += 1;
            println!("{}", String::from_utf8_lossy(&output.stdout));
            println!("{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(failed, 0, "{failed} scenarios failed");
}

fn run(name: &str, around: Around) -> Output {
    let home = tempfile::tempdir().expect("a directory");
    let place = |name: &str| {
        let path = home.path().join(name);
        std::fs::create_dir(&path).expect("made");
        path
    };
    let this = std::env::current_exe().expect("this program");
    let this = this.to_str().expect("a path of text");
    let inside = format!("exec \"{this}\" --inside {name}");
    let script = match around {
        Around::Unlocked => format!(
            "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null; {inside}"
        ),
        Around::Bus | Around::BareBus | Around::Nothing => inside,
    };
    let bare = home.path().join("bus.conf");
    std::fs::write(&bare, BARE_BUS).expect("written");
    #[expect(clippy::disallowed_methods, reason = "a test starts itself and a bus, no agent")]
    let mut command = match around {
        Around::Nothing => Command::new("sh"),
        Around::Unlocked | Around::Bus | Around::BareBus => Command::new("dbus-run-session"),
    };
    match around {
        Around::BareBus => command.arg("--config-file").arg(&bare).args(["--", "sh"]),
        Around::Unlocked | Around::Bus => command.args(["--", "sh"]),
        Around::Nothing => &mut command,
    };
    command
        .args(["-c", &script])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", place("home"))
        .env("XDG_RUNTIME_DIR", place("run"))
        .env("XDG_DATA_HOME", place("data"))
        .env("XDG_CONFIG_HOME", place("config"))
        .env("XDG_CACHE_HOME", place("cache"))
        .output()
        .expect("dbus-run-session and gnome-keyring are installed: see scripts/common.sh")
}

const BARE_BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

fn keychain() -> Keychain {
    Keychain::new(SERVICE).patient(PATIENCE)
}

/// What another program says, for which the keychain is the same.
fn tool(program: &str, arguments: &[&str]) -> (bool, String) {
    #[expect(clippy::disallowed_methods, reason = "a test looks from outside")]
    let output = Command::new(program).args(arguments).output().expect("it is installed");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn looked_up(name: &str) -> Option<String> {
    let (found, said) = tool("secret-tool", &["lookup", "service", SERVICE, "username", name]);
    found.then_some(said)
}

/// The keychain, once it has taken its name on the bus.
fn unlocked() -> Keychain {
    let begun = Instant::now();
    loop {
        match keychain().probe() {
            KeychainState::Works => return keychain(),
            state => assert!(begun.elapsed() < PATIENCE, "it does not come up: {state:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stored() {
    let keychain = unlocked();
    let (_, left) = tool("secret-tool", &["search", "--all", "service", SERVICE]);
    assert!(!left.contains("canary"), "the canary is gone: {left}");
    assert_eq!(keychain.get("forge").expect("it answers"), None);
    keychain.set("forge", &Secret::new("token \u{fc}")).expect("kept");
    assert_eq!(keychain.get("forge").expect("it answers"), Some(Secret::new("token \u{fc}")));
    assert_eq!(looked_up("forge").as_deref(), Some("token \u{fc}"), "a person finds it, too");
    keychain.set("forge", &Secret::new("another")).expect("replaced");
    assert_eq!(looked_up("forge").as_deref(), Some("another"));
    assert_eq!(Keychain::new("else").get("forge").expect("it answers"), None);
    assert!(keychain.remove("forge").expect("forgotten"));
    assert!(!keychain.remove("forge").expect("it answers"), "there is none any more");
    assert_eq!(looked_up("forge"), None);
}

fn moved() {
    unlocked();
    let home = tempfile::tempdir().expect("a directory");
    let wanted = CredentialStore::Keychain { service: SERVICE.to_owned() };
    let secret = Secret::new("hunter2hunter2");
    let open = |wanted: &CredentialStore| Keep::open(home.path(), wanted).expect("opens");
    open(&CredentialStore::File).keep.set("forge", "home", &secret).expect("kept");
    let mut opened = open(&wanted);
    assert_eq!((opened.keep.kind(), opened.moved), (CredentialKeep::Keychain, 1));
    assert_eq!(opened.entries.values().collect::<Vec<_>>(), [&secret]);
    assert!(!home.path().join("credentials").exists(), "the file in clear is gone");
    in_no_file(home.path());
    opened.keep.set("provider", "work", &Secret::new("hunter2key")).expect("kept");
    assert!(opened.keep.remove("forge", "home").expect("forgotten"));
    let opened = open(&wanted);
    assert_eq!(opened.entries.len(), 1, "found again by the names that are kept beside it");
    in_no_file(home.path());

    let opened = open(&CredentialStore::File);
    assert_eq!((opened.moved, opened.entries.len()), (1, 1), "and back, where it is asked for");
    let (_, left) = tool("secret-tool", &["search", "--all", "service", SERVICE]);
    assert!(!left.contains("work"), "nothing stays behind: {left}");
}

fn in_no_file(directory: &Path) {
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(!text.contains("hunter2"), "{} holds a secret", path.display());
    }
}

fn locked() {
    let keychain = unlocked();
    keychain.set("forge", &Secret::new("token")).expect("kept");
    let collection = "/org/freedesktop/secrets/collection/login";
    let (locked, said) = tool(
        "gdbus",
        &[
            "call",
            "--session",
            "--dest",
            "org.freedesktop.secrets",
            "--object-path",
            "/org/freedesktop/secrets",
            "--method",
            "org.freedesktop.Secret.Service.Lock",
            &format!("['{collection}']"),
        ],
    );
    assert!(locked, "{said}");
    assert_eq!(keychain.probe(), KeychainState::Locked);
    let error = keychain.get("forge").expect_err("it is there, and cannot be read");
    assert!(
        matches!(error, SecretsError::Keychain { state: KeychainState::Locked, .. }),
        "{error}"
    );
    let home = tempfile::tempdir().expect("a directory");
    let wanted = CredentialStore::Keychain { service: SERVICE.to_owned() };
    let error = Keep::open(home.path(), &wanted).expect_err("it cannot be used");
    let problem = error.problem();
    assert!(problem.message.contains("locked") && problem.hint.contains("sealed"), "{problem:?}");
}

fn never_unlocked() {
    let keychain = keychain();
    // What it says to a question alone is "there is none".
    assert_eq!(keychain.probe(), KeychainState::Locked);
}

fn no_service() {
    assert_eq!(keychain().probe(), KeychainState::NoService);
    let error = keychain().get("forge").expect_err("there is none");
    assert!(error.problem().hint.contains("gnome-keyring"), "{error}");
}

fn no_bus() {
    assert_eq!(keychain().probe(), KeychainState::NoBus);
}

fn silent() {
    // It has the name and answers nothing, like one whose window waits for a
    // password.
    unlocked();
    let pid = keyring_pid();
    assert!(tool("sh", &["-c", &format!("kill -STOP {pid}")]).0, "it is ours");
    let begun = Instant::now();
    let keychain = Keychain::new(SERVICE).patient(Duration::from_millis(300));
    assert_eq!(keychain.probe(), KeychainState::Locked);
    for _ in 0..40 {
        assert!(keychain.get("forge").is_err(), "nobody answers");
    }
    // Forty full waits would be twelve seconds, and each would leave a thread.
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(10), "it is known to be locked: {waited:?}");
    assert!(tool("sh", &["-c", &format!("kill -CONT {pid}")]).0, "it is ours");
    // What was asked meanwhile is answered, and then it is as it was before.
    unlocked();
}

fn keyring_pid() -> String {
    let (_, said) = tool(
        "gdbus",
        &[
            "call",
            "--session",
            "--dest",
            "org.freedesktop.DBus",
            "--object-path",
            "/org/freedesktop/DBus",
            "--method",
            "org.freedesktop.DBus.GetConnectionUnixProcessID",
            "org.freedesktop.secrets",
        ],
    );
    let number = said.split_whitespace().nth(1).unwrap_or_default();
    number.trim_end_matches([',', ')']).to_owned()
}
