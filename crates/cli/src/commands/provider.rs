//! `pilot provider`.

use super::{Done, connect, secret_from_stdin};
use crate::args::{Globals, Provider, ProviderKind};
use crate::output;
use pilot_proto::console::{
    Named, NewProvider, Nothing, ProviderAdd, ProviderList, ProviderRemove,
};

pub(crate) fn run(globals: &Globals, command: Provider) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Provider::Add { name, kind: ProviderKind::Anthropic, base_url, key_stdin: _ } => {
                let key = secret_from_stdin("key")?;
                let kind = pilot_proto::ProviderKind::Anthropic;
                let new = NewProvider { name, kind, base_url, key };
                let provider = hub.call::<ProviderAdd>(new).await?;
                output::show(globals, &provider, || format!("provider `{}` is kept", provider.name))
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
                    &["NAME", "KIND", "ENDPOINT"],
                    "no providers: `pilot provider add NAME --kind anthropic --key-stdin`",
                    |provider| {
                        let endpoint = provider.base_url.clone();
                        vec![
                            provider.name.clone(),
                            output::word(&provider.kind),
                            endpoint.unwrap_or_else(|| "the vendor's own".to_owned()),
                        ]
                    },
                )
            }
        }?;
        Ok(Done::Well)
    })
}
