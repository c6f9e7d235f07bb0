//! Ports for what comes and goes.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port of 127.0.0.1 that nobody has and that no outgoing connection is given:
/// while a killed hub is away, its port must not be taken. So it is below the range
/// from which the system takes ports by itself (32768 and up).
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const RANGE: (u32, u32) = (20_000, 12_000);
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = std::process::id().wrapping_mul(61).wrapping_add(step) % RANGE.1;
        let port = u16::try_from(RANGE.0 + offset).expect("below 32,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
