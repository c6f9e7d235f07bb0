//! The live diff: when to look at the tree, and what of it is journalled.

mod watch;

use super::artifacts::{Artifacts, Found};
use crate::blobs::Blobs;
use crate::clock::SteadyClock;
use crate::journal::MAX_RECORD;
use pilot_git::{Git, GitError, KeepBlob, Limits, Scanner, blob_id};
use pilot_proto::{BlobId, Event, SnapshotDelta, Timestamp};
use pilot_secrets::Redactor;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;
pub(super) use watch::TreeWatch;

/// At most one look a second: what changes more often than that nobody can
/// read, and a look at a large tree takes a good part of it.
const PAUSE: Duration = Duration::from_secs(1);
/// The first look after a change waits this long, because changes come in
/// groups: a checkout, a formatter.
const GATHER: Duration = Duration::from_millis(100);
/// The safety net where the tree is watched.
const SLOW_POLL: Duration = Duration::from_secs(10);
/// The only net where it cannot be watched.
const POLL: Duration = Duration::from_secs(3);

/// When to look.
pub(super) struct Schedule {
    clock: SteadyClock,
    /// None while somebody is looking, and when it is all over.
    looker: Option<Looker>,
    watch: Option<TreeWatch>,
    looked: Timestamp,
    wanted: Option<Timestamp>,
}

impl Schedule {
    /// Nothing to look at yet.
    pub(super) fn new(clock: SteadyClock) -> Self {
        Self { clock, looker: None, watch: None, looked: Timestamp::default(), wanted: None }
    }

    /// There is a tree.
    pub(super) fn begin(&mut self, looker: Looker, tree: &Path) {
        self.watch = TreeWatch::new(tree);
        if let Some(watch) = &mut self.watch {
            watch.add(looker.artifacts.root().to_path_buf());
        }
        self.looker = Some(looker);
        self.looked = self.clock.now();
    }

    /// Something may have changed: look soon.
    pub(super) fn want(&mut self) {
        let soon = self.clock.now().after(GATHER).max(self.looked.after(PAUSE));
        self.wanted.get_or_insert(soon);
    }

    /// Waits until the tree changes. Never, where it is not watched.
    pub(super) async fn changed(&self) {
        match &self.watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    }

    /// The tree changed.
    pub(super) fn noticed(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.follow();
        }
        self.want();
    }

    /// When to call [`Schedule::take`]; none while nobody can look.
    pub(super) fn wants_look_at(&self) -> Option<Timestamp> {
        self.looker.as_ref()?;
        let watched = self.watch.as_ref().is_some_and(TreeWatch::is_whole);
        let poll = self.looked.after(if watched { SLOW_POLL } else { POLL });
        Some(self.wanted.map_or(poll, |wanted| wanted.min(poll)))
    }

    /// Whoever is to look now, if it is time.
    pub(super) fn take(&mut self) -> Option<Looker> {
        let now = self.clock.now();
        if self.wants_look_at().is_some_and(|at| at <= now) {
            self.wanted = None;
            return self.looker.take();
        }
        None
    }

    /// Somebody looked.
    pub(super) fn give_back(&mut self, looker: Looker) {
        self.looker = Some(looker);
        self.looked = self.clock.now();
    }

    /// The tree is about to go: whoever is to take the last look; none if
    /// somebody is looking, or nobody ever could.
    pub(super) fn end(&mut self) -> Option<Looker> {
        self.watch = None;
        self.wanted = None;
        self.looker.take()
    }
}

/// Looks at the tree.
pub(super) struct Looker {
    scanner: Scanner,
    keeper: Keeper,
    artifacts: Artifacts,
}

/// What a look found.
pub(super) struct Findings {
    /// Whoever looked; none if it crashed.
    pub(super) looker: Option<Looker>,
    /// To be journalled.
    pub(super) events: Vec<Event>,
    /// Something is being written: look again soon.
    pub(super) again: bool,
    /// Why nothing was found, or not everything.
    pub(super) error: Option<GitError>,
}

impl Looker {
    /// For the tree checked out at `base`. Blocks.
    pub(super) fn new(
        git: &Git,
        tree: &Path,
        base: &str,
        keeper: Keeper,
        artifacts: Artifacts,
    ) -> Result<Self, GitError> {
        let scanner = Scanner::new(git, tree, base, Limits::default())?;
        Ok(Self { scanner, keeper, artifacts })
    }

    /// Looks.
    pub(super) async fn look(self) -> Findings {
        self.look_off_thread(false).await
    }

    /// Looks when nobody writes any more.
    pub(super) async fn look_last(self) -> Findings {
        self.look_off_thread(true).await
    }

