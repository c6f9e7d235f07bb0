//! The room against what anybody may send, and against a real Xvnc.

mod corpus;
mod decoder;
mod desktop;
mod film;
mod recording;
mod relay;
mod viewing;
