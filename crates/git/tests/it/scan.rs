//! Live diffs of trees that change in every way git knows, and in some more.

use crate::place::{Place, commit, write};
use pilot_git::{BlobDirectory, KeepBlob, Limits, Scan, Scanner, blob_id};
use pilot_proto::ids::BlobId;
use pilot_proto::snapshot::{Change, ChangedFile, SideKind, Snapshot, SnapshotDelta};
use pilot_testkit::repo::{BareRepo, Entry, git};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Keeps blobs in memory and complains about one that comes twice.
#[derive(Default)]
struct Kept(HashMap<BlobId, Vec<u8>>);

impl KeepBlob for Kept {
    fn keep(&mut self, id: &BlobId, bytes: &[u8]) -> std::io::Result<()> {
        assert_eq!(blob_id(bytes), *id, "the id is of the contents");
        assert!(self.0.insert(id.clone(), bytes.to_vec()).is_none(), "each blob comes once");
        Ok(())
    }
}

/// A tree under watch, and what a console would know of it.
struct Watched {
    place: Place,
    repo: BareRepo,
    tree: PathBuf,
    base: String,
    scanner: Scanner,
    kept: Kept,
    snapshot: Snapshot,
}

impl Watched {
    async fn of<P: AsRef<[u8]>>(entries: &[(P, Entry)]) -> Self {
        Self::within(entries, Limits::default()).await
    }

    async fn within<P: AsRef<[u8]>>(entries: &[(P, Entry)], limits: Limits) -> Self {
        let place = Place::new();
        let repo = place.world.demo("demo.git");
        repo.commit("main", "begin", entries);
        let (tree, done) = place.tree(&repo.url(), "tree").await;
        let base = done.base_commit;
        let scanner = Scanner::new(&place.git, &tree, &base, limits).expect("it can be watched");
        let (kept, snapshot) = (Kept::default(), Snapshot::default());
        Self { place, repo, tree, base, scanner, kept, snapshot }
    }

    fn scan(&mut self) -> Option<Scan> {
        let scan = self.scanner.scan(&mut self.kept).expect("the scan works")?;
        for (index, delta) in scan.deltas.iter().enumerate() {
            assert!(delta.changed.len() + delta.dropped.len() <= SnapshotDelta::MAX_FILES);
            assert_eq!(delta.more, index + 1 < scan.deltas.len(), "only the last is the last");
            self.snapshot.apply(delta);
            for side in delta.changed.iter().flat_map(|file| [&file.old, &file.new]).flatten() {
                if let Some(blob) = &side.blob {
                    assert!(self.kept.0.contains_key(blob), "kept before it is named: {side:?}");
                }
            }
        }
        Some(scan)
    }

    /// Scans and gives the paths that were said to have changed and to be dropped.
    fn delta(&mut self) -> (Vec<String>, Vec<String>) {
        let Some(scan) = self.scan() else { return Default::default() };
        let changed = scan.deltas.iter().flat_map(|delta| &delta.changed);
        let dropped = scan.deltas.iter().flat_map(|delta| &delta.dropped);
        (changed.map(|file| file.path.clone()).collect(), dropped.cloned().collect())
    }

    fn file(&self, path: &str) -> &ChangedFile {
        self.snapshot.files.get(path).unwrap_or_else(|| panic!("{path}: {:#?}", self.snapshot))
    }

    fn contents(&self, path: &str) -> (Option<&[u8]>, Option<&[u8]>) {
        let file = self.file(path);
        let side = |side: &Option<pilot_proto::snapshot::Side>| {
            let blob = side.as_ref()?.blob.as_ref()?;
            Some(self.kept.0[blob].as_slice())
        };
        (side(&file.old), side(&file.new))
    }

    fn set_mode(&self, path: &str, mode: u32) {
        std::fs::set_permissions(self.tree.join(path), std::fs::Permissions::from_mode(mode))
            .expect("it is ours");
    }
}

