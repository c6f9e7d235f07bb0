//! The bulk connection: blobs to the hub before the records that name them,
//! and blobs from it for a run that continues an earlier one.
//!
//! Dialled when there is something to carry, hung up when there was nothing for
//! a while. Uploads of several runs go on side by side, a piece of each in
//! turn, so that one run's large bundle does not hold up another's diff.

mod fetch;
mod upload;

use super::enrolment::Enrolment;
use super::uplink::random;
use crate::blobs::Blobs;
use fetch::Fetch;
use pilot_link::{Backoff, Closed, Deadlines, DialError, Greeting, Incoming, SendError, Sender};
use pilot_proto::runner::{BulkHead, Role, ToHub, ToRunner};
use pilot_proto::{BlobId, RunId};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use upload::{Progress, Upload};

/// What is to be carried.
#[derive(Debug)]
pub(super) enum Job {
    /// To the hub, unless it has them.
    Upload { run: RunId, blobs: Vec<BlobId>, from: Blobs },
    /// From the hub.
    Fetch { run: RunId, blobs: Vec<BlobId>, into: Blobs },
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Carried {
    /// These are at the hub now (or are lost on our disk, which was logged).
    Uploaded { run: RunId, blobs: Vec<BlobId> },
    /// All that the hub has of them are on the disk now.
    Fetched { run: RunId },
}

/// An idle connection is kept for as long as a busy agent pauses between edits.
const IDLE: Duration = Duration::from_secs(30);

/// Why the carrying stops for now; what is not done is begun again.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("a blob cannot be read or written")]
    Disk(#[from] io::Error),
}

/// Carries jobs until nobody has any more.
pub(super) async fn carry(
    enrolment: Enrolment,
    mut jobs: mpsc::Receiver<Job>,
    carried: mpsc::Sender<Carried>,
) {
    let mut load = Load::default();
    let mut backoff = Backoff::default();
    loop {
        if load.is_empty() {
            match jobs.recv().await {
                Some(job) => load.add(job),
                None => return,
            }
        }
        match trip(&enrolment, &mut load, &mut jobs, &carried, &mut backoff).await {
            Ok(Ended::Idle) => {}
            Ok(Ended::NoMoreJobs) => return,
            Err(interrupted) => {
                tracing::info!(reason = %interrupted, "blobs are not carried for now");
                load.begin_again();
                // The primary connection finds out whether a refusal is meant;
                // here it is one failure like another.
                tokio::time::sleep(backoff.next(random())).await;
            }
        }
    }
}

enum Ended {
    Idle,
    NoMoreJobs,
}

/// One connection, from its dialling to its end.
async fn trip(
    enrolment: &Enrolment,
    load: &mut Load,
    jobs: &mut mpsc::Receiver<Job>,
    carried: &mpsc::Sender<Carried>,
    backoff: &mut Backoff,
) -> Result<Ended, Interrupted> {
    let greeting =
        Greeting { runner: enrolment.runner, role: Role::Bulk, about: None, runs: Vec::new() };
    let deadlines = Deadlines::default();
    let dialled =
        pilot_link::dial(&enrolment.endpoint, &enrolment.key, greeting, deadlines).await?;
    let mut live = dialled.live;
    let sender = live.sender();
    loop {
        load.ask(&sender).await?;
        for result in load.take_done() {
            backoff.reset();
            if carried.send(result).await.is_err() {
                return Ok(Ended::NoMoreJobs);
            }
        }
        tokio::select! {
            biased;
            incoming = live.recv() => load.heard(incoming?)?,
            job = jobs.recv() => match job {
                Some(job) => load.add(job),
                None => return Ok(Ended::NoMoreJobs),
            },
            // Always ready: what the hub says and new jobs come first.
            sent = load.send_piece(&sender), if load.has_pieces() => sent?,
            () = tokio::time::sleep(IDLE), if load.is_empty() => {
                live.close().await;
                return Ok(Ended::Idle);
            }
        }
    }
}

/// Everything that is being carried.
#[derive(Debug, Default)]
struct Load {
    uploads: VecDeque<Upload>,
    fetches: VecDeque<Fetch>,
}

impl Load {
    fn add(&mut self, job: Job) {
        match job {
            Job::Upload { run, blobs, from } => {
                // A run ships one record at a time; an older job of it is of a
                // connection that is gone.
                self.uploads.retain(|upload| upload.run() != run);
                self.uploads.push_back(Upload::new(run, blobs, from));
            }
            Job::Fetch { run, blobs, into } => {
                self.fetches.retain(|fetch| fetch.run() != run);
                self.fetches.push_back(Fetch::new(run, blobs, into));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.uploads.is_empty() && self.fetches.is_empty()
    }

    fn begin_again(&mut self) {
        self.uploads.iter_mut().for_each(Upload::begin_again);
        self.fetches.iter_mut().for_each(Fetch::begin_again);
    }

    /// Asks the hub what it has and for what it has, where that was not done.
    async fn ask(&mut self, sender: &Sender<ToHub>) -> Result<(), Interrupted> {
        for upload in &mut self.uploads {
            for blobs in upload.questions() {
                sender.send(&ToHub::BlobsMissing { blobs }).await?;
            }
        }
        for fetch in &mut self.fetches {
            if let Some(blob) = fetch.question() {
                sender.send(&ToHub::BlobGet { blob }).await?;
            }
        }
        Ok(())
    }

    fn has_pieces(&self) -> bool {
        self.uploads.iter().any(Upload::has_pieces)
    }

    /// Sends the next piece of whoever is next.
    async fn send_piece(&mut self, sender: &Sender<ToHub>) -> Result<(), Interrupted> {
        let Some(index) = self.uploads.iter().position(Upload::has_pieces) else { return Ok(()) };
        if let Some(piece) = self.uploads[index].piece()? {
            sender.send_bulk(&piece.head, &piece.bytes).await?;
            self.uploads[index].sent(&piece);
        }
        // To the back of the line.
        self.uploads.rotate_left(index + 1);
        Ok(())
    }

    fn heard(&mut self, incoming: Incoming<ToRunner>) -> Result<(), Interrupted> {
        match incoming {
            Incoming::Message(ToRunner::Missing { blobs }) => {
                // Answers come in the order of the questions, but need not be
                // told apart: a blob that the hub lacks is lacking for all.
                match self.uploads.iter_mut().find(|upload| upload.awaits_answer()) {
                    Some(upload) => upload.answered(&blobs),
                    None => tracing::warn!("the hub answers a question that nobody asked"),
                }
            }
            Incoming::Message(ToRunner::BlobStored { blob }) => {
                self.uploads.iter_mut().for_each(|upload| upload.stored(&blob));
            }
            Incoming::Message(ToRunner::BlobUnknown { blob }) => {
                self.fetches.iter_mut().for_each(|fetch| fetch.unknown(&blob));
            }
            Incoming::Bulk(BulkHead::Blob { blob, offset, total }, bytes) => {
                for fetch in &mut self.fetches {
                    fetch.piece(&blob, offset, total, &bytes)?;
                }
            }
            Incoming::Message(other) => {
                tracing::debug!(?other, "a message that the bulk connection does not know");
            }
            Incoming::Bulk(BulkHead::Journal { run, .. }, _) => {
                tracing::warn!(%run, "the hub sent a journal, which goes the other way");
            }
            Incoming::Bulk(BulkHead::Tunnel, _) => {
                tracing::warn!("the hub sent a tunnel's bytes where none belong");
            }
            Incoming::Malformed { why } => {
                tracing::warn!(why, "the hub said something malformed");
            }
        }
        Ok(())
    }

    fn take_done(&mut self) -> Vec<Carried> {
        let mut done = Vec::new();
        self.uploads.retain(|upload| match upload.progress() {
            Progress::UnderWay => true,
            Progress::Done => {
                done.push(Carried::Uploaded { run: upload.run(), blobs: upload.blobs().to_vec() });
                false
            }
        });
        self.fetches.retain(|fetch| {
            if fetch.is_done() {
                done.push(Carried::Fetched { run: fetch.run() });
            }
            !fetch.is_done()
        });
        done
    }
}
