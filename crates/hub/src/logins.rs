//! Which login a run calls its model with: chosen among the hub's providers by
//! what task, profile and project say, and told in a person's words.
//!
//! **Invariant:** what a console is told before a task is filed, what is checked
//! when it is filed, and what its run is granted are one decision
//! ([`Chosen::of`]).

use pilot_proto::console::CredentialKeep;
use pilot_proto::project::ProviderLogin;
use pilot_proto::{Code, Problem, Provider, ProviderKind};

/// The agent that is no program: a person does the work.
const HANDS_ON: &str = "hands-on";

/// Who calls a model, and what is said of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) agent: &'a str,
    /// Name of the provider; none: the first that fits.
    pub(crate) provider: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    /// With Claude Remote Control.
    pub(crate) remote_control: bool,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen<'a> {
    /// These, in this order; none: the agent calls no model through us.
    Providers(Vec<&'a Provider>),
    /// The full login of this one: the agent calls its vendor by itself.
    FullLogin(&'a Provider),
}

impl<'a> Chosen<'a> {
    /// `has_key` says of a provider whether a run can be granted a key of it.
    ///
    /// # Errors
    /// What is named is not there or does not fit; what is needed is not there.
    pub(crate) fn of(
        caller: Caller<'_>,
        providers: &[&'a Provider],
        has_key: impl Fn(&Provider) -> bool,
    ) -> Result<Self, Problem> {
        let named = caller.provider.map(|name| named(name, providers)).transpose()?;
        if caller.remote_control {
            return full_login(caller.agent, named, providers).map(Self::FullLogin);
        }
        if let Some(named) = named {
            check_fits(caller, named)?;
            if !has_key(named) {
                let name = &named.name;
                let message = format!("The provider `{name}` has no key, only a full login.");
                return Err(Problem::new(Code::Precondition, message).hint(format!(
                    "Give it a key with `pilot provider add {name}`, or file the task with Remote Control."
                )));
            }
        }
        let ordered = in_order(caller.agent, named, providers);
        Ok(Self::Providers(ordered.into_iter().filter(|one| has_key(one)).collect()))
    }

    /// One sentence for a person who is about to start a run.
    pub(crate) fn words(&self, agent: &str, keep: CredentialKeep) -> String {
        let from = match keep {
            CredentialKeep::Keychain => "from the keychain",
            CredentialKeep::Sealed => "from the sealed file",
            CredentialKeep::File => "from the credential file",
            CredentialKeep::Unknown => "from the hub",
        };
        match self {
            Self::FullLogin(provider) => {
                format!("provider {}, full login of a subscription, {from}", provider.name)
            }
            Self::Providers(providers) => match providers.first() {
                Some(provider) => {
                    format!("provider {}, {}", provider.name, kind_of_login(provider, from))
                }
                None if agent == HANDS_ON => "none: a person does the work".to_owned(),
                None if agent == "scripted" => "none: this agent calls no model".to_owned(),
                None => "none: no provider of the hub fits this agent".to_owned(),
            },
        }
    }
}

fn kind_of_login(provider: &Provider, from: &str) -> String {
    match (provider.kind, provider.login) {
        (ProviderKind::Ollama, _) => match &provider.base_url {
            Some(url) => format!("a server of your own at {url}"),
            None => "a server of your own on the runner's machine".to_owned(),
        },
        (_, ProviderLogin::Key) => format!("API key, {from}"),
        (_, ProviderLogin::Bearer) => format!("subscription or gateway token, {from}"),
    }
}

/// The provider called so.
pub(crate) fn named<'a>(name: &str, providers: &[&'a Provider]) -> Result<&'a Provider, Problem> {
    providers.iter().copied().find(|provider| provider.name == name).ok_or_else(|| {
        let names: Vec<_> = providers.iter().map(|one| format!("`{}`", one.name)).collect();
        let hint = if names.is_empty() {
            "There is none yet; add one with `pilot provider add`.".to_owned()
        } else {
            format!("There are: {}.", names.join(", "))
        };
        Problem::new(Code::NotFound, format!("`provider`: there is no provider `{name}`."))
            .hint(hint)
    })
}

/// The APIs that an agent can be pointed at, the one it was made for first;
/// none: it calls no model. Agents that are not known are taken to speak all.
fn tongues(agent: &str) -> &'static [ProviderKind] {
    use ProviderKind::{Anthropic, Gemini, Ollama, OpenAi};
    match agent {
        "claude" => &[Anthropic],
        "codex" => &[OpenAi, Ollama],
        "gemini" => &[Gemini],
        HANDS_ON => &[],
        _ => &[Anthropic, OpenAi, Gemini, Ollama],
    }
}

