//! A run's surroundings: its spec with the grants, its directories, its git,
//! and the environments of what it starts.

use super::secrets::Secrets;
use super::{OwnLog, ShimOptions, artifacts, attachments};
use crate::agents::Programs;
use crate::blobs::Blobs;
use crate::run_dir::RunDir;
use pilot_egress::outside::UpstreamProxy;
use pilot_git::{Author, Deadlines, Git, Mirrors, Surroundings};
use pilot_proto::project::GitGrant;
use pilot_proto::pull_request::{CommitIdentity, Commits};
use pilot_proto::{RunSpec, Secret};
use pilot_sandbox::Environment;
use pilot_sandbox::environment::RUN_VARIABLE;
use pilot_secrets::{NamedSecret, Redactor};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Cheap to clone.
pub(super) type SharedWorkspace = Arc<Workspace>;

/// What every step of a run needs to know. Of it only the login of git changes.
pub(super) struct Workspace {
    /// Without the login of git: see [`Workspace::login`].
    pub(super) spec: RunSpec,
    pub(super) dir: RunDir,
    pub(super) blobs: Blobs,
    pub(super) git: Git,
    pub(super) mirrors: Mirrors,
    pub(super) programs: Programs,
    /// The `pilot` binary.
    pub(super) pilot: PathBuf,
    pub(super) redactor: Redactor,
    /// For what was granted alone.
    pub(super) exact: Redactor,
    pub(super) secrets: Secrets,
    /// How git logs in to the repository now.
    login: Mutex<Option<GitGrant>>,
    own_log: OwnLog,
    /// The work must not leave this machine.
    withheld: AtomicBool,
    given: BTreeMap<OsString, OsString>,
}

/// What every rescue bundle's ref begins with.
pub(super) const RESCUE: &str = "refs/pilothouse/rescue/";

/// Names, separated by colons, files and directories that every run on this
/// runner may read: a toolchain, a cache, a data set.
const READABLE: &str = "PILOTHOUSE_READABLE";

/// Variables that name a file or directory of certificates.
const CERTIFICATES: &[&str] = &[
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "PIP_CERT",
];

/// Variables that git needs besides those that every child may have.
const GIT_PASSED: &[&str] = &["SSH_AUTH_SOCK"];

impl Workspace {
    pub(super) fn new(dir: RunDir, mut spec: RunSpec, options: &ShimOptions) -> SharedWorkspace {
        let data = dir.data();
        let programs = Programs::new(&data, &options.environment);
        let passed = pilot_sandbox::environment::PASSED.iter().chain(GIT_PASSED);
        let passed = passed.filter_map(|name| {
            let value = options.environment.get(*name)?;
            Some(((*name).to_owned(), OsString::from(value)))
        });
        // A transfer that outlives a killed shim is found by it like the rest.
        let marker = (RUN_VARIABLE.to_owned(), OsString::from(spec.run.to_string()));
        let passed_on = passed.chain([marker]).collect();
        let home = options.environment.get("HOME").map_or_else(|| data.clone(), PathBuf::from);
        let git = Git::new(Surroundings {
            program: PathBuf::from("git"),
            path: programs.path.clone(),
            home,
            scratch: dir.scratch(),
            passed_on,
            deadlines: Deadlines::default(),
        });
        let secrets = Secrets::open(&spec, &data);
        let named: Vec<_> = secrets_of(&spec).into_iter().chain(secrets.named()).collect();
        let exact = Redactor::exact(named.clone());
        let redactor = Redactor::new(named);
        options.log.know(&redactor);
        let login = Mutex::new(spec.git.take());
        for name in redactor.too_short() {
            tracing::warn!(name, "a secret is too short to be kept out of the journal");
        }
        Arc::new(Self {
            blobs: Blobs::new(dir.blobs()),
            mirrors: Mirrors::new(git.clone(), data.join("mirrors")),
            pilot: options.program.clone(),
            given: options
                .environment
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            spec,
            dir,
            git,
            programs,
            redactor,
            exact,
            secrets,
            login,
            own_log: options.log.clone(),
            withheld: AtomicBool::new(false),
        })
    }

