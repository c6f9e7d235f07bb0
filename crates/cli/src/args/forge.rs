//! `pilot forge`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Forge {
    /// Add or change a forge; its token is tried first
    Add(NewForge),
    /// Log in to a forge in a browser, or by a code, instead of pasting a token
    Login(ForgeLogin),
    /// List forges, who the hub is there, and for how long
    List,
    /// Say what the settings of a project's repository should be, so that an
    /// agent can do no harm there
    Harden {
        /// The project
        project: String,
    },
    /// Remove a forge that no project uses, and its token
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewForge {
    /// Your name for it
    pub(crate) name: String,
    /// Which forge it is
    #[arg(long, value_enum)]
    pub(crate) kind: ForgeKind,
    /// Base URL of its web interface
    #[arg(long)]
    pub(crate) url: String,
    /// Read the access token from standard input
    #[arg(long, required_unless_present = "app_id", conflicts_with = "app_id")]
    pub(crate) token_stdin: bool,
    /// Id of a GitHub App of yours, instead of a token
    #[arg(long, value_name = "N", requires = "installation", requires = "private_key")]
    pub(crate) app_id: Option<u64>,
    /// Id of the App's installation, the number in the address of its page
    #[arg(long, value_name = "N", requires = "app_id")]
    pub(crate) installation: Option<u64>,
    /// File with the App's private key (PEM); the hub keeps it with its tokens
    #[arg(long, value_name = "FILE", requires = "app_id")]
    pub(crate) private_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) way: Way,
}

/// How the hub gets there.
#[derive(Debug, Args)]
pub(crate) struct Way {
    /// File with certificates (PEM) that the hub trusts there besides its
    /// machine's own
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Proxy that the hub goes through to it, such as
    /// `http://proxy.example.org:3128`
    #[arg(long, value_name = "URL", conflicts_with = "through")]
    pub(crate) proxy: Option<String>,
    /// Runner that dials it for the hub, where the hub itself does not reach it;
    /// that runner's owner allows it
    #[arg(long, value_name = "RUNNER")]
    pub(crate) through: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ForgeLogin {
    /// Your name for it
    pub(crate) name: String,
    /// Which forge it is; for one that was not added yet
    #[arg(long, value_enum)]
    pub(crate) kind: Option<ForgeKind>,
    /// Base URL of its web interface; for one that was not added yet
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Id of the application that is registered there; without it, that of the
    /// last login
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Read the application's secret from standard input, if it has one
    #[arg(long)]
    pub(crate) client_secret_stdin: bool,
    /// By a code that is typed in on any machine (GitHub, GitLab)
    #[arg(long, conflicts_with = "port")]
    pub(crate) device: bool,
    /// Port that was registered for the way back; without it, any
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Say which page to open, and open none
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Do not log in: read a new token from standard input
    #[arg(long, conflicts_with_all = ["client_id", "client_secret_stdin", "device", "port"])]
    pub(crate) token_stdin: bool,
    #[command(flatten)]
    pub(crate) way: Way,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ForgeKind {
    Gitea,
    Forgejo,
    #[value(name = "github")]
    GitHub,
    #[value(name = "gitlab")]
    GitLab,
}
