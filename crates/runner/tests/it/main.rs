//! The daemon and the shim as real processes against a hub played by the test,
//! real repositories, and the scripted agent.

mod asks;
mod crashes;
mod desk;
mod entry;
mod failures;
mod files;
mod grants;
mod hostile;
mod hub;
mod links;
mod machine;
mod output;
mod secrets;
mod spine;
mod workers;
mod world;
