//! Connections to forges, kept: what is asked again and again then costs a 304,
//! and what a forge says of its limits is known before the next request.

use crate::credentials::Credentials;
use crate::forge_logins::{ForgeLogins, Renewed};
use crate::forge_ways::ForgeWays;
use crate::hub::Parts;
use pilot_forge::{Credential, Forge as ForgeApi, Repository, connect_with};
use pilot_proto::{Code, Forge, Problem, Project, Secret};
use pilot_secrets::same_secret;
use pilot_store::StoreError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections, by the forge's name.
#[derive(Debug)]
pub(crate) struct Forges {
    credentials: Arc<Credentials>,
    logins: Arc<ForgeLogins>,
    ways: Arc<ForgeWays>,
    open: Mutex<BTreeMap<String, Open>>,
}

#[derive(Debug)]
struct Open {
    forge: Forge,
    /// None where it is renewed: the connection asks for the latest itself.
    token: Option<Secret>,
    api: Arc<dyn ForgeApi>,
}

impl Forges {
    pub(crate) fn new(
        credentials: Arc<Credentials>,
        logins: Arc<ForgeLogins>,
        ways: Arc<ForgeWays>,
    ) -> Self {
        Self { credentials, logins, ways, open: Mutex::default() }
    }

    /// Whether its token is one of a login, which ends and is renewed.
    pub(crate) fn is_renewed(&self, forge: &Forge) -> bool {
        self.credentials.forge_login(&forge.name).is_some()
    }

    /// The forge with its token, as both are now. One that is renewed is asked
    /// for anew with each request.
    pub(crate) fn open(&self, forge: &Forge) -> Result<Arc<dyn ForgeApi>, Problem> {
        let token = self.credentials.forge_token(&forge.name).ok_or_else(|| {
            let message = format!("There is no token for the forge `{}`.", forge.name);
            Problem::new(Code::ForgeRefused, message)
                .hint("Add the forge again with `pilot forge add`.")
        })?;
        let fixed = (!self.is_renewed(forge)).then_some(&token);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(&forge.name)
            && known.forge == *forge
            && same(known.token.as_ref(), fixed)
        {
            return Ok(Arc::clone(&known.api));
        }
        let credential = match fixed {
            Some(token) => Credential::Token(token.clone()),
            None => Credential::Renewed(Arc::new(Renewed {
                forge: forge.clone(),
                logins: Arc::clone(&self.logins),
            })),
        };
        let reach = self.ways.reach_of(forge)?;
        let api = connect_with(forge.kind, &forge.url, &credential, &reach)?;
        let kept = Open { forge: forge.clone(), token: fixed.cloned(), api: Arc::clone(&api) };
        open.insert(forge.name.clone(), kept);
        Ok(api)
    }
}

fn same(one: Option<&Secret>, other: Option<&Secret>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_secret(one.expose(), other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// A project's repository at its forge.
pub(crate) struct Place {
    pub(crate) api: Arc<dyn ForgeApi>,
    pub(crate) repository: Repository,
    pub(crate) project: Project,
    /// The forge's name.
    pub(crate) forge: String,
}

impl Parts {
    /// Where a project's repository is at its forge, with our token.
    pub(crate) async fn place(&self, name: &str) -> Result<Place, Problem> {
        let failed = |error: StoreError| error.problem();
        let projects = self.store.projects().await.map_err(failed)?;
        let project = projects.into_iter().find(|project| project.name == *name);
        let project = project.ok_or_else(|| {
            Problem::new(Code::NotFound, format!("There is no project `{name}`."))
                .hint("`pilot project list` shows those there are.")
        })?;
        let forges = self.store.forges().await.map_err(failed)?;
        let forge = forges.into_iter().find(|forge| project.forge.as_ref() == Some(&forge.name));
        let forge = forge.ok_or_else(|| {
            let message = format!("The project `{name}` is on no forge.");
            Problem::new(Code::Precondition, message)
                .hint("Add its forge with `pilot forge add`, and name it in the project.")
        })?;
        let api = self.forges.open(&forge)?;
        let repository = api.repository(&project.repo)?;
        Ok(Place { api, repository, project, forge: forge.name })
    }
}
