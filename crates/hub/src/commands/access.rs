//! What a project says of its runs' walls, network and secrets, as far as it
//! can be told from right or wrong without the hub's state.

use super::{MAX_LINE, invalid, shown};
use crate::core::{MAX_RULES, check_policy};
use pilot_proto::network::{GateMode, NetworkPolicy, NetworkPreset};
use pilot_proto::{Problem, SecretDelivery, SecretUse, WallLimits, WallsKind, WallsWish};
use pilot_secrets::grant::check_use;
use std::collections::HashSet;

/// Secrets of one project.
const MAX_SECRETS: usize = 64;
/// Longest name of a secret.
const MAX_SECRET_NAME: usize = 64;

/// Variables by which the runner itself, the dynamic linker, shells and the
/// agents are told what to do: a secret in one of them would not be read as
/// what it is, and might be taken for an order.
const RESERVED: [&str; 28] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "OLDPWD",
    "IFS",
    "ENV",
    "BASH_ENV",
    "TERM",
    "LANG",
    "DISPLAY",
    "TMPDIR",
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "GEMINI_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "OLLAMA_HOST",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
];
/// And whole families of them.
const RESERVED_BEGINNINGS: [&str; 6] =
    ["PILOTHOUSE_", "LD_", "GIT_", "LC_", "XDG_", "CLAUDE_CODE_"];

pub(super) fn check_network(policy: &NetworkPolicy) -> Result<(), Problem> {
    if policy.gate == GateMode::Unknown {
        return Err(invalid("`network.gate` is none of `enforce`, `learn` and `off`."));
    }
    if policy.presets.contains(&NetworkPreset::Unknown) {
        let hint = "There are: `npm`, `crates`, `pypi`, `debian`, `go`, `forge`.";
        return Err(invalid("`network.presets` names one that this hub does not know.").hint(hint));
    }
    for (field, rules) in [("allow", &policy.allow), ("deny", &policy.deny)] {
        if rules.len() > MAX_RULES {
            return Err(invalid(format!("`network.{field}` has more than {MAX_RULES} rules.")));
        }
        if let Some(long) = rules.iter().find(|rule| rule.len() > MAX_LINE) {
            return Err(invalid(format!("`network.{field}`: `{}` is too long.", shown(long))));
        }
    }
    check_policy(policy).map(drop)
}

pub(super) fn check_walls(wish: &WallsWish) -> Result<(), Problem> {
    if wish.kind == WallsKind::Unknown {
        let hint = "There are: `auto`, `bubblewrap`, `landlock`, `container`, `off`.";
        return Err(invalid("`walls.kind` is one that this hub does not know.").hint(hint));
    }
    let WallLimits { memory_mb, pids, cpu_percent, disk_mb, file_mb, tmp_mb, open_files } =
        wish.limits;
    // Below the least nothing runs at all; above the most is a slip, or more
    // than Linux can count (`PID_MAX_LIMIT`, `fs.nr_open`).
    const PETABYTE: u64 = 1024 * 1024 * 1024;
    for (field, value, least, most) in [
        ("memory_mb", memory_mb, 64, PETABYTE),
        ("pids", pids, 16, 4 * 1024 * 1024),
        ("cpu_percent", cpu_percent, 10, 1_000_000),
        ("disk_mb", disk_mb, 64, PETABYTE),
        ("file_mb", file_mb, 1, PETABYTE),
        ("tmp_mb", tmp_mb, 16, PETABYTE),
        ("open_files", open_files, 64, 1024 * 1024),
    ] {
        if value.is_some_and(|value| value < least || value > most) {
            let message = format!("`walls.limits.{field}` is not from {least} to {most}.");
            return Err(invalid(message).hint("Leave it out to set no limit."));
        }
    }
    Ok(())
}

/// `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
pub(super) fn check_secret_name(name: &str) -> Result<(), Problem> {
    let first = name.bytes().next().is_some_and(|one| one.is_ascii_alphanumeric());
    let rest = name.bytes().all(|one| one.is_ascii_alphanumeric() || b"._-".contains(&one));
    if first && rest && name.len() <= MAX_SECRET_NAME {
        return Ok(());
    }
    Err(invalid(format!("`{}` is not the name of a secret.", shown(name))).hint(format!(
        "Use up to {MAX_SECRET_NAME} letters, digits, `.`, `_` and `-`, with a letter or digit first."
    )))
}

/// That the secrets are there is the core's to say.
pub(super) fn check_secrets(uses: &[SecretUse]) -> Result<(), Problem> {
    if uses.len() > MAX_SECRETS {
        return Err(invalid(format!("`secrets` has more than {MAX_SECRETS} entries.")));
    }
    let (mut variables, mut files) = (HashSet::new(), HashSet::new());
    for used in uses {
        check_secret_name(&used.name)?;
        check_use(used).map_err(|error| invalid(format!("`secrets`: {error}.")))?;
        let variable = match &used.delivery {
            SecretDelivery::Environment { variable } => Some(variable.clone()),
            SecretDelivery::FileDescriptor => Some(descriptor_variable(&used.name)?),
            SecretDelivery::File { path, .. } => {
                if !files.insert(path) {
                    let message = format!("`secrets`: two would be the file `{}`.", shown(path));
                    return Err(invalid(message).hint("Give each a file of its own."));
                }
                None
            }
        };
        let Some(variable) = variable else { continue };
        check_free(&variable)?;
        if !variables.insert(variable.clone()) {
            let message = format!("`secrets`: two would be the variable `{}`.", shown(&variable));
            return Err(invalid(message).hint("Give each a variable of its own."));
        }
    }
    Ok(())
}

