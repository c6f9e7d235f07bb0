//! A real hub on real sockets: consoles by `pilot-client` and by hand, runners
//! by `pilot-link`, a Gitea by its double.

mod access;
mod agentapi;
mod children;
mod demo;
mod enrolment;
mod films;
mod gate;
mod held;
mod house;
mod journal;
mod live;
mod parts;
mod people;
mod permissions;
mod profiles;
mod publishing;
mod queue;
mod reads;
mod runner;
mod schedules;
mod sessions;
mod starting;
mod tasks;
mod trouble;
mod tunnels;
mod vaults;
mod wire;
