//! `pilot forge`.

use super::{Done, connect, secret_from_stdin};
use crate::args::{Forge, ForgeKind, Globals};
use crate::output;
use pilot_proto::console::{
    ForgeAdd, ForgeList, ForgeRemove, Named, NewForge, Nothing, ProjectAdvice,
};

pub(crate) fn run(globals: &Globals, command: Forge) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Forge::Add { name, kind, url, token_stdin: _ } => {
                let token = secret_from_stdin("token")?;
                let kind = kind_of(kind);
                let forge = hub.call::<ForgeAdd>(NewForge { name, kind, url, token }).await?;
                output::show(globals, &forge, || format!("forge `{}` is {}", forge.name, forge.url))
            }
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
            Forge::List => {
                let forges = hub.call::<ForgeList>(Nothing {}).await?;
                output::table(
                    globals,
                    &forges,
                    &["NAME", "KIND", "URL"],
                    "no forges: `pilot forge add NAME --kind gitea --url URL --token-stdin`",
                    |forge| vec![forge.name.clone(), output::word(&forge.kind), forge.url.clone()],
                )
            }
        }?;
        Ok(Done::Well)
    })
}

fn kind_of(kind: ForgeKind) -> pilot_proto::ForgeKind {
    match kind {
        ForgeKind::Gitea => pilot_proto::ForgeKind::Gitea,
        ForgeKind::Forgejo => pilot_proto::ForgeKind::Forgejo,
        ForgeKind::GitHub => pilot_proto::ForgeKind::GitHub,
        ForgeKind::GitLab => pilot_proto::ForgeKind::GitLab,
    }
}
