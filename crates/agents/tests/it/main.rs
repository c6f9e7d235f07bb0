//! Drivers against recorded transcripts, against the real programs, and the
//! scripted agent as a whole.

mod claude_cli;
mod play;
mod scripted_agent;
mod transcripts;
