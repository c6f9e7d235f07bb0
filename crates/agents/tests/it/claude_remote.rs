//! Remote Control with the real program, as far as it goes without its vendor:
//! every refusal of its preflight that can be had without a network. What an
//! account that may do this sees was never observed here.

use crate::play::World;
use pilot_agents::{Catalog, Driver, Launch, Remote};
use pilot_proto::run::RemoteControl;
use pilot_proto::{Code, Mode, Problem, Secret};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const LOGIN: &str = r#"{"claudeAiOauth":{"accessToken":"sk-ant-oat01-0123456789","refreshToken":"sk-ant-ort01-0123456789","expiresAt":4102444800000,"scopes":["user:inference","user:profile","user:sessions:claude_code"],"subscriptionType":"max"}}"#;
const ACCOUNT: &str = r#"{"accountUuid":"00000000-0000-4000-8000-000000000001","emailAddress":"a@example.org","organizationUuid":"00000000-0000-4000-8000-000000000002"}"#;

/// Longer than a run waits: on a busy machine it takes seconds to start.
const DEADLINE: Duration = Duration::from_secs(120);

fn driver(world: &World, login: &str, account: &str) -> Box<dyn Driver> {
    let login = RemoteControl { credentials: Secret::new(login), account: account.to_owned() };
    let start = pilot_agents::Start { provider: None, ..world.start("Tidy up", Mode::Auto, "") };
    let remote = Remote { login, name: "Pilothouse: tidy up".to_owned() };
    let catalog = Catalog::built_in();
    let claude = catalog.get("claude").expect("a known agent");
    claude.remote(start, remote).expect("it can be driven from afar")
}

#[expect(clippy::disallowed_methods, reason = "the program finds its tools on our PATH")]
async fn preflight(
    world: &World,
    driver: &dyn Driver,
    besides: &[(&str, &str)],
    without: &[&str],
) -> Option<Problem> {
    for file in &driver.launch().files {
        let path = world.home().join(&file.path);
        std::fs::create_dir_all(path.parent().expect("inside the HOME")).expect("writable");
        if without.iter().all(|name| !path.ends_with(name)) {
            std::fs::write(path, &file.contents).expect("writable");
        }
    }
    let preflight = driver.preflight().expect("it is asked first");
    let Launch { program, args, env, .. } = preflight.launch;
    let asked = Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", std::env::var("PATH").expect("a PATH"))
        .env("HOME", world.home())
        // A name that is looked up somewhere would take its time.
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .envs(env)
        .envs(besides.iter().copied())
        .current_dir(world.tree())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, asked).await.expect("it refuses in time");
    let output = output.expect("the program starts");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (preflight.judge)(output.status.code(), &said)
}

#[tokio::test]
async fn each_refusal_is_told_in_the_programs_own_words() {
    let account_only: &[&str] = &[".credentials.json"];
    for (besides, without, account, code, words) in [
        // What a run never sets is what its environment is scrubbed of.
        (&[][..], account_only, ACCOUNT, Code::AgentAuth, "logged in"),
        (&[("ANTHROPIC_API_KEY", "sk-1")], account_only, ACCOUNT, Code::AgentAuth, "logged in"),
        (
            &[("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-9876543210")],
            account_only,
            ACCOUNT,
            Code::AgentAuth,
            "full-scope login token",
        ),
        (&[], &[], "{}", Code::AgentAuth, "organization"),
        (
            &[("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")],
            &[],
            ACCOUNT,
            Code::AgentFailed,
            "feature-flag evaluation",
        ),
        (&[("DISABLE_GROWTHBOOK", "1")], &[], ACCOUNT, Code::AgentFailed, "DISABLE_GROWTHBOOK"),
        // As a run asks, away from its vendor.
        (&[], &[], ACCOUNT, Code::AgentFailed, "unreachable"),
    ] {
        let world = World::new();
        let driver = driver(&world, LOGIN, account);
        let problem = preflight(&world, &*driver, besides, without).await;
        let problem = problem.unwrap_or_else(|| panic!("it refuses: {besides:?} {words}"));
        assert!(problem.message.contains(words), "{words}: {problem:?}");
        assert_eq!(problem.code, code, "{problem:?}");
        assert!(!problem.message.contains("sk-ant"), "no login in it: {problem:?}");
        for (name, _) in besides {
            let scrubbed = driver.scrubbed().iter().any(|one| match one.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => one == name,
            });
            assert!(scrubbed, "{name} made it refuse");
        }
    }
}
