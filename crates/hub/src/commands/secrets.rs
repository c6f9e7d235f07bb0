//! Secrets that projects may use: the value to where credentials are kept, what
//! is known of it into the store.

use super::access::check_secret_name;
use super::invalid;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::console::{Named, Nothing, SecretList, SecretRemove, SecretSet};
use pilot_proto::{Code, NewSecret, Problem, Secret, SecretOrigin, SecretSeen, SecretSource};

/// Longest value: as long as one that a run can be granted.
const MAX_VALUE: usize = 256 * 1024;

impl Answers<SecretSet> for Parts {
    async fn answer(&self, who: &Principal, new: NewSecret) -> Result<SecretSeen, Problem> {
        check_secret_name(&new.name)?;
        let seen = match new.source {
            SecretSource::Value { value } => {
                check_value(&value)?;
                // The value first: what a project may name must be there.
                self.credentials.keep_secret(&new.name, &value).await?;
                self.core.put_secret(new.name, SecretOrigin::Own).await?
            }
            SecretSource::Vault { vault, mount, path, field } => {
                let origin = SecretOrigin::Vault { vault, mount, path, field };
                // Read once, so that a person hears of a mistake and not a run;
                // what was read is dropped.
                check_value(&self.vaults.read(&new.name, &origin).await?)?;
                let name = new.name.clone();
                let seen = self.core.put_secret(new.name, origin).await?;
                // Here it must not be found any more, should the Vault go.
                self.credentials.forget_secret(&name).await?;
                seen
            }
        };
        tracing::info!(who = who.name, secret = seen.name, "a secret was set");
        Ok(seen)
    }
}

impl Answers<SecretList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<SecretSeen>, Problem> {
        let problem = |error: pilot_store::StoreError| error.problem();
        let secrets = crate::settings::secrets(&self.store).await.map_err(problem)?;
        let projects = self.store.projects().await.map_err(problem)?;
        Ok(secrets.iter().map(|(name, kept)| kept.seen(name, projects.iter())).collect())
    }
}

impl Answers<SecretRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Nothing, Problem> {
        // The core first: it knows who uses it.
        self.core.remove_secret(named.name.clone()).await?;
        self.credentials.forget_secret(&named.name).await?;
        tracing::info!(who = who.name, secret = named.name, "a secret was removed");
        Ok(Nothing {})
    }
}

fn check_value(value: &Secret) -> Result<(), Problem> {
    let text = value.expose();
    if text.trim().is_empty() {
        return Err(invalid("The secret's value is empty.").hint("Nothing was changed."));
    }
    if text.len() > MAX_VALUE {
        let message = format!("The secret's value has {} bytes; {MAX_VALUE} at most.", text.len());
        return Err(Problem::new(Code::TooLarge, message));
    }
    if text.contains('\0') {
        return Err(
            invalid("The secret's value holds a zero byte.").hint("Keep binary values as base64.")
        );
    }
    Ok(())
}
