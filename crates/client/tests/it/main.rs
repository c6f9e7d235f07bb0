//! The client against a small double of a hub: real sockets, no hub.

mod calls;
mod carried;
mod hub;
mod live;
mod trust;
