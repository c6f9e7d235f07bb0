//! What stands on a desktop beside the window: dunst, which shows
//! notifications, and xfce4-panel, which shows the tray. Both are the real
//! ones, and are asked over the bus what they show.

use crate::session::{Session, eventually, write_program};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::{DynamicType, OwnedValue, Value};

/// How long a press may take to have its effect before it is repeated: one
/// that came before the program listened for it is nobody's.
const EFFECT: Duration = Duration::from_secs(5);

/// Shows everything until somebody presses it. Of a menu of actions it takes
/// the one that stands in a file of ours, as a person would with a menu program.
const DUNST: &str = "[global]\ndmenu = CHOOSER\n[urgency_normal]\ntimeout = 0\n";
const CHOOSER: &str = "#!/bin/sh\nexec grep -m1 -F -f CHOICE\n";

#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) id: u32,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) actions: Vec<String>,
}

pub(crate) struct Dunst {
    connection: Connection,
    printed: PathBuf,
    choice: PathBuf,
}

impl Dunst {
    pub(crate) fn start(session: &mut Session) -> Self {
        let home = session.data();
        let (printed, choice) = (home.join("dunst.txt"), home.join("choice"));
        let chooser = home.join("choose");
        let script = CHOOSER.replace("CHOICE", &choice.display().to_string());
        write_program(&chooser, &script);
        let config = home.join("dunstrc");
        let text = DUNST.replace("CHOOSER", &chooser.display().to_string());
        std::fs::write(&config, text).expect("writable");
        let mut dunst = session.command("dunst");
        dunst.arg("-print").arg("-config").arg(&config);
        dunst.stdout(std::fs::File::create(&printed).expect("writable"));
        session.keep(dunst);
        let connection = session.connection();
        let dunst = Self { connection, printed, choice };
        eventually("dunst shows notifications", || dunst.displayed().map(drop));
        dunst
    }

