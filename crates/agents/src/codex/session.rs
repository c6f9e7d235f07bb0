//! Where Codex keeps the file of a session.

use crate::catalog::SessionPlace;
use std::path::PathBuf;

/// Its configuration directory, relative to the private HOME.
pub(super) const CONFIG_DIR: &str = ".codex";

/// Where the program keeps a session, whichever its tree. Its own files lie
/// under the day on which the session began; it finds one by the id in its
/// name, under any day.
pub(super) fn place(session: &str) -> SessionPlace {
    let below = PathBuf::from(CONFIG_DIR).join("sessions");
    let restore = below.join(format!("2026/01/01/rollout-2026-01-01T00-00-00-{session}.jsonl"));
    SessionPlace { below, named: format!("{session}.jsonl"), restore, more: Vec::new() }
}
