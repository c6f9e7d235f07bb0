//! Logins that the model gateway renewed, on their way back to the hub: the
//! runs to come need what they are renewed with next, and a provider may take
//! the old one away.
//!
//! They go through the journal, which loses nothing, sealed to the hub's key.

use pilot_proto::project::{OauthLogin, RenewedLogin};
use pilot_proto::{Event, RunSpec, Secret};
use pilot_secrets::GrantContext;
use pilot_secrets::grant::seal;
use std::collections::BTreeMap;

/// What each login was renewed with last.
#[derive(Default)]
pub(super) struct Renewals {
    present: BTreeMap<String, Secret>,
}

impl Renewals {
    /// What the hub is told; none if it cannot be, because it gave us no key.
    pub(super) fn sealed(
        &mut self,
        spec: &RunSpec,
        provider: String,
        key: Secret,
        oauth: OauthLogin,
    ) -> Option<Event> {
        let granted = || {
            let mut grants = spec.provider.iter().chain(&spec.fallbacks);
            let grant = grants.find(|grant| grant.name == provider)?;
            grant.oauth.as_ref().map(|oauth| oauth.refresh_token.clone())
        };
        let next = oauth.refresh_token.clone();
        let before = self.present.insert(provider.clone(), next).or_else(granted)?;
        let OauthLogin { refresh_token, expires_at, .. } = oauth;
        let renewed = RenewedLogin { before, key, refresh_token, expires_at };
        let context = GrantContext { run: spec.run, fence: 0, name: &provider };
        let json = Secret::new(serde_json::to_string(&renewed).ok()?);
        match seal(spec.hub_key.as_deref()?, context, &json) {
            Ok(sealed) => Some(Event::LoginRenewed { provider, sealed }),
            Err(error) => {
                tracing::error!(%error, provider, "a renewed login cannot be sent to the hub");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Timestamp;
    use pilot_secrets::RunnerKey;

    #[test]
    fn each_renewal_tells_what_it_replaces_and_only_the_hub_reads_it() {
        let hub = RunnerKey::generate().expect("there is randomness");
        let id = "0190a0a0-0000-7000-8000-000000000001";
        let mut spec: RunSpec = serde_json::from_value(serde_json::json!({
            "run": id, "task": id, "attempt": 1, "fence": 1, "lease_secs": 1, "title": "",
            "prompt": "", "project": "", "repo": "", "branch": "", "agent": "scripted",
            "mode": "auto", "on_timeout": "proceed",
        }))
        .expect("the rest has defaults");
        spec.hub_key = Some(hub.public().into());
        let login = |refresh: &str| OauthLogin {
            token_url: "https://login.example/token".to_owned(),
            client_id: "us".to_owned(),
            refresh_token: Secret::new(refresh),
            expires_at: Some(Timestamp(7)),
        };
        spec.provider = Some(pilot_proto::project::ProviderGrant {
            name: "anthropic".to_owned(),
            kind: pilot_proto::project::ProviderKind::Anthropic,
            base_url: None,
            key: Secret::new("access-0"),
            login: Default::default(),
            oauth: Some(login("refresh-0")),
        });
        let mut renewals = Renewals::default();
        for (number, before) in [(1, "refresh-0"), (2, "refresh-1")] {
            let (key, refresh) = (format!("access-{number}"), format!("refresh-{number}"));
            let event =
                renewals.sealed(&spec, "anthropic".into(), Secret::new(&key), login(&refresh));
            let Some(Event::LoginRenewed { provider, sealed }) = event else { panic!("{event:?}") };
            assert!(!sealed.contains("refresh"));
            let context = GrantContext { run: spec.run, fence: 0, name: &provider };
            let opened = hub.open(&sealed, context).expect("it is the hub's");
            let renewed: RenewedLogin = serde_json::from_str(opened.expose()).expect("as it was");
            assert_eq!(renewed.before.expose(), before);
            assert_eq!((renewed.key.expose(), renewed.refresh_token.expose()), (&*key, &*refresh));
        }
        let unknown = renewals.sealed(&spec, "openai".into(), Secret::new("k"), login("r"));
        assert_eq!(unknown, None, "what was not granted is nobody's business");
    }
}
