//! Files that the run leaves for people: whatever lies in one directory beside
//! the tree becomes blobs and records, while the run goes on and at its end.
//!
//! **Invariants:** no symbolic link is followed, nothing is taken that is still
//! being written, and what is left out is said once.

use crate::blobs::Blobs;
use crate::run_dir::beneath;
use pilot_git::blob_id_of;
use pilot_proto::event::Stream;
use pilot_proto::screen::{RECORDING_EXTENSION, RECORDING_TYPE};
use pilot_proto::{BlobId, Event};
use pilot_secrets::Redactor;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names the directory to whatever runs in the workspace.
pub(super) const VARIABLE: &str = "PILOTHOUSE_ARTIFACTS";

/// A recording of a test run fits; a disk image does not.
const LARGEST: u64 = 100 * 1024 * 1024;
/// Artifacts of one run. A coverage report of a large project has as many files.
const MOST: usize = 1000;
/// Entries looked at: a directory of millions must not hold the run up.
const ENTRIES: usize = 20_000;
/// Git's reckoning of what is binary.
const LOOKED_AT: usize = 8000;

/// The directory, and what was taken of it.
pub(super) struct Artifacts {
    root: PathBuf,
    blobs: Blobs,
    redactor: Redactor,
    files: BTreeMap<String, Known>,
    /// What was said to be left out.
    told: BTreeSet<String>,
}

/// A file as it was seen last.
struct Known {
    size: u64,
    modified: Option<SystemTime>,
    /// This state of it needs no more looking at.
    settled: bool,
    blob: Option<BlobId>,
}

/// What a look found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    /// Something is being written: look again.
    pub(super) again: bool,
}

impl Artifacts {
    pub(super) fn new(root: PathBuf, blobs: Blobs, redactor: Redactor) -> Self {
        Self { root, blobs, redactor, files: BTreeMap::new(), told: BTreeSet::new() }
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Takes what is there and was the same at the last look; at the `last`
    /// look, when nobody writes any more, all of it. Blocks.
    pub(super) fn look(&mut self, last: bool) -> Found {
        let mut found = Found::default();
        for name in self.names(&mut found.events) {
            if let Err(error) = self.look_at(&name, last, &mut found) {
                // It went, or became something else, while we looked.
                tracing::debug!(%error, "an artifact cannot be read");
            }
        }
        found
    }

    fn look_at(&mut self, name: &str, last: bool, found: &mut Found) -> io::Result<()> {
        let file = beneath::open(&self.root, Path::new(name))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(());
        }
        let (size, modified) = (metadata.len(), metadata.modified().ok());
        let known = self.files.get(name);
        let same = known.is_some_and(|known| (known.size, known.modified) == (size, modified));
        if same && known.is_some_and(|known| known.settled) {
            return Ok(());
        }
        let before = known.and_then(|known| known.blob.clone());
        if known.is_none() && self.files.len() >= MOST {
            let why = format!("The run has left {MOST} artifacts; no more are taken.");
            self.say(String::new(), why, found);
            return Ok(());
        }
        let mut now = Known { size, modified, settled: false, blob: before.clone() };
        if size > LARGEST {
            now.settled = true;
            let why = format!(
                "The artifact `{name}` is left out: it has {size} bytes, and {LARGEST} are the most."
            );
            self.say(name.to_owned(), why, found);
        } else if same || last {
            now.settled = true;
            now.blob = self.keep(name, file, found)?;
            if let Some(blob) = now.blob.clone().filter(|blob| Some(blob) != before.as_ref()) {
                let (name, media_type) = (name.to_owned(), media_type(name).to_owned());
                let size = now.size;
                found.events.push(Event::Artifact { name, media_type, blob, size });
            }
        } else {
            found.again = true;
        }
        self.files.insert(name.to_owned(), now);
        Ok(())
    }

    /// Keeps the contents, without secrets if they are text. Bytes that are
    /// none cannot be mended: they are left out if there is a secret in them.
    fn keep(
        &mut self,
        name: &str,
        mut file: File,
        found: &mut Found,
    ) -> io::Result<Option<BlobId>> {
        let part = self.blobs.part();
        let mut clean =
            File::options().read(true).write(true).create(true).truncate(true).open(&part)?;
        let copied = copy_redacted(&self.redactor, &mut file, &mut clean);
        // Its name goes at once; the file lives as long as it is open.
        std::fs::remove_file(&part)?;
        let copied = copied?;
        if copied.binary && copied.redacted {
            let why = format!("The artifact `{name}` is left out: there is a secret in it.");
            self.say(name.to_owned(), why, found);
            return Ok(None);
        }
        clean.rewind()?;
        let blob = blob_id_of(&clean, copied.size)?;
        clean.rewind()?;
        self.blobs.write(&blob, &clean)?;
        Ok(Some(blob))
    }

