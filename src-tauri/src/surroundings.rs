//! What the process was started with: the one reader of its environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Directory, instead of the person's own, of everything that is kept.
const DATA: &str = "PILOTHOUSE_DATA";
/// `accelerated`, `software` or `auto`, instead of the setting.
const RENDERING: &str = "PILOTHOUSE_RENDERING";
/// What is logged, as `tracing` reads it.
const LOG: &str = "RUST_LOG";

/// The environment, as far as it is for us.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// Everything that hub, runner and window keep.
    pub(crate) data: PathBuf,
    /// That is the person's own directory, not one that was named.
    pub(crate) is_own: bool,
    /// What it says of rendering.
    pub(crate) rendering: Option<String>,
    /// What it says of the log.
    pub(crate) log: Option<String>,
    /// Arguments without the program's name.
    pub(crate) arguments: Vec<String>,
}

/// There is no place for our files.
#[derive(Debug, thiserror::Error)]
#[error("neither {DATA}, XDG_DATA_HOME nor HOME names a directory")]
pub(crate) struct Homeless;

impl Surroundings {
    /// Of this process.
    pub(crate) fn of_this_process() -> Result<Self, Homeless> {
        Ok(Self {
            data: data_directory().ok_or(Homeless)?,
            is_own: variable(DATA).is_none(),
            rendering: variable(RENDERING),
            log: variable(LOG),
            arguments: std::env::args_os()
                .skip(1)
                .map(|one| one.to_string_lossy().into_owned())
                .collect(),
        })
    }
}

/// What shims start with.
pub(crate) fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The same as the command line's.
fn data_directory() -> Option<PathBuf> {
    if let Some(data) = variable(DATA) {
        return std::path::absolute(data).ok();
    }
    let base = match variable("XDG_DATA_HOME").map(PathBuf::from) {
        Some(base) if base.is_absolute() => base,
        _ => PathBuf::from(variable("HOME")?).join(".local/share"),
    };
    Some(base.join("pilothouse"))
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the process's environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
