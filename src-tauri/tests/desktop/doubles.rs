//! Parts of a desktop that a test plays itself: a notification daemon that
//! remembers what it was told, and a host for tray icons.

use crate::session::eventually;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use zbus::blocking::{Connection, Proxy, connection};
use zbus::zvariant::{OwnedValue, Value};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: u32,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) actions: Vec<String>,
}

#[derive(Debug, Default)]
struct Heard {
    told: Vec<Told>,
    closed: Vec<u32>,
}

/// `org.freedesktop.Notifications`.
pub(crate) struct Notifications {
    connection: Connection,
    heard: Arc<Mutex<Heard>>,
}

struct Daemon(Arc<Mutex<Heard>>);

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";

#[expect(clippy::unused_self, reason = "an interface's methods are called on somebody")]
#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    fn notify(
        &self,
        _app: &str,
        replaces: u32,
        _icon: &str,
        summary: &str,
        body: &str,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _timeout: i32,
    ) -> u32 {
        let mut heard = self.0.lock().expect("not poisoned");
        let next = u32::try_from(heard.told.len()).expect("few") + 1;
        let id = if replaces == 0 { next } else { replaces };
        let told = Told { id, title: summary.to_owned(), body: body.to_owned(), actions };
        heard.told.push(told);
        id
    }

    fn close_notification(&self, id: u32) {
        self.0.lock().expect("not poisoned").closed.push(id);
    }

    fn get_capabilities(&self) -> Vec<String> {
        vec!["actions".to_owned(), "body".to_owned()]
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let words = ["double", "test", "1", "1.2"].map(str::to_owned);
        words.into()
    }
}

impl Notifications {
    pub(crate) fn start(bus: &str) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let connection = connection::Builder::address(bus)
            .and_then(|bus| bus.name(NOTIFICATIONS))
            .and_then(|bus| bus.serve_at(NOTIFICATIONS_PATH, Daemon(Arc::clone(&heard))))
            .and_then(connection::Builder::build)
            .expect("the name is free");
        Self { connection, heard }
    }

    /// The first one with this in its title.
    #[track_caller]
    pub(crate) fn told(&self, title: &str) -> Told {
        eventually(&format!("a notification of `{title}`"), || {
            let heard = self.heard.lock().expect("not poisoned");
            heard.told.iter().find(|told| told.title.contains(title)).cloned()
        })
    }

    #[track_caller]
    pub(crate) fn closed(&self, id: u32) {
        eventually("the notification is taken back", || {
            self.heard.lock().expect("not poisoned").closed.contains(&id).then_some(())
        });
    }

    /// A person presses this.
    pub(crate) fn press(&self, id: u32, action: &str) {
        self.connection
            .emit_signal(
                None::<&str>,
                NOTIFICATIONS_PATH,
                NOTIFICATIONS,
                "ActionInvoked",
                &(id, action),
            )
            .expect("the bus takes it");
    }
}

/// `org.kde.StatusNotifierWatcher`, with a host.
pub(crate) struct TrayHost {
    connection: Connection,
    items: Arc<Mutex<Vec<String>>>,
}

struct Watcher(Arc<Mutex<Vec<String>>>);

const WATCHER: &str = "org.kde.StatusNotifierWatcher";

#[expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "an interface's methods are called on somebody, and are handed what they get"
)]
#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(
        &self,
        service: &str,
        #[zbus(header)] header: zbus::message::Header<'_>,
    ) {
        let sender = header.sender().expect("a message on a bus").to_string();
        self.0.lock().expect("not poisoned").push(format!("{sender}{service}"));
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

impl TrayHost {
    pub(crate) fn start(bus: &str) -> Self {
        let items = Arc::new(Mutex::new(Vec::new()));
        let connection = connection::Builder::address(bus)
            .and_then(|bus| bus.name(WATCHER))
            .and_then(|bus| bus.serve_at("/StatusNotifierWatcher", Watcher(Arc::clone(&items))))
            .and_then(connection::Builder::build)
            .expect("the name is free");
        Self { connection, items }
    }

    /// The lines of the item's menu, by what they say.
    #[track_caller]
    pub(crate) fn menu(&self) -> Vec<(i32, String)> {
        let (sender, path) = self.item();
        let menu =
            Proxy::new(&self.connection, sender, format!("{path}/Menu"), "com.canonical.dbusmenu");
        let menu = menu.expect("a menu");
        let reply = menu.call_method("GetLayout", &(0_i32, -1_i32, Vec::<String>::new()));
        let reply = reply.expect("the menu has lines");
        type Line = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);
        let (_, (_, _, lines)): (u32, Line) = reply.body().deserialize().expect("a layout");
        let line = |line: OwnedValue| {
            let (id, says, _): Line = Value::from(line).try_into().ok()?;
            let says = says.get("label")?.downcast_ref::<String>().ok()?;
            Some((id, says.replace('_', "")))
        };
        lines.into_iter().filter_map(line).collect()
    }

    /// A person chooses the line that says this.
    #[track_caller]
    pub(crate) fn choose(&self, what: &str) {
        let id = eventually(&format!("`{what}` in the tray's menu"), || {
            self.menu().into_iter().find(|(_, says)| says.contains(what)).map(|(id, _)| id)
        });
        let (sender, path) = self.item();
        let menu =
            Proxy::new(&self.connection, sender, format!("{path}/Menu"), "com.canonical.dbusmenu");
        let event = (id, "clicked", Value::from(0_i32), 0_u32);
        menu.expect("a menu").call_method("Event", &event).expect("it is chosen");
    }

    #[track_caller]
    pub(crate) fn item(&self) -> (String, String) {
        eventually("the tray icon registers itself", || {
            let item = self.items.lock().expect("not poisoned").first().cloned()?;
            let at = item.find('/')?;
            Some((item[..at].to_owned(), item[at..].to_owned()))
        })
    }
}
