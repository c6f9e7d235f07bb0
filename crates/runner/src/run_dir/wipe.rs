//! Removing a directory for good.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Removes `path` and everything in it; symbolic links are removed, never
/// followed. Directories that forbid it (a module cache, a test's fixture) are
/// opened up first. Whoever may still write there must be dead.
pub fn wipe(path: &Path) -> io::Result<()> {
    for open_up in [false, true] {
        if open_up {
            allow(path);
        }
        match std::fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Nothing there at all, or an entry went while we looked.
                if path.symlink_metadata().is_err() {
                    return Ok(());
                }
            }
            Err(error) if open_up => return Err(error),
            Err(_) => {}
        }
    }
    std::fs::remove_dir_all(path)
}

/// Gives the owner every right on every directory. What fails here fails
/// again, with its reason, in the removal.
fn allow(path: &Path) {
    let mut waiting: Vec<PathBuf> = vec![path.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        let Ok(metadata) = directory.symlink_metadata() else { continue };
        if !metadata.is_dir() {
            continue;
        }
        if metadata.permissions().mode() & 0o700 != 0o700
            && std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).is_err()
        {
            continue;
        }
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        waiting.extend(entries.flatten().filter_map(|entry| {
            entry.file_type().is_ok_and(|kind| kind.is_dir()).then(|| entry.path())
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_with_closed_directories_goes_and_what_links_point_at_stays() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (outside, tree) = (home.path().join("outside"), home.path().join("tree"));
        std::fs::create_dir_all(tree.join("a/b")).expect("writable");
        std::fs::create_dir_all(&outside).expect("writable");
        std::fs::write(outside.join("kept"), "kept").expect("writable");
        std::fs::write(tree.join("a/b/file"), "x").expect("writable");
        std::os::unix::fs::symlink(&outside, tree.join("a/link")).expect("writable");
        for closed in ["a/b", "a"] {
            let mode = std::fs::Permissions::from_mode(0o500);
            std::fs::set_permissions(tree.join(closed), mode).expect("ours");
        }
        wipe(&tree).expect("everything can be removed");
        assert!(!tree.exists());
        assert!(outside.join("kept").exists(), "a link must not be followed");
        wipe(&tree).expect("what is gone may be wiped again");
    }
}
