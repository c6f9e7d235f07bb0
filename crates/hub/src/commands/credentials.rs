//! Adding and removing model providers: checked first, the secret to where
//! credentials are kept, the rest into the store.

use super::{check_name, invalid, web_address};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::console::{
    Named, NewFullLogin, NewProvider, Nothing, ProviderAdd, ProviderLoginRemove, ProviderLoginSet,
    ProviderRemove,
};
use pilot_proto::project::OauthLogin;
use pilot_proto::run::RemoteControl;
use pilot_proto::{Code, Problem, Provider, ProviderKind, Secret};
use serde_json::Value;

/// The files of a login: far more than they are, far less than a history that
/// somebody took for one.
const MAX_LOGIN: usize = 1024 * 1024;

impl Answers<ProviderAdd> for Parts {
    async fn answer(&self, _who: &Principal, new: NewProvider) -> Result<Provider, Problem> {
        check_name("name", &new.name)?;
        let key = provider_key(new.kind, &new.key)?;
        let base_url = new.base_url.map(|url| web_address("base_url", &url)).transpose()?;
        let oauth = new.oauth.as_ref().map(oauth).transpose()?;
        let login = new.login;
        let full_login =
            new.kind == ProviderKind::Anthropic && self.credentials.full_login(&new.name).is_some();
        let provider = Provider { name: new.name, kind: new.kind, base_url, login, full_login };
        match &key {
            Some(key) => self.credentials.keep_provider_key(&provider.name, key).await?,
            None => self.credentials.forget_provider_key(&provider.name).await?,
        }
        self.credentials.keep_provider_oauth(&provider.name, oauth.as_ref()).await?;
        if !full_login {
            self.credentials.keep_full_login(&provider.name, None).await?;
        }
        self.core.put_provider(provider.clone()).await?;
        Ok(provider)
    }
}

impl Answers<ProviderRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Nothing, Problem> {
        self.core.remove_provider(named.name.clone()).await?;
        self.credentials.forget_provider_key(&named.name).await?;
        self.credentials.keep_provider_oauth(&named.name, None).await?;
        self.credentials.keep_full_login(&named.name, None).await?;
        tracing::info!(who = who.name, provider = named.name, "a model provider was removed");
        Ok(Nothing {})
    }
}

impl Answers<ProviderLoginSet> for Parts {
    async fn answer(&self, who: &Principal, new: NewFullLogin) -> Result<Provider, Problem> {
        check_name("name", &new.name)?;
        let login = full_login(&new)?;
        let known = self.known_provider(&new.name).await?;
        let provider = match known {
            Some(known) if known.kind != ProviderKind::Anthropic => {
                let message = format!(
                    "`{}` is no provider of kind `anthropic`, whose login this is.",
                    new.name
                );
                return Err(invalid(message).hint("Choose another name: a provider is made then."));
            }
            Some(known) => Provider { full_login: true, ..known },
            None => Provider {
                name: new.name,
                kind: ProviderKind::Anthropic,
                base_url: None,
                login: Default::default(),
                full_login: true,
            },
        };
        self.credentials.keep_full_login(&provider.name, Some(&login)).await?;
        self.core.put_provider(provider.clone()).await?;
        tracing::info!(who = who.name, provider = provider.name, "a full login is kept");
        Ok(provider)
    }
}

impl Answers<ProviderLoginRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Provider, Problem> {
        let known = self.known_provider(&named.name).await?.ok_or_else(|| {
            Problem::new(Code::NotFound, format!("There is no provider `{}`.", named.name))
        })?;
        let provider = Provider { full_login: false, ..known };
        // First nobody is promised it any more.
        self.core.put_provider(provider.clone()).await?;
        self.credentials.keep_full_login(&provider.name, None).await?;
        tracing::info!(who = who.name, provider = provider.name, "a full login is forgotten");
        Ok(provider)
    }
}

impl Parts {
    async fn known_provider(&self, name: &str) -> Result<Option<Provider>, Problem> {
        let providers = self.store.providers().await.map_err(|error| error.problem())?;
        Ok(providers.into_iter().find(|provider| provider.name == name))
    }
}

/// The parts of a login that are needed, and nothing else of those files. What
/// is wrong is said without a word of them.
fn full_login(new: &NewFullLogin) -> Result<RemoteControl, Problem> {
    let json = |field: &str, text: &Secret| -> Result<Value, Problem> {
        let text = text.expose();
        if text.len() > MAX_LOGIN {
            return Err(invalid(format!("`{field}` is longer than {MAX_LOGIN} bytes.")));
        }
        serde_json::from_str(text).map_err(|_| invalid(format!("`{field}` is no JSON.")))
    };
    let credentials = json("credentials", &new.credentials)?;
    let login = &credentials["claudeAiOauth"];
    if !login["accessToken"].is_string() || !login["refreshToken"].is_string() {
        return Err(invalid("`credentials` holds no login of claude.ai (`claudeAiOauth`).").hint(
            "It is the file `~/.claude/.credentials.json` after `claude auth login`; a token of `claude setup-token` is not enough.",
        ));
    }
    let account = json("account", &new.account)?;
    let account = account.get("oauthAccount").unwrap_or(&account);
    if !account["organizationUuid"].is_string() {
        return Err(invalid("`account` names no organisation (`oauthAccount.organizationUuid`).")
            .hint("It is the file `~/.claude.json` after `claude auth login`."));
    }
    let credentials = serde_json::json!({ "claudeAiOauth": login });
    Ok(RemoteControl {
        credentials: Secret::new(credentials.to_string()),
        account: account.to_string(),
    })
}

/// A server of one's own may want no key; everybody else's does.
fn provider_key(kind: ProviderKind, key: &Secret) -> Result<Option<Secret>, Problem> {
    match kind {
        ProviderKind::Ollama if key.expose().trim().is_empty() => Ok(None),
        ProviderKind::Anthropic
        | ProviderKind::OpenAi
        | ProviderKind::Gemini
        | ProviderKind::Ollama => secret("key", key).map(Some),
    }
}

fn oauth(login: &OauthLogin) -> Result<OauthLogin, Problem> {
    super::check_word("oauth.client_id", &login.client_id)?;
    Ok(OauthLogin {
        token_url: web_address("oauth.token_url", &login.token_url)?,
        refresh_token: secret("oauth.refresh_token", &login.refresh_token)?,
        ..login.clone()
    })
}

/// A secret as it goes into a header: pasted ones end in a newline.
pub(super) fn secret(field: &str, value: &Secret) -> Result<Secret, Problem> {
    let value = value.expose().trim();
    if value.is_empty() {
        return Err(invalid(format!("`{field}` is empty.")));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(format!("`{field}` holds characters that no such secret has.")));
    }
    Ok(Secret::new(value))
}
