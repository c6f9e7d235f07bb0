//! What is taken for a secret by its looks, and what is not.

use pilot_secrets::Redactor;
use std::path::{Path, PathBuf};

/// Letters without a meaning, always the same: samples are put together here,
/// so that no scanner of sources stops at them.
fn random(length: usize, letters: &[u8]) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let each = (0..length).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let index = usize::try_from((state >> 20) % letters.len() as u64).expect("small");
        char::from(letters[index])
    });
    each.collect()
}

fn alnum(length: usize) -> String {
    random(length, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
}

fn hex(length: usize) -> String {
    random(length, b"0123456789abcdef")
}

fn upper(length: usize) -> String {
    random(length, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

fn private_key(label: &str, end: &str) -> String {
    let body: Vec<String> = (0..6).map(|_| alnum(64)).collect();
    let lines = body.join(end);
    format!("-----BEGIN {label}-----{end}{lines}{end}-----END {label}-----")
}

/// Rule, and the secret as it stands in a text; all of it has to go.
fn samples() -> Vec<(&'static str, String)> {
    let jwt = format!("eyJ{}.eyJ{}.{}", alnum(33), alnum(80), alnum(43));
    let token = |prefix: &str, rest: String| format!("{prefix}{rest}");
    vec![
        ("github-token", token("ghp_", alnum(36))),
        ("github-token", token("gho_", alnum(36))),
        ("github-token", token("ghs_", alnum(36))),
        ("github-token", token("ghu_", alnum(36))),
        ("github-token", token("ghr_", alnum(76))),
        ("github-token", token("github_pat_", format!("{}_{}", alnum(22), alnum(59)))),
        ("gitlab-token", token("glpat-", alnum(20))),
        ("gitlab-token", token("gldt-", alnum(20))),
        ("gitlab-token", token("glrt-", alnum(20))),
        ("npm-token", token("npm_", alnum(36))),
        ("pypi-token", token("pypi-AgEIcHlwaS5vcmc", alnum(120))),
        ("crates-token", token("cio", alnum(32))),
        ("docker-token", token("dckr_pat_", alnum(27))),
        ("anthropic-key", token("sk-ant-", format!("api03-{}AA", alnum(93)))),
        ("anthropic-key", token("sk-ant-", format!("oat01-{}AA", alnum(93)))),
        ("openai-key", token("sk-proj-", alnum(120))),
        ("model-key", token("sk-", alnum(48))),
        ("google-key", token("AIza", alnum(35))),
        ("groq-key", token("gsk_", alnum(52))),
        ("xai-key", token("xai-", alnum(80))),
        ("huggingface-token", token("hf_", alnum(34))),
        ("aws-access-key", token("AKIA", upper(16))),
        ("aws-access-key", token("ASIA", upper(16))),
        ("digitalocean-token", token("dop_v1_", hex(64))),
        ("vault-token", token("hvs.", alnum(90))),
        ("slack-token", token("xoxb-", format!("123456789012-1234567890123-{}", alnum(24)))),
        ("slack-webhook", token("hooks.slack.com/services/T", format!("0123/B0123/{}", alnum(24)))),
        ("stripe-key", token("sk_live_", alnum(24))),
        ("sendgrid-key", token("SG.", format!("{}.{}", alnum(22), alnum(43)))),
        ("shopify-token", token("shpat_", hex(32))),
        ("grafana-token", token("glsa_", format!("{}_{}", alnum(32), hex(8)))),
        ("age-key", token("AGE-SECRET-KEY-1", upper(58))),
        ("jwt", jwt),
        ("private-key", private_key("RSA PRIVATE KEY", "\n")[5..].to_owned()),
        ("private-key", private_key("OPENSSH PRIVATE KEY", "\r\n")[5..].to_owned()),
        ("private-key", private_key("PRIVATE KEY", "\\n")[5..].to_owned()),
    ]
}

/// Rule, what stands before the secret, the secret, what stands behind it.
fn in_context() -> Vec<(&'static str, &'static str, String, &'static str)> {
    vec![
        ("aws-secret-key", "AWS_SECRET_ACCESS_KEY=", alnum(40), "\n"),
        ("aws-secret-key", "\"SecretAccessKey\": \"", alnum(40), "\","),
        ("gitea-token", "GITEA_TOKEN=", hex(40), "\n"),
        ("forgejo-token", "forgejo_token: \"", hex(40), "\"\n"),
        ("azure-key", "AccountName=x;AccountKey=", alnum(86) + "==", ";EndpointSuffix=y"),
        ("twilio-key", "TWILIO_AUTH_TOKEN='", hex(32), "'"),
        ("heroku-key", "HEROKU_API_KEY=", "01234567-89ab-4cde-8f01-23456789abcd".to_owned(), " "),
        ("password", "DB_PASSWORD=", alnum(20), "\n"),
        ("password", "  password: '", alnum(12) + "#7a", "'\n"),
        ("api-key", "{\"api_key\": \"", alnum(32), "\"}"),
        ("api-key", "{\\\"apiKey\\\":\\\"", alnum(32), "\\\"}"),
        ("secret", "client_secret := \"", alnum(32), "\""),
        ("token", "export DEPLOY_TOKEN=", hex(40), "\n"),
        ("authorization", "Authorization: Bearer ", alnum(40), "\r\n"),
        ("authorization", "-H 'authorization: Basic ", alnum(30) + "==", "'"),
        ("url-password", "postgres://user:", "pw1".to_owned(), "@db.example/x"),
        ("url-password", "https://oauth2:", alnum(20), "@git.example/x.git"),
        ("url-password", "redis://:", "hunter2".to_owned(), "@cache:6379"),
    ]
}

fn stream<'a>(redactor: &Redactor, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    stream.finish(&mut out);
    String::from_utf8(out).expect("text came in, and text comes out")
}

#[test]
fn tokens_are_known_by_their_looks() {
    for (rule, secret) in samples() {
        let redactor = Redactor::new(vec![]);
        let before = if rule == "private-key" { "-----" } else { "" };
        for (left, right) in [("", ""), ("x = \"", "\";\n"), ("line\n", "\nline"), ("\\n", " ")] {
            let text = format!("{left}{before}{secret}{right}");
            let redacted = format!("{left}{before}[redacted:{rule}]{right}");
            assert_eq!(redactor.redact_str(&text), redacted, "{rule}");
        }
        let counts = redactor.counts();
        assert_eq!(counts, [(rule.to_owned(), 4)], "each find is counted under its rule");
    }
}

#[test]
fn secrets_are_known_by_what_they_are_assigned_to() {
    for (rule, before, secret, after) in in_context() {
        let redactor = Redactor::new(vec![]);
        let text = format!("some words; {before}{secret}{after}");
        let redacted = format!("some words; {before}[redacted:{rule}]{after}");
        assert_eq!(redactor.redact_str(&text), redacted, "{rule}");
    }
}

#[test]
fn cuts_do_not_change_what_a_rule_finds() {
    let redactor = Redactor::new(vec![]);
    let alone = samples().into_iter().map(|(rule, secret)| match rule {
        "private-key" => format!("a\n-----{secret}b\n"),
        _ => format!("a {secret} b\n"),
    });
    let context = in_context();
    let context =
        context.iter().map(|(_, before, secret, after)| format!("{before}{secret}{after}"));
    for text in alone.chain(context) {
        let whole = redactor.redact_str(&text).into_owned();
        assert_ne!(whole, text);
        let bytes = text.as_bytes();
        for cut in 0..=bytes.len() {
            let out = stream(&redactor, [&bytes[..cut], &bytes[cut..]]);
            assert_eq!(out, whole, "cut at {cut}: {text}");
        }
        for size in [1, 2, 3, 7] {
            assert_eq!(stream(&redactor, bytes.chunks(size)), whole, "pieces of {size}: {text}");
        }
    }
}

#[test]
fn what_was_redacted_is_not_redacted_again() {
    let redactor = Redactor::new(vec![]);
    let once: String = in_context()
        .iter()
        .map(|(_, before, secret, after)| {
            redactor.redact_str(&format!("{before}{secret}{after}\n")).into_owned()
        })
        .collect();
    assert_eq!(redactor.redact_str(&once), once);
}

#[test]
fn a_private_key_that_never_ends_does_not_take_everything() {
    let redactor = Redactor::new(vec![]);
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n", alnum(64));
    let text = key.clone() + &"and then the log goes on\n".repeat(5000);
    let out = redactor.redact_str(&text);
    assert!(out.len() > text.len() - 30_000, "a bound, and then everything is shown again");
    assert!(out.starts_with("-----[redacted:private-key]") && out.ends_with("goes on\n"));
    let words =
        "if line == \"-----BEGIN PRIVATE KEY-----\" {\n    return Err(Error::Private);\n}\n";
    assert_eq!(redactor.redact_str(words), words, "code that speaks of keys");
}

#[test]
fn a_prompt_is_shown_and_a_begun_secret_waits() {
    let redactor = Redactor::new(vec![]);
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    stream.push(b"Password: ", &mut out);
    assert_eq!(out, b"Password: ", "a person is asked");
    stream.push(b"\nghp_", &mut out);
    stream.pause(&mut out);
    assert_eq!(out, b"Password: \n", "this is no prompt");
    stream.push(alnum(36).as_bytes(), &mut out);
    stream.push(b"\n", &mut out);
    assert_eq!(out, b"Password: \n[redacted:github-token]\n");
    stream.push(b"[y/N] g", &mut out);
    stream.pause(&mut out);
    assert!(out.ends_with(b"[y/N] g"), "a single letter says nothing");
    stream.push(format!("hp_{} ok\n", alnum(36)).as_bytes(), &mut out);
    assert!(out.ends_with(b"[y/N] g[redacted:github-token] ok\n"), "its rest is not shown");
}

#[test]
fn placeholders_and_other_random_things_are_left() {
    let redactor = Redactor::new(vec![]);
    let git = hex(40);
    let uuid = "01234567-89ab-4cde-8f01-23456789abcd";
    for text in [
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-ant-your-key-here-your-key-here-your",
        "task-0123456789abcdef0123456789abcdef0123",
        "disk-A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8",
        "password = getPasswordFromKeychain(service1, account22)",
        "const token = parser.nextToken();",
        "token: string | null; secret?: Secret2;",
        "password=${DB_PASSWORD_2_1_0}",
        "https://user:${TOKEN}@host/ and https://user:password@host/",
        "http://localhost:5173/@vite/client http://[::1]:80/",
        "PASSWORD=[redacted:password]",
        "secretKeyRef: my-app-v2-credentials-2024",
        "api_key_path: /etc/app/v1.2.3/keys/key1.pem",
        "tokens: 12345678, cached_tokens=1234567890",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXX0= is a source map",
        &format!("commit {git}\n-index {git}..{git} 100644"),
        &format!("session {uuid} token_id={uuid}"),
        &format!("\"integrity\": \"sha512-{}==\"", alnum(86)),
        &format!("checksum = \"{}\"", hex(64)),
    ] {
        assert_eq!(redactor.redact_str(text), text);
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    const SKIPPED: [&str; 6] = ["target", "node_modules", ".git", "dist", "generated", "secrets"];
    // Whose tests are about made-up logins in their real form: no false alarms.
    const MADE_UP: [&str; 5] =
        ["canary.rs", "claude_remote.rs", "app-key.pem", "identity.rs", "profiles.rs"];
    let entries = std::fs::read_dir(folder).expect("our own folders are readable");
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
            files(&path, into);
        } else if path.is_file() && !MADE_UP.contains(&name.as_str()) {
            into.push(path);
        }
    }
}

/// Two megabytes of Rust, TypeScript, CSS, Markdown, lock files with thousands
/// of checksums, and pictures. Their tests hold some made-up passwords in URLs.
#[test]
fn our_own_repository_gives_next_to_no_false_alarm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = Vec::new();
    for folder in ["crates", "frontend", "docs", "scripts", "icons"] {
        files(&root.join(folder), &mut paths);
    }
    paths.extend(["Cargo.lock", "Cargo.toml", "README.md"].map(|name| root.join(name)));
    let (mut bytes, mut alarms) = (0, Vec::new());
    for path in paths {
        let contents = std::fs::read(&path).expect("our own files are readable");
        bytes += contents.len();
        let redactor = Redactor::new(vec![]);
        redactor.redact_bytes(&contents);
        let found = redactor.counts();
        if !found.is_empty() {
            alarms.push((path.display().to_string(), found));
        }
    }
    assert!(bytes > 1_000_000, "the repository is here: {bytes} bytes");
    let of = |wanted: bool| -> u64 {
        let counts = alarms.iter().flat_map(|(_, found)| found);
        counts.filter(|(rule, _)| (rule == "url-password") == wanted).map(|(_, count)| count).sum()
    };
    assert!(of(false) <= 3, "false alarms: {alarms:#?}");
    assert!(of(true) <= 40, "made-up passwords in URLs of tests: {alarms:#?}");
}

#[test]
fn megabytes_of_random_data_give_no_false_alarm() {
    let letters = alnum(4 << 20);
    let digits = hex(4 << 20);
    let redactor = Redactor::new(vec![]);
    for width in [40, 64, 76, 4 << 20] {
        for text in [&letters, &digits] {
            let lines: Vec<_> =
                text.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
            redactor.redact_bytes(lines.join("\n").as_bytes());
        }
    }
    let found: u64 = redactor.counts().iter().map(|(_, count)| count).sum();
    assert!(found <= 8, "in 32 MB: {:?}", redactor.counts());
}
