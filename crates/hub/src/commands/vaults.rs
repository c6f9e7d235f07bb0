//! Vaults that secrets are read from.

use super::{check_name, check_word, invalid, web_address};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::console::{
    Named, NewVault, NewVaultLogin, Nothing, VaultAdd, VaultList, VaultRemove, VaultSeen,
};
use pilot_proto::{Code, Problem, SecretOrigin};
use std::collections::BTreeMap;

/// Certificates of a company's whole chain have some ten kilobytes.
const MAX_AUTHORITY: usize = 256 * 1024;

impl Answers<VaultAdd> for Parts {
    async fn answer(&self, who: &Principal, new: NewVault) -> Result<VaultSeen, Problem> {
        check_name("name", &new.name)?;
        if new.authority.as_ref().is_some_and(|pem| pem.len() > MAX_AUTHORITY) {
            return Err(invalid(format!("`authority` has more than {MAX_AUTHORITY} bytes.")));
        }
        match &new.login {
            NewVaultLogin::Token { .. } => {}
            NewVaultLogin::AppRole { mount, role_id, .. } => {
                check_word("mount", mount)?;
                check_word("role_id", role_id)?;
            }
            NewVaultLogin::Kubernetes { mount, role } => {
                check_word("mount", mount)?;
                check_word("role", role)?;
            }
        }
        let name = new.name.clone();
        self.vaults.add(NewVault { url: web_address("url", &new.url)?, ..new }).await?;
        tracing::info!(who = who.name, vault = name, "a Vault was added");
        let mut all = self.vaults.list(&read_from(self).await?).await;
        all.retain(|vault| vault.name == name);
        all.pop().ok_or_else(|| Problem::new(Code::Precondition, "The Vault was removed again."))
    }
}

impl Answers<VaultList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<VaultSeen>, Problem> {
        Ok(self.vaults.list(&read_from(self).await?).await)
    }
}

impl Answers<VaultRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Nothing, Problem> {
        if let Some(secrets) = read_from(self).await?.get(&named.name) {
            let secrets: Vec<_> = secrets.iter().map(|secret| format!("`{secret}`")).collect();
            let message = format!(
                "From the Vault `{}` these secrets are read: {}.",
                named.name,
                secrets.join(", ")
            );
            return Err(Problem::new(Code::Precondition, message)
                .hint("Set them in another way with `pilot secret set`, or remove them."));
        }
        self.vaults.remove(&named.name).await?;
        tracing::info!(who = who.name, vault = named.name, "a Vault was removed");
        Ok(Nothing {})
    }
}

/// Names of the secrets that are read from each Vault.
async fn read_from(parts: &Parts) -> Result<BTreeMap<String, Vec<String>>, Problem> {
    let secrets = crate::settings::secrets(&parts.store).await.map_err(|error| error.problem())?;
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for (name, kept) in secrets {
        if let SecretOrigin::Vault { vault, .. } = kept.origin {
            all.entry(vault).or_default().push(name);
        }
    }
    Ok(all)
}
