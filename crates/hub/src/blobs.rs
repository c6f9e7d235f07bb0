//! Blobs on disk: file contents, rescue bundles, session files, each under its
//! git object id, zstd-compressed as it came over the wire.
//!
//! Layout: `<first two digits>/<the other 38>`, and `incoming/` for what is
//! not whole yet. Everything here blocks; call it off the runtime's threads.
//!
//! **Invariant:** a file under its id is whole, durable, and its unpacked
//! bytes have that id; it is never written to again.

use crate::data_dir::make_private;
use pilot_proto::{BlobId, Code, Problem};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Largest blob, packed. A bundle of a day's work is far smaller; what is
/// larger belongs into git-lfs, not into a hub.
pub(crate) const MAX_PACKED: u64 = 256 * 1024 * 1024;
/// Largest blob, unpacked: text shrinks to a tenth at best, so a blob that
/// grows more than this was made to fill the disk.
const MAX_UNPACKED: u64 = 16 * MAX_PACKED;

/// What can go wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlobError {
    /// The directory cannot be read or written.
    #[error("`{path}` cannot be {doing}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What we were doing.
        doing: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is over the limit.
    #[error("blob `{blob}` has {size} bytes; a hub takes {limit} at most")]
    TooLarge {
        /// Which.
        blob: BlobId,
        /// Its size as far as we know.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// A piece does not follow the one before.
    #[error("blob `{blob}`: a piece at {offset} came where {expected} was next")]
    OutOfOrder {
        /// Which.
        blob: BlobId,
        /// Where it was put.
        offset: u64,
        /// Where it should have been.
        expected: u64,
    },
    /// The bytes are not what the id says.
    #[error("blob `{blob}` is damaged: {reason}")]
    Damaged {
        /// Which.
        blob: BlobId,
        /// How we know.
        reason: String,
    },
}

impl BlobError {
    /// How a person is told.
    pub(crate) fn problem(&self) -> Problem {
        let message = crate::error::with_causes(self);
        match self {
            Self::Disk { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Problem::new(Code::DiskFull, message)
                    .hint("Free some space where the hub keeps its data.")
            }
            Self::TooLarge { .. } => Problem::new(Code::TooLarge, message),
            Self::OutOfOrder { .. } => Problem::new(Code::Invalid, message),
            Self::Disk { .. } | Self::Damaged { .. } => Problem::new(Code::Internal, message),
        }
    }
}

/// All blobs of a hub.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    root: PathBuf,
}

impl Blobs {
    /// Opens the directory. What was under way when the hub ended is gone: a
    /// runner sends again what it was not told to be durable.
    pub(crate) fn open(root: PathBuf) -> Result<Self, BlobError> {
        let incoming = root.join("incoming");
        let cleared = std::fs::remove_dir_all(&incoming).or_else(|error| {
            if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
        });
        cleared.map_err(|source| disk(&incoming, "cleared", source))?;
        make_private(&root).map_err(|source| disk(&root, "made", source))?;
        make_private(&incoming).map_err(|source| disk(&incoming, "made", source))?;
        Ok(Self { root })
    }

    /// True if the blob is here, whole.
    pub(crate) fn has(&self, blob: &BlobId) -> bool {
        self.path(blob).exists()
    }

    /// Begins to take a blob in. `writer` tells apart who writes the same blob
    /// at the same time.
    pub(crate) fn receive(
        &self,
        blob: &BlobId,
        total: u64,
        writer: u64,
    ) -> Result<Upload, BlobError> {
        if total > MAX_PACKED {
            return Err(BlobError::TooLarge { blob: blob.clone(), size: total, limit: MAX_PACKED });
        }
        let path = self.root.join("incoming").join(format!("{blob}.{writer}"));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| disk(&path, "made", source))?;
        Ok(Upload { blob: blob.clone(), total, received: 0, file, path, kept: self.path(blob) })
    }

    /// The packed bytes, and how many.
    pub(crate) fn packed(&self, blob: &BlobId) -> Result<Option<(File, u64)>, BlobError> {
        let path = self.path(blob);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(disk(&path, "opened", source)),
        };
        let size = file.metadata().map_err(|source| disk(&path, "measured", source))?.len();
        Ok(Some((file, size)))
    }

    /// A reader of the unpacked bytes.
    pub(crate) fn unpacked(&self, blob: &BlobId) -> Result<Option<impl Read>, BlobError> {
        let Some((file, _)) = self.packed(blob)? else { return Ok(None) };
        unpack(file).map(Some).map_err(|source| disk(&self.path(blob), "unpacked", source))
    }

    /// The unpacked bytes, if they are at most `limit`.
    pub(crate) fn read(&self, blob: &BlobId, limit: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let Some(reader) = self.unpacked(blob)? else { return Ok(None) };
        let mut bytes = Vec::new();
        reader
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| disk(&self.path(blob), "read", source))?;
        let size = bytes.len() as u64;
        if size > limit {
            return Err(BlobError::TooLarge { blob: blob.clone(), size, limit });
        }
        Ok(Some(bytes))
    }

    fn path(&self, blob: &BlobId) -> PathBuf {
        let (fan, rest) = blob.as_str().split_at(2);
        self.root.join(fan).join(rest)
    }
}

/// A blob on its way in. Dropped half-way, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    blob: BlobId,
    total: u64,
    received: u64,
    file: File,
    path: PathBuf,
    kept: PathBuf,
}

impl Upload {
    /// Which.
    pub(crate) fn blob(&self) -> &BlobId {
        &self.blob
    }