    fn proxy(&self, interface: &'static str) -> Proxy<'_> {
        let (name, path) = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications");
        Proxy::new(&self.connection, name, path, interface).expect("a name and a path")
    }

    fn displayed(&self) -> Option<u32> {
        let dunst = self.proxy("org.dunstproject.cmd0");
        let asked = dunst.call_method("Ping", &());
        asked.ok()?;
        // Not from a cache, which would be as old as the proxy.
        let properties = self.proxy("org.freedesktop.DBus.Properties");
        let length: OwnedValue =
            properties.call("Get", &("org.dunstproject.cmd0", "displayedLength")).ok()?;
        u32::try_from(length).ok()
    }

    /// The last one that it showed with this in its title.
    #[track_caller]
    pub(crate) fn told(&self, title: &str) -> Told {
        eventually(&format!("a notification of `{title}`"), || {
            let printed = std::fs::read_to_string(&self.printed).ok()?;
            let all = printed.split_inclusive("\n}\n").filter_map(read);
            all.filter(|told| told.title.contains(title)).last()
        })
    }

    /// Those that stand on the screen no more: title by number.
    fn history(&self) -> HashMap<u32, String> {
        type Past = Vec<HashMap<String, OwnedValue>>;
        let dunst = self.proxy("org.dunstproject.cmd0");
        let past: Past = dunst.call("NotificationListHistory", &()).expect("dunst answers");
        let read = |one: &HashMap<String, OwnedValue>| {
            let id = one.get("id")?.downcast_ref::<i32>().ok()?;
            let title = one.get("summary")?.downcast_ref::<String>().ok()?;
            Some((u32::try_from(id).ok()?, title))
        };
        past.iter().filter_map(read).collect()
    }

    #[track_caller]
    pub(crate) fn closed(&self, told: &Told) {
        eventually("the notification is taken back", || {
            (self.history().get(&told.id) == Some(&told.title)).then_some(())
        });
    }

    /// A person clicks on one, which must be the topmost on the screen, or
    /// chooses from the menu of actions, until something comes of it.
    #[track_caller]
    pub(crate) fn press(&self, told: &Told, action: Press, mut effect: impl FnMut() -> bool) {
        eventually(&format!("something comes of {action:?} on `{}`", told.title), || {
            if self.history().contains_key(&told.id) {
                self.act("NotificationPopHistory", &(told.id));
            }
            self.displayed().filter(|number| *number > 0)?;
            match action {
                Press::Itself => self.act("NotificationAction", &(0_u32)),
                Press::Action(action) => {
                    let line = format!("#{action} ({}", told.title);
                    std::fs::write(&self.choice, line).expect("writable");
                    self.act("ContextMenuCall", &());
                }
            }
            let until = Instant::now() + EFFECT;
            while Instant::now() < until {
                if effect() {
                    return Some(());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            None
        });
    }

    fn act(&self, method: &str, arguments: &(impl serde::Serialize + DynamicType)) {
        let dunst = self.proxy("org.dunstproject.cmd0");
        dunst.call_method(method, arguments).expect("dunst answers");
    }
}

/// What is pressed of a notification.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Press {
    Itself,
    Action(&'static str),
}

/// One of what `dunst -print` prints.
fn read(block: &str) -> Option<Told> {
    let quoted = |name: &str| {
        let from = block.find(&format!("\t{name}: '"))? + name.len() + 4;
        let text = block.get(from..)?;
        Some(text[..text.find("'\n")?].to_owned())
    };
    let id = block.split("\n\tid: ").nth(1)?.lines().next()?.parse().ok()?;
    let actions = block.split("\tactions: {\n").nth(1).unwrap_or_default();
    let actions = actions.lines().filter_map(|line| line.strip_prefix("\t\t\"")?.split('"').next());
    let mut actions: Vec<_> = actions.map(str::to_owned).collect();
    actions.sort();
    Some(Told { id, title: quoted("summary")?, body: quoted("body")?, actions })
}

/// A panel with nothing on it but the tray.
const PANEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray"/>
  </property>
</channel>
"#;

pub(crate) struct Panel {
    connection: Connection,
}

impl Panel {
    pub(crate) fn start(session: &mut Session) -> Self {
        let channels = session.config().join("xfce4/xfconf/xfce-perchannel-xml");
        std::fs::create_dir_all(&channels).expect("writable");
        std::fs::write(channels.join("xfce4-panel.xml"), PANEL).expect("writable");
        session.keep(session.command(settings_program()));
        let connection = session.connection();
        let panel = Self { connection };
        eventually("xfconf keeps settings", || {
            let bus = zbus::blocking::fdo::DBusProxy::new(&panel.connection).ok()?;
            let name = "org.xfce.Xfconf".try_into().expect("a name");
            bus.name_has_owner(name).ok()?.then_some(())
        });
        let mut program = session.command("xfce4-panel");
        program.arg("--disable-wm-check");
        session.keep(program);
        eventually("the panel hosts tray icons", || {
            panel.asked::<bool>("IsStatusNotifierHostRegistered")?.then_some(())
        });
        panel
    }

    fn asked<T: TryFrom<OwnedValue>>(&self, property: &str) -> Option<T> {
        let watcher = "org.kde.StatusNotifierWatcher";
        let properties = Proxy::new(
            &self.connection,
            watcher,
            "/StatusNotifierWatcher",
            "org.freedesktop.DBus.Properties",
        );
        let value: OwnedValue =
            properties.expect("a name and a path").call("Get", &(watcher, property)).ok()?;
        value.try_into().ok()
    }

    /// What hangs in its tray: the owner's name and a path.
    pub(crate) fn items(&self) -> Vec<(String, String)> {
        let items: Vec<String> = self.asked("RegisteredStatusNotifierItems").unwrap_or_default();
        let split = |item: String| {
            let (name, path) = item.split_at(item.find('/')?);
            Some((name.to_owned(), path.to_owned()))
        };
        items.into_iter().filter_map(split).collect()
    }

    #[track_caller]
    fn menu_of_ours(&self) -> Proxy<'_> {
        let (name, path) =
            eventually("the tray icon registers itself", || self.items().into_iter().next());
        Proxy::new(&self.connection, name, format!("{path}/Menu"), "com.canonical.dbusmenu")
            .expect("a name and a path")
    }

    /// The lines of the icon's menu, by what they say.
    #[track_caller]
    pub(crate) fn menu(&self) -> Vec<(i32, String)> {
        type Line = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);
        let reply = self.menu_of_ours().call("GetLayout", &(0_i32, -1_i32, Vec::<String>::new()));
        let (_, (_, _, lines)): (u32, Line) = reply.expect("the menu has lines");
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
        let event = (id, "clicked", Value::from(0_i32), 0_u32);
        self.menu_of_ours().call_method("Event", &event).expect("it is chosen");
    }
}

/// Where the panel's settings daemon is, as its own service file says: it lies
/// beside the libraries, on no path.
fn settings_program() -> String {
    let service = std::fs::read_to_string("/usr/share/dbus-1/services/org.xfce.Xfconf.service")
        .expect("the package xfconf is installed, which xfce4-panel comes with");
    let program = service.lines().find_map(|line| line.strip_prefix("Exec="));
    program.expect("a service file names its program").to_owned()
}
