//! Connections over real sockets, and the pure parts under chance.

mod cuts;
mod endpoint;
mod handshake;
mod join;
mod live;
mod machine;
mod outbox;
mod peers;
mod tls;
