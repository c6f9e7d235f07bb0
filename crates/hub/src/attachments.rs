//! Files that people give to agents, and the bytes that tasks name.
//!
//! **Invariant:** a file is what it says it is, judged by its own first bytes;
//! and nobody is given a blob that the task they ask about does not name.

mod download;
mod media;

pub(crate) use download::{blob, disposition, name_of};

use crate::blobs::Blobs;
use crate::commands::{check_attachment, invalid};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pilot_proto::console::{AttachmentNew, NewAttachment};
use pilot_proto::task::Attachment;
use pilot_proto::{Code, Problem};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells uploads apart from those of runners, whose numbers count from 1.
static WRITER: AtomicU64 = AtomicU64::new(1 << 63);
/// Pictures are packed already, and text is small.
const LEVEL: i32 = 3;

impl Answers<AttachmentNew> for Parts {
    async fn answer(&self, who: &Principal, new: NewAttachment) -> Result<Attachment, Problem> {
        let blobs = self.blobs.clone();
        let kept = tokio::task::spawn_blocking(move || {
            let bytes = decoded(&new.base64)?;
            put(&blobs, new.name, new.media_type, &bytes)
        });
        let kept =
            kept.await.map_err(|error| Problem::new(Code::Internal, error.to_string()))??;
        tracing::debug!(who = who.name, blob = %kept.blob, size = kept.size, "a file was kept");
        Ok(kept)
    }
}

/// What a picture is by its first bytes; none if it is none that agents take.
pub(crate) fn picture(bytes: &[u8]) -> Option<&'static str> {
    media::picture(bytes)
}

/// Keeps a file to be given to an agent.
pub(crate) async fn keep(
    blobs: Blobs,
    name: String,
    media_type: String,
    bytes: Vec<u8>,
) -> Result<Attachment, Problem> {
    let kept = tokio::task::spawn_blocking(move || put(&blobs, name, media_type, &bytes)).await;
    kept.map_err(|error| Problem::new(Code::Internal, error.to_string()))?
}

/// Blocks.
fn put(
    blobs: &Blobs,
    name: String,
    media_type: String,
    bytes: &[u8],
) -> Result<Attachment, Problem> {
    let (blob, size) = (pilot_git::blob_id(bytes), bytes.len() as u64);
    let attachment = Attachment { blob, size, name, media_type };
    check_attachment(&attachment, &[])?;
    media::check(&attachment.media_type, bytes)?;
    if !blobs.has(&attachment.blob) {
        let packed = zstd::encode_all(bytes, LEVEL).map_err(|error| {
            Problem::new(Code::Internal, format!("The file cannot be packed: {error}."))
        })?;
        let writer = WRITER.fetch_add(1, Ordering::Relaxed);
        let keep = || {
            let mut upload = blobs.receive(&attachment.blob, packed.len() as u64, writer)?;
            upload.piece(0, &packed)?;
            upload.finish()
        };
        keep().map_err(|error| error.problem())?;
    }
    Ok(attachment)
}

fn decoded(base64: &str) -> Result<Vec<u8>, Problem> {
    let most = NewAttachment::MAX_BYTES;
    let too_large = || {
        let message = format!("A file may have {} MiB at most.", most / (1024 * 1024));
        Problem::new(Code::TooLarge, message)
    };
    // Before it is made into bytes; four letters are three of them.
    if base64.len() > most.div_ceil(3) * 4 {
        return Err(too_large());
    }
    let bytes = STANDARD
        .decode(base64)
        .map_err(|error| invalid(format!("`base64` cannot be read: {error}.")))?;
    match bytes.len() {
        0 => Err(invalid("The file is empty.")),
        size if size > most => Err(too_large()),
        _ => Ok(bytes),
    }
}
