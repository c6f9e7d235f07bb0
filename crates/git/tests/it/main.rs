//! The room against the real git: over HTTP with a login, over plain paths,
//! and against trees that an agent did its worst to.

mod checkout;
mod commit;
mod credentials;
mod outgoing;
mod place;
mod push;
mod rebase;
mod rescue;
mod scan;
mod view;
