//! The hub: the control plane. It keeps tasks, journals and credentials,
//! accepts runners and consoles, drives the pure machines of
//! `pilot_lifecycle`, and makes pull requests of pushed branches.
//!
//! One way of data:
//!
//! ```text
//! consoles ──command──┐                       ┌── replies, live changes ──> consoles
//! runners ──journal───┤──> core ──> commit ──>├── acks, orders, runs ─────> runners
//! forges ──results────┘   (one task)          └── pull requests wanted ───> forges
//! ```
//!
//! **Invariants:** only the core changes state, and nothing leaves the core
//! before what it stands on is durable. One gate stands before every route.
//! Every queue is bounded, and every spawned task is awaited when the hub stops.

mod agentapi;
mod assignment;
mod attachments;
mod blobs;
mod bulk;
mod clock;
mod commands;
mod core;
mod credentials;
mod data_dir;
mod demo;
mod diffs;
mod dispatch;
mod error;
mod films;
mod forge_logins;
mod forge_ways;
mod forges;
mod gate;
mod hooks;
mod http;
mod hub;
mod intake;
mod links;
mod listen;
mod live;
mod logins;
mod options;
mod permits;
mod preferences;
mod profiles;
mod publish;
mod reads;
mod request;
mod sessions;
mod settings;
mod tls;
mod tunnels;
mod vaults;
mod web;

pub use error::HubError;
pub use hub::{Hub, Running};
pub use options::{Access, HubOptions};
pub use pilot_secrets::{CredentialStore, Keychain, KeychainState, SecretsError};
