//! `pilot forge`.

mod login;

use super::{Done, connect, secret_from_stdin};
use crate::args::Globals;
use crate::args::forge::{Forge, ForgeKind, NewForge as Words};
use crate::output;
use anyhow::Context;
use pilot_client::Client;
use pilot_proto::console::{
    AccessBy, ForgeAdd, ForgeList, ForgeRemove, ForgeSeen, Named, NewForge, NewForgeApp, Nothing,
    ProjectAdvice,
};
use pilot_proto::{Forge as Added, Secret};
use std::path::Path;

pub(crate) fn run(globals: &Globals, command: Forge) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Forge::Login(words) => login::run(globals, hub, words).await,
            Forge::Add(words) => add(globals, hub, words).await,
            Forge::Remove { name } => {
                let gone = hub.call::<ForgeRemove>(Named { name: name.clone() }).await?;
                output::show(globals, &gone, || format!("forge `{name}` and its token are gone"))
            }
            Forge::Harden { project } => {
                let advice = hub.call::<ProjectAdvice>(Named { name: project }).await?;
                output::table(
                    globals,
                    &advice,
                    &["WEIGHT", "SETTING", "FOUND", "CHANGE", "PAGE"],
                    "nothing to say",
                    |one| {
                        let page = one.page.clone().unwrap_or_default();
                        let (found, mend) = (one.found.clone(), one.mend.clone());
                        vec![output::word(&one.weight), one.name.clone(), found, mend, page]
                    },
                )
            }
            Forge::List => list(globals, hub).await,
        }?;
        Ok(Done::Well)
    })
}

async fn add(globals: &Globals, hub: &Client, words: Words) -> anyhow::Result<()> {
    let Words { name, kind, url, token_stdin: _, app_id, installation, private_key, way } = words;
    let authorities = way.ca.as_deref().map(text_of).transpose()?;
    let app = match (app_id, installation, private_key) {
        (Some(app), Some(installation), Some(file)) => {
            Some(NewForgeApp { app, installation, key: Secret::new(text_of(&file)?) })
        }
        _ => None,
    };
    let token = if app.is_some() { Secret::new("") } else { secret_from_stdin("token")? };
    let (kind, proxy, through) = (kind_of(kind), way.proxy, way.through);
    let new = NewForge { name, kind, url, token, app, authorities, proxy, through };
    let forge = hub.call::<ForgeAdd>(new).await?;
    output::show(globals, &forge, || added(&forge))
}

fn added(forge: &Added) -> String {
    let login = forge.account.as_ref().map(|account| format!(", as {}", account.login));
    format!("forge `{}` is {}{}", forge.name, forge.url, login.unwrap_or_default())
}

async fn list(globals: &Globals, hub: &Client) -> anyhow::Result<()> {
    let forges = hub.call::<ForgeList>(Nothing {}).await?;
    output::table(
        globals,
        &forges,
        &["NAME", "KIND", "URL", "AS", "BY", "MAY", "NEEDS", "ENDS"],
        "no forges: `pilot forge login NAME --kind gitea --url URL --client-id ID`, or `pilot forge \
         add NAME --kind gitea --url URL --token-stdin`",
        row,
    )?;
    note(&forges);
    Ok(())
}

/// Says which forges the hub can ask no more, and what to do.
pub(super) async fn note_ended(hub: &Client) -> anyhow::Result<()> {
    note(&hub.call::<ForgeList>(Nothing {}).await?);
    Ok(())
}

fn note(forges: &[ForgeSeen]) {
    for ForgeSeen { forge, access } in forges {
        if let Some(problem) = &access.problem {
            output::note(&format!("{}: {} {}", forge.name, problem.message, problem.hint));
        }
    }
}

fn row(ForgeSeen { forge, access }: &ForgeSeen) -> Vec<String> {
    let account = forge.account.as_ref();
    let by = match &access.by {
        AccessBy::Nothing => "nothing".to_owned(),
        AccessBy::Token => "a token".to_owned(),
        AccessBy::Login { client_id } => format!("login ({client_id})"),
        AccessBy::App { app, installation } => {
            format!("GitHub App {app}, installation {installation}")
        }
        AccessBy::Unknown => "?".to_owned(),
    };
    let may = account.and_then(|account| account.scopes.as_ref());
    let ends = match (access.ends_at, access.renewed) {
        _ if access.problem.is_some() => "cannot be used".to_owned(),
        (Some(at), true) => format!("{}, renewed before", output::until(at)),
        (Some(at), false) => output::until(at),
        (None, _) => "-".to_owned(),
    };
    vec![
        forge.name.clone(),
        output::word(&forge.kind),
        match &forge.through {
            Some(runner) => format!("{} through {runner}", forge.url),
            None => forge.url.clone(),
        },
        account.map_or_else(|| "-".to_owned(), |account| account.login.clone()),
        by,
        may.map_or_else(|| "not told".to_owned(), |scopes| scopes.join(" ")),
        access.needs.join(" "),
        ends,
    ]
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(file);
    let bytes = bytes.with_context(|| format!("cannot read `{}`", file.display()))?;
    // A binary file is no PEM, which the hub says better.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn kind_of(kind: ForgeKind) -> pilot_proto::ForgeKind {
    match kind {
        ForgeKind::Gitea => pilot_proto::ForgeKind::Gitea,
        ForgeKind::Forgejo => pilot_proto::ForgeKind::Forgejo,
        ForgeKind::GitHub => pilot_proto::ForgeKind::GitHub,
        ForgeKind::GitLab => pilot_proto::ForgeKind::GitLab,
    }
}
