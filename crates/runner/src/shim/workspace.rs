//! A run's surroundings: its spec with the grants, its directories, its git,
//! and the environments of what it starts.

use super::{ShimOptions, artifacts, attachments};
use crate::agents::Programs;
use crate::blobs::Blobs;
use crate::run_dir::RunDir;
use pilot_git::{Author, Deadlines, Git, Mirrors, Surroundings};
use pilot_proto::{RunSpec, Secret};
use pilot_sandbox::Environment;
use pilot_sandbox::environment::RUN_VARIABLE;
use pilot_secrets::{NamedSecret, Redactor};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

/// Cheap to clone.
pub(super) type SharedWorkspace = Arc<Workspace>;

/// What every step of a run needs to know. Never changes.
pub(super) struct Workspace {
    pub(super) spec: RunSpec,
    pub(super) dir: RunDir,
    pub(super) blobs: Blobs,
    pub(super) git: Git,
    pub(super) mirrors: Mirrors,
    pub(super) programs: Programs,
    /// The `pilot` binary.
    pub(super) pilot: PathBuf,
    pub(super) redactor: Redactor,
    given: BTreeMap<OsString, OsString>,
}

/// What every rescue bundle's ref begins with.
pub(super) const RESCUE: &str = "refs/pilothouse/rescue/";

/// Variables that git needs besides those that every child may have.
const GIT_PASSED: &[&str] = &["SSH_AUTH_SOCK"];

impl Workspace {
    pub(super) fn new(dir: RunDir, spec: RunSpec, options: &ShimOptions) -> SharedWorkspace {
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
        let redactor = Redactor::new(secrets_of(&spec));
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
        })
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
        if !self.spec.attachments.is_empty() {
            environment.set(attachments::VARIABLE, self.dir.attachments());
        }
        environment
    }

    /// What our commits are signed with.
    pub(super) fn author() -> Author {
        Author { name: "Pilothouse".to_owned(), email: "pilothouse@localhost".to_owned() }
    }

    /// The message of the commit that holds what the agent did not commit.
    pub(super) fn message(&self) -> String {
        let title = self.spec.title.trim();
        let title = if title.is_empty() { "Work of a coding agent" } else { title };
        format!("{title}\n\nPilothouse-Task: {}\n", self.spec.task)
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
}

/// Everything that must not be seen of a spec.
fn secrets_of(spec: &RunSpec) -> Vec<NamedSecret> {
    let named =
        |name: &str, value: &Secret| NamedSecret { name: name.to_owned(), value: value.clone() };
    let git = spec.git.iter().map(|grant| named("repository", &grant.password));
    let provider = spec.provider.iter().map(|grant| named("provider", &grant.key));
    git.chain(provider).filter(|secret| !secret.value.is_empty()).collect()
}
