//! Stopping the forge in the middle of whatever somebody does with it, so that
//! a test can end that somebody there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Where in its life a request is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAt {
    /// It came, and is not carried out.
    Before,
    /// It is carried out, and not answered.
    After,
}

/// Counts requests, of the API and of git alike, and stops one of them.
#[derive(Debug)]
pub(super) struct Stops {
    wanted: Mutex<Option<Wanted>>,
    stopped: watch::Sender<bool>,
}

#[derive(Debug)]
struct Wanted {
    /// How many come before it.
    left: u32,
    at: StopAt,
}

impl Stops {
    pub(super) fn new() -> Self {
        Self { wanted: Mutex::new(None), stopped: watch::Sender::new(false) }
    }

    pub(super) fn want(&self, nth: u32, at: StopAt) {
        *self.wanted() = Some(Wanted { left: nth, at });
    }

    /// Nothing is stopped any more, and what is goes on.
    pub(super) fn go_on(&self) {
        *self.wanted() = None;
        self.stopped.send_replace(false);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// A request comes; where it is to be stopped, if it is.
    pub(super) fn arrive(&self) -> Option<StopAt> {
        let mut wanted = self.wanted();
        match &mut *wanted {
            Some(Wanted { left: 0, at }) => {
                let at = *at;
                *wanted = None;
                Some(at)
            }
            Some(Wanted { left, .. }) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }

    /// Stands still until [`Stops::go_on`], if this is where.
    pub(super) async fn stand(&self, wanted: Option<StopAt>, here: StopAt) {
        if wanted != Some(here) {
            return;
        }
        let mut stopped = self.stopped.subscribe();
        self.stopped.send_replace(true);
        // The sender is our own, so it is not gone.
        stopped.wait_for(|stopped| !stopped).await.expect("the forge is there");
    }

    fn wanted(&self) -> MutexGuard<'_, Option<Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
