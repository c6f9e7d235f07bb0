//! The environment of a run's processes, built from nothing.
//!
//! **Invariant:** no variable is ever set to the empty string: programs
//! differ on whether that means "off", "on" or "the current directory".

use pilot_proto::RunId;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The marker by which a run's processes are found again.
pub const RUN_VARIABLE: &str = "PILOTHOUSE_RUN";

/// Variables that lead programs to a proxy.
pub const PROXIES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// Variables of the runner's own environment that a child may need to reach
/// the network at all. Passed on only where the caller's map has them.
pub const PASSED: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "PIP_CERT",
    "TZ",
];

/// Where a run lives.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The run.
    pub run: RunId,
    /// Its private home.
    pub home: &'a Path,
    /// Its private directory for temporary files.
    pub temporary: &'a Path,
    /// `PATH`, as the runner was given it.
    pub path: &'a OsStr,
}

/// Variables by name.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Sets a variable; an empty value takes it away instead.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let (name, value) = (name.into(), value.into());
        if value.is_empty() {
            self.0.remove(&name);
        } else {
            self.0.insert(name, value);
        }
    }

    /// A variable.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.0.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl<N: Into<OsString>, V: Into<OsString>> Extend<(N, V)> for Environment {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, variables: I) {
        for (name, value) in variables {
            self.set(name, value);
        }
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let mut environment = Self::default();
        environment.extend(variables);
        environment
    }
}

/// The values may be keys: names only.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Environment").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}

/// What every child of a run gets: a home, a language, no pager, no editor,
/// no prompt, and its marker. `given` is where [`PASSED`] is taken from.
///
/// `CI` and `NO_COLOR` are left out on purpose: both change what a project's
/// own tests do, and `TERM=dumb` without a terminal already keeps output plain.
pub fn environment(
    surroundings: Surroundings<'_>,
    given: &BTreeMap<OsString, OsString>,
) -> Environment {
    let Surroundings { run, home, temporary, path } = surroundings;
    let mut environment: Environment = [
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TERM", "dumb"),
        ("PAGER", "cat"),
        ("GIT_PAGER", "cat"),
        ("EDITOR", "true"),
        ("VISUAL", "true"),
        ("GIT_EDITOR", "true"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("SHELL", "/bin/sh"),
    ]
    .into_iter()
    .collect();
    for name in PASSED {
        if let Some(value) = given.get(OsStr::new(name)) {
            environment.set(name, value);
        }
    }
    environment.set("PATH", path);
    environment.set("HOME", home);
    environment.set("TMPDIR", temporary);
    environment.set("XDG_CONFIG_HOME", home.join(".config"));
    environment.set("XDG_CACHE_HOME", home.join(".cache"));
    environment.set("XDG_DATA_HOME", home.join(".local/share"));
    environment.set("XDG_STATE_HOME", home.join(".local/state"));
    environment.set("XDG_RUNTIME_DIR", temporary);
    environment.set(RUN_VARIABLE, run.to_string());
    environment
}
