//! The machines against each other, and each by itself.

mod game;
mod world;
