//! The model gateway of a run: the one way from inside the walls to a model.
//!
//! Inside, an agent talks plain HTTP to a loopback port and shows a key that is
//! worth nothing anywhere else. Each of its connections arrives here as a
//! stream of bytes ([`Gateway::serve`]). The gateway puts the provider's key
//! on, passes request and answer through as they come, reads the usage beside
//! them, prices it, and stops at the budget.
//!
//! It is not a router of models: a call goes to the first provider that speaks
//! its dialect, and to the next such one only when that fails.
//!
//! **Invariants:** no provider's key, and no part of one, reaches the agent, a
//! log or an error. What is said in a call is held only as long as it takes to
//! pass it on, and never written anywhere. The sums are kept here, whoever
//! listens.

mod answer;
mod asked;
mod call;
mod dialect;
mod headers;
mod login;
mod meter;
mod price;
mod purse;
mod serve;
mod upstream;

pub use purse::Spent;
pub use upstream::Patience;

pub(crate) use asked::Passing;
pub(crate) use headers::secret_value;
pub(crate) use login::chain;
pub(crate) use upstream::{is_loopback, tls};

use call::Books;
use pilot_proto::model::{ModelCall, ModelPrice};
use pilot_proto::project::{OauthLogin, ProviderGrant, ProviderKind, ProviderLogin};
use pilot_proto::{Secret, Timestamp};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use upstream::Provider;

/// What a refusal for the budget is called where a dialect has codes.
pub(crate) const BUDGET_CODE: &str = "budget_reached";

/// What a gateway needs to know of its run.
pub struct Settings {
    /// The run's provider and the ones to fall back to, in this order.
    pub providers: Vec<ProviderGrant>,
    /// Prices that go before the built-in ones.
    pub prices: Vec<ModelPrice>,
    /// What the task's earlier runs spent, in micro-dollars.
    pub spent_micros: u64,
    /// What the task may spend, in micro-dollars; none: as much as it likes.
    pub budget_micros: Option<u64>,
    /// How patient it is with providers.
    pub patience: Patience,
    /// Where calls that cost something are told when they end. If nobody takes
    /// them in time they are lost and counted; their money is in the sums.
    pub calls: mpsc::Sender<ModelCall>,
    /// Told of what must not be lost. Called from within a call, so it must
    /// return at once.
    pub news: Arc<dyn Fn(News) + Send + Sync>,
    /// What time it is, for the ends of logins.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What the owner of a gateway has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The budget is used up. Calls are refused until it is raised. Told once
    /// for each budget.
    BudgetReached {
        /// What the task has spent, with the calls under way.
        spent_micros: u64,
        /// What it may spend.
        budget_micros: u64,
    },
    /// A login was renewed; the old refresh token may be worth nothing now.
    Renewed {
        /// Our name for the provider.
        provider: String,
        /// The new access token.
        key: Secret,
        /// The new refresh token, and when the access token ends.
        oauth: OauthLogin,
    },
}

/// A gateway that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// There is no randomness for the run's key.
    #[error("the system gives no randomness for the run's key")]
    Randomness(#[source] getrandom::Error),
    /// A provider's address is of no use.
    #[error("the address of the provider `{provider}` is of no use: {why}")]
    Address {
        /// Our name for it.
        provider: String,
        /// Why.
        why: String,
    },
}

/// How the parts of a gateway reach its owner.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) news: Arc<dyn Fn(News) + Send + Sync>,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The gateway of one run. Clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    key: Secret,
    providers: Vec<Arc<Provider>>,
    patience: Patience,
    books: Arc<Books>,
    /// For request bodies that are kept to be sent again, in bytes.
    room: Arc<Semaphore>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("providers", &self.inner.providers).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Makes the gateway of a run, and the key that its agent has to show.
    pub fn new(settings: Settings) -> Result<Self, GatewayError> {
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(GatewayError::Randomness)?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let owner = Owner { news: settings.news, clock: settings.clock };
        let providers = upstream::providers(&settings.providers, &settings.patience, &owner)?;
        let books = Books {
            prices: price::Prices::new(settings.prices),
            purse: purse::Purse::new(settings.spent_micros, settings.budget_micros),
            calls: settings.calls,
            owner,
        };
        let inner = Inner {
            key: Secret::new(format!("pilot-run-{digits}")),
            providers,
            patience: settings.patience,
            books: Arc::new(books),
            room: Arc::new(Semaphore::new(asked::KEPT)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The key that the agent is given. It is worth nothing outside this run,
    /// and still nobody else's business.
    pub fn key(&self) -> &Secret {
        &self.inner.key
    }

    /// What was spent so far.
    pub fn spent(&self) -> Spent {
        self.inner.books.purse.spent()
    }

    /// From now on calls count for a new turn.
    pub fn begin_turn(&self) {
        self.inner.books.purse.begin_turn();
    }

    /// Waits for logins that are being renewed, half a minute at most, so that
    /// their news is not lost with the runtime. For the end of a run.
    pub async fn finish(&self) {
        for provider in &self.inner.providers {
            provider.login.finish().await;
        }
    }

    /// The task may spend this much in all, in micro-dollars. Calls that come
    /// after it are let through again, if that is more than was spent.
    pub fn raise_budget(&self, budget_micros: u64) {
        self.inner.books.purse.raise(budget_micros);
    }
}

/// What an agent is given instead of a provider's grant: this gateway on a
/// loopback port inside the walls, and the run's key. Base URLs are as that
/// vendor's clients want them, OpenAI's with `/v1`.
pub fn placeholder(kind: ProviderKind, port: u16, key: &Secret) -> ProviderGrant {
    let path = match kind {
        ProviderKind::OpenAi => "/v1",
        ProviderKind::Anthropic | ProviderKind::Gemini | ProviderKind::Ollama => "",
    };
    ProviderGrant {
        name: "gateway".to_owned(),
        kind,
        base_url: Some(format!("http://127.0.0.1:{port}{path}")),
        key: key.clone(),
        login: ProviderLogin::Key,
        oauth: None,
    }
}

/// What an agent is told when the money is gone.
pub(crate) fn budget_words(budget: u64) -> String {
    let (dollars, micros) = (budget / 1_000_000, budget % 1_000_000);
    let amount = if micros % 10_000 == 0 {
        format!("{dollars}.{:02}", micros / 10_000)
    } else {
        format!("{dollars}.{micros:06}").trim_end_matches('0').to_owned()
    };
    format!(
        "The budget of this task (${amount}) is used up. Stop here: the work so far is kept, and a \
         person was asked whether it may go on."
    )
}
