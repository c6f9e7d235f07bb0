//! A runner's bulk connection: blobs up, blobs down.

use crate::blobs::{BlobError, Blobs, Upload};
use crate::hub::Parts;
use crate::links::good_bye;
use bytes::Bytes;
use pilot_link::{Accepted, Closed, Incoming, SendError, Sender};
use pilot_proto::runner::{BulkHead, MAX_BATCH, ToHub, ToRunner};
use pilot_proto::{BlobId, RunnerId};
use std::collections::HashMap;
use std::io::Read;
use tokio::task::{JoinError, JoinSet};

/// Candidates in one question, as the protocol says.
const MAX_CANDIDATES: usize = 1000;
/// Blobs that may be on their way in at once on one connection.
const MAX_UPLOADS: usize = 16;
/// Blobs verified and synced at once: the file system makes one sync of many.
const MAX_FINISHING: usize = 8;

/// Why the connection is given up.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("{}", crate::error::with_causes(.0))]
    Blob(#[from] BlobError),
    #[error("{MAX_UPLOADS} blobs are on their way in already")]
    TooMany,
    #[error("a blob could not be worked on: {0}")]
    Task(#[from] JoinError),
}

pub(crate) async fn serve(parts: &Parts, accepted: Accepted, connection: u64) {
    let Accepted { greeted, mut live } = accepted;
    let runner = greeted.runner;
    let sender = live.sender();
    let welcome = ToRunner::Welcome { version: greeted.version, runs: Vec::new() };
    let mut traffic = Traffic {
        blobs: parts.blobs.clone(),
        sender: sender.clone(),
        runner,
        connection,
        uploads: HashMap::new(),
        finishing: JoinSet::new(),
    };
    let work = async {
        sender.send(&welcome).await?;
        loop {
            let incoming = tokio::select! {
                incoming = live.recv() => incoming?,
                Some(finished) = traffic.finishing.join_next() => {
                    traffic.finished(finished?).await?;
                    continue;
                }
            };
            traffic.take(incoming).await?;
        }
    };
    let ended: Option<Result<(), Fault>> = tokio::select! {
        ended = work => Some(ended),
        () = parts.stop.cancelled() => None,
    };
    match ended {
        Some(Err(Fault::Closed(closed))) => tracing::debug!(%runner, %closed, "no more blobs"),
        Some(Err(fault)) => tracing::warn!(%runner, %fault, "the bulk connection is closed"),
        Some(Ok(())) | None => {}
    }
    good_bye(live).await;
}

struct Traffic {
    blobs: Blobs,
    sender: Sender<ToRunner>,
    runner: RunnerId,
    connection: u64,
    uploads: HashMap<BlobId, Upload>,
    finishing: JoinSet<Result<BlobId, BlobError>>,
}

impl Traffic {
    async fn take(&mut self, incoming: Incoming<ToHub>) -> Result<(), Fault> {
        let runner = self.runner;
        match incoming {
            Incoming::Message(ToHub::BlobsMissing { blobs }) => self.say_missing(blobs).await,
            Incoming::Message(ToHub::BlobGet { blob }) => self.give(blob).await,
            Incoming::Bulk(BulkHead::Blob { blob, offset, total }, bytes) => {
                self.piece(blob, offset, total, bytes).await
            }
            Incoming::Message(ToHub::Unknown(_)) => {
                tracing::debug!(%runner, "a message of a newer runner; dropped");
                Ok(())
            }
            Incoming::Message(
                ToHub::Hello { .. }
                | ToHub::Beat { .. }
                | ToHub::About { .. }
                | ToHub::Taken { .. }
                | ToHub::Declined { .. }
                | ToHub::Tunnel { .. }
                | ToHub::TunnelRefused { .. }
                | ToHub::TunnelText { .. },
            )
            | Incoming::Bulk(BulkHead::Journal { .. } | BulkHead::Tunnel, _) => {
                tracing::warn!(%runner, "a message that does not belong here; dropped");
                Ok(())
            }
            Incoming::Malformed { why } => {
                tracing::warn!(%runner, why, "a frame that makes no sense; dropped");
                Ok(())
            }
        }
    }

    async fn say_missing(&mut self, mut candidates: Vec<BlobId>) -> Result<(), Fault> {
        candidates.truncate(MAX_CANDIDATES);
        let known = self.blobs.clone();
        let blobs = tokio::task::spawn_blocking(move || {
            candidates.retain(|blob| !known.has(blob));
            candidates
        });
        Ok(self.sender.send(&ToRunner::Missing { blobs: blobs.await? }).await?)
    }

    async fn piece(
        &mut self,
        blob: BlobId,
        offset: u64,
        total: u64,
        bytes: Bytes,
    ) -> Result<(), Fault> {
        // From the start is a new try, whatever came before.
        let begun = if offset == 0 { None } else { self.uploads.remove(&blob) };
        if offset == 0 {
            self.uploads.remove(&blob);
        }
        if self.uploads.len() >= MAX_UPLOADS {
            return Err(Fault::TooMany);
        }
        let (blobs, connection) = (self.blobs.clone(), self.connection);
        let upload = tokio::task::spawn_blocking(move || {
            let mut upload = match begun {
                Some(upload) => upload,
                None => blobs.receive(&blob, total, connection)?,
            };
            upload.piece(offset, &bytes)?;
            Ok::<_, BlobError>(upload)
        });
        let upload = upload.await??;
        if !upload.is_whole() {
            self.uploads.insert(upload.blob().clone(), upload);
            return Ok(());
        }
        if self.finishing.len() >= MAX_FINISHING
            && let Some(finished) = self.finishing.join_next().await
        {
            self.finished(finished?).await?;
        }
        self.finishing.spawn_blocking(move || {
            let blob = upload.blob().clone();
            upload.finish().map(|()| blob)
        });
        Ok(())
    }

    async fn finished(&mut self, finished: Result<BlobId, BlobError>) -> Result<(), Fault> {
        let blob = finished?;
        Ok(self.sender.send(&ToRunner::BlobStored { blob }).await?)
    }

    async fn give(&mut self, blob: BlobId) -> Result<(), Fault> {
        let (blobs, wanted) = (self.blobs.clone(), blob.clone());
        let packed = tokio::task::spawn_blocking(move || blobs.packed(&wanted)).await??;
        let Some((mut file, total)) = packed else {
            return Ok(self.sender.send(&ToRunner::BlobUnknown { blob }).await?);
        };
        let mut offset = 0;
        while offset < total {
            let (back, piece) = tokio::task::spawn_blocking(move || {
                let mut piece = Vec::new();
                let read = (&mut file).take(MAX_BATCH as u64).read_to_end(&mut piece);
                (file, read.map(|_| piece))
            })
            .await?;
            file = back;
            let piece = piece.map_err(|source| BlobError::Disk {
                path: blob.as_str().into(),
                doing: "read",
                source,
            })?;
            let head = BulkHead::Blob { blob: blob.clone(), offset, total };
            self.sender.send_bulk(&head, &piece).await?;
            offset += piece.len() as u64;
            if piece.is_empty() {
                break;
            }
        }
        Ok(())
    }
}
