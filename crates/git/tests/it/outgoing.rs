//! What would leave with a commit, and work that must not leave as it is.

use crate::place::{Place, commit, files, write};
use pilot_git::{Kind, Part, Piece, Rewrite};
use pilot_testkit::repo::git;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const REFERENCE: &str = "refs/pilothouse/rescue/0190";
const BAD: &[u8] = b"hunter2";

/// Every object: kind and contents, by id; and their paths.
type Seen = BTreeMap<String, (Kind, String, Vec<u8>)>;

async fn seen(place: &Place, tree: &Path, base: &str, tip: &str) -> Seen {
    let (mut seen, mut open) = (Seen::new(), None);
    let mut look = |piece: Piece<'_>| match piece {
        Piece::Begin { kind, id, path } => {
            let path = String::from_utf8_lossy(path).into_owned();
            open = Some((id.to_owned(), (kind, path, Vec::new())));
        }
        Piece::Bytes(bytes) => {
            assert!(bytes.len() <= 64 * 1024, "in pieces");
            open.as_mut().expect("one began").1.2.extend_from_slice(bytes);
        }
        Piece::End => seen.extend(open.take()),
    };
    place.git.look_through(tree, base, tip, &mut look).await.expect("it can be read");
    seen
}

#[tokio::test]
async fn every_object_that_the_remote_has_not_is_seen_once_and_whole() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    let large: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    write(&tree, "large", &large);
    write(&tree, "gone", "in no later commit\n");
    write(&tree, "dir/empty", "");
    commit(&tree, "the first of two");
    std::fs::remove_file(tree.join("gone")).expect("it is there");
    std::os::unix::fs::symlink("where/it/points", tree.join("link")).expect("writable");
    let tip = commit(&tree, "the second of two");

    let seen = seen(&place, &tree, &done.base_commit, &tip).await;
    let of = |wanted: Kind| seen.values().filter(move |(kind, ..)| *kind == wanted);
    let commits: Vec<_> =
        of(Kind::Commit).map(|(.., bytes)| String::from_utf8_lossy(bytes)).collect();
    assert_eq!(commits.len(), 2, "the base's own are there already: {commits:?}");
    assert!(commits.iter().all(|text| text.contains("author ") && text.contains("of two")));
    let blobs: BTreeMap<_, _> =
        of(Kind::Blob).map(|(_, path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let expected: BTreeMap<&str, &[u8]> = BTreeMap::from([
        ("large", large.as_slice()),
        ("gone", b"in no later commit\n"),
        ("dir/empty", b""),
        ("link", b"where/it/points"),
    ]);
    assert!(blobs == expected, "{:?}", blobs.keys());
    assert!(of(Kind::Tree).any(|(.., bytes)| bytes.windows(5).any(|part| part == b"large")));
    place.assert_scratch_is_empty();
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_an_error() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    write(&tree, "a", "contents that go missing\n");
    let tip = commit(&tree, "a commit");
    let blob = git(&tree, &["rev-parse", "HEAD:a"]);
    let object = tree.join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    std::fs::remove_file(object).expect("it is loose");
    let look = place.git.look_through(&tree, &done.base_commit, &tip, &mut |_| {}).await;
    let error = look.expect_err("nobody has seen all of it");
    assert!(error.to_string().contains(&blob), "{error}");
}

fn clean(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).replace("hunter2", "[gone]").into_bytes()
}

#[tokio::test]
async fn work_that_must_not_leave_is_bundled_written_over_and_without_its_commits() {
    let place = Place::new();
    let repo = place.world.demo("demo.git");
    let (tree, done) = place.tree(&repo.url(), "tree").await;
    write(&tree, "one.env", "password=hunter2\n");
    write(&tree, "only-in-history", "hunter2\n");
    commit(&tree, "hunter2 in a message");
    std::fs::remove_file(tree.join("only-in-history")).expect("it is there");
    write(&tree, "hunter2.txt", "a\n");
    write(&tree, "hunter2/hunter2.txt", "b\n");
    write(&tree, "[gone].txt", "c\n");
    write(&tree, "clean.txt", "clean\n");

    let held = seen_bad(&place, &tree, &done.base_commit).await;
    let mut contents = Vec::new();
    let mut over = |part: Part<'_>, out: &mut Vec<u8>| match part {
        Part::Path(path) => out.extend(clean(path)),
        Part::Begin => contents.clear(),
        Part::Bytes(bytes) => contents.extend_from_slice(bytes),
        Part::End => out.extend(clean(&contents)),
    };
    let out = place.path("rescue.bundle");
    let rewrite = Rewrite { contents: &held, write: &mut over };
    let bundle =
        place.git.bundle_rewritten(&tree, &done.base_commit, REFERENCE, &out, rewrite).await;
    let bundle = bundle.expect("it works").expect("there is something to rescue");
    let left = seen(&place, &tree, &done.base_commit, &bundle.commit).await;
    let bad = left.values().filter(|(_, path, bytes)| {
        path.contains("hunter2") || bytes.windows(BAD.len()).any(|part| part == BAD)
    });
    assert_eq!(bad.count(), 0, "{left:?}");
    assert_eq!(
        std::fs::read_to_string(tree.join("one.env")).expect("it is there"),
        "password=hunter2\n",
        "the tree itself is as it was"
    );

    let (fresh, _) = place.tree(&repo.url(), "fresh").await;
    let restored = place.git.unbundle(&fresh, &out, REFERENCE).await.expect("it works");
    assert_eq!(restored.head, done.base_commit, "no commit of the agent's came along");
    let files = files(&fresh);
    let text =
        |path: &str| files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(text("one.env").as_deref(), Some("password=[gone]\n"));
    assert_eq!(text("clean.txt").as_deref(), Some("clean\n"));
    assert_eq!(text("[gone]/[gone].txt").as_deref(), Some("b\n"));
    let names = [text("[gone].txt"), text("[gone].txt-2")];
    let all: BTreeSet<_> = names.iter().flatten().map(String::as_str).collect();
    assert_eq!(all, BTreeSet::from(["a\n", "c\n"]), "of two names that become one, both stay");
    assert_eq!(text("only-in-history"), None);
    place.assert_scratch_is_empty();
}

/// Ids of contents that hold what must not leave.
async fn seen_bad(place: &Place, tree: &Path, base: &str) -> BTreeSet<String> {
    let whole = place.path("whole.bundle");
    let bundle = place.git.bundle(tree, base, REFERENCE, &whole).await;
    let bundle = bundle.expect("it works").expect("there is work");
    let all = seen(place, tree, base, &bundle.commit).await;
    let bad = all.into_iter().filter(|(_, (kind, _, bytes))| {
        *kind == Kind::Blob && bytes.windows(BAD.len()).any(|part| part == BAD)
    });
    bad.map(|(id, _)| id).collect()
}
