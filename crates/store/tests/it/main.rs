//! The store's promises, each kept by SQLite and by PostgreSQL: every scenario
//! is one function of a [`world::World`] and runs on both.

mod world;

mod journal;
mod log;
mod model;
mod parts;
mod people;
mod schema;
mod sharing;
mod snapshots;
mod state;
