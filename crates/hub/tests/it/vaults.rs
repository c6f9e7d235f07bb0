//! Secrets that live in a Vault: read when a run begins, for that run alone.

use crate::access::{holds, of_house, uses, written};
use crate::house::{House, eventually};
use crate::runner::{FakeRunner, nothing_done};
use pilot_proto::console::{
    Named, NewVault, NewVaultLogin, Nothing, OneTask, ProjectAdd, SecretSet, TaskAgain, VaultAdd,
    VaultList, VaultLoginSeen, VaultRemove,
};
use pilot_proto::{
    Code, NewSecret, Problem, Project, RunSpec, Secret, SecretOrigin, SecretSource, TaskId,
    TaskState,
};
use pilot_secrets::RunnerKey;
use pilot_testkit::vault as double;
use serde_json::json;

const VALUE: &str = "npm_s3cr3tvalue-in-a-vault";
const TOKEN: &str = "hvs.a-persons-own-token";

fn in_vault(path: &str, field: &str) -> NewSecret {
    let (vault, mount) = ("work".to_owned(), "secret".to_owned());
    let (path, field) = (path.to_owned(), field.to_owned());
    NewSecret { name: "npm".to_owned(), source: SecretSource::Vault { vault, mount, path, field } }
}

fn with_login(vault: &double::Vault, login: NewVaultLogin) -> NewVault {
    let (namespace, authority) = (None, None);
    NewVault { name: "work".to_owned(), url: vault.url(), namespace, authority, login }
}

fn app_role(secret_id: &str) -> NewVaultLogin {
    NewVaultLogin::AppRole {
        mount: "approle".to_owned(),
        role_id: double::ROLE_ID.to_owned(),
        secret_id: Secret::new(secret_id),
    }
}

fn token(token: &str) -> NewVaultLogin {
    NewVaultLogin::Token { token: Secret::new(token) }
}

async fn vault() -> double::Vault {
    let vault = double::Vault::start().await;
    vault.put("team/app", json!({ "token": VALUE, "other": "x" }));
    vault
}

/// A project that uses what is in the Vault, and a runner for it.
async fn using(house: &House) -> (FakeRunner, RunnerKey) {
    house.call::<SecretSet>(in_vault("team/app", "token")).await;
    let project = Project { secrets: vec![uses("npm", "NPM_TOKEN")], ..of_house(house) };
    house.call::<ProjectAdd>(project).await;
    let key = RunnerKey::generate().expect("randomness");
    let mut runner = FakeRunner::enrolled(house, 1).await;
    runner.about.seal_key = Some(key.public());
    runner.connect().await;
    (runner, key)
}

fn opened(key: &RunnerKey, spec: &RunSpec) -> String {
    let [grant] = spec.secrets.as_slice() else { panic!("one secret: {:?}", spec.secrets) };
    key.open_grant(grant, spec.run, spec.fence).expect("its runner opens it").expose().to_owned()
}

