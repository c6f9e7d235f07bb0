//! What the window's program is made of, and how its parts reach each other.

use crate::attendant::{Attendant, Order};
use crate::clock;
use crate::folder::Folder;
use crate::hubs::{HubBook, HubEntry, LOCAL};
use crate::json_file::FileProblem;
use crate::keys::Keys;
use crate::live::Sockets;
use crate::local_hub::LocalHub;
use crate::notices::{Counts, Seen, Wishes};
use crate::ports::Ports;
use crate::rendering::Rendering;
use crate::settings::{Settings, SettingsFile};
use crate::tray::Tray;
use crate::tunnel::Tunnels;
use crate::voice::{Intent, Told, Voice};
use crate::window;
use pilot_client::{Client, Endpoint};
use pilot_proto::Problem;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tauri::AppHandle;
use tokio_util::task::TaskTracker;

/// How long the tray's "pause" is.
const PAUSE_MS: i64 = 3_600_000;

/// All of it. There is one, and everybody holds it.
#[derive(Debug)]
pub(crate) struct Desktop {
    /// Where things are kept.
    pub(crate) folder: Folder,
    /// Keychain or sealed file.
    pub(crate) keys: Keys,
    /// The hub of this machine.
    pub(crate) local: LocalHub,
    /// Live sockets of the pages.
    pub(crate) sockets: Sockets,
    /// Tunnels of the pages.
    pub(crate) tunnels: Tunnels,
    /// Ports of runs, for a browser beside the window.
    pub(crate) ports: Ports,
    /// Everything that is under way on somebody's behalf.
    pub(crate) tasks: TaskTracker,
    attendant: Attendant,
    voice: Voice,
    settings: Mutex<SettingsFile>,
    book: Mutex<HubBook>,
    clients: Mutex<BTreeMap<String, Client>>,
    rendering_wanted: Option<String>,
    tray: OnceLock<Tray>,
    seen: Mutex<View>,
    paused_until: AtomicI64,
    leaving: AtomicBool,
}

/// What the window shows.
#[derive(Debug, Default)]
struct View {
    page: Option<Seen>,
    focused: bool,
}

impl Desktop {
    /// Put together; nothing runs yet.
    pub(crate) fn new(
        folder: Folder,
        own_folder: bool,
        rendering_wanted: Option<String>,
        attendant: Attendant,
    ) -> Result<Self, FileProblem> {
        let settings = SettingsFile::open(&folder.settings());
        Ok(Self {
            keys: Keys::new(&folder, own_folder),
            local: LocalHub::new(folder.clone(), settings.now().workers),
            sockets: Sockets::default(),
            tunnels: Tunnels::default(),
            ports: Ports::default(),
            tasks: TaskTracker::new(),
            attendant,
            voice: Voice::default(),
            settings: Mutex::new(settings),
            book: Mutex::new(HubBook::open(&folder.hubs())?),
            clients: Mutex::default(),
            rendering_wanted,
            tray: OnceLock::new(),
            seen: Mutex::default(),
            paused_until: AtomicI64::new(0),
            leaving: AtomicBool::new(false),
            folder,
        })
    }

    // Settings.

    /// As they are.
    pub(crate) fn settings(&self) -> Settings {
        lock(&self.settings).now().clone()
    }

    /// Changes and keeps them.
    pub(crate) async fn set(&self, settings: Settings) -> Result<(), Problem> {
        lock(&self.settings).set(settings)?;
        self.attendant.order(Order::Wish(self.wishes())).await;
        Ok(())
    }

    /// How the window is drawn.
    pub(crate) fn rendering(&self) -> Rendering {
        window::rendering(self.rendering_wanted.as_deref(), self.settings().graphics)
    }

    /// What the person wants announced.
    pub(crate) fn wishes(&self) -> Wishes {
        let settings = self.settings();
        Wishes {
            notifications: settings.notifications,
            quiet_hours: settings.quiet_hours,
            paused_until: self.paused_until.load(Ordering::Relaxed),
        }
    }

    /// Nothing is announced for an hour; or again.
    pub(crate) async fn toggle_pause(&self) {
        let paused = clock::millis() < self.paused_until.load(Ordering::Relaxed);
        let until = if paused { 0 } else { clock::millis() + PAUSE_MS };
        self.paused_until.store(until, Ordering::Relaxed);
        if let Some(tray) = self.tray.get() {
            logged("the tray", tray.show_pause(!paused));
        }
        self.attendant.order(Order::Wish(self.wishes())).await;
    }

    // Hubs.

