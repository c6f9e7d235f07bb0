//! A project's secret that lives in a Vault, from the command line to the run.

use crate::world::World;
use pilot_proto::TaskState;
use pilot_proto::console::VaultSeen;
use pilot_testkit::vault::{ROLE_ID, SECRET_ID, Vault};
use serde_json::json;

const VALUE: &str = "in-the-vault-0123456789";

#[test]
fn a_secret_in_a_vault_reaches_the_run_or_the_task_says_why_not() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime for the Vault");
    let vault = runtime.block_on(Vault::start());
    vault.put("team/app", json!({ "token": VALUE }));
    let world = World::with_runner(1);
    let url = vault.url();
    let add = ["vault", "add", "work", "--url", &url, "--approle", ROLE_ID];
    let said = world.pilot_with_input(&add, "wrong\n");
    assert!(said.code() != 0 && said.err.contains("refused the login"), "{said:?}");
    let said = world.pilot_with_input(&add, &format!("{SECRET_ID}\n"));
    assert_eq!(said.code(), 0, "{said:?}");
    assert!(said.out.contains("pilot secret set"), "what comes next: {said:?}");
    world.pilot(&["secret", "set", "npm", "--vault", "work:secret/team/app#token"]).ok();
    world.pilot(&["project", "secret", "demo", "add", "npm", "--env", "NPM_TOKEN"]).ok();
    let vaults: Vec<VaultSeen> = world.json(&["vault", "list"]);
    assert_eq!(vaults[0].used_by, ["npm"]);
    let table = world.pilot(&["vault", "list"]).ok();
    assert!(table.contains("AppRole at approle") && !table.contains(SECRET_ID), "{table}");

    let id = world.file("run printf %s $NPM_TOKEN | wc -c > a.txt");
    let task = world.until_state(id, "published");
    let file = world.file_in(&world.demo_repository(), &task.branch, "a.txt");
    let length = file.as_deref().map(str::trim).map(str::to_owned);
    assert_eq!(length, Some(VALUE.len().to_string()), "the run had the value");

    vault.seal(true);
    let id = world.file("write a.txt a");
    let task = world.until_state(id, "failed");
    let TaskState::Failed { problem } = &task.state else { panic!("{task:#?}") };
    assert!(problem.message.contains("`npm`") && problem.message.contains("sealed"), "{problem:?}");
    vault.seal(false);
    let said = world.pilot(&["vault", "remove", "work"]);
    assert!(said.code() != 0 && said.err.contains("`npm`"), "{said:?}");
    world.pilot(&["project", "secret", "demo", "remove", "npm"]).ok();
    world.pilot(&["secret", "remove", "npm"]).ok();
    world.pilot(&["vault", "remove", "work"]).ok();
    assert!(world.json::<Vec<VaultSeen>>(&["vault", "list"]).is_empty());
}