#[tokio::test]
async fn committed_staged_unstaged_and_untracked_work_is_all_in_one_diff() {
    let mut it = Watched::of(&[
        ("committed", Entry::file("1\n2\n3\n")),
        ("staged", Entry::file("a\n")),
        ("unstaged", Entry::file("x\n")),
        ("doomed", Entry::file("d\ne\n")),
        (".gitignore", Entry::file("*.log\n/forced/\n")),
    ])
    .await;
    assert!(it.scan().is_none(), "nothing changed yet");
    write(&it.tree, "committed", "1\nzwei\n3\n4\n");
    write(&it.tree, "forced/in", "ignored, but added\n");
    git(&it.tree, &["add", "--force", "forced/in"]);
    let head = commit(&it.tree, "the agent's");
    write(&it.tree, "staged", "b\n");
    git(&it.tree, &["add", "staged"]);
    write(&it.tree, "unstaged", "y\n");
    write(&it.tree, "deep/er/untracked", "u");
    write(&it.tree, "noise.log", "ignored");
    std::fs::remove_file(it.tree.join("doomed")).expect("it is there");
    let scan = it.scan().expect("much changed");
    assert_eq!(scan.deltas.len(), 1);
    assert!(scan.deltas[0].reset && scan.deltas[0].number == 1);
    assert_eq!((&it.snapshot.base, &it.snapshot.head), (&it.base, &head));
    let changes: Vec<_> = it
        .snapshot
        .files
        .values()
        .map(|file| (file.path.as_str(), file.change, file.added, file.removed))
        .collect();
    assert_eq!(
        changes,
        [
            ("committed", Change::Modified, Some(2), Some(1)),
            ("deep/er/untracked", Change::Added, Some(1), Some(0)),
            ("doomed", Change::Deleted, Some(0), Some(2)),
            ("forced/in", Change::Added, Some(1), Some(0)),
            ("staged", Change::Modified, Some(1), Some(1)),
            ("unstaged", Change::Modified, Some(1), Some(1)),
        ]
    );
    assert_eq!(it.contents("committed"), (Some(&b"1\n2\n3\n"[..]), Some(&b"1\nzwei\n3\n4\n"[..])));
    assert_eq!(it.contents("doomed"), (Some(&b"d\ne\n"[..]), None));
}

#[tokio::test]
async fn only_what_changed_since_the_last_scan_is_said() {
    let mut it =
        Watched::of(&[("a", Entry::file("a")), ("b", Entry::file("b")), ("c", Entry::file("c"))])
            .await;
    write(&it.tree, "a", "A");
    write(&it.tree, "b", "B");
    assert_eq!(it.delta(), (vec!["a".into(), "b".into()], vec![]));
    assert!(it.scan().is_none(), "nothing more");
    write(&it.tree, "c", "C");
    write(&it.tree, "a", "a");
    assert_eq!(it.delta(), (vec!["c".into()], vec!["a".into()]));
    // Same size, same instant or nearly: it must be seen all the same.
    for round in 0..20 {
        write(&it.tree, "b", format!("{:02}", round));
        assert_eq!(it.delta().0, ["b"], "round {round}");
    }
    let before = it.snapshot.number;
    commit(&it.tree, "no file differs, but HEAD does");
    assert_eq!(it.delta(), (vec![], vec![]));
    assert_eq!(it.snapshot.number, before + 1);
    assert_eq!(it.snapshot.head, git(&it.tree, &["rev-parse", "HEAD"]));
}

#[tokio::test]
async fn a_file_that_returns_to_the_base_unseen_by_its_size_is_dropped() {
    let mut it = Watched::of(&[("a", Entry::file("1111"))]).await;
    for round in 0..10 {
        write(&it.tree, "a", "2222");
        assert_eq!(it.delta().0, ["a"], "round {round}");
        write(&it.tree, "a", "1111");
        assert_eq!(it.delta().1, ["a"], "round {round}");
    }
}

