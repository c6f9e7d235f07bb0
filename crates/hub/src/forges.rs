//! Connections to forges, kept: what is asked again and again then costs a 304,
//! and what a forge says of its limits is known before the next request.

use crate::credentials::Credentials;
use crate::publish::open_forge;
use pilot_forge::Forge as ForgeApi;
use pilot_proto::{Forge, Problem, Secret};
use pilot_secrets::same_secret;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections, by the forge's name.
#[derive(Debug)]
pub(crate) struct Forges {
    credentials: Arc<Credentials>,
    open: Mutex<BTreeMap<String, Open>>,
}

#[derive(Debug)]
struct Open {
    forge: Forge,
    token: Secret,
    api: Arc<dyn ForgeApi>,
}

impl Forges {
    pub(crate) fn new(credentials: Arc<Credentials>) -> Self {
        Self { credentials, open: Mutex::default() }
    }

    /// The forge with its token, as both are now.
    pub(crate) fn open(&self, forge: &Forge) -> Result<Arc<dyn ForgeApi>, Problem> {
        let token = self.credentials.forge_token(&forge.name).unwrap_or_default();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(&forge.name)
            && known.forge == *forge
            && same_secret(known.token.expose(), &token)
        {
            return Ok(Arc::clone(&known.api));
        }
        let api = open_forge(&self.credentials, forge)?;
        let kept = Open { forge: forge.clone(), token, api: Arc::clone(&api) };
        open.insert(forge.name.clone(), kept);
        Ok(api)
    }
}
