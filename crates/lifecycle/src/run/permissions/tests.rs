use super::*;
use proptest::prelude::*;

fn rule(
    decision: PermissionDecision,
    tool: Option<&str>,
    command: Option<&str>,
    path: Option<&str>,
) -> PermissionRule {
    PermissionRule {
        decision,
        tool: tool.map(str::to_owned),
        command: command.map(str::to_owned),
        path: path.map(str::to_owned),
    }
}

fn command(decision: PermissionDecision, pattern: &str) -> PermissionRule {
    rule(decision, None, Some(pattern), None)
}

fn path(decision: PermissionDecision, pattern: &str) -> PermissionRule {
    rule(decision, None, None, Some(pattern))
}

const ALLOW: PermissionDecision = PermissionDecision::Allow;
const ASK: PermissionDecision = PermissionDecision::Ask;
const NEVER: PermissionDecision = PermissionDecision::Never;

fn decided(
    rules: &[PermissionRule],
    commands: &[&str],
    paths: &[&str],
) -> Option<PermissionDecision> {
    let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let (commands, paths) = (owned(commands), owned(paths));
    let what = Use { tool: "Bash", commands: &commands, paths: &paths };
    decide(rules, what).map(|(decision, _)| decision)
}

#[test]
fn never_goes_before_ask_and_ask_before_allow_whatever_their_order() {
    let never = command(NEVER, "git push*");
    let ask = command(ASK, "git *");
    let allow = rule(ALLOW, Some("bash"), None, None);
    for rules in [[&never, &ask, &allow], [&allow, &ask, &never], [&ask, &never, &allow]] {
        let rules = rules.map(Clone::clone);
        let check = |line: &str, expected| {
            assert_eq!(decided(&rules, &[line], &[]), expected, "{line}");
        };
        check("git push origin", Some(NEVER));
        check("git status", Some(ASK));
        check("make", Some(ALLOW));
    }
    assert_eq!(decided(&[never], &["make"], &[]), None, "the mode decides");
}

#[test]
fn a_compound_line_is_allowed_only_where_each_of_its_commands_is() {
    let rules = [command(ALLOW, "cargo *"), command(ALLOW, "git status")];
    for line in [
        "cargo test",
        "cargo",
        "cargo test && git status",
        "cargo build; cargo test | cargo x\ncargo y",
        "cargo test 2>&1 >/dev/null",
        "cargo test 'a && b; c'",
        "cargo \"run\" $X ${Y}",
        "cargo test $(git status)",
        "cargo test --features=a,b -- --nocapture",
    ] {
        assert_eq!(decided(&rules, &[line], &[]), Some(ALLOW), "{line}");
    }
    for line in [
        "cargo-evil",
        "git status --x",
        "cargo test && rm -rf /",
        "cargo test; rm x",
        "cargo test\nrm x",
        "cargo test & rm x",
        "cargo test | sh",
        "cargo test $(rm x)",
        "cargo test `rm x`",
        "cargo test \"$(rm x)\"",
        "cargo test <(rm x)",
        "cargo test > ~/.bashrc",
        "cargo test >| out",
        "cargo test < in",
        "cargo test 'open",
        "cargo test \"open",
        "cargo test $(git status",
        "cargo test ${X:-$(rm x)}",
        "cargo test <<EOF\n$(rm x)\nEOF",
        "X=1 cargo test",
        "/usr/bin/cargo test",
        "(cargo test)",
        "if true; then cargo test; fi",
        "cargo test # comment",
        "$X cargo",
        "",
    ] {
        assert_eq!(decided(&rules, &[line], &[]), None, "{line}");
    }
    let both = ["cargo test", "rm x"];
    assert_eq!(decided(&rules, &both, &[]), None, "of several lines all");
}

