//! `pilot vault`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Vault {
    /// Add a Vault (or OpenBao), or log in to one anew; the login is tried first
    Add {
        /// Your name for it
        name: String,
        /// Its address, such as `https://vault.example:8200`
        #[arg(long)]
        url: String,
        /// Its namespace, where it has some
        #[arg(long)]
        namespace: Option<String>,
        /// Certificates in PEM that alone are trusted, as `VAULT_CACERT` says
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,
        #[command(flatten)]
        login: VaultLogin,
        /// Where the login method is mounted, if not at `approle` or `kubernetes`
        #[arg(long)]
        mount: Option<String>,
    },
    /// List Vaults, how the hub logs in, and which secrets are read from them
    List,
    /// Remove a Vault that no secret is read from
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct VaultLogin {
    /// With a token of your own, read from standard input; the hub never keeps
    /// it on a disk, so it is needed again when the hub was started again
    #[arg(long)]
    pub(crate) token_stdin: bool,
    /// As this AppRole; its secret id is read from standard input
    #[arg(long, value_name = "ROLE_ID")]
    pub(crate) approle: Option<String>,
    /// As this role of the Kubernetes method, where the hub is a pod
    #[arg(long, value_name = "ROLE")]
    pub(crate) kubernetes: Option<String>,
}
