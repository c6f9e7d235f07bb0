//! The project's secrets in the hands of one run: opened from what the hub
//! sealed to this runner, kept in memory, and given to the run's processes as
//! the project says.

use crate::run_dir::seal_key_file;
use pilot_proto::{Code, Problem, RunSpec, Secret, SecretDelivery};
use pilot_sandbox::Environment;
use pilot_secrets::{GrantError, NamedSecret, RunnerKey};
use std::path::Path;

/// Names the directory of the secrets that come as files.
pub(super) const VARIABLE: &str = "PILOTHOUSE_SECRETS";

/// One secret.
pub(super) struct Granted {
    name: String,
    value: Secret,
    delivery: SecretDelivery,
}

/// All of a run's, or why there are none.
pub(super) struct Secrets(Result<Vec<Granted>, Problem>);

/// A secret that comes as a file.
pub(super) struct SecretFile<'a> {
    /// Below the directory of secrets.
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) value: &'a Secret,
}

/// The owner alone.
const PRIVATE: u32 = 0o400;

impl Secrets {
    /// Opens what the spec brings. `data` is the runner's.
    pub(super) fn open(spec: &RunSpec, data: &Path) -> Self {
        if spec.secrets.is_empty() {
            return Self(Ok(Vec::new()));
        }
        let key = RunnerKey::load(&seal_key_file(data)).map_err(|error| {
            let message = format!("The runner's key cannot be read: {error}.");
            Problem::new(Code::WorkspaceFailed, message)
        });
        Self(key.and_then(|key| {
            let granted = |grant: &pilot_proto::SealedGrant| {
                let value = key.open_grant(grant, spec.run, spec.fence);
                let value = value.map_err(|error| refused(&error))?;
                let (name, delivery) = (grant.name.clone(), grant.delivery.clone());
                Ok(Granted { name, value, delivery })
            };
            spec.secrets.iter().map(granted).collect()
        }))
    }

    /// Why the run cannot be given what its project promises it.
    pub(super) fn problem(&self) -> Option<&Problem> {
        self.0.as_ref().err()
    }

    fn all(&self) -> &[Granted] {
        self.0.as_deref().unwrap_or_default()
    }

    /// For the redactor.
    pub(super) fn named(&self) -> impl Iterator<Item = NamedSecret> {
        let named = |granted: &Granted| NamedSecret {
            name: granted.name.clone(),
            value: granted.value.clone(),
        };
        self.all().iter().map(named)
    }

    /// Puts those into an environment that are to be there. `directory` is
    /// where the files are.
    pub(super) fn furnish(&self, environment: &mut Environment, directory: &Path) {
        let mut files = false;
        for granted in self.all() {
            match &granted.delivery {
                SecretDelivery::Environment { variable } => {
                    environment.set(variable, granted.value.expose());
                }
                SecretDelivery::File { .. } => files = true,
                SecretDelivery::FileDescriptor => {}
            }
        }
        if files {
            environment.set(VARIABLE, directory);
        }
    }

    /// Those that come as files.
    pub(super) fn files(&self) -> impl Iterator<Item = SecretFile<'_>> {
        self.all().iter().filter_map(|granted| match &granted.delivery {
            SecretDelivery::File { path, mode } => {
                let (path, mode) = (path.clone(), mode.unwrap_or(PRIVATE));
                Some(SecretFile { path, mode, value: &granted.value })
            }
            SecretDelivery::FileDescriptor => {
                let path = format!(".fd/{}", granted.name);
                Some(SecretFile { path, mode: PRIVATE, value: &granted.value })
            }
            SecretDelivery::Environment { .. } => None,
        })
    }

    /// Those that come as open descriptors: the file, and the variable that
    /// tells the number.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (String, String)> {
        self.all().iter().filter_map(|granted| match granted.delivery {
            SecretDelivery::FileDescriptor => {
                Some((format!(".fd/{}", granted.name), variable_of(&granted.name)))
            }
            SecretDelivery::Environment { .. } | SecretDelivery::File { .. } => None,
        })
    }
}

/// `NPM_TOKEN_FD` for `npm-token`.
fn variable_of(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_uppercase(),
        _ => '_',
    });
    letters.chain("_FD".chars()).collect()
}

fn refused(error: &GrantError) -> Problem {
    Problem::new(Code::WorkspaceFailed, format!("A secret cannot be given to the run: {error}."))
        .hint(
            "`pilot runner look` makes the hub learn this runner's key again; then retry the task.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptors_variable_is_one_that_a_shell_takes() {
        assert_eq!(variable_of("npm-token"), "NPM_TOKEN_FD");
        assert_eq!(variable_of("a.b_C"), "A_B_C_FD");
    }
}
