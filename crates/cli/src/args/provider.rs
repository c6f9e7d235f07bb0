//! The words of `pilot provider`.

use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
    /// Add or change a model provider
    Add {
        /// Your name for it
        name: String,
        /// Which API it speaks
        #[arg(long, value_enum)]
        kind: ProviderKind,
        /// Somewhere else than the vendor's own endpoint
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
        /// How it is shown the key
        #[arg(long, value_enum, default_value_t = ProviderLogin::Key)]
        login: ProviderLogin,
        /// How the key, an OAuth access token then, is renewed: a JSON file with
        /// token_url, client_id and refresh_token
        #[arg(long, value_name = "FILE")]
        oauth: Option<PathBuf>,
        /// Read the key from standard input; only ollama may do without one
        #[arg(long, required_if_eq_any([("kind", "anthropic"), ("kind", "openai"), ("kind", "gemini")]))]
        key_stdin: bool,
    },
    /// Keep a full login of Claude Code with a provider: what Remote Control needs
    ///
    /// `claude auth login` on some machine makes both files. If there is no such
    /// provider, one without a key is made. The login is never shown again.
    Login {
        /// Name of the provider
        name: String,
        /// `~/.claude/.credentials.json`
        #[arg(long, value_name = "FILE", required_unless_present_any = ["stdin", "forget"], requires = "account")]
        credentials: Option<PathBuf>,
        /// `~/.claude.json`
        #[arg(long, value_name = "FILE", requires = "credentials")]
        account: Option<PathBuf>,
        /// Read both from standard input: {"credentials": {…}, "account": {…}}
        #[arg(long, conflicts_with_all = ["credentials", "account"])]
        stdin: bool,
        /// Forget it instead
        #[arg(long, conflicts_with_all = ["credentials", "account", "stdin"])]
        forget: bool,
    },
    /// List model providers
    List,
    /// Remove a model provider and its key
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ProviderKind {
    Anthropic,
    Openai,
    Gemini,
    /// Ollama, or any server that speaks Chat Completions
    Ollama,
}

impl From<ProviderKind> for pilot_proto::ProviderKind {
    fn from(kind: ProviderKind) -> Self {
        match kind {
            ProviderKind::Anthropic => Self::Anthropic,
            ProviderKind::Openai => Self::OpenAi,
            ProviderKind::Gemini => Self::Gemini,
            ProviderKind::Ollama => Self::Ollama,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ProviderLogin {
    /// In the header that the vendor made for keys
    Key,
    /// `Authorization: Bearer`: a subscription's token, or another gateway's
    Bearer,
}

impl From<ProviderLogin> for pilot_proto::project::ProviderLogin {
    fn from(login: ProviderLogin) -> Self {
        match login {
            ProviderLogin::Key => Self::Key,
            ProviderLogin::Bearer => Self::Bearer,
        }
    }
}
