//! A runner's primary connection: its news to the core, the core's word to it.

use super::{Outlet, good_bye};
use crate::core::{Connected, JournalNews, News};
use crate::hub::Parts;
use crate::live::Watched;
use bytes::Bytes;
use pilot_link::{Accepted, Closed, HubLive, Incoming};
use pilot_proto::runner::{About, BulkHead, Refusal, ToHub, ToRunner};
use pilot_proto::{Event, Record, RunId, RunnerId};
use pilot_store::StoredRecord;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// Records longer than this together are read off the runtime's threads: a
/// full batch takes some milliseconds.
const READ_INLINE: usize = 64 * 1024;

pub(super) async fn serve(parts: &Parts, accepted: Accepted, link: u64) {
    let Accepted { greeted, mut live } = accepted;
    let runner = greeted.runner;
    let Some(about) = greeted.about else {
        tracing::warn!(%runner, "a primary hello that does not say how the runner is set up");
        if let Err(error) = live.sender().send(&ToRunner::Refused(Refusal::Malformed)).await {
            tracing::debug!(%runner, %error, "it was not told");
        }
        return good_bye(live).await;
    };
    tracing::info!(%runner, name = about.name, held = greeted.runs.len(), "a runner is connected");
    let outlet = Arc::new(Outlet::new(live.sender()));
    let news = Connected {
        runner,
        about: bounded(about),
        held: greeted.runs,
        version: greeted.version,
        link,
        outlet: Arc::clone(&outlet),
    };
    let sender = live.sender();
    let own = Own::default();
    let closed = tokio::select! {
        closed = listen(parts, &mut live, (runner, link, &outlet), news, &own) => Some(closed),
        closed = tell_watched(parts.fanout.watched(), &outlet, &own) => Some(closed),
        closed = outlet.drain() => Some(closed),
        // Also while `listen` waits for the core: a revoked runner goes at once.
        closed = sender.closed() => Some(closed),
        () = parts.stop.cancelled() => None,
    };
    match closed {
        Some(closed) => tracing::info!(%runner, %closed, "a runner is disconnected"),
        None => tracing::debug!(%runner, "the hub stops"),
    }
    parts.tunnels.detach(runner, link);
    parts.core.tell(News::Disconnected { runner, link }).await;
    good_bye(live).await;
}

/// The runs that are on this connection's runner: it is told of no others.
#[derive(Debug, Default)]
struct Own {
    runs: Mutex<BTreeSet<RunId>>,
    more: Notify,
}

impl Own {
    fn hear(&self, message: &ToHub) {
        match message {
            ToHub::Taken { run, .. } => {
                self.runs.lock().unwrap_or_else(PoisonError::into_inner).insert(*run);
                self.more.notify_one();
            }
            ToHub::Beat { runs, .. } => self.only(runs.iter().copied()),
            ToHub::Hello { .. }
            | ToHub::Declined { .. }
            | ToHub::About { .. }
            | ToHub::BlobsMissing { .. }
            | ToHub::BlobGet { .. }
            | ToHub::Tunnel { .. }
            | ToHub::TunnelRefused { .. }
            | ToHub::TunnelText { .. }
            | ToHub::Unknown(_) => {}
        }
    }

    fn only(&self, runs: impl Iterator<Item = RunId>) {
        *self.runs.lock().unwrap_or_else(PoisonError::into_inner) = runs.collect();
        self.more.notify_one();
    }

    fn of(&self, watched: &Watched) -> Vec<RunId> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        watched.intersection(&runs).copied().collect()
    }
}

/// Tells the runner which of its journals are read, whenever that changes. Not
/// before its first beat: until then it waits for its welcome.
async fn tell_watched(mut watched: watch::Receiver<Watched>, outlet: &Outlet, own: &Own) -> Closed {
    let mut told = None;
    own.more.notified().await;
    loop {
        let runs = own.of(&watched.borrow_and_update());
        if told.as_ref() != Some(&runs) {
            outlet.push(ToRunner::Watched { runs: runs.clone() });
            told = Some(runs);
        }
        tokio::select! {
            changed = watched.changed() => {
                if changed.is_err() {
                    // The hub stops; whoever waits for us hears of it elsewhere.
                    std::future::pending::<()>().await;
                }
            }
            () = own.more.notified() => {}
        }
    }
}

/// What a runner says about itself is shown and stored; it must not be long.
fn bounded(mut about: About) -> About {
    about.name = about.name.chars().take(super::MAX_NAME).collect();
    about.agents.truncate(64);
    about.checks.truncate(64);
    about
}

