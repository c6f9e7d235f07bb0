//! What would leave with a commit: every object that the remote does not have,
//! read piece by piece, for somebody who looks whether it may.
//!
//! Nothing is taken on trust: what the tree keeps to make reading history
//! quicker (a graph of commits, replacements, grafts) is left out, and an object
//! that cannot be read is an error.

use crate::command::Git;
use crate::command::piped::Piped;
use crate::error::GitError;
use crate::overlay::Overlay;
use std::path::Path;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Author, committer and message.
    Commit,
    /// Names of files and directories, between the ids of what they name.
    Tree,
    /// A file's contents, or what a link says.
    Blob,
}

/// One piece of what would leave.
#[derive(Debug)]
pub enum Piece<'a> {
    /// An object begins.
    Begin {
        /// What it is.
        kind: Kind,
        /// Its id.
        id: &'a str,
        /// Where it stands in a commit; empty for a commit and its root.
        path: &'a [u8],
    },
    /// Bytes of the object that began.
    Bytes(&'a [u8]),
    /// The object ended.
    End,
}

const DOING: &str = "looking through the commits";

impl Git {
    /// Shows every object of `commit` that `base` does not have. One object
    /// after the other, each in pieces of at most 64 KB.
    pub async fn look_through(
        &self,
        tree: &Path,
        base: &str,
        commit: &str,
        look: &mut (dyn FnMut(Piece<'_>) + Send),
    ) -> Result<(), GitError> {
        let overlay = Overlay::new(self, tree)?;
        let deadline = self.deadlines().local;
        let walk = tokio::time::timeout(deadline, overlay.look_through(base, commit, look));
        Box::pin(walk).await.unwrap_or_else(|_| {
            Err(GitError::Deadline { doing: DOING.to_owned(), secs: deadline.as_secs() })
        })
    }
}

impl Overlay {
    async fn look_through(
        &self,
        base: &str,
        commit: &str,
        look: &mut (dyn FnMut(Piece<'_>) + Send),
    ) -> Result<(), GitError> {
        let (mut list, mut objects) = (self.outgoing(base, commit)?, self.contents()?);
        while let Some(line) = list.line().await? {
            let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
            let id = String::from_utf8_lossy(&line[..end]).into_owned();
            let path = line.get(end + 1..).unwrap_or_default();
            let (kind, length) = objects.object(&id).await?;
            look(Piece::Begin { kind, id: &id, path });
            objects.bytes(length, &mut |bytes| look(Piece::Bytes(bytes))).await?;
            look(Piece::End);
        }
        list.finish().await?;
        objects.finish().await
    }

    fn outgoing(&self, base: &str, commit: &str) -> Result<Piped, GitError> {
        self.command(DOING)
            .args(["-c", "core.commitGraph=false", "rev-list", "--objects", commit])
            .args([&format!("^{base}"), "--"])
            .piped()
    }

    /// Answers with an object's contents for each id.
    pub(crate) fn contents(&self) -> Result<Piped, GitError> {
        self.command(DOING).args(["cat-file", "--batch"]).piped()
    }
}

impl Piped {
    /// Asks `cat-file --batch` for an object, and gives what it is and how many
    /// bytes follow.
    pub(crate) async fn object(&mut self, id: &str) -> Result<(Kind, u64), GitError> {
        self.say(id).await?;
        let header = self.line().await?.unwrap_or_default();
        let header = String::from_utf8_lossy(&header).into_owned();
        let unreadable = || GitError::Failed {
            doing: DOING.to_owned(),
            said: format!("the object `{id}` cannot be read"),
        };
        let mut words = header.split(' ').skip(1);
        let kind = match words.next() {
            Some("commit") => Kind::Commit,
            Some("tree") => Kind::Tree,
            Some("blob") => Kind::Blob,
            Some(_) | None => return Err(unreadable()),
        };
        let length = words.next().and_then(|length| length.parse().ok()).ok_or_else(unreadable)?;
        Ok((kind, length))
    }
}
