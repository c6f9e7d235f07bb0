//! A forge that a runner reaches for the hub: its owner allows it, TLS goes
//! from the hub to the forge, and what stands in the way is said.

use crate::forge_login::{Forge, add_site};
use crate::world::{Said, World};
use pilot_proto::console::ForgeSeen;
use pilot_proto::{ForgeKind, Task};
use pilot_testkit::forge::ForgeDouble;
use pilot_testkit::private_way::PrivateAuthority;

fn allow(world: &World, address: &str) {
    let file = world.data().join("runner/forges.allow");
    std::fs::write(file, format!("# in this house\n{address}\n")).expect("writable");
}

#[test]
fn a_forge_that_only_a_runner_reaches_gets_a_pull_request() {
    let forge = Forge::start(ForgeKind::Gitea);
    let authority = PrivateAuthority::new();
    let tls = ForgeDouble::start_with_tls(ForgeKind::Gitea, "/git", &authority);
    let double = forge.runtime.block_on(tls);
    double.repository("alice/site");
    let forge = Forge { double, ..forge };
    let mut world = World::with_runner(1);
    let runner = "test";
    let ca = world.path("ca.pem");
    std::fs::write(&ca, authority.pem()).expect("writable");
    let ca = ca.to_string_lossy().into_owned();
    let token = forge.double.token("alice", forge.double.scopes());
    let add = |world: &World, url: &str, more: &[&str]| -> Said {
        let words = ["forge", "add", "home", "--kind", "gitea", "--token-stdin", "--url", url];
        world.pilot_with_input(&[&words[..], more].concat(), &token)
    };
    let refused = |said: &Said, why: &str| {
        assert!(said.code() == 1 && said.err.contains(why), "{}", said.err);
    };
    let url = forge.double.url();
    let through = ["--ca", &ca, "--through", runner];
    let address = url.trim_start_matches("https://").split('/').next().expect("it has a host");

    refused(&add(&world, &url, &["--ca", &ca, "--through", "nobody"]), "no such runner");
    refused(&add(&world, "https://github.com", &through), "several addresses");
    let both = add(&world, &url, &["--through", runner, "--proxy", "http://127.0.0.1:1"]);
    assert_eq!(both.code(), 2, "{}", both.err);
    let said = add(&world, &url, &through);
    refused(&said, "does not allow");
    assert!(said.err.contains(&format!("`{address}`")) && said.err.contains("forges.allow"));
    // Nobody listens at that one.
    let dead = "127.0.0.1:1";
    allow(&world, dead);
    refused(&add(&world, &format!("https://{dead}"), &through), "The runner cannot connect to it");
    allow(&world, address);
    refused(&add(&world, &url, &["--through", runner]), "--ca");

    add(&world, &url, &through).ok();
    let seen = &world.json::<Vec<ForgeSeen>>(&["forge", "list"])[0];
    assert_eq!(seen.forge.through.as_deref(), Some(runner));
    let list = world.pilot(&["forge", "list"]).ok();
    assert!(list.contains(&format!("through {runner}")), "{list}");
    add_site(&world, &forge);
    world.pilot(&["issue", "list", "site"]).ok();
    let task: Task =
        world.json(&["task", "new", "--project", "site", "--prompt", "write a.txt from afar"]);
    // Its pull request was opened, and read back.
    world.until_state(task.id, "in_review");

    world.kill_runner();
    let said = world.until("the runner is missed", || {
        let said = world.pilot(&["issue", "list", "site"]);
        said.err.contains("The runner is not connected").then_some(said)
    });
    refused(&said, &format!("through the runner `{runner}`"));
    world.start_runner();
    world.until("it is reached again", || {
        (world.pilot(&["issue", "list", "site"]).code() == 0).then_some(())
    });
}
