//! The command line as a newcomer meets it, wrong input first.

use crate::world::World;
use pilot_proto::Task;

#[track_caller]
fn check(world: &World, arguments: &[&str], code: i32, words: &[&str]) {
    let said = world.pilot(arguments);
    let text = format!("{}{}", said.out, said.err);
    assert_eq!(said.code(), code, "pilot {arguments:?}:\n{text}");
    for word in words {
        assert!(text.contains(word), "pilot {arguments:?} should say `{word}`:\n{text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn without_a_hub_every_command_says_how_to_start_one() {
    let world = World::bare();
    check(&world, &["task", "list"], 3, &["no hub is running", "pilot up"]);
    check(&world, &["inbox"], 3, &["pilot up"]);
    check(&world, &["--hub", "http://127.0.0.1:1", "task", "list"], 1, &["wants a token"]);
    check(&world, &["runner", "--name", "x"], 3, &["join-code", "pilot up"]);
}

#[test]
fn wrong_input_gets_a_clear_answer() {
    let world = World::with_hub();
    let new = |rest: &[&'static str]| [&["task", "new", "--project", "demo"], rest].concat();
    check(&world, &["task", "new", "--project", "nope", "--prompt", "x"], 1, &["nope", "demo"]);
    check(&world, &new(&["--agent", "claude"]), 1, &["prompt"]);
    check(&world, &new(&["--agent", "gpt-99", "--prompt", "x"]), 1, &["gpt-99", "claude"]);
    check(&world, &new(&["--mode", "yolo", "--prompt", "x"]), 2, &["auto", "ask", "plan"]);
    check(&world, &["task", "list", "--state", "nope"], 1, &["nope", "needs_you"]);
    check(&world, &["task", "list", "--state", "failed"], 0, &["no such tasks"]);
    let new = ["task", "new", "--project", "demo", "--prompt-stdin"];
    let said = world.pilot_with_input(&new, "say a\0b");
    assert!(said.code() == 1 && said.err.contains("NUL"), "{}", said.err);
    check(&world, &["task", "show", "zzzz"], 1, &["not a task"]);
    check(&world, &["task", "show", "abcdef99"], 1, &["no task ends in"]);
    check(&world, &["task", "show", "00000000-0000-7000-8000-000000000000"], 1, &["task"]);
    check(&world, &["task", "answer", "abcdef99", "--allow"], 1, &["no task"]);
    check(&world, &["project", "add", "Bad Name", "--repo", "x"], 1, &["name"]);
    check(&world, &["project", "add", "p", "--repo", "ht!tp://x", "--forge", "f"], 1, &["hint"]);
    check(
        &world,
        &["forge", "add", "f", "--kind", "gitea", "--url", "http://127.0.0.1:1", "--token-stdin"],
        1,
        &["token"],
    );
    check(&world, &["runner", "revoke", "abcdef99"], 1, &["no runner", "runner list"]);
    check(&world, &["runner", "--workers", "0"], 2, &["--workers"]);
    check(&world, &["runner", "join-code", "--valid-secs", "0"], 2, &["--valid-secs"]);
    check(&world, &["hub", "open", "--valid-secs", "0"], 2, &["--valid-secs"]);
    check(&world, &["--hub", "", "task", "list"], 2, &["--hub"]);
    check(&world, &["frobnicate"], 2, &["Usage"]);
    check(&world, &["--version"], 0, &["pilot 0."]);
    check(&world, &["completions", "bash"], 0, &["_pilot"]);
}

#[test]
fn a_wrong_token_is_refused_and_named() {
    let world = World::with_hub();
    let token = world.path("token");
    std::fs::write(&token, "wrong").expect("it can be written");
    let url = format!("http://127.0.0.1:{}", world.port());
    let arguments = ["--hub", &url, "--token-file", &token.to_string_lossy(), "task", "list"];
    check(&world, &arguments, 1, &["token"]);
}

#[test]
fn a_second_hub_on_the_same_data_is_refused() {
    let world = World::with_hub();
    let pid = world.pids()[0].expect("the hub runs").to_string();
    check(&world, &["hub", "--listen", "127.0.0.1:0"], 1, &[&pid]);
}

#[test]
fn the_owner_token_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::with_hub();
    let file = world.data().join("hub/owner-token");
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only its owner may read it");
}

#[test]
fn a_task_waits_in_the_queue_until_a_runner_comes() {
    let mut world = World::with_hub();
    let id = world.file("write a.txt a");
    assert_eq!(world.task(id).state.name(), "queued");
    world.start_runner();
    world.until_state(id, "published");
}

#[test]
fn a_branch_or_repository_that_is_not_there_fails_with_a_hint() {
    let world = World::with_runner(2);
    let task: Task = {
        let said = world.pilot(&[
            "task",
            "new",
            "--project",
            "demo",
            "--base",
            "nope",
            "--prompt",
            "nothing",
            "--wait",
            "--json",
        ]);
        assert_eq!(said.code(), 4, "{}", said.err);
        serde_json::from_str(&said.out).expect("JSON")
    };
    let text = serde_json::to_string(&task).expect("JSON");
    assert!(text.contains("branch_unknown") && text.contains("main"), "{text}");

    world
        .pilot(&[
            "project",
            "add",
            "gone",
            "--repo",
            "http://127.0.0.1:1/x.git",
            "--agent",
            "scripted",
        ])
        .ok();
    let said = world.pilot(&["task", "new", "--project", "gone", "--prompt", "nothing", "--wait"]);
    assert_eq!(said.code(), 4, "{}{}", said.out, said.err);
    assert!(said.out.contains("hint"), "{}", said.out);
}

#[test]
fn a_projects_actions_are_added_changed_and_removed() {
    let world = World::with_runner(2);
    let action = |rest: &[&'static str]| [&["project", "action", "demo"], rest].concat();
    check(&world, &action(&[]), 0, &["no actions", "project action demo add"]);
    check(&world, &action(&["add", "Serve", "--run", "true"]), 0, &["Serve", "true"]);
    check(&world, &action(&["add", "Serve", "--run", "make serve", "--json"]), 0, &["make serve"]);
    check(&world, &action(&["add", "Two", "--run", "a\nb"]), 1, &["command line"]);
    // What another command changes leaves them alone.
    check(&world, &["project", "children", "demo", "--tasks", "1"], 0, &["at most 1"]);
    check(&world, &action(&[]), 0, &["make serve"]);
    check(&world, &action(&["remove", "Serve"]), 0, &["no actions"]);
    check(&world, &action(&["remove", "Serve"]), 1, &["no action `Serve`", "hint"]);
}

#[test]
fn a_log_is_read_by_range_followed_and_searched() {
    let world = World::with_runner(2);
    let id = world.file("print 5000 line-\nsay done\nwrite x.txt x");
    world.until_state(id, "published");
    let id = id.to_string();
    let all = world.pilot(&["task", "log", &id]).ok();
    let numbered: Vec<&str> = all.lines().filter(|line| line.starts_with("line-")).collect();
    assert_eq!(numbered.len(), 5000);
    let first = all.lines().position(|line| line.starts_with("line-")).expect("they are there");
    let from = (first + 4000).to_string();
    let some = world.pilot(&["task", "log", &id, "--line", &from, "-n", "3"]).ok();
    assert_eq!(
        some.lines().collect::<Vec<_>>(),
        &numbered[4000..4003],
        "any line is one read away"
    );

    let followed = world.pilot(&["task", "log", "-f", &id]).ok();
    assert_eq!(followed, all, "a log that has ended reads the same followed");
    let hits = world.pilot(&["task", "log", &id, "--search", numbered[42]]).ok();
    assert!(hits.contains(numbered[42]), "{hits}");
    let hits = world.pilot(&["task", "log", &id, "--search", "^LINE-.*99$", "--regex", "-i"]).ok();
    assert_eq!(hits.lines().count(), 50, "{hits}");
    let bad = world.pilot(&["task", "log", &id, "--search", "(", "--regex"]);
    assert_eq!(bad.code(), 1, "{}", bad.err);
}

#[test]
fn doctor_says_what_is_missing_and_the_mend() {
    let world = World::with_hub();
    let said = world.pilot(&["runner", "doctor"]);
    assert!(said.out.contains("scripted") && said.out.contains("claude"), "{}", said.out);
    assert!(said.out.contains("git"), "{}", said.out);
}

#[test]
fn a_runner_is_revoked_by_the_digits_that_the_list_shows() {
    let world = World::with_runner(1);
    let list = world.pilot(&["runner", "list"]).ok();
    let shown = list.lines().nth(1).and_then(|line| line.split(' ').next()).expect("one runner");
    check(&world, &["runner", "revoke", shown], 0, &["is revoked"]);
}

#[test]
fn a_rescued_bundle_replaces_no_device() {
    let world = World::with_hub();
    let id = world.file("write a.txt a").to_string();
    let directory = world.path("").to_string_lossy().into_owned();
    check(&world, &["task", "rescue", &id, "-o", "/dev/null"], 1, &["/dev/null", "no file"]);
    check(&world, &["task", "rescue", &id, "-o", &directory], 1, &["no file"]);
}

#[test]
fn help_does_not_show_what_the_environment_holds() {
    let world = World::bare();
    let mut command = world.command();
    command.env("PILOTHOUSE_STORE", "postgres://me:hunter2@db/x").args(["hub", "--help"]);
    let output = command.output().expect("the product starts");
    let help = String::from_utf8_lossy(&output.stdout);
    assert!(help.contains("PILOTHOUSE_STORE") && !help.contains("hunter2"), "{help}");
}

#[test]
fn a_hub_whose_credentials_are_sealed_wants_the_passphrase() {
    let world = World::bare();
    let passphrase = world.path("passphrase");
    std::fs::write(&passphrase, "one\n").expect("it can be written");
    let sealed = ["hub", "--listen", "192.0.2.1:1", "--credentials", "sealed"];
    let file = passphrase.to_string_lossy().into_owned();
    let with_file = [&sealed[..], &["--passphrase-file", &file]].concat();
    check(&world, &sealed, 1, &["--passphrase-file", "PILOTHOUSE_PASSPHRASE"]);
    // An address that is nobody's, so that the hub ends where it would listen.
    check(&world, &with_file, 1, &["192.0.2.1:1"]);
    let sealed = world.data().join("hub/credentials.sealed");
    assert!(sealed.exists(), "it is made before");
    std::fs::write(&passphrase, "two").expect("it can be written");
    check(&world, &with_file, 1, &["passphrase", "another"]);
    check(&world, &["hub", "--listen", "192.0.2.1:1"], 1, &["sealed", "--passphrase-file"]);
}

#[test]
fn a_link_opens_the_pages_for_one_browser() {
    let world = World::with_hub();
    let said = world.pilot(&["hub", "open"]);
    assert_eq!(said.code(), 0, "{}", said.err);
    let begin = format!("http://127.0.0.1:{}/#sign-in=", world.port());
    let code = said.out.trim().strip_prefix(&begin);
    assert!(code.is_some_and(|code| code.len() == 64), "alone on its line: {}", said.out);
    let log = std::fs::read_to_string(world.path("hub.log")).unwrap_or_default();
    assert!(!log.contains("#sign-in="), "no way in stands in a log file: {log}");
}

#[test]
fn what_a_project_may_reach_is_shown_and_changed() {
    let world = World::with_hub();
    let policy = |rest: &[&'static str]| [&["project", "policy", "demo"], rest].concat();
    check(&world, &["project", "policy", "nope"], 1, &["no project `nope`", "project list"]);
    check(&world, &policy(&["--allow", "*"]), 1, &["`*`", "learn", "hint"]);
    check(&world, &policy(&["--allow", "https://x.org/a"]), 1, &["https://x.org/a", "http://"]);
    check(&world, &policy(&["--remove", "x.org"]), 1, &["no rule `x.org`"]);
    check(&world, &policy(&["--preset", "nope"]), 2, &["npm", "forge"]);
    check(&world, &policy(&["--gate", "off"]), 1, &["unwatched", "--yes", "learn"]);
    check(&world, &policy(&["--from-run", "abcdef99"]), 1, &["no task ends in"]);
    check(&world, &policy(&[]), 0, &["enforce", "npm, crates", "allow    -"]);
    let words = ["--allow", "b.org", "--allow", "a.org:8443", "--deny", "*.c.org"];
    check(&world, &policy(&words), 0, &["a.org:8443", "b.org", "*.c.org"]);
    let words = ["--remove", "b.org", "--no-preset", "debian", "--gate", "learn"];
    check(&world, &policy(&words), 0, &["learn"]);
    let now = world.pilot(&policy(&[])).ok();
    assert!(!now.contains("b.org") && !now.contains("debian"), "{now}");
    assert!(now.contains("a.org:8443") && now.contains("*.c.org"), "{now}");
    check(&world, &policy(&["--gate", "off", "--yes"]), 0, &["OFF"]);
    check(&world, &["project", "list"], 0, &["GATE", "off"]);
    // Adding it again, as a person does to change its agent, loses none of it.
    let repo = world.demo_repository();
    let repo = repo.to_str().expect("a path");
    let again = ["project", "add", "demo", "--repo", repo, "--agent", "scripted"];
    check(&world, &again, 0, &["project `demo`"]);
    check(&world, &policy(&[]), 0, &["OFF", "a.org:8443"]);
}

#[test]
fn a_projects_walls_are_shown_and_changed() {
    let world = World::with_hub();
    let walls = |rest: &[&'static str]| [&["project", "walls", "demo"], rest].concat();
    check(&world, &walls(&[]), 0, &["auto", "memory", "8192 MiB", "no limit"]);
    check(&world, &walls(&["--memory-mb", "much"]), 2, &["none"]);
    check(&world, &walls(&["--memory-mb", "1"]), 1, &["memory_mb", "64"]);
    check(&world, &walls(&["--kind", "off"]), 1, &["without walls", "--yes"]);
    let words = ["--kind", "bubblewrap", "--memory-mb", "1024", "--pids", "none"];
    check(&world, &walls(&words), 0, &["bubblewrap", "1024 MiB"]);
    check(&world, &walls(&["--kind", "off", "--yes"]), 0, &["OFF", "1024 MiB"]);
}

#[test]
fn a_secret_is_kept_used_and_removed_and_never_shown() {
    const VALUE: &str = "s3cr3t-4242";
    let world = World::with_hub();
    check(&world, &["secret", "list"], 0, &["no secrets", "secret set"]);
    check(&world, &["secret", "set", "NPM"], 2, &["--from-file", "--stdin"]);
    check(&world, &["secret", "set", "NPM", VALUE], 2, &["Usage"]);
    check(&world, &["secret", "set", "NPM", "--from-file", "/nonexistent"], 1, &["cannot read"]);
    check(&world, &["secret", "set", "NPM", "--vault", "nowhere"], 1, &["VAULT:MOUNT/PATH#FIELD"]);
    let set = ["secret", "set", "NPM", "--stdin"];
    let empty = world.pilot_with_input(&set, "\n");
    assert!(empty.code() == 1 && empty.err.contains("empty"), "{}", empty.err);
    let strange = world.pilot_with_input(&["secret", "set", "../x", "--stdin"], VALUE);
    assert!(strange.code() == 1 && strange.err.contains("hint"), "{}", strange.err);
    let said = world.pilot_with_input(&set, &format!("{VALUE}\n")).ok();
    assert!(said.contains("project secret"), "it says what is next: {said}");
    let uses = |rest: &[&'static str]| [&["project", "secret", "demo"], rest].concat();
    check(&world, &uses(&[]), 0, &["uses no secrets", "--env"]);
    check(&world, &uses(&["add", "NPM"]), 2, &["--env", "--file", "--fd"]);
    check(&world, &uses(&["add", "NPM", "--env", "A", "--fd"]), 2, &["cannot be used with"]);
    check(&world, &uses(&["add", "NOPE", "--fd"]), 1, &["no secret `NOPE`", "`NPM`"]);
    check(&world, &uses(&["add", "NPM", "--env", "PATH"]), 1, &["PATH", "hint"]);
    check(&world, &uses(&["add", "NPM", "--file", "../x"]), 1, &["directory of secrets"]);
    check(&world, &uses(&["add", "NPM", "--file", "npmrc", "--mode", "9"]), 2, &["octal"]);
    check(&world, &uses(&["add", "NPM", "--file", "npmrc", "--mode", "0440"]), 0, &["mode 0440"]);
    check(&world, &uses(&["add", "NPM", "--env", "NPM_TOKEN"]), 0, &["variable NPM_TOKEN"]);
    check(&world, &["secret", "remove", "NPM"], 1, &["used by `demo`", "project secret"]);
    check(&world, &["secret", "list"], 0, &["NPM", "demo", "this hub"]);
    check(&world, &uses(&["remove", "NOPE"]), 1, &["does not use `NOPE`"]);
    check(&world, &uses(&["remove", "NPM"]), 0, &["uses no secrets"]);
    check(&world, &["secret", "remove", "NPM"], 0, &["removed"]);
    assert!(!world.logs().contains(VALUE), "no log knows it");
}

#[test]
fn prices_and_budgets_are_amounts() {
    let world = World::with_hub();
    check(&world, &["price", "list"], 0, &["built-in"]);
    let set = ["price", "set", "-"];
    let said = world.pilot_with_input(&set, "{}");
    assert!(said.code() == 1 && said.err.contains("3000000"), "{}", said.err);
    let list = r#"[{"model":"claude-*","input":3000000,"output":15000000,"cache_read":300000,"cache_write":3750000}]"#;
    assert!(world.pilot_with_input(&set, list).ok().contains("1 price is kept"), "they are kept");
    check(&world, &["price", "list"], 0, &["claude-*", "$3.0000", "$15.0000"]);
    let printed = world.pilot(&["price", "list", "--json"]).ok();
    world.pilot_with_input(&set, &printed).ok();
    let new = |budget: &'static str| {
        vec!["task", "new", "--project", "demo", "--prompt", "say x", "--budget", budget]
    };
    for wrong in ["0", "-1", "much", "0.001"] {
        check(&world, &new(wrong), 2, &["--budget"]);
    }
    let task: Task = world.json(&new("2.50"));
    assert_eq!(task.limits.budget_micros, Some(2_500_000));
    let id = task.id.to_string();
    check(&world, &["task", "show", &id], 0, &["$0.0000 of $2.5000"]);
    check(&world, &["task", "network", &id], 0, &["no run yet"]);
    check(&world, &["task", "network", &id, "--run", "7"], 1, &["no run `7`"]);
    check(&world, &["task", "network", "zzzz"], 1, &["not a task"]);
}

#[test]
fn a_provider_of_every_kind_can_be_added() {
    let world = World::with_hub();
    let add = |rest: &[&'static str]| [&["provider", "add", "one", "--kind"], rest].concat();
    check(&world, &add(&["nope", "--key-stdin"]), 2, &["openai", "gemini", "ollama"]);
    check(&world, &add(&["openai"]), 2, &["--key-stdin"]);
    check(&world, &add(&["ollama", "--oauth", "/nonexistent"]), 1, &["cannot read"]);
    check(&world, &add(&["ollama", "--base-url", "http://127.0.0.1:11434"]), 0, &["is kept"]);
    let bearer = add(&["openai", "--login", "bearer", "--key-stdin"]);
    assert!(world.pilot_with_input(&bearer, "key-4242\n").ok().contains("is kept"), "kept");
    check(&world, &["provider", "list"], 0, &["openai", "bearer", "vendor"]);
}
