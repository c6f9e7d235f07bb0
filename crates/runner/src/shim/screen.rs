//! The run's screen: one desktop inside the walls, any number of people who
//! look on, and keyboard and pointer with the agent or with one person.
//!
//! ```text
//!  visitors ──frames──> viewer ──RFB──┐
//!  agent's tools ─────> hands ───RFB──┼── unix socket ── Xvnc (inside the walls)
//!  recordings <──────── films ───RFB──┘
//! ```
//!
//! It is started by the first visitor or the first tool call, and ends with its
//! server or with the walls; whoever comes then starts another.
//! **Invariants:** no port is opened; the server's socket is out of reach of
//! what runs inside as soon as it stands; only the person who has taken over
//! has keyboard and pointer, and while there is one the agent has not.

mod agent;
mod films;
mod place;
mod start;
mod viewer;

pub(super) use agent::{Deed, Use};
pub(super) use films::Recordings;
pub(super) use place::{Attachment, attach};
pub(super) use start::{Display, display};

use super::visits::Visitor;
use super::walls::SharedWalls;
use super::workspace::SharedWorkspace;
use crate::clock::SteadyClock;
use films::Films;
use pilot_proto::screen::{FromScreen, ScreenDriver, ScreenEvent};
use pilot_proto::{Event, Problem, Timestamp};
use pilot_sandbox::Agent;
use pilot_screen::rfb::viewer::Pointer;
use place::Place;
use start::Desktop;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Visitors at the door.
const AT_THE_DOOR: usize = 8;
/// Calls that wait while one is carried out. An agent makes one at a time.
const USES: usize = 8;

/// Who drives, and when they last touched anything: outlives any desktop.
#[derive(Clone)]
pub(super) struct Wheel {
    person: watch::Sender<Option<ScreenDriver>>,
    touched: Arc<AtomicI64>,
    pointer: Arc<AtomicU64>,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            person: watch::Sender::new(None),
            touched: Arc::new(AtomicI64::new(i64::MIN)),
            pointer: Arc::default(),
        }
    }
}

impl Wheel {
    /// From now on this person drives; none: the agent may.
    pub(super) fn give(&self, who: Option<String>, now: Timestamp) {
        self.person.send_replace(who.map(|who| ScreenDriver { who: Some(who), since: now }));
    }

    /// Who has taken over.
    pub(super) fn person(&self) -> Option<String> {
        self.person.borrow().as_ref().and_then(|driver| driver.who.clone())
    }

    /// When the one who drives last touched anything, if that is news.
    pub(super) fn touched(&self) -> Option<Timestamp> {
        let at = self.touched.swap(i64::MIN, Ordering::Relaxed);
        (at != i64::MIN).then_some(Timestamp(at))
    }

    fn touch(&self, now: Timestamp) {
        self.touched.store(now.0, Ordering::Relaxed);
    }

    fn point(&self, Pointer { x, y, buttons }: Pointer) {
        let packed = u64::from(x) << 32 | u64::from(y) << 16 | u64::from(buttons);
        self.pointer.store(packed, Ordering::Relaxed);
    }

    fn pointer(&self) -> Pointer {
        let [_, _, x1, x2, y1, y2, _, buttons] = self.pointer.load(Ordering::Relaxed).to_be_bytes();
        Pointer { x: u16::from_be_bytes([x1, x2]), y: u16::from_be_bytes([y1, y2]), buttons }
    }
}

/// What a screen is made of.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) workspace: SharedWorkspace,
    pub(super) walls: SharedWalls,
    pub(super) clock: SteadyClock,
    pub(super) wheel: Wheel,
    pub(super) recordings: Recordings,
    /// The server that is its screen, if it is not its own.
    pub(super) attachment: Attachment,
    /// What goes into the run's journal.
    pub(super) words: mpsc::Sender<Event>,
}

impl Surroundings {
    async fn journal(&self, event: ScreenEvent) {
        // Nobody hears it when the run is over.
        self.words.send(Event::Screen(event)).await.ok();
    }
}

/// The way to a screen.
pub(super) struct Screen {
    visitors: mpsc::Sender<Visitor>,
    uses: mpsc::Sender<Use>,
}

impl Screen {
    /// A screen, and the work that is it.
    pub(super) fn new(
        surroundings: Surroundings,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (visitors, from_door) = mpsc::channel(AT_THE_DOOR);
        let (uses, from_tools) = mpsc::channel(USES);
        let work = work(surroundings, visitors.clone(), from_door, from_tools);
        (Self { visitors, uses }, work)
    }

    /// Somebody may still come.
    pub(super) fn is_open(&self) -> bool {
        !self.visitors.is_closed()
    }

    /// Brings somebody in; gives them back if it cannot.
    pub(super) fn enter(&self, visitor: Visitor) -> Result<(), Box<Visitor>> {
        self.visitors.try_send(visitor).map_err(|error| Box::new(error.into_inner()))
    }

    /// Brings a call; gives it back if it cannot.
    pub(super) fn bring(&self, call: Use) -> Result<(), Box<Use>> {
        self.uses.try_send(call).map_err(|error| Box::new(error.into_inner()))
    }
}

/// What every viewer is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    driver: Option<ScreenDriver>,
    viewers: u32,
}

