//! Giving up capabilities, for good.

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::io;

/// Takes every capability out of every set of this thread (bounding, ambient,
/// inheritable, permitted, effective) and forbids to gain any by executing a
/// program. Nothing gives them back. Fine to call without any.
///
/// Has to be called before there is a second thread.
pub fn drop_capabilities() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    drop_bounding_set()?;
    match rustix::thread::clear_ambient_capability_set() {
        // Kernels before 4.3 have none.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, none)?;
    Ok(())
}

/// Needs `CAP_SETPCAP`; who lacks it and is not root gains nothing by the set,
/// because of `no_new_privs`.
fn drop_bounding_set() -> io::Result<()> {
    // Kernels number them without gaps; this is more than any has.
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match rustix::thread::capability_is_in_bounding_set(capability) {
            Ok(true) => match rustix::thread::remove_capability_from_bounding_set(capability) {
                Ok(()) => {}
                Err(Errno::PERM) if !rustix::process::geteuid().is_root() => return Ok(()),
                Err(error) => return Err(error.into()),
            },
            Ok(false) => {}
            // The first that this kernel does not know.
            Err(Errno::INVAL) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// True if this thread has no capability and cannot regain one.
pub(super) fn are_gone() -> bool {
    let sets = rustix::thread::capabilities(None);
    let empty = |sets: CapabilitySets| {
        sets.effective.is_empty() && sets.permitted.is_empty() && sets.inheritable.is_empty()
    };
    sets.is_ok_and(empty) && rustix::thread::no_new_privs().unwrap_or(false)
}
