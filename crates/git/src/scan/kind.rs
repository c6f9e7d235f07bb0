//! What the contents of a file are, as a reader would call them.

use pilot_proto::snapshot::SideKind;

/// Git's mode of an ordinary file.
pub(super) const FILE: u32 = 0o100_644;
/// Git's mode of an executable file.
pub(super) const EXECUTABLE: u32 = 0o100_755;
/// Git's mode of a symbolic link.
pub(super) const SYMLINK: u32 = 0o120_000;
/// Git's mode of a submodule.
pub(super) const SUBMODULE: u32 = 0o160_000;

/// The bits that say what kind of thing it is.
const TYPE: u32 = 0o170_000;
/// As far as git looks for a NUL.
const LOOKED_AT: usize = 8000;
/// A pointer of git-lfs is never larger.
const LFS_POINTER: usize = 1024;

/// True if the two modes are of different kinds of thing.
pub(super) fn other_type(old: u32, new: u32) -> bool {
    old & TYPE != new & TYPE
}

/// What a thing of that mode with these contents is.
pub(super) fn kind(mode: u32, contents: &[u8]) -> SideKind {
    match mode {
        SYMLINK => SideKind::Symlink,
        SUBMODULE => SideKind::Submodule,
        _ if is_binary(contents) => SideKind::Binary,
        _ if is_lfs_pointer(contents) => SideKind::LfsPointer,
        _ if std::str::from_utf8(contents).is_err() => SideKind::NotUtf8,
        _ => SideKind::Text,
    }
}

/// True if a line count of such contents means something.
pub(super) fn has_lines(kind: SideKind) -> bool {
    match kind {
        SideKind::Text | SideKind::NotUtf8 | SideKind::Symlink | SideKind::LfsPointer => true,
        SideKind::Binary | SideKind::Submodule | SideKind::Unknown => false,
    }
}

pub(super) fn is_binary(contents: &[u8]) -> bool {
    memchr::memchr(0, &contents[..contents.len().min(LOOKED_AT)]).is_some()
}

fn is_lfs_pointer(contents: &[u8]) -> bool {
    contents.len() <= LFS_POINTER
        && contents.starts_with(b"version https://git-lfs.github.com/spec/")
        && contents.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"oid sha256:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_called_what_they_are() {
        let pointer =
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00ff\nsize 12\n".as_slice();
        let late_nul = [vec![b'a'; LOOKED_AT], vec![0]].concat();
        for (mode, contents, expected) in [
            (FILE, b"text".as_slice(), SideKind::Text),
            (FILE, b"", SideKind::Text),
            (FILE, b"a\0b", SideKind::Binary),
            (FILE, &late_nul, SideKind::Text),
            (EXECUTABLE, b"gr\xfc\xdfe", SideKind::NotUtf8),
            (FILE, pointer, SideKind::LfsPointer),
            (SYMLINK, b"a\0b", SideKind::Symlink),
        ] {
            assert_eq!(kind(mode, contents), expected, "{contents:?}");
        }
    }
}
