//! The room against what anybody may send, and against a real Xvnc.

mod desktop;
mod recording;
mod relay;
