//! `pilot vault`.

use super::{Done, connect, secret_from_stdin};
use crate::args::Globals;
use crate::args::vault::{Vault, VaultLogin};
use crate::output;
use anyhow::Context;
use pilot_proto::console::{
    Named, NewVault, NewVaultLogin, Nothing, VaultAdd, VaultList, VaultLoginSeen, VaultRemove,
};

pub(crate) fn run(globals: &Globals, command: Vault) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Vault::Add { name, url, namespace, ca_file, login, mount } => {
                let authority = ca_file.map(|path| {
                    std::fs::read_to_string(&path)
                        .with_context(|| format!("cannot read `{}`", path.display()))
                });
                let (authority, login) = (authority.transpose()?, method(login, mount)?);
                let new = NewVault { name, url, namespace, authority, login };
                let vault = hub.call::<VaultAdd>(new).await?;
                output::show(globals, &vault, || {
                    let name = &vault.name;
                    format!(
                        "the hub is logged in to `{name}`; name what is in it with \
                         `pilot secret set NAME --vault {name}:MOUNT/PATH#FIELD`"
                    )
                })
            }
            Vault::List => {
                let vaults = hub.call::<VaultList>(Nothing {}).await?;
                output::table(
                    globals,
                    &vaults,
                    &["NAME", "ADDRESS", "LOGIN", "LOGGED IN", "SECRETS"],
                    "no Vaults: `pilot vault add NAME --url URL --approle ROLE_ID`",
                    |vault| {
                        let used_by = vault.used_by.join(", ");
                        vec![
                            vault.name.clone(),
                            vault.url.clone(),
                            way(&vault.login),
                            if vault.logged_in { "yes" } else { "no" }.to_owned(),
                            if used_by.is_empty() { "-".to_owned() } else { used_by },
                        ]
                    },
                )
            }
            Vault::Remove { name } => {
                let gone = hub.call::<VaultRemove>(Named { name: name.clone() }).await?;
                output::show(globals, &gone, || {
                    format!("Vault `{name}` is removed, and the hub logged out")
                })
            }
        }?;
        Ok(Done::Well)
    })
}

fn method(login: VaultLogin, mount: Option<String>) -> anyhow::Result<NewVaultLogin> {
    let VaultLogin { token_stdin: _, approle, kubernetes } = login;
    Ok(match (approle, kubernetes) {
        (Some(role_id), _) => NewVaultLogin::AppRole {
            mount: mount.unwrap_or_else(|| "approle".to_owned()),
            role_id,
            secret_id: secret_from_stdin("secret id")?,
        },
        (None, Some(role)) => NewVaultLogin::Kubernetes {
            mount: mount.unwrap_or_else(|| "kubernetes".to_owned()),
            role,
        },
        (None, None) => NewVaultLogin::Token { token: secret_from_stdin("token")? },
    })
}

fn way(login: &VaultLoginSeen) -> String {
    match login {
        VaultLoginSeen::Token => "a person's token".to_owned(),
        VaultLoginSeen::AppRole { mount, .. } => format!("AppRole at {mount}"),
        VaultLoginSeen::Kubernetes { mount, role } => format!("Kubernetes at {mount} as {role}"),
    }
}
