//! Shell commands as Codex tells them: without the shell around them, and
//! whether one only reads.

/// Programs that only read, whatever their arguments are.
const READERS: &[&str] = &[
    "basename", "cat", "cmp", "cut", "df", "diff", "dirname", "du", "echo", "egrep", "fgrep",
    "file", "grep", "head", "ls", "nl", "pwd", "readlink", "realpath", "stat", "tail", "test",
    "true", "wc", "which",
];

/// What `git` does when it only looks.
const GIT_READERS: &[&str] =
    &["blame", "describe", "diff", "log", "ls-files", "rev-parse", "shortlog", "show", "status"];

/// Options that make a reader write a file or start a program.
const NOT_READING: &[&str] = &[
    "--ext-diff",
    "--hostname-bin",
    "--open-files-in-pager",
    "--output",
    "--pre",
    "--textconv",
    "-O",
    "-delete",
    "-exec",
    "-fls",
    "-fprint",
    "-ok",
];

/// `/bin/bash -lc 'ls -l'` → `ls -l`; anything else as it is.
pub(super) fn unwrapped(command: &str) -> String {
    let inner = split(command).and_then(|commands| match commands.as_slice() {
        [words] => match words.as_slice() {
            [shell, flag, inner] if is_shell(shell) && matches!(flag.as_str(), "-lc" | "-c") => {
                Some(inner.clone())
            }
            _ => None,
        },
        _ => None,
    });
    inner.unwrap_or_else(|| command.to_owned())
}

fn is_shell(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("bash" | "sh" | "zsh"))
}

/// True only of a command that surely changes nothing: readers, piped into
/// each other. Codex' own opinion of a command is for showing: it calls
/// `find -delete` a listing of files.
pub(super) fn only_reads(command: &str) -> bool {
    split(command)
        .is_some_and(|commands| !commands.is_empty() && commands.iter().all(|words| reads(words)))
}

fn reads(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else {
        return false;
    };
    let harmless =
        |argument: &String| !NOT_READING.iter().any(|option| argument.starts_with(option));
    match program.as_str() {
        "find" | "rg" => arguments.iter().all(harmless),
        "git" => {
            arguments.first().is_some_and(|verb| GIT_READERS.contains(&verb.as_str()))
                && arguments.iter().all(harmless)
        }
        // Its script can write files and run programs; a range of lines cannot.
        "sed" => match arguments {
            [quiet, script, files @ ..] => {
                quiet == "-n" && is_range(script) && files.iter().all(|file| !file.starts_with('-'))
            }
            _ => false,
        },
        program => READERS.contains(&program),
    }
}

/// `12p` or `1,40p`.
fn is_range(script: &str) -> bool {
    script.strip_suffix('p').is_some_and(|range| {
        range.split(',').count() <= 2
            && range
                .split(',')
                .all(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The words of each command of a pipeline. None for anything that is more:
/// redirections, variables, substitutions, lists, several lines.
fn split(command: &str) -> Option<Vec<Vec<String>>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => commands.last_mut()?.extend(word.take()),
            '|' => {
                commands.last_mut()?.extend(word.take());
                commands.push(Vec::new());
            }
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '$' | '`' => return None,
                        '\\' => match characters.next()? {
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        inside => word.push(inside),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(characters.next()?),
            '<' | '>' | '&' | ';' | '$' | '`' | '(' | ')' | '{' | '}' | '!' | '#' | '\n' | '\r' => {
                return None;
            }
            plain => word.get_or_insert_default().push(plain),
        }
    }
    commands.last_mut()?.extend(word);
    Some(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_without_the_shell_around_it() {
        let check = |told: &str, expected: &str| assert_eq!(unwrapped(told), expected, "{told}");
        check("/bin/bash -lc 'echo one > one.txt'", "echo one > one.txt");
        check("/bin/bash -lc ls", "ls");
        check(r#"/bin/bash -lc "echo it's \"so\"""#, r#"echo it's "so""#);
        check("/bin/bash -lc 'a'\\''b'", "a'b");
        check("ls -l", "ls -l");
        check("/bin/bash -lc 'open", "/bin/bash -lc 'open");
    }

    #[test]
    fn only_what_surely_changes_nothing_is_a_reader() {
        for command in [
            "cat README.md",
            "sed -n 1,40p src/lib.rs",
            "git status --short",
            "git log --oneline -5",
            "rg 'fn main' src | head -3",
            "find . -name '*.rs'",
            "ls -la",
        ] {
            assert!(only_reads(command), "{command}");
        }
        for command in [
            "",
            "|",
            "echo one > one.txt",
            "cat a && rm b",
            "cat a; rm b",
            "cat a\nrm b",
            "cat $(rm b)",
            "cat `rm b`",
            "cat \"$(rm b)\"",
            "find . -delete",
            "find . -exec rm {} +",
            "rg --pre ./evil x",
            "git diff --output=a",
            "git -c core.pager=x log",
            "git push",
            "sed -i s/a/b/ c",
            "sed -n 'w out' c",
            "sed -n 1p -i c",
            "cat a | tee b",
            "sort -o a b",
            "FOO=1 cat a",
            "unknown",
        ] {
            assert!(!only_reads(command), "{command}");
        }
    }
}
