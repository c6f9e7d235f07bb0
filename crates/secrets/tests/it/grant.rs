use crate::{mode, names, set_mode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pilot_proto::{RunId, Secret, SecretDelivery, SecretUse};
use pilot_secrets::grant::{GrantContext, GrantError, RunnerKey, check_use, seal, seal_grant};
use pilot_secrets::{NamedSecret, SecretsError};
use uuid::Uuid;

const VALUE: &str = "hunter2hunter2";

fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

fn key() -> RunnerKey {
    RunnerKey::generate().expect("randomness")
}

fn context(run_number: u128, fence: u64, name: &str) -> GrantContext<'_> {
    GrantContext { run: run(run_number), fence, name }
}

fn closed(name: &str) -> GrantError {
    GrantError::DoesNotOpen(name.to_owned())
}

#[test]
fn a_grant_opens_with_its_key_in_its_run() {
    let key = key();
    let text = ["x", VALUE, "mit Umlaut: ü\n", &"long".repeat(60_000)];
    for value in text {
        let sealed = seal(&key.public(), context(1, 7, "NPM"), &Secret::new(value)).expect("fine");
        assert!(!sealed.contains(value) || value.len() == 1, "only ciphertext travels");
        let opened = key.open(&sealed, context(1, 7, "NPM")).expect("it opens");
        assert_eq!(opened.expose(), value);
    }
    let twice = [0, 1].map(|_| {
        seal(&key.public(), context(1, 7, "NPM"), &Secret::new(VALUE)).expect("it is sealed")
    });
    assert_ne!(twice[0], twice[1], "a hub must not see that two runs got the same secret");
}

#[test]
fn a_grant_is_worthless_anywhere_else() {
    let (key, other) = (key(), key());
    let sealed = seal(&key.public(), context(1, 7, "NPM"), &Secret::new(VALUE)).expect("sealed");
    for (what, elsewhere) in [
        ("another run", context(2, 7, "NPM")),
        ("another fence", context(1, 8, "NPM")),
        ("an older fence", context(1, 6, "NPM")),
        ("another name", context(1, 7, "NPN")),
        ("a longer name", context(1, 7, "NPM2")),
        ("a shorter name", context(1, 7, "NP")),
        ("no name", context(1, 7, "")),
        ("all of it", context(2, 8, "X")),
    ] {
        assert_eq!(key.open(&sealed, elsewhere), Err(closed(elsewhere.name)), "{what}");
    }
    let at_other = other.open(&sealed, context(1, 7, "NPM"));
    assert_eq!(at_other, Err(closed("NPM")), "another runner's key");
    // A fence's bytes that run on into a name's must not make one of two.
    let shifted = context(1, 7 << 8, "\u{7}NPM");
    assert_eq!(key.open(&sealed, shifted), Err(closed("\u{7}NPM")));
}