#[tokio::test]
async fn every_kind_of_thing_is_shown_as_what_it_is() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:11\nsize 5\n";
    let mut it = Watched::of(&[
        ("script", Entry::file("#!/bin/sh\n")),
        ("link", Entry::Symlink("old-target".into())),
        ("becomes-link", Entry::file("text\n")),
        ("image", Entry::file(b"\x89PNG\0\x01")),
        ("latin1", Entry::file(b"gr\xfc\xdfe\n")),
        ("model.bin", Entry::file(pointer)),
        ("sub", Entry::Submodule("1".repeat(40))),
        ("gone-sub", Entry::Submodule("2".repeat(40))),
    ])
    .await;
    assert!(it.scan().is_none(), "submodules that were not checked out are as they were");
    it.set_mode("script", 0o755);
    std::fs::remove_file(it.tree.join("link")).expect("it is there");
    std::os::unix::fs::symlink("new-target", it.tree.join("link")).expect("it can be made");
    std::fs::remove_file(it.tree.join("becomes-link")).expect("it is there");
    std::os::unix::fs::symlink("link", it.tree.join("becomes-link")).expect("it can be made");
    write(&it.tree, "image", b"\x89PNG\0\x02\0");
    write(&it.tree, "latin1", b"gr\xfc\xdfer\n");
    write(&it.tree, "model.bin", pointer.replace("11", "22"));
    git(&it.tree.join("sub"), &["init", "--quiet"]);
    let sub = commit(&it.tree.join("sub"), "in the submodule");
    std::fs::remove_dir(it.tree.join("gone-sub")).expect("it is empty");
    it.scan().expect("all of them changed");

    let check = |path: &str, change, kinds: (Option<SideKind>, Option<SideKind>), counted: bool| {
        let file = it.file(path);
        let found = (file.old.as_ref().map(|s| s.kind), file.new.as_ref().map(|s| s.kind));
        assert_eq!((file.change, found), (change, kinds), "{path}");
        assert_eq!(file.added.is_some(), counted, "{path}: {file:?}");
    };
    let both = |kind| (Some(kind), Some(kind));
    check("script", Change::ModeChanged, both(SideKind::Text), true);
    check("link", Change::Modified, both(SideKind::Symlink), true);
    check(
        "becomes-link",
        Change::TypeChanged,
        (Some(SideKind::Text), Some(SideKind::Symlink)),
        true,
    );
    check("image", Change::Modified, both(SideKind::Binary), false);
    check("latin1", Change::Modified, both(SideKind::NotUtf8), true);
    check("model.bin", Change::Modified, both(SideKind::LfsPointer), true);
    check("sub", Change::Modified, both(SideKind::Submodule), false);
    check("gone-sub", Change::Deleted, (Some(SideKind::Submodule), None), false);
    assert_eq!(it.contents("link"), (Some(&b"old-target"[..]), Some(&b"new-target"[..])));
    let script = it.file("script");
    assert_eq!(script.new.as_ref().map(|side| side.mode), Some(0o100_755));
    assert_eq!((script.added, script.removed), (Some(0), Some(0)));
    let said = it.file("sub").new.as_ref().and_then(|side| side.left_out.clone());
    assert_eq!(said, Some(format!("commit {sub}")), "a submodule is its commit");
    let theirs = git(&it.tree, &["rev-parse", "HEAD"]);
    assert_eq!(it.repo.head("main"), Some(theirs), "nothing was written");
}

#[tokio::test]
async fn a_rename_is_found_with_and_without_an_edit() {
    let text: String = (0..40).map(|number| format!("line {number}\n")).collect();
    let mut it = Watched::of(&[
        ("same", Entry::file(&text)),
        ("edited", Entry::file(text.to_uppercase())),
        ("empty", Entry::file("")),
        ("picture", Entry::file([b"\0".repeat(2000), b"p".to_vec()].concat())),
    ])
    .await;
    git(&it.tree, &["mv", "same", "moved-same"]);
    std::fs::create_dir(it.tree.join("dir")).expect("it is new");
    std::fs::rename(it.tree.join("picture"), it.tree.join("dir/picture")).expect("it is there");
    std::fs::remove_file(it.tree.join("empty")).expect("it is there");
    write(&it.tree, "other-empty", "");
    std::fs::remove_file(it.tree.join("edited")).expect("it is there");
    write(&it.tree, "moved-edited", text.to_uppercase().replace("LINE 7\n", "seven\nand more\n"));
    it.scan().expect("much changed");
    let check = |path: &str, old_path: Option<&str>, change, size: (Option<u64>, Option<u64>)| {
        let file = it.file(path);
        assert_eq!(file.old_path.as_deref(), old_path, "{path}");
        assert_eq!((file.change, (file.added, file.removed)), (change, size), "{path}");
    };
    check("moved-same", Some("same"), Change::Renamed, (Some(0), Some(0)));
    check("moved-edited", Some("edited"), Change::Renamed, (Some(2), Some(1)));
    check("dir/picture", Some("picture"), Change::Renamed, (None, None));
    check("empty", None, Change::Deleted, (Some(0), Some(0)));
    check("other-empty", None, Change::Added, (Some(0), Some(0)));
    assert_eq!(it.snapshot.files.len(), 5, "the old names are not listed again");
    write(&it.tree, "same", &text);
    assert_eq!(it.delta(), (vec!["moved-same".into()], vec![]), "it is a copy now: an added file");
    assert_eq!(it.file("moved-same").change, Change::Added);
}

