use pilot_link::endpoint::EndpointError;
use pilot_link::join_code::{self, BadJoinCode};
use pilot_link::{Endpoint, RunnerKey, verify};
use pilot_proto::Secret;
use pilot_proto::runner::JoinCode;

#[test]
fn an_address_is_taken_apart() {
    for (hub, host, port, path) in [
        ("https://hub.example.org", "hub.example.org", 443, "/runner/link"),
        ("https://hub.example.org:8443/", "hub.example.org", 8443, "/runner/link"),
        ("https://example.org/pilot/", "example.org", 443, "/pilot/runner/link"),
        ("http://127.0.0.1:7070", "127.0.0.1", 7070, "/runner/link"),
        ("http://[::1]:7070/a/b", "::1", 7070, "/a/b/runner/link"),
        (" http://localhost ", "localhost", 80, "/runner/link"),
    ] {
        let endpoint = Endpoint::new(hub, None).expect(hub);
        assert_eq!(endpoint.host(), host, "{hub}");
        assert_eq!(endpoint.port(), port, "{hub}");
        assert_eq!(endpoint.path("/runner/link"), path, "{hub}");
        assert_eq!(endpoint.base(), hub.trim().trim_end_matches('/'));
    }
}

#[test]
fn plain_http_stays_on_this_machine() {
    for hub in [
        "http://192.168.1.5:7070",
        "http://hub.example.org",
        "http://0.0.0.0:7070",
        "http://[fe80::1]",
    ] {
        let error = Endpoint::new(hub, None).expect_err(hub);
        assert_eq!(error, EndpointError::PlainHttp(hub.into()));
        let problem = error.problem();
        assert!(problem.message.contains(hub) && problem.hint.contains("https://"), "{problem:?}");
    }
}

#[test]
fn what_is_no_address_says_why() {
    let check = |hub: &str, fingerprint: Option<&str>, wanted: EndpointError| {
        assert_eq!(Endpoint::new(hub, fingerprint), Err(wanted), "{hub}");
    };
    check("", None, EndpointError::NotAnAddress(String::new()));
    check("127.0.0.1:7070", None, EndpointError::NotAnAddress("127.0.0.1:7070".into()));
    check("localhost:7070", None, EndpointError::Scheme("localhost:7070".into()));
    check("ftp://localhost", None, EndpointError::Scheme("ftp://localhost".into()));
    check("https://me:secret@hub.example", None, EndpointError::Extras);
    check("https://hub.example/?token=1", None, EndpointError::Extras);
    check("https://hub.example", Some("abc"), EndpointError::Fingerprint);
    check("https://hub.example", Some(&"0g".repeat(32)), EndpointError::Fingerprint);
}

#[test]
fn a_fingerprint_is_read_as_tools_write_it() {
    let plain = Endpoint::new("https://hub.example", Some(&"ab".repeat(32))).expect("hex");
    let colons = vec!["AB"; 32].join(":");
    let colons = Endpoint::new("https://hub.example", Some(&colons)).expect("colons");
    assert_eq!(plain, colons);
    assert_eq!(plain.fingerprint(), Some([0xab; 32]));
}

fn join_code() -> JoinCode {
    JoinCode {
        hub: "https://hub.example.org:8443/pilot".into(),
        fingerprint: Some("ab".repeat(32)),
        code: Secret::new("single-use"),
    }
}

#[test]
fn a_join_code_survives_being_pasted() {
    let text = join_code::format(&join_code());
    assert!(text.starts_with("pilot1.") && !text.contains(char::is_whitespace), "one word: {text}");
    for pasted in [text.clone(), format!("  {text}\n"), format!("\"{text}\""), format!("`{text}`")]
    {
        assert_eq!(join_code::parse(&pasted), Ok(join_code()), "{pasted}");
    }
    let plain = JoinCode { fingerprint: None, hub: "http://127.0.0.1:7070".into(), ..join_code() };
    assert_eq!(join_code::parse(&join_code::format(&plain)), Ok(plain));
}

#[test]
fn a_bad_join_code_says_what_is_wrong_with_it() {
    let text = join_code::format(&join_code());
    let check = |text: &str, wanted: &BadJoinCode| {
        let error = join_code::parse(text).expect_err(text);
        assert_eq!(&error, wanted, "{text}");
        assert!(!error.problem().hint.is_empty(), "a person must know what to do");
    };
    check("", &BadJoinCode::Empty);
    check(" \n", &BadJoinCode::Empty);
    check("hello", &BadJoinCode::Prefix);
    check("pilot2.abc", &BadJoinCode::Prefix);
    check("pilo", &BadJoinCode::CutOff);
    check(&text.replacen("pilot1.", "pilot1. ", 1), &BadJoinCode::Letter(' '));
    check(&format!("{text}=="), &BadJoinCode::Letter('='));
    for end in "pilot1.".len()..text.len() {
        check(&text[..end], &BadJoinCode::CutOff);
    }
    let other = join_code::parse("pilot1.W10").expect_err("an array");
    assert!(matches!(other, BadJoinCode::Damaged(_)), "{other:?}");
    let other = join_code::parse("pilot1.eyJodWIiOjF9").expect_err("other fields");
    assert!(matches!(other, BadJoinCode::Damaged(_)), "{other:?}");
}

#[test]
fn a_signature_is_good_for_its_text_and_key_only() {
    let (key, other) = (crate::peers::key(), crate::peers::key());
    let signature = key.sign("text");
    assert!(verify(&key.public_hex(), "text", &signature));
    assert!(!verify(&key.public_hex(), "texts", &signature), "another text");
    assert!(!verify(&other.public_hex(), "text", &signature), "another key");
    for nonsense in ["", "zz", &signature[..126], &format!("{signature}00")] {
        assert!(!verify(&key.public_hex(), "text", nonsense), "{nonsense:?}");
        assert!(!verify(nonsense, "text", &signature), "{nonsense:?}");
    }
}

#[test]
fn a_key_survives_its_file_and_is_not_shown() {
    let key = crate::peers::key();
    let secret = key.to_hex();
    let read = RunnerKey::from_hex(&Secret::new(format!("{}\n", secret.expose()))).expect("read");
    assert_eq!(read.public_hex(), key.public_hex());
    assert!(!format!("{key:?}").contains(secret.expose()), "the secret half stays secret");
    assert!(RunnerKey::from_hex(&Secret::new("short")).is_err());
    assert_ne!(crate::peers::key().public_hex(), key.public_hex(), "no two are alike");
}
