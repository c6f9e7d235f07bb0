//! Side-by-side views of stored contents. What a person scrolls through is
//! aligned once and kept for a while, contents and all.

use crate::blobs::Blobs;
use pilot_git::{Alignment, Window};
use pilot_proto::snapshot::{FileDiff, Side};
use pilot_proto::{BlobId, ChangedFile, Code, Problem};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Contents and alignments kept, in bytes of contents: a few huge files, or
/// all that a person has open.
const KEPT: usize = 128 * 1024 * 1024;
/// Largest content that is shown side by side.
const LARGEST: u64 = 256 * 1024 * 1024;
/// Time for the smallest alignment; then any right one will do. The first hunk
/// of a huge file is to be there in 300 ms.
const DEADLINE: Duration = Duration::from_millis(200);
/// Alignments made at once: each keeps a core busy.
const AT_ONCE: usize = 2;

/// Which contents, and how they are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    old: Option<BlobId>,
    new: Option<BlobId>,
    ignore_space: bool,
}

/// Two contents and how they stand beside each other.
struct Aligned {
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
    alignment: Alignment,
}

impl Aligned {
    fn bytes(&self) -> usize {
        self.old.as_ref().map_or(0, Vec::len) + self.new.as_ref().map_or(0, Vec::len)
    }
}

/// The views.
pub(crate) struct Diffs {
    blobs: Blobs,
    /// The one used last comes last.
    kept: Mutex<VecDeque<(Key, Arc<Aligned>)>>,
    room: Semaphore,
}

impl Diffs {
    pub(crate) fn new(blobs: Blobs) -> Self {
        Self { blobs, kept: Mutex::default(), room: Semaphore::new(AT_ONCE) }
    }

    /// A window of one changed file.
    pub(crate) async fn side_by_side(
        &self,
        file: ChangedFile,
        window: Window,
        ignore_space: bool,
    ) -> Result<FileDiff, Problem> {
        let (old, new) = (blob_of(file.old.as_ref()), blob_of(file.new.as_ref()));
        let key = Key { old, new, ignore_space };
        let stopping = || Problem::new(Code::Precondition, "The hub is stopping.");
        let _permit = self.room.acquire().await.map_err(|_| stopping())?;
        let aligned = match self.find(&key) {
            Some(aligned) => aligned,
            None => {
                let (blobs, wanted) = (self.blobs.clone(), key.clone());
                let made = tokio::task::spawn_blocking(move || align(&blobs, &wanted));
                let aligned = Arc::new(made.await.map_err(|_| stopping())??);
                self.keep(key, Arc::clone(&aligned));
                aligned
            }
        };
        let view = tokio::task::spawn_blocking(move || {
            let (old, new) = (aligned.old.as_deref(), aligned.new.as_deref());
            aligned.alignment.window(&file, old, new, window)
        });
        view.await.map_err(|_| stopping())
    }

    fn find(&self, key: &Key) -> Option<Arc<Aligned>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == key)?;
        let found = kept.remove(at)?;
        let aligned = Arc::clone(&found.1);
        kept.push_back(found);
        Some(aligned)
    }

    fn keep(&self, key: Key, aligned: Arc<Aligned>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((key, aligned));
        let mut bytes: usize = kept.iter().map(|(_, aligned)| aligned.bytes()).sum();
        while bytes > KEPT || kept.len() > 1000 {
            let Some((_, oldest)) = kept.pop_front() else { break };
            bytes -= oldest.bytes();
        }
    }
}

fn blob_of(side: Option<&Side>) -> Option<BlobId> {
    side.and_then(|side| side.blob.clone())
}

fn align(blobs: &Blobs, key: &Key) -> Result<Aligned, Problem> {
    let (old, new) = (contents(blobs, key.old.as_ref())?, contents(blobs, key.new.as_ref())?);
    let made = if key.ignore_space { Alignment::ignoring_space } else { Alignment::new };
    let alignment =
        made(old.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default(), DEADLINE);
    Ok(Aligned { old, new, alignment })
}

fn contents(blobs: &Blobs, blob: Option<&BlobId>) -> Result<Option<Vec<u8>>, Problem> {
    let Some(blob) = blob else { return Ok(None) };
    let bytes = blobs.read(blob, LARGEST).map_err(|error| error.problem())?;
    let missing = || Problem::new(Code::NotFound, format!("The contents `{blob}` are not here."));
    bytes.ok_or_else(missing).map(Some)
}