/// Whether the agent can use this provider.
///
/// # Errors
/// It speaks another API, or is to use a server whose models only a person knows.
pub(crate) fn check_fits(caller: Caller<'_>, provider: &Provider) -> Result<(), Problem> {
    let (agent, name) = (caller.agent, &provider.name);
    if !tongues(agent).contains(&provider.kind) {
        let message =
            format!("`provider`: `{agent}` cannot use `{name}`, which speaks another API.");
        let hint = match tongues(agent) {
            [] => "Leave the provider out: this agent calls no model.".to_owned(),
            kinds => format!("It speaks: {}.", spelt(kinds)),
        };
        return Err(Problem::new(Code::Invalid, message).hint(hint));
    }
    let known_models = provider.kind != ProviderKind::Ollama;
    if known_models || caller.model.is_some() || !asks_by_name(agent) {
        return Ok(());
    }
    let message = format!("`model`: `{name}` serves models of your own, so one has to be named.");
    Err(Problem::new(Code::Invalid, message).hint("`ollama list` shows those there are."))
}

/// A declared agent may have its model in its own arguments.
fn asks_by_name(agent: &str) -> bool {
    matches!(agent, "codex" | "opencode" | "pi")
}

fn spelt(kinds: &[ProviderKind]) -> String {
    let word = |kind: &ProviderKind| match kind {
        ProviderKind::Anthropic => "anthropic",
        ProviderKind::OpenAi => "openai",
        ProviderKind::Gemini => "gemini",
        ProviderKind::Ollama => "ollama",
    };
    kinds.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The providers that an agent may use, the first one first: the named one, then
/// those of its kind to fall back to. Where none is named, an agent made for one
/// API has those of that kind, and any other agent the one called like itself.
/// Of several the one called like the kind is first, then they go by name.
fn in_order<'a>(
    agent: &str,
    named: Option<&'a Provider>,
    providers: &[&'a Provider],
) -> Vec<&'a Provider> {
    let own = || providers.iter().copied().find(|provider| provider.name == agent);
    let (kind, first) = match (named, agent) {
        (Some(named), _) => (named.kind, named.name.as_str()),
        (None, "claude") => (ProviderKind::Anthropic, "anthropic"),
        (None, "codex") => (ProviderKind::OpenAi, "openai"),
        (None, "gemini") => (ProviderKind::Gemini, "gemini"),
        (None, HANDS_ON) => return Vec::new(),
        (None, _) => match own() {
            Some(own) => (own.kind, own.name.as_str()),
            // Which of all of them, nobody has said.
            None => return Vec::new(),
        },
    };
    let mut fitting: Vec<_> = providers.iter().copied().filter(|one| one.kind == kind).collect();
    fitting.sort_by_key(|one| (one.name != first, one.name.clone()));
    fitting
}

