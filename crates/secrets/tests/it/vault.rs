use pilot_proto::{Code, Secret};
use pilot_secrets::vault::{Vault, VaultAddress, VaultError, VaultField, VaultLogin, VaultSession};
use pilot_testkit::vault as double;
use serde_json::json;
use std::time::Duration;

/// No answer of a double takes that long, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "hvs.a-persons-own";

fn address(double: &double::Vault) -> VaultAddress {
    VaultAddress { url: double.url(), namespace: None, authority: None }
}

fn vault(double: &double::Vault) -> Vault {
    Vault::new(&address(double), PATIENCE).expect("a fine address")
}

fn field<'a>(path: &'a str, field: &'a str) -> VaultField<'a> {
    VaultField { mount: "secret", path, field }
}

fn app_role(secret_id: &str) -> VaultLogin {
    VaultLogin::AppRole {
        mount: "approle".into(),
        role_id: double::ROLE_ID.into(),
        secret_id: Secret::new(secret_id),
    }
}

fn kubernetes(mount: &str, jwt: &str) -> VaultLogin {
    let role = double::KUBERNETES_ROLE.into();
    VaultLogin::Kubernetes { mount: mount.into(), role, jwt: Secret::new(jwt) }
}

/// A double with a token, and a session on it.
async fn scene() -> (double::Vault, Vault, VaultSession) {
    let double = double::Vault::start().await;
    double.token(TOKEN, 0, 0);
    double.put("team/app", json!({ "npm": "n-1", "port": 5432, "empty": "", "list": [1] }));
    let vault = vault(&double);
    let login = VaultLogin::Token(Secret::new(format!("{TOKEN}\n")));
    let session = vault.login(&login).await.expect("the token is good");
    (double, vault, session)
}

#[tokio::test]
async fn a_field_is_read_with_each_login() {
    let (double, vault, session) = scene().await;
    let npm = vault.read(&session, field("team/app", "npm")).await.expect("it is there");
    assert_eq!(npm.expose(), "n-1");
    let port = vault.read(&session, field("/team/app/", "port")).await.expect("a number is text");
    assert_eq!(port.expose(), "5432");
    double.put("with space", json!({ "k": "v" }));
    let spaced = vault.read(&session, field("with space", "k")).await.expect("it is encoded");
    assert_eq!(spaced.expose(), "v");
    double.mount("teams/kv");
    double.put("teams/kv:app", json!({ "k": "other" }));
    let mounted = VaultField { mount: "teams/kv", path: "app", field: "k" };
    assert_eq!(vault.read(&session, mounted).await.expect("it is there").expose(), "other");
    for login in [app_role(double::SECRET_ID), kubernetes("kubernetes", double::KUBERNETES_JWT)] {
        let session = vault.login(&login).await.expect("it is let in");
        let npm = vault.read(&session, field("team/app", "npm")).await.expect("it is there");
        assert_eq!(npm.expose(), "n-1");
        let left = session.renew_after().expect("a login's lease can be renewed");
        assert!(left <= Duration::from_secs(20), "two thirds of 30 s: {left:?}");
        let before = double.live_tokens();
        vault.logout(session).await.expect("it is revoked");
        assert_eq!(double.live_tokens(), before - 1, "nothing of ours stays behind");
    }
    vault.logout(session).await.expect("nothing to do");
    assert_eq!(double.live_tokens(), 1, "the person's own token is left alone");
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    let (double, vault, session) = scene().await;
    double.put("gone", json!({ "k": "v" }));
    double.delete("gone");
    double.put("private", json!({ "k": "v" }));
    double.forbid("private");
    for (wanted, code, says) in [
        (field("team/other", "npm"), Code::NotFound, "has nothing at `team/other`"),
        (field("gone", "k"), Code::NotFound, "was deleted"),
        (field("private", "k"), Code::Forbidden, "does not let us read `private`"),
        (field("team/app", "nmp"), Code::NotFound, "no field `nmp`; it has `empty`, `list`, `npm`"),
        (field("team/app", "list"), Code::Invalid, "is no text"),
        (field("team/app", "empty"), Code::Invalid, "is empty"),
        (field("../sys/seal", "k"), Code::Invalid, "no path"),
        (field("", "k"), Code::Invalid, "no path"),
        (
            VaultField { mount: "kv", path: "app", field: "k" },
            Code::NotFound,
            "no handler for route",
        ),
    ] {
        let error = vault.read(&session, wanted).await.expect_err("it is refused");
        let problem = error.problem();
        assert_eq!(problem.code, code, "{problem:?}");
        assert!(problem.message.contains(says), "{problem:?}");
        assert!(!problem.hint.is_empty() && !error.may_pass(), "{problem:?}");
    }
    double.seal(true);
    let error = vault.read(&session, field("team/app", "npm")).await.expect_err("sealed");
    assert!(matches!(error, VaultError::Sealed) && error.may_pass(), "{error}");
    assert!(error.problem().hint.contains("unseal"));
}

