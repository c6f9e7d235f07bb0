//! Tokens that somebody renews, and ways to a forge that are not simply
//! dialling it.

use crate::gitea::SITE;
use async_trait::async_trait;
use pilot_forge::{Credential, ForgeError, Reach, TokenSource, connect_with};
use pilot_proto::{Code, ForgeKind, Problem, Secret};
use pilot_testkit::forge::ForgeDouble;
use pilot_testkit::private_way::{HttpProxy, PrivateAuthority};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Gives the next of its tokens for one that was refused.
#[derive(Debug)]
struct Next {
    tokens: Mutex<Vec<String>>,
    asked: AtomicU32,
}

#[async_trait]
impl TokenSource for Next {
    fn latest(&self) -> Secret {
        let tokens = self.tokens.lock().expect("nobody panics");
        Secret::new(tokens.first().map_or("", String::as_str))
    }

    async fn token(&self) -> Result<Secret, Problem> {
        Ok(self.latest())
    }

    async fn instead_of(&self, refused: &Secret) -> Result<Option<Secret>, Problem> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut tokens = self.tokens.lock().expect("nobody panics");
        if tokens.first().map(String::as_str) == Some(refused.expose()) {
            tokens.remove(0);
        }
        drop(tokens);
        match self.latest().expose() {
            "" => Err(Problem::new(Code::ForgeRefused, "The login has ended.").hint("Log in.")),
            token => Ok(Some(Secret::new(token))),
        }
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_request_made_again() {
    for kind in [ForgeKind::Gitea, ForgeKind::Forgejo, ForgeKind::GitHub, ForgeKind::GitLab] {
        let double = ForgeDouble::start_as(kind, "/forge").await;
        double.repository(SITE);
        let good = double.token("alice", double.scopes());
        let tokens = Mutex::new(vec!["an-old-token-0123456789".to_owned(), good.clone()]);
        let source = Arc::new(Next { tokens, asked: AtomicU32::new(0) });
        let credential = Credential::Renewed(Arc::clone(&source) as Arc<dyn TokenSource>);
        let forge = connect_with(kind, &double.url(), &credential, &Reach::default());
        let forge = forge.expect("a good address");
        let site = forge.repository(&double.clone_url(SITE)).expect("it is there");
        forge.look(&site).await.expect("it is asked again with the other");
        forge.look(&site).await.expect("and with that one from then on");
        assert_eq!(source.asked.load(Ordering::Relaxed), 1, "{kind}");
        assert_eq!(forge.grant().password.expose(), good, "git has the latest, too");

        double.revoke(&good);
        let error = forge.look(&site).await.expect_err("there is no other");
        assert!(matches!(&error, ForgeError::Login(_)), "{error:?}");
        assert_eq!(Problem::from(error).hint, "Log in.", "the way out is the source's to say");
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_was_given_and_named_where_it_was_not() {
    let authority = PrivateAuthority::new();
    let double = ForgeDouble::start_with_tls(ForgeKind::Gitea, "/forge", &authority).await;
    let token = Credential::Token(Secret::new(double.token("alice", double.scopes())));
    let forge = |authorities: Option<&str>| {
        let reach = Reach { authorities: authorities.map(str::to_owned), ..Reach::default() };
        connect_with(ForgeKind::Gitea, &double.url(), &token, &reach)
    };
    let account = forge(Some(authority.pem())).expect("a good file").check().await;
    assert_eq!(account.expect("it is trusted").login, "alice");

    let other = PrivateAuthority::new();
    for unknown in [None, Some(other.pem())] {
        let error = forge(unknown).expect("a good file").check().await.expect_err("a stranger");
        let problem = Problem::from(error);
        assert_eq!(problem.code, Code::ForgeUnreachable);
        assert!(problem.hint.contains("--ca"), "{problem:?}");
    }
    for bad in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----"]
    {
        let error = forge(Some(bad)).expect_err("that is no certificate");
        assert!(matches!(error, ForgeError::Address { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_proxy_carries_what_is_asked_of_a_forge_with_tls_and_without() {
    let (proxy, authority) = (HttpProxy::start().await, PrivateAuthority::new());
    let tls = ForgeDouble::start_with_tls(ForgeKind::Gitea, "/forge", &authority).await;
    let plain = ForgeDouble::start_as(ForgeKind::Gitea, "/forge").await;
    for double in [&tls, &plain] {
        let reach = Reach {
            authorities: Some(authority.pem().to_owned()),
            proxy: Some(proxy.url()),
            ..Reach::default()
        };
        let token = Credential::Token(Secret::new(double.token("alice", double.scopes())));
        let forge = connect_with(ForgeKind::Gitea, &double.url(), &token, &reach);
        forge.expect("a good address").check().await.expect("the proxy carries it");
        let host = double.addr().to_string();
        assert!(proxy.seen().iter().any(|line| line.contains(&host)), "{:?}", proxy.seen());
    }
    assert!(proxy.seen()[0].starts_with("CONNECT "), "{:?}", proxy.seen());
}