#[test]
fn what_may_be_refused_is_refused_however_it_is_written() {
    let rules = [command(NEVER, "git push*"), command(NEVER, "rm -rf *")];
    for line in [
        "git push",
        "git push --force",
        "cd x && git push",
        "echo $(git push)",
        "echo `git push`",
        "echo \"$(git push)\"",
        "g'i't \"push\"",
        "gi\\t push",
        "/usr/bin/git push",
        "sudo -n git push",
        "A=1 B=2 git push",
        "env A=1 timeout 5 git push",
        "ls | xargs git push",
        "bash -c 'git push'",
        "bash -lc \"cd x; git push\"",
        "sh <<EOF\ngit push\nEOF",
        "eval git\\ push",
        "git $WHAT",
        "$GIT push",
        "git pu*",
        "git {push,pull}",
        "if true; then git push; fi",
        "for x in a; do git push; done",
        "f() { git push; }; f",
        "( git push )",
        "{ git push; }",
        "while ! git push; do :; done",
        "git push &",
        "git push > out 2>&1",
        "find . -exec rm -rf {} +",
        "find . -name x -exec git push ;",
        "cat <(git push)",
        "git push 'open",
        "echo $'a",
        "rm -rf",
        "rm   -rf  /",
    ] {
        assert_eq!(decided(&rules, &[line], &[]), Some(NEVER), "{line}");
    }
    for line in [
        "git status",
        "git commit -m 'git push later'",
        "echo git push",
        "grep 'git push' README.md",
        "echo \"$(date)\"",
        "cat > notes <<'EOF'\nI don't `git push` this\nEOF",
        "cat <<EOF\nplain don't\nEOF",
        "[ -f x ] && make",
        "[[ -n $X ]]",
        "make 2>&1 | tail -5",
        "for x in a b; do echo $x; done",
        "rm -r build",
        "ls *.rs",
    ] {
        assert_eq!(decided(&rules, &[line], &[]), None, "{line}");
    }
}

#[test]
fn a_rule_without_an_asterisk_is_also_the_very_line() {
    let line = "for f in *; do rm \"$f\"; done > out";
    let exact = exactly(ALLOW, Use { tool: "Bash", commands: &[line.to_owned()], paths: &[] });
    assert_eq!(exact[0].tool.as_deref(), Some("Bash"));
    assert_eq!(decided(&exact, &[line], &[]), Some(ALLOW), "{exact:?}");
    assert_eq!(decided(&exact, &["for f in x; do rm \"$f\"; done > out"], &[]), None);
    let never = exactly(NEVER, Use { tool: "Bash", commands: &[line.to_owned()], paths: &[] });
    assert_eq!(decided(&never, &[line], &[]), Some(NEVER));
    assert_eq!(decided(&never, &["make"], &[]), None);
}

#[test]
fn of_several_files_all_must_be_allowed_and_one_is_enough_to_refuse() {
    let check = |rules: &[PermissionRule], paths: &[&str], expected| {
        assert_eq!(decided(rules, &[], paths), expected, "{rules:?} {paths:?}");
    };
    let src = [path(ALLOW, "src/**"), path(ALLOW, "*.md")];
    check(&src, &["src/a/b.rs"], Some(ALLOW));
    check(&src, &["src", "README.md"], Some(ALLOW));
    check(&src, &["./src/x/../b.rs"], Some(ALLOW));
    check(&src, &["src/../Cargo.toml"], None);
    check(&src, &["src/a.rs", "Cargo.toml"], None);
    check(&src, &["docs/a.md"], None);
    check(&src, &["../src/a.rs"], None);
    check(&src, &["/src/a.rs"], None);
    check(&src, &[], None);
    check(&[path(ALLOW, "**")], &["/etc/passwd"], None);
    check(&[path(ALLOW, "**")], &["../x"], None);
    check(&[path(ALLOW, "/tmp/**")], &["/tmp/x"], Some(ALLOW));
    check(&[path(ALLOW, "/tmp/**")], &["/tmp/../etc/x"], None);
    let never = [path(NEVER, "secrets/**"), path(NEVER, "**/.env")];
    check(&never, &["src/a.rs", "secrets/key"], Some(NEVER));
    check(&never, &["x/../secrets/key"], Some(NEVER));
    check(&never, &["/srv/tree/secrets/key"], Some(NEVER));
    check(&never, &[".env"], Some(NEVER));
    check(&never, &["a/b/.env"], Some(NEVER));
    check(&never, &["a/b/.envrc"], None);
    check(&never, &["src/secrets.rs"], None);
    for line in
        ["cat secrets/key", "cp ./secrets/key /tmp", "echo x >> a/.env", "tool --file=secrets/key"]
    {
        assert_eq!(decided(&never, &[line], &[]), Some(NEVER), "{line}");
    }
    assert_eq!(decided(&never, &["cat $X README.md"], &[]), None);
    let narrow = [rule(ALLOW, Some("Bash"), Some("make *"), Some("src/**"))];
    assert_eq!(decided(&narrow, &["make all"], &["src/a"]), Some(ALLOW));
    assert_eq!(decided(&narrow, &["make all"], &["lib/a"]), None);
    assert_eq!(decided(&narrow, &["make all"], &[]), None, "it names a file, and there is none");
}

