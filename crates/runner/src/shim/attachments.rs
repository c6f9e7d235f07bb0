//! The files that a person gave the agent with its task: fetched from the hub
//! by the daemon, laid out beside the tree before anything else starts.

use super::steps::disk;
use super::workspace::Workspace;
use pilot_agents::{Attached, is_image};
use pilot_proto::task::Attachment;
use pilot_proto::{Code, Problem};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Names the directory to whatever runs in the workspace.
pub(super) const VARIABLE: &str = "PILOTHOUSE_ATTACHMENTS";

/// Puts the files where the agent is told that they are. One that the hub did
/// not have is a run that cannot do what it was asked. Blocks.
pub(super) fn lay_out(workspace: &Workspace) -> Result<(), Problem> {
    let attachments = &workspace.spec.attachments;
    if attachments.is_empty() {
        return Ok(());
    }
    let unwritable =
        |error| disk(Code::WorkspaceFailed, "The attachments cannot be written", &error);
    let directory = workspace.dir.attachments();
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&directory).map_err(unwritable)?;
    for (attachment, path) in placed(&directory, attachments) {
        if !workspace.blobs.has(&attachment.blob) {
            let message =
                format!("The attachment `{}` is not at the hub any more.", attachment.name);
            return Err(Problem::new(Code::WorkspaceFailed, message)
                .hint("File the task again, with the file."));
        }
        if !copied(workspace, attachment, &path).map_err(unwritable)? {
            let message =
                format!("The attachment `{}` is not as large as it was said.", attachment.name);
            return Err(Problem::new(Code::WorkspaceFailed, message)
                .hint("File the task again, with the file."));
        }
    }
    Ok(())
}

/// What the agent's driver is told of them.
pub(super) fn given(workspace: &Workspace) -> io::Result<Vec<Attached>> {
    let directory = workspace.dir.attachments();
    let attached = |(attachment, path): (&Attachment, PathBuf)| {
        let image = match is_image(&attachment.media_type, attachment.size) {
            true => Some(std::fs::read(&path)?),
            false => None,
        };
        let (name, media_type) = (attachment.name.clone(), attachment.media_type.clone());
        Ok(Attached { name, media_type, path, image })
    };
    placed(&directory, &workspace.spec.attachments).into_iter().map(attached).collect()
}

/// False if there are more bytes, or fewer, than were promised.
fn copied(workspace: &Workspace, attachment: &Attachment, path: &Path) -> io::Result<bool> {
    let mut options = File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let contents = workspace.blobs.reader(&attachment.blob)?;
    let copied = io::copy(&mut contents.take(attachment.size.saturating_add(1)), &mut file)?;
    Ok(copied == attachment.size)
}

/// Where each of them goes: by its name, which no two share.
fn placed<'a>(directory: &Path, attachments: &'a [Attachment]) -> Vec<(&'a Attachment, PathBuf)> {
    let mut taken = BTreeSet::new();
    let place = |(number, attachment): (usize, &'a Attachment)| {
        let mut name = plain(&attachment.name);
        if name.is_empty() || !taken.insert(name.clone()) {
            name = format!("{}-{name}", number + 1);
            taken.insert(name.clone());
        }
        (attachment, directory.join(name))
    };
    attachments.iter().enumerate().map(place).collect()
}

/// A name that leads nowhere else, and that no shell or prompt stumbles over.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .map(|letter| match letter {
            _ if letter.is_alphanumeric() => letter,
            '.' | '-' | '_' => letter,
            _ => '_',
        })
        .take(100)
        .collect();
    plain.trim_start_matches(['.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attachment_has_a_place_of_its_own_within_the_directory() {
        let check = |names: &[&str], expected: &[&str]| {
            let attachments: Vec<Attachment> = names
                .iter()
                .map(|name| Attachment {
                    name: (*name).to_owned(),
                    media_type: "text/plain".to_owned(),
                    blob: "0".repeat(40).parse().expect("40 digits"),
                    size: 1,
                })
                .collect();
            let places = placed(Path::new("/files"), &attachments);
            let places: Vec<_> = places.iter().map(|(_, path)| path.to_string_lossy()).collect();
            let expected: Vec<_> = expected.iter().map(|name| format!("/files/{name}")).collect();
            assert_eq!(places, expected, "{names:?}");
        };
        check(&["a.png", "b.txt"], &["a.png", "b.txt"]);
        check(&["a.png", "a.png"], &["a.png", "2-a.png"]);
        check(&["../../etc/passwd", "..", "/"], &["passwd", "2-", "3-"]);
        check(&["größe \"1\" $(x).txt"], &["größe__1____x_.txt"]);
        check(&["-rf", ".bashrc"], &["rf", "bashrc"]);
    }
}
