use crate::{mode, names};
use pilot_proto::{Code, Secret};
use pilot_secrets::{SealedFile, SecretsError};
use std::path::PathBuf;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("hub/credentials.sealed");
    (root, path)
}

fn passphrase() -> Secret {
    Secret::new("correct horse battery staple")
}

#[test]
fn what_is_sealed_opens_with_its_passphrase_and_no_other() {
    let (_root, path) = place();
    let mut file = SealedFile::open(&path, &passphrase()).expect("makes one");
    file.set("forge", "home", &Secret::new("hunter2hunter2")).expect("kept");
    file.set("provider", "work", &Secret::new("key")).expect("kept");
    assert!(file.remove("provider", "work").expect("saved"));
    drop(file);
    let text = std::fs::read_to_string(&path).expect("the file");
    assert!(!text.contains("hunter2") && !text.contains("home"), "nothing in clear: {text}");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(path.parent().expect("a directory")), ["credentials.sealed"]);

    let file = SealedFile::open(&path, &passphrase()).expect("opens again");
    assert_eq!(file.get("forge", "home"), Some(Secret::new("hunter2hunter2")));
    assert_eq!(file.entries().len(), 1);
    for wrong in ["", "Correct horse battery staple", "correct horse battery staple "] {
        let error = SealedFile::open(&path, &Secret::new(wrong)).expect_err("another passphrase");
        assert!(matches!(error, SecretsError::Passphrase { .. }), "{wrong:?}: {error:?}");
        assert_eq!(error.problem().code, Code::Unauthorized);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), text, "trying changes nothing");
}

#[test]
fn the_same_contents_never_look_the_same() {
    let (_root, path) = place();
    let mut file = SealedFile::open(&path, &passphrase()).expect("makes one");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        file.set("forge", "home", &Secret::new("token")).expect("kept");
        seen.insert(std::fs::read_to_string(&path).expect("the file"));
    }
    assert_eq!(seen.len(), 3, "a nonce is used once");
}

#[test]
fn a_file_that_somebody_changed_is_refused_as_that() {
    let (_root, path) = place();
    let mut file = SealedFile::open(&path, &passphrase()).expect("makes one");
    file.set("forge", "home", &Secret::new("token")).expect("kept");
    let text = std::fs::read_to_string(&path).expect("the file");
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        text.replacen(from, to, 1)
    };
    let body = text.lines().nth(2).expect("a body");
    let flipped = if body.starts_with('A') { "B" } else { "A" };
    let nonce = text.split("nonce\":\"").nth(1).expect("a nonce")[..2].to_owned();
    let other = if nonce == "00" { "11" } else { "00" };
    for broken in [
        changed(body, &format!("{flipped}{}", &body[1..])),
        changed(body, &body[..body.len() - 4]),
        changed(body, "?"),
        changed(&format!("nonce\":\"{nonce}"), &format!("nonce\":\"{other}")),
        changed("\"kdf\"", "\"x\":1,\"kdf\""),
        changed("sealed 1", "sealed 2"),
        changed("65536", "4294967295"),
        changed("argon2id", "none"),
        text.lines().next().expect("a line").to_owned(),
        "something else".to_owned(),
        String::new(),
    ] {
        std::fs::write(&path, &broken).expect("written");
        let error = SealedFile::open(&path, &passphrase()).expect_err("it was changed");
        assert!(matches!(error, SecretsError::Damaged { .. }), "{broken}: {error:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), broken, "left as it is");
    }
}
