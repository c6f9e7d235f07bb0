//! The text form of a join code: `pilot1.` and base64url of its JSON, one word
//! that survives a chat window.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pilot_proto::runner::JoinCode;
use pilot_proto::{Code, Problem};

/// What every code begins with; the digit is the version of the form.
pub const PREFIX: &str = "pilot1.";

/// Why a text is not a join code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadJoinCode {
    /// Nothing was given.
    #[error("the join code is empty")]
    Empty,
    /// It begins with something else.
    #[error("this is not a join code: one begins with `{PREFIX}`")]
    Prefix,
    /// It holds a character that no code has.
    #[error("the join code holds `{0}`, which no join code does")]
    Letter(char),
    /// It ends too early.
    #[error("the join code is cut off")]
    CutOff,
    /// It decodes to something else.
    #[error("the join code is damaged: {0}")]
    Damaged(String),
}

impl BadJoinCode {
    /// For a person.
    pub fn problem(&self) -> Problem {
        Problem::new(Code::Invalid, format!("{self}."))
            .hint("Copy the whole line that `pilot runner join-code` printed, or make a new code.")
    }
}

/// The text form.
pub fn format(code: &JoinCode) -> String {
    let json = serde_json::to_vec(code).expect("three strings always serialise");
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
}

/// Reads the text form; white space and quotes around it are ignored.
pub fn parse(text: &str) -> Result<JoinCode, BadJoinCode> {
    let text = text.trim().trim_matches(['"', '\'', '`']);
    if text.is_empty() {
        return Err(BadJoinCode::Empty);
    }
    let Some(payload) = text.strip_prefix(PREFIX) else {
        // A prefix of the prefix is a code that was cut off very early.
        return Err(if PREFIX.starts_with(text) {
            BadJoinCode::CutOff
        } else {
            BadJoinCode::Prefix
        });
    };
    let stray = |letter: &char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if let Some(letter) = payload.chars().find(stray) {
        return Err(BadJoinCode::Letter(letter));
    }
    // The letters are right, so what base64 can complain about is the length.
    let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| BadJoinCode::CutOff)?;
    serde_json::from_slice(&json).map_err(|error| {
        if error.is_eof() { BadJoinCode::CutOff } else { BadJoinCode::Damaged(error.to_string()) }
    })
}
