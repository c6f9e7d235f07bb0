//! What a run is told to do, and the grants that go along.
//!
//! **Invariant:** a spec with grants exists on its way to the runner and
//! nowhere else; what is stored is made by [`run_spec`], which has none. Of the
//! project's secrets only the runner can read what leaves here.

use crate::credentials::Credentials;
use crate::logins::{Caller, Chosen};
use pilot_forge::{Credential, Reach, connect_with};
use pilot_lifecycle::TaskMachine;
use pilot_proto::console::Prices;
use pilot_proto::project::{GitGrant, ProviderGrant};
use pilot_proto::pull_request::{Outgoing, PullRequestPolicy, SigningKey};
use pilot_proto::run::Reviewer;
use pilot_proto::{
    Code, Forge, Problem, Project, Provider, ProviderKind, RunSpec, SealedGrant, Secret, SecretUse,
    Task,
};
use pilot_secrets::GrantError;
use pilot_secrets::grant::seal_grant;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the present run of a task is told to do. None before its first lease.
pub(crate) fn run_spec(
    machine: &TaskMachine,
    project: &Project,
    prices: &Prices,
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
        at: machine.at().map(Into::into),
        attachments: task.attachments.clone(),
        git: None,
        provider: None,
        fallbacks: Vec::new(),
        network: project.network.clone(),
        walls: project.walls,
        secrets: Vec::new(),
        prices: prices.prices.clone(),
        spent_micros: task.usage.cost_micros.unwrap_or(0),
        hub_key: None,
        permissions: project.permissions.clone(),
        review: task.review.clone().map(|pass| Box::new(Reviewer { pass, provider: None })),
        children: project.children,
        remote_control: None,
        outgoing: Some(Box::new(Outgoing {
            rebase: machine.rebases(),
            ..outgoing(&project.pull_requests, task)
        })),
    })
}

/// How the run's commits are made and pushed; without the key that signs them.
fn outgoing(policy: &PullRequestPolicy, task: &Task) -> Outgoing {
    Outgoing {
        identity: policy.identity.clone(),
        trailers: policy.trailers.clone(),
        commits: policy.commits,
        push: policy.push.clone(),
        pull_request: task.pull_request.as_ref().map(|one| one.number),
        rebase: false,
        signing_key: None,
    }
}

