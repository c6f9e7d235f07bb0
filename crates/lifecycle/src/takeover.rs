//! Who has keyboard and pointer of a run's screen: the agent, or one person.
//!
//! ```text
//! agent's ──Take──> a person's ──HandBack, silence, end of the work──> agent's
//! ```
//!
//! **Invariants:** one person at a time; nobody is displaced, they hand back or
//! fall silent; every change is journalled, in the order in which it holds.

use pilot_proto::screen::{HandBackCause, ScreenEvent};
use pilot_proto::{Code, Problem, Timestamp};
use std::time::Duration;

/// So long a person may watch something build, or read, without touching
/// anything. The agent waits meanwhile, so it is not an hour.
pub const SILENCE: Duration = Duration::from_secs(10 * 60);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeoverEvent {
    /// A person wants to drive.
    Take {
        /// Who.
        who: String,
    },
    /// A person says that the agent may drive again: whoever drove, or another.
    HandBack {
        /// What the agent is told.
        note: Option<String>,
    },
    /// The one who drives typed or pointed then.
    Moved {
        /// When.
        at: Timestamp,
    },
    /// The agent's work is over.
    RunOver,
    /// Time has passed.
    Tick,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeoverEffect {
    /// Append this to the journal.
    Journal(ScreenEvent),
    /// From now on this person drives; none: the agent may.
    Drives(Option<String>),
    /// Let the agent know, if it hears at the moment.
    Hint(String),
    /// Tell the agent, now or as soon as it hears.
    Tell(String),
    /// It cannot be, for this reason.
    Refuse(Problem),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    who: String,
    last: Timestamp,
}

/// The wheel of a run's screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Takeover {
    holder: Option<Holder>,
}

impl Takeover {
    /// Takes in what happened and says what follows, in order.
    pub fn handle(&mut self, now: Timestamp, event: TakeoverEvent) -> Vec<TakeoverEffect> {
        match event {
            TakeoverEvent::Take { who } => self.take(now, &who),
            TakeoverEvent::HandBack { note } => match self.holder.take() {
                Some(holder) => back(holder.who, HandBackCause::Asked, note),
                None => {
                    let problem = Problem::new(Code::Precondition, "Nobody has taken the screen.");
                    vec![TakeoverEffect::Refuse(problem)]
                }
            },
            TakeoverEvent::Moved { at } => {
                if let Some(holder) = &mut self.holder {
                    holder.last = holder.last.max(at.min(now));
                }
                Vec::new()
            }
            TakeoverEvent::RunOver => {
                let holder = self.holder.take();
                holder
                    .map_or_else(Vec::new, |holder| back(holder.who, HandBackCause::RunOver, None))
            }
            TakeoverEvent::Tick => {
                let silent = self.deadline().is_some_and(|deadline| now >= deadline);
                let holder = if silent { self.holder.take() } else { None };
                holder
                    .map_or_else(Vec::new, |holder| back(holder.who, HandBackCause::Silence, None))
            }
        }
    }

    /// Who drives; none: the agent may.
    pub fn driver(&self) -> Option<&str> {
        self.holder.as_ref().map(|holder| holder.who.as_str())
    }

    /// When to send [`TakeoverEvent::Tick`]; none while no person drives.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.holder.as_ref().map(|holder| holder.last.after(SILENCE))
    }

    fn take(&mut self, now: Timestamp, who: &str) -> Vec<TakeoverEffect> {
        match &mut self.holder {
            // Said twice, from another window perhaps: it is theirs already.
            Some(holder) if holder.who == who => {
                holder.last = now;
                Vec::new()
            }
            Some(holder) => {
                let message = format!("`{}` drives the screen.", holder.who);
                let hint = format!(
                    "It is free when they hand it back, or {} minutes after their last touch.",
                    SILENCE.as_secs() / 60
                );
                vec![TakeoverEffect::Refuse(Problem::new(Code::Precondition, message).hint(hint))]
            }
            None => {
                self.holder = Some(Holder { who: who.to_owned(), last: now });
                vec![
                    TakeoverEffect::Journal(ScreenEvent::TakenOver { who: who.to_owned() }),
                    TakeoverEffect::Drives(Some(who.to_owned())),
                    TakeoverEffect::Hint(format!(
                        "{who} has taken over the screen. Your computer-use calls are refused until \
                         it is handed back; you are told then. Go on with what needs no screen."
                    )),
                ]
            }
        }
    }
}

fn back(who: String, cause: HandBackCause, note: Option<String>) -> Vec<TakeoverEffect> {
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    let told = match (&note, cause) {
        (Some(note), _) => Some(TakeoverEffect::Tell(format!(
            "{who} took over the screen and has handed it back to you, saying:\n\n{note}"
        ))),
        // Nobody is left to be told.
        (None, HandBackCause::RunOver) => None,
        (None, HandBackCause::Asked | HandBackCause::Silence | HandBackCause::Unknown) => {
            Some(TakeoverEffect::Hint(format!(
                "{who} has handed the screen back. Take a screenshot before you go on: it may show \
                 something else."
            )))
        }
    };
    let journal = TakeoverEffect::Journal(ScreenEvent::HandedBack { who, cause, note });
    [Some(journal), Some(TakeoverEffect::Drives(None)), told].into_iter().flatten().collect()
}