async fn listen(
    parts: &Parts,
    live: &mut HubLive,
    (runner, link, outlet): (RunnerId, u64, &Arc<Outlet>),
    connected: Connected,
    own: &Own,
) -> Closed {
    parts.core.tell(News::Connected(Box::new(connected))).await;
    loop {
        let incoming = match live.recv().await {
            Ok(incoming) => incoming,
            Err(closed) => return closed,
        };
        let news = match incoming {
            Incoming::Message(ToHub::TunnelRefused { ticket, problem }) => {
                parts.tunnels.refused(runner, &ticket, problem);
                None
            }
            Incoming::Message(message) => {
                own.hear(&message);
                if matches!(message, ToHub::Beat { .. }) {
                    // Not before: until its first beat it waits for its welcome.
                    parts.tunnels.attach(runner, link, outlet);
                }
                news_of(runner, link, message)
            }
            Incoming::Bulk(BulkHead::Journal { run, .. }, bytes) => {
                let news = journal(runner, run, bytes).await;
                if let Some(News::Journal(news)) = &news {
                    keep_renewed(parts, news).await;
                }
                news
            }
            Incoming::Bulk(BulkHead::Blob { blob, .. }, _) => {
                tracing::warn!(%runner, %blob, "a piece of a blob on the primary connection; dropped");
                None
            }
            Incoming::Bulk(BulkHead::Tunnel, _) => {
                tracing::warn!(%runner, "a tunnel's bytes on the primary connection; dropped");
                None
            }
            Incoming::Malformed { why } => {
                tracing::warn!(%runner, why, "a frame that makes no sense; dropped");
                None
            }
        };
        if let Some(news) = news {
            // Waits while the core is busy: then nothing is read here, and
            // TCP tells the runner to wait.
            parts.core.tell(news).await;
        }
    }
}

fn news_of(runner: RunnerId, link: u64, message: ToHub) -> Option<News> {
    match message {
        ToHub::Beat { runs, load } => Some(News::Beat { runner, link, runs, load }),
        ToHub::Taken { run, fence } => Some(News::Taken { runner, link, run, fence }),
        ToHub::Declined { run, fence, reason } => {
            let reason = reason.chars().take(500).collect();
            Some(News::Declined { runner, link, run, fence, reason })
        }
        ToHub::About { about } => Some(News::About { runner, link, about: bounded(about) }),
        ToHub::Hello { .. }
        | ToHub::BlobsMissing { .. }
        | ToHub::BlobGet { .. }
        | ToHub::Tunnel { .. }
        | ToHub::TunnelRefused { .. }
        | ToHub::TunnelText { .. } => {
            tracing::warn!(%runner, "a message that does not belong here; dropped");
            None
        }
        ToHub::Unknown(_) => {
            tracing::debug!(%runner, "a message of a newer runner; dropped");
            None
        }
    }
}

async fn journal(runner: RunnerId, run: RunId, bytes: Bytes) -> Option<News> {
    let read = if bytes.len() <= READ_INLINE {
        read_records(&bytes)
    } else {
        match tokio::task::spawn_blocking(move || read_records(&bytes)).await {
            Ok(read) => read,
            Err(error) => Err(error.to_string()),
        }
    };
    match read {
        Ok((records, bytes)) => Some(News::Journal(JournalNews { runner, run, records, bytes })),
        Err(why) => {
            // Not acknowledged, so the runner keeps it and a person can look.
            tracing::error!(%runner, %run, why, "records that make no sense; dropped");
            None
        }
    }
}

/// Logins that a run renewed are kept before the core hears of it, and so before
/// the record is acknowledged: should we die between, it comes once more.
async fn keep_renewed(parts: &Parts, news: &JournalNews) {
    for (record, _) in &news.records {
        let Event::LoginRenewed { provider, sealed } = &record.event else { continue };
        match parts.credentials.take_renewed(news.run, provider, sealed).await {
            Ok(true) => tracing::info!(run = %news.run, provider, "a renewed login was kept"),
            Ok(false) => {
                tracing::debug!(run = %news.run, provider, "a login that is not ours any more")
            }
            Err(problem) => {
                tracing::error!(run = %news.run, provider, %problem, "a renewed login was not kept");
            }
        }
    }
}

type Records = (Vec<(Record, StoredRecord)>, usize);

fn read_records(bytes: &[u8]) -> Result<Records, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let lines = text.split('\n').filter(|line| !line.is_empty());
    let records = lines.map(|line| {
        let record: Record = serde_json::from_str(line)?;
        let stored = StoredRecord::new(&record, line.to_owned());
        Ok((record, stored))
    });
    let records: Result<Vec<_>, serde_json::Error> = records.collect();
    Ok((records.map_err(|error| error.to_string())?, bytes.len()))
}
