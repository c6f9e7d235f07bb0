use crate::{mode, names, set_mode};
use pilot_proto::Secret;
use pilot_secrets::{CredentialFile, SecretsError};
use std::path::PathBuf;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("hub/credentials.json");
    (root, path)
}

#[test]
fn secrets_are_there_after_a_restart() {
    let (_root, path) = place();
    let mut file = CredentialFile::open(&path).expect("an empty one");
    assert_eq!(file.get("forge", "home"), None);
    file.set("forge", "home", &Secret::new("token-one")).expect("kept");
    file.set("provider", "home", &Secret::new("key \"quoted\"\n")).expect("kept");
    file.set("forge", "work", &Secret::new("token-two")).expect("kept");
    file.set("forge", "home", &Secret::new("token-three")).expect("replaced");
    let file = CredentialFile::open(&path).expect("read");
    assert_eq!(file.get("forge", "home"), Some(Secret::new("token-three")));
    assert_eq!(file.get("provider", "home"), Some(Secret::new("key \"quoted\"\n")));
    assert_eq!(file.names("forge"), ["home", "work"]);
    assert_eq!(file.names("nothing"), Vec::<String>::new());
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(path.parent().expect("a directory")), ["credentials.json"]);
}

#[test]
fn a_removed_secret_is_gone_from_the_disk() {
    let (_root, path) = place();
    let mut file = CredentialFile::open(&path).expect("an empty one");
    file.set("forge", "home", &Secret::new("hunter2hunter2")).expect("kept");
    assert!(file.remove("forge", "home").expect("saved"));
    assert!(!file.remove("forge", "home").expect("nothing to do"), "it was gone");
    let text = std::fs::read_to_string(&path).expect("the file");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn what_a_newer_version_wrote_is_kept() {
    let (_root, path) = place();
    let newer = r#"{
        "version": 2, "sealed": {"to": "somebody"},
        "secrets": {"forge": {"home": "one", "app": {"id": 7}}, "vault": {"url": "x"}}
    }"#;
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    std::fs::write(&path, newer).expect("written");
    let mut file = CredentialFile::open(&path).expect("read");
    assert_eq!(file.get("forge", "app"), None, "what this version cannot read is no secret to it");
    file.set("forge", "home", &Secret::new("two")).expect("kept");
    let (before, after): (serde_json::Value, serde_json::Value) = (
        serde_json::from_str(&newer.replace("\"one\"", "\"two\"")).expect("JSON"),
        serde_json::from_str(&std::fs::read_to_string(&path).expect("the file")).expect("JSON"),
    );
    assert_eq!(after, before, "nothing but the one value changed");
}

#[test]
fn values_are_not_shown() {
    let (_root, path) = place();
    let mut file = CredentialFile::open(&path).expect("an empty one");
    file.set("forge", "home", &Secret::new("hunter2hunter2")).expect("kept");
    let shown = format!("{file:?}");
    assert!(shown.contains("forge/home") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_file_that_others_can_read_is_tightened_and_that_is_told() {
    let (_root, path) = place();
    let mut file = CredentialFile::open(&path).expect("an empty one");
    assert!(!file.tightened());
    file.set("forge", "home", &Secret::new("token")).expect("kept");
    set_mode(&path, 0o644);
    assert!(CredentialFile::open(&path).expect("read").tightened());
    assert_eq!(mode(&path), 0o600);
    assert!(!CredentialFile::open(&path).expect("read").tightened());
}

#[test]
fn a_damaged_file_is_refused_untouched_and_unquoted() {
    for contents in [
        "",
        "{\"secrets\": {\"forge\": {\"home\": \"hunter2",
        "[\"hunter2\"]",
        "{\"secrets\": \"hunter2\"}",
    ] {
        let (_root, path) = place();
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(&path, contents).expect("written");
        let error = CredentialFile::open(&path).expect_err("damaged");
        assert!(matches!(error, SecretsError::Damaged { .. }), "{error:?}");
        assert!(!format!("{error:?} {:?}", error.problem()).contains("hunter2"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), contents);
    }
}

#[test]
fn a_change_that_cannot_be_saved_did_not_happen() {
    let (_root, path) = place();
    let mut file = CredentialFile::open(&path).expect("an empty one");
    file.set("forge", "home", &Secret::new("old")).expect("kept");
    let directory = path.parent().expect("a directory");
    // Not by rights, which do not hold for root: the place is taken away.
    std::fs::rename(directory, directory.with_file_name("moved")).expect("moved");
    let error = file.set("forge", "home", &Secret::new("new")).expect_err("no place");
    assert!(matches!(error, SecretsError::Write { .. }), "{error:?}");
    assert_eq!(file.get("forge", "home"), Some(Secret::new("old")), "memory follows the disk");
}