/// The variable that holds a descriptor's number.
fn descriptor_variable(name: &str) -> Result<String, Problem> {
    let variable = format!("{name}_FD");
    let letters = variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if letters && !variable.as_bytes()[0].is_ascii_digit() {
        return Ok(variable);
    }
    let message = format!(
        "`secrets`: `{variable}` cannot be a variable, so `{name}` cannot be given as a file descriptor."
    );
    Err(invalid(message)
        .hint("Give it as a file, or keep it under a name of letters, digits and `_`."))
}

fn check_free(variable: &str) -> Result<(), Problem> {
    // Proxies are read in both spellings (curl: `http_proxy`).
    let upper = variable.to_ascii_uppercase();
    let taken = RESERVED.contains(&upper.as_str())
        || RESERVED_BEGINNINGS.iter().any(|beginning| upper.starts_with(beginning))
        || upper.ends_with("_PROXY");
    if !taken {
        return Ok(());
    }
    let message = format!(
        "`secrets`: the variable `{}` is Pilothouse's own, or the system's.",
        shown(variable)
    );
    Err(invalid(message).hint("Choose another variable, or give the secret as a file."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Code;

    fn environment(name: &str, variable: &str) -> SecretUse {
        let delivery = SecretDelivery::Environment { variable: variable.to_owned() };
        SecretUse { name: name.to_owned(), delivery }
    }

    fn file(name: &str, path: &str) -> SecretUse {
        let delivery = SecretDelivery::File { path: path.to_owned(), mode: None };
        SecretUse { name: name.to_owned(), delivery }
    }

    fn descriptor(name: &str) -> SecretUse {
        SecretUse { name: name.to_owned(), delivery: SecretDelivery::FileDescriptor }
    }

    #[test]
    fn a_secret_takes_no_variable_that_is_taken() {
        for uses in [
            vec![environment("npm", "NPM_TOKEN"), file("netrc", "netrc"), descriptor("key")],
            vec![environment("one", "ONE"), environment("one", "ALSO_ONE")],
        ] {
            check_secrets(&uses).unwrap_or_else(|problem| panic!("{uses:?}: {problem}"));
        }
        for uses in [
            vec![environment("a", "PATH")],
            vec![environment("a", "LD_PRELOAD")],
            vec![environment("a", "PILOTHOUSE_SOCKET")],
            vec![environment("a", "https_proxy")],
            vec![environment("a", "ANTHROPIC_API_KEY")],
            vec![environment("a", "GIT_SSH_COMMAND")],
            vec![environment("a", "1A")],
            vec![environment("a", "A B")],
            vec![environment("a", "")],
            vec![environment("../a", "A")],
            vec![environment("a", "X"), environment("b", "X")],
            vec![environment("a", "key_FD"), descriptor("key")],
            vec![descriptor("npm.token")],
            vec![file("a", "x"), file("b", "x")],
            vec![file("a", "../x")],
            vec![file("a", "/etc/x")],
        ] {
            let problem = check_secrets(&uses).expect_err("it is refused");
            assert_eq!(problem.code, Code::Invalid, "{uses:?}");
        }
    }

    #[test]
    fn limits_that_let_nothing_run_are_refused() {
        check_walls(&WallsWish::default()).expect("the defaults are fine");
        let none: WallLimits = serde_json::from_value(serde_json::json!({
            "memory_mb": null, "pids": null, "disk_mb": null, "file_mb": null, "tmp_mb": null,
            "open_files": null,
        }))
        .expect("limits");
        check_walls(&WallsWish { kind: WallsKind::Bubblewrap, limits: none }).expect("no limits");
        for limits in [
            WallLimits { memory_mb: Some(63), ..none },
            WallLimits { pids: Some(0), ..none },
            WallLimits { cpu_percent: Some(9), ..none },
            WallLimits { disk_mb: Some(u64::MAX), ..none },
            WallLimits { open_files: Some(3), ..none },
        ] {
            let wish = WallsWish { kind: WallsKind::Auto, limits };
            assert!(check_walls(&wish).is_err(), "{limits:?}");
        }
        let moat = WallsWish { kind: WallsKind::Unknown, limits: none };
        assert!(check_walls(&moat).is_err());
    }

    #[test]
    fn the_bad_rule_is_named() {
        check_network(&NetworkPolicy::default()).expect("the defaults are fine");
        let allow = vec!["example.org".to_owned(), "https://example.org/path".to_owned()];
        let policy = NetworkPolicy { allow, ..NetworkPolicy::default() };
        let problem = check_network(&policy).expect_err("a path needs plain HTTP");
        assert!(problem.message.contains("https://example.org/path"), "{problem:?}");
        assert!(!problem.hint.is_empty());
        let unknown = NetworkPolicy { gate: GateMode::Unknown, ..NetworkPolicy::default() };
        assert!(check_network(&unknown).is_err());
    }
}
