//! `pilot forge`.

use super::{Done, connect, secret_from_stdin};
use crate::args::{Forge, ForgeKind, Globals};
use crate::output;
use pilot_proto::console::{ForgeAdd, ForgeList, ForgeRemove, Named, NewForge, Nothing};

pub(crate) fn run(globals: &Globals, command: Forge) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Forge::Add { name, kind: ForgeKind::Gitea, url, token_stdin: _ } => {
                let token = secret_from_stdin("token")?;
                let kind = pilot_proto::ForgeKind::Gitea;
                let forge = hub.call::<ForgeAdd>(NewForge { name, kind, url, token }).await?;
                output::show(globals, &forge, || format!("forge `{}` is {}", forge.name, forge.url))
            }
            Forge::Remove { name } => {
                let gone = hub.call::<ForgeRemove>(Named { name: name.clone() }).await?;
                output::show(globals, &gone, || format!("forge `{name}` and its token are gone"))
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
