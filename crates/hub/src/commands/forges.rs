//! Adding forges, logging in to them and removing them: checked first, what is
//! secret to where credentials are kept, the rest into the store.

use super::credentials::secret;
use super::{check_name, check_word, invalid, web_address};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_forge::{Credential, connect_with};
use pilot_proto::console::{
    ForgeAdd, ForgeLogin, ForgeLoginCancel, ForgeLoginFinish, ForgeLoginSeen, ForgeLoginShow,
    ForgeRemove, LoginAddress, Named, NewForge, NewForgeLogin, Nothing,
};
use pilot_proto::project::ForgeAccount;
use pilot_proto::{Code, Forge, ForgeKind, Problem};

/// Certificates of a company's whole chain have some ten kilobytes.
const MAX_AUTHORITIES: usize = 256 * 1024;
/// A runner's name is its machine's, 253 bytes at most (RFC 1035).
const MAX_RUNNER: usize = 256;

impl Answers<ForgeAdd> for Parts {
    async fn answer(&self, who: &Principal, new: NewForge) -> Result<Forge, Problem> {
        check_name("name", &new.name)?;
        let forge = Forge {
            authorities: new.authorities.map(check_authorities).transpose()?,
            proxy: new.proxy.as_deref().map(check_proxy).transpose()?,
            through: new.through,
            ..Forge::at(new.name, new.kind, web_address("url", &new.url)?)
        };
        check_through(&forge)?;
        let forge = match new.app {
            Some(_) if new.kind != ForgeKind::GitHub => {
                return Err(invalid(format!("A {} has no Apps of GitHub.", new.kind))
                    .hint("Give a token, or log in with `pilot forge login`."));
            }
            Some(app) => self.forge_logins.add_app(forge, &app).await?,
            None => {
                let token = secret("token", &new.token)?;
                let credential = Credential::Token(token.clone());
                let reach = self.forge_ways.reach_of(&forge)?;
                let api = connect_with(forge.kind, &forge.url, &credential, &reach)?;
                let account = api.check().await?;
                let account = ForgeAccount { login: account.login, scopes: account.scopes };
                let forge = Forge { account: Some(account), ..forge };
                // The token first: a forge without one would fail every publication.
                self.credentials.keep_forge_login(&forge.name, None).await?;
                self.credentials.keep_forge_token(&forge.name, &token).await?;
                self.core.put_forge(forge.clone()).await?;
                forge
            }
        };
        tracing::info!(who = who.name, forge = forge.name, "a forge was added");
        Ok(forge)
    }
}

impl Answers<ForgeRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Nothing, Problem> {
        // The core first: it knows who uses it.
        self.core.remove_forge(named.name.clone()).await?;
        self.credentials.keep_forge_login(&named.name, None).await?;
        self.credentials.forget_forge_token(&named.name).await?;
        tracing::info!(who = who.name, forge = named.name, "a forge was removed");
        Ok(Nothing {})
    }
}

impl Answers<ForgeLogin> for Parts {
    async fn answer(&self, who: &Principal, new: NewForgeLogin) -> Result<ForgeLoginSeen, Problem> {
        check_name("name", &new.name)?;
        new.client_id.as_deref().map_or(Ok(()), |id| check_word("client_id", id))?;
        let forge = self.forge_to_log_in_to(&new).await?;
        tracing::info!(who = who.name, forge = forge.name, "a login to a forge is begun");
        self.forge_logins.begin(forge, new).await
    }
}

impl Answers<ForgeLoginShow> for Parts {
    async fn answer(&self, _who: &Principal, named: Named) -> Result<ForgeLoginSeen, Problem> {
        self.forge_logins.standing(&named.name)
    }
}

impl Answers<ForgeLoginFinish> for Parts {
    async fn answer(&self, _who: &Principal, given: LoginAddress) -> Result<Nothing, Problem> {
        self.forge_logins.finish(&given.name, &given.address)?;
        Ok(Nothing {})
    }
}

