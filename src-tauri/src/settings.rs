//! What a person set for the window, in a file of its own.

use crate::json_file::{self, FileProblem};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The settings. A field that an older build did not know gets its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Show notifications.
    pub(crate) notifications: bool,
    /// But not between these.
    pub(crate) quiet_hours: Option<QuietHours>,
    /// Start with the session.
    pub(crate) autostart: bool,
    /// Closing the window keeps the hub and the runner in the tray.
    pub(crate) close_to_tray: bool,
    /// What closing does where there is no tray.
    pub(crate) without_tray: WithoutTray,
    /// How the window is drawn; from the next time it is opened.
    pub(crate) graphics: Graphics,
    /// That there is no tray was said.
    pub(crate) told_no_tray: bool,
    /// Runs at once on this machine, from the next start; none: one per core,
    /// for an agent builds and tests.
    pub(crate) workers: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            notifications: true,
            quiet_hours: None,
            autostart: false,
            close_to_tray: true,
            without_tray: WithoutTray::Minimise,
            graphics: Graphics::Auto,
            told_no_tray: false,
            workers: None,
        }
    }
}

/// What closing the window does without a tray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WithoutTray {
    /// It is minimised.
    Minimise,
    /// The program ends; the runs go on.
    Quit,
}

/// How the window is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Graphics {
    /// By the graphics card where there is one.
    Auto,
    /// Never by the graphics card.
    Safe,
    /// By WebKit's own choice.
    Accelerated,
}

/// A part of the day, over midnight where it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuietHours {
    /// Minutes after midnight, local time.
    pub(crate) from: u16,
    /// The first minute that is not quiet any more.
    pub(crate) until: u16,
}

impl QuietHours {
    /// True if `minute` of the day is quiet.
    pub(crate) fn holds(self, minute: u16) -> bool {
        if self.from <= self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

/// The settings and their file.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    now: Settings,
}

impl SettingsFile {
    /// Reads them. A file that cannot be read is left alone until something
    /// is changed, and the defaults hold.
    pub(crate) fn open(path: &Path) -> Self {
        let now = match json_file::read(path) {
            Ok(read) => read.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the settings cannot be read; the defaults hold");
                Settings::default()
            }
        };
        Self { path: path.to_owned(), now }
    }

    /// As they are.
    pub(crate) fn now(&self) -> &Settings {
        &self.now
    }

    /// Changes and keeps them.
    pub(crate) fn set(&mut self, settings: Settings) -> Result<(), FileProblem> {
        json_file::write(&self.path, &settings)?;
        self.now = settings;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let night = QuietHours { from: 22 * 60, until: 7 * 60 };
        assert!(night.holds(23 * 60) && night.holds(0) && night.holds(7 * 60 - 1));
        assert!(!night.holds(7 * 60) && !night.holds(12 * 60) && !night.holds(22 * 60 - 1));
        let lunch = QuietHours { from: 12 * 60, until: 13 * 60 };
        assert!(lunch.holds(12 * 60) && !lunch.holds(13 * 60) && !lunch.holds(0));
        let never = QuietHours { from: 60, until: 60 };
        assert!(!never.holds(60), "an empty time is never");
    }

    #[test]
    fn settings_of_an_older_build_and_damaged_ones_give_defaults() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("settings.json");
        std::fs::write(&path, r#"{"notifications":false,"later":1}"#).expect("writable");
        let read = SettingsFile::open(&path);
        assert_eq!(*read.now(), Settings { notifications: false, ..Settings::default() });
        std::fs::write(&path, "{").expect("writable");
        let mut damaged = SettingsFile::open(&path);
        assert_eq!(*damaged.now(), Settings::default());
        let wanted = Settings { close_to_tray: false, ..Settings::default() };
        damaged.set(wanted.clone()).expect("it is replaced");
        assert_eq!(*SettingsFile::open(&path).now(), wanted);
    }
}