    /// How git logs in to the repository at this moment.
    pub(super) fn login(&self) -> Option<GitGrant> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it logs in with this.
    pub(super) fn renew_login(&self, grant: GitGrant) {
        self.own_log.learn(&login_of(&grant));
        *self.login.lock().unwrap_or_else(PoisonError::into_inner) = Some(grant);
    }

    /// From now on the work stays here, whatever else is cleaned.
    pub(super) fn withhold(&self) {
        self.withheld.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_withheld(&self) -> bool {
        self.withheld.load(Ordering::Relaxed)
    }

    /// Writes down that the run was granted secrets, for a shim that recovers.
    pub(super) fn note_secrets(&self) -> io::Result<()> {
        if self.spec.secrets.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = self.spec.secrets.iter().map(|grant| grant.name.as_str()).collect();
        std::fs::write(self.secrets_file(), names.join("\n"))
    }

    /// The run had secrets, and this shim was not given them.
    pub(super) fn secrets_are_unknown(&self) -> bool {
        let had = self.secrets_file().exists();
        had && (self.spec.secrets.is_empty() || self.secrets.problem().is_some())
    }

    fn secrets_file(&self) -> PathBuf {
        self.dir.work().join("secrets")
    }

    /// The environment of everything that runs in the workspace.
    pub(super) fn environment(&self) -> Environment {
        let (home, temporary) = (self.dir.home(), self.dir.tmp());
        let path = self.programs.path_of(&self.spec.agent);
        let surroundings = pilot_sandbox::Surroundings {
            run: self.spec.run,
            home: &home,
            temporary: &temporary,
            path: OsStr::new(&path),
        };
        let mut environment = pilot_sandbox::environment(surroundings, &self.given);
        environment.set(artifacts::VARIABLE, self.dir.artifacts());
        if let Some(toolchains) = self.rust_toolchains() {
            environment.set("RUSTUP_HOME", toolchains);
        }
        if !self.spec.attachments.is_empty() {
            environment.set(attachments::VARIABLE, self.dir.attachments());
        }
        environment
    }

    /// Where `rustup` keeps what its programs on the `PATH` start: it looks in
    /// the home, and a run has its own.
    pub(super) fn rust_toolchains(&self) -> Option<PathBuf> {
        let given = |name: &str| self.given.get(OsStr::new(name)).map(PathBuf::from);
        let kept = given("RUSTUP_HOME").or_else(|| Some(given("HOME")?.join(".rustup")));
        kept.filter(|path| path.join("toolchains").is_dir())
    }

    /// This machine can show a run's screen.
    pub(super) fn has_a_screen(&self) -> bool {
        self.programs.find("screen", pilot_screen::desktop::SERVER).is_some()
    }

    /// The proxy that this machine must use.
    pub(super) fn upstream(&self) -> Option<UpstreamProxy> {
        let given = |name: &str| self.given.get(OsStr::new(name)).and_then(|value| value.to_str());
        let either = |upper: &str, lower: &str| given(upper).or_else(|| given(lower));
        let proxy =
            either("HTTPS_PROXY", "https_proxy").or_else(|| either("ALL_PROXY", "all_proxy"))?;
        UpstreamProxy::parse(proxy, either("NO_PROXY", "no_proxy").unwrap_or_default())
    }

    /// Files of certificates that programs are told of.
    pub(super) fn certificates(&self) -> Vec<PathBuf> {
        let paths = CERTIFICATES.iter().filter_map(|name| self.given.get(OsStr::new(name)));
        paths.map(PathBuf::from).filter(|path| path.is_absolute()).collect()
    }

    /// What the runner's owner lets every run read.
    pub(super) fn shared(&self) -> Vec<PathBuf> {
        let given = self.given.get(OsStr::new(READABLE)).map(OsString::as_os_str);
        let paths = std::env::split_paths(given.unwrap_or_default());
        paths.filter(|path| path.is_absolute()).collect()
    }

    /// What our commits are signed with.
    pub(super) fn signing_key(&self) -> Option<&Secret> {
        let outgoing = self.spec.outgoing.as_deref();
        outgoing.and_then(|one| one.signing_key.as_ref()).map(|one| &one.key)
    }

    /// Whom our commits are by.
    pub(super) fn author(&self) -> Author {
        let outgoing = self.spec.outgoing.as_deref();
        let signing_key = self.signing_key().cloned();
        match outgoing.and_then(|one| one.identity.clone()) {
            Some(CommitIdentity { name, email }) => Author { name, email, signing_key },
            None => Author {
                name: "Pilothouse".to_owned(),
                email: "pilothouse@localhost".to_owned(),
                signing_key,
            },
        }
    }

    /// What becomes of the run's commits.
    pub(super) fn commits(&self) -> Commits {
        self.spec.outgoing.as_deref().map(|one| one.commits).unwrap_or_default()
    }

    /// The message of the commit that holds what the agent did not commit.
    pub(super) fn message(&self) -> String {
        let title = self.spec.title.trim();
        let title = if title.is_empty() { "Work of a coding agent" } else { title };
        let mut message = format!("{title}\n\nPilothouse-Task: {}\n", self.spec.task);
        for trailer in self.spec.outgoing.iter().flat_map(|one| &one.trailers) {
            message.push_str(trailer.trim());
            message.push('\n');
        }
        message
    }

    /// The ref inside a rescue bundle of this run.
    pub(super) fn rescue_reference(&self) -> String {
        format!("{RESCUE}{}", self.spec.run)
    }

    /// Where it is written which commit the tree's changes are measured
    /// against: a shim that recovers has nothing else that tells it.
    pub(super) fn base_file(&self) -> PathBuf {
        self.dir.work().join("base")
    }

    /// Where the name of the base branch is written.
    pub(super) fn base_branch_file(&self) -> PathBuf {
        self.dir.work().join("base-branch")
    }

    /// Where it is written from which commit of the base branch the task's
    /// work, with what was pushed before, departs.
    pub(super) fn fork_file(&self) -> PathBuf {
        self.dir.work().join("fork")
    }
}

/// What must not be seen of a login of git.
pub(super) fn login_of(grant: &GitGrant) -> NamedSecret {
    NamedSecret { name: "repository".to_owned(), value: grant.password.clone() }
}

/// Everything that must not be seen of a spec.
fn secrets_of(spec: &RunSpec) -> Vec<NamedSecret> {
    let named =
        |name: &str, value: &Secret| NamedSecret { name: name.to_owned(), value: value.clone() };
    let git = spec.git.iter().map(login_of);
    let reviewer = spec.review.iter().filter_map(|reviewer| reviewer.provider.as_ref());
    let providers = spec.provider.iter().chain(&spec.fallbacks).chain(reviewer);
    let oauth = providers.clone().filter_map(|grant| grant.oauth.as_ref());
    let provider = providers.map(|grant| named("provider", &grant.key));
    let oauth = oauth.map(|oauth| named("provider", &oauth.refresh_token));
    let signing = spec.outgoing.iter().filter_map(|one| one.signing_key.as_ref());
    let signing = signing.map(|one| named(&one.name, &one.key));
    let remote = spec.remote_control.iter().flat_map(|remote| tokens_of(&remote.credentials));
    let remote = remote.map(|value| NamedSecret { name: "claude login".to_owned(), value });
    git.chain(provider)
        .chain(oauth)
        .chain(remote)
        .chain(signing)
        .filter(|secret| !secret.value.is_empty())
        .collect()
}

/// The tokens in a login's file; none of what is no JSON, which no agent can use.
fn tokens_of(credentials: &Secret) -> Vec<Secret> {
    let login: serde_json::Value =
        serde_json::from_str(credentials.expose()).unwrap_or(serde_json::Value::Null);
    let login = &login["claudeAiOauth"];
    let token = |name: &str| login[name].as_str().map(Secret::new);
    ["accessToken", "refreshToken"].into_iter().filter_map(token).collect()
}