/// The account for Claude Remote Control.
fn full_login<'a>(
    agent: &str,
    named: Option<&'a Provider>,
    providers: &[&'a Provider],
) -> Result<&'a Provider, Problem> {
    if agent != "claude" {
        let message = format!("`remote_control` is Claude Code's; the agent is `{agent}`.");
        return Err(Problem::new(Code::Invalid, message)
            .hint("Give the task to `claude`, or leave Remote Control out."));
    }
    let has =
        |provider: &&'a Provider| provider.kind == ProviderKind::Anthropic && provider.full_login;
    let hint = "Log in with `claude auth login` on some machine, then keep that login: \
                `pilot provider login NAME --credentials ~/.claude/.credentials.json --account ~/.claude.json`.";
    match named {
        Some(named) if has(&named) => Ok(named),
        Some(named) => {
            let message = format!(
                "Remote Control needs a full login of claude.ai; the provider `{}` has none.",
                named.name
            );
            Err(Problem::new(Code::Precondition, message).hint(hint))
        }
        None => {
            let first = providers
                .iter()
                .copied()
                .filter(has)
                .min_by_key(|one| (one.name != "anthropic", one.name.clone()));
            first.ok_or_else(|| {
                let message =
                    "Remote Control needs a full login of claude.ai, and no provider has one.";
                Problem::new(Code::Precondition, message).hint(hint)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str, kind: ProviderKind) -> Provider {
        Provider {
            name: name.to_owned(),
            kind,
            base_url: None,
            login: Default::default(),
            full_login: name == "max",
        }
    }

    fn all() -> Vec<Provider> {
        [
            ("anthropic", ProviderKind::Anthropic),
            ("another", ProviderKind::Anthropic),
            ("max", ProviderKind::Anthropic),
            ("gemini", ProviderKind::Gemini),
            ("local", ProviderKind::Ollama),
            ("opencode", ProviderKind::OpenAi),
            ("azure", ProviderKind::OpenAi),
        ]
        .map(|(name, kind)| provider(name, kind))
        .into()
    }

    fn caller<'a>(agent: &'a str, provider: Option<&'a str>) -> Caller<'a> {
        Caller { agent, provider, model: None, remote_control: false }
    }

    fn chosen(caller: Caller<'_>) -> Result<Vec<String>, Problem> {
        let all = all();
        let all: Vec<_> = all.iter().collect();
        let has_key = |provider: &Provider| provider.name != "max";
        Ok(match Chosen::of(caller, &all, has_key)? {
            Chosen::Providers(providers) => providers.iter().map(|one| one.name.clone()).collect(),
            Chosen::FullLogin(provider) => vec![format!("full {}", provider.name)],
        })
    }

    #[test]
    fn an_agent_gets_the_named_provider_or_that_of_its_kind_and_the_others_to_fall_back_to() {
        for (agent, named, expected) in [
            ("claude", None, &["anthropic", "another"][..]),
            ("claude", Some("another"), &["another", "anthropic"]),
            ("codex", None, &["azure", "opencode"]),
            ("codex", Some("opencode"), &["opencode", "azure"]),
            ("gemini", None, &["gemini"]),
            ("opencode", None, &["opencode", "azure"]),
            ("opencode", Some("anthropic"), &["anthropic", "another"]),
            ("pi", None, &[]),
            ("pi", Some("gemini"), &["gemini"]),
            ("local", None, &["local"]),
            ("house-agent", Some("azure"), &["azure", "opencode"]),
            ("scripted", None, &[]),
            ("hands-on", None, &[]),
        ] {
            let names = chosen(caller(agent, named)).expect("it fits");
            assert_eq!(names, expected, "{agent} {named:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        for (agent, named, expected) in [
            ("claude", "azure", "speaks another API"),
            ("codex", "anthropic", "speaks another API"),
            ("hands-on", "azure", "speaks another API"),
            ("claude", "nobody", "there is no provider `nobody`"),
            ("codex", "local", "one has to be named"),
            ("opencode", "local", "one has to be named"),
            ("claude", "max", "only a full login"),
        ] {
            let problem = chosen(caller(agent, Some(named))).expect_err("it does not fit");
            assert!(problem.message.contains(expected), "{agent} {named}: {problem}");
            assert!(!problem.hint.is_empty(), "{agent} {named}");
        }
        let local = Caller { model: Some("qwen3"), ..caller("codex", Some("local")) };
        assert_eq!(chosen(local).expect("its model is named"), ["local"]);
    }

    #[test]
    fn remote_control_takes_a_full_login_and_nothing_else() {
        let remote = |agent, provider| Caller { remote_control: true, ..caller(agent, provider) };
        assert_eq!(chosen(remote("claude", None)).expect("there is one"), ["full max"]);
        assert_eq!(chosen(remote("claude", Some("max"))).expect("it has one"), ["full max"]);
        for (agent, named) in [("claude", Some("anthropic")), ("codex", None)] {
            let problem = chosen(remote(agent, named)).expect_err("it has none");
            assert!(!problem.hint.is_empty(), "{problem}");
        }
        let without = [provider("anthropic", ProviderKind::Anthropic)];
        let none = Chosen::of(remote("claude", None), &[&without[0]], |_| true);
        assert!(none.expect_err("nobody has one").hint.contains("pilot provider login"));
    }

    #[test]
    fn a_login_is_told_by_provider_kind_and_place() {
        let all = all();
        let all: Vec<_> = all.iter().collect();
        let words = |caller| {
            let chosen = Chosen::of(caller, &all, |_| true).expect("it fits");
            chosen.words(caller.agent, CredentialKeep::Keychain)
        };
        let key = words(caller("claude", None));
        assert_eq!(key, "provider anthropic, API key, from the keychain");
        let full = words(Caller { remote_control: true, ..caller("claude", None) });
        assert_eq!(full, "provider max, full login of a subscription, from the keychain");
        assert!(words(caller("pi", None)).starts_with("none"), "nobody guesses for it");
    }
}