async fn failure(house: &House, task: TaskId) -> Problem {
    match house.until(task, "failed").await.task.state {
        TaskState::Failed { problem } => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_gets_what_its_vault_holds_when_it_begins_and_nobody_keeps_it() {
    let (house, vault) = (House::new().await, vault().await);
    let seen = house.call::<VaultAdd>(with_login(&vault, app_role(double::SECRET_ID))).await;
    assert!(seen.logged_in && matches!(seen.login, VaultLoginSeen::AppRole { .. }), "{seen:?}");
    let (mut runner, key) = using(&house).await;
    let [listed] = house.call::<VaultList>(Nothing {}).await.try_into().expect("one");
    assert_eq!(listed.used_by, ["npm"]);
    let task = house.file("say hello").await.id;
    let spec = runner.take().await;
    assert_eq!(opened(&key, &spec), VALUE);
    let wire = serde_json::to_vec(&spec).expect("it serialises");
    assert!(!holds(&wire, VALUE), "no clear value travels");
    let end = runner.write(spec.run, nothing_done()).await;
    runner.acked(spec.run, end).await;
    house.until(task, "no_change").await;
    // Changed in the Vault, and by nobody here.
    vault.put("team/app", json!({ "token": "another-value-by-now" }));
    house.file("say hello again").await;
    let spec = runner.take().await;
    assert_eq!(opened(&key, &spec), "another-value-by-now");
    let end = runner.write(spec.run, nothing_done()).await;
    runner.acked(spec.run, end).await;
    let kept = written(&house.home.path().join("hub"));
    let file = std::fs::read(house.home.path().join("hub/credentials")).expect("the credentials");
    assert!(!holds(&kept, VALUE) && !holds(&file, VALUE), "nor is it written down");
    assert!(!holds(&kept, double::SECRET_ID), "what we log in with is a credential");

    let problem = house.refused::<VaultRemove>(Named { name: "work".to_owned() }).await;
    assert!(problem.message.contains("`npm`"), "it says what is read from it: {problem:?}");
    // As after any start, the hub logs in by itself.
    let house = house.restart().await;
    assert_eq!(vault.live_tokens(), 0, "a hub that stops logs out");
    runner.connect().await;
    house.file("say hello once more").await;
    assert_eq!(opened(&key, &runner.take().await), "another-value-by-now");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_does_not_give_it_fails_the_task_and_says_why() {
    let (house, vault) = (House::new().await, vault().await);
    let problem = house.refused::<VaultAdd>(with_login(&vault, app_role("wrong"))).await;
    assert_eq!(problem.code, Code::Precondition, "tried before it is kept: {problem:?}");
    assert!(house.call::<VaultList>(Nothing {}).await.is_empty());
    let problem = house.refused::<SecretSet>(in_vault("team/app", "token")).await;
    assert_eq!(problem.code, Code::NotFound, "there is no such Vault: {problem:?}");
    house.call::<VaultAdd>(with_login(&vault, app_role(double::SECRET_ID))).await;
    for (bad, word) in [(in_vault("team/app", "nothing"), "`other`"), (in_vault("no", "x"), "`no`")]
    {
        let problem = house.refused::<SecretSet>(bad).await;
        assert!(problem.message.contains(word) && !problem.hint.is_empty(), "{problem:?}");
    }
    let (mut runner, key) = using(&house).await;
    vault.seal(true);
    let task = house.file("say hello").await.id;
    let problem = failure(&house, task).await;
    for word in ["`npm`", "`work`", "sealed"] {
        assert!(problem.message.contains(word), "{word}: {problem:?}");
    }
    assert!(!problem.hint.is_empty(), "{problem:?}");
    assert_eq!(house.show(task).await.runs.len(), 1, "leased, and never begun");
    vault.seal(false);
    house.call::<TaskAgain>(OneTask { task }).await;
    let spec = runner.take().await;
    assert_eq!((spec.task, opened(&key, &spec)), (task, VALUE.to_owned()));
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_token_is_renewed_and_never_kept() {
    let (house, vault) = (House::new().await, vault().await);
    vault.token(TOKEN, 15, 3600);
    house.call::<VaultAdd>(with_login(&vault, token(TOKEN))).await;
    eventually("its lease is renewed", async || {
        let renewed = vault.seen().iter().any(|one| one.contains("auth/token/renew-self"));
        if renewed { Ok(()) } else { Err("not yet") }
    })
    .await;
    let (mut runner, key) = using(&house).await;
    house.file("say hello").await;
    let spec = runner.take().await;
    assert_eq!(opened(&key, &spec), VALUE);
    let end = runner.write(spec.run, nothing_done()).await;
    runner.acked(spec.run, end).await;
    let kept = written(&house.home.path().join("hub"));
    let file = std::fs::read(house.home.path().join("hub/credentials")).expect("the credentials");
    assert!(!holds(&kept, TOKEN) && !holds(&file, TOKEN));

    let house = house.restart().await;
    assert_eq!(vault.live_tokens(), 1, "a person's token is not ours to end");
    runner.connect().await;
    let task = house.file("say hello").await.id;
    let problem = failure(&house, task).await;
    assert!(problem.message.contains("Vault `work`"), "{problem:?}");
    assert!(problem.hint.contains("pilot vault add work"), "who can mend it: {problem:?}");
    house.call::<VaultAdd>(with_login(&vault, token(TOKEN))).await;
    house.call::<TaskAgain>(OneTask { task }).await;
    assert_eq!(opened(&key, &runner.take().await), VALUE);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_in_a_cluster_logs_in_with_its_service_account() {
    let (directory, vault) = (tempfile::tempdir().expect("a directory"), vault().await);
    let file = directory.path().join("token");
    let at = file.clone();
    let house = House::with(|options| options.service_account = at).await;
    let role = double::KUBERNETES_ROLE.to_owned();
    let login = NewVaultLogin::Kubernetes { mount: "kubernetes".to_owned(), role };
    let problem = house.refused::<VaultAdd>(with_login(&vault, login.clone())).await;
    assert!(problem.message.contains("service account"), "{problem:?}");
    std::fs::write(&file, double::KUBERNETES_JWT).expect("writable");
    house.call::<VaultAdd>(with_login(&vault, login)).await;
    let set = house.call::<SecretSet>(in_vault("team/app", "token")).await;
    assert!(matches!(set.origin, SecretOrigin::Vault { .. }), "{set:?}");
    house.hub.stop().await;
    assert_eq!(vault.live_tokens(), 0, "and out again");
}
