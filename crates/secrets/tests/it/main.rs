//! Secrets at rest and on their way out.

mod canary;
mod credential_file;
mod forms;
mod grant;
mod keep;
mod owner_token;
mod redactor;
mod rules;
mod sealed_file;
mod vault;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is there");
    entries.map(|entry| entry.expect("an entry").file_name().display().to_string()).collect()
}
