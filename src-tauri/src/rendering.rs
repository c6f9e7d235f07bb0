//! Whether the window is drawn by a graphics card.
//!
//! Without one, WebKit's accelerated mode draws by software through a
//! graphics card's interface: a key is on the screen after 33 ms instead of
//! 10, for ten times the work. WebKit's own setting turns that off. The two
//! environment variables that the web recommends make the whole program
//! crash on a view transition, and are never set.

use crate::settings::Graphics;
use std::path::Path;

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rendering {
    /// As WebKit likes.
    Accelerated,
    /// Without acceleration.
    Software,
}

impl Rendering {
    /// For a person.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accelerated => "accelerated",
            Self::Software => "software",
        }
    }
}

/// The environment's word, then the person's, then what the machine has.
pub(crate) fn choose(environment: Option<&str>, graphics: Graphics, has_card: bool) -> Rendering {
    let by_machine = if has_card { Rendering::Accelerated } else { Rendering::Software };
    match environment {
        Some("accelerated") => return Rendering::Accelerated,
        Some("software") => return Rendering::Software,
        Some("auto") => return by_machine,
        Some(other) => {
            tracing::warn!(other, "PILOTHOUSE_RENDERING is accelerated, software or auto");
        }
        None => {}
    }
    match graphics {
        Graphics::Auto => by_machine,
        Graphics::Safe => Rendering::Software,
        Graphics::Accelerated => Rendering::Accelerated,
    }
}

/// True if a card can render: a machine that only shows pictures has no render
/// node, and there Mesa falls back to llvmpipe.
pub(crate) fn has_card(devices: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(devices) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("renderD"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_overrules_the_person_and_the_person_the_machine() {
        use Graphics::{Accelerated as Card, Auto, Safe};
        use Rendering::{Accelerated, Software};
        let rows = [
            (None, Auto, true, Accelerated),
            (None, Auto, false, Software),
            (None, Safe, true, Software),
            (None, Card, false, Accelerated),
            (Some("software"), Card, true, Software),
            (Some("accelerated"), Safe, false, Accelerated),
            (Some("auto"), Safe, true, Accelerated),
            (Some("nonsense"), Safe, true, Software),
        ];
        for (environment, graphics, card, expected) in rows {
            assert_eq!(
                choose(environment, graphics, card),
                expected,
                "{environment:?} {graphics:?} {card}"
            );
        }
    }

    #[test]
    fn a_card_that_only_shows_pictures_does_not_render() {
        let devices = tempfile::tempdir().expect("a directory");
        assert!(!has_card(&devices.path().join("dri")), "no directory");
        std::fs::write(devices.path().join("card0"), "").expect("writable");
        assert!(!has_card(devices.path()));
        std::fs::write(devices.path().join("renderD128"), "").expect("writable");
        assert!(has_card(devices.path()));
    }
}
