//! What an earlier daemon left: runs whose shim lives are attended to again,
//! runs whose shim died are recovered, and what is no run is removed.

use super::assign::ORDERS;
use super::attend::attend;
use super::core::Daemon;
use super::held::{HeldRun, Shim};
use super::spawn;
use crate::ledger::Resource;
use crate::run_dir::wipe::wipe;
use crate::run_dir::{RunDir, lock};
use pilot_proto::{RunId, Timestamp};
use pilot_sandbox::Doomed;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;

/// Wait before the next recovery of a run whose recoveries keep dying.
pub(super) fn patience(recoveries: u32) -> Duration {
    match recoveries {
        0 => Duration::ZERO,
        few => Duration::from_secs(u64::from(few.min(30))),
    }
}

/// Goes through everything on the disk, once, at the start.
pub(super) async fn reap(daemon: &mut Daemon) -> io::Result<()> {
    let data = daemon.options.data.clone();
    for run in RunDir::all(&data)? {
        let dir = RunDir::of(&data, run);
        // In the ledger of whoever made it, unless that ledger was lost.
        daemon.ledger.made(&Resource::Directory { path: dir.path().to_path_buf() })?;
        if let Err(error) = take_up(daemon, run, dir) {
            tracing::error!(%run, %error, "the run's directory cannot be used; it is left alone");
        }
    }
    for resource in daemon.ledger.left() {
        if let Resource::Directory { path } = &resource
            && !path.exists()
        {
            bury(path.file_name().and_then(|name| name.to_str()?.parse().ok())).await;
            daemon.ledger.gone(&resource)?;
        }
    }
    Ok(())
}

fn take_up(daemon: &mut Daemon, run: RunId, dir: RunDir) -> io::Result<()> {
    let Some(spec) = dir.read_spec()? else {
        // The daemon died before it answered the hub: there never was a run.
        wipe(dir.path())?;
        return daemon.ledger.gone(&Resource::Directory { path: dir.path().to_path_buf() });
    };
    let alive = lock::is_held(&dir)?;
    let lost = Shim::Lost { again: Timestamp::default() };
    let mut held = HeldRun::open(run, dir.clone(), spec.fence, lost)?;
    if alive {
        let (orders, from_orders) = mpsc::channel(ORDERS);
        held.shim = Shim::Alive(orders);
        let ears = daemon.ears();
        daemon.tasks.spawn(attend(run, dir, None, from_orders, ears));
    } else if held.finished {
        held.shim = Shim::Ended;
    }
    daemon.runs.insert(run, held);
    Ok(())
}

/// Kills what is left of a run whose directory somebody removed.
async fn bury(run: Option<RunId>) {
    let Some(run) = run else { return };
    let doomed = Doomed { run, roots: Vec::new(), adopted: false };
    let report = pilot_sandbox::kill_run(&doomed, Duration::from_secs(2)).await;
    if report.killed > 0 || !report.left.is_empty() {
        tracing::warn!(%run, ?report, "processes of a run without a directory were killed");
    }
}

impl Daemon {
    /// Starts a recovering shim for each run that has none and needs one.
    pub(super) fn recover_lost(&mut self, now: Timestamp) {
        let ears = self.ears();
        for held in self.runs.values_mut() {
            let Shim::Lost { again } = held.shim else { continue };
            if again > now {
                continue;
            }
            held.recoveries += 1;
            let (command, environment) = (&self.options.shim, &self.options.environment);
            match spawn::recover(command, &held.dir, environment) {
                Ok(mut child) => {
                    let (orders, from_orders) = mpsc::channel(ORDERS);
                    held.shim = Shim::Alive(orders);
                    let (run, dir, spec) = (held.run, held.dir.clone(), held.spec.clone());
                    let ears = ears.clone();
                    self.tasks.spawn(async move {
                        match spec {
                            Some(spec) => spawn::hand_over(&mut child, &dir, &spec).await,
                            None => drop(child.stdin.take()),
                        }
                        attend(run, dir, Some(child), from_orders, ears).await;
                    });
                }
                Err(error) => {
                    tracing::error!(run = %held.run, %error, "the run cannot be recovered yet");
                    held.shim = Shim::Lost { again: now.after(patience(held.recoveries)) };
                }
            }
        }
    }
}
