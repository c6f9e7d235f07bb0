//! Reports of crashes: written to a file of this machine and shown at the next
//! start. Nothing is sent anywhere.

use crate::clock;
use crate::json_file::make_private;
use crate::log_file::LastLines;
use serde::Serialize;
use std::backtrace::Backtrace;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};

/// Older ones go.
const KEPT: usize = 10;
/// What the page shows of one.
const SHOWN: usize = 64 * 1024;
/// Shorter words are no secrets of ours.
const SECRET: usize = 32;
/// A report that was seen.
const SEEN: &str = "seen";
const FRESH: &str = "txt";

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// Its file.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) text: String,
}

/// From now on, a panic leaves a report in `folder`.
pub(crate) fn watch(folder: PathBuf, last: LastLines) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Err(error) = write(&folder, &text(panic, &last)) {
            tracing::error!(%error, "no report of the crash could be written");
        }
        before(panic);
    }));
}

fn text(panic: &PanicHookInfo<'_>, last: &LastLines) -> String {
    let thread = std::thread::current();
    let text = format!(
        "Pilothouse {} on {} {}\n{}\nthread `{}`: {panic}\n\n{}\n\nThe log before it:\n{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        clock::stamp(),
        thread.name().unwrap_or("unnamed"),
        Backtrace::force_capture(),
        last.text(),
    );
    redacted(&text, std::env::home_dir().as_deref())
}

/// Without the person's name in paths, and without what may be a secret. Words
/// of a program's own are letters; secrets have digits.
fn redacted(text: &str, home: Option<&Path>) -> String {
    let text = match home.and_then(Path::to_str).filter(|home| home.len() > 1) {
        Some(home) => text.replace(home, "~"),
        None => text.to_owned(),
    };
    let is_word = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '=' | '+');
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let end = rest.find(|one| !is_word(one)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let secret = word.len() >= SECRET
            && word.bytes().any(|one| one.is_ascii_digit())
            && uuid::Uuid::try_parse(word).map_or(true, |_| !word.contains('-'));
        out.push_str(if secret { "[redacted]" } else { word });
        let between = after.find(is_word).unwrap_or(after.len());
        out.push_str(&after[..between]);
        rest = &after[between..];
    }
    out
}

fn write(folder: &Path, text: &str) -> io::Result<()> {
    make_private(folder)?;
    let name = format!("{}-{}", clock::stamp(), std::process::id());
    // A panic of a panic is told once.
    let path = folder.join(name).with_extension(FRESH);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match file {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }?;
    forget_old(folder)
}

fn forget_old(folder: &Path) -> io::Result<()> {
    let mut all = files(folder, |_| true)?;
    let old = all.len().saturating_sub(KEPT);
    all.drain(..old).try_for_each(std::fs::remove_file)
}

/// The files of a folder, oldest first: their names begin with the time.
fn files(folder: &Path, wanted: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                files.push(entry?.path());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    files.retain(|path| wanted(path));
    files.sort();
    Ok(files)
}

fn is_fresh(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == FRESH)
}

/// The last report that nobody has seen.
pub(crate) fn unseen(folder: &Path) -> io::Result<Option<Report>> {
    let Some(path) = files(folder, is_fresh)?.pop() else { return Ok(None) };
    let bytes = std::fs::read(&path)?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    Ok(Some(Report { file: path.display().to_string(), text }))
}

/// All of them have been seen. They stay in the folder.
pub(crate) fn dismiss(folder: &Path) -> io::Result<()> {
    for path in files(folder, is_fresh)? {
        std::fs::rename(&path, path.with_extension(SEEN))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_shown_until_it_is_dismissed_and_then_kept() {
        let home = tempfile::tempdir().expect("a directory");
        let folder = home.path().join("crashes");
        assert_eq!(unseen(&folder).expect("readable"), None);
        write(&folder, "it broke").expect("written");
        let report = unseen(&folder).expect("readable").expect("a report");
        assert_eq!(report.text, "it broke");
        assert!(Path::new(&report.file).is_file());
        dismiss(&folder).expect("dismissed");
        assert_eq!(unseen(&folder).expect("readable"), None);
        assert_eq!(files(&folder, |_| true).expect("readable").len(), 1, "it is kept");
    }

    #[test]
    fn only_the_last_reports_are_kept() {
        let home = tempfile::tempdir().expect("a directory");
        for number in 0..KEPT + 5 {
            std::fs::write(home.path().join(format!("2020-{number:02}.seen")), "x").expect("ok");
        }
        write(home.path(), "the last").expect("written");
        assert_eq!(files(home.path(), |_| true).expect("readable").len(), KEPT);
        assert_eq!(unseen(home.path()).expect("readable").expect("one").text, "the last");
    }

    #[test]
    fn a_report_names_neither_the_person_nor_a_secret() {
        let home = Path::new("/home/ann");
        let token = "0123456789abcdef".repeat(4);
        let uuid = "0190b1de-0000-7000-8000-00000000002a";
        let text = format!(
            "/home/ann/work/a.rs: Bearer {token} of task {uuid} in \
             a_function_with_a_name_that_is_really_quite_long"
        );
        assert_eq!(
            redacted(&text, Some(home)),
            format!(
                "~/work/a.rs: Bearer [redacted] of task {uuid} in \
                 a_function_with_a_name_that_is_really_quite_long"
            )
        );
    }
}
