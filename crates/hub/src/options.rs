//! How a hub is set up.

use pilot_proto::Secret;
use pilot_proto::console::Role;
use pilot_proto::runner::OFFLINE_SECS;
use pilot_secrets::CredentialStore;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where programs are looked for, for a hub reads no environment: git for the
/// built-in project, ffmpeg for films.
pub(crate) const PROGRAMS: &str =
    "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/run/current-system/sw/bin";

/// Where a hub keeps its things, where it listens, and how patient it is.
/// [`HubOptions::new`] gives the defaults.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// Directory of everything it keeps; made with mode 0700.
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one. Beyond loopback the hub
    /// speaks TLS with a certificate of its own making.
    pub listen: SocketAddr,
    /// A database other than `hub.db` in the data directory.
    pub store_url: Option<String>,
    /// How people reach the hub from outside, for links in pull requests.
    pub public_url: Option<String>,
    /// Make the built-in project `demo`, which needs no account and no key.
    pub demo: bool,
    /// Where forge tokens and provider keys are kept.
    pub credentials: CredentialStore,
    /// The service account's token, for Vaults that a hub in a cluster logs in
    /// to by it.
    pub service_account: PathBuf,
    /// What the owner shows; none: a file in `data`, made at the first start.
    /// Whoever gives one keeps it somewhere better, and no file is written.
    pub owner_token: Option<Secret>,
    /// Who may come in beside the owner.
    pub access: Vec<Access>,
    /// How long a runner keeps its runs without contact.
    pub lease: Duration,
    /// How long after a lease ran out on the runner the hub gives the task to
    /// another: two clocks may differ by so much in speed and in waking up.
    pub lease_grace: Duration,
    /// How long after its last sign a runner is called offline.
    pub offline_after: Duration,
    /// How often pull requests in review are looked at.
    pub review_poll: Duration,
    /// First wait before a forge that could not be reached is tried again;
    /// doubled each time up to the time of `review_poll`.
    pub publish_retry: Duration,
    /// Directories where programs are looked for, with colons between them.
    pub programs: String,
    /// How many commands and pieces of journal wait for the core at most.
    pub inbox: usize,
}

impl HubOptions {
    /// The defaults: SQLite in `data`, no demo project, the owner alone.
    pub fn new(data: impl Into<PathBuf>, listen: SocketAddr) -> Self {
        Self {
            data: data.into(),
            listen,
            store_url: None,
            public_url: None,
            demo: false,
            credentials: CredentialStore::File,
            // Where Kubernetes mounts it into every pod.
            service_account: "/var/run/secrets/kubernetes.io/serviceaccount/token".into(),
            owner_token: None,
            access: Vec::new(),
            // A laptop that is closed over night must not end its runs.
            lease: Duration::from_secs(24 * 3600),
            lease_grace: Duration::from_secs(120),
            offline_after: Duration::from_secs(OFFLINE_SECS),
            review_poll: Duration::from_secs(60),
            publish_retry: Duration::from_secs(2),
            programs: PROGRAMS.to_owned(),
            // 256 batches of at most 1 MiB: what 40 busy runs send while one
            // commit is under way, and a bound that a small machine can hold.
            inbox: 256,
        }
    }
}

/// Somebody who may come in with a token of their own.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who they are, for journals and answers.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What they show.
    pub token: Secret,
}