#[test]
fn a_tool_is_named_with_asterisks_and_in_any_case() {
    let tool = |pattern: &str, tool: &str| {
        let rules = [rule(ALLOW, Some(pattern), None, None)];
        decide(&rules, Use { tool, commands: &[], paths: &[] }).is_some()
    };
    for (pattern, name) in [("bash", "Bash"), ("mcp__git__*", "mcp__git__push"), ("*", "")] {
        assert!(tool(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [("bash", "BashOutput"), ("mcp__git__*", "mcp__hub__x"), ("", "x")] {
        assert!(!tool(pattern, name), "{pattern} {name}");
    }
}

#[test]
fn rules_that_make_no_sense_are_named() {
    let good = [command(ALLOW, "cargo *"), path(NEVER, "a/**"), rule(ASK, Some("*"), None, None)];
    check(&PermissionPolicy { rules: good.into() }).expect("they are good");
    for bad in [
        rule(ALLOW, None, None, None),
        command(ALLOW, " "),
        command(ALLOW, "a\0"),
        path(ALLOW, "../x"),
        path(ALLOW, &"x".repeat(1001)),
    ] {
        let problem = check(&PermissionPolicy { rules: vec![bad] }).expect_err("it is not");
        assert_eq!(problem.code, Code::Invalid, "{problem}");
    }
    let many = vec![command(ALLOW, "x"); PermissionPolicy::MAX_RULES + 1];
    assert_eq!(check(&PermissionPolicy { rules: many }).expect_err("many").code, Code::TooLarge);
    assert_eq!(
        words(&rule(NEVER, Some("Bash"), Some("git push*"), None)),
        "`Bash` running `git push*`"
    );
}

/// A command in one of its spellings, with `bad` in it or not.
fn spelt(name: &str) -> impl Strategy<Value = String> + use<> {
    let name = name.to_owned();
    prop_oneof![
        Just(format!("{name} x")),
        Just(format!("'{name}' \"x\"")),
        Just(format!("{name} x 2>&1")),
        Just(format!("  {name}\tx ")),
        Just(format!("{}\\{} x", &name[..1], &name[1..])),
    ]
}

fn line(names: [&'static str; 2]) -> impl Strategy<Value = (String, bool)> {
    let one = prop_oneof![
        4 => spelt(names[0]).prop_map(|text| (text, false)),
        1 => spelt(names[1]).prop_map(|text| (text, true)),
    ];
    let ways = ["&&", "||", ";", "|", "&", "\n"];
    one.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(ways.to_vec()), inner.clone())
                .prop_map(|((a, x), way, (b, y))| (format!("{a} {way} {b}"), x || y)),
            inner.clone().prop_map(move |(a, x)| (format!("{} $({a})", names[0]), x)),
            inner.clone().prop_map(move |(a, x)| (format!("{} \"$({a})\"", names[0]), x)),
        ]
    })
}

proptest! {
    #[test]
    fn what_a_line_hides_neither_passes_nor_escapes((text, hidden) in line(["good", "evil"])) {
        let allow = [command(ALLOW, "good *")];
        prop_assert_eq!(decided(&allow, &[&text], &[]).is_some(), !hidden, "{}", text);
        let never = [command(NEVER, "evil*"), rule(ALLOW, Some("*"), None, None)];
        let expected = if hidden { NEVER } else { ALLOW };
        prop_assert_eq!(decided(&never, &[&text], &[]), Some(expected), "{}", text);
    }

    #[test]
    fn any_text_is_read_and_what_is_exactly_this_is_this(text in "[ -~\\n]{1,40}", tool in "[a-z*]{1,5}") {
        let line = [text.clone()];
        let what = Use { tool: &tool, commands: &line, paths: &[] };
        prop_assume!(!text.trim().is_empty());
        prop_assert!(allows(&exactly(ALLOW, what), what), "{:?}", text);
        prop_assert!(exactly(NEVER, what).iter().any(|rule| fits(rule, what)), "{:?}", text);
        let files = [text];
        let what = Use { tool: "Read", commands: &[], paths: &files };
        let _ = decide(&exactly(ASK, what), what);
    }
}
