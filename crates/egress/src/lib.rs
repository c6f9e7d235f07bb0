//! The gates of a run: everything that leaves its walls goes through here.
//!
//! **Invariant:** no key, token or password is ever given to what is inside.
#![deny(missing_docs)]

pub mod address;
mod dns;
pub mod gate;
pub mod git;
mod hello;
pub mod inside;
pub mod model;
mod names;
pub mod outside;
pub mod policy;
mod relay;
pub mod stream;
pub mod uplink;
