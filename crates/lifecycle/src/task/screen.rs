//! Who drives the screen of the run at work.

use super::machine::TaskMachine;
use pilot_proto::Timestamp;
use pilot_proto::runner::Act;
use pilot_proto::screen::{ScreenDriver, ScreenEvent};

impl TaskMachine {
    /// The run has the last word: two may ask at once.
    pub(super) fn take_over(&mut self, who: String) {
        match &self.task.driver {
            Some(ScreenDriver { who: Some(other), .. }) if *other != who => {
                let message = format!("`{other}` drives the screen.");
                self.refuse(&message);
            }
            _ if self.is_at_work() => self.order(Act::TakeOver { who }),
            _ => self.refuse("No run is at work, so there is no screen."),
        }
    }

    pub(super) fn hand_back(&mut self, who: String, note: Option<String>) {
        if !self.is_at_work() {
            return self.refuse("No run is at work, so there is no screen.");
        }
        self.order(Act::HandBack { who, note });
    }

    /// What the current run says of its screen.
    pub(super) fn screen(&mut self, now: Timestamp, event: &ScreenEvent) {
        let person = |task: &pilot_proto::Task| {
            task.driver.as_ref().is_some_and(|driver| driver.who.is_some())
        };
        match event {
            ScreenEvent::TakenOver { who } => {
                self.task.driver = Some(ScreenDriver { who: Some(who.clone()), since: now });
            }
            ScreenEvent::HandedBack { .. } => self.task.driver = None,
            ScreenEvent::RecordingBegan { who: None, .. } if !person(&self.task) => {
                self.task.driver = Some(ScreenDriver { who: None, since: now });
            }
            // A takeover's own recording ends with the takeover.
            ScreenEvent::RecordingEnded { .. } if !person(&self.task) => self.task.driver = None,
            ScreenEvent::Started { .. }
            | ScreenEvent::Ended { .. }
            | ScreenEvent::RecordingBegan { .. }
            | ScreenEvent::RecordingEnded { .. }
            | ScreenEvent::Unknown(_) => {}
        }
    }
}
