//! Agents of this protocol that a machine's owner declares: a program, and
//! nothing known about its ways.

use super::habits::Habits;
use super::{AcpAgent, Profile};
use crate::catalog::Agent;
use crate::command::launch::{Given, filled};
use crate::declared::Declared;
use pilot_proto::runner::Abilities;
use std::sync::Arc;

/// An agent that is started as it is declared.
pub(crate) fn declared(name: String, declared: Declared) -> Arc<dyn Agent> {
    Arc::new(AcpAgent::new(Profile {
        probe: declared.probe(&name),
        name,
        abilities: Abilities {
            // Where it keeps its sessions is not known.
            resume: false,
            approvals: true,
            goes_on_refused: true,
            questions: true,
            plan: true,
            steer: false,
            interrupt: true,
            images: true,
            usage: true,
            cost: true,
        },
        habits: Habits::UNKNOWN,
        launch: Box::new(move |start| filled(&declared, &Given::new(start.clone()))),
        place: |_, _| None,
    }))
}