#[tokio::test]
async fn a_file_over_the_bound_is_listed_and_left_out() {
    let limits = Limits { file_bytes: 1000, ..Limits::default() };
    let mut it = Watched::within(
        &[("grows", Entry::file("small")), ("shrinks", Entry::file("x".repeat(2000)))],
        limits,
    )
    .await;
    write(&it.tree, "grows", "y".repeat(1001));
    write(&it.tree, "shrinks", "small");
    write(&it.tree, "fits", "z".repeat(1000));
    it.scan().expect("three changed");
    let sides = |path: &str| {
        let file = it.file(path);
        let why = |side: &Option<pilot_proto::snapshot::Side>| {
            side.as_ref().and_then(|side| side.left_out.clone())
        };
        (why(&file.old), why(&file.new))
    };
    let why = || Some("larger than 1000 bytes".to_owned());
    assert_eq!(sides("grows"), (None, why()));
    assert_eq!(sides("shrinks"), (why(), None));
    assert_eq!(sides("fits"), (None, None));
    assert_eq!(it.file("grows").new.as_ref().map(|side| side.size), Some(1001));
    assert_eq!(it.file("grows").added, None);
    write(&it.tree, "grows", "y".repeat(1002));
    assert_eq!(it.delta().0, ["grows"], "its size is seen to change");
}

#[tokio::test]
async fn things_that_git_does_not_know_do_not_stop_a_scan() {
    let mut it = Watched::of(&[("file", Entry::file("f")), ("was-file", Entry::file("w"))]).await;
    let odd = it.tree.join(OsStr::from_bytes(b"odd \xff\xfe name\n\"quoted\""));
    std::fs::write(odd, "odd\n").expect("it can be written");
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        it.tree.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    );
    made.expect("a pipe can be made");
    let _socket =
        std::os::unix::net::UnixListener::bind(it.tree.join("socket")).expect("it can be bound");
    std::fs::create_dir(it.tree.join("empty")).expect("it is new");
    for (nested, commits) in [("nested", true), ("unborn", false)] {
        std::fs::create_dir(it.tree.join(nested)).expect("it is new");
        git(&it.tree.join(nested), &["init", "--quiet"]);
        write(&it.tree, &format!("{nested}/inner"), "i");
        if commits {
            commit(&it.tree.join(nested), "inner");
        }
    }
    std::fs::remove_file(it.tree.join("was-file")).expect("it is there");
    write(&it.tree, "was-file/now-directory", "n");
    std::os::unix::fs::symlink("/etc", it.tree.join("outside")).expect("it can be made");
    std::os::unix::fs::symlink("loop", it.tree.join("loop")).expect("it can be made");
    it.scan().expect("much changed");
    let paths: Vec<_> = it.snapshot.files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "loop",
            "nested",
            "odd \u{fffd}\u{fffd} name\n\"quoted\"",
            "outside",
            "unborn",
            "was-file",
            "was-file/now-directory",
        ]
    );
    assert_eq!(it.file("was-file").change, Change::Deleted);
    assert_eq!(it.contents("outside").1, Some(&b"/etc"[..]), "a link is its target");
    let kind = |path: &str| it.file(path).new.as_ref().map(|side| side.kind);
    assert_eq!(kind("nested"), Some(SideKind::Submodule));
    assert_eq!(kind("unborn"), Some(SideKind::Submodule));
    assert!(it.scan().is_none(), "and nothing of it flickers");
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_listed_with_the_reason() {
    let mut it = Watched::of(&[("known", Entry::file("known")), ("other", Entry::file("o"))]).await;
    write(&it.tree, "known", "KNOWN");
    write(&it.tree, "new", "new");
    write(&it.tree, "other", "O");
    it.set_mode("known", 0o000);
    it.set_mode("new", 0o000);
    let is_root = std::fs::read(it.tree.join("known")).is_ok();
    it.scan().expect("three changed");
    assert_eq!(it.snapshot.files.len(), 3, "{:?}", it.snapshot.files.keys());
    for path in ["known", "new"] {
        let left_out = it.file(path).new.as_ref().and_then(|side| side.left_out.clone());
        let expected = (!is_root).then(|| "the file may not be read".to_owned());
        assert_eq!(left_out, expected, "{path}");
        it.set_mode(path, 0o644);
    }
    it.scan();
    assert_eq!(it.contents("known"), (Some(&b"known"[..]), Some(&b"KNOWN"[..])));
    assert_eq!(it.contents("new").1, Some(&b"new"[..]));
}

