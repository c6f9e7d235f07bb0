//! The desktop of a run: what Xvnc is started with, the relay that every
//! viewer's RFB passes, eyes and hands for an agent, recordings and the films
//! that are made of them.
//!
//! ```text
//! viewer ──RFB──> relay ──RFB──┐
//! agent's tools ──> Hands ─RFB─┼── unix socket ── Xvnc ── X ── programs
//! recording <──── Camera ──RFB─┘
//! ```
//!
//! In the window a viewer has [`viewing`] before it, which decodes for it.
//!
//! What decides is pure: [`rfb::viewer`] and [`rfb::server`] read the two
//! directions of a connection, bytes in, bytes out, and know nothing of
//! sockets. **Invariants:** nobody but the relay speaks to the desktop's
//! server for a viewer; what either side claims about lengths and sizes is
//! bounded before it is believed; no message is held in memory, however long
//! it says it is. This room starts no process: whoever has walls does.
#![deny(missing_docs)]

mod damage;
pub mod decoder;
pub mod desktop;
pub mod hands;
pub mod keymap;
pub mod keys;
pub mod picture;
pub mod recording;
pub mod rfb;
pub mod viewing;
