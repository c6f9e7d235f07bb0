//! Commands that are known to run tests. What is not known is not shown: a
//! test that is missed is better than a build that is taken for one.

/// A program, and the words behind it, one of which must come next; none: any.
const KNOWN: &[(&str, &[&str])] = &[
    ("cargo", &["test", "t", "nextest"]),
    ("npm", &["test", "t", "run"]),
    ("pnpm", &["test", "t", "run"]),
    ("yarn", &["test", "run"]),
    ("bun", &["test", "run"]),
    ("deno", &["test"]),
    ("npx", &["vitest", "jest", "mocha", "ava", "playwright"]),
    ("vitest", &[]),
    ("jest", &[]),
    ("mocha", &[]),
    ("pytest", &[]),
    ("tox", &[]),
    ("nox", &[]),
    ("go", &["test"]),
    ("make", &["test", "tests", "check"]),
    ("just", &["test", "check"]),
    ("gradle", &["test", "check"]),
    ("gradlew", &["test", "check"]),
    ("mvn", &["test", "verify"]),
    ("mvnw", &["test", "verify"]),
    ("dotnet", &["test"]),
    ("swift", &["test"]),
    ("mix", &["test"]),
    ("rake", &["test", "spec"]),
    ("sbt", &["test"]),
    ("stack", &["test"]),
    ("cabal", &["test"]),
    ("bazel", &["test"]),
    ("ctest", &[]),
    ("rspec", &[]),
    ("phpunit", &[]),
    ("bats", &[]),
];

/// Programs that run the program behind them.
const BEFORE: &[&str] =
    &["sudo", "env", "time", "nice", "timeout", "exec", "command", "bundle", "uv", "poetry", "run"];

/// The command in a line of shell that runs tests, as it stands there.
pub(super) fn test_in(line: &str) -> Option<&str> {
    parts(line).find(|part| is_test(part))
}

/// The commands of a line. Quotes are not read: what stands in them is one more
/// part at worst.
fn parts(line: &str) -> impl Iterator<Item = &str> {
    let cut = |letter: char| matches!(letter, ';' | '&' | '|' | '\n' | '(' | ')' | '\'' | '"');
    line.split(cut).map(str::trim).map(|part| {
        let inner = ["bash -lc ", "bash -c ", "sh -c ", "/bin/bash -lc ", "zsh -lc "];
        inner.iter().find_map(|shell| part.strip_prefix(shell)).unwrap_or(part)
    })
}

fn is_test(part: &str) -> bool {
    let mut words = part.split_whitespace().skip_while(|word| {
        let assigns = word.split_once('=').is_some_and(|(name, _)| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        let number = word.bytes().all(|byte| byte.is_ascii_digit());
        assigns || number || BEFORE.contains(word)
    });
    let Some(first) = words.next() else { return false };
    let program = first.rsplit('/').next().unwrap_or(first);
    // Flags before the subcommand: `cargo --locked test`, `cargo +nightly test`.
    let mut words = words.filter(|word| !word.starts_with(['-', '+']));
    if matches!(program, "python" | "python3") {
        return matches!(words.next(), Some("pytest" | "unittest"));
    }
    let Some((_, behind)) = KNOWN.iter().find(|(name, _)| *name == program) else { return false };
    if behind.is_empty() {
        return true;
    }
    match words.next() {
        // A script of that name: `npm run test:unit`.
        Some("run") if behind.contains(&"run") => {
            words.next().is_some_and(|script| script.starts_with("test"))
        }
        Some(word) => {
            // Of a Gradle project: `:app:test`.
            let word = word.rsplit(':').next().unwrap_or(word);
            behind.contains(&word)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_run_tests_are_known_and_others_are_not() {
        for (line, expected) in [
            ("cargo test", Some("cargo test")),
            (
                "cd core && RUST_LOG=debug cargo +nightly --locked test -p a 2>&1 | tail",
                Some("RUST_LOG=debug cargo +nightly --locked test -p a 2>"),
            ),
            ("bash -lc cargo nextest run", Some("cargo nextest run")),
            ("bash -lc 'npm test'", Some("npm test")),
            ("npm run test:unit -- a", Some("npm run test:unit -- a")),
            ("timeout 60 python3 -m pytest tests", Some("timeout 60 python3 -m pytest tests")),
            ("uv run pytest", Some("uv run pytest")),
            ("./gradlew :app:test", Some("./gradlew :app:test")),
            ("go test ./...", Some("go test ./...")),
            ("make -C a test", None),
            ("make check", Some("make check")),
            ("cargo build", None),
            ("npm run build", None),
            ("npm install jest", None),
            ("echo pytest", None),
            ("cat test.sh", None),
            ("", None),
        ] {
            assert_eq!(test_in(line), expected, "{line}");
        }
    }
}