async fn work(
    surroundings: Surroundings,
    door: mpsc::Sender<Visitor>,
    mut visitors: mpsc::Receiver<Visitor>,
    mut uses: mpsc::Receiver<Use>,
) {
    let mut attachment = surroundings.attachment.subscribe();
    let attached = attachment.borrow_and_update().clone();
    let started = match attached {
        Some(server) => start::attached(server).await,
        None => start::start(&surroundings).await,
    };
    let desktop = match started {
        Ok(desktop) => desktop,
        Err(problem) => return turn_away(&problem, visitors, uses).await,
    };
    let Desktop { mut server, manager, place, size } = desktop;
    let (width, height) = (size.width, size.height);
    let started = ScreenEvent::Started { width, height, attached: place.address() };
    surroundings.journal(started).await;
    let (standing, _) = watch::channel(Standing { driver: None, viewers: 0 });
    let mut room = Room {
        person: surroundings.wheel.person.subscribe(),
        films: Films::new(surroundings.clone(), place.clone()),
        count: Arc::default(),
        tasks: JoinSet::new(),
        surroundings,
        place,
        standing,
        door,
    };
    if let Some(server) = &mut server {
        room.tasks.spawn(start::manage_windows(&room.surroundings, manager));
        room.tasks.spawn(start::swallow(server));
    }
    let (to_hands, calls) = mpsc::channel(USES);
    let hands = agent::Agent::new(&room.surroundings, room.place.clone(), room.films.notes());
    room.tasks.spawn(hands.work(calls));
    room.follow().await;
    let why = loop {
        tokio::select! {
            () = ends(&mut server) => break "The desktop's server has ended.",
            Ok(()) = attachment.changed() => break "The run has another screen.",
            Some(visitor) = visitors.recv() => room.enter(visitor),
            Some(call) = uses.recv() => room.bring(call, &to_hands).await,
            Ok(()) = room.person.changed() => room.follow().await,
            () = room.films.rest() => room.follow().await,
            Some(_) = room.tasks.join_next() => room.tell(),
        }
    };
    // From now on whoever comes starts another, and those who were here may be
    // told so.
    drop((visitors, uses));
    room.films.end().await;
    room.surroundings.journal(ScreenEvent::Ended { why: why.to_owned() }).await;
    // One that is not wanted any more ends here, and with it its viewers.
    drop(server);
    // Viewers see their connections end and say so; the rest is not waited for.
    let gone = async { while room.tasks.join_next().await.is_some() {} };
    tokio::time::timeout(viewer::FAREWELL, gone).await.ok();
}

/// Waits until the server has ended. Of somebody else's nobody knows.
async fn ends(server: &mut Option<Agent>) {
    match server {
        Some(server) => {
            let ended = server.wait().await;
            tracing::debug!(?ended, "the desktop's server has ended");
        }
        None => std::future::pending().await,
    }
}

struct Room {
    surroundings: Surroundings,
    place: Arc<Place>,
    person: watch::Receiver<Option<ScreenDriver>>,
    standing: watch::Sender<Standing>,
    films: Films,
    /// Closed as soon as nobody can come in any more.
    door: mpsc::Sender<Visitor>,
    /// How many viewers there are.
    count: Arc<AtomicU32>,
    tasks: JoinSet<()>,
}

impl Room {
    fn enter(&mut self, visitor: Visitor) {
        let guest = viewer::Guest {
            place: self.place.clone(),
            wheel: self.surroundings.wheel.clone(),
            clock: self.surroundings.clock,
            standing: self.standing.subscribe(),
            notes: self.films.notes(),
            door: self.door.clone(),
        };
        let present = Present(Arc::clone(&self.count));
        present.0.fetch_add(1, Ordering::Relaxed);
        self.tasks.spawn(async move {
            guest.serve(visitor).await;
            drop(present);
        });
        self.tell();
    }

    async fn bring(&mut self, call: Use, hands: &mpsc::Sender<Use>) {
        self.films.agent_acts().await;
        self.tell();
        if let Err(error) = hands.try_send(call) {
            error.into_inner().refuse("Other calls are still under way: make one at a time.");
        }
    }

    /// Somebody else drives, or nobody.
    async fn follow(&mut self) {
        let person = self.person.borrow_and_update().clone();
        self.films.driven_by(person.as_ref()).await;
        self.tell();
    }

    /// Tells every viewer how it stands.
    fn tell(&self) {
        let person = self.person.borrow().clone();
        let driver = person.or_else(|| self.films.agents_span());
        let now = Standing { driver, viewers: self.count.load(Ordering::Relaxed) };
        self.standing.send_if_modified(|standing| {
            let changed = *standing != now;
            *standing = now.clone();
            changed
        });
    }
}

/// A viewer among those who are there.
struct Present(Arc<AtomicU32>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// There is no desktop: whoever waits for it is told why.
async fn turn_away(
    problem: &Problem,
    mut visitors: mpsc::Receiver<Visitor>,
    mut uses: mpsc::Receiver<Use>,
) {
    let why = format!("{} {}", problem.message, problem.hint).trim().to_owned();
    visitors.close();
    uses.close();
    while let Some(visitor) = visitors.recv().await {
        visitor.refuse(problem.clone()).await;
    }
    while let Some(call) = uses.recv().await {
        call.refuse(&why);
    }
}

fn text(message: &FromScreen) -> crate::frames::Frame {
    crate::frames::Frame::Text(serde_json::to_string(message).unwrap_or_default())
}
