//! Adding and removing forges and model providers: checked first, the secret to
//! where credentials are kept, the rest into the store.

use super::{check_name, invalid, web_address};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_forge::connect;
use pilot_proto::console::{
    ForgeAdd, ForgeRemove, Named, NewForge, NewProvider, Nothing, ProviderAdd, ProviderRemove,
};
use pilot_proto::project::OauthLogin;
use pilot_proto::{Forge, Problem, Provider, ProviderKind, Secret};

impl Answers<ForgeAdd> for Parts {
    async fn answer(&self, _who: &Principal, new: NewForge) -> Result<Forge, Problem> {
        check_name("name", &new.name)?;
        let token = secret("token", &new.token)?;
        let forge = Forge { name: new.name, kind: new.kind, url: web_address("url", &new.url)? };
        let account = connect(forge.kind, &forge.url, token.clone())?.check().await?;
        tracing::info!(forge = forge.name, login = account.login, "a forge was added");
        // The token first: a forge without one would fail every publication.
        self.credentials.keep_forge_token(&forge.name, &token).await?;
        self.core.put_forge(forge.clone()).await?;
        Ok(forge)
    }
}

impl Answers<ProviderAdd> for Parts {
    async fn answer(&self, _who: &Principal, new: NewProvider) -> Result<Provider, Problem> {
        check_name("name", &new.name)?;
        let key = provider_key(new.kind, &new.key)?;
        let base_url = new.base_url.map(|url| web_address("base_url", &url)).transpose()?;
        let oauth = new.oauth.as_ref().map(oauth).transpose()?;
        let provider = Provider { name: new.name, kind: new.kind, base_url, login: new.login };
        match &key {
            Some(key) => self.credentials.keep_provider_key(&provider.name, key).await?,
            None => self.credentials.forget_provider_key(&provider.name).await?,
        }
        self.credentials.keep_provider_oauth(&provider.name, oauth.as_ref()).await?;
        self.core.put_provider(provider.clone()).await?;
        Ok(provider)
    }
}

impl Answers<ForgeRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Nothing, Problem> {
        // The core first: it knows who uses it.
        self.core.remove_forge(named.name.clone()).await?;
        self.credentials.forget_forge_token(&named.name).await?;
        tracing::info!(who = who.name, forge = named.name, "a forge was removed");
        Ok(Nothing {})
    }
}

impl Answers<ProviderRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Nothing, Problem> {
        self.core.remove_provider(named.name.clone()).await?;
        self.credentials.forget_provider_key(&named.name).await?;
        self.credentials.keep_provider_oauth(&named.name, None).await?;
        tracing::info!(who = who.name, provider = named.name, "a model provider was removed");
        Ok(Nothing {})
    }
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
fn secret(field: &str, value: &Secret) -> Result<Secret, Problem> {
    let value = value.expose().trim();
    if value.is_empty() {
        return Err(invalid(format!("`{field}` is empty.")));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(format!("`{field}` holds characters that no such secret has.")));
    }
    Ok(Secret::new(value))
}