#[tokio::test]
async fn wrong_logins_are_told_apart() {
    let (_double, vault, _session) = scene().await;
    for (login, says) in [
        (app_role("another"), "invalid role or secret ID"),
        (kubernetes("kubernetes", "another"), "permission denied"),
        (kubernetes("k8s", double::KUBERNETES_JWT), "no login method at `k8s`"),
        (VaultLogin::Token(Secret::new("hvs.unknown")), "invalid token"),
        (VaultLogin::Token(Secret::new(" \n")), "empty"),
    ] {
        let error = vault.login(&login).await.expect_err("it is not let in");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{login:?} {error:?}").contains("hvs.unknown"), "no token in messages");
    }
}

#[tokio::test]
async fn a_lease_is_renewed_until_it_cannot_be() {
    let double = double::Vault::start().await;
    let vault = vault(&double);
    let mut session = vault.login(&app_role(double::SECRET_ID)).await.expect("let in");
    double.pass(100);
    let error = vault.renew(&mut session).await.expect_err("its token is gone over there");
    assert!(matches!(error, VaultError::Expired), "{error}");
    let error = vault.read(&session, field("a", "k")).await.expect_err("its token is gone");
    assert!(matches!(error, VaultError::Expired), "{error}");
    assert_eq!(error.problem().code, Code::Unauthorized);

    let mut session = vault.login(&app_role(double::SECRET_ID)).await.expect("let in");
    for _ in 0..5 {
        double.pass(20);
        vault.renew(&mut session).await.expect("it is renewed in time");
    }
    double.pass(21);
    let error = vault.renew(&mut session).await.expect_err("120 s were the most");
    assert!(matches!(error, VaultError::Expired), "{error}");
}

#[tokio::test]
async fn a_session_keeps_itself_renewed() {
    let double = double::Vault::start().await;
    double.token(TOKEN, 1, 1000);
    let vault = vault(&double);
    let login = VaultLogin::Token(Secret::new(TOKEN));
    let mut session = vault.login(&login).await.expect("the token is good");
    let renewals = || double.seen().iter().filter(|seen| seen.contains("renew-self")).count();
    let ended = tokio::time::timeout(PATIENCE, async {
        let watch = async {
            while renewals() < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            double.pass(5000);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            error = vault.keep_renewed(&mut session) => error,
            () = watch => unreachable!("it waits for ever"),
        }
    });
    let error = ended.await.expect("it ends when its token does");
    assert!(matches!(error, VaultError::Expired), "{error}");
}

#[tokio::test]
async fn a_busy_vault_is_asked_again() {
    let (double, vault, session) = scene().await;
    double.fail_next(&[429, 502, 412]);
    let npm = vault.read(&session, field("team/app", "npm")).await.expect("the fourth time");
    assert_eq!(npm.expose(), "n-1");
    double.fail_next(&[500; 5]);
    let error = vault.read(&session, field("team/app", "npm")).await.expect_err("five times");
    assert!(matches!(error, VaultError::Busy { status: 500, .. }), "{error}");
}

#[tokio::test]
async fn a_namespace_goes_along() {
    let (double, _, _) = scene().await;
    double.require_namespace("team-a");
    let there = VaultAddress { namespace: Some("team-a/".into()), ..address(&double) };
    let vault = Vault::new(&there, PATIENCE).expect("a fine address");
    let session = vault.login(&app_role(double::SECRET_ID)).await.expect("let in");
    vault.read(&session, field("team/app", "npm")).await.expect("it is there");
    let elsewhere = self::vault(&double);
    elsewhere.login(&app_role(double::SECRET_ID)).await.expect_err("not without it");
}

#[tokio::test]
async fn every_call_ends_at_its_deadline() {
    // It accepts, and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let address = VaultAddress { url, namespace: None, authority: None };
    let vault = Vault::new(&address, Duration::from_millis(200)).expect("a fine address");
    let login = app_role(double::SECRET_ID);
    let login = vault.login(&login);
    let error = tokio::time::timeout(PATIENCE, login).await.expect("it ends").expect_err("late");
    assert!(matches!(error, VaultError::Late { .. } | VaultError::Unreachable { .. }), "{error}");
    assert!(error.may_pass());
}

#[test]
fn an_address_that_would_give_a_token_away_is_refused() {
    let refused = |url: &str, authority: Option<&str>| {
        let authority = authority.map(str::to_owned);
        let address = VaultAddress { url: url.into(), namespace: None, authority };
        let error = Vault::new(&address, PATIENCE).expect_err("it is refused");
        assert_eq!(error.problem().code, Code::Invalid, "{error}");
    };
    refused("http://vault.example:8200", None);
    refused("https://user:pass@vault.example", None);
    refused("vault.example:8200", None);
    refused("", None);
    refused("https://vault.example", Some("no certificate"));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    refused("https://vault.example", Some(broken));
}
