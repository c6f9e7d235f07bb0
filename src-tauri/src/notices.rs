//! Which notifications are shown, and which are taken back: pure, so that
//! every order of news can be tried without a desktop.
//!
//! Hubs tell the state of things, again after each reconnect. This folds the
//! states to news, and news to notices.
//!
//! **Invariants:**
//! - What stood there when the window's program started is never announced.
//! - One thing in one state is announced at most once.
//! - At most [`AT_ONCE`] notices come in [`WINDOW_MS`]; the rest is one summary.
//! - A notice whose reason is gone is taken back.

mod news;
mod words;

pub(crate) use news::{Counts, Known, News};

use crate::links::Link;
use crate::settings::QuietHours;
use pilot_proto::InboxId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Which hub, as the window names it.
pub(crate) type HubKey = String;

/// More than so many at once nobody reads one by one.
pub(crate) const AT_ONCE: usize = 4;
/// What "at once" means.
pub(crate) const WINDOW_MS: i64 = 10_000;
/// How long a summary waits for what else comes: a burst of forty ends is over
/// by then, and a person does not miss it.
pub(crate) const GATHER_MS: i64 = 2_000;

/// When something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// Minutes after midnight, local time.
    pub(crate) minute: u16,
}

/// What a notice is about; there is one notice of each at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// An inbox item.
    Item {
        /// Of which hub.
        hub: HubKey,
        /// Which.
        item: InboxId,
    },
    /// A task.
    Task {
        /// Of which hub.
        hub: HubKey,
        /// Which.
        task: pilot_proto::TaskId,
    },
    /// A runner.
    Runner {
        /// Of which hub.
        hub: HubKey,
        /// Which.
        runner: pilot_proto::RunnerId,
    },
    /// Many things at once.
    Summary,
}

impl Subject {
    /// Of which hub.
    pub(crate) fn hub(&self) -> Option<&str> {
        match self {
            Self::Item { hub, .. } | Self::Task { hub, .. } | Self::Runner { hub, .. } => Some(hub),
            Self::Summary => None,
        }
    }
}

/// Why a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Why {
    /// An inbox item waits.
    NeedsYou,
    /// A pull request is open, a branch is pushed, or work is held for a look.
    Ready,
    /// A task failed.
    Failed,
    /// A runner is gone.
    RunnerOffline,
}

/// Something to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// What about.
    pub(crate) subject: Subject,
    /// Why.
    pub(crate) why: Why,
    /// One line.
    pub(crate) title: String,
    /// A few lines, plain text.
    pub(crate) body: String,
    /// The item that `Approve` would allow once.
    pub(crate) approve: Option<InboxId>,
    /// Where `Open` goes.
    pub(crate) open: Link,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, for a moment")]
pub(crate) enum Deed {
    /// Show it, in the place of an earlier one about the same.
    Show(Notice),
    /// Take it back.
    Withdraw(Subject),
}

/// What is heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// Something about a hub's things.
    News(HubKey, News),
    /// A hub is not there any more: a person removed it.
    Forgotten(HubKey),
    /// What the person looks at: nothing while the window has no focus.
    Seen(Option<Seen>),
    /// The notice was closed or followed: nothing to take back.
    Gone(Subject),
    /// Time has come.
    Tick,
}

/// What stands in the focused window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Of which hub.
    pub(crate) hub: HubKey,
    /// The page's path.
    pub(crate) path: String,
}

/// What a person set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Notifications at all.
    pub(crate) notifications: bool,
    /// Not between these.
    pub(crate) quiet_hours: Option<QuietHours>,
    /// Not before this time.
    pub(crate) paused_until: i64,
}

/// Decides. One for all hubs: a burst is a burst, wherever it comes from.
#[derive(Debug)]
pub(crate) struct Decider {
    wishes: Wishes,
    hubs: BTreeMap<HubKey, Known>,
    seen: Option<Seen>,
    /// Shown, and not known to be gone.
    standing: BTreeSet<Subject>,
    /// When the last ones were shown.
    shown_at: VecDeque<i64>,
    held: Vec<Notice>,
    /// When the held ones are told.
    tell_at: Option<i64>,
}

impl Decider {
    /// Knows nothing yet.
    pub(crate) fn new(wishes: Wishes) -> Self {
        Self {
            wishes,
            hubs: BTreeMap::new(),
            seen: None,
            standing: BTreeSet::new(),
            shown_at: VecDeque::new(),
            held: Vec::new(),
            tell_at: None,
        }
    }

    /// Other wishes from now on.
    pub(crate) fn set(&mut self, wishes: Wishes) {
        self.wishes = wishes;
    }

