//! Coding agents: how each is started, what its protocol means, and what to
//! write back to it. One module per agent; all speak [`Driver`], and the
//! [`Catalog`] names them.
//!
//! **Invariant:** a driver does no IO. It is given lines and says what to
//! write ([`Step`]); it never spawns, reads a file or looks at a clock. The
//! exceptions live beside their drivers and not in them: [`scripted::run`] is the
//! built-in agent's own program, [`command::terminal`] the terminal ([`pty`]) of a
//! command that wants one, and [`agentapi::bridge`] what speaks HTTP with a server.
//!
//! A run drives an agent like this: put [`Launch::files`] into the private
//! HOME, start [`Launch::program`] in the tree with [`Launch::env`] on top of
//! an environment from nothing, do the steps of [`Driver::begin`], then feed
//! every line that [`Driver::stream`] calls `Protocol` to [`Driver::line`].
//! After a [`Step::TurnEnded`] either [`Driver::say`] goes on in the same
//! session or [`Driver::end`] lets the program go. When the program is gone,
//! [`Driver::exited`] closes what is still open.
#![deny(missing_docs)]

pub mod acp;
pub mod agentapi;
pub mod attached;
pub mod catalog;
pub mod claude;
pub mod codex;
pub mod command;
pub mod declared;
pub mod driver;
pub mod hands_on;
mod own_tools;
pub mod pi;
pub mod pinned;
pub mod probe;
pub mod pty;
pub mod scripted;
mod trouble;

pub use attached::{Attached, is_image};
pub use catalog::{Agent, Catalog, SessionPlace};
pub use driver::{Driver, HomeFile, Launch, Preflight, Remote, Ruling, Start, Step};
pub use own_tools::OwnTools;
pub use probe::Probe;