    /// Every byte is here.
    pub(crate) fn is_whole(&self) -> bool {
        self.received == self.total
    }

    /// Takes the next piece.
    pub(crate) fn piece(&mut self, offset: u64, bytes: &[u8]) -> Result<(), BlobError> {
        if offset != self.received {
            return Err(BlobError::OutOfOrder {
                blob: self.blob.clone(),
                offset,
                expected: self.received,
            });
        }
        let size = offset + bytes.len() as u64;
        if size > self.total {
            let limit = self.total;
            return Err(BlobError::TooLarge { blob: self.blob.clone(), size, limit });
        }
        self.file.write_all(bytes).map_err(|source| disk(&self.path, "written", source))?;
        self.received = size;
        Ok(())
    }

    /// Verifies the whole and makes it durable under its id.
    pub(crate) fn finish(self) -> Result<(), BlobError> {
        self.verify()?;
        self.file.sync_all().map_err(|source| disk(&self.path, "synced", source))?;
        let fan = self.kept.parent().unwrap_or(&self.kept);
        make_private(fan).map_err(|source| disk(fan, "made", source))?;
        std::fs::rename(&self.path, &self.kept)
            .map_err(|source| disk(&self.kept, "put in place", source))?;
        // Without this the name itself may be lost with the power.
        File::open(fan)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| disk(fan, "synced", source))
    }

    /// Two passes, because git's id begins with the unpacked size and a frame
    /// need not say it: the first counts, the second hashes.
    fn verify(&self) -> Result<(), BlobError> {
        let damaged = |reason: String| BlobError::Damaged { blob: self.blob.clone(), reason };
        let open = || File::open(&self.path).and_then(unpack);
        let size = open()
            .and_then(|reader| {
                std::io::copy(&mut reader.take(MAX_UNPACKED + 1), &mut std::io::sink())
            })
            .map_err(|error| damaged(error.to_string()))?;
        if size > MAX_UNPACKED {
            return Err(BlobError::TooLarge { blob: self.blob.clone(), size, limit: MAX_UNPACKED });
        }
        let found = open()
            .and_then(|reader| pilot_git::blob_id_of(reader, size))
            .map_err(|error| damaged(error.to_string()))?;
        if found == self.blob {
            Ok(())
        } else {
            Err(damaged(format!("its contents are those of `{found}`")))
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After `finish` the name is gone, and that is the good case.
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a half blob could not be removed");
        }
    }
}

fn unpack(file: File) -> std::io::Result<zstd::Decoder<'static, BufReader<File>>> {
    let mut decoder = zstd::Decoder::new(file)?;
    // A frame may ask for a window of gigabytes; nobody honest does.
    decoder.window_log_max(27)?;
    Ok(decoder)
}

fn disk(path: &Path, doing: &'static str, source: std::io::Error) -> BlobError {
    BlobError::Disk { path: path.to_owned(), doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let home = tempfile::tempdir().expect("a directory");
        let blobs = Blobs::open(home.path().join("blobs")).expect("opens");
        (home, blobs)
    }

    fn id_of(bytes: &[u8]) -> BlobId {
        pilot_git::blob_id(bytes)
    }

    fn pack(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).expect("packs")
    }

    #[test]
    fn a_blob_comes_back_as_it_went_in() {
        let (_home, blobs) = blobs();
        let bytes = b"fn main() {}\n".repeat(1000);
        let (id, packed) = (id_of(&bytes), pack(&bytes));
        assert!(!blobs.has(&id));
        let mut upload = blobs.receive(&id, packed.len() as u64, 1).expect("begins");
        let (first, second) = packed.split_at(packed.len() / 2);
        upload.piece(0, first).expect("first half");
        assert!(!upload.is_whole());
        upload.piece(first.len() as u64, second).expect("second half");
        assert!(upload.is_whole() && !blobs.has(&id), "not before it was verified");
        upload.finish().expect("verifies");
        assert!(blobs.has(&id));
        assert_eq!(blobs.read(&id, 1 << 20).expect("reads"), Some(bytes));
        assert!(
            matches!(blobs.read(&id, 10), Err(BlobError::TooLarge { .. })),
            "a reader's bound holds"
        );
    }

    #[test]
    fn bytes_of_another_id_are_refused_and_leave_nothing() {
        let (home, blobs) = blobs();
        let (id, packed) = (id_of(b"wanted"), pack(b"sent"));
        let mut upload = blobs.receive(&id, packed.len() as u64, 1).expect("begins");
        upload.piece(0, &packed).expect("writes");
        let error = upload.finish().expect_err("the id is a promise");
        assert!(matches!(error, BlobError::Damaged { .. }), "{error}");
        assert!(!blobs.has(&id));
        let incoming = home.path().join("blobs/incoming");
        assert_eq!(std::fs::read_dir(incoming).expect("is there").count(), 0);
    }

    #[test]
    fn what_is_too_large_or_out_of_order_is_refused() {
        let (_home, blobs) = blobs();
        let id = id_of(b"x");
        let error = blobs.receive(&id, MAX_PACKED + 1, 1).expect_err("too large");
        assert_eq!(error.problem().code, Code::TooLarge);
        assert!(error.to_string().contains(&MAX_PACKED.to_string()), "the bound is named: {error}");
        let mut upload = blobs.receive(&id, 4, 1).expect("begins");
        assert!(matches!(upload.piece(2, b"ab"), Err(BlobError::OutOfOrder { .. })));
        assert!(matches!(upload.piece(0, b"abcde"), Err(BlobError::TooLarge { .. })));
    }
}
