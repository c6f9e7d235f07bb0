//! The gates of a run, with real sockets, namespaces and tools.

mod git;
mod limits;
mod model;
mod names;
mod proxy;
mod servers;
mod straight;
mod world;
