//! Files that an agent is given with its first prompt: an image as a part of
//! the prompt where the agent's protocol has that, anything else by its path.

use std::path::PathBuf;

/// A file that an agent is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// What a person called it.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Where it is, outside of the tree.
    pub path: PathBuf,
    /// Its bytes, if [`is_image`] holds of it.
    pub image: Option<Vec<u8>>,
}

/// What models look at.
const IMAGES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Providers refuse more than 5 MiB of base64; three bytes become four.
const LARGEST_IMAGE: u64 = 3 * 1024 * 1024 + 768 * 1024;
const _: () = assert!(LARGEST_IMAGE / 3 * 4 <= 5 * 1024 * 1024, "it must fit as base64");

/// True if a file may be shown to a model within a prompt.
pub fn is_image(media_type: &str, size: u64) -> bool {
    IMAGES.contains(&media_type) && size <= LARGEST_IMAGE
}

/// Says where files are, each line beginning with `mark`; nothing of none.
pub(crate) fn told<'a>(files: impl Iterator<Item = &'a Attached>, mark: &str) -> String {
    let line = |file: &Attached| {
        format!("{mark}- {} ({}): {}\n", file.name, file.media_type, file.path.display())
    };
    let lines: String = files.map(line).collect();
    if lines.is_empty() { lines } else { format!("\n\n{mark}Attached files:\n{lines}") }
}
