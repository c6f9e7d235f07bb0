use crate::World;
use pilot_sandbox::environment::PASSED;
use pilot_sandbox::{Environment, Surroundings, environment};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use tokio::io::AsyncReadExt;

fn built(given: &[(&str, &str)]) -> Environment {
    let given: BTreeMap<OsString, OsString> =
        given.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let world = World::new();
    let surroundings = Surroundings {
        run: world.run,
        home: Path::new("/run/home"),
        temporary: Path::new("/run/tmp"),
        path: OsStr::new("/bin"),
    };
    environment(surroundings, &given)
}

#[test]
fn no_variable_is_ever_empty() {
    let empty: Vec<(&str, &str)> = PASSED.iter().map(|name| (*name, "")).collect();
    let mut environment = built(&empty);
    environment.set("ONE", "");
    environment.extend([("TWO", "")]);
    for (name, value) in environment.iter() {
        assert!(!value.is_empty(), "{name:?} must not be set to nothing");
    }
    for name in PASSED {
        assert_eq!(environment.get(name), None, "`{name}` was empty, so it is not set at all");
    }
}

#[test]
fn an_empty_value_takes_a_variable_away() {
    let mut environment = built(&[]);
    environment.set("TERM", "");
    assert_eq!(environment.get("TERM"), None);
}

#[test]
fn only_what_is_on_the_list_is_passed_on() {
    let environment = built(&[
        ("HTTPS_PROXY", "http://proxy:3128"),
        ("SSL_CERT_FILE", "/ca.pem"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2hunter2"),
        ("PATH", "/somewhere/else"),
        ("HOME", "/root"),
        ("LD_PRELOAD", "/evil.so"),
    ]);
    for (name, value) in [
        ("HTTPS_PROXY", Some("http://proxy:3128")),
        ("SSL_CERT_FILE", Some("/ca.pem")),
        ("AWS_SECRET_ACCESS_KEY", None),
        ("LD_PRELOAD", None),
        ("PATH", Some("/bin")),
        ("HOME", Some("/run/home")),
        ("TMPDIR", Some("/run/tmp")),
        ("XDG_CONFIG_HOME", Some("/run/home/.config")),
        ("GIT_TERMINAL_PROMPT", Some("0")),
        ("TERM", Some("dumb")),
        ("CI", None),
    ] {
        assert_eq!(environment.get(name), value.map(OsStr::new), "{name}");
    }
}

#[tokio::test]
async fn a_child_sees_this_environment_and_nothing_of_ours() {
    let world = World::new();
    let launch = world.launch("env", &["-0"]);
    let mut agent = pilot_sandbox::spawn(&launch).expect("`env` starts");
    let mut seen = Vec::new();
    agent.stdout.take().expect("a pipe").read_to_end(&mut seen).await.expect("output");
    let mut seen: Vec<String> =
        String::from_utf8(seen).expect("text").split_terminator('\0').map(str::to_owned).collect();
    seen.sort();
    let mut wanted: Vec<String> = launch
        .env
        .iter()
        .map(|(name, value)| format!("{}={}", name.display(), value.display()))
        .collect();
    wanted.sort();
    assert_eq!(seen, wanted);
}

#[test]
fn values_are_not_shown() {
    let mut environment = built(&[]);
    environment.set("ANTHROPIC_API_KEY", "hunter2hunter2");
    let shown = format!("{environment:?}");
    assert!(shown.contains("ANTHROPIC_API_KEY") && !shown.contains("hunter2"), "{shown}");
}