#[test]
fn a_grant_that_was_cut_or_changed_does_not_open() {
    let key = key();
    let here = context(1, 7, "NPM");
    let sealed = seal(&key.public(), here, &Secret::new(VALUE)).expect("sealed");
    let bytes = STANDARD.decode(&sealed).expect("base64");
    assert_eq!(bytes.len(), 32 + VALUE.len() + 16, "key, ciphertext, tag");
    for length in 0..bytes.len() {
        let cut = STANDARD.encode(&bytes[..length]);
        assert_eq!(key.open(&cut, here), Err(closed("NPM")), "cut to {length}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // X25519 does not look at the highest bit of a key (RFC 7748, 5), but
        // HPKE's key schedule takes the bytes in, so even that one is noticed.
        let opened = key.open(&STANDARD.encode(flipped), here);
        assert_eq!(opened, Err(closed("NPM")), "bit {bit}");
    }
    let longer = STANDARD.encode([&bytes[..], b"x"].concat());
    for garbage in [longer.as_str(), "", "%%%", "AAAA", &"A".repeat(2_000_000)] {
        assert_eq!(key.open(garbage, here), Err(closed("NPM")));
    }
}

#[test]
fn an_empty_secret_is_never_granted() {
    let key = key();
    let used = |delivery| SecretUse { name: "NPM".into(), delivery };
    for delivery in [
        SecretDelivery::Environment { variable: "NPM_TOKEN".into() },
        SecretDelivery::File { path: "npm".into(), mode: None },
        SecretDelivery::FileDescriptor,
    ] {
        let granted = seal_grant(&key.public(), run(1), 7, &used(delivery), &Secret::default());
        assert_eq!(granted, Err(GrantError::Empty("NPM".into())));
    }
    let sealed = seal(&key.public(), context(1, 7, "NPM"), &Secret::default());
    assert_eq!(sealed, Err(GrantError::Empty("NPM".into())));
    let long = Secret::new("x".repeat(256 * 1024 + 1));
    let sealed = seal(&key.public(), context(1, 7, "NPM"), &long);
    assert_eq!(sealed, Err(GrantError::TooLong("NPM".into())));
}

#[test]
fn a_delivery_that_no_process_can_get_is_refused_when_it_is_named() {
    let environment = |name: &str| SecretDelivery::Environment { variable: name.into() };
    let file = |path: &str, mode| SecretDelivery::File { path: path.into(), mode };
    let good = [
        environment("NPM_TOKEN"),
        environment("_x1"),
        file("netrc", None),
        file("npm/token", Some(0o440)),
        SecretDelivery::FileDescriptor,
    ];
    let bad = [
        environment(""),
        environment("1X"),
        environment("A=B"),
        environment("A B"),
        environment("Ä"),
        file("", None),
        file("/etc/passwd", None),
        file("../up", None),
        file("a/../../b", None),
        file("a/", None),
        file(".", None),
        file("a\0b", None),
        file("netrc", Some(0o4755)),
    ];
    for (deliveries, fine) in [(&good[..], true), (&bad[..], false)] {
        for delivery in deliveries {
            let used = SecretUse { name: "S".into(), delivery: delivery.clone() };
            assert_eq!(check_use(&used).is_ok(), fine, "{delivery:?}");
            let key = key();
            let granted = seal_grant(&key.public(), run(1), 7, &used, &Secret::new(VALUE));
            assert_eq!(granted.is_ok(), fine, "{delivery:?}");
            if let Ok(grant) = granted {
                let opened = key.open_grant(&grant, run(1), 7).expect("it opens");
                assert_eq!(opened.expose(), VALUE);
                assert!(key.open_grant(&grant, run(1), 8).is_err(), "another fence");
            }
        }
    }
    let used = SecretUse { name: "S".into(), delivery: environment("S") };
    let zero = seal_grant(&key().public(), run(1), 7, &used, &Secret::new("a\0b"));
    assert!(matches!(zero, Err(GrantError::Delivery { .. })), "{zero:?}");
}

#[test]
fn what_is_no_public_key_is_refused() {
    let short = &key().public()[..62];
    let small_order = "0".repeat(64);
    for public in ["", "zz", short, &"z".repeat(64), small_order.as_str()] {
        let sealed = seal(public, context(1, 7, "NPM"), &Secret::new(VALUE));
        assert_eq!(sealed, Err(GrantError::PublicKey), "{public:?}");
    }
}

#[test]
fn the_runners_key_stays_the_same_in_a_private_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("keys/runner.x25519");
    let first = RunnerKey::load(&path).expect("it is made");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().expect("it has one")), 0o700);
    assert_eq!(names(path.parent().expect("it has one")), ["runner.x25519"]);
    set_mode(&path, 0o644);
    let second = RunnerKey::load(&path).expect("it is read");
    assert_eq!(first.public(), second.public());
    assert_eq!(mode(&path), 0o600, "it was open to others");
    let sealed = seal(&first.public(), context(1, 7, "N"), &Secret::new(VALUE)).expect("sealed");
    assert_eq!(second.open(&sealed, context(1, 7, "N")).expect("it opens").expose(), VALUE);
    let private = std::fs::read_to_string(&path).expect("readable");
    assert!(!format!("{first:?}").contains(private.trim()), "a key does not show itself");
    std::fs::write(&path, "not a key\n").expect("writable");
    let damaged = RunnerKey::load(&path);
    assert!(matches!(damaged, Err(SecretsError::Damaged { .. })), "{damaged:?}");
}

#[test]
fn processes_that_start_together_have_one_key() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("runner.x25519");
    let keys: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| RunnerKey::load(&path).expect("it is made or read").public()))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it ran")).collect()
    });
    assert!(keys.windows(2).all(|two| two[0] == two[1]), "{keys:?}");
}

#[test]
fn an_opened_grant_is_a_secret_like_any_other() {
    let key = key();
    let sealed = seal(&key.public(), context(1, 7, "N"), &Secret::new(VALUE)).expect("sealed");
    let value = key.open(&sealed, context(1, 7, "N")).expect("it opens");
    let named = NamedSecret { name: "N".into(), value };
    assert!(!format!("{named:?}").contains(VALUE));
}
