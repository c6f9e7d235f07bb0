//! Adding forges and model providers: checked first, the secret into the
//! credential file, the rest into the store.

use super::{check_name, invalid, web_address};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_forge::Gitea;
use pilot_proto::console::{ForgeAdd, NewForge, NewProvider, ProviderAdd};
use pilot_proto::{Forge, ForgeKind, Problem, Provider, Secret};

impl Answers<ForgeAdd> for Parts {
    async fn answer(&self, _who: &Principal, new: NewForge) -> Result<Forge, Problem> {
        check_name("name", &new.name)?;
        let token = secret("token", &new.token)?;
        let forge = Forge { name: new.name, kind: new.kind, url: web_address("url", &new.url)? };
        match forge.kind {
            ForgeKind::Gitea => {
                let account = Gitea::new(&forge.url, token.clone())?.check().await?;
                tracing::info!(forge = forge.name, login = account.login, "a forge was added");
            }
        }
        // The token first: a forge without one would fail every publication.
        self.credentials.keep_forge_token(&forge.name, &token)?;
        self.core.put_forge(forge.clone()).await?;
        Ok(forge)
    }
}

impl Answers<ProviderAdd> for Parts {
    async fn answer(&self, _who: &Principal, new: NewProvider) -> Result<Provider, Problem> {
        check_name("name", &new.name)?;
        let key = secret("key", &new.key)?;
        let base_url = new.base_url.map(|url| web_address("base_url", &url)).transpose()?;
        let provider = Provider { name: new.name, kind: new.kind, base_url };
        self.credentials.keep_provider_key(&provider.name, &key)?;
        self.core.put_provider(provider.clone()).await?;
        Ok(provider)
    }
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
