//! The model gateway between an agent and providers that the tests play.

mod agents;
mod budget;
mod keys;
mod logins;
mod patience;
mod provider;
mod streams;
mod world;
