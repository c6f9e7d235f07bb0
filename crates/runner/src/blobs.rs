//! Contents by their id in a run's directory, each as one zstd file: what
//! travels is what lies on the disk.

use pilot_proto::BlobId;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// A run's blobs.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    directory: PathBuf,
}

impl Blobs {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(crate) fn path(&self, blob: &BlobId) -> PathBuf {
        self.directory.join(blob.as_str())
    }

    pub(crate) fn has(&self, blob: &BlobId) -> bool {
        self.path(blob).is_file()
    }

    /// Keeps what `reader` gives. The file appears whole or not at all.
    pub(crate) fn write(&self, blob: &BlobId, mut reader: impl Read) -> io::Result<()> {
        if self.has(blob) {
            return Ok(());
        }
        let mut fill = || {
            // Level 1: the file is read back within a second or two, and text
            // shrinks to a third even so.
            let mut encoder = zstd::Encoder::new(self.begin(blob)?, 1)?;
            io::copy(&mut reader, &mut encoder)?;
            encoder.finish()?;
            self.settle(blob)
        };
        fill().inspect_err(|_| {
            // The half file must not eat a disk that may be full.
            drop(std::fs::remove_file(self.beside(blob)));
        })
    }

    /// A file for the compressed bytes of a blob, to be filled piece by piece
    /// and then settled.
    pub(crate) fn begin(&self, blob: &BlobId) -> io::Result<File> {
        File::create(self.beside(blob))
    }

    /// What was begun is whole.
    pub(crate) fn settle(&self, blob: &BlobId) -> io::Result<()> {
        std::fs::rename(self.beside(blob), self.path(blob))
    }

    /// The contents.
    pub(crate) fn reader(&self, blob: &BlobId) -> io::Result<impl Read + use<>> {
        zstd::Decoder::new(File::open(self.path(blob))?)
    }

    /// Writes the contents to a file outside.
    pub(crate) fn extract(&self, blob: &BlobId, target: &mut File) -> io::Result<()> {
        io::copy(&mut self.reader(blob)?, target)?;
        Ok(())
    }

    /// Where contents may lie whose id is not known yet.
    pub(crate) fn part(&self) -> PathBuf {
        self.directory.join("part")
    }

    fn beside(&self, blob: &BlobId) -> PathBuf {
        self.directory.join(format!("{blob}.new"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_reads_back_and_is_never_half_there() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let blobs = Blobs::new(home.path().to_path_buf());
        let blob: BlobId = "0123456789012345678901234567890123456789".parse().expect("40 digits");
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        assert!(blobs.write(&blob, Broken).is_err());
        assert_eq!(std::fs::read_dir(home.path()).expect("readable").count(), 0);

        blobs.write(&blob, &b"contents"[..]).expect("writable");
        let target = home.path().join("out");
        let mut file = File::create(&target).expect("writable");
        blobs.extract(&blob, &mut file).expect("readable");
        assert_eq!(std::fs::read(target).expect("readable"), b"contents");
    }
}
