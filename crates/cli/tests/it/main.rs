//! The product from outside: real processes of the real binary, over real
//! sockets, with real git and the real `claude`.

mod agentapi;
mod agents;
mod canaries;
mod chaos;
mod children;
mod commands;
mod crowd;
mod declared;
mod demo;
mod films;
mod forge;
mod forge_login;
mod forge_login_in_runs;
mod forge_through;
mod hands_on;
mod held;
mod intake;
mod logins;
mod many;
mod postgres;
mod profiles;
mod publishing;
mod pull_requests;
mod pull_requests_told;
mod rebased;
mod schedules;
mod screen;
mod sight;
mod situations;
mod tunnels;
mod vaults;
mod walls;
mod ways_on;
mod world;
