//! The agent's own session: kept after each turn, and put in place before an
//! agent goes on with it.
//!
//! Most agents have one text file for it. Where it is a database there are
//! several, which are kept as one: each with a line before it that tells its
//! length and the ending of its name.

use super::steps::off_thread;
use super::workspace::{SharedWorkspace, Workspace};
use crate::run_dir::beneath;
use pilot_agents::SessionPlace;
use pilot_git::blob_id;
use pilot_proto::Event;
use pilot_proto::run::Session;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// A session of days, with everything that was read in it, has tens of megabytes.
const LARGEST: u64 = 512 * 1024 * 1024;

/// What several files together begin with.
const SEVERAL: &[u8] = b"pilothouse session files 1\n";

/// Keeps the agent's session, if there is one. That it cannot be kept costs a
/// resume its memory, not the run its work.
///
/// After every turn, and not when a killed run is recovered: then nobody knows
/// any more what has to be redacted.
pub(super) async fn keep_session(
    workspace: &SharedWorkspace,
    session: Option<String>,
) -> Option<Event> {
    let id = session?;
    let home = workspace.dir.home();
    let agent = workspace.programs.agent(&workspace.spec.agent).ok()?;
    let place = agent.session(&workspace.dir.tree(), &id)?;
    let keeper = workspace.clone();
    let kept = off_thread(move || {
        let bytes = match clean(&keeper, &home, &place) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let blob = blob_id(&bytes);
        keeper.blobs.write(&blob, &bytes[..])?;
        Ok(Some(blob))
    })
    .await;
    match kept {
        Ok(file) => {
            file.map(|file| Event::SessionSaved { session: Session { id, file: Some(file) } })
        }
        Err(error) => {
            tracing::error!(%error, "the session's file cannot be kept");
            None
        }
    }
}

/// The session without secrets; none if it cannot be had so.
fn clean(workspace: &Workspace, home: &Path, place: &SessionPlace) -> io::Result<Option<Vec<u8>>> {
    if place.more.is_empty() {
        let file = beneath::newest(home, &place.below, &place.named)?;
        return Ok(Some(redacted(workspace, &read(file)?)));
    }
    // A database may cut a value in two where its page ends, so that nobody
    // can say that a secret is not in it.
    if !workspace.spec.secrets.is_empty() {
        tracing::info!("a session that is a database is not kept of a run with secrets");
        return Ok(None);
    }
    pack(home, place).map(Some)
}

/// The agent may have put a link, or a pipe, or a whole disk in its place.
fn read(file: File) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no session's file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn redacted(workspace: &Workspace, bytes: &[u8]) -> Vec<u8> {
    let mut stream = workspace.redactor.stream();
    let mut out = Vec::with_capacity(bytes.len());
    stream.push(bytes, &mut out);
    stream.finish(&mut out);
    out
}

/// The file whose name ends so.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn pack(home: &Path, place: &SessionPlace) -> io::Result<Vec<u8>> {
    let mut packed = SEVERAL.to_vec();
    for ending in std::iter::once("").chain(place.more.iter().map(String::as_str)) {
        let file = match beneath::open(home, &beside(&place.restore, ending)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !ending.is_empty() => continue,
            file => file?,
        };
        let bytes = read(file)?;
        packed.extend_from_slice(format!("{} {ending}\n", bytes.len()).as_bytes());
        packed.extend_from_slice(&bytes);
    }
    Ok(packed)
}

fn unpack(home: &Path, place: &SessionPlace, packed: impl Read) -> io::Result<()> {
    let mut packed = BufReader::new(packed);
    let mut line = Vec::new();
    packed.read_until(b'\n', &mut line)?;
    let strange =
        || io::Error::new(io::ErrorKind::InvalidData, "it is no session of several files");
    if line != SEVERAL {
        return Err(strange());
    }
    loop {
        line.clear();
        if packed.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let head = std::str::from_utf8(&line).map_err(|_| strange())?;
        let (length, ending) = head.trim_end_matches('\n').split_once(' ').ok_or_else(strange)?;
        let length: u64 = length.parse().map_err(|_| strange())?;
        if !ending.is_empty() && !place.more.iter().any(|known| known == ending) {
            return Err(strange());
        }
        let mut file = beneath::create(home, &beside(&place.restore, ending), 0o600)?;
        if io::copy(&mut (&mut packed).take(length), &mut file)? != length {
            return Err(strange());
        }
        file.flush()?;
    }
}

/// Puts the earlier session where the agent looks for it.
pub(super) fn restore_session(workspace: &Workspace) -> io::Result<()> {
    let resume = workspace.spec.resume.as_ref();
    let Some(session) = resume.and_then(|resume| resume.session.as_ref()) else { return Ok(()) };
    let Some(file) = &session.file else { return Ok(()) };
    let Ok(agent) = workspace.programs.agent(&workspace.spec.agent) else { return Ok(()) };
    let Some(place) = agent.session(&workspace.dir.tree(), &session.id) else { return Ok(()) };
    if !place.more.is_empty() {
        return unpack(&workspace.dir.home(), &place, workspace.blobs.reader(file)?);
    }
    let mut restored = beneath::create(&workspace.dir.home(), &place.restore, 0o600)?;
    workspace.blobs.extract(file, &mut restored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_files_are_kept_as_one_and_put_back() {
        let (from, to) = (tempfile::tempdir(), tempfile::tempdir());
        let (from, to) = (from.expect("a directory"), to.expect("a directory"));
        let place = SessionPlace {
            below: "data".into(),
            named: "a.db".to_owned(),
            restore: "data/a.db".into(),
            more: vec!["-wal".to_owned(), "-other".to_owned()],
        };
        std::fs::create_dir(from.path().join("data")).expect("writable");
        assert!(pack(from.path(), &place).is_err(), "without the first there is none");
        std::fs::write(from.path().join("data/a.db"), b"one\n2 \n").expect("writable");
        std::fs::write(from.path().join("data/a.db-wal"), b"").expect("writable");
        let packed = pack(from.path(), &place).expect("readable");
        unpack(to.path(), &place, &packed[..]).expect("writable");
        let read = |name: &str| std::fs::read(to.path().join("data").join(name)).ok();
        assert_eq!(read("a.db").as_deref(), Some(&b"one\n2 \n"[..]));
        assert_eq!((read("a.db-wal").as_deref(), read("a.db-other")), (Some(&b""[..]), None));
        assert!(unpack(to.path(), &place, &packed[..packed.len() - 12]).is_err(), "cut short");
        assert!(unpack(to.path(), &place, &b"{}\n"[..]).is_err());
    }
}
