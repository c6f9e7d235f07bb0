//! What tests stand on: git worlds, a forge double, a scripted model server,
//! the real agents, a private PostgreSQL, a manual clock, and links with faults.
//! Follows the measured facts about the real things; knows neither hub nor runner.

pub mod agentapi;
pub mod agents;
pub mod canary;
pub mod clock;
pub mod escape;
pub mod faults;
pub mod forge;
pub mod git_http;
pub mod model;
pub mod ports;
pub mod postgres;
pub mod private_way;
pub mod programs;
pub mod repo;
pub mod vault;