    /// How many things of each sort there are, over all hubs.
    pub(crate) fn counts(&self) -> Counts {
        self.hubs.values().map(Known::counts).fold(Counts::default(), |sum, one| Counts {
            running: sum.running + one.running,
            needs_you: sum.needs_you + one.needs_you,
            ready: sum.ready + one.ready,
        })
    }

    /// When a [`Heard::Tick`] is wanted.
    pub(crate) fn wake_at(&self) -> Option<i64> {
        self.tell_at
    }

    /// What becomes of it.
    pub(crate) fn handle(&mut self, now: Moment, heard: Heard) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match heard {
            Heard::News(hub, news) => {
                let known = self.hubs.entry(hub.clone()).or_default();
                for change in known.fold(&hub, news) {
                    match change {
                        news::Change::Over(subject) => self.withdraw(subject, &mut deeds),
                        news::Change::Came(notice) => self.announce(now, notice, &mut deeds),
                    }
                }
            }
            Heard::Forgotten(hub) => {
                self.hubs.remove(&hub);
                let standing = self.standing.iter().chain(self.held.iter().map(|one| &one.subject));
                let of_it: Vec<_> =
                    standing.filter(|one| one.hub() == Some(&hub)).cloned().collect();
                of_it.into_iter().for_each(|subject| self.withdraw(subject, &mut deeds));
            }
            Heard::Seen(seen) => {
                self.seen = seen;
                let standing = self.standing.iter();
                let looked_at: Vec<_> = standing.filter(|one| self.is_seen(one)).cloned().collect();
                looked_at.into_iter().for_each(|subject| self.withdraw(subject, &mut deeds));
            }
            Heard::Gone(subject) => {
                self.standing.remove(&subject);
            }
            Heard::Tick => self.tell_held(now, &mut deeds),
        }
        deeds
    }

    fn withdraw(&mut self, subject: Subject, deeds: &mut Vec<Deed>) {
        self.held.retain(|held| held.subject != subject);
        if self.standing.remove(&subject) {
            deeds.push(Deed::Withdraw(subject));
        }
    }

    fn announce(&mut self, now: Moment, notice: Notice, deeds: &mut Vec<Deed>) {
        if self.is_quiet(now) || self.is_shown_in_window(&notice) {
            return;
        }
        while self.shown_at.front().is_some_and(|at| *at <= now.at - WINDOW_MS) {
            self.shown_at.pop_front();
        }
        if self.shown_at.len() < AT_ONCE && self.held.is_empty() {
            self.show(now, notice, deeds);
        } else {
            self.held.push(notice);
            self.tell_at.get_or_insert(now.at + GATHER_MS);
        }
    }

    fn tell_held(&mut self, now: Moment, deeds: &mut Vec<Deed>) {
        if self.tell_at.is_none_or(|at| at > now.at) {
            return;
        }
        self.tell_at = None;
        let mut held = std::mem::take(&mut self.held);
        if self.is_quiet(now) {
            return;
        }
        match held.len() {
            0 => {}
            1 => self.show(now, held.remove(0), deeds),
            _ => self.show(now, words::summary(&held), deeds),
        }
    }

    fn show(&mut self, now: Moment, notice: Notice, deeds: &mut Vec<Deed>) {
        self.shown_at.push_back(now.at);
        self.standing.insert(notice.subject.clone());
        deeds.push(Deed::Show(notice));
    }

    fn is_quiet(&self, now: Moment) -> bool {
        !self.wishes.notifications
            || now.at < self.wishes.paused_until
            || self.wishes.quiet_hours.is_some_and(|hours| hours.holds(now.minute))
    }

    fn is_seen(&self, subject: &Subject) -> bool {
        let Some(seen) = &self.seen else { return false };
        match subject {
            Subject::Task { hub, task } => {
                *hub == seen.hub && is_page_of(&seen.path, &format!("/tasks/{task}"))
            }
            Subject::Item { hub, .. } => *hub == seen.hub && is_inbox(&seen.path),
            Subject::Runner { hub, .. } => *hub == seen.hub && is_page_of(&seen.path, "/runners"),
            Subject::Summary => is_inbox(&seen.path),
        }
    }

    /// An item shows on the page of its task, too.
    fn is_shown_in_window(&self, notice: &Notice) -> bool {
        let on_its_page = match (&self.seen, &notice.open) {
            (Some(seen), Link::Route { path, hub: Some(hub) }) => {
                *hub == seen.hub && is_page_of(&seen.path, path)
            }
            _ => false,
        };
        on_its_page || self.is_seen(&notice.subject)
    }
}

fn is_inbox(path: &str) -> bool {
    path == "/" || is_page_of(path, "/inbox")
}

fn is_page_of(path: &str, page: &str) -> bool {
    path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

#[cfg(test)]
mod tests;