impl Answers<ForgeLoginCancel> for Parts {
    async fn answer(&self, _who: &Principal, named: Named) -> Result<Nothing, Problem> {
        self.forge_logins.cancel(&named.name).await?;
        Ok(Nothing {})
    }
}

impl Parts {
    /// The one that was added, with what is said anew; or a new one.
    async fn forge_to_log_in_to(&self, new: &NewForgeLogin) -> Result<Forge, Problem> {
        let known = self.store.forges().await.map_err(|error| error.problem())?;
        let known = known.into_iter().find(|forge| forge.name == new.name);
        let url = new.url.as_deref().map(|url| web_address("url", url)).transpose()?;
        let forge = match (known, new.kind, url) {
            (Some(known), kind, url) => {
                Forge { kind: kind.unwrap_or(known.kind), url: url.unwrap_or(known.url), ..known }
            }
            (None, Some(kind), Some(url)) => Forge::at(&new.name, kind, url),
            (None, ..) => {
                let message = format!("There is no forge `{}`.", new.name);
                return Err(Problem::new(Code::NotFound, message)
                    .hint("Say of which kind it is and where: `--kind` and `--url`."));
            }
        };
        let authorities = new.authorities.clone().map(check_authorities).transpose()?;
        let proxy = new.proxy.as_deref().map(check_proxy).transpose()?;
        let (proxy, through) = match (proxy, new.through.clone()) {
            (None, None) => (forge.proxy, forge.through),
            other => other,
        };
        let authorities = authorities.or(forge.authorities);
        let forge = Forge { authorities, proxy, through, ..forge };
        check_through(&forge)?;
        Ok(forge)
    }
}

/// Certificates, as they are kept with a forge.
fn check_authorities(text: String) -> Result<String, Problem> {
    if text.len() > MAX_AUTHORITIES {
        return Err(invalid(format!("`authorities` has more than {MAX_AUTHORITIES} bytes.")));
    }
    if text.contains("PRIVATE KEY") {
        return Err(invalid(
            "`authorities` holds a private key, which nobody but the authority has.",
        )
        .hint("Give the file with its certificate alone."));
    }
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(invalid("`authorities` holds no certificate in PEM.").hint(
            "Give a file that begins with `-----BEGIN CERTIFICATE-----`; `openssl x509 -inform der \
             -in FILE` makes one of a binary file.",
        ));
    }
    Ok(text)
}

/// That a runner is to dial it makes sense.
fn check_through(forge: &Forge) -> Result<(), Problem> {
    let Some(runner) = &forge.through else { return Ok(()) };
    if runner.len() > MAX_RUNNER {
        return Err(invalid(format!("`through` has more than {MAX_RUNNER} bytes.")));
    }
    if forge.proxy.is_some() {
        return Err(invalid("A runner that dials the forge goes through no proxy of the hub's.")
            .hint("Give `proxy` or `through`."));
    }
    let host = url::Url::parse(&forge.url).ok();
    if host.as_ref().and_then(url::Url::host_str).is_some_and(|host| host == "github.com") {
        return Err(invalid("GitHub answers at several addresses; a runner dials one.")
            .hint("Leave `through` out: a hub that GitHub is out of reach for can have a proxy."));
    }
    Ok(())
}

/// A proxy's address; a password in it would stand where everybody reads.
fn check_proxy(proxy: &str) -> Result<String, Problem> {
    let wrong = || {
        invalid("`proxy` is not the address of a proxy.")
            .hint("Give one like `http://proxy.example.org:3128`.")
    };
    let parsed = url::Url::parse(proxy.trim()).map_err(|_| wrong())?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err(wrong());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(invalid("`proxy` holds a user or password, which everybody could read there.")
            .hint("Use a proxy that wants none from the hub's machine."));
    }
    Ok(proxy.trim().to_owned())
}
