//! Taking a file of the run as an artifact: copied into the directory of
//! artifacts, from where it goes the way of all of them.

use super::super::workspace::Workspace;
use crate::run_dir::beneath;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// As large as an artifact may be.
const LARGEST: u64 = 100 * 1024 * 1024;
/// What file systems take.
const LONGEST_NAME: usize = 255;

/// Where files are taken from and put to: the same paths inside and outside.
#[derive(Debug, Clone)]
pub(super) struct Places {
    tree: PathBuf,
    roots: Vec<PathBuf>,
    artifacts: PathBuf,
}

impl Places {
    pub(super) fn of(workspace: &Workspace) -> Self {
        let dir = &workspace.dir;
        let (tree, artifacts) = (dir.tree(), dir.artifacts());
        let roots = vec![tree.clone(), dir.home(), dir.tmp(), artifacts.clone()];
        Self { tree, roots, artifacts }
    }

    /// Copies the file. Blocks. No link is followed: what runs inside may make
    /// one of any name while we look.
    pub(super) fn attach(&self, path: &str, name: Option<&str>) -> Result<String, String> {
        let path = self.tree.join(path);
        let inside = |root: &&PathBuf| path.starts_with(root);
        let root = self.roots.iter().find(inside).ok_or(
            "Only files of the tree, the HOME, `$TMPDIR` and `$PILOTHOUSE_ARTIFACTS` can be attached.",
        )?;
        let below = path.strip_prefix(root).map_err(|error| error.to_string())?;
        let own = below.file_name().and_then(|name| name.to_str());
        let name = name.or(own).unwrap_or_default();
        check_name(name)?;
        let copied = self.copy(root, below, name);
        copied.map_err(|error| format!("`{}` cannot be attached: {error}.", path.display()))?;
        Ok(name.to_owned())
    }

    fn copy(&self, root: &Path, below: &Path, name: &str) -> io::Result<()> {
        let from = beneath::open(root, below)?;
        let metadata = from.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        if metadata.len() > LARGEST {
            let why = format!("it has {} bytes, and {LARGEST} are the most", metadata.len());
            return Err(io::Error::other(why));
        }
        if *root == self.artifacts && below == Path::new(name) {
            return Ok(());
        }
        let mut to: File = beneath::create(&self.artifacts, Path::new(name), 0o600)?;
        // It may grow meanwhile.
        io::copy(&mut from.take(LARGEST), &mut to)?;
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let plain = !matches!(name, "" | "." | "..")
        && name.len() <= LONGEST_NAME
        && !name.chars().any(|letter| letter == '/' || letter.is_control());
    if plain { Ok(()) } else { Err("`name` is no plain name of a file.".to_owned()) }
}