#[tokio::test]
async fn line_ends_that_git_would_change_back_are_no_change() {
    let mut it = Watched::of(&[
        (".gitattributes", Entry::file("*.txt text eol=crlf\n*.auto text=auto\n")),
        ("a.txt", Entry::file("one\ntwo\n")),
        ("b.txt", Entry::file("one\ntwo\n")),
        ("c.auto", Entry::file("one\n")),
        ("d.none", Entry::file("one\n")),
    ])
    .await;
    assert_eq!(std::fs::read(it.tree.join("a.txt")).expect("it is there"), b"one\r\ntwo\r\n");
    assert!(it.scan().is_none(), "the checkout wrote the line ends that are wanted");
    write(&it.tree, "a.txt", "one\r\ntwo\r\nthree\r\n");
    write(&it.tree, "b.txt", "one\r\ntwo\r\n");
    write(&it.tree, "c.auto", "one\r\n");
    write(&it.tree, "d.none", "one\r\n");
    assert_eq!(it.delta().0, ["a.txt", "d.none"]);
    assert_eq!(it.contents("a.txt").1, Some(&b"one\ntwo\nthree\n"[..]), "as it will be committed");
    assert_eq!(it.contents("d.none").1, Some(&b"one\r\n"[..]), "nobody asked for it");
}

#[tokio::test]
async fn an_agent_cannot_make_us_look_elsewhere() {
    let mut it = Watched::of(&[("a", Entry::file("a"))]).await;
    let secret = it.place.path("secret");
    std::fs::create_dir(&secret).expect("it is new");
    std::fs::write(secret.join("key"), "private").expect("it can be written");
    git(&it.tree, &["config", "core.worktree", secret.to_str().expect("UTF-8")]);
    std::os::unix::fs::symlink(&secret, it.tree.join("dir")).expect("it can be made");
    git(&it.tree, &["--work-tree=.", "config", "core.ignorecase", "true"]);
    write(&it.tree, "a", "A");
    it.scan().expect("two changed");
    assert_eq!(it.snapshot.files.keys().collect::<Vec<_>>(), ["a", "dir"]);
    assert!(!it.kept.0.values().any(|bytes| bytes == b"private"));
}

#[tokio::test]
async fn ten_thousand_changed_files_come_in_parts_and_then_one_by_one() {
    let entries: Vec<_> = (0..2000)
        .map(|number| {
            (format!("src/{}/{number}.txt", number % 50), Entry::file(format!("{number}\n")))
        })
        .collect();
    let mut it = Watched::of(&entries).await;
    for number in 0..10_000 {
        write(&it.tree, &format!("new/{}/{number}.txt", number % 100), format!("{number}\nnew\n"));
    }
    for number in 0..2000 {
        let path = format!("src/{}/{number}.txt", number % 50);
        match number % 2 {
            0 => write(&it.tree, &path, "other\n"),
            _ => std::fs::remove_file(it.tree.join(path)).expect("it is there"),
        }
    }
    let scan = it.scan().expect("everything changed");
    assert_eq!(scan.deltas.len(), 12);
    assert_eq!(it.snapshot.files.len(), 12_000);
    assert!(scan.deltas[0].reset && scan.deltas[1..].iter().all(|delta| !delta.reset));
    assert!(it.scan().is_none());
    write(&it.tree, "new/7/7.txt", "again\n");
    assert_eq!(it.delta(), (vec!["new/7/7.txt".into()], vec![]));
    std::fs::remove_dir_all(it.tree.join("new")).expect("it is there");
    let scan = it.scan().expect("much went");
    let dropped: usize = scan.deltas.iter().map(|delta| delta.dropped.len()).sum();
    assert_eq!((dropped, it.snapshot.files.len()), (10_000, 2000));
}

