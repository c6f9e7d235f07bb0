//! `pilot project secret`.

use super::{by_name, keep};
use crate::args::{Delivery, Globals, ProjectSecret, ProjectSecretCommand};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::{Code, Problem, SecretDelivery, SecretUse};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectSecret,
) -> anyhow::Result<Done> {
    let mut project = by_name(hub, &words.name).await?;
    match words.command {
        None => {}
        Some(ProjectSecretCommand::Add { secret, delivery, mode }) => {
            project.secrets.retain(|used| used.name != secret);
            project.secrets.push(SecretUse { name: secret, delivery: way(delivery, mode) });
            project = keep(hub, project).await?;
        }
        Some(ProjectSecretCommand::Remove { secret }) => {
            let before = project.secrets.len();
            project.secrets.retain(|used| used.name != secret);
            if project.secrets.len() == before {
                let message = format!("the project `{}` does not use `{secret}`", project.name);
                let hint = format!("`pilot project secret {}` shows what it uses", project.name);
                return Err(Problem::new(Code::NotFound, message).hint(hint).into());
            }
            project = keep(hub, project).await?;
        }
    }
    let empty = format!(
        "project `{0}` uses no secrets: `pilot project secret {0} add NAME --env VARIABLE`",
        project.name
    );
    output::table(globals, &project.secrets, &["SECRET", "AS"], &empty, |used| {
        vec![used.name.clone(), shown(used)]
    })?;
    Ok(Done::Well)
}

fn way(words: Delivery, mode: Option<u32>) -> SecretDelivery {
    match words {
        Delivery { env: Some(variable), .. } => SecretDelivery::Environment { variable },
        Delivery { file: Some(path), .. } => SecretDelivery::File { path, mode },
        // One of the three is there, or the command line made no sense.
        Delivery { env: None, file: None, fd: _ } => SecretDelivery::FileDescriptor,
    }
}

fn shown(used: &SecretUse) -> String {
    match &used.delivery {
        SecretDelivery::Environment { variable } => format!("variable {variable}"),
        SecretDelivery::File { path, mode: None } => format!("file {path}"),
        SecretDelivery::File { path, mode: Some(mode) } => format!("file {path}, mode {mode:04o}"),
        SecretDelivery::FileDescriptor => format!("open file, number in {}_FD", used.name),
    }
}
