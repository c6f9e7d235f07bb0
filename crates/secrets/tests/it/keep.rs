use pilot_proto::Secret;
use pilot_proto::console::CredentialKeep;
use pilot_secrets::{CredentialFile, CredentialStore, Keep, SecretsError};
use std::path::Path;

fn sealed(passphrase: &str) -> CredentialStore {
    CredentialStore::Sealed { path: None, passphrase: Secret::new(passphrase) }
}

fn token(keep: &Keep) -> Option<Secret> {
    let key = ("forge".to_owned(), "home".to_owned());
    keep.entries().expect("they are there").remove(&key)
}

fn with_a_token(directory: &Path) {
    let mut opened = Keep::open(directory, &CredentialStore::File).expect("opens");
    opened.keep.set("forge", "home", &Secret::new("hunter2hunter2")).expect("kept");
}

#[test]
fn what_was_in_the_file_moves_under_the_passphrase_and_leaves_nothing_in_clear() {
    let home = tempfile::tempdir().expect("a directory");
    with_a_token(home.path());
    let opened = Keep::open(home.path(), &sealed("one")).expect("opens");
    assert_eq!((opened.keep.kind(), opened.moved), (CredentialKeep::Sealed, 1));
    assert_eq!(token(&opened.keep), Some(Secret::new("hunter2hunter2")));
    assert_eq!(opened.entries.len(), 1, "whoever opens has all of it");
    assert!(!home.path().join("credentials").exists(), "the file in clear is gone");
    let again = Keep::open(home.path(), &sealed("one")).expect("opens");
    assert_eq!((again.moved, token(&again.keep)), (0, Some(Secret::new("hunter2hunter2"))));
}

#[test]
fn a_wrong_passphrase_moves_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    Keep::open(home.path(), &sealed("one")).expect("makes one");
    with_a_token(home.path());
    let error = Keep::open(home.path(), &sealed("two")).expect_err("another passphrase");
    assert!(matches!(error, SecretsError::Passphrase { .. }), "{error:?}");
    let file = CredentialFile::open(&home.path().join("credentials")).expect("it is there");
    assert!(file.get("forge", "home").is_some(), "what could not be moved stays");
}

#[test]
fn what_a_move_left_half_done_is_finished_and_the_newer_value_stays() {
    let home = tempfile::tempdir().expect("a directory");
    let mut opened = Keep::open(home.path(), &sealed("one")).expect("makes one");
    opened.keep.set("forge", "home", &Secret::new("newer")).expect("kept");
    with_a_token(home.path());
    let opened = Keep::open(home.path(), &sealed("one")).expect("opens");
    assert_eq!(token(&opened.keep), Some(Secret::new("newer")));
    assert!(!home.path().join("credentials").exists());
}

#[test]
fn what_cannot_be_opened_from_here_is_said_and_left() {
    let home = tempfile::tempdir().expect("a directory");
    let mut opened = Keep::open(home.path(), &sealed("one")).expect("makes one");
    opened.keep.set("forge", "home", &Secret::new("sealed away")).expect("kept");
    let opened = Keep::open(home.path(), &CredentialStore::File).expect("opens");
    assert_eq!(opened.left_behind, Some("the sealed file"));
    assert_eq!(token(&opened.keep), None, "nobody gave the passphrase");
    let opened = Keep::open(home.path(), &sealed("one")).expect("opens");
    assert_eq!(token(&opened.keep), Some(Secret::new("sealed away")), "nothing was lost");
}
