//! How a credential reaches git: a tiny program that git asks, which prints
//! what is in its own environment. The environment is set on that one child;
//! the program holds no secret and is removed with the command. It answers for
//! one host only: a server that redirects us elsewhere gets no credential there.

use crate::error::GitError;
use crate::remote::Login;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// git asks `Username for 'https://host': ` and `Password for 'https://user@host': `.
const SCRIPT: &str = r#"#!/bin/sh
case "$1" in
*"://$PILOTHOUSE_GIT_HOST'"* | *"@$PILOTHOUSE_GIT_HOST'"*) ;;
*) exit 1 ;;
esac
case "$1" in
Username*) printf '%s\n' "$PILOTHOUSE_GIT_USERNAME" ;;
*) printf '%s\n' "$PILOTHOUSE_GIT_PASSWORD" ;;
esac
"#;

/// The program, on disk for as long as this lives.
pub(crate) struct Askpass<'a> {
    program: PathBuf,
    login: &'a Login,
    _directory: TempDir,
}

impl<'a> Askpass<'a> {
    /// Writes it into `directory`, which is private (0700).
    pub(crate) fn new(directory: TempDir, login: &'a Login) -> Result<Self, GitError> {
        let program = directory.path().join("askpass");
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(&program)
            .and_then(|mut file| file.write_all(SCRIPT.as_bytes()))
            .map_err(GitError::file("writing the askpass program", &program))?;
        Ok(Self { program, login, _directory: directory })
    }

    /// Points the command at it.
    pub(crate) fn give_to(&self, command: &mut Command) {
        command
            .env("GIT_ASKPASS", &self.program)
            .env("PILOTHOUSE_GIT_HOST", &self.login.host)
            .env("PILOTHOUSE_GIT_USERNAME", &self.login.username)
            .env("PILOTHOUSE_GIT_PASSWORD", self.login.password.expose());
    }
}
