//! The moment before a push: a login that ended while the run was at work is
//! renewed, so that the permit takes a good one along.
//!
//! Only the forge knows whether it still takes a token, so it is asked. What it
//! does not answer, or refuses for good, holds no permit back: the push then
//! says what is wrong, and the run keeps its work.

use crate::core::{CoreHandle, News, Permit};
use crate::forges::Forges;
use pilot_proto::{Forge, Problem};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A forge under load answers in seconds; the run has waited for longer things.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at logins.
pub(crate) struct Permits {
    pub(crate) forges: Arc<Forges>,
    pub(crate) core: CoreHandle,
    /// One for each run that waits for a permit.
    pub(crate) works: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Permits {
    /// Whether there is anything to look at.
    pub(crate) fn concern(&self, forge: &Forge) -> bool {
        self.forges.is_renewed(forge)
    }

    /// Asks the forge who we are, which renews a login that it does not take any
    /// more, and tells the core.
    pub(crate) fn freshen(&self, forge: Forge, permit: Permit) {
        let (forges, core, stop) = (self.forges.clone(), self.core.clone(), self.stop.clone());
        self.works.spawn(async move {
            let asked = tokio::time::timeout(PATIENCE, ask(&forges, &forge));
            tokio::select! {
                () = stop.cancelled() => return,
                asked = asked => match asked {
                    Ok(Ok(())) => {}
                    Ok(Err(problem)) => {
                        tracing::warn!(forge = forge.name, %problem, "a push may be refused");
                    }
                    Err(_) => tracing::warn!(forge = forge.name, "a push may be refused: silence"),
                },
            }
            core.tell(News::Freshened(permit)).await;
        });
    }
}

async fn ask(forges: &Forges, forge: &Forge) -> Result<(), Problem> {
    forges.open(forge)?.check().await?;
    Ok(())
}
