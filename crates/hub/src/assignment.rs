//! What a run is told to do, and the grants that go along.
//!
//! **Invariant:** a spec with grants exists on its way to the runner and
//! nowhere else; what is stored is made by [`run_spec`], which has none.

use crate::credentials::Credentials;
use pilot_forge::Gitea;
use pilot_lifecycle::TaskMachine;
use pilot_proto::project::{GitGrant, ProviderGrant};
use pilot_proto::{Forge, ForgeKind, Project, Provider, ProviderKind, RunSpec};
use std::sync::Arc;
use std::time::Duration;

/// What the present run of a task is told to do. None before its first lease.
pub(crate) fn run_spec(
    machine: &TaskMachine,
    project: &Project,
    lease: Duration,
) -> Option<RunSpec> {
    let (task, run) = (machine.task(), machine.run()?);
    Some(RunSpec {
        run: run.id,
        task: task.id,
        attempt: run.attempt,
        fence: run.fence,
        lease_secs: lease.as_secs().max(1),
        title: task.title.clone(),
        prompt: machine.prompt(),
        project: project.name.clone(),
        repo: project.repo.clone(),
        base: task.base.clone().or_else(|| project.base.clone()),
        branch: task.branch.clone(),
        pushed: task.pushed.clone(),
        setup: project.setup.clone(),
        agent: task.agent.clone(),
        model: task.model.clone(),
        mode: task.mode,
        on_timeout: task.on_timeout,
        limits: task.limits.clone(),
        resume: machine.resume().cloned(),
        attachments: task.attachments.clone(),
        git: None,
        provider: None,
    })
}

/// Puts credentials into specs.
#[derive(Debug, Clone)]
pub(crate) struct Granter {
    credentials: Arc<Credentials>,
}

impl Granter {
    pub(crate) fn new(credentials: Arc<Credentials>) -> Self {
        Self { credentials }
    }

    /// The spec with everything the run may have.
    pub(crate) fn complete<'a>(
        &self,
        spec: RunSpec,
        forge: Option<&Forge>,
        providers: impl Iterator<Item = &'a Provider>,
    ) -> RunSpec {
        let git = forge.and_then(|forge| self.git(forge, &spec.repo));
        let provider = match spec.agent.as_str() {
            "claude" => self.provider(ProviderKind::Anthropic, providers),
            // Other agents call no model of ours.
            _ => None,
        };
        RunSpec { git, provider, ..spec }
    }

    /// The forge's token, if the repository is on that forge. A token goes to
    /// nobody else's host.
    fn git(&self, forge: &Forge, repo: &str) -> Option<GitGrant> {
        let token = self.credentials.forge_token(&forge.name)?;
        match forge.kind {
            ForgeKind::Gitea => {
                let is_http = repo.starts_with("http://") || repo.starts_with("https://");
                let gitea = Gitea::new(&forge.url, token).ok()?;
                (is_http && gitea.repository(repo).is_ok()).then(|| gitea.grant())
            }
        }
    }

    /// Of several providers of a kind the one called like the kind, else the
    /// first by name.
    fn provider<'a>(
        &self,
        kind: ProviderKind,
        providers: impl Iterator<Item = &'a Provider>,
    ) -> Option<ProviderGrant> {
        let called = match kind {
            ProviderKind::Anthropic => "anthropic",
        };
        let of_kind = providers.filter(|provider| provider.kind == kind);
        let provider = of_kind.min_by_key(|one| (one.name != called, one.name.clone()))?;
        let key = self.credentials.provider_key(&provider.name)?;
        Some(ProviderGrant { kind, base_url: provider.base_url.clone(), key })
    }
}