#[tokio::test]
async fn what_is_staged_stays_in_the_diff_when_it_becomes_ignored() {
    let mut it = Watched::of(&[("a", Entry::file("a"))]).await;
    write(&it.tree, "staged.txt", "s");
    write(&it.tree, "loose.txt", "l");
    git(&it.tree, &["add", "staged.txt"]);
    assert_eq!(it.delta().0, ["loose.txt", "staged.txt"]);
    write(&it.tree, ".git/info/exclude", "*.txt\n");
    assert_eq!(it.delta(), (vec![], vec!["loose.txt".into()]));
    std::fs::remove_file(it.tree.join(".git/info/exclude")).expect("it is there");
    assert_eq!(it.delta().0, ["loose.txt"]);
}

#[tokio::test]
async fn a_scanner_that_takes_over_says_everything_anew() {
    let mut it = Watched::of(&[("a", Entry::file("a")), ("b", Entry::file("b"))]).await;
    write(&it.tree, "a", "A");
    write(&it.tree, "b", "B");
    it.scan().expect("two changed");
    write(&it.tree, "b", "b");
    let again = Scanner::new(&it.place.git, &it.tree, &it.base, Limits::default());
    it.scanner = again.expect("it can be watched").numbered_after(it.snapshot.number);
    it.kept = Kept::default();
    let scan = it.scan().expect("everything is said");
    assert!(scan.deltas[0].reset && scan.deltas[0].number == 2);
    assert_eq!(it.snapshot.files.keys().collect::<Vec<_>>(), ["a"]);
    git(&it.tree, &["checkout", "--quiet", "--", "a"]);
    let again = Scanner::new(&it.place.git, &it.tree, &it.base, Limits::default());
    it.scanner = again.expect("it can be watched").numbered_after(it.snapshot.number);
    it.scan().expect("also that nothing differs any more");
    assert!(it.snapshot.files.is_empty());
}

#[tokio::test]
async fn a_tree_that_is_written_to_all_the_time_can_be_scanned() {
    let mut it = Watched::of(&[("busy", Entry::file("0"))]).await;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let tree = it.tree.clone();
    let writer = std::thread::spawn(move || {
        let mut round = 0u64;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            round += 1;
            write(&tree, "busy", format!("{round}\n").repeat(1 + (round % 5000) as usize));
            write(&tree, &format!("flicker/{}", round % 10), "x");
            if round.is_multiple_of(3) {
                std::fs::remove_dir_all(tree.join("flicker")).expect("it is there");
            }
        }
    });
    for _ in 0..50 {
        it.scan();
    }
    drop(stop);
    writer.join().expect("the writer ends");
    it.scan();
    let last = std::fs::read(it.tree.join("busy")).expect("it is there");
    assert_eq!(it.contents("busy").1, Some(last.as_slice()), "the last word is what is there");
}

#[test]
fn a_blob_directory_keeps_each_blob_whole_and_once() {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let mut directory = BlobDirectory(place.path().join("blobs"));
    let id = blob_id(b"contents");
    for _ in 0..2 {
        directory.keep(&id, b"contents").expect("it can be kept");
    }
    let path = place.path().join("blobs").join(id.as_str());
    assert_eq!(std::fs::read(path).expect("it is there"), b"contents");
    let count = std::fs::read_dir(place.path().join("blobs")).expect("it is there").count();
    assert_eq!(count, 1, "nothing half-written stays");
}
