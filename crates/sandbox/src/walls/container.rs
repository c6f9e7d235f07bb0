//! The third tier's engine: whether Docker or Podman could be used here.

use super::survey::find;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// An engine that is up answers in a fraction of a second.
const ANSWER: Duration = Duration::from_secs(10);

/// An engine that answers. A client without its daemon is none.
pub(super) async fn find_engine(path: &OsStr) -> Result<PathBuf, String> {
    let mut why = "neither `podman` nor `docker` is installed".to_owned();
    for name in ["podman", "docker"] {
        let Some(program) = find(name, path) else { continue };
        let asked = Command::new(&program)
            .args(["version", "--format", "{{.Server.Version}}"])
            .env_clear()
            .env("PATH", path)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        match timeout(ANSWER, asked).await {
            Ok(Ok(output)) if output.status.success() => return Ok(program),
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr);
                why = format!("`{name}` does not answer: {}", said.trim());
            }
            Ok(Err(error)) => why = format!("`{name}` does not start: {error}"),
            Err(_elapsed) => why = format!("`{name}` did not answer within {} s", ANSWER.as_secs()),
        }
    }
    Err(why)
}