    /// This machine's, and those that were added.
    pub(crate) fn hubs(&self) -> Vec<HubEntry> {
        let local = HubEntry {
            id: LOCAL.to_owned(),
            name: "This machine".to_owned(),
            url: String::new(),
            fingerprint: None,
            local: true,
        };
        let mut hubs = vec![local];
        hubs.extend(lock(&self.book).all().iter().cloned());
        hubs
    }

    /// Uses the book of hubs.
    pub(crate) fn with_book<T>(&self, work: impl FnOnce(&mut HubBook) -> T) -> T {
        work(&mut lock(&self.book))
    }

    /// The way to a hub.
    pub(crate) async fn client(&self, hub: &str) -> Result<Client, Problem> {
        if let Some(client) = lock(&self.clients).get(hub) {
            return Ok(client.clone());
        }
        let endpoint = self.endpoint(hub).await?;
        let client = Client::new(&endpoint)?;
        lock(&self.clients).insert(hub.to_owned(), client.clone());
        Ok(client)
    }

    async fn endpoint(&self, hub: &str) -> Result<Endpoint, Problem> {
        if hub == LOCAL {
            return self.local.endpoint().await;
        }
        let entry = self.with_book(|book| book.get(hub).cloned())?;
        let token = self.keys.token(hub).await?;
        Ok(Endpoint { url: entry.url, token, fingerprint: entry.fingerprint })
    }

    /// Hears this hub from now on, with what is known of it now.
    pub(crate) async fn hear(&self, hub: &str) {
        lock(&self.clients).remove(hub);
        match self.client(hub).await {
            Ok(client) => {
                self.attendant.order(Order::Hear(hub.to_owned(), Box::new(client))).await;
            }
            Err(problem) => tracing::warn!(hub, %problem, "a hub is not heard"),
        }
    }

    /// Hears it no more.
    pub(crate) async fn forget(&self, hub: &str) {
        lock(&self.clients).remove(hub);
        self.ports.close_all_of(hub);
        self.attendant.order(Order::Forget(hub.to_owned())).await;
    }

    /// Starts this machine's hub and hears it, and those elsewhere.
    pub(crate) async fn begin(&self) {
        self.local.start(&self.keys).await;
        for hub in self.hubs() {
            self.hear(&hub.id).await;
        }
    }

    // The window.

    /// The page listens. How the hub is comes to it one way alone, so that no
    /// older answer overtakes a newer one.
    pub(crate) fn listen(&self, page: tauri::ipc::Channel<Told>) {
        self.voice.listen(page);
        self.local.tell_again();
    }

    /// Tells the page, now or when there is one.
    pub(crate) fn tell(&self, told: Told) {
        self.voice.tell(told);
    }

    /// Tells the page, if there is one.
    pub(crate) fn mention(&self, told: Told) {
        self.voice.mention(told);
    }

    /// Shows the window, and in it what somebody outside wants shown.
    pub(crate) fn show_intent(&self, app: &AppHandle, intent: Intent) {
        self.voice.tell(Told::Intent { intent });
        window::show_soon(app);
    }

    /// The window is gone.
    pub(crate) fn window_gone(&self) {
        self.voice.hang_up();
        self.sockets.close_all();
        self.tunnels.close_all();
        *lock(&self.seen) = View::default();
    }

    /// The page shows this now.
    pub(crate) async fn page_is(&self, page: Seen) {
        lock(&self.seen).page = Some(page);
        self.attendant.order(Order::Seen(self.in_sight())).await;
    }

    /// The window got or lost the focus, or is gone.
    pub(crate) async fn focus_is(&self, focused: bool) {
        lock(&self.seen).focused = focused;
        self.attendant.order(Order::Seen(self.in_sight())).await;
    }

    fn in_sight(&self) -> Option<Seen> {
        let view = lock(&self.seen);
        view.page.clone().filter(|_| view.focused)
    }

    // The tray.

    /// It is there.
    pub(crate) fn keep_tray(&self, tray: Tray) {
        if self.tray.set(tray).is_err() {
            tracing::warn!("there is a tray already");
        }
    }

    /// Shows other numbers in it.
    pub(crate) fn draw_tray(&self, counts: Counts) {
        if let Some(tray) = self.tray.get() {
            logged("the tray", tray.show(counts));
        }
    }

    // The end.

    /// The program is to end. True the first time.
    pub(crate) fn leave(&self) -> bool {
        !self.leaving.swap(true, Ordering::SeqCst)
    }

    /// It ends.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A desktop's part that does not work is no reason to stop.
pub(crate) fn logged<E: std::fmt::Display>(what: &str, result: Result<(), E>) {
    if let Err(error) = result {
        tracing::warn!(what, %error, "a part of the desktop does not work");
    }
}
