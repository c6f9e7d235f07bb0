//! `pilot provider`.

use super::{Done, connect, secret_from_stdin};
use crate::args::{Globals, Provider};
use crate::output;
use anyhow::Context;
use pilot_proto::console::{
    Named, NewFullLogin, NewProvider, Nothing, ProviderAdd, ProviderList, ProviderLoginRemove,
    ProviderLoginSet, ProviderRemove,
};
use pilot_proto::project::OauthLogin;
use pilot_proto::{Code, Problem, Secret};
use std::path::Path;

pub(crate) fn run(globals: &Globals, command: Provider) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Provider::Add { name, kind, base_url, login, oauth, key_stdin } => {
                let key = if key_stdin { secret_from_stdin("key")? } else { Secret::new("") };
                let oauth = oauth.as_deref().map(renewal).transpose()?;
                let (kind, login) = (kind.into(), login.into());
                let new = NewProvider { name, kind, base_url, key, login, oauth };
                let provider = hub.call::<ProviderAdd>(new).await?;
                output::show(globals, &provider, || format!("provider `{}` is kept", provider.name))
            }
            Provider::Login { name, forget: true, .. } => {
                let provider = hub.call::<ProviderLoginRemove>(Named { name }).await?;
                output::show(globals, &provider, || {
                    format!("the full login of `{}` is forgotten", provider.name)
                })
            }
            Provider::Login { name, credentials, account, .. } => {
                let (credentials, account) = match (credentials, account) {
                    (Some(credentials), Some(account)) => (read(&credentials)?, read(&account)?),
                    _ => login_from_stdin()?,
                };
                let new = NewFullLogin { name, credentials, account };
                let provider = hub.call::<ProviderLoginSet>(new).await?;
                output::show(globals, &provider, || {
                    format!("a full login is kept with provider `{}`", provider.name)
                })
            }
            Provider::Remove { name } => {
                let gone = hub.call::<ProviderRemove>(Named { name: name.clone() }).await?;
                output::show(globals, &gone, || format!("provider `{name}` and its key are gone"))
            }
            Provider::List => {
                let providers = hub.call::<ProviderList>(Nothing {}).await?;
                output::table(
                    globals,
                    &providers,
                    &["NAME", "KIND", "LOGIN", "FULL LOGIN", "ENDPOINT"],
                    "no providers: `pilot provider add NAME --kind anthropic --key-stdin`",
                    |provider| {
                        let endpoint = provider.base_url.clone();
                        vec![
                            provider.name.clone(),
                            output::word(&provider.kind),
                            output::word(&provider.login),
                            if provider.full_login { "yes" } else { "-" }.to_owned(),
                            endpoint.unwrap_or_else(|| "the vendor's own".to_owned()),
                        ]
                    },
                )
            }
        }?;
        Ok(Done::Well)
    })
}

/// A file that holds a secret: the error does not quote it.
fn read(path: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(Secret::new(text))
}

fn login_from_stdin() -> anyhow::Result<(Secret, Secret)> {
    let text = std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?;
    let wrong = || {
        let message = "standard input holds no login";
        let hint = "write JSON with \"credentials\" and \"account\": the two files as they are";
        Problem::new(Code::Invalid, message).hint(hint)
    };
    let both: serde_json::Value = serde_json::from_str(&text).map_err(|_| wrong())?;
    let part = |name: &str| match &both[name] {
        serde_json::Value::Null => Err(wrong()),
        part => Ok(Secret::new(part.to_string())),
    };
    Ok((part("credentials")?, part("account")?))
}

/// How an OAuth access token is renewed. The error does not quote the file,
/// which holds a secret.
fn renewal(path: &Path) -> anyhow::Result<OauthLogin> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).map_err(|error| {
        let (path, line) = (path.display(), error.line());
        let message = format!("`{path}` does not say how a token is renewed (line {line})");
        let hint = "write JSON with \"token_url\", \"client_id\" and \"refresh_token\"";
        Problem::new(Code::Invalid, message).hint(hint).into()
    })
}