    fn say(&mut self, what: String, why: String, found: &mut Found) {
        if self.told.insert(what) {
            found.events.push(Event::Output { stream: Stream::Pilot, text: why, open: false });
        }
    }

    /// Paths of the files below the directory, `/`-separated.
    fn names(&mut self, events: &mut Vec<Event>) -> Vec<String> {
        let (mut names, mut waiting, mut entries) = (Vec::new(), vec![String::new()], 0);
        while let Some(directory) = waiting.pop() {
            let Ok(listed) = std::fs::read_dir(self.root.join(&directory)) else { continue };
            for entry in listed.flatten() {
                entries += 1;
                if entries > ENTRIES {
                    let mut found = Found::default();
                    let why = format!(
                        "The artifacts have more than {ENTRIES} entries; not all are looked at."
                    );
                    self.say("\0".to_owned(), why, &mut found);
                    events.append(&mut found.events);
                    names.sort();
                    return names;
                }
                // Names that are not text cannot be told to anybody.
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => waiting.push(path),
                    Ok(kind) if kind.is_file() => names.push(path),
                    // A link, a pipe, a socket; or gone.
                    Ok(_) | Err(_) => {}
                }
            }
        }
        names.sort();
        names
    }
}

/// What was copied.
struct Copied {
    /// How many bytes were written.
    size: u64,
    binary: bool,
    /// What was written is not what was read.
    redacted: bool,
}

fn copy_redacted(redactor: &Redactor, from: &mut File, to: &mut File) -> io::Result<Copied> {
    let mut stream = redactor.stream();
    let (mut read_sum, mut written_sum) = (crc32fast::Hasher::new(), crc32fast::Hasher::new());
    let (mut read, mut size, mut binary) = (0_usize, 0_u64, false);
    let (mut buffer, mut clean) = (vec![0; 64 * 1024], Vec::new());
    let mut from = from.take(LARGEST);
    loop {
        let count = from.read(&mut buffer)?;
        let piece = &buffer[..count];
        let looked_at = &piece[..count.min(LOOKED_AT.saturating_sub(read))];
        binary |= memchr::memchr(0, looked_at).is_some();
        read += count;
        read_sum.update(piece);
        if count == 0 {
            stream.finish(&mut clean);
        } else {
            stream.push(piece, &mut clean);
        }
        written_sum.update(&clean);
        size += clean.len() as u64;
        to.write_all(&clean)?;
        clean.clear();
        if count == 0 {
            let redacted = read as u64 != size || read_sum.finalize() != written_sum.finalize();
            return Ok(Copied { size, binary, redacted });
        }
    }
}

