//! Taking a run: its directory, its ledger, what it needs of an earlier run,
//! and its shim.

use super::attend::attend;
use super::bulk::Job;
use super::core::Daemon;
use super::held::{HeldRun, Shim};
use super::spawn;
use crate::blobs::Blobs;
use crate::ledger::Resource;
use crate::run_dir::RunDir;
use crate::run_dir::wipe::wipe;
use crate::shim_socket::ToShim;
use pilot_proto::runner::ToHub;
use pilot_proto::{BlobId, RunId, RunSpec};
use std::io;
use tokio::sync::mpsc;

/// Orders that wait for a shim. A hub has at most a few under way.
pub(super) const ORDERS: usize = 256;

/// A run that was assigned and has no shim yet.
pub(super) struct Starting {
    spec: Box<RunSpec>,
    dir: RunDir,
}

/// A shim was started, or not.
pub(super) struct Started {
    run: RunId,
    orders: mpsc::Sender<ToShim>,
    result: io::Result<()>,
}

impl Daemon {
    /// The hub wants this run here. It says so again until it is answered.
    pub(super) fn assigned(&mut self, spec: Box<RunSpec>) {
        let run = spec.run;
        if let Some(held) = self.runs.get(&run) {
            let fence = held.fence;
            self.answer(ToHub::Taken { run, fence });
            return;
        }
        if self.starting.contains_key(&run) {
            return;
        }
        if let Some(reason) = self.why_not() {
            self.answer(ToHub::Declined { run, fence: spec.fence, reason });
            return;
        }
        let dir = RunDir::of(&self.options.data, run);
        let directory = Resource::Directory { path: dir.path().to_path_buf() };
        if let Err(error) = self.ledger.made(&directory).and_then(|()| dir.create()) {
            let reason = format!("the run's directory cannot be made: {error}");
            self.give_back(&dir, &spec, reason);
            return;
        }
        self.took_one = true;
        let blobs = wanted(&spec);
        let into = Blobs::new(dir.blobs());
        self.starting.insert(run, Starting { spec, dir });
        if blobs.is_empty() {
            self.launch(run);
        } else if let Err(error) = self.jobs.try_send(Job::Fetch { run, blobs, into }) {
            tracing::warn!(%run, %error, "what the run needs cannot be fetched");
            self.decline(run, "too many runs are beginning at once".to_owned());
        }
    }

    fn why_not(&self) -> Option<String> {
        let busy = self.runs.values().filter(|run| !run.finished).count() + self.starting.len();
        if self.options.once && self.took_one {
            Some("this runner takes one run only".to_owned())
        } else if busy >= self.options.workers as usize {
            Some(format!("all {} workers are busy", self.options.workers))
        } else {
            None
        }
    }

    /// Everything the run needs is there: starts its shim.
    pub(super) fn launch(&mut self, run: RunId) {
        let Some(Starting { spec, dir }) = self.starting.get(&run) else { return };
        // The last thing before the shim: from here on the directory is a run.
        if let Err(error) = dir.write_spec(spec) {
            return self.decline(run, format!("the run's directory cannot be written: {error}"));
        }
        let (orders, from_orders) = mpsc::channel(ORDERS);
        let (command, environment) = (self.options.shim.clone(), self.options.environment.clone());
        let (spec, dir) = (spec.clone(), dir.clone());
        let (started, ears) = (self.started.clone(), self.ears());
        self.tasks.spawn(async move {
            let child = spawn::start(&command, &dir, &environment, &spec).await;
            let (child, result) = match child {
                Ok(child) => (Some(child), Ok(())),
                Err(error) => (None, Err(error)),
            };
            if started.send(Started { run, orders, result }).await.is_ok() && child.is_some() {
                attend(run, dir, child, from_orders, ears).await;
            }
        });
    }

    pub(super) fn started(&mut self, started: Started) {
        let Started { run, orders, result } = started;
        if let Err(error) = result {
            return self.decline(run, format!("the run's shim did not start: {error}"));
        }
        let Some(Starting { spec, dir }) = self.starting.remove(&run) else { return };
        match HeldRun::open(run, dir, spec.fence, Shim::Alive(orders)) {
            Ok(mut held) => {
                // A shim that died after its push has to ask the remote.
                held.spec = Some(spec);
                let fence = held.fence;
                self.runs.insert(run, held);
                self.answer(ToHub::Taken { run, fence });
            }
            Err(error) => tracing::error!(%run, %error, "the run's journal cannot be read"),
        }
    }

    fn decline(&mut self, run: RunId, reason: String) {
        if let Some(Starting { spec, dir }) = self.starting.remove(&run) {
            self.took_one = !self.runs.is_empty();
            self.give_back(&dir, &spec, reason);
        }
    }

    /// Nothing of the run stays here.
    fn give_back(&mut self, dir: &RunDir, spec: &RunSpec, reason: String) {
        tracing::warn!(run = %spec.run, reason, "the run was not taken");
        let path = dir.path().to_path_buf();
        let removed = wipe(&path).and_then(|()| self.ledger.gone(&Resource::Directory { path }));
        if let Err(error) = removed {
            tracing::error!(run = %spec.run, %error, "the run's directory cannot be removed");
        }
        self.answer(ToHub::Declined { run: spec.run, fence: spec.fence, reason });
    }

    pub(super) fn answer(&self, message: ToHub) {
        // Without a connection the hub says it again on the next.
        if let Some(outgoing) = &self.outgoing {
            outgoing.say(message);
        }
    }
}

/// What an earlier run left at the hub for this one, and what a person gave it.
fn wanted(spec: &RunSpec) -> Vec<BlobId> {
    let attachments = spec.attachments.iter().map(|attachment| attachment.blob.clone());
    let mut blobs: Vec<BlobId> = attachments.collect();
    if let Some(resume) = &spec.resume {
        blobs.extend(resume.bundle.clone());
        blobs.extend(resume.session.as_ref().and_then(|session| session.file.clone()));
    }
    // The same file twice is fetched once.
    blobs.sort();
    blobs.dedup();
    blobs
}
