//! Links of ours lead here, from the first start on.
//!
//! The plugin writes the desktop's entry, with the program's path in quotes.
//! `xdg-open` of desktops that it does not know by name takes those for a part
//! of the path, so they go where the path needs none.

use pilot_proto::{Code, Problem};
use std::io;
use std::path::{Path, PathBuf};
use tauri::{AppHandle, Manager};
use tauri_plugin_deep_link::DeepLinkExt;

/// What our links begin with.
pub(crate) const SCHEME: &str = "pilothouse";

/// Registers it, unless it is. Asks programs of the desktop and waits for them.
pub(crate) fn register(app: &AppHandle) -> Result<(), Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!("Links to Pilothouse do not open it: {error}.");
        Problem::new(Code::Precondition, message).hint("Install `xdg-utils`, and start it again.")
    };
    let links = app.deep_link();
    if !matches!(links.is_registered(SCHEME), Ok(true)) {
        links.register(SCHEME).map_err(|error| failed(&error))?;
    }
    mend(app).map_err(|error| failed(&error))
}

fn mend(app: &AppHandle) -> io::Result<()> {
    let program = std::env::current_exe()?;
    let entries = app.path().data_dir().map_err(io::Error::other)?.join("applications");
    let entry = entry(&entries, &program);
    let text = match std::fs::read_to_string(&entry) {
        Ok(text) => text,
        // Registered by a package: its entry is its own affair.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mended = with_program(&text, &program);
    if mended == text { Ok(()) } else { std::fs::write(&entry, mended) }
}

fn entry(entries: &Path, program: &Path) -> PathBuf {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    entries.join(format!("{name}-handler.desktop"))
}

/// The entry with this program's path, as it is now.
fn with_program(entry: &str, program: &Path) -> String {
    let path = program.to_string_lossy();
    let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '/' | '.' | '_' | '-');
    let line = if path.chars().all(plain) {
        format!("Exec={path} %u")
    } else {
        format!("Exec=\"{path}\" %u")
    };
    let lines = entry.lines().map(|old| if old.starts_with("Exec=") { &line } else { old });
    lines.fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[Desktop Entry]\nType=Application\nExec=\"/old/pilothouse\" %u\n\
                         MimeType=x-scheme-handler/pilothouse\n";

    #[test]
    fn a_plain_path_stands_without_quotes_and_another_with() {
        let entry = with_program(ENTRY, Path::new("/usr/bin/pilothouse"));
        assert_eq!(entry, ENTRY.replace("\"/old/pilothouse\"", "/usr/bin/pilothouse"));
        let entry = with_program(ENTRY, Path::new("/home/a b/pilothouse"));
        assert_eq!(entry, ENTRY.replace("/old/", "/home/a b/"));
    }
}