/// By its name: what a browser has to know to show it.
fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref().unwrap_or_default() {
        "txt" | "log" | "out" => "text/plain",
        "md" => "text/markdown",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        RECORDING_EXTENSION => RECORDING_TYPE,
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "tar" => "application/x-tar",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Secret;
    use pilot_secrets::NamedSecret;
    use std::os::unix::fs::symlink;

    struct Fixture {
        home: tempfile::TempDir,
        artifacts: Artifacts,
    }

    impl Fixture {
        fn new(secret: &str) -> Self {
            let home = tempfile::tempdir().expect("a temporary directory");
            let (root, blobs) = (home.path().join("artifacts"), home.path().join("blobs"));
            std::fs::create_dir(&root).expect("writable");
            std::fs::create_dir(&blobs).expect("writable");
            let secrets = match secret {
                "" => Vec::new(),
                secret => {
                    vec![NamedSecret { name: "key".into(), value: Secret::new(secret) }]
                }
            };
            let artifacts = Artifacts::new(root, Blobs::new(blobs), Redactor::new(secrets));
            Self { home, artifacts }
        }

        fn write(&self, name: &str, contents: &[u8]) {
            let path = self.artifacts.root.join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
            std::fs::write(path, contents).expect("writable");
        }

        /// Names that were taken and words that were said, and whether to look again.
        fn look(&mut self, last: bool) -> (Vec<String>, bool) {
            let Found { events, again } = self.artifacts.look(last);
            let shown = |event: Event| match event {
                Event::Artifact { name, media_type, size, .. } => {
                    format!("{name} {media_type} {size}")
                }
                Event::Output { text, .. } => text,
                other => panic!("unexpected: {other:?}"),
            };
            (events.into_iter().map(shown).collect(), again)
        }

        fn contents(&self, name: &str) -> Vec<u8> {
            let blob = self.artifacts.files[name].blob.clone().expect("it was kept");
            let target = self.home.path().join("read");
            let mut file = File::create(&target).expect("writable");
            self.artifacts.blobs.extract(&blob, &mut file).expect("readable");
            std::fs::read(target).expect("readable")
        }
    }

    #[test]
    fn a_file_is_taken_when_it_is_still_and_again_when_it_changed() {
        let mut fixture = Fixture::new("");
        assert_eq!(fixture.look(false), (vec![], false), "nothing yet");
        fixture.write("report/index.html", b"<p>one");
        assert_eq!(fixture.look(false), (vec![], true), "it may still be written");
        assert_eq!(fixture.look(false), (vec!["report/index.html text/html 6".to_owned()], false));
        assert_eq!(fixture.look(false), (vec![], false), "once");
        fixture.write("report/index.html", b"<p>longer");
        assert_eq!(fixture.look(false), (vec![], true));
        assert_eq!(fixture.look(false), (vec!["report/index.html text/html 9".to_owned()], false));
        assert_eq!(fixture.contents("report/index.html"), b"<p>longer");
        fixture.write("late.bin", b"\0\x01");
        let late = "late.bin application/octet-stream 2".to_owned();
        assert_eq!(fixture.look(true), (vec![late], false), "at the end, at once");
        let parts = std::fs::read_dir(fixture.home.path().join("blobs")).expect("readable");
        assert_eq!(parts.count(), 3, "three contents and nothing half");
    }

    #[test]
    fn only_regular_files_of_the_directory_are_taken() {
        let mut fixture = Fixture::new("");
        let outside = fixture.home.path().join("outside");
        std::fs::create_dir(&outside).expect("writable");
        std::fs::write(outside.join("secret.txt"), "not yours").expect("writable");
        let root = fixture.artifacts.root.clone();
        symlink(outside.join("secret.txt"), root.join("file.txt")).expect("writable");
        symlink(&outside, root.join("directory")).expect("writable");
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RWXU)
            .expect("writable");
        assert_eq!(fixture.look(true), (vec![], false));
        // Not even where a directory became a link after it was listed.
        let error = beneath::open(&root, Path::new("directory/secret.txt"));
        assert!(error.is_err(), "a link on the way is not followed");
        assert!(beneath::open(&root, Path::new("../outside/secret.txt")).is_err());
    }

    #[test]
    fn bounds_are_kept_and_said_once() {
        let mut fixture = Fixture::new("");
        let large = File::create(fixture.artifacts.root.join("large.bin")).expect("writable");
        large.set_len(LARGEST + 1).expect("a sparse file");
        for number in 0..MOST + 5 {
            fixture.write(&format!("many/{number:05}.txt"), format!("{number}").as_bytes());
        }
        let (said, _) = fixture.look(true);
        let taken = said.iter().filter(|line| line.starts_with("many/")).count();
        assert_eq!(taken, MOST - 1, "the large one counts as well");
        let words: Vec<_> = said.iter().filter(|line| !line.starts_with("many/")).collect();
        assert_eq!(words.len(), 2, "{words:?}");
        assert!(words[0].contains("large.bin") && words[0].contains("104857601"), "{words:?}");
        assert!(words[1].contains("1000 artifacts"), "{words:?}");
        assert_eq!(fixture.look(true), (vec![], false), "once");
    }

    #[test]
    fn a_secret_in_an_artifact_does_not_get_out() {
        let secret = "hunter2-hunter2-hunter2";
        let mut fixture = Fixture::new(secret);
        fixture.write("log.txt", format!("the key is {secret}!").as_bytes());
        fixture.write("core", format!("\0\0{secret}\0").as_bytes());
        fixture.write("picture.png", b"\x89PNG\0\0");
        let (said, _) = fixture.look(true);
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].contains("`core` is left out"), "{said:?}");
        let log = String::from_utf8(fixture.contents("log.txt")).expect("text");
        assert!(log.starts_with("the key is ") && !log.contains(secret), "{log}");
        assert_eq!(fixture.contents("picture.png"), b"\x89PNG\0\0", "as it was");
        fixture.look(true);
        assert!(fixture.look(true).0.is_empty(), "said once");
    }
}
