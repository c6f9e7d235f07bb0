//! The words of `pilot profile` and `pilot agent`.

use super::ModeName;
use super::task::dollars;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Add or change a profile
    Add(Box<ProfileAdd>),
    /// List profiles
    List,
    /// Remove a profile that no project uses
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ProfileAdd {
    /// Your name for it
    pub(crate) name: String,
    /// Agent
    #[arg(long)]
    pub(crate) agent: String,
    /// Model provider, whose login it uses; without it, the first that fits
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Model; without it, the agent's default
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// How much the agent may do by itself
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// Seconds a person has to answer
    #[arg(long, value_name = "SECONDS")]
    pub(crate) answer_secs: Option<u64>,
    /// Seconds the agent may work
    #[arg(long, value_name = "SECONDS")]
    pub(crate) agent_secs: Option<u64>,
    /// What its models may cost, in US dollars
    #[arg(long, value_name = "DOLLARS", value_parser = dollars, allow_negative_numbers = true)]
    pub(crate) budget: Option<u64>,
    /// Claude Remote Control
    #[arg(long)]
    pub(crate) remote_control: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// List the agents that can be installed here, and those that are
    List,
    /// Install an agent with npm; runs that begin from now on get it
    Install {
        /// Its name, and which version; without one, the one that was tested
        #[arg(value_name = "NAME[@VERSION]")]
        agent: String,
    },
    /// Remove an installed agent; what is on the PATH counts again
    Remove {
        /// Its name
        agent: String,
    },
}
