//! Films of recordings: a recording of a screen, made into WebM by the hub.
//!
//! A film is made when somebody asks for it, and kept for a while; whoever asks
//! for the same again is given the same.

use crate::ids::{BlobId, TaskId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Media type of a film.
pub const FILM_TYPE: &str = "video/webm";

/// Which film.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct FilmOf {
    /// Of which task.
    pub task: TaskId,
    /// The recording: an artifact of one of its runs.
    pub blob: BlobId,
    /// What stands still for longer than two seconds is cut to two; none: no.
    #[serde(default)]
    pub skip_still: Option<bool>,
}

/// How far a film is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FilmState {
    /// Another one is made first.
    Waiting,
    /// It is made.
    Making,
    /// It can be fetched.
    Ready,
    /// It came to nothing; `note` says why.
    Failed,
    /// A state this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// A film, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Film {
    /// How far it is.
    pub state: FilmState,
    /// So much of the recording is in it, in milliseconds.
    pub done_millis: u64,
    /// So long is the recording, as far as it can be read; 0: not known yet.
    pub of_millis: u64,
    /// Bytes of the film, as soon as it is whole.
    #[serde(default)]
    pub size: Option<u64>,
    /// What is to be known of it, in sentences: that it ends early and why, or
    /// why there is none and what to do.
    #[serde(default)]
    pub note: Option<String>,
}
