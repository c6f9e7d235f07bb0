//! The machines against each other, and each by itself.

mod children;
mod feedback;
mod game;
mod held;
mod queue;
mod run;
mod schedule;
mod takeover;
mod task;
mod ways_on;
mod world;
