//! The tray: how things stand, and the way back to the window.

use crate::desktop::Desktop;
use crate::links::Link;
use crate::notices::Counts;
use crate::voice::Intent;
use std::fmt;
use std::sync::Arc;
use tauri::image::Image;
use tauri::menu::{IsMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Manager, Wry};

const ID: &str = "pilothouse";
const CALM: &[u8] = include_bytes!("../../icons/tray-light.png");
const WANTS: &[u8] = include_bytes!("../../icons/tray-light-wants.png");

/// The tray's icon and the lines of its menu that change.
pub(crate) struct Tray {
    icon: TrayIcon<Wry>,
    status: MenuItem<Wry>,
    inbox: MenuItem<Wry>,
    pause: MenuItem<Wry>,
}

impl fmt::Debug for Tray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tray").finish_non_exhaustive()
    }
}

impl Tray {
    /// Makes it. Works where nobody shows it, too.
    pub(crate) fn make(app: &AppHandle) -> tauri::Result<Self> {
        let item = |id, text| MenuItem::with_id(app, id, text, true, None::<&str>);
        let status =
            MenuItem::with_id(app, "status", said(Counts::default()), false, None::<&str>)?;
        let inbox = item("inbox", "Inbox")?;
        let pause = item("pause", PAUSE)?;
        let (open, new) = (item("open", "Open Pilothouse")?, item("new", "New task")?);
        let quit = item("quit", "Quit (runs go on)")?;
        let line = || PredefinedMenuItem::separator(app);
        let (first, second) = (line()?, line()?);
        let items: [&dyn IsMenuItem<Wry>; 8] =
            [&status, &open, &inbox, &new, &first, &pause, &second, &quit];
        let icon = TrayIconBuilder::with_id(ID)
            .icon(Image::from_bytes(CALM)?)
            // A template on macOS is drawn in the colour of the menu bar.
            .icon_as_template(true)
            .tooltip(tooltip(Counts::default()))
            .menu(&Menu::with_items(app, &items)?)
            .on_menu_event(|app, event| follow(app, event.id().as_ref()))
            .build(app)?;
        Ok(Self { icon, status, inbox, pause })
    }

    /// Shows other numbers.
    pub(crate) fn show(&self, counts: Counts) -> tauri::Result<()> {
        let wants = counts.needs_you > 0;
        self.icon.set_icon(Some(Image::from_bytes(if wants { WANTS } else { CALM })?))?;
        self.icon.set_tooltip(Some(tooltip(counts)))?;
        // Beside the icon, where there is room for text.
        self.icon.set_title(wants.then(|| counts.needs_you.to_string()))?;
        self.status.set_text(said(counts))?;
        self.inbox.set_text(if wants {
            format!("Inbox ({})", counts.needs_you)
        } else {
            "Inbox".to_owned()
        })
    }

    /// Says whether notifications are paused.
    pub(crate) fn show_pause(&self, paused: bool) -> tauri::Result<()> {
        self.pause.set_text(if paused { "Resume notifications" } else { PAUSE })
    }
}

const PAUSE: &str = "Pause notifications for an hour";

fn follow(app: &AppHandle, item: &str) {
    let desktop = app.state::<Arc<Desktop>>();
    match item {
        "open" => crate::window::show(app),
        "inbox" => desktop.show_intent(app, Intent::Link(route("/"))),
        "new" => desktop.show_intent(app, Intent::Link(Link::NewTask(Default::default()))),
        "pause" => {
            let desktop = Arc::clone(&desktop);
            desktop.tasks.clone().spawn_on(
                async move { desktop.toggle_pause().await },
                tauri::async_runtime::handle().inner(),
            );
        }
        "quit" => crate::app::quit(app),
        other => tracing::warn!(other, "the tray has no such line"),
    }
}

fn route(path: &str) -> Link {
    Link::Route { path: path.to_owned(), hub: None }
}

fn said(counts: Counts) -> String {
    format!("{} running · {} need you · {} ready", counts.running, counts.needs_you, counts.ready)
}

fn tooltip(counts: Counts) -> String {
    format!("Pilothouse: {}", said(counts))
}