    async fn look_off_thread(self, last: bool) -> Findings {
        let looked = tokio::task::spawn_blocking(move || self.look_now(last)).await;
        looked.unwrap_or_else(|error| {
            tracing::error!(%error, "looking at the tree failed");
            Findings { looker: None, events: Vec::new(), again: false, error: None }
        })
    }

    fn look_now(mut self, last: bool) -> Findings {
        let (mut events, mut error) = (Vec::new(), None);
        match self.scanner.scan(&mut self.keeper) {
            Ok(Some(scan)) => {
                let mut parts = Vec::new();
                for delta in scan.deltas {
                    split(self.keeper.renamed(delta), MAX_RECORD - 1024, &mut parts);
                }
                events.extend(parts.into_iter().map(Event::Snapshot));
            }
            Ok(None) => {}
            Err(failed) => error = Some(failed),
        }
        let Found { events: artifacts, again } = self.artifacts.look(last);
        events.extend(artifacts);
        Findings { looker: Some(self), events, again, error }
    }
}

/// Parts of a delta that each fit in a record: a thousand very long paths do
/// not, and a path is nothing that may be cut.
fn split(delta: SnapshotDelta, limit: usize, parts: &mut Vec<SnapshotDelta>) {
    let size = serde_json::to_vec(&delta).map_or(0, |json| json.len());
    if size <= limit || delta.changed.len() + delta.dropped.len() < 2 {
        return parts.push(delta);
    }
    let SnapshotDelta { number, base, head, reset, mut changed, mut dropped, more } = delta;
    let later = SnapshotDelta {
        number,
        base: base.clone(),
        head: head.clone(),
        reset: false,
        changed: changed.split_off(changed.len() / 2),
        dropped: dropped.split_off(dropped.len() / 2),
        more,
    };
    let sooner = SnapshotDelta { number, base, head, reset, changed, dropped, more: true };
    split(sooner, limit, parts);
    split(later, limit, parts);
}

/// Keeps contents in the run's directory, without the secrets in them. What
/// held one gets the id of what was kept.
pub(super) struct Keeper {
    blobs: Blobs,
    redactor: Redactor,
    redacted: BTreeMap<BlobId, BlobId>,
}

impl Keeper {
    pub(super) fn new(blobs: Blobs, redactor: Redactor) -> Self {
        Self { blobs, redactor, redacted: BTreeMap::new() }
    }

    fn renamed(&self, mut delta: SnapshotDelta) -> SnapshotDelta {
        let sides = delta.changed.iter_mut().flat_map(|file| [&mut file.old, &mut file.new]);
        for side in sides.flatten() {
            if let Some(kept) = side.blob.as_ref().and_then(|blob| self.redacted.get(blob)) {
                side.blob = Some(kept.clone());
            }
        }
        delta
    }
}

impl KeepBlob for Keeper {
    fn keep(&mut self, id: &BlobId, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.redactor.stream();
        let mut clean = Vec::with_capacity(bytes.len());
        stream.push(bytes, &mut clean);
        stream.finish(&mut clean);
        if clean == bytes {
            return self.blobs.write(id, bytes);
        }
        let kept = blob_id(&clean);
        self.blobs.write(&kept, &clean[..])?;
        self.redacted.insert(id.clone(), kept);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Snapshot;
    use pilot_proto::snapshot::{Change, ChangedFile};

    #[test]
    fn a_delta_that_is_too_long_comes_in_parts_that_add_up_to_it() {
        let file = |number: usize| ChangedFile {
            path: format!("{}/{number:05}", "a-long-directory".repeat(20)),
            old_path: None,
            change: Change::Deleted,
            old: None,
            new: None,
            added: None,
            removed: None,
        };
        let delta = SnapshotDelta {
            number: 3,
            base: "base".into(),
            head: "head".into(),
            reset: true,
            changed: (0..500).map(file).collect(),
            dropped: vec!["gone".into()],
            more: false,
        };
        let mut parts = Vec::new();
        split(delta.clone(), 20_000, &mut parts);
        assert!(parts.len() > 5);
        let mut whole = Snapshot::default();
        for (index, part) in parts.iter().enumerate() {
            let size = serde_json::to_vec(part).expect("serialises").len();
            assert!(size <= 20_000, "{size} bytes");
            assert_eq!(part.reset, index == 0, "only the first forgets what was");
            assert_eq!(part.more, index + 1 < parts.len(), "the last one says so");
            whole.apply(part);
        }
        let mut expected = Snapshot::default();
        expected.apply(&delta);
        assert_eq!(whole, expected);
    }
}
