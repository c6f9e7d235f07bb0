//! A rescue of work that must not leave as it is: one commit of the tree's
//! files, with what must not be seen written over. The agent's own commits do
//! not come along, because they hold it as well.

use crate::bundle::Bundle;
use crate::command::Git;
use crate::commit::Author;
use crate::error::GitError;
use crate::overlay::Overlay;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// What is asked of whoever writes something over. What it appends to the
/// buffer that comes along stands in the place of what it was given.
#[derive(Debug)]
pub enum Part<'a> {
    /// A file's whole path.
    Path(&'a [u8]),
    /// Contents begin.
    Begin,
    /// Bytes of the contents that began.
    Bytes(&'a [u8]),
    /// The contents ended.
    End,
}

/// How a tree is written over.
pub struct Rewrite<'a> {
    /// Ids of the contents that must not leave as they are.
    pub contents: &'a BTreeSet<String>,
    /// Writes over.
    pub write: &'a mut (dyn FnMut(Part<'_>, &mut Vec<u8>) + Send),
}

const DOING: &str = "rewriting the work";
const MESSAGE: &str = "Work whose secrets were taken out\n";

impl Git {
    /// As [`Git::bundle`], but with one commit on top of `base`, of the tree's
    /// files as `rewrite` writes them over; none if nothing is left to rescue.
    pub async fn bundle_rewritten(
        &self,
        tree: &Path,
        base: &str,
        reference: &str,
        out: &Path,
        rewrite: Rewrite<'_>,
    ) -> Result<Option<Bundle>, GitError> {
        let overlay = Overlay::new(self, tree)?;
        let contents = overlay.write_tree().await?;
        let base_contents = overlay.contents_of(base).await?;
        let rewritten = overlay.rewritten(&base_contents, &contents, rewrite).await?;
        if rewritten == base_contents {
            return Ok(None);
        }
        let pilot = Author {
            name: "Pilothouse".into(),
            email: "pilothouse@localhost".into(),
            signing_key: None,
        };
        let commit = overlay.commit(&rewritten, base, &pilot, MESSAGE).await?;
        overlay.bundle(base, reference, base, &commit, out).await?;
        let about = std::fs::metadata(out).map_err(GitError::file("writing the bundle", out))?;
        Ok(Some(Bundle { reference: reference.to_owned(), size: about.len(), commit }))
    }
}

/// A file that is not in the base as it is now.
struct Changed {
    mode: String,
    id: String,
    path: Vec<u8>,
}

impl Overlay {
    /// The tree `contents`, written over; our index is at it already.
    async fn rewritten(
        &self,
        base: &str,
        contents: &str,
        mut rewrite: Rewrite<'_>,
    ) -> Result<String, GitError> {
        let changed = self.changed_files(base, contents).await?;
        let mut taken: BTreeSet<_> = changed.iter().map(|file| file.path.clone()).collect();
        let mut instructions = Vec::new();
        for Changed { mode, id, path } in changed {
            let mut name = Vec::new();
            (rewrite.write)(Part::Path(&path), &mut name);
            let new = match rewrite.contents.contains(&id) {
                true => self.write_over(&id, &mut rewrite).await?,
                false => id.clone(),
            };
            if (&name, &new) == (&path, &id) {
                continue;
            }
            if name != path {
                instructions.extend_from_slice(format!("0 {}\t", "0".repeat(40)).as_bytes());
                instructions.extend_from_slice(&path);
                instructions.push(0);
            }
            // Two names that differ by a secret are one without it.
            let (stem, mut number) = (name.clone(), 2);
            while name != path && !taken.insert(name.clone()) {
                name = [&stem[..], format!("-{number}").as_bytes()].concat();
                number += 1;
            }
            instructions.extend_from_slice(format!("{mode} {new}\t").as_bytes());
            instructions.extend_from_slice(&name);
            instructions.push(0);
        }
        if instructions.is_empty() {
            return Ok(contents.to_owned());
        }
        let update = self.command(DOING).args(["update-index", "-z", "--index-info"]);
        update.input(instructions).run().await?;
        self.command(DOING).arg("write-tree").word().await
    }

    async fn changed_files(&self, base: &str, contents: &str) -> Result<Vec<Changed>, GitError> {
        let listing = self
            .command(DOING)
            .args(["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev"])
            .args([base, contents])
            .run()
            .await?;
        let mut fields = listing.split(|byte| *byte == 0);
        let mut changed = Vec::new();
        while let (Some(about), Some(path)) = (fields.next(), fields.next()) {
            let about = String::from_utf8_lossy(about).into_owned();
            let mut words = about.split(' ').skip(1);
            let (Some(mode), _, Some(id)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if mode != "000000" {
                let (mode, id) = (mode.to_owned(), id.to_owned());
                changed.push(Changed { mode, id, path: path.to_vec() });
            }
        }
        Ok(changed)
    }

    /// New contents in place of others; no more than a piece of them is in memory.
    async fn write_over(&self, id: &str, rewrite: &mut Rewrite<'_>) -> Result<String, GitError> {
        let beside = self.path().join("contents");
        let unwritable = |error| GitError::file("rewriting the work", &beside)(error);
        let mut file = File::create(&beside).map_err(unwritable)?;
        let mut failed = None;
        let mut put = |part: Part<'_>| {
            let mut out = Vec::new();
            (rewrite.write)(part, &mut out);
            if let Err(error) = file.write_all(&out) {
                failed.get_or_insert(error);
            }
        };
        let mut objects = self.contents()?;
        let (_, length) = objects.object(id).await?;
        put(Part::Begin);
        objects.bytes(length, &mut |bytes| put(Part::Bytes(bytes))).await?;
        put(Part::End);
        objects.finish().await?;
        if let Some(error) = failed {
            return Err(unwritable(error));
        }
        let hash = self.command(DOING).args(["hash-object", "-w", "--no-filters", "--"]);
        hash.arg(&beside).word().await
    }
}
