//! Looks after the person while no window is open: hears all hubs, keeps the
//! tray's numbers, shows and takes back notifications, and does what a person
//! says to one.
//!
//! One task owns it all; what is decided is decided in [`crate::notices`].

use crate::clock;
use crate::desktop::Desktop;
use crate::notices::{Counts, Decider, Deed, Heard, HubKey, News, Notice, Seen, Wishes};
use crate::notifications::{Done, Notifications};
use crate::voice::{Intent, Said, Told};
use pilot_client::Client;
use pilot_proto::Problem;
use pilot_proto::console::{AnswerItem, InboxAnswer};
use pilot_proto::inbox::Answer;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tauri::AppHandle;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// News that wait: a round of ten thousand tasks comes in twenty parts.
const NEWS: usize = 64;
/// What the window and the settings say.
const ORDERS: usize = 64;
/// The tray is drawn anew at most this often: each time is a file and a call
/// over the bus.
const TRAY_EVERY: Duration = Duration::from_millis(250);

/// What the rest of the program says to it.
#[derive(Debug)]
pub(crate) enum Order {
    /// Hear this hub, instead of what was heard under this name.
    Hear(HubKey, Box<Client>),
    /// Hear it no more, and forget it.
    Forget(HubKey),
    /// The window shows this and has the focus; or not.
    Seen(Option<Seen>),
    /// Other wishes.
    Wish(Wishes),
}

/// The way to it.
#[derive(Debug, Clone)]
pub(crate) struct Attendant(mpsc::Sender<Order>);

/// What it is made of, before it runs.
#[derive(Debug)]
pub(crate) struct Duties(mpsc::Receiver<Order>);

/// Both ends.
pub(crate) fn attendant() -> (Attendant, Duties) {
    let (orders, heard) = mpsc::channel(ORDERS);
    (Attendant(orders), Duties(heard))
}

impl Attendant {
    /// Says it. Where it is far behind, waits.
    pub(crate) async fn order(&self, order: Order) {
        if self.0.send(order).await.is_err() {
            tracing::debug!("nobody attends any more");
        }
    }
}

struct Work {
    desktop: Arc<Desktop>,
    app: AppHandle,
    decider: Decider,
    notifications: Notifications,
    clients: BTreeMap<HubKey, Client>,
    hearing: BTreeMap<HubKey, AbortHandle>,
    hearers: JoinSet<()>,
    answers: JoinSet<()>,
    news: mpsc::Sender<(HubKey, News)>,
    drawn: Counts,
    draw_at: Option<Instant>,
    /// That nothing can be shown was logged.
    said_so: bool,
}

/// Attends until nobody gives orders any more.
pub(crate) async fn attend(duties: Duties, desktop: Arc<Desktop>, app: AppHandle) {
    let (news, mut heard) = mpsc::channel(NEWS);
    let (done, mut dones) = mpsc::channel(ORDERS);
    let mut orders = duties.0;
    let mut work = Work {
        decider: Decider::new(desktop.wishes()),
        notifications: Notifications::new(done),
        desktop,
        app,
        clients: BTreeMap::new(),
        hearing: BTreeMap::new(),
        hearers: JoinSet::new(),
        answers: JoinSet::new(),
        news,
        drawn: Counts::default(),
        draw_at: None,
        said_so: false,
    };
    loop {
        let tick = work.decider.wake_at().map(at);
        let draw = work.draw_at;
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => work.obey(order).await,
                None => return,
            },
            Some((hub, news)) = heard.recv() => work.handle(Heard::News(hub, news)).await,
            Some(done) = dones.recv() => work.done(done).await,
            Some(answered) = work.answers.join_next() => {
                if let Err(error) = answered {
                    tracing::error!(%error, "an answer was not given");
                }
            }
            () = sleep_until(tick.unwrap_or_else(Instant::now)), if tick.is_some() => {
                work.handle(Heard::Tick).await;
            }
            () = sleep_until(draw.unwrap_or_else(Instant::now)), if draw.is_some() => work.draw(),
        }
    }
}

/// A wall-clock time, as far as it is away.
fn at(millis: i64) -> Instant {
    let wait = u64::try_from(millis - clock::millis()).unwrap_or(0);
    Instant::now() + Duration::from_millis(wait)
}

impl Work {
    async fn obey(&mut self, order: Order) {
        match order {
            Order::Hear(hub, client) => {
                self.deaf(&hub);
                let hearer =
                    crate::watching::hear((*client).clone(), hub.clone(), self.news.clone());
                self.hearing.insert(hub.clone(), self.hearers.spawn(hearer));
                self.clients.insert(hub, *client);
                while self.hearers.try_join_next().is_some() {}
            }
            Order::Forget(hub) => {
                self.deaf(&hub);
                self.clients.remove(&hub);
                self.handle(Heard::Forgotten(hub)).await;
            }
            Order::Seen(seen) => self.handle(Heard::Seen(seen)).await,
            Order::Wish(wishes) => self.decider.set(wishes),
        }
    }

    fn deaf(&mut self, hub: &HubKey) {
        if let Some(hearing) = self.hearing.remove(hub) {
            hearing.abort();
        }
    }

    async fn handle(&mut self, heard: Heard) {
        for deed in self.decider.handle(clock::now(), heard) {
            match deed {
                Deed::Show(notice) => self.show(notice).await,
                Deed::Withdraw(subject) => self.notifications.withdraw(&subject),
            }
        }
        if self.decider.counts() != self.drawn {
            self.draw_at.get_or_insert_with(|| Instant::now() + TRAY_EVERY);
        }
    }

    async fn show(&mut self, notice: Notice) {
        match self.notifications.show(notice).await {
            Ok(()) => self.said_so = false,
            // The settings page says it where a person looks.
            Err(problem) if !self.said_so => {
                tracing::warn!(%problem, "nothing can be announced");
                self.said_so = true;
            }
            Err(_) => {}
        }
    }

    fn draw(&mut self) {
        self.draw_at = None;
        self.drawn = self.decider.counts();
        self.desktop.draw_tray(self.drawn);
    }

    async fn done(&mut self, done: Done) {
        match done {
            Done::Open(notice) => {
                self.gone(&notice).await;
                self.desktop.show_intent(&self.app, Intent::Link(notice.open));
            }
            Done::Approve(notice) => {
                self.gone(&notice).await;
                self.approve(notice);
            }
            Done::Closed(subject) => {
                self.notifications.forget(&subject);
                self.handle(Heard::Gone(subject)).await;
            }
        }
    }

    async fn gone(&mut self, notice: &Notice) {
        self.notifications.forget(&notice.subject);
        self.handle(Heard::Gone(notice.subject.clone())).await;
    }

    /// Allows once. What goes wrong is shown in the window, at the item.
    fn approve(&mut self, notice: Notice) {
        let client = notice.subject.hub().and_then(|hub| self.clients.get(hub)).cloned();
        let (Some(client), Some(item)) = (client, notice.approve) else { return };
        let (desktop, app) = (Arc::clone(&self.desktop), self.app.clone());
        self.answers.spawn(async move {
            let answer = Answer::ALLOW;
            match client.call::<InboxAnswer>(AnswerItem { item, answer }).await {
                Ok(_) => tracing::info!(%item, "allowed once, from the notification"),
                Err(error) => {
                    tracing::warn!(%item, %error, "an answer did not arrive");
                    let said = Intent::Said(Said { problem: Problem::from(error) });
                    desktop.tell(Told::Intent { intent: said });
                    desktop.show_intent(&app, Intent::Link(notice.open));
                }
            }
        });
    }
}
