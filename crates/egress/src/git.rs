//! The git broker of a run: inside the walls `git fetch` and `git push` to the
//! project's own repository work, without a token inside.
//!
//! A loopback port inside serves that one repository over git's smart HTTP
//! protocol (gitprotocol-http(5)); git's configuration in the run's private
//! HOME ([`Broker::config`]) sends every spelling of the repository's address
//! there. The broker, outside, puts the login on and passes the bytes through.
//!
//! It reads only the commands at the beginning of a push, and refuses the push
//! unless all it does is make or move the run's own branch. It does not judge
//! whether a push is forced: the server does.
//!
//! Only repositories on HTTP are brokered. One in a local directory is there
//! without help, if the walls show it at all. One behind SSH cannot be reached
//! from inside: its keys stay outside, and the work is pushed there when the
//! run has ended.
//!
//! **Invariant:** no request goes anywhere but to the project's repository, and
//! the login is in no answer, log or error.

mod address;
mod commands;
mod serve;
mod upstream;

use address::Address;
use pilot_proto::network::NetworkDecision;
use pilot_proto::project::GitGrant;
use std::fmt;
use std::sync::Arc;

/// Whether a push may begin; the words are what git shows inside.
pub type MayPush = dyn Fn() -> Result<(), String> + Send + Sync;

/// What a broker needs to know of its run.
pub struct Settings {
    /// The project's repository.
    pub repo: String,
    /// How git logs in to it; none: everybody may read it.
    pub grant: Option<GitGrant>,
    /// The one branch that may be pushed, without `refs/heads/`.
    pub branch: String,
    /// Asked before each push.
    pub may_push: Arc<MayPush>,
    /// Told of what was let through and what was not. Their `id` is 0: who
    /// hears of all doors numbers them. Must return at once.
    pub decided: Arc<dyn Fn(NetworkDecision) + Send + Sync>,
}

/// Why there is nothing to broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// A directory of this machine.
    #[error("the repository is a directory of the runner: there is nothing to log in to")]
    Local,
    /// Behind SSH.
    #[error(
        "the repository is reached by `ssh`, whose keys stay outside the walls: the agent cannot \
         fetch or push by itself"
    )]
    Ssh,
    /// No address that git would take.
    #[error("the repository's address is of no use: {why}")]
    Address {
        /// Why.
        why: String,
    },
    /// There is no randomness for the path.
    #[error("the system gives no randomness for the broker's path")]
    Randomness(#[source] getrandom::Error),
}

/// The broker of one run. Clones are the same broker.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    address: Address,
    /// The first part of the path. Where the port can be seen from outside the
    /// walls, it is what keeps others from using it.
    secret: String,
    branch: String,
    upstream: upstream::Upstream,
    may_push: Arc<MayPush>,
    decided: Arc<dyn Fn(NetworkDecision) + Send + Sync>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("repo", &self.inner.address.shown())
            .field("branch", &self.inner.branch)
            .finish_non_exhaustive()
    }
}

impl Broker {
    /// Makes the broker of a run's repository.
    pub fn new(settings: Settings) -> Result<Self, BrokerError> {
        let address = Address::parse(&settings.repo)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(BrokerError::Randomness)?;
        let upstream = upstream::Upstream::new(&address, settings.grant.as_ref())?;
        let inner = Inner {
            address,
            secret: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            branch: settings.branch,
            upstream,
            may_push: settings.may_push,
            decided: settings.decided,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// From now on it logs in with this; the way there stays what it was.
    ///
    /// # Errors
    /// No login has such characters.
    pub fn renew(&self, grant: &GitGrant) -> Result<(), BrokerError> {
        self.inner.upstream.renew(grant)
    }

    /// What git has to be told inside the walls, with the broker on this
    /// loopback port: keys and values, of which a key may come several times.
    pub fn config(&self, port: u16) -> Vec<(String, String)> {
        let inner = &self.inner;
        let here = format!("http://127.0.0.1:{port}/git/{}/{}", inner.secret, inner.address.name());
        let instead = format!("url.{here}.insteadOf");
        let mut config: Vec<(String, String)> = inner
            .address
            .spellings()
            .into_iter()
            .map(|spelling| (instead.clone(), spelling))
            .collect();
        // The walls' own proxy is the way out, and this is not out.
        config.push((format!("http.http://127.0.0.1:{port}/.proxy"), String::new()));
        config
    }
}