/// Who calls a model for the task.
pub(crate) fn caller(task: &Task) -> Caller<'_> {
    Caller {
        agent: &task.agent,
        provider: task.provider.as_deref(),
        model: task.model.as_deref(),
        remote_control: task.remote_control,
    }
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

    /// A person's words, without the secrets that this hub keeps: for what
    /// everybody may read.
    pub(crate) fn covered(&self, text: &str) -> String {
        self.credentials.redactor().redact_str(text).into_owned()
    }

    /// The spec with everything the run may have but its secrets, which are
    /// sealed before. What of it is not there any more was looked for then.
    pub(crate) fn complete<'a>(
        &self,
        spec: RunSpec,
        task: &Task,
        forge: Option<&Forge>,
        signing_key: Option<&str>,
        providers: impl Iterator<Item = &'a Provider>,
    ) -> RunSpec {
        let git = forge.and_then(|forge| self.git(forge, &spec.repo));
        let providers: Vec<&Provider> = providers.collect();
        let review = spec.review.map(|reviewer| {
            let Reviewer { pass, .. } = *reviewer;
            // The provider that the task names is its own agent's.
            let caller = Caller {
                agent: &pass.agent,
                provider: None,
                model: pass.model.as_deref(),
                remote_control: false,
            };
            let provider =
                self.for_trial(caller, providers.iter().copied()).unwrap_or_else(|problem| {
                    tracing::warn!(task = %task.id, %problem, "a review begins without its login");
                    None
                });
            Box::new(Reviewer { pass, provider })
        });
        let chosen = Chosen::of(caller(task), &providers, |one| self.has_login(one));
        let (chosen, remote_control) = match chosen {
            Ok(Chosen::Providers(providers)) => (providers, None),
            Ok(Chosen::FullLogin(one)) => (Vec::new(), self.credentials.full_login(&one.name)),
            Err(problem) => {
                tracing::warn!(task = %task.id, %problem, "a run begins without its login");
                (Vec::new(), None)
            }
        };
        let remote_control = remote_control.map(Box::new);
        let mut grants = chosen.into_iter().filter_map(|provider| self.provider(provider));
        let provider = grants.next();
        let fallbacks: Vec<ProviderGrant> = grants.collect();
        let reviewers = review.iter().filter_map(|reviewer| reviewer.provider.as_ref());
        let renewable =
            provider.iter().chain(&fallbacks).chain(reviewers).any(|grant| grant.oauth.is_some());
        let hub_key = renewable.then(|| self.credentials.public_key()).flatten().map(Into::into);
        let outgoing = spec.outgoing.map(|one| Box::new(self.signing(*one, signing_key)));
        // The commit's message is made of it.
        let title = self.covered(&spec.title);
        RunSpec {
            title,
            outgoing,
            git,
            provider,
            fallbacks,
            review,
            hub_key,
            remote_control,
            ..spec
        }
    }

    /// With the key that the project's commits are signed with.
    fn signing(&self, outgoing: Outgoing, name: Option<&str>) -> Outgoing {
        let signing_key = name.and_then(|name| {
            Some(SigningKey { name: name.to_owned(), key: self.credentials.secret(name)? })
        });
        Outgoing { signing_key, ..outgoing }
    }

    /// Whether a secret's value is kept here.
    pub(crate) fn has_secret(&self, name: &str) -> bool {
        self.credentials.secret(name).is_some()
    }

    /// Whether a run could be granted a key of the provider.
    pub(crate) fn has_login(&self, provider: &Provider) -> bool {
        self.credentials.has_login(provider)
    }

    /// The grant of a provider that an agent is tried with; none if it would
    /// have none.
    ///
    /// # Errors
    /// What is named is not there, or does not fit the agent.
    pub(crate) fn for_trial<'a>(
        &self,
        caller: Caller<'_>,
        providers: impl Iterator<Item = &'a Provider>,
    ) -> Result<Option<ProviderGrant>, Problem> {
        let providers: Vec<&Provider> = providers.collect();
        Ok(match Chosen::of(caller, &providers, |one| self.has_login(one))? {
            Chosen::Providers(chosen) => chosen.first().and_then(|one| self.provider(one)),
            Chosen::FullLogin(_) => None,
        })
    }

    /// A secret that a run may use, for the runner with this public key.
    /// `fetched` are those whose values are not here.
    ///
    /// # Errors
    /// The secret is not here, is empty, or cannot be delivered as it is to be;
    /// the key is none.
    pub(crate) fn seal(
        &self,
        public_key: &str,
        spec: &RunSpec,
        used: &SecretUse,
        fetched: &BTreeMap<String, Secret>,
    ) -> Result<SealedGrant, Problem> {
        let name = &used.name;
        let known = fetched.get(name).cloned().or_else(|| self.credentials.secret(name));
        let secret = known.ok_or_else(|| {
            let message = format!("The value of the secret `{name}` is not in this hub's keep.");
            Problem::new(Code::Precondition, message)
                .hint(format!("Set it again with `pilot secret set {name}`."))
        })?;
        seal_grant(public_key, spec.run, spec.fence, used, &secret).map_err(|error| {
            let hint = match &error {
                GrantError::Empty(_) | GrantError::TooLong(_) => {
                    format!("Set another value with `pilot secret set {name}`.")
                }
                GrantError::Delivery { .. } => {
                    format!("Deliver it in another way: `pilot project secret {}`.", spec.project)
                }
                GrantError::PublicKey | GrantError::DoesNotOpen(_) => {
                    "Start the runner again, and look at its log.".to_owned()
                }
            };
            let message = format!("The secret `{name}` cannot be granted: {error}.");
            Problem::new(Code::Precondition, message).hint(hint)
        })
    }

    /// The forge's token, if the repository is on that forge. A token goes to
    /// nobody else's host.
    pub(crate) fn git(&self, forge: &Forge, repo: &str) -> Option<GitGrant> {
        let token = self.credentials.forge_token(&forge.name)?;
        let is_http = repo.starts_with("http://") || repo.starts_with("https://");
        let credential = Credential::Token(token);
        let (authorities, proxy) = (forge.authorities.clone(), forge.proxy.clone());
        let forge = connect_with(forge.kind, &forge.url, &credential, &Reach::default()).ok()?;
        let grant = || GitGrant { authorities, proxy, ..forge.grant() };
        (is_http && forge.repository(repo).is_ok()).then(grant)
    }

    /// A provider with its key; none if it needs one and there is none.
    fn provider(&self, provider: &Provider) -> Option<ProviderGrant> {
        let key = self.credentials.provider_key(&provider.name);
        let key = match provider.kind {
            ProviderKind::Ollama => key.unwrap_or_else(|| Secret::new("")),
            ProviderKind::Anthropic | ProviderKind::OpenAi | ProviderKind::Gemini => key?,
        };
        Some(ProviderGrant {
            name: provider.name.clone(),
            kind: provider.kind,
            base_url: provider.base_url.clone(),
            key,
            login: provider.login,
            oauth: self.credentials.provider_oauth(&provider.name),
        })
    }
}
